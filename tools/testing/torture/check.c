// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device after a round: as the next user finds it
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/page.h"
#include "lib/sysfs.h"

#include "check.h"
#include "shared.h"

struct devices devices;

#define PATTERN		0x70a7a7e570a7a7e5ULL

/* The offset of the first word that is not 0, or @size */
static uint64_t first_nonzero(const uint64_t *map, uint64_t size)
{
	uint64_t i;

	for (i = 0; i < size / 8; i++)
		if (map[i])
			break;

	return i * 8;
}

/* Write in one way, read in the others */
static const char *check_memory(const struct vfio_cxl_fd *vfio,
				const struct host_device *host, uint64_t *map)
{
	const uint64_t at = host->size - SZ_4K;
	uint64_t val;

	if (first_nonzero(map, host->size) < host->size)
		return "what a user left is in the memory";
	map[at / 8] = PATTERN;
	if (pread(vfio->device, &val, 8, vfio->mem.offset + at) != 8 ||
	    val != PATTERN)
		return "read() does not find what was written to the mapping";
	val = ~PATTERN;
	if (pwrite(vfio->device, &val, 8, vfio->mem.offset + at + 8) != 8 ||
	    map[at / 8 + 1] != ~PATTERN)
		return "the mapping does not have what write() wrote";
	if (host->file[0] && (host_file_word(host, at, &val) ||
			      val != PATTERN))
		return "what was written is not in the device";

	return NULL;
}

static const char *check_decoder(const struct vfio_cxl_fd *vfio)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;

	if (vfio_hdm_get(vfio->device, &decoder))
		return "no decoder";
	if (decoder.base || decoder.flags & VFIO_CXL_HDM_DECODER_LOCKED)
		return "the decoder is locked already";
	if (!(decoder.flags & VFIO_CXL_HDM_DECODER_USABLE))
		return "the memory is not usable";
	if (vfio_hdm_set(vfio->device, GUEST_BASE, GUEST_WINDOW))
		return "the decoder cannot be locked";
	if (vfio_hdm_get(vfio->device, &decoder) ||
	    decoder.base != GUEST_BASE ||
	    !(decoder.flags & VFIO_CXL_HDM_DECODER_LOCKED))
		return "the decoder is not where it was locked";

	return NULL;
}

static const char *device_works(const struct host_device *host,
				enum vfio_interface interface)
{
	static char text[128];
	struct vfio_cxl_fd vfio;
	const char *wrong;
	uint64_t *map;
	int ret;

	ret = vfio_open(&vfio, host, interface);
	if (ret) {
		snprintf(text, sizeof(text), "open: %s", strerror(-ret));
		return text;
	}
	wrong = check_decoder(&vfio);
	map = guest_map(&vfio, 0, host->size, RW, pmd_size(), 0);
	if (map == MAP_FAILED) {
		wrong = "the memory cannot be mapped";
	} else {
		if (!wrong)
			wrong = check_memory(&vfio, host, map);
		munmap(map, host->size);
	}
	vfio_close(&vfio);

	return wrong;
}

int devices_begin(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < devices.count; i++) {
		ret = test_begin(&devices.tests[i], i);
		if (ret) {
			while (i--)
				test_end(&devices.tests[i]);
			return ret;
		}
	}

	return 0;
}

int devices_end(uint64_t seed)
{
	const char *wrong, *after;
	unsigned int i;
	char driver[64];
	int ret = 0;

	for (i = 0; i < devices.count; i++) {
		struct test_device *test = &devices.tests[i];

		wrong = NULL;
		if (strcmp(sysfs_driver(test->host.bdf, driver,
					sizeof(driver)), DRIVER))
			wrong = "not bound to " DRIVER;
		else
			wrong = device_works(&test->host,
					     vfio_usable((seed + i + 1) % 2));
		if (wrong)
			printf("# %s: %s\n", test->host.bdf, wrong);
		after = test_end(test);
		if (after)
			printf("# %s: %s\n", test->host.bdf, after);
		if (wrong || after)
			ret = -EIO;
	}

	return atomic_exchange(&shared->violations, 0) ? -EPROTO : ret;
}
