// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The functions that take an open device, with a fake one
 *
 * The linker makes the library call the ioctl(), mmap() and munmap() below,
 * which answer as VFIO and the kernel do, or as they never should.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <glib.h>

#include <linux/vfio.h>
#include <vfio-cxl.h>

#include "wrap.h"

#define DEVICE_FD 1000
#define DMA_BUF 1001
#define FIRST_REGION ((uint32_t)VFIO_PCI_NUM_REGIONS)
#define MAX_REGIONS 4

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

/* VFIO_REGION_TYPE_PCI_VENDOR_TYPE as an unsigned number, and with a vendor */
#define VENDOR_TYPE UINT32_C(0x80000000)
#define CXL_TYPE (VENDOR_TYPE | 0x1e98)

#define READ_WRITE_MMAP                                             \
	(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | \
	 VFIO_REGION_INFO_FLAG_MMAP)

/* What VFIO_DEVICE_GET_REGION_INFO answers, with the capabilities behind it. */
struct region {
	unsigned char bytes[2048];
	uint32_t size; /* bytes used of the above */
	uint32_t last; /* offset of the last capability, 0 if there is none */
};

/* The fake device.  An errno of 0 is success. */
static struct {
	uint32_t nr_regions;
	struct region regions[MAX_REGIONS]; /* from FIRST_REGION on */
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	struct vfio_device_feature_cxl_hdm_decoder set; /* what SET was given */

	int info_errno;
	int region_errno;
	int probe_errno;
	int get_errno;
	int set_errno;

	int reserve_errno;
	int map_errno;
	off_t map_offset; /* what mmap() of the device was given */
	size_t map_size;
	size_t mapped; /* bytes of address space, by any call */

	unsigned int bars; /* one bit per BAR that exists */
	int export_errno;
	uint64_t export_size; /* what was exported, by which BAR */
	uint32_t export_bar;

	uint32_t claim_argsz; /* what region info claims to need, if not 0 */
	uint32_t report_argsz; /* after a full answer, if not 0 */
	uint32_t grow; /* and that much more every time */

	unsigned int info_calls;
	unsigned int region_calls;
	unsigned int set_calls;
} device;

static int fail_with(int err)
{
	errno = err;
	return -1;
}

static int get_info(struct vfio_device_info *info)
{
	device.info_calls++;
	g_assert_cmpuint(info->argsz, >=,
			 offsetof(struct vfio_device_info, cap_offset));
	if (device.info_errno)
		return fail_with(device.info_errno);

	info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info->num_regions = device.nr_regions;
	info->num_irqs = VFIO_PCI_NUM_IRQS;
	return 0;
}

/* As vfio_pci_core: all of it if it fits, else the fixed part and the size. */
static int get_region_info(struct vfio_region_info *info)
{
	const struct region *region;
	uint32_t room = info->argsz;

	device.region_calls++;
	g_assert_cmpuint(room, >=, sizeof(*info));
	g_assert_cmpuint(info->index, >=, FIRST_REGION);
	g_assert_cmpuint(info->index, <, device.nr_regions);
	if (device.region_errno)
		return fail_with(device.region_errno);

	region = &device.regions[info->index - FIRST_REGION];
	if (device.claim_argsz) {
		memcpy(info, region->bytes, sizeof(*info));
		info->argsz = device.claim_argsz;
		device.claim_argsz += device.grow;
	} else if (room < region->size) {
		memcpy(info, region->bytes, sizeof(*info));
		info->argsz = region->size;
		info->cap_offset = 0;
	} else {
		memcpy(info, region->bytes, region->size);
		info->argsz = device.report_argsz ? device.report_argsz : room;
	}
	return 0;
}

/* As vfio_pci_core and the driver: by any existing BAR, far beyond its end. */
static int export_memory(const struct vfio_device_feature *arg)
{
	struct {
		uint32_t region_index, open_flags, flags, nr_ranges;
		uint64_t offset, length;
	} given;

	g_assert_cmpuint(arg->flags, ==, VFIO_DEVICE_FEATURE_GET | 11);
	g_assert_cmpuint(arg->argsz, ==, sizeof(*arg) + sizeof(given));
	memcpy(&given, arg->data, sizeof(given));
	g_assert_cmpuint(given.open_flags, ==, O_RDWR | O_CLOEXEC);
	g_assert_cmpuint(given.flags, ==, 0);
	g_assert_cmpuint(given.nr_ranges, ==, 1);
	g_assert_cmpuint(given.offset, ==, UINT64_C(1) << 40);
	if (!(device.bars & 1U << given.region_index))
		return fail_with(ENODEV);
	device.export_size = given.length;
	device.export_bar = given.region_index;
	return device.export_errno ? fail_with(device.export_errno) : DMA_BUF;
}

static int feature(struct vfio_device_feature *arg)
{
	const uint32_t ops = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET |
			     VFIO_DEVICE_FEATURE_PROBE;
	uint32_t op = arg->flags & ops;
	struct vfio_device_feature_cxl_hdm_decoder given;

	if ((arg->flags & VFIO_DEVICE_FEATURE_MASK) !=
	    VFIO_DEVICE_FEATURE_CXL_HDM_DECODER)
		return export_memory(arg);
	g_assert_cmpuint(arg->flags & ~(ops | VFIO_DEVICE_FEATURE_MASK), ==, 0);
	g_assert_cmpuint(arg->argsz, >=, sizeof(*arg));

	if (op & VFIO_DEVICE_FEATURE_PROBE) {
		g_assert_cmpuint(op, ==, ops);
		return device.probe_errno ? fail_with(device.probe_errno) : 0;
	}

	g_assert_cmpuint(arg->argsz, >=, sizeof(*arg) + sizeof(given));
	memcpy(&given, arg->data, sizeof(given));
	if (op == VFIO_DEVICE_FEATURE_GET) {
		g_assert_cmpuint(given.decoder, ==, 0);
		if (device.get_errno)
			return fail_with(device.get_errno);
		memcpy(arg->data, &device.decoder, sizeof(device.decoder));
		return 0;
	}

	g_assert_cmpuint(op, ==, VFIO_DEVICE_FEATURE_SET);
	device.set_calls++;
	device.set = given;
	return device.set_errno ? fail_with(device.set_errno) : 0;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	g_assert_cmpint(fd, ==, DEVICE_FD);
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		return get_info(arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return get_region_info(arg);
	case VFIO_DEVICE_FEATURE:
		return feature(arg);
	default:
		g_error("ioctl 0x%lx is not one of the library's", request);
	}
}

/* Ordinary memory stands in for the device's. */
void *__wrap_mmap(void *addr, size_t size, int prot, int flags, int fd,
		  off_t offset)
{
	void *memory;

	if (fd == DEVICE_FD) {
		g_assert_cmpint(prot, ==, PROT_READ | PROT_WRITE);
		g_assert_cmpint(flags, ==, MAP_SHARED | MAP_FIXED);
		device.map_offset = offset;
		device.map_size = size;
		if (device.map_errno) {
			errno = device.map_errno;
			return MAP_FAILED;
		}
		device.mapped -= size; /* in place of what is reserved */
		flags |= MAP_ANONYMOUS | MAP_NORESERVE;
		fd = -1;
		offset = 0;
	} else if (device.reserve_errno) {
		errno = device.reserve_errno;
		return MAP_FAILED;
	}
	memory = __real_mmap(addr, size, prot, flags, fd, offset);
	g_assert_true(memory != MAP_FAILED);
	device.mapped += size;
	return memory;
}

int __wrap_munmap(void *addr, size_t size)
{
	g_assert_cmpuint(size, >, 0);
	device.mapped -= size;
	return __real_munmap(addr, size);
}

/* A device without device specific regions, to which those are added. */
static void new_device(void)
{
	memset(&device, 0, sizeof(device));
	device.nr_regions = FIRST_REGION;
}

static struct region *add_region(uint32_t flags, uint64_t size)
{
	const uint32_t index = device.nr_regions++;
	struct region *region = &device.regions[index - FIRST_REGION];
	const struct vfio_region_info info = {
		.flags = flags,
		.index = index,
		.size = size,
		.offset = (uint64_t)index << 40,
	};

	g_assert_cmpuint(index, <, FIRST_REGION + MAX_REGIONS);
	memcpy(region->bytes, &info, sizeof(info));
	region->size = sizeof(info);
	return region;
}

static void put(struct region *region, size_t offset, uint32_t value)
{
	memcpy(&region->bytes[offset], &value, sizeof(value));
}

static void add_flags(struct region *region, uint32_t flags)
{
	uint32_t old;

	memcpy(&old, &region->bytes[offsetof(struct vfio_region_info, flags)],
	       sizeof(old));
	put(region, offsetof(struct vfio_region_info, flags), old | flags);
}

/* Append a capability, and link it from the one before. */
static void add_cap(struct region *region, const void *cap, size_t size)
{
	uint32_t at = (region->size + 7) & ~7U;

	g_assert_cmpuint(at + size, <=, sizeof(region->bytes));
	memcpy(&region->bytes[at], cap, size);
	put(region,
	    region->last ?
		    region->last + offsetof(struct vfio_info_cap_header, next) :
		    offsetof(struct vfio_region_info, cap_offset),
	    at);
	region->last = at;
	region->size = at + (uint32_t)size;
	add_flags(region, VFIO_REGION_INFO_FLAG_CAPS);
}

static void add_type_cap(struct region *region, uint32_t type, uint32_t subtype)
{
	const struct vfio_region_info_cap_type cap = {
		.header = { .id = VFIO_REGION_INFO_CAP_TYPE, .version = 1 },
		.type = type,
		.subtype = subtype,
	};

	add_cap(region, &cap, sizeof(cap));
}

/* A capability that the library does not use, of any size. */
static void add_other_cap(struct region *region, size_t size)
{
	g_autofree unsigned char *cap = g_malloc0(size);
	const struct vfio_info_cap_header header = {
		.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
		.version = 1,
	};

	memset(cap, 0xff, size);
	memcpy(cap, &header, sizeof(header));
	add_cap(region, cap, size);
}

/* The region of the memory, and a decoder that matches it. */
static struct region *add_memory(uint64_t size)
{
	struct region *region = add_region(READ_WRITE_MMAP, size);

	device.decoder = (struct vfio_device_feature_cxl_hdm_decoder){
		.flags = VFIO_CXL_HDM_DECODER_USABLE,
		.size = size,
	};
	return region;
}

static struct region *new_memory_device(void)
{
	struct region *region;

	new_device();
	region = add_memory(GIB);
	add_type_cap(region, CXL_TYPE, VFIO_REGION_SUBTYPE_CXL_MEM);
	return region;
}

/* The memory is the last of the regions. */
static void check_found(void)
{
	const uint32_t index = device.nr_regions - 1;
	struct vfio_cxl_reason reason;
	struct vfio_cxl_hdm hdm;

	memset(&reason, 0xa5, sizeof(reason));
	memset(&hdm, 0xa5, sizeof(hdm));
	hdm.argsz = sizeof(hdm);
	g_assert_cmpint(vfio_cxl_find(DEVICE_FD, "0000:0d:00.0", &hdm, &reason),
			==, 0);
	g_assert_cmpstr(reason.text, ==, "");
	g_assert_cmpuint(hdm.region_index, ==, index);
	g_assert_cmpuint(hdm.region_flags & READ_WRITE_MMAP, ==,
			 READ_WRITE_MMAP);
	g_assert_cmpuint(hdm.region_offset, ==, (uint64_t)index << 40);
	g_assert_cmpuint(hdm.size, ==, device.decoder.size);
	g_assert_cmpuint(hdm.decoder_flags, ==, device.decoder.flags);
	g_assert_cmpuint(hdm.base, ==, device.decoder.base);
	g_assert_cmpint(live_allocations(), ==, 0);
}

static void check_not_found(int ret, const char *words)
{
	struct vfio_cxl_hdm hdm, untouched;
	struct vfio_cxl_reason reason;

	memset(&reason, 0xa5, sizeof(reason));
	memset(&hdm, 0xa5, sizeof(hdm));
	hdm.argsz = sizeof(hdm);
	untouched = hdm;
	g_assert_cmpint(vfio_cxl_find(DEVICE_FD, "0000:0d:00.0", &hdm, &reason),
			==, ret);
	g_assert_true(!memcmp(&hdm, &untouched, sizeof(hdm)));
	g_assert_nonnull(memchr(reason.text, '\0', sizeof(reason.text)));
	g_assert_true(g_str_has_prefix(reason.text, "device 0000:0d:00.0: "));
	g_assert_nonnull(strstr(reason.text, words));
	g_assert_nonnull(strstr(reason.text, "; ")); /* what to do */
	g_assert_cmpint(live_allocations(), ==, 0);
}

static void test_only_region(void)
{
	new_memory_device();
	check_found();
}

static void test_locked(void)
{
	new_memory_device();
	device.decoder.flags |= VFIO_CXL_HDM_DECODER_COMMITTED |
				VFIO_CXL_HDM_DECODER_LOCKED;
	device.decoder.base = 8 * TIB;
	check_found();
}

static void test_not_usable(void)
{
	new_memory_device();
	device.decoder.flags = 0;
	check_found();
}

/* Regions that look like it: another vendor's, another subtype, without type */
static void test_among_others(void)
{
	new_device();
	add_region(READ_WRITE_MMAP, GIB);
	add_type_cap(add_region(READ_WRITE_MMAP, GIB), CXL_TYPE, 2);
	add_type_cap(add_region(READ_WRITE_MMAP, GIB), VENDOR_TYPE | 0x8086,
		     VFIO_REGION_SUBTYPE_CXL_MEM);
	add_type_cap(add_memory(2 * GIB), CXL_TYPE,
		     VFIO_REGION_SUBTYPE_CXL_MEM);
	check_found();
	g_assert_cmpuint(device.nr_regions, ==, FIRST_REGION + 4);
}

static void test_not_vendor_type(void)
{
	new_device();
	add_type_cap(add_memory(GIB), VFIO_CXL_VENDOR_ID,
		     VFIO_REGION_SUBTYPE_CXL_MEM);
	check_not_found(-ENOENT, "none of its 10 regions");
}

static void test_after_other_caps(void)
{
	struct region *region;
	int i;

	new_device();
	region = add_memory(GIB);
	for (i = 0; i < 100; i++)
		add_other_cap(region, 8);
	add_other_cap(region, 43);
	add_type_cap(region, CXL_TYPE, VFIO_REGION_SUBTYPE_CXL_MEM);
	add_other_cap(region, 16);
	check_found();
}

/* A capability need not be aligned; the kernel's were not always. */
static void test_unaligned_cap(void)
{
	struct region *region = new_memory_device();

	memmove(&region->bytes[region->last + 3], &region->bytes[region->last],
		sizeof(struct vfio_region_info_cap_type));
	put(region, offsetof(struct vfio_region_info, cap_offset),
	    region->last + 3);
	region->size += 3;
	check_found();
}

/* The kernel needs more room than it said before. */
static void test_growing_info(void)
{
	new_memory_device();
	device.claim_argsz = sizeof(struct vfio_region_info) + 4;
	g_assert_cmpuint(device.claim_argsz, <, device.regions[0].size);
	device.grow = -device.claim_argsz; /* the correct size from then on */
	check_found();
	g_assert_cmpuint(device.region_calls, ==, 3);
}

/* The kernel reports less than before: only that much is valid. */
static void test_argsz_shrinks(void)
{
	new_memory_device();
	device.report_argsz = 1;
	check_found();
}

static void test_no_region(void)
{
	new_device();
	check_not_found(-ENOENT, "none of its 9 regions");
	g_assert_cmpuint(device.region_calls, ==, 0);
}

static void test_fewer_regions(void)
{
	new_device();
	device.nr_regions = 0;
	check_not_found(-ENOENT, "none of its 0 regions");
}

static void test_no_caps(void)
{
	new_device();
	add_memory(GIB);
	check_not_found(-ENOENT, "none of its 10 regions");
}

static void test_empty_chain(void)
{
	new_device();
	add_flags(add_memory(GIB), VFIO_REGION_INFO_FLAG_CAPS);
	check_not_found(-ENOENT, "none of its 10 regions");
}

static void test_caps_without_flag(void)
{
	struct region *region = new_memory_device();

	put(region, offsetof(struct vfio_region_info, flags), READ_WRITE_MMAP);
	check_not_found(-ENOENT, "none of its 10 regions");
}

static void test_cap_in_fixed_part(void)
{
	struct region *region = new_memory_device();

	put(region, offsetof(struct vfio_region_info, cap_offset),
	    sizeof(struct vfio_region_info) - 1);
	check_not_found(-EPROTO, "region 9");
}

/* The first capability is off the end: by far, by one, by part of its header */
static void test_cap_beyond_end(void)
{
	const uint32_t header = sizeof(struct vfio_info_cap_header);
	struct region *region = new_memory_device();
	const uint32_t offsets[] = {
		UINT32_MAX,
		INT32_MAX,
		region->size,
		region->size - 1,
		region->size - header + 1,
	};
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(offsets); i++) {
		put(region, offsetof(struct vfio_region_info, cap_offset),
		    offsets[i]);
		check_not_found(-EPROTO, "region 9");
	}
}

/* The next capability is off the end. */
static void test_next_beyond_end(void)
{
	struct region *region;

	new_device();
	region = add_memory(GIB);
	add_other_cap(region, 8);
	put(region, region->last + offsetof(struct vfio_info_cap_header, next),
	    region->size);
	check_not_found(-EPROTO, "region 9");
}

static void test_type_cap_truncated(void)
{
	struct region *region = new_memory_device();
	const uint32_t size = region->size;

	while (--region->size >=
	       region->last + sizeof(struct vfio_info_cap_header))
		check_not_found(-EPROTO, "region 9");
	g_assert_cmpuint(size - region->size, >, 8);
}

static void test_loop_of_one(void)
{
	struct region *region;

	new_device();
	region = add_memory(GIB);
	add_other_cap(region, 8);
	put(region, region->last + offsetof(struct vfio_info_cap_header, next),
	    region->last);
	check_not_found(-EPROTO, "region 9");
}

static void test_loop_of_two(void)
{
	struct region *region;
	uint32_t first;

	new_device();
	region = add_memory(GIB);
	add_other_cap(region, 8);
	first = region->last;
	add_other_cap(region, 8);
	put(region, region->last + offsetof(struct vfio_info_cap_header, next),
	    first);
	check_not_found(-EPROTO, "region 9");
}

static void test_info_too_long(void)
{
	new_memory_device();
	device.claim_argsz = UINT32_MAX;
	check_not_found(-EPROTO, "region 9");
	g_assert_cmpuint(device.region_calls, ==, 1);
}

/* It always needs more: the library gives up at some point. */
static void test_info_always_too_long(void)
{
	new_memory_device();
	device.claim_argsz = 4096;
	device.grow = 4096;
	check_not_found(-EPROTO, "region 9");
}

static void test_bad_chain_of_another(void)
{
	struct region *region;

	new_device();
	region = add_region(READ_WRITE_MMAP, GIB);
	add_other_cap(region, 8);
	put(region, offsetof(struct vfio_region_info, cap_offset), 4000);
	add_type_cap(add_memory(GIB), CXL_TYPE, VFIO_REGION_SUBTYPE_CXL_MEM);
	check_not_found(-EPROTO, "region 9");
}

static void test_contradiction(void)
{
	new_memory_device();
	device.decoder.size -= VFIO_CXL_ALIGN;
	check_not_found(-EPROTO, "0x30000000 bytes, but its region 9, ");
}

static void test_find_errors(void)
{
	static const int errnos[] = { EBADF, ENOTTY, EINVAL, EIO, 12345 };
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(errnos); i++) {
		new_memory_device();
		device.info_errno = errnos[i];
		check_not_found(-errnos[i], "not an open VFIO device");

		new_memory_device();
		device.probe_errno = errnos[i];
		check_not_found(-errnos[i], "vfio-cxl-pci");

		new_memory_device();
		device.region_errno = errnos[i];
		check_not_found(-errnos[i], "region 9");

		new_memory_device();
		device.get_errno = errnos[i];
		check_not_found(-errnos[i], "state of its HDM decoder");
	}
}

static void test_find_out_of_memory(void)
{
	int nth;

	for (nth = 0; nth < 2; nth++) {
		new_memory_device();
		fail_allocation(nth);
		check_not_found(-ENOMEM, "region 9");
	}
	fail_allocation(-1);
	check_found();
}

static void test_find_without_reason(void)
{
	struct vfio_cxl_hdm hdm = { .argsz = sizeof(hdm) };

	new_memory_device();
	g_assert_cmpint(vfio_cxl_find(DEVICE_FD, NULL, &hdm, NULL), ==, 0);
	device.get_errno = EIO;
	g_assert_cmpint(vfio_cxl_find(DEVICE_FD, NULL, &hdm, NULL), ==, -EIO);
}

static void test_find_without_name(void)
{
	struct vfio_cxl_reason reason;
	struct vfio_cxl_hdm hdm = { .argsz = sizeof(hdm) };

	new_device();
	g_assert_cmpint(vfio_cxl_find(DEVICE_FD, NULL, &hdm, &reason), ==,
			-ENOENT);
	g_assert_true(g_str_has_prefix(reason.text, "device (unnamed): "));
}

/* What the caller has room for is filled in, the unknown part is cleared. */
static void test_find_argsz(void)
{
	static const struct vfio_cxl_hdm zeroes;
	struct vfio_cxl_hdm hdm[2];
	struct vfio_cxl_reason reason;

	new_memory_device();
	memset(hdm, 0xa5, sizeof(hdm));
	hdm[0].argsz = sizeof(hdm);
	g_assert_cmpint(vfio_cxl_find(DEVICE_FD, NULL, hdm, &reason), ==, 0);
	g_assert_cmpuint(hdm[0].argsz, ==, sizeof(hdm));
	g_assert_cmpuint(hdm[0].size, ==, GIB);
	g_assert_true(!memcmp(&hdm[1], &zeroes, sizeof(zeroes)));

	hdm[0].argsz = sizeof(hdm[0]) - 1;
	hdm[0].size = 1;
	g_assert_cmpint(vfio_cxl_find(DEVICE_FD, "gpu", hdm, &reason), ==,
			-EINVAL);
	g_assert_true(g_str_has_prefix(reason.text, "device gpu: "));
	g_assert_nonnull(strstr(reason.text, "argsz"));
	g_assert_cmpuint(hdm[0].size, ==, 1);
	g_assert_cmpint(vfio_cxl_find(DEVICE_FD, NULL, NULL, &reason), ==,
			-EINVAL);
	g_assert_nonnull(strstr(reason.text, "missing"));
}

/* Of any size: begins at a multiple of 1 GiB, and no other mapping is left. */
static void test_map(void)
{
	const uint64_t sizes[] = { VFIO_CXL_ALIGN, GIB, 5 * VFIO_CXL_ALIGN };
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct vfio_cxl_hdm hdm = {
			.argsz = sizeof(hdm),
			.region_offset = UINT64_C(9) << 40,
			.size = sizes[i],
		};
		struct vfio_cxl_reason reason;
		void *memory = NULL;

		new_device();
		memset(&reason, 0xa5, sizeof(reason));
		g_assert_cmpint(vfio_cxl_map(DEVICE_FD, "gpu", &hdm, &memory,
					     &reason),
				==, 0);
		g_assert_cmpstr(reason.text, ==, "");
		g_assert_cmpuint((uintptr_t)memory % GIB, ==, 0);
		g_assert_cmpint(device.map_offset, ==, INT64_C(9) << 40);
		g_assert_cmpuint(device.map_size, ==, sizes[i]);
		g_assert_cmpuint(device.mapped, ==, sizes[i]);
		*(volatile char *)memory = 1;
		g_assert_cmpint(munmap(memory, sizes[i]), ==, 0);
	}
}

static void check_not_mapped(const struct vfio_cxl_hdm *hdm, int ret,
			     const char *words)
{
	struct vfio_cxl_reason reason;
	void *memory = &reason;

	memset(&reason, 0xa5, sizeof(reason));
	g_assert_cmpint(vfio_cxl_map(DEVICE_FD, "gpu", hdm, &memory, &reason),
			==, ret);
	g_assert_true(memory == &reason);
	g_assert_true(g_str_has_prefix(reason.text, "device gpu: "));
	g_assert_nonnull(strstr(reason.text, words));
	g_assert_nonnull(strstr(reason.text, "; "));
	g_assert_cmpuint(device.mapped, ==, 0);
}

/* Members that this library does not know are accepted if they are 0. */
static void test_map_argsz(void)
{
	struct vfio_cxl_hdm hdm[2] = { {
		.argsz = sizeof(hdm),
		.size = GIB,
	} };
	struct vfio_cxl_reason reason;
	void *memory;

	new_device();
	g_assert_cmpint(vfio_cxl_map(DEVICE_FD, "gpu", hdm, &memory, &reason),
			==, 0);
	g_assert_cmpuint(device.mapped, ==, GIB);
	g_assert_cmpint(munmap(memory, GIB), ==, 0);
	hdm[1].base = 1;
	check_not_mapped(hdm, -E2BIG, "use a newer one");
	hdm[0].argsz = 4097;
	check_not_mapped(hdm, -EINVAL, "argsz");
}

static void test_map_errors(void)
{
	struct vfio_cxl_hdm hdm = { .argsz = sizeof(hdm), .size = GIB };

	new_device();
	device.reserve_errno = ENOMEM;
	check_not_mapped(&hdm, -ENOMEM, "Cannot allocate memory");
	new_device();
	device.map_errno = EINVAL;
	check_not_mapped(&hdm, -EINVAL, "Invalid argument");
	g_assert_cmpuint(device.map_size, ==, GIB);

	new_device();
	hdm.size = SIZE_MAX - GIB + 1;
	check_not_mapped(&hdm, -EOVERFLOW, "0xffffffffc0000000 bytes");
	hdm.size = GIB;
	hdm.region_offset = UINT64_MAX;
	check_not_mapped(&hdm, -EOVERFLOW, "0xffffffffffffffff");
	hdm.argsz = 0;
	check_not_mapped(&hdm, -EINVAL, "argsz");
	check_not_mapped(NULL, -EINVAL, "missing");
	g_assert_cmpuint(device.map_size, ==, 0);
}

/* By the first BAR that exists. */
static void test_dma_buf(void)
{
	static const struct {
		unsigned int bars;
		uint32_t bar;
	} rows[] = { { 1, 0 }, { 4, 2 }, { 0x24, 2 }, { 0x20, 5 } };
	const struct vfio_cxl_hdm hdm = {
		.argsz = sizeof(hdm),
		.size = 5 * GIB,
	};
	struct vfio_cxl_reason reason;
	size_t i;
	int fd;

	for (i = 0; i < G_N_ELEMENTS(rows); i++) {
		new_device();
		device.bars = rows[i].bars;
		memset(&reason, 0xa5, sizeof(reason));
		fd = -1;
		g_assert_cmpint(vfio_cxl_dma_buf(DEVICE_FD, "gpu", &hdm, &fd,
						 &reason),
				==, 0);
		g_assert_cmpint(fd, ==, DMA_BUF);
		g_assert_cmpuint(device.export_bar, ==, rows[i].bar);
		g_assert_cmpuint(device.export_size, ==, 5 * GIB);
		g_assert_cmpstr(reason.text, ==, "");
	}
}

static void check_not_exported(const struct vfio_cxl_hdm *hdm, int ret,
			       const char *words)
{
	struct vfio_cxl_reason reason;
	int fd = -1;

	memset(&reason, 0xa5, sizeof(reason));
	g_assert_cmpint(vfio_cxl_dma_buf(DEVICE_FD, "gpu", hdm, &fd, &reason),
			==, ret);
	g_assert_cmpint(fd, ==, -1);
	g_assert_true(g_str_has_prefix(reason.text, "device gpu: "));
	g_assert_nonnull(strstr(reason.text, words));
	g_assert_nonnull(strstr(reason.text, "; "));
}

static void test_dma_buf_argsz(void)
{
	struct vfio_cxl_hdm hdm[2] = { {
		.argsz = sizeof(hdm),
		.size = GIB,
	} };
	struct vfio_cxl_reason reason;
	int fd = -1;

	new_device();
	device.bars = 1;
	g_assert_cmpint(vfio_cxl_dma_buf(DEVICE_FD, "gpu", hdm, &fd, &reason),
			==, 0);
	g_assert_cmpint(fd, ==, DMA_BUF);
	hdm[1].base = 1;
	check_not_exported(hdm, -E2BIG, "use a newer one");
	hdm[0].argsz = 4097;
	check_not_exported(hdm, -EINVAL, "argsz");
}

static void test_dma_buf_errors(void)
{
	struct vfio_cxl_hdm hdm = { .argsz = sizeof(hdm), .size = GIB };

	new_device();
	check_not_exported(&hdm, -ENODEV, "No such device");
	device.bars = 3;
	device.export_errno = EOPNOTSUPP;
	check_not_exported(&hdm, -EOPNOTSUPP, "not supported");
	/* Another BAR would fail in the same way */
	g_assert_cmpuint(device.export_bar, ==, 0);
	hdm.argsz = 0;
	check_not_exported(&hdm, -EINVAL, "argsz");
	check_not_exported(NULL, -EINVAL, "missing");
}

static const char *const target = "cxl.3";

static const struct vfio_cxl_device some_device = {
	.argsz = sizeof(some_device),
	.name = "0000:0d:00.0",
	.host_bridge = "cxl.3",
	.hdm_size = GIB,
};

static const struct vfio_cxl_window some_window = {
	.argsz = sizeof(some_window),
	.name = "cfmw.3",
	.base = 0x8c000000000,
	.size = 256 * GIB,
	.targets = &target,
	.nr_targets = 1,
	.placed = true,
};

/* SET gets what the UAPI says, and nothing else. */
static void test_lock(void)
{
	struct vfio_cxl_reason reason;

	new_memory_device();
	memset(&reason, 0xa5, sizeof(reason));
	g_assert_cmpint(vfio_cxl_lock(DEVICE_FD, &some_device, &some_window,
				      &reason),
			==, 0);
	g_assert_cmpstr(reason.text, ==, "");
	g_assert_cmpuint(device.set_calls, ==, 1);
	g_assert_cmpuint(device.set.decoder, ==, 0);
	g_assert_cmpuint(device.set.flags, ==, 0);
	g_assert_cmpuint(device.set.base, ==, 0x8c000000000);
	g_assert_cmpuint(device.set.size, ==, 256 * GIB);
}

struct lock_error {
	int err;
	const char *words;
};

/* Every errno of the UAPI's table, and two that are not in it. */
static const struct lock_error lock_errors[] = {
	{ EINVAL, "non-zero multiples of 256 MiB; correct the window" },
	{ EFAULT, "cannot read the request; report" },
	{ EOVERFLOW, "beyond 2^52 there; give" },
	{ ENOSPC, "larger than the window; make" },
	{ EBUSY, "locked at another base; to move it" },
	{ EIO, "lost in a reset and could not be restored; see" },
	{ ENOTTY, "not a CXL.mem device of vfio-cxl-pci; bind" },
	{ EBADF, "Bad file descriptor" },
	{ 12345, "Unknown error 12345" },
};

static void check_start(const struct vfio_cxl_reason *reason, const char *start)
{
	g_assert_true(g_str_has_prefix(reason->text, start));
}

static void test_lock_error(const void *data)
{
	const struct lock_error *error = data;
	struct vfio_cxl_reason reason;

	new_memory_device();
	device.set_errno = error->err;
	memset(&reason, 0xa5, sizeof(reason));
	g_assert_cmpint(vfio_cxl_lock(DEVICE_FD, &some_device, &some_window,
				      &reason),
			==, -error->err);
	check_start(&reason,
		    "device 0000:0d:00.0 below host bridge cxl.3, window cfmw.3 (base 0x8c000000000, size 0x4000000000): ");
	g_assert_nonnull(strstr(reason.text, error->words));
	g_assert_cmpint(vfio_cxl_lock(DEVICE_FD, &some_device, &some_window,
				      NULL),
			==, -error->err);
}

/* A refused device has no window: the kernel is not called. */
static void test_lock_nowhere(void)
{
	struct vfio_cxl_window unplaced = some_window;
	struct vfio_cxl_reason reason;

	new_memory_device();
	g_assert_cmpint(vfio_cxl_lock(DEVICE_FD, &some_device, NULL, &reason),
			==, -EINVAL);
	g_assert_nonnull(strstr(reason.text, "below host bridge cxl.3: "));

	unplaced.placed = false;
	g_assert_cmpint(vfio_cxl_lock(DEVICE_FD, &some_device, &unplaced,
				      &reason),
			==, -EINVAL);
	g_assert_nonnull(strstr(reason.text, "window cfmw.3 (no base"));

	g_assert_cmpint(vfio_cxl_lock(DEVICE_FD, NULL, &some_window, &reason),
			==, -EINVAL);
	g_assert_nonnull(strstr(reason.text, "missing"));
	g_assert_cmpint(vfio_cxl_lock(DEVICE_FD, NULL, NULL, NULL), ==,
			-EINVAL);
	g_assert_cmpuint(device.set_calls, ==, 0);
}

static void check_lock_argsz(const struct vfio_cxl_device *place,
			     const struct vfio_cxl_window *window, int ret,
			     const char *words)
{
	struct vfio_cxl_reason reason;

	new_memory_device();
	g_assert_cmpint(vfio_cxl_lock(DEVICE_FD, place, window, &reason), ==,
			ret);
	g_assert_nonnull(strstr(reason.text, words));
	g_assert_cmpuint(device.set_calls, ==, ret ? 0 : 1);
}

static void test_lock_argsz(void)
{
	struct vfio_cxl_window windows[2] = { some_window };
	struct vfio_cxl_device devices[2] = { some_device };

	windows[0].argsz = sizeof(windows);
	devices[0].argsz = sizeof(devices);
	check_lock_argsz(devices, windows, 0, "");
	windows[1].size = 1;
	check_lock_argsz(devices, windows, -E2BIG, "use a newer one");
	devices[1].hdm_size = 1;
	check_lock_argsz(devices, &some_window, -E2BIG, "use a newer one");

	windows[0].argsz = 0;
	check_lock_argsz(&some_device, windows, -EINVAL, "cxl.3: a structure");
	devices[0].argsz = 0;
	check_lock_argsz(devices, &some_window, -EINVAL, "argsz");
}

int main(int argc, char **argv)
{
	size_t i;

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/find/only-region", test_only_region);
	g_test_add_func("/find/locked", test_locked);
	g_test_add_func("/find/not-usable", test_not_usable);
	g_test_add_func("/find/among-others", test_among_others);
	g_test_add_func("/find/not-vendor-type", test_not_vendor_type);
	g_test_add_func("/find/after-other-caps", test_after_other_caps);
	g_test_add_func("/find/unaligned-cap", test_unaligned_cap);
	g_test_add_func("/find/growing-info", test_growing_info);
	g_test_add_func("/find/argsz-shrinks", test_argsz_shrinks);
	g_test_add_func("/find/no-region", test_no_region);
	g_test_add_func("/find/fewer-regions", test_fewer_regions);
	g_test_add_func("/find/no-caps", test_no_caps);
	g_test_add_func("/find/empty-chain", test_empty_chain);
	g_test_add_func("/find/caps-without-flag", test_caps_without_flag);
	g_test_add_func("/find/cap-in-fixed-part", test_cap_in_fixed_part);
	g_test_add_func("/find/cap-beyond-end", test_cap_beyond_end);
	g_test_add_func("/find/next-beyond-end", test_next_beyond_end);
	g_test_add_func("/find/type-cap-truncated", test_type_cap_truncated);
	g_test_add_func("/find/loop-of-one", test_loop_of_one);
	g_test_add_func("/find/loop-of-two", test_loop_of_two);
	g_test_add_func("/find/info-too-long", test_info_too_long);
	g_test_add_func("/find/info-always-too-long",
			test_info_always_too_long);
	g_test_add_func("/find/bad-chain-of-another",
			test_bad_chain_of_another);
	g_test_add_func("/find/contradiction", test_contradiction);
	g_test_add_func("/find/errors", test_find_errors);
	g_test_add_func("/find/out-of-memory", test_find_out_of_memory);
	g_test_add_func("/find/without-reason", test_find_without_reason);
	g_test_add_func("/find/without-name", test_find_without_name);
	g_test_add_func("/find/argsz", test_find_argsz);
	g_test_add_func("/map/aligned", test_map);
	g_test_add_func("/map/argsz", test_map_argsz);
	g_test_add_func("/map/errors", test_map_errors);
	g_test_add_func("/dma-buf/bars", test_dma_buf);
	g_test_add_func("/dma-buf/argsz", test_dma_buf_argsz);
	g_test_add_func("/dma-buf/errors", test_dma_buf_errors);
	g_test_add_func("/lock/set", test_lock);
	g_test_add_func("/lock/argsz", test_lock_argsz);
	g_test_add_func("/lock/nowhere", test_lock_nowhere);
	for (i = 0; i < G_N_ELEMENTS(lock_errors); i++) {
		const char *name = strerrorname_np(lock_errors[i].err);
		g_autofree char *path = g_strdup_printf("/lock/error/%s",
							name ? name : "other");

		g_test_add_data_func(path, &lock_errors[i], test_lock_error);
	}
	return g_test_run();
}
