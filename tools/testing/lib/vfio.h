/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device through VFIO, as its user sees it
 *
 * Functions return 0 or a positive value on success and -errno on failure,
 * unless they say otherwise.
 */
#ifndef VFIO_CXL_TEST_VFIO_H
#define VFIO_CXL_TEST_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/vfio.h>
#include <linux/vfio_cxl.h>

#include "host.h"

/*
 * A window of the guest that the tests use: 256 GiB at 16 TiB, where no host
 * has its own
 */
#define GUEST_BASE	0x100000000000ULL
#define GUEST_WINDOW	0x4000000000ULL

#define HDM_REGION_TYPE	((uint32_t)VFIO_REGION_TYPE_PCI_VENDOR_TYPE | \
			 VFIO_CXL_VENDOR_ID)

enum vfio_interface { VFIO_GROUP_INTERFACE, VFIO_CDEV_INTERFACE };

/* Why tests that need the cdev are skipped without it */
#define NO_IOMMUFD	"the kernel has no iommufd"

bool vfio_has(enum vfio_interface interface);
/* @wanted, or the other one if the kernel does not have it */
enum vfio_interface vfio_usable(enum vfio_interface wanted);

struct vfio_cxl_fd {
	enum vfio_interface interface;
	int container;		/* container or iommufd */
	int group;		/* or -1 */
	uint32_t ioas;		/* of the iommufd */
	int device;
	struct vfio_region_info bar;	/* with the component registers */
	struct vfio_region_info config;
	struct vfio_region_info mem;	/* size 0 if there is none */
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
/* Whether the memory may be accessed, according to the feature */
bool vfio_hdm_usable(const struct vfio_cxl_fd *vfio);
int vfio_hdm_set(int device, uint64_t base, uint64_t size);
/* Component registers, from the block's start, as a guest reads them */
uint32_t guest_read32(const struct vfio_cxl_fd *vfio, uint64_t offset);
uint64_t guest_read64(const struct vfio_cxl_fd *vfio, uint64_t offset);
int guest_write32(const struct vfio_cxl_fd *vfio, uint64_t offset,
		  uint32_t val);
/* Config space as a guest reads it, 1, 2 or 4 bytes */
uint32_t guest_config(const struct vfio_cxl_fd *vfio, uint32_t offset,
		      unsigned int width);
/* Offset of a standard capability, or 0 */
uint32_t guest_find_cap(const struct vfio_cxl_fd *vfio, uint8_t id);
int guest_config_write(const struct vfio_cxl_fd *vfio, uint32_t offset,
		       unsigned int width, uint32_t val);
/*
 * HDM memory, MAP_SHARED, at an address with the given alignment plus @skew;
 * MAP_FAILED with errno
 */
void *guest_map(const struct vfio_cxl_fd *vfio, uint64_t offset, size_t len,
		int prot, size_t align, size_t skew);
/* The same with read() and write(): the count, or -errno */
ssize_t mem_read(const struct vfio_cxl_fd *vfio, void *buf, size_t len,
		 uint64_t offset);
ssize_t mem_write(const struct vfio_cxl_fd *vfio, const void *buf, size_t len,
		  uint64_t offset);
int vfio_hot_reset(const struct vfio_cxl_fd *vfio);

#endif /* VFIO_CXL_TEST_VFIO_H */
