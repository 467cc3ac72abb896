/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of a user: what the device may access, and who may access it
 */
#ifndef VFIO_CXL_TORTURE_DMA_H
#define VFIO_CXL_TORTURE_DMA_H

#include "operation.h"

extern const struct operation dma_operations[];

#endif /* VFIO_CXL_TORTURE_DMA_H */
