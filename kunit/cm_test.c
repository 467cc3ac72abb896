// SPDX-License-Identifier: GPL-2.0-only
/*
 * Component registers (CXL r3.1 8.2.3 and 8.2.4): capability array, accesses
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "emu/emu.h"
#include "fixture.h"
#include "spec.h"

#define CM(offset)	(SPEC_CM + (offset))
#define RAS(offset)	CM(TEST_RAS + (offset))
#define HDM(offset)	CM(TEST_HDM + (offset))

/**
 * struct cm_ctx - virtual component registers
 * @cm: the registers
 * @before: an earlier copy of what they read
 * @config: the host's
 */
struct cm_ctx {
	struct vfio_cxl_emu_cm cm;
	u8 before[VFIO_CXL_EMU_CM_SIZE];
	struct vfio_cxl_emu_cm_config config;
};

static void cm_start(struct cm_ctx *ctx)
{
	vfio_cxl_emu_cm_init(&ctx->cm, &ctx->config);
}

static void cm_lock(struct cm_ctx *ctx)
{
	vfio_cxl_emu_cm_lock(&ctx->cm, TEST_GUEST_BASE, TEST_SIZE);
}

static int cm_test_init(struct kunit *test)
{
	struct cm_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	vfio_cxl_test_host_cm(&ctx->config);
	cm_start(ctx);
	test->priv = ctx;

	return 0;
}

static u64 cm_read(struct cm_ctx *ctx, u32 offset, unsigned int width)
{
	return vfio_cxl_emu_cm_read(&ctx->cm, offset, width);
}

static void cm_write(struct cm_ctx *ctx, u32 offset, unsigned int width,
		     u64 val)
{
	vfio_cxl_emu_cm_write(&ctx->cm, offset, width, val);
}

static void cm_keep(struct cm_ctx *ctx)
{
	memcpy(ctx->before, ctx->cm.image, sizeof(ctx->before));
}

static void cm_expect_kept(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	KUNIT_EXPECT_MEMEQ(test, ctx->cm.image, ctx->before,
			   sizeof(ctx->before));
}

/* Capability array (8.2.4.1, 8.2.4.2) */

static void cm_header_keeps_id_and_versions(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0), 4) & ~SPEC_CM_ARRAY_SIZE,
			TEST_CM_HEADER & ~SPEC_CM_ARRAY_SIZE);
	ctx->config.header = 0xffffffff;
	cm_start(ctx);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0), 4), 0x02ffffff);
	ctx->config.header = 0;
	cm_start(ctx);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0), 4), 0x02000000);
}

static void cm_array_size_counts_hdm_and_ras(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	/* Of the host's nine */
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0), 4) >> 24, 2);
}

static void cm_array_size_without_ras_is_1(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	ctx->config.ras_header = 0;
	cm_start(ctx);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0), 4) >> 24, 1);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(4), 4), TEST_HDM_ENTRY);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(8), 4), 0);
}

static void cm_array_entries_are_the_hosts(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;
	u32 first = cm_read(ctx, CM(4), 4), second = cm_read(ctx, CM(8), 4);

	/* Identifier, version and pointer; their order is free */
	KUNIT_EXPECT_TRUE(test, (first == TEST_HDM_ENTRY &&
				 second == TEST_RAS_ENTRY) ||
				(first == TEST_RAS_ENTRY &&
				 second == TEST_HDM_ENTRY));
}

static void cm_array_ends_with_0(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(12), 4), 0);
}

static void cm_array_is_read_only(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;
	u32 offset;

	cm_keep(ctx);
	for (offset = CM(0); offset < RAS(0); offset += 4) {
		cm_write(ctx, offset, 4, ~0U);
		cm_expect_kept(test);
		cm_write(ctx, offset, 4, 0);
		cm_expect_kept(test);
	}
}

static void cm_structures_stay_at_the_hosts_offsets(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, cm_read(ctx, HDM(SPEC_HDM_SIZE_LOW), 8),
			TEST_SIZE);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, RAS(SPEC_RAS_CE_MASK), 4), 0x55);

	ctx->config.hdm_header = 0xfd030005;	/* to the end of the range */
	ctx->config.ras_header = 0x00c20002;	/* right after the array */
	cm_start(ctx);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0xfd0 + SPEC_HDM_SIZE_LOW), 8),
			TEST_SIZE);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0x00c + SPEC_RAS_CE_MASK), 4),
			0x55);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, HDM(SPEC_HDM_SIZE_LOW), 8), 0);
}

static void cm_without_ras_its_registers_read_0(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;
	u32 offset;

	ctx->config.ras_header = 0;
	cm_start(ctx);
	for (offset = RAS(0); offset < RAS(SPEC_RAS_END); offset += 8) {
		cm_write(ctx, offset, 8, ~0ULL);
		KUNIT_EXPECT_EQ(test, cm_read(ctx, offset, 8), 0);
	}
}

/*
 * Link, security, snoop filter, timeout, extended metadata, further decoders:
 * none of the host's other capabilities is present
 */
static void cm_all_else_reads_0_and_ignores_writes(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;
	u32 offset;

	cm_lock(ctx);
	for (offset = 0; offset < SPEC_COMPONENT_SIZE; offset += 4) {
		if ((offset >= CM(0) && offset < CM(12)) ||
		    (offset >= RAS(0) && offset < RAS(SPEC_RAS_END)) ||
		    (offset >= HDM(0) && offset < HDM(SPEC_HDM_END)))
			continue;
		cm_write(ctx, offset, 4, ~0U);
		KUNIT_ASSERT_EQ_MSG(test, cm_read(ctx, offset, 4), 0,
				    "at 0x%x", offset);
	}
	KUNIT_EXPECT_EQ(test, ctx->cm.bad_accesses, 0);
}

/* Access sizes and alignments */
struct cm_access_case {
	const char *name;
	u32 offset;
	unsigned int width;
	bool ok;
};

static const struct cm_access_case cm_access_cases[] = {
	{ "4 bytes", HDM(SPEC_HDM_BASE_HIGH), 4, true },
	{ "8 bytes", HDM(SPEC_HDM_BASE_LOW), 8, true },
	{ "4 bytes, first of the block", 0, 4, true },
	{ "8 bytes, first of the block", 0, 8, true },
	{ "4 bytes, last of the block", 0xfffc, 4, true },
	{ "8 bytes, last of the block", 0xfff8, 8, true },
	{ "8 bytes, into the CXL.mem registers", 0xff8, 8, true },
	{ "8 bytes, last CXL.mem registers", 0x1ff8, 8, true },
	{ "1 byte", HDM(SPEC_HDM_BASE_HIGH), 1 },
	{ "1 byte, odd", HDM(SPEC_HDM_BASE_HIGH) + 1, 1 },
	{ "2 bytes", HDM(SPEC_HDM_BASE_HIGH), 2 },
	{ "2 bytes, high half", HDM(SPEC_HDM_BASE_HIGH) + 2, 2 },
	{ "3 bytes", HDM(SPEC_HDM_BASE_HIGH), 3 },
	{ "5 bytes", HDM(SPEC_HDM_BASE_LOW), 5 },
	{ "6 bytes", HDM(SPEC_HDM_BASE_LOW), 6 },
	{ "7 bytes", HDM(SPEC_HDM_BASE_LOW), 7 },
	{ "4 bytes at 1", HDM(SPEC_HDM_BASE_LOW) + 1, 4 },
	{ "4 bytes at 2", HDM(SPEC_HDM_BASE_LOW) + 2, 4 },
	{ "4 bytes at 3", HDM(SPEC_HDM_BASE_LOW) + 3, 4 },
	{ "8 bytes at 1", HDM(SPEC_HDM_BASE_LOW) + 1, 8 },
	{ "8 bytes at 4", HDM(SPEC_HDM_BASE_HIGH), 8 },
	{ "8 bytes at 7", HDM(SPEC_HDM_BASE_LOW) + 7, 8 },
	{ "4 bytes past the block", 0x10000, 4 },
	{ "8 bytes past the block", 0x10000, 8 },
	{ "4 bytes, 64 KiB off the decoder", 0x10000 + HDM(SPEC_HDM_BASE_LOW),
	  4 },
	{ "8 bytes at the end of 4 GiB", 0xfffffff8, 8 },
	{ "1 byte outside the CXL.mem registers", 0, 1 },
	{ "8 bytes misaligned across the end of the block", 0xfffc, 8 },
};

KUNIT_ARRAY_PARAM_DESC(cm_access, cm_access_cases, name);

static void cm_access(struct kunit *test)
{
	const struct cm_access_case *param = test->param_value;
	u64 ones = GENMASK_ULL(8 * param->width - 1, 0);
	struct cm_ctx *ctx = test->priv;
	u64 bad = param->ok ? 0 : 1;

	/* A read, of registers that are not all ones */
	cm_keep(ctx);
	if (param->ok)
		KUNIT_EXPECT_NE(test,
				cm_read(ctx, param->offset, param->width),
				ones);
	else
		KUNIT_EXPECT_EQ(test,
				cm_read(ctx, param->offset, param->width),
				ones);
	KUNIT_EXPECT_EQ(test, ctx->cm.bad_accesses, bad);
	cm_expect_kept(test);

	/* A write, to registers on which writes have an effect */
	cm_write(ctx, param->offset, param->width, ~0ULL);
	KUNIT_EXPECT_EQ(test, ctx->cm.bad_accesses, 2 * bad);
	if (bad)
		cm_expect_kept(test);
	else if (param->offset >= HDM(0) && param->offset < HDM(SPEC_HDM_END))
		KUNIT_EXPECT_NE(test,
				cm_read(ctx, param->offset, param->width), 0);
}

static void cm_bad_accesses_survive_init_and_lock(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	cm_read(ctx, 1, 4);
	cm_write(ctx, 0, 2, 0);
	cm_start(ctx);
	cm_lock(ctx);
	KUNIT_EXPECT_EQ(test, ctx->cm.bad_accesses, 2);
}

static void cm_8_byte_reads_equal_two_of_4(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;
	unsigned int locked;
	u32 offset;

	for (locked = 0; locked < 2; locked++) {
		if (locked)
			cm_lock(ctx);
		for (offset = 0; offset < SPEC_COMPONENT_SIZE; offset += 8)
			KUNIT_ASSERT_EQ_MSG(test, cm_read(ctx, offset, 8),
					    cm_read(ctx, offset, 4) |
					    cm_read(ctx, offset + 4, 4) << 32,
					    "at 0x%x", offset);
	}
}

static void cm_8_byte_writes_equal_two_of_4(struct kunit *test)
{
	static const u64 vals[] = { 0, ~0ULL, 0x9123456789abcdefULL };
	struct cm_ctx *ctx = test->priv;
	u32 offset;
	u64 val;

	for (offset = CM(0); offset < CM(SPEC_CM_SIZE); offset += 8) {
		val = vals[offset / 8 % ARRAY_SIZE(vals)];
		cm_start(ctx);
		cm_write(ctx, offset, 8, val);
		cm_keep(ctx);
		cm_start(ctx);
		cm_write(ctx, offset, 4, (u32)val);
		cm_write(ctx, offset + 4, 4, val >> 32);
		cm_expect_kept(test);
	}
}

/* Pointers are multiples of 4, so 8 bytes may belong to two structures */
static void cm_8_byte_write_reaches_the_structure_it_ends_in(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	ctx->config.ras_header = 0x10420002;
	cm_start(ctx);
	KUNIT_ASSERT_EQ(test, ctx->cm.nr_blocks, 2);
	/* The only register there that can change: 1 clears an error */
	vfio_cxl_emu_reg_set(&ctx->cm.blocks[1], SPEC_RAS_UE_STATUS, 4, 0x3);
	cm_write(ctx, CM(0x100), 8, 0x00000001ffffffffULL);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0x104), 4), 0x2);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0x100), 4), 0);
}

static void cm_8_byte_write_spans_two_structures(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	/* HDM from 0x84 to 0xb3, RAS from 0xb4 on */
	ctx->config.hdm_header = 0x08430005;
	ctx->config.ras_header = 0x0b420002;
	cm_start(ctx);
	KUNIT_ASSERT_EQ(test, ctx->cm.nr_blocks, 2);
	vfio_cxl_emu_reg_set(&ctx->cm.blocks[1], SPEC_RAS_UE_STATUS, 4, 0x3);
	cm_write(ctx, CM(0xb0), 8, 0x00000001ffffffffULL);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0xb4), 4), 0x2);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0xb0), 4), 0);

	/* RAS from 0x2c to 0x83: its last register, and Capability */
	ctx->config.ras_header = 0x02c20002;
	cm_start(ctx);
	cm_keep(ctx);
	cm_write(ctx, CM(0x80), 8, ~0ULL);
	cm_expect_kept(test);
	/* Global Control from here on, then Size High and Control */
	cm_write(ctx, CM(0x88), 8, 0x2);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0x88), 4), 0x2);
	cm_write(ctx, CM(0xa0), 8, 0x0000020000000007ULL);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, CM(0xa0), 8), 0x00001a0200000007ULL);
}

/* SET */

static void cm_lock_shows_the_decoder(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	cm_lock(ctx);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, HDM(SPEC_HDM_GLOBAL), 4),
			SPEC_HDM_GLOBAL_ENABLE);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, HDM(SPEC_HDM_BASE_LOW), 8),
			TEST_GUEST_BASE);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, HDM(SPEC_HDM_SIZE_LOW), 8),
			TEST_SIZE);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, HDM(SPEC_HDM_CTRL), 4), 0x1702);
}

static void cm_lock_changes_only_the_decoder(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	cm_keep(ctx);
	cm_lock(ctx);
	memcpy(ctx->cm.image + TEST_HDM, ctx->before + TEST_HDM, SPEC_HDM_END);
	cm_expect_kept(test);
}

static void cm_locked_ignores_every_decoder_write(struct kunit *test)
{
	static const u64 vals[] = {
		0, ~0ULL, 0x5555555555555555ULL, 0xaaaaaaaaaaaaaaaaULL,
		0xfffffdfffffffdffULL, 0x0000020000000200ULL,
		0xfffffefffffffeffULL, TEST_HOST_BASE,
	};
	struct cm_ctx *ctx = test->priv;
	unsigned int i;
	u32 offset;

	cm_lock(ctx);
	cm_keep(ctx);
	for (offset = HDM(0); offset < HDM(SPEC_HDM_END); offset += 4)
		for (i = 0; i < ARRAY_SIZE(vals); i++) {
			cm_write(ctx, offset, 4, (u32)vals[i]);
			if (!(offset % 8))
				cm_write(ctx, offset, 8, vals[i]);
			cm_expect_kept(test);
		}
	KUNIT_EXPECT_EQ(test, ctx->cm.bad_accesses, 0);
}

static void cm_locked_leaves_ras_masks_writable(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	cm_lock(ctx);
	cm_write(ctx, RAS(SPEC_RAS_UE_MASK), 4, 0);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, RAS(SPEC_RAS_UE_MASK), 4), 0);
	cm_write(ctx, RAS(SPEC_RAS_UE_MASK), 4, ~0U);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, RAS(SPEC_RAS_UE_MASK), 4),
			SPEC_RAS_UE_BITS);
}

static void cm_init_starts_over(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;
	u32 offset;

	cm_keep(ctx);
	for (offset = 0; offset < SPEC_COMPONENT_SIZE; offset += 8)
		cm_write(ctx, offset, 8, ~0ULL);
	cm_lock(ctx);
	cm_start(ctx);
	cm_expect_kept(test);
	KUNIT_EXPECT_EQ(test, ctx->cm.nr_blocks, 2);
	cm_write(ctx, HDM(SPEC_HDM_BASE_LOW), 8, 0x10000000);
	KUNIT_EXPECT_EQ(test, cm_read(ctx, HDM(SPEC_HDM_BASE_LOW), 8),
			0x10000000);
}

static void cm_reset_and_lock_show_what_the_first_did(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;
	u32 offset;

	cm_lock(ctx);
	cm_keep(ctx);
	for (offset = 0; offset < SPEC_COMPONENT_SIZE; offset += 8)
		cm_write(ctx, offset, 8, 0x0000020000000200ULL);
	cm_start(ctx);
	cm_lock(ctx);
	cm_expect_kept(test);
}

/* The host's address */

static void cm_expect_no_host_base(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;

	vfio_cxl_test_no_address(test, ctx->cm.image, sizeof(ctx->cm.image),
				 TEST_HOST_BASE);
}

/* In every register of the host that can hold an address, and in all others */
static void cm_host_base_is_in_no_byte(struct kunit *test)
{
	struct cm_ctx *ctx = test->priv;
	u32 offset;

	for (offset = 0; offset < SPEC_HDM_END; offset += 8)
		if (offset != SPEC_HDM_SIZE_LOW && offset != SPEC_HDM_CTRL)
			put_unaligned_le64(TEST_HOST_BASE,
					   ctx->config.hdm + offset);
	for (offset = SPEC_RAS_HEADER_LOG; offset < SPEC_RAS_END; offset += 8)
		put_unaligned_le64(TEST_HOST_BASE, ctx->config.ras + offset);
	cm_start(ctx);
	cm_expect_no_host_base(test);
	for (offset = 0; offset < SPEC_COMPONENT_SIZE; offset += 8)
		cm_write(ctx, offset, 8, ~0ULL);
	cm_expect_no_host_base(test);
	cm_lock(ctx);
	cm_expect_no_host_base(test);
	for (offset = 0; offset < SPEC_COMPONENT_SIZE; offset += 8)
		cm_write(ctx, offset, 8, 0);
	cm_expect_no_host_base(test);
	cm_start(ctx);
	cm_lock(ctx);
	cm_expect_no_host_base(test);
}

/* Two hosts that differ only in the address always look the same */
static void cm_host_base_makes_no_difference(struct kunit *test)
{
	static const u64 bases[] = { 0, TEST_HOST_BASE, ~0ULL };
	struct cm_ctx *ctx = test->priv;
	unsigned int i, step;
	u32 offset;

	for (step = 0; step < 3; step++)
		for (i = 0; i < ARRAY_SIZE(bases); i++) {
			put_unaligned_le64(bases[i], ctx->config.hdm +
					   SPEC_HDM_BASE_LOW);
			put_unaligned_le64(bases[i], ctx->config.hdm +
					   SPEC_HDM_SKIP_LOW);
			cm_start(ctx);
			if (step >= 1)
				cm_lock(ctx);
			if (step >= 2)
				for (offset = CM(0); offset < CM(SPEC_CM_SIZE);
				     offset += 4)
					cm_write(ctx, offset, 4, ~0U);
			if (!i)
				cm_keep(ctx);
			cm_expect_kept(test);
		}
}

static struct kunit_case cm_test_cases[] = {
	KUNIT_CASE(cm_header_keeps_id_and_versions),
	KUNIT_CASE(cm_array_size_counts_hdm_and_ras),
	KUNIT_CASE(cm_array_size_without_ras_is_1),
	KUNIT_CASE(cm_array_entries_are_the_hosts),
	KUNIT_CASE(cm_array_ends_with_0),
	KUNIT_CASE(cm_array_is_read_only),
	KUNIT_CASE(cm_structures_stay_at_the_hosts_offsets),
	KUNIT_CASE(cm_without_ras_its_registers_read_0),
	KUNIT_CASE(cm_all_else_reads_0_and_ignores_writes),
	KUNIT_CASE_PARAM(cm_access, cm_access_gen_params),
	KUNIT_CASE(cm_bad_accesses_survive_init_and_lock),
	KUNIT_CASE(cm_8_byte_reads_equal_two_of_4),
	KUNIT_CASE(cm_8_byte_writes_equal_two_of_4),
	KUNIT_CASE(cm_8_byte_write_reaches_the_structure_it_ends_in),
	KUNIT_CASE(cm_8_byte_write_spans_two_structures),
	KUNIT_CASE(cm_lock_shows_the_decoder),
	KUNIT_CASE(cm_lock_changes_only_the_decoder),
	KUNIT_CASE(cm_locked_ignores_every_decoder_write),
	KUNIT_CASE(cm_locked_leaves_ras_masks_writable),
	KUNIT_CASE(cm_init_starts_over),
	KUNIT_CASE(cm_reset_and_lock_show_what_the_first_did),
	KUNIT_CASE(cm_host_base_is_in_no_byte),
	KUNIT_CASE(cm_host_base_makes_no_difference),
	{}
};

static struct kunit_suite cm_test_suite = {
	.name = "vfio-cxl-cm",
	.init = cm_test_init,
	.test_cases = cm_test_cases,
};

kunit_test_suites(&cm_test_suite);
