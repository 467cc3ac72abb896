/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device under test: ready for a test, and as it was after it
 *
 * Nothing here asserts.  Functions return 0 on success and -errno on failure,
 * unless they say otherwise.
 */
#ifndef VFIO_CXL_TEST_DEVICE_H
#define VFIO_CXL_TEST_DEVICE_H

#include "host.h"
#include "vfio.h"

#define DRIVER		"vfio-cxl-pci"

/*
 * What a fixture of one open device needs.  test_open() binds the device to
 * vfio-cxl-pci where it is not, keeps what the host sees, and opens it.
 * test_close() closes it, leaves it bound and its decoder restored, and
 * returns NULL, or what was wrong after the close, as a static text: the
 * device's registers or command register differ, or a splat is in the log.
 */
struct test_device {
	struct host_device host;
	struct vfio_cxl_fd vfio;
	struct host_snapshot before;
	int kmsg;
};

int test_open(struct test_device *test, unsigned int index,
	      enum vfio_interface interface);
const char *test_close(struct test_device *test);
/*
 * Close the device, bind it to @driver where it is not, its decoder as firmware
 * left it, and open it again.  vfio-pci does not restore it after resets.
 */
int test_reopen(struct test_device *test, const char *driver);
/* test_open() and test_close() without the open and the close */
int test_begin(struct test_device *test, unsigned int index);
const char *test_end(struct test_device *test);

#endif /* VFIO_CXL_TEST_DEVICE_H */
