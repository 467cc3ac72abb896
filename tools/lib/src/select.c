// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Choose the window of every device, by topology
 *
 * Everything is sorted before it is compared, so that the order of the input
 * does not matter: windows by base, so that overlapping windows are adjacent;
 * routes, one for each host bridge that a window targets, and devices by the
 * name of the host bridge, so that a single pass over both finds the route of
 * each device.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* A window, and its error: a text, and possibly another window to name. */
struct place {
	const struct vfio_cxl_window *window;
	const char *fault;
	const struct vfio_cxl_window *another;
};

/* The window of one host bridge. */
struct route {
	const char *host_bridge;
	const struct place *place;
	const struct place *another; /* makes it ambiguous, or NULL */
};

/* A device, and where its result is stored. */
struct candidate {
	const struct vfio_cxl_device *device;
	struct vfio_cxl_placement *placement;
};

struct map {
	struct place *places; /* sorted by base */
	size_t nr_places;
	struct route *routes; /* sorted by host bridge */
	size_t nr_routes;
	struct candidate *candidates; /* sorted by host bridge, then by name */
	size_t nr_candidates;
	const struct vfio_cxl_window *unknown; /* has unnamed targets */
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

/* The order of equal ones does not matter: reasons name windows by name. */
static int compare_places(const void *a, const void *b)
{
	const struct vfio_cxl_window *x = ((const struct place *)a)->window;
	const struct vfio_cxl_window *y = ((const struct place *)b)->window;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return compare_names(x->name, y->name);
}

static int compare_routes(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	int order = strcmp(x->host_bridge, y->host_bridge);

	return order ? order :
		       compare_names(x->place->window->name,
				     y->place->window->name);
}

static int compare_candidates(const void *a, const void *b)
{
	const struct vfio_cxl_device *x = ((const struct candidate *)a)->device;
	const struct vfio_cxl_device *y = ((const struct candidate *)b)->device;
	int order = compare_names(x->host_bridge, y->host_bridge);

	return order ? order : compare_names(x->name, y->name);
}

/* calloc() may return NULL for size 0, which is not a failure here. */
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

/* Does a window that does not begin after @base contain it? */
static bool reaches(const struct vfio_cxl_window *window, uint64_t base)
{
	return window->placed && base - window->base < window->size;
}

static void note_overlap(struct place *place, const struct place *other)
{
	if (place->fault)
		return;
	place->fault = "overlaps window ";
	place->another = other->window;
}

/* A window overlaps the first one before it that contains its base. */
static void check_overlaps(struct map *map)
{
	struct place *first = map->places;
	size_t i;

	for (i = 0; i < map->nr_places; i++) {
		struct place *place = &map->places[i];
		const struct vfio_cxl_window *window = place->window;

		if (!window->placed || !window->size)
			continue;
		while (first < place && !reaches(first->window, window->base))
			first++;
		if (first == place)
			continue;
		note_overlap(place, first);
		note_overlap(first, place);
	}
}

static void sort_windows(struct map *map, const struct vfio_cxl_window *windows)
{
	size_t i;

	for (i = 0; i < map->nr_places; i++) {
		const struct vfio_cxl_window *window = vfio_cxl_arg(windows, i);

		map->places[i] = (struct place){
			.window = window,
			.fault = window_fault(window),
		};
	}
	qsort(map->places, map->nr_places, sizeof(*map->places),
	      compare_places);
}

/* One route per target, then one per host bridge. */
static void build_routes(struct map *map)
{
	struct route *last = NULL;
	size_t nr = 0, i, t;

	for (i = 0; i < map->nr_places; i++) {
		const struct vfio_cxl_window *window = map->places[i].window;

		for (t = 0; t < window->nr_targets; t++) {
			if (window->targets && !is_empty(window->targets[t])) {
				map->routes[nr++] = (struct route){
					.host_bridge = window->targets[t],
					.place = &map->places[i],
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
		} else if (!last->another && last->place != next->place) {
			last->another = next->place;
		}
	}
}

static void sort_devices(struct map *map, const struct vfio_cxl_device *devices,
			 struct vfio_cxl_placement *placements)
{
	size_t i;

	for (i = 0; i < map->nr_candidates; i++)
		map->candidates[i] = (struct candidate){
			.device = vfio_cxl_arg(devices, i),
			.placement = vfio_cxl_arg(placements, i),
		};
	qsort(map->candidates, map->nr_candidates, sizeof(*map->candidates),
	      compare_candidates);
}

static void free_map(struct map *map)
{
	free(map->places);
	free(map->routes);
	free(map->candidates);
}

static int alloc_map(struct map *map, const struct vfio_cxl_window *windows)
{
	size_t nr_targets = 0;
	size_t i;

	for (i = 0; i < map->nr_places; i++) {
		const struct vfio_cxl_window *window = vfio_cxl_arg(windows, i);

		if (window->targets &&
		    __builtin_add_overflow(nr_targets, window->nr_targets,
					   &nr_targets))
			return -ENOMEM;
	}

	map->places = alloc_array(map->nr_places, sizeof(*map->places));
	map->routes = alloc_array(nr_targets, sizeof(*map->routes));
	map->candidates =
		alloc_array(map->nr_candidates, sizeof(*map->candidates));
	if (map->places && map->routes && map->candidates)
		return 0;
	free_map(map);
	return -ENOMEM;
}

/* A verdict with its reason. */
#define refuse(verdict, ...) \
	((enum vfio_cxl_verdict)vfio_cxl_explain(verdict, __VA_ARGS__))

static enum vfio_cxl_verdict judge_device(const struct vfio_cxl_device *device,
					  bool has_twin,
					  struct vfio_cxl_reason *reason)
{
	if (is_empty(device->name))
		return refuse(VFIO_CXL_VERDICT_BAD_DEVICE, reason, device, NULL,
			      "the device has no name; give it one");
	if (!is_good_size(device->hdm_size))
		return refuse(VFIO_CXL_VERDICT_BAD_DEVICE, reason, device, NULL,
			      "the size of the memory, 0x%llx, is not a non-zero multiple of 256 MiB; set it to what vfio_cxl_find() returned",
			      (unsigned long long)device->hdm_size);
	if (has_twin)
		return refuse(VFIO_CXL_VERDICT_BAD_DEVICE, reason, device, NULL,
			      "another device there has the same name; give each its own");
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
	const struct place *place;

	if (map->unknown)
		return refuse(VFIO_CXL_VERDICT_BAD_WINDOW, reason, device, NULL,
			      "window " NAME_FMT
			      " has a target without a name, which could be this host bridge; name all targets",
			      vfio_cxl_name(map->unknown->name));
	if (!route)
		return refuse(VFIO_CXL_VERDICT_NO_WINDOW, reason, device, NULL,
			      "no window targets the host bridge; add one of at least 0x%llx bytes that has it as its only target",
			      (unsigned long long)device->hdm_size);

	place = route->place;
	if (route->another)
		return refuse(VFIO_CXL_VERDICT_AMBIGUOUS, reason, device, NULL,
			      "windows " NAME_FMT " and " NAME_FMT
			      " both target the host bridge; remove one of them",
			      vfio_cxl_name(place->window->name),
			      vfio_cxl_name(route->another->window->name));

	if (place->fault)
		return refuse(VFIO_CXL_VERDICT_BAD_WINDOW, reason, device,
			      place->window,
			      "the window %s" NAME_FMT "; correct it",
			      place->fault,
			      place->another ?
				      vfio_cxl_name(place->another->name) :
				      "");
	return VFIO_CXL_VERDICT_ACCEPTED;
}

static enum vfio_cxl_verdict judge_window(const struct vfio_cxl_window *window,
					  const struct vfio_cxl_device *device,
					  struct vfio_cxl_reason *reason)
{
	if (window->nr_targets != 1)
		return refuse(VFIO_CXL_VERDICT_INTERLEAVED, reason, device,
			      window,
			      "the window interleaves %zu targets, which is not possible for the memory of one device; make the host bridge its only target",
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

static enum vfio_cxl_verdict judge_lock(const struct vfio_cxl_window *window,
					const struct vfio_cxl_device *device,
					struct vfio_cxl_reason *reason)
{
	if (device->locked_base && device->locked_base != window->base)
		return refuse(VFIO_CXL_VERDICT_MOVED, reason, device, window,
			      "the device is locked at 0x%llx; leave the window there, or close the device to unlock it",
			      (unsigned long long)device->locked_base);
	return VFIO_CXL_VERDICT_ACCEPTED;
}

static enum vfio_cxl_verdict judge_owner(const struct vfio_cxl_device *owner,
					 const struct vfio_cxl_window *window,
					 const struct vfio_cxl_device *device,
					 struct vfio_cxl_reason *reason)
{
	if (owner != device)
		return refuse(VFIO_CXL_VERDICT_SECOND_DEVICE, reason, device,
			      window,
			      "the window is for device " NAME_FMT
			      " below the same host bridge; give each a host bridge and a window of its own",
			      owner->name);
	return VFIO_CXL_VERDICT_ACCEPTED;
}

/* Choose which of the devices below one host bridge can have the window. */
static const struct vfio_cxl_device *find_owner(const struct route *route,
						const struct candidate *first,
						const struct candidate *end)
{
	const struct vfio_cxl_device *owner = NULL;

	for (; first < end; first++) {
		const struct vfio_cxl_device *device = first->device;

		if (is_empty(device->name))
			continue;
		if (route && device->locked_base == route->place->window->base)
			return device;
		if (!owner)
			owner = device;
	}
	return owner;
}

static enum vfio_cxl_verdict judge(const struct map *map,
				   const struct route *route,
				   const struct vfio_cxl_device *owner,
				   const struct vfio_cxl_device *device,
				   bool has_twin,
				   struct vfio_cxl_reason *reason)
{
	enum vfio_cxl_verdict verdict;

	verdict = judge_device(device, has_twin, reason);
	if (verdict == VFIO_CXL_VERDICT_ACCEPTED)
		verdict = judge_route(map, route, device, reason);
	if (verdict == VFIO_CXL_VERDICT_ACCEPTED)
		verdict = judge_window(route->place->window, device, reason);
	if (verdict == VFIO_CXL_VERDICT_ACCEPTED)
		verdict = judge_lock(route->place->window, device, reason);
	if (verdict == VFIO_CXL_VERDICT_ACCEPTED)
		verdict = judge_owner(owner, route->place->window, device,
				      reason);
	if (verdict == VFIO_CXL_VERDICT_ACCEPTED)
		vfio_cxl_explain_nothing(reason);
	return verdict;
}

/* Judge the devices below one host bridge: true if all are accepted. */
static bool judge_group(const struct map *map, const struct route *route,
			const struct candidate *first,
			const struct candidate *end)
{
	const struct vfio_cxl_device *owner = find_owner(route, first, end);
	const struct candidate *c;
	bool ok = true;

	for (c = first; c < end; c++) {
		struct vfio_cxl_placement *placement = c->placement;
		bool has_twin = (c > first && !compare_candidates(c - 1, c)) ||
				(c + 1 < end && !compare_candidates(c, c + 1));

		placement->verdict = judge(map, route, owner, c->device,
					   has_twin, &placement->reason);
		placement->window = NULL;
		if (placement->verdict == VFIO_CXL_VERDICT_ACCEPTED)
			placement->window = route->place->window;
		else
			ok = false;
	}
	return ok;
}

/* Process devices and routes, one host bridge at a time. */
static bool judge_all(const struct map *map)
{
	const struct candidate *first = map->candidates, *next;
	const struct candidate *end = first + map->nr_candidates;
	const struct route *route = map->routes;
	const struct route *last = route + map->nr_routes;
	bool ok = true;

	for (; first < end; first = next) {
		const char *bridge = first->device->host_bridge;
		int order = 1;

		for (next = first + 1; next < end; next++)
			if (compare_names(next->device->host_bridge, bridge))
				break;
		for (; route < last; route++) {
			order = compare_names(route->host_bridge, bridge);
			if (order >= 0)
				break;
		}
		ok &= judge_group(map, order ? NULL : route, first, next);
	}
	return ok;
}

/* Fail as a whole, and give each device the reason. */
static int fail_all(int result, const char *why,
		    const struct vfio_cxl_device *devices,
		    struct vfio_cxl_placement *placements, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		struct vfio_cxl_placement *placement =
			vfio_cxl_arg(placements, i);

		placement->verdict =
			refuse(VFIO_CXL_VERDICT_NONE, &placement->reason,
			       devices ? vfio_cxl_arg(devices, i) : NULL, NULL,
			       "%s", why);
		placement->window = NULL;
	}
	return result;
}

int vfio_cxl_select(const struct vfio_cxl_window *windows, size_t nr_windows,
		    const struct vfio_cxl_device *devices, size_t nr_devices,
		    struct vfio_cxl_placement *placements)
{
	struct map map = {
		.nr_places = nr_windows,
		.nr_candidates = nr_devices,
	};
	int ret;

	if (!nr_devices)
		return 0;
	if (!vfio_cxl_have_room(placements, nr_devices, sizeof(*placements)))
		return -EINVAL;
	vfio_cxl_clear_rest(placements, nr_devices, sizeof(*placements));

	ret = vfio_cxl_check_args(devices, nr_devices, sizeof(*devices));
	if (ret)
		return fail_all(ret, vfio_cxl_args_text(-ret), NULL,
				placements, nr_devices);
	ret = vfio_cxl_check_args(windows, nr_windows, sizeof(*windows));
	if (ret)
		return fail_all(ret, vfio_cxl_args_text(-ret), devices,
				placements, nr_devices);
	ret = alloc_map(&map, windows);
	if (ret)
		return fail_all(ret,
				"out of memory; free some and try again",
				devices, placements, nr_devices);

	sort_windows(&map, windows);
	check_overlaps(&map);
	build_routes(&map);
	sort_devices(&map, devices, placements);
	if (!judge_all(&map))
		ret = -EADDRNOTAVAIL;
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
		[VFIO_CXL_VERDICT_MOVED] = "moved",
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
