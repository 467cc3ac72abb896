/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process of threads that use the devices
 */
#ifndef VFIO_CXL_TORTURE_USER_H
#define VFIO_CXL_TORTURE_USER_H

#include <stdint.h>

#include "operation.h"
#include "shared.h"

/* All of them, in the order of struct shared */
const struct operation *user_operation(unsigned int n);
/* Run the threads until they are to stop; does not return */
void user_process(const struct options *options, uint64_t seed)
	__attribute__((noreturn));

#endif /* VFIO_CXL_TORTURE_USER_H */
