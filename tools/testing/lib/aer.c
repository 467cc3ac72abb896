// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors that a device reports to its host (AER), and the host's recovery
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "aer.h"
#include "clock.h"
#include "env.h"
#include "kmsg.h"
#include "sysfs.h"

/* Includes bus resets, and waits for tasks that hold the device's locks */
#define RECOVERY_TIMEOUT_S	time_limit(20)
#define LINES_SIZE		0x10000

uint32_t aer_cap(const struct host_device *host)
{
	uint8_t config[PCI_CFG_SPACE_EXP_SIZE];
	uint32_t at = 0, header;

	if (pread(host->config, config, sizeof(config), 0) != sizeof(config))
		return 0;
	while ((at = next_ext_cap(config, at, &header)))
		if ((header & 0xffff) == PCI_EXT_CAP_ID_ERR)
			break;

	return at;
}

/* What pcie_do_recovery() logs at its end */
static int outcome(const char *lines)
{
	if (strstr(lines, "device recovery failed"))
		return 0;

	return strstr(lines, "device recovery successful") ? 1 : -ETIMEDOUT;
}

int aer_wait(int kmsg)
{
	const double end = seconds() + RECOVERY_TIMEOUT_S;
	char *lines = malloc(LINES_SIZE);
	int ret;

	if (!lines)
		return -ENOMEM;
	do {
		sleep_ms(10);
		kmsg_read(kmsg, lines, LINES_SIZE);
		ret = outcome(lines);
	} while (ret < 0 && seconds() < end);
	free(lines);

	return ret;
}

void host_bars_read(const struct host_device *host, struct host_bars *bars)
{
	unsigned int i;

	for (i = 0; i < NR_BARS; i++)
		bars->bar[i] = host_config(host, PCI_BASE_ADDRESS_0 + 4 * i, 4);
}

bool host_bars_same(const struct host_bars *a, const struct host_bars *b)
{
	return !memcmp(a, b, sizeof(*a));
}

int host_rediscover(struct host_device *host)
{
	int ret;

	ret = sysfs_device_write(host->bdf, "remove", "1");
	if (!ret)
		ret = sysfs_write("/sys/bus/pci/rescan", "1");

	return ret ?: host_replug(host) ?: host_restore_decoder(host);
}
