// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Call the device feature
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "internal.h"

int vfio_cxl_feature(int device_fd, uint32_t op,
		     struct vfio_device_feature_cxl_hdm_decoder *decoder)
{
	union {
		struct vfio_device_feature feature;
		unsigned char room[sizeof(struct vfio_device_feature) +
				   sizeof(*decoder)];
	} arg;

	memset(&arg, 0, sizeof(arg));
	arg.feature.argsz = sizeof(arg);
	arg.feature.flags = op | VFIO_DEVICE_FEATURE_CXL_HDM_DECODER;
	if (decoder)
		memcpy(arg.feature.data, decoder, sizeof(*decoder));

	if (ioctl(device_fd, VFIO_DEVICE_FEATURE, &arg) < 0)
		return -errno;

	if (decoder)
		memcpy(decoder, arg.feature.data, sizeof(*decoder));
	return 0;
}
