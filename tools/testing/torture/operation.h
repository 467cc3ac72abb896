/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread of a user, and what it may do with an open device
 */
#ifndef VFIO_CXL_TORTURE_OPERATION_H
#define VFIO_CXL_TORTURE_OPERATION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/page.h"

#include "check.h"
#include "random.h"
#include "session.h"
#include "shared.h"

#define NR_SLOTS	2
#define NR_EVENTFDS	4
#define NR_DMABUFS	2

/* A mapping of a device, and the address space it may use */
struct slot {
	char *space;
	char *at;		/* NULL: nothing is mapped */
	size_t len;
	bool memory;
	uint64_t offset;	/* in the memory */
	struct target *target;
	uint64_t serial;	/* of the session */
};

/*
 * A page of the memory for each thread, to which no other thread writes: its
 * contents show whether the memory was lost, or not cleared.
 */
#define KEPT_START	0x8000000ULL
#define KEPT_END	(KEPT_START + MAX_THREADS * page_size())

struct kept {
	uint64_t *at;
	uint64_t serial;	/* of the session, 0 if it is not mapped */
	uint64_t value;
};

struct thread {
	pthread_t id;
	unsigned int number;
	struct random random;
	struct target *target;
	/* Each of these is followed by an inaccessible part */
	struct slot slots[NR_SLOTS];
	struct kept kept[MAX_DEVICES];
	char *buf;
	char *constant;
	char *arg;
	int eventfds[NR_EVENTFDS];
	int dmabufs[NR_DMABUFS];
};

/* Pages of any size */
#define BUF_SIZE	0x20000U
#define ARG_SIZE	page_size()
#define SLOT_SIZE	0x100000000ULL

enum { ANY_INTERFACE, GROUP_ONLY, CDEV_ONLY };

/*
 * An operation on an open device.  If it is refused by design, it must never
 * succeed; every other one must succeed occasionally.
 */
struct operation {
	const char *name;
	unsigned int weight;
	int only;		/* for one interface */
	bool refused;
	int (*run)(struct thread *t, struct session *s);
};

#endif /* VFIO_CXL_TORTURE_OPERATION_H */
