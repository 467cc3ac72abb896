// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random accesses, SETs and resets: the emulation against the model
 *
 * The same seed gives the same run in the kernel (vfio_cxl_kunit.seed=) and in
 * user space (seed=).
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "pair.h"

static unsigned long long seed = 0x1e98;
module_param(seed, ullong, 0444);
MODULE_PARM_DESC(seed, "Seed of the random accesses");

static unsigned int accesses = 1000000;
module_param(accesses, uint, 0444);
MODULE_PARM_DESC(accesses, "Number of random accesses");

/* Accesses to one device, before the next one with another host */
#define RANDOM_ROUND	5000

/**
 * struct random_ctx - a run
 * @pair: the device
 * @host: the host's device
 * @state: state of the generator
 * @nr: number of the current access
 * @sets: number of SETs so far
 * @resets: number of resets so far
 * @committed: reads that saw COMMITTED, to prove that the run was useful
 */
struct random_ctx {
	struct vfio_cxl_pair pair;
	struct vfio_cxl_model_host host;
	u64 state;
	unsigned int nr;
	unsigned int sets;
	unsigned int resets;
	unsigned int committed;
};

/* splitmix64: the same numbers everywhere, from any seed */
static u64 random_next(struct random_ctx *ctx)
{
	u64 z = ctx->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;

	return z ^ (z >> 31);
}

static u32 random_below(struct random_ctx *ctx, u32 limit)
{
	return (u32)((random_next(ctx) >> 32) * limit >> 32);
}

static bool random_one_in(struct random_ctx *ctx, u32 n)
{
	return !random_below(ctx, n);
}

/* Few bits, many bits, or any */
static u64 random_value(struct random_ctx *ctx)
{
	switch (random_below(ctx, 6)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return BIT_ULL(random_below(ctx, 64));
	case 3:
		return ~BIT_ULL(random_below(ctx, 64));
	default:
		return random_next(ctx);
	}
}

static void random_bytes(struct random_ctx *ctx, u8 *to, unsigned int size)
{
	while (size--) {
		unsigned int shift = random_below(ctx, 57);

		to[size] = random_value(ctx) >> shift;
	}
}

/* A host with structures anywhere where the driver accepts them */
static void random_host(struct random_ctx *ctx)
{
	struct vfio_cxl_model_host *host = &ctx->host;
	u32 hdm, ras;

	memset(host, 0, sizeof(*host));
	random_bytes(ctx, host->hdm, sizeof(host->hdm));
	random_bytes(ctx, host->ras, sizeof(host->ras));
	random_bytes(ctx, host->dvsec, sizeof(host->dvsec));
	host->cm_header = random_next(ctx);
	host->size = (random_below(ctx, 1 << 20) + 1ULL) *
		     VFIO_CXL_EMU_HDM_ALIGN;
	put_unaligned_le64(host->size, host->hdm + 0x18);

	hdm = 0x40 + 4 * random_below(ctx, (0x1000 - 0x40 - 0x30) / 4 + 1);
	if (random_one_in(ctx, 4))	/* side by side */
		ras = hdm >= 0x800 ? hdm - 0x58 : hdm + 0x30;
	else
		ras = hdm >= 0x800 ? 0x40 + 4 * random_below(ctx, 0x1c0) :
				     0x840 + 4 * random_below(ctx, 0x1c0);
	host->hdm_entry = hdm << 20 | random_below(ctx, 1 << 20);
	if (!random_one_in(ctx, 4))
		host->ras_entry = ras << 20 | random_below(ctx, 1 << 20);
}

/* Occasionally where it is already, which is not an error */
static void random_set(struct kunit *test, struct random_ctx *ctx)
{
	u64 base = (random_below(ctx, 1 << 24) + 1ULL) * VFIO_CXL_EMU_HDM_ALIGN;
	struct vfio_cxl_pair_value val;

	if (ctx->pair.model.set && random_one_in(ctx, 2))
		base = ctx->pair.model.base;
	ctx->sets += !ctx->pair.model.set;
	val = vfio_cxl_pair_set(&ctx->pair, base);
	KUNIT_ASSERT_EQ_MSG(test, val.emulated, val.expected,
			    "seed %llu, access %u: SET of 0x%llx", seed,
			    ctx->nr, base);
}

/* Mostly where the registers are */
static u32 random_cm_offset(struct random_ctx *ctx, unsigned int width)
{
	u32 offset;

	switch (random_below(ctx, 8)) {
	case 0:
		offset = random_below(ctx, 0x11000);
		break;
	case 1:
		offset = 0x1000 + random_below(ctx, 0x1000);
		break;
	case 2:
		offset = 0x1000 + random_below(ctx, 0x20);
		break;
	case 3:
		offset = 0x1000 + (ctx->host.ras_entry >> 20) - 8 +
			 random_below(ctx, 0x60);
		break;
	default:
		offset = 0x1000 + (ctx->host.hdm_entry >> 20) - 8 +
			 random_below(ctx, 0x38);
		break;
	}

	return random_one_in(ctx, 16) ? offset : offset & ~(width - 1);
}

static unsigned int random_cm_width(struct random_ctx *ctx)
{
	switch (random_below(ctx, 16)) {
	case 0:
		return 1;
	case 1:
		return 2;
	case 2 ... 8:
		return 8;
	default:
		return 4;
	}
}

static void random_cm(struct kunit *test, struct random_ctx *ctx)
{
	unsigned int width = random_cm_width(ctx);
	u32 offset = random_cm_offset(ctx, width);
	struct vfio_cxl_pair_value val;

	if (random_one_in(ctx, 2))
		vfio_cxl_pair_cm_write(&ctx->pair, offset, width,
				       random_value(ctx));

	val = vfio_cxl_pair_cm_read(&ctx->pair, offset, width);
	KUNIT_ASSERT_EQ_MSG(test, val.emulated, val.expected,
			    "seed %llu, access %u: component registers, %u bytes at 0x%x",
			    seed, ctx->nr, width, offset);
	if (offset == 0x1020 + (ctx->host.hdm_entry >> 20) && width == 4 &&
	    (val.emulated & BIT(10)))
		ctx->committed++;
}

static void random_dvsec(struct kunit *test, struct random_ctx *ctx)
{
	unsigned int width = 1U << random_below(ctx, 4);
	u32 offset = random_below(ctx, VFIO_CXL_EMU_DVSEC_SIZE + 1 - width);
	struct vfio_cxl_pair_value val;

	/* CONFIG_LOCK ends most of what can happen, so write to it rarely */
	if (random_one_in(ctx, 2) &&
	    (offset > 0x14 || offset + width <= 0x14 ||
	     random_one_in(ctx, 32)))
		vfio_cxl_pair_dvsec_write(&ctx->pair, offset, width,
					  random_value(ctx));

	val = vfio_cxl_pair_dvsec_read(&ctx->pair, offset, width);
	KUNIT_ASSERT_EQ_MSG(test, val.emulated, val.expected,
			    "seed %llu, access %u: %u bytes of the DVSEC at 0x%x",
			    seed, ctx->nr, width, offset);
}

static void random_compare(struct kunit *test, struct random_ctx *ctx)
{
	struct vfio_cxl_pair_value val;
	const char *what;
	u32 byte;

	what = vfio_cxl_pair_differs(&ctx->pair, &byte, &val);
	KUNIT_ASSERT_NULL_MSG(test, what,
			      "seed %llu, access %u: %s 0x%x: 0x%llx, expected 0x%llx",
			      seed, ctx->nr, what, byte, val.emulated,
			      val.expected);
}

/* One parameter, so that the report names the seed of a good run too */
static const void *random_gen_params(struct kunit *test, const void *prev,
				     char *desc)
{
	if (prev)
		return NULL;
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "seed %llu, %u accesses", seed,
		 accesses);

	return &seed;
}

static void random_accesses_agree_with_the_model(struct kunit *test)
{
	struct random_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	ctx->state = seed;

	for (ctx->nr = 0; ctx->nr < accesses; ctx->nr++) {
		if (!(ctx->nr % RANDOM_ROUND)) {
			random_host(ctx);
			vfio_cxl_pair_init(&ctx->pair, &ctx->host);
			random_compare(test, ctx);
		}

		if (random_one_in(ctx, 3))
			random_dvsec(test, ctx);
		else
			random_cm(test, ctx);

		if (random_one_in(ctx, 200))
			vfio_cxl_pair_memory_state(&ctx->pair,
						   random_value(ctx));
		if (random_one_in(ctx, 2000))
			random_set(test, ctx);
		if (random_one_in(ctx, 700)) {
			ctx->resets++;
			vfio_cxl_pair_reset(&ctx->pair);
		}
		if (random_one_in(ctx, 250))
			random_compare(test, ctx);
	}

	kunit_info(test, "%u SETs, %u resets, %u reads saw the decoder committed",
		   ctx->sets, ctx->resets, ctx->committed);
	/* A run of the usual length has covered everything */
	if (accesses >= 100000) {
		KUNIT_EXPECT_GT(test, ctx->sets, 0);
		KUNIT_EXPECT_GT(test, ctx->resets, 0);
		KUNIT_EXPECT_GT(test, ctx->committed, 0);
	}
}

static struct kunit_case random_test_cases[] = {
	KUNIT_CASE_PARAM(random_accesses_agree_with_the_model,
			 random_gen_params),
	{}
};

static struct kunit_suite random_test_suite = {
	.name = "vfio-cxl-random",
	.test_cases = random_test_cases,
};

kunit_test_suites(&random_test_suite);
