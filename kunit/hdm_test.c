// SPDX-License-Identifier: GPL-2.0-only
/*
 * HDM Decoder Capability Structure (CXL r3.1 8.2.4.20)
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "emu/emu.h"
#include "fixture.h"
#include "spec.h"

/**
 * struct hdm_ctx - a virtual decoder and the host's
 * @block: the virtual one
 * @image: the image of @block
 * @host: the host's registers
 */
struct hdm_ctx {
	struct vfio_cxl_emu_block block;
	u8 image[VFIO_CXL_EMU_HDM_SIZE];
	u8 host[VFIO_CXL_EMU_HDM_SIZE];
};

static void hdm_start(struct hdm_ctx *ctx)
{
	vfio_cxl_emu_hdm_init(&ctx->block, ctx->image, ctx->host);
}

static void hdm_lock(struct hdm_ctx *ctx)
{
	vfio_cxl_emu_hdm_lock(&ctx->block, TEST_GUEST_BASE, TEST_SIZE);
}

static int hdm_test_init(struct kunit *test)
{
	struct hdm_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	vfio_cxl_test_host_hdm(ctx->host);
	hdm_start(ctx);
	test->priv = ctx;

	return 0;
}

static u32 hdm_read(struct hdm_ctx *ctx, u32 offset)
{
	return vfio_cxl_emu_block_read(&ctx->block, offset, 4);
}

static u64 hdm_read64(struct hdm_ctx *ctx, u32 offset)
{
	return vfio_cxl_emu_block_read(&ctx->block, offset, 8);
}

static void hdm_write(struct hdm_ctx *ctx, u32 offset, u32 val)
{
	vfio_cxl_emu_block_write(&ctx->block, offset, 4, val);
}

/* Capability Register (8.2.4.20.1), of a host with all bits set or none */
struct hdm_field_case {
	const char *name;
	u32 mask;
	u32 shown;
};

static const struct hdm_field_case hdm_cap_cases[] = {
	{ "Decoder Count is 0: one decoder", SPEC_HDM_CAP_COUNT },
	{ "Target Count is 0", SPEC_HDM_CAP_TARGETS },
	{ "A11to8 Interleave Capable as the host's", SPEC_HDM_CAP_A11TO8,
	  SPEC_HDM_CAP_A11TO8 },
	{ "A14to12 Interleave Capable as the host's", SPEC_HDM_CAP_A14TO12,
	  SPEC_HDM_CAP_A14TO12 },
	{ "Poison On Decode Error Capability as the host's",
	  SPEC_HDM_CAP_POISON, SPEC_HDM_CAP_POISON },
	{ "3, 6, 12 Way Interleave not offered", SPEC_HDM_CAP_3_6_12_WAY },
	{ "16 Way Interleave not offered", SPEC_HDM_CAP_16_WAY },
	{ "UIO Capable not offered", SPEC_HDM_CAP_UIO },
	{ "UIO Capable Decoder Count is 0", SPEC_HDM_CAP_UIO_COUNT },
	{ "MemData-NXM Capable not offered", SPEC_HDM_CAP_MEMDATA_NXM },
	{ "Supported Coherency Models unknown", SPEC_HDM_CAP_COHERENCY },
	{ "reserved bits are 0", SPEC_HDM_CAP_RESERVED },
};

KUNIT_ARRAY_PARAM_DESC(hdm_cap, hdm_cap_cases, name);

static void hdm_cap(struct kunit *test)
{
	const struct hdm_field_case *param = test->param_value;
	struct hdm_ctx *ctx = test->priv;

	put_unaligned_le32(~0U, ctx->host + SPEC_HDM_CAP);
	hdm_start(ctx);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CAP) & param->mask,
			param->shown);

	put_unaligned_le32(0, ctx->host + SPEC_HDM_CAP);
	hdm_start(ctx);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CAP) & param->mask, 0);
}

static void hdm_cap_is_read_only(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;
	u32 val = hdm_read(ctx, SPEC_HDM_CAP);

	KUNIT_EXPECT_EQ(test, val, SPEC_HDM_CAP_A11TO8 | SPEC_HDM_CAP_A14TO12 |
			SPEC_HDM_CAP_POISON);
	hdm_write(ctx, SPEC_HDM_CAP, ~val);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CAP), val);
	hdm_write(ctx, SPEC_HDM_CAP, 0);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CAP), val);
}

static void hdm_init_from_host(struct vfio_cxl_test_registers *regs)
{
	hdm_start(regs->priv);
}

static void hdm_shows_no_other_bit_of_the_host(struct kunit *test)
{
	static const u32 shown[VFIO_CXL_EMU_HDM_SIZE / 4] = {
		[SPEC_HDM_CAP / 4] = SPEC_HDM_CAP_A11TO8 |
				     SPEC_HDM_CAP_A14TO12 | SPEC_HDM_CAP_POISON,
		[SPEC_HDM_SIZE_LOW / 4] = SPEC_HDM_ADDR_LOW,
		[SPEC_HDM_SIZE_HIGH / 4] = ~0U,
		[SPEC_HDM_CTRL / 4] = SPEC_HDM_CTRL_IG | SPEC_HDM_CTRL_TYPE,
	};
	struct hdm_ctx *ctx = test->priv;
	struct vfio_cxl_test_registers regs = {
		.test = test,
		.host = ctx->host,
		.image = ctx->image,
		.size = VFIO_CXL_EMU_HDM_SIZE,
		.init = hdm_init_from_host,
		.priv = ctx,
	};

	vfio_cxl_test_host_bits(&regs, shown);
}

/* Global Control Register (8.2.4.20.2) */

static void hdm_global_enable_is_0_before_set(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_GLOBAL), 0);
}

static void hdm_global_enable_is_writable_before_set(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	hdm_write(ctx, SPEC_HDM_GLOBAL, SPEC_HDM_GLOBAL_ENABLE);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_GLOBAL),
			SPEC_HDM_GLOBAL_ENABLE);
	hdm_write(ctx, SPEC_HDM_GLOBAL, 0);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_GLOBAL), 0);
}

static void hdm_global_reserved_bits_read_0(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	hdm_write(ctx, SPEC_HDM_GLOBAL, ~0U);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_GLOBAL),
			SPEC_HDM_GLOBAL_ENABLE | SPEC_HDM_GLOBAL_POISON);
}

static void hdm_global_poison_needs_the_capability(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	put_unaligned_le32(~SPEC_HDM_CAP_POISON, ctx->host + SPEC_HDM_CAP);
	hdm_start(ctx);
	hdm_write(ctx, SPEC_HDM_GLOBAL, ~0U);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_GLOBAL),
			SPEC_HDM_GLOBAL_ENABLE);
	vfio_cxl_emu_block_write(&ctx->block, SPEC_HDM_GLOBAL, 1, 0xff);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_GLOBAL),
			SPEC_HDM_GLOBAL_ENABLE);
	vfio_cxl_emu_block_write(&ctx->block, SPEC_HDM_CAP, 8, ~0ULL);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_GLOBAL),
			SPEC_HDM_GLOBAL_ENABLE);
}

static void hdm_global_poison_is_writable_where_capable(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	hdm_write(ctx, SPEC_HDM_GLOBAL, SPEC_HDM_GLOBAL_POISON);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_GLOBAL),
			SPEC_HDM_GLOBAL_POISON);
	hdm_write(ctx, SPEC_HDM_GLOBAL, 0);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_GLOBAL), 0);
}

/* Decoder 0 before SET */

static void hdm_base_is_0_of_a_host_committed_and_locked(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_BASE_LOW), 0);
}

static void hdm_base_is_0_of_a_host_committed_not_locked(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	put_unaligned_le32(SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_COMMITTED,
			   ctx->host + SPEC_HDM_CTRL);
	hdm_start(ctx);
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_BASE_LOW), 0);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL), 0);
}

static void hdm_size_is_the_hosts_before_set(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_SIZE_LOW), TEST_SIZE);
}

static void hdm_is_not_committed_before_set(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) &
			(SPEC_HDM_CTRL_LOCK | SPEC_HDM_CTRL_COMMIT |
			 SPEC_HDM_CTRL_COMMITTED | SPEC_HDM_CTRL_ERROR), 0);
}

static void hdm_type_is_the_hosts(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) & SPEC_HDM_CTRL_TYPE,
			SPEC_HDM_CTRL_TYPE);
	put_unaligned_le32(0x0722, ctx->host + SPEC_HDM_CTRL);
	hdm_start(ctx);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) & SPEC_HDM_CTRL_TYPE,
			0);
	hdm_write(ctx, SPEC_HDM_CTRL, SPEC_HDM_CTRL_TYPE);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) & SPEC_HDM_CTRL_TYPE,
			0);
}

static void hdm_interleave_ways_are_0(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) & SPEC_HDM_CTRL_IW,
			0);
	hdm_write(ctx, SPEC_HDM_CTRL, SPEC_HDM_CTRL_IW);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) & SPEC_HDM_CTRL_IW,
			0);
}

static void hdm_interleave_granularity_is_the_hosts(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) & SPEC_HDM_CTRL_IG,
			2);
	hdm_write(ctx, SPEC_HDM_CTRL, 0xd);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) & SPEC_HDM_CTRL_IG,
			2);
}

static void hdm_ctrl_reserved_bits_read_0(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	put_unaligned_le32(~0U, ctx->host + SPEC_HDM_CTRL);
	hdm_start(ctx);
	hdm_write(ctx, SPEC_HDM_CTRL, ~0U);
	/* BI, UIO, UIG, UIW, ISP are not offered */
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) & 0xffffe000, 0);
}

static void hdm_base_and_size_are_writable_before_set(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	hdm_write(ctx, SPEC_HDM_BASE_LOW, 0x10000000);
	hdm_write(ctx, SPEC_HDM_BASE_HIGH, 0x12345678);
	vfio_cxl_emu_block_write(&ctx->block, SPEC_HDM_SIZE_LOW, 8,
				 0x9abcdef020000000ULL);
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_BASE_LOW),
			0x1234567810000000ULL);
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_SIZE_LOW),
			0x9abcdef020000000ULL);
}

static void hdm_base_and_size_are_multiples_of_256_mib(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	vfio_cxl_emu_block_write(&ctx->block, SPEC_HDM_BASE_LOW, 8, ~0ULL);
	vfio_cxl_emu_block_write(&ctx->block, SPEC_HDM_SIZE_LOW, 8, ~0ULL);
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_BASE_LOW),
			0xfffffffff0000000ULL);
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_SIZE_LOW),
			0xfffffffff0000000ULL);
}

static void hdm_skip_reads_0_and_ignores_writes(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_SKIP_LOW), 0);
	hdm_write(ctx, SPEC_HDM_SKIP_LOW, ~0U);
	hdm_write(ctx, SPEC_HDM_SKIP_HIGH, ~0U);
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_SKIP_LOW), 0);
}

/* Offsets in the structure that belong to no register */
static void hdm_holes_read_0_and_ignore_writes(struct kunit *test)
{
	static const u32 holes[] = { 0x08, 0x0c, 0x2c };
	struct hdm_ctx *ctx = test->priv;
	unsigned int i;

	memset(ctx->host, 0xff, VFIO_CXL_EMU_HDM_SIZE);
	hdm_start(ctx);
	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		KUNIT_EXPECT_EQ(test, hdm_read(ctx, holes[i]), 0);
		hdm_write(ctx, holes[i], ~0U);
		KUNIT_EXPECT_EQ(test, hdm_read(ctx, holes[i]), 0);
	}
}

/* A guest's commit: each way to write the bit */
struct hdm_commit_case {
	const char *name;
	u32 offset;
	unsigned int width;
	u64 val;
	u32 ctrl;
};

static const struct hdm_commit_case hdm_commit_cases[] = {
	{ "COMMIT", SPEC_HDM_CTRL, 4, SPEC_HDM_CTRL_COMMIT,
	  SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_ERROR },
	{ "COMMIT with LOCK", SPEC_HDM_CTRL, 4,
	  SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_LOCK,
	  SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_ERROR | SPEC_HDM_CTRL_LOCK },
	{ "COMMIT with COMMITTED", SPEC_HDM_CTRL, 4,
	  SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_COMMITTED,
	  SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_ERROR },
	{ "all ones", SPEC_HDM_CTRL, 4, ~0U,
	  SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_ERROR | SPEC_HDM_CTRL_LOCK },
	{ "in one byte", SPEC_HDM_CTRL + 1, 1, SPEC_HDM_CTRL_COMMIT >> 8,
	  SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_ERROR },
	{ "in 8 bytes from the register on", SPEC_HDM_CTRL, 8,
	  SPEC_HDM_CTRL_COMMIT, SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_ERROR },
	{ "in 8 bytes that end with the register", SPEC_HDM_SIZE_HIGH, 8,
	  (u64)SPEC_HDM_CTRL_COMMIT << 32 | TEST_SIZE >> 32,
	  SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_ERROR },
	{ "COMMITTED alone", SPEC_HDM_CTRL, 4, SPEC_HDM_CTRL_COMMITTED, 0 },
	{ "ERROR_NOT_COMMITTED alone", SPEC_HDM_CTRL, 4, SPEC_HDM_CTRL_ERROR,
	  0 },
	{ "LOCK alone", SPEC_HDM_CTRL, 4, SPEC_HDM_CTRL_LOCK,
	  SPEC_HDM_CTRL_LOCK },
};

KUNIT_ARRAY_PARAM_DESC(hdm_commit, hdm_commit_cases, name);

static void hdm_commit(struct kunit *test)
{
	const struct hdm_commit_case *param = test->param_value;
	struct hdm_ctx *ctx = test->priv;

	vfio_cxl_emu_block_write(&ctx->block, SPEC_HDM_BASE_LOW, 8,
				 TEST_GUEST_BASE);
	vfio_cxl_emu_block_write(&ctx->block, param->offset, param->width,
				 param->val);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) &
			~(SPEC_HDM_CTRL_IG | SPEC_HDM_CTRL_TYPE), param->ctrl);
	/* Nothing is committed or locked: everything can still be written */
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_SIZE_LOW), TEST_SIZE);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_GLOBAL), 0);
	vfio_cxl_emu_block_write(&ctx->block, SPEC_HDM_BASE_LOW, 8, 0);
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_BASE_LOW), 0);
	hdm_write(ctx, SPEC_HDM_CTRL, 0);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL) &
			~(SPEC_HDM_CTRL_IG | SPEC_HDM_CTRL_TYPE), 0);
}

static void hdm_commit_error_follows_commit(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		hdm_write(ctx, SPEC_HDM_CTRL, SPEC_HDM_CTRL_COMMIT);
		KUNIT_EXPECT_TRUE(test, hdm_read(ctx, SPEC_HDM_CTRL) &
				  SPEC_HDM_CTRL_ERROR);
		/* Writes of other registers, or other bytes of this one */
		hdm_write(ctx, SPEC_HDM_GLOBAL, SPEC_HDM_GLOBAL_ENABLE);
		vfio_cxl_emu_block_write(&ctx->block, SPEC_HDM_CTRL, 1, 0);
		vfio_cxl_emu_block_write(&ctx->block, SPEC_HDM_CTRL + 2, 2, 0);
		KUNIT_EXPECT_TRUE(test, hdm_read(ctx, SPEC_HDM_CTRL) &
				  SPEC_HDM_CTRL_ERROR);
		hdm_write(ctx, SPEC_HDM_CTRL, SPEC_HDM_CTRL_ERROR);
		KUNIT_EXPECT_FALSE(test, hdm_read(ctx, SPEC_HDM_CTRL) &
				   SPEC_HDM_CTRL_ERROR);
	}
}

static void hdm_guest_lock_bit_protects_nothing(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	hdm_write(ctx, SPEC_HDM_CTRL, SPEC_HDM_CTRL_LOCK);
	hdm_write(ctx, SPEC_HDM_BASE_HIGH, 0x84);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_BASE_HIGH), 0x84);
	hdm_write(ctx, SPEC_HDM_CTRL, 0);
	KUNIT_EXPECT_FALSE(test, hdm_read(ctx, SPEC_HDM_CTRL) &
			   SPEC_HDM_CTRL_LOCK);
}

/* Decoder 0 after SET: register by register */
struct hdm_locked_case {
	const char *name;
	u32 offset;
	u32 val;
};

static const struct hdm_locked_case hdm_locked_cases[] = {
	{ "Capability", SPEC_HDM_CAP, 0x00000700 },
	{ "Global Control: enabled", SPEC_HDM_GLOBAL, 0x00000002 },
	{ "Base Low: guest HPA", SPEC_HDM_BASE_LOW, (u32)TEST_GUEST_BASE },
	{ "Base High: guest HPA", SPEC_HDM_BASE_HIGH, TEST_GUEST_BASE >> 32 },
	{ "Size Low: memory size", SPEC_HDM_SIZE_LOW, (u32)TEST_SIZE },
	{ "Size High: memory size", SPEC_HDM_SIZE_HIGH, TEST_SIZE >> 32 },
	{ "Control: COMMIT, COMMITTED, LOCK, host's type", SPEC_HDM_CTRL,
	  0x00001702 },
	{ "DPA Skip Low", SPEC_HDM_SKIP_LOW, 0 },
	{ "DPA Skip High", SPEC_HDM_SKIP_HIGH, 0 },
	{ "reserved 0x08", 0x08, 0 },
	{ "reserved 0x0c", 0x0c, 0 },
	{ "reserved 0x2c", 0x2c, 0 },
};

KUNIT_ARRAY_PARAM_DESC(hdm_locked, hdm_locked_cases, name);

/* Regardless of what a guest did before */
static void hdm_locked(struct kunit *test)
{
	static const u64 before[] = { 0, ~0ULL, 0x5555555555555555ULL };
	const struct hdm_locked_case *param = test->param_value;
	struct hdm_ctx *ctx = test->priv;
	unsigned int i;
	u32 offset;

	hdm_lock(ctx);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, param->offset), param->val);

	for (i = 0; i < ARRAY_SIZE(before); i++) {
		hdm_start(ctx);
		for (offset = 0; offset < SPEC_HDM_END; offset += 8)
			vfio_cxl_emu_block_write(&ctx->block, offset, 8,
						 before[i]);
		hdm_lock(ctx);
		KUNIT_EXPECT_EQ(test, hdm_read(ctx, param->offset), param->val);
	}
}

/* After SET: every write, named by what it tries */
struct hdm_ignored_case {
	const char *name;
	u32 offset;
	unsigned int width;
	u64 val;
};

static const struct hdm_ignored_case hdm_ignored_cases[] = {
	{ "LOCK to 0", SPEC_HDM_CTRL, 4,
	  SPEC_HDM_CTRL_COMMIT | SPEC_HDM_CTRL_COMMITTED },
	{ "COMMIT to 0", SPEC_HDM_CTRL, 4,
	  SPEC_HDM_CTRL_LOCK | SPEC_HDM_CTRL_COMMITTED },
	{ "COMMIT again", SPEC_HDM_CTRL, 4,
	  SPEC_HDM_CTRL_LOCK | SPEC_HDM_CTRL_COMMIT },
	{ "Control to 0", SPEC_HDM_CTRL, 4, 0 },
	{ "Control to all ones", SPEC_HDM_CTRL, 4, ~0U },
	{ "LOCK and COMMIT to 0 in one byte", SPEC_HDM_CTRL + 1, 1, 0 },
	{ "Control to 0 in 8 bytes", SPEC_HDM_CTRL, 8, 0 },
	{ "Base to 0", SPEC_HDM_BASE_LOW, 8, 0 },
	{ "Base to the host's", SPEC_HDM_BASE_LOW, 8, TEST_HOST_BASE },
	{ "Base Low alone", SPEC_HDM_BASE_LOW, 4, 0xf0000000 },
	{ "Base High alone", SPEC_HDM_BASE_HIGH, 4, 0 },
	{ "Size to 0", SPEC_HDM_SIZE_LOW, 8, 0 },
	{ "Size larger", SPEC_HDM_SIZE_LOW, 8, 2 * TEST_SIZE },
	{ "enable to 0", SPEC_HDM_GLOBAL, 4, 0 },
	{ "poison on decode error", SPEC_HDM_GLOBAL, 4, 3 },
	{ "DPA Skip", SPEC_HDM_SKIP_LOW, 8, 0x10000000 },
};

KUNIT_ARRAY_PARAM_DESC(hdm_ignored, hdm_ignored_cases, name);

static void hdm_ignored(struct kunit *test)
{
	const struct hdm_ignored_case *param = test->param_value;
	struct hdm_ctx *ctx = test->priv;
	u8 before[VFIO_CXL_EMU_HDM_SIZE];

	hdm_lock(ctx);
	memcpy(before, ctx->image, sizeof(before));
	vfio_cxl_emu_block_write(&ctx->block, param->offset, param->width,
				 param->val);
	KUNIT_EXPECT_MEMEQ(test, ctx->image, before, sizeof(before));
	/* And again, in case the first has unlocked something */
	vfio_cxl_emu_block_write(&ctx->block, param->offset, param->width,
				 ~param->val);
	KUNIT_EXPECT_MEMEQ(test, ctx->image, before, sizeof(before));
}

static void hdm_locked_ignores_every_bit_at_every_width(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;
	u8 before[VFIO_CXL_EMU_HDM_SIZE];
	unsigned int width, bit;
	u32 offset;

	hdm_lock(ctx);
	memcpy(before, ctx->image, sizeof(before));
	for (width = 1; width <= 8; width <<= 1)
		for (offset = 0; offset + width <= SPEC_HDM_END; offset++) {
			u64 old = vfio_cxl_emu_block_read(&ctx->block, offset,
							  width);

			/* One bit flipped, one bit alone, all except one bit */
			for (bit = 0; bit < 8 * width; bit++) {
				vfio_cxl_emu_block_write(&ctx->block, offset,
							 width,
							 old ^ BIT_ULL(bit));
				vfio_cxl_emu_block_write(&ctx->block, offset,
							 width, BIT_ULL(bit));
				vfio_cxl_emu_block_write(&ctx->block, offset,
							 width, ~BIT_ULL(bit));
			}
			vfio_cxl_emu_block_write(&ctx->block, offset, width, 0);
			KUNIT_ASSERT_MEMEQ_MSG(test, ctx->image, before,
					       sizeof(before),
					       "%u bytes at 0x%x", width,
					       offset);
		}
}

static void hdm_lock_clears_the_error_of_a_failed_commit(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;

	hdm_write(ctx, SPEC_HDM_CTRL, SPEC_HDM_CTRL_COMMIT);
	hdm_lock(ctx);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_CTRL), 0x1702);
}

static void hdm_lock_twice_changes_nothing(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;
	u8 before[VFIO_CXL_EMU_HDM_SIZE];

	hdm_lock(ctx);
	memcpy(before, ctx->image, sizeof(before));
	hdm_lock(ctx);
	KUNIT_EXPECT_MEMEQ(test, ctx->image, before, sizeof(before));
	KUNIT_EXPECT_TRUE(test, ctx->block.locked);
}

static void hdm_init_starts_over_after_lock(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;
	u8 before[VFIO_CXL_EMU_HDM_SIZE];

	memcpy(before, ctx->image, sizeof(before));
	hdm_lock(ctx);
	hdm_start(ctx);
	KUNIT_EXPECT_MEMEQ(test, ctx->image, before, sizeof(before));
	hdm_write(ctx, SPEC_HDM_BASE_HIGH, 0x12);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_BASE_HIGH), 0x12);
}

/* Bases and sizes at the limits of what SET accepts */
struct hdm_place_case {
	const char *name;
	u64 base;
	u64 size;
};

static const struct hdm_place_case hdm_place_cases[] = {
	{ "256 MiB at 256 MiB", 0x10000000, 0x10000000 },
	{ "up to 4 GiB", 0xf0000000, 0x10000000 },
	{ "across 4 GiB", 0xe0000000, 0x40000000 },
	{ "at 4 GiB", 0x100000000ULL, 0x100000000ULL },
	{ "256 GiB at 8 TiB", 0x80000000000ULL, 0x4000000000ULL },
	{ "up to 2^52", 0xffffff0000000ULL, 0x10000000 },
	{ "2^51 at 2^51", 0x8000000000000ULL, 0x8000000000000ULL },
};

KUNIT_ARRAY_PARAM_DESC(hdm_place, hdm_place_cases, name);

static void hdm_place(struct kunit *test)
{
	const struct hdm_place_case *param = test->param_value;
	struct hdm_ctx *ctx = test->priv;

	put_unaligned_le64(param->size, ctx->host + SPEC_HDM_SIZE_LOW);
	hdm_start(ctx);
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_SIZE_LOW), param->size);
	vfio_cxl_emu_hdm_lock(&ctx->block, param->base, param->size);
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_BASE_LOW), param->base);
	KUNIT_EXPECT_EQ(test, hdm_read64(ctx, SPEC_HDM_SIZE_LOW), param->size);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_BASE_LOW),
			(u32)param->base);
	KUNIT_EXPECT_EQ(test, hdm_read(ctx, SPEC_HDM_BASE_HIGH),
			(u32)(param->base >> 32));
}

static void hdm_8_byte_reads_equal_two_of_4(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;
	unsigned int locked;
	u32 offset;

	for (locked = 0; locked < 2; locked++) {
		if (locked)
			hdm_lock(ctx);
		for (offset = 0; offset + 8 <= SPEC_HDM_END; offset += 4)
			KUNIT_EXPECT_EQ(test, hdm_read64(ctx, offset),
					hdm_read(ctx, offset) |
					(u64)hdm_read(ctx, offset + 4) << 32);
	}
}

static void hdm_host_base_is_in_no_byte(struct kunit *test)
{
	struct hdm_ctx *ctx = test->priv;
	u32 offset;

	vfio_cxl_test_no_address(test, ctx->image, VFIO_CXL_EMU_HDM_SIZE,
				 TEST_HOST_BASE);
	for (offset = 0; offset < SPEC_HDM_END; offset += 4)
		hdm_write(ctx, offset, ~0U);
	vfio_cxl_test_no_address(test, ctx->image, VFIO_CXL_EMU_HDM_SIZE,
				 TEST_HOST_BASE);
	hdm_lock(ctx);
	vfio_cxl_test_no_address(test, ctx->image, VFIO_CXL_EMU_HDM_SIZE,
				 TEST_HOST_BASE);
}

static struct kunit_case hdm_test_cases[] = {
	KUNIT_CASE_PARAM(hdm_cap, hdm_cap_gen_params),
	KUNIT_CASE(hdm_cap_is_read_only),
	KUNIT_CASE(hdm_shows_no_other_bit_of_the_host),
	KUNIT_CASE(hdm_global_enable_is_0_before_set),
	KUNIT_CASE(hdm_global_enable_is_writable_before_set),
	KUNIT_CASE(hdm_global_reserved_bits_read_0),
	KUNIT_CASE(hdm_global_poison_needs_the_capability),
	KUNIT_CASE(hdm_global_poison_is_writable_where_capable),
	KUNIT_CASE(hdm_base_is_0_of_a_host_committed_and_locked),
	KUNIT_CASE(hdm_base_is_0_of_a_host_committed_not_locked),
	KUNIT_CASE(hdm_size_is_the_hosts_before_set),
	KUNIT_CASE(hdm_is_not_committed_before_set),
	KUNIT_CASE(hdm_type_is_the_hosts),
	KUNIT_CASE(hdm_interleave_ways_are_0),
	KUNIT_CASE(hdm_interleave_granularity_is_the_hosts),
	KUNIT_CASE(hdm_ctrl_reserved_bits_read_0),
	KUNIT_CASE(hdm_base_and_size_are_writable_before_set),
	KUNIT_CASE(hdm_base_and_size_are_multiples_of_256_mib),
	KUNIT_CASE(hdm_skip_reads_0_and_ignores_writes),
	KUNIT_CASE(hdm_holes_read_0_and_ignore_writes),
	KUNIT_CASE_PARAM(hdm_commit, hdm_commit_gen_params),
	KUNIT_CASE(hdm_commit_error_follows_commit),
	KUNIT_CASE(hdm_guest_lock_bit_protects_nothing),
	KUNIT_CASE_PARAM(hdm_locked, hdm_locked_gen_params),
	KUNIT_CASE_PARAM(hdm_ignored, hdm_ignored_gen_params),
	KUNIT_CASE(hdm_locked_ignores_every_bit_at_every_width),
	KUNIT_CASE(hdm_lock_clears_the_error_of_a_failed_commit),
	KUNIT_CASE(hdm_lock_twice_changes_nothing),
	KUNIT_CASE(hdm_init_starts_over_after_lock),
	KUNIT_CASE_PARAM(hdm_place, hdm_place_gen_params),
	KUNIT_CASE(hdm_8_byte_reads_equal_two_of_4),
	KUNIT_CASE(hdm_host_base_is_in_no_byte),
	{}
};

static struct kunit_suite hdm_test_suite = {
	.name = "vfio-cxl-hdm",
	.init = hdm_test_init,
	.test_cases = hdm_test_cases,
};

kunit_test_suites(&hdm_test_suite);
