/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other functions of a device, such as the audio function of a GPU
 *
 * They have no CXL.mem and are not for vfio-cxl-pci.  They usually share the
 * device's IOMMU group, and a reset of the bus needs all functions to be bound
 * to VFIO: they are bound to vfio-pci.
 */
#ifndef COMPANIONS_H
#define COMPANIONS_H

#include <stdbool.h>
#include <stddef.h>

#define COMPANION_DRIVER	"vfio-pci"

/**
 * struct companion - another function
 * @address: its address, in sysfs' form
 * @driver: driver that it is bound to, or NULL
 * @override: driver_override, or NULL
 */
struct companion {
	char *address;
	char *driver;
	char *override;
};

/**
 * companions_find() - find the other functions of a device
 * @address: address of the device, in sysfs' form
 * @companions: set to an array, to be freed by companions_free()
 *
 * Bridges and SR-IOV virtual functions are not among them: VFIO does not bind
 * bridges, and the driver of the physical function manages the virtual ones.
 *
 * Return: their number.
 */
size_t companions_find(const char *address, struct companion **companions);

void companions_free(struct companion *companions, size_t nr);

/**
 * companion_is_ready() - is it bound to a VFIO driver?
 * @companion: the function
 *
 * Return: whether it is.
 */
bool companion_is_ready(const struct companion *companion);

#endif /* COMPANIONS_H */
