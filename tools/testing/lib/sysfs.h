/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of a PCI device in sysfs: its driver, its resets, its attributes
 *
 * Functions return 0 on success and -errno on failure, unless they say
 * otherwise.
 */
#ifndef VFIO_CXL_TEST_SYSFS_H
#define VFIO_CXL_TEST_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#define PCI_DEVICES	"/sys/bus/pci/devices"

/* The first line of a file, without the end of the line */
int sysfs_read(const char *path, char *buf, size_t size);
int sysfs_write(const char *path, const char *text);

/* The same for a file in the device's directory */
int sysfs_device_read(const char *bdf, const char *name, char *buf,
		      size_t size);
int sysfs_device_write(const char *bdf, const char *name, const char *text);
/* The last component of the target of a link in the device's directory */
int sysfs_device_link(const char *bdf, const char *name, char *buf,
		      size_t size);

/*
 * sysfs_bind() first unbinds from another driver and sets driver_override; it
 * is not an error if the device is already bound, or, for sysfs_unbind(),
 * already unbound.
 */
int sysfs_bind(const char *bdf, const char *driver);
int sysfs_unbind(const char *bdf);
/* The driver that @bdf is bound to, "" for none */
const char *sysfs_driver(const char *bdf, char *buf, size_t size);

/* @method NULL is the kernel's choice */
int sysfs_reset(const char *bdf, const char *method);
bool sysfs_has_reset(const char *bdf, const char *method);

#endif /* VFIO_CXL_TEST_SYSFS_H */
