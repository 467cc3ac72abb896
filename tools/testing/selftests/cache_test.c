// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU caches: none of the memory is cached when its decoder is cleared
 *
 * On a platform with a cache controller (arm64), a module takes its place and
 * counts the requests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define PROVIDER	"/sys/module/cache_provider/parameters/"
#define NO_WAY		"cannot invalidate CPU caches"

FIXTURE(cache) {
	struct test_device test;
	unsigned long calls;	/* as of the last look */
};

static unsigned long parameter(const char *name)
{
	char path[128], text[32] = "0";

	snprintf(path, sizeof(path), PROVIDER "%s", name);
	sysfs_read(path, text, sizeof(text));

	return strtoul(text, NULL, 10);
}

FIXTURE_SETUP(cache)
{
	if (system("modprobe -q cache-provider"))
		SKIP(return, "needs a platform with a cache controller");
	ASSERT_EQ(0, test_begin(&self->test, 0));
	self->calls = parameter("calls");
}

FIXTURE_TEARDOWN(cache)
{
	EXPECT_FINE(test_close(&self->test));
	EXPECT_EQ(0, system("modprobe -r cache-provider"));
}

/* At least this many times since the last check, and only for the memory */
#define EXPECT_CALLS(at_least) do {					\
	const unsigned long __now = parameter("calls");			\
									\
	EXPECT_LE(at_least, __now - self->calls);			\
	EXPECT_EQ(self->test.host.base, parameter("base"));		\
	EXPECT_EQ(self->test.host.size, parameter("size"));		\
	self->calls = __now;						\
} while (0)

static int open_device(struct test_device *test)
{
	return test_vfio_open(test, vfio_usable(VFIO_CDEV_INTERFACE));
}

/* The open's reset, after the clearing, if there was one */
TEST_F(cache, open_and_close)
{
	unsigned long before;

	ASSERT_EQ(0, open_device(&self->test));
	EXPECT_CALLS(1);
	before = self->calls;
	vfio_close(&self->test.vfio);
	/* One for the close's reset, one at the end of the clearing */
	ASSERT_EQ(0, open_device(&self->test));
	EXPECT_CALLS(3);
	TH_LOG("close, clearing and open: %lu", self->calls - before);
}

/* By each method */
TEST_F(cache, resets)
{
	const struct test_device *test = &self->test;
	const struct reset_path *path;
	const char *method;
	unsigned int n;

	ASSERT_EQ(0, open_device(&self->test));
	EXPECT_CALLS(1);
	for (path = reset_paths; path < reset_paths + NR_PATHS; path++)
		for (n = 0; reset_method(path, test, n, &method); n++) {
			EXPECT_EQ(0, path->reset(test, method));
			EXPECT_CALLS(1);
		}
}

/* Bind logs that the platform cannot invalidate caches, and only then */
TEST_F(cache, said_at_bind)
{
	const char *bdf = self->test.host.bdf;

	ASSERT_EQ(0, sysfs_unbind(bdf));
	kmsg_contains(self->test.kmsg, NO_WAY);
	ASSERT_EQ(0, sysfs_bind(bdf, DRIVER));
	EXPECT_EQ(0, kmsg_contains(self->test.kmsg, NO_WAY));

	ASSERT_EQ(0, sysfs_unbind(bdf));
	ASSERT_EQ(0, system("modprobe -r cache-provider"));
	ASSERT_EQ(0, sysfs_bind(bdf, DRIVER));
	EXPECT_EQ(1, kmsg_contains(self->test.kmsg, NO_WAY));
	ASSERT_EQ(0, system("modprobe cache-provider"));
}

TEST_HARNESS_MAIN
