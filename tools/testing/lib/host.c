// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device as its host sees it: registers through sysfs
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bits.h>
#include <linux/const.h>
#include <linux/pci_regs.h>
#include <linux/vfio_cxl.h>

#include "clock.h"
#include "env.h"
#include "fault.h"
#include "host.h"
#include "page.h"
#include "sysfs.h"

/* Register Locator DVSEC (CXL r3.1 8.1.9): pairs of registers, low and high */
#define LOCATOR_COMPONENT	1

/* CXL.cache and CXL.mem capability array (8.2.4) */
#define CM_CAP_RAS		2
#define CM_CAP_HDM		5

unsigned int host_count(void)
{
	char word[256];
	unsigned int n = 0;

	while (!env_word("RIG_DEVICES", n, word, sizeof(word)))
		n++;

	return n;
}

uint32_t host_config(const struct host_device *host, uint32_t offset,
		     unsigned int width)
{
	uint32_t val = 0;

	if (pread(host->config, &val, width, offset) != (ssize_t)width)
		return ~0U;

	return val;
}

uint32_t host_find_cap(const struct host_device *host, uint8_t id)
{
	uint32_t at = host_config(host, PCI_CAPABILITY_LIST, 1);

	while (at && host_config(host, at, 1) != id)
		at = host_config(host, at + PCI_CAP_LIST_NEXT, 1);

	return at;
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

	/* Cleared by an earlier test: firmware put the same into the DVSEC */
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
	/* A real device has no file, which is not an error */
	env_word("RIG_FILES", index, host->file, sizeof(host->file));

	ret = open_config(host);
	/* vfio-pci suspends a device that is not in use */
	if (!ret)
		ret = sysfs_device_write(host->bdf, "power/control", "on");
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

unsigned int host_with_flr(void)
{
	char bdf[16];
	unsigned int i;

	for (i = 0; !env_word("RIG_DEVICES", i, bdf, sizeof(bdf)); i++)
		if (sysfs_has_reset(bdf, "flr"))
			return i;

	return i ? i - 1 : 0;
}

int host_replug(struct host_device *host)
{
	int ret;

	host_close(host);
	ret = open_config(host);
	if (!ret)
		ret = map_regs(host);
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

struct block {
	const struct host_device *host;
	uint32_t start;
	uint8_t *to;
};

static void read_block(void *arg)
{
	const struct block *block = arg;
	uint32_t i;

	for (i = 0; i < SZ_4K; i += 4)
		*(uint32_t *)(block->to + i) = reg_read(block->host,
							block->start + i);
}

void host_snapshot(const struct host_device *host, struct host_snapshot *to)
{
	uint16_t cmd = decode_on(host);
	struct block block = { .host = host };

	/*
	 * If nothing responds, a read returns some value on x86-64, but raises
	 * SIGBUS on arm64: there is no register in the rest of that block.
	 */
	memset(to->regs, 0xff, COMPONENT_SIZE);
	for (; block.start < COMPONENT_SIZE; block.start += SZ_4K) {
		block.to = to->regs + block.start;
		survive(read_block, &block);
	}
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

	/* Encoded: 1, 2, 4, ... decoders; more than ten do not occur here */
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
