/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The whole driver under load: what the files of this program share
 *
 * main.c	options, rounds, what each of them came to
 * random.c	random numbers
 * check.c	a device after a round
 * user.c	a process of threads that use the devices
 * memory.c	its operations: regions, mappings, memory
 * control.c	its operations: what controls a device
 * dma.c	its operations: containers, iommufd, dma-buf
 * host.c	a process that does what a host's administrator does
 * kill.c	a VMM that is killed at every step
 */
#ifndef VFIO_CXL_TORTURE_H
#define VFIO_CXL_TORTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/array.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/page.h"
#include "lib/qmp.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define MAX_DEVICES		4
#define MAX_THREADS		64
#define MAX_OPERATIONS		64
#define MAX_ERRNO		134
#define NR_REGIONS		(VFIO_PCI_NUM_REGIONS + 1)

/*
 * Random numbers that depend on three others only: what an operation draws does
 * not change what the next one will be.
 */
struct random {
	uint64_t state;
};

void random_init(struct random *r, uint64_t seed, uint64_t a, uint64_t b);
uint64_t random_next(struct random *r);
/* The seed of the round after the one with @seed */
uint64_t random_seed_after(uint64_t seed);
uint64_t below(struct random *r, uint64_t limit);
bool one_in(struct random *r, unsigned int n);
/* Numbers that programs get wrong: 0, all ones, powers of two, any */
uint64_t any_number(struct random *r);

/* What processes count and tell each other, in shared memory */
struct counter {
	atomic_ullong tried;
	atomic_ullong succeeded;
};

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

/* The round's user: threads, and devices that they open and close */

/* From an open to the close after the last thread that was using it */
struct session {
	struct vfio_cxl_fd vfio;
	uint64_t serial;
	unsigned int users;
	int request;		/* eventfd: the host wants the device */
	struct vfio_region_info regions[NR_REGIONS];
	unsigned int irqs[VFIO_PCI_NUM_IRQS];
	atomic_uint ioas;	/* one more, of the iommufd */
};

struct target {
	struct host_device host;
	enum vfio_interface interface;
	pthread_mutex_t opening;
	pthread_mutex_t lock;	/* of what follows */
	struct session *session;
	uint64_t serials;
};

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
 * A page of the memory for each thread that nobody else writes to: by what is
 * in it a thread knows whether the memory was lost, or not cleared.
 */
#define KEPT_START	0x8000000ULL
#define KEPT_END	(KEPT_START + MAX_THREADS * SZ_4K)

struct kept {
	uint64_t *at;
	uint64_t serial;	/* of the session, 0 where it is not mapped */
	uint64_t value;
};

struct thread {
	pthread_t id;
	unsigned int number;
	struct random random;
	struct target *target;
	/* What nobody can access follows each of these */
	struct slot slots[NR_SLOTS];
	struct kept kept[MAX_DEVICES];
	char *buf;
	char *constant;
	char *arg;
	int eventfds[NR_EVENTFDS];
	int dmabufs[NR_DMABUFS];
};

#define BUF_SIZE	0x20000U
#define ARG_SIZE	0x1000U
#define SLOT_SIZE	0x100000000ULL

enum { ANY_INTERFACE, GROUP_ONLY, CDEV_ONLY };

/*
 * An operation on a device that is open.  Where it is refused by design, it
 * must never succeed; every other one must, now and then.
 */
struct operation {
	const char *name;
	unsigned int weight;
	int only;		/* for one interface */
	bool refused;
	int (*run)(struct thread *t, struct session *s);
};

extern const struct operation memory_operations[];
extern const struct operation control_operations[];
extern const struct operation dma_operations[];

/* All of them, in the order of struct shared */
const struct operation *user_operation(unsigned int n);
/* Run the threads until they are to stop; does not return */
void user_process(const struct options *options, uint64_t seed)
	__attribute__((noreturn));
/* The session is at its end: the next operation opens the device again */
void session_retire(struct target *target, struct session *s);

/* memory.c, for the threads */
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

/* The host's administrator */
struct host_operation {
	const char *name;
	unsigned int weight;
	int (*run)(struct random *r);
};

extern const struct host_operation host_operations[];
void host_process(const struct options *options, uint64_t seed)
	__attribute__((noreturn));

/* check.c: the devices, and what they have to be like after a round */
struct devices {
	struct test_device tests[MAX_DEVICES];
	unsigned int count;
};

extern struct devices devices;

/* Bind the devices, keep what the host sees of them */
int devices_begin(void);
/* 0, or -EIO where something is wrong, which is printed; reads the log, too */
int devices_end(uint64_t seed);

/* main.c: children.  A process that does not end has its stacks printed. */
pid_t start(void (*run)(const struct options *options, uint64_t seed),
	    const struct options *options, uint64_t seed);
/* The wait status of a child that ends in time, or -ETIMEDOUT */
int wait_for(pid_t pid, unsigned int limit);
/* The same of whatever is left of it */
int wait_for_all(unsigned int limit);
/* A line of TAP */
void report(int ret, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* kill.c: a VMM killed at every system call of its start, and under load */
int kill_rounds(const struct options *options);

#endif /* VFIO_CXL_TORTURE_H */
