// SPDX-License-Identifier: GPL-2.0-only
/*
 * RAS Capability Structure (CXL r3.1 8.2.4.17)
 *
 * A private image: the device's errors are the host's to handle, so the status
 * registers never report one.
 */
#include <linux/export.h>
#include <linux/kernel.h>

#include "emu.h"

#define RAS_UNCORRECTABLE_STATUS	0x00
#define RAS_UNCORRECTABLE_MASK		0x04
#define RAS_UNCORRECTABLE_SEVERITY	0x08
#define   RAS_UNCORRECTABLE_BITS \
	(GENMASK_U32(16, 14) | GENMASK_U32(11, 0))
#define RAS_CORRECTABLE_STATUS		0x0c
#define RAS_CORRECTABLE_MASK		0x10
#define   RAS_CORRECTABLE_BITS		GENMASK_U32(6, 0)
#define RAS_CAP_CTRL			0x14

static const struct vfio_cxl_emu_field ras_fields[] = {
	{ RAS_UNCORRECTABLE_STATUS, 4, RAS_UNCORRECTABLE_BITS,
	  VFIO_CXL_EMU_RW1C },
	{ RAS_UNCORRECTABLE_STATUS, 4, ~RAS_UNCORRECTABLE_BITS,
	  VFIO_CXL_EMU_RSVDZ },
	{ RAS_UNCORRECTABLE_MASK, 4, RAS_UNCORRECTABLE_BITS, VFIO_CXL_EMU_RW,
	  RAS_UNCORRECTABLE_BITS },
	{ RAS_UNCORRECTABLE_MASK, 4, ~RAS_UNCORRECTABLE_BITS,
	  VFIO_CXL_EMU_RSVDP },
	{ RAS_UNCORRECTABLE_SEVERITY, 4, RAS_UNCORRECTABLE_BITS,
	  VFIO_CXL_EMU_RW, RAS_UNCORRECTABLE_BITS },
	{ RAS_UNCORRECTABLE_SEVERITY, 4, ~RAS_UNCORRECTABLE_BITS,
	  VFIO_CXL_EMU_RSVDP },
	{ RAS_CORRECTABLE_STATUS, 4, RAS_CORRECTABLE_BITS, VFIO_CXL_EMU_RW1C },
	{ RAS_CORRECTABLE_STATUS, 4, ~RAS_CORRECTABLE_BITS,
	  VFIO_CXL_EMU_RSVDZ },
	{ RAS_CORRECTABLE_MASK, 4, RAS_CORRECTABLE_BITS, VFIO_CXL_EMU_RW,
	  RAS_CORRECTABLE_BITS },
	{ RAS_CORRECTABLE_MASK, 4, ~RAS_CORRECTABLE_BITS, VFIO_CXL_EMU_RSVDP },
	{ RAS_CAP_CTRL, 4, GENMASK_U32(31, 0), VFIO_CXL_EMU_RO },
};

/**
 * vfio_cxl_emu_ras_init - RAS registers without an error
 * @block: to set up
 * @image: VFIO_CXL_EMU_RAS_SIZE bytes for the registers
 * @host: the host's registers, for the masks and severities to start with
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
EXPORT_SYMBOL_GPL(vfio_cxl_emu_ras_init);
