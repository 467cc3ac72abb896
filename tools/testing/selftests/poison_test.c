// SPDX-License-Identifier: GPL-2.0-only
/*
 * Poison: a page of the memory that is reported bad is not accessed again
 *
 * hard_offline_page reports a page that is in fact good, so clearing always
 * finds it good.  Pages that stay bad are tested with a driver that does not
 * clear.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/fault.h"
#include "lib/page.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define HARD_OFFLINE	"/sys/devices/system/memory/hard_offline_page"
#define SALT		7

FIXTURE(poison) {
	struct test_device test;
	struct vfio_cxl_fd *vfio;
	int offline;
	size_t page;
	size_t huge;	/* huge page, or else several pages */
	uint64_t bad;	/* in the second of them */
	char *map;
};

static int open_poisoned(struct test_device *test)
{
	return test_vfio_open(test, vfio_usable(VFIO_CDEV_INTERFACE));
}

/* Linux before 6.19 does not notify drivers; assume later without kallsyms */
static bool kernel_tells(void)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	bool tells = !symbols;
	char line[512];

	while (symbols && !tells && fgets(line, sizeof(line), symbols))
		tells = strstr(line, " register_pfn_address_space");
	if (symbols)
		fclose(symbols);

	return tells;
}

FIXTURE_SETUP(poison)
{
	self->offline = open(HARD_OFFLINE, O_WRONLY | O_CLOEXEC);
	ASSERT_EQ(0, test_begin(&self->test, 0));
	if (self->offline < 0)
		SKIP(return, "the kernel does not handle memory errors");
	if (!kernel_tells())
		SKIP(return, "the kernel does not report poison to drivers");
	self->vfio = &self->test.vfio;
	self->page = page_size();
	self->huge = pmd_size();
	if (4 * self->huge > self->test.host.size)
		self->huge = 32 * self->page;
	self->bad = self->huge + 3 * self->page;
	ASSERT_EQ(0, open_poisoned(&self->test));
	self->map = test_map(&self->test);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(poison)
{
	close(self->offline);
	if (self->map && self->map != MAP_FAILED)
		munmap(self->map, self->test.host.size);
	EXPECT_FINE(test_close(&self->test));
}

struct report {
	int fd;
	uint64_t address;
	int error;
};

static void do_report(void *arg)
{
	struct report *report = arg;
	char text[32];
	int len = snprintf(text, sizeof(text), "%#llx\n",
			   (unsigned long long)report->address);

	report->error = write(report->fd, text, len) == len ? 0 : errno;
}

/*
 * Report the page at @offset of the memory as bad: the signal that this task
 * gets, 0 for none, or -errno
 */
static int offline(const struct test_device *test, int fd, uint64_t offset)
{
	struct report report = { fd, test->host.base + offset, 0 };
	int sig = survive(do_report, &report);

	return sig ?: -report.error;
}

/* Number of pages that the driver withholds from users, or -errno */
static int bad_pages(const struct test_device *test)
{
	char text[32];

	return sysfs_device_read(test->host.bdf, "hwpoison_pages", text,
				 sizeof(text)) ?: atoi(text);
}

/* Whether the last signal says that this page is bad */
static bool says_poison(char *at)
{
	const siginfo_t *info = last_fault();
	const size_t page = page_size();
	char *said = info->si_addr;

	return info->si_signo == SIGBUS && info->si_code == BUS_MCEERR_AR &&
	       said >= at && said < at + page &&
	       1UL << info->si_addr_lsb == page;
}

/* A page is removed from mappings soon after the report, not immediately */
static bool touch_poison(char *at)
{
	const double until = seconds() + time_limit(5);
	uint64_t val;

	while (try_get(at, &val)) {
		if (seconds() > until)
			return false;
		sleep_ms(1);
	}

	return says_poison(at) && !try_put(at + 8, 0) && says_poison(at);
}

/* Neither way reaches the page, both reach its neighbours: what is wrong */
static const char *bad_alone(struct test_device *test, char *map, uint64_t bad)
{
	const struct vfio_cxl_fd *vfio = &test->vfio;
	const size_t page = page_size();
	static char buf[4 * 65536];
	uint64_t val;

	if (!touch_poison(map + bad))
		return "a mapping has the page";
	if (mem_read(vfio, &val, 8, bad + page - 8) != -EIO)
		return "read() has the page";
	if (mem_write(vfio, &val, 8, bad + 8) != -EIO)
		return "write() has the page";
	if (!try_get(map + bad - 8, &val) || !try_get(map + bad + page, &val))
		return "a mapping lacks pages beside it";
	if (mem_read(vfio, &val, 8, bad + page) != 8 ||
	    mem_read(vfio, &val, 8, bad - 8) != 8)
		return "read() lacks pages beside it";
	/* An access ends where the page begins */
	if (mem_read(vfio, buf, 4 * page, bad - page) != (ssize_t)page ||
	    mem_write(vfio, buf, page, bad - 16) != 16)
		return "an access does not end before the page";

	return NULL;
}

/* A task that has the page mapped gets its address and loses the mapping */
TEST_F(poison, signal)
{
	put(self->map + self->bad, 1);
	ASSERT_EQ(0, bad_pages(&self->test));

	EXPECT_EQ(SIGBUS, offline(&self->test, self->offline, self->bad));
	EXPECT_TRUE(says_poison(self->map + self->bad));
	EXPECT_EQ(1, bad_pages(&self->test));
	EXPECT_FINE(bad_alone(&self->test, self->map, self->bad));

	/* A second report is a second signal, but not a second page */
	EXPECT_EQ(SIGBUS, offline(&self->test, self->offline, self->bad));
	EXPECT_TRUE(says_poison(self->map + self->bad));
	EXPECT_EQ(1, bad_pages(&self->test));
}

/* The memory around the page is unchanged, even if one entry mapped both */
TEST_F(poison, neighbours)
{
	uint64_t at, val, wrong = 0;
	long faults;

	for (at = 0; at < 3 * self->huge; at += self->page)
		put(self->map + at, word(at, SALT));

	ASSERT_EQ(SIGBUS, offline(&self->test, self->offline, self->bad));
	EXPECT_TRUE(touch_poison(self->map + self->bad));
	faults = minor_faults();
	for (at = 0; at < 3 * self->huge; at += self->page) {
		if (at == self->bad)
			continue;
		wrong += !try_get(self->map + at, &val) ||
			 val != word(at, SALT);
		wrong += mem_read(self->vfio, &val, 8, at) != 8 ||
			 val != word(at, SALT);
	}
	EXPECT_EQ(0, wrong);
	/* Small pages around it, and none elsewhere */
	EXPECT_GE(self->huge / self->page + 8, minor_faults() - faults);
	EXPECT_FALSE(try_get(self->map + self->bad, &val));

	/* A new mapping does not reach the page */
	munmap(self->map, self->test.host.size);
	self->map = test_map(&self->test);
	ASSERT_NE(MAP_FAILED, self->map);
	EXPECT_TRUE(try_get(self->map + self->huge, &val));
	EXPECT_EQ(word(self->huge, SALT), val);
	EXPECT_FINE(bad_alone(&self->test, self->map, self->bad));
}

/* A task that has only other pages mapped gets no signal */
TEST_F(poison, elsewhere)
{
	uint64_t val;
	char *map;

	munmap(self->map, self->test.host.size);
	self->map = NULL;
	map = guest_map(self->vfio, self->huge, 3 * self->page, RW, self->page,
			0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, offline(&self->test, self->offline, self->bad));
	EXPECT_EQ(0, offline(&self->test, self->offline,
			     self->huge - self->page));
	EXPECT_EQ(2, bad_pages(&self->test));
	EXPECT_EQ(-EIO, mem_read(self->vfio, &val, 8, self->bad));
	EXPECT_EQ(-EIO, mem_read(self->vfio, &val, 8, self->huge - 8));
	EXPECT_TRUE(try_get(map, &val));
	munmap(map, 3 * self->page);
}

/* As QEMU does: notified early, even if another task consumes the poison */
static void early(const struct test_device *test, char *at, int ready)
{
	const struct timespec limit = { .tv_sec = time_limit(10) };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) ||
	    write(ready, "", 1) != 1)
		_exit(1);
	if (sigtimedwait(&set, &info, &limit) != SIGBUS)
		_exit(2);
	if (info.si_code != BUS_MCEERR_AO || info.si_addr != at)
		_exit(3);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (!touch_poison(at))
		_exit(4);
	_exit(bad_pages(test) == 1 ? 0 : 5);
}

TEST_F(poison, early_kill)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		early(&self->test, self->map + self->bad, ready[1]);
	munmap(self->map, self->test.host.size);
	self->map = NULL;
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_EQ(0, offline(&self->test, self->offline, self->bad));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	close(ready[0]);
	close(ready[1]);
}

/* How many of the whole memory's words differ from zero, or -errno */
static int64_t after_clearing(struct test_device *test)
{
	int64_t found = 0;
	uint64_t at, val;
	char *map;

	map = test_map(test);
	if (map == MAP_FAILED)
		return -errno;
	for (at = 0; at < test->host.size; at += page_size())
		found += !try_get(map + at, &val) || val;
	munmap(map, test->host.size);

	return found;
}

/* A page that clearing finds good is used again */
TEST_F(poison, cleared)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (i) {
			self->map = test_map(&self->test);
			ASSERT_NE(MAP_FAILED, self->map);
		}
		put(self->map + self->bad, 1);
		ASSERT_EQ(SIGBUS, offline(&self->test, self->offline,
					  self->bad));
		munmap(self->map, self->test.host.size);
		self->map = NULL;
		vfio_close(self->vfio);
		/* The memory has no user, so the driver is not notified */
		EXPECT_EQ(-EBUSY, offline(&self->test, self->offline,
					  self->bad));
		if (i) {
			ASSERT_EQ(0, sysfs_unbind(self->test.host.bdf));
			ASSERT_EQ(0, sysfs_bind(self->test.host.bdf, DRIVER));
		}
		ASSERT_EQ(0, open_poisoned(&self->test));
		EXPECT_EQ(0, bad_pages(&self->test));
		EXPECT_EQ(0, after_clearing(&self->test));
	}
}

/* The same user, the next one, and the first after a bind */
TEST_F(poison, remembered)
{
	unsigned int i;

	munmap(self->map, self->test.host.size);
	vfio_close(self->vfio);
	ASSERT_EQ(0, test_reload("scrub=off"));
	ASSERT_EQ(0, sysfs_bind(self->test.host.bdf, DRIVER));

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, open_poisoned(&self->test));
		self->map = test_map(&self->test);
		ASSERT_NE(MAP_FAILED, self->map);
		if (!i)
			EXPECT_EQ(SIGBUS, offline(&self->test, self->offline,
						  self->bad));
		EXPECT_EQ(1, bad_pages(&self->test));
		EXPECT_FINE(bad_alone(&self->test, self->map, self->bad));
		munmap(self->map, self->test.host.size);
		self->map = NULL;
		vfio_close(self->vfio);
		if (i != 1)
			continue;
		ASSERT_EQ(0, sysfs_unbind(self->test.host.bdf));
		ASSERT_EQ(0, sysfs_bind(self->test.host.bdf, DRIVER));
	}

	ASSERT_EQ(0, test_reload(""));
	ASSERT_EQ(0, sysfs_bind(self->test.host.bdf, DRIVER));
	EXPECT_EQ(0, bad_pages(&self->test));
}

TEST_HARNESS_MAIN
