/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What processes count and tell each other, and what they were asked for
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

/* In memory that all of them map */
struct shared {
	atomic_bool stop;	/* everybody is to come to an end */
	atomic_uint violations;	/* of what a user may rely on */
	struct counter user[MAX_OPERATIONS];
	struct counter host[MAX_OPERATIONS];
	struct counter opens;
	atomic_ullong errors[MAX_ERRNO];
};

extern struct shared *shared;

/* 0 or more for success, or -errno: for the sums at the end */
void count(struct counter *counter, int ret);

/* What the user of this program chose */
struct options {
	uint64_t seed;
	unsigned int seconds;
	unsigned int rounds;	/* 0: as many as there is time for */
	unsigned int threads;
	const char *only;	/* list of operations, or NULL for all */
	bool kill;
};

/* Whether an operation is in a list of them; NULL has all */
bool chosen(const char *only, const char *name);

#endif /* VFIO_CXL_TORTURE_SHARED_H */
