/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Open VFIO devices: nothing in this file depends on CXL
 */
#ifndef IOMMU_H
#define IOMMU_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct iommu - what the devices of one guest can reach by DMA
 * @cdev: devices are opened through their character devices, for an iommufd;
 *	else through their groups, for a container
 * @fd: the iommufd or the container
 * @ioas_id: the guest's address space in the iommufd
 * @has_type: the type of the container has been set
 */
struct iommu {
	bool cdev;
	int fd;
	uint32_t ioas_id;
	bool has_type;
};

/**
 * iommu_open() - start with an empty address space
 * @iommu: initialised
 * @cdev: see struct iommu
 *
 * Does not return if it fails.
 */
void iommu_open(struct iommu *iommu, bool cdev);

/**
 * iommu_open_device() - open a device and let it use the address space
 * @iommu: the address space
 * @bdf: PCI address of the device, as in sysfs
 *
 * Return: a file descriptor of the device.  Does not return if it fails.
 */
int iommu_open_device(struct iommu *iommu, const char *bdf);

/**
 * iommu_map() - let all devices of a container access memory of the guest
 * @iommu: the address space
 * @memory: the VMM's mapping of it
 * @size: size in bytes
 * @address: guest physical address, which is the address for DMA
 *
 * Return: 0 or a negative errno.
 */
int iommu_map(const struct iommu *iommu, void *memory, uint64_t size,
	      uint64_t address);

/**
 * iommu_map_file() - let all devices of an iommufd access memory of the guest
 * @iommu: the address space
 * @fd: file descriptor of the memory, such as a dma-buf; may be closed later
 * @size: size in bytes
 * @address: guest physical address, which is the address for DMA
 *
 * Return: 0 or a negative errno.
 */
int iommu_map_file(const struct iommu *iommu, int fd, uint64_t size,
		   uint64_t address);

#endif /* IOMMU_H */
