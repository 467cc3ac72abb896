/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Declarations that the sources of libvfio-cxl share and do not export
 */
#ifndef VFIO_CXL_INTERNAL_H
#define VFIO_CXL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vfio-cxl.h>

/* Format of a name in a reason: truncated, to keep the text after it. */
#define NAME_FMT "%.64s"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))

/*
 * Structures must not end in padding: appended members would lie in it, and
 * older callers do not initialise padding.
 */
_Static_assert(sizeof(struct vfio_cxl_hdm) ==
	       offsetof(struct vfio_cxl_hdm, base) + sizeof(uint64_t),
	       "padding");
_Static_assert(sizeof(struct vfio_cxl_window) ==
	       offsetof(struct vfio_cxl_window, nr_targets) + sizeof(size_t),
	       "padding");
_Static_assert(sizeof(struct vfio_cxl_device) ==
	       offsetof(struct vfio_cxl_device, locked_base) + sizeof(uint64_t),
	       "padding");
_Static_assert(sizeof(struct vfio_cxl_placement) ==
	       offsetof(struct vfio_cxl_placement, reason) +
	       sizeof(struct vfio_cxl_reason), "padding");

/**
 * vfio_cxl_arg() - get one of the caller's structures
 * @args: an array, with the size of an element in the first argsz
 * @i: index of the element
 *
 * Return: its address.
 */
void *vfio_cxl_arg(const void *args, size_t i);

/**
 * vfio_cxl_have_room() - whether these structures can be written
 * @args: one structure or an array; may be NULL
 * @nr: number of elements
 * @size: size of one element in this version
 *
 * Return: true if each argsz is the same and at least @size.
 */
bool vfio_cxl_have_room(const void *args, size_t nr, size_t size);

/**
 * vfio_cxl_check_args() - whether this version understands these structures
 * @args: see vfio_cxl_have_room()
 * @nr: see there
 * @size: see there
 *
 * Return: 0, -EINVAL if they are too small, or -E2BIG if more than @size is
 * used.
 */
int vfio_cxl_check_args(const void *args, size_t nr, size_t size);

/**
 * vfio_cxl_args_text() - explain an error of vfio_cxl_check_args()
 * @err: EINVAL or E2BIG
 *
 * Return: the text.
 */
const char *vfio_cxl_args_text(int err);

/**
 * vfio_cxl_clear_rest() - clear the part of output that this version lacks
 * @args: see vfio_cxl_have_room(), which has returned true
 * @nr: see there
 * @size: see there
 */
void vfio_cxl_clear_rest(void *args, size_t nr, size_t size);

/**
 * vfio_cxl_explain() - give a reason for a result
 * @result: the caller's return value, such as an errno or a verdict
 * @reason: set to "device D below host bridge H, window W (base, size): " and
 *	the text; may be NULL
 * @device: named in the reason, with its host bridge if it has one; may be NULL
 * @window: named in the reason, with base and size; NULL if there is none
 * @fmt: as for printf(3)
 *
 * Return: @result.
 */
__printf(5, 6) int
vfio_cxl_explain(int result, struct vfio_cxl_reason *reason,
		 const struct vfio_cxl_device *device,
		 const struct vfio_cxl_window *window, const char *fmt, ...);

/**
 * vfio_cxl_explain_nothing() - clear the reason after a success
 * @reason: may be NULL
 *
 * Return: 0.
 */
int vfio_cxl_explain_nothing(struct vfio_cxl_reason *reason);

/**
 * vfio_cxl_name() - make a name printable
 * @name: may be NULL or empty
 *
 * Return: @name, or a text that says that there is none.
 */
const char *vfio_cxl_name(const char *name);

/**
 * vfio_cxl_feature() - call VFIO_DEVICE_FEATURE_CXL_HDM_DECODER
 * @device_fd: the device
 * @op: VFIO_DEVICE_FEATURE_{GET,SET,PROBE}
 * @decoder: read and, on success of a GET, written; NULL to PROBE
 *
 * Return: 0 or the negative errno of ioctl(2).
 */
int vfio_cxl_feature(int device_fd, uint32_t op,
		     struct vfio_device_feature_cxl_hdm_decoder *decoder);

#endif /* VFIO_CXL_INTERNAL_H */
