// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measure how long libvfio-cxl takes to choose windows, one for each device
 *
 *	select ROUNDS
 *
 * Prints lines "@ select.NUMBER SECONDS" and "@ compared.NUMBER NAMES" for each
 * round and number of devices.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfio-cxl.h>

#include "lib/clock.h"

#include "../../lib/tests/wrap.h"

#define MOST	10000

static char names[MOST][16];
static const char *targets[MOST];
static struct vfio_cxl_window windows[MOST];
static struct vfio_cxl_device devices[MOST];
static struct vfio_cxl_placement placements[MOST];

/* Number of names that the library has compared */
static unsigned long compared;

int __wrap_strcmp(const char *a, const char *b)
{
	compared++;
	return __real_strcmp(a, b);
}

/* Devices in a different order than their windows */
static void make(size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		/* 7919 is prime: every number once */
		const char *name = names[i * 7919 % nr];

		snprintf(names[i], sizeof(names[i]), "bridge%zu", i);
		targets[i] = names[i];
		windows[i] = (struct vfio_cxl_window){
			.argsz = sizeof(windows[i]),
			.name = names[i],
			.base = (i + 16) * VFIO_CXL_ALIGN,
			.size = VFIO_CXL_ALIGN,
			.targets = &targets[i],
			.nr_targets = 1,
			.placed = true,
		};
		devices[i] = (struct vfio_cxl_device){
			.argsz = sizeof(devices[i]),
			.name = name,
			.host_bridge = name,
			.hdm_size = VFIO_CXL_ALIGN,
		};
		placements[i].argsz = sizeof(placements[i]);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc == 2 ? atoi(argv[1]) : 0;
	size_t nr;

	if (rounds < 1)
		errx(2, "usage: select ROUNDS");
	while (rounds--) {
		for (nr = 10; nr <= MOST; nr *= 10) {
			double start;

			make(nr);
			compared = 0;
			start = seconds();
			if (vfio_cxl_select(windows, nr, devices, nr,
					    placements))
				errx(1, "not every device has its window: %s",
				     placements[0].reason.text);
			printf("@ select.%zu %.9g\n", nr, seconds() - start);
			printf("@ compared.%zu %lu\n", nr, compared);
		}
	}

	return 0;
}
