// SPDX-License-Identifier: GPL-2.0-only
/*
 * All virtual registers of a device: component registers, CXL Device DVSEC, and
 * the base at which the VMM locked the memory
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/string.h>

#include "emu.h"

static void emu_show_lock(struct vfio_cxl_emu *emu)
{
	vfio_cxl_emu_cm_lock(&emu->cm, emu->base, emu->config->size);
	vfio_cxl_emu_dvsec_lock(&emu->dvsec, emu->base);
}

/**
 * vfio_cxl_emu_init - initialise a device that was just opened
 * @emu: device to set up
 * @config: the host's device; must stay valid and unchanged
 *
 * Afterwards the device is not locked, and the count of bad accesses is 0.
 */
void vfio_cxl_emu_init(struct vfio_cxl_emu *emu,
		       const struct vfio_cxl_emu_config *config)
{
	memset(emu, 0, sizeof(*emu));
	emu->config = config;
	vfio_cxl_emu_reset(emu);
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_init);

/**
 * vfio_cxl_emu_reset - set the registers to what firmware sets up for a guest
 * @emu: set up by vfio_cxl_emu_init()
 *
 * Keeps a lock that was set, and the count of bad accesses.
 */
void vfio_cxl_emu_reset(struct vfio_cxl_emu *emu)
{
	vfio_cxl_emu_cm_init(&emu->cm, &emu->config->cm);
	vfio_cxl_emu_dvsec_init(&emu->dvsec, emu->config->dvsec,
				emu->config->size);
	if (emu->base)
		emu_show_lock(emu);
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_reset);

/**
 * vfio_cxl_emu_lock - commit and lock the memory at an address
 * @emu: set up by vfio_cxl_emu_init()
 * @base: guest physical address, a multiple of 256 MiB and not 0
 *
 * Only vfio_cxl_emu_init() unlocks it.
 *
 * Return: 0 on success, or if it is already locked there, which changes
 * nothing; -EBUSY if it is locked at another base.
 */
int vfio_cxl_emu_lock(struct vfio_cxl_emu *emu, u64 base)
{
	if (emu->base)
		return emu->base == base ? 0 : -EBUSY;

	emu->base = base;
	emu_show_lock(emu);

	return 0;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_lock);

/**
 * vfio_cxl_emu_read_cm - serve a guest's read of the component registers
 * @emu: the device
 * @offset: offset in the component register block, in bytes
 * @width: width of the access, in bytes, 1 to 8
 *
 * Return: the value; all ones for a size or alignment that CXL does not define.
 */
u64 vfio_cxl_emu_read_cm(struct vfio_cxl_emu *emu, u32 offset,
			 unsigned int width)
{
	return vfio_cxl_emu_cm_read(&emu->cm, offset, width);
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_read_cm);

/**
 * vfio_cxl_emu_write_cm - serve a guest's write to the component registers
 * @emu: the device
 * @offset: offset in the component register block, in bytes
 * @width: width of the access, in bytes, 1 to 8
 * @val: value to write
 *
 * A write of a size or alignment that CXL does not define changes nothing.
 */
void vfio_cxl_emu_write_cm(struct vfio_cxl_emu *emu, u32 offset,
			   unsigned int width, u64 val)
{
	vfio_cxl_emu_cm_write(&emu->cm, offset, width, val);
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_write_cm);

/**
 * vfio_cxl_emu_read_dvsec - serve a guest's read of the DVSEC
 * @emu: the device
 * @offset: offset in the DVSEC, in bytes
 * @width: bytes to read, 1 to 8, all of them inside VFIO_CXL_EMU_DVSEC_SIZE
 *
 * Return: the bytes read, the first one lowest.
 */
u64 vfio_cxl_emu_read_dvsec(const struct vfio_cxl_emu *emu, u32 offset,
			    unsigned int width)
{
	return vfio_cxl_emu_dvsec_read(&emu->dvsec, offset, width);
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_read_dvsec);

/**
 * vfio_cxl_emu_write_dvsec - serve a guest's write to the DVSEC
 * @emu: the device
 * @offset: offset in the DVSEC, in bytes
 * @width: bytes to write, 1 to 8
 * @val: the bytes to write, the first one lowest
 */
void vfio_cxl_emu_write_dvsec(struct vfio_cxl_emu *emu, u32 offset,
			      unsigned int width, u64 val)
{
	vfio_cxl_emu_dvsec_write(&emu->dvsec, offset, width, val);
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_write_dvsec);

/**
 * vfio_cxl_emu_set_memory_state - set the state of the memory
 * @emu: the device
 * @range1_size_low: the host's DVSEC CXL Range 1 Size Low Register
 *
 * The DVSEC has this state until the next reset.
 */
void vfio_cxl_emu_set_memory_state(struct vfio_cxl_emu *emu,
				   u32 range1_size_low)
{
	vfio_cxl_emu_dvsec_set_memory_state(&emu->dvsec, range1_size_low);
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_set_memory_state);
