/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linux's test harness, for devices that the environment names
 */
#ifndef VFIO_CXL_SELFTEST_HARNESS_H
#define VFIO_CXL_SELFTEST_HARNESS_H

#include "kselftest_harness.h"

#include "lib/env.h"
#include "lib/host.h"
#include "lib/vfio.h"

/* An emulated machine is slow, and others may be using the processors */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	time_limit(120)

/* Before any test, as all of them need a device */
static void __attribute__((constructor)) skip_without_device(void)
{
	if (host_count())
		return;
	ksft_print_header();
	ksft_exit_skip("RIG_DEVICES names no device\n");
}

/*
 * The variants of a fixture whose device is opened through either interface;
 * the semicolon after the macro ends the last line
 */
#define INTERFACE_VARIANTS(fixture...)					\
	FIXTURE_VARIANT(fixture) {					\
		enum vfio_interface interface;				\
	};								\
	FIXTURE_VARIANT_ADD(fixture, group) {				\
		.interface = VFIO_GROUP_INTERFACE,			\
	};								\
	FIXTURE_VARIANT_ADD(fixture, cdev) {				\
		.interface = VFIO_CDEV_INTERFACE,			\
	};								\
	struct vfio_cxl_fd

/* Expect NULL rather than a string that says what is wrong */
#define EXPECT_FINE(result) do {					\
	const char *__wrong = result;					\
									\
	EXPECT_EQ(NULL, __wrong)					\
		TH_LOG("%s", __wrong);					\
} while (0)

#endif /* VFIO_CXL_SELFTEST_HARNESS_H */
