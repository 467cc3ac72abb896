/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Run a part of a test in a separate process, with a time limit
 */
#ifndef VFIO_CXL_SELFTEST_APART_H
#define VFIO_CXL_SELFTEST_APART_H

#include <stdbool.h>

/*
 * Whether @run ends in time, with no need() that is not met, and without a
 * splat in the log of @kmsg
 */
bool run_apart(int kmsg, void (*run)(const void *arg), const void *arg,
	       unsigned int seconds);
void need(bool right, const char *what);

#endif /* VFIO_CXL_SELFTEST_APART_H */
