// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that becomes active late: a device may take up to 256 seconds after a
 * reset (Memory_Active, CXL r3.1 8.1.3.8.2).  Only accesses to the memory wait.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "harness.h"
#include "lib/aer.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/qmp.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

/* Limit for what does not wait for the memory, and for what is killed */
#define AT_ONCE_S	time_limit(2)
#define PROMPT_S	time_limit(1)
/* Longer than any of these, in milliseconds */
#define DELAY_MS	(time_limit(3) * 1000U)

/*
 * Longer than a task may be blocked before the kernel reports it as hung, by
 * default 60 s; and how long the test waits for the report.
 */
#define LONG_DELAY_MS	90000
#define LONG_TEST_S	70
#define HUNG_TASK	"/proc/sys/kernel/hung_task_check_interval_secs"

#define SALT		51

FIXTURE(late) {
	struct test_device test;
	struct host_device *host;
	struct vfio_cxl_fd *vfio;
};

static int set_delay(const struct test_device *test, unsigned int ms)
{
	return rig_memory_delay(test->host.index, ms);
}

FIXTURE_SETUP(late)
{
	if (!rig_can_delay(0))
		SKIP(return, "needs a device whose memory can be late");
	ASSERT_EQ(0, rig_memory_delay(0, 0));
	ASSERT_EQ(0, rig_memory_timeout(0, MEMORY_TIMEOUT_256S));
	ASSERT_EQ(0, test_begin(&self->test, 0));
	self->host = &self->test.host;
	self->vfio = &self->test.vfio;
}

FIXTURE_TEARDOWN(late)
{
	EXPECT_EQ(0, rig_memory_delay(0, 0));
	EXPECT_EQ(0, rig_memory_timeout(0, MEMORY_TIMEOUT_256S));
	EXPECT_FINE(test_close(&self->test));
}

static int open_device(struct test_device *test)
{
	return test_vfio_open(test, vfio_usable(VFIO_CDEV_INTERFACE));
}

/* Open, locked, with marks, and all of it mapped */
#define OPEN_MAPPED() ({						\
	char *__map;							\
									\
	ASSERT_EQ(0, open_device(&self->test));				\
	ASSERT_EQ(0, test_lock(&self->test));				\
	__map = test_map(&self->test);					\
	ASSERT_NE(MAP_FAILED, (void *)__map);				\
	write_marks(&self->test, __map, SALT);				\
	__map;								\
})

/* What others may do with a device in the meantime */

/* A register of the hardware, which is not emulated */
static void read_bar(const struct test_device *test)
{
	struct vfio_region_info *info;
	unsigned int bar;
	uint32_t val;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (bar == test->host.bar)
			continue;
		info = vfio_region(test->vfio.device, bar);
		if (info && info->size &&
		    pread(test->vfio.device, &val, 4, info->offset) < 0)
			errno = 0;
		free(info);
	}
}

static void read_registers(const struct test_device *test)
{
	guest_read32(&test->vfio, test->host.hdm + HDM_CTRL);
}

static void read_config(const struct test_device *test)
{
	guest_config(&test->vfio, PCI_COMMAND, 2);
	guest_config(&test->vfio, test->host.dvsec + PCI_DVSEC_CXL_CTRL, 2);
}

static void read_sysfs(const struct test_device *test)
{
	char text[128];

	host_config(&test->host, PCI_VENDOR_ID, 4);
	sysfs_device_read(test->host.bdf, "reset_method", text, sizeof(text));
	sysfs_device_read(test->host.bdf, "numa_node", text, sizeof(text));
}

static const struct {
	const char *name;
	void (*access)(const struct test_device *test);
	bool open;		/* needs an open device */
} accesses[] = {
	{ "BAR", read_bar, true },
	{ "component registers", read_registers, true },
	{ "config space", read_config, true },
	{ "sysfs", read_sysfs, false },
};

/* Repeat each of them for this time: none waits */
static void expect_prompt(struct __test_metadata *_metadata,
			  const struct test_device *test, double duration)
{
	double longest[ARRAY_SIZE(accesses)] = { };
	const double end = seconds() + duration;
	unsigned int i;

	do {
		for (i = 0; i < ARRAY_SIZE(accesses); i++) {
			const double start = seconds();

			if (accesses[i].open && test->vfio.device < 0)
				continue;
			accesses[i].access(test);
			if (seconds() - start > longest[i])
				longest[i] = seconds() - start;
		}
		sleep_ms(100);
	} while (seconds() < end);
	for (i = 0; i < ARRAY_SIZE(accesses); i++) {
		EXPECT_GT(PROMPT_S, longest[i]) {
			TH_LOG("%s: %.1f s", accesses[i].name, longest[i]);
		}
	}
}

/* Whether the kernel maps the memory */
static bool kernel_maps(const struct test_device *test)
{
	char phys[64], text[512];
	bool found = false;
	FILE *file;

	file = fopen("/proc/vmallocinfo", "re");
	if (!file)
		return false;
	snprintf(phys, sizeof(phys), "phys=0x%016llx ",
		 (unsigned long long)test->host.base);
	while (!found && fgets(text, sizeof(text), file))
		found = strstr(text, phys);
	fclose(file);

	return found;
}

/* Resets, in a thread, so that one that waits does not delay the test */

struct resetter {
	pthread_t id;
	const struct test_device *test;
	const struct reset_path *path;
	const char *method;
	int ret;
	double took;		/* < 0: not over */
};

static void *reset_once(void *arg)
{
	struct resetter *resetter = arg;
	const double start = seconds();
	double took;

	resetter->ret = resetter->path->reset(resetter->test, resetter->method);
	took = seconds() - start;
	__atomic_store(&resetter->took, &took, __ATOMIC_RELEASE);

	return NULL;
}

static double reset_took(const struct resetter *resetter)
{
	double took;

	__atomic_load(&resetter->took, &took, __ATOMIC_ACQUIRE);
	return took;
}

#define START_RESET(resetter_, path_) do {				\
	struct resetter *__this = resetter_;				\
									\
	*__this = (struct resetter) {					\
		.test = &self->test,					\
		.path = &reset_paths[path_],				\
		.took = -1,						\
	};								\
	ASSERT_EQ(0, pthread_create(&__this->id, NULL, reset_once,	\
				    __this));				\
} while (0)

/* Whether it returned immediately; otherwise it must be joined later */
static void expect_at_once(struct __test_metadata *_metadata,
			   const struct resetter *resetter)
{
	const double end = seconds() + AT_ONCE_S;

	while (reset_took(resetter) < 0 && seconds() < end)
		sleep_ms(10);
	EXPECT_LE(0, reset_took(resetter)) {
		TH_LOG("%s: not over within %d s", resetter->path->name,
		       AT_ONCE_S);
	}
}

/* Accesses to the memory, each in a separate process, which can be killed */

enum way { BY_FAULT, BY_READ, BY_WRITE, NR_WAYS };

static const char *const way_names[NR_WAYS] = { "fault", "read()", "write()" };

/* Status 0: the mark is there */
static void touch(const struct test_device *test, char *map, enum way way)
{
	const uint64_t right = word(MARK, SALT);
	uint64_t val = right;
	bool done;

	switch (way) {
	case BY_FAULT:
		done = try_get(map + MARK, &val);
		break;
	case BY_READ:
		val = 0;
		done = mem_read(&test->vfio, &val, 8, MARK) == 8;
		break;
	default:
		done = mem_write(&test->vfio, &val, 8, MARK) == 8;
	}

	_exit(!done ? 1 : val == right ? 0 : val == ~0ULL ? 2 : 3);
}

static pid_t start_touch(const struct test_device *test, char *map,
			 enum way way)
{
	pid_t pid = fork();

	if (!pid)
		touch(test, map, way);

	return pid;
}

static bool waits(pid_t pid)
{
	siginfo_t info = { };

	return !waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

/* Wait for its end, for at most this many seconds; or -1 */
static int status_within(pid_t pid, double limit)
{
	const double end = seconds() + limit;
	int status;

	do {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		sleep_ms(5);
	} while (seconds() < end);

	return -1;
}

static void expect_killable(struct __test_metadata *_metadata, pid_t pid,
			    const char *name)
{
	int status;

	EXPECT_TRUE(waits(pid)) {
		TH_LOG("%s: does not wait", name);
	}
	EXPECT_EQ(0, kill(pid, SIGKILL));
	status = status_within(pid, PROMPT_S);
	EXPECT_NE(-1, status) {
		TH_LOG("%s: still alive %d s after SIGKILL", name, PROMPT_S);
	}
}

/* One reset: it returns at once, and only accesses to the memory wait */
static void check_reset(struct __test_metadata *_metadata,
			struct test_device *test, char *map,
			struct resetter *resetter)
{
	const double start = seconds();
	pid_t pids[NR_WAYS];
	unsigned int i;
	int status;

	expect_at_once(_metadata, resetter);
	EXPECT_FALSE(kernel_maps(test));
	for (i = 0; i < NR_WAYS; i++) {
		pids[i] = start_touch(test, map, i);
		ASSERT_LE(0, pids[i]);
	}
	expect_prompt(_metadata, test, 0.5);
	for (i = 0; i < NR_WAYS; i++) {
		EXPECT_TRUE(waits(pids[i])) {
			TH_LOG("%s: does not wait, %.1f s after the reset",
			       way_names[i], seconds() - start);
		}
	}
	for (i = 0; i < NR_WAYS; i++) {
		status = status_within(pids[i], 3 * DELAY_MS / 1000.0);
		EXPECT_EQ(0, status) {
			TH_LOG("%s: status %#x", way_names[i], status);
		}
		if (status < 0)
			kill(pids[i], SIGKILL);
	}
	pthread_join(resetter->id, NULL);
	EXPECT_EQ(0, resetter->ret);
	EXPECT_TRUE(kernel_maps(test));
	TH_LOG("%s: %.1f s, memory after %.1f s", resetter->path->name,
	       resetter->took, seconds() - start);
	EXPECT_LE(DELAY_MS / 1000.0, seconds() - start);
}

#define CHECK_PATH(path) do {						\
	struct resetter resetter;					\
	char *map = OPEN_MAPPED();					\
									\
	ASSERT_EQ(0, set_delay(&self->test, DELAY_MS));			\
	START_RESET(&resetter, path);					\
	check_reset(_metadata, &self->test, map, &resetter);		\
	ASSERT_EQ(0, set_delay(&self->test, 0));			\
	EXPECT_EQ(0, wrong_marks(&self->test, map, SALT));		\
	EXPECT_FINE(test_differs(&self->test));				\
	munmap(map, self->vfio->mem.size);				\
} while (0)

TEST_F(late, ioctl)
{
	CHECK_PATH(PATH_IOCTL);
}

TEST_F(late, sysfs)
{
	CHECK_PATH(PATH_SYSFS);
}

/* VFIO_DEVICE_RESET would fail with EAGAIN if polling locked config access */
TEST_F(late, resets_meanwhile)
{
	const double end = seconds() + time_limit(10);
	char *map = OPEN_MAPPED();
	unsigned int i;

	ASSERT_EQ(0, set_delay(&self->test, LONG_DELAY_MS));
	for (i = 0; seconds() < end; i++) {
		ASSERT_EQ(0, reset_by_ioctl(&self->test, NULL)) {
			TH_LOG("reset %u", i);
		}
	}
	TH_LOG("%u resets", i);
	ASSERT_EQ(0, set_delay(&self->test, 0));
	EXPECT_EQ(0, wrong_marks(&self->test, map, SALT));
	munmap(map, self->vfio->mem.size);
}

TEST_F(late, killed_while_waiting)
{
	char *map = OPEN_MAPPED();
	struct resetter resetter;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < NR_WAYS; i++) {
		ASSERT_EQ(0, set_delay(&self->test, 2 * DELAY_MS));
		START_RESET(&resetter, PATH_IOCTL);
		expect_at_once(_metadata, &resetter);
		pid = start_touch(&self->test, map, i);
		ASSERT_LE(0, pid);
		sleep_ms(300);
		expect_killable(_metadata, pid, way_names[i]);
		/* Active now: the next round need not wait for it */
		ASSERT_EQ(0, set_delay(&self->test, 0));
		pthread_join(resetter.id, NULL);
		EXPECT_EQ(0, wrong_marks(&self->test, map, SALT));
	}
	munmap(map, self->vfio->mem.size);
}

/* Longer than the device declares: the memory is lost, not late */
TEST_F(late, too_late)
{
	const double limit = time_limit(8);
	char *map = OPEN_MAPPED();
	struct resetter resetter;
	double start;
	uint64_t val;

	ASSERT_EQ(0, rig_memory_timeout(self->host->index, MEMORY_TIMEOUT_1S));
	ASSERT_EQ(0, set_delay(&self->test, 4 * limit * 1000));
	START_RESET(&resetter, PATH_IOCTL);
	expect_at_once(_metadata, &resetter);
	start = seconds();
	EXPECT_FALSE(try_get(map + MARK, &val));
	EXPECT_EQ(-EIO, mem_read(self->vfio, &val, 8, MARK));
	EXPECT_EQ(-EIO, mem_write(self->vfio, &val, 8, MARK));
	EXPECT_GT(limit, seconds() - start);
	pthread_join(resetter.id, NULL);

	ASSERT_EQ(0, set_delay(&self->test, 0));
	ASSERT_EQ(0, rig_memory_timeout(self->host->index,
					MEMORY_TIMEOUT_256S));
	EXPECT_EQ(0, reset_by_ioctl(&self->test, NULL));
	EXPECT_EQ(0, wrong_marks(&self->test, map, SALT));
	munmap(map, self->vfio->mem.size);
}

/* Memory that never becomes active can be bound, but not opened */
TEST_F(late, too_late_at_bind)
{
	const struct host_device *host = self->host;

	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	ASSERT_EQ(0, rig_memory_timeout(host->index, MEMORY_TIMEOUT_1S));
	ASSERT_EQ(0, set_delay(&self->test, time_limit(60) * 1000));
	EXPECT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	EXPECT_EQ(-EIO, open_device(&self->test));
	EXPECT_FALSE(kernel_maps(&self->test));

	ASSERT_EQ(0, set_delay(&self->test, 0));
	ASSERT_EQ(0, rig_memory_timeout(host->index, MEMORY_TIMEOUT_256S));
	EXPECT_EQ(0, open_device(&self->test));
}

/* Another user, in a separate process: status 0 if the memory is clean */
static pid_t start_open(struct test_device *test)
{
	pid_t pid = fork();
	uint64_t val = ~0ULL;

	if (pid)
		return pid;
	if (open_device(test))
		_exit(1);
	if (mem_read(&test->vfio, &val, 8, MARK) != 8)
		_exit(2);
	vfio_close(&test->vfio);
	_exit(val ? 3 : 0);
}

/* Open and close another device: how long that takes, or < 0 */
static double use_other(struct test_device *other)
{
	const double start = seconds();
	int ret;

	ret = open_device(other);
	if (!ret)
		ret = reset_by_ioctl(other, NULL);
	vfio_close(&other->vfio);

	return ret ?: seconds() - start;
}

/* The resets at close and open: only the next open waits */
TEST_F(late, open_after_close)
{
	const bool has_other = host_count() > 1;
	double start, usual = 0, took;
	struct test_device other;
	int status;
	pid_t pid;
	char *map;

	if (has_other) {
		ASSERT_EQ(0, test_begin(&other, 1));
		/* The first one may have to wait until the memory is cleared */
		EXPECT_LE(0, use_other(&other));
		usual = use_other(&other);
	}

	map = OPEN_MAPPED();
	munmap(map, self->vfio->mem.size);
	ASSERT_EQ(0, set_delay(&self->test, 4 * DELAY_MS));
	start = seconds();
	vfio_close(self->vfio);
	EXPECT_GT(AT_ONCE_S, seconds() - start);

	pid = start_open(&self->test);
	ASSERT_LE(0, pid);
	expect_prompt(_metadata, &self->test, 0.5);
	if (has_other) {
		took = use_other(&other);
		EXPECT_LE(0, took);
		EXPECT_GT(2 * usual + PROMPT_S, took);
		EXPECT_FINE(test_close(&other));
	}
	EXPECT_TRUE(waits(pid));
	ASSERT_EQ(0, set_delay(&self->test, 0));
	status = status_within(pid, time_limit(20));
	EXPECT_EQ(0, status) {
		TH_LOG("open: status %#x", status);
	}

	/* One that is killed */
	map = OPEN_MAPPED();
	munmap(map, self->vfio->mem.size);
	ASSERT_EQ(0, set_delay(&self->test, 2 * DELAY_MS));
	vfio_close(self->vfio);
	pid = start_open(&self->test);
	ASSERT_LE(0, pid);
	sleep_ms(300);
	expect_killable(_metadata, pid, "open");
	ASSERT_EQ(0, set_delay(&self->test, 0));
	EXPECT_EQ(0, open_device(&self->test));
}

/* The host's reset after an error, and a rescan of the bus during it */
TEST_F(late, recovery)
{
	const double limit = 2 * DELAY_MS / 1000.0;
	char *map = OPEN_MAPPED();
	int kmsg = kmsg_open();
	struct resetter resetter;
	double start;

	ASSERT_LE(0, kmsg);
	/* Including the time that a reset of the bus always takes */
	ASSERT_EQ(0, set_delay(&self->test, 3 * DELAY_MS));
	start = seconds();
	ASSERT_EQ(0, rig_inject(self->host->index, "MALF_TLP"));
	expect_prompt(_metadata, &self->test, 1);
	EXPECT_EQ(0, sysfs_write("/sys/bus/pci/rescan", "1"));
	EXPECT_EQ(1, aer_wait(kmsg));
	EXPECT_GT(limit, seconds() - start);

	ASSERT_EQ(0, set_delay(&self->test, DELAY_MS));
	START_RESET(&resetter, PATH_IOCTL);
	check_reset(_metadata, &self->test, map, &resetter);
	ASSERT_EQ(0, set_delay(&self->test, 0));
	EXPECT_EQ(0, wrong_marks(&self->test, map, SALT));
	munmap(map, self->vfio->mem.size);
	close(kmsg);
}

/* As long as real devices may take, with detection of hung tasks */
TEST_F_TIMEOUT(late, hung_tasks, time_limit(240))
{
	struct resetter by_ioctl, by_sysfs;
	char *map = OPEN_MAPPED();
	pid_t pids[NR_WAYS];
	const double start = seconds();
	char interval[16] = "";
	unsigned int i;

	/* Not only once in 60 s */
	if (!sysfs_read(HUNG_TASK, interval, sizeof(interval)))
		EXPECT_EQ(0, sysfs_write(HUNG_TASK, "2"));
	ASSERT_EQ(0, set_delay(&self->test, LONG_DELAY_MS));
	START_RESET(&by_ioctl, PATH_IOCTL);
	expect_at_once(_metadata, &by_ioctl);
	START_RESET(&by_sysfs, PATH_SYSFS);
	expect_at_once(_metadata, &by_sysfs);
	for (i = 0; i < NR_WAYS; i++) {
		pids[i] = start_touch(&self->test, map, i);
		ASSERT_LE(0, pids[i]);
	}
	expect_prompt(_metadata, &self->test,
		      LONG_TEST_S - (seconds() - start));
	for (i = 0; i < NR_WAYS; i++)
		expect_killable(_metadata, pids[i], way_names[i]);
	if (interval[0])
		EXPECT_EQ(0, sysfs_write(HUNG_TASK, interval));

	ASSERT_EQ(0, set_delay(&self->test, 0));
	pthread_join(by_ioctl.id, NULL);
	pthread_join(by_sysfs.id, NULL);
	EXPECT_EQ(0, by_ioctl.ret);
	EXPECT_EQ(0, by_sysfs.ret);
	EXPECT_EQ(0, wrong_marks(&self->test, map, SALT));
	munmap(map, self->vfio->mem.size);
}

TEST_HARNESS_MAIN
