/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices, and checks of their state after a round
 */
#ifndef VFIO_CXL_TORTURE_CHECK_H
#define VFIO_CXL_TORTURE_CHECK_H

#include <stdint.h>

#include "lib/device.h"

#define MAX_DEVICES	4

struct devices {
	struct test_device tests[MAX_DEVICES];
	unsigned int count;
};

extern struct devices devices;

/* Bind the devices, save what the host sees of them */
int devices_begin(void);
/* 0, or -EIO if something is wrong, which is printed; also reads the log */
int devices_end(uint64_t seed);

#endif /* VFIO_CXL_TORTURE_CHECK_H */
