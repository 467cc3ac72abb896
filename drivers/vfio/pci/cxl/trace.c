// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints, see Documentation/driver-api/vfio-cxl-pci.rst
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
