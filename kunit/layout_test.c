// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is found in a host's device: layouts of registers, one per row
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "emu/emu.h"
#include "fixture.h"
#include "spec.h"

/* Capability array entries: pointer, version, identifier (8.2.4.2) */
#define ENTRY(id, pointer)	((u32)(pointer) << 20 | 1 << 16 | (id))
#define ARRAY(entries)		((u32)(entries) << 24 | 0x110001)
#define LINK			4
#define RAS			2
#define HDM			5
#define EXTENDED		9

/* Decoder control (8.2.4.20.7) */
#define COMMITTED		(SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_COMMITTED)
#define UIO			0x00004000
#define BI			0x00002000
#define STRIDE			0x20

/**
 * struct layout_ctx - a host's device
 * @cm: CXL.cache and CXL.mem registers
 * @outside: there was a read where no register is
 * @config: what is saved of them
 * @layout: where they are
 */
struct layout_ctx {
	u8 cm[SPEC_CM_SIZE];
	bool outside;
	struct vfio_cxl_emu_config config;
	struct vfio_cxl_emu_layout layout;
};

static void layout_put(struct layout_ctx *ctx, u32 offset, u32 val)
{
	put_unaligned_le32(val, ctx->cm + offset);
}

/* A read outside of an image, or misaligned, returns a conspicuous value */
static u32 layout_read_cm(void *device, u32 offset)
{
	struct layout_ctx *ctx = device;

	if (offset % 4 || offset > SPEC_CM_SIZE - 4) {
		ctx->outside = true;
		return ~0U;
	}
	return get_unaligned_le32(ctx->cm + offset);
}

static struct vfio_cxl_emu_source layout_source(struct layout_ctx *ctx)
{
	return (struct vfio_cxl_emu_source) {
		.read = layout_read_cm,
		.device = ctx,
	};
}

static int layout_find(struct layout_ctx *ctx)
{
	const struct vfio_cxl_emu_source source = layout_source(ctx);

	return vfio_cxl_emu_find_hdm(&source, &ctx->config.cm, &ctx->layout);
}

static int layout_test_init(struct kunit *test)
{
	struct layout_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	u32 i;

	if (!ctx)
		return -ENOMEM;
	/* No two registers read the same */
	for (i = 0; i < SPEC_CM_SIZE; i += 4)
		layout_put(ctx, i, 0xa5000000 | i);
	test->priv = ctx;

	return 0;
}

/* Where the capabilities are */

/**
 * struct layout_hdm_case - a capability array
 * @name: name of the row
 * @array: header and entries
 * @count: Decoder Count field of the HDM Decoder Capability Register
 * @ret: what is returned
 * @hdm: where the HDM decoders are
 * @ras: where RAS is, or 0
 * @decoders: how many there are
 */
struct layout_hdm_case {
	const char *name;
	u32 array[6];
	u32 count;
	int ret;
	u32 hdm;
	u32 ras;
	unsigned int decoders;
};

static const struct layout_hdm_case layout_hdm_cases[] = {
	{ "one decoder", { ARRAY(1), ENTRY(HDM, 0x100) },
	  0, 0, 0x100, 0, 1 },
	{ "four decoders and RAS, as QEMU has them",
	  { ARRAY(5), ENTRY(RAS, 0x80), ENTRY(LINK, 0xe0), ENTRY(HDM, 0x128),
	    ENTRY(6, 0x1b0), ENTRY(7, 0x200) },
	  2, 0, 0x128, 0x80, 4 },
	{ "RAS behind the decoders",
	  { ARRAY(2), ENTRY(HDM, 0x40), ENTRY(RAS, 0x800) },
	  1, 0, 0x40, 0x800, 2 },
	{ "ten decoders", { ARRAY(1), ENTRY(HDM, 0x100) },
	  5, 0, 0x100, 0, 10 },
	{ "sixteen decoders", { ARRAY(1), ENTRY(HDM, 0x100) },
	  8, 0, 0x100, 0, 16 },
	{ "twenty decoders", { ARRAY(1), ENTRY(HDM, 0x100) },
	  9, 0, 0x100, 0, 20 },
	{ "32 decoders", { ARRAY(1), ENTRY(HDM, 0x100) },
	  12, 0, 0x100, 0, 32 },
	{ "up to the end of the registers", { ARRAY(1), ENTRY(HDM, 0xfd0) },
	  0, 0, 0xfd0, 0, 1 },
	{ "right behind the array", { ARRAY(1), ENTRY(HDM, 0x8) },
	  0, 0, 0x8, 0, 1 },
	{ "one decoder too many before the end",
	  { ARRAY(1), ENTRY(HDM, 0xfd0) },
	  1, -ENOENT, 0, 0, 0 },
	{ "past the end", { ARRAY(1), ENTRY(HDM, 0xfd4) },
	  0, -ENOENT, 0, 0, 0 },
	{ "inside the array", { ARRAY(2), ENTRY(LINK, 0x80), ENTRY(HDM, 0x8) },
	  0, -ENOENT, 0, 0, 0 },
	{ "at an odd place", { ARRAY(1), ENTRY(HDM, 0x102) },
	  0, -ENOENT, 0, 0, 0 },
	{ "no decoders", { ARRAY(2), ENTRY(RAS, 0x80), ENTRY(LINK, 0x100) },
	  0, -ENOENT, 0, 0, 0 },
	{ "behind the last entry", { ARRAY(1), ENTRY(RAS, 0x80),
				     ENTRY(HDM, 0x100) },
	  0, -ENOENT, 0, 0, 0 },
	{ "no capability array", { 0x01110002, ENTRY(HDM, 0x100) },
	  0, -ENOENT, 0, 0, 0 },
	{ "all ones: the device is gone", { ~0U, ~0U, ~0U, ~0U, ~0U, ~0U },
	  0, -ENOENT, 0, 0, 0 },
	{ "all zeros", { 0 },
	  0, -ENOENT, 0, 0, 0 },
	{ "RAS inside the decoders",
	  { ARRAY(2), ENTRY(HDM, 0x100), ENTRY(RAS, 0x120) },
	  2, 0, 0x100, 0, 4 },
	{ "RAS inside the last decoder",
	  { ARRAY(2), ENTRY(HDM, 0x100), ENTRY(RAS, 0x170) },
	  2, 0, 0x100, 0, 4 },
	{ "RAS reaches into the decoders",
	  { ARRAY(2), ENTRY(HDM, 0x100), ENTRY(RAS, 0xc0) },
	  2, 0, 0x100, 0, 4 },
	{ "RAS just before the decoders",
	  { ARRAY(2), ENTRY(HDM, 0x100), ENTRY(RAS, 0xa8) },
	  2, 0, 0x100, 0xa8, 4 },
	{ "RAS just behind the decoders",
	  { ARRAY(2), ENTRY(HDM, 0x100), ENTRY(RAS, 0x190) },
	  2, 0, 0x100, 0x190, 4 },
	{ "RAS past the end",
	  { ARRAY(2), ENTRY(HDM, 0x100), ENTRY(RAS, 0xfc0) },
	  2, 0, 0x100, 0, 4 },
	{ "RAS inside the array",
	  { ARRAY(2), ENTRY(HDM, 0x100), ENTRY(RAS, 0x4) },
	  2, 0, 0x100, 0, 4 },
};

KUNIT_ARRAY_PARAM_DESC(layout_hdm, layout_hdm_cases, name);

static void layout_hdm(struct kunit *test)
{
	const struct layout_hdm_case *param = test->param_value;
	const u32 entry = param->array[1] >> 20;
	struct layout_ctx *ctx = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(param->array); i++)
		if (param->array[i] || !param->array[0])
			layout_put(ctx, 4 * i, param->array[i]);
	/* Where the row has the structures, or would have them */
	i = param->hdm ?: entry;
	if (i % 4 == 0 && i >= 8 && i <= SPEC_CM_SIZE - 4)
		layout_put(ctx, i, param->count);

	KUNIT_ASSERT_EQ(test, layout_find(ctx), param->ret);
	KUNIT_EXPECT_FALSE(test, ctx->outside);
	if (param->ret)
		return;

	KUNIT_EXPECT_EQ(test, ctx->layout.hdm, param->hdm);
	KUNIT_EXPECT_EQ(test, ctx->layout.ras, param->ras);
	KUNIT_EXPECT_EQ(test, ctx->layout.decoders, param->decoders);
	KUNIT_EXPECT_EQ(test, ctx->config.cm.header, param->array[0]);
	KUNIT_EXPECT_EQ(test, ctx->config.cm.hdm_header >> 20, param->hdm);
	KUNIT_EXPECT_EQ(test, ctx->config.cm.ras_header >> 20, param->ras);
	KUNIT_EXPECT_MEMEQ(test, ctx->config.cm.hdm, ctx->cm + param->hdm,
			   SPEC_HDM_END);
	if (param->ras)
		KUNIT_EXPECT_MEMEQ(test, ctx->config.cm.ras,
				   ctx->cm + param->ras, SPEC_RAS_END);
}

/* Contents of the decoders */

#define DECODER(base, size, ctrl)	{ base, size, ctrl }
#define GOOD	DECODER(TEST_HOST_BASE, TEST_SIZE, COMMITTED)

/**
 * struct layout_decoder_case - what firmware set up
 * @name: name of the row
 * @decoder: base, size and control of each of four decoders
 * @off: what else is disabled
 * @ret: what is returned
 * @empty: decoders to be restored, one bit each
 */
struct layout_decoder_case {
	const char *name;
	struct {
		u64 base;
		u64 size;
		u32 ctrl;
	} decoder[4];
	enum { NOTHING, GLOBAL, MEM_ENABLE } off;
	int ret;
	u32 empty;
};

static const struct layout_decoder_case layout_decoder_cases[] = {
	{ .name = "committed", .decoder = { GOOD } },
	{ .name = "committed and locked",
	  .decoder = { DECODER(TEST_HOST_BASE, TEST_SIZE,
			       COMMITTED | SPEC_HDM_CTRL_LOCK) } },
	{ .name = "for host-only memory",
	  .decoder = { DECODER(TEST_HOST_BASE, TEST_SIZE,
			       COMMITTED | SPEC_HDM_CTRL_TYPE) } },
	{ .name = "with a granularity",
	  .decoder = { DECODER(TEST_HOST_BASE, TEST_SIZE, COMMITTED | 6) } },
	{ .name = "not committed", .ret = -ENODATA,
	  .decoder = { DECODER(TEST_HOST_BASE, TEST_SIZE, 0) } },
	{ .name = "being committed", .ret = -ENODATA,
	  .decoder = { DECODER(TEST_HOST_BASE, TEST_SIZE,
			       SPEC_HDM_CTRL_COMMIT) } },
	{ .name = "failed", .ret = -ENODATA,
	  .decoder = { DECODER(TEST_HOST_BASE, TEST_SIZE,
			       SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_ERROR) } },
	{ .name = "decoding off", .off = GLOBAL, .ret = -ENODATA,
	  .decoder = { GOOD } },
	{ .name = "Mem_Enable off", .off = MEM_ENABLE, .ret = -ENODATA,
	  .decoder = { GOOD } },
	{ .name = "only the second", .ret = -ENODATA,
	  .decoder = { DECODER(0, 0, 0), GOOD } },
	{ .name = "two ways", .ret = -EXDEV,
	  .decoder = { DECODER(TEST_HOST_BASE, TEST_SIZE, COMMITTED | 0x10) } },
	{ .name = "three ways", .ret = -EXDEV,
	  .decoder = { DECODER(TEST_HOST_BASE, TEST_SIZE, COMMITTED | 0x80) } },
	{ .name = "Back-Invalidate", .ret = -EOPNOTSUPP,
	  .decoder = { DECODER(TEST_HOST_BASE, TEST_SIZE, COMMITTED | BI) } },
	{ .name = "Unordered I/O", .ret = -EOPNOTSUPP,
	  .decoder = { DECODER(TEST_HOST_BASE, TEST_SIZE, COMMITTED | UIO) } },
	{ .name = "size 0", .ret = -EINVAL,
	  .decoder = { DECODER(TEST_HOST_BASE, 0, COMMITTED) } },
	{ .name = "address 0", .ret = -EADDRNOTAVAIL,
	  .decoder = { DECODER(0, TEST_SIZE, COMMITTED) } },
	{ .name = "the second, too", .ret = -EMLINK,
	  .decoder = { GOOD, DECODER(TEST_HOST_BASE + TEST_SIZE, SZ_256M,
				     COMMITTED) } },
	{ .name = "the last, too", .ret = -EMLINK,
	  .decoder = { GOOD, { 0 }, { 0 },
		       DECODER(TEST_HOST_BASE + TEST_SIZE, SZ_256M,
			       COMMITTED) } },
	{ .name = "the second of 4 GiB", .ret = -EMLINK,
	  .decoder = { GOOD, DECODER(TEST_HOST_BASE + TEST_SIZE, 1ULL << 32,
				     COMMITTED) } },
	{ .name = "another that is not committed",
	  .decoder = { GOOD, DECODER(TEST_HOST_BASE + TEST_SIZE, SZ_256M,
				     0) } },
	{ .name = "another of size 0", .empty = BIT(1),
	  .decoder = { GOOD, DECODER(0, 0, COMMITTED | SPEC_HDM_CTRL_LOCK) } },
	{ .name = "all others of size 0", .empty = BIT(1) | BIT(2) | BIT(3),
	  .decoder = { GOOD, DECODER(0, 0, COMMITTED | SPEC_HDM_CTRL_LOCK),
		       DECODER(0, 0, COMMITTED),
		       DECODER(0, 0, COMMITTED | SPEC_HDM_CTRL_TYPE) } },
	{ .name = "one of size 0 and one that decodes", .ret = -EMLINK,
	  .decoder = { GOOD, DECODER(0, 0, COMMITTED), GOOD } },
};

KUNIT_ARRAY_PARAM_DESC(layout_decoder, layout_decoder_cases, name);

static void layout_decoder(struct kunit *test)
{
	const struct layout_decoder_case *param = test->param_value;
	struct layout_ctx *ctx = test->priv;
	const struct vfio_cxl_emu_source source = layout_source(ctx);
	u64 base = 0, size = 0;
	unsigned int i;
	u32 at;

	layout_put(ctx, 0, ARRAY(1));
	layout_put(ctx, 4, ENTRY(HDM, TEST_HDM));
	layout_put(ctx, TEST_HDM + SPEC_HDM_CAP, 2);
	layout_put(ctx, TEST_HDM + SPEC_HDM_GLOBAL,
		   param->off == GLOBAL ? 0 : SPEC_HDM_GLOBAL_ENABLE);
	put_unaligned_le16(param->off == MEM_ENABLE ?
				   0 : SPEC_DVSEC_CTRL_MEM_ENABLE,
			   ctx->config.dvsec + SPEC_DVSEC_CTRL);
	for (i = 0; i < ARRAY_SIZE(param->decoder); i++) {
		at = TEST_HDM + i * STRIDE;
		layout_put(ctx, at + SPEC_HDM_BASE_LOW, param->decoder[i].base);
		layout_put(ctx, at + SPEC_HDM_BASE_HIGH,
			   param->decoder[i].base >> 32);
		layout_put(ctx, at + SPEC_HDM_SIZE_LOW, param->decoder[i].size);
		layout_put(ctx, at + SPEC_HDM_SIZE_HIGH,
			   param->decoder[i].size >> 32);
		layout_put(ctx, at + SPEC_HDM_CTRL, param->decoder[i].ctrl);
	}

	KUNIT_ASSERT_EQ(test, layout_find(ctx), 0);
	KUNIT_EXPECT_EQ(test,
			vfio_cxl_emu_check_decoders(&source, &ctx->config,
						    &ctx->layout, &base, &size),
			param->ret);
	KUNIT_EXPECT_FALSE(test, ctx->outside);
	if (param->ret)
		return;

	KUNIT_EXPECT_EQ(test, base, TEST_HOST_BASE);
	KUNIT_EXPECT_EQ(test, size, TEST_SIZE);
	for (i = 0; i < ARRAY_SIZE(ctx->layout.empty); i++)
		KUNIT_EXPECT_EQ(test, ctx->layout.empty[i],
				param->empty & BIT(i) && i < 4 ?
					param->decoder[i].ctrl : 0);
}

/* The capacity (8.1.3.8) */

/**
 * struct layout_capacity_case - HDM ranges of the Device DVSEC
 * @name: name of the row
 * @cap: DVSEC CXL Capability Register
 * @sizes: high and low size registers of range 1 and 2
 * @capacity: what is returned
 */
struct layout_capacity_case {
	const char *name;
	u16 cap;
	u32 sizes[2][2];
	u64 capacity;
};

#define STATE	(SPEC_DVSEC_STATE | SPEC_DVSEC_SIZE_RESERVED)

static const struct layout_capacity_case layout_capacity_cases[] = {
	{ "one range", SPEC_DVSEC_CAP_HDM_COUNT_1,
	  { { 0, 0x20000000 } }, SZ_512M },
	{ "one range of 13 GiB and a quarter", SPEC_DVSEC_CAP_HDM_COUNT_1,
	  { { 3, 0x50000000 } }, TEST_SIZE },
	{ "two ranges", SPEC_DVSEC_CAP_HDM_COUNT_2,
	  { { 0, 0x20000000 }, { 0, 0x10000000 } }, SZ_512M + SZ_256M },
	{ "two ranges that carry into the high half",
	  SPEC_DVSEC_CAP_HDM_COUNT_2,
	  { { 1, 0xf0000000 }, { 2, 0x20000000 } }, 0x410000000ULL },
	{ "two ranges, the first empty", SPEC_DVSEC_CAP_HDM_COUNT_2,
	  { { 0, 0 }, { 0, 0x30000000 } }, 0x30000000 },
	{ "what follows the only range", SPEC_DVSEC_CAP_HDM_COUNT_1,
	  { { 0, 0x20000000 }, { 5, 0x10000000 } }, SZ_512M },
	{ "other bits of the size registers", SPEC_DVSEC_CAP_HDM_COUNT_2,
	  { { 0, 0x20000000 | STATE }, { 0, 0x10000000 | STATE } },
	  SZ_512M + SZ_256M },
	{ "other bits of the capability register",
	  (u16)~SPEC_DVSEC_CAP_HDM_COUNT | SPEC_DVSEC_CAP_HDM_COUNT_1,
	  { { 0, 0x20000000 }, { 0, 0x10000000 } }, SZ_512M },
	{ "no range", 0,
	  { { 0, 0x20000000 }, { 0, 0x10000000 } }, 0 },
	{ "the reserved count", SPEC_DVSEC_CAP_HDM_COUNT,
	  { { 0, 0x20000000 }, { 0, 0x10000000 } }, SZ_512M + SZ_256M },
};

KUNIT_ARRAY_PARAM_DESC(layout_capacity, layout_capacity_cases, name);

static void layout_capacity(struct kunit *test)
{
	const struct layout_capacity_case *param = test->param_value;
	struct layout_ctx *ctx = test->priv;
	u8 *dvsec = ctx->config.dvsec;
	unsigned int i;
	u32 range;

	memset(dvsec, 0xff, sizeof(ctx->config.dvsec));
	put_unaligned_le16(param->cap, dvsec + SPEC_DVSEC_CAP);
	for (i = 0; i < ARRAY_SIZE(param->sizes); i++) {
		range = i ? SPEC_DVSEC_RANGE2 : SPEC_DVSEC_SIZE_HIGH;
		put_unaligned_le32(param->sizes[i][0], dvsec + range);
		put_unaligned_le32(param->sizes[i][1], dvsec + range + 4);
	}

	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_capacity(&ctx->config),
			param->capacity);
}

/* The Register Locator DVSEC (8.1.9) */

/**
 * struct layout_block_case - register blocks
 * @name: name of the row
 * @length: length of the DVSEC
 * @words: contents of the DVSEC from its first entry on
 * @ret: what is returned
 * @bar: where the component registers are
 * @offset: and their offset in it
 */
struct layout_block_case {
	const char *name;
	u32 length;
	u32 words[6];
	int ret;
	unsigned int bar;
	u64 offset;
};

#define BLOCK(offset, type, bar)	((u32)(offset) | (type) << 8 | (bar))

static const struct layout_block_case layout_block_cases[] = {
	{ "at the start of BAR 0", 0x14,
	  { BLOCK(0, 1, 0), 0 }, 0, 0, 0 },
	{ "behind the device's registers in the same BAR", 0x1c,
	  { BLOCK(0, 3, 2), 0, BLOCK(0x10000, 1, 2), 0 }, 0, 2, 0x10000 },
	{ "in BAR 2", 0x1c,
	  { BLOCK(0, 1, 2), 0, BLOCK(0, 3, 0), 0 }, 0, 2, 0 },
	{ "in BAR 1, which is a BAR of 32 bits", 0x1c,
	  { BLOCK(0, 3, 0), 0, BLOCK(0x10000, 1, 1), 0 }, 0, 1, 0x10000 },
	{ "in the last BAR, which is one of 32 bits", 0x14,
	  { BLOCK(0, 1, 5), 0 }, 0, 5, 0 },
	{ "beyond 4 GiB", 0x14,
	  { BLOCK(0x20000, 1, 4), 3 }, 0, 4, 0x300020000ULL },
	{ "in the expansion ROM, which the caller refuses", 0x14,
	  { BLOCK(0, 1, 6), 0 }, 0, 6, 0 },
	{ "the first of two", 0x1c,
	  { BLOCK(0x10000, 1, 0), 0, BLOCK(0x20000, 1, 0), 0 }, 0, 0, 0x10000 },
	{ "an empty entry before it", 0x1c,
	  { 0, 0, BLOCK(0x10000, 1, 0), 0 }, 0, 0, 0x10000 },
	{ "none", 0x1c,
	  { BLOCK(0, 3, 0), 0, BLOCK(0x10000, 2, 0), 0 }, -ENXIO, 0, 0 },
	{ "behind the end of the DVSEC", 0x14,
	  { BLOCK(0, 3, 0), 0, BLOCK(0x10000, 1, 0), 0 }, -ENXIO, 0, 0 },
	{ "half an entry", 0x18,
	  { BLOCK(0, 3, 0), 0, BLOCK(0x10000, 1, 0), 0 }, -ENXIO, 0, 0 },
	{ "no DVSEC", 0,
	  { BLOCK(0, 1, 0), 0 }, -ENXIO, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(layout_block, layout_block_cases, name);

static u32 layout_read_locator(void *device, u32 offset)
{
	const struct layout_block_case *param = device;
	const u32 at = (offset - 0xc) / 4;

	/* A read beyond the end returns what looks like a block */
	return at < ARRAY_SIZE(param->words) ? param->words[at] :
					       BLOCK(0xbad0000, 1, 5);
}

static void layout_block(struct kunit *test)
{
	const struct layout_block_case *param = test->param_value;
	const struct vfio_cxl_emu_source source = {
		.read = layout_read_locator,
		.device = (void *)param,
	};
	unsigned int bar = 0;
	u64 offset = 0;

	KUNIT_EXPECT_EQ(test,
			vfio_cxl_emu_find_block(&source, param->length, &bar,
						&offset),
			param->ret);
	KUNIT_EXPECT_EQ(test, bar, param->bar);
	KUNIT_EXPECT_EQ(test, offset, param->offset);
}

/* The component registers in their BAR */

/**
 * struct layout_bar_case - a BAR
 * @name: name of the row
 * @block: offset of the component registers in it
 * @size: its size
 * @nr: how many parts can be mapped
 * @areas: where they are
 */
struct layout_bar_case {
	const char *name;
	u64 block;
	u64 size;
	unsigned int nr;
	struct vfio_cxl_emu_area areas[2];
};

static const struct layout_bar_case layout_bar_cases[] = {
	{ "all of the BAR", 0, 0x10000, 0 },
	{ "at its start", 0, 0x40000,
	  1, { { 0x10000, 0x30000 } } },
	{ "behind another block", 0x10000, 0x40000,
	  2, { { 0, 0x10000 }, { 0x20000, 0x20000 } } },
	{ "at its end", 0x30000, 0x40000,
	  1, { { 0, 0x30000 } } },
	{ "at the end of the largest BAR of 32 bits", 0x7fff0000, 0x80000000,
	  1, { { 0, 0x7fff0000 } } },
	{ "up to 4 GiB", 0xffff0000, 0x200000000ULL,
	  2, { { 0, 0xffff0000 }, { 0x100000000ULL, 0x100000000ULL } } },
	{ "beyond 4 GiB", 0x300020000ULL, 0x400000000ULL,
	  2, { { 0, 0x300020000ULL }, { 0x300030000ULL, 0xfffd0000 } } },
	{ "at the end of a BAR of 1 TiB", 0xffffff0000ULL, 0x10000000000ULL,
	  1, { { 0, 0xffffff0000ULL } } },
};

KUNIT_ARRAY_PARAM_DESC(layout_bar, layout_bar_cases, name);

static void layout_mappable(struct kunit *test)
{
	const struct layout_bar_case *param = test->param_value;
	struct vfio_cxl_emu_area areas[2];
	unsigned int i;

	KUNIT_ASSERT_EQ(test,
			vfio_cxl_emu_around_block(param->block, param->size,
						  areas),
			param->nr);
	for (i = 0; i < param->nr; i++) {
		KUNIT_EXPECT_EQ(test, areas[i].offset, param->areas[i].offset);
		KUNIT_EXPECT_EQ(test, areas[i].size, param->areas[i].size);
		KUNIT_EXPECT_FALSE(test,
				   vfio_cxl_emu_overlaps_block(param->block,
							       areas[i].offset,
							       areas[i].size));
	}
	KUNIT_EXPECT_TRUE(test, vfio_cxl_emu_overlaps_block(param->block, 0,
							    param->size));
}

/**
 * struct layout_access - an access to a BAR, or a mapping of a part of it
 * @from: where it starts, from the start of the component registers
 * @len: its length
 * @overlaps: whether it overlaps them
 * @pieces: what it is split into
 */
struct layout_access {
	s64 from;
	u64 len;
	bool overlaps;
	u64 pieces[3];
};

static const struct layout_access layout_accesses[] = {
	{ -0x1000, 0x1000, false, { 0x1000 } },
	{ -8, 8, false, { 8 } },
	{ -1, 1, false, { 1 } },
	{ -8, 9, true, { 8, 1 } },
	{ -4, 8, true, { 4, 4 } },
	{ -0x1000, 0x2000, true, { 0x1000, 0x1000 } },
	{ -4, 0x10008, true, { 4, 0x10000, 4 } },
	{ 0, 1, true, { 1 } },
	{ 0, 0x10000, true, { 0x10000 } },
	{ 0, 0x10001, true, { 0x10000, 1 } },
	{ 0x1128, 8, true, { 8 } },
	{ 0xffff, 1, true, { 1 } },
	{ 0xfffc, 8, true, { 4, 4 } },
	{ 0xf000, 0x2000, true, { 0x1000, 0x1000 } },
	{ 0x10000, 1, false, { 1 } },
	{ 0x10000, 0x1000, false, { 0x1000 } },
	{ 0x20000, 8, false, { 8 } },
};

static void layout_access(struct kunit *test)
{
	const struct layout_bar_case *param = test->param_value;
	const u64 start = param->block, end = start + SPEC_COMPONENT_SIZE;
	const struct layout_access *access;
	unsigned int i, j;
	u64 pos, left;

	for (i = 0; i < ARRAY_SIZE(layout_accesses); i++) {
		access = &layout_accesses[i];
		if (access->from < 0 && !start)
			continue;
		pos = start + access->from;
		left = access->len;
		KUNIT_ASSERT_EQ_MSG(test,
				    vfio_cxl_emu_overlaps_block(start, pos,
								left),
				    access->overlaps, "access %u", i);
		for (j = 0; left; j++) {
			KUNIT_ASSERT_LT(test, j, 3);
			KUNIT_ASSERT_EQ_MSG(test,
					    vfio_cxl_emu_piece(start, end, pos,
							       left),
					    access->pieces[j],
					    "access %u, piece %u", i, j);
			pos += access->pieces[j];
			left -= access->pieces[j];
		}
	}

	/* An end that wraps */
	KUNIT_EXPECT_TRUE(test, vfio_cxl_emu_overlaps_block(start, end, -end));
	KUNIT_EXPECT_TRUE(test, vfio_cxl_emu_overlaps_block(start, -0x1000ULL,
							    0x2000));
}

static struct kunit_case layout_test_cases[] = {
	KUNIT_CASE_PARAM(layout_hdm, layout_hdm_gen_params),
	KUNIT_CASE_PARAM(layout_decoder, layout_decoder_gen_params),
	KUNIT_CASE_PARAM(layout_capacity, layout_capacity_gen_params),
	KUNIT_CASE_PARAM(layout_block, layout_block_gen_params),
	KUNIT_CASE_PARAM(layout_mappable, layout_bar_gen_params),
	KUNIT_CASE_PARAM(layout_access, layout_bar_gen_params),
	{}
};

static struct kunit_suite layout_test_suite = {
	.name = "vfio-cxl-layout",
	.init = layout_test_init,
	.test_cases = layout_test_cases,
};

kunit_test_suites(&layout_test_suite);
