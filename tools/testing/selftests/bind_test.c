// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bind and unbind: what the driver refuses, claims and releases
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <regex.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/bits.h>
#include <linux/const.h>
#include <linux/pci_regs.h>

#include "harness.h"
#include "lib/array.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define PARAMETER	"/sys/module/vfio_cxl_pci/parameters/allow_unsafe_mailbox"

#define MTRR		"/proc/mtrr"
#define UNCACHED	"the memory is not cached"
#define NO_RESET	"device cannot be reset"
#define ONCE_ONLY	"it can be opened only once, unless the bus can be reset"
#define POWER_CYCLE	"power-cycle it before it can be opened again"

/* A part of the address space far from all windows of the rig */
#define NOWHERE		0x200000000000ULL

#define FUZZ_TEXTS	4000
#define FUZZ_BINDS	40

/*
 * /proc/iomem
 */

struct iomem {
	uint64_t start;
	uint64_t end;
	char name[64];
	char parent[64];
};

/* Call @match for each line, with the enclosing line; 1 if it returns true */
static int iomem_find(int (*match)(const struct iomem *line, const void *arg),
		      const void *arg, struct iomem *line)
{
	char text[256], names[16][64] = { "" };
	unsigned long long start, end;
	int found = 0, depth, at;
	FILE *file;

	file = fopen("/proc/iomem", "re");
	if (!file)
		return -errno;
	while (!found && fgets(text, sizeof(text), file)) {
		depth = strspn(text, " ") / 2;
		if (depth >= 15 ||
		    sscanf(text, "%llx-%llx : %n", &start, &end, &at) != 2)
			continue;
		text[strcspn(text, "\n")] = '\0';
		snprintf(names[depth + 1], sizeof(names[0]), "%.63s",
			 text + at);
		line->start = start;
		line->end = end;
		memcpy(line->name, names[depth + 1], sizeof(line->name));
		memcpy(line->parent, names[depth], sizeof(line->parent));
		found = match(line, arg);
	}
	fclose(file);

	return found;
}

/* An entry of the firmware's memory map (memmap=) may lie in between */
static int is_named(const struct iomem *line, const void *name)
{
	return !strcmp(line->name, name) &&
	       (!strncmp(line->parent, "CXL Window", 10) ||
		!strcmp(line->parent, "Reserved") ||
		!strcmp(line->parent, "Soft Reserved"));
}

/* The window that decoder 0 is in */
static int is_window(const struct iomem *line, const void *arg)
{
	const struct host_device *host = arg;

	return !strncmp(line->name, "CXL Window", 10) &&
	       line->start <= host->base && line->end >= host->base;
}

static bool is_claimed(const struct host_device *host)
{
	struct iomem line;

	return iomem_find(is_named, host->bdf, &line) == 1 &&
	       line.start == host->base &&
	       line.end == host->base + host->size - 1;
}

static bool is_bound(const struct host_device *host)
{
	char driver[64];

	return !strcmp(sysfs_driver(host->bdf, driver, sizeof(driver)), DRIVER);
}

/* Write @bdf to @file in our driver's directory, and nothing else */
static int driver_write(const char *file, const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/" DRIVER "/%s",
		 file);
	return sysfs_write(path, bdf);
}

static int set_override(const char *bdf, const char *driver)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override",
		 bdf);
	return sysfs_write(path, driver);
}

static void end_bind(struct __test_metadata *_metadata,
		     struct test_device *test)
{
	if (!is_bound(&test->host))
		host_restore_decoder(&test->host);
	EXPECT_FINE(test_end(test));
}

/*
 * Failures
 */

static void break_commit(const struct host_device *host)
{
	host_hdm_write(host, HDM_CTRL, 0);
}

static void break_global(const struct host_device *host)
{
	host_hdm_write(host, HDM_GLOBAL, 0);
}

static void break_mem_enable(const struct host_device *host)
{
	const uint32_t ctrl = host->dvsec + PCI_DVSEC_CXL_CTRL;

	host_config_write(host, ctrl, 2, host_config(host, ctrl, 2) &
			  ~PCI_DVSEC_CXL_MEM_ENABLE);
}

static void break_interleave(const struct host_device *host)
{
	host_hdm_write(host, HDM_CTRL, 0);
	host_hdm_write(host, HDM_CTRL, 1 << 4 | HDM_COMMIT);
}

static void commit_at(const struct host_device *host, unsigned int decoder,
		      uint64_t base, uint64_t size)
{
	const uint32_t reg = decoder * HDM_STRIDE;

	host_hdm_write(host, HDM_CTRL + reg, 0);
	host_hdm_write(host, HDM_BASE_LOW + reg, base);
	host_hdm_write(host, HDM_BASE_HIGH + reg, base >> 32);
	host_hdm_write(host, HDM_SIZE_LOW + reg, size);
	host_hdm_write(host, HDM_SIZE_HIGH + reg, size >> 32);
	host_hdm_write(host, HDM_CTRL + reg, HDM_COMMIT);
}

static void break_second(const struct host_device *host)
{
	commit_at(host, 1, host->base + host->size, SZ_256M);
}

static void break_last(const struct host_device *host)
{
	commit_at(host, 3, host->base + host->size, SZ_256M);
}

static void break_size(const struct host_device *host)
{
	commit_at(host, 0, host->base, 0);
}

/* One step larger than a VFIO region can be */
static void break_region(const struct host_device *host)
{
	commit_at(host, 0, host->base, (1ULL << 40) + SZ_256M);
}

static void break_outside(const struct host_device *host)
{
	commit_at(host, 0, NOWHERE, host->size);
}

/* Changed when it is committed: the machine's RAM is at 0 */
static void break_address(const struct host_device *host)
{
	commit_at(host, 0, NOWHERE, host->size);
	host_hdm_write(host, HDM_BASE_LOW, 0);
	host_hdm_write(host, HDM_BASE_HIGH, 0);
}

/* 256 MiB in the window, and as many behind it, where the next window starts */
static void break_straddle(const struct host_device *host)
{
	struct iomem window = { };

	iomem_find(is_window, host, &window);
	commit_at(host, 0, window.end + 1 - SZ_256M, 2 * SZ_256M);
}

/* Where the next device's memory is */
static void break_in_use(const struct host_device *host)
{
	struct host_device next;

	if (host_open(&next, host->index + 1))
		return;
	sysfs_bind(next.bdf, DRIVER);
	commit_at(host, 0, next.base, host->size);
	host_close(&next);
}

FIXTURE(bind_failure) {
	struct test_device test;
};

FIXTURE_VARIANT(bind_failure) {
	void (*break_it)(const struct host_device *host);
	int ret;
	const char *message;
};

FIXTURE_VARIANT_ADD(bind_failure, not_committed) {
	.break_it = break_commit,
	.ret = -ENODATA,
	.message = "HDM decoder 0 is not committed and enabled",
};

FIXTURE_VARIANT_ADD(bind_failure, global_enable_off) {
	.break_it = break_global,
	.ret = -ENODATA,
	.message = "HDM decoder 0 is not committed and enabled",
};

FIXTURE_VARIANT_ADD(bind_failure, mem_enable_off) {
	.break_it = break_mem_enable,
	.ret = -ENODATA,
	.message = "HDM decoder 0 is not committed and enabled",
};

FIXTURE_VARIANT_ADD(bind_failure, interleaved) {
	.break_it = break_interleave,
	.ret = -EXDEV,
	.message = "HDM decoder 0 is interleaved",
};

FIXTURE_VARIANT_ADD(bind_failure, second_decoder_committed) {
	.break_it = break_second,
	.ret = -EMLINK,
	.message = "another HDM decoder is also committed",
};

FIXTURE_VARIANT_ADD(bind_failure, last_decoder_committed) {
	.break_it = break_last,
	.ret = -EMLINK,
	.message = "another HDM decoder is also committed",
};

FIXTURE_VARIANT_ADD(bind_failure, size_0) {
	.break_it = break_size,
	.ret = -EINVAL,
	.message = "HDM decoder 0 decodes 0x0 bytes",
};

FIXTURE_VARIANT_ADD(bind_failure, larger_than_a_region) {
	.break_it = break_region,
	.ret = -EFBIG,
	.message = "decodes 0x10010000000 bytes, more than the 1 TiB",
};

FIXTURE_VARIANT_ADD(bind_failure, outside_any_window) {
	.break_it = break_outside,
	.ret = -EADDRNOTAVAIL,
	.message = "not inside one CXL window",
};

FIXTURE_VARIANT_ADD(bind_failure, at_address_0) {
	.break_it = break_address,
	.ret = -EADDRNOTAVAIL,
	.message = "translates the addresses of its devices",
};

FIXTURE_VARIANT_ADD(bind_failure, in_two_windows) {
	.break_it = break_straddle,
	.ret = -EADDRNOTAVAIL,
	.message = "not inside one CXL window",
};

FIXTURE_VARIANT_ADD(bind_failure, in_use_by_another_device) {
	.break_it = break_in_use,
	.ret = -EBUSY,
	.message = "the memory is in use",
};

FIXTURE_SETUP(bind_failure)
{
	if (host_count() < 2)
		SKIP(return, "needs two devices");
	ASSERT_EQ(0, test_begin(&self->test, 0));
}

FIXTURE_TEARDOWN(bind_failure)
{
	end_bind(_metadata, &self->test);
}

/* One line contains the device and @message, none the host's address */
static void expect_log(struct __test_metadata *_metadata,
		       const struct test_device *test, int kmsg,
		       const char *bdf, const char *message)
{
	const uint64_t ends[] = {
		test->host.base, test->host.base + test->host.size - 1,
	};
	char lines[8192], *line, *rest, hpa[32];
	unsigned int i, found = 0;

	kmsg_read(kmsg, lines, sizeof(lines));
	for (i = 0; i < 2; i++) {
		snprintf(hpa, sizeof(hpa), "%llx", (unsigned long long)ends[i]);
		EXPECT_EQ(NULL, strcasestr(lines, hpa))
			TH_LOG("%s", lines);
	}
	for (line = strtok_r(lines, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		found += strstr(line, bdf) && strstr(line, DRIVER) &&
			 strstr(line, message);
	EXPECT_EQ(1, found)
		TH_LOG("no line with \"%s\"", message);
}

TEST_F(bind_failure, has_an_errno_and_a_message)
{
	const struct host_device *host = &self->test.host;
	int kmsg;

	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	variant->break_it(host);
	kmsg = kmsg_open();
	ASSERT_LE(0, kmsg);
	EXPECT_EQ(variant->ret, driver_write("bind", host->bdf));
	EXPECT_FALSE(is_bound(host));
	EXPECT_FALSE(is_claimed(host));
	expect_log(_metadata, &self->test, kmsg, host->bdf, variant->message);
	close(kmsg);

	ASSERT_EQ(0, host_restore_decoder(host));
	ASSERT_EQ(0, driver_write("bind", host->bdf));
	EXPECT_TRUE(is_claimed(host));
}

/*
 * A range that is specified for a device without a committed decoder
 */

/* Leave the decoder as a reset does if it is not restored */
static int wipe(const struct host_device *host)
{
	int ret = sysfs_unbind(host->bdf);

	if (!ret)
		ret = sysfs_device_write(host->bdf, "reset", "1");

	return ret ?: host_hdm(host, HDM_CTRL) & HDM_COMMITTED ? -EBUSY : 0;
}

FIXTURE(new_range) {
	struct test_device test;
	const struct host_device *host;
};

FIXTURE_SETUP(new_range)
{
	if (host_count() < 2)
		SKIP(return, "needs two devices");
	ASSERT_EQ(0, test_begin(&self->test, 0));
	self->host = &self->test.host;
	ASSERT_EQ(0, wipe(self->host));
}

FIXTURE_TEARDOWN(new_range)
{
	sysfs_unbind(self->host->bdf);
	end_bind(_metadata, &self->test);
}

/* Committed, not locked, and used: by a user, and again after its reset */
static void expect_works(struct __test_metadata *_metadata,
			 struct test_device *test)
{
	const struct host_device *host = &test->host;
	const uint32_t committed = HDM_COMMIT | HDM_COMMITTED | HDM_HOST_ONLY;

	EXPECT_TRUE(is_claimed(host));
	EXPECT_EQ(committed, host_hdm(host, HDM_CTRL));
	ASSERT_EQ(0, test_vfio_open(test, vfio_usable(VFIO_CDEV_INTERFACE)));
	EXPECT_EQ(0, use_memory(test, 1));
	EXPECT_EQ(0, reset_by_ioctl(test, NULL));
	EXPECT_EQ(committed, host_hdm(host, HDM_CTRL));
	EXPECT_EQ(0, use_memory(test, 2));
	vfio_close(&test->vfio);
}

TEST_F(new_range, is_committed_at_bind)
{
	const struct host_device *host = self->host;

	EXPECT_EQ(-ENODATA, driver_write("bind", host->bdf));
	ASSERT_EQ(0, test_new_range(host->bdf, host->base, host->size));
	ASSERT_EQ(0, driver_write("bind", host->bdf));
	expect_works(_metadata, &self->test);

	/* From then on it is as if firmware had committed it */
	ASSERT_EQ(0, driver_write("unbind", host->bdf));
	ASSERT_EQ(0, driver_write("bind", host->bdf));
	expect_works(_metadata, &self->test);
}

/* vfio-pci's open resets the device without restoring the decoder */
TEST_F(new_range, after_stock_vfio_pci)
{
	const struct host_device *host = self->host;

	ASSERT_EQ(0, host_restore_decoder(host));
	ASSERT_EQ(0, sysfs_bind(host->bdf, "vfio-pci"));
	ASSERT_EQ(0, test_vfio_open(&self->test,
				    vfio_usable(VFIO_CDEV_INTERFACE)));
	vfio_close(&self->test.vfio);
	EXPECT_EQ(-ENODATA, sysfs_bind(host->bdf, DRIVER));
	ASSERT_EQ(0, test_new_range(host->bdf, host->base, host->size));
	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	expect_works(_metadata, &self->test);
}

TEST_F(new_range, last_one_counts_and_once_only)
{
	const struct host_device *host = self->host;

	ASSERT_EQ(0, test_new_range(host->bdf, NOWHERE, host->size));
	ASSERT_EQ(0, test_new_range(host->bdf, host->base, host->size));
	ASSERT_EQ(0, driver_write("bind", host->bdf));
	ASSERT_EQ(0, wipe(host));
	EXPECT_EQ(-ENODATA, driver_write("bind", host->bdf));
}

TEST_F(new_range, is_not_needed)
{
	const struct host_device *host = self->host;
	int kmsg = kmsg_open();

	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, host_restore_decoder(host));
	ASSERT_EQ(0, test_new_range(host->bdf, NOWHERE, host->size));
	ASSERT_EQ(0, driver_write("bind", host->bdf));
	EXPECT_TRUE(is_claimed(host));
	expect_log(_metadata, &self->test, kmsg, host->bdf,
		   "new_range is not used");
	close(kmsg);
}

TEST_F(new_range, takes_no_other_text)
{
	static const char *const texts[] = {
		"", "\n", "%s", "%s 0x10000000", "%s x y",
		"%s 0 0x10000000", "%s 0x10000000 0", "%s 0x10000000 0xfffffff",
		"%s 0x8000000 0x10000000", "%s 0x10000000 0x10000000 1",
		"%s 0xfffffffff0000000 0x10000000",
		"%s 0xffffffffe0000000 0x20000000",
		"0000:00:00 0x10000000 0x10000000",
		"0:100:0.0 0x10000000 0x10000000",
		"0:0:20.0 0x10000000 0x10000000",
		"0:0:0.8 0x10000000 0x10000000",
		"ffffffff:0:0.0 0x10000000 0x10000000",
	};
	char text[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		snprintf(text, sizeof(text), texts[i], self->host->bdf);
		EXPECT_EQ(*text ? -EINVAL : 0, driver_write("new_range", text))
			TH_LOG("%s", text);
	}
	EXPECT_EQ(-ENODATA, driver_write("bind", self->host->bdf));
}

/*
 * Random strings.  random() returns the same ones in each run.
 */

struct text {
	size_t len;
	char bytes[256];
};

struct range {
	char bdf[32];
	uint64_t base;
	uint64_t size;
};

static void make_text(const struct host_device *host, struct text *text)
{
	const bool own = random() % 4;
	uint64_t base = host->base, size = host->size;
	char bdf[32];

	snprintf(bdf, sizeof(bdf), "%04lx:%02lx:%02lx.%lx", random() % 0x20000,
		 random() % 0x100, random() % 0x20, random() % 8);
	if (random() % 2)
		base = (uint64_t)random() * SZ_256M;
	if (random() % 2)
		size = random() % 4 * SZ_256M;
	text->len = snprintf(text->bytes, sizeof(text->bytes), "%s %#llx %#llx",
			     own ? host->bdf : bdf, (unsigned long long)base,
			     (unsigned long long)size);
}

/* Replace @old bytes at a random place by @len others */
static void change(struct text *text, size_t old, const char *with, size_t len)
{
	size_t at = random() % (text->len + 1);

	old = old < text->len - at ? old : text->len - at;
	memmove(text->bytes + at + len, text->bytes + at + old,
		text->len - at - old + 1);
	memcpy(text->bytes + at, with, len);
	text->len += len - old;
}

static void mutate(struct text *text)
{
	static const char bytes[] =
		"0123456789abcdefABCDEFxX:. +-\t\n\v\r\xa0_";
	static const char number[] = "10000000000000000";
	const char any = random() % 8 ? bytes[random() % sizeof(bytes)] :
					random();

	switch (random() % 4) {
	case 0:
		change(text, 1, &any, 1);
		break;
	case 1:
		change(text, 0, &any, 1);
		break;
	case 2:
		change(text, random() % 4, NULL, 0);
		break;
	case 3:
		/* Too large for 32 or 64 bits */
		change(text, 0, number, 1 + random() % (sizeof(number) - 1));
		break;
	}
}

/* As Documentation/ABI/testing/sysfs-driver-vfio-cxl-pci defines new_range */
#define SPACE	"[ \t\n\v\f\r\xa0]"
#define NUMBER	"((0[xX])?[0-9a-fA-F]+)"
#define DOMAIN	"([0-9a-f]{4}|[1-9a-f][0-9a-f]{4,6}|[1-7][0-9a-f]{7})"
#define DEVICE	"(" DOMAIN ":[0-9a-f]{2}:[01][0-9a-f][.][0-7])"
#define GRAMMAR	"^" SPACE "*" DEVICE SPACE "+" NUMBER SPACE "+" NUMBER \
		SPACE "*$"

static bool parse_range(const regex_t *grammar, const struct text *text,
			struct range *range)
{
	regmatch_t at[6];

	if (strlen(text->bytes) != text->len ||
	    regexec(grammar, text->bytes, ARRAY_SIZE(at), at, 0))
		return false;
	snprintf(range->bdf, sizeof(range->bdf), "%.*s",
		 (int)(at[1].rm_eo - at[1].rm_so), text->bytes + at[1].rm_so);
	errno = 0;
	range->base = strtoull(text->bytes + at[3].rm_so, NULL, 16);
	range->size = strtoull(text->bytes + at[5].rm_so, NULL, 16);

	return !errno && range->base && range->size &&
	       !((range->base | range->size) % SZ_256M) &&
	       range->base + range->size > range->base;
}

/* What a bind with the range returns, or 1 if that is not known */
static int expected_bind(const struct host_device *host,
			 const struct range *range)
{
	const struct host_device other = { .base = range->base };
	struct iomem window;

	if (range->size > host->size)
		return -EINVAL;
	if (range->base == host->base)
		return 0;

	return iomem_find(is_window, &other, &window) ? 1 : -EADDRNOTAVAIL;
}

TEST_F(new_range, random_texts)
{
	const struct host_device *host = self->host;
	unsigned int i, binds = 0, accepted = 0;
	struct text text = { };
	struct range range;
	ssize_t written;
	regex_t grammar;
	int fd, ret;

	ASSERT_EQ(0, regcomp(&grammar, GRAMMAR, REG_EXTENDED));
	fd = open("/sys/bus/pci/drivers/" DRIVER "/new_range",
		  O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	for (i = 0; i < FUZZ_TEXTS; i++) {
		unsigned int n = random() % 4;

		make_text(host, &text);
		while (n--)
			mutate(&text);
		written = pwrite(fd, text.bytes, text.len, 0);
		if (written < 0)
			written = -errno;
		if (!parse_range(&grammar, &text, &range)) {
			ASSERT_EQ(-EINVAL, written)
				TH_LOG("text %u: \"%s\"", i, text.bytes);
			continue;
		}
		ASSERT_EQ((ssize_t)text.len, written)
			TH_LOG("text %u: \"%s\"", i, text.bytes);
		accepted++;

		/* Binding a device takes a while */
		ret = expected_bind(host, &range);
		if (strcmp(range.bdf, host->bdf) || ret > 0 ||
		    binds == FUZZ_BINDS)
			continue;
		binds++;
		ASSERT_EQ(ret, driver_write("bind", host->bdf))
			TH_LOG("text %u: \"%s\"", i, text.bytes);
		if (!ret)
			ASSERT_EQ(0, wipe(host));
		ASSERT_EQ(-ENODATA, driver_write("bind", host->bdf));
	}
	/* Many of either kind */
	EXPECT_LT(FUZZ_TEXTS / 10, accepted);
	EXPECT_LT(FUZZ_TEXTS / 10, FUZZ_TEXTS - accepted);
	EXPECT_EQ(FUZZ_BINDS, binds);
	close(fd);
	regfree(&grammar);
}

FIXTURE(bad_range) {
	struct test_device test;
};

FIXTURE_VARIANT(bad_range) {
	void (*choose)(const struct host_device *host, uint64_t *base,
		       uint64_t *size);
	int ret;
	const char *message;
};

static void choose_larger(const struct host_device *host, uint64_t *base,
			  uint64_t *size)
{
	*base = host->base;
	*size = host->size + SZ_256M;
}

FIXTURE_VARIANT_ADD(bad_range, larger_than_the_device) {
	.choose = choose_larger,
	.ret = -EINVAL,
	.message = "new_range specifies",
};

static void choose_nowhere(const struct host_device *host, uint64_t *base,
			   uint64_t *size)
{
	*base = NOWHERE;
	*size = host->size;
}

FIXTURE_VARIANT_ADD(bad_range, outside_any_window) {
	.choose = choose_nowhere,
	.ret = -EADDRNOTAVAIL,
	.message = "not inside one CXL window",
};

static void choose_neighbours(const struct host_device *host, uint64_t *base,
			      uint64_t *size)
{
	struct host_device next;

	if (host_open(&next, host->index + 1))
		return;
	sysfs_bind(next.bdf, DRIVER);
	*base = next.base;
	*size = SZ_256M;
	host_close(&next);
}

FIXTURE_VARIANT_ADD(bad_range, memory_of_another_device) {
	.choose = choose_neighbours,
	.ret = -EBUSY,
	.message = "the memory is in use",
};

FIXTURE_SETUP(bad_range)
{
	if (host_count() < 2)
		SKIP(return, "needs two devices");
	ASSERT_EQ(0, test_begin(&self->test, 0));
}

FIXTURE_TEARDOWN(bad_range)
{
	end_bind(_metadata, &self->test);
}

TEST_F(bad_range, commits_nothing)
{
	const struct host_device *host = &self->test.host;
	uint64_t base = 0, size = 0;
	int kmsg;

	ASSERT_EQ(0, wipe(host));
	variant->choose(host, &base, &size);
	ASSERT_EQ(0, test_new_range(host->bdf, base, size));
	kmsg = kmsg_open();
	ASSERT_LE(0, kmsg);
	EXPECT_EQ(variant->ret, driver_write("bind", host->bdf));
	EXPECT_FALSE(is_bound(host));
	EXPECT_FALSE(is_claimed(host));
	EXPECT_EQ(0, host_hdm(host, HDM_CTRL));
	expect_log(_metadata, &self->test, kmsg, host->bdf, variant->message);
	close(kmsg);
	EXPECT_EQ(-ENODATA, driver_write("bind", host->bdf));
}

FIXTURE(bind) {
	struct test_device test;
	const struct host_device *host;
};

FIXTURE_SETUP(bind)
{
	ASSERT_EQ(0, test_begin(&self->test, 0));
	self->host = &self->test.host;
}

FIXTURE_TEARDOWN(bind)
{
	end_bind(_metadata, &self->test);
}

/* A device without a driver, not a bridge or in RIG_DEVICES: CXL or not */
static int find_other_device(bool cxl, char *bdf, size_t size)
{
	const char *const rigs = getenv("RIG_DEVICES");
	char driver[64], class[16];
	struct dirent *entry;
	int ret = -ENOENT;
	DIR *dir;

	dir = opendir("/sys/bus/pci/devices");
	if (!dir)
		return -errno;
	while (ret && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strstr(rigs, entry->d_name) ||
		    *sysfs_driver(entry->d_name, driver, sizeof(driver)) ||
		    sysfs_device_read(entry->d_name, "class", class,
				      sizeof(class)) ||
		    !strncmp(class, "0x06", 4) ||
		    cxl != !strncmp(class, "0x0502", 6))
			continue;
		snprintf(bdf, size, "%.31s", entry->d_name);
		ret = 0;
	}
	closedir(dir);

	return ret;
}

static void expect_refusal(struct __test_metadata *_metadata,
			   const struct test_device *test, const char *bdf,
			   int error, const char *message)
{
	int kmsg = kmsg_open();

	ASSERT_EQ(0, set_override(bdf, DRIVER));
	EXPECT_EQ(error, driver_write("bind", bdf));
	ASSERT_EQ(0, set_override(bdf, "\n"));
	expect_log(_metadata, test, kmsg, bdf, message);
	close(kmsg);
}

TEST_F(bind, not_a_cxl_device)
{
	char bdf[64];

	if (find_other_device(false, bdf, sizeof(bdf)))
		SKIP(return, "no other device is without a driver");
	expect_refusal(_metadata, &self->test, bdf, -ENODEV,
		       "not a CXL device");
}

TEST_F(bind, integrated_into_the_root_complex)
{
	char bdf[64];

	if (find_other_device(true, bdf, sizeof(bdf)))
		SKIP(return, "no device without a port (integrated=on)");
	expect_refusal(_metadata, &self->test, bdf, -EOPNOTSUPP,
		       "integrated into the root complex");
}

TEST_F(bind, nothing_but_driver_override_matches)
{
	ASSERT_EQ(0, sysfs_unbind(self->host->bdf));
	ASSERT_EQ(0, set_override(self->host->bdf, "\n"));
	EXPECT_EQ(-ENODEV, driver_write("bind", self->host->bdf));
	EXPECT_EQ(0, sysfs_write("/sys/bus/pci/drivers_probe",
				 self->host->bdf));
	EXPECT_FALSE(is_bound(self->host));
}

/*
 * Software that looks up the driver of a device by its modalias, such as
 * libvirt, finds this one for memory devices only.
 */
TEST_F(bind, alias_is_no_catch_all)
{
	char line[256] = "";
	FILE *modinfo;

	modinfo = popen("modinfo -F alias " DRIVER, "r");
	ASSERT_NE(NULL, modinfo);
	EXPECT_NE(NULL, fgets(line, sizeof(line), modinfo));
	EXPECT_STREQ("vfio_pci:v*d*sv*sd*bc05sc02i*\n", line);
	while (fgets(line, sizeof(line), modinfo))
		EXPECT_STREQ("no other line", line);
	EXPECT_EQ(0, pclose(modinfo));
}

/*
 * Settings that one user makes by mailbox commands persist for the next.  The
 * rig's command line turns the parameter on.
 */
TEST_F(bind, memory_device_needs_the_parameter)
{
	const struct host_device *host = self->host;
	int kmsg;

	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	kmsg = kmsg_open();
	EXPECT_EQ(0, sysfs_write(PARAMETER, "N"));
	EXPECT_EQ(-EPERM, driver_write("bind", host->bdf));
	EXPECT_FALSE(is_bound(host));
	expect_log(_metadata, &self->test, kmsg, host->bdf,
		   "use the module parameter \"allow_unsafe_mailbox\"");

	EXPECT_EQ(0, sysfs_write(PARAMETER, "Y"));
	EXPECT_EQ(0, driver_write("bind", host->bdf));
	EXPECT_TRUE(is_bound(host));
	expect_log(_metadata, &self->test, kmsg, host->bdf,
		   "allow_unsafe_mailbox=Y");
	close(kmsg);
}

/*
 * driver_override needs no entry in the driver's table, and an accelerator
 * needs no parameter
 */
TEST_F(bind, class_outside_the_table)
{
	struct host_device accel;
	char class[16];

	ASSERT_EQ(0, host_open(&accel, host_count() - 1));
	ASSERT_EQ(0, sysfs_device_read(accel.bdf, "class", class,
				       sizeof(class)));
	if (strcmp(class, "0x120000"))
		SKIP(return, "no accelerator in the machine (x-accel=on)");
	EXPECT_EQ(0, sysfs_unbind(accel.bdf));
	EXPECT_EQ(0, sysfs_write(PARAMETER, "N"));
	EXPECT_EQ(0, sysfs_bind(accel.bdf, DRIVER));
	EXPECT_EQ(0, sysfs_write(PARAMETER, "Y"));
	EXPECT_TRUE(is_bound(&accel));
	EXPECT_TRUE(is_claimed(&accel));
	host_close(&accel);
}

/*
 * Success
 */

TEST_F(bind, claim_is_in_a_cxl_window_while_bound)
{
	struct iomem window, line;
	int kmsg = kmsg_open();
	char lines[8192], hpa[32];

	EXPECT_TRUE(is_claimed(self->host));
	EXPECT_EQ(1, iomem_find(is_window, self->host, &window));
	EXPECT_GE(window.end, self->host->base + self->host->size - 1);

	ASSERT_EQ(0, driver_write("unbind", self->host->bdf));
	EXPECT_EQ(0, iomem_find(is_named, self->host->bdf, &line));
	ASSERT_EQ(0, driver_write("bind", self->host->bdf));
	EXPECT_TRUE(is_claimed(self->host));

	/* Its address is logged only for debugging */
	kmsg_read(kmsg, lines, sizeof(lines));
	snprintf(hpa, sizeof(hpa), "%llx",
		 (unsigned long long)self->host->base);
	EXPECT_EQ(NULL, strcasestr(lines, hpa))
		TH_LOG("%s", lines);
	close(kmsg);
}

static int is_reserved(const struct iomem *line, const void *arg)
{
	const struct host_device *host = arg;

	return (!strcmp(line->name, "Reserved") ||
		!strcmp(line->name, "Soft Reserved")) &&
	       line->start <= host->base &&
	       line->end >= host->base + host->size - 1;
}

/* The firmware's memory map has the range as reserved, and it is not in use */
TEST_F(bind, reserved_in_the_memory_map)
{
	struct iomem line;

	if (iomem_find(is_reserved, self->host, &line) != 1)
		SKIP(return, "needs memmap= on the kernel's command line");
	EXPECT_TRUE(is_bound(self->host));
	EXPECT_TRUE(is_claimed(self->host));
	ASSERT_EQ(0, test_vfio_open(&self->test,
				    vfio_usable(VFIO_CDEV_INTERFACE)));
	EXPECT_EQ(0, use_memory(&self->test, 1));
	vfio_close(&self->test.vfio);
}

TEST_F(bind, mapping_is_write_back)
{
	char text[256], range[64];
	bool found = false;
	FILE *file;

	file = fopen("/sys/kernel/debug/x86/pat_memtype_list", "re");
	if (!file)
		SKIP(return, "no list of memory types on this architecture");
	snprintf(range, sizeof(range), "0x%016llx-0x%016llx",
		 (unsigned long long)self->host->base,
		 (unsigned long long)(self->host->base + self->host->size));
	while (!found && fgets(text, sizeof(text), file))
		found = strstr(text, range) && strstr(text, "write-back");
	fclose(file);
	EXPECT_TRUE(found)
		TH_LOG("%s", range);
}

/* The register of an MTRR that begins at @base, or -1 */
static int mtrr_find(uint64_t base)
{
	unsigned long long at;
	int found = -1, number;
	char text[256];
	FILE *file;

	file = fopen(MTRR, "re");
	if (!file)
		return -1;
	while (found < 0 && fgets(text, sizeof(text), file))
		if (sscanf(text, "reg%d: base=%llx", &number, &at) == 2 &&
		    at == base)
			found = number;
	fclose(file);

	return found;
}

/* An MTRR of the platform can make the memory uncached unintentionally */
TEST_F(bind, uncached_memory_is_said)
{
	const struct host_device *host = self->host;
	char text[128];
	int number;

	if (access(MTRR, W_OK))
		SKIP(return, "no MTRRs on this architecture");
	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	snprintf(text, sizeof(text), "base=%#llx size=%#llx type=uncachable\n",
		 (unsigned long long)host->base,
		 (unsigned long long)host->size);
	ASSERT_EQ(0, sysfs_write(MTRR, text));
	number = mtrr_find(host->base);
	ASSERT_LE(0, number);
	kmsg_contains(self->test.kmsg, UNCACHED);
	EXPECT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	EXPECT_EQ(1, kmsg_contains(self->test.kmsg, UNCACHED));

	EXPECT_EQ(0, sysfs_unbind(host->bdf));
	snprintf(text, sizeof(text), "disable=%d\n", number);
	EXPECT_EQ(0, sysfs_write(MTRR, text));
	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	EXPECT_EQ(0, kmsg_contains(self->test.kmsg, UNCACHED));
}

TEST_F(bind, host_only_decoder_is_reported)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	const struct host_device *host = self->host;
	struct vfio_cxl_fd *vfio = &self->test.vfio;

	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	host_hdm_write(host, HDM_CTRL, 0);
	host_hdm_write(host, HDM_CTRL, HDM_COMMIT | HDM_LOCK | HDM_HOST_ONLY);
	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));

	ASSERT_EQ(0, test_vfio_open(&self->test,
				    vfio_usable(VFIO_CDEV_INTERFACE)));
	ASSERT_EQ(0, vfio_hdm_get(vfio->device, &decoder));
	EXPECT_EQ(VFIO_CXL_HDM_DECODER_USABLE, decoder.flags);
	EXPECT_EQ(HDM_HOST_ONLY, guest_read32(vfio, host->hdm + HDM_CTRL) &
		  HDM_HOST_ONLY);
	/* The open's reset must not have turned it into another kind */
	EXPECT_EQ(HDM_HOST_ONLY | HDM_COMMITTED | HDM_COMMIT | HDM_LOCK,
		  host_hdm(host, HDM_CTRL));
	vfio_close(vfio);

	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	ASSERT_EQ(0, host_restore_decoder(host));
}

/* Firmware commits and locks decoders that are not to be used */
TEST_F(bind, empty_decoders_stay_committed)
{
	const uint32_t locked = HDM_COMMIT | HDM_COMMITTED | HDM_LOCK;
	const struct host_device *host = self->host;
	unsigned int i;

	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	for (i = 1; i < 4; i++)
		host_hdm_write(host, HDM_CTRL + i * HDM_STRIDE,
			       HDM_COMMIT | HDM_LOCK);
	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	ASSERT_EQ(0, test_vfio_open(&self->test,
				    vfio_usable(VFIO_CDEV_INTERFACE)));
	EXPECT_EQ(0, use_memory(&self->test, 1));
	EXPECT_EQ(0, reset_by_ioctl(&self->test, NULL));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(locked, host_hdm(host, HDM_CTRL + i * HDM_STRIDE) &
			  ~HDM_HOST_ONLY)
			TH_LOG("decoder %u", i);
	EXPECT_EQ(0, use_memory(&self->test, 2));
	vfio_close(&self->test.vfio);

	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	for (i = 1; i < 4; i++)
		host_hdm_write(host, HDM_CTRL + i * HDM_STRIDE, 0);
	ASSERT_EQ(0, host_restore_decoder(host));
}

TEST_F(bind, memory_decode_off_at_bind)
{
	const uint32_t cmd = host_config(self->host, PCI_COMMAND, 2);

	ASSERT_EQ(0, sysfs_unbind(self->host->bdf));
	host_config_write(self->host, PCI_COMMAND, 2,
			  cmd & ~PCI_COMMAND_MEMORY);
	EXPECT_EQ(0, driver_write("bind", self->host->bdf));
	EXPECT_TRUE(is_claimed(self->host));
	host_config_write(self->host, PCI_COMMAND, 2, cmd);
}

/* No method of the PCI core can then stop the device's activity */
TEST_F(bind, no_reset_method_but_the_bus)
{
	const struct host_device *host = self->host;

	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	ASSERT_EQ(0, sysfs_device_write(host->bdf, "reset_method", "\n"));
	kmsg_contains(self->test.kmsg, NO_RESET);
	EXPECT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	EXPECT_EQ(1, kmsg_contains(self->test.kmsg, ONCE_ONLY));
	EXPECT_EQ(0, test_vfio_open(&self->test,
				    vfio_usable(VFIO_CDEV_INTERFACE)));
	EXPECT_EQ(0, use_memory(&self->test, 1));
	EXPECT_EQ(-EINVAL, reset_by_ioctl(&self->test, NULL));
	EXPECT_EQ(0, use_memory(&self->test, 1));
	vfio_close(&self->test.vfio);
	/* The close has reset the bus */
	EXPECT_EQ(0, test_vfio_open(&self->test,
				    vfio_usable(VFIO_CDEV_INTERFACE)));
	vfio_close(&self->test.vfio);
	EXPECT_EQ(0, kmsg_contains(self->test.kmsg, NO_RESET));
	EXPECT_EQ(0, sysfs_device_write(host->bdf, "reset_method", "default"));
}

TEST_F(bind, twenty_times)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, driver_write("unbind", self->host->bdf));
		ASSERT_FALSE(is_claimed(self->host));
		ASSERT_EQ(0, driver_write("bind", self->host->bdf));
		ASSERT_TRUE(is_claimed(self->host));
	}
	EXPECT_FINE(test_differs(&self->test));
}

TEST_F(bind, opened_in_between)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, test_vfio_open(&self->test,
					    vfio_usable(i % 2)));
		ASSERT_EQ(0, vfio_hdm_set(self->test.vfio.device, GUEST_BASE,
					  GUEST_WINDOW));
		vfio_close(&self->test.vfio);
		EXPECT_FINE(test_differs(&self->test));
		ASSERT_EQ(0, driver_write("unbind", self->host->bdf));
		ASSERT_EQ(0, driver_write("bind", self->host->bdf));
	}
}

static bool have_driver(void)
{
	return !access("/sys/bus/pci/drivers/" DRIVER, F_OK);
}

TEST_F(bind, module_can_be_loaded_again)
{
	const struct host_device *host = self->host;
	struct iomem line;

	ASSERT_EQ(0, system("modprobe -r " DRIVER));
	EXPECT_FALSE(have_driver());
	EXPECT_FALSE(is_bound(host));
	EXPECT_EQ(0, iomem_find(is_named, host->bdf, &line));
	/* The module that found the windows belongs to the host */
	EXPECT_EQ(1, iomem_find(is_window, host, &line));
	EXPECT_FINE(test_differs(&self->test));

	/* By driver_override, which is still set */
	ASSERT_EQ(0, system("modprobe " DRIVER));
	EXPECT_TRUE(have_driver());
	EXPECT_TRUE(is_bound(host));
	EXPECT_TRUE(is_claimed(host));
}

/*
 * A device that a previous driver has left in a low-power state
 */

FIXTURE(low_power) {
	struct test_device test;
	const struct host_device *host;
	uint32_t pmcsr;		/* in its config space */
	char port[8];		/* power/control of the port above it, before */
};

FIXTURE_VARIANT(low_power) {
	const char *control;
};

/* The driver finds the device in D3hot */
FIXTURE_VARIANT_ADD(low_power, on) {
	.control = "on",
};

/* The PCI core resumes it before that, and the port above it */
FIXTURE_VARIANT_ADD(low_power, suspended) {
	.control = "auto",
};

static uint32_t power_state(const struct host_device *host, uint32_t pmcsr)
{
	return host_config(host, pmcsr, 2) & PCI_PM_CTRL_STATE_MASK;
}

FIXTURE_SETUP(low_power)
{
	ASSERT_EQ(0, test_begin(&self->test, host_count() - 1));
	self->host = &self->test.host;
	self->pmcsr = host_find_cap(self->host, PCI_CAP_ID_PM);
	if (!self->pmcsr)
		SKIP(return, "no power management capability (x-pm=on)");
	self->pmcsr += PCI_PM_CTRL;
	ASSERT_EQ(0, sysfs_device_read(self->host->bdf, "../power/control",
				       self->port, sizeof(self->port)));
	ASSERT_EQ(0, sysfs_unbind(self->host->bdf));
}

FIXTURE_TEARDOWN(low_power)
{
	host_config_write(self->host, self->pmcsr, 2, 0);
	sysfs_device_write(self->host->bdf, "../power/control", self->port);
	sysfs_device_write(self->host->bdf, "power/control", "on");
	end_bind(_metadata, &self->test);
}

/* Wait until an attribute changes to @text */
static bool wait_attribute(const struct host_device *host, const char *name,
			   const char *text)
{
	const double end = seconds() + time_limit(5);
	char now[32] = "";

	while (!sysfs_device_read(host->bdf, name, now, sizeof(now)) &&
	       strcmp(now, text) && seconds() < end)
		sleep_ms(10);

	return !strcmp(now, text);
}

static void expect_awake(struct __test_metadata *_metadata,
			 struct test_device *test, uint32_t pmcsr)
{
	char state[16] = "";

	EXPECT_EQ(0, power_state(&test->host, pmcsr));
	EXPECT_EQ(0, sysfs_device_read(test->host.bdf, "power_state", state,
				       sizeof(state)));
	EXPECT_STREQ("D0", state);
	ASSERT_EQ(0, test_vfio_open(test, vfio_usable(VFIO_CDEV_INTERFACE)));
	EXPECT_EQ(0, use_memory(test, 1));
	vfio_close(&test->vfio);
}

/* Only the register is changed: for the PCI core it is still in D0 */
TEST_F(low_power, left_by_the_last_driver)
{
	const struct host_device *host = self->host;
	const bool suspends = !strcmp(self->port, "auto");

	host_config_write(host, self->pmcsr, 2, 3);
	ASSERT_EQ(0, sysfs_device_write(host->bdf, "power/control",
					variant->control));
	if (!strcmp(variant->control, "auto")) {
		EXPECT_TRUE(wait_attribute(host, "power/runtime_status",
					   "suspended"));
		/* With pcie_port_pm=force */
		EXPECT_TRUE(!suspends ||
			    wait_attribute(host, "../power/runtime_status",
					   "suspended"));
	}
	EXPECT_EQ(3, power_state(host, self->pmcsr));

	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	expect_awake(_metadata, &self->test, self->pmcsr);
}

/* A device that is bound to vfio-pci and not open is in D3hot */
TEST_F(low_power, idle_with_vfio_pci)
{
	const struct host_device *host = self->host;

	ASSERT_EQ(0, sysfs_bind(host->bdf, "vfio-pci"));
	ASSERT_EQ(0, sysfs_device_write(host->bdf, "power/control", "auto"));
	EXPECT_TRUE(wait_attribute(host, "power_state", "D3hot"));
	EXPECT_EQ(3, power_state(host, self->pmcsr));
	ASSERT_EQ(0, sysfs_device_write(host->bdf, "power/control",
					variant->control));

	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	expect_awake(_metadata, &self->test, self->pmcsr);
}

/*
 * A device whose other function is outside of VFIO, so that the bus cannot be
 * reset
 */

FIXTURE(companion) {
	struct test_device test;
	const struct host_device *host;
	char other[16];		/* function 1 */
	char driver[64];	/* its previous one */
};

/* Function 1 beside the device, or false */
static bool find_companion(const char *bdf, char *other, size_t size)
{
	char class[16];

	snprintf(other, size, "%s", bdf);
	other[strlen(other) - 1] = '1';

	return !sysfs_device_read(other, "class", class, sizeof(class));
}

FIXTURE_SETUP(companion)
{
	unsigned int i, count = host_count();
	char bdf[16];

	for (i = 0; i < count; i++)
		if (!env_word("RIG_DEVICES", i, bdf, sizeof(bdf)) &&
		    find_companion(bdf, self->other, sizeof(self->other)))
			break;
	if (i == count)
		SKIP(return, "no device has another function (companion=)");
	ASSERT_EQ(0, test_begin(&self->test, i));
	self->host = &self->test.host;
	/* Its driver would make the whole IOMMU group unusable for VFIO */
	sysfs_driver(self->other, self->driver, sizeof(self->driver));
	ASSERT_EQ(0, sysfs_unbind(self->other));
	ASSERT_EQ(0, sysfs_unbind(self->host->bdf));
	ASSERT_EQ(0, sysfs_device_write(self->host->bdf, "reset_method", "\n"));
}

FIXTURE_TEARDOWN(companion)
{
	EXPECT_EQ(0, sysfs_device_write(self->host->bdf, "reset_method",
					"default"));
	if (*self->driver) {
		EXPECT_EQ(0, sysfs_bind(self->other, self->driver));
		EXPECT_EQ(0, set_override(self->other, "\n"));
	}
	end_bind(_metadata, &self->test);
}

TEST_F(companion, nothing_resets_it)
{
	const struct host_device *host = self->host;

	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	EXPECT_EQ(1, kmsg_contains(self->test.kmsg, ONCE_ONLY));
	ASSERT_EQ(0, test_vfio_open(&self->test,
				    vfio_usable(VFIO_CDEV_INTERFACE)));
	EXPECT_EQ(0, use_memory(&self->test, 1));
	vfio_close(&self->test.vfio);
	EXPECT_EQ(-EIO, test_vfio_open(&self->test,
				       vfio_usable(VFIO_CDEV_INTERFACE)));
	EXPECT_EQ(1, kmsg_contains(self->test.kmsg, POWER_CYCLE));

	/* Nor at unbind */
	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	EXPECT_EQ(1, kmsg_contains(self->test.kmsg, NO_RESET));
}

/*
 * Unbind while open
 */

FIXTURE(unbind) {
	struct test_device test;
	const struct host_device *host;
};

INTERFACE_VARIANTS(unbind);

FIXTURE_SETUP(unbind)
{
	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	ASSERT_EQ(0, test_open(&self->test, 0, variant->interface));
	self->host = &self->test.host;
}

FIXTURE_TEARDOWN(unbind)
{
	EXPECT_FINE(test_close(&self->test));
}

/* A child closes its copies of descriptors that keep the device open */
static pid_t unbind_in_child(const struct test_device *test, void *map)
{
	struct vfio_cxl_fd copies = test->vfio;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	munmap(map, page_size());
	vfio_close(&copies);
	_exit(driver_write("unbind", test->host.bdf) ? 1 : 0);
}

static bool has_ended(pid_t pid, int *status, unsigned int ms)
{
	const struct timespec tick = { .tv_nsec = 10000000 };

	for (;; ms -= 10) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		if (ms < 10)
			return false;
		nanosleep(&tick, NULL);
	}
}

TEST_F(unbind, waits_for_the_close)
{
	const struct host_device *host = self->host;
	struct pollfd request = { .events = POLLIN };
	struct vfio_cxl_fd *vfio = &self->test.vfio;
	volatile uint8_t *map;
	int status = -1;
	pid_t pid;

	request.fd = vfio_irq_eventfd(vfio->device, VFIO_PCI_REQ_IRQ_INDEX);
	ASSERT_LE(0, request.fd);
	ASSERT_EQ(0, vfio_hdm_set(vfio->device, GUEST_BASE, GUEST_WINDOW));
	map = guest_map(vfio, 0, page_size(), RW, page_size(), 0);
	ASSERT_NE(MAP_FAILED, map);
	*map = 0x42;

	pid = unbind_in_child(&self->test, (void *)map);
	ASSERT_LT(0, pid);
	EXPECT_EQ(1, poll(&request, 1, 10000));

	/* Until the close, the device remains fully usable */
	EXPECT_FALSE(has_ended(pid, &status, 300));
	EXPECT_TRUE(is_claimed(host));
	EXPECT_EQ(0x42, *map);
	EXPECT_EQ(GUEST_BASE, guest_read64(vfio, host->hdm + HDM_BASE_LOW));

	munmap((void *)map, page_size());
	vfio_close(vfio);
	EXPECT_TRUE(has_ended(pid, &status, 20000));
	EXPECT_EQ(0, status);
	EXPECT_FALSE(is_bound(host));
	EXPECT_FALSE(is_claimed(host));

	ASSERT_EQ(0, driver_write("bind", host->bdf));
	ASSERT_EQ(0, vfio_open(vfio, host, variant->interface));
	EXPECT_EQ(0, guest_read64(vfio, host->hdm + HDM_BASE_LOW));
}

TEST_HARNESS_MAIN
