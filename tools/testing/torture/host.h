/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that does what a host's administrator does
 */
#ifndef VFIO_CXL_TORTURE_HOST_H
#define VFIO_CXL_TORTURE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "random.h"
#include "shared.h"

struct host_operation {
	const char *name;
	unsigned int weight;
	int (*run)(struct random *r);
	/* NULL: with any device, not only with the rig's */
	bool (*possible)(void);
};

extern const struct host_operation host_operations[];
void host_process(const struct options *options, uint64_t seed)
	__attribute__((noreturn));

#endif /* VFIO_CXL_TORTURE_HOST_H */
