/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Elapsed time
 */
#ifndef VFIO_CXL_TEST_CLOCK_H
#define VFIO_CXL_TEST_CLOCK_H

#include <time.h>

static inline double clock_seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline double seconds(void)
{
	return clock_seconds(CLOCK_MONOTONIC);
}

static inline void sleep_ms(unsigned int ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

#endif /* VFIO_CXL_TEST_CLOCK_H */
