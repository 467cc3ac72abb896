// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Lock HDM decoder 0 at the base of a window
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <linux/vfio.h>

#include "internal.h"

/* What the errno of a SET means, and what to do about it. */
static const char *const advices[] = {
	[EINVAL] =
		"base and size must be non-zero multiples of 256 MiB; correct the window",
	[EFAULT] =
		"the kernel cannot read the request; report a bug of libvfio-cxl",
	[EOVERFLOW] =
		"the memory would reach beyond 2^52 there; give the window a lower base",
	[ENOSPC] =
		"the memory is larger than the window; make the window larger",
	[EBUSY] =
		"the decoder is locked at another base; to move it, close the device and open it again",
	[EIO] =
		"the host's decoder was lost in a reset and could not be restored; see the kernel log, then reset the device in sysfs, or bind it to vfio-cxl-pci again",
	[ENOTTY] =
		"not a CXL.mem device of vfio-cxl-pci; bind it to that driver",
};

static const char *advice(int err)
{
	if ((size_t)err < ARRAY_SIZE(advices) && advices[err])
		return advices[err];
	return strerror(err);
}

int vfio_cxl_lock(int device_fd, const struct vfio_cxl_device *device,
		  const struct vfio_cxl_window *window,
		  struct vfio_cxl_reason *reason)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder = { 0 };
	int ret;

	ret = vfio_cxl_check_args(device, 1, sizeof(*device));
	if (ret)
		return vfio_cxl_explain(ret, reason, NULL, NULL, "%s",
					vfio_cxl_args_text(-ret));
	ret = window ? vfio_cxl_check_args(window, 1, sizeof(*window)) : 0;
	if (ret)
		return vfio_cxl_explain(ret, reason, device, NULL, "%s",
					vfio_cxl_args_text(-ret));
	if (!window || !window->placed)
		return vfio_cxl_explain(-EINVAL, reason, device, window,
					"there is no base to lock it at; pass the window that vfio_cxl_select() chose");

	decoder.base = window->base;
	decoder.size = window->size;
	ret = vfio_cxl_feature(device_fd, VFIO_DEVICE_FEATURE_SET, &decoder);
	if (ret)
		return vfio_cxl_explain(ret, reason, device, window, "%s",
					advice(-ret));
	return vfio_cxl_explain_nothing(reason);
}
