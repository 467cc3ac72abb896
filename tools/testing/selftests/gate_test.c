// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate of the memory: each reason to shut it, and the effect on accesses
 *
 * The reasons are those of the table in
 * Documentation/driver-api/vfio-cxl-pci.rst that a user can meet.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/page.h"
#include "lib/qmp.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define SALT		41

/* A recovery, including what the kernel logs about it, in milliseconds */
#define RECOVERY_MS	20000

/* A reset by the host, in a thread */
struct host_reset {
	const struct test_device *test;
	pthread_t thread;
	int ret;
};

FIXTURE(gate) {
	struct test_device test;
	struct vfio_cxl_fd *vfio;
	unsigned int index;
	char *map;
	int event;		/* fires for errors */
	struct host_reset reset;
};

INTERFACE_VARIANTS(gate);

FIXTURE_SETUP(gate)
{
	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	self->index = host_with_flr();
	if (rig_can_fail(self->index))
		ASSERT_EQ(0, rig_commit_fails(self->index, false));
	ASSERT_EQ(0, test_open(&self->test, self->index, variant->interface));
	self->vfio = &self->test.vfio;
	ASSERT_EQ(0, test_lock(&self->test));
	self->event = vfio_irq_eventfd(self->vfio->device,
				       VFIO_PCI_ERR_IRQ_INDEX);
	ASSERT_LE(0, self->event);
	self->map = test_map(&self->test);
	ASSERT_NE(MAP_FAILED, self->map);
	write_marks(&self->test, self->map, SALT);
}

FIXTURE_TEARDOWN(gate)
{
	if (rig_can_fail(self->index))
		EXPECT_EQ(0, rig_commit_fails(self->index, false));
	munmap(self->map, self->vfio->mem.size);
	close(self->event);
	EXPECT_FINE(test_close(&self->test));
}

static bool told(int event)
{
	struct pollfd poll_event = { .fd = event, .events = POLLIN };
	uint64_t val;

	return poll(&poll_event, 1, time_limit(RECOVERY_MS)) == 1 &&
	       read(event, &val, 8) == 8;
}

/* An access does not wait, and does not reach the memory */
static void expect_shut(struct __test_metadata *_metadata,
			const struct test_device *test, char *map, bool lost)
{
	const double start = seconds();
	uint64_t val = 0;

	EXPECT_FALSE(vfio_hdm_usable(&test->vfio));
	EXPECT_FALSE(try_get(map, &val));
	EXPECT_FALSE(try_put(map + SZ_2M, 0));
	EXPECT_EQ(-EIO, mem_read(&test->vfio, &val, 8, 0));
	EXPECT_EQ(-EIO, mem_write(&test->vfio, &val, 8, 0));
	EXPECT_EQ(lost ? -EIO : 0, test_lock(test));
	EXPECT_GT(time_limit(2), seconds() - start);
}

static void expect_open(struct __test_metadata *_metadata,
			const struct test_device *test, char *map)
{
	EXPECT_TRUE(vfio_hdm_usable(&test->vfio));
	EXPECT_EQ(0, wrong_marks(test, map, SALT));
	EXPECT_FINE(test_differs(test));
}

/* The reset fails until the host's recovery is over */
static int reset_after_recovery(const struct test_device *test)
{
	const double end = seconds() + time_limit(20);
	int ret;

	while ((ret = reset_by_ioctl(test, NULL)) == -EAGAIN &&
	       seconds() < end)
		sleep_ms(1);

	return ret;
}

/* The reasons that do not clear by themselves, alone and together */

#define ERROR	1	/* the device reports one that is not fatal */
#define FATAL	2	/* one that makes the port above reset it */
#define LOSE	3	/* the decoder is not restored after a reset */

static int shut(const struct test_device *test, int event, int how)
{
	const unsigned int index = test->host.index;

	switch (how) {
	case ERROR:
	case FATAL:
		return rig_inject(index, how == ERROR ? "COMP_ABORT" :
							"MALF_TLP") ?:
		       told(event) ? 0 : -ETIMEDOUT;
	case LOSE:
		return rig_commit_fails(index, true) ?:
		       reset_by_ioctl(test, NULL) ?:
		       rig_commit_fails(index, false) ?:
		       told(event) ? 0 : -ETIMEDOUT;
	default:
		return 0;
	}
}

static const struct {
	const char *name;
	int how[2];
	bool lost;
} shuts[] = {
	{ "error", { ERROR }, false },
	{ "fatal error", { FATAL }, false },
	{ "lost", { LOSE }, true },
	{ "error, then lost", { ERROR, LOSE }, true },
	{ "error twice", { ERROR, ERROR }, false },
	{ "error, then a fatal one", { ERROR, FATAL }, false },
	{ "fatal error, then another", { FATAL, ERROR }, false },
};

TEST_F_TIMEOUT(gate, reasons, time_limit(180))
{
	struct test_device *test = &self->test;
	unsigned int i, j;

	if (!rig_can_fail(self->index))
		SKIP(return, "needs the rig's device");
	for (i = 0; i < ARRAY_SIZE(shuts); i++) {
		TH_LOG("%s", shuts[i].name);
		for (j = 0; j < 2; j++)
			ASSERT_EQ(0, shut(test, self->event,
					  shuts[i].how[j]));
		expect_shut(_metadata, test, self->map, shuts[i].lost);
		/* It does not clear by itself */
		sleep_ms(100);
		expect_shut(_metadata, test, self->map, shuts[i].lost);
		ASSERT_EQ(0, reset_after_recovery(test));
		expect_open(_metadata, test, self->map);
	}
}

/* The next user is not notified of the last user's error */
TEST_F(gate, next_user)
{
	struct test_device *test = &self->test;
	unsigned int i;

	if (!rig_can_fail(self->index))
		SKIP(return, "needs the rig's device");
	for (i = 0; i < 3; i++) {
		TH_LOG("%s", shuts[i].name);
		ASSERT_EQ(0, shut(test, self->event, shuts[i].how[0]));
		munmap(self->map, self->vfio->mem.size);
		close(self->event);
		vfio_close(self->vfio);

		ASSERT_EQ(0, test_vfio_open(test, variant->interface));
		EXPECT_TRUE(vfio_hdm_usable(&test->vfio));
		self->event = vfio_irq_eventfd(self->vfio->device,
					       VFIO_PCI_ERR_IRQ_INDEX);
		ASSERT_LE(0, self->event);
		self->map = test_map(test);
		ASSERT_NE(MAP_FAILED, self->map);
		EXPECT_EQ(0, get(self->map + MARK));
		ASSERT_EQ(0, test_lock(test));
		write_marks(test, self->map, SALT);
		expect_open(_metadata, test, self->map);
	}
}

/* A reset, which ends by itself */

static void *host_resets(void *arg)
{
	struct host_reset *reset = arg;

	reset->ret = sysfs_reset(reset->test->host.bdf, NULL);

	return NULL;
}

/* Return: 0 during a reset */
static int begin_reset(struct host_reset *reset,
		       const struct test_device *test)
{
	const double end = seconds() + time_limit(20);

	reset->test = test;
	if (pthread_create(&reset->thread, NULL, host_resets, reset))
		return -EAGAIN;
	while (vfio_hdm_usable(&test->vfio) && seconds() < end)
		;

	return vfio_hdm_usable(&test->vfio) ? -ETIMEDOUT : 0;
}

static void end_reset(struct __test_metadata *_metadata,
		      const struct host_reset *reset, char *map)
{
	EXPECT_EQ(0, pthread_join(reset->thread, NULL));
	EXPECT_EQ(0, reset->ret);
	expect_open(_metadata, reset->test, map);
}

TEST_F(gate, accesses_wait_for_a_reset)
{
	struct test_device *test = &self->test;
	uint64_t val;

	ASSERT_EQ(0, begin_reset(&self->reset, &self->test));
	EXPECT_EQ(word(MARK, SALT), get(self->map + MARK));
	end_reset(_metadata, &self->reset, self->map);

	ASSERT_EQ(0, begin_reset(&self->reset, &self->test));
	EXPECT_EQ(8, mem_read(self->vfio, &val, 8, MARK));
	EXPECT_EQ(word(MARK, SALT), val);
	end_reset(_metadata, &self->reset, self->map);

	ASSERT_EQ(0, begin_reset(&self->reset, &self->test));
	EXPECT_EQ(0, test_lock(test));
	end_reset(_metadata, &self->reset, self->map);
}

TEST_HARNESS_MAIN
