// SPDX-License-Identifier: GPL-2.0-only
/*
 * HDM Decoder Capability Structure with one decoder (CXL r3.1 8.2.4.20)
 */
#include <linux/export.h>
#include <linux/kernel.h>

#include "emu.h"

#define HDM_CAP				0x00
#define   HDM_CAP_INTERLEAVE_11_8	BIT_U32(8)
#define   HDM_CAP_INTERLEAVE_14_12	BIT_U32(9)
#define   HDM_CAP_POISON_ON_ERROR	BIT_U32(10)
#define HDM_GLOBAL_CTRL			0x04
#define   HDM_GLOBAL_POISON_ON_ERROR	BIT_U32(0)
#define   HDM_GLOBAL_ENABLE		BIT_U32(1)
#define HDM_BASE_LOW			0x10
#define HDM_BASE_HIGH			0x14
#define HDM_SIZE_LOW			0x18
#define HDM_SIZE_HIGH			0x1c
#define   HDM_ADDR_LOW			GENMASK_U32(31, 28)
#define   HDM_ADDR_HIGH			GENMASK_U32(31, 0)
#define HDM_CTRL			0x20
#define   HDM_CTRL_IG			GENMASK_U32(3, 0)
#define   HDM_CTRL_IW			GENMASK_U32(7, 4)
#define   HDM_CTRL_LOCK			BIT_U32(8)
#define   HDM_CTRL_COMMIT		BIT_U32(9)
#define   HDM_CTRL_COMMITTED		BIT_U32(10)
#define   HDM_CTRL_NOT_COMMITTED	BIT_U32(11)
#define   HDM_CTRL_TARGET_TYPE		BIT_U32(12)
#define HDM_DPA_SKIP_LOW		0x24
#define HDM_DPA_SKIP_HIGH		0x28

/* Where the memory belongs is the VMM's to say: no commit of a guest works */
static void hdm_commit(struct vfio_cxl_emu_block *block)
{
	u32 ctrl = vfio_cxl_emu_reg_get(block, HDM_CTRL, 4);

	if (block->locked)
		return;

	ctrl &= ~HDM_CTRL_NOT_COMMITTED;
	if (ctrl & HDM_CTRL_COMMIT)
		ctrl |= HDM_CTRL_NOT_COMMITTED;
	vfio_cxl_emu_reg_set(block, HDM_CTRL, 4, ctrl);
}

/* Poison On Decode Error Enable is reserved without the capability */
static void hdm_global_ctrl(struct vfio_cxl_emu_block *block)
{
	u32 val = vfio_cxl_emu_reg_get(block, HDM_GLOBAL_CTRL, 4);

	if (!(vfio_cxl_emu_reg_get(block, HDM_CAP, 4) &
	      HDM_CAP_POISON_ON_ERROR))
		val &= ~HDM_GLOBAL_POISON_ON_ERROR;
	vfio_cxl_emu_reg_set(block, HDM_GLOBAL_CTRL, 4, val);
}

static const struct vfio_cxl_emu_field hdm_fields[] = {
	{ HDM_CAP, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_HWINIT,
	  HDM_CAP_INTERLEAVE_11_8 | HDM_CAP_INTERLEAVE_14_12 |
	  HDM_CAP_POISON_ON_ERROR },
	{ HDM_GLOBAL_CTRL, 4, HDM_GLOBAL_POISON_ON_ERROR, VFIO_CXL_EMU_RWL,
	  0, hdm_global_ctrl },
	{ HDM_GLOBAL_CTRL, 4, HDM_GLOBAL_ENABLE, VFIO_CXL_EMU_RWL },
	{ HDM_GLOBAL_CTRL, 4, GENMASK_U32(31, 2), VFIO_CXL_EMU_RSVDP },
	{ HDM_BASE_LOW, 4, HDM_ADDR_LOW, VFIO_CXL_EMU_RWL },
	{ HDM_BASE_LOW, 4, ~HDM_ADDR_LOW, VFIO_CXL_EMU_RSVDP },
	{ HDM_BASE_HIGH, 4, HDM_ADDR_HIGH, VFIO_CXL_EMU_RWL },
	{ HDM_SIZE_LOW, 4, HDM_ADDR_LOW, VFIO_CXL_EMU_RWL, HDM_ADDR_LOW },
	{ HDM_SIZE_LOW, 4, ~HDM_ADDR_LOW, VFIO_CXL_EMU_RSVDP },
	{ HDM_SIZE_HIGH, 4, HDM_ADDR_HIGH, VFIO_CXL_EMU_RWL, HDM_ADDR_HIGH },
	{ HDM_CTRL, 4, HDM_CTRL_IG, VFIO_CXL_EMU_RO, HDM_CTRL_IG },
	{ HDM_CTRL, 4, HDM_CTRL_IW, VFIO_CXL_EMU_RO },
	{ HDM_CTRL, 4, HDM_CTRL_LOCK, VFIO_CXL_EMU_RWL },
	{ HDM_CTRL, 4, HDM_CTRL_COMMIT, VFIO_CXL_EMU_RWL, 0, hdm_commit },
	{ HDM_CTRL, 4, HDM_CTRL_COMMITTED, VFIO_CXL_EMU_RO },
	{ HDM_CTRL, 4, HDM_CTRL_NOT_COMMITTED, VFIO_CXL_EMU_RO },
	{ HDM_CTRL, 4, HDM_CTRL_TARGET_TYPE, VFIO_CXL_EMU_RO,
	  HDM_CTRL_TARGET_TYPE },
	{ HDM_CTRL, 4, GENMASK_U32(31, 13), VFIO_CXL_EMU_RSVDP },
	{ HDM_DPA_SKIP_LOW, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RSVDP },
	{ HDM_DPA_SKIP_HIGH, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RSVDP },
};

static void hdm_set_u64(struct vfio_cxl_emu_block *block, u32 offset, u64 val)
{
	vfio_cxl_emu_reg_set(block, offset, 4, (u32)val);
	vfio_cxl_emu_reg_set(block, offset + 4, 4, (u32)(val >> 32));
}

/**
 * vfio_cxl_emu_hdm_init - an uncommitted decoder of the host's size
 * @block: to set up
 * @image: VFIO_CXL_EMU_HDM_SIZE bytes for the registers
 * @host: the host's registers, up to decoder 0
 *
 * The decoder offers the host's interleave granularities.  More decoders,
 * targets, ways, UIO and back-invalidate are not offered.
 */
void vfio_cxl_emu_hdm_init(struct vfio_cxl_emu_block *block, u8 *image,
			   const u8 *host)
{
	block->fields = hdm_fields;
	block->nr_fields = ARRAY_SIZE(hdm_fields);
	block->image = image;
	block->size = VFIO_CXL_EMU_HDM_SIZE;
	vfio_cxl_emu_block_init(block, host);
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_hdm_init);

/**
 * vfio_cxl_emu_hdm_lock - commit and lock the decoder, as firmware does
 * @block: set up by vfio_cxl_emu_hdm_init()
 * @base: guest physical address of the memory, a multiple of 256 MiB
 * @size: of the memory, in bytes
 *
 * From here on no write changes the decoder (8.2.4.20.7, Lock On Commit).
 */
void vfio_cxl_emu_hdm_lock(struct vfio_cxl_emu_block *block, u64 base, u64 size)
{
	u32 ctrl = vfio_cxl_emu_reg_get(block, HDM_CTRL, 4);

	hdm_set_u64(block, HDM_BASE_LOW, base);
	hdm_set_u64(block, HDM_SIZE_LOW, size);
	ctrl &= ~HDM_CTRL_NOT_COMMITTED;
	ctrl |= HDM_CTRL_LOCK | HDM_CTRL_COMMIT | HDM_CTRL_COMMITTED;
	vfio_cxl_emu_reg_set(block, HDM_CTRL, 4, ctrl);
	vfio_cxl_emu_reg_set(block, HDM_GLOBAL_CTRL, 4, HDM_GLOBAL_ENABLE);
	block->locked = true;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_hdm_lock);
