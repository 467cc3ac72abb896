// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Map the memory of a device
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "internal.h"

/* Size of the largest huge page that the driver maps, on any architecture */
#define HUGE_PAGE ((size_t)1 << 30)

/* Reserve address space for @size bytes, aligned to HUGE_PAGE. */
static void *reserve(size_t size)
{
	unsigned char *start;
	size_t before;

	start = mmap(NULL, size + HUGE_PAGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		return start;

	before = -(uintptr_t)start % HUGE_PAGE;
	if (before)
		munmap(start, before);
	munmap(start + before + size, HUGE_PAGE - before);
	return start + before;
}

int vfio_cxl_map(int device_fd, const char *name,
		 const struct vfio_cxl_hdm *hdm, void **memory,
		 struct vfio_cxl_reason *reason)
{
	const struct vfio_cxl_device device = { .name = name };
	void *place, *mapped;
	size_t size, room;
	off_t offset;
	int ret;

	ret = vfio_cxl_check_args(hdm, 1, sizeof(*hdm));
	if (ret)
		return vfio_cxl_explain(ret, reason, &device, NULL, "%s",
					vfio_cxl_args_text(-ret));
	if (__builtin_add_overflow(hdm->size, HUGE_PAGE, &room) ||
	    __builtin_add_overflow(hdm->region_offset, 0, &offset))
		return vfio_cxl_explain(-EOVERFLOW, reason, &device, NULL,
					"0x%llx bytes at offset 0x%llx are more than can be mapped; pass what vfio_cxl_find() returned",
					(unsigned long long)hdm->size,
					(unsigned long long)hdm->region_offset);

	size = room - HUGE_PAGE;
	place = reserve(size);
	if (place == MAP_FAILED) {
		ret = -errno;
		return vfio_cxl_explain(ret, reason, &device, NULL,
					"no address space for its memory, 0x%zx bytes (%s); raise the limit of the process",
					size, strerror(-ret));
	}
	mapped = mmap(place, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, device_fd, offset);
	if (mapped == MAP_FAILED) {
		ret = -errno;
		munmap(place, size);
		return vfio_cxl_explain(ret, reason, &device, NULL,
					"cannot map its memory, 0x%zx bytes (%s); see the kernel log",
					size, strerror(-ret));
	}
	*memory = mapped;
	return vfio_cxl_explain_nothing(reason);
}
