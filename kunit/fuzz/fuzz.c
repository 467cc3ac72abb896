// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: any host's device, any accesses, the emulation against the
 * model
 *
 * An input is a host's device, followed by operations, of up to 12 bytes each
 * or with the registers of another host's device.  Missing bytes at the end are
 * 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "pair.h"

/* Component registers (CXL r3.1 8.2.3) */
#define BLOCK_SIZE	0x10000

/* Nothing persists from one input to the next */
struct input {
	const u8 *data;
	size_t left;
};

static void take(struct input *in, void *to, size_t size)
{
	const size_t here = size < in->left ? size : in->left;

	memset(to, 0, size);
	memcpy(to, in->data, here);
	in->data += here;
	in->left -= here;
}

static u8 take8(struct input *in)
{
	u8 val;

	take(in, &val, sizeof(val));
	return val;
}

static u32 take32(struct input *in)
{
	u32 val;

	take(in, &val, sizeof(val));
	return val;
}

static u64 take64(struct input *in)
{
	u64 val;

	take(in, &val, sizeof(val));
	return val;
}

/* Offset of a structure of @size bytes between @start and @end */
static u32 place(u32 any, u32 start, u32 end, u32 size)
{
	return start + any % ((end - start - size) / 4 + 1) * 4;
}

/* Structures where the driver accepts them: past the array, not overlapping */
static void take_host(struct input *in, struct vfio_cxl_model_host *host)
{
	const u32 hdm = take32(in), ras = take32(in);
	const bool hdm_first = hdm & 1, has_ras = ras & 1;
	const u32 low = place(hdm >> 2 & 0x3ff, 0x10, 0x800,
				   MODEL_RAS_SIZE);
	const u32 high = place(hdm >> 12 & 0x3ff, 0x800, 0x1000,
				    MODEL_RAS_SIZE);

	memset(host, 0, sizeof(*host));
	host->cm_header = take32(in);
	host->hdm_entry = (hdm_first ? low : high) << 20 | (ras >> 12);
	if (has_ras)
		host->ras_entry = (hdm_first ? high : low) << 20 | (ras >> 12);
	host->size = (take32(in) % (1 << 20) + 1ULL) * VFIO_CXL_EMU_HDM_ALIGN;
	take(in, host->hdm, sizeof(host->hdm));
	memcpy(host->hdm + 0x18, &host->size, sizeof(host->size));
	take(in, host->ras, sizeof(host->ras));
	take(in, host->dvsec, sizeof(host->dvsec));
}

static void check(struct vfio_cxl_pair_value val, const char *what,
		  unsigned int width, u32 offset)
{
	if (val.emulated == val.expected)
		return;
	fprintf(stderr,
		"%s, %u bytes at %#x: %#llx, the model has %#llx\n",
		what, width, offset, (unsigned long long)val.emulated,
		(unsigned long long)val.expected);
	abort();
}

static u32 take_cm_offset(struct input *in,
			  const struct vfio_cxl_model_host *host)
{
	const u32 any = take32(in);

	switch (any & 3) {
	case 0:	/* anywhere in the block, and a little more */
		return (any >> 2) % 0x10100;
	case 1:
		return 0x1000 + (any >> 2) % 0x20;
	case 2:
		return 0x1000 + (host->hdm_entry >> 20) - 4 +
		       (any >> 2) % (MODEL_HDM_SIZE + 8);
	default:
		return 0x1000 + (host->ras_entry >> 20) - 4 +
		       (any >> 2) % (MODEL_RAS_SIZE + 8);
	}
}

static void take_cm(struct input *in, struct vfio_cxl_pair *pair, bool write)
{
	const unsigned int width = 1U << (take8(in) & 3);
	u32 offset = take_cm_offset(in, &pair->model.host);

	/* One in four stays where it is, so most are aligned */
	if (offset & 0x300)
		offset &= ~(width - 1);
	if (write)
		vfio_cxl_pair_cm_write(pair, offset, width, take64(in));
	check(vfio_cxl_pair_cm_read(pair, offset, width),
	      "component registers", width, offset);
}

static void take_dvsec(struct input *in, struct vfio_cxl_pair *pair, bool write)
{
	const u8 any = take8(in);
	const unsigned int width = 1U << (any & 3);
	const u32 offset = (any >> 2) % (MODEL_DVSEC_SIZE + 1 - width);

	if (write)
		vfio_cxl_pair_dvsec_write(pair, offset, width, take64(in));
	check(vfio_cxl_pair_dvsec_read(pair, offset, width), "DVSEC", width,
	      offset);
}

/* One bit asks for the current base */
static void take_set(struct input *in, struct vfio_cxl_pair *pair)
{
	const u32 any = take32(in);
	u64 base = (any % (1 << 24) + 1ULL) * VFIO_CXL_EMU_HDM_ALIGN;

	if (pair->model.set && any >> 31)
		base = pair->model.base;
	check(vfio_cxl_pair_set(pair, base), "SET", 0, 0);
}

/* The host's registers, with anything that a device may return */
struct image {
	u8 data[0x1000];
	u32 size;
};

static u32 read_image(void *device, u32 offset)
{
	const struct image *image = device;
	u32 val;

	if (offset % 4 || offset > image->size - 4) {
		fprintf(stderr, "layout: a read at %#x of %#x\n", offset,
			image->size);
		abort();
	}
	memcpy(&val, image->data + offset, sizeof(val));
	return val;
}

static void check_found(const struct vfio_cxl_emu_layout *layout, u32 entries)
{
	const u32 end = layout->hdm + 0x10 + 0x20 * layout->decoders;
	const u32 ras_end = layout->ras + MODEL_RAS_SIZE;

	if (layout->hdm < 4 * (entries + 1) || end > 0x1000 ||
	    layout->decoders > ARRAY_SIZE(layout->empty) ||
	    (layout->ras && (layout->ras < 4 * (entries + 1) ||
			     ras_end > 0x1000 ||
			     (layout->ras < end && layout->hdm < ras_end)))) {
		fprintf(stderr, "layout: HDM at %#x, RAS at %#x\n",
			layout->hdm, layout->ras);
		abort();
	}
}

/*
 * All of a BAR except the block of registers can be mapped, and an access is
 * split at the edges of the block.
 */
static void check_block(u64 block, u64 pos, u64 count)
{
	const u64 end = block + BLOCK_SIZE;
	struct vfio_cxl_emu_area areas[2];
	const u64 size = end + count;
	u64 mapped = 0, piece;
	unsigned int i, nr;

	nr = vfio_cxl_emu_around_block(block, size, areas);
	for (i = 0; i < nr; i++) {
		if (vfio_cxl_emu_overlaps_block(block, areas[i].offset,
						areas[i].size))
			abort();
		mapped += areas[i].size;
	}
	piece = vfio_cxl_emu_piece(block, end, pos, count);
	if (mapped + BLOCK_SIZE != size || piece > count ||
	    !piece != !count ||
	    !vfio_cxl_emu_overlaps_block(block, pos, ~0ULL) ||
	    (count && vfio_cxl_emu_overlaps_block(block, pos, piece) !=
			      (pos >= block && pos < end))) {
		fprintf(stderr, "block at %#llx: %#llx bytes at %#llx\n",
			(unsigned long long)block, (unsigned long long)count,
			(unsigned long long)pos);
		abort();
	}
}

/* Nothing is read where there is no register, whatever other registers say */
static void take_layout(struct input *in,
			const struct vfio_cxl_model_host *host)
{
	struct vfio_cxl_emu_layout layout = { };
	struct vfio_cxl_emu_config config = { };
	struct image image = { };
	const struct vfio_cxl_emu_source source = {
		.read = read_image,
		.device = &image,
	};
	unsigned int bar;
	u64 base, size;

	image.size = take8(in);
	take(in, image.data, image.size);
	image.size &= ~3U;
	if (!vfio_cxl_emu_find_block(&source, image.size, &bar, &base))
		check_block(base & GENMASK_ULL(39, 16),
			    (u64)read_image(&image, 0) << 8,
			    read_image(&image, 4));

	image.size = sizeof(image.data);
	/* As they are at the pointer that most entries have */
	memcpy(image.data + 0x100, image.data + 0x10, 0xf0);
	image.data[0] = 1;
	image.data[1] = 0;
	if (vfio_cxl_emu_find_hdm(&source, &config.cm, &layout))
		return;
	check_found(&layout, image.data[3]);
	memcpy(config.dvsec, host->dvsec, sizeof(config.dvsec));
	config.dvsec[0x0c] = take8(in);
	vfio_cxl_emu_check_decoders(&source, &config, &layout, &base, &size);
	if (vfio_cxl_emu_capacity(&config) % VFIO_CXL_EMU_HDM_ALIGN)
		abort();
}

static void take_operation(struct input *in, struct vfio_cxl_pair *pair)
{
	switch (take8(in) % 8) {
	case 0:
		vfio_cxl_pair_reset(pair);
		break;
	case 1:
		take_set(in, pair);
		break;
	case 2:
		vfio_cxl_pair_memory_state(pair, take32(in));
		break;
	case 3:
		take_dvsec(in, pair, false);
		break;
	case 4:
		take_dvsec(in, pair, true);
		break;
	case 5:
		take_cm(in, pair, false);
		break;
	case 7:
		take_layout(in, &pair->model.host);
		break;
	default:
		take_cm(in, pair, true);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct vfio_cxl_pair pair;
	struct input in = { data, size };
	struct vfio_cxl_pair_value val;
	struct vfio_cxl_model_host host;
	const char *what;
	u32 byte;

	take_host(&in, &host);
	vfio_cxl_pair_init(&pair, &host);
	while (in.left)
		take_operation(&in, &pair);

	what = vfio_cxl_pair_differs(&pair, &byte, &val);
	if (what)
		check(val, what, 1, byte);

	return 0;
}
