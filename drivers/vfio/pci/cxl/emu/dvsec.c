// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCIe DVSEC for CXL Devices (CXL r3.1 8.1.3)
 */
#include <linux/bitfield.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "emu.h"

#define DVSEC_HEADER			0x00
#define DVSEC_HEADER1			0x04
#define DVSEC_HEADER2			0x08
#define DVSEC_CAP			0x0a
#define   DVSEC_CAP_CACHE		BIT_U32(0)
#define   DVSEC_CAP_IO			BIT_U32(1)
#define   DVSEC_CAP_MEM			BIT_U32(2)
#define   DVSEC_CAP_MEM_HWINIT		BIT_U32(3)
#define   DVSEC_CAP_HDM_COUNT		GENMASK_U32(5, 4)
#define   DVSEC_CAP_PM_INIT		BIT_U32(15)
#define DVSEC_CTRL			0x0c
#define   DVSEC_CTRL_IO_ENABLE		BIT_U32(1)
#define   DVSEC_CTRL_MEM_ENABLE		BIT_U32(2)
/* Cache_Enable, snoop filter coverage and granularity, clean eviction */
#define   DVSEC_CTRL_CACHE		(GENMASK_U32(11, 3) | BIT_U32(0))
#define DVSEC_STATUS			0x0e
#define   DVSEC_STATUS_VIRAL		BIT_U32(14)
#define DVSEC_CTRL2			0x10
#define   DVSEC_CTRL2_DISABLE_CACHING	BIT_U32(0)
#define DVSEC_STATUS2			0x12
#define   DVSEC_STATUS2_VOLATILE_ERROR	BIT_U32(3)
#define   DVSEC_STATUS2_PM_INIT_DONE	BIT_U32(15)
#define DVSEC_LOCK			0x14
#define   DVSEC_LOCK_CONFIG		BIT_U32(0)
#define DVSEC_CAP2			0x16
#define   DVSEC_CAP2_CACHE_SIZE		(GENMASK_U32(15, 8) | GENMASK_U32(3, 0))
#define DVSEC_RANGE1_SIZE_HIGH		0x18
#define DVSEC_RANGE1_SIZE_LOW		0x1c
/* All but the size: valid, active, media type, class, timeout, degraded */
#define   DVSEC_RANGE1_STATE		GENMASK_U32(16, 0)
#define DVSEC_RANGE1_BASE_HIGH		0x20
#define DVSEC_RANGE1_BASE_LOW		0x24
#define   DVSEC_ADDR_LOW		GENMASK_U32(31, 28)
#define DVSEC_RANGE2_SIZE_HIGH		0x28
#define DVSEC_RANGE2_SIZE_LOW		0x2c
#define DVSEC_RANGE2_BASE_HIGH		0x30
#define DVSEC_RANGE2_BASE_LOW		0x34
#define DVSEC_CAP3			0x38

/* CONFIG_LOCK makes every RWL field of the DVSEC read-only (8.1.3.6) */
static void dvsec_config_lock(struct vfio_cxl_emu_block *block)
{
	if (vfio_cxl_emu_reg_get(block, DVSEC_LOCK, 2) & DVSEC_LOCK_CONFIG)
		block->locked = true;
}

static const struct vfio_cxl_emu_field dvsec_fields[] = {
	{ DVSEC_HEADER, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO,
	  GENMASK_U32(31, 0) },
	{ DVSEC_HEADER1, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO,
	  GENMASK_U32(31, 0) },
	{ DVSEC_HEADER2, 2, GENMASK_U32(15, 0), VFIO_CXL_EMU_RO,
	  GENMASK_U32(15, 0) },
	{ DVSEC_CAP, 2, GENMASK_U32(15, 0), VFIO_CXL_EMU_RO,
	  DVSEC_CAP_CACHE | DVSEC_CAP_IO | DVSEC_CAP_MEM |
	  DVSEC_CAP_MEM_HWINIT | DVSEC_CAP_PM_INIT },
	{ DVSEC_CTRL, 2, DVSEC_CTRL_CACHE, VFIO_CXL_EMU_RWL, DVSEC_CTRL_CACHE },
	{ DVSEC_CTRL, 2, DVSEC_CTRL_IO_ENABLE, VFIO_CXL_EMU_RO,
	  DVSEC_CTRL_IO_ENABLE },
	{ DVSEC_CTRL, 2, DVSEC_CTRL_MEM_ENABLE, VFIO_CXL_EMU_RWL },
	{ DVSEC_CTRL, 2, GENMASK_U32(15, 12), VFIO_CXL_EMU_RSVDP },
	{ DVSEC_STATUS, 2, DVSEC_STATUS_VIRAL, VFIO_CXL_EMU_RW1C },
	{ DVSEC_STATUS, 2, GENMASK_U32(13, 0) | BIT_U32(15),
	  VFIO_CXL_EMU_RSVDZ },
	{ DVSEC_CTRL2, 2, DVSEC_CTRL2_DISABLE_CACHING, VFIO_CXL_EMU_RW },
	{ DVSEC_CTRL2, 2, GENMASK_U32(15, 1), VFIO_CXL_EMU_RSVDP },
	{ DVSEC_STATUS2, 2, DVSEC_STATUS2_VOLATILE_ERROR, VFIO_CXL_EMU_RW1C },
	{ DVSEC_STATUS2, 2, DVSEC_STATUS2_PM_INIT_DONE, VFIO_CXL_EMU_RO,
	  DVSEC_STATUS2_PM_INIT_DONE },
	{ DVSEC_STATUS2, 2, GENMASK_U32(14, 4) | GENMASK_U32(2, 0),
	  VFIO_CXL_EMU_RSVDZ },
	{ DVSEC_LOCK, 2, DVSEC_LOCK_CONFIG, VFIO_CXL_EMU_RWO, 0,
	  dvsec_config_lock },
	{ DVSEC_LOCK, 2, GENMASK_U32(15, 1), VFIO_CXL_EMU_RSVDP },
	{ DVSEC_CAP2, 2, GENMASK_U32(15, 0), VFIO_CXL_EMU_RO,
	  DVSEC_CAP2_CACHE_SIZE },
	{ DVSEC_RANGE1_SIZE_HIGH, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO },
	{ DVSEC_RANGE1_SIZE_LOW, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO,
	  DVSEC_RANGE1_STATE },
	{ DVSEC_RANGE1_BASE_HIGH, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RWL },
	{ DVSEC_RANGE1_BASE_LOW, 4, DVSEC_ADDR_LOW, VFIO_CXL_EMU_RWL },
	{ DVSEC_RANGE1_BASE_LOW, 4, ~DVSEC_ADDR_LOW, VFIO_CXL_EMU_RSVDP },
	{ DVSEC_RANGE2_SIZE_HIGH, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO },
	{ DVSEC_RANGE2_SIZE_LOW, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO },
	{ DVSEC_RANGE2_BASE_HIGH, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO },
	{ DVSEC_RANGE2_BASE_LOW, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO },
	{ DVSEC_CAP3, 2, GENMASK_U32(15, 0), VFIO_CXL_EMU_RO },
};

/**
 * vfio_cxl_emu_dvsec_init - the DVSEC of a device that firmware has not set up
 * @dvsec: to set up
 * @config: what the host's is
 *
 * What a guest cannot have is not offered: CXL reset, cache write-back and
 * invalidate, viral, a second HDM decoder or range, volatile HDM state
 * configuration.
 */
void vfio_cxl_emu_dvsec_init(struct vfio_cxl_emu_dvsec *dvsec,
			     const struct vfio_cxl_emu_dvsec_config *config)
{
	struct vfio_cxl_emu_block *block = &dvsec->block;
	u32 val;

	block->fields = dvsec_fields;
	block->nr_fields = ARRAY_SIZE(dvsec_fields);
	block->image = dvsec->image;
	block->size = VFIO_CXL_EMU_DVSEC_SIZE;
	vfio_cxl_emu_block_init(block, config->host);

	val = vfio_cxl_emu_reg_get(block, DVSEC_CAP, 2);
	vfio_cxl_emu_reg_set(block, DVSEC_CAP, 2,
			     val | FIELD_PREP(DVSEC_CAP_HDM_COUNT, 1));
	val = vfio_cxl_emu_reg_get(block, DVSEC_RANGE1_SIZE_LOW, 4);
	vfio_cxl_emu_reg_set(block, DVSEC_RANGE1_SIZE_LOW, 4,
			     val | (u32)config->size);
	vfio_cxl_emu_reg_set(block, DVSEC_RANGE1_SIZE_HIGH, 4,
			     (u32)(config->size >> 32));
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_dvsec_init);

/**
 * vfio_cxl_emu_dvsec_lock - enable and lock CXL.mem, as firmware does
 * @dvsec: set up by vfio_cxl_emu_dvsec_init()
 * @base: guest physical address of the memory, a multiple of 256 MiB
 */
void vfio_cxl_emu_dvsec_lock(struct vfio_cxl_emu_dvsec *dvsec, u64 base)
{
	struct vfio_cxl_emu_block *block = &dvsec->block;
	u32 ctrl = vfio_cxl_emu_reg_get(block, DVSEC_CTRL, 2);

	vfio_cxl_emu_reg_set(block, DVSEC_RANGE1_BASE_HIGH, 4,
			     (u32)(base >> 32));
	vfio_cxl_emu_reg_set(block, DVSEC_RANGE1_BASE_LOW, 4,
			     (u32)base);
	vfio_cxl_emu_reg_set(block, DVSEC_CTRL, 2,
			     ctrl | DVSEC_CTRL_MEM_ENABLE);
	vfio_cxl_emu_reg_set(block, DVSEC_LOCK, 2, DVSEC_LOCK_CONFIG);
	block->locked = true;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_dvsec_lock);

/**
 * vfio_cxl_emu_dvsec_set_memory_state - what the hardware says of the memory
 * @dvsec: the registers
 * @range1_size_low: the host's DVSEC CXL Range 1 Size Low Register, for
 *	Memory_Info_Valid, Memory_Active and the rest of its state
 */
void vfio_cxl_emu_dvsec_set_memory_state(struct vfio_cxl_emu_dvsec *dvsec,
					 u32 range1_size_low)
{
	struct vfio_cxl_emu_block *block = &dvsec->block;
	u32 val = vfio_cxl_emu_reg_get(block, DVSEC_RANGE1_SIZE_LOW, 4);

	val &= ~DVSEC_RANGE1_STATE;
	val |= range1_size_low & DVSEC_RANGE1_STATE;
	vfio_cxl_emu_reg_set(block, DVSEC_RANGE1_SIZE_LOW, 4, val);
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_dvsec_set_memory_state);
