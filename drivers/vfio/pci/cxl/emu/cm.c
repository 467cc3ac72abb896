// SPDX-License-Identifier: GPL-2.0-only
/*
 * Component registers (CXL r3.1 8.2.3): the capability array of the CXL.cache
 * and CXL.mem registers, access rules, and dispatch to the structures
 *
 * The array has entries for the HDM decoders and, if the host has it, for RAS.
 * All other entries of the host's array (link, security, snoop filter, extended
 * metadata, …) are absent, and their registers read 0.
 */
#include <kunit/visibility.h>
#include <linux/bitfield.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "cxl_regs.h"
#include "emu.h"

/* Add an entry to the capability array and return the next free block */
static struct vfio_cxl_emu_block *cm_add(struct vfio_cxl_emu_cm *cm, u32 header)
{
	put_unaligned_le32(header, cm->image + 4 * ++cm->nr_blocks);

	return &cm->blocks[cm->nr_blocks - 1];
}

/**
 * vfio_cxl_emu_cm_init - initialise component registers, decoder not committed
 * @cm: registers to set up
 * @config: the host's registers; the structures that the headers point to lie
 *	inside VFIO_CXL_EMU_CM_SIZE, after the array, and do not overlap
 *
 * Keeps the count of bad accesses.
 */
void vfio_cxl_emu_cm_init(struct vfio_cxl_emu_cm *cm,
			  const struct vfio_cxl_emu_cm_config *config)
{
	u32 hdm = FIELD_GET(CXL_CM_CAP_PTR_MASK, config->hdm_header);
	u32 ras = FIELD_GET(CXL_CM_CAP_PTR_MASK, config->ras_header);
	u32 header;

	memset(cm->image, 0, sizeof(cm->image));
	cm->nr_blocks = 0;
	vfio_cxl_emu_hdm_init(cm_add(cm, config->hdm_header), cm->image + hdm,
			      config->hdm);
	if (config->ras_header)
		vfio_cxl_emu_ras_init(cm_add(cm, config->ras_header),
				      cm->image + ras, config->ras);

	header = config->header & ~CXL_CM_CAP_HDR_ARRAY_SIZE_MASK;
	header |= FIELD_PREP(CXL_CM_CAP_HDR_ARRAY_SIZE_MASK, cm->nr_blocks);
	put_unaligned_le32(header, cm->image);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_cm_init);

/**
 * vfio_cxl_emu_cm_lock - commit and lock decoder 0
 * @cm: set up by vfio_cxl_emu_cm_init()
 * @base: guest physical address of the memory, a multiple of 256 MiB
 * @size: size of the memory, in bytes
 */
void vfio_cxl_emu_cm_lock(struct vfio_cxl_emu_cm *cm, u64 base, u64 size)
{
	vfio_cxl_emu_hdm_lock(&cm->blocks[0], base, size);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_cm_lock);

/* CXL defines 4 and 8 byte accesses, naturally aligned (8.2.3) */
static bool cm_access_ok(struct vfio_cxl_emu_cm *cm, u32 offset,
			 unsigned int width)
{
	if ((width == 4 || width == 8) && !(offset & (width - 1)) &&
	    offset < CXL_COMPONENT_REG_BLOCK_SIZE)
		return true;

	cm->bad_accesses++;
	return false;
}

/**
 * vfio_cxl_emu_cm_read - serve a guest's read of the component registers
 * @cm: the registers
 * @offset: offset in the component register block, in bytes
 * @width: width of the access, in bytes, 1 to 8
 *
 * Return: the value; all ones for a size or alignment that CXL does not define.
 */
u64 vfio_cxl_emu_cm_read(struct vfio_cxl_emu_cm *cm, u32 offset,
			 unsigned int width)
{
	if (!cm_access_ok(cm, offset, width))
		return GENMASK_ULL(8 * width - 1, 0);

	offset -= CXL_CM_OFFSET;
	if (offset >= VFIO_CXL_EMU_CM_SIZE)	/* wraps if below */
		return 0;

	return width == 4 ? get_unaligned_le32(cm->image + offset) :
			    get_unaligned_le64(cm->image + offset);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_cm_read);

/**
 * vfio_cxl_emu_cm_write - serve a guest's write to the component registers
 * @cm: the registers
 * @offset: offset in the component register block, in bytes
 * @width: width of the access, in bytes, 1 to 8
 * @val: value to write
 *
 * A write of a size or alignment that CXL does not define changes nothing.
 */
void vfio_cxl_emu_cm_write(struct vfio_cxl_emu_cm *cm, u32 offset,
			   unsigned int width, u64 val)
{
	struct vfio_cxl_emu_block *block;

	if (!cm_access_ok(cm, offset, width))
		return;

	offset -= CXL_CM_OFFSET;
	for (block = cm->blocks; block < cm->blocks + cm->nr_blocks; block++) {
		u32 start = block->image - cm->image;

		if (offset < start + block->size && offset + width > start)
			vfio_cxl_emu_block_write(block, offset - start, width,
						 val);
	}
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_cm_write);
