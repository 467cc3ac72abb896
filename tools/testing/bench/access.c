// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measure the speed of memory: the same program in the machine and in its guest
 *
 *	access device N		memory of the machine's N-th device, mapped
 *	access node N		memory of a NUMA node
 *
 * Prints "triad" with bytes/s, and "random" with blocks of 64 bytes per second.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/device.h"
#include "lib/page.h"
#include "lib/vfio.h"

#define MPOL_BIND	2
/* Size of each of three arrays, and of the area that is read at random */
#define ARRAY		(16 * SZ_2M)
#define AREA		(4 * ARRAY)
#define BLOCKS		1000000

static void *map_device(unsigned int index)
{
	struct test_device test;
	int ret = test_open(&test, index, vfio_usable(VFIO_CDEV_INTERFACE));

	if (ret)
		errx(1, "device %u: %s", index, strerror(-ret));
	/* Exit unmaps it, and closes the device's file */
	return guest_map(&test.vfio, 0, AREA, RW, SZ_1G, 0);
}

static void *map_node(unsigned int node)
{
	unsigned long mask = 1UL << node;
	const size_t huge = pmd_size();
	char *map = mmap(NULL, AREA + huge, RW, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (map == MAP_FAILED)
		return map;
	if (syscall(SYS_mbind, map, AREA + huge, MPOL_BIND, &mask,
		    8 * sizeof(mask), 0))
		err(1, "node %u", node);
	/* Huge pages, as for a device's memory */
	return (void *)(((uintptr_t)map + huge - 1) & ~(huge - 1));
}

/* With integers: emulators are slow with anything else */
static double triad(uint64_t *a)
{
	const size_t nr = ARRAY / sizeof(*a);
	const uint64_t *b = a + nr, *c = b + nr;
	double start = seconds();
	size_t i;

	for (i = 0; i < nr; i++)
		a[i] = b[i] + 3 * c[i];

	return 3 * ARRAY / (seconds() - start);
}

static double random_blocks(const uint64_t *area)
{
	volatile uint64_t sum = 0;
	double start = seconds();
	uint64_t at = 1, part;
	unsigned int i, j;

	for (i = 0; i < BLOCKS; i++) {
		/* xorshift64 */
		at ^= at << 13;
		at ^= at >> 7;
		at ^= at << 17;
		part = 0;
		for (j = 0; j < 8; j++)
			part += area[at % (AREA / 64) * 8 + j];
		sum += part;
	}

	return BLOCKS / (seconds() - start);
}

int main(int argc, char **argv)
{
	void *area = NULL;

	if (argc == 3 && !strcmp(argv[1], "device"))
		area = map_device(atoi(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "node"))
		area = map_node(atoi(argv[2]));
	else
		errx(2, "usage: access device N\n"
			"       access node N");
	if (area == MAP_FAILED)
		err(1, "mapping");

	memset(area, 1, AREA);
	printf("triad %.9g\n", triad(area));
	printf("random %.9g\n", random_blocks(area));

	return 0;
}
