// SPDX-License-Identifier: GPL-2.0-only
/*
 * RAS Capability Structure (CXL r3.1 8.2.4.17)
 *
 * A private image: the host handles errors of the device, so the status
 * registers never report one.
 */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "cxl_regs.h"
#include "emu.h"

static const struct vfio_cxl_emu_field ras_fields[] = {
	{ CXL_RAS_UNCORRECTABLE_STATUS_OFFSET, 4,
	  CXL_RAS_UNCORRECTABLE_STATUS_MASK, VFIO_CXL_EMU_RW1C },
	{ CXL_RAS_UNCORRECTABLE_STATUS_OFFSET, 4,
	  ~CXL_RAS_UNCORRECTABLE_STATUS_MASK, VFIO_CXL_EMU_RSVDZ },
	{ CXL_RAS_UNCORRECTABLE_MASK_OFFSET, 4,
	  CXL_RAS_UNCORRECTABLE_MASK_MASK, VFIO_CXL_EMU_RW,
	  CXL_RAS_UNCORRECTABLE_MASK_MASK },
	{ CXL_RAS_UNCORRECTABLE_MASK_OFFSET, 4,
	  ~CXL_RAS_UNCORRECTABLE_MASK_MASK, VFIO_CXL_EMU_RSVDP },
	{ CXL_RAS_UNCORRECTABLE_SEVERITY_OFFSET, 4,
	  CXL_RAS_UNCORRECTABLE_SEVERITY_MASK, VFIO_CXL_EMU_RW,
	  CXL_RAS_UNCORRECTABLE_SEVERITY_MASK },
	{ CXL_RAS_UNCORRECTABLE_SEVERITY_OFFSET, 4,
	  ~CXL_RAS_UNCORRECTABLE_SEVERITY_MASK, VFIO_CXL_EMU_RSVDP },
	{ CXL_RAS_CORRECTABLE_STATUS_OFFSET, 4,
	  CXL_RAS_CORRECTABLE_STATUS_MASK, VFIO_CXL_EMU_RW1C },
	{ CXL_RAS_CORRECTABLE_STATUS_OFFSET, 4,
	  ~CXL_RAS_CORRECTABLE_STATUS_MASK, VFIO_CXL_EMU_RSVDZ },
	{ CXL_RAS_CORRECTABLE_MASK_OFFSET, 4, CXL_RAS_CORRECTABLE_MASK_MASK,
	  VFIO_CXL_EMU_RW, CXL_RAS_CORRECTABLE_MASK_MASK },
	{ CXL_RAS_CORRECTABLE_MASK_OFFSET, 4, ~CXL_RAS_CORRECTABLE_MASK_MASK,
	  VFIO_CXL_EMU_RSVDP },
	{ CXL_RAS_CAP_CONTROL_OFFSET, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO },
};

/**
 * vfio_cxl_emu_ras_init - initialise RAS registers, without an error
 * @block: block to set up
 * @image: VFIO_CXL_EMU_RAS_SIZE bytes for the registers
 * @host: the host's registers, for the initial masks and severities
 */
void vfio_cxl_emu_ras_init(struct vfio_cxl_emu_block *block, u8 *image,
			   const u8 *host)
{
	block->fields = ras_fields;
	block->nr_fields = ARRAY_SIZE(ras_fields);
	block->image = image;
	block->size = VFIO_CXL_EMU_RAS_SIZE;
	vfio_cxl_emu_block_init(block, host);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_ras_init);
