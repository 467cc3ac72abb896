// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the selftests of vfio-cxl-pci share
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/bits.h>
#include <linux/const.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>

#include "lib.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define PCI_DRIVERS	"/sys/bus/pci/drivers"

/* Register Locator DVSEC (CXL r3.1 8.1.9): pairs of registers, low and high */
#define LOCATOR_COMPONENT	1

/* CXL.cache and CXL.mem capability array (8.2.4) */
#define CM_CAP_RAS		2
#define CM_CAP_HDM		5

/* What may take long in the rig takes less than this */
#define TIMEOUT_MS		10000

static int file_read(const char *path, char *buf, size_t size)
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

static int device_write(const char *bdf, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, name);
	return sysfs_write(path, text);
}

/* The last component of what a link in the device's folder points to */
static int device_link(const char *bdf, const char *name, char *buf,
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

/* n-th word of a list in the environment */
static int env_word(const char *name, unsigned int n, char *buf, size_t size)
{
	const char *list = getenv(name);
	size_t len;

	for (list = list ?: "";; list += len) {
		list += strspn(list, " ");
		len = strcspn(list, " ");
		if (!len)
			return -ENOENT;
		if (!n--)
			break;
	}
	if (len >= size)
		return -ENAMETOOLONG;
	snprintf(buf, size, "%.*s", (int)len, list);

	return 0;
}

unsigned int host_count(void)
{
	char word[256];
	unsigned int n = 0;

	while (!env_word("RIG_DEVICES", n, word, sizeof(word)))
		n++;

	return n;
}

/* Registers */

uint32_t host_config(const struct host_device *host, uint32_t offset,
		     unsigned int width)
{
	uint32_t val = 0;

	if (pread(host->config, &val, width, offset) != (ssize_t)width)
		return ~0U;

	return val;
}

void host_config_write(const struct host_device *host, uint32_t offset,
		       unsigned int width, uint32_t val)
{
	if (pwrite(host->config, &val, width, offset) != (ssize_t)width)
		fprintf(stderr, "# %s: config write at %#x: %s\n", host->bdf,
			offset, strerror(errno));
}

/* Memory decode on for an access; returns the command register as it was */
static uint16_t decode_on(const struct host_device *host)
{
	uint16_t cmd = host_config(host, PCI_COMMAND, 2);

	if (!(cmd & PCI_COMMAND_MEMORY))
		host_config_write(host, PCI_COMMAND, 2,
				  cmd | PCI_COMMAND_MEMORY);

	return cmd;
}

static void decode_back(const struct host_device *host, uint16_t cmd)
{
	if (!(cmd & PCI_COMMAND_MEMORY))
		host_config_write(host, PCI_COMMAND, 2, cmd);
}

static uint32_t reg_read(const struct host_device *host, uint32_t offset)
{
	return *(volatile uint32_t *)(host->regs + offset);
}

uint32_t host_read32(const struct host_device *host, uint32_t offset)
{
	uint16_t cmd = decode_on(host);
	uint32_t val = reg_read(host, offset);

	decode_back(host, cmd);
	return val;
}

void host_write32(const struct host_device *host, uint32_t offset,
		  uint32_t val)
{
	uint16_t cmd = decode_on(host);

	*(volatile uint32_t *)(host->regs + offset) = val;
	decode_back(host, cmd);
}

uint32_t host_hdm(const struct host_device *host, uint32_t reg)
{
	return host_read32(host, host->hdm + reg);
}

void host_hdm_write(const struct host_device *host, uint32_t reg,
		    uint32_t val)
{
	host_write32(host, host->hdm + reg, val);
}

uint32_t next_ext_cap(const uint8_t *config, uint32_t at, uint32_t *header)
{
	if (at)
		at = (*(const uint32_t *)(config + at)) >> 20;
	else
		at = PCI_CFG_SPACE_SIZE;
	if (at < PCI_CFG_SPACE_SIZE || at & 3 ||
	    at > PCI_CFG_SPACE_EXP_SIZE - 4)
		return 0;
	*header = *(const uint32_t *)(config + at);

	return *header && *header != ~0U ? at : 0;
}

uint32_t next_cxl_dvsec(const uint8_t *config, uint32_t at, uint32_t *len)
{
	uint32_t header, header1;

	while ((at = next_ext_cap(config, at, &header))) {
		if ((header & 0xffff) != PCI_EXT_CAP_ID_DVSEC)
			continue;
		header1 = *(const uint32_t *)(config + at + PCI_DVSEC_HEADER1);
		if ((header1 & 0xffff) != VFIO_CXL_VENDOR_ID)
			continue;
		*len = header1 >> 20;
		return at;
	}

	return 0;
}

static void read_config(const struct host_device *host, uint8_t *to)
{
	memset(to, 0xff, PCI_CFG_SPACE_EXP_SIZE);
	if (pread(host->config, to, PCI_CFG_SPACE_EXP_SIZE, 0) < 0)
		fprintf(stderr, "# %s: config: %s\n", host->bdf,
			strerror(errno));
}

static int find_dvsecs(struct host_device *host)
{
	uint8_t config[PCI_CFG_SPACE_EXP_SIZE];
	uint32_t at = 0, len;

	read_config(host, config);
	while ((at = next_cxl_dvsec(config, at, &len))) {
		switch (*(uint16_t *)(config + at + PCI_DVSEC_HEADER2)) {
		case PCI_DVSEC_CXL_DEVICE:
			host->dvsec = at;
			host->dvsec_len = len;
			break;
		case PCI_DVSEC_CXL_REG_LOCATOR:
			host->locator = at;
			break;
		}
	}

	return host->dvsec && host->locator ? 0 : -ENODEV;
}

static int map_regs(struct host_device *host)
{
	uint32_t end = host->locator +
		       (host_config(host, host->locator + PCI_DVSEC_HEADER1,
				    4) >> 20);
	uint32_t entry, low = 0;
	char path[PATH_MAX];
	void *regs;
	int fd;

	entry = host->locator + PCI_DVSEC_CXL_REG_LOCATOR_BLOCK1;
	for (; entry + 8 <= end; entry += 8) {
		low = host_config(host, entry, 4);
		if ((low >> 8 & 0xff) == LOCATOR_COMPONENT)
			break;
	}
	if (entry + 8 > end)
		return -ENXIO;
	host->bar = low & 7;
	host->bar_offset = (uint64_t)host_config(host, entry + 4, 4) << 32 |
			   (low & 0xffff0000);

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/resource%u", host->bdf,
		 host->bar);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	regs = mmap(NULL, COMPONENT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, host->bar_offset);
	close(fd);
	if (regs == MAP_FAILED)
		return -errno;
	host->regs = regs;

	return 0;
}

static uint64_t dvsec_address(const struct host_device *host, uint32_t high,
			      uint32_t low)
{
	return (uint64_t)host_config(host, host->dvsec + high, 4) << 32 |
	       (host_config(host, host->dvsec + low, 4) &
		PCI_DVSEC_CXL_MEM_BASE_LOW);
}

static int find_hdm(struct host_device *host)
{
	uint32_t i, header, n = host_read32(host, CM_OFFSET) >> 24;

	for (i = 1; i <= n; i++) {
		header = host_read32(host, CM_OFFSET + 4 * i);
		if ((header & 0xffff) == CM_CAP_HDM)
			host->hdm = CM_OFFSET + (header >> 20);
		else if ((header & 0xffff) == CM_CAP_RAS)
			host->ras = CM_OFFSET + (header >> 20);
	}
	if (!host->hdm)
		return -ENOENT;

	host->base = (uint64_t)host_hdm(host, HDM_BASE_HIGH) << 32 |
		     host_hdm(host, HDM_BASE_LOW);
	host->size = (uint64_t)host_hdm(host, HDM_SIZE_HIGH) << 32 |
		     host_hdm(host, HDM_SIZE_LOW);
	if (host_hdm(host, HDM_CTRL) & HDM_COMMITTED)
		return 0;

	/* A test before left it so: firmware put the same into the DVSEC */
	host->base = dvsec_address(host, PCI_DVSEC_CXL_RANGE_BASE_HIGH(0),
				   PCI_DVSEC_CXL_RANGE_BASE_LOW(0));
	host->size = dvsec_address(host, PCI_DVSEC_CXL_RANGE_SIZE_HIGH(0),
				   PCI_DVSEC_CXL_RANGE_SIZE_LOW(0));

	return host->base && host->size ? host_restore_decoder(host) : -ENODATA;
}

static int open_config(struct host_device *host)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", host->bdf);
	host->config = open(path, O_RDWR | O_CLOEXEC);

	return host->config < 0 ? -errno : 0;
}

int host_open(struct host_device *host, unsigned int index)
{
	int ret;

	memset(host, 0, sizeof(*host));
	host->index = index;
	host->config = -1;
	ret = env_word("RIG_DEVICES", index, host->bdf, sizeof(host->bdf));
	if (ret)
		return ret;
	/* No file is no error for a device of flesh and blood */
	env_word("RIG_FILES", index, host->file, sizeof(host->file));

	ret = open_config(host);
	/* vfio-pci lets a device sleep that nobody uses */
	if (!ret)
		ret = device_write(host->bdf, "power/control", "on");
	if (!ret)
		ret = find_dvsecs(host);
	if (!ret)
		ret = map_regs(host);
	if (!ret)
		ret = find_hdm(host);
	if (ret)
		host_close(host);

	return ret;
}

int host_open_flr(struct host_device *host)
{
	int ret = -ENODEV;
	unsigned int i;

	for (i = 0; i < host_count(); i++) {
		ret = host_open(host, i);
		if (ret || sysfs_has_reset(host->bdf, "flr") ||
		    i == host_count() - 1)
			break;
		host_close(host);
	}

	return ret;
}

int host_replug(struct host_device *host)
{
	int ret;

	host_close(host);
	ret = open_config(host);
	if (!ret)
		ret = map_regs(host);
	if (!ret)
		ret = host_restore_decoder(host);
	if (ret)
		host_close(host);

	return ret;
}

void host_close(struct host_device *host)
{
	if (host->regs)
		munmap((void *)host->regs, COMPONENT_SIZE);
	host->regs = NULL;
	if (host->config >= 0)
		close(host->config);
	host->config = -1;
}

int host_file_word(const struct host_device *host, uint64_t offset,
		   uint64_t *val)
{
	int fd = open(host->file, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = pread(fd, val, sizeof(*val), offset);
	close(fd);

	return len == sizeof(*val) ? 0 : -EIO;
}

void host_snapshot(const struct host_device *host, struct host_snapshot *to)
{
	uint16_t cmd = decode_on(host);
	uint32_t i;

	for (i = 0; i < COMPONENT_SIZE; i += 4)
		*(uint32_t *)(to->regs + i) = reg_read(host, i);
	decode_back(host, cmd);
	read_config(host, to->config);
}

/* The first byte that differs, or @len */
static size_t differs(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t i;

	for (i = 0; i < len && a[i] == b[i]; i++)
		;
	return i;
}

const char *host_snapshot_differs(const struct host_device *host,
				  const struct host_snapshot *a,
				  const struct host_snapshot *b)
{
	static char text[128];
	uint32_t at = 0, len, i;

	i = differs(a->regs, b->regs, COMPONENT_SIZE) & ~3U;
	if (i < COMPONENT_SIZE) {
		snprintf(text, sizeof(text),
			 "%s: component register %#x (HDM %+d): %#x, was %#x",
			 host->bdf, i, (int)(i - host->hdm),
			 *(const uint32_t *)(b->regs + i),
			 *(const uint32_t *)(a->regs + i));
		return text;
	}

	while ((at = next_cxl_dvsec(a->config, at, &len))) {
		i = differs(a->config + at, b->config + at, len);
		if (i == len)
			continue;
		snprintf(text, sizeof(text),
			 "%s: DVSEC %u byte %#x: %#x, was %#x", host->bdf,
			 a->config[at + PCI_DVSEC_HEADER2], i,
			 b->config[at + i], a->config[at + i]);
		return text;
	}

	return NULL;
}

void sleep_ms(unsigned int ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

int host_restore_decoder(const struct host_device *host)
{
	uint32_t count = host_hdm(host, HDM_CAP) & 0xf, i, ctrl;
	uint32_t high = host->dvsec + PCI_DVSEC_CXL_RANGE_BASE_HIGH(0);
	uint32_t low = host->dvsec + PCI_DVSEC_CXL_RANGE_BASE_LOW(0);
	uint32_t enable = host->dvsec + PCI_DVSEC_CXL_CTRL;
	unsigned int tries;

	host_config_write(host, high, 4, host->base >> 32);
	host_config_write(host, low, 4, host->base);
	host_config_write(host, enable, 2, host_config(host, enable, 2) |
					   PCI_DVSEC_CXL_MEM_ENABLE);

	/* Encoded: 1, 2, 4, ... decoders; more than ten are not met here */
	count = count ? 2 * count : 1;
	for (i = 0; i < count; i++) {
		const uint32_t reg = i * HDM_STRIDE;

		host_hdm_write(host, HDM_CTRL + reg, 0);
		host_hdm_write(host, HDM_BASE_LOW + reg, i ? 0 : host->base);
		host_hdm_write(host, HDM_BASE_HIGH + reg,
			       i ? 0 : host->base >> 32);
		host_hdm_write(host, HDM_SIZE_LOW + reg, i ? 0 : host->size);
		host_hdm_write(host, HDM_SIZE_HIGH + reg,
			       i ? 0 : host->size >> 32);
	}
	host_hdm_write(host, HDM_GLOBAL, HDM_GLOBAL_ENABLE);
	host_hdm_write(host, HDM_CTRL, HDM_COMMIT | HDM_LOCK);

	for (tries = 0; tries < 100; tries++) {
		ctrl = host_hdm(host, HDM_CTRL);
		if (ctrl & HDM_COMMITTED)
			return 0;
		if (ctrl & HDM_ERROR)
			return -EIO;
		sleep_ms(1);
	}

	return -ETIMEDOUT;
}

/* sysfs */

const char *sysfs_driver(const char *bdf, char *buf, size_t size)
{
	if (device_link(bdf, "driver", buf, size))
		buf[0] = '\0';

	return buf;
}

int sysfs_unbind(const char *bdf)
{
	char driver[64];

	if (!*sysfs_driver(bdf, driver, sizeof(driver)))
		return 0;

	return device_write(bdf, "driver/unbind", bdf);
}

int sysfs_bind(const char *bdf, const char *driver)
{
	char path[PATH_MAX], now[64];
	int ret;

	if (!strcmp(sysfs_driver(bdf, now, sizeof(now)), driver))
		return 0;
	ret = sysfs_unbind(bdf);
	if (!ret)
		ret = device_write(bdf, "driver_override", driver);
	if (ret)
		return ret;

	snprintf(path, sizeof(path), PCI_DRIVERS "/%s/bind", driver);
	return sysfs_write(path, bdf);
}

bool sysfs_has_reset(const char *bdf, const char *method)
{
	char path[PATH_MAX], methods[128], *word, *save;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/reset_method", bdf);
	if (file_read(path, methods, sizeof(methods)))
		return false;
	for (word = strtok_r(methods, " ", &save); word;
	     word = strtok_r(NULL, " ", &save))
		if (!strcmp(word, method))
			return true;

	return false;
}

int sysfs_reset(const char *bdf, const char *method)
{
	int ret = 0;

	if (method)
		ret = device_write(bdf, "reset_method", method);
	if (ret)
		return ret;
	ret = device_write(bdf, "reset", "1");
	if (method)
		device_write(bdf, "reset_method", "default");

	return ret;
}

/* VFIO */

static int open_group(struct vfio_cxl_fd *vfio, const struct host_device *host)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[PATH_MAX], group[64];
	int ret;

	vfio->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (vfio->container < 0)
		return -errno;
	ret = device_link(host->bdf, "iommu_group", group, sizeof(group));
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	vfio->group = open(path, O_RDWR | O_CLOEXEC);
	if (vfio->group < 0)
		return -errno;
	if (ioctl(vfio->group, VFIO_GROUP_GET_STATUS, &status))
		return -errno;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM;
	if (ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container) ||
	    ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, host->bdf);

	return vfio->device < 0 ? -errno : 0;
}

/* The device's node under /dev/vfio/devices has the name of its VFIO device */
static int cdev_path(const struct host_device *host, char *path, size_t size)
{
	char folder[PATH_MAX];
	struct dirent *entry;
	int ret = -ENODEV;
	DIR *dir;

	snprintf(folder, sizeof(folder), PCI_DEVICES "/%s/vfio-dev",
		 host->bdf);
	dir = opendir(folder);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, size, "/dev/vfio/devices/%s", entry->d_name);
		ret = 0;
	}
	closedir(dir);

	return ret;
}

static int open_cdev(struct vfio_cxl_fd *vfio, const struct host_device *host)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	char path[PATH_MAX];
	int ret;

	ret = cdev_path(host, path, sizeof(path));
	if (ret)
		return ret;
	vfio->container = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (vfio->container < 0)
		return -errno;
	vfio->device = open(path, O_RDWR | O_CLOEXEC);
	if (vfio->device < 0)
		return -errno;
	bind.iommufd = vfio->container;
	if (ioctl(vfio->device, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
	    ioctl(vfio->container, IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	vfio->ioas = alloc.out_ioas_id;
	attach.pt_id = vfio->ioas;

	return ioctl(vfio->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ?
	       -errno : 0;
}

struct vfio_region_info *vfio_region(int device, uint32_t index)
{
	struct vfio_region_info *info, *grown;
	uint32_t size = sizeof(*info);

	info = calloc(1, size);
	while (info) {
		info->argsz = size;
		info->index = index;
		if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, info)) {
			const int err = errno;

			free(info);
			errno = err;
			return NULL;
		}
		if (info->argsz <= size)
			return info;
		size = info->argsz;
		grown = realloc(info, size);
		if (!grown)
			free(info);
		info = grown;
		if (info)
			memset(info, 0, size);
	}

	return NULL;
}

const struct vfio_info_cap_header *vfio_cap(const struct vfio_region_info *info,
					    uint16_t id)
{
	const struct vfio_info_cap_header *cap;
	uint32_t at;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return NULL;
	for (at = info->cap_offset; at; at = cap->next) {
		cap = (const void *)((const char *)info + at);
		if (cap->id == id)
			return cap;
	}

	return NULL;
}

static int get_region(int device, uint32_t index, struct vfio_region_info *to)
{
	struct vfio_region_info *info = vfio_region(device, index);

	if (!info)
		return -errno;
	*to = *info;
	free(info);

	return 0;
}

static bool is_hdm_region(const struct vfio_region_info *info)
{
	const struct vfio_region_info_cap_type *type;

	type = (const void *)vfio_cap(info, VFIO_REGION_INFO_CAP_TYPE);
	return type && type->subtype == VFIO_REGION_SUBTYPE_CXL_MEM &&
	       type->type == HDM_REGION_TYPE;
}

static int get_regions(struct vfio_cxl_fd *vfio, const struct host_device *host)
{
	struct vfio_device_info device = { .argsz = sizeof(device) };
	struct vfio_region_info *info;
	uint32_t index;
	int ret;

	if (ioctl(vfio->device, VFIO_DEVICE_GET_INFO, &device))
		return -errno;
	ret = get_region(vfio->device, host->bar, &vfio->bar);
	if (!ret)
		ret = get_region(vfio->device, VFIO_PCI_CONFIG_REGION_INDEX,
				 &vfio->config);
	vfio->regs = vfio->bar.offset + host->bar_offset;

	for (index = VFIO_PCI_NUM_REGIONS; !ret && index < device.num_regions;
	     index++) {
		info = vfio_region(vfio->device, index);
		if (!info)
			return -errno;
		if (is_hdm_region(info))
			vfio->mem = *info;
		free(info);
	}

	return ret;
}

int vfio_open(struct vfio_cxl_fd *vfio, const struct host_device *host,
	      enum vfio_interface interface)
{
	int ret;

	memset(vfio, 0, sizeof(*vfio));
	vfio->interface = interface;
	vfio->container = -1;
	vfio->group = -1;
	vfio->device = -1;

	ret = interface == VFIO_GROUP_INTERFACE ? open_group(vfio, host) :
						  open_cdev(vfio, host);
	if (!ret)
		ret = get_regions(vfio, host);
	if (ret)
		vfio_close(vfio);

	return ret;
}

void vfio_close(struct vfio_cxl_fd *vfio)
{
	int *const fds[] = { &vfio->device, &vfio->group, &vfio->container };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

int vfio_feature(int device, uint32_t flags, void *data, size_t size)
{
	struct vfio_device_feature *feature;
	int ret = 0;

	feature = calloc(1, sizeof(*feature) + size);
	if (!feature)
		return -ENOMEM;
	feature->argsz = sizeof(*feature) + size;
	feature->flags = flags;
	if (size)
		memcpy(feature->data, data, size);
	ret = ioctl(device, VFIO_DEVICE_FEATURE, feature);
	if (ret < 0)
		ret = -errno;
	else if (size && flags & VFIO_DEVICE_FEATURE_GET)
		memcpy(data, feature->data, size);
	free(feature);

	return ret;
}

int vfio_irq_eventfd(int device, uint32_t index)
{
	union {
		struct vfio_irq_set set;
		char room[sizeof(struct vfio_irq_set) + sizeof(int)];
	} arg = {
		.set = {
			.argsz = sizeof(arg),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index,
			.count = 1,
		},
	};
	int fd = eventfd(0, EFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	memcpy(arg.set.data, &fd, sizeof(fd));
	if (ioctl(device, VFIO_DEVICE_SET_IRQS, &arg)) {
		ret = -errno;
		close(fd);
		return ret;
	}

	return fd;
}

int vfio_hdm_get(int device, struct vfio_device_feature_cxl_hdm_decoder *out)
{
	memset(out, 0, sizeof(*out));
	return vfio_feature(device, VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_CXL_HDM_DECODER, out,
			    sizeof(*out));
}

int vfio_hdm_set(int device, uint64_t base, uint64_t size)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder = {
		.base = base,
		.size = size,
	};

	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_CXL_HDM_DECODER, &decoder,
			    sizeof(decoder));
}

uint32_t guest_read32(const struct vfio_cxl_fd *vfio, uint64_t offset)
{
	uint32_t val;

	if (pread(vfio->device, &val, 4, vfio->regs + offset) != 4)
		return ~0U;

	return val;
}

uint64_t guest_read64(const struct vfio_cxl_fd *vfio, uint64_t offset)
{
	uint64_t val;

	if (pread(vfio->device, &val, 8, vfio->regs + offset) != 8)
		return ~0ULL;

	return val;
}

int guest_write32(const struct vfio_cxl_fd *vfio, uint64_t offset,
		  uint32_t val)
{
	ssize_t len = pwrite(vfio->device, &val, 4, vfio->regs + offset);

	return len == 4 ? 0 : len < 0 ? -errno : -EIO;
}

uint32_t guest_config(const struct vfio_cxl_fd *vfio, uint32_t offset,
		      unsigned int width)
{
	uint32_t val = 0;

	if (pread(vfio->device, &val, width, vfio->config.offset + offset) !=
	    (ssize_t)width)
		return ~0U;

	return val;
}

int guest_config_write(const struct vfio_cxl_fd *vfio, uint32_t offset,
		       unsigned int width, uint32_t val)
{
	ssize_t len = pwrite(vfio->device, &val, width,
			     vfio->config.offset + offset);

	return len == (ssize_t)width ? 0 : len < 0 ? -errno : -EIO;
}

void *guest_map(const struct vfio_cxl_fd *vfio, uint64_t offset, size_t len,
		int prot, size_t align, size_t skew)
{
	size_t room = len + 2 * align + skew, head;
	char *area, *at, *end;
	void *map;

	area = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return area;
	head = (uintptr_t)area % align ? align - (uintptr_t)area % align : 0;
	at = area + head + skew;
	map = mmap(at, len, prot, MAP_SHARED | MAP_FIXED, vfio->device,
		   vfio->mem.offset + offset);
	if (map == MAP_FAILED) {
		const int err = errno;

		munmap(area, room);
		errno = err;
		return map;
	}
	end = at + ((len + SZ_4K - 1) & ~(SZ_4K - 1));
	if (at > area)
		munmap(area, at - area);
	if (end < area + room)
		munmap(end, area + room - end);

	return map;
}

int vfio_hot_reset(const struct vfio_cxl_fd *vfio)
{
	union {
		struct vfio_pci_hot_reset reset;
		char room[sizeof(struct vfio_pci_hot_reset) + sizeof(int)];
	} arg = { };

	/* None for the cdev: the iommufd that it is bound to is its proof */
	arg.reset.argsz = sizeof(arg.reset);
	if (vfio->group >= 0) {
		arg.reset.argsz += sizeof(int);
		arg.reset.count = 1;
		arg.reset.group_fds[0] = vfio->group;
	}

	return ioctl(vfio->device, VFIO_DEVICE_PCI_HOT_RESET, &arg.reset) ?
	       -errno : 0;
}

/* The kernel log */

/* The first splat that this process read from the log */
static char first_splat[256];

/* A bug of the kernel's that the rig was told of */
static bool is_known(const char *line)
{
	const char *known = getenv("RIG_KNOWN");
	regex_t pattern;
	bool is = false;

	if (known && *known &&
	    !regcomp(&pattern, known, REG_EXTENDED | REG_NOSUB)) {
		is = !regexec(&pattern, line, 0, NULL, 0);
		regfree(&pattern);
	}

	return is;
}

static bool is_splat(const char *line)
{
	static regex_t patterns[64];
	static unsigned int nr;
	const char *path = getenv("RIG_SPLATS");
	char pattern[256];
	unsigned int i;
	FILE *file;

	if (!nr && path) {
		file = fopen(path, "re");
		while (file && nr < 64 &&
		       fgets(pattern, sizeof(pattern), file)) {
			pattern[strcspn(pattern, "\n")] = '\0';
			if (pattern[0] && pattern[0] != '#' &&
			    !regcomp(&patterns[nr], pattern,
				     REG_EXTENDED | REG_NOSUB))
				nr++;
		}
		if (file)
			fclose(file);
	}
	for (i = 0; i < nr; i++)
		if (!regexec(&patterns[i], line, 0, NULL, 0))
			return !is_known(line);

	return false;
}

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);

	return fd;
}

/* The next line's text in @line; 0 at the end */
static int kmsg_line(int kmsg, char *line, size_t size)
{
	char record[8192], *text;
	ssize_t len;

	do {
		len = read(kmsg, record, sizeof(record) - 1);
	} while (len < 0 && (errno == EPIPE || errno == EINTR));
	if (len <= 0)
		return 0;
	record[len] = '\0';

	/* prefix;text\n KEY=value ... */
	text = strchr(record, ';');
	text = text ? text + 1 : record;
	text[strcspn(text, "\n")] = '\0';
	snprintf(line, size, "%.*s", (int)size - 1, text);
	if (!first_splat[0] && is_splat(line))
		snprintf(first_splat, sizeof(first_splat), "%.255s", line);

	return 1;
}

int kmsg_contains(int kmsg, const char *text)
{
	char line[2048];
	int found = 0;

	while (kmsg_line(kmsg, line, sizeof(line)))
		if (strstr(line, text))
			found = 1;

	return found;
}

void kmsg_read(int kmsg, char *lines, size_t size)
{
	char line[2048];
	size_t len = 0;

	lines[0] = '\0';
	while (kmsg_line(kmsg, line, sizeof(line))) {
		if (len + strlen(line) + 2 > size)
			continue;
		len += sprintf(lines + len, "%s\n", line);
	}
}

int kmsg_splat(int kmsg, char *line, size_t size)
{
	char other[2048];

	while (kmsg_line(kmsg, other, sizeof(other)))
		;
	if (!first_splat[0])
		return 0;
	snprintf(line, size, "%s", first_splat);

	return 1;
}

/* The machine's monitor */

/* One line; QEMU sends one for each message */
static int qmp_line(int fd, char *line, size_t size)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	while (len < size - 1) {
		if (poll(&poll_fd, 1, TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		if (read(fd, line + len, 1) != 1)
			return -EIO;
		if (line[len] == '\n')
			break;
		len++;
	}
	line[len] = '\0';

	return 0;
}

/* Send @command, an object, and wait for its answer */
static int qmp_execute(int fd, const char *command, char *line, size_t size)
{
	static unsigned int serial;
	char id[32];
	int ret;

	/* Answers to whoever used the monitor before have other numbers */
	snprintf(id, sizeof(id), "%d-%u", getpid(), ++serial);
	if (dprintf(fd, "{\"id\":\"%s\",%s\n", id, command + 1) < 0)
		return -errno;
	do {
		ret = qmp_line(fd, line, size);
	} while (!ret && !strstr(line, id));

	return ret;
}

int qmp(const char *command)
{
	const char *path = getenv("RIG_QMP");
	char line[8192];
	int fd, ret;

	if (!path)
		return -ENOENT;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* An error to a monitor that somebody has negotiated with already */
	ret = qmp_execute(fd, "{\"execute\":\"qmp_capabilities\"}", line,
			  sizeof(line));
	if (!ret)
		ret = qmp_execute(fd, command, line, sizeof(line));
	close(fd);
	if (!ret && strstr(line, "\"error\"")) {
		fprintf(stderr, "# %s: %s\n", command, line);
		ret = -EREMOTEIO;
	}

	return ret;
}

int rig_command(unsigned int index, const char *command,
		const char *arguments)
{
	char text[512], id[128];
	int ret;

	ret = env_word("RIG_QOM", index, id, sizeof(id));
	if (ret)
		return ret;
	snprintf(text, sizeof(text),
		 "{\"execute\":\"%s\",\"arguments\":{\"path\":\"%s%s\",%s}}",
		 command, id[0] == '/' ? "" : "/machine/peripheral/", id,
		 arguments);

	return qmp(text);
}

int rig_commit_fails(unsigned int index, bool fails)
{
	char text[64];

	snprintf(text, sizeof(text),
		 "\"property\":\"x-hdm-commit-fails\",\"value\":%s",
		 fails ? "true" : "false");

	return rig_command(index, "qom-set", text);
}

/* Fixtures */

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
