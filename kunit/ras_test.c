// SPDX-License-Identifier: GPL-2.0-only
/*
 * RAS Capability Structure (CXL r3.1 8.2.4.17)
 */
#include <kunit/test.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "emu/emu.h"
#include "fixture.h"
#include "spec.h"

/**
 * struct ras_ctx - virtual RAS registers and the host's
 * @block: the virtual ones
 * @image: the image of @block
 * @host: the host's
 */
struct ras_ctx {
	struct vfio_cxl_emu_block block;
	u8 image[VFIO_CXL_EMU_RAS_SIZE];
	u8 host[VFIO_CXL_EMU_RAS_SIZE];
};

static int ras_test_init(struct kunit *test)
{
	struct ras_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	vfio_cxl_test_host_ras(ctx->host);
	vfio_cxl_emu_ras_init(&ctx->block, ctx->image, ctx->host);
	test->priv = ctx;

	return 0;
}

static u32 ras_read(struct ras_ctx *ctx, u32 offset)
{
	return vfio_cxl_emu_block_read(&ctx->block, offset, 4);
}

static void ras_write(struct ras_ctx *ctx, u32 offset, u32 val)
{
	vfio_cxl_emu_block_write(&ctx->block, offset, 4, val);
}

/* Register by register: as it starts, after writing ones, after zeros */
struct ras_reg_case {
	const char *name;
	u32 offset;
	u32 start;
	u32 ones;
	u32 zeros;
};

static const struct ras_reg_case ras_reg_cases[] = {
	{ "Uncorrectable Error Status reads 0", SPEC_RAS_UE_STATUS },
	{ "Uncorrectable Error Mask is writable", SPEC_RAS_UE_MASK,
	  0xffffcf0f & SPEC_RAS_UE_BITS, SPEC_RAS_UE_BITS },
	{ "Uncorrectable Error Severity is writable", SPEC_RAS_UE_SEVERITY,
	  0xffff81f0 & SPEC_RAS_UE_BITS, SPEC_RAS_UE_BITS },
	{ "Correctable Error Status reads 0", SPEC_RAS_CE_STATUS },
	{ "Correctable Error Mask is writable", SPEC_RAS_CE_MASK,
	  0xffffff55 & SPEC_RAS_CE_BITS, SPEC_RAS_CE_BITS },
	{ "Error Capabilities and Control reads 0", SPEC_RAS_CAP_CTRL },
	{ "Header Log reads 0, first", SPEC_RAS_HEADER_LOG },
	{ "Header Log reads 0, second", SPEC_RAS_HEADER_LOG + 4 },
	{ "Header Log reads 0, last", SPEC_RAS_END - 4 },
};

KUNIT_ARRAY_PARAM_DESC(ras_reg, ras_reg_cases, name);

static void ras_reg(struct kunit *test)
{
	const struct ras_reg_case *param = test->param_value;
	struct ras_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, ras_read(ctx, param->offset), param->start);
	ras_write(ctx, param->offset, ~0U);
	KUNIT_EXPECT_EQ(test, ras_read(ctx, param->offset), param->ones);
	ras_write(ctx, param->offset, 0);
	KUNIT_EXPECT_EQ(test, ras_read(ctx, param->offset), param->zeros);
}

static void ras_init_from_host(struct vfio_cxl_test_registers *regs)
{
	struct ras_ctx *ctx = regs->priv;

	vfio_cxl_emu_ras_init(&ctx->block, ctx->image, ctx->host);
}

static void ras_shows_no_other_bit_of_the_host(struct kunit *test)
{
	static const u32 shown[VFIO_CXL_EMU_RAS_SIZE / 4] = {
		[SPEC_RAS_UE_MASK / 4] = SPEC_RAS_UE_BITS,
		[SPEC_RAS_UE_SEVERITY / 4] = SPEC_RAS_UE_BITS,
		[SPEC_RAS_CE_MASK / 4] = SPEC_RAS_CE_BITS,
	};
	struct ras_ctx *ctx = test->priv;
	struct vfio_cxl_test_registers regs = {
		.test = test,
		.host = ctx->host,
		.image = ctx->image,
		.size = VFIO_CXL_EMU_RAS_SIZE,
		.init = ras_init_from_host,
		.priv = ctx,
	};

	vfio_cxl_test_host_bits(&regs, shown);
}

/* If the image ever has an error, it is cleared as the specification says */
static void ras_status_is_cleared_by_writing_1(struct kunit *test)
{
	static const u32 regs[][2] = {
		{ SPEC_RAS_UE_STATUS, SPEC_RAS_UE_BITS },
		{ SPEC_RAS_CE_STATUS, SPEC_RAS_CE_BITS },
	};
	struct ras_ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		u32 reg = regs[i][0], bits = regs[i][1];

		vfio_cxl_emu_reg_set(&ctx->block, reg, 4, bits);
		ras_write(ctx, reg, 0);
		KUNIT_EXPECT_EQ(test, ras_read(ctx, reg), bits);
		ras_write(ctx, reg, 0x11);
		KUNIT_EXPECT_EQ(test, ras_read(ctx, reg), bits & ~0x11);
		ras_write(ctx, reg, ~0U);
		KUNIT_EXPECT_EQ(test, ras_read(ctx, reg), 0);
	}
}

static void ras_header_log_reads_0_and_ignores_writes(struct kunit *test)
{
	struct ras_ctx *ctx = test->priv;
	u32 offset;

	for (offset = SPEC_RAS_HEADER_LOG; offset < SPEC_RAS_END; offset += 8) {
		vfio_cxl_emu_block_write(&ctx->block, offset, 8, ~0ULL);
		KUNIT_EXPECT_EQ(test, vfio_cxl_emu_block_read(&ctx->block,
							      offset, 8), 0);
	}
}

/* The severities and the mask before them, in one access */
static void ras_write_of_8_bytes_reaches_two_registers(struct kunit *test)
{
	struct ras_ctx *ctx = test->priv;

	vfio_cxl_emu_block_write(&ctx->block, SPEC_RAS_UE_MASK, 8,
				 0x0000400100008002ULL);
	KUNIT_EXPECT_EQ(test, ras_read(ctx, SPEC_RAS_UE_MASK), 0x8002);
	KUNIT_EXPECT_EQ(test, ras_read(ctx, SPEC_RAS_UE_SEVERITY), 0x4001);
}

static struct kunit_case ras_test_cases[] = {
	KUNIT_CASE_PARAM(ras_reg, ras_reg_gen_params),
	KUNIT_CASE(ras_shows_no_other_bit_of_the_host),
	KUNIT_CASE(ras_status_is_cleared_by_writing_1),
	KUNIT_CASE(ras_header_log_reads_0_and_ignores_writes),
	KUNIT_CASE(ras_write_of_8_bytes_reaches_two_registers),
	{}
};

static struct kunit_suite ras_test_suite = {
	.name = "vfio-cxl-ras",
	.init = ras_test_init,
	.test_cases = ras_test_cases,
};

kunit_test_suites(&ras_test_suite);
