/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors that a device reports to its host (AER), and the host's recovery
 */
#ifndef VFIO_CXL_TEST_AER_H
#define VFIO_CXL_TEST_AER_H

#include <stdbool.h>
#include <stdint.h>

#include "host.h"

/* The capability's offset in config space, or 0 */
uint32_t aer_cap(const struct host_device *host);

/*
 * Wait for the end of an error recovery, according to a log that was opened
 * before the error: 1 if the device recovered, 0 if it did not, or -ETIMEDOUT.
 */
int aer_wait(int kmsg);

/* Where the host placed the device's BARs, and whether they are still there */
#define NR_BARS		6

struct host_bars {
	uint32_t bar[NR_BARS];
};

void host_bars_read(const struct host_device *host, struct host_bars *bars);
bool host_bars_same(const struct host_bars *a, const struct host_bars *b);

/*
 * For a device that is not in use or not usable: remove it from the host,
 * discarding its state, and rescan.  0 or -errno.
 */
int host_rediscover(struct host_device *host);

#endif /* VFIO_CXL_TEST_AER_H */
