// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the registers of a host's device are, and how firmware configured them
 *
 * This code only reads, through a function of the caller: from a device in the
 * driver, from an image in the tests.
 */
#include <linux/align.h>
#include <linux/bitfield.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/unaligned.h>

#include "cxl_regs.h"
#include "emu.h"

static u32 layout_read(const struct vfio_cxl_emu_source *from, u32 offset)
{
	return from->read(from->device, offset);
}

/**
 * vfio_cxl_emu_find_block - find the component registers (8.1.9)
 * @locator: the Register Locator DVSEC
 * @length: its length, in bytes
 * @bar: set to the index of the BAR that contains them
 * @offset: set to their offset there, in bytes
 *
 * Return: 0, or -ENXIO if there are none.
 */
int vfio_cxl_emu_find_block(const struct vfio_cxl_emu_source *locator,
			    u32 length, unsigned int *bar, u64 *offset)
{
	u32 entry, low;

	for (entry = PCI_DVSEC_CXL_REG_LOCATOR_BLOCK1;
	     entry + CXL_REGLOC_ENTRY_SIZE <= length;
	     entry += CXL_REGLOC_ENTRY_SIZE) {
		low = layout_read(locator, entry);
		if (FIELD_GET(PCI_DVSEC_CXL_REG_LOCATOR_BLOCK_ID, low) !=
		    CXL_REGLOC_RBI_COMPONENT)
			continue;
		*bar = FIELD_GET(PCI_DVSEC_CXL_REG_LOCATOR_BIR, low);
		*offset = (u64)layout_read(locator, entry + 4) << 32 |
			  (low & PCI_DVSEC_CXL_REG_LOCATOR_BLOCK_OFF_LOW);
		return 0;
	}

	return -ENXIO;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_find_block);

/**
 * vfio_cxl_emu_overlaps_block - whether part of a BAR must not be mapped
 * @block: offset of the component registers in the BAR, in bytes
 * @start: start of the part, as an offset in the BAR
 * @len: length of the part, in bytes
 *
 * Return: true if the part overlaps the component registers or its end wraps.
 */
bool vfio_cxl_emu_overlaps_block(u64 block, u64 start, u64 len)
{
	u64 end;

	if (check_add_overflow(start, len, &end))
		return true;

	return start < block + CXL_COMPONENT_REG_BLOCK_SIZE && end > block;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_overlaps_block);

/**
 * vfio_cxl_emu_around_block - which parts of a BAR can be mapped
 * @block: offset of the component registers in the BAR, in bytes
 * @size: size of the BAR, in bytes
 * @areas: set to the parts, in ascending order
 *
 * Return: the number of parts, 0 to 2.
 */
unsigned int vfio_cxl_emu_around_block(u64 block, u64 size,
				       struct vfio_cxl_emu_area areas[2])
{
	u64 end = block + CXL_COMPONENT_REG_BLOCK_SIZE;
	unsigned int nr = 0;

	if (block)
		areas[nr++] = (struct vfio_cxl_emu_area) { .size = block };
	if (end < size)
		areas[nr++] = (struct vfio_cxl_emu_area) {
			.offset = end,
			.size = size - end,
		};

	return nr;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_around_block);

/**
 * vfio_cxl_emu_piece - split an access at the edges of a range
 * @start: first byte of the range
 * @end: byte past the last
 * @pos: first byte of the access
 * @count: length of the access, in bytes
 *
 * Return: how many bytes of the access, beginning with the first, lie either
 * all inside the range or all outside.
 */
u64 vfio_cxl_emu_piece(u64 start, u64 end, u64 pos, u64 count)
{
	if (pos < start)
		return min(count, start - pos);
	if (pos < end)
		return min(count, end - pos);

	return count;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_piece);

static unsigned int layout_decoders(u32 cap)
{
	unsigned int count = FIELD_GET(CXL_HDM_DECODER_COUNT_MASK, cap);

	if (!count)
		return 1;
	return count <= 8 ? count * 2 : (count - 4) * 4;
}

/* Whether a structure of @size bytes lies entirely after the array */
static bool layout_fits(u32 header, u32 entries, u32 size)
{
	u32 pointer = FIELD_GET(CXL_CM_CAP_PTR_MASK, header);

	return header && IS_ALIGNED(pointer, 4) &&
	       pointer >= 4 * (entries + 1) &&
	       pointer + size <= VFIO_CXL_EMU_CM_SIZE;
}

/* Save @size bytes of registers, little endian as a guest reads them */
static void layout_snapshot(const struct vfio_cxl_emu_source *from, u32 offset,
			    u8 *to, u32 size)
{
	u32 i;

	for (i = 0; i < size; i += 4)
		put_unaligned_le32(layout_read(from, offset + i), to + i);
}

/**
 * vfio_cxl_emu_find_hdm - find and save HDM decoder 0 and RAS (8.2.4)
 * @cm: the CXL.cache and CXL.mem registers
 * @config: set to their contents
 * @layout: set to their offsets
 *
 * RAS is optional: it is omitted if its entry is malformed.
 *
 * Return: 0, or -ENOENT if there is no HDM Decoder Capability.
 */
int vfio_cxl_emu_find_hdm(const struct vfio_cxl_emu_source *cm,
			  struct vfio_cxl_emu_cm_config *config,
			  struct vfio_cxl_emu_layout *layout)
{
	u32 i, entries, header, id, hdm, hdm_size, ras;

	config->header = layout_read(cm, 0);
	entries = FIELD_GET(CXL_CM_CAP_HDR_ARRAY_SIZE_MASK, config->header);
	id = FIELD_GET(CXL_CM_CAP_HDR_ID_MASK, config->header);
	if (id != CM_CAP_HDR_CAP_ID)
		entries = 0;
	for (i = 1; i <= entries; i++) {
		header = layout_read(cm, 4 * i);
		id = FIELD_GET(CXL_CM_CAP_HDR_ID_MASK, header);
		if (id == CXL_CM_CAP_CAP_ID_HDM)
			config->hdm_header = header;
		else if (id == CXL_CM_CAP_CAP_ID_RAS)
			config->ras_header = header;
	}

	hdm_size = VFIO_CXL_EMU_HDM_SIZE;
	if (!layout_fits(config->hdm_header, entries, hdm_size))
		return -ENOENT;
	hdm = FIELD_GET(CXL_CM_CAP_PTR_MASK, config->hdm_header);
	layout->decoders = layout_decoders(layout_read(cm, hdm +
						CXL_HDM_DECODER_CAP_OFFSET));
	/* Up to the start of one more decoder */
	hdm_size = CXL_HDM_DECODER0_BASE_LOW_OFFSET(layout->decoders);
	if (!layout_fits(config->hdm_header, entries, hdm_size))
		return -ENOENT;
	layout->hdm = hdm;
	layout_snapshot(cm, hdm, config->hdm, sizeof(config->hdm));

	ras = FIELD_GET(CXL_CM_CAP_PTR_MASK, config->ras_header);
	if (layout_fits(config->ras_header, entries, VFIO_CXL_EMU_RAS_SIZE) &&
	    (ras + VFIO_CXL_EMU_RAS_SIZE <= hdm || hdm + hdm_size <= ras)) {
		layout->ras = ras;
		layout_snapshot(cm, ras, config->ras, sizeof(config->ras));
	} else {
		config->ras_header = 0;
	}

	return 0;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_find_hdm);

/* A saved pair of decoder registers, low and high */
static u64 layout_kept64(const struct vfio_cxl_emu_config *config, u32 reg)
{
	return get_unaligned_le64(config->cm.hdm + reg);
}

/**
 * vfio_cxl_emu_capacity - how much memory the device has (8.1.3.8)
 * @config: the host's device
 *
 * Return: the sizes of all its HDM ranges together, in bytes.
 */
u64 vfio_cxl_emu_capacity(const struct vfio_cxl_emu_config *config)
{
	const u8 *dvsec = config->dvsec;
	unsigned int i, ranges;
	u64 capacity = 0;
	u32 high, low;

	ranges = FIELD_GET(PCI_DVSEC_CXL_HDM_COUNT,
			   get_unaligned_le16(dvsec + PCI_DVSEC_CXL_CAP));
	for (i = 0; i < min(ranges, CXL_DVSEC_RANGES); i++) {
		high = get_unaligned_le32(dvsec +
					  PCI_DVSEC_CXL_RANGE_SIZE_HIGH(i));
		low = get_unaligned_le32(dvsec +
					 PCI_DVSEC_CXL_RANGE_SIZE_LOW(i));
		capacity += (u64)high << 32 |
			    (low & PCI_DVSEC_CXL_MEM_SIZE_LOW);
	}

	return capacity;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_capacity);

/**
 * vfio_cxl_emu_configured - whether firmware enabled decoding of the memory
 * @config: the host's device
 *
 * Return: true if decoder 0 is committed and decoding is enabled.
 */
bool vfio_cxl_emu_configured(const struct vfio_cxl_emu_config *config)
{
	const u8 *hdm = config->cm.hdm;

	return get_unaligned_le32(hdm + CXL_HDM_DECODER0_CTRL_OFFSET(0)) &
	       CXL_HDM_DECODER0_CTRL_COMMITTED &&
	       get_unaligned_le32(hdm + CXL_HDM_DECODER_CTRL_OFFSET) &
	       CXL_HDM_DECODER_ENABLE &&
	       get_unaligned_le16(config->dvsec + PCI_DVSEC_CXL_CTRL) &
	       PCI_DVSEC_CXL_MEM_ENABLE;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_configured);

/**
 * vfio_cxl_emu_check_decoders - whether the driver supports the configuration
 * @cm: the CXL.cache and CXL.mem registers
 * @config: the host's device
 * @layout: where the decoders are; empty ones are recorded here
 * @base: set to the address of the memory
 * @size: set to its size in bytes
 *
 * Firmware may commit unused decoders with size 0, so that they cannot be
 * programmed: they decode nothing.
 *
 * Return: 0, or a negative errno, one for each reason:
 *
 * * -ENODATA - decoder 0 not committed, or decoding disabled
 * * -EXDEV - decoder 0 interleaved
 * * -EOPNOTSUPP - Back-Invalidate or Unordered I/O
 * * -EINVAL - size 0 or not a multiple of 256 MiB
 * * -EADDRNOTAVAIL - at address 0, relative to the device
 * * -EMLINK - another decoder decodes something
 */
int vfio_cxl_emu_check_decoders(const struct vfio_cxl_emu_source *cm,
				const struct vfio_cxl_emu_config *config,
				struct vfio_cxl_emu_layout *layout,
				u64 *base, u64 *size)
{
	u32 ctrl = get_unaligned_le32(config->cm.hdm +
				      CXL_HDM_DECODER0_CTRL_OFFSET(0));
	u32 hdm = layout->hdm;
	unsigned int i;

	if (!vfio_cxl_emu_configured(config))
		return -ENODATA;
	if (FIELD_GET(CXL_HDM_DECODER0_CTRL_IW_MASK, ctrl))
		return -EXDEV;
	/* Restoring it would have to consider the path to the host, too */
	if (ctrl & (CXL_HDM_DECODER0_CTRL_BI | CXL_HDM_DECODER0_CTRL_UIO))
		return -EOPNOTSUPP;

	*base = layout_kept64(config, CXL_HDM_DECODER0_BASE_LOW_OFFSET(0));
	*size = layout_kept64(config, CXL_HDM_DECODER0_SIZE_LOW_OFFSET(0));
	if (!*size || !IS_ALIGNED(*size, VFIO_CXL_EMU_HDM_ALIGN))
		return -EINVAL;
	if (!*base)
		return -EADDRNOTAVAIL;

	for (i = 1; i < layout->decoders; i++) {
		ctrl = layout_read(cm, hdm + CXL_HDM_DECODER0_CTRL_OFFSET(i));
		if (!(ctrl & CXL_HDM_DECODER0_CTRL_COMMITTED))
			continue;
		if (layout_read(cm, hdm +
				CXL_HDM_DECODER0_SIZE_LOW_OFFSET(i)) ||
		    layout_read(cm, hdm + CXL_HDM_DECODER0_SIZE_HIGH_OFFSET(i)))
			return -EMLINK;
		layout->empty[i] = ctrl;
	}

	return 0;
}
EXPORT_SYMBOL_GPL(vfio_cxl_emu_check_decoders);
