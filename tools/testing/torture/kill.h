/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMM that is killed
 */
#ifndef VFIO_CXL_TORTURE_KILL_H
#define VFIO_CXL_TORTURE_KILL_H

#include "shared.h"

/* At every system call of its start, and under load */
int kill_rounds(const struct options *options);

#endif /* VFIO_CXL_TORTURE_KILL_H */
