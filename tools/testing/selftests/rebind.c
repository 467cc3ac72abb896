// SPDX-License-Identifier: GPL-2.0-only
/*
 * rebind INDEX DRIVER - bind a device of the rig to another driver
 *
 * vfio-pci leaves the host's decoder as its resets left it: cleared.  Tests
 * that run later need it as firmware set it up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/device.h"
#include "lib/host.h"
#include "lib/sysfs.h"

int main(int argc, char **argv)
{
	struct host_device host;
	int ret;

	if (argc != 3) {
		fprintf(stderr, "usage: %s INDEX DRIVER\n", argv[0]);
		return 2;
	}
	ret = host_open(&host, atoi(argv[1]));
	if (!ret)
		ret = sysfs_unbind(host.bdf);
	if (!ret)
		ret = host_restore_decoder(&host);
	if (!ret)
		ret = sysfs_bind(host.bdf, argv[2]);
	if (ret)
		fprintf(stderr, "%s: device %s, %s: %s\n", argv[0], argv[1],
			argv[2], strerror(-ret));

	return ret ? 1 : 0;
}
