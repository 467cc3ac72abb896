// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space as a guest sees it: virtual CXL DVSECs, the rest as with
 * vfio-pci
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bits.h>
#include <linux/const.h>
#include <linux/pci_regs.h>

#include "harness.h"
#include "lib/device.h"
#include "lib/host.h"
#include "lib/page.h"
#include "lib/vfio.h"

#define CONFIG_LEN	PCI_CFG_SPACE_EXP_SIZE

/* PCIe DVSEC for CXL Devices (CXL r3.1 8.1.3), names not in pci_regs.h */
#define DVSEC_BODY	0x0a
#define DVSEC_STATUS	0x0e
#define DVSEC_CTRL2	0x10
#define DVSEC_STATUS2	0x12
#define DVSEC_LOCK	0x14
#define DVSEC_CAP2	0x16
#define DVSEC_CAP3	0x38
/* Cache, IO, Mem capable, Mem_HwInit_Mode, PM Init Completion Reporting */
#define DVSEC_CAP_OFFERED 0x800f
/* All of Range 1 Size Low except the size */
#define DVSEC_RANGE_STATE 0x1ffff

FIXTURE(config) {
	struct test_device test;
	const struct host_device *host;
	const struct vfio_cxl_fd *vfio;
	uint8_t image[2][CONFIG_LEN];
};

INTERFACE_VARIANTS(config);

/* The last device, which has power management in an emulated machine */
FIXTURE_SETUP(config)
{
	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	ASSERT_EQ(0, test_open(&self->test, host_count() - 1,
			       variant->interface));
	self->host = &self->test.host;
	self->vfio = &self->test.vfio;
}

FIXTURE_TEARDOWN(config)
{
	EXPECT_FINE(test_close(&self->test));
}

static ssize_t config_read(const struct vfio_cxl_fd *vfio, void *buf,
			   size_t len, uint32_t at)
{
	return pread(vfio->device, buf, len, vfio->config.offset + at);
}

static ssize_t config_write(const struct vfio_cxl_fd *vfio, const void *buf,
			    size_t len, uint32_t at)
{
	return pwrite(vfio->device, buf, len, vfio->config.offset + at);
}

/* A register of the Device DVSEC */
static uint32_t dvsec_read(const struct test_device *test, uint32_t reg,
			   unsigned int width)
{
	return guest_config(&test->vfio, test->host.dvsec + reg, width);
}

static int dvsec_write(const struct test_device *test, uint32_t reg,
		       unsigned int width, uint32_t val)
{
	return guest_config_write(&test->vfio, test->host.dvsec + reg, width,
				  val);
}

static uint32_t get32(const uint8_t *image, uint32_t at)
{
	uint32_t val;

	memcpy(&val, image + at, 4);
	return val;
}

/*
 * Walk the capabilities in the host's copy of config space that the guest's
 * copy does not have, from @at, 0 to start: the next one's offset and an upper
 * limit of its end; or 0
 */
static uint32_t next_hidden(const uint8_t *host, const uint8_t *guest,
			    uint32_t at, uint32_t *end)
{
	uint32_t cap, other, header;

	while ((at = next_ext_cap(host, at, &header))) {
		cap = 0;
		while ((cap = next_ext_cap(guest, cap, &header)))
			if (cap == at)
				break;
		if (cap)
			continue;

		*end = CONFIG_LEN;
		other = 0;
		while ((other = next_ext_cap(host, other, &header)))
			if (other > at && other < *end)
				*end = other;
		return at;
	}

	return 0;
}

/* In one of the capabilities that a guest does not have? */
static bool in_hidden(const uint8_t *host, const uint8_t *guest,
		      uint32_t offset)
{
	uint32_t at = 0, end;

	while ((at = next_hidden(host, guest, at, &end)))
		if (offset >= at && offset < end)
			return true;

	return false;
}

/* In one of the DVSECs that CXL defines? */
static bool in_cxl_dvsec(const uint8_t *config, uint32_t at)
{
	uint32_t dvsec = 0, len;

	while ((dvsec = next_cxl_dvsec(config, dvsec, &len)))
		if (at >= dvsec && at < dvsec + len)
			return true;

	return false;
}

static bool in_device_dvsec_body(const struct host_device *host, uint32_t at)
{
	return at >= (uint32_t)host->dvsec + DVSEC_BODY &&
	       at < (uint32_t)host->dvsec + host->dvsec_len;
}

/*
 * The Device DVSEC
 */

static void expect_widths_agree(struct __test_metadata *_metadata,
				const struct test_device *test)
{
	const uint32_t len = test->host.dvsec_len;
	uint8_t bytes[256], wide[4];
	uint32_t at, width;

	ASSERT_GT(sizeof(bytes), len);
	for (at = 0; at < len; at++)
		bytes[at] = dvsec_read(test, at, 1);
	for (width = 2; width <= 4; width++) {
		for (at = 0; at + width <= len; at++) {
			ASSERT_EQ(width, config_read(&test->vfio, wide, width,
						     test->host.dvsec + at));
			EXPECT_EQ(0, memcmp(bytes + at, wide, width))
				TH_LOG("%u bytes at %#x", width, at);
		}
	}
}

TEST_F(config, reads_of_all_widths_agree)
{
	uint32_t at;

	expect_widths_agree(_metadata, &self->test);
	for (at = DVSEC_BODY; at < self->host->dvsec_len; at += 2)
		EXPECT_EQ(0, dvsec_write(&self->test, at, 2, 0xa5c3));
	expect_widths_agree(_metadata, &self->test);
	ASSERT_EQ(0, test_lock(&self->test));
	expect_widths_agree(_metadata, &self->test);
}

TEST_F(config, part_of_a_register_can_be_written)
{
	const uint32_t high = PCI_DVSEC_CXL_RANGE_BASE_HIGH(0);
	const uint32_t low = PCI_DVSEC_CXL_RANGE_BASE_LOW(0);
	const struct test_device *test = &self->test;
	unsigned int at, width;
	uint32_t want;

	for (width = 1; width <= 2; width++) {
		for (at = 0; at + width <= 4; at++) {
			ASSERT_EQ(0, dvsec_write(test, high, 4, 0x11223344));
			ASSERT_EQ(0, dvsec_write(test, low, 4, 0xf0000000));
			ASSERT_EQ(0, dvsec_write(test, high + at, width,
						 0xaaaa));
			want = 0x11223344;
			memset((char *)&want + at, 0xaa, width);
			EXPECT_EQ(want, dvsec_read(test, high, 4))
				TH_LOG("%u bytes at +%u", width, at);
			EXPECT_EQ(0xf0000000, dvsec_read(test, low, 4));
		}
	}

	/* One write that ends in one register and starts in the next */
	ASSERT_EQ(0, dvsec_write(test, high, 4, 0x11223344));
	ASSERT_EQ(0, dvsec_write(test, low, 4, 0xf0000000));
	ASSERT_EQ(0, dvsec_write(test, high + 2, 4, 0x00005566));
	EXPECT_EQ(0x55663344, dvsec_read(test, high, 4));
	EXPECT_EQ(0xf0000000, dvsec_read(test, low, 4));
	ASSERT_EQ(0, dvsec_write(test, low + 3, 1, 0xa7));
	EXPECT_EQ(0xa0000000, dvsec_read(test, low, 4));
}

TEST_F(config, control_and_lock_keep_the_byte_not_written)
{
	const struct test_device *test = &self->test;

	ASSERT_EQ(0, dvsec_write(test, PCI_DVSEC_CXL_CTRL, 2,
				 PCI_DVSEC_CXL_MEM_ENABLE));
	ASSERT_EQ(0, dvsec_write(test, PCI_DVSEC_CXL_CTRL + 1, 1, 0));
	EXPECT_EQ(PCI_DVSEC_CXL_MEM_ENABLE,
		  dvsec_read(test, PCI_DVSEC_CXL_CTRL, 2) &
		  PCI_DVSEC_CXL_MEM_ENABLE);

	/* Control2 and Status2 in one dword: only Control2 has a bit to set */
	ASSERT_EQ(0, dvsec_write(test, DVSEC_CTRL2, 4, 1));
	EXPECT_EQ(1, dvsec_read(test, DVSEC_CTRL2, 2));
	EXPECT_EQ(dvsec_read(test, DVSEC_CTRL2, 2) |
		  dvsec_read(test, DVSEC_STATUS2, 2) << 16,
		  dvsec_read(test, DVSEC_CTRL2, 4));

	/* The lock is write-once: a write of either byte does not clear it */
	ASSERT_EQ(0, dvsec_write(test, DVSEC_LOCK, 1, 1));
	EXPECT_EQ(1, dvsec_read(test, DVSEC_LOCK, 2));
	ASSERT_EQ(0, dvsec_write(test, DVSEC_LOCK + 1, 1, 0xff));
	ASSERT_EQ(0, dvsec_write(test, DVSEC_LOCK, 1, 0));
	ASSERT_EQ(0, dvsec_write(test, DVSEC_LOCK, 2, 0));
	EXPECT_EQ(1, dvsec_read(test, DVSEC_LOCK, 2));
	ASSERT_EQ(0, dvsec_write(test, PCI_DVSEC_CXL_CTRL, 2, 0));
	EXPECT_EQ(PCI_DVSEC_CXL_MEM_ENABLE,
		  dvsec_read(test, PCI_DVSEC_CXL_CTRL, 2) &
		  PCI_DVSEC_CXL_MEM_ENABLE);
}

static void expect_dvsec(struct __test_metadata *_metadata,
			 const struct test_device *test, bool locked)
{
	const struct host_device *host = &test->host;
	const uint64_t base = locked ? test_base(test) : 0;
	const uint32_t state = host_config(host, host->dvsec +
				PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), 4) &
			       DVSEC_RANGE_STATE;
	const uint32_t cap = host_config(host, host->dvsec +
					 PCI_DVSEC_CXL_CAP, 2);
	const struct {
		uint32_t reg;
		unsigned int width;
		uint32_t mask;
		uint32_t want;
	} rows[] = {
		{ PCI_DVSEC_CXL_CAP, 2, ~0U, (cap & DVSEC_CAP_OFFERED) | 0x10 },
		{ PCI_DVSEC_CXL_CTRL, 2, PCI_DVSEC_CXL_MEM_ENABLE,
		  locked ? PCI_DVSEC_CXL_MEM_ENABLE : 0 },
		{ DVSEC_STATUS, 2, ~0U, 0 },
		{ DVSEC_CTRL2, 2, ~0U, 0 },
		{ DVSEC_STATUS2, 2, 0x7fff, 0 },
		{ DVSEC_LOCK, 2, ~0U, locked },
		{ PCI_DVSEC_CXL_RANGE_SIZE_HIGH(0), 4, ~0U, host->size >> 32 },
		{ PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), 4, ~0U,
		  (uint32_t)host->size | state },
		{ PCI_DVSEC_CXL_RANGE_BASE_HIGH(0), 4, ~0U, base >> 32 },
		{ PCI_DVSEC_CXL_RANGE_BASE_LOW(0), 4, ~0U, base },
		{ PCI_DVSEC_CXL_RANGE_SIZE_HIGH(1), 4, ~0U, 0 },
		{ PCI_DVSEC_CXL_RANGE_SIZE_LOW(1), 4, ~0U, 0 },
		{ PCI_DVSEC_CXL_RANGE_BASE_HIGH(1), 4, ~0U, 0 },
		{ PCI_DVSEC_CXL_RANGE_BASE_LOW(1), 4, ~0U, 0 },
		{ DVSEC_CAP3, 2, ~0U, 0 },
	};
	unsigned int i;

	EXPECT_EQ(PCI_DVSEC_CXL_MEM_INFO_VALID | PCI_DVSEC_CXL_MEM_ACTIVE,
		  state & (PCI_DVSEC_CXL_MEM_INFO_VALID |
			   PCI_DVSEC_CXL_MEM_ACTIVE));
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].reg + rows[i].width > host->dvsec_len)
			continue;
		EXPECT_EQ(rows[i].want, dvsec_read(test, rows[i].reg,
						   rows[i].width) &
			  rows[i].mask)
			TH_LOG("at %#x", rows[i].reg);
	}
}

TEST_F(config, device_dvsec_before_set)
{
	expect_dvsec(_metadata, &self->test, false);
}

TEST_F(config, device_dvsec_after_set)
{
	ASSERT_EQ(0, test_lock(&self->test));
	expect_dvsec(_metadata, &self->test, true);
}

/* Every byte of every CXL DVSEC takes every value, then wider patterns */
static void write_dvsecs(struct __test_metadata *_metadata,
			 const struct test_device *test, const uint8_t *before)
{
	const struct host_device *host = &test->host;
	uint8_t now[CONFIG_LEN];
	uint32_t dvsec = 0, len, at, val;

	while ((dvsec = next_cxl_dvsec(before, dvsec, &len))) {
		for (at = dvsec; at < dvsec + len; at++) {
			for (val = 0; val < 256; val++) {
				if (guest_config_write(&test->vfio, at, 1,
						       val))
					ASSERT_EQ(256, val);
			}
			for (val = 0; val < 3; val++) {
				guest_config_write(&test->vfio, at, 4,
						   val ? ~0U << (val - 1) * 16 :
						   0);
				guest_config_write(&test->vfio, at, 2,
						   val ? ~0U << (val - 1) * 8 :
						   0);
			}
			ASSERT_EQ(len, pread(host->config, now, len, dvsec));
			ASSERT_EQ(0, memcmp(before + dvsec, now, len))
				TH_LOG("write at %#x of the DVSEC at %#x",
				       at - dvsec, dvsec);
		}
	}
}

TEST_F(config, no_write_to_a_cxl_dvsec_reaches_hardware)
{
	uint32_t dvsec = 0, len, count = 0;

	while ((dvsec = next_cxl_dvsec(self->test.before.config, dvsec, &len)))
		count++;
	ASSERT_LT(2, count);

	ASSERT_EQ(CONFIG_LEN, config_read(self->vfio, self->image[0],
					  CONFIG_LEN, 0));
	write_dvsecs(_metadata, &self->test, self->test.before.config);

	/* and what is outside the Device DVSEC's body does not change */
	ASSERT_EQ(CONFIG_LEN, config_read(self->vfio, self->image[1],
					  CONFIG_LEN, 0));
	while ((dvsec = next_cxl_dvsec(self->test.before.config, dvsec,
				       &len))) {
		EXPECT_EQ(0, memcmp(self->image[0] + dvsec,
				    self->image[1] + dvsec,
				    dvsec == self->host->dvsec ? DVSEC_BODY :
				    len))
			TH_LOG("DVSEC at %#x", dvsec);
	}
	/* and none of it prevents the VMM's lock */
	ASSERT_EQ(0, test_lock(&self->test));
	ASSERT_EQ(0, dvsec_write(&self->test, DVSEC_CTRL2, 2, 0));
	expect_dvsec(_metadata, &self->test, true);
}

TEST_F(config, no_write_after_set_changes_a_dvsec)
{
	uint32_t dvsec = 0, len;

	ASSERT_EQ(0, test_lock(&self->test));
	ASSERT_EQ(CONFIG_LEN, config_read(self->vfio, self->image[0],
					  CONFIG_LEN, 0));
	write_dvsecs(_metadata, &self->test, self->test.before.config);
	/* Disable_Caching is not subject to the lock */
	ASSERT_EQ(0, dvsec_write(&self->test, DVSEC_CTRL2, 2, 0));

	ASSERT_EQ(CONFIG_LEN, config_read(self->vfio, self->image[1],
					  CONFIG_LEN, 0));
	while ((dvsec = next_cxl_dvsec(self->test.before.config, dvsec,
				       &len))) {
		EXPECT_EQ(0, memcmp(self->image[0] + dvsec,
				    self->image[1] + dvsec, len))
			TH_LOG("DVSEC at %#x", dvsec);
	}
	expect_dvsec(_metadata, &self->test, true);
}

/*
 * The rest
 */

TEST_F(config, chain_is_sane)
{
	uint32_t at = 0, next, header, left = 480;
	uint8_t *const image = self->image[0];

	ASSERT_EQ(CONFIG_LEN, config_read(self->vfio, image, CONFIG_LEN, 0));
	while ((next = next_ext_cap(image, at, &header))) {
		EXPECT_LT(at, next);
		EXPECT_NE(0, header & 0xffff);
		ASSERT_LT(0, left--);
		at = next;
	}
	EXPECT_LT(0, at);
	EXPECT_EQ(0, get32(image, at) >> 20);
}

/* The word that links a DVSEC of CXL into the capability chain */
static bool in_dvsec_link(const uint8_t *config, uint32_t offset)
{
	uint32_t at = 0, len;

	while ((at = next_cxl_dvsec(config, at, &len)))
		if (offset >= at && offset < at + 4)
			return true;

	return false;
}

/*
 * The host's chain without what vfio_pci_core hides.  Of adjacent DVSECs, it
 * returns the hardware's link for all except the first; DOE follows the last.
 */
TEST_F(config, chain_skips_what_is_hidden)
{
	const uint8_t *const host = self->test.before.config;
	uint8_t *const image = self->image[0];
	uint32_t at = 0, next = 0, header, want, hidden = 0, i;

	ASSERT_EQ(CONFIG_LEN, config_read(self->vfio, image, CONFIG_LEN, 0));
	while ((at = next_ext_cap(host, at, &want))) {
		if ((want & 0xffff) == PCI_EXT_CAP_ID_DOE) {
			hidden++;
			continue;
		}
		next = next_ext_cap(image, next, &header);
		ASSERT_EQ(at, next);
		EXPECT_EQ(want & 0xfffff, header & 0xfffff);
		for (i = 0; i < 4; i++)
			EXPECT_EQ(image[at + i],
				  guest_config(self->vfio, at + i, 1));
		EXPECT_EQ(header >> 16, guest_config(self->vfio, at + 2, 2));
	}
	EXPECT_EQ(0, next_ext_cap(image, next, &header));
	EXPECT_LT(0, hidden);
}

/* Not at its old offset either, by accesses of any width */
TEST_F(config, what_is_hidden_does_not_work)
{
	const uint8_t *const before = self->test.before.config;
	uint8_t *const now = self->image[1];
	uint32_t cap = 0, end, at, width, hidden = 0;

	ASSERT_EQ(CONFIG_LEN, config_read(self->vfio, self->image[0],
					  CONFIG_LEN, 0));
	while ((cap = next_hidden(before, self->image[0], cap, &end))) {
		hidden++;
		for (at = cap; at < end; at++) {
			ASSERT_EQ(0, self->image[0][at])
				TH_LOG("at %#x", at);
			for (width = 1; width <= 4 && at + width <= end;
			     width *= 2) {
				ASSERT_EQ(0, guest_config(self->vfio, at,
							  width))
					TH_LOG("%u bytes at %#x", width, at);
				ASSERT_EQ(0, guest_config_write(self->vfio, at,
								width, ~0U));
			}
		}
		ASSERT_EQ(CONFIG_LEN, pread(self->host->config, now, CONFIG_LEN,
					    0));
		EXPECT_EQ(0, memcmp(before + cap, now + cap, end - cap));
	}
	EXPECT_LT(0, hidden);
}

/* A user cannot exchange data objects: that would disturb the host's */
TEST_F(config, no_data_object_is_exchanged)
{
	/* DOE Discovery, of PCI-SIG: three dwords, for the first protocol */
	const uint32_t discovery[] = { 0x00000001, 3, 0 };
	uint32_t header, at = 0, doe = 0;
	unsigned int i;

	while ((at = next_ext_cap(self->test.before.config, at, &header)))
		if ((header & 0xffff) == PCI_EXT_CAP_ID_DOE)
			doe = at;
	ASSERT_NE(0, doe);

	for (i = 0; i < ARRAY_SIZE(discovery); i++)
		EXPECT_EQ(0, guest_config_write(self->vfio, doe + PCI_DOE_WRITE,
						4, discovery[i]));
	EXPECT_EQ(0, guest_config_write(self->vfio, doe + PCI_DOE_CTRL, 4,
					PCI_DOE_CTRL_GO));
	EXPECT_EQ(0, host_config(self->host, doe + PCI_DOE_STATUS, 4));
	EXPECT_EQ(0, guest_config(self->vfio, doe + PCI_DOE_STATUS, 4));
	EXPECT_EQ(0, guest_config(self->vfio, doe + PCI_DOE_READ, 4));
	host_config_write(self->host, doe + PCI_DOE_CTRL, 4,
			  PCI_DOE_CTRL_ABORT);
}

TEST_F(config, other_bytes_are_as_with_vfio_pci)
{
	const char *const drivers[] = { "vfio-pci", DRIVER };
	uint32_t at;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, test_reopen(&self->test, drivers[i]));
		ASSERT_EQ(CONFIG_LEN, config_read(self->vfio, self->image[i],
						  CONFIG_LEN, 0));
	}
	for (at = 0; at < CONFIG_LEN; at++) {
		if (in_device_dvsec_body(self->host, at) ||
		    in_dvsec_link(self->test.before.config, at) ||
		    in_hidden(self->test.before.config, self->image[1], at))
			continue;
		EXPECT_EQ(self->image[0][at], self->image[1][at])
			TH_LOG("at %#x", at);
	}
}

/* What a guest's operating system writes while it looks for devices */
static void write_header(const struct vfio_cxl_fd *vfio)
{
	uint32_t at;

	for (at = PCI_CACHE_LINE_SIZE; at < PCI_STD_HEADER_SIZEOF; at += 4)
		guest_config_write(vfio, at, 4, ~0U);
	for (at = PCI_CACHE_LINE_SIZE; at < PCI_STD_HEADER_SIZEOF; at++)
		guest_config_write(vfio, at, 1, at);
	guest_config_write(vfio, PCI_COMMAND, 2,
			   PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
}

TEST_F(config, header_writes_are_as_with_vfio_pci)
{
	const char *const drivers[] = { "vfio-pci", DRIVER };
	uint32_t at;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, test_reopen(&self->test, drivers[i]));
		write_header(self->vfio);
		ASSERT_EQ(CONFIG_LEN, config_read(self->vfio, self->image[i],
						  CONFIG_LEN, 0));
	}
	for (at = 0; at < CONFIG_LEN; at++) {
		if (in_device_dvsec_body(self->host, at) ||
		    in_dvsec_link(self->test.before.config, at) ||
		    in_hidden(self->test.before.config, self->image[1], at))
			continue;
		EXPECT_EQ(self->image[0][at], self->image[1][at])
			TH_LOG("at %#x", at);
	}
}

TEST_F(config, long_reads_agree_with_bytes)
{
	uint8_t *const bytes = self->image[0], *const whole = self->image[1];
	uint32_t at, len, round;

	ASSERT_EQ(0, test_lock(&self->test));
	for (at = 0; at < CONFIG_LEN; at++)
		ASSERT_EQ(1, config_read(self->vfio, bytes + at, 1, at));
	ASSERT_EQ(CONFIG_LEN, config_read(self->vfio, whole, CONFIG_LEN, 0));
	EXPECT_EQ(0, memcmp(bytes, whole, CONFIG_LEN));

	srandom(1);
	for (round = 0; round < 1000; round++) {
		at = PCI_CFG_SPACE_SIZE + random() % 0x100;
		len = 1 + random() % 0x60;
		ASSERT_EQ(len, config_read(self->vfio, whole, len, at));
		ASSERT_EQ(0, memcmp(bytes + at, whole, len))
			TH_LOG("%u bytes at %#x", len, at);
	}
}

/* 16 bytes across @edge; @inside: those that are in a CXL DVSEC as well */
static void write_across(const struct vfio_cxl_fd *vfio, const uint8_t *config,
			 uint32_t edge, uint8_t val, bool inside)
{
	uint8_t buf[16];
	uint32_t at;

	memset(buf, val, sizeof(buf));
	if (inside) {
		config_write(vfio, buf, sizeof(buf), edge - 8);
		return;
	}
	for (at = edge - 8; at < edge + 8; at++)
		if (!in_cxl_dvsec(config, at))
			config_write(vfio, buf, 1, at);
}

static void write_across_all(const struct vfio_cxl_fd *vfio,
			     const uint8_t *config, uint8_t val, bool inside)
{
	uint32_t dvsec = 0, len;

	while ((dvsec = next_cxl_dvsec(config, dvsec, &len))) {
		write_across(vfio, config, dvsec, val, inside);
		write_across(vfio, config, dvsec + len, val, inside);
	}
}

/*
 * vfio-pci gets only the bytes that are in no CXL DVSEC, one by one; then our
 * driver gets the whole writes, and the hardware must have the same contents.
 */
TEST_F(config, write_across_an_edge_is_split)
{
	const char *const drivers[] = { "vfio-pci", DRIVER };
	const uint8_t *const before = self->test.before.config;
	unsigned int i;
	uint32_t at;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, test_reopen(&self->test, drivers[i]));
		write_across_all(self->vfio, before, 0x5a, i);
		ASSERT_EQ(CONFIG_LEN, pread(self->host->config, self->image[i],
					    CONFIG_LEN, 0));
		/* No reset clears what is between capabilities */
		write_across_all(self->vfio, before, 0, false);
	}
	for (at = PCI_CFG_SPACE_SIZE; at < CONFIG_LEN; at++) {
		if (in_cxl_dvsec(before, at)) {
			EXPECT_EQ(before[at], self->image[1][at])
				TH_LOG("at %#x", at);
			continue;
		}
		EXPECT_EQ(self->image[0][at], self->image[1][at])
			TH_LOG("at %#x", at);
	}
}

TEST_F(config, power_state_is_not_the_guests)
{
	const uint32_t pm = guest_find_cap(self->vfio, PCI_CAP_ID_PM);
	const uint32_t pmcsr = pm + PCI_PM_CTRL;
	const size_t page = page_size();
	uint8_t d3[16];
	unsigned int width;
	uint32_t line;
	uint8_t *map;

	if (!pm)
		SKIP(return, "the device has no power management (x-pm=on)");
	map = guest_map(self->vfio, 0, page, RW, page, 0);
	ASSERT_NE(MAP_FAILED, map);

	for (width = 1; width <= 4; width *= 2) {
		EXPECT_EQ(0, guest_config_write(self->vfio, pmcsr, width, 3));
		EXPECT_EQ(0, host_config(self->host, pmcsr, 2) &
			  PCI_PM_CTRL_STATE_MASK)
			TH_LOG("%u bytes", width);
		EXPECT_EQ(0, guest_config(self->vfio, pmcsr, 2) &
			  PCI_PM_CTRL_STATE_MASK);
		map[0] = width;
		EXPECT_EQ(width, map[0]);
	}

	/* From the Interrupt Line register, which is writable, across PMCSR */
	line = guest_config(self->vfio, PCI_INTERRUPT_LINE, 1);
	memset(d3, 3, sizeof(d3));
	ASSERT_LT(PCI_INTERRUPT_LINE, pmcsr);
	if (pmcsr < PCI_INTERRUPT_LINE + sizeof(d3)) {
		ASSERT_EQ(sizeof(d3), config_write(self->vfio, d3, sizeof(d3),
						   PCI_INTERRUPT_LINE));
		EXPECT_EQ(3, guest_config(self->vfio, PCI_INTERRUPT_LINE, 1));
		EXPECT_EQ(0, host_config(self->host, pmcsr, 2) &
			  PCI_PM_CTRL_STATE_MASK);
		guest_config_write(self->vfio, PCI_INTERRUPT_LINE, 1, line);
	}
	EXPECT_EQ(4, map[0]);
	munmap(map, page);
}

TEST_F(config, memory_decode_off_takes_nothing_away)
{
	const uint32_t hdm = self->host->hdm;
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	const size_t page = page_size();
	uint8_t *map, byte = 0x42;
	uint32_t cmd;

	ASSERT_EQ(0, test_lock(&self->test));
	map = guest_map(self->vfio, 0, SZ_2M, RW, SZ_2M, 0);
	ASSERT_NE(MAP_FAILED, map);
	map[0] = 0x17;

	cmd = guest_config(self->vfio, PCI_COMMAND, 2);
	ASSERT_EQ(0, guest_config_write(self->vfio, PCI_COMMAND, 2,
					cmd & ~PCI_COMMAND_MEMORY));
	ASSERT_EQ(0, host_config(self->host, PCI_COMMAND, 2) &
		  PCI_COMMAND_MEMORY);

	EXPECT_EQ(0x17, map[0]);
	map[page] = 0x18;
	EXPECT_EQ(0x18, map[page]);
	ASSERT_EQ(1, pwrite(self->vfio->device, &byte, 1,
			    self->vfio->mem.offset + 1));
	EXPECT_EQ(0x42, map[1]);
	ASSERT_EQ(0, munmap(map, SZ_2M));
	map = guest_map(self->vfio, 0, page, PROT_READ, page, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0x17, map[0]);

	EXPECT_EQ(test_base(&self->test),
		  guest_read64(self->vfio, hdm + HDM_BASE_LOW));
	ASSERT_EQ(0, vfio_hdm_get(self->vfio->device, &decoder));
	EXPECT_TRUE(decoder.flags & VFIO_CXL_HDM_DECODER_USABLE);
	EXPECT_EQ(0, host_config(self->host, PCI_COMMAND, 2) &
		  PCI_COMMAND_MEMORY);

	/* Not even in a reset, which needs access to the registers */
	ASSERT_EQ(0, ioctl(self->vfio->device, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, guest_config(self->vfio, PCI_COMMAND, 2) &
		  PCI_COMMAND_MEMORY);
	EXPECT_EQ(0, host_config(self->host, PCI_COMMAND, 2) &
		  PCI_COMMAND_MEMORY);
	EXPECT_EQ(0x17, map[0]);
	EXPECT_EQ(test_base(&self->test),
		  guest_read64(self->vfio, hdm + HDM_BASE_LOW));
	munmap(map, page);
}

TEST_HARNESS_MAIN
