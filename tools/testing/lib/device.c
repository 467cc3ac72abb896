// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device under test: set it up, use it, reset it, and check it after the test
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "array.h"
#include "clock.h"
#include "device.h"
#include "env.h"
#include "fault.h"
#include "kmsg.h"
#include "page.h"
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

int test_vfio_open(struct test_device *test, enum vfio_interface interface)
{
	const double end = seconds() + time_limit(60);
	int ret;

	/* The previous user's data is cleared first, which may take long */
	while ((ret = vfio_open(&test->vfio, &test->host, interface)) ==
	       -EAGAIN && seconds() < end)
		sleep_ms(10);

	return ret;
}

int test_open(struct test_device *test, unsigned int index,
	      enum vfio_interface interface)
{
	int ret;

	ret = test_begin(test, index);
	if (ret)
		return ret;
	ret = test_vfio_open(test, interface);
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

	return test_vfio_open(test, interface);
}

int test_new_range(const char *bdf, uint64_t base, uint64_t size)
{
	char text[128];

	snprintf(text, sizeof(text), "%s %#llx %#llx\n", bdf,
		 (unsigned long long)base, (unsigned long long)size);

	return sysfs_write("/sys/bus/pci/drivers/" DRIVER "/new_range", text);
}

int test_reload(const char *options)
{
	char command[128];
	struct host_device host;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < host_count(); i++) {
		ret = host_open(&host, i);
		if (ret)
			break;
		ret = sysfs_unbind(host.bdf);
		host_close(&host);
	}
	snprintf(command, sizeof(command),
		 "modprobe -r vfio-cxl-pci && modprobe vfio-cxl-pci %s",
		 options);
	return ret ?: system(command);
}

const char *test_differs(const struct test_device *test)
{
	struct host_snapshot now;

	host_snapshot(&test->host, &now);
	return host_snapshot_differs(&test->host, &test->before, &now);
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
	const char *wrong = NULL;
	char driver[64];

	vfio_close(&test->vfio);
	if (strcmp(sysfs_driver(test->host.bdf, driver, sizeof(driver)),
		   DRIVER))
		wrong = "not bound to " DRIVER " any more";

	return test_end(test) ?: wrong;
}

/* Actions of its user */

uint64_t test_base(const struct test_device *test)
{
	return GUEST_BASE + test->host.index * GUEST_WINDOW;
}

int test_lock(const struct test_device *test)
{
	return vfio_hdm_set(test->vfio.device, test_base(test), GUEST_WINDOW);
}

char *test_map(const struct test_device *test)
{
	return guest_map(&test->vfio, 0, test->vfio.mem.size, RW, pmd_size(),
			 0);
}

/* Reset paths */

int reset_by_ioctl(const struct test_device *test, const char *method)
{
	(void)method;
	return ioctl(test->vfio.device, VFIO_DEVICE_RESET) ? -errno : 0;
}

static int by_hot_reset(const struct test_device *test,
			const char *method)
{
	(void)method;
	return vfio_hot_reset(&test->vfio);
}

static int by_config_flr(const struct test_device *test,
			 const char *method)
{
	(void)method;
	uint32_t at = guest_find_cap(&test->vfio, PCI_CAP_ID_EXP) +
		      PCI_EXP_DEVCTL;

	return guest_config_write(&test->vfio, at, 2,
				  guest_config(&test->vfio, at, 2) |
				  PCI_EXP_DEVCTL_BCR_FLR);
}

static int by_sysfs(const struct test_device *test, const char *method)
{
	return sysfs_reset(test->host.bdf, method);
}

const struct reset_path reset_paths[NR_PATHS] = {
	{ .name = "VFIO_DEVICE_RESET", .reset = reset_by_ioctl },
	{ .name = "hot reset", .reset = by_hot_reset },
	{ .name = "FLR", .reset = by_config_flr, .methods = { "flr" } },
	{
		.name = "sysfs",
		.reset = by_sysfs,
		.methods = { "flr", "af_flr", "pm", "bus", "cxl_bus" },
	},
};

bool reset_method(const struct reset_path *path, const struct test_device *test,
		  unsigned int n, const char **method)
{
	unsigned int i;

	*method = NULL;
	if (!path->methods[0])
		return !n;
	for (i = 0; i < ARRAY_SIZE(path->methods) && path->methods[i]; i++)
		if (sysfs_has_reset(test->host.bdf, path->methods[i]) && !n--) {
			*method = path->methods[i];
			return true;
		}

	return false;
}

/* Marks in the memory */

static const uint64_t marks[] = { 0, MARK, SZ_2M - 8, 5 * SZ_2M + 0x800 };

void write_marks(const struct test_device *test, char *map, uint64_t salt)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(marks); i++)
		put(map + marks[i], word(marks[i], salt));
	put(map + test->host.size - 8, word(8, salt));
}

unsigned int wrong_marks(const struct test_device *test, char *map,
			 uint64_t salt)
{
	unsigned int i, wrong = 0;
	uint64_t val;

	for (i = 0; i <= ARRAY_SIZE(marks); i++) {
		const bool last = i == ARRAY_SIZE(marks);
		const uint64_t at = last ? test->host.size - 8 : marks[i];
		const uint64_t right = word(last ? 8 : marks[i], salt);

		val = ~right;
		wrong += mem_read(&test->vfio, &val, 8, at) != 8 ||
			 val != right;
		val = ~right;
		wrong += map && (!try_get(map + at, &val) || val != right);
		val = ~right;
		wrong += test->host.file[0] &&
			 (host_file_word(&test->host, at, &val) ||
			  val != right);
	}

	return wrong;
}

unsigned int use_memory(const struct test_device *test, uint64_t salt)
{
	char *map = test_map(test);
	unsigned int wrong;

	if (map == MAP_FAILED)
		return 1;
	write_marks(test, map, salt);
	wrong = wrong_marks(test, map, salt);
	munmap(map, test->vfio.mem.size);

	return wrong;
}
