/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of a user: what controls a device
 */
#ifndef VFIO_CXL_TORTURE_CONTROL_H
#define VFIO_CXL_TORTURE_CONTROL_H

#include "operation.h"

extern const struct operation control_operations[];

#endif /* VFIO_CXL_TORTURE_CONTROL_H */
