// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Export the memory as a dma-buf
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "internal.h"

/* Since Linux 6.19; headers of distributions are older */
#ifndef VFIO_DEVICE_FEATURE_DMA_BUF
#define VFIO_DEVICE_FEATURE_DMA_BUF 11

struct vfio_region_dma_range {
	__u64 offset;
	__u64 length;
};

struct vfio_device_feature_dma_buf {
	__u32 region_index;
	__u32 open_flags;
	__u32 flags;
	__u32 nr_ranges;
	struct vfio_region_dma_range dma_ranges[];
};
#endif

/* Returns a file descriptor or -errno: -ENODEV if there is no such BAR */
static int export_by(int device_fd, uint32_t bar, uint64_t size)
{
	const struct vfio_device_feature_dma_buf dma_buf = {
		.region_index = bar,
		.open_flags = O_RDWR | O_CLOEXEC,
		.nr_ranges = 1,
	};
	const struct vfio_region_dma_range range = {
		.offset = VFIO_CXL_MEM_DMA_BUF_OFFSET,
		.length = size,
	};
	union {
		struct vfio_device_feature feature;
		unsigned char room[sizeof(struct vfio_device_feature) +
				   sizeof(dma_buf) + sizeof(range)];
	} arg;
	int fd;

	memset(&arg, 0, sizeof(arg));
	arg.feature.argsz = sizeof(arg);
	arg.feature.flags = VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_DMA_BUF;
	memcpy(arg.feature.data, &dma_buf, sizeof(dma_buf));
	memcpy(arg.feature.data + sizeof(dma_buf), &range, sizeof(range));

	fd = ioctl(device_fd, VFIO_DEVICE_FEATURE, &arg);
	return fd < 0 ? -errno : fd;
}

int vfio_cxl_dma_buf(int device_fd, const char *name,
		     const struct vfio_cxl_hdm *hdm, int *dma_buf_fd,
		     struct vfio_cxl_reason *reason)
{
	const struct vfio_cxl_device device = { .name = name };
	uint32_t bar;
	int ret;

	ret = vfio_cxl_check_args(hdm, 1, sizeof(*hdm));
	if (ret)
		return vfio_cxl_explain(ret, reason, &device, NULL, "%s",
					vfio_cxl_args_text(-ret));

	/* Any BAR that the device has */
	for (bar = VFIO_PCI_BAR0_REGION_INDEX;
	     bar <= VFIO_PCI_BAR5_REGION_INDEX; bar++) {
		ret = export_by(device_fd, bar, hdm->size);
		if (ret != -ENODEV)
			break;
	}
	if (ret < 0)
		return vfio_cxl_explain(ret, reason, &device, NULL,
					"cannot export its memory as a dma-buf (%s); other devices cannot access it",
					strerror(-ret));
	*dma_buf_fd = ret;
	return vfio_cxl_explain_nothing(reason);
}
