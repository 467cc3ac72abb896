// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual machine's topology, and the library's verdict on it
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"
#include "vm.h"

void vm_free(struct vm *vm)
{
	size_t i, j;

	for (i = 0; i < vm->nr_windows; i++) {
		struct vm_window *window = &vm->windows[i];

		for (j = 0; j < window->nr_targets; j++)
			free(window->targets[j]);
		free(window->targets);
		free(window->name);
	}
	free(vm->windows);
	for (i = 0; i < vm->nr_devices; i++) {
		free(vm->devices[i].name);
		free(vm->devices[i].host_bridge);
		free(vm->devices[i].objection);
	}
	free(vm->devices);
}

static struct vfio_cxl_window *take_windows(const struct vm *vm)
{
	struct vfio_cxl_window *windows;
	size_t i;

	windows = xcalloc(vm->nr_windows, sizeof(*windows));
	for (i = 0; i < vm->nr_windows; i++) {
		const struct vm_window *from = &vm->windows[i];

		windows[i] = (struct vfio_cxl_window){
			.argsz = sizeof(*windows),
			.placed = from->placed,
			.name = from->name,
			.base = from->base,
			.size = from->size,
			.targets = (const char *const *)from->targets,
			.nr_targets = from->nr_targets,
		};
	}
	return windows;
}

static struct vfio_cxl_device *take_devices(const struct vm *vm)
{
	struct vfio_cxl_device *devices;
	size_t i;

	devices = xcalloc(vm->nr_devices, sizeof(*devices));
	for (i = 0; i < vm->nr_devices; i++) {
		const struct vm_device *from = &vm->devices[i];

		devices[i] = (struct vfio_cxl_device){
			.argsz = sizeof(*devices),
			.below_switch = from->below_switch,
			.name = from->name,
			.host_bridge = from->host_bridge,
			.hdm_size = from->memory,
			.locked_base = from->locked_base,
		};
	}
	return devices;
}

struct vm_place *vm_select(const struct vm *vm, size_t *refused)
{
	struct vfio_cxl_window *windows = take_windows(vm);
	struct vfio_cxl_device *devices = take_devices(vm);
	struct vfio_cxl_placement *placements;
	struct vm_place *places;
	size_t i;
	int ret;

	placements = xcalloc(vm->nr_devices, sizeof(*placements));
	for (i = 0; i < vm->nr_devices; i++)
		placements[i].argsz = sizeof(*placements);
	ret = vfio_cxl_select(windows, vm->nr_windows, devices, vm->nr_devices,
			      placements);
	if (ret && ret != -EADDRNOTAVAIL)
		die(STATUS_FAILED, "%s", placements[0].reason.text);

	*refused = 0;
	places = xcalloc(vm->nr_devices, sizeof(*places));
	for (i = 0; i < vm->nr_devices; i++) {
		const struct vfio_cxl_placement *from = &placements[i];
		const char *objection = vm->devices[i].objection;
		struct vm_place *place = &places[i];

		place->verdict = vfio_cxl_verdict_name(from->verdict);
		if (from->verdict != VFIO_CXL_VERDICT_ACCEPTED) {
			place->reason = xstrdup(from->reason.text);
		} else if (objection) {
			place->verdict = "refused-by-qemu";
			place->reason = xstrdup(objection);
		} else {
			place->accepted = true;
			place->window = vm->windows + (from->window - windows);
		}
		*refused += !place->accepted;
	}
	free(placements);
	free(windows);
	free(devices);
	return places;
}

void vm_free_places(const struct vm *vm, struct vm_place *places)
{
	size_t i;

	for (i = 0; i < vm->nr_devices; i++)
		free(places[i].reason);
	free(places);
}
