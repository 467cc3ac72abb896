// SPDX-License-Identifier: GPL-2.0-only
/*
 * HDM Decoder Capability Structure with one decoder (CXL r3.1 8.2.4.20)
 */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "cxl_regs.h"
#include "emu.h"

/* The VMM chooses the base of the memory: commits by a guest always fail */
static void hdm_commit(struct vfio_cxl_emu_block *block)
{
	u32 ctrl = vfio_cxl_emu_reg_get(block, CXL_HDM_DECODER0_CTRL_OFFSET(0),
					4);

	if (block->locked)
		return;

	ctrl &= ~CXL_HDM_DECODER0_CTRL_COMMIT_ERROR;
	if (ctrl & CXL_HDM_DECODER0_CTRL_COMMIT)
		ctrl |= CXL_HDM_DECODER0_CTRL_COMMIT_ERROR;
	vfio_cxl_emu_reg_set(block, CXL_HDM_DECODER0_CTRL_OFFSET(0), 4, ctrl);
}

/* Poison On Decode Error Enable is reserved without the capability */
static void hdm_global_ctrl(struct vfio_cxl_emu_block *block)
{
	u32 val = vfio_cxl_emu_reg_get(block, CXL_HDM_DECODER_CTRL_OFFSET, 4);

	if (!(vfio_cxl_emu_reg_get(block, CXL_HDM_DECODER_CAP_OFFSET, 4) &
	      CXL_HDM_DECODER_POISON_CAPABLE))
		val &= ~CXL_HDM_DECODER_POISON_ENABLE;
	vfio_cxl_emu_reg_set(block, CXL_HDM_DECODER_CTRL_OFFSET, 4, val);
}

static const struct vfio_cxl_emu_field hdm_fields[] = {
	{ CXL_HDM_DECODER_CAP_OFFSET, 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_HWINIT,
	  CXL_HDM_DECODER_INTERLEAVE_11_8 | CXL_HDM_DECODER_INTERLEAVE_14_12 |
	  CXL_HDM_DECODER_POISON_CAPABLE },
	{ CXL_HDM_DECODER_CTRL_OFFSET, 4, CXL_HDM_DECODER_POISON_ENABLE,
	  VFIO_CXL_EMU_RWL, 0, hdm_global_ctrl },
	{ CXL_HDM_DECODER_CTRL_OFFSET, 4, CXL_HDM_DECODER_ENABLE,
	  VFIO_CXL_EMU_RWL },
	{ CXL_HDM_DECODER_CTRL_OFFSET, 4, GENMASK_U32(31, 2),
	  VFIO_CXL_EMU_RSVDP },
	{ CXL_HDM_DECODER0_BASE_LOW_OFFSET(0), 4,
	  CXL_HDM_DECODER0_ADDR_LOW_MASK, VFIO_CXL_EMU_RWL },
	{ CXL_HDM_DECODER0_BASE_LOW_OFFSET(0), 4,
	  ~CXL_HDM_DECODER0_ADDR_LOW_MASK, VFIO_CXL_EMU_RSVDP },
	{ CXL_HDM_DECODER0_BASE_HIGH_OFFSET(0), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RWL },
	{ CXL_HDM_DECODER0_SIZE_LOW_OFFSET(0), 4,
	  CXL_HDM_DECODER0_ADDR_LOW_MASK, VFIO_CXL_EMU_RWL,
	  CXL_HDM_DECODER0_ADDR_LOW_MASK },
	{ CXL_HDM_DECODER0_SIZE_LOW_OFFSET(0), 4,
	  ~CXL_HDM_DECODER0_ADDR_LOW_MASK, VFIO_CXL_EMU_RSVDP },
	{ CXL_HDM_DECODER0_SIZE_HIGH_OFFSET(0), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RWL, GENMASK_U32(31, 0) },
	{ CXL_HDM_DECODER0_CTRL_OFFSET(0), 4, CXL_HDM_DECODER0_CTRL_IG_MASK,
	  VFIO_CXL_EMU_RO, CXL_HDM_DECODER0_CTRL_IG_MASK },
	{ CXL_HDM_DECODER0_CTRL_OFFSET(0), 4, CXL_HDM_DECODER0_CTRL_IW_MASK,
	  VFIO_CXL_EMU_RO },
	{ CXL_HDM_DECODER0_CTRL_OFFSET(0), 4, CXL_HDM_DECODER0_CTRL_LOCK,
	  VFIO_CXL_EMU_RWL },
	{ CXL_HDM_DECODER0_CTRL_OFFSET(0), 4, CXL_HDM_DECODER0_CTRL_COMMIT,
	  VFIO_CXL_EMU_RWL, 0, hdm_commit },
	{ CXL_HDM_DECODER0_CTRL_OFFSET(0), 4, CXL_HDM_DECODER0_CTRL_COMMITTED,
	  VFIO_CXL_EMU_RO },
	{ CXL_HDM_DECODER0_CTRL_OFFSET(0), 4,
	  CXL_HDM_DECODER0_CTRL_COMMIT_ERROR, VFIO_CXL_EMU_RO },
	{ CXL_HDM_DECODER0_CTRL_OFFSET(0), 4, CXL_HDM_DECODER0_CTRL_HOSTONLY,
	  VFIO_CXL_EMU_RO, CXL_HDM_DECODER0_CTRL_HOSTONLY },
	{ CXL_HDM_DECODER0_CTRL_OFFSET(0), 4, GENMASK_U32(31, 13),
	  VFIO_CXL_EMU_RSVDP },
	{ CXL_HDM_DECODER0_SKIP_LOW(0), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RSVDP },
	{ CXL_HDM_DECODER0_SKIP_HIGH(0), 4, GENMASK_U32(31, 0),
	  VFIO_CXL_EMU_RSVDP },
};

static void hdm_set_u64(struct vfio_cxl_emu_block *block, u32 offset, u64 val)
{
	vfio_cxl_emu_reg_set(block, offset, 4, (u32)val);
	vfio_cxl_emu_reg_set(block, offset + 4, 4, (u32)(val >> 32));
}

/**
 * vfio_cxl_emu_hdm_init - initialise a decoder, not committed, of the host's
 * size
 * @block: block to set up
 * @image: VFIO_CXL_EMU_HDM_SIZE bytes for the registers
 * @host: the host's registers, up to decoder 0
 *
 * The decoder offers the host's interleave granularities.  It does not offer
 * more decoders, targets, ways, UIO or Back-Invalidate.
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
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_hdm_init);

/**
 * vfio_cxl_emu_hdm_lock - commit and lock the decoder, as firmware does
 * @block: set up by vfio_cxl_emu_hdm_init()
 * @base: guest physical address of the memory, a multiple of 256 MiB
 * @size: size of the memory, in bytes
 *
 * From here on no write changes the decoder (8.2.4.20.7, Lock On Commit).
 */
void vfio_cxl_emu_hdm_lock(struct vfio_cxl_emu_block *block, u64 base, u64 size)
{
	u32 ctrl = vfio_cxl_emu_reg_get(block, CXL_HDM_DECODER0_CTRL_OFFSET(0),
					4);

	hdm_set_u64(block, CXL_HDM_DECODER0_BASE_LOW_OFFSET(0), base);
	hdm_set_u64(block, CXL_HDM_DECODER0_SIZE_LOW_OFFSET(0), size);
	ctrl &= ~CXL_HDM_DECODER0_CTRL_COMMIT_ERROR;
	ctrl |= CXL_HDM_DECODER0_CTRL_LOCK | CXL_HDM_DECODER0_CTRL_COMMIT |
		CXL_HDM_DECODER0_CTRL_COMMITTED;
	vfio_cxl_emu_reg_set(block, CXL_HDM_DECODER0_CTRL_OFFSET(0), 4, ctrl);
	vfio_cxl_emu_reg_set(block, CXL_HDM_DECODER_CTRL_OFFSET, 4,
			     CXL_HDM_DECODER_ENABLE);
	block->locked = true;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_hdm_lock);
