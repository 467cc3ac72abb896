// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device under test: ready for a test, and as it was after it
 */
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "device.h"
#include "kmsg.h"
#include "sysfs.h"

int test_begin(struct test_device *test, unsigned int index)
{
	int ret;

	memset(&test->vfio, 0, sizeof(test->vfio));
	test->vfio.container = -1;
	test->vfio.group = -1;
	test->vfio.device = -1;
	test->kmsg = kmsg_open();
	if (test->kmsg < 0)
		return test->kmsg;

	ret = host_open(&test->host, index);
	if (ret)
		goto err_kmsg;
	ret = sysfs_bind(test->host.bdf, DRIVER);
	if (ret)
		goto err_host;
	host_snapshot(&test->host, &test->before);

	return 0;

err_host:
	host_close(&test->host);
err_kmsg:
	close(test->kmsg);
	return ret;
}

int test_open(struct test_device *test, unsigned int index,
	      enum vfio_interface interface)
{
	int ret;

	ret = test_begin(test, index);
	if (ret)
		return ret;
	ret = vfio_open(&test->vfio, &test->host, interface);
	if (ret)
		test_end(test);

	return ret;
}

int test_reopen(struct test_device *test, const char *driver)
{
	const enum vfio_interface interface = test->vfio.interface;
	const char *bdf = test->host.bdf;
	char now[64];
	int ret;

	vfio_close(&test->vfio);
	if (strcmp(sysfs_driver(bdf, now, sizeof(now)), driver)) {
		ret = sysfs_unbind(bdf);
		if (!ret)
			ret = host_restore_decoder(&test->host);
		if (!ret)
			ret = sysfs_bind(bdf, driver);
		if (ret)
			return ret;
	}

	return vfio_open(&test->vfio, &test->host, interface);
}

const char *test_end(struct test_device *test)
{
	static char text[512];
	struct host_snapshot now;
	const char *wrong;
	uint16_t *cmd[2];

	host_snapshot(&test->host, &now);
	wrong = host_snapshot_differs(&test->host, &test->before, &now);
	if (wrong)
		host_restore_decoder(&test->host);

	cmd[0] = (uint16_t *)(test->before.config + PCI_COMMAND);
	cmd[1] = (uint16_t *)(now.config + PCI_COMMAND);
	if (!wrong && *cmd[0] != *cmd[1]) {
		snprintf(text, sizeof(text),
			 "%s: command register: %#x, was %#x", test->host.bdf,
			 *cmd[1], *cmd[0]);
		wrong = text;
	}
	if (sysfs_bind(test->host.bdf, DRIVER) && !wrong)
		wrong = "the device cannot be bound again";
	if (kmsg_splat(test->kmsg, text, sizeof(text)))
		wrong = text;
	host_close(&test->host);
	close(test->kmsg);

	return wrong;
}

const char *test_close(struct test_device *test)
{
	vfio_close(&test->vfio);

	return test_end(test);
}
