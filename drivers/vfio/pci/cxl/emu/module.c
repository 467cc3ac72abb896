// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulation as a module: a library for the driver and for its tests
 */
#include <linux/module.h>

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual CXL registers of vfio-cxl-pci");
