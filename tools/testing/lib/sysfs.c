// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of a PCI device in sysfs: its driver, its resets, its attributes
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"

#define PCI_DRIVERS	"/sys/bus/pci/drivers"

int sysfs_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0)
		len = -errno;
	close(fd);
	if (len < 0)
		return len;
	buf[len] = '\0';
	buf[strcspn(buf, "\n")] = '\0';

	return 0;
}

int sysfs_write(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		ret = -errno;
	close(fd);

	return ret;
}

int sysfs_device_read(const char *bdf, const char *name, char *buf, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, name);
	return sysfs_read(path, buf, size);
}

int sysfs_device_write(const char *bdf, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, name);
	return sysfs_write(path, text);
}

int sysfs_device_link(const char *bdf, const char *name, char *buf,
		      size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	snprintf(buf, size, "%s", strrchr(target, '/') + 1);

	return 0;
}

const char *sysfs_driver(const char *bdf, char *buf, size_t size)
{
	if (sysfs_device_link(bdf, "driver", buf, size))
		buf[0] = '\0';

	return buf;
}

int sysfs_unbind(const char *bdf)
{
	char driver[64];

	if (!*sysfs_driver(bdf, driver, sizeof(driver)))
		return 0;

	return sysfs_device_write(bdf, "driver/unbind", bdf);
}

int sysfs_bind(const char *bdf, const char *driver)
{
	char path[PATH_MAX], now[64];
	int ret;

	if (!strcmp(sysfs_driver(bdf, now, sizeof(now)), driver))
		return 0;
	ret = sysfs_unbind(bdf);
	if (!ret)
		ret = sysfs_device_write(bdf, "driver_override", driver);
	if (ret)
		return ret;

	snprintf(path, sizeof(path), PCI_DRIVERS "/%s/bind", driver);
	return sysfs_write(path, bdf);
}

bool sysfs_has_reset(const char *bdf, const char *method)
{
	bool has = false, cxl = false;
	char methods[128], *word, *save;

	if (sysfs_device_read(bdf, "reset_method", methods, sizeof(methods)))
		return false;
	for (word = strtok_r(methods, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		has |= !strcmp(word, method);
		cxl |= !strcmp(word, "cxl_bus");
	}

	/* Linux 6.12 lists methods that it refuses below a CXL port */
	return has && !(cxl && !strcmp(method, "bus"));
}

int sysfs_reset(const char *bdf, const char *method)
{
	int ret = 0;

	if (method)
		ret = sysfs_device_write(bdf, "reset_method", method);
	if (ret)
		return ret;
	ret = sysfs_device_write(bdf, "reset", "1");
	if (method)
		sysfs_device_write(bdf, "reset_method", "default");

	return ret;
}
