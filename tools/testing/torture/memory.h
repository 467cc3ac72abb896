/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of a user: regions, mappings, memory; and helpers that use these
 */
#ifndef VFIO_CXL_TORTURE_MEMORY_H
#define VFIO_CXL_TORTURE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "operation.h"

extern const struct operation memory_operations[];

int thread_init(struct thread *t);
/* Leave no mapping of an earlier session behind */
void drop_old_maps(struct thread *t, const struct target *target,
		   uint64_t serial);
/* An address in a mapping to which the thread may write; NULL for none */
char *any_mapped(struct thread *t, size_t *left);
/* A pointer that is invalid as an argument of any system call */
void *bad_pointer(struct thread *t);
/* An ioctl with this argument, or with a damaged one */
int any_ioctl(struct thread *t, int fd, unsigned long cmd, void *arg,
	      size_t size);
/* The same, never damaged */
int good_ioctl(int fd, unsigned long cmd, void *arg);

#endif /* VFIO_CXL_TORTURE_MEMORY_H */
