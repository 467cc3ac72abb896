// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tenants: a user cannot read what the previous one left in the memory
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "harness.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/qmp.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define PATTERN		0x5ec2e75ec2e75ec2ULL
#define PARAMETER	"/sys/module/vfio_cxl_pci/parameters/scrub"
#define READ_SIZE	SZ_2M

FIXTURE(scrub) {
	struct test_device test;
	const struct host_device *host;
	struct vfio_cxl_fd *vfio;
};

/* A word in each megabyte, and the last */

#define PLANT_STEP	0x100000

/* The memory, accessed as the host could before the driver was bound */
static uint64_t *map_as_host(const struct host_device *host)
{
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	void *map;

	if (fd < 0)
		return NULL;
	map = mmap(NULL, host->size, RW, MAP_SHARED, fd, host->base);
	close(fd);

	return map == MAP_FAILED ? NULL : map;
}

/* If /dev/mem excludes what a driver has claimed: the file of the device */
static int plant_in_file(const struct host_device *host)
{
	const uint64_t val = PATTERN, last = host->size - 8;
	int fd = open(host->file, O_WRONLY | O_CLOEXEC), ret = 0;
	uint64_t at;

	if (fd < 0)
		return -errno;
	for (at = 0; at < host->size; at += PLANT_STEP)
		if (pwrite(fd, &val, 8, at) != 8)
			ret = -EIO;
	if (pwrite(fd, &val, 8, last) != 8)
		ret = -EIO;
	close(fd);

	return ret;
}

static bool can_plant(const struct host_device *host)
{
	uint64_t *map = map_as_host(host);

	if (map)
		munmap(map, host->size);

	return map || host->file[0];
}

static int plant(const struct host_device *host)
{
	uint64_t *map = map_as_host(host), at;

	if (!map)
		return plant_in_file(host);
	for (at = 0; at < host->size; at += PLANT_STEP)
		map[at / 8] = PATTERN;
	map[host->size / 8 - 1] = PATTERN;
	munmap(map, host->size);

	return 0;
}

static int open_scrubbed(struct test_device *test)
{
	return test_vfio_open(test, vfio_usable(VFIO_CDEV_INTERFACE));
}

FIXTURE_SETUP(scrub)
{
	if (rig_can_fail(0))
		ASSERT_EQ(0, rig_commit_fails(0, false));
	ASSERT_EQ(0, test_begin(&self->test, 0));
	if (!can_plant(&self->test.host))
		SKIP(return, "neither /dev/mem nor a file has the memory");
	self->host = &self->test.host;
	self->vfio = &self->test.vfio;
}

FIXTURE_TEARDOWN(scrub)
{
	if (rig_can_fail(0))
		EXPECT_EQ(0, rig_commit_fails(0, false));
	EXPECT_FINE(test_close(&self->test));
}

static uint64_t nonzero(const uint64_t *words, uint64_t count)
{
	uint64_t i, found = 0;

	for (i = 0; i < count; i++)
		found += !!words[i];

	return found;
}

/* How many words the next user finds, or -errno: every byte, both ways */
static int64_t find(struct test_device *test)
{
	const uint64_t size = test->host.size;
	uint64_t at, found = 0;
	void *map, *buf;
	int64_t ret;

	ret = open_scrubbed(test);
	if (ret)
		return ret;
	buf = malloc(READ_SIZE);
	for (at = 0; at < size; at += READ_SIZE) {
		if (pread(test->vfio.device, buf, READ_SIZE,
			  test->vfio.mem.offset + at) != READ_SIZE)
			ret = -errno ?: -EIO;
		found += nonzero(buf, READ_SIZE / 8);
	}
	free(buf);
	map = guest_map(&test->vfio, 0, size, PROT_READ, pmd_size(), 0);
	if (map == MAP_FAILED) {
		ret = -errno;
	} else {
		found += nonzero(map, size / 8);
		munmap(map, size);
	}
	vfio_close(&test->vfio);

	return ret ?: (int64_t)found;
}

/* What a user does.  A device may write to its memory for any of it. */

static int by_nothing(struct test_device *test)
{
	(void)test;
	return 0;
}

static int by_mapping(struct test_device *test)
{
	const size_t page = page_size();
	void *map = guest_map(&test->vfio, 0, page, RW, page, 0);

	/* Not accessed: that it could be is enough */
	return map == MAP_FAILED ? -errno : munmap(map, page);
}

static int by_read_only_mapping(struct test_device *test)
{
	const size_t page = page_size();
	void *map = guest_map(&test->vfio, 0, page, PROT_READ, page, 0);

	/* mprotect() may make it writable */
	return map == MAP_FAILED ? -errno : munmap(map, page);
}

static int by_write(struct test_device *test)
{
	const uint64_t val = PATTERN;

	return pwrite(test->vfio.device, &val, 8,
		      test->vfio.mem.offset + SZ_2M) == 8 ? 0 : -errno;
}

static int by_dma(struct test_device *test)
{
	const uint32_t cmd = guest_config(&test->vfio, PCI_COMMAND, 2);

	return guest_config_write(&test->vfio, PCI_COMMAND, 2,
				  cmd | PCI_COMMAND_MASTER);
}

/* The device's registers: the driver does not know that one is read-only */
static int by_bar(struct test_device *test)
{
	struct vfio_region_info *info;
	const uint32_t val = 0;
	int ret = -ENODEV;
	unsigned int bar;

	for (bar = 0; ret == -ENODEV && bar < PCI_STD_NUM_BARS; bar++) {
		info = vfio_region(test->vfio.device, bar);
		if (info && info->size && bar != test->host.bar)
			ret = pwrite(test->vfio.device, &val, 4,
				     info->offset) == 4 ? 0 : -errno;
		free(info);
	}

	return ret;
}

static int by_read(struct test_device *test)
{
	uint64_t val;

	return pread(test->vfio.device, &val, 8, test->vfio.mem.offset) == 8 ?
	       0 : -errno;
}

static int by_virtual_registers(struct test_device *test)
{
	int ret = vfio_hdm_set(test->vfio.device, GUEST_BASE, GUEST_WINDOW);

	return ret ?: guest_write32(&test->vfio, test->host.hdm + HDM_CTRL, 0);
}

/* A user opens the device, leaves data, and closes it: clearing has begun */
static int leave(struct test_device *test)
{
	int ret = open_scrubbed(test) ?: plant(&test->host);

	if (!ret)
		ret = by_write(test);
	vfio_close(&test->vfio);

	return ret;
}

static const struct {
	const char *name;
	int (*use)(struct test_device *test);
} uses[] = {
	{ "nothing", by_nothing },
	{ "a mapping", by_mapping },
	{ "a read-only mapping", by_read_only_mapping },
	{ "write()", by_write },
	{ "bus mastering", by_dma },
	{ "a write to a BAR", by_bar },
	{ "read()", by_read },
	{ "virtual registers", by_virtual_registers },
};

TEST_F(scrub, after_any_user)
{
	int64_t found;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(uses); i++) {
		ASSERT_EQ(0, open_scrubbed(&self->test));
		/* Not before that: whoever opens the device finds it cleared */
		ASSERT_EQ(0, plant(self->host));
		EXPECT_EQ(0, uses[i].use(&self->test)) {
			TH_LOG("%s", uses[i].name);
		}
		vfio_close(self->vfio);
		found = find(&self->test);
		EXPECT_EQ(0, found) {
			TH_LOG("%s: %lld words", uses[i].name,
			       (long long)found);
		}
	}
}

/* A user fills the memory, locks the decoder, masks errors, and is killed */
static void tenant(struct test_device *test)
{
	uint64_t i, *map;

	if (open_scrubbed(test) ||
	    vfio_hdm_set(test->vfio.device, GUEST_BASE, GUEST_WINDOW))
		_exit(1);
	map = (uint64_t *)test_map(test);
	if (map == MAP_FAILED)
		_exit(2);
	for (i = 0; i < test->host.size / 8; i++)
		map[i] = PATTERN + i;
	kill(getpid(), SIGKILL);
}

TEST_F_TIMEOUT(scrub, killed_tenant, time_limit(300))
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	uint64_t val;
	pid_t pid;
	int status;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		tenant(&self->test);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(SIGKILL, WTERMSIG(status));

	EXPECT_EQ(0, find(&self->test));
	if (self->host->file[0]) {
		EXPECT_EQ(0, host_file_word(self->host, self->host->size - 8,
					    &val));
		EXPECT_EQ(0, val);
	}

	ASSERT_EQ(0, open_scrubbed(&self->test));
	ASSERT_EQ(0, vfio_hdm_get(self->vfio->device, &decoder));
	EXPECT_EQ(0, decoder.base);
	EXPECT_FALSE(decoder.flags & VFIO_CXL_HDM_DECODER_LOCKED);
	EXPECT_EQ(0, guest_read32(self->vfio, self->host->hdm + HDM_CTRL) &
		     (HDM_LOCK | HDM_COMMIT | HDM_COMMITTED));
}

TEST_F(scrub, before_first_open_after_bind)
{
	ASSERT_EQ(0, sysfs_unbind(self->host->bdf));
	ASSERT_EQ(0, plant(self->host));
	ASSERT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
	EXPECT_EQ(0, find(&self->test));
}

/* A register that a reset clears and nothing restores: of another decoder */
#define LEFT_BEHIND	(HDM_BASE_LOW + HDM_STRIDE)

static uint32_t left_behind(const struct host_device *host)
{
	return host_hdm(host, LEFT_BEHIND);
}

/*
 * The first open of a large memory region would take long.  Engines that the
 * previous owner started may still write to the memory, so a reset comes first.
 */
TEST_F(scrub, begins_at_bind)
{
	double end;
	uint64_t val;

	if (!self->host->file[0])
		SKIP(return, "the memory cannot be accessed in another way");
	ASSERT_EQ(0, sysfs_unbind(self->host->bdf));
	ASSERT_EQ(0, plant(self->host));
	host_hdm_write(self->host, LEFT_BEHIND, 0x10000000);
	ASSERT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
	end = seconds() + time_limit(20);
	do {
		sleep_ms(100);
		ASSERT_EQ(0, host_file_word(self->host, self->host->size - 8,
					    &val));
	} while (val && seconds() < end);
	EXPECT_EQ(0, val);
	EXPECT_EQ(0, left_behind(self->host));
}

/* Memory that cannot be cleared is not given to any user */
TEST_F(scrub, dead_memory)
{
	if (!rig_can_fail(0))
		SKIP(return, "needs a device of the rig");

	ASSERT_EQ(0, open_scrubbed(&self->test));
	ASSERT_EQ(0, plant(self->host));
	ASSERT_EQ(0, rig_commit_fails(0, true));
	vfio_close(self->vfio);
	EXPECT_EQ(-EIO, open_scrubbed(&self->test));
	EXPECT_EQ(-EIO, open_scrubbed(&self->test));

	ASSERT_EQ(0, rig_commit_fails(0, false));
	EXPECT_EQ(0, find(&self->test));
}

TEST_F(scrub, reset_meanwhile)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, leave(&self->test));
		EXPECT_EQ(0, sysfs_reset(self->host->bdf, NULL));
		EXPECT_EQ(0, find(&self->test));
	}
}

/* A manual function level reset, of which no driver is notified */
static int reset_unnoticed(const struct host_device *host)
{
	const uint32_t cap = host_find_cap(host, PCI_CAP_ID_EXP);

	if (!cap)
		return -ENOTTY;
	host_config_write(host, cap + PCI_EXP_DEVCTL, 2,
			  PCI_EXP_DEVCTL_BCR_FLR);

	return 0;
}

/* Writes while the memory is not decoded clear nothing */
TEST_F_TIMEOUT(scrub, decoder_goes_meanwhile, time_limit(120))
{
	const unsigned int index = host_with_flr();
	struct test_device other, *test = &self->test;
	unsigned int i;

	if (index) {
		test = &other;
		ASSERT_EQ(0, test_begin(test, index));
	}
	if (!sysfs_has_reset(test->host.bdf, "flr"))
		SKIP(return, "no device with a reset of its own");
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, leave(test));
		sleep_ms(30 * i);
		ASSERT_EQ(0, reset_unnoticed(&test->host));
		EXPECT_EQ(0, find(test));
	}
	if (index)
		EXPECT_FINE(test_close(test));
}

TEST_F(scrub, unbind_meanwhile)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, leave(&self->test));
		ASSERT_EQ(0, sysfs_unbind(self->host->bdf));
		ASSERT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
		EXPECT_EQ(0, find(&self->test));
	}
}

/* Another process waits for the memory; returns its ID */
static pid_t open_elsewhere(struct test_device *test)
{
	pid_t pid = fork();

	if (!pid)
		_exit(-open_scrubbed(test));
	return pid;
}

/* A waiting open can be killed; clearing continues */
TEST_F(scrub, killed_while_waiting)
{
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, leave(&self->test));
		pid = open_elsewhere(&self->test);
		ASSERT_LE(0, pid);
		sleep_ms(40 * i);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, find(&self->test));
	}
}

/* An open that waits during unbind fails, unless the memory was clean before */
TEST_F(scrub, unbind_while_waiting)
{
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, leave(&self->test));
		pid = open_elsewhere(&self->test);
		ASSERT_LE(0, pid);
		sleep_ms(40 * i);
		ASSERT_EQ(0, sysfs_unbind(self->host->bdf));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFEXITED(status));
		/* EAGAIN is vfio_pci_core's: unbind had the device's lock */
		EXPECT_TRUE(WEXITSTATUS(status) == 0 ||
			    WEXITSTATUS(status) == EAGAIN ||
			    WEXITSTATUS(status) == ENODEV ||
			    WEXITSTATUS(status) == ENOENT) {
			TH_LOG("%s", strerror(WEXITSTATUS(status)));
		}
		ASSERT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
		EXPECT_EQ(0, find(&self->test));
	}
}

/* An unbind that waits for the user holds the lock that the close needs */
TEST_F(scrub, unbind_resets)
{
	pid_t pid;
	int status;

	ASSERT_EQ(0, open_scrubbed(&self->test));
	host_hdm_write(self->host, LEFT_BEHIND, 0x10000000);
	if (!left_behind(self->host))
		SKIP(return, "the device has one decoder");
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* Its copies of the descriptors, which are not the last ones */
		vfio_close(self->vfio);
		_exit(-sysfs_unbind(self->host->bdf));
	}
	sleep_ms(300);
	vfio_close(self->vfio);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, left_behind(self->host));
	EXPECT_FINE(test_differs(&self->test));
	ASSERT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
}

TEST_F(scrub, parameter)
{
	char val[2] = "";
	int fd, kmsg;

	fd = open(PARAMETER, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, read(fd, val, 1));
	EXPECT_STREQ("Y", val);
	close(fd);

	kmsg = kmsg_open();
	ASSERT_EQ(0, test_reload("scrub=off"));
	ASSERT_EQ(0, plant(self->host));
	EXPECT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
	EXPECT_EQ(1, kmsg_contains(kmsg, "scrub=off"));
	EXPECT_LT(0, find(&self->test));
	fd = open(PARAMETER, O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(1, read(fd, val, 1));
	EXPECT_STREQ("N", val);
	close(fd);
	close(kmsg);

	ASSERT_EQ(0, test_reload(""));
	ASSERT_EQ(0, sysfs_bind(self->host->bdf, DRIVER));
	EXPECT_EQ(0, find(&self->test));
}

TEST_HARNESS_MAIN
