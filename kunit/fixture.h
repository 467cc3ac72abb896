/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the suites: a host's device to start from
 */
#ifndef VFIO_CXL_KUNIT_FIXTURE_H
#define VFIO_CXL_KUNIT_FIXTURE_H

#include <kunit/test.h>
#include <linux/types.h>

#include "emu/emu.h"

/* Both halves of each are neither 0 nor a part of another */
#define TEST_HOST_BASE	0x490000000ULL
#define TEST_GUEST_BASE	0x84070000000ULL
#define TEST_SIZE	0x350000000ULL

/* Capability array entries: identifier, version, pointer (8.2.4.2) */
#define TEST_CM_HEADER	0x09110001
#define TEST_RAS	0x0c0
#define TEST_RAS_ENTRY	0x0c020002
#define TEST_HDM	0x128
#define TEST_HDM_ENTRY	0x12830005

void vfio_cxl_test_host_hdm(u8 *hdm);
void vfio_cxl_test_host_ras(u8 *ras);
void vfio_cxl_test_host_cm(struct vfio_cxl_emu_cm_config *config);
void vfio_cxl_test_host_dvsec(u8 *dvsec);

/**
 * struct vfio_cxl_test_registers - registers derived from the host's
 * @test: the running case
 * @host: the host's registers
 * @image: the guest's
 * @size: size of both, in bytes
 * @init: derives @image from @host
 * @priv: for @init
 */
struct vfio_cxl_test_registers {
	struct kunit *test;
	u8 *host;
	const u8 *image;
	u32 size;
	void (*init)(struct vfio_cxl_test_registers *regs);
	void *priv;
};

void vfio_cxl_test_host_bits(struct vfio_cxl_test_registers *regs,
			     const u32 *shown);
void vfio_cxl_test_no_address(struct kunit *test, const u8 *image, u32 size,
			      u64 address);

#endif /* VFIO_CXL_KUNIT_FIXTURE_H */
