/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters and flags that processes share, and the options
 */
#ifndef VFIO_CXL_TORTURE_SHARED_H
#define VFIO_CXL_TORTURE_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MAX_THREADS		64
#define MAX_OPERATIONS		64
#define MAX_ERRNO		134

struct counter {
	atomic_ullong tried;
	atomic_ullong succeeded;
};

/* In memory that all processes map */
struct shared {
	atomic_bool stop;	/* all processes are to end */
	atomic_uint violations;	/* violations of guarantees to a user */
	struct counter user[MAX_OPERATIONS];
	struct counter host[MAX_OPERATIONS];
	struct counter opens;
	atomic_ullong errors[MAX_ERRNO];
};

extern struct shared *shared;

/* 0 or more for success, or -errno: counted for the summary */
void count(struct counter *counter, int ret);

/* Options of the command line */
struct options {
	uint64_t seed;
	unsigned int seconds;
	unsigned int rounds;	/* 0: as many as fit into the time */
	unsigned int threads;
	const char *only;	/* list of operations, or NULL for all */
	bool kill;
};

/* Whether an operation is in a list of them; NULL has all */
bool chosen(const char *only, const char *name);

#endif /* VFIO_CXL_TORTURE_SHARED_H */
