/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rounds of load, and what they came to
 */
#ifndef VFIO_CXL_TORTURE_ROUNDS_H
#define VFIO_CXL_TORTURE_ROUNDS_H

#include "shared.h"

/* For so long is the driver under load */
#define ROUND_SECONDS	10

int run_rounds(const struct options *options);
/* What has been tried and done in all of them: 0, or -EPROTO */
int print_sums(void);

#endif /* VFIO_CXL_TORTURE_ROUNDS_H */
