// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE_CXL_HDM_DECODER, and what the driver does not offer
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "harness.h"
#include "lib/device.h"
#include "lib/host.h"
#include "lib/page.h"
#include "lib/vfio.h"

#define FEATURE		VFIO_DEVICE_FEATURE_CXL_HDM_DECODER
#define GET		VFIO_DEVICE_FEATURE_GET
#define SET		VFIO_DEVICE_FEATURE_SET
#define PROBE		VFIO_DEVICE_FEATURE_PROBE
#define ADDRESS_END	0x10000000000000ULL
#define THREADS		8

/* All that a SET can change, as a guest and the VMM see it */
struct view {
	uint8_t regs[0x1000];
	uint8_t dvsec[64];
	struct vfio_device_feature_cxl_hdm_decoder decoder;
};

static int view_get(const struct test_device *test, struct view *view)
{
	const struct vfio_cxl_fd *vfio = &test->vfio;
	const ssize_t len = test->host.dvsec_len;

	memset(view, 0, sizeof(*view));
	if (pread(vfio->device, view->regs, sizeof(view->regs),
		  vfio->regs + CM_OFFSET) != sizeof(view->regs) ||
	    pread(vfio->device, view->dvsec, len,
		  vfio->config.offset + test->host.dvsec) != len)
		return -EIO;

	return vfio_hdm_get(vfio->device, &view->decoder);
}

static uint64_t guest_decoder_base(const struct test_device *test)
{
	return guest_read64(&test->vfio, test->host.hdm + HDM_BASE_LOW);
}

static uint32_t guest_decoder_ctrl(const struct test_device *test)
{
	return guest_read32(&test->vfio, test->host.hdm + HDM_CTRL);
}

FIXTURE(feature) {
	struct test_device test;
	int device;
	uint64_t size;	/* of the memory */
};

INTERFACE_VARIANTS(feature);

FIXTURE_SETUP(feature)
{
	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	ASSERT_EQ(0, test_open(&self->test, host_count() - 1,
			       variant->interface));
	self->device = self->test.vfio.device;
	self->size = self->test.host.size;
}

FIXTURE_TEARDOWN(feature)
{
	EXPECT_FINE(test_close(&self->test));
}

TEST_F(feature, probe_get_and_set)
{
	const uint32_t ops[] = { 0, GET, SET, GET | SET };
	struct view before, after;
	unsigned int i;

	ASSERT_EQ(0, view_get(&self->test, &before));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, vfio_feature(self->device, FEATURE | PROBE |
					  ops[i], NULL, 0))
			TH_LOG("op %#x", ops[i]);
	}
	ASSERT_EQ(0, view_get(&self->test, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

TEST_F(feature, other_ops_are_refused)
{
	const uint32_t unknown = VFIO_DEVICE_FEATURE_PROBE << 1;
	struct vfio_device_feature_cxl_hdm_decoder decoder = {
		.base = GUEST_BASE,
		.size = GUEST_WINDOW,
	};
	const uint32_t ops[] = {
		0, GET | SET, GET | unknown, SET | unknown, PROBE | unknown,
		SET | 1U << 31,
	};
	struct view before, after;
	unsigned int i;

	ASSERT_EQ(0, view_get(&self->test, &before));
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		EXPECT_EQ(-EINVAL, vfio_feature(self->device, FEATURE | ops[i],
						&decoder, sizeof(decoder)))
			TH_LOG("op %#x", ops[i]);
	}
	ASSERT_EQ(0, view_get(&self->test, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

TEST_F(feature, neighbours_are_not_features)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder = {
		.base = GUEST_BASE,
		.size = GUEST_WINDOW,
	};

	EXPECT_EQ(-ENOTTY, vfio_feature(self->device, (FEATURE + 1) | SET,
					&decoder, sizeof(decoder)));
	EXPECT_EQ(-ENOTTY, vfio_feature(self->device, (FEATURE - 1) | PROBE,
					&decoder, sizeof(decoder)));
}

TEST_F(feature, get_before_and_after_set)
{
	const uint32_t unlocked = VFIO_CXL_HDM_DECODER_DEVICE_COHERENT |
				  VFIO_CXL_HDM_DECODER_USABLE;
	struct vfio_device_feature_cxl_hdm_decoder decoder;

	memset(&decoder, 0xff, sizeof(decoder));
	decoder.decoder = 0;
	ASSERT_EQ(0, vfio_feature(self->device, FEATURE | GET, &decoder,
				  sizeof(decoder)));
	EXPECT_EQ(0, decoder.decoder);
	EXPECT_EQ(unlocked, decoder.flags);
	EXPECT_EQ(0, decoder.base);
	EXPECT_EQ(self->size, decoder.size);

	ASSERT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
	ASSERT_EQ(0, vfio_hdm_get(self->device, &decoder));
	EXPECT_EQ(0, decoder.decoder);
	EXPECT_EQ(unlocked | VFIO_CXL_HDM_DECODER_COMMITTED |
		  VFIO_CXL_HDM_DECODER_LOCKED, decoder.flags);
	EXPECT_EQ(GUEST_BASE, decoder.base);
	EXPECT_EQ(self->size, decoder.size);
}

/* Regions describe themselves: GET returns only the decoder's state */
TEST_F(feature, structure_ends_with_the_size)
{
	struct {
		uint32_t decoder;
		uint32_t flags;
		uint64_t base;
		uint64_t size;
	} decoder = { 0 };

	EXPECT_EQ(sizeof(decoder),
		  sizeof(struct vfio_device_feature_cxl_hdm_decoder));
	EXPECT_EQ(-EINVAL, vfio_feature(self->device, FEATURE | GET, &decoder,
					sizeof(decoder) - 1));
	ASSERT_EQ(0, vfio_feature(self->device, FEATURE | GET, &decoder,
				  sizeof(decoder)));
	EXPECT_EQ(self->size, decoder.size);
}

/* What is refused, whether the decoder is locked or not, and changes nothing */
static void expect_refused(struct __test_metadata *_metadata,
			   const struct test_device *test)
{
	const uint64_t size = test->host.size;
	const struct {
		const char *name;
		int ret;
		struct vfio_device_feature_cxl_hdm_decoder in;
	} rows[] = {
		{ "base 0", -EINVAL, { .size = GUEST_WINDOW } },
		{ "base + 1", -EINVAL,
		  { .base = GUEST_BASE + 1, .size = GUEST_WINDOW } },
		{ "base + 4 KiB", -EINVAL,
		  { .base = GUEST_BASE + SZ_4K, .size = GUEST_WINDOW } },
		{ "base + 128 MiB", -EINVAL,
		  { .base = GUEST_BASE + SZ_256M / 2, .size = GUEST_WINDOW } },
		{ "size 0", -EINVAL, { .base = GUEST_BASE } },
		{ "size 1", -EINVAL, { .base = GUEST_BASE, .size = 1 } },
		{ "size + 4 KiB", -EINVAL,
		  { .base = GUEST_BASE, .size = GUEST_WINDOW + SZ_4K } },
		{ "size + 128 MiB", -EINVAL,
		  { .base = GUEST_BASE, .size = GUEST_WINDOW + SZ_256M / 2 } },
		{ "size of the memory - 4 KiB", -EINVAL,
		  { .base = GUEST_BASE, .size = size - SZ_4K } },
		{ "decoder 1", -EINVAL,
		  { .decoder = 1, .base = GUEST_BASE, .size = GUEST_WINDOW } },
		{ "decoder ~0", -EINVAL,
		  { .decoder = ~0U, .base = GUEST_BASE,
		    .size = GUEST_WINDOW } },
		{ "base at 2^52", -EOVERFLOW,
		  { .base = ADDRESS_END, .size = GUEST_WINDOW } },
		{ "end one granule past 2^52", -EOVERFLOW,
		  { .base = ADDRESS_END - size + SZ_256M,
		    .size = GUEST_WINDOW } },
		{ "end wraps", -EOVERFLOW,
		  { .base = -SZ_256M, .size = GUEST_WINDOW } },
		{ "end is 2^64", -EOVERFLOW,
		  { .base = -size, .size = GUEST_WINDOW } },
		{ "window one granule smaller than the memory", -ENOSPC,
		  { .base = GUEST_BASE, .size = size - SZ_256M } },
	};
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	struct view before, after;
	unsigned int i;

	ASSERT_EQ(0, view_get(test, &before));
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		decoder = rows[i].in;
		EXPECT_EQ(rows[i].ret, vfio_feature(test->vfio.device,
						    FEATURE | SET, &decoder,
						    sizeof(decoder)))
			TH_LOG("%s", rows[i].name);
		ASSERT_EQ(0, view_get(test, &after));
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)))
			TH_LOG("%s", rows[i].name);
	}
	EXPECT_FINE(test_differs(test));
}

/* A window smaller by one granule would be empty */
#define ONE_GRANULE	"the memory has one granule only"

TEST_F(feature, refused_set_changes_nothing)
{
	if (self->size == SZ_256M)
		SKIP(return, ONE_GRANULE);
	expect_refused(_metadata, &self->test);
	/* None of this prevents a valid SET */
	EXPECT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
}

TEST_F(feature, refused_set_after_lock_changes_nothing)
{
	if (self->size == SZ_256M)
		SKIP(return, ONE_GRANULE);
	ASSERT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
	expect_refused(_metadata, &self->test);
}

TEST_F(feature, every_flag_bit_is_refused_on_set)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		struct vfio_device_feature_cxl_hdm_decoder decoder = {
			.base = GUEST_BASE,
			.size = GUEST_WINDOW,
			.flags = 1U << bit,
		};

		EXPECT_EQ(-EINVAL, vfio_feature(self->device, FEATURE | SET,
						&decoder, sizeof(decoder)))
			TH_LOG("bit %u", bit);
	}
	EXPECT_EQ(0, guest_decoder_base(&self->test));
}

TEST_F(feature, set_locks_at_base)
{
	EXPECT_EQ(0, guest_decoder_base(&self->test));
	EXPECT_EQ(0, guest_decoder_ctrl(&self->test) &
		  (HDM_COMMITTED | HDM_LOCK));
	ASSERT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
	EXPECT_EQ(GUEST_BASE, guest_decoder_base(&self->test));
	EXPECT_EQ(HDM_COMMIT | HDM_COMMITTED | HDM_LOCK,
		  guest_decoder_ctrl(&self->test) &
		  (HDM_COMMIT | HDM_COMMITTED | HDM_LOCK | HDM_ERROR));
	EXPECT_FINE(test_differs(&self->test));
}

TEST_F(feature, same_base_again_changes_nothing)
{
	struct view before, after;

	ASSERT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
	ASSERT_EQ(0, view_get(&self->test, &before));
	EXPECT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
	EXPECT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, self->size));
	ASSERT_EQ(0, view_get(&self->test, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

TEST_F(feature, another_base_is_busy_once_locked)
{
	const uint64_t bases[] = {
		GUEST_BASE + SZ_256M, GUEST_BASE - SZ_256M, SZ_256M,
		ADDRESS_END - self->size, self->test.host.base,
	};
	struct view before, after;
	unsigned int i;

	ASSERT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
	ASSERT_EQ(0, view_get(&self->test, &before));
	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		EXPECT_EQ(-EBUSY, vfio_hdm_set(self->device, bases[i],
					       GUEST_WINDOW))
			TH_LOG("base %#llx", (unsigned long long)bases[i]);
	}
	ASSERT_EQ(0, view_get(&self->test, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

TEST_F(feature, memory_may_end_at_2_52)
{
	const uint64_t base = ADDRESS_END - self->size;

	ASSERT_EQ(-EOVERFLOW, vfio_hdm_set(self->device, base + SZ_256M,
					   GUEST_WINDOW));
	ASSERT_EQ(0, vfio_hdm_set(self->device, base, GUEST_WINDOW));
	EXPECT_EQ(base, guest_decoder_base(&self->test));
}

TEST_F(feature, lowest_base)
{
	ASSERT_EQ(0, vfio_hdm_set(self->device, SZ_256M, self->size));
	EXPECT_EQ(SZ_256M, guest_decoder_base(&self->test));
}

TEST_F(feature, window_may_be_exactly_the_memory)
{
	if (self->size == SZ_256M)
		SKIP(return, ONE_GRANULE);
	ASSERT_EQ(-ENOSPC, vfio_hdm_set(self->device, GUEST_BASE,
					self->size - SZ_256M));
	ASSERT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, self->size));
	EXPECT_EQ(GUEST_BASE, guest_decoder_base(&self->test));
}

TEST_F(feature, window_may_be_of_any_size)
{
	ASSERT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, -SZ_256M));
	EXPECT_EQ(GUEST_BASE, guest_decoder_base(&self->test));
}

/* A struct vfio_device_feature up to @end */
static struct vfio_device_feature *
feature_at_end(void *end, uint32_t flags,
	       const struct vfio_device_feature_cxl_hdm_decoder *decoder)
{
	struct vfio_device_feature *feature;

	feature = end - sizeof(*feature) - sizeof(*decoder);
	feature->argsz = sizeof(*feature) + sizeof(*decoder);
	feature->flags = FEATURE | flags;
	memcpy(feature->data, decoder, sizeof(*decoder));

	return feature;
}

TEST_F(feature, short_argsz_is_refused)
{
	const struct vfio_device_feature_cxl_hdm_decoder decoder = {
		.base = GUEST_BASE,
		.size = GUEST_WINDOW,
	};
	struct vfio_device_feature *feature;
	struct view before, after;
	const uint32_t ops[] = { GET, SET };
	uint64_t room[16];
	unsigned int i;
	uint32_t full;

	ASSERT_EQ(0, view_get(&self->test, &before));
	for (i = 0; i < 2; i++) {
		feature = feature_at_end(room + 16, ops[i], &decoder);
		full = feature->argsz;
		for (feature->argsz = 0; feature->argsz < full;
		     feature->argsz++) {
			EXPECT_EQ(-1, ioctl(self->device, VFIO_DEVICE_FEATURE,
					    feature));
			EXPECT_EQ(EINVAL, errno)
				TH_LOG("op %#x argsz %u", ops[i],
				       feature->argsz);
		}
		EXPECT_EQ(0, memcmp(feature->data, &decoder, sizeof(decoder)));
	}
	ASSERT_EQ(0, view_get(&self->test, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

TEST_F(feature, long_argsz_is_fine)
{
	struct {
		struct vfio_device_feature_cxl_hdm_decoder decoder;
		char more[100];
	} arg = { .decoder = { .base = GUEST_BASE, .size = GUEST_WINDOW } };

	memset(arg.more, 0x5a, sizeof(arg.more));
	EXPECT_EQ(0, vfio_feature(self->device, FEATURE | SET, &arg,
				  sizeof(arg)));
	arg.decoder.base = 0;
	EXPECT_EQ(0, vfio_feature(self->device, FEATURE | GET, &arg,
				  sizeof(arg)));
	EXPECT_EQ(GUEST_BASE, arg.decoder.base);
	EXPECT_EQ(0x5a, arg.more[0]);
}

TEST_F(feature, bad_pointers_fault)
{
	const struct vfio_device_feature_cxl_hdm_decoder decoder = {
		.base = GUEST_BASE,
		.size = GUEST_WINDOW,
	};
	struct vfio_device_feature *feature;
	struct view before, after;
	const uint32_t ops[] = { GET, SET };
	const size_t page = page_size();
	char *pages;
	unsigned int i, cut;

	pages = mmap(NULL, 2 * page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, mprotect(pages + page, page, PROT_NONE));
	ASSERT_EQ(0, view_get(&self->test, &before));

	for (i = 0; i < 2; i++) {
		/* All, a part or none of the structure is inaccessible */
		for (cut = 8; cut <= sizeof(decoder); cut += 8) {
			feature = feature_at_end(pages + page, ops[i],
						 &decoder);
			feature = memmove((char *)feature + cut, feature,
					  feature->argsz - cut);
			EXPECT_EQ(-1, ioctl(self->device, VFIO_DEVICE_FEATURE,
					    feature));
			EXPECT_EQ(EFAULT, errno)
				TH_LOG("op %#x cut %u", ops[i], cut);
		}
	}
	EXPECT_EQ(-1, ioctl(self->device, VFIO_DEVICE_FEATURE, NULL));
	EXPECT_EQ(EFAULT, errno);

	/* A GET can read what it cannot write */
	feature = feature_at_end(pages + page, GET, &decoder);
	ASSERT_EQ(0, mprotect(pages, page, PROT_READ));
	EXPECT_EQ(-1, ioctl(self->device, VFIO_DEVICE_FEATURE, feature));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, view_get(&self->test, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));

	/* and a SET writes nothing back */
	ASSERT_EQ(0, mprotect(pages, page, RW));
	feature = feature_at_end(pages + page, SET, &decoder);
	ASSERT_EQ(0, mprotect(pages, page, PROT_READ));
	EXPECT_EQ(0, ioctl(self->device, VFIO_DEVICE_FEATURE, feature));
}

TEST_F(feature, only_decoder_0_can_be_got)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		memset(&decoder, 0, sizeof(decoder));
		decoder.decoder = 1U << bit;
		EXPECT_EQ(-EINVAL, vfio_feature(self->device, FEATURE | GET,
						&decoder, sizeof(decoder)));
	}
}

TEST_F(feature, lock_ends_with_last_close)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;

	ASSERT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
	vfio_close(&self->test.vfio);
	ASSERT_EQ(0, test_vfio_open(&self->test, variant->interface));
	self->device = self->test.vfio.device;

	ASSERT_EQ(0, vfio_hdm_get(self->device, &decoder));
	EXPECT_EQ(0, decoder.base);
	EXPECT_EQ(0, decoder.flags & (VFIO_CXL_HDM_DECODER_LOCKED |
				      VFIO_CXL_HDM_DECODER_COMMITTED));
	EXPECT_EQ(0, guest_decoder_base(&self->test));
	EXPECT_EQ(0, guest_decoder_ctrl(&self->test) &
		  (HDM_COMMIT | HDM_COMMITTED | HDM_LOCK | HDM_ERROR));
	EXPECT_EQ(0, guest_config(&self->test.vfio, self->test.host.dvsec +
				  PCI_DVSEC_CXL_RANGE_BASE_HIGH(0), 4));
	EXPECT_EQ(0, guest_config(&self->test.vfio, self->test.host.dvsec +
				  PCI_DVSEC_CXL_RANGE_BASE_LOW(0), 4));

	EXPECT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE + SZ_256M,
				  GUEST_WINDOW));
	EXPECT_EQ(GUEST_BASE + SZ_256M, guest_decoder_base(&self->test));
}

TEST_F(feature, lock_stays_until_the_last_of_two_closes)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	int second;

	/* The cdev has one file, which a second descriptor shares */
	if (variant->interface == VFIO_GROUP_INTERFACE)
		second = ioctl(self->test.vfio.group,
			       VFIO_GROUP_GET_DEVICE_FD, self->test.host.bdf);
	else
		second = dup(self->device);
	ASSERT_LE(0, second);
	ASSERT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
	close(self->device);
	self->test.vfio.device = second;

	ASSERT_EQ(0, vfio_hdm_get(second, &decoder));
	EXPECT_EQ(GUEST_BASE, decoder.base);
	EXPECT_EQ(-EBUSY, vfio_hdm_set(second, GUEST_BASE + SZ_256M,
				       GUEST_WINDOW));
}

struct setter {
	pthread_t thread;
	pthread_barrier_t *barrier;
	int device;
	uint64_t base;
	int ret;
};

static void *set_once(void *arg)
{
	struct setter *setter = arg;

	pthread_barrier_wait(setter->barrier);
	setter->ret = vfio_hdm_set(setter->device, setter->base, GUEST_WINDOW);

	return NULL;
}

TEST_F(feature, one_of_concurrent_sets_wins)
{
	struct setter setters[THREADS];
	pthread_barrier_t barrier;
	unsigned int round, i, won;
	struct vfio_device_feature_cxl_hdm_decoder decoder;

	for (round = 0; round < 4; round++) {
		if (round) {
			vfio_close(&self->test.vfio);
			ASSERT_EQ(0, test_vfio_open(&self->test,
						    variant->interface));
			self->device = self->test.vfio.device;
		}
		pthread_barrier_init(&barrier, NULL, THREADS);
		for (i = 0; i < THREADS; i++) {
			setters[i].barrier = &barrier;
			setters[i].device = self->device;
			setters[i].base = GUEST_BASE + i * SZ_1G;
			ASSERT_EQ(0, pthread_create(&setters[i].thread, NULL,
						    set_once, &setters[i]));
		}
		won = THREADS;
		for (i = 0; i < THREADS; i++) {
			pthread_join(setters[i].thread, NULL);
			if (!setters[i].ret) {
				EXPECT_EQ(THREADS, won);
				won = i;
			} else {
				EXPECT_EQ(-EBUSY, setters[i].ret);
			}
		}
		ASSERT_GT(THREADS, won);
		ASSERT_EQ(0, vfio_hdm_get(self->device, &decoder));
		EXPECT_EQ(setters[won].base, decoder.base);
		EXPECT_EQ(setters[won].base, guest_decoder_base(&self->test));
	}
}

TEST_F(feature, two_devices_are_independent)
{
	struct test_device first;
	struct view before, after;
	struct vfio_device_feature_cxl_hdm_decoder decoder;

	if (host_count() < 2)
		SKIP(return, "needs two devices");
	ASSERT_EQ(0, test_open(&first, 0, variant->interface));
	/* Their sizes distinguish them */
	if (first.host.size == self->size) {
		EXPECT_FINE(test_close(&first));
		SKIP(return, "needs two devices of different sizes");
	}

	ASSERT_EQ(0, view_get(&first, &before));
	ASSERT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
	ASSERT_EQ(0, view_get(&first, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));

	ASSERT_EQ(0, vfio_hdm_set(first.vfio.device, GUEST_BASE + GUEST_WINDOW,
				  GUEST_WINDOW));
	ASSERT_EQ(0, vfio_hdm_get(first.vfio.device, &decoder));
	EXPECT_EQ(GUEST_BASE + GUEST_WINDOW, decoder.base);
	EXPECT_EQ(first.host.size, decoder.size);
	ASSERT_EQ(0, vfio_hdm_get(self->device, &decoder));
	EXPECT_EQ(GUEST_BASE, decoder.base);
	EXPECT_EQ(self->size, decoder.size);

	/* The same base for both is the VMM's mistake, not the device's */
	EXPECT_EQ(-EBUSY, vfio_hdm_set(first.vfio.device, GUEST_BASE,
				       GUEST_WINDOW));

	EXPECT_FINE(test_close(&first));
	ASSERT_EQ(0, vfio_hdm_get(self->device, &decoder));
	EXPECT_EQ(GUEST_BASE, decoder.base);
	EXPECT_EQ(GUEST_BASE, guest_decoder_base(&self->test));
}

TEST_F(feature, device_info_has_one_hdm_region)
{
	const uint32_t flags = VFIO_REGION_INFO_FLAG_READ |
			       VFIO_REGION_INFO_FLAG_WRITE |
			       VFIO_REGION_INFO_FLAG_MMAP;
	const struct vfio_region_info_cap_type *type;
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info *region;
	unsigned int found = 0;
	uint32_t i;

	ASSERT_EQ(0, ioctl(self->device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_TRUE(info.flags & VFIO_DEVICE_FLAGS_PCI);
	EXPECT_TRUE(info.flags & VFIO_DEVICE_FLAGS_RESET);

	for (i = 0; i < info.num_regions; i++) {
		region = vfio_region(self->device, i);
		if (!region)
			continue;
		type = (const void *)vfio_cap(region,
					      VFIO_REGION_INFO_CAP_TYPE);
		if (type && type->type == HDM_REGION_TYPE &&
		    type->subtype == VFIO_REGION_SUBTYPE_CXL_MEM) {
			found++;
			EXPECT_LE(VFIO_PCI_NUM_REGIONS, i);
			EXPECT_EQ(self->size, region->size);
			EXPECT_EQ(flags, region->flags &
				  ~VFIO_REGION_INFO_FLAG_CAPS);
		}
		free(region);
	}
	EXPECT_EQ(1, found);
	EXPECT_EQ(NULL, vfio_region(self->device, info.num_regions));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(feature, low_power_is_not_offered)
{
	const uint32_t features[] = {
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
		VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
	};
	const uint32_t ops[] = { SET, PROBE | SET, PROBE };
	struct vfio_device_low_power_entry_with_wakeup entry = {
		.wakeup_eventfd = -1,
	};
	unsigned int i;

	for (i = 0; i < 9; i++) {
		const uint32_t flags = features[i / 3] | ops[i % 3];

		EXPECT_EQ(-ENOTTY, vfio_feature(self->device, flags, &entry,
						sizeof(entry)))
			TH_LOG("flags %#x", flags);
	}
}

TEST_F(feature, ioeventfd_is_not_offered)
{
	const uint64_t offsets[] = {
		self->test.vfio.regs + self->test.host.hdm + HDM_CTRL,
		(uint64_t)VFIO_PCI_BAR2_REGION_INDEX << 40,
	};
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct vfio_device_ioeventfd arg = {
			.argsz = sizeof(arg),
			.flags = VFIO_DEVICE_IOEVENTFD_32,
			.offset = offsets[i],
			.fd = -1,
		};

		EXPECT_EQ(-1, ioctl(self->device, VFIO_DEVICE_IOEVENTFD,
				    &arg));
		EXPECT_EQ(ENOTTY, errno);
	}
}

TEST_F(feature, dma_buf_leaves_out_component_registers)
{
	struct vfio_region_info *bar2 = vfio_region(self->device, 2);
	const uint64_t page = page_size(), decoders = CM_OFFSET / page * page;
	const uint32_t regs = self->test.host.bar;
	const uint32_t hdm = self->test.vfio.mem.index;
	/* A part of a page cannot be mapped */
	const int small = bar2 && bar2->size < page ? -EINVAL : 0;
	const struct {
		const char *name;
		uint32_t region;
		int ret;		/* 0 for a file descriptor */
		struct vfio_region_dma_range ranges[2];
	} rows[] = {
		{ "another BAR", 2, small, { { 0, page } } },
		{ "all component registers", regs, -EINVAL,
		  { { 0, COMPONENT_SIZE } } },
		{ "their first page", regs, -EINVAL, { { 0, page } } },
		{ "the page of the decoders", regs, -EINVAL,
		  { { decoders, page } } },
		{ "their last page", regs, -EINVAL,
		  { { COMPONENT_SIZE - page, page } } },
		{ "their last page and more", regs, -EINVAL,
		  { { COMPONENT_SIZE - page, 2 * page } } },
		{ "a page twice", regs, -EINVAL,
		  { { decoders, page }, { decoders, page } } },
		{ "an end that wraps", regs, -EINVAL, { { page, -page } } },
		{ "HDM", hdm, -ENODEV, { { 0, page } } },
		{ "config space", VFIO_PCI_CONFIG_REGION_INDEX, -ENODEV,
		  { { 0, page } } },
	};
	struct {
		struct vfio_device_feature_dma_buf get;
		struct vfio_region_dma_range ranges[2];
	} arg;
	unsigned int i;
	int ret;

	free(bar2);
	if (vfio_feature(self->device, VFIO_DEVICE_FEATURE_PROBE | GET |
			 VFIO_DEVICE_FEATURE_DMA_BUF, NULL, 0))
		SKIP(return, "the kernel exports no dma-bufs of devices");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(&arg, 0, sizeof(arg));
		arg.get.region_index = rows[i].region;
		arg.get.open_flags = O_RDWR | O_CLOEXEC;
		arg.get.nr_ranges = rows[i].ranges[1].length ? 2 : 1;
		memcpy(arg.ranges, rows[i].ranges, sizeof(arg.ranges));
		ret = vfio_feature(self->device, GET |
				   VFIO_DEVICE_FEATURE_DMA_BUF, &arg,
				   sizeof(arg));
		if (ret >= 0) {
			close(ret);
			ret = 0;
		}
		EXPECT_EQ(rows[i].ret, ret)
			TH_LOG("%s", rows[i].name);
	}
}

TEST_HARNESS_MAIN
