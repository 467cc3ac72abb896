/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Count what a system call executes in the kernel, with the machine's emulator
 *
 * The emulator has no performance counters, but it can log each instruction
 * that it executes, and the machine has access to its monitor.  So the count is
 * exact, and the same on every host.
 */
#ifndef BENCH_COUNT_H
#define BENCH_COUNT_H

/* Consecutive calls of one kind, of which the median is used */
#define COUNT_CALLS	9

struct count {
	unsigned long instructions;	/* from entry to return */
	unsigned long allocations;	/* calls of the slab allocator */
};

/* A system call that count_stop() finds in the log */
long count_enter(long nr, long a, const void *b, long c, long d);
void count_start(void);
/* Of the calls since count_start(), COUNT_CALLS for each of @counts */
void count_stop(struct count *counts, unsigned int nr);

#endif /* BENCH_COUNT_H */
