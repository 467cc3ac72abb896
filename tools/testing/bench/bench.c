// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the machine: the cost of a device for its user, with vfio-cxl-pci and with
 * other drivers
 *
 *	bench TOPIC ROUNDS
 *
 * A topic measures things that are compared alternately, so that other load of
 * the processors affects all of them.  Each value is a line "@ NAME VALUE";
 * times are in seconds.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/device.h"
#include "lib/host.h"
#include "lib/page.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#include "count.h"

#define STOCK		"vfio-pci"
#define MAX_DEVICES	16

/* Consecutive calls, so that the cost of reading the clock is negligible */
#define CALLS		5000
/* Total bytes copied by read() and write(), or by memcpy() */
#define COPIED		(64 * SZ_2M)
/* After this time, memory of 1 GiB has been cleared */
#define CLEARED_MS	4000

static void check(long ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s", what, strerror(-ret));
}

static void report(const char *name, const char *side, double value)
{
	printf("@ %s.%s %.9g\n", name, side, value);
}

static void *map_memory(const struct vfio_cxl_fd *vfio, uint64_t offset,
			size_t len, size_t skew)
{
	void *map = guest_map(vfio, offset, len, RW, SZ_1G, skew);

	if (map == MAP_FAILED)
		err(1, "mapping %#zx bytes at %#lx", len, offset);
	return map;
}

static void touch(char *map, size_t len)
{
	size_t at;

	for (at = 0; at < len; at += page_size())
		*(volatile uint64_t *)(map + at) = at;
}

/* First touch of every page */

static void touch_once(const struct test_device *test, const char *name,
		       const char *side, uint64_t offset, size_t len,
		       size_t skew)
{
	char *map = map_memory(&test->vfio, offset, len, skew);
	long faults = minor_faults();
	double start = seconds();
	char text[64];

	touch(map, len);
	start = seconds() - start;
	faults = minor_faults() - faults;
	munmap(map, len);

	snprintf(text, sizeof(text), "%s.time", name);
	report(text, side, start);
	snprintf(text, sizeof(text), "%s.faults", name);
	report(text, side, faults);
}

static void topic_touch(struct test_device *test, unsigned int rounds)
{
	const uint64_t size = test->host.size, base = test->host.base;
	const uint64_t giant = -base % SZ_1G;
	char *map;

	/* Allocate the pages of the file behind the memory now */
	map = map_memory(&test->vfio, 0, size, 0);
	touch(map, size);
	munmap(map, size);

	while (rounds--) {
		touch_once(test, "touch", "ours", 0, size, SZ_2M);
		touch_once(test, "touch", "4k", 0, size, page_size());
		if (giant + SZ_1G > size)
			continue;
		touch_once(test, "giant", "ours", giant, SZ_1G, 0);
		touch_once(test, "giant", "4k", giant, SZ_1G, page_size());
	}
}

/* Calls that are compared, or counted */

static char buffer[64];
static struct vfio_device_info info_arg = { .argsz = sizeof(info_arg) };

static struct {
	struct vfio_device_feature feature;
	struct vfio_device_feature_cxl_hdm_decoder decoder;
} feature_arg;

enum call { CALL_REGISTER, CALL_INFO, CALL_GET, CALL_SET, CALL_READ, CALL_WRITE,
	    CALL_NOTHING, NR_CALLS };

static const char *const call_names[] = {
	"register", "info", "get", "set", "read", "write", "nothing",
};

static long make_call(const struct test_device *test, enum call call)
{
	const struct vfio_cxl_fd *vfio = &test->vfio;
	const uint64_t reg = vfio->regs + test->host.hdm + HDM_SIZE_LOW;

	switch (call) {
	case CALL_REGISTER:
		return count_enter(SYS_pread64, vfio->device, buffer, 4, reg);
	case CALL_INFO:
		return count_enter(SYS_ioctl, vfio->device,
				   (void *)VFIO_DEVICE_GET_INFO,
				   (long)&info_arg, 0);
	case CALL_GET:
	case CALL_SET:
		return count_enter(SYS_ioctl, vfio->device,
				   (void *)VFIO_DEVICE_FEATURE,
				   (long)&feature_arg, 0);
	case CALL_READ:
		return count_enter(SYS_pread64, vfio->device, buffer,
				   sizeof(buffer), vfio->mem.offset);
	case CALL_WRITE:
		return count_enter(SYS_pwrite64, vfio->device, buffer,
				   sizeof(buffer), vfio->mem.offset);
	default:
		return count_enter(SYS_getppid, 0, NULL, 0, 0);
	}
}

static void prepare_call(enum call call)
{
	feature_arg.feature.argsz = sizeof(feature_arg);
	feature_arg.feature.flags = VFIO_DEVICE_FEATURE_CXL_HDM_DECODER |
				    (call == CALL_SET ?
				     VFIO_DEVICE_FEATURE_SET :
				     VFIO_DEVICE_FEATURE_GET);
	memset(&feature_arg.decoder, 0, sizeof(feature_arg.decoder));
	if (call == CALL_SET) {
		feature_arg.decoder.base = GUEST_BASE;
		feature_arg.decoder.size = GUEST_WINDOW;
	}
}

static void time_call(const struct test_device *test, enum call call,
		      const char *side)
{
	unsigned int i;
	double start;

	prepare_call(call);
	check(make_call(test, call), call_names[call]);
	start = seconds();
	for (i = 0; i < CALLS; i++)
		make_call(test, call);
	report(call_names[call], side, (seconds() - start) / CALLS);
}

static void time_open(struct test_device *test, const char *driver,
		      const char *side)
{
	double start;

	/* Bind it first: a driver's first open differs from all others */
	check(test_reopen(test, driver), driver);
	start = seconds();
	vfio_close(&test->vfio);
	report("close", side, seconds() - start);
	start = seconds();
	check(test_vfio_open(test, vfio_usable(VFIO_CDEV_INTERFACE)), "open");
	report("open", side, seconds() - start);
}

static void topic_drivers(struct test_device *test, unsigned int rounds)
{
	while (rounds--) {
		time_open(test, DRIVER, "ours");
		time_call(test, CALL_REGISTER, "ours");
		time_call(test, CALL_INFO, "ours");
		time_call(test, CALL_GET, "ours");
		time_call(test, CALL_SET, "ours");
		time_open(test, STOCK, "stock");
		time_call(test, CALL_REGISTER, "stock");
	}
}

static void count_calls(struct test_device *test, const enum call *calls,
			unsigned int nr, const char *side)
{
	struct count counts[NR_CALLS];
	unsigned int i, n;

	count_start();
	for (i = 0; i < nr; i++) {
		prepare_call(calls[i]);
		for (n = 0; n < COUNT_CALLS; n++)
			make_call(test, calls[i]);
	}
	count_stop(counts, nr);

	for (i = 0; i < nr; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s.instructions",
			 call_names[calls[i]]);
		report(name, side, counts[i].instructions);
		snprintf(name, sizeof(name), "%s.allocations",
			 call_names[calls[i]]);
		report(name, side, counts[i].allocations);
	}
}

static void topic_count(struct test_device *test, unsigned int rounds)
{
	static const enum call ours[] = {
		CALL_REGISTER, CALL_INFO, CALL_GET, CALL_SET, CALL_READ,
		CALL_WRITE, CALL_NOTHING,
	};
	static const enum call stock[] = { CALL_REGISTER };

	while (rounds--) {
		check(test_reopen(test, DRIVER), DRIVER);
		count_calls(test, ours, 7, "ours");
		check(test_reopen(test, STOCK), STOCK);
		count_calls(test, stock, 1, "stock");
	}
}

/* read() and write() against memcpy() through the mapping */

static void copy_once(const struct test_device *test, char *map, char *buf,
		      size_t chunk, const char *name)
{
	const size_t len = chunk < SZ_4K ? CALLS * chunk : COPIED;
	char text[64];
	double start;
	size_t at;
	int way;

	for (way = 0; way < 4; way++) {
		const uint64_t offset = test->vfio.mem.offset;
		const int fd = test->vfio.device;
		ssize_t ret = chunk;

		start = seconds();
		for (at = 0; at < len && ret == (ssize_t)chunk; at += chunk) {
			if (way == 0)
				ret = pread(fd, buf, chunk, offset + at);
			else if (way == 1)
				memcpy(buf, map + at, chunk);
			else if (way == 2)
				ret = pwrite(fd, buf, chunk, offset + at);
			else
				memcpy(map + at, buf, chunk);
			/* The buffer is not read, but the copy must be made */
			__asm__ volatile("" : : "r"(buf) : "memory");
		}
		if (ret != (ssize_t)chunk)
			err(1, "reading or writing %zu bytes", chunk);
		snprintf(text, sizeof(text), "%s-%s", way < 2 ? "read" :
							      "write", name);
		report(text, way % 2 ? "memcpy" : "ours",
		       len / (seconds() - start));
	}
}

/* The kernel's copy without a driver: of a file in memory */
static void copy_file(char *buf, size_t chunk)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);
	double start;
	size_t at;

	if (fd < 0 || ftruncate(fd, chunk) || pwrite(fd, buf, chunk, 0) < 0)
		err(1, "a file in memory");
	start = seconds();
	for (at = 0; at < COPIED; at += chunk)
		if (pread(fd, buf, chunk, 0) != (ssize_t)chunk)
			err(1, "reading a file in memory");
	report("read-1m", "file", COPIED / (seconds() - start));
	close(fd);
}

static void topic_copy(struct test_device *test, unsigned int rounds)
{
	static char copied[SZ_2M] __attribute__((aligned(SZ_2M)));
	const size_t size = SZ_2M / 2;
	char *map, *buf;

	map = map_memory(&test->vfio, 0, COPIED, 0);
	touch(map, COPIED);
	/* An emulator's TLB has one entry for pages with the same low bits */
	buf = copied + 33 * SZ_4K;
	memset(buf, 1, size);

	while (rounds--) {
		copy_once(test, map, buf, size, "1m");
		copy_once(test, map, buf, 64, "64");
		copy_file(buf, size);
	}
	munmap(map, COPIED);
}

/* A reset has to remove the mappings */

static void reset_once(const struct test_device *test, const char *side,
		       bool mapped)
{
	const size_t len = test->host.size;
	double start, cpu;
	char *map = NULL;

	if (mapped) {
		map = map_memory(&test->vfio, 0, len, test->host.base % SZ_1G);
		touch(map, len);
	}
	start = seconds();
	cpu = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	if (ioctl(test->vfio.device, VFIO_DEVICE_RESET))
		err(1, "reset");
	cpu = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
	report("reset.time", side, seconds() - start);
	report("reset.cpu", side, cpu);
	if (mapped)
		munmap(map, len);
}

static void topic_reset(struct test_device *test, unsigned int rounds)
{
	while (rounds--) {
		reset_once(test, "unmapped", false);
		reset_once(test, "ours", true);
	}
}

/* A close and the next open, with the given time in between */
static double time_tenants(struct test_device *test, unsigned int apart_ms)
{
	double start = seconds(), took;

	vfio_close(&test->vfio);
	took = seconds() - start;
	sleep_ms(apart_ms);
	start = seconds();
	check(test_vfio_open(test, vfio_usable(VFIO_CDEV_INTERFACE)), "open");

	return took + seconds() - start;
}

/* An immediate open waits for clearing */
static void topic_scrub(struct test_device *test, unsigned int rounds)
{
	double later;

	while (rounds--) {
		later = time_tenants(test, CLEARED_MS);
		report("scrub", "ours", test->host.size /
					(time_tenants(test, 0) - later));
	}
}

/* Several devices */

/* Free bytes, including those in per-CPU lists */
static double free_memory(void)
{
	long pages = 0, some;
	char line[256];
	FILE *file;

	check(sysfs_write("/proc/sys/vm/drop_caches", "3"), "drop_caches");
	file = fopen("/proc/zoneinfo", "re");
	if (!file)
		err(1, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %ld", &some) == 1 ||
		    sscanf(line, " count: %ld", &some) == 1)
			pages += some;
	fclose(file);

	return pages * (double)page_size();
}

static void report_each(const char *name, const char *driver, unsigned int nr,
			double total)
{
	char side[64];

	snprintf(side, sizeof(side), "%s-%u", driver, nr);
	report(name, side, total / nr);
}

static void all_devices(struct test_device *tests, unsigned int nr,
			const char *driver, const char *side)
{
	double start, memory;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		check(sysfs_unbind(tests[i].host.bdf), "unbind");
		check(host_restore_decoder(&tests[i].host), "decoder");
	}

	memory = free_memory();
	start = seconds();
	for (i = 0; i < nr; i++)
		check(sysfs_bind(tests[i].host.bdf, driver), "bind");
	report_each("bind", side, nr, seconds() - start);
	report_each("memory-bound", side, nr, memory - free_memory());

	start = seconds();
	for (i = 0; i < nr; i++)
		check(test_vfio_open(&tests[i],
				     vfio_usable(VFIO_CDEV_INTERFACE)), "open");
	report_each("open", side, nr, seconds() - start);

	if (!strcmp(driver, DRIVER)) {
		start = seconds();
		for (i = 0; i < nr; i++)
			check(vfio_hdm_set(tests[i].vfio.device, GUEST_BASE,
					   GUEST_WINDOW), "lock");
		report_each("lock", side, nr, seconds() - start);
	}
	report_each("memory-open", side, nr, memory - free_memory());

	start = seconds();
	for (i = 0; i < nr; i++)
		vfio_close(&tests[i].vfio);
	report_each("close", side, nr, seconds() - start);
}

static void topic_devices(struct test_device *tests, unsigned int rounds)
{
	const unsigned int all = host_count();
	unsigned int i;

	if (all > MAX_DEVICES)
		errx(1, "more than %u devices", MAX_DEVICES);
	vfio_close(&tests[0].vfio);
	for (i = 1; i < all; i++)
		check(test_begin(&tests[i], i), "device");

	while (rounds--) {
		all_devices(tests, 1, DRIVER, "ours");
		all_devices(tests, 4, DRIVER, "ours");
		all_devices(tests, all, DRIVER, "ours");
		all_devices(tests, all, STOCK, "stock");
	}
}

static const struct {
	const char *name;
	void (*run)(struct test_device *test, unsigned int rounds);
} topics[] = {
	{ "touch", topic_touch },
	{ "drivers", topic_drivers },
	{ "count", topic_count },
	{ "copy", topic_copy },
	{ "reset", topic_reset },
	{ "scrub", topic_scrub },
	{ "devices", topic_devices },
};

int main(int argc, char **argv)
{
	static struct test_device tests[MAX_DEVICES];
	unsigned int i, rounds = argc == 3 ? atoi(argv[2]) : 0;

	for (i = 0; i < sizeof(topics) / sizeof(*topics); i++) {
		if (!rounds || strcmp(argv[1], topics[i].name))
			continue;
		check(test_open(&tests[0], 0, vfio_usable(VFIO_CDEV_INTERFACE)),
		      "device");
		topics[i].run(tests, rounds);
		vfio_close(&tests[0].vfio);
		return 0;
	}

	fprintf(stderr, "usage: bench TOPIC ROUNDS\nTOPIC is one of:");
	for (i = 0; i < sizeof(topics) / sizeof(*topics); i++)
		fprintf(stderr, " %s", topics[i].name);
	fprintf(stderr, "\n");

	return 2;
}
