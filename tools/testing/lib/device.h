/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device under test: ready for a test, used, reset, as it was after it
 *
 * Nothing here asserts.  Functions return 0 on success and -errno on failure,
 * unless they say otherwise.
 */
#ifndef VFIO_CXL_TEST_DEVICE_H
#define VFIO_CXL_TEST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "vfio.h"

#define DRIVER		"vfio-cxl-pci"

/*
 * What a fixture of one open device needs.  test_open() binds the device to
 * vfio-cxl-pci where it is not, keeps what the host sees, and opens it.
 * test_close() closes it, leaves it bound and its decoder restored, and
 * returns NULL, or what was wrong after the close, as a static text: another
 * driver, other values in the device's registers or its command register, or a
 * splat in the log.
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
/* test_open() and test_close() without the open and the close, or any driver */
int test_begin(struct test_device *test, unsigned int index);
const char *test_end(struct test_device *test);
int test_vfio_open(struct test_device *test, enum vfio_interface interface);
/* The range for decoder 0 of a device where it is not committed, until bind */
int test_new_range(const char *bdf, uint64_t base, uint64_t size);
/* Load the driver anew, with options for modprobe, bound to no device */
int test_reload(const char *options);
/* NULL, or what of the host's side is not as it was */
const char *test_differs(const struct test_device *test);

/* Where the tests lock this device's decoder */
uint64_t test_base(const struct test_device *test);
int test_lock(const struct test_device *test);
/* All the memory, in pages as large as they come; MAP_FAILED with errno */
char *test_map(const struct test_device *test);

/*
 * The reset paths.  A path that takes several methods is done with each that
 * the device has.
 */
struct reset_path {
	const char *name;
	int (*reset)(const struct test_device *test, const char *method);
	const char *methods[5];	/* NULL for any, else of these */
};

enum { PATH_IOCTL, PATH_HOT, PATH_FLR, PATH_SYSFS, NR_PATHS };

extern const struct reset_path reset_paths[NR_PATHS];
/* The method to go on with after @n others; false at the end */
bool reset_method(const struct reset_path *path, const struct test_device *test,
		  unsigned int n, const char **method);
/* VFIO_DEVICE_RESET, reset_paths[PATH_IOCTL] */
int reset_by_ioctl(const struct test_device *test, const char *method);

/* What word @offset of the memory holds, another one for each @salt */
static inline uint64_t word(uint64_t offset, uint64_t salt)
{
	return offset ^ salt * 0x9e3779b97f4a7c15ULL;
}

/* Words here and there of a mapping of all the memory, and its last */
void write_marks(const struct test_device *test, char *map, uint64_t salt);
/* Through read(), a mapping if there is one, and in the file */
unsigned int wrong_marks(const struct test_device *test, char *map,
			 uint64_t salt);
/* Both with a mapping of its own: how many are wrong */
unsigned int use_memory(const struct test_device *test, uint64_t salt);
/* A place that has a mark */
#define MARK		0x1008

#endif /* VFIO_CXL_TEST_DEVICE_H */
