// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table engine: reads and writes of a block of virtual registers
 */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "emu.h"

static u32 image_get(const u8 *p, unsigned int width)
{
	return width == 2 ? get_unaligned_le16(p) : get_unaligned_le32(p);
}

static void image_set(u8 *p, unsigned int width, u32 val)
{
	if (width == 2)
		put_unaligned_le16(val, p);
	else
		put_unaligned_le32(val, p);
}

/**
 * vfio_cxl_emu_reg_get - read a whole register, as the device sees it
 * @block: the block
 * @offset: offset of the register in @block, in bytes
 * @width: width of the register, in bytes: 2 or 4
 *
 * Return: the register's value.
 */
u32 vfio_cxl_emu_reg_get(const struct vfio_cxl_emu_block *block, u32 offset,
			 unsigned int width)
{
	return image_get(block->image + offset, width);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_reg_get);

/**
 * vfio_cxl_emu_reg_set - set a whole register, as the device itself does
 * @block: the block
 * @offset: offset of the register in @block, in bytes
 * @width: width of the register, in bytes: 2 or 4
 * @val: the new value; no attribute of the register limits it
 */
void vfio_cxl_emu_reg_set(struct vfio_cxl_emu_block *block, u32 offset,
			  unsigned int width, u32 val)
{
	image_set(block->image + offset, width, val);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_reg_set);

/**
 * vfio_cxl_emu_block_init - set a block to its state after power-on
 * @block: with table, image and size set
 * @host: the same registers of the host's device, little endian, @block->size
 *	bytes
 */
void vfio_cxl_emu_block_init(struct vfio_cxl_emu_block *block, const u8 *host)
{
	const struct vfio_cxl_emu_field *field;
	const struct vfio_cxl_emu_field *end = block->fields + block->nr_fields;

	memset(block->image, 0, block->size);
	block->locked = false;
	for (field = block->fields; field < end; field++) {
		u8 *reg = block->image + field->offset;

		image_set(reg, field->width,
			  image_get(reg, field->width) |
			  (image_get(host + field->offset, field->width) &
			   field->host));
	}
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_block_init);

/**
 * vfio_cxl_emu_block_read - serve a guest's read
 * @block: the block
 * @offset: offset of the first byte in @block
 * @width: bytes to read, 1 to 8, all of them inside @block
 *
 * Return: the bytes read, the first one lowest.
 */
u64 vfio_cxl_emu_block_read(const struct vfio_cxl_emu_block *block, u32 offset,
			    unsigned int width)
{
	u64 val = 0;

	while (width--)
		val = val << 8 | block->image[offset + width];

	return val;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_block_read);

/* The value of a register after a write of @val to its bits in @lanes */
static u32 field_write(const struct vfio_cxl_emu_block *block,
		       const struct vfio_cxl_emu_field *field, u32 old,
		       u32 val, u32 lanes)
{
	u32 mask = field->mask & lanes;

	switch (field->kind) {
	case VFIO_CXL_EMU_RWL:
		if (block->locked)
			return old;
		fallthrough;
	case VFIO_CXL_EMU_RW:
		return (old & ~mask) | (val & mask);
	case VFIO_CXL_EMU_RW1C:
		return old & ~(val & mask);
	case VFIO_CXL_EMU_RWO:
		return old & field->mask ? old : old | (val & mask);
	case VFIO_CXL_EMU_RO:
	case VFIO_CXL_EMU_HWINIT:
	case VFIO_CXL_EMU_RSVDP:
	case VFIO_CXL_EMU_RSVDZ:
		break;
	}

	return old;
}

/**
 * vfio_cxl_emu_block_write - serve a guest's write
 * @block: the block
 * @offset: offset of the first byte in @block; wraps if that is before @block
 * @width: bytes to write, 1 to 8; those that are not in @block are ignored
 * @val: the bytes to write, the first one lowest
 *
 * A partial write of a register leaves its other bytes unchanged.  Every effect
 * runs after all registers have taken their values.
 */
void vfio_cxl_emu_block_write(struct vfio_cxl_emu_block *block, u32 offset,
			      unsigned int width, u64 val)
{
	const struct vfio_cxl_emu_field *field;
	const struct vfio_cxl_emu_field *end = block->fields + block->nr_fields;

	for (field = block->fields; field < end; field++) {
		u8 *reg = block->image + field->offset;
		u32 lanes = 0, bits = 0;
		unsigned int i;

		for (i = 0; i < field->width; i++) {
			u32 byte = field->offset + i - offset;

			if (byte >= width)	/* wraps if before @offset */
				continue;
			lanes |= 0xffU << (8 * i);
			bits |= (u32)((val >> (8 * byte)) & 0xff) << (8 * i);
		}
		if (!lanes)
			continue;

		image_set(reg, field->width,
			  field_write(block, field,
				      image_get(reg, field->width), bits,
				      lanes));
	}

	for (field = block->fields; field < end; field++)
		if (field->effect && (field->offset - offset < width ||
				      offset - field->offset < field->width))
			field->effect(block);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_cxl_emu_block_write);
