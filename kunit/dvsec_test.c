// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCIe DVSEC for CXL Devices (CXL r3.1 8.1.3)
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
 * struct dvsec_ctx - a virtual DVSEC
 * @dvsec: the DVSEC
 * @before: an earlier copy of its image
 * @host: the host's
 * @size: size of the memory, in bytes
 */
struct dvsec_ctx {
	struct vfio_cxl_emu_dvsec dvsec;
	u8 before[VFIO_CXL_EMU_DVSEC_SIZE];
	u8 host[VFIO_CXL_EMU_DVSEC_SIZE];
	u64 size;
};

static void dvsec_start(struct dvsec_ctx *ctx)
{
	vfio_cxl_emu_dvsec_init(&ctx->dvsec, ctx->host, ctx->size);
}

static void dvsec_lock(struct dvsec_ctx *ctx)
{
	vfio_cxl_emu_dvsec_lock(&ctx->dvsec, TEST_GUEST_BASE);
}

static int dvsec_test_init(struct kunit *test)
{
	struct dvsec_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	vfio_cxl_test_host_dvsec(ctx->host);
	ctx->size = TEST_SIZE;
	dvsec_start(ctx);
	test->priv = ctx;

	return 0;
}

static u64 dvsec_read(struct dvsec_ctx *ctx, u32 offset, unsigned int width)
{
	return vfio_cxl_emu_dvsec_read(&ctx->dvsec, offset, width);
}

static void dvsec_write(struct dvsec_ctx *ctx, u32 offset, unsigned int width,
			u64 val)
{
	vfio_cxl_emu_dvsec_write(&ctx->dvsec, offset, width, val);
}

static void dvsec_keep(struct dvsec_ctx *ctx)
{
	memcpy(ctx->before, ctx->dvsec.image, sizeof(ctx->before));
}

static void dvsec_expect_kept(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	KUNIT_EXPECT_MEMEQ(test, ctx->dvsec.image, ctx->before,
			   sizeof(ctx->before));
}

/**
 * enum dvsec_rule - value of a field, for a host with all bits set
 * @READS_0: reads 0
 * @FIXED: a fixed value
 * @AS_HOST: the host's value
 * @AS_GUEST: 0, then what the guest writes
 * @HOST_THEN_GUEST: the host's value, then what the guest writes
 * @WRITE_ONCE: 0, until the guest writes ones
 */
enum dvsec_rule {
	READS_0,
	FIXED,
	AS_HOST,
	AS_GUEST,
	HOST_THEN_GUEST,
	WRITE_ONCE,
};

struct dvsec_field_case {
	const char *name;
	u32 offset;
	unsigned int width;
	u32 mask;
	enum dvsec_rule rule;
	u32 val;
};

static const struct dvsec_field_case dvsec_field_cases[] = {
	{ "DVSEC Header is as given", SPEC_DVSEC_HEADER, 4, ~0U, AS_HOST },
	{ "DVSEC Header 1 is as given", SPEC_DVSEC_HEADER1, 4, ~0U,
	  AS_HOST },
	{ "DVSEC Header 2 is as given", SPEC_DVSEC_HEADER2, 2, 0xffff,
	  AS_HOST },

	{ "Cache_Capable as the host's", SPEC_DVSEC_CAP, 2,
	  SPEC_DVSEC_CAP_CACHE, AS_HOST },
	{ "IO_Capable as the host's", SPEC_DVSEC_CAP, 2,
	  SPEC_DVSEC_CAP_IO, AS_HOST },
	{ "Mem_Capable as the host's", SPEC_DVSEC_CAP, 2,
	  SPEC_DVSEC_CAP_MEM, AS_HOST },
	{ "Mem_HwInit_Mode as the host's", SPEC_DVSEC_CAP, 2,
	  SPEC_DVSEC_CAP_MEM_HWINIT, AS_HOST },
	{ "HDM_Count is 1", SPEC_DVSEC_CAP, 2,
	  SPEC_DVSEC_CAP_HDM_COUNT, FIXED,
	  SPEC_DVSEC_CAP_HDM_COUNT_1 },
	{ "Cache Writeback and Invalidate not offered", SPEC_DVSEC_CAP, 2,
	  SPEC_DVSEC_CAP_CACHE_WBI },
	{ "CXL Reset not offered", SPEC_DVSEC_CAP, 2, SPEC_DVSEC_CAP_RESET },
	{ "CXL Reset Timeout is 0", SPEC_DVSEC_CAP, 2,
	  SPEC_DVSEC_CAP_RESET_TIMEOUT },
	{ "CXL Reset Mem Clr not offered", SPEC_DVSEC_CAP, 2,
	  SPEC_DVSEC_CAP_RESET_MEM_CLR },
	{ "TSP not offered", SPEC_DVSEC_CAP, 2, SPEC_DVSEC_CAP_TSP },
	{ "Multiple Logical Device not offered", SPEC_DVSEC_CAP, 2,
	  SPEC_DVSEC_CAP_MLD },
	{ "Viral not offered", SPEC_DVSEC_CAP, 2, SPEC_DVSEC_CAP_VIRAL },
	{ "PM Init Completion Reporting as the host's", SPEC_DVSEC_CAP, 2,
	  SPEC_DVSEC_CAP_PM_INIT, AS_HOST },

	{ "Cache_Enable starts as the host's", SPEC_DVSEC_CTRL, 2,
	  SPEC_DVSEC_CTRL_CACHE_ENABLE,
	  HOST_THEN_GUEST },
	{ "IO_Enable is the host's", SPEC_DVSEC_CTRL, 2,
	  SPEC_DVSEC_CTRL_IO_ENABLE, AS_HOST },
	{ "Mem_Enable starts as 0", SPEC_DVSEC_CTRL, 2,
	  SPEC_DVSEC_CTRL_MEM_ENABLE, AS_GUEST },
	{ "Cache_SF_Coverage starts as the host's", SPEC_DVSEC_CTRL, 2,
	  SPEC_DVSEC_CTRL_SF_COVERAGE,
	  HOST_THEN_GUEST },
	{ "Cache_SF_Granularity starts as the host's", SPEC_DVSEC_CTRL, 2,
	  SPEC_DVSEC_CTRL_SF_GRANULE, HOST_THEN_GUEST },
	{ "Cache_Clean_Eviction starts as the host's", SPEC_DVSEC_CTRL, 2,
	  SPEC_DVSEC_CTRL_CLEAN_EVICT,
	  HOST_THEN_GUEST },
	{ "Direct P2P Mem_Enable not offered", SPEC_DVSEC_CTRL, 2,
	  SPEC_DVSEC_CTRL_P2P_MEM },
	{ "Viral_Enable not offered", SPEC_DVSEC_CTRL, 2,
	  SPEC_DVSEC_CTRL_VIRAL_ENABLE },
	{ "Control reserved bits are 0", SPEC_DVSEC_CTRL, 2,
	  SPEC_DVSEC_CTRL_RESERVED },

	{ "Viral_Status is 0", SPEC_DVSEC_STATUS, 2,
	  SPEC_DVSEC_STATUS_VIRAL },
	{ "Status reserved bits are 0", SPEC_DVSEC_STATUS, 2,
	  0xffff & ~SPEC_DVSEC_STATUS_VIRAL },

	{ "Disable Caching starts as 0", SPEC_DVSEC_CTRL2, 2,
	  SPEC_DVSEC_CTRL2_NO_CACHING, AS_GUEST },
	{ "Initiate Cache Writeback and Invalidation ignored",
	  SPEC_DVSEC_CTRL2, 2, SPEC_DVSEC_CTRL2_CACHE_WBI },
	{ "Initiate CXL Reset ignored", SPEC_DVSEC_CTRL2, 2,
	  SPEC_DVSEC_CTRL2_RESET },
	{ "CXL Reset Mem Clr Enable ignored", SPEC_DVSEC_CTRL2, 2,
	  SPEC_DVSEC_CTRL2_MEM_CLR },
	{ "Desired Volatile HDM State ignored", SPEC_DVSEC_CTRL2, 2,
	  SPEC_DVSEC_CTRL2_HDM_STATE },
	{ "Modified Completion Enable ignored", SPEC_DVSEC_CTRL2, 2,
	  SPEC_DVSEC_CTRL2_MOD_COMPL },
	{ "Control2 reserved bits are 0", SPEC_DVSEC_CTRL2, 2,
	  SPEC_DVSEC_CTRL2_RESERVED },

	{ "Cache Invalid is 0", SPEC_DVSEC_STATUS2, 2,
	  SPEC_DVSEC_STATUS2_INVALID },
	{ "CXL Reset Complete and Error are 0", SPEC_DVSEC_STATUS2, 2,
	  SPEC_DVSEC_STATUS2_RESET },
	{ "Volatile HDM Preservation Error is 0", SPEC_DVSEC_STATUS2, 2,
	  SPEC_DVSEC_STATUS2_VOLATILE },
	{ "Status2 reserved bits are 0", SPEC_DVSEC_STATUS2, 2,
	  SPEC_DVSEC_STATUS2_RESERVED },
	{ "PM Initialization Complete as the host's", SPEC_DVSEC_STATUS2, 2,
	  SPEC_DVSEC_STATUS2_PM_INIT, AS_HOST },

	{ "CONFIG_LOCK is write-once", SPEC_DVSEC_LOCK, 2,
	  SPEC_DVSEC_LOCK_CONFIG, WRITE_ONCE },
	{ "Lock reserved bits are 0", SPEC_DVSEC_LOCK, 2,
	  0xffff & ~SPEC_DVSEC_LOCK_CONFIG },

	{ "Cache Size Unit as the host's", SPEC_DVSEC_CAP2, 2,
	  SPEC_DVSEC_CAP2_CACHE_UNIT, AS_HOST },
	{ "Cache Size as the host's", SPEC_DVSEC_CAP2, 2,
	  SPEC_DVSEC_CAP2_CACHE_SIZE, AS_HOST },
	{ "fallback, modified completion, no clean writeback not offered",
	  SPEC_DVSEC_CAP2, 2, SPEC_DVSEC_CAP2_OTHER },

	{ "Range 1 Size High is the memory's", SPEC_DVSEC_SIZE_HIGH, 4, ~0U,
	  FIXED, TEST_SIZE >> 32 },
	{ "Range 1 Size Low is the memory's", SPEC_DVSEC_SIZE_LOW, 4,
	  SPEC_DVSEC_ADDR_LOW, FIXED, (u32)TEST_SIZE },
	{ "Memory_Info_Valid as the host's", SPEC_DVSEC_SIZE_LOW, 4,
	  SPEC_DVSEC_INFO_VALID, AS_HOST },
	{ "Memory_Active as the host's", SPEC_DVSEC_SIZE_LOW, 4,
	  SPEC_DVSEC_ACTIVE, AS_HOST },
	{ "rest of the Range 1 state as the host's", SPEC_DVSEC_SIZE_LOW, 4,
	  SPEC_DVSEC_STATE, AS_HOST },
	{ "Range 1 Size Low reserved bits are 0", SPEC_DVSEC_SIZE_LOW, 4,
	  SPEC_DVSEC_SIZE_RESERVED },
	{ "Range 1 Base High starts as 0", SPEC_DVSEC_BASE_HIGH, 4, ~0U,
	  AS_GUEST },
	{ "Range 1 Base Low starts as 0", SPEC_DVSEC_BASE_LOW, 4,
	  SPEC_DVSEC_ADDR_LOW, AS_GUEST },
	{ "Range 1 Base Low reserved bits are 0", SPEC_DVSEC_BASE_LOW, 4,
	  ~SPEC_DVSEC_ADDR_LOW },

	{ "Range 2 Size High is 0", SPEC_DVSEC_RANGE2, 4, ~0U },
	{ "Range 2 Size Low is 0", SPEC_DVSEC_RANGE2 + 4, 4, ~0U },
	{ "Range 2 Base High is 0", SPEC_DVSEC_RANGE2 + 8, 4, ~0U },
	{ "Range 2 Base Low is 0", SPEC_DVSEC_RANGE2 + 12, 4, ~0U },
	{ "Capability3 is 0", SPEC_DVSEC_CAP3, 2, 0xffff },
	{ "bytes past Capability3 are 0", SPEC_DVSEC_CAP3 + 2, 2, 0xffff },
};

KUNIT_ARRAY_PARAM_DESC(dvsec_field, dvsec_field_cases, name);

static void dvsec_field_expect(struct kunit *test, u32 val)
{
	const struct dvsec_field_case *param = test->param_value;
	struct dvsec_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, param->mask &
			dvsec_read(ctx, param->offset, param->width), val);
}

static void dvsec_field(struct kunit *test)
{
	const struct dvsec_field_case *param = test->param_value;
	enum dvsec_rule rule = param->rule;
	struct dvsec_ctx *ctx = test->priv;
	u32 fixed = rule == FIXED ? param->val : 0;

	memset(ctx->host, 0, sizeof(ctx->host));
	dvsec_start(ctx);
	dvsec_field_expect(test, fixed);

	memset(ctx->host, 0xff, sizeof(ctx->host));
	dvsec_start(ctx);
	dvsec_field_expect(test, rule == AS_HOST || rule == HOST_THEN_GUEST ?
			   param->mask : fixed);

	dvsec_write(ctx, param->offset, param->width, ~0U);
	dvsec_field_expect(test, rule == READS_0 || rule == FIXED ? fixed :
			   param->mask);
	dvsec_write(ctx, param->offset, param->width, 0);
	dvsec_field_expect(test, rule == AS_HOST || rule == WRITE_ONCE ?
			   param->mask : fixed);
}

static void dvsec_init_from_host(struct vfio_cxl_test_registers *regs)
{
	dvsec_start(regs->priv);
}

static void dvsec_shows_no_other_bit_of_the_host(struct kunit *test)
{
	static const u32 shown[VFIO_CXL_EMU_DVSEC_SIZE / 4] = {
		[0x00 / 4] = ~0U,
		[0x04 / 4] = ~0U,
		[0x08 / 4] = 0x800fffff,	/* Header 2, Capability */
		[0x0c / 4] = 0x00000ffb,	/* Control, Status */
		[0x10 / 4] = 0x80000000,	/* Control2, Status2 */
		[0x14 / 4] = 0xff0f0000,	/* Lock, Capability2 */
		[0x1c / 4] = SPEC_DVSEC_STATE,
	};
	struct dvsec_ctx *ctx = test->priv;
	struct vfio_cxl_test_registers regs = {
		.test = test,
		.host = ctx->host,
		.image = ctx->dvsec.image,
		.size = VFIO_CXL_EMU_DVSEC_SIZE,
		.init = dvsec_init_from_host,
		.priv = ctx,
	};

	/* A host's bits appear where they are, so nothing may be set there */
	ctx->size = 0;
	vfio_cxl_test_host_bits(&regs, shown);
}

/* Accesses of any width at any offset */

static void dvsec_body_begins_with_the_capability(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, VFIO_CXL_EMU_DVSEC_BODY, SPEC_DVSEC_CAP);
	KUNIT_EXPECT_EQ(test, VFIO_CXL_EMU_DVSEC_SIZE, SPEC_DVSEC_END);
}

static void dvsec_reads_of_every_width_agree(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;
	unsigned int locked, width, i;
	u32 offset;

	for (locked = 0; locked < 2; locked++) {
		if (locked)
			dvsec_lock(ctx);
		for (width = 2; width <= 8; width++)
			for (offset = 0; offset + width <= SPEC_DVSEC_END;
			     offset++) {
				u64 bytes = 0;

				for (i = 0; i < width; i++)
					bytes |= dvsec_read(ctx, offset + i, 1)
						 << (8 * i);
				KUNIT_ASSERT_EQ(test, bytes,
						dvsec_read(ctx, offset, width));
			}
	}
}

/* Whichever half a guest wrote, a read that spans both has it */
static void dvsec_control2_and_status2_read_as_one(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL2, 4), 0x80000000);
	dvsec_write(ctx, SPEC_DVSEC_CTRL2, 2, SPEC_DVSEC_CTRL2_NO_CACHING);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL2, 4), 0x80000001);
	vfio_cxl_emu_reg_set(&ctx->dvsec.block, SPEC_DVSEC_STATUS2, 2, 0x0008);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL2, 4), 0x00080001);
	dvsec_write(ctx, SPEC_DVSEC_STATUS2, 2, SPEC_DVSEC_STATUS2_VOLATILE);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL2, 4), 0x00000001);
	dvsec_write(ctx, SPEC_DVSEC_CTRL2, 4, 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL2, 4), 0);
}

static void dvsec_write_of_1_byte_changes_that_byte_alone(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;
	u32 offset, fill;

	for (offset = 0; offset < SPEC_DVSEC_END; offset++)
		for (fill = 0; fill <= 0xff; fill += 0xff) {
			dvsec_start(ctx);
			/* Registers neither all zeros nor all ones */
			dvsec_write(ctx, SPEC_DVSEC_CTRL, 2, 0x0a5d);
			dvsec_write(ctx, SPEC_DVSEC_BASE_HIGH, 4, 0x96a55a69);
			dvsec_keep(ctx);
			dvsec_write(ctx, offset, 1, fill);
			ctx->before[offset] = ctx->dvsec.image[offset];
			dvsec_expect_kept(test);
		}
}

static void dvsec_write_of_1_byte_keeps_the_rest_of_control(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	dvsec_write(ctx, SPEC_DVSEC_CTRL, 2, 0x0fff);
	dvsec_write(ctx, SPEC_DVSEC_CTRL, 1, 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL, 2), 0x0f02);
	dvsec_write(ctx, SPEC_DVSEC_CTRL, 2, 0x0fff);
	dvsec_write(ctx, SPEC_DVSEC_CTRL + 1, 1, 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL, 2), 0x00ff);
}

static void dvsec_write_of_1_byte_keeps_the_rest_of_lock(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	dvsec_write(ctx, SPEC_DVSEC_LOCK + 1, 1, 0xff);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_LOCK, 2), 0);
	dvsec_write(ctx, SPEC_DVSEC_LOCK, 1, 0x01);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_LOCK, 2), 1);
	dvsec_write(ctx, SPEC_DVSEC_LOCK + 1, 1, 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_LOCK, 2), 1);
}

static void dvsec_write_at_odd_offset_is_not_lost(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	dvsec_write(ctx, SPEC_DVSEC_CTRL + 1, 1, 0x0a);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL + 1, 1), 0x0a);
	/* Half of Status and of Control2, and the odd half of Base High */
	dvsec_write(ctx, SPEC_DVSEC_STATUS + 1, 2, 0x0100);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL2, 2), 0x0001);
	dvsec_write(ctx, SPEC_DVSEC_BASE_HIGH + 1, 2, 0x1234);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_BASE_HIGH, 4),
			0x00123400);
	dvsec_write(ctx, SPEC_DVSEC_BASE_HIGH + 3, 4, 0xf0000056);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_BASE_HIGH, 4),
			0x56123400);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_BASE_LOW, 4), 0);
	dvsec_write(ctx, SPEC_DVSEC_BASE_LOW + 3, 1, 0xff);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_BASE_LOW, 4),
			0xf0000000);
}

/* Status bits, in case the image ever has one set */

static void dvsec_status_is_cleared_by_writing_1(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	vfio_cxl_emu_reg_set(&ctx->dvsec.block, SPEC_DVSEC_STATUS, 2,
			     SPEC_DVSEC_STATUS_VIRAL);
	dvsec_write(ctx, SPEC_DVSEC_STATUS, 2, 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_STATUS, 2),
			SPEC_DVSEC_STATUS_VIRAL);
	/* A write of Control that writes Status back, except for that bit */
	dvsec_write(ctx, SPEC_DVSEC_CTRL, 4, 0xbfff0002);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_STATUS, 2),
			SPEC_DVSEC_STATUS_VIRAL);
	dvsec_write(ctx, SPEC_DVSEC_STATUS, 2, SPEC_DVSEC_STATUS_VIRAL);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_STATUS, 2), 0);
}

static void dvsec_status2_is_cleared_by_writing_1(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	vfio_cxl_emu_reg_set(&ctx->dvsec.block, SPEC_DVSEC_STATUS2, 2,
			     SPEC_DVSEC_STATUS2_VOLATILE |
			     SPEC_DVSEC_STATUS2_PM_INIT);
	dvsec_write(ctx, SPEC_DVSEC_STATUS2, 2, 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_STATUS2, 2), 0x8008);
	dvsec_write(ctx, SPEC_DVSEC_STATUS2, 2, 0xffff);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_STATUS2, 2), 0x8000);
}

/* CONFIG_LOCK by the guest (8.1.3.6): each way to write it */
struct dvsec_lock_case {
	const char *name;
	u32 offset;
	unsigned int width;
	u64 val;
	bool locks;
};

static const struct dvsec_lock_case dvsec_lock_cases[] = {
	{ "1 byte", SPEC_DVSEC_LOCK, 1, 0x01, true },
	{ "2 bytes", SPEC_DVSEC_LOCK, 2, 0x0001, true },
	{ "4 bytes with Capability2", SPEC_DVSEC_LOCK, 4, 0x00000001, true },
	{ "4 bytes with Status2", SPEC_DVSEC_STATUS2, 4, 0x00010000, true },
	{ "8 bytes from Control2 on", SPEC_DVSEC_CTRL2, 8, 0x100000000ULL,
	  true },
	{ "2 bytes from the odd byte before", SPEC_DVSEC_LOCK - 1, 2, 0x0100,
	  true },
	{ "all ones", SPEC_DVSEC_LOCK, 2, 0xffff, true },
	{ "0", SPEC_DVSEC_LOCK, 2, 0 },
	{ "reserved bits alone", SPEC_DVSEC_LOCK, 2, 0xfffe },
	{ "high byte alone", SPEC_DVSEC_LOCK + 1, 1, 0xff },
	{ "the register after", SPEC_DVSEC_CAP2, 2, 0xffff },
	{ "the register before", SPEC_DVSEC_STATUS2, 2, 0xffff },
};

KUNIT_ARRAY_PARAM_DESC(dvsec_lock, dvsec_lock_cases, name);

static void dvsec_guest_lock(struct kunit *test)
{
	const struct dvsec_lock_case *param = test->param_value;
	struct dvsec_ctx *ctx = test->priv;

	dvsec_write(ctx, SPEC_DVSEC_CTRL, 2, 0x0555);
	dvsec_write(ctx, SPEC_DVSEC_BASE_HIGH, 4, 0x12345678);
	dvsec_write(ctx, SPEC_DVSEC_BASE_LOW, 4, 0x90000000);
	dvsec_write(ctx, param->offset, param->width, param->val);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_LOCK, 2),
			param->locks ? 1 : 0);
	KUNIT_EXPECT_EQ(test, ctx->dvsec.block.locked, param->locks);

	/* Fields of kind RWL are fixed, others are not */
	dvsec_write(ctx, SPEC_DVSEC_CTRL, 2, 0x0aaa);
	dvsec_write(ctx, SPEC_DVSEC_BASE_HIGH, 4, 0);
	dvsec_write(ctx, SPEC_DVSEC_BASE_LOW, 4, 0);
	dvsec_write(ctx, SPEC_DVSEC_CTRL2, 2, SPEC_DVSEC_CTRL2_NO_CACHING);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL, 2),
			param->locks ? 0x0557 : 0x0aaa);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_BASE_HIGH, 4),
			param->locks ? 0x12345678 : 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_BASE_LOW, 4),
			param->locks ? 0x90000000 : 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL2, 2),
			SPEC_DVSEC_CTRL2_NO_CACHING);
}

static void dvsec_guest_lock_stays(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	dvsec_write(ctx, SPEC_DVSEC_LOCK, 2, 1);
	dvsec_write(ctx, SPEC_DVSEC_LOCK, 2, 0);
	dvsec_write(ctx, SPEC_DVSEC_LOCK, 1, 0);
	dvsec_write(ctx, SPEC_DVSEC_LOCK, 4, 0);
	dvsec_write(ctx, SPEC_DVSEC_CTRL2, 8, 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_LOCK, 2), 1);
	KUNIT_EXPECT_TRUE(test, ctx->dvsec.block.locked);
}

static void dvsec_set_wins_over_a_guests_lock(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	dvsec_write(ctx, SPEC_DVSEC_CTRL, 2, 0);
	dvsec_write(ctx, SPEC_DVSEC_BASE_HIGH, 4, 0x12345678);
	dvsec_write(ctx, SPEC_DVSEC_LOCK, 2, 1);
	dvsec_lock(ctx);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_BASE_HIGH, 4),
			TEST_GUEST_BASE >> 32);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL, 2), 0x0006);
}

/* After SET: register by register */
struct dvsec_locked_case {
	const char *name;
	u32 offset;
	unsigned int width;
	u32 val;
};

static const struct dvsec_locked_case dvsec_locked_cases[] = {
	{ "Capability", SPEC_DVSEC_CAP, 2, 0x801f },
	{ "Control: Mem_Enable, cache as the host's", SPEC_DVSEC_CTRL, 2,
	  0x0d57 },
	{ "Status", SPEC_DVSEC_STATUS, 2, 0 },
	{ "Control2", SPEC_DVSEC_CTRL2, 2, 0 },
	{ "Status2", SPEC_DVSEC_STATUS2, 2, 0x8000 },
	{ "Lock: CONFIG_LOCK", SPEC_DVSEC_LOCK, 2, 1 },
	{ "Capability2", SPEC_DVSEC_CAP2, 2, 0x4e02 },
	{ "Range 1 Size High: memory size", SPEC_DVSEC_SIZE_HIGH, 4,
	  TEST_SIZE >> 32 },
	{ "Range 1 Size Low: memory size, state as the host's",
	  SPEC_DVSEC_SIZE_LOW, 4, (u32)TEST_SIZE | 0x6a4b },
	{ "Range 1 Base High: guest HPA", SPEC_DVSEC_BASE_HIGH, 4,
	  TEST_GUEST_BASE >> 32 },
	{ "Range 1 Base Low: guest HPA", SPEC_DVSEC_BASE_LOW, 4,
	  (u32)TEST_GUEST_BASE },
	{ "Range 2 Size High", SPEC_DVSEC_RANGE2, 4, 0 },
	{ "Range 2 Size Low", SPEC_DVSEC_RANGE2 + 4, 4, 0 },
	{ "Range 2 Base High", SPEC_DVSEC_RANGE2 + 8, 4, 0 },
	{ "Range 2 Base Low", SPEC_DVSEC_RANGE2 + 12, 4, 0 },
	{ "Capability3", SPEC_DVSEC_CAP3, 4, 0 },
};

KUNIT_ARRAY_PARAM_DESC(dvsec_locked, dvsec_locked_cases, name);

/* No write can change any of these */
static void dvsec_locked(struct kunit *test)
{
	static const u64 vals[] = {
		0, ~0ULL, 0x5555555555555555ULL, 0xaaaaaaaaaaaaaaaaULL,
		TEST_HOST_BASE,
	};
	const struct dvsec_locked_case *param = test->param_value;
	struct dvsec_ctx *ctx = test->priv;
	unsigned int width, i;
	u32 offset;

	dvsec_lock(ctx);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, param->offset, param->width),
			param->val);
	/* Disable Caching stays writable */
	if (param->offset == SPEC_DVSEC_CTRL2)
		return;
	for (width = 1; width <= 8; width <<= 1)
		for (offset = 0; offset + width <= SPEC_DVSEC_END; offset++)
			for (i = 0; i < ARRAY_SIZE(vals); i++) {
				dvsec_write(ctx, offset, width, vals[i]);
				KUNIT_ASSERT_EQ(test, param->val,
						dvsec_read(ctx, param->offset,
							   param->width));
			}
}

static void dvsec_locked_leaves_control2_writable(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	dvsec_lock(ctx);
	dvsec_write(ctx, SPEC_DVSEC_CTRL2, 2, 0xffff);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL2, 2), 1);
	dvsec_write(ctx, SPEC_DVSEC_CTRL2, 2, 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_CTRL2, 2), 0);
}

static void dvsec_locked_ignores_every_bit_at_every_width(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;
	unsigned int width, bit;
	u32 offset;

	dvsec_lock(ctx);
	dvsec_keep(ctx);
	for (width = 1; width <= 8; width <<= 1)
		for (offset = 0; offset + width <= SPEC_DVSEC_END; offset++)
			for (bit = 0; bit < 8 * width; bit++) {
				u64 old = dvsec_read(ctx, offset, width);

				/* Control2 is the only writable register */
				if (8 * offset + bit == 8 * SPEC_DVSEC_CTRL2)
					continue;
				dvsec_write(ctx, offset, width,
					    old ^ BIT_ULL(bit));
				dvsec_expect_kept(test);
			}
}

static void dvsec_lock_twice_changes_nothing(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	dvsec_lock(ctx);
	dvsec_keep(ctx);
	dvsec_lock(ctx);
	dvsec_expect_kept(test);
}

static void dvsec_init_starts_over(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;
	u32 offset;

	dvsec_keep(ctx);
	for (offset = 0; offset < SPEC_DVSEC_END; offset += 4)
		dvsec_write(ctx, offset, 4, ~0U);
	dvsec_lock(ctx);
	dvsec_start(ctx);
	dvsec_expect_kept(test);
	KUNIT_EXPECT_FALSE(test, ctx->dvsec.block.locked);
}

static void dvsec_reset_and_lock_show_what_the_first_did(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;
	u32 offset;

	dvsec_lock(ctx);
	dvsec_keep(ctx);
	for (offset = 0; offset < SPEC_DVSEC_END; offset += 4)
		dvsec_write(ctx, offset, 4, ~0U);
	dvsec_start(ctx);
	dvsec_lock(ctx);
	dvsec_expect_kept(test);
}

/* Memory_Info_Valid and Memory_Active, as the hardware says */
struct dvsec_state_case {
	const char *name;
	u32 host;
	u32 state;
};

static const struct dvsec_state_case dvsec_state_cases[] = {
	{ "neither valid nor active", 0x00000000, 0x00000000 },
	{ "valid", 0x00000001, 0x00000001 },
	{ "active", 0x00000002, 0x00000002 },
	{ "valid and active", 0x00000003, 0x00000003 },
	{ "media type, class, interleave", 0x00001ffc, 0x00001ffc },
	{ "active timeout", 0x0000e000, 0x0000e000 },
	{ "active degraded", 0x00010000, 0x00010000 },
	{ "the host's size is ignored", 0xf0000000, 0x00000000 },
	{ "reserved bits are ignored", 0x0ffe0000, 0x00000000 },
	{ "all ones", 0xffffffff, 0x0001ffff },
};

KUNIT_ARRAY_PARAM_DESC(dvsec_state, dvsec_state_cases, name);

static void dvsec_state(struct kunit *test)
{
	const struct dvsec_state_case *param = test->param_value;
	struct dvsec_ctx *ctx = test->priv;
	unsigned int locked;

	for (locked = 0; locked < 2; locked++) {
		if (locked)
			dvsec_lock(ctx);
		dvsec_keep(ctx);
		vfio_cxl_emu_dvsec_set_memory_state(&ctx->dvsec, ~0U);
		vfio_cxl_emu_dvsec_set_memory_state(&ctx->dvsec, param->host);
		KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_SIZE_LOW, 4),
				(u32)TEST_SIZE | param->state);
		/* And nothing else */
		put_unaligned_le32((u32)TEST_SIZE | param->state,
				   ctx->before + SPEC_DVSEC_SIZE_LOW);
		dvsec_expect_kept(test);
		dvsec_write(ctx, SPEC_DVSEC_SIZE_LOW, 4, ~param->host);
		dvsec_expect_kept(test);
	}
}

/* The host's address */

static void dvsec_host_base_is_in_no_byte(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;
	u32 offset;

	vfio_cxl_test_no_address(test, ctx->dvsec.image, SPEC_DVSEC_END,
				 TEST_HOST_BASE);
	for (offset = 0; offset < SPEC_DVSEC_END; offset += 4)
		dvsec_write(ctx, offset, 4, ~0U);
	vfio_cxl_test_no_address(test, ctx->dvsec.image, SPEC_DVSEC_END,
				 TEST_HOST_BASE);
	dvsec_lock(ctx);
	vfio_cxl_test_no_address(test, ctx->dvsec.image, SPEC_DVSEC_END,
				 TEST_HOST_BASE);
	for (offset = 0; offset < SPEC_DVSEC_END; offset += 4)
		dvsec_write(ctx, offset, 4, 0);
	vfio_cxl_test_no_address(test, ctx->dvsec.image, SPEC_DVSEC_END,
				 TEST_HOST_BASE);
}

static void dvsec_base_is_0_of_a_host_not_locked(struct kunit *test)
{
	struct dvsec_ctx *ctx = test->priv;

	put_unaligned_le16(0, ctx->host + SPEC_DVSEC_LOCK);
	dvsec_start(ctx);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_BASE_HIGH, 4), 0);
	KUNIT_EXPECT_EQ(test, dvsec_read(ctx, SPEC_DVSEC_BASE_LOW, 4), 0);
}

static struct kunit_case dvsec_test_cases[] = {
	KUNIT_CASE_PARAM(dvsec_field, dvsec_field_gen_params),
	KUNIT_CASE(dvsec_shows_no_other_bit_of_the_host),
	KUNIT_CASE(dvsec_body_begins_with_the_capability),
	KUNIT_CASE(dvsec_reads_of_every_width_agree),
	KUNIT_CASE(dvsec_control2_and_status2_read_as_one),
	KUNIT_CASE(dvsec_write_of_1_byte_changes_that_byte_alone),
	KUNIT_CASE(dvsec_write_of_1_byte_keeps_the_rest_of_control),
	KUNIT_CASE(dvsec_write_of_1_byte_keeps_the_rest_of_lock),
	KUNIT_CASE(dvsec_write_at_odd_offset_is_not_lost),
	KUNIT_CASE(dvsec_status_is_cleared_by_writing_1),
	KUNIT_CASE(dvsec_status2_is_cleared_by_writing_1),
	KUNIT_CASE_PARAM(dvsec_guest_lock, dvsec_lock_gen_params),
	KUNIT_CASE(dvsec_guest_lock_stays),
	KUNIT_CASE(dvsec_set_wins_over_a_guests_lock),
	KUNIT_CASE_PARAM(dvsec_locked, dvsec_locked_gen_params),
	KUNIT_CASE(dvsec_locked_leaves_control2_writable),
	KUNIT_CASE(dvsec_locked_ignores_every_bit_at_every_width),
	KUNIT_CASE(dvsec_lock_twice_changes_nothing),
	KUNIT_CASE(dvsec_init_starts_over),
	KUNIT_CASE(dvsec_reset_and_lock_show_what_the_first_did),
	KUNIT_CASE_PARAM(dvsec_state, dvsec_state_gen_params),
	KUNIT_CASE(dvsec_host_base_is_in_no_byte),
	KUNIT_CASE(dvsec_base_is_0_of_a_host_not_locked),
	{}
};

static struct kunit_suite dvsec_test_suite = {
	.name = "vfio-cxl-dvsec",
	.init = dvsec_test_init,
	.test_cases = dvsec_test_cases,
};

kunit_test_suites(&dvsec_test_suite);
