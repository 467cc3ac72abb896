/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device under test: set it up, use it, reset it, and check it after the test
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
 * vfio-cxl-pci if necessary, saves what the host sees, and opens it.
 * test_close() closes it, leaves it bound and its decoder restored, and returns
 * NULL, or what was wrong after the close, as a static string: another driver,
 * other values in the device's registers or its command register, or a splat in
 * the log.
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
 * Close the device, bind it to @driver if necessary, with its decoder as
 * firmware set it up, and open it again.  vfio-pci does not restore it after
 * resets.
 */
int test_reopen(struct test_device *test, const char *driver);
/* test_open() and test_close() without the open and close, with any driver */
int test_begin(struct test_device *test, unsigned int index);
const char *test_end(struct test_device *test);
int test_vfio_open(struct test_device *test, enum vfio_interface interface);
/* Set the range for decoder 0 of a device, for a bind while not committed */
int test_new_range(const char *bdf, uint64_t base, uint64_t size);
/* Reload the driver, with options for modprobe, not bound to any device */
int test_reload(const char *options);
/* NULL, or what has changed on the host's side */
const char *test_differs(const struct test_device *test);

/* Where the tests lock this device's decoder */
uint64_t test_base(const struct test_device *test);
int test_lock(const struct test_device *test);
/* All the memory, in pages as large as possible; MAP_FAILED with errno */
char *test_map(const struct test_device *test);

/*
 * The reset paths.  A path that supports several methods is tested with each
 * one that the device has.
 */
struct reset_path {
	const char *name;
	int (*reset)(const struct test_device *test, const char *method);
	const char *methods[5];	/* NULL for any method, else one of these */
};

enum { PATH_IOCTL, PATH_HOT, PATH_FLR, PATH_SYSFS, NR_PATHS };

extern const struct reset_path reset_paths[NR_PATHS];
/* The method to continue with after @n others; false at the end */
bool reset_method(const struct reset_path *path, const struct test_device *test,
		  unsigned int n, const char **method);
/* VFIO_DEVICE_RESET, reset_paths[PATH_IOCTL] */
int reset_by_ioctl(const struct test_device *test, const char *method);

/* Expected value of word @offset of the memory, which depends on @salt */
static inline uint64_t word(uint64_t offset, uint64_t salt)
{
	return offset ^ salt * 0x9e3779b97f4a7c15ULL;
}

/* Some words of a mapping of all the memory, including the last */
void write_marks(const struct test_device *test, char *map, uint64_t salt);
/* Through read(), through a mapping if there is one, and in the file */
unsigned int wrong_marks(const struct test_device *test, char *map,
			 uint64_t salt);
/* Both with a temporary mapping: how many words are wrong */
unsigned int use_memory(const struct test_device *test, uint64_t salt);
/* The offset of a mark */
#define MARK		0x1008

#endif /* VFIO_CXL_TEST_DEVICE_H */
