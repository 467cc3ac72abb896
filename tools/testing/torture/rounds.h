/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rounds of load, and their results
 */
#ifndef VFIO_CXL_TORTURE_ROUNDS_H
#define VFIO_CXL_TORTURE_ROUNDS_H

#include "shared.h"

/* Duration of a round, in seconds */
#define ROUND_SECONDS	10

int run_rounds(const struct options *options);
/* Check the counts of all rounds: 0, or -EPROTO */
int print_sums(void);

#endif /* VFIO_CXL_TORTURE_ROUNDS_H */
