/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results, in TAP
 */
#ifndef VFIO_CXL_TORTURE_REPORT_H
#define VFIO_CXL_TORTURE_REPORT_H

/* A line of TAP */
void report(int ret, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* and the last line, the plan */
void report_plan(void);

#endif /* VFIO_CXL_TORTURE_REPORT_H */
