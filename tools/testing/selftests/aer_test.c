// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors and their recovery: no lock is held between its steps, so a user's
 * reset, an open or a close may occur between them
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

#define PATTERN		0xae25ec2e7ae25ec2ULL
#define READ_SIZE	SZ_2M
/* Limit until a device works again after a recovery */
#define WORKS_AGAIN_S	time_limit(20)

/* An error after which the host resets the bus, and one without a reset */
#define FATAL		"MALF_TLP"
#define NONFATAL	"COMP_ABORT"
#define UNSUPPORTED	"UNSUP"

FIXTURE(aer) {
	struct test_device test;
	struct host_device *host;
	struct vfio_cxl_fd *vfio;
	struct host_bars bars;
	char *map;		/* all the memory, or NULL */
	bool broken;		/* an error that it did not recover from */
};

INTERFACE_VARIANTS(aer);

FIXTURE_SETUP(aer)
{
	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	if (!getenv("RIG_QOM"))
		SKIP(return, "needs the rig's device");
	if (rig_can_fail(0))
		ASSERT_EQ(0, rig_commit_fails(0, false));
	ASSERT_EQ(0, test_begin(&self->test, 0));
	self->host = &self->test.host;
	self->vfio = &self->test.vfio;
	host_bars_read(self->host, &self->bars);
}

/* The host's settings in the AER capability */
static const unsigned int aer_regs[] = {
	PCI_ERR_UNCOR_MASK, PCI_ERR_UNCOR_SEVER, PCI_ERR_COR_MASK,
};

static uint32_t aer_before(const struct test_device *test, unsigned int reg)
{
	return *(const uint32_t *)(test->before.config + aer_cap(&test->host) +
				   reg);
}

/* Restore a device that a failed test left unusable */
static int heal(struct test_device *test, enum vfio_interface interface)
{
	unsigned int i, reg;
	int ret;

	ret = host_rediscover(&test->host);
	if (!ret)
		ret = sysfs_bind(test->host.bdf, DRIVER);
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(aer_regs); i++) {
		reg = aer_regs[i];
		host_config_write(&test->host, aer_cap(&test->host) + reg, 4,
				  aer_before(test, reg));
	}
	/* The host's side is the same after each use */
	ret = test_vfio_open(test, interface);
	vfio_close(&test->vfio);

	return ret;
}

FIXTURE_TEARDOWN(aer)
{
	struct host_bars bars;

	if (rig_can_fail(0))
		EXPECT_EQ(0, rig_commit_fails(0, false));
	if (self->map)
		munmap(self->map, self->vfio->mem.size);
	vfio_close(self->vfio);
	host_bars_read(self->host, &bars);
	if (self->broken || !host_bars_same(&self->bars, &bars))
		EXPECT_EQ(0, heal(&self->test, variant->interface));
	EXPECT_FINE(test_close(&self->test));
}

#define OPEN_MAPPED() do {						\
	char *__map;							\
									\
	ASSERT_EQ(0, test_vfio_open(&self->test, variant->interface));	\
	__map = test_map(&self->test);					\
	ASSERT_NE(MAP_FAILED, (void *)__map);				\
	self->map = __map;						\
} while (0)

/* As soon as the previous user has closed the device */
static int open_again(struct test_device *test, enum vfio_interface interface)
{
	const double end = seconds() + WORKS_AGAIN_S;
	int ret;

	do {
		ret = test_vfio_open(test, interface);
		if (!ret)
			break;
		sleep_ms(20);
	} while (seconds() < end);

	return ret;
}

static int reset_again(const struct test_device *test)
{
	const double end = seconds() + WORKS_AGAIN_S;
	int ret;

	do {
		ret = reset_by_ioctl(test, NULL);
		if (ret != -EAGAIN)
			break;
		sleep_ms(1);
	} while (seconds() < end);

	return ret;
}

#define INJECT(error)	ASSERT_EQ(0, rig_inject(self->host->index, error))

/* Wait for the end of recovery; if it fails, the device has to be restored */
static bool recovers(struct __test_metadata *_metadata, bool *broken, int kmsg)
{
	const int ret = aer_wait(kmsg);

	*broken |= ret != 1;
	EXPECT_EQ(1, ret) {
		TH_LOG("the device did not recover");
	}

	return ret == 1;
}

#define RECOVERS(kmsg)	recovers(_metadata, &self->broken, kmsg)

/* Threads of a user who resets and reads during the recovery */

struct user_thread {
	pthread_t id;
	const struct test_device *test;
	char *map;
	uint64_t rounds, wrong, buses, last;
	int *stop;
};

static void *reset_for_ever(void *arg)
{
	struct user_thread *thread = arg;

	while (!__atomic_load_n(thread->stop, __ATOMIC_RELAXED))
		thread->rounds += !reset_by_ioctl(thread->test, NULL);

	return NULL;
}

static void *read_for_ever(void *arg)
{
	struct user_thread *thread = arg;
	uint64_t val;

	while (!__atomic_load_n(thread->stop, __ATOMIC_RELAXED)) {
		thread->rounds++;
		if (!try_get(thread->map, &val)) {
			thread->buses++;
			sleep_ms(1);
		} else if (val != PATTERN) {
			thread->wrong++;
			thread->last = val;
		}
	}

	return NULL;
}

/* A reset during recovery does not open a gate that an error has shut */
TEST_F(aer, reset_in_recovery)
{
	int stop = 0, kmsg = kmsg_open();
	struct user_thread resetter = { .test = &self->test, .stop = &stop };
	struct user_thread reader = { .test = &self->test, .stop = &stop };
	unsigned int i;
	uint64_t val;

	ASSERT_LE(0, kmsg);
	OPEN_MAPPED();
	reader.map = self->map;
	put(reader.map, PATTERN);
	ASSERT_EQ(0, pthread_create(&resetter.id, NULL, reset_for_ever,
				    &resetter));
	ASSERT_EQ(0, pthread_create(&reader.id, NULL, read_for_ever, &reader));
	for (i = 0; i < 6; i++) {
		/* At a different point of the resets each time */
		sleep_ms(17 * i);
		INJECT(FATAL);
		if (!RECOVERS(kmsg))
			break;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(resetter.id, NULL);
	pthread_join(reader.id, NULL);
	TH_LOG("%lu resets, %lu reads, %lu SIGBUS, %lu wrong (%#lx)",
	       resetter.rounds, reader.rounds, reader.buses, reader.wrong,
	       reader.last);
	EXPECT_EQ(0, reader.wrong);

	EXPECT_EQ(0, reset_again(&self->test));
	EXPECT_TRUE(vfio_hdm_usable(self->vfio));
	EXPECT_TRUE(try_get(reader.map, &val));
	EXPECT_EQ(PATTERN, val);
	EXPECT_FINE(test_differs(&self->test));
	close(kmsg);
}

/* A user who has filled the memory and waits for the end; -1 for none */
static pid_t start_tenant(struct test_device *test,
			  enum vfio_interface interface)
{
	int pipe_fds[2];
	uint64_t at;
	bool ready;
	char *map, c;
	pid_t pid;

	if (pipe(pipe_fds))
		return -1;
	pid = fork();
	if (pid) {
		close(pipe_fds[1]);
		ready = read(pipe_fds[0], &c, 1) == 1;
		close(pipe_fds[0]);
		return ready ? pid : -1;
	}
	if (open_again(test, interface))
		_exit(1);
	map = test_map(test);
	if (map == MAP_FAILED)
		_exit(2);
	for (at = 0; at < test->host.size; at += SZ_4K)
		put(map + at, PATTERN);
	if (write(pipe_fds[1], "", 1) != 1)
		_exit(3);
	for (;;)
		pause();
}

/* Words that are not 0, or -errno */
static int64_t left_behind(const struct test_device *test)
{
	uint64_t *buf = malloc(READ_SIZE), at, i;
	int64_t found = 0;

	if (!buf)
		return -ENOMEM;
	for (at = 0; found >= 0 && at < test->host.size; at += READ_SIZE) {
		if (mem_read(&test->vfio, buf, READ_SIZE, at) != READ_SIZE) {
			found = -EIO;
			break;
		}
		for (i = 0; i < READ_SIZE / 8; i++)
			found += !!buf[i];
	}
	free(buf);

	return found;
}

/* What is cleared while nothing responds at the address is not clean */
TEST_F(aer, killed_in_recovery)
{
	/* Before 0: of the error, after the end of the user */
	static const int delays_ms[] = { -150, -30, 0, 4, 10, 20, 60, 200 };
	int kmsg = kmsg_open();
	int64_t found;
	unsigned int i;
	pid_t pid;

	ASSERT_LE(0, kmsg);
	for (i = 0; i < ARRAY_SIZE(delays_ms); i++) {
		pid = start_tenant(&self->test, variant->interface);
		ASSERT_LT(0, pid);
		if (delays_ms[i] >= 0) {
			INJECT(FATAL);
			sleep_ms(delays_ms[i]);
		}
		EXPECT_EQ(0, kill(pid, SIGKILL));
		if (delays_ms[i] < 0) {
			sleep_ms(-delays_ms[i]);
			INJECT(FATAL);
		}
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		if (!RECOVERS(kmsg))
			break;

		ASSERT_EQ(0, open_again(&self->test, variant->interface));
		found = left_behind(&self->test);
		EXPECT_EQ(0, found) {
			TH_LOG("killed after %d ms: %lld words",
			       delays_ms[i], (long long)found);
		}
		vfio_close(self->vfio);
	}
	close(kmsg);
}

struct opener {
	pthread_t id;
	struct test_device test;
	enum vfio_interface interface;
	unsigned int opened, refused, other;
	int stop, last;
};

static void *open_for_ever(void *arg)
{
	struct opener *opener = arg;
	int ret;

	while (!__atomic_load_n(&opener->stop, __ATOMIC_RELAXED)) {
		ret = test_vfio_open(&opener->test, opener->interface);
		if (!ret) {
			opener->opened++;
			vfio_close(&opener->test.vfio);
		} else if (ret == -EAGAIN || ret == -EIO) {
			opener->refused++;
		} else {
			opener->other++;
			opener->last = ret;
		}
	}

	return NULL;
}

/* A config space that the bus reset has cleared is not saved */
TEST_F(aer, config_survives)
{
	struct opener opener = { .interface = variant->interface };
	int kmsg = kmsg_open();
	const uint32_t aer = aer_cap(self->host);
	struct host_bars bars;
	unsigned int i, j;

	ASSERT_LE(0, kmsg);
	ASSERT_NE(0, aer);
	for (i = 0; i < 8; i++) {
		const bool busy = i % 4;

		opener.stop = 0;
		opener.test = self->test;
		if (busy) {
			ASSERT_EQ(0, pthread_create(&opener.id, NULL,
						    open_for_ever, &opener));
		} else {
			ASSERT_EQ(0, open_again(&self->test,
						variant->interface));
		}
		sleep_ms(13 * i);
		INJECT(FATAL);
		RECOVERS(kmsg);
		__atomic_store_n(&opener.stop, 1, __ATOMIC_RELAXED);
		if (busy)
			pthread_join(opener.id, NULL);
		else
			vfio_close(self->vfio);

		host_bars_read(self->host, &bars);
		ASSERT_TRUE(host_bars_same(&self->bars, &bars)) {
			TH_LOG("injection %u, %s: BAR 0 %#x, was %#x", i,
			       busy ? "opened and closed" : "open", bars.bar[0],
			       self->bars.bar[0]);
		}
		for (j = 0; j < ARRAY_SIZE(aer_regs); j++) {
			EXPECT_EQ(aer_before(&self->test, aer_regs[j]),
				  host_config(self->host, aer + aer_regs[j], 4))
				self->broken = true;
		}
		if (self->broken)
			break;
		EXPECT_EQ(0, open_again(&self->test, variant->interface));
		EXPECT_FINE(test_differs(&self->test));
		vfio_close(self->vfio);
	}
	TH_LOG("%u opened, %u refused, %u other (%d)", opener.opened,
	       opener.refused, opener.other, opener.last);
	EXPECT_LT(0, opener.opened);
	EXPECT_EQ(0, opener.other);
	close(kmsg);
}

/* An error of another device leaves the memory accessible */
TEST_F(aer, not_of_the_memory)
{
	int kmsg = kmsg_open();
	uint64_t val;

	ASSERT_LE(0, kmsg);
	OPEN_MAPPED();
	ASSERT_EQ(0, test_lock(&self->test));
	write_marks(&self->test, self->map, 41);

	/* All devices below the port are notified of any error there */
	ASSERT_EQ(0, rig_inject_port(self->host->index, NONFATAL));
	ASSERT_TRUE(RECOVERS(kmsg));
	EXPECT_TRUE(vfio_hdm_usable(self->vfio));
	EXPECT_TRUE(try_get(self->map, &val));
	EXPECT_EQ(0, wrong_marks(&self->test, self->map, 41));

	/* A stray access by the user, which the device does not support */
	INJECT(UNSUPPORTED);
	ASSERT_TRUE(RECOVERS(kmsg));
	EXPECT_TRUE(vfio_hdm_usable(self->vfio));
	EXPECT_EQ(0, wrong_marks(&self->test, self->map, 41));

	INJECT(NONFATAL);
	ASSERT_TRUE(RECOVERS(kmsg));
	EXPECT_FALSE(vfio_hdm_usable(self->vfio));
	EXPECT_FALSE(try_get(self->map, &val));
	EXPECT_EQ(-EIO, mem_read(self->vfio, &val, 8, 0));
	EXPECT_EQ(-EIO, mem_write(self->vfio, &val, 8, 0));

	/* The port's next error does not change that */
	ASSERT_EQ(0, rig_inject_port(self->host->index, NONFATAL));
	ASSERT_TRUE(RECOVERS(kmsg));
	EXPECT_FALSE(vfio_hdm_usable(self->vfio));
	EXPECT_FALSE(try_get(self->map, &val));

	EXPECT_EQ(0, reset_again(&self->test));
	EXPECT_TRUE(vfio_hdm_usable(self->vfio));
	EXPECT_EQ(0, wrong_marks(&self->test, self->map, 41));

	/* An error from before the reset is not reported again, either */
	ASSERT_EQ(0, rig_inject_port(self->host->index, NONFATAL));
	ASSERT_TRUE(RECOVERS(kmsg));
	EXPECT_TRUE(vfio_hdm_usable(self->vfio));
	close(kmsg);
}

/* While no driver is bound, as platform firmware would do */
static int set_ras_mask(struct test_device *test, uint32_t mask)
{
	int ret = sysfs_unbind(test->host.bdf);

	if (ret)
		return ret;
	host_write32(&test->host, test->host.ras + RAS_UNCOR_MASK, mask);

	return sysfs_bind(test->host.bdf, DRIVER);
}

/* No reset clears the RAS status: it must count for one error only */
TEST_F(aer, ras_status_counts_once)
{
	const uint32_t mask = host_read32(self->host,
					  self->host->ras + RAS_UNCOR_MASK);
	int kmsg = kmsg_open();

	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, set_ras_mask(&self->test, 0));
	ASSERT_EQ(0, test_vfio_open(&self->test, variant->interface));
	ASSERT_EQ(0, rig_inject_ras(self->host->index, "mem-data-parity"));
	ASSERT_EQ(0, rig_inject_port(self->host->index, NONFATAL));
	ASSERT_TRUE(RECOVERS(kmsg));
	EXPECT_FALSE(vfio_hdm_usable(self->vfio));
	/* The rig's device clears it in a reset, others do not */
	EXPECT_EQ(0, host_read32(self->host, self->host->ras +
				 RAS_UNCOR_STATUS));

	EXPECT_EQ(0, reset_again(&self->test));
	EXPECT_TRUE(vfio_hdm_usable(self->vfio));
	ASSERT_EQ(0, rig_inject_port(self->host->index, NONFATAL));
	ASSERT_TRUE(RECOVERS(kmsg));
	EXPECT_TRUE(vfio_hdm_usable(self->vfio));
	vfio_close(self->vfio);
	ASSERT_EQ(0, set_ras_mask(&self->test, mask));
	close(kmsg);
}

/*
 * Firmware's settings that a recovery has cleared are restored, even if the
 * decoder is intact.  The rig's device loses all of them in a reset: clear one
 * manually, before a recovery that resets nothing.
 */
TEST_F(aer, cache_enable_alone)
{
	struct host_device *host = self->host;
	const uint32_t at = host->dvsec + PCI_DVSEC_CXL_CTRL;
	const uint32_t ctrl = host_config(host, at, 2);
	int kmsg = kmsg_open();

	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	host_config_write(host, at, 2, ctrl | CACHE_ENABLE);
	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	ASSERT_EQ(0, test_vfio_open(&self->test, variant->interface));
	EXPECT_EQ(ctrl | CACHE_ENABLE, host_config(host, at, 2));

	host_config_write(host, at, 2, ctrl & ~CACHE_ENABLE);
	ASSERT_EQ(0, rig_inject_port(host->index, NONFATAL));
	ASSERT_TRUE(RECOVERS(kmsg));
	EXPECT_EQ(ctrl | CACHE_ENABLE, host_config(host, at, 2));

	vfio_close(self->vfio);
	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	host_config_write(host, at, 2, ctrl);
	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	close(kmsg);
}

/* One step of a recovery of another port above the device */
static int recovery_step(const struct host_device *host, const char *step)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %s", host->bdf, step);
	return sysfs_write("/sys/module/recovery/parameters/step", text);
}

#define STEP(step)	ASSERT_EQ(0, recovery_step(self->host, step))

/* The first one to end does not open the gate, nor notify the user */
TEST_F(aer, recoveries_overlap)
{
	static const char *const ends[] = { "resume", "failed" };
	struct pollfd event = { .events = POLLIN };
	int kmsg = kmsg_open();
	unsigned int i;
	uint64_t val;

	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, system("modprobe recovery"));
	OPEN_MAPPED();
	put(self->map, PATTERN);
	event.fd = vfio_irq_eventfd(self->vfio->device,
				    VFIO_PCI_ERR_IRQ_INDEX);
	ASSERT_LE(0, event.fd);

	/* Of two errors of the port, one after the other and overlapping */
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		STEP("detected");
		STEP("detected");
		EXPECT_FALSE(vfio_hdm_usable(self->vfio));
		STEP(ends[i]);
		sleep_ms(100);
		EXPECT_FALSE(vfio_hdm_usable(self->vfio));
		STEP("resume");
		EXPECT_TRUE(vfio_hdm_usable(self->vfio));
		EXPECT_TRUE(try_get(self->map, &val));
		EXPECT_EQ(PATTERN, val);
	}
	/* A failed recovery is reported immediately */
	ASSERT_EQ(1, poll(&event, 1, time_limit(2000)));
	EXPECT_EQ(8, read(event.fd, &val, 8));

	/* The machine's recovery, from an error of the device */
	STEP("detected");
	INJECT(NONFATAL);
	ASSERT_TRUE(RECOVERS(kmsg));
	EXPECT_EQ(0, poll(&event, 1, 100));
	STEP("resume");
	ASSERT_EQ(1, poll(&event, 1, time_limit(2000)));
	EXPECT_EQ(8, read(event.fd, &val, 8));
	EXPECT_FALSE(try_get(self->map, &val));

	EXPECT_EQ(0, reset_again(&self->test));
	EXPECT_TRUE(vfio_hdm_usable(self->vfio));
	EXPECT_TRUE(try_get(self->map, &val));
	EXPECT_EQ(PATTERN, val);
	close(event.fd);
	close(kmsg);
	EXPECT_EQ(0, system("modprobe -r recovery"));
}

struct waiter {
	pthread_t id;
	struct test_device *test;
	enum vfio_interface interface;
	int ret;
};

static void *open_once(void *arg)
{
	struct waiter *waiter = arg;

	waiter->ret = test_vfio_open(waiter->test, waiter->interface);
	return NULL;
}

/* A waiting open continues to wait, for another reset and another clearing */
TEST_F(aer, error_while_clearing)
{
	static const int delays_ms[] = { 0, 2, 10, 30 };
	struct waiter waiter = {
		.test = &self->test,
		.interface = variant->interface,
	};
	int kmsg = kmsg_open();
	unsigned int i;
	pid_t pid;

	ASSERT_LE(0, kmsg);
	for (i = 0; i < ARRAY_SIZE(delays_ms); i++) {
		pid = start_tenant(&self->test, variant->interface);
		ASSERT_LT(0, pid);
		EXPECT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		ASSERT_EQ(0, pthread_create(&waiter.id, NULL, open_once,
					    &waiter));
		sleep_ms(delays_ms[i]);
		INJECT(NONFATAL);
		/* A reset at the same moment clears the error */
		EXPECT_NE(0, aer_wait(kmsg));
		pthread_join(waiter.id, NULL);
		ASSERT_EQ(0, waiter.ret);
		/* The error may have occurred after the open */
		EXPECT_EQ(0, reset_again(&self->test));
		EXPECT_TRUE(vfio_hdm_usable(self->vfio));
		EXPECT_EQ(0, left_behind(&self->test));
		vfio_close(self->vfio);
	}
	close(kmsg);
}

/* A user is notified of lost memory, and does not have to poll */
TEST_F(aer, error_eventfd_on_lost)
{
	struct pollfd event = { .events = POLLIN };
	uint64_t val;

	if (!rig_can_fail(self->host->index))
		SKIP(return, "needs a device that can lose its decoder");
	ASSERT_EQ(0, test_vfio_open(&self->test, variant->interface));
	event.fd = vfio_irq_eventfd(self->vfio->device,
				    VFIO_PCI_ERR_IRQ_INDEX);
	ASSERT_LE(0, event.fd);

	/* A reset that works is not an error */
	EXPECT_EQ(0, reset_by_ioctl(&self->test, NULL));
	EXPECT_EQ(0, poll(&event, 1, 100));

	ASSERT_EQ(0, rig_commit_fails(self->host->index, true));
	EXPECT_EQ(0, reset_by_ioctl(&self->test, NULL));
	EXPECT_FALSE(vfio_hdm_usable(self->vfio));
	ASSERT_EQ(1, poll(&event, 1, time_limit(2000)));
	EXPECT_EQ(8, read(event.fd, &val, 8));

	ASSERT_EQ(0, rig_commit_fails(self->host->index, false));
	EXPECT_EQ(0, reset_by_ioctl(&self->test, NULL));
	EXPECT_TRUE(vfio_hdm_usable(self->vfio));
	EXPECT_EQ(0, poll(&event, 1, 100));
	close(event.fd);
}

TEST_HARNESS_MAIN
