// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection: on each path of the driver every allocation and every copy
 * to or from user memory fails in turn
 *
 * Linux's fail-nth (Documentation/fault-injection) counts this task's slab and
 * page allocations and user copies: ioremap(), memremap() and the claim of a
 * region allocate, so they fail with them.
 *
 * Linux 7.3 itself warns when some allocations of VFIO and of the IOMMU core
 * fail, with vfio-pci as with this driver: rig.py's --known lists them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "harness.h"
#include "lib/device.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define NTH_MAX		20000
#define SAMPLE		5
#define TRANSFER	0x9000
/* Registers are copied one by one */
#define TRANSFER_REGS	0x40

static const struct {
	char file[64];
	char text[4];
} settings[] = {
	/* Allocations that may sleep are those that a driver makes */
	{ DEBUGFS "failslab/ignore-gfp-wait", "N" },
	{ DEBUGFS "failslab/verbose", "0" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ DEBUGFS "fail_page_alloc/min-order", "0" },
	{ DEBUGFS "fail_page_alloc/verbose", "0" },
	{ DEBUGFS "fail_usercopy/verbose", "0" },
};

struct ctx {
	struct test_device test;
	int nth;
	int file;	/* of a path */
	unsigned int silent;	/* binds that failed without a message */
	unsigned int unusable;	/* memory that no reset restored */
	void *buf;
};

FIXTURE(fault) {
	struct ctx ctx;
};

/*
 * The paths: @before prepares, faults occur in @run, @after restores everything
 * regardless of what @run returned.  @before and @after may be missing.
 */
FIXTURE_VARIANT(fault) {
	int (*before)(struct ctx *ctx);
	int (*run)(struct ctx *ctx);
	void (*after)(struct ctx *ctx);
};

FIXTURE_SETUP(fault)
{
	struct ctx *ctx = &self->ctx;
	unsigned int i;

	if (access(DEBUGFS "failslab", F_OK))
		SKIP(return, "the kernel has no fault injection");
	if (!vfio_has(VFIO_CDEV_INTERFACE))
		SKIP(return, NO_IOMMUFD);
	for (i = 0; i < ARRAY_SIZE(settings); i++)
		ASSERT_EQ(0, sysfs_write(settings[i].file, settings[i].text)) {
			TH_LOG("%s", settings[i].file);
		}
	ctx->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, ctx->nth);
	ctx->buf = calloc(1, TRANSFER);
	ASSERT_NE(NULL, ctx->buf);
	ASSERT_EQ(0, test_begin(&ctx->test, 0));
	/* The first open after bind clears the memory: not tested here */
	ASSERT_EQ(0, vfio_open(&ctx->test.vfio, &ctx->test.host,
			       VFIO_CDEV_INTERFACE));
	vfio_close(&ctx->test.vfio);
	ctx->file = -1;
}

FIXTURE_TEARDOWN(fault)
{
	struct ctx *ctx = &self->ctx;

	vfio_close(&ctx->test.vfio);
	EXPECT_FINE(test_end(&ctx->test));
	close(ctx->nth);
	free(ctx->buf);
}

static int arm(struct ctx *ctx, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(ctx->nth, text, len, 0) == len ? 0 : -errno;
}

/* Returns whether the fault has not occurred yet */
static bool disarm(struct ctx *ctx)
{
	char text[16] = "";
	/* If this copy itself fails, the fault had not occurred yet */
	bool left = pread(ctx->nth, text, sizeof(text) - 1, 0) < 0 ||
		    atoi(text);

	/* A remaining fault may hit the write that disables it */
	while (left && pwrite(ctx->nth, "0", 1, 0) != 1)
		;
	return left;
}

static int open_sysfs(struct ctx *ctx, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/" DRIVER "/%s",
		 name);
	ctx->file = open(path, O_WRONLY | O_CLOEXEC);

	return ctx->file < 0 ? -errno : 0;
}

static int write_sysfs(struct ctx *ctx)
{
	const char *bdf = ctx->test.host.bdf;

	return write(ctx->file, bdf, strlen(bdf)) < 0 ? -errno : 0;
}

static void close_file(struct ctx *ctx)
{
	close(ctx->file);
	ctx->file = -1;
}

static int before_bind(struct ctx *ctx)
{
	return sysfs_unbind(ctx->test.host.bdf) ?: open_sysfs(ctx, "bind");
}

static int before_unbind(struct ctx *ctx)
{
	return sysfs_bind(ctx->test.host.bdf, DRIVER) ?:
	       open_sysfs(ctx, "unbind");
}

static void after_binding(struct ctx *ctx)
{
	close_file(ctx);
}

/* The driver core's line has only the number */
static void after_bind(struct ctx *ctx)
{
	char lines[8192];

	kmsg_read(ctx->test.kmsg, lines, sizeof(lines));
	if (strstr(lines, "probe with driver " DRIVER " failed with error -12"))
		ctx->silent += !strstr(lines, ": out of memory");
	after_binding(ctx);
}

static int opened_by(struct ctx *ctx, enum vfio_interface interface)
{
	return vfio_open(&ctx->test.vfio, &ctx->test.host, interface);
}

static int run_open_group(struct ctx *ctx)
{
	return opened_by(ctx, VFIO_GROUP_INTERFACE);
}

static int run_open_cdev(struct ctx *ctx)
{
	return opened_by(ctx, VFIO_CDEV_INTERFACE);
}

static void after_open(struct ctx *ctx)
{
	vfio_close(&ctx->test.vfio);
}

static int run_close(struct ctx *ctx)
{
	vfio_close(&ctx->test.vfio);
	return 0;
}

static int run_set(struct ctx *ctx)
{
	return vfio_hdm_set(ctx->test.vfio.device, GUEST_BASE, GUEST_WINDOW);
}

static int run_get(struct ctx *ctx)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;

	return vfio_hdm_get(ctx->test.vfio.device, &decoder);
}

static int run_region_info(struct ctx *ctx)
{
	struct vfio_region_info *info;
	int ret;

	info = vfio_region(ctx->test.vfio.device, ctx->test.host.bar);
	ret = info ? 0 : -errno;
	free(info);

	return ret;
}

/* All of a transfer, or an error: a transfer that a fault cut short is one */
static int transferred(ssize_t len, ssize_t whole)
{
	return len == whole ? 0 : len < 0 ? -errno : -EIO;
}

/*
 * Into or out of pages that are not present yet, from and to an odd offset.
 * Only zeroes are written, so that nothing has to be cleared afterwards.
 */
static int transfer(struct ctx *ctx, bool write)
{
	const uint64_t at = ctx->test.vfio.mem.offset + 0x123;
	const int fd = ctx->test.vfio.device;
	void *buf;
	int ret;

	buf = mmap(NULL, TRANSFER, RW,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buf == MAP_FAILED)
		return -errno;
	ret = transferred(write ? pwrite(fd, buf, TRANSFER, at) :
				  pread(fd, buf, TRANSFER, at), TRANSFER);
	munmap(buf, TRANSFER);

	return ret;
}

static int run_read(struct ctx *ctx)
{
	return transfer(ctx, false);
}

static int run_write(struct ctx *ctx)
{
	return transfer(ctx, true);
}

static int run_read_registers(struct ctx *ctx)
{
	return transferred(pread(ctx->test.vfio.device, ctx->buf, TRANSFER_REGS,
				 ctx->test.vfio.regs + CM_OFFSET),
			   TRANSFER_REGS);
}

static int run_write_registers(struct ctx *ctx)
{
	return transferred(pwrite(ctx->test.vfio.device, ctx->buf,
				  TRANSFER_REGS,
				  ctx->test.vfio.regs + CM_OFFSET),
			   TRANSFER_REGS);
}

static int run_config(struct ctx *ctx)
{
	const struct vfio_cxl_fd *vfio = &ctx->test.vfio;
	const uint64_t at = vfio->config.offset + ctx->test.host.dvsec;
	const size_t len = ctx->test.host.dvsec_len;

	if (pread(vfio->device, ctx->buf, len, at) != (ssize_t)len)
		return -EIO;
	return pwrite(vfio->device, ctx->buf, len, at) == (ssize_t)len ?
	       0 : -EIO;
}

/* First touches, of a small page and of a huge one */
static int run_fault(struct ctx *ctx)
{
	const size_t page = page_size(), huge = pmd_size();
	char *map;
	int ret;

	map = guest_map(&ctx->test.vfio, huge - page, huge + page, RW, huge,
			huge - page);
	if (map == MAP_FAILED)
		return -errno;
	ret = try_put(map, 0) && try_put(map + page, 0) ? 0 : -EIO;
	munmap(map, huge + page);

	return ret;
}

static int before_reset(struct ctx *ctx)
{
	int ret = run_open_cdev(ctx);

	if (ret)
		return ret;
	ctx->file = vfio_irq_eventfd(ctx->test.vfio.device,
				     VFIO_PCI_ERR_IRQ_INDEX);
	return ctx->file < 0 ? ctx->file : 0;
}

/*
 * The kernel maps the memory again after the reset.  Without address space for
 * that, the reset succeeds but the memory is not usable: the user is notified.
 */
static int run_reset(struct ctx *ctx)
{
	struct pollfd event = { .fd = ctx->file, .events = POLLIN };
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	int ret;

	if (ioctl(ctx->test.vfio.device, VFIO_DEVICE_RESET))
		return -errno;
	ret = vfio_hdm_get(ctx->test.vfio.device, &decoder);
	if (ret || decoder.flags & VFIO_CXL_HDM_DECODER_USABLE)
		return ret;

	return poll(&event, 1, 0) == 1 ? -EIO : -EPROTO;
}

/* The next reset restores memory that could not be mapped */
static void after_reset(struct ctx *ctx)
{
	ctx->unusable += ioctl(ctx->test.vfio.device, VFIO_DEVICE_RESET) ||
			 !vfio_hdm_usable(&ctx->test.vfio);
	close(ctx->file);
	ctx->file = -1;
	after_open(ctx);
}

static int run_hot_reset(struct ctx *ctx)
{
	return vfio_hot_reset(&ctx->test.vfio);
}

/* Errors that a fault may cause; anything else is a bug, or unexpected */
static bool expected(int err)
{
	return err == -ENOMEM || err == -EFAULT || err == -EIO ||
	       err == -EBUSY;
}

FIXTURE_VARIANT_ADD(fault, bind) {
	.before = before_bind,
	.run = write_sysfs,
	.after = after_bind,
};

FIXTURE_VARIANT_ADD(fault, unbind) {
	.before = before_unbind,
	.run = write_sysfs,
	.after = after_binding,
};

FIXTURE_VARIANT_ADD(fault, open_group) {
	.run = run_open_group,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, open_cdev) {
	.run = run_open_cdev,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, close_group) {
	.before = run_open_group,
	.run = run_close,
};

FIXTURE_VARIANT_ADD(fault, close_cdev) {
	.before = run_open_cdev,
	.run = run_close,
};

FIXTURE_VARIANT_ADD(fault, set) {
	.before = run_open_cdev,
	.run = run_set,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, get) {
	.before = run_open_cdev,
	.run = run_get,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, region_info) {
	.before = run_open_cdev,
	.run = run_region_info,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, mmap_and_fault) {
	.before = run_open_cdev,
	.run = run_fault,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, read) {
	.before = run_open_cdev,
	.run = run_read,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, write) {
	.before = run_open_cdev,
	.run = run_write,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, read_registers) {
	.before = run_open_cdev,
	.run = run_read_registers,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, write_registers) {
	.before = run_open_cdev,
	.run = run_write_registers,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, config_space) {
	.before = run_open_cdev,
	.run = run_config,
	.after = after_open,
};

FIXTURE_VARIANT_ADD(fault, reset) {
	.before = before_reset,
	.run = run_reset,
	.after = after_reset,
};

FIXTURE_VARIANT_ADD(fault, hot_reset) {
	.before = run_open_group,
	.run = run_hot_reset,
	.after = after_open,
};

/*
 * With a seed, only the first one and one in SAMPLE of the others, which depend
 * on the seed
 */
static unsigned int next_fault(unsigned int nth)
{
	const char *seed = getenv("FAULTS_SEED");

	if (!seed)
		return nth + 1;
	return nth == 1 ? 2 + strtoul(seed, NULL, 10) % SAMPLE : nth + SAMPLE;
}

/* Inject one fault after another, until the path completes without one */
TEST_F_TIMEOUT(fault, each_in_turn, time_limit(600))
{
	struct ctx *ctx = &self->ctx;
	unsigned int nth, injected = 0, errors = 0;
	bool left = false;
	int ret;

	for (nth = 1; !left && nth < NTH_MAX; nth = next_fault(nth)) {
		ret = variant->before ? variant->before(ctx) : 0;
		ASSERT_EQ(0, ret) {
			TH_LOG("before fault %u: %s", nth, strerror(-ret));
		}
		ASSERT_EQ(0, arm(ctx, nth));
		ret = variant->run(ctx);
		left = disarm(ctx);
		if (variant->after)
			variant->after(ctx);
		injected += !left;
		errors += !!ret;
		EXPECT_TRUE(!ret || (!left && expected(ret))) {
			TH_LOG("fault %u: %s", nth, strerror(-ret));
		}
	}
	EXPECT_TRUE(left);
	EXPECT_EQ(0, ctx->silent);
	EXPECT_EQ(0, ctx->unusable);
	TH_LOG("%u faults injected, %u of them became errors", injected,
	       errors);
	EXPECT_LT(0, injected);
}

TEST_HARNESS_MAIN
