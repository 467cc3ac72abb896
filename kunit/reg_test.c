// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table engine: each kind of field, access width and byte lane
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/container_of.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "emu/emu.h"

#define GUARD	8
#define SIZE	16

/**
 * struct reg_ctx - a block of registers, and what its effects recorded
 * @block: the block
 * @before: must stay 0xcc
 * @image: the image of @block
 * @after: must stay 0xcc
 * @host: the host's registers
 * @nr_effects: effects that ran
 * @seen: register that the first effect saw
 * @order: offset of the register of each effect
 */
struct reg_ctx {
	struct vfio_cxl_emu_block block;
	u8 before[GUARD];
	u8 image[SIZE];
	u8 after[GUARD];
	u8 host[SIZE];
	unsigned int nr_effects;
	u32 seen;
	u32 order[8];
};

static void reg_use(struct reg_ctx *ctx,
		    const struct vfio_cxl_emu_field *fields, unsigned int nr)
{
	ctx->block.fields = fields;
	ctx->block.nr_fields = nr;
	ctx->block.image = ctx->image;
	ctx->block.size = SIZE;
	vfio_cxl_emu_block_init(&ctx->block, ctx->host);
	ctx->nr_effects = 0;
}

static int reg_test_init(struct kunit *test)
{
	struct reg_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	memset(ctx->before, 0xcc, GUARD);
	memset(ctx->after, 0xcc, GUARD);
	test->priv = ctx;

	return 0;
}

/* No case reads or writes outside of the block */
static void reg_test_exit(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < GUARD; i++) {
		KUNIT_EXPECT_EQ(test, ctx->before[i], 0xcc);
		KUNIT_EXPECT_EQ(test, ctx->after[i], 0xcc);
	}
}

/* A block that is full of registers of one kind */
#define MASK2	0x7ffe
#define MASK4	0x7ffff7fe

#define REG2(offset, kind)	{ offset, 2, MASK2, kind }
#define REG4(offset, kind)	{ offset, 4, MASK4, kind }

struct reg_kind_case {
	const char *name;
	enum vfio_cxl_emu_kind kind;
	unsigned int width;
};

static const struct reg_kind_case reg_kind_cases[] = {
	{ "RO, 1 byte", VFIO_CXL_EMU_RO, 1 },
	{ "RO, 2 bytes", VFIO_CXL_EMU_RO, 2 },
	{ "RO, 4 bytes", VFIO_CXL_EMU_RO, 4 },
	{ "RO, 8 bytes", VFIO_CXL_EMU_RO, 8 },
	{ "RW, 1 byte", VFIO_CXL_EMU_RW, 1 },
	{ "RW, 2 bytes", VFIO_CXL_EMU_RW, 2 },
	{ "RW, 4 bytes", VFIO_CXL_EMU_RW, 4 },
	{ "RW, 8 bytes", VFIO_CXL_EMU_RW, 8 },
	{ "RWL, 1 byte", VFIO_CXL_EMU_RWL, 1 },
	{ "RWL, 2 bytes", VFIO_CXL_EMU_RWL, 2 },
	{ "RWL, 4 bytes", VFIO_CXL_EMU_RWL, 4 },
	{ "RWL, 8 bytes", VFIO_CXL_EMU_RWL, 8 },
	{ "RW1C, 1 byte", VFIO_CXL_EMU_RW1C, 1 },
	{ "RW1C, 2 bytes", VFIO_CXL_EMU_RW1C, 2 },
	{ "RW1C, 4 bytes", VFIO_CXL_EMU_RW1C, 4 },
	{ "RW1C, 8 bytes", VFIO_CXL_EMU_RW1C, 8 },
	{ "RWO, 1 byte", VFIO_CXL_EMU_RWO, 1 },
	{ "RWO, 2 bytes", VFIO_CXL_EMU_RWO, 2 },
	{ "RWO, 4 bytes", VFIO_CXL_EMU_RWO, 4 },
	{ "RWO, 8 bytes", VFIO_CXL_EMU_RWO, 8 },
	{ "HwInit, 1 byte", VFIO_CXL_EMU_HWINIT, 1 },
	{ "HwInit, 2 bytes", VFIO_CXL_EMU_HWINIT, 2 },
	{ "HwInit, 4 bytes", VFIO_CXL_EMU_HWINIT, 4 },
	{ "HwInit, 8 bytes", VFIO_CXL_EMU_HWINIT, 8 },
	{ "RsvdP, 1 byte", VFIO_CXL_EMU_RSVDP, 1 },
	{ "RsvdP, 2 bytes", VFIO_CXL_EMU_RSVDP, 2 },
	{ "RsvdP, 4 bytes", VFIO_CXL_EMU_RSVDP, 4 },
	{ "RsvdP, 8 bytes", VFIO_CXL_EMU_RSVDP, 8 },
	{ "RsvdZ, 1 byte", VFIO_CXL_EMU_RSVDZ, 1 },
	{ "RsvdZ, 2 bytes", VFIO_CXL_EMU_RSVDZ, 2 },
	{ "RsvdZ, 4 bytes", VFIO_CXL_EMU_RSVDZ, 4 },
	{ "RsvdZ, 8 bytes", VFIO_CXL_EMU_RSVDZ, 8 },
};

KUNIT_ARRAY_PARAM_DESC(reg_kind, reg_kind_cases, name);

/* What byte @i of the block holds after the write, by the kind's definition */
static u8 reg_kind_expect(const struct reg_kind_case *param, const u8 *old,
			  unsigned int reg_width, unsigned int i, u8 val,
			  bool locked)
{
	u32 mask = reg_width == 2 ? MASK2 : MASK4;
	unsigned int reg = i & ~(reg_width - 1);
	u8 bits = mask >> (8 * (i - reg));
	bool burnt;

	switch (param->kind) {
	case VFIO_CXL_EMU_RWL:
		return locked ? old[i] : (old[i] & ~bits) | (val & bits);
	case VFIO_CXL_EMU_RW:
		return (old[i] & ~bits) | (val & bits);
	case VFIO_CXL_EMU_RW1C:
		return old[i] & ~(val & bits);
	case VFIO_CXL_EMU_RWO:
		burnt = reg_width == 2 ?
			get_unaligned_le16(old + reg) & mask :
			get_unaligned_le32(old + reg) & mask;
		return burnt ? old[i] : old[i] | (val & bits);
	default:
		return old[i];
	}
}

/* One write at every offset, to registers that hold @old and then ~@old */
static void reg_kind_write(struct kunit *test, unsigned int reg_width, u64 old,
			   u64 val)
{
	const struct reg_kind_case *param = test->param_value;
	unsigned int width = param->width, offset, i;
	struct reg_ctx *ctx = test->priv;
	u8 before[SIZE], expect;

	put_unaligned_le64(old, before);
	put_unaligned_le64(~old, before + 8);
	for (offset = 0; offset + width <= SIZE; offset++) {
		memcpy(ctx->image, before, SIZE);
		vfio_cxl_emu_block_write(&ctx->block, offset, width, val);

		for (i = 0; i < SIZE; i++) {
			u8 byte = val >> (8 * (i - offset) & 63);

			expect = before[i];
			if (i >= offset && i < offset + width)
				expect = reg_kind_expect(param, before,
							 reg_width, i, byte,
							 ctx->block.locked);
			KUNIT_ASSERT_EQ_MSG(test, ctx->image[i], expect,
					    "byte %u, 0x%llx at %u, %u byte registers",
					    i, val, offset, reg_width);
		}
	}
}

/* To 2 byte and to 4 byte registers, unlocked and locked */
static void reg_kind(struct kunit *test)
{
	static const u64 olds[] = {
		0, ~0ULL, 0x00ff00ff00ff00ffULL, 0xa596695a3cc3f00fULL,
		0x8001800180018001ULL,
	};
	static const u64 vals[] = {
		0, ~0ULL, 0x0123456789abcdefULL, 0xff00ff00ff00ff00ULL,
		0x8000000000000001ULL,
	};
	const struct reg_kind_case *param = test->param_value;
	const struct vfio_cxl_emu_field fields2[] = {
		REG2(0, param->kind), REG2(2, param->kind),
		REG2(4, param->kind), REG2(6, param->kind),
		REG2(8, param->kind), REG2(10, param->kind),
		REG2(12, param->kind), REG2(14, param->kind),
	};
	const struct vfio_cxl_emu_field fields4[] = {
		REG4(0, param->kind), REG4(4, param->kind),
		REG4(8, param->kind), REG4(12, param->kind),
	};
	struct reg_ctx *ctx = test->priv;
	unsigned int locked, o, v;

	for (locked = 0; locked < 2; locked++)
		for (o = 0; o < ARRAY_SIZE(olds); o++)
			for (v = 0; v < ARRAY_SIZE(vals); v++) {
				reg_use(ctx, fields2, ARRAY_SIZE(fields2));
				ctx->block.locked = locked;
				reg_kind_write(test, 2, olds[o], vals[v]);
				reg_use(ctx, fields4, ARRAY_SIZE(fields4));
				ctx->block.locked = locked;
				reg_kind_write(test, 4, olds[o], vals[v]);
			}
}

/* Reading */

static const u8 reg_bytes[SIZE] = {
	0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
	0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10,
};

static const struct vfio_cxl_emu_field reg_ro_fields[] = {
	{ 0, 2, 0xffff, VFIO_CXL_EMU_RO, 0xffff },
	{ 2, 2, 0xffff, VFIO_CXL_EMU_RO, 0xffff },
	{ 4, 4, ~0U, VFIO_CXL_EMU_RO, ~0U },
	{ 8, 4, ~0U, VFIO_CXL_EMU_RO, ~0U },
	{ 12, 4, ~0U, VFIO_CXL_EMU_RO, ~0U },
};

static void reg_use_bytes(struct reg_ctx *ctx)
{
	memcpy(ctx->host, reg_bytes, SIZE);
	reg_use(ctx, reg_ro_fields, ARRAY_SIZE(reg_ro_fields));
}

static void reg_read_first_byte_is_lowest(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	reg_use_bytes(ctx);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 0, 1), 0x01);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 0, 2),
			0x2301);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 4, 4),
			0xefcdab89);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 8, 8),
			0x1032547698badcfeULL);
}

static void reg_read_4_bytes_spans_two_2_byte_registers(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	reg_use_bytes(ctx);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 0, 4),
			0x67452301);
}

static void reg_read_at_odd_offset(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	reg_use_bytes(ctx);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 1, 1), 0x23);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 1, 2),
			0x4523);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 3, 4),
			0xcdab8967);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 7, 8),
			0x32547698badcfeefULL);
}

static void reg_read_of_every_width_agrees_with_bytes(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;
	unsigned int width, offset, i;

	reg_use_bytes(ctx);
	for (width = 1; width <= 8; width++)
		for (offset = 0; offset + width <= SIZE; offset++) {
			u64 expect = 0;

			for (i = 0; i < width; i++)
				expect |= (u64)reg_bytes[offset + i] << 8 * i;
			KUNIT_ASSERT_EQ(test, expect,
					vfio_cxl_emu_block_read(&ctx->block,
								offset, width));
		}
}

static void reg_read_changes_nothing(struct kunit *test)
{
	static const struct vfio_cxl_emu_field fields[] = {
		{ 0, 4, ~0U, VFIO_CXL_EMU_RW1C, ~0U },
		{ 4, 4, ~0U, VFIO_CXL_EMU_RWO, ~0U },
		{ 8, 4, ~0U, VFIO_CXL_EMU_RW, ~0U },
		{ 12, 4, ~0U, VFIO_CXL_EMU_RWL, ~0U },
	};
	struct reg_ctx *ctx = test->priv;
	unsigned int width, offset;

	memcpy(ctx->host, reg_bytes, SIZE);
	reg_use(ctx, fields, ARRAY_SIZE(fields));
	for (width = 1; width <= 8; width++)
		for (offset = 0; offset + width <= SIZE; offset++)
			vfio_cxl_emu_block_read(&ctx->block, offset, width);
	KUNIT_EXPECT_MEMEQ(test, ctx->image, reg_bytes, SIZE);
}

/* Initial values */

static void reg_init_takes_the_host_bits_of_the_table(struct kunit *test)
{
	static const struct vfio_cxl_emu_field fields[] = {
		{ 0, 2, 0xffff, VFIO_CXL_EMU_RO, 0x0ff0 },
		{ 4, 4, 0x0000ffff, VFIO_CXL_EMU_RW, 0x0000f00f },
		{ 4, 4, 0xffff0000, VFIO_CXL_EMU_RO, 0x12340000 },
		{ 8, 4, ~0U, VFIO_CXL_EMU_RW },
	};
	static const u8 expect[SIZE] = {
		0xf0, 0x0f, 0, 0, 0x0f, 0xf0, 0x34, 0x12,
	};
	struct reg_ctx *ctx = test->priv;

	memset(ctx->host, 0xff, SIZE);
	reg_use(ctx, fields, ARRAY_SIZE(fields));
	KUNIT_EXPECT_MEMEQ(test, ctx->image, expect, SIZE);
}

static void reg_init_forgets_values_and_lock(struct kunit *test)
{
	static const struct vfio_cxl_emu_field fields[] = {
		{ 0, 4, ~0U, VFIO_CXL_EMU_RW },
	};
	static const u8 zero[SIZE];
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, fields, ARRAY_SIZE(fields));
	memset(ctx->image, 0xff, SIZE);
	ctx->block.locked = true;
	vfio_cxl_emu_block_init(&ctx->block, ctx->host);
	KUNIT_EXPECT_MEMEQ(test, ctx->image, zero, SIZE);
	KUNIT_EXPECT_FALSE(test, ctx->block.locked);
}

/* Writing */

static const struct vfio_cxl_emu_field reg_rw_fields[] = {
	{ 0, 2, 0xffff, VFIO_CXL_EMU_RW },
	{ 2, 2, 0xffff, VFIO_CXL_EMU_RW },
	{ 4, 4, ~0U, VFIO_CXL_EMU_RW },
	{ 8, 4, ~0U, VFIO_CXL_EMU_RW },
	{ 12, 4, ~0U, VFIO_CXL_EMU_RW },
};

static void reg_write_of_1_byte_keeps_the_others(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, reg_rw_fields, ARRAY_SIZE(reg_rw_fields));
	memcpy(ctx->image, reg_bytes, SIZE);

	vfio_cxl_emu_block_write(&ctx->block, 0, 1, 0xee);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 2), 0x23ee);
	vfio_cxl_emu_block_write(&ctx->block, 1, 1, 0xdd);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 2), 0xddee);
	vfio_cxl_emu_block_write(&ctx->block, 6, 1, 0xbb);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 4, 4),
			0xefbbab89);
}

static void reg_write_at_odd_offset_reaches_both_registers(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, reg_rw_fields, ARRAY_SIZE(reg_rw_fields));
	memcpy(ctx->image, reg_bytes, SIZE);

	vfio_cxl_emu_block_write(&ctx->block, 1, 2, 0xddee);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 2), 0xee01);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 2, 2), 0x67dd);

	vfio_cxl_emu_block_write(&ctx->block, 5, 4, 0x11223344);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 4, 4),
			0x22334489);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 8, 4),
			0x98badc11);
}

static void reg_write_of_8_bytes_reaches_all_registers(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, reg_rw_fields, ARRAY_SIZE(reg_rw_fields));
	vfio_cxl_emu_block_write(&ctx->block, 0, 8, 0x1122334455667788ULL);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 2), 0x7788);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 2, 2), 0x5566);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 4, 4),
			0x11223344);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 8, 4), 0);
}

/* Bits of the value beyond the width of the access are not written */
static void reg_write_ignores_value_bits_above_the_width(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, reg_rw_fields, ARRAY_SIZE(reg_rw_fields));
	vfio_cxl_emu_block_write(&ctx->block, 4, 1, ~0ULL);
	vfio_cxl_emu_block_write(&ctx->block, 8, 2, ~0ULL);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 4, 8),
			0x0000ffff000000ffULL);
}

static void reg_bits_without_a_row_read_0_and_ignore_writes(struct kunit *test)
{
	static const struct vfio_cxl_emu_field fields[] = {
		{ 0, 4, 0x00ffff00, VFIO_CXL_EMU_RW, 0x00ffff00 },
		{ 8, 2, 0x0ff0, VFIO_CXL_EMU_RW, 0x0ff0 },
	};
	static const u8 expect[SIZE] = {
		0, 0xff, 0xff, 0, 0, 0, 0, 0, 0xf0, 0x0f,
	};
	struct reg_ctx *ctx = test->priv;

	memset(ctx->host, 0xff, SIZE);
	reg_use(ctx, fields, ARRAY_SIZE(fields));
	KUNIT_EXPECT_MEMEQ(test, ctx->image, expect, SIZE);
	vfio_cxl_emu_block_write(&ctx->block, 0, 8, ~0ULL);
	vfio_cxl_emu_block_write(&ctx->block, 8, 8, ~0ULL);
	KUNIT_EXPECT_MEMEQ(test, ctx->image, expect, SIZE);
}

static void reg_fields_of_a_register_keep_their_kinds(struct kunit *test)
{
	static const struct vfio_cxl_emu_field fields[] = {
		{ 0, 4, 0x000000ff, VFIO_CXL_EMU_RW, 0x000000ff },
		{ 0, 4, 0x0000ff00, VFIO_CXL_EMU_RO, 0x0000ff00 },
		{ 0, 4, 0x00ff0000, VFIO_CXL_EMU_RW1C, 0x00ff0000 },
		{ 0, 4, 0x0f000000, VFIO_CXL_EMU_RWO },
		{ 0, 4, 0xf0000000, VFIO_CXL_EMU_RWL, 0xf0000000 },
	};
	struct reg_ctx *ctx = test->priv;

	put_unaligned_le32(0x50aa5a5a, ctx->host);
	reg_use(ctx, fields, ARRAY_SIZE(fields));
	vfio_cxl_emu_block_write(&ctx->block, 0, 4, 0x9a0f0ff0);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 4),
			0x9aa05af0);
}

static void reg_rwl_is_writable_until_locked(struct kunit *test)
{
	static const struct vfio_cxl_emu_field fields[] = {
		{ 0, 4, ~0U, VFIO_CXL_EMU_RWL },
		{ 4, 4, ~0U, VFIO_CXL_EMU_RW },
	};
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, fields, ARRAY_SIZE(fields));
	vfio_cxl_emu_block_write(&ctx->block, 0, 8, 0x1111111122222222ULL);
	ctx->block.locked = true;
	vfio_cxl_emu_block_write(&ctx->block, 0, 8, 0x3333333344444444ULL);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 4),
			0x22222222);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 4, 4),
			0x33333333);
}

static void reg_rw1c_clears_what_is_written_1(struct kunit *test)
{
	static const struct vfio_cxl_emu_field fields[] = {
		{ 0, 4, ~0U, VFIO_CXL_EMU_RW1C },
	};
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, fields, ARRAY_SIZE(fields));
	vfio_cxl_emu_reg_set(&ctx->block, 0, 4, 0xffff0f0f);
	vfio_cxl_emu_block_write(&ctx->block, 0, 4, 0);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 4),
			0xffff0f0f);
	vfio_cxl_emu_block_write(&ctx->block, 0, 4, 0x80ff00ff);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 4),
			0x7f000f00);
	/* No 1 that is written sets a bit */
	vfio_cxl_emu_block_write(&ctx->block, 0, 4, ~0U);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 4), 0);
}

static void reg_rwo_takes_the_first_bit_set(struct kunit *test)
{
	static const struct vfio_cxl_emu_field fields[] = {
		{ 0, 2, 0x0001, VFIO_CXL_EMU_RWO },
	};
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, fields, ARRAY_SIZE(fields));
	/* Writing 0 does not use up the one write */
	vfio_cxl_emu_block_write(&ctx->block, 0, 2, 0xfffe);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 2), 0);
	vfio_cxl_emu_block_write(&ctx->block, 0, 2, 0x0001);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 2), 1);
	vfio_cxl_emu_block_write(&ctx->block, 0, 2, 0);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 2), 1);
}

static void reg_rwo_field_is_written_as_a_whole(struct kunit *test)
{
	static const struct vfio_cxl_emu_field fields[] = {
		{ 0, 4, 0x0000ffff, VFIO_CXL_EMU_RWO },
		{ 0, 4, 0xffff0000, VFIO_CXL_EMU_RWO },
	};
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, fields, ARRAY_SIZE(fields));
	vfio_cxl_emu_block_write(&ctx->block, 0, 1, 0x42);
	vfio_cxl_emu_block_write(&ctx->block, 0, 4, 0x1234ffff);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 4),
			0x12340042);
	vfio_cxl_emu_block_write(&ctx->block, 0, 4, 0xffffffff);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 0, 4),
			0x12340042);
}

static void reg_set_is_not_limited_by_attributes(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, reg_ro_fields, ARRAY_SIZE(reg_ro_fields));
	ctx->block.locked = true;
	vfio_cxl_emu_reg_set(&ctx->block, 2, 2, 0x1234);
	vfio_cxl_emu_reg_set(&ctx->block, 4, 4, 0x89abcdef);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 0, 8),
			0x89abcdef12340000ULL);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 2, 2), 0x1234);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_reg_get(&ctx->block, 4, 4),
			0x89abcdef);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 8, 8), 0);
}

/* Effects */

static void reg_record(struct vfio_cxl_emu_block *block, u32 offset)
{
	struct reg_ctx *ctx = container_of(block, struct reg_ctx, block);

	if (ctx->nr_effects < ARRAY_SIZE(ctx->order))
		ctx->order[ctx->nr_effects] = offset;
	if (!ctx->nr_effects++)
		ctx->seen = vfio_cxl_emu_reg_get(block, 8, 4);
}

static void reg_effect_2(struct vfio_cxl_emu_block *block)
{
	reg_record(block, 2);
}

static void reg_effect_4(struct vfio_cxl_emu_block *block)
{
	reg_record(block, 4);
}

static void reg_effect_8(struct vfio_cxl_emu_block *block)
{
	reg_record(block, 8);
}

static void reg_effect_lock(struct vfio_cxl_emu_block *block)
{
	block->locked = true;
}

static const struct vfio_cxl_emu_field reg_effect_fields[] = {
	{ 0, 2, 0xffff, VFIO_CXL_EMU_RW },
	{ 2, 2, 0x0001, VFIO_CXL_EMU_RO, 0, reg_effect_2 },
	{ 4, 4, 0x00ff, VFIO_CXL_EMU_RW, 0, reg_effect_4 },
	{ 4, 4, 0xff00, VFIO_CXL_EMU_RW },
	{ 8, 4, ~0U, VFIO_CXL_EMU_RW, 0, reg_effect_8 },
	{ 12, 4, ~0U, VFIO_CXL_EMU_RW },
};

static void reg_effect_runs_for_any_byte_of_its_register(struct kunit *test)
{
	static const u32 regs[][2] = { { 2, 2 }, { 4, 4 }, { 8, 4 } };
	struct reg_ctx *ctx = test->priv;
	unsigned int width, offset, i, n;

	reg_use(ctx, reg_effect_fields, ARRAY_SIZE(reg_effect_fields));
	for (width = 1; width <= 8; width <<= 1)
		for (offset = 0; offset + width <= SIZE; offset++) {
			ctx->nr_effects = 0;
			vfio_cxl_emu_block_write(&ctx->block, offset, width, 0);
			for (i = 0, n = 0; i < ARRAY_SIZE(regs); i++) {
				if (offset + width <= regs[i][0] ||
				    offset >= regs[i][0] + regs[i][1])
					continue;
				KUNIT_ASSERT_LT(test, n, ctx->nr_effects);
				/* In the order of the table */
				KUNIT_ASSERT_EQ(test, ctx->order[n++],
						regs[i][0]);
			}
			KUNIT_ASSERT_EQ(test, ctx->nr_effects, n);
		}
}

static void reg_effects_run_after_all_registers_are_written(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, reg_effect_fields, ARRAY_SIZE(reg_effect_fields));
	vfio_cxl_emu_block_write(&ctx->block, 4, 8, 0x1234567800000000ULL);
	KUNIT_EXPECT_EQ(test, ctx->nr_effects, 2);
	KUNIT_EXPECT_EQ(test, ctx->seen, 0x12345678);
}

/* Like the part of an access that is in a neighbouring block */
static void reg_write_may_lie_partly_outside_the_block(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, reg_effect_fields, ARRAY_SIZE(reg_effect_fields));
	vfio_cxl_emu_block_write(&ctx->block, -4, 8, 0x0001567800000000ULL);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 0, 8),
			0x5678);
	KUNIT_EXPECT_EQ(test, ctx->nr_effects, 1);
	KUNIT_EXPECT_EQ(test, ctx->order[0], 2);

	vfio_cxl_emu_block_write(&ctx->block, SIZE - 4, 8, ~0ULL);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 8, 8),
			0xffffffff00000000ULL);
	vfio_cxl_emu_block_write(&ctx->block, -4, 4, ~0ULL);
	vfio_cxl_emu_block_write(&ctx->block, SIZE, 4, ~0ULL);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 0, 8),
			0x5678);
	KUNIT_EXPECT_EQ(test, ctx->nr_effects, 1);
}

static void reg_effects_do_not_run_on_reads(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;
	unsigned int offset;

	reg_use(ctx, reg_effect_fields, ARRAY_SIZE(reg_effect_fields));
	for (offset = 0; offset + 8 <= SIZE; offset++)
		vfio_cxl_emu_block_read(&ctx->block, offset, 8);
	KUNIT_EXPECT_EQ(test, ctx->nr_effects, 0);
}

static void reg_effects_do_not_run_on_init_and_set(struct kunit *test)
{
	struct reg_ctx *ctx = test->priv;

	memset(ctx->host, 0xff, SIZE);
	reg_use(ctx, reg_effect_fields, ARRAY_SIZE(reg_effect_fields));
	vfio_cxl_emu_block_init(&ctx->block, ctx->host);
	vfio_cxl_emu_reg_set(&ctx->block, 4, 4, ~0U);
	KUNIT_EXPECT_EQ(test, ctx->nr_effects, 0);
}

static void reg_write_that_locks_writes_its_other_fields(struct kunit *test)
{
	static const struct vfio_cxl_emu_field fields[] = {
		{ 0, 2, 0x0001, VFIO_CXL_EMU_RWO, 0, reg_effect_lock },
		{ 2, 2, 0xffff, VFIO_CXL_EMU_RWL },
		{ 4, 4, ~0U, VFIO_CXL_EMU_RWL },
	};
	struct reg_ctx *ctx = test->priv;

	reg_use(ctx, fields, ARRAY_SIZE(fields));
	vfio_cxl_emu_block_write(&ctx->block, 0, 8, 0x55555555aaaa0001ULL);
	KUNIT_EXPECT_TRUE(test, ctx->block.locked);
	vfio_cxl_emu_block_write(&ctx->block, 0, 8, 0x1111111111110000ULL);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block, 0, 8),
			0x55555555aaaa0001ULL);
}

static struct kunit_case reg_test_cases[] = {
	KUNIT_CASE_PARAM(reg_kind, reg_kind_gen_params),
	KUNIT_CASE(reg_read_first_byte_is_lowest),
	KUNIT_CASE(reg_read_4_bytes_spans_two_2_byte_registers),
	KUNIT_CASE(reg_read_at_odd_offset),
	KUNIT_CASE(reg_read_of_every_width_agrees_with_bytes),
	KUNIT_CASE(reg_read_changes_nothing),
	KUNIT_CASE(reg_init_takes_the_host_bits_of_the_table),
	KUNIT_CASE(reg_init_forgets_values_and_lock),
	KUNIT_CASE(reg_write_of_1_byte_keeps_the_others),
	KUNIT_CASE(reg_write_at_odd_offset_reaches_both_registers),
	KUNIT_CASE(reg_write_of_8_bytes_reaches_all_registers),
	KUNIT_CASE(reg_write_ignores_value_bits_above_the_width),
	KUNIT_CASE(reg_bits_without_a_row_read_0_and_ignore_writes),
	KUNIT_CASE(reg_fields_of_a_register_keep_their_kinds),
	KUNIT_CASE(reg_rwl_is_writable_until_locked),
	KUNIT_CASE(reg_rw1c_clears_what_is_written_1),
	KUNIT_CASE(reg_rwo_takes_the_first_bit_set),
	KUNIT_CASE(reg_rwo_field_is_written_as_a_whole),
	KUNIT_CASE(reg_set_is_not_limited_by_attributes),
	KUNIT_CASE(reg_effect_runs_for_any_byte_of_its_register),
	KUNIT_CASE(reg_effects_run_after_all_registers_are_written),
	KUNIT_CASE(reg_write_may_lie_partly_outside_the_block),
	KUNIT_CASE(reg_effects_do_not_run_on_reads),
	KUNIT_CASE(reg_effects_do_not_run_on_init_and_set),
	KUNIT_CASE(reg_write_that_locks_writes_its_other_fields),
	{}
};

static struct kunit_suite reg_test_suite = {
	.name = "vfio-cxl-reg",
	.init = reg_test_init,
	.exit = reg_test_exit,
	.test_cases = reg_test_cases,
};

kunit_test_suites(&reg_test_suite);
