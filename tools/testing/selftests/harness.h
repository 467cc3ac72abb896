/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linux's test harness, for the rig's machine
 */
#ifndef VFIO_CXL_SELFTEST_HARNESS_H
#define VFIO_CXL_SELFTEST_HARNESS_H

#include "kselftest_harness.h"

/* The rig's machine is emulated, and others may use the same processors */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

/* NULL is expected, or else a text that says what is wrong */
#define EXPECT_FINE(result) do {					\
	const char *__wrong = result;					\
									\
	EXPECT_EQ(NULL, __wrong)					\
		TH_LOG("%s", __wrong);					\
} while (0)

#endif /* VFIO_CXL_SELFTEST_HARNESS_H */
