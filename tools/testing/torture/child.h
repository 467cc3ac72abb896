/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wait for processes, with a time limit
 */
#ifndef VFIO_CXL_TORTURE_CHILD_H
#define VFIO_CXL_TORTURE_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "shared.h"

pid_t start(void (*run)(const struct options *options, uint64_t seed),
	    const struct options *options, uint64_t seed);
/*
 * The wait status of a child that ends in time; or -ETIMEDOUT, with its stacks
 * in the output
 */
int wait_for(pid_t pid, unsigned int limit);
/* The same for any other child that is left */
int wait_for_all(unsigned int limit);

#endif /* VFIO_CXL_TORTURE_CHILD_H */
