// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device as a whole: effects of a lock and a reset on component registers and
 * DVSEC together
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "emu/emu.h"
#include "fixture.h"
#include "spec.h"

#define HDM(offset)	(SPEC_CM + TEST_HDM + (offset))
#define RAS(offset)	(SPEC_CM + TEST_RAS + (offset))

/* Another base, which differs from TEST_GUEST_BASE in both halves */
#define OTHER_BASE	0x1030000000ULL

/**
 * struct emu_ctx - a device
 * @emu: the device
 * @config: the host's
 * @cm: an earlier copy of what the component registers read
 * @dvsec: an earlier copy of what the DVSEC reads
 */
struct emu_ctx {
	struct vfio_cxl_emu emu;
	struct vfio_cxl_emu_config config;
	u8 cm[VFIO_CXL_EMU_CM_SIZE];
	u8 dvsec[VFIO_CXL_EMU_DVSEC_SIZE];
};

static int emu_test_init(struct kunit *test)
{
	struct emu_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	vfio_cxl_test_host_cm(&ctx->config.cm);
	vfio_cxl_test_host_dvsec(ctx->config.dvsec);
	ctx->config.size = TEST_SIZE;
	/* The contents before do not matter */
	memset(&ctx->emu, 0xa5, sizeof(ctx->emu));
	vfio_cxl_emu_init(&ctx->emu, &ctx->config);
	test->priv = ctx;

	return 0;
}

static u64 emu_read_cm(struct emu_ctx *ctx, u32 offset, unsigned int width)
{
	return vfio_cxl_emu_read_cm(&ctx->emu, offset, width);
}

static void emu_write_cm(struct emu_ctx *ctx, u32 offset, unsigned int width,
			 u64 val)
{
	vfio_cxl_emu_write_cm(&ctx->emu, offset, width, val);
}

static u64 emu_read_dvsec(struct emu_ctx *ctx, u32 offset, unsigned int width)
{
	return vfio_cxl_emu_read_dvsec(&ctx->emu, offset, width);
}

static void emu_write_dvsec(struct emu_ctx *ctx, u32 offset, unsigned int width,
			    u64 val)
{
	vfio_cxl_emu_write_dvsec(&ctx->emu, offset, width, val);
}

static int emu_lock(struct emu_ctx *ctx, u64 base)
{
	return vfio_cxl_emu_lock(&ctx->emu, base);
}

static void emu_keep(struct emu_ctx *ctx)
{
	memcpy(ctx->cm, ctx->emu.cm.image, sizeof(ctx->cm));
	memcpy(ctx->dvsec, ctx->emu.dvsec.image, sizeof(ctx->dvsec));
}

static void emu_expect_kept(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	KUNIT_EXPECT_MEMEQ(test, ctx->emu.cm.image, ctx->cm, sizeof(ctx->cm));
	KUNIT_EXPECT_MEMEQ(test, ctx->emu.dvsec.image, ctx->dvsec,
			   sizeof(ctx->dvsec));
}

/* Everything that a guest can write */
static void emu_write_all(struct emu_ctx *ctx, u64 val)
{
	u32 offset;

	for (offset = 0; offset < SPEC_COMPONENT_SIZE; offset += 8)
		emu_write_cm(ctx, offset, 8, val);
	for (offset = 0; offset < SPEC_DVSEC_END; offset += 4)
		emu_write_dvsec(ctx, offset, 4, val);
}

/* Both are at @base, which is 0 if they are not locked */
static void emu_expect_base(struct kunit *test, u64 base)
{
	struct emu_ctx *ctx = test->priv;
	u32 decoder = emu_read_cm(ctx, HDM(SPEC_HDM_CTRL), 4);
	u32 ctrl = emu_read_dvsec(ctx, SPEC_DVSEC_CTRL, 2);

	KUNIT_EXPECT_EQ(test, ctx->emu.base, base);
	KUNIT_EXPECT_EQ(test, emu_read_cm(ctx, HDM(SPEC_HDM_BASE_LOW), 8),
			base);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_BASE_HIGH, 4),
			base >> 32);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_BASE_LOW, 4),
			(u32)base);
	KUNIT_EXPECT_EQ(test, !!(decoder & SPEC_HDM_CTRL_COMMITTED), !!base);
	KUNIT_EXPECT_EQ(test, !!(ctrl & SPEC_DVSEC_CTRL_MEM_ENABLE), !!base);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_LOCK, 2), !!base);
}

/* Both always have the memory's size */
static void emu_expect_size(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, emu_read_cm(ctx, HDM(SPEC_HDM_SIZE_LOW), 8),
			TEST_SIZE);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_SIZE_HIGH, 4),
			TEST_SIZE >> 32);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_SIZE_LOW, 4) &
			SPEC_DVSEC_ADDR_LOW, (u32)TEST_SIZE);
}

static void emu_starts_without_a_lock(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	emu_expect_base(test, 0);
	emu_expect_size(test);
	KUNIT_EXPECT_EQ(test, ctx->emu.cm.bad_accesses, 0);
}

static void emu_lock_shows_in_both(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, emu_lock(ctx, TEST_GUEST_BASE), 0);
	emu_expect_base(test, TEST_GUEST_BASE);
	emu_expect_size(test);
}

static void emu_lock_wins_over_what_a_guest_wrote(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	/* Including a CONFIG_LOCK that the guest sets */
	emu_write_all(ctx, ~0ULL);
	KUNIT_EXPECT_EQ(test, emu_lock(ctx, TEST_GUEST_BASE), 0);
	emu_expect_base(test, TEST_GUEST_BASE);
	emu_expect_size(test);
}

static void emu_lock_at_the_same_base_changes_nothing(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	emu_lock(ctx, TEST_GUEST_BASE);
	emu_write_all(ctx, ~0ULL);
	emu_keep(ctx);
	KUNIT_EXPECT_EQ(test, emu_lock(ctx, TEST_GUEST_BASE), 0);
	emu_expect_kept(test);
	emu_expect_base(test, TEST_GUEST_BASE);
}

static void emu_lock_at_another_base_is_busy(struct kunit *test)
{
	static const u64 bases[] = {
		OTHER_BASE,
		/* Only one half, and the smallest possible difference */
		TEST_GUEST_BASE ^ (1ULL << 32),
		TEST_GUEST_BASE ^ (1ULL << 28),
		TEST_GUEST_BASE + VFIO_CXL_EMU_HDM_ALIGN,
	};
	struct emu_ctx *ctx = test->priv;
	unsigned int i;

	emu_lock(ctx, TEST_GUEST_BASE);
	emu_keep(ctx);
	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		KUNIT_EXPECT_EQ(test, emu_lock(ctx, bases[i]), -EBUSY);
		emu_expect_kept(test);
		emu_expect_base(test, TEST_GUEST_BASE);
	}

	/* A reset does not show it either */
	vfio_cxl_emu_reset(&ctx->emu);
	emu_expect_kept(test);
}

static void emu_reset_keeps_the_lock(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;
	unsigned int i;

	emu_lock(ctx, TEST_GUEST_BASE);
	emu_keep(ctx);
	for (i = 0; i < 2; i++) {
		emu_write_all(ctx, i ? 0 : ~0ULL);
		vfio_cxl_emu_reset(&ctx->emu);
		emu_expect_kept(test);
		/* Locked as before: what the registers read stays */
		emu_write_cm(ctx, HDM(SPEC_HDM_BASE_LOW), 8, 0);
		emu_write_dvsec(ctx, SPEC_DVSEC_BASE_HIGH, 8, 0);
		emu_expect_kept(test);
		KUNIT_EXPECT_EQ(test, emu_lock(ctx, OTHER_BASE), -EBUSY);
	}
}

static void emu_reset_without_a_lock_starts_over(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	emu_keep(ctx);
	emu_write_all(ctx, ~0ULL);
	vfio_cxl_emu_reset(&ctx->emu);
	emu_expect_kept(test);
	emu_expect_base(test, 0);

	/* The guest's CONFIG_LOCK is gone, and the VMM can lock */
	emu_write_dvsec(ctx, SPEC_DVSEC_BASE_HIGH, 4, 0x84);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_BASE_HIGH, 4),
			0x84);
	KUNIT_EXPECT_EQ(test, emu_lock(ctx, OTHER_BASE), 0);
	emu_expect_base(test, OTHER_BASE);
}

static void emu_reset_undoes_writes_after_the_lock(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	/* What stays writable: a mask of RAS, and Disable Caching */
	emu_lock(ctx, TEST_GUEST_BASE);
	emu_write_cm(ctx, RAS(SPEC_RAS_CE_MASK), 4, 0);
	emu_write_dvsec(ctx, SPEC_DVSEC_CTRL2, 2, SPEC_DVSEC_CTRL2_NO_CACHING);
	vfio_cxl_emu_reset(&ctx->emu);
	KUNIT_EXPECT_EQ(test, emu_read_cm(ctx, RAS(SPEC_RAS_CE_MASK), 4), 0x55);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_CTRL2, 2), 0);
}

static void emu_init_ends_the_lock(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	emu_keep(ctx);
	emu_lock(ctx, TEST_GUEST_BASE);
	emu_write_all(ctx, ~0ULL);
	vfio_cxl_emu_init(&ctx->emu, &ctx->config);
	emu_expect_kept(test);
	emu_expect_base(test, 0);

	/* Not even a reset brings it back, and another base is free */
	vfio_cxl_emu_reset(&ctx->emu);
	emu_expect_kept(test);
	KUNIT_EXPECT_EQ(test, emu_lock(ctx, OTHER_BASE), 0);
	emu_expect_base(test, OTHER_BASE);
}

static void emu_counts_bad_accesses_until_init(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	emu_read_cm(ctx, 1, 4);
	emu_write_cm(ctx, 0, 2, 0);
	emu_lock(ctx, TEST_GUEST_BASE);
	vfio_cxl_emu_reset(&ctx->emu);
	KUNIT_EXPECT_EQ(test, ctx->emu.cm.bad_accesses, 2);
	vfio_cxl_emu_init(&ctx->emu, &ctx->config);
	KUNIT_EXPECT_EQ(test, ctx->emu.cm.bad_accesses, 0);
}

static void emu_writes_reach_their_own_registers(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;

	emu_keep(ctx);
	emu_write_cm(ctx, HDM(SPEC_HDM_BASE_LOW), 8, OTHER_BASE);
	KUNIT_EXPECT_EQ(test, emu_read_cm(ctx, HDM(SPEC_HDM_BASE_LOW), 8),
			OTHER_BASE);
	KUNIT_EXPECT_MEMEQ(test, ctx->emu.dvsec.image, ctx->dvsec,
			   sizeof(ctx->dvsec));

	emu_keep(ctx);
	emu_write_dvsec(ctx, SPEC_DVSEC_BASE_HIGH, 4, 0x84);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_BASE_HIGH, 4),
			0x84);
	KUNIT_EXPECT_MEMEQ(test, ctx->emu.cm.image, ctx->cm, sizeof(ctx->cm));
}

static void emu_memory_state_lasts_until_reset(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;
	u32 host = emu_read_dvsec(ctx, SPEC_DVSEC_SIZE_LOW, 4);

	KUNIT_EXPECT_EQ(test, host & SPEC_DVSEC_STATE, 0x6a4b);
	vfio_cxl_emu_set_memory_state(&ctx->emu, SPEC_DVSEC_INFO_VALID);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_SIZE_LOW, 4),
			(u32)TEST_SIZE | SPEC_DVSEC_INFO_VALID);
	emu_lock(ctx, TEST_GUEST_BASE);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_SIZE_LOW, 4),
			(u32)TEST_SIZE | SPEC_DVSEC_INFO_VALID);
	vfio_cxl_emu_reset(&ctx->emu);
	KUNIT_EXPECT_EQ(test, emu_read_dvsec(ctx, SPEC_DVSEC_SIZE_LOW, 4),
			host);
}

static void emu_two_devices_share_nothing(struct kunit *test)
{
	struct emu_ctx *ctx = test->priv;
	struct vfio_cxl_emu *other = kunit_kzalloc(test, sizeof(*other),
						   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, other);
	vfio_cxl_emu_init(other, &ctx->config);
	KUNIT_EXPECT_EQ(test, vfio_cxl_emu_lock(other, OTHER_BASE), 0);
	emu_expect_base(test, 0);
	KUNIT_EXPECT_EQ(test, emu_lock(ctx, TEST_GUEST_BASE), 0);
	vfio_cxl_emu_reset(other);
	emu_expect_base(test, TEST_GUEST_BASE);
	KUNIT_EXPECT_EQ(test,
			vfio_cxl_emu_read_cm(other, HDM(SPEC_HDM_BASE_LOW), 8),
			OTHER_BASE);
}

static struct kunit_case emu_test_cases[] = {
	KUNIT_CASE(emu_starts_without_a_lock),
	KUNIT_CASE(emu_lock_shows_in_both),
	KUNIT_CASE(emu_lock_wins_over_what_a_guest_wrote),
	KUNIT_CASE(emu_lock_at_the_same_base_changes_nothing),
	KUNIT_CASE(emu_lock_at_another_base_is_busy),
	KUNIT_CASE(emu_reset_keeps_the_lock),
	KUNIT_CASE(emu_reset_without_a_lock_starts_over),
	KUNIT_CASE(emu_reset_undoes_writes_after_the_lock),
	KUNIT_CASE(emu_init_ends_the_lock),
	KUNIT_CASE(emu_counts_bad_accesses_until_init),
	KUNIT_CASE(emu_writes_reach_their_own_registers),
	KUNIT_CASE(emu_memory_state_lasts_until_reset),
	KUNIT_CASE(emu_two_devices_share_nothing),
	{}
};

static struct kunit_suite emu_test_suite = {
	.name = "vfio-cxl-emu",
	.init = emu_test_init,
	.test_cases = emu_test_cases,
};

kunit_test_suites(&emu_test_suite);
