/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the sources of libvfio-cxl share and do not export
 */
#ifndef VFIO_CXL_INTERNAL_H
#define VFIO_CXL_INTERNAL_H

#include <stdint.h>

#include <vfio-cxl.h>

/* How a name goes into a reason: cut, so that what follows is not lost. */
#define NAME_FMT "%.64s"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))

/**
 * vfio_cxl_explain() - give a reason for a result
 * @result: an errno, a verdict: whatever the caller is about to return
 * @reason: set to "device D below host bridge H, window W (base, size): " and
 *	the text; may be NULL
 * @device: named in the reason, with its host bridge if it has one; may be NULL
 * @window: named in the reason, with base and size; NULL if it is not about one
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
 * vfio_cxl_name() - a name that can be printed
 * @name: may be NULL or empty
 *
 * Return: @name, or words that say there is none.
 */
const char *vfio_cxl_name(const char *name);

/**
 * vfio_cxl_errno_text() - an errno in words
 * @err: positive
 *
 * Return: the text, never NULL.
 */
const char *vfio_cxl_errno_text(int err);

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
