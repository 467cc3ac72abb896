/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user of a device: its memory, mapped or not, and the ways to reset it
 *
 * Functions return 0 on success and -errno on failure, unless they say
 * otherwise.
 */
#ifndef VFIO_CXL_SELFTEST_USER_H
#define VFIO_CXL_SELFTEST_USER_H

#include "lib/clock.h"
#include "lib/device.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/qmp.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define RW		(PROT_READ | PROT_WRITE)

/* What word @offset of the memory holds, another one for each @salt */
static inline uint64_t word(uint64_t offset, uint64_t salt)
{
	return offset ^ salt * 0x9e3779b97f4a7c15ULL;
}

/* A device, its user, and how its host had it before the test */
struct user {
	struct host_device host;
	struct host_snapshot before;
	struct vfio_cxl_fd vfio;
	bool open;
	int kmsg;
};

int user_open(struct user *user, enum vfio_interface interface);
void user_close(struct user *user);
/* Where the tests lock this device's decoder */
uint64_t user_base(const struct user *user);
int user_set(const struct user *user);
char *user_map(const struct user *user, size_t align, size_t skew);
/* The count, or -errno */
ssize_t mem_read(const struct vfio_cxl_fd *vfio, void *buf, size_t len,
		 uint64_t offset);
ssize_t mem_write(const struct vfio_cxl_fd *vfio, const void *buf, size_t len,
		  uint64_t offset);
/* The device behind a command register that has decode on and off */
void user_decode(const struct user *user, bool on);

/* All that the emulation serves, as a guest reads it */
struct image {
	uint8_t regs[COMPONENT_SIZE];
	uint8_t dvsec[256];
};

int user_image(const struct user *user, struct image *image);
/* NULL, or what of the host's side is not as it was */
const char *host_differs(const struct user *user);

/*
 * The reset paths.  A path that takes several methods is done with each that
 * the device has.
 */
struct path {
	const char *name;
	int (*reset)(const struct user *user, const char *method);
	const char *methods[5];	/* NULL for any, else of these */
};

enum { PATH_IOCTL, PATH_HOT, PATH_FLR, PATH_SYSFS, NR_PATHS };

extern const struct path paths[NR_PATHS];
/* The method to go on with after @n others; false at the end */
bool path_method(const struct path *path, const struct user *user,
		 unsigned int n, const char **method);
/* VFIO_DEVICE_RESET, paths[PATH_IOCTL] */
int by_ioctl(const struct user *user, const char *method);

/* Words here and there of a mapping of all the memory, and its last */
void write_marks(const struct user *user, char *map, uint64_t salt);
/* Through read(), a mapping if there is one, and in the file */
unsigned int wrong_marks(const struct user *user, char *map, uint64_t salt);
/* Both with a mapping of its own: how many are wrong */
unsigned int use_memory(const struct user *user, uint64_t salt);
/* A place that has a mark */
#define MARK		0x1008

/* An error injected into the device of the rig */
int inject(const struct user *user, const char *error);

/*
 * Whether @run comes to its end in a process and a time limit of its own, with
 * no need() that is not right, and without a splat
 */
bool run_apart(struct user *user, void (*run)(const void *arg),
	       const void *arg, unsigned int seconds);
void need(bool right, const char *what);

#endif /* VFIO_CXL_SELFTEST_USER_H */
