// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Find the memory of an open device
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "internal.h"

/* Limit of a region's description, far more than any kernel needs */
#define REGION_INFO_MAX 0x100000

/*
 * VFIO_REGION_TYPE_PCI_VENDOR_TYPE | VFIO_CXL_VENDOR_ID, but unsigned: the
 * macro in <linux/vfio.h> shifts into the sign bit of an int.
 */
#define CXL_REGION_TYPE (UINT32_C(0x80000000) | VFIO_CXL_VENDOR_ID)

/*
 * Get the description of a region with all its capabilities.  The kernel
 * returns the required size in argsz.  On success argsz is the size of the
 * buffer.
 */
static int get_region_info(int device_fd, uint32_t index,
			   struct vfio_region_info **result)
{
	uint32_t room = sizeof(struct vfio_region_info);
	struct vfio_region_info *info;

	while (room <= REGION_INFO_MAX) {
		uint32_t wanted;

		info = calloc(1, room);
		if (!info)
			return -ENOMEM;
		info->argsz = room;
		info->index = index;
		if (ioctl(device_fd, VFIO_DEVICE_GET_REGION_INFO, info) < 0) {
			int ret = -errno;

			free(info);
			return ret;
		}

		wanted = info->argsz;
		if (wanted <= room) {
			info->argsz = room;
			*result = info;
			return 0;
		}
		free(info);
		room = wanted;
	}
	return -EPROTO;
}

/* Copy a region's type capability: -ENOENT if it has none. */
static int get_region_type(const struct vfio_region_info *info,
			   struct vfio_region_info_cap_type *type)
{
	const unsigned char *start = (const unsigned char *)info;
	struct vfio_info_cap_header header;
	/* A chain of more capabilities than fit into the buffer is a loop. */
	size_t left = info->argsz / sizeof(header);
	uint32_t at = info->cap_offset;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return -ENOENT;

	for (; at; at = header.next) {
		if (!left-- || at < sizeof(*info) ||
		    at > info->argsz - sizeof(header))
			return -EPROTO;
		memcpy(&header, start + at, sizeof(header));
		if (header.id != VFIO_REGION_INFO_CAP_TYPE)
			continue;
		if (sizeof(*type) > info->argsz - at)
			return -EPROTO;
		memcpy(type, start + at, sizeof(*type));
		return 0;
	}
	return -ENOENT;
}

/*
 * Device specific regions follow the fixed ones.  @hdm has the last one
 * examined, so that an error can name it.
 */
static int find_region(int device_fd, uint32_t nr_regions,
		       struct vfio_cxl_hdm *hdm)
{
	uint32_t index;

	for (index = VFIO_PCI_NUM_REGIONS; index < nr_regions; index++) {
		struct vfio_region_info_cap_type type;
		struct vfio_region_info *info = NULL;
		int ret;

		hdm->region_index = index;
		ret = get_region_info(device_fd, index, &info);
		if (ret)
			return ret;

		hdm->region_flags = info->flags;
		hdm->region_offset = info->offset;
		hdm->size = info->size;
		ret = get_region_type(info, &type);
		free(info);
		if (ret && ret != -ENOENT)
			return ret;
		if (!ret && type.type == CXL_REGION_TYPE &&
		    type.subtype == VFIO_REGION_SUBTYPE_CXL_MEM)
			return 0;
	}
	return -ENOENT;
}

int vfio_cxl_find(int device_fd, const char *name, struct vfio_cxl_hdm *hdm,
		  struct vfio_cxl_reason *reason)
{
	const uint32_t get_and_set = VFIO_DEVICE_FEATURE_GET |
				     VFIO_DEVICE_FEATURE_SET;
	struct vfio_device_feature_cxl_hdm_decoder decoder = { 0 };
	struct vfio_device_info info = { .argsz = sizeof(info) };
	const struct vfio_cxl_device device = { .name = name };
	struct vfio_cxl_hdm found = { 0 };
	int ret;

	if (!vfio_cxl_have_room(hdm, 1, sizeof(*hdm)))
		return vfio_cxl_explain(-EINVAL, reason, &device, NULL, "%s",
					vfio_cxl_args_text(EINVAL));
	if (ioctl(device_fd, VFIO_DEVICE_GET_INFO, &info) < 0) {
		ret = -errno;
		return vfio_cxl_explain(ret, reason, &device, NULL,
					"not an open VFIO device (%s); open it by its group, or bind its character device to an iommufd",
					strerror(-ret));
	}

	ret = vfio_cxl_feature(device_fd,
			       VFIO_DEVICE_FEATURE_PROBE | get_and_set, NULL);
	if (ret)
		return vfio_cxl_explain(ret, reason, &device, NULL,
					"its driver does not offer the CXL HDM decoder (%s); bind the device to vfio-cxl-pci",
					strerror(-ret));

	ret = find_region(device_fd, info.num_regions, &found);
	if (ret == -ENOENT)
		return vfio_cxl_explain(ret, reason, &device, NULL,
					"none of its %u regions is CXL memory; use matching versions of vfio-cxl-pci and libvfio-cxl",
					info.num_regions);
	if (ret)
		return vfio_cxl_explain(ret, reason, &device, NULL,
					"cannot read the description of its region %u (%s); use matching versions of vfio-cxl-pci and libvfio-cxl",
					found.region_index,
					strerror(-ret));

	ret = vfio_cxl_feature(device_fd, VFIO_DEVICE_FEATURE_GET, &decoder);
	if (ret)
		return vfio_cxl_explain(ret, reason, &device, NULL,
					"cannot get the state of its HDM decoder (%s); see the kernel log",
					strerror(-ret));
	if (decoder.size != found.size)
		return vfio_cxl_explain(-EPROTO, reason, &device, NULL,
					"its HDM decoder decodes 0x%llx bytes, but its region %u, the CXL memory, has 0x%llx; use matching versions of vfio-cxl-pci and libvfio-cxl",
					(unsigned long long)decoder.size,
					found.region_index,
					(unsigned long long)found.size);

	found.argsz = hdm->argsz;
	found.decoder_flags = decoder.flags;
	found.base = decoder.base;
	*hdm = found;
	vfio_cxl_clear_rest(hdm, 1, sizeof(*hdm));
	return vfio_cxl_explain_nothing(reason);
}
