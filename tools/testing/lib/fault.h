/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses to memory that may raise a signal
 */
#ifndef VFIO_CXL_TEST_FAULT_H
#define VFIO_CXL_TEST_FAULT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

static inline uint64_t get(const void *p)
{
	return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
}

static inline void put(void *p, uint64_t val)
{
	__atomic_store_n((uint64_t *)p, val, __ATOMIC_RELAXED);
}

/*
 * Call @access: 0, or the signal that ended it, SIGBUS or SIGSEGV.  Several
 * threads may do so at the same time.
 */
int survive(void (*access)(void *arg), void *arg);
/* The siginfo of this thread's last access that a signal ended */
const siginfo_t *last_fault(void);
/* get() and put(), false if a signal ended them */
bool try_get(void *p, uint64_t *val);
bool try_put(void *p, uint64_t val);

#endif /* VFIO_CXL_TEST_FAULT_H */
