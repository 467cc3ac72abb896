// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device through VFIO, as its user sees it
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/pci_regs.h>

#include "page.h"
#include "sysfs.h"
#include "vfio.h"

bool vfio_has(enum vfio_interface interface)
{
	return interface == VFIO_GROUP_INTERFACE ||
	       !access("/dev/iommu", F_OK);
}

enum vfio_interface vfio_usable(enum vfio_interface wanted)
{
	return vfio_has(wanted) ? wanted : VFIO_GROUP_INTERFACE;
}

static int open_group(struct vfio_cxl_fd *vfio, const struct host_device *host)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[PATH_MAX], group[64];
	int ret;

	vfio->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (vfio->container < 0)
		return -errno;
	ret = sysfs_device_link(host->bdf, "iommu_group", group, sizeof(group));
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	vfio->group = open(path, O_RDWR | O_CLOEXEC);
	if (vfio->group < 0)
		return -errno;
	if (ioctl(vfio->group, VFIO_GROUP_GET_STATUS, &status))
		return -errno;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM;
	if (ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container) ||
	    ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, host->bdf);

	return vfio->device < 0 ? -errno : 0;
}

/* The device's node under /dev/vfio/devices has the name of its VFIO device */
static int cdev_path(const struct host_device *host, char *path, size_t size)
{
	char folder[PATH_MAX];
	struct dirent *entry;
	int ret = -ENODEV;
	DIR *dir;

	snprintf(folder, sizeof(folder), PCI_DEVICES "/%s/vfio-dev",
		 host->bdf);
	dir = opendir(folder);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, size, "/dev/vfio/devices/%s", entry->d_name);
		ret = 0;
	}
	closedir(dir);

	return ret;
}

static int open_cdev(struct vfio_cxl_fd *vfio, const struct host_device *host)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	char path[PATH_MAX];
	int ret;

	ret = cdev_path(host, path, sizeof(path));
	if (ret)
		return ret;
	vfio->container = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (vfio->container < 0)
		return -errno;
	vfio->device = open(path, O_RDWR | O_CLOEXEC);
	if (vfio->device < 0)
		return -errno;
	bind.iommufd = vfio->container;
	if (ioctl(vfio->device, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
	    ioctl(vfio->container, IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	vfio->ioas = alloc.out_ioas_id;
	attach.pt_id = vfio->ioas;

	return ioctl(vfio->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ?
	       -errno : 0;
}

struct vfio_region_info *vfio_region(int device, uint32_t index)
{
	struct vfio_region_info *info, *grown;
	uint32_t size = sizeof(*info);

	info = calloc(1, size);
	while (info) {
		info->argsz = size;
		info->index = index;
		if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, info)) {
			const int err = errno;

			free(info);
			errno = err;
			return NULL;
		}
		if (info->argsz <= size)
			return info;
		size = info->argsz;
		grown = realloc(info, size);
		if (!grown)
			free(info);
		info = grown;
		if (info)
			memset(info, 0, size);
	}

	return NULL;
}

const struct vfio_info_cap_header *vfio_cap(const struct vfio_region_info *info,
					    uint16_t id)
{
	const struct vfio_info_cap_header *cap;
	uint32_t at;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return NULL;
	for (at = info->cap_offset; at; at = cap->next) {
		cap = (const void *)((const char *)info + at);
		if (cap->id == id)
			return cap;
	}

	return NULL;
}

static int get_region(int device, uint32_t index, struct vfio_region_info *to)
{
	struct vfio_region_info *info = vfio_region(device, index);

	if (!info)
		return -errno;
	*to = *info;
	free(info);

	return 0;
}

static bool is_hdm_region(const struct vfio_region_info *info)
{
	const struct vfio_region_info_cap_type *type;

	type = (const void *)vfio_cap(info, VFIO_REGION_INFO_CAP_TYPE);
	return type && type->subtype == VFIO_REGION_SUBTYPE_CXL_MEM &&
	       type->type == HDM_REGION_TYPE;
}

static int get_regions(struct vfio_cxl_fd *vfio, const struct host_device *host)
{
	struct vfio_device_info device = { .argsz = sizeof(device) };
	struct vfio_region_info *info;
	uint32_t index;
	int ret;

	if (ioctl(vfio->device, VFIO_DEVICE_GET_INFO, &device))
		return -errno;
	ret = get_region(vfio->device, host->bar, &vfio->bar);
	if (!ret)
		ret = get_region(vfio->device, VFIO_PCI_CONFIG_REGION_INDEX,
				 &vfio->config);
	vfio->regs = vfio->bar.offset + host->bar_offset;

	for (index = VFIO_PCI_NUM_REGIONS; !ret && index < device.num_regions;
	     index++) {
		info = vfio_region(vfio->device, index);
		if (!info)
			return -errno;
		if (is_hdm_region(info))
			vfio->mem = *info;
		free(info);
	}

	return ret;
}

int vfio_open(struct vfio_cxl_fd *vfio, const struct host_device *host,
	      enum vfio_interface interface)
{
	int ret;

	memset(vfio, 0, sizeof(*vfio));
	vfio->interface = interface;
	vfio->container = -1;
	vfio->group = -1;
	vfio->device = -1;

	ret = interface == VFIO_GROUP_INTERFACE ? open_group(vfio, host) :
						  open_cdev(vfio, host);
	if (!ret)
		ret = get_regions(vfio, host);
	if (ret)
		vfio_close(vfio);

	return ret;
}

void vfio_close(struct vfio_cxl_fd *vfio)
{
	int *const fds[] = { &vfio->device, &vfio->group, &vfio->container };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

int vfio_feature(int device, uint32_t flags, void *data, size_t size)
{
	struct vfio_device_feature *feature;
	int ret = 0;

	feature = calloc(1, sizeof(*feature) + size);
	if (!feature)
		return -ENOMEM;
	feature->argsz = sizeof(*feature) + size;
	feature->flags = flags;
	if (size)
		memcpy(feature->data, data, size);
	ret = ioctl(device, VFIO_DEVICE_FEATURE, feature);
	if (ret < 0)
		ret = -errno;
	else if (size && flags & VFIO_DEVICE_FEATURE_GET)
		memcpy(data, feature->data, size);
	free(feature);

	return ret;
}

int vfio_irq_eventfd(int device, uint32_t index)
{
	union {
		struct vfio_irq_set set;
		char room[sizeof(struct vfio_irq_set) + sizeof(int)];
	} arg = {
		.set = {
			.argsz = sizeof(arg),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index,
			.count = 1,
		},
	};
	int fd = eventfd(0, EFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	memcpy(arg.set.data, &fd, sizeof(fd));
	if (ioctl(device, VFIO_DEVICE_SET_IRQS, &arg)) {
		ret = -errno;
		close(fd);
		return ret;
	}

	return fd;
}

int vfio_hdm_get(int device, struct vfio_device_feature_cxl_hdm_decoder *out)
{
	memset(out, 0, sizeof(*out));
	return vfio_feature(device, VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_CXL_HDM_DECODER, out,
			    sizeof(*out));
}

bool vfio_hdm_usable(const struct vfio_cxl_fd *vfio)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;

	return !vfio_hdm_get(vfio->device, &decoder) &&
	       decoder.flags & VFIO_CXL_HDM_DECODER_USABLE;
}

int vfio_hdm_set(int device, uint64_t base, uint64_t size)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder = {
		.base = base,
		.size = size,
	};

	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_CXL_HDM_DECODER, &decoder,
			    sizeof(decoder));
}

uint32_t guest_read32(const struct vfio_cxl_fd *vfio, uint64_t offset)
{
	uint32_t val;

	if (pread(vfio->device, &val, 4, vfio->regs + offset) != 4)
		return ~0U;

	return val;
}

uint64_t guest_read64(const struct vfio_cxl_fd *vfio, uint64_t offset)
{
	uint64_t val;

	if (pread(vfio->device, &val, 8, vfio->regs + offset) != 8)
		return ~0ULL;

	return val;
}

int guest_write32(const struct vfio_cxl_fd *vfio, uint64_t offset,
		  uint32_t val)
{
	ssize_t len = pwrite(vfio->device, &val, 4, vfio->regs + offset);

	return len == 4 ? 0 : len < 0 ? -errno : -EIO;
}

uint32_t guest_config(const struct vfio_cxl_fd *vfio, uint32_t offset,
		      unsigned int width)
{
	uint32_t val = 0;

	if (pread(vfio->device, &val, width, vfio->config.offset + offset) !=
	    (ssize_t)width)
		return ~0U;

	return val;
}

uint32_t guest_find_cap(const struct vfio_cxl_fd *vfio, uint8_t id)
{
	uint32_t at = guest_config(vfio, PCI_CAPABILITY_LIST, 1);
	unsigned int left = 48;

	for (; at && left--; at = guest_config(vfio, at + PCI_CAP_LIST_NEXT, 1))
		if (guest_config(vfio, at, 1) == id)
			return at;

	return 0;
}

int guest_config_write(const struct vfio_cxl_fd *vfio, uint32_t offset,
		       unsigned int width, uint32_t val)
{
	ssize_t len = pwrite(vfio->device, &val, width,
			     vfio->config.offset + offset);

	return len == (ssize_t)width ? 0 : len < 0 ? -errno : -EIO;
}

void *guest_map(const struct vfio_cxl_fd *vfio, uint64_t offset, size_t len,
		int prot, size_t align, size_t skew)
{
	const size_t page = page_size();
	size_t room = len + 2 * align + skew, head;
	char *area, *at, *end;
	void *map;

	area = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return area;
	head = (uintptr_t)area % align ? align - (uintptr_t)area % align : 0;
	at = area + head + skew;
	map = mmap(at, len, prot, MAP_SHARED | MAP_FIXED, vfio->device,
		   vfio->mem.offset + offset);
	if (map == MAP_FAILED) {
		const int err = errno;

		munmap(area, room);
		errno = err;
		return map;
	}
	end = at + (len + page - 1) / page * page;
	if (at > area)
		munmap(area, at - area);
	if (end < area + room)
		munmap(end, area + room - end);

	return map;
}

ssize_t mem_read(const struct vfio_cxl_fd *vfio, void *buf, size_t len,
		 uint64_t offset)
{
	ssize_t ret = pread(vfio->device, buf, len, vfio->mem.offset + offset);

	return ret < 0 ? -errno : ret;
}

ssize_t mem_write(const struct vfio_cxl_fd *vfio, const void *buf, size_t len,
		  uint64_t offset)
{
	ssize_t ret = pwrite(vfio->device, buf, len, vfio->mem.offset + offset);

	return ret < 0 ? -errno : ret;
}

int vfio_hot_reset(const struct vfio_cxl_fd *vfio)
{
	union {
		struct vfio_pci_hot_reset reset;
		char room[sizeof(struct vfio_pci_hot_reset) + sizeof(int)];
	} arg = { };

	/* None for the cdev, for which the bound iommufd is the proof */
	arg.reset.argsz = sizeof(arg.reset);
	if (vfio->group >= 0) {
		arg.reset.argsz += sizeof(int);
		arg.reset.count = 1;
		arg.reset.group_fds[0] = vfio->group;
	}

	return ioctl(vfio->device, VFIO_DEVICE_PCI_HOT_RESET, &arg.reset) ?
	       -errno : 0;
}
