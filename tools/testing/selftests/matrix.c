// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way to reset a device, in every state in which its user can have it
 *
 * Each case has a separate process and a time limit.  After it: no mapping from
 * before the reset, the host's decoder intact, the lock kept, the memory and
 * the device usable.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "kselftest.h"
#include "apart.h"
#include "lib/aer.h"
#include "lib/device.h"
#include "lib/env.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/qmp.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define CASE_TIMEOUT_S	time_limit(60)
#define THREADS		4
#define SALT		21
#define LATE_MS		500
/* What threads touch lies past the marks */
#define WORK_START	(64 * SZ_2M)
#define WORK_SIZE	(16 * SZ_2M)

struct state;

/**
 * struct run - one case while it runs
 * @user: the user of the device
 * @interface: interface through which it is open
 * @state: its state
 * @map: all the memory with marks in it, or NULL
 * @threads: threads that run during the reset
 * @stop: tells the threads to stop
 * @errors: unexpected failures that the threads counted
 * @fd: a dma-buf, or -1
 */
struct run {
	struct test_device *user;
	enum vfio_interface interface;
	const struct state *state;
	char *map;
	pthread_t threads[THREADS];
	unsigned int nr_threads;
	int stop;
	int errors;
	int fd;
};

/*
 * What threads do.  If someone else resets the device, an error has shut the
 * gate, and SIGBUS and EIO are correct until the user's own reset.
 */

static bool work_fault(struct run *run, unsigned int round)
{
	uint64_t at = WORK_START, val;
	bool done = true;
	char *map;

	/* Of small pages and of huge ones */
	map = guest_map(&run->user->vfio, at, WORK_SIZE, RW, pmd_size(),
			round % 2 * page_size());
	if (map == MAP_FAILED)
		return false;
	for (at = 0; at < WORK_SIZE; at += 61 * SZ_4K)
		done &= try_get(map + at, &val);
	munmap(map, WORK_SIZE);

	return done;
}

static bool work_read_write(struct run *run, unsigned int round)
{
	const uint64_t at = WORK_START + round % 997 * SZ_4K;
	char buf[2 * SZ_4K] = "";

	return mem_write(&run->user->vfio, buf, sizeof(buf), at) ==
	       sizeof(buf) &&
	       mem_read(&run->user->vfio, buf, sizeof(buf), at) == sizeof(buf);
}

static bool work_set(struct run *run, unsigned int round)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;

	(void)round;
	return !test_lock(run->user) &&
	       !vfio_hdm_get(run->user->vfio.device, &decoder) &&
	       decoder.base == test_base(run->user);
}

struct thread {
	struct run *run;
	bool (*work)(struct run *run, unsigned int round);
};

static void *thread_main(void *arg)
{
	struct thread *thread = arg;
	struct run *run = thread->run;
	unsigned int round = 0;

	while (!__atomic_load_n(&run->stop, __ATOMIC_RELAXED))
		if (!thread->work(run, round++))
			__atomic_add_fetch(&run->errors, 1, __ATOMIC_RELAXED);

	return NULL;
}

static void start(struct run *run,
		  bool (*work)(struct run *run, unsigned int round))
{
	static struct thread thread;

	thread = (struct thread) { run, work };
	for (; run->nr_threads < THREADS; run->nr_threads++)
		need(!pthread_create(&run->threads[run->nr_threads], NULL,
				     thread_main, &thread), "no thread");
	usleep(20000);
}

static void stop(struct run *run)
{
	__atomic_store_n(&run->stop, 1, __ATOMIC_RELAXED);
	while (run->nr_threads)
		pthread_join(run->threads[--run->nr_threads], NULL);
}

/* The states */

static void enter_unlocked(struct run *run)
{
	(void)run;
}

static void enter_locked(struct run *run)
{
	need(!test_lock(run->user), "SET");
}

static void enter_mapped(struct run *run)
{
	enter_locked(run);
	run->map = test_map(run->user);
	need(run->map != MAP_FAILED, "mmap()");
	write_marks(run->user, run->map, SALT);
}

static void enter_faulting(struct run *run)
{
	enter_mapped(run);
	start(run, work_fault);
}

static void enter_reading(struct run *run)
{
	enter_mapped(run);
	start(run, work_read_write);
}

static void enter_setting(struct run *run)
{
	enter_locked(run);
	start(run, work_set);
}

static int export(struct run *run, uint32_t region)
{
	union {
		struct vfio_device_feature_dma_buf buf;
		char room[sizeof(struct vfio_device_feature_dma_buf) +
			  sizeof(struct vfio_region_dma_range)];
	} arg = {
		.buf = {
			.region_index = region,
			.open_flags = O_RDWR | O_CLOEXEC,
			.nr_ranges = 1,
		},
	};

	arg.buf.dma_ranges[0].length = page_size();
	return vfio_feature(run->user->vfio.device,
			    VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_DMA_BUF, &arg, sizeof(arg));
}

/* Fails for the memory and the component registers, not for other BARs */
static void enter_dma_buf(struct run *run)
{
	uint32_t bar;

	enter_mapped(run);
	need(export(run, run->user->vfio.mem.index) < 0,
	     "a dma-buf of the memory");
	need(export(run, run->user->host.bar) < 0,
	     "a dma-buf of the component registers");
	for (bar = 0; run->fd < 0 && bar < PCI_STD_NUM_BARS; bar++)
		if (bar != run->user->host.bar)
			run->fd = export(run, bar);
	need(run->fd >= 0, "no dma-buf of any BAR");
}

static void enter_d3(struct run *run)
{
	const struct vfio_cxl_fd *vfio = &run->user->vfio;
	const uint32_t at = guest_find_cap(vfio, PCI_CAP_ID_PM);

	enter_mapped(run);
	need(at, "a device with power management is needed");
	/* D3hot, which the guest cannot enter */
	guest_config_write(vfio, at + PCI_PM_CTRL, 2, 3);
}

/*
 * An error, until the user is notified and the host's recovery is over.  The
 * kernel notifies the user while it holds the device lock, without which a
 * reset fails with EAGAIN, and one through config space does nothing.
 */
static void meet_error(const struct run *run, const char *error)
{
	struct pollfd event = { .events = POLLIN };
	int kmsg = kmsg_open();

	need(kmsg >= 0, "no kernel log");
	event.fd = vfio_irq_eventfd(run->user->vfio.device,
				    VFIO_PCI_ERR_IRQ_INDEX);
	need(event.fd >= 0, "no eventfd for errors");
	need(!rig_inject(run->user->host.index, error), "no error");
	need(poll(&event, 1, 1000 * CASE_TIMEOUT_S / 4) == 1,
	     "no error event");
	need(aer_wait(kmsg) == 1, "no recovery");
	close(event.fd);
	close(kmsg);
}

/* An error of the device itself, after which its user has not reset it */
static void enter_error(struct run *run)
{
	enter_mapped(run);
	meet_error(run, "COMP_ABORT");
}

/* The decoder could not be restored after a reset */
static void enter_lost(struct run *run)
{
	const unsigned int index = run->user->host.index;

	enter_mapped(run);
	need(!rig_commit_fails(index, true), "commits that fail");
	need(!reset_by_ioctl(run->user, NULL), "the reset that loses it");
	need(!rig_commit_fails(index, false), "commits that work");
}

/* From the next reset on the memory is late */
static void enter_late(struct run *run)
{
	enter_mapped(run);
	need(!rig_memory_delay(run->user->host.index, LATE_MS), "the delay");
}

static const struct state {
	const char *name;
	void (*enter)(struct run *run);
	enum vfio_interface interface;
	bool locked;
} states[] = {
	{ "unlocked", enter_unlocked, VFIO_CDEV_INTERFACE, false },
	{ "locked", enter_locked, VFIO_CDEV_INTERFACE, true },
	{ "mapped", enter_mapped, VFIO_GROUP_INTERFACE, true },
	{ "faulting", enter_faulting, VFIO_CDEV_INTERFACE, true },
	{ "read+write", enter_reading, VFIO_GROUP_INTERFACE, true },
	{ "SET", enter_setting, VFIO_CDEV_INTERFACE, true },
	{ "dma-buf", enter_dma_buf, VFIO_CDEV_INTERFACE, true },
	{ "D3", enter_d3, VFIO_CDEV_INTERFACE, true },
	{ "error", enter_error, VFIO_CDEV_INTERFACE, true },
	{ "lost", enter_lost, VFIO_GROUP_INTERFACE, true },
	{ "late", enter_late, VFIO_CDEV_INTERFACE, true },
};

/* The ways to reset */

static int reset_ioctl(struct run *run, const char *method)
{
	return reset_paths[PATH_IOCTL].reset(run->user, method);
}

static int reset_hot(struct run *run, const char *method)
{
	return reset_paths[PATH_HOT].reset(run->user, method);
}

static int reset_flr(struct run *run, const char *method)
{
	return reset_paths[PATH_FLR].reset(run->user, method);
}

static int reset_sysfs(struct run *run, const char *method)
{
	return reset_paths[PATH_SYSFS].reset(run->user, method);
}

/* The root port resets the devices below it */
static int reset_parent(struct run *run, const char *method)
{
	char path[128];

	(void)method;
	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/../reset_subordinate",
		 run->user->host.bdf);
	return sysfs_write(path, "1");
}

/* A fatal error: the host resets the device, then the user does */
static int reset_aer(struct run *run, const char *method)
{
	int ret;

	(void)method;
	meet_error(run, "MALF_TLP");
	while ((ret = reset_by_ioctl(run->user, NULL)) == -EAGAIN)
		usleep(1000);
	/* Until then the memory was inaccessible, which the threads counted */
	stop(run);
	run->errors = 0;

	return ret;
}

/* The last close and another open: a new user, who finds nothing */
static int reset_open(struct run *run, const char *method)
{
	(void)method;
	stop(run);
	if (run->map)
		munmap(run->map, run->user->vfio.mem.size);
	run->map = NULL;
	if (run->fd >= 0)
		close(run->fd);
	vfio_close(&run->user->vfio);

	return test_vfio_open(run->user, run->interface);
}

static const struct reset {
	const char *name;
	int (*reset)(struct run *run, const char *method);
	const char *method;	/* in sysfs, which the device must have */
	bool new_user;
} resets[] = {
	{ .name = "open", .reset = reset_open, .new_user = true },
	{ .name = "ioctl", .reset = reset_ioctl },
	{ .name = "hot reset", .reset = reset_hot },
	{ .name = "config FLR", .reset = reset_flr, .method = "flr" },
	{ .name = "sysfs flr", .reset = reset_sysfs, .method = "flr" },
	{ .name = "sysfs pm", .reset = reset_sysfs, .method = "pm" },
	{ .name = "sysfs bus", .reset = reset_sysfs, .method = "bus" },
	{ .name = "sysfs cxl_bus", .reset = reset_sysfs, .method = "cxl_bus" },
	{ .name = "AER", .reset = reset_aer },
	{ .name = "parent's bus", .reset = reset_parent },
};

static void check_decoder(const struct run *run, bool locked)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	const char *differs = test_differs(run->user);

	need(!differs, differs);
	need(!vfio_hdm_get(run->user->vfio.device, &decoder), "GET");
	need(decoder.base == (locked ? test_base(run->user) : 0), "the base");
	need(!(decoder.flags & VFIO_CXL_HDM_DECODER_LOCKED) == !locked,
	     "the lock");
	need(decoder.flags & VFIO_CXL_HDM_DECODER_USABLE,
	     "the memory is not usable");
}

struct test_case {
	struct test_device *user;
	const struct state *state;
	const struct reset *reset;
};

static void run_case(const void *arg)
{
	const struct test_case *test = arg;
	const struct state *state = test->state;
	const struct reset *reset = test->reset;
	struct test_device *user = test->user;
	struct run run = {
		.user = user,
		.interface = state->interface,
		.state = state,
		.fd = -1,
	};
	uint64_t val;
	long faults;

	/* A case that failed early may have left these set */
	need(!rig_memory_delay(user->host.index, 0) &&
	     !rig_commit_fails(user->host.index, false), "the rig's device");
	need(!test_vfio_open(user, run.interface), "open");
	state->enter(&run);

	need(!reset->reset(&run, reset->method), "the reset failed");

	stop(&run);
	need(!run.errors, "a thread had an error");
	/* As soon as it is active */
	need(mem_read(&user->vfio, &val, sizeof(val), MARK) == sizeof(val),
	     "read()");
	check_decoder(&run, state->locked && !reset->new_user);
	if (run.map) {
		/* The mapping was removed, and faults in again */
		faults = minor_faults();
		need(get(run.map + MARK) == word(MARK, SALT), "the memory");
		need(minor_faults() > faults, "a stale mapping");
		need(!wrong_marks(user, run.map, SALT), "the memory's marks");
	}
	need(!use_memory(user, SALT + 1), "the memory does not work");
	if (!state->locked || reset->new_user)
		need(!test_lock(user), "SET");
	vfio_close(&user->vfio);
}

static bool has(const struct test_device *user, const struct reset *reset)
{
	return !reset->method ||
	       sysfs_has_reset(user->host.bdf, reset->method);
}

static void run_row(struct test_device *user, const struct reset *reset,
		    bool *passed)
{
	struct test_case test = { .user = user, .reset = reset };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		if (!vfio_has(states[i].interface)) {
			ksft_test_result_skip("%s, %s: " NO_IOMMUFD "\n",
					      reset->name, states[i].name);
			continue;
		}
		test.state = &states[i];
		passed[i] = run_apart(user->kmsg, run_case, &test,
				      CASE_TIMEOUT_S);
		ksft_test_result(passed[i], "%s, %s\n", reset->name,
				 states[i].name);
	}
}

static void print_row(const struct reset *reset, const bool *passed)
{
	unsigned int i;

	printf("# %-14s", reset->name);
	for (i = 0; i < ARRAY_SIZE(states); i++)
		printf(" %-10s", !vfio_has(states[i].interface) ? "skip" :
		       passed[i] ? "pass" : "FAIL");
	printf("\n");
}

int main(void)
{
	bool passed[ARRAY_SIZE(resets)][ARRAY_SIZE(states)];
	unsigned int i, rows = 0;
	static struct test_device user;

	ksft_print_header();
	if (test_begin(&user, host_with_flr()))
		ksft_exit_fail_msg("no device that can be bound to " DRIVER
				   "\n");

	for (i = 0; i < ARRAY_SIZE(resets); i++)
		rows += has(&user, &resets[i]);
	ksft_set_plan(rows * ARRAY_SIZE(states));
	for (i = 0; i < ARRAY_SIZE(resets); i++)
		if (has(&user, &resets[i]))
			run_row(&user, &resets[i], passed[i]);

	printf("# %-14s", "");
	for (i = 0; i < ARRAY_SIZE(states); i++)
		printf(" %-10s", states[i].name);
	printf("\n");
	for (i = 0; i < ARRAY_SIZE(resets); i++)
		if (has(&user, &resets[i]))
			print_row(&resets[i], passed[i]);
		else
			printf("# %-14s the device does not support it\n",
			       resets[i].name);
	host_close(&user.host);
	ksft_finished();
}
