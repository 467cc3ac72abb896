// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory as a dma-buf: another device of the user reads and writes it by
 * DMA, through iommufd, while the user has the device open
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/pci_regs.h>

#include "harness.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/edu.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

/* The IDs of edu */
#define EDU_VENDOR	"0x1234"
#define EDU_DEVICE	"0x11e8"

/* An address that the device can have, and a part of the memory */
#define IOVA		0x1000000ULL
#define OFFSET		SZ_2M
#define LENGTH		(4 * 0x10000ULL)
#define AWAY		0x10000ULL
#define COUNT		4096U

/* The contents where writes must not arrive */
#define KEPT		0x4b657074ULL

static int find_edu(struct host_device *edu)
{
	char vendor[16], device[16];
	struct dirent *entry;
	int ret = -ENODEV;
	DIR *dir;

	memset(edu, 0, sizeof(*edu));
	dir = opendir(PCI_DEVICES);
	if (!dir)
		return -errno;
	while (ret && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    sysfs_device_read(entry->d_name, "vendor", vendor,
				      sizeof(vendor)) ||
		    sysfs_device_read(entry->d_name, "device", device,
				      sizeof(device)) ||
		    strcmp(vendor, EDU_VENDOR) || strcmp(device, EDU_DEVICE))
			continue;
		snprintf(edu->bdf, sizeof(edu->bdf), "%.15s", entry->d_name);
		ret = 0;
	}
	closedir(dir);

	return ret;
}

FIXTURE(dmabuf) {
	struct test_device test;
	struct host_device edu_host;
	struct vfio_cxl_fd edu;
	char *map;
};

FIXTURE_SETUP(dmabuf)
{
	struct vfio_cxl_fd *edu = &self->edu;

	if (!vfio_has(VFIO_CDEV_INTERFACE))
		SKIP(return, NO_IOMMUFD);
	if (find_edu(&self->edu_host))
		SKIP(return, "needs QEMU's device edu");
	ASSERT_EQ(0, test_open(&self->test, 0, VFIO_CDEV_INTERFACE));
	self->map = test_map(&self->test);
	ASSERT_NE(MAP_FAILED, self->map);

	ASSERT_EQ(0, sysfs_bind(self->edu_host.bdf, "vfio-pci"));
	ASSERT_EQ(0, vfio_open(edu, &self->edu_host, VFIO_CDEV_INTERFACE));
	ASSERT_EQ(0, guest_config_write(edu, PCI_COMMAND, 2,
					guest_config(edu, PCI_COMMAND, 2) |
					PCI_COMMAND_MEMORY |
					PCI_COMMAND_MASTER));
}

FIXTURE_TEARDOWN(dmabuf)
{
	vfio_close(&self->edu);
	sysfs_unbind(self->edu_host.bdf);
	munmap(self->map, self->test.vfio.mem.size);
	EXPECT_FINE(test_close(&self->test));
}

/* A file descriptor, or -errno */
static int export(const struct test_device *test, uint32_t bar, uint64_t offset,
		  uint64_t length, unsigned int ranges)
{
	struct {
		struct vfio_device_feature_dma_buf get;
		struct vfio_region_dma_range ranges[2];
	} arg = {
		.get.region_index = bar,
		.get.open_flags = O_RDWR | O_CLOEXEC,
		.get.nr_ranges = ranges,
		.ranges = {
			{ VFIO_CXL_MEM_DMA_BUF_OFFSET + offset, length },
			{ VFIO_CXL_MEM_DMA_BUF_OFFSET + offset, length },
		},
	};

	return vfio_feature(test->vfio.device, VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_DMA_BUF, &arg, sizeof(arg));
}

/* In the address space of the other device: 0 or -errno */
static int map_at(const struct vfio_cxl_fd *edu, int dmabuf)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = edu->ioas,
		.fd = dmabuf,
		.length = LENGTH,
		.iova = IOVA,
	};

	return ioctl(edu->container, IOMMU_IOAS_MAP_FILE, &map) ? -errno : 0;
}

static int unmap(const struct vfio_cxl_fd *edu)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = edu->ioas,
		.iova = IOVA,
		.length = LENGTH,
	};

	return ioctl(edu->container, IOMMU_IOAS_UNMAP, &unmap) ? -errno : 0;
}

/* Export and map: 0 or -errno */
static int share(const struct test_device *test, const struct vfio_cxl_fd *edu)
{
	int fd = export(test, test->host.bar, OFFSET, LENGTH, 1);
	int ret;

	if (fd < 0)
		return fd;
	ret = map_at(edu, fd);
	close(fd);

	return ret;
}

/* Tell the device to copy, which takes less than a tenth of a second */
static int copy(const struct vfio_cxl_fd *edu, uint64_t from, uint64_t to,
		uint64_t command)
{
	const uint64_t at = edu->bar.offset, count = COUNT;
	const double end = seconds() + time_limit(10);
	uint64_t val = command | EDU_START;

	if (pwrite(edu->device, &from, 8, at + EDU_SOURCE) != 8 ||
	    pwrite(edu->device, &to, 8, at + EDU_TARGET) != 8 ||
	    pwrite(edu->device, &count, 8, at + EDU_COUNT) != 8 ||
	    pwrite(edu->device, &val, 8, at + EDU_COMMAND) != 8)
		return -errno;
	do {
		sleep_ms(10);
		if (pread(edu->device, &val, 8, at + EDU_COMMAND) != 8)
			return -errno;
	} while (val & EDU_START && seconds() < end);

	return val & EDU_START ? -ETIMEDOUT : 0;
}

/* From the memory's first bytes into the buffer, and then elsewhere */
static int pass(const struct vfio_cxl_fd *edu, uint64_t to)
{
	int ret = copy(edu, IOVA, EDU_BUFFER, 0);

	return ret ?: copy(edu, EDU_BUFFER, IOVA + to, EDU_FROM_BUFFER);
}

static void fill(char *map, uint64_t salt)
{
	uint64_t i;

	for (i = 0; i < COUNT; i += 8)
		put(map + OFFSET + i, word(i, salt));
}

/* Words that are not what fill() wrote */
static unsigned int wrong(char *map, uint64_t at, uint64_t salt)
{
	unsigned int found = 0;
	uint64_t i;

	for (i = 0; i < COUNT; i += 8)
		found += get(map + OFFSET + at + i) != word(i, salt);

	return found;
}

/* The device reads and writes the memory, to @at */
static void expect_reach(struct __test_metadata *_metadata, char *map,
			 const struct vfio_cxl_fd *edu, uint64_t at,
			 uint64_t salt)
{
	fill(map, salt);
	EXPECT_EQ(0, pass(edu, at));
	EXPECT_EQ(0, wrong(map, at, salt));
	EXPECT_EQ(0, wrong(map, 0, salt));
}

static void set(char *map, uint64_t at, uint64_t val)
{
	uint64_t i;

	for (i = 0; i < COUNT; i += 8)
		put(map + OFFSET + at + i, val);
}

static bool all_are(char *map, uint64_t at, uint64_t count, uint64_t val)
{
	uint64_t i;

	for (i = 0; i < count; i += 8)
		if (get(map + OFFSET + at + i) != val)
			return false;

	return true;
}

/* The device does neither: nothing changes at @at */
static void expect_no_reach(struct __test_metadata *_metadata, char *map,
			    const struct vfio_cxl_fd *edu, uint64_t at)
{
	set(map, at, KEPT);
	EXPECT_EQ(0, pass(edu, at));
	EXPECT_TRUE(all_are(map, at, COUNT, KEPT));
}

/*
 * Whether the IOMMU reports that the device may not write there.  The kernel
 * limits the rate of these reports.
 */
static bool faults(int kmsg, const struct host_device *host,
		   const struct vfio_cxl_fd *edu)
{
	const double end = seconds() + time_limit(20);
	char lines[0x10000], address[32], *line, *rest;

	snprintf(address, sizeof(address), "%#llx ", IOVA);
	do {
		if (copy(edu, EDU_BUFFER, IOVA, EDU_FROM_BUFFER))
			return false;
		kmsg_read(kmsg, lines, sizeof(lines));
		for (rest = lines; (line = strsep(&rest, "\n"));)
			if (strstr(line, host->bdf) && strstr(line, address))
				return true;
	} while (seconds() < end);

	return false;
}

TEST_F(dmabuf, another_device_reaches_the_memory)
{
	ASSERT_EQ(0, share(&self->test, &self->edu));
	expect_reach(_metadata, self->map, &self->edu, AWAY, 1);
	expect_reach(_metadata, self->map, &self->edu, LENGTH - COUNT, 2);
	EXPECT_EQ(0, unmap(&self->edu));
	expect_no_reach(_metadata, self->map, &self->edu, AWAY);
}

TEST_F(dmabuf, ends_with_a_reset)
{
	ASSERT_EQ(0, share(&self->test, &self->edu));
	expect_reach(_metadata, self->map, &self->edu, AWAY, 3);
	ASSERT_EQ(0, reset_by_ioctl(&self->test, NULL));
	expect_no_reach(_metadata, self->map, &self->edu, AWAY);

	EXPECT_EQ(0, unmap(&self->edu));
	ASSERT_EQ(0, share(&self->test, &self->edu));
	expect_reach(_metadata, self->map, &self->edu, AWAY, 4);
}

/* A guest does so when it starts, to size its BARs */
TEST_F(dmabuf, ends_with_memory_decode)
{
	struct vfio_cxl_fd *vfio = &self->test.vfio;
	const uint32_t command = guest_config(vfio, PCI_COMMAND, 2);

	ASSERT_EQ(0, share(&self->test, &self->edu));
	expect_reach(_metadata, self->map, &self->edu, AWAY, 5);
	ASSERT_EQ(0, guest_config_write(vfio, PCI_COMMAND, 2,
					command & ~PCI_COMMAND_MEMORY));
	expect_no_reach(_metadata, self->map, &self->edu, AWAY);
	ASSERT_EQ(0, guest_config_write(vfio, PCI_COMMAND, 2,
					command | PCI_COMMAND_MEMORY));

	EXPECT_EQ(0, unmap(&self->edu));
	ASSERT_EQ(0, share(&self->test, &self->edu));
	expect_reach(_metadata, self->map, &self->edu, AWAY, 6);
}

/* A mapping of the previous user does not reach the next user's memory */
TEST_F(dmabuf, ends_with_the_close)
{
	struct test_device *test = &self->test;

	ASSERT_EQ(0, share(test, &self->edu));
	expect_reach(_metadata, self->map, &self->edu, AWAY, 7);
	munmap(self->map, test->vfio.mem.size);
	vfio_close(&test->vfio);
	EXPECT_TRUE(faults(test->kmsg, &self->edu_host, &self->edu));

	ASSERT_EQ(0, test_vfio_open(test, VFIO_CDEV_INTERFACE));
	self->map = test_map(test);
	ASSERT_NE(MAP_FAILED, self->map);
	EXPECT_EQ(0, copy(&self->edu, EDU_BUFFER, IOVA, EDU_FROM_BUFFER));
	EXPECT_TRUE(all_are(self->map, 0, LENGTH, 0));
	expect_no_reach(_metadata, self->map, &self->edu, AWAY);
}

/* DMA reads nothing that the previous user's CPU or device wrote */
TEST_F(dmabuf, clean_for_the_next_user)
{
	const uint64_t last = LENGTH - COUNT;
	struct test_device *test = &self->test;
	uint64_t at;

	ASSERT_EQ(0, share(test, &self->edu));
	expect_reach(_metadata, self->map, &self->edu, AWAY, 8);
	munmap(self->map, test->vfio.mem.size);
	EXPECT_EQ(0, unmap(&self->edu));
	vfio_close(&test->vfio);

	ASSERT_EQ(0, test_vfio_open(test, VFIO_CDEV_INTERFACE));
	ASSERT_EQ(0, share(test, &self->edu));
	self->map = test_map(test);
	ASSERT_NE(MAP_FAILED, self->map);
	for (at = 0; at <= AWAY; at += AWAY) {
		set(self->map, last, KEPT);
		EXPECT_EQ(0, copy(&self->edu, IOVA + at, EDU_BUFFER, 0));
		EXPECT_EQ(0, copy(&self->edu, EDU_BUFFER, IOVA + last,
				  EDU_FROM_BUFFER));
		EXPECT_TRUE(all_are(self->map, last, COUNT, 0));
	}
}

/* A descriptor that was kept cannot be mapped */
TEST_F(dmabuf, descriptor_after_the_close)
{
	struct test_device *test = &self->test;
	int fd = export(test, test->host.bar, OFFSET, LENGTH, 1);

	ASSERT_LE(0, fd);
	munmap(self->map, test->vfio.mem.size);
	vfio_close(&test->vfio);
	EXPECT_EQ(-ENODEV, map_at(&self->edu, fd));
	ASSERT_EQ(0, test_vfio_open(test, VFIO_CDEV_INTERFACE));
	self->map = test_map(test);
	ASSERT_NE(MAP_FAILED, self->map);
	EXPECT_EQ(-ENODEV, map_at(&self->edu, fd));
	close(fd);
}

TEST_F(dmabuf, ranges)
{
	const uint64_t size = self->test.host.size, page = page_size();
	const uint32_t bar = self->test.host.bar;
	const struct {
		const char *name;
		uint32_t bar;
		uint64_t offset, length;
		unsigned int ranges;
		int ret;		/* 0 for a file descriptor */
	} rows[] = {
		{ "all of it", bar, 0, size, 1, 0 },
		{ "its last page", bar, size - page, page, 1, 0 },
		{ "by another BAR", 2, 0, size, 1, 0 },
		{ "a page too many", bar, 0, size + page, 1, -EINVAL },
		{ "beyond its end", bar, size, page, 1, -EINVAL },
		{ "two ranges", bar, 0, page, 2, -EINVAL },
		{ "nothing", bar, 0, 0, 1, -EINVAL },
		{ "half a page", bar, 0, page / 2, 1, -EINVAL },
		{ "half a page further", bar, page / 2, page, 1, -EINVAL },
		{ "an end that wraps", bar, page, -page, 1, -EINVAL },
		{ "an end past all addresses", bar, 0, 1ULL << 62, 1,
		  -EINVAL },
		{ "a BAR that does not exist", 5, 0, page, 1, -ENODEV },
		{ "its region", self->test.vfio.mem.index, 0, page, 1,
		  -ENODEV },
	};
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ret = export(&self->test, rows[i].bar, rows[i].offset,
			     rows[i].length, rows[i].ranges);
		if (ret >= 0) {
			close(ret);
			ret = 0;
		}
		EXPECT_EQ(rows[i].ret, ret)
			TH_LOG("%s", rows[i].name);
	}
}

TEST_HARNESS_MAIN
