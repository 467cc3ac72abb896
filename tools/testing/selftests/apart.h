/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A part of a test in a process and a time limit of its own
 */
#ifndef VFIO_CXL_SELFTEST_APART_H
#define VFIO_CXL_SELFTEST_APART_H

#include <stdbool.h>

/*
 * Whether @run comes to its end in time, with no need() that is not right, and
 * without a splat in the log that @kmsg is of
 */
bool run_apart(int kmsg, void (*run)(const void *arg), const void *arg,
	       unsigned int seconds);
void need(bool right, const char *what);

#endif /* VFIO_CXL_SELFTEST_APART_H */
