// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCIe DVSEC for CXL Devices (CXL r3.1 8.1.3)
 */
#include <kunit/visibility.h>
#include <linux/bitfield.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "cxl_regs.h"
#include "emu.h"

/* CONFIG_LOCK makes every RWL field of the DVSEC read-only (8.1.3.6) */
static void dvsec_config_lock(struct vfio_cxl_emu_block *block)
{
	if (vfio_cxl_emu_reg_get(block, CXL_DVSEC_LOCK, 2) &
	    CXL_DVSEC_CONFIG_LOCK)
		block->locked = true;
}

static const struct vfio_cxl_emu_field dvsec_fields[] = {
	{ CXL_DVSEC_HEADER, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO,
	  GENMASK_U32(31, 0) },
	{ PCI_DVSEC_HEADER1, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO,
	  GENMASK_U32(31, 0) },
	{ PCI_DVSEC_HEADER2, 2, GENMASK_U32(15, 0), VFIO_CXL_EMU_RO,
	  GENMASK_U32(15, 0) },
	{ PCI_DVSEC_CXL_CAP, 2, GENMASK_U32(15, 0), VFIO_CXL_EMU_RO,
	  PCI_DVSEC_CXL_CACHE_CAPABLE | CXL_DVSEC_IO_CAPABLE |
	  PCI_DVSEC_CXL_MEM_CAPABLE | CXL_DVSEC_MEM_HWINIT_MODE |
	  CXL_DVSEC_PM_INIT_REPORTING },
	{ PCI_DVSEC_CXL_CTRL, 2, CXL_DVSEC_CTRL_CACHE_MASK, VFIO_CXL_EMU_RWL,
	  CXL_DVSEC_CTRL_CACHE_MASK },
	{ PCI_DVSEC_CXL_CTRL, 2, CXL_DVSEC_IO_ENABLE, VFIO_CXL_EMU_RO,
	  CXL_DVSEC_IO_ENABLE },
	{ PCI_DVSEC_CXL_CTRL, 2, PCI_DVSEC_CXL_MEM_ENABLE, VFIO_CXL_EMU_RWL },
	{ PCI_DVSEC_CXL_CTRL, 2, GENMASK_U32(15, 12), VFIO_CXL_EMU_RSVDP },
	{ CXL_DVSEC_STATUS, 2, CXL_DVSEC_VIRAL_STATUS, VFIO_CXL_EMU_RW1C },
	{ CXL_DVSEC_STATUS, 2, GENMASK_U32(13, 0) | BIT_U32(15),
	  VFIO_CXL_EMU_RSVDZ },
	{ CXL_DVSEC_CTRL2, 2, CXL_DVSEC_DISABLE_CACHING, VFIO_CXL_EMU_RW },
	{ CXL_DVSEC_CTRL2, 2, GENMASK_U32(15, 1), VFIO_CXL_EMU_RSVDP },
	{ CXL_DVSEC_STATUS2, 2, CXL_DVSEC_VOLATILE_HDM_ERROR,
	  VFIO_CXL_EMU_RW1C },
	{ CXL_DVSEC_STATUS2, 2, CXL_DVSEC_PM_INIT_COMPLETE, VFIO_CXL_EMU_RO,
	  CXL_DVSEC_PM_INIT_COMPLETE },
	{ CXL_DVSEC_STATUS2, 2, GENMASK_U32(14, 4) | GENMASK_U32(2, 0),
	  VFIO_CXL_EMU_RSVDZ },
	{ CXL_DVSEC_LOCK, 2, CXL_DVSEC_CONFIG_LOCK, VFIO_CXL_EMU_RWO, 0,
	  dvsec_config_lock },
	{ CXL_DVSEC_LOCK, 2, GENMASK_U32(15, 1), VFIO_CXL_EMU_RSVDP },
	{ CXL_DVSEC_CAP2, 2, GENMASK_U32(15, 0), VFIO_CXL_EMU_RO,
	  CXL_DVSEC_CACHE_SIZE_MASK },
	{ PCI_DVSEC_CXL_RANGE_SIZE_HIGH(0), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RO },
	{ PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RO, CXL_DVSEC_MEM_STATE_MASK },
	{ PCI_DVSEC_CXL_RANGE_BASE_HIGH(0), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RWL },
	{ PCI_DVSEC_CXL_RANGE_BASE_LOW(0), 4, PCI_DVSEC_CXL_MEM_BASE_LOW,
	  VFIO_CXL_EMU_RWL },
	{ PCI_DVSEC_CXL_RANGE_BASE_LOW(0), 4, ~(u32)PCI_DVSEC_CXL_MEM_BASE_LOW,
	  VFIO_CXL_EMU_RSVDP },
	{ PCI_DVSEC_CXL_RANGE_SIZE_HIGH(1), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RO },
	{ PCI_DVSEC_CXL_RANGE_SIZE_LOW(1), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RO },
	{ PCI_DVSEC_CXL_RANGE_BASE_HIGH(1), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RO },
	{ PCI_DVSEC_CXL_RANGE_BASE_LOW(1), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RO },
	{ CXL_DVSEC_CAP3, 2, GENMASK_U32(15, 0), VFIO_CXL_EMU_RO },
};

/**
 * vfio_cxl_emu_dvsec_init - initialise the DVSEC, not configured by firmware
 * @dvsec: registers to set up
 * @host: the host's, VFIO_CXL_EMU_DVSEC_SIZE bytes
 * @size: size of the memory, in bytes
 *
 * Features that are not virtualised are not offered: CXL reset, cache
 * write-back and invalidate, viral, a second HDM decoder or range, volatile HDM
 * state configuration.
 */
void vfio_cxl_emu_dvsec_init(struct vfio_cxl_emu_dvsec *dvsec, const u8 *host,
			     u64 size)
{
	struct vfio_cxl_emu_block *block = &dvsec->block;
	u32 val;

	block->fields = dvsec_fields;
	block->nr_fields = ARRAY_SIZE(dvsec_fields);
	block->image = dvsec->image;
	block->size = VFIO_CXL_EMU_DVSEC_SIZE;
	vfio_cxl_emu_block_init(block, host);

	val = vfio_cxl_emu_reg_get(block, PCI_DVSEC_CXL_CAP, 2);
	vfio_cxl_emu_reg_set(block, PCI_DVSEC_CXL_CAP, 2,
			     val | FIELD_PREP(PCI_DVSEC_CXL_HDM_COUNT, 1));
	val = vfio_cxl_emu_reg_get(block, PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), 4);
	vfio_cxl_emu_reg_set(block, PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), 4,
			     val | (u32)size);
	vfio_cxl_emu_reg_set(block, PCI_DVSEC_CXL_RANGE_SIZE_HIGH(0), 4,
			     (u32)(size >> 32));
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_dvsec_init);

/**
 * vfio_cxl_emu_dvsec_lock - enable and lock CXL.mem, as firmware does
 * @dvsec: set up by vfio_cxl_emu_dvsec_init()
 * @base: guest physical address of the memory, a multiple of 256 MiB
 */
void vfio_cxl_emu_dvsec_lock(struct vfio_cxl_emu_dvsec *dvsec, u64 base)
{
	struct vfio_cxl_emu_block *block = &dvsec->block;
	u32 ctrl = vfio_cxl_emu_reg_get(block, PCI_DVSEC_CXL_CTRL, 2);

	vfio_cxl_emu_reg_set(block, PCI_DVSEC_CXL_RANGE_BASE_HIGH(0), 4,
			     (u32)(base >> 32));
	vfio_cxl_emu_reg_set(block, PCI_DVSEC_CXL_RANGE_BASE_LOW(0), 4,
			     (u32)base);
	vfio_cxl_emu_reg_set(block, PCI_DVSEC_CXL_CTRL, 2,
			     ctrl | PCI_DVSEC_CXL_MEM_ENABLE);
	vfio_cxl_emu_reg_set(block, CXL_DVSEC_LOCK, 2, CXL_DVSEC_CONFIG_LOCK);
	block->locked = true;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_dvsec_lock);

/**
 * vfio_cxl_emu_dvsec_read - serve a guest's read of the DVSEC
 * @dvsec: the registers
 * @offset: offset in the DVSEC, in bytes
 * @width: bytes to read, 1 to 8, all of them inside VFIO_CXL_EMU_DVSEC_SIZE
 *
 * Return: the bytes read, the first one lowest.
 */
u64 vfio_cxl_emu_dvsec_read(const struct vfio_cxl_emu_dvsec *dvsec, u32 offset,
			    unsigned int width)
{
	return vfio_cxl_emu_block_read(&dvsec->block, offset, width);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_dvsec_read);

/**
 * vfio_cxl_emu_dvsec_write - serve a guest's write to the DVSEC
 * @dvsec: the registers
 * @offset: offset in the DVSEC, in bytes
 * @width: bytes to write, 1 to 8
 * @val: the bytes to write, the first one lowest
 */
void vfio_cxl_emu_dvsec_write(struct vfio_cxl_emu_dvsec *dvsec, u32 offset,
			      unsigned int width, u64 val)
{
	vfio_cxl_emu_block_write(&dvsec->block, offset, width, val);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_dvsec_write);

/**
 * vfio_cxl_emu_dvsec_set_memory_state - set the state of the memory
 * @dvsec: the registers
 * @range1_size_low: the host's DVSEC CXL Range 1 Size Low Register, for
 *	Memory_Info_Valid, Memory_Active and the rest of its state
 */
void vfio_cxl_emu_dvsec_set_memory_state(struct vfio_cxl_emu_dvsec *dvsec,
					 u32 range1_size_low)
{
	struct vfio_cxl_emu_block *block = &dvsec->block;
	u32 val;

	val = vfio_cxl_emu_reg_get(block, PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), 4);
	val &= ~CXL_DVSEC_MEM_STATE_MASK;
	val |= range1_size_low & CXL_DVSEC_MEM_STATE_MASK;
	vfio_cxl_emu_reg_set(block, PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), 4, val);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_dvsec_set_memory_state);
