// SPDX-License-Identifier: GPL-2.0-only
/*
 * All suites in one module
 */
#include <linux/module.h>

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of vfio-cxl-pci's register emulation");
