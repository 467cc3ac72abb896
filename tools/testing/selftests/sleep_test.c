// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power: a bound device stays in D0, and an open one prevents system sleep
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define STATE		"/sys/power/state"
#define PM_TEST		"/sys/power/pm_test"
#define PM_TEST_DELAY	"/sys/module/suspend/parameters/pm_test_delay"

FIXTURE(sleep) {
	struct test_device test;
	struct vfio_cxl_fd *vfio;
};

INTERFACE_VARIANTS(sleep);

FIXTURE_SETUP(sleep)
{
	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	if (access(PM_TEST, F_OK))
		SKIP(return, "needs CONFIG_PM_DEBUG");
	/* Only freeze all processes, and thaw them */
	ASSERT_EQ(0, sysfs_write(PM_TEST, "freezer"));
	ASSERT_EQ(0, sysfs_write(PM_TEST_DELAY, "1"));
	/* The last device: the rig can give it power management */
	ASSERT_EQ(0, test_open(&self->test, host_count() - 1,
			       variant->interface));
	self->vfio = &self->test.vfio;
}

FIXTURE_TEARDOWN(sleep)
{
	EXPECT_FINE(test_close(&self->test));
	EXPECT_EQ(0, sysfs_write(PM_TEST, "none"));
}

/* A word written to the memory, read back */
static bool memory_works(const struct vfio_cxl_fd *vfio, uint64_t val)
{
	const uint64_t at = vfio->mem.offset + SZ_2M;
	uint64_t back;

	return pwrite(vfio->device, &val, 8, at) == 8 &&
	       pread(vfio->device, &back, 8, at) == 8 && back == val;
}

TEST_F(sleep, not_while_open)
{
	ASSERT_TRUE(memory_works(self->vfio, 1));
	EXPECT_EQ(-EBUSY, sysfs_write(STATE, "freeze"));
	EXPECT_EQ(1, kmsg_contains(self->test.kmsg, "refusing system sleep"));
	EXPECT_TRUE(memory_works(self->vfio, 2));
}

TEST_F(sleep, while_nobody_uses_it)
{
	ASSERT_TRUE(memory_works(self->vfio, 1));
	vfio_close(self->vfio);
	/* The memory is being cleared */
	EXPECT_EQ(0, sysfs_write(STATE, "freeze"));
	ASSERT_EQ(0, test_vfio_open(&self->test, variant->interface));
	EXPECT_TRUE(memory_works(self->vfio, 2));
}

/* Requests by the host's user have no effect; a guest's are in config_test.c */
TEST_F(sleep, device_stays_in_d0)
{
	const char *bdf = self->test.host.bdf;
	char text[32];

	ASSERT_EQ(0, sysfs_device_write(bdf, "power/control", "auto"));
	sleep_ms(300);
	EXPECT_EQ(0, sysfs_device_read(bdf, "power_state", text, sizeof(text)));
	EXPECT_STREQ("D0", text);
	EXPECT_EQ(0, sysfs_device_read(bdf, "power/runtime_status", text,
				       sizeof(text)));
	EXPECT_STREQ("active", text);
	EXPECT_TRUE(memory_works(self->vfio, 3));

	vfio_close(self->vfio);
	sleep_ms(300);
	EXPECT_EQ(0, sysfs_device_read(bdf, "power_state", text, sizeof(text)));
	EXPECT_STREQ("D0", text);
	EXPECT_EQ(0, sysfs_device_read(bdf, "power/runtime_status", text,
				       sizeof(text)));
	EXPECT_STREQ("active", text);
	EXPECT_EQ(0, sysfs_device_write(bdf, "power/control", "on"));
}

TEST_HARNESS_MAIN
