// SPDX-License-Identifier: GPL-2.0-only
/*
 * Component registers as a guest sees them in their BAR, and the other BARs
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "harness.h"
#include "lib/device.h"
#include "lib/host.h"
#include "lib/page.h"
#include "lib/vfio.h"

#define HDM_LEN		0x30	/* with one decoder */
#define RAS_LEN		0x58

/* Device registers in BAR 2 (CXL r3.1 8.2.8): capability array, mailbox */
#define DEVICE_BAR	2
#define DEVICE_CAPS	0x10
#define DEVICE_CAP_LEN	0x10
#define MAILBOX_ID	2
#define MAILBOX_PAYLOAD	0x20

static const uint32_t patterns[] = {
	0, ~0U, 0x55555555, 0xaaaaaaaa, 0x12345678, HDM_COMMIT,
	HDM_COMMIT | HDM_LOCK, HDM_COMMITTED,
};

FIXTURE(regs) {
	struct test_device test;
	const struct host_device *host;
	const struct vfio_cxl_fd *vfio;
	uint8_t image[2][COMPONENT_SIZE];
};

INTERFACE_VARIANTS(regs);

/* An address that is mostly zeroes may match other numbers */
static bool is_telling(const struct host_device *host)
{
	return (uint32_t)host->base && (uint32_t)(host->base + host->size);
}

/* The first device whose address is distinctive, or else the first */
static unsigned int telling_device(void)
{
	struct host_device host;
	unsigned int i;
	bool telling;

	for (i = 0; i < host_count(); i++) {
		if (host_open(&host, i))
			continue;
		telling = is_telling(&host);
		host_close(&host);
		if (telling)
			return i;
	}

	return 0;
}

FIXTURE_SETUP(regs)
{
	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	ASSERT_EQ(0, test_open(&self->test, telling_device(),
			       variant->interface));
	self->host = &self->test.host;
	self->vfio = &self->test.vfio;
}

FIXTURE_TEARDOWN(regs)
{
	EXPECT_FINE(test_close(&self->test));
}

static ssize_t regs_read(const struct vfio_cxl_fd *vfio, void *buf, size_t len,
			 uint64_t offset)
{
	return pread(vfio->device, buf, len, vfio->regs + offset);
}

static ssize_t regs_write(const struct vfio_cxl_fd *vfio, const void *buf,
			  size_t len, uint64_t offset)
{
	return pwrite(vfio->device, buf, len, vfio->regs + offset);
}

static bool is_ones(const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len && *p == 0xff)
		p++, len--;

	return !len;
}

/* The HDM structure that a guest must see, dword by dword */
static void expected_hdm(const struct test_device *test, bool locked,
			 uint32_t *hdm)
{
	const struct host_device *host = &test->host;
	const uint32_t ctrl = host_hdm(host, HDM_CTRL);
	const uint64_t base = locked ? test_base(test) : 0;

	memset(hdm, 0, HDM_LEN);
	/* Interleave granularities and poison on decode error: the host's */
	hdm[HDM_CAP / 4] = host_hdm(host, HDM_CAP) & 0x700;
	hdm[HDM_GLOBAL / 4] = locked ? HDM_GLOBAL_ENABLE : 0;
	hdm[HDM_BASE_LOW / 4] = base;
	hdm[HDM_BASE_HIGH / 4] = base >> 32;
	hdm[HDM_SIZE_LOW / 4] = host->size;
	hdm[HDM_SIZE_HIGH / 4] = host->size >> 32;
	hdm[HDM_CTRL / 4] = ctrl & (0xf | HDM_HOST_ONLY);
	if (locked)
		hdm[HDM_CTRL / 4] |= HDM_LOCK | HDM_COMMIT | HDM_COMMITTED;
}

static void expect_hdm(struct __test_metadata *_metadata,
		       const struct test_device *test, bool locked)
{
	const struct host_device *host = &test->host;
	const struct vfio_cxl_fd *vfio = &test->vfio;
	uint32_t want[HDM_LEN / 4], dword, twice[2];
	uint64_t qword;
	unsigned int i;

	expected_hdm(test, locked, want);
	for (i = 0; i < HDM_LEN / 4; i++) {
		dword = guest_read32(vfio, host->hdm + 4 * i);
		EXPECT_EQ(want[i], dword)
			TH_LOG("4 bytes at %#x", 4 * i);
	}
	for (i = 0; i + 1 < HDM_LEN / 4; i++) {
		qword = guest_read64(vfio, host->hdm + 4 * i);
		memcpy(twice, &qword, sizeof(twice));
		EXPECT_EQ(want[i], twice[0])
			TH_LOG("8 bytes at %#x, low", 4 * i);
		EXPECT_EQ(want[i + 1], twice[1])
			TH_LOG("8 bytes at %#x, high", 4 * i);
	}
}

TEST_F(regs, decoder_before_set)
{
	expect_hdm(_metadata, &self->test, false);
}

TEST_F(regs, decoder_after_set)
{
	ASSERT_EQ(0, test_lock(&self->test));
	expect_hdm(_metadata, &self->test, true);
}

TEST_F(regs, one_and_two_byte_reads_are_all_ones)
{
	const uint32_t blocks[] = { 0, CM_OFFSET, self->host->hdm };
	unsigned int block, at, width;
	uint32_t val;

	ASSERT_EQ(0, test_lock(&self->test));
	for (block = 0; block < ARRAY_SIZE(blocks); block++) {
		for (at = 0; at < HDM_LEN; at++) {
			for (width = 1; width <= 2; width++) {
				if (at % width)
					continue;
				val = 0;
				EXPECT_EQ(width, regs_read(self->vfio, &val,
							   width,
							   blocks[block] + at));
				EXPECT_TRUE(is_ones(&val, width))
					TH_LOG("%u bytes at %#x", width,
					       blocks[block] + at);
			}
		}
	}
}

TEST_F(regs, misaligned_reads_are_all_ones)
{
	const unsigned int widths[] = { 2, 3, 4 };
	unsigned int at, i;
	uint64_t val;

	ASSERT_EQ(0, test_lock(&self->test));
	for (at = 0; at < HDM_LEN; at++) {
		for (i = 0; i < ARRAY_SIZE(widths) && at % 4; i++) {
			val = 0;
			EXPECT_EQ(widths[i], regs_read(self->vfio, &val,
						       widths[i],
						       self->host->hdm + at));
			EXPECT_TRUE(is_ones(&val, widths[i]))
				TH_LOG("%u bytes at %#x", widths[i], at);
		}
	}
}

TEST_F(regs, small_and_misaligned_writes_are_dropped)
{
	const uint64_t at = self->host->hdm + HDM_BASE_HIGH;
	const uint32_t mark = 0x01020304;
	const uint64_t ones = ~0ULL;
	unsigned int skew, width;
	uint32_t neighbours[2];

	/* Not locked yet, so the base can be written */
	ASSERT_EQ(0, guest_write32(self->vfio, at, mark));
	ASSERT_EQ(mark, guest_read32(self->vfio, at));
	neighbours[0] = guest_read32(self->vfio, at - 4);
	neighbours[1] = guest_read32(self->vfio, at + 4);

	for (skew = 0; skew < 4; skew++) {
		for (width = 1; width <= 4; width++) {
			if (!skew && width == 4)
				continue;
			EXPECT_EQ(width, regs_write(self->vfio, &ones, width,
						    at + skew));
			EXPECT_EQ(mark, guest_read32(self->vfio, at))
				TH_LOG("%u bytes at +%u", width, skew);
		}
	}
	EXPECT_EQ(neighbours[0], guest_read32(self->vfio, at - 4));
	EXPECT_EQ(neighbours[1], guest_read32(self->vfio, at + 4));
	EXPECT_FINE(test_differs(&self->test));
}

/* What a read of @len bytes from @at must return, from reads of dwords */
static void expected_read(const uint8_t *dwords, uint32_t at, size_t len,
			  uint8_t *to)
{
	unsigned int width;

	for (; len; at += width, to += width, len -= width) {
		for (width = 8; width > len || at % width; width /= 2)
			;
		if (width >= 4)
			memcpy(to, dwords + at, width);
		else
			memset(to, 0xff, width);
	}
}

TEST_F(regs, long_reads_agree_with_dwords)
{
	uint8_t *const dwords = self->image[0], *const bytes = self->image[1];
	uint8_t want[600];
	unsigned int round;
	uint32_t at, len;

	ASSERT_EQ(0, test_lock(&self->test));
	for (at = 0; at < COMPONENT_SIZE; at += 4)
		ASSERT_EQ(4, regs_read(self->vfio, dwords + at, 4, at));
	ASSERT_EQ(COMPONENT_SIZE, regs_read(self->vfio, bytes, COMPONENT_SIZE,
					    0));
	EXPECT_EQ(0, memcmp(dwords, bytes, COMPONENT_SIZE));

	srandom(1);
	for (round = 0; round < 1000; round++) {
		len = 1 + random() % sizeof(want);
		at = CM_OFFSET + random() % 0x400;
		expected_read(dwords, at, len, want);
		ASSERT_EQ(len, regs_read(self->vfio, bytes, len, at));
		ASSERT_EQ(0, memcmp(want, bytes, len))
			TH_LOG("%u bytes at %#x", len, at);
	}
}

TEST_F(regs, read_and_write_end_with_the_bar)
{
	const uint64_t end = self->vfio->bar.size - self->host->bar_offset;
	uint8_t buf[64];

	memset(buf, 0, sizeof(buf));
	EXPECT_EQ(32, regs_read(self->vfio, buf, 64, end - 32));
	EXPECT_EQ(32, regs_write(self->vfio, buf, 64, end - 32));
	EXPECT_EQ(-1, regs_read(self->vfio, buf, 4, end));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, regs_write(self->vfio, buf, 4, end));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(regs, capability_array_lists_hdm_and_ras)
{
	const uint32_t host = host_read32(self->host, CM_OFFSET);
	const uint32_t header = guest_read32(self->vfio, CM_OFFSET);
	const uint32_t first = guest_read32(self->vfio, CM_OFFSET + 4);
	const uint32_t second = guest_read32(self->vfio, CM_OFFSET + 8);

	/* CXL_Capability_ID 1, versions, Array_Size */
	EXPECT_EQ(1, header & 0xffff);
	EXPECT_EQ(host & 0xffffff, header & 0xffffff);
	EXPECT_LT(2, host >> 24);
	EXPECT_EQ(self->host->ras ? 2 : 1, header >> 24);

	EXPECT_EQ(5, first & 0xffff);
	EXPECT_EQ(self->host->hdm, CM_OFFSET + (first >> 20));
	EXPECT_EQ(self->host->ras ? 2 : 0, second & 0xffff);
	EXPECT_EQ(self->host->ras ? self->host->ras : CM_OFFSET,
		  CM_OFFSET + (second >> 20));
	EXPECT_EQ(0, guest_read32(self->vfio, CM_OFFSET + 12));
}

static bool inside(uint32_t at, uint32_t start, uint32_t len)
{
	return start && at >= start && at < start + len;
}

TEST_F(regs, the_rest_reads_zero)
{
	const struct host_device *host = self->host;
	uint32_t at;

	ASSERT_EQ(0, test_lock(&self->test));
	ASSERT_EQ(COMPONENT_SIZE, regs_read(self->vfio, self->image[0],
					    COMPONENT_SIZE, 0));
	for (at = 0; at < COMPONENT_SIZE; at++) {
		if (inside(at, CM_OFFSET, 12) ||
		    inside(at, host->hdm, HDM_LEN) ||
		    inside(at, host->ras, RAS_LEN))
			continue;
		ASSERT_EQ(0, self->image[0][at])
			TH_LOG("at %#x", at);
	}
}

TEST_F(regs, guest_commit_is_refused)
{
	const uint64_t hdm = self->host->hdm;
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	uint32_t ctrl;

	/* As a driver of a guest would, in order */
	EXPECT_EQ(0, guest_write32(self->vfio, hdm + HDM_GLOBAL,
				   HDM_GLOBAL_ENABLE));
	EXPECT_EQ(0, guest_write32(self->vfio, hdm + HDM_BASE_LOW,
				   self->host->base));
	EXPECT_EQ(0, guest_write32(self->vfio, hdm + HDM_BASE_HIGH,
				   self->host->base >> 32));
	EXPECT_EQ(0, guest_write32(self->vfio, hdm + HDM_CTRL, HDM_COMMIT));

	ctrl = guest_read32(self->vfio, hdm + HDM_CTRL);
	EXPECT_EQ(HDM_ERROR, ctrl & (HDM_ERROR | HDM_COMMITTED));
	ASSERT_EQ(0, vfio_hdm_get(self->vfio->device, &decoder));
	EXPECT_EQ(0, decoder.base);
	EXPECT_EQ(0, decoder.flags & (VFIO_CXL_HDM_DECODER_COMMITTED |
				      VFIO_CXL_HDM_DECODER_LOCKED));
	EXPECT_FINE(test_differs(&self->test));

	/* When the commit is withdrawn, the error is cleared */
	EXPECT_EQ(0, guest_write32(self->vfio, hdm + HDM_CTRL, 0));
	ctrl = guest_read32(self->vfio, hdm + HDM_CTRL);
	EXPECT_EQ(0, ctrl & (HDM_ERROR | HDM_COMMIT | HDM_COMMITTED));

	/* and the VMM's SET takes effect, whatever the guest has done */
	ASSERT_EQ(0, test_lock(&self->test));
	expect_hdm(_metadata, &self->test, true);
}

/* Every dword of the block, the interesting ones with 4 bytes at a time */
static int write_pattern(const struct vfio_cxl_fd *vfio, uint32_t pattern,
			 uint8_t *buf)
{
	uint32_t at;

	for (at = 0; at < COMPONENT_SIZE; at += 4)
		memcpy(buf + at, &pattern, 4);
	if (regs_write(vfio, buf, COMPONENT_SIZE, 0) != COMPONENT_SIZE)
		return -EIO;
	for (at = CM_OFFSET; at < CM_OFFSET + 0x1000; at += 4)
		if (guest_write32(vfio, at, pattern))
			return -EIO;

	return 0;
}

TEST_F(regs, no_write_before_set_reaches_hardware)
{
	const char *wrong;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		ASSERT_EQ(0, write_pattern(self->vfio, patterns[i],
					   self->image[0]));
		wrong = test_differs(&self->test);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("%#x: %s", patterns[i], wrong);
	}
	ASSERT_EQ(0, test_lock(&self->test));
	expect_hdm(_metadata, &self->test, true);
}

TEST_F(regs, no_write_after_set_changes_anything)
{
	const uint32_t writable[] = {
		RAS_UNCOR_MASK, RAS_UNCOR_SEVERITY, RAS_COR_MASK,
	};
	const char *wrong;
	unsigned int i, j;
	uint32_t at;

	ASSERT_EQ(0, test_lock(&self->test));
	ASSERT_EQ(COMPONENT_SIZE, regs_read(self->vfio, self->image[0],
					    COMPONENT_SIZE, 0));
	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		ASSERT_EQ(0, write_pattern(self->vfio, patterns[i],
					   self->image[1]));
		wrong = test_differs(&self->test);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("%#x: %s", patterns[i], wrong);

		ASSERT_EQ(COMPONENT_SIZE,
			  regs_read(self->vfio, self->image[1],
				    COMPONENT_SIZE, 0));
		for (j = 0; j < ARRAY_SIZE(writable) && self->host->ras; j++) {
			at = self->host->ras + writable[j];
			memcpy(self->image[1] + at, self->image[0] + at, 4);
		}
		ASSERT_EQ(0, memcmp(self->image[0], self->image[1],
				    COMPONENT_SIZE))
			TH_LOG("%#x", patterns[i]);
	}
}

TEST_F(regs, ras_masks_are_the_guests)
{
	const struct {
		uint32_t reg;
		uint32_t mask;	/* writable bits */
	} rows[] = {
		{ RAS_UNCOR_STATUS, 0 },
		{ RAS_UNCOR_MASK, 0x1cfff },
		{ RAS_UNCOR_SEVERITY, 0x1cfff },
		{ RAS_COR_STATUS, 0 },
		{ RAS_COR_MASK, 0x7f },
		{ 0x18, 0 },		/* Header Log */
		{ 0x54, 0 },
	};
	const uint64_t ras = self->host->ras;
	unsigned int i;

	if (!ras)
		SKIP(return, "the device has no RAS capability");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT_EQ(0, guest_write32(self->vfio, ras + rows[i].reg, ~0U));
		EXPECT_EQ(rows[i].mask, guest_read32(self->vfio,
						     ras + rows[i].reg))
			TH_LOG("at %#x", rows[i].reg);
		EXPECT_EQ(0, guest_write32(self->vfio, ras + rows[i].reg, 0));
		EXPECT_EQ(0, guest_read32(self->vfio, ras + rows[i].reg))
			TH_LOG("at %#x", rows[i].reg);
	}
	EXPECT_FINE(test_differs(&self->test));
}

/*
 * The host's address
 */

/* Where @len bytes hold @val, or its low half if aligned; or -1 */
static long find_value(const uint8_t *buf, size_t len, uint64_t val)
{
	const uint64_t le = htole64(val), be = htobe64(val);
	const uint32_t low = htole32(val);
	size_t at;

	for (at = 0; at + 8 <= len; at++)
		if (!memcmp(buf + at, &le, 8) || !memcmp(buf + at, &be, 8))
			return at;
	for (at = 0; (uint32_t)val && at + 4 <= len; at += 4)
		if (!memcmp(buf + at, &low, 4))
			return at;

	return -1;
}

/* The memory's first and last byte, as addresses and as page frames */
static long find_hpa(const struct host_device *host, const void *buf,
		     size_t len)
{
	const uint64_t last = host->base + host->size - 1;
	const uint64_t page = page_size();
	const uint64_t vals[] = {
		host->base, last, last + 1, host->base / page, last / page,
	};
	unsigned int i;
	long at = -1;

	for (i = 0; i < ARRAY_SIZE(vals) && at < 0; i++)
		at = find_value(buf, len, vals[i]);

	return at;
}

static void expect_no_hpa(struct __test_metadata *_metadata,
			  const struct test_device *test, uint8_t *image)
{
	const struct host_device *host = &test->host;
	const struct vfio_cxl_fd *vfio = &test->vfio;
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	struct vfio_region_info *region;
	uint32_t i;

	if (!is_telling(host))
		SKIP(return, "no device has a distinctive address");
	ASSERT_EQ(COMPONENT_SIZE, regs_read(vfio, image, COMPONENT_SIZE, 0));
	EXPECT_EQ(-1, find_hpa(host, image, COMPONENT_SIZE));

	ASSERT_EQ(PCI_CFG_SPACE_EXP_SIZE,
		  pread(vfio->device, image, PCI_CFG_SPACE_EXP_SIZE,
			vfio->config.offset));
	/* The host's BAR addresses are not the memory's, but may look so */
	memset(image + PCI_BASE_ADDRESS_0, 0, 24);
	EXPECT_EQ(-1, find_hpa(host, image, PCI_CFG_SPACE_EXP_SIZE));

	ASSERT_EQ(0, vfio_hdm_get(vfio->device, &decoder));
	EXPECT_EQ(-1, find_hpa(host, &decoder, sizeof(decoder)));
	ASSERT_EQ(0, ioctl(vfio->device, VFIO_DEVICE_GET_INFO, &info));
	for (i = 0; i < info.num_regions; i++) {
		region = vfio_region(vfio->device, i);
		if (!region)
			continue;
		EXPECT_EQ(-1, find_hpa(host, region, region->argsz))
			TH_LOG("region %u", i);
		free(region);
	}
}

TEST_F(regs, host_address_is_in_no_byte_before_set)
{
	/* Check the check: the host does see it */
	EXPECT_LE(0, find_hpa(self->host, self->test.before.regs,
			      COMPONENT_SIZE));
	EXPECT_LE(0, find_hpa(self->host, self->test.before.config +
			      self->host->dvsec, self->host->dvsec_len));
	expect_no_hpa(_metadata, &self->test, self->image[0]);
}

TEST_F(regs, host_address_is_in_no_byte_after_set)
{
	ASSERT_EQ(0, test_lock(&self->test));
	expect_no_hpa(_metadata, &self->test, self->image[0]);
}

TEST_F(regs, host_address_is_in_no_byte_after_reset)
{
	ASSERT_EQ(0, ioctl(self->vfio->device, VFIO_DEVICE_RESET));
	expect_no_hpa(_metadata, &self->test, self->image[0]);
	ASSERT_EQ(0, test_lock(&self->test));
	ASSERT_EQ(0, ioctl(self->vfio->device, VFIO_DEVICE_RESET));
	expect_no_hpa(_metadata, &self->test, self->image[0]);
	expect_hdm(_metadata, &self->test, true);
}

/*
 * Mappings and the other BARs
 */

TEST_F(regs, sparse_mmap_leaves_out_the_block)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_region_info *info;
	uint64_t mappable = 0;
	unsigned int i;

	info = vfio_region(self->vfio->device, self->host->bar);
	ASSERT_NE(NULL, info);
	EXPECT_TRUE(info->flags & VFIO_REGION_INFO_FLAG_READ);
	EXPECT_TRUE(info->flags & VFIO_REGION_INFO_FLAG_WRITE);
	sparse = (const void *)vfio_cap(info,
					VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	ASSERT_NE(NULL, sparse);
	for (i = 0; i < sparse->nr_areas; i++) {
		const struct vfio_region_sparse_mmap_area *area;

		area = &sparse->areas[i];
		mappable += area->size;
		EXPECT_EQ(0, area->offset % page_size());
		EXPECT_EQ(0, area->size % page_size());
		EXPECT_TRUE(area->offset + area->size <=
			    self->host->bar_offset ||
			    area->offset >=
			    self->host->bar_offset + COMPONENT_SIZE);
	}
	EXPECT_EQ(info->size - COMPONENT_SIZE, mappable);
	EXPECT_EQ(mappable ? VFIO_REGION_INFO_FLAG_MMAP : 0,
		  info->flags & VFIO_REGION_INFO_FLAG_MMAP);
	free(info);
}

static bool can_map(const struct vfio_cxl_fd *vfio, uint64_t offset,
		    size_t len, int prot, int flags)
{
	void *map = mmap(NULL, len, prot, flags, vfio->device, offset);

	if (map == MAP_FAILED)
		return false;
	munmap(map, len);

	return true;
}

TEST_F(regs, component_registers_cannot_be_mapped)
{
	const uint64_t page = page_size();
	const uint64_t regs = self->vfio->regs;
	uint64_t at;

	EXPECT_FALSE(can_map(self->vfio, regs, COMPONENT_SIZE, RW,
			     MAP_SHARED));
	EXPECT_FALSE(can_map(self->vfio, regs, COMPONENT_SIZE, PROT_READ,
			     MAP_SHARED));
	EXPECT_FALSE(can_map(self->vfio, regs, COMPONENT_SIZE, PROT_READ,
			     MAP_PRIVATE));
	EXPECT_FALSE(can_map(self->vfio, regs, COMPONENT_SIZE + page, RW,
			     MAP_SHARED));
	for (at = 0; at < COMPONENT_SIZE; at += page) {
		EXPECT_FALSE(can_map(self->vfio, regs + at, page, RW,
				     MAP_SHARED))
			TH_LOG("at %#llx", (unsigned long long)at);
		EXPECT_FALSE(can_map(self->vfio, regs + at, 1, PROT_READ,
				     MAP_SHARED))
			TH_LOG("at %#llx", (unsigned long long)at);
	}
	EXPECT_FALSE(can_map(self->vfio, regs + COMPONENT_SIZE - page,
			     2 * page, RW, MAP_SHARED));
}

/* A BAR, mapped through the host's sysfs */
static volatile uint8_t *host_map_bar(const struct host_device *host,
				      unsigned int bar, size_t len)
{
	char path[PATH_MAX];
	void *map;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%u",
		 host->bdf, bar);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	map = mmap(NULL, len, RW, MAP_SHARED, fd, 0);
	close(fd);

	return map == MAP_FAILED ? NULL : map;
}

static uint64_t bar_read64(volatile uint8_t *bar, uint64_t at)
{
	return *(volatile uint64_t *)(bar + at);
}

/* The mailbox's payload in the device registers, or 0 */
static uint32_t find_payload(volatile uint8_t *bar)
{
	unsigned int i, n = bar_read64(bar, 0) >> 32 & 0xffff;

	for (i = 0; i < n; i++) {
		const uint64_t entry = bar_read64(bar, DEVICE_CAPS +
						  i * DEVICE_CAP_LEN);

		if ((entry & 0xffff) == MAILBOX_ID)
			return (entry >> 32) + MAILBOX_PAYLOAD;
	}

	return 0;
}

TEST_F(regs, another_bar_is_the_devices)
{
	const uint64_t marks[] = { 0x1122334455667788, 0x99aabbccddeeff00 };
	volatile uint8_t *bar, *map;
	struct vfio_region_info *info;
	uint32_t payload, at;
	uint64_t val;

	info = vfio_region(self->vfio->device, DEVICE_BAR);
	ASSERT_NE(NULL, info);
	if (info->size < page_size())
		SKIP(return, "the BAR is smaller than a page");
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		  VFIO_REGION_INFO_FLAG_MMAP, info->flags);
	bar = host_map_bar(self->host, DEVICE_BAR, info->size);
	ASSERT_NE(NULL, bar);
	map = mmap(NULL, info->size, RW, MAP_SHARED,
		   self->vfio->device, info->offset);
	ASSERT_NE(MAP_FAILED, map);

	payload = find_payload(bar);
	ASSERT_NE(0, payload);
	for (at = 0; at < payload; at += 8) {
		ASSERT_EQ(8, pread(self->vfio->device, &val, 8,
				   info->offset + at));
		EXPECT_EQ(bar_read64(bar, at), val)
			TH_LOG("at %#x", at);
		EXPECT_EQ(bar_read64(bar, at), bar_read64(map, at))
			TH_LOG("at %#x", at);
	}

	ASSERT_EQ(8, pwrite(self->vfio->device, &marks[0], 8,
			    info->offset + payload));
	EXPECT_EQ(marks[0], bar_read64(bar, payload));
	*(volatile uint64_t *)(map + payload) = marks[1];
	EXPECT_EQ(marks[1], bar_read64(bar, payload));
	munmap((void *)map, info->size);
	free(info);
}

TEST_F(regs, other_regions_are_as_with_vfio_pci)
{
	struct vfio_region_info *infos[2][VFIO_PCI_NUM_REGIONS];
	const char *const drivers[] = { "vfio-pci", DRIVER };
	struct vfio_device_info device[2] = { };
	unsigned int i, region;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, test_reopen(&self->test, drivers[i]));
		device[i].argsz = sizeof(device[i]);
		ASSERT_EQ(0, ioctl(self->vfio->device, VFIO_DEVICE_GET_INFO,
				   &device[i]));
		for (region = 0; region < VFIO_PCI_NUM_REGIONS; region++)
			infos[i][region] = vfio_region(self->vfio->device,
						       region);
	}

	EXPECT_EQ(device[0].flags, device[1].flags);
	EXPECT_EQ(device[0].num_irqs, device[1].num_irqs);
	EXPECT_EQ(device[0].num_regions + 1, device[1].num_regions);
	for (region = 0; region < VFIO_PCI_NUM_REGIONS; region++) {
		const struct vfio_region_info *stock = infos[0][region];
		const struct vfio_region_info *ours = infos[1][region];

		EXPECT_EQ(!stock, !ours);
		if (!stock || !ours)
			continue;
		if (region == self->host->bar) {
			EXPECT_EQ(stock->size, ours->size);
			EXPECT_EQ(stock->offset, ours->offset);
			continue;
		}
		EXPECT_EQ(stock->argsz, ours->argsz);
		EXPECT_EQ(0, memcmp(stock, ours, ours->argsz))
			TH_LOG("region %u", region);
	}
}

TEST_HARNESS_MAIN
