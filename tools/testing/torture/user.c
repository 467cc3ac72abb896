// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process of threads that use the devices, like a VMM that runs wild
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/array.h"
#include "lib/clock.h"

#include "check.h"
#include "control.h"
#include "dma.h"
#include "memory.h"
#include "user.h"

static struct {
	uint64_t seed;
	struct target targets[MAX_DEVICES];
	unsigned int count;
	struct thread threads[MAX_THREADS];
	pthread_barrier_t start;
	struct {
		const struct operation *op;
		unsigned int end;	/* of its share of the random numbers */
	} operations[MAX_OPERATIONS];
	unsigned int weights;	/* their sum */
} user;

/* The operations */

static const struct operation *const tables[] = {
	memory_operations, control_operations, dma_operations,
};

const struct operation *user_operation(unsigned int n)
{
	const struct operation *op;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (op = tables[i]; op->name; op++)
			if (!n--)
				return op;

	return NULL;
}

static void choose_operations(const struct options *options)
{
	const struct operation *op;
	unsigned int n;

	for (n = 0; (op = user_operation(n)); n++) {
		if (chosen(options->only, op->name))
			user.weights += op->weight;
		user.operations[n].op = op;
		user.operations[n].end = user.weights;
	}
}

static unsigned int any_operation(struct random *r)
{
	const uint64_t at = below(r, user.weights);
	unsigned int n = 0;

	while (at >= user.operations[n].end)
		n++;

	return n;
}

/* Threads */

/* Open the device, unless another thread is about to */
static void reopen(struct thread *t)
{
	struct target *target = t->target;

	/* A mapping of the previous session keeps the device open */
	drop_old_maps(t, target, 0);
	if (pthread_mutex_trylock(&target->opening)) {
		sleep_ms(1);
		return;
	}
	if (!target->session) {
		const int ret = session_open(target, &t->random);

		count(&shared->opens, ret);
		/* The host is using it, or a thread has a mapping */
		if (ret)
			sleep_ms(5);
	}
	pthread_mutex_unlock(&target->opening);
}

static bool suits(const struct operation *op, const struct target *target)
{
	return op->only == ANY_INTERFACE || (op->only == GROUP_ONLY) ==
	       (target->interface == VFIO_GROUP_INTERFACE);
}

static void operate(struct thread *t, uint64_t number)
{
	const struct operation *op;
	struct session *s;
	unsigned int n;

	random_init(&t->random, user.seed, t->number, number);
	t->target = &user.targets[below(&t->random, user.count)];
	n = any_operation(&t->random);
	op = user.operations[n].op;
	if (!suits(op, t->target))
		return;

	s = session_get(t->target);
	if (!s) {
		reopen(t);
		return;
	}
	if (session_requested(s))
		session_retire(t->target, s);
	drop_old_maps(t, t->target, s->serial);
	count(&shared->user[n], op->run(t, s));
	session_put(t->target, s);
}

static void *thread_run(void *arg)
{
	struct thread *t = arg;
	uint64_t number;

	pthread_barrier_wait(&user.start);
	for (number = 1; !atomic_load(&shared->stop); number++)
		operate(t, number);

	return NULL;
}

static int thread_start(struct thread *t, unsigned int number)
{
	unsigned int i;
	int ret;

	t->number = number;
	random_init(&t->random, user.seed, number, 0);
	for (i = 0; i < NR_EVENTFDS; i++)
		t->eventfds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (i = 0; i < NR_DMABUFS; i++)
		t->dmabufs[i] = -1;
	ret = thread_init(t);
	if (!ret)
		ret = -pthread_create(&t->id, NULL, thread_run, t);

	return ret;
}

void user_process(const struct options *options, uint64_t seed)
{
	unsigned int threads, i;
	int ret;

	/*
	 * Addresses that a thread unmaps must not be used for another one's
	 * malloc(), stack or buffers before they are reserved again.
	 */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 1 << 30);

	user.seed = seed;
	user.count = devices.count;
	choose_operations(options);
	/* A different interface for each, exchanged with another seed */
	for (i = 0; i < user.count; i++)
		target_init(&user.targets[i], &devices.tests[i].host,
			    vfio_usable((seed + i) % 2));
	threads = user.weights ? options->threads : 0;
	ret = -pthread_barrier_init(&user.start, NULL, threads + 1);
	for (i = 0; !ret && i < threads; i++)
		ret = thread_start(&user.threads[i], i);
	if (ret) {
		fprintf(stderr, "# user: %s\n", strerror(-ret));
		_exit(1);
	}
	pthread_barrier_wait(&user.start);

	while (i--)
		pthread_join(user.threads[i].id, NULL);
	for (i = 0; i < user.count; i++)
		if (user.targets[i].session)
			session_put(&user.targets[i], user.targets[i].session);
	_exit(0);
}
