/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of a user: regions, mappings, memory; and what else needs those
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
/* Somewhere in a mapping that the thread may write to; NULL for none */
char *any_mapped(struct thread *t, size_t *left);
/* A pointer that no argument of a system call should be */
void *bad_pointer(struct thread *t);
/* An ioctl with this argument, or with one that is broken somehow */
int any_ioctl(struct thread *t, int fd, unsigned long cmd, void *arg,
	      size_t size);
/* The same without being broken */
int good_ioctl(int fd, unsigned long cmd, void *arg);

#endif /* VFIO_CXL_TORTURE_MEMORY_H */
