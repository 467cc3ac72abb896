/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device as its host sees it: registers through sysfs, which the driver
 * does not trap
 *
 * Functions return 0 on success and -errno on failure, unless they say
 * otherwise.
 */
#ifndef VFIO_CXL_TEST_HOST_H
#define VFIO_CXL_TEST_HOST_H

#include <stdint.h>

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

/* RAS Capability Structure (8.2.4.17) */
#define RAS_UNCOR_STATUS	0x00
#define RAS_UNCOR_MASK		0x04
#define RAS_UNCOR_SEVERITY	0x08
#define RAS_COR_STATUS		0x0c
#define RAS_COR_MASK		0x10

/* CXL Control of the Device DVSEC (8.1.3.2) */
#define CACHE_ENABLE		0x1

#define COMPONENT_SIZE	0x10000U	/* 8.2.3 */
#define CM_OFFSET	0x1000U		/* 8.2.4 */

struct host_device {
	char bdf[16];
	unsigned int index;	/* n-th device that the environment names */
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

unsigned int host_count(void);
/* The first device that has FLR, or else the last one */
unsigned int host_with_flr(void);
int host_open(struct host_device *host, unsigned int index);
void host_close(struct host_device *host);
/* The same device, found again: map its registers, the decoder is not set up */
int host_replug(struct host_device *host);
uint32_t host_read32(const struct host_device *host, uint32_t offset);
void host_write32(const struct host_device *host, uint32_t offset,
		  uint32_t val);
uint32_t host_hdm(const struct host_device *host, uint32_t reg);
void host_hdm_write(const struct host_device *host, uint32_t reg,
		    uint32_t val);
uint32_t host_config(const struct host_device *host, uint32_t offset,
		     unsigned int width);
/* Offset of a standard capability, or 0 */
uint32_t host_find_cap(const struct host_device *host, uint8_t id);
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
/* NULL, or what differs, as a static string */
const char *host_snapshot_differs(const struct host_device *host,
				  const struct host_snapshot *a,
				  const struct host_snapshot *b);
/*
 * Walk the extended capabilities in a copy of config space, from @at, 0 to
 * start: returns the next one's offset and header, or 0; the second function
 * returns only the DVSECs that CXL defines, with their offset and length
 */
uint32_t next_ext_cap(const uint8_t *config, uint32_t at, uint32_t *header);
uint32_t next_cxl_dvsec(const uint8_t *config, uint32_t at, uint32_t *len);
/* Undo what a test did to decoder 0: commit and lock it as firmware did */
int host_restore_decoder(const struct host_device *host);

#endif /* VFIO_CXL_TEST_HOST_H */
