/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices, and what they have to be like after a round
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

/* Bind the devices, keep what the host sees of them */
int devices_begin(void);
/* 0, or -EIO where something is wrong, which is printed; reads the log, too */
int devices_end(uint64_t seed);

#endif /* VFIO_CXL_TORTURE_CHECK_H */
