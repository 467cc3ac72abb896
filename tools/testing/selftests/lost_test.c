// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE_CXL_HDM_DECODER while the host's decoder is lost
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "harness.h"
#include "lib/device.h"
#include "lib/host.h"
#include "lib/qmp.h"
#include "lib/vfio.h"

FIXTURE(lost) {
	struct test_device test;
	unsigned int index;
	int device;
};

INTERFACE_VARIANTS(lost);

FIXTURE_SETUP(lost)
{
	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	self->index = host_count() - 1;
	if (!rig_can_fail(self->index))
		SKIP(return, "needs the rig's device");
	ASSERT_EQ(0, test_open(&self->test, self->index, variant->interface));
	self->device = self->test.vfio.device;
	ASSERT_EQ(0, rig_commit_fails(self->index, true));
	ioctl(self->device, VFIO_DEVICE_RESET);
}

FIXTURE_TEARDOWN(lost)
{
	EXPECT_EQ(0, rig_commit_fails(self->index, false));
	EXPECT_FINE(test_close(&self->test));
}

TEST_F(lost, set_fails)
{
	const struct host_device *host = &self->test.host;
	struct vfio_device_feature_cxl_hdm_decoder decoder;

	EXPECT_EQ(-EIO, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
	EXPECT_EQ(0, vfio_hdm_get(self->device, &decoder));
	EXPECT_EQ(VFIO_CXL_HDM_DECODER_DEVICE_COHERENT, decoder.flags);
	EXPECT_EQ(0, decoder.base);
	EXPECT_EQ(host->size, decoder.size);
	EXPECT_EQ(0, guest_read64(&self->test.vfio, host->hdm + HDM_BASE_LOW));
	/* Errors of the request take precedence over those of the host */
	EXPECT_EQ(-EINVAL, vfio_hdm_set(self->device, 0, GUEST_WINDOW));
}

TEST_F(lost, reset_permits_set)
{
	ASSERT_EQ(0, rig_commit_fails(self->index, false));
	ASSERT_EQ(0, ioctl(self->device, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, vfio_hdm_set(self->device, GUEST_BASE, GUEST_WINDOW));
}

TEST_HARNESS_MAIN
