// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open VFIO devices through either interface
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "iommu.h"
#include "iommufd-compat.h"

void iommu_open(struct iommu *iommu, bool cdev)
{
	const char *path = cdev ? "/dev/iommu" : "/dev/vfio/vfio";
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	*iommu = (struct iommu){ .cdev = cdev };
	iommu->fd = open(path, O_RDWR | O_CLOEXEC);
	if (iommu->fd < 0)
		err(1, "%s", path);
	if (!cdev)
		return;

	if (ioctl(iommu->fd, IOMMU_IOAS_ALLOC, &alloc))
		err(1, "%s: IOMMU_IOAS_ALLOC", path);
	iommu->ioas_id = alloc.out_ioas_id;
}

/*
 * While the memory of a device is being cleared after its last user, opening
 * the device may fail with EAGAIN; clearing goes on.
 */
static bool is_being_cleared(const char *bdf)
{
	if (errno != EAGAIN)
		return false;

	fprintf(stderr, "%s: waiting for its memory to be cleared\n", bdf);
	sleep(1);

	return true;
}

static int open_cdev(const struct iommu *iommu, const char *bdf)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = iommu->fd,
	};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = iommu->ioas_id,
	};
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		err(1, "%s: is it bound to vfio-cxl-pci? %s", bdf, path);
	do
		entry = readdir(dir);
	while (entry && strncmp(entry->d_name, "vfio", 4));
	if (!entry)
		errx(1, "%s: there is no device in %s", bdf, path);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
	closedir(dir);

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s: %s", bdf, path);
	while (ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		if (!is_being_cleared(bdf))
			err(1, "%s: VFIO_DEVICE_BIND_IOMMUFD", bdf);
	if (ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		err(1, "%s: VFIO_DEVICE_ATTACH_IOMMUFD_PT", bdf);
	return fd;
}

/* The group, which stays open, contains only the device. */
static int open_group(struct iommu *iommu, const char *bdf)
{
	char link[PATH_MAX], path[PATH_MAX];
	ssize_t length;
	int group, fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group",
		 bdf);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		err(1, "%s: is there an IOMMU? %s", bdf, path);
	link[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(link, '/'));

	group = open(path, O_RDWR | O_CLOEXEC);
	if (group < 0)
		err(1, "%s: is it bound to vfio-cxl-pci? %s", bdf, path);
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &iommu->fd))
		err(1, "%s: VFIO_GROUP_SET_CONTAINER", bdf);
	if (!iommu->has_type &&
	    ioctl(iommu->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		err(1, "%s: VFIO_SET_IOMMU", bdf);
	iommu->has_type = true;

	while ((fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf)) < 0)
		if (!is_being_cleared(bdf))
			err(1, "%s: VFIO_GROUP_GET_DEVICE_FD", bdf);
	return fd;
}

int iommu_open_device(struct iommu *iommu, const char *bdf)
{
	return iommu->cdev ? open_cdev(iommu, bdf) : open_group(iommu, bdf);
}

int iommu_map(const struct iommu *iommu, void *memory, uint64_t size,
	      uint64_t address)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = address,
		.size = size,
	};

	return ioctl(iommu->fd, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

int iommu_map_file(const struct iommu *iommu, int fd, uint64_t size,
		   uint64_t address)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = iommu->ioas_id,
		.fd = fd,
		.length = size,
		.iova = address,
	};

	return ioctl(iommu->fd, IOMMU_IOAS_MAP_FILE, &map) ? -errno : 0;
}
