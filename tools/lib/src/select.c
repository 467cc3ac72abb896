// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choose the window of every device, by topology
 *
 * Windows are turned into routes first: one for each host bridge that a window
 * targets, sorted by its name.  A device's route is then looked up by the name
 * of its host bridge.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* The windows of one host bridge, and the device that may have one. */
struct route {
	const char *host_bridge;
	const struct vfio_cxl_window *window;
	const struct vfio_cxl_window *another; /* makes it ambiguous, or NULL */
	const struct vfio_cxl_device *owner; /* of those below, or NULL */
	bool owner_has_twin; /* another with the same name */
};

/* What is wrong with a window: NULL, or words with another window to name. */
struct fault {
	const char *what;
	const struct vfio_cxl_window *another;
};

struct map {
	const struct vfio_cxl_window *windows;
	size_t nr_windows;
	struct fault *faults; /* of each of the windows */
	const struct vfio_cxl_window **by_base; /* placed, without fault */
	struct route *routes; /* sorted by host bridge */
	size_t nr_routes;
	struct route **route_of; /* of each device, or NULL */
	const struct vfio_cxl_window *unknown; /* targets somebody, or NULL */
};

static bool is_empty(const char *name)
{
	return !name || !*name;
}

static bool is_good_size(uint64_t size)
{
	return size && size % VFIO_CXL_ALIGN == 0;
}

static int compare_names(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare_routes(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	int order = strcmp(x->host_bridge, y->host_bridge);

	return order ? order : compare_names(x->window->name, y->window->name);
}

static int compare_host_bridge(const void *host_bridge, const void *route)
{
	return strcmp(host_bridge, ((const struct route *)route)->host_bridge);
}

static int compare_base(const void *a, const void *b)
{
	const struct vfio_cxl_window *const *x = a, *const *y = b;

	if ((*x)->base != (*y)->base)
		return (*x)->base < (*y)->base ? -1 : 1;
	return compare_names((*x)->name, (*y)->name);
}

/* calloc() may return NULL for nothing, which is not a failure here. */
static void *alloc_array(size_t nr, size_t size)
{
	return calloc(nr ? nr : 1, size);
}

static const char *window_fault(const struct vfio_cxl_window *window)
{
	if (is_empty(window->name))
		return "has no name";
	if (!is_good_size(window->size))
		return "has a size that is not a non-zero multiple of 256 MiB";
	if (!window->placed)
		return NULL;
	if (!is_good_size(window->base))
		return "has a base that is not a non-zero multiple of 256 MiB";
	if (window->base > VFIO_CXL_LIMIT ||
	    window->size > VFIO_CXL_LIMIT - window->base)
		return "reaches beyond 2^52";
	return NULL;
}

static void check_overlaps(struct map *map, size_t nr_placed)
{
	const struct vfio_cxl_window *top = NULL; /* ends last so far */
	size_t i;

	qsort(map->by_base, nr_placed, sizeof(*map->by_base), compare_base);

	for (i = 0; i < nr_placed; i++) {
		const struct vfio_cxl_window *window = map->by_base[i];

		if (top && window->base < top->base + top->size) {
			map->faults[window - map->windows] =
				(struct fault){ "overlaps window ", top };
			map->faults[top - map->windows] =
				(struct fault){ "overlaps window ", window };
		}
		if (!top || window->base + window->size > top->base + top->size)
			top = window;
	}
}

static void check_windows(struct map *map)
{
	size_t nr_placed = 0;
	size_t i;

	for (i = 0; i < map->nr_windows; i++) {
		const struct vfio_cxl_window *window = &map->windows[i];

		map->faults[i].what = window_fault(window);
		if (!map->faults[i].what && window->placed)
			map->by_base[nr_placed++] = window;
	}
	check_overlaps(map, nr_placed);
}

/* One route per target, then one per host bridge. */
static void build_routes(struct map *map)
{
	struct route *last = NULL;
	size_t nr = 0, i, t;

	for (i = 0; i < map->nr_windows; i++) {
		const struct vfio_cxl_window *window = &map->windows[i];

		for (t = 0; t < window->nr_targets; t++) {
			if (window->targets && !is_empty(window->targets[t])) {
				map->routes[nr++] = (struct route){
					.host_bridge = window->targets[t],
					.window = window,
				};
				continue;
			}
			if (!map->unknown ||
			    compare_names(window->name, map->unknown->name) < 0)
				map->unknown = window;
			if (!window->targets)
				break;
		}
	}
	qsort(map->routes, nr, sizeof(*map->routes), compare_routes);

	for (i = 0; i < nr; i++) {
		const struct route *next = &map->routes[i];

		if (!last || strcmp(last->host_bridge, next->host_bridge)) {
			last = &map->routes[map->nr_routes++];
			*last = *next;
		} else if (!last->another && last->window != next->window) {
			last->another = next->window;
		}
	}
}

/* Let a device have the window of its host bridge if it has the best claim. */
static void claim(struct route *route, const struct vfio_cxl_device *device)
{
	int order;

	if (!route->owner)
		order = -1;
	else if (device->locked != route->owner->locked)
		order = device->locked ? -1 : 1;
	else
		order = strcmp(device->name, route->owner->name);

	if (order < 0) {
		route->owner = device;
		route->owner_has_twin = false;
	} else if (!order) {
		route->owner_has_twin = true;
	}
}

static void find_owners(struct map *map, const struct vfio_cxl_device *devices,
			size_t nr_devices)
{
	size_t i;

	for (i = 0; i < nr_devices; i++) {
		const struct vfio_cxl_device *device = &devices[i];

		if (is_empty(device->name) || is_empty(device->host_bridge))
			continue;
		map->route_of[i] = bsearch(device->host_bridge, map->routes,
					   map->nr_routes, sizeof(*map->routes),
					   compare_host_bridge);
		if (map->route_of[i])
			claim(map->route_of[i], device);
	}
}

static void free_map(struct map *map)
{
	free(map->faults);
	free(map->by_base);
	free(map->routes);
	free(map->route_of);
}

static int build_map(struct map *map, const struct vfio_cxl_device *devices,
		     size_t nr_devices)
{
	size_t nr_targets = 0;
	size_t i;

	for (i = 0; i < map->nr_windows; i++)
		if (map->windows[i].targets &&
		    __builtin_add_overflow(nr_targets,
					   map->windows[i].nr_targets,
					   &nr_targets))
			return -ENOMEM;

	map->faults = alloc_array(map->nr_windows, sizeof(*map->faults));
	map->by_base = alloc_array(map->nr_windows, sizeof(*map->by_base));
	map->routes = alloc_array(nr_targets, sizeof(*map->routes));
	map->route_of = alloc_array(nr_devices, sizeof(*map->route_of));
	if (!map->faults || !map->by_base || !map->routes || !map->route_of) {
		free_map(map);
		return -ENOMEM;
	}

	check_windows(map);
	build_routes(map);
	find_owners(map, devices, nr_devices);
	return 0;
}

/* A verdict with its reason. */
#define refuse(verdict, ...) \
	((enum vfio_cxl_verdict)vfio_cxl_explain(verdict, __VA_ARGS__))

static enum vfio_cxl_verdict judge_device(const struct vfio_cxl_device *device,
					  struct vfio_cxl_reason *reason)
{
	if (is_empty(device->name))
		return refuse(VFIO_CXL_VERDICT_BAD_DEVICE, reason, device, NULL,
			      "the device has no name; give it one");
	if (!is_good_size(device->hdm_size))
		return refuse(VFIO_CXL_VERDICT_BAD_DEVICE, reason, device, NULL,
			      "the size of the memory, 0x%llx, is not a non-zero multiple of 256 MiB; give the size that vfio_cxl_find() finds",
			      (unsigned long long)device->hdm_size);
	if (is_empty(device->host_bridge))
		return refuse(VFIO_CXL_VERDICT_NO_HOST_BRIDGE, reason, device,
			      NULL,
			      "the device is not below a CXL host bridge, so no window reaches its memory; attach it to a root port of one");
	if (device->below_switch)
		return refuse(VFIO_CXL_VERDICT_BELOW_SWITCH, reason, device,
			      NULL,
			      "the device is below a switch; attach it to a root port of the host bridge");
	return VFIO_CXL_VERDICT_ACCEPTED;
}

static enum vfio_cxl_verdict judge_route(const struct map *map,
					 const struct route *route,
					 const struct vfio_cxl_device *device,
					 struct vfio_cxl_reason *reason)
{
	const struct fault *fault;

	if (map->unknown)
		return refuse(VFIO_CXL_VERDICT_BAD_WINDOW, reason, device, NULL,
			      "window " NAME_FMT
			      " has a target without a name, which could be this host bridge; name all targets",
			      vfio_cxl_name(map->unknown->name));
	if (!route)
		return refuse(VFIO_CXL_VERDICT_NO_WINDOW, reason, device, NULL,
			      "no window targets the host bridge; add one of at least 0x%llx bytes that has it as its only target",
			      (unsigned long long)device->hdm_size);
	if (route->another)
		return refuse(VFIO_CXL_VERDICT_AMBIGUOUS, reason, device, NULL,
			      "windows " NAME_FMT " and " NAME_FMT
			      " both target the host bridge; leave one that does",
			      vfio_cxl_name(route->window->name),
			      vfio_cxl_name(route->another->name));

	fault = &map->faults[route->window - map->windows];
	if (fault->what)
		return refuse(VFIO_CXL_VERDICT_BAD_WINDOW, reason, device,
			      route->window,
			      "the window %s" NAME_FMT "; correct it",
			      fault->what,
			      fault->another ? fault->another->name : "");
	return VFIO_CXL_VERDICT_ACCEPTED;
}

static enum vfio_cxl_verdict judge_window(const struct vfio_cxl_window *window,
					  const struct vfio_cxl_device *device,
					  struct vfio_cxl_reason *reason)
{
	if (window->nr_targets != 1)
		return refuse(VFIO_CXL_VERDICT_INTERLEAVED, reason, device,
			      window,
			      "the window interleaves %zu targets, which one device's memory cannot; make the host bridge its only target",
			      window->nr_targets);
	if (!window->placed)
		return refuse(VFIO_CXL_VERDICT_UNPLACED, reason, device, window,
			      "the window has no base; make it fit the guest's physical address space");
	if (window->size < device->hdm_size)
		return refuse(VFIO_CXL_VERDICT_TOO_SMALL, reason, device,
			      window,
			      "the memory is larger, 0x%llx bytes; make the window at least as large",
			      (unsigned long long)device->hdm_size);
	return VFIO_CXL_VERDICT_ACCEPTED;
}

static enum vfio_cxl_verdict judge_owner(const struct route *route,
					 const struct vfio_cxl_device *device,
					 struct vfio_cxl_reason *reason)
{
	const struct vfio_cxl_device *owner = route->owner;

	if (route->owner_has_twin && !strcmp(owner->name, device->name))
		return refuse(VFIO_CXL_VERDICT_BAD_DEVICE, reason, device, NULL,
			      "another device below the host bridge has the same name; give each its own");
	if (owner != device)
		return refuse(VFIO_CXL_VERDICT_SECOND_DEVICE, reason, device,
			      route->window,
			      "the window is for device " NAME_FMT
			      " below the same host bridge; give each a host bridge and a window of its own",
			      owner->name);
	return VFIO_CXL_VERDICT_ACCEPTED;
}

static enum vfio_cxl_verdict judge(const struct map *map,
				   const struct route *route,
				   const struct vfio_cxl_device *device,
				   struct vfio_cxl_reason *reason)
{
	enum vfio_cxl_verdict verdict;

	verdict = judge_device(device, reason);
	if (verdict == VFIO_CXL_VERDICT_ACCEPTED)
		verdict = judge_route(map, route, device, reason);
	if (verdict == VFIO_CXL_VERDICT_ACCEPTED)
		verdict = judge_window(route->window, device, reason);
	if (verdict == VFIO_CXL_VERDICT_ACCEPTED)
		verdict = judge_owner(route, device, reason);
	return verdict;
}

static void clear_placements(struct vfio_cxl_placement *placements, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		placements[i].verdict = VFIO_CXL_VERDICT_NONE;
		placements[i].window = NULL;
		placements[i].reason.text[0] = '\0';
	}
}

int vfio_cxl_select(const struct vfio_cxl_window *windows, size_t nr_windows,
		    const struct vfio_cxl_device *devices, size_t nr_devices,
		    struct vfio_cxl_placement *placements)
{
	struct map map = { .windows = windows, .nr_windows = nr_windows };
	size_t i;
	int ret;

	if (!placements && nr_devices)
		return -EINVAL;
	clear_placements(placements, nr_devices);
	if ((!windows && nr_windows) || (!devices && nr_devices))
		return -EINVAL;

	ret = build_map(&map, devices, nr_devices);
	if (ret)
		return ret;

	for (i = 0; i < nr_devices; i++) {
		struct vfio_cxl_placement *placement = &placements[i];
		const struct route *route = map.route_of[i];

		placement->verdict =
			judge(&map, route, &devices[i], &placement->reason);
		if (placement->verdict == VFIO_CXL_VERDICT_ACCEPTED)
			placement->window = route->window;
		else
			ret = -EADDRNOTAVAIL;
	}
	free_map(&map);
	return ret;
}

const char *vfio_cxl_verdict_name(enum vfio_cxl_verdict verdict)
{
	static const char *const names[] = {
		[VFIO_CXL_VERDICT_NONE] = "none",
		[VFIO_CXL_VERDICT_ACCEPTED] = "accepted",
		[VFIO_CXL_VERDICT_NO_WINDOW] = "no-window",
		[VFIO_CXL_VERDICT_AMBIGUOUS] = "ambiguous",
		[VFIO_CXL_VERDICT_INTERLEAVED] = "interleaved",
		[VFIO_CXL_VERDICT_UNPLACED] = "unplaced",
		[VFIO_CXL_VERDICT_TOO_SMALL] = "too-small",
		[VFIO_CXL_VERDICT_SECOND_DEVICE] = "second-device",
		[VFIO_CXL_VERDICT_NO_HOST_BRIDGE] = "no-host-bridge",
		[VFIO_CXL_VERDICT_BELOW_SWITCH] = "below-switch",
		[VFIO_CXL_VERDICT_BAD_DEVICE] = "bad-device",
		[VFIO_CXL_VERDICT_BAD_WINDOW] = "bad-window",
	};

	if ((unsigned int)verdict >= ARRAY_SIZE(names))
		return "unknown";
	return names[verdict];
}
