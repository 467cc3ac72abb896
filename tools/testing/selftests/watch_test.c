// SPDX-License-Identifier: GPL-2.0-only
/*
 * Monitoring: tracepoints, and attributes of a bound device in sysfs
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/qmp.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

/* A separate instance, which does not disturb other tracing */
#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	TRACING "/instances/vfio-cxl"
#define EVENTS		INSTANCE "/events/vfio_cxl"
#define TRACE_SIZE	0x40000

#define HARD_OFFLINE	"/sys/devices/system/memory/hard_offline_page"

/* Longer than any test, in milliseconds: the test ends it */
#define DELAY_MS	(time_limit(100) * 1000U)
/* Time limit for what is expected to happen, in seconds */
#define LIMIT_S		time_limit(20)

FIXTURE(watch) {
	struct test_device test;
	const struct host_device *host;
	struct vfio_cxl_fd *vfio;
	char *trace;
	const char *at;	/* the next expected record follows it */
};

static bool kernel_traces(void)
{
	return !access(TRACING "/events", F_OK) ||
	       !mount("tracefs", TRACING, "tracefs", 0, NULL) ||
	       (errno != ENODEV && errno != ENOENT);
}

FIXTURE_SETUP(watch)
{
	if (rig_can_fail(0))
		ASSERT_EQ(0, rig_commit_fails(0, false));
	if (rig_can_delay(0))
		ASSERT_EQ(0, rig_memory_delay(0, 0));
	ASSERT_EQ(0, test_begin(&self->test, 0));
	self->host = &self->test.host;
	self->vfio = &self->test.vfio;
	if (!kernel_traces())
		SKIP(return, "the kernel has no tracing");
	self->trace = malloc(TRACE_SIZE);
	ASSERT_NE(NULL, self->trace);
	ASSERT_TRUE(!mkdir(INSTANCE, 0700) || errno == EEXIST);
	ASSERT_EQ(0, sysfs_write(EVENTS "/enable", "1"));
}

FIXTURE_TEARDOWN(watch)
{
	if (rig_can_fail(0))
		EXPECT_EQ(0, rig_commit_fails(0, false));
	if (rig_can_delay(0))
		EXPECT_EQ(0, rig_memory_delay(0, 0));
	if (self->trace)
		EXPECT_EQ(0, rmdir(INSTANCE));
	free(self->trace);
	EXPECT_FINE(test_close(&self->test));
}

/* All records since the last call of trace_clear() */
static int trace_read(char *trace)
{
	int fd = open(INSTANCE "/trace", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t ret;

	if (fd < 0)
		return -errno;
	while ((ret = read(fd, trace + len, TRACE_SIZE - 1 - len)) > 0)
		len += ret;
	close(fd);
	trace[len] = '\0';

	return ret ? -errno : len == TRACE_SIZE - 1 ? -ENOSPC : 0;
}

static int trace_clear(void)
{
	int fd = open(INSTANCE "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? -errno : close(fd);
}

#define READ_TRACE() do {						\
	ASSERT_EQ(0, trace_read(self->trace));				\
	self->at = self->trace;						\
} while (0)

/* Of this device, after @at: the end of the record, or NULL */
__attribute__((format(printf, 4, 5)))
static const char *trace_find(const struct test_device *test, const char *at,
			      const char *event, const char *format, ...)
{
	char text[256];
	va_list args;
	int len;

	len = snprintf(text, sizeof(text), ": vfio_cxl_%s: %s ", event,
		       test->host.bdf);
	va_start(args, format);
	vsnprintf(text + len, sizeof(text) - len, format, args);
	va_end(args);
	at = strstr(at, text);

	return at ? at + strlen(text) : NULL;
}

#define EXPECT_NEXT(event, ...) do {					\
	const char *__event = event;					\
	const char *__end = trace_find(&self->test, self->at, __event,	\
				       __VA_ARGS__);			\
									\
	EXPECT_NE(NULL, __end) {					\
		TH_LOG("no such %s in:\n%s", __event, self->at);	\
	}								\
	if (__end)							\
		self->at = __end;					\
} while (0)

/* Wait until there is a record */
#define WAIT_FOR(...) do {						\
	const double __limit = seconds() + LIMIT_S;			\
									\
	do {								\
		sleep_ms(10);						\
		READ_TRACE();						\
	} while (!trace_find(&self->test, self->at, __VA_ARGS__) &&	\
		 seconds() < __limit);					\
} while (0)

static bool gate_is(const struct test_device *test, const char *reasons)
{
	char text[128];

	return !sysfs_device_read(test->host.bdf, "hdm_gate", text,
				  sizeof(text)) && !strcmp(text, reasons);
}

static bool gate_becomes(const struct test_device *test, const char *reasons)
{
	const double end = seconds() + LIMIT_S;

	while (!gate_is(test, reasons) && seconds() < end)
		sleep_ms(10);

	return gate_is(test, reasons);
}

/* Bytes, or -errno */
static int64_t uncleared(const struct test_device *test)
{
	char text[32];
	int ret = sysfs_device_read(test->host.bdf, "hdm_uncleared_bytes", text,
				    sizeof(text));

	return ret ?: strtoll(text, NULL, 10);
}

/* Wait while it is @value, and return the next value */
static int64_t uncleared_after(const struct test_device *test, int64_t value)
{
	const double end = seconds() + LIMIT_S;

	while (uncleared(test) == value && seconds() < end)
		sleep_ms(10);

	return uncleared(test);
}

static bool becomes_clean(const struct test_device *test)
{
	const double end = seconds() + LIMIT_S;

	while (uncleared(test) && seconds() < end)
		sleep_ms(10);

	return !uncleared(test);
}

static int open_device(struct test_device *test)
{
	return test_vfio_open(test, vfio_usable(VFIO_CDEV_INTERFACE));
}

/* Binary records need values where the kernel's source has names */
TEST_F(watch, format)
{
	char *format = self->trace;
	FILE *file = fopen(EVENTS "/vfio_cxl_gate/format", "re");

	ASSERT_NE(NULL, file);
	format[fread(format, 1, TRACE_SIZE - 1, file)] = '\0';
	fclose(file);
	EXPECT_NE(NULL, strstr(format, "\"unclean\""));
	EXPECT_EQ(NULL, strstr(format, "VFIO_CXL_SHUT"));
}

TEST_F(watch, lock)
{
	const unsigned long long base = test_base(&self->test);

	ASSERT_EQ(0, open_device(&self->test));
	ASSERT_EQ(0, trace_clear());
	ASSERT_EQ(0, test_lock(&self->test));
	ASSERT_EQ(-EBUSY, vfio_hdm_set(self->vfio->device, base + SZ_256M,
				       GUEST_WINDOW));
	READ_TRACE();
	EXPECT_NEXT("decoder_lock", "base=%#llx size=%#llx ret=0\n", base,
		    GUEST_WINDOW);
	EXPECT_NEXT("decoder_lock", "base=%#llx size=%#llx ret=-16\n",
		    base + SZ_256M, GUEST_WINDOW);
}

/* After a reset: each step of it, and no record of ordinary faults */
TEST_F(watch, reset)
{
	char *map;

	ASSERT_EQ(0, open_device(&self->test));
	EXPECT_TRUE(gate_is(&self->test, "open"));
	EXPECT_EQ((int64_t)self->host->size, uncleared(&self->test));
	map = test_map(&self->test);
	ASSERT_NE(MAP_FAILED, map);
	write_marks(&self->test, map, 1);

	ASSERT_EQ(0, trace_clear());
	ASSERT_EQ(0, reset_by_ioctl(&self->test, NULL));
	ASSERT_TRUE(gate_becomes(&self->test, "open"));
	EXPECT_EQ(0, wrong_marks(&self->test, map, 1));
	READ_TRACE();
	EXPECT_NEXT("gate", "set=reset cleared= reasons=reset\n");
	EXPECT_NEXT("gate", "set=settling cleared=reset reasons=settling\n");
	EXPECT_NEXT("decoder_restore", "ret=0\n");
	EXPECT_NEXT("gate", "set= cleared=settling reasons=\n");
	EXPECT_EQ(NULL, strstr(self->trace, "vfio_cxl_fault"));
	munmap(map, self->vfio->mem.size);
}

TEST_F(watch, fault_waits)
{
	int status;
	char *map;
	pid_t pid;

	if (!rig_can_delay(0))
		SKIP(return, "needs a device whose memory can be late");
	ASSERT_EQ(0, open_device(&self->test));
	map = test_map(&self->test);
	ASSERT_NE(MAP_FAILED, map);

	ASSERT_EQ(0, rig_memory_delay(0, DELAY_MS));
	ASSERT_EQ(0, reset_by_ioctl(&self->test, NULL));
	EXPECT_TRUE(gate_is(&self->test, "settling"));
	ASSERT_EQ(0, trace_clear());
	pid = fork();
	if (!pid)
		_exit(!try_put(map, 1));
	ASSERT_LT(0, pid);
	WAIT_FOR("fault_wait", "offset=0x0 ");
	EXPECT_NEXT("fault_wait", "offset=0x0 order=");
	EXPECT_LT(0, strspn(self->at, "0123456789"));
	self->at += strspn(self->at, "0123456789");
	EXPECT_EQ(0, strncmp(self->at, " flags=WRITE|", 13));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));

	ASSERT_EQ(0, rig_memory_delay(0, 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	READ_TRACE();
	EXPECT_NEXT("fault_wait", "offset=0x0 order=");
	EXPECT_NEXT("gate", "set= cleared=settling reasons=\n");
	EXPECT_EQ(NULL, strstr(self->trace, "vfio_cxl_fault_error"));
	munmap(map, self->vfio->mem.size);
}

TEST_F(watch, fault_fails)
{
	char *map;

	if (!rig_can_fail(0))
		SKIP(return, "needs a device whose decoder can fail");
	ASSERT_EQ(0, open_device(&self->test));
	map = test_map(&self->test);
	ASSERT_NE(MAP_FAILED, map);

	ASSERT_EQ(0, rig_commit_fails(0, true));
	ASSERT_EQ(0, trace_clear());
	ASSERT_EQ(0, reset_by_ioctl(&self->test, NULL));
	EXPECT_TRUE(gate_becomes(&self->test, "lost"));
	EXPECT_FALSE(try_put(map, 1));
	READ_TRACE();
	EXPECT_NEXT("gate", "set=settling cleared=reset reasons=settling\n");
	EXPECT_NEXT("decoder_restore", "ret=-");
	EXPECT_NEXT("gate", "set=lost cleared=settling reasons=lost\n");
	EXPECT_NEXT("fault_error", "offset=0x0 order=");
	self->at += strspn(self->at, "0123456789");
	EXPECT_EQ(0, strncmp(self->at, " ret=SIGBUS\n", 12));

	ASSERT_EQ(0, rig_commit_fails(0, false));
	ASSERT_EQ(0, reset_by_ioctl(&self->test, NULL));
	EXPECT_TRUE(gate_becomes(&self->test, "open"));
	munmap(map, self->vfio->mem.size);
}

/* Exits with 0 once the kernel has offlined the first page of the memory */
static void offline(const struct test_device *test)
{
	char address[32];

	snprintf(address, sizeof(address), "%#llx",
		 (unsigned long long)test->host.base);
	_exit(-sysfs_write(HARD_OFFLINE, address));
}

TEST_F(watch, fault_poisoned)
{
	char pages[32], *map;
	int status;
	pid_t pid;

	if (access(HARD_OFFLINE, F_OK))
		SKIP(return, "the kernel does not handle memory errors");
	ASSERT_EQ(0, open_device(&self->test));
	map = test_map(&self->test);
	ASSERT_NE(MAP_FAILED, map);
	put(map, 1);

	ASSERT_EQ(0, trace_clear());
	pid = fork();
	if (!pid)
		offline(&self->test);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, sysfs_device_read(self->host->bdf, "hwpoison_pages", pages,
				       sizeof(pages)));
	if (!strcmp(pages, "0"))
		SKIP(return, "the kernel does not report poison to drivers");
	EXPECT_FALSE(try_put(map, 1));
	READ_TRACE();
	EXPECT_NEXT("fault_error", "offset=0x0 order=0 ret=HWPOISON\n");
	munmap(map, self->vfio->mem.size);
}

TEST_F(watch, clearing)
{
	const int64_t size = self->host->size;
	int64_t left;

	if (!rig_can_delay(0))
		SKIP(return, "needs a device whose memory can be late");
	ASSERT_EQ(0, open_device(&self->test));
	EXPECT_EQ(size, uncleared(&self->test));
	ASSERT_EQ(0, rig_memory_delay(0, DELAY_MS));
	ASSERT_EQ(0, trace_clear());
	vfio_close(self->vfio);
	EXPECT_TRUE(gate_becomes(&self->test, "settling unclean"));
	/* The first chunk has been taken, and waits */
	left = uncleared_after(&self->test, size);
	EXPECT_GT(size, left);
	EXPECT_LT(0, left);

	ASSERT_EQ(0, rig_memory_delay(0, 0));
	EXPECT_TRUE(becomes_clean(&self->test));
	EXPECT_TRUE(gate_is(&self->test, "unclean"));
	READ_TRACE();
	EXPECT_NEXT("clear_begin", "size=%#llx\n", (unsigned long long)size);
	EXPECT_NEXT("gate", "set= cleared=settling reasons=unclean\n");
	EXPECT_NEXT("clear_end", "ret=0\n");
}

TEST_F(watch, clearing_stops)
{
	const int64_t size = self->host->size;

	if (!rig_can_delay(0))
		SKIP(return, "needs a device whose memory can be late");
	ASSERT_EQ(0, open_device(&self->test));
	ASSERT_EQ(0, rig_memory_delay(0, DELAY_MS));
	ASSERT_EQ(0, trace_clear());
	vfio_close(self->vfio);
	ASSERT_GT(size, uncleared_after(&self->test, size));
	ASSERT_EQ(0, sysfs_unbind(self->host->bdf));
	EXPECT_EQ(-ENOENT, uncleared(&self->test));
	READ_TRACE();
	EXPECT_NEXT("clear_begin", "size=%#llx\n", (unsigned long long)size);
	EXPECT_NEXT("clear_end", "ret=-125\n");
	EXPECT_NEXT("gate",
		    "set=gone cleared= reasons=settling|gone|unclean\n");

	ASSERT_EQ(0, rig_memory_delay(0, 0));
	ASSERT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
	EXPECT_TRUE(becomes_clean(&self->test));
}

TEST_F(watch, clearing_fails)
{
	const int64_t size = self->host->size;

	if (!rig_can_fail(0))
		SKIP(return, "needs a device whose decoder can fail");
	ASSERT_EQ(0, open_device(&self->test));
	ASSERT_EQ(0, rig_commit_fails(0, true));
	ASSERT_EQ(0, trace_clear());
	vfio_close(self->vfio);
	EXPECT_EQ(-EIO, uncleared_after(&self->test, size));
	EXPECT_TRUE(gate_is(&self->test, "lost unclean"));
	READ_TRACE();
	EXPECT_NEXT("clear_end", "ret=-5\n");

	/* The next open tries again */
	ASSERT_EQ(0, rig_commit_fails(0, false));
	ASSERT_EQ(0, open_device(&self->test));
	EXPECT_EQ(size, uncleared(&self->test));
}

TEST_F(watch, clearing_disabled)
{
	ASSERT_EQ(0, test_reload("scrub=off"));
	ASSERT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
	EXPECT_TRUE(gate_becomes(&self->test, "unclean"));
	EXPECT_EQ(-ENOENT, uncleared(&self->test));

	ASSERT_EQ(0, test_reload(""));
	ASSERT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
	EXPECT_TRUE(becomes_clean(&self->test));
}

/* The line at load, of builds for kernels that lack something */
TEST_F(watch, older_kernel)
{
	const char *missing = DRIVER ": not available on this kernel:";
	struct utsname name;
	char lines[4096];
	int kmsg;

	ASSERT_EQ(0, uname(&name));
	kmsg = kmsg_open();
	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, test_reload(""));
	kmsg_read(kmsg, lines, sizeof(lines));
	close(kmsg);
	if (strverscmp(name.release, "7") < 0) {
		EXPECT_NE(NULL, strstr(lines, missing)) {
			TH_LOG("no such line in:\n%s", lines);
		}
		EXPECT_NE(NULL, strstr(lines, " reports of poison;"));
		EXPECT_NE(NULL, strstr(lines, " PCIe recovery;"));
	} else if (strverscmp(name.release, "7.3") >= 0) {
		EXPECT_EQ(NULL, strstr(lines, missing));
	}
	ASSERT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
}

TEST_HARNESS_MAIN
