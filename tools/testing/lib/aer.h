/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors that a device reports to its host (AER), and what the host does then
 */
#ifndef VFIO_CXL_TEST_AER_H
#define VFIO_CXL_TEST_AER_H

#include <stdbool.h>
#include <stdint.h>

#include "host.h"

/* The capability's offset in config space, or 0 */
uint32_t aer_cap(const struct host_device *host);

/*
 * Wait until the host is done with an error, as a log says that was opened
 * before the error: 1 where the device recovered, 0 where it did not, or
 * -ETIMEDOUT.
 */
int aer_wait(int kmsg);

/* Where the host had put the device's BARs, and whether they are there still */
#define NR_BARS		6

struct host_bars {
	uint32_t bar[NR_BARS];
};

void host_bars_read(const struct host_device *host, struct host_bars *bars);
bool host_bars_same(const struct host_bars *a, const struct host_bars *b);

/*
 * For a device that is not in use or not usable: remove it from the host, with
 * all state that was lost, and find it again.  0 or -errno.
 */
int host_rediscover(struct host_device *host);

#endif /* VFIO_CXL_TEST_AER_H */
