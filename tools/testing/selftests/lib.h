/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the selftests of vfio-cxl-pci share: the device through VFIO, and the
 * same device as its host sees it, through sysfs
 *
 * Every function returns 0 or a positive value on success and -errno on
 * failure, unless it says otherwise.  Nothing here asserts.
 */
#ifndef VFIO_CXL_SELFTEST_LIB_H
#define VFIO_CXL_SELFTEST_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/vfio.h>
#include <linux/vfio_cxl.h>

#define SZ_4K		0x1000ULL
#define SZ_2M		0x200000ULL
#define SZ_256M		0x10000000ULL
#define SZ_1G		0x40000000ULL

/* A window for the guest that the tests use: 256 GiB at 8 TiB */
#define GUEST_BASE	0x80000000000ULL
#define GUEST_WINDOW	0x4000000000ULL

/* HDM Decoder Capability Structure (CXL r3.1 8.2.4.20) */
#define HDM_CAP		0x00
#define HDM_GLOBAL	0x04
#define   HDM_GLOBAL_ENABLE	(1U << 1)
#define HDM_BASE_LOW	0x10
#define HDM_BASE_HIGH	0x14
#define HDM_SIZE_LOW	0x18
#define HDM_SIZE_HIGH	0x1c
#define HDM_CTRL	0x20
#define   HDM_LOCK	(1U << 8)
#define   HDM_COMMIT	(1U << 9)
#define   HDM_COMMITTED	(1U << 10)
#define   HDM_ERROR	(1U << 11)
#define   HDM_HOST_ONLY	(1U << 12)
#define HDM_STRIDE	0x20

#define HDM_REGION_TYPE	((uint32_t)VFIO_REGION_TYPE_PCI_VENDOR_TYPE | \
			 VFIO_CXL_VENDOR_ID)

#define COMPONENT_SIZE	0x10000U	/* 8.2.3 */
#define CM_OFFSET	0x1000U		/* 8.2.4 */

/*
 * The device as its host sees it: registers through sysfs, which the driver
 * does not trap.
 */
struct host_device {
	char bdf[16];
	unsigned int index;	/* n-th device of the rig */
	int config;		/* /sys/bus/pci/devices/BDF/config */
	unsigned int bar;	/* of the component registers */
	uint64_t bar_offset;
	volatile uint8_t *regs;	/* the component registers, mapped */
	uint32_t hdm;		/* HDM structure, from @regs */
	uint32_t ras;		/* RAS structure, from @regs, or 0 */
	uint16_t dvsec;		/* CXL Device DVSEC in config space */
	uint16_t dvsec_len;
	uint16_t locator;	/* Register Locator DVSEC */
	uint64_t base;		/* the host's HPA, as decoder 0 says */
	uint64_t size;		/* of the memory, in bytes */
	char file[256];		/* behind the memory, outside the machine */
};

void sleep_ms(unsigned int ms);

unsigned int host_count(void);
int host_open(struct host_device *host, unsigned int index);
/* The first that has FLR, or else the last */
int host_open_flr(struct host_device *host);
void host_close(struct host_device *host);
/* The same device in the same place, new: do what firmware had done */
int host_replug(struct host_device *host);
uint32_t host_read32(const struct host_device *host, uint32_t offset);
void host_write32(const struct host_device *host, uint32_t offset,
		  uint32_t val);
uint32_t host_hdm(const struct host_device *host, uint32_t reg);
void host_hdm_write(const struct host_device *host, uint32_t reg,
		    uint32_t val);
uint32_t host_config(const struct host_device *host, uint32_t offset,
		     unsigned int width);
void host_config_write(const struct host_device *host, uint32_t offset,
		       unsigned int width, uint32_t val);
/* The 64-bit word at @offset of the file behind the memory */
int host_file_word(const struct host_device *host, uint64_t offset,
		   uint64_t *val);

/* Everything that a user must not change: registers and CXL DVSECs */
struct host_snapshot {
	uint8_t regs[COMPONENT_SIZE];
	uint8_t config[4096];
};

void host_snapshot(const struct host_device *host, struct host_snapshot *to);
/* NULL, or what differs, as a static text */
const char *host_snapshot_differs(const struct host_device *host,
				  const struct host_snapshot *a,
				  const struct host_snapshot *b);
/*
 * Walk the extended capabilities in a copy of config space, from @at, 0 to
 * start: the next one's offset and header, or 0; and of the DVSECs that CXL
 * defines only, the next one's offset and length
 */
uint32_t next_ext_cap(const uint8_t *config, uint32_t at, uint32_t *header);
uint32_t next_cxl_dvsec(const uint8_t *config, uint32_t at, uint32_t *len);
/* Undo what a test did to decoder 0: commit and lock it as firmware did */
int host_restore_decoder(const struct host_device *host);

/*
 * sysfs: bind, unbind, reset.  sysfs_bind() unbinds from another driver and
 * sets driver_override first; bound already is no error, and neither is unbound
 * for sysfs_unbind().  @method NULL is the kernel's choice.
 */
int sysfs_bind(const char *bdf, const char *driver);
int sysfs_unbind(const char *bdf);
/* The driver that @bdf is bound to, "" for none */
const char *sysfs_driver(const char *bdf, char *buf, size_t size);
int sysfs_write(const char *path, const char *text);
int sysfs_reset(const char *bdf, const char *method);
bool sysfs_has_reset(const char *bdf, const char *method);

/* The device through VFIO */
enum vfio_interface { VFIO_GROUP_INTERFACE, VFIO_CDEV_INTERFACE };

struct vfio_cxl_fd {
	enum vfio_interface interface;
	int container;		/* container or iommufd */
	int group;		/* or -1 */
	uint32_t ioas;		/* of the iommufd */
	int device;
	struct vfio_region_info bar;	/* with the component registers */
	struct vfio_region_info config;
	struct vfio_region_info mem;	/* size 0 where there is none */
	uint64_t regs;		/* file offset of the component registers */
};

int vfio_open(struct vfio_cxl_fd *vfio, const struct host_device *host,
	      enum vfio_interface interface);
void vfio_close(struct vfio_cxl_fd *vfio);
/* Region info with its capabilities, to be freed; NULL with errno */
struct vfio_region_info *vfio_region(int device, uint32_t index);
const struct vfio_info_cap_header *vfio_cap(const struct vfio_region_info *info,
					    uint16_t id);
/* Raw feature call: @flags is the feature's number with GET, SET, PROBE */
int vfio_feature(int device, uint32_t flags, void *data, size_t size);
/* An eventfd that an interrupt triggers: VFIO_PCI_ERR_IRQ_INDEX, ... */
int vfio_irq_eventfd(int device, uint32_t index);
int vfio_hdm_get(int device, struct vfio_device_feature_cxl_hdm_decoder *out);
int vfio_hdm_set(int device, uint64_t base, uint64_t size);
/* Component registers, from the block's start, as a guest reads them */
uint32_t guest_read32(const struct vfio_cxl_fd *vfio, uint64_t offset);
uint64_t guest_read64(const struct vfio_cxl_fd *vfio, uint64_t offset);
int guest_write32(const struct vfio_cxl_fd *vfio, uint64_t offset,
		  uint32_t val);
/* Config space as a guest reads it, 1, 2 or 4 bytes */
uint32_t guest_config(const struct vfio_cxl_fd *vfio, uint32_t offset,
		      unsigned int width);
int guest_config_write(const struct vfio_cxl_fd *vfio, uint32_t offset,
		       unsigned int width, uint32_t val);
/*
 * HDM memory, MAP_SHARED, at an address with the given alignment plus @skew;
 * MAP_FAILED with errno
 */
void *guest_map(const struct vfio_cxl_fd *vfio, uint64_t offset, size_t len,
		int prot, size_t align, size_t skew);
int vfio_hot_reset(const struct vfio_cxl_fd *vfio);

/* The kernel log since an earlier moment */
int kmsg_open(void);
/* 1 where a line since kmsg_open() or the last call has @text */
int kmsg_contains(int kmsg, const char *text);
/* The lines since then, as far as they fit, each with a newline */
void kmsg_read(int kmsg, char *lines, size_t size);
/*
 * 1 with the line in @line where a splat is in the log since kmsg_open(), read
 * by any of these functions in this process
 */
int kmsg_splat(int kmsg, char *line, size_t size);

/* A QMP command to the very machine, as JSON text that starts with {" */
int qmp(const char *command);
/* A command about the rig's device: its QOM path comes before @arguments */
int rig_command(unsigned int index, const char *command,
		const char *arguments);
/* Have decoder commits of the rig's device fail, or succeed again */
int rig_commit_fails(unsigned int index, bool fails);

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

#define DRIVER		"vfio-cxl-pci"

/* The rig's machine is emulated, and others may use the same processors */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

#endif /* VFIO_CXL_SELFTEST_LIB_H */
