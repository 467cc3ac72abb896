// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * vfio_cxl_select() against a model, on random topologies
 *
 * The model is written from vfio-cxl.h alone: for each device it asks, in the
 * order that the header gives, whether a verdict holds, and compares everything
 * with everything.  Topologies are small and made of few names, bases and
 * sizes, so that everything that can be wrong is, often several things at once.
 * Each is judged in two orders, whose results must be identical.
 *
 * GLib prints the seed: --seed=R02S... repeats a run.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <glib.h>

#include <vfio-cxl.h>

#include "wrap.h"

#define MAX_WINDOWS 6
#define MAX_DEVICES 5
#define MAX_TARGETS 3
#define TOPOLOGIES 50000

struct topology {
	size_t nr_windows;
	struct vfio_cxl_window windows[MAX_WINDOWS];
	const char *targets[MAX_WINDOWS][MAX_TARGETS];
	size_t nr_devices;
	struct vfio_cxl_device devices[MAX_DEVICES];
};

/* What the header says. */

static bool is_empty(const char *name)
{
	return !name || !*name;
}

static bool is_same(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static bool is_multiple(uint64_t value)
{
	return value && value % VFIO_CXL_ALIGN == 0;
}

static bool is_in(uint64_t address, const struct vfio_cxl_window *window)
{
	return address >= window->base && address - window->base < window->size;
}

/* Two ranges have an address in common if the first of one is in the other. */
static bool overlap(const struct vfio_cxl_window *a,
		    const struct vfio_cxl_window *b)
{
	return a->placed && b->placed && a->size && b->size &&
	       (is_in(a->base, b) || is_in(b->base, a));
}

static bool is_bad_window(const struct topology *t,
			  const struct vfio_cxl_window *window)
{
	size_t i;

	if (is_empty(window->name) || !is_multiple(window->size))
		return true;
	if (!window->placed)
		return false;
	if (!is_multiple(window->base) || window->base > VFIO_CXL_LIMIT ||
	    VFIO_CXL_LIMIT - window->base < window->size)
		return true;
	for (i = 0; i < t->nr_windows; i++)
		if (&t->windows[i] != window && overlap(&t->windows[i], window))
			return true;
	return false;
}

static bool has_unknown_target(const struct vfio_cxl_window *window)
{
	size_t i;

	for (i = 0; i < window->nr_targets; i++)
		if (!window->targets || is_empty(window->targets[i]))
			return true;
	return false;
}

static bool is_target(const struct vfio_cxl_window *window,
		      const char *host_bridge)
{
	size_t i;

	for (i = 0; i < window->nr_targets; i++)
		if (!strcmp(window->targets[i], host_bridge))
			return true;
	return false;
}

/* Does @a come before @b if only one can have @window? */
static bool has_better_claim(const struct vfio_cxl_device *a,
			     const struct vfio_cxl_device *b,
			     const struct vfio_cxl_window *window)
{
	const bool a_is_there = a->locked_base == window->base;
	const bool b_is_there = b->locked_base == window->base;

	if (a_is_there != b_is_there)
		return a_is_there;
	return strcmp(a->name, b->name) < 0;
}

static enum vfio_cxl_verdict model(const struct topology *t,
				   const struct vfio_cxl_device *device,
				   const struct vfio_cxl_window **window)
{
	const struct vfio_cxl_device *other;
	size_t i, nr = 0;

	if (is_empty(device->name) || !is_multiple(device->hdm_size))
		return VFIO_CXL_VERDICT_BAD_DEVICE;
	for (i = 0; i < t->nr_devices; i++) {
		other = &t->devices[i];
		if (other != device && is_same(other->name, device->name) &&
		    is_same(other->host_bridge, device->host_bridge))
			return VFIO_CXL_VERDICT_BAD_DEVICE;
	}
	if (is_empty(device->host_bridge))
		return VFIO_CXL_VERDICT_NO_HOST_BRIDGE;
	if (device->below_switch)
		return VFIO_CXL_VERDICT_BELOW_SWITCH;

	for (i = 0; i < t->nr_windows; i++)
		if (has_unknown_target(&t->windows[i]))
			return VFIO_CXL_VERDICT_BAD_WINDOW;
	for (i = 0; i < t->nr_windows; i++) {
		if (!is_target(&t->windows[i], device->host_bridge))
			continue;
		*window = &t->windows[i];
		nr++;
	}
	if (!nr)
		return VFIO_CXL_VERDICT_NO_WINDOW;
	if (nr > 1)
		return VFIO_CXL_VERDICT_AMBIGUOUS;
	if (is_bad_window(t, *window))
		return VFIO_CXL_VERDICT_BAD_WINDOW;
	if ((*window)->nr_targets > 1)
		return VFIO_CXL_VERDICT_INTERLEAVED;
	if (!(*window)->placed)
		return VFIO_CXL_VERDICT_UNPLACED;
	if ((*window)->size < device->hdm_size)
		return VFIO_CXL_VERDICT_TOO_SMALL;
	if (device->locked_base && device->locked_base != (*window)->base)
		return VFIO_CXL_VERDICT_MOVED;

	for (i = 0; i < t->nr_devices; i++) {
		other = &t->devices[i];
		if (!is_empty(other->name) &&
		    is_same(other->host_bridge, device->host_bridge) &&
		    has_better_claim(other, device, *window))
			return VFIO_CXL_VERDICT_SECOND_DEVICE;
	}
	return VFIO_CXL_VERDICT_ACCEPTED;
}

/* Topologies. */

static uint32_t below(uint32_t limit)
{
	return (uint32_t)g_test_rand_int_range(0, (gint32)limit);
}

static bool one_in(uint32_t nr)
{
	return !below(nr);
}

static const char *random_name(const char *const *names, uint32_t nr)
{
	if (one_in(40))
		return one_in(2) ? NULL : "";
	return names[below(nr)];
}

static const char *random_host_bridge(void)
{
	static const char *const names[] = { "cxl.0", "cxl.1", "cxl.2",
					     "cxl.3" };

	return random_name(names, G_N_ELEMENTS(names));
}

/* A small multiple of 256 MiB from @least on, or occasionally any value. */
static uint64_t random_bytes(uint32_t least, uint32_t limit)
{
	static const uint64_t odd[] = {
		0,
		1,
		VFIO_CXL_ALIGN - 1,
		VFIO_CXL_ALIGN + 4096,
		VFIO_CXL_LIMIT - VFIO_CXL_ALIGN,
		VFIO_CXL_LIMIT,
		UINT64_MAX - VFIO_CXL_ALIGN + 1,
		UINT64_MAX,
	};

	if (one_in(40))
		return odd[below(G_N_ELEMENTS(odd))];
	return (least + below(limit - least)) * VFIO_CXL_ALIGN;
}

static void make_window(struct topology *t, size_t nr)
{
	static const char *const names[] = { "w0", "w1", "w2", "w3" };
	size_t i;

	for (i = 0; i < MAX_TARGETS; i++)
		t->targets[nr][i] = random_host_bridge();
	t->windows[nr] = (struct vfio_cxl_window){
		.argsz = sizeof(t->windows[nr]),
		.name = random_name(names, G_N_ELEMENTS(names)),
		.base = random_bytes(1, 24),
		.size = random_bytes(1, 5),
		.targets = one_in(80) ? NULL : t->targets[nr],
		.nr_targets = one_in(6) ? below(MAX_TARGETS + 1) : 1,
		.placed = !one_in(10),
	};
}

/* Locked in one of the windows, whether it could be or not, or elsewhere */
static uint64_t random_lock(const struct topology *t)
{
	if (!one_in(3))
		return 0;
	if (!t->nr_windows || one_in(10))
		return random_bytes(1, 24);
	return t->windows[below((uint32_t)t->nr_windows)].base;
}

static void make_device(struct topology *t, size_t nr)
{
	static const char *const names[] = { "d0", "d1", "d2", "d3" };

	t->devices[nr] = (struct vfio_cxl_device){
		.argsz = sizeof(t->devices[nr]),
		.name = random_name(names, G_N_ELEMENTS(names)),
		.host_bridge = random_host_bridge(),
		.hdm_size = random_bytes(1, 4),
		.below_switch = one_in(20),
		.locked_base = random_lock(t),
	};
}

static void make_topology(struct topology *t)
{
	size_t i;

	t->nr_windows = below(MAX_WINDOWS + 1);
	for (i = 0; i < t->nr_windows; i++)
		make_window(t, i);
	t->nr_devices = 1 + below(MAX_DEVICES);
	for (i = 0; i < t->nr_devices; i++)
		make_device(t, i);
}

static void shuffle(size_t *order, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		size_t j = below((uint32_t)i + 1);

		order[i] = order[j];
		order[j] = i;
	}
}

static void say_topology(const struct topology *t)
{
	size_t i, j;

	for (i = 0; i < t->nr_windows; i++) {
		const struct vfio_cxl_window *window = &t->windows[i];

		g_test_message("window %s: base 0x%" PRIx64 ", size 0x%" PRIx64
			       ", %splaced, %zu targets%s",
			       window->name, window->base, window->size,
			       window->placed ? "" : "not ", window->nr_targets,
			       window->targets ? "" : " missing");
		for (j = 0; window->targets && j < window->nr_targets; j++)
			g_test_message("  target %s", window->targets[j]);
	}
	for (i = 0; i < t->nr_devices; i++) {
		const struct vfio_cxl_device *device = &t->devices[i];

		g_test_message("device %s below %s: size 0x%" PRIx64
			       ", locked at 0x%" PRIx64 "%s",
			       device->name, device->host_bridge,
			       device->hdm_size, device->locked_base,
			       device->below_switch ? ", below a switch" : "");
	}
}

/* Is device @nr of @t judged as the model judges it? */
static bool is_as_modelled(const struct topology *t, size_t nr,
			   const struct vfio_cxl_placement *placement)
{
	const struct vfio_cxl_window *window = NULL;
	enum vfio_cxl_verdict verdict = model(t, &t->devices[nr], &window);

	if (placement->verdict != verdict)
		return false;
	if (verdict != VFIO_CXL_VERDICT_ACCEPTED)
		return !placement->window && placement->reason.text[0];
	return placement->window == window && !placement->reason.text[0];
}

static void say_placement(const char *what,
			  const struct vfio_cxl_placement *placement)
{
	g_test_message("%s: %s: %s", what,
		       vfio_cxl_verdict_name(placement->verdict),
		       placement->reason.text);
}

static void check_topology(const struct topology *t)
{
	struct vfio_cxl_placement one[MAX_DEVICES], another[MAX_DEVICES];
	size_t windows[MAX_WINDOWS], devices[MAX_DEVICES];
	struct topology shuffled = *t;
	bool accepted = true;
	size_t i;
	int ret;

	shuffle(windows, t->nr_windows);
	shuffle(devices, t->nr_devices);
	for (i = 0; i < t->nr_windows; i++)
		shuffled.windows[i] = t->windows[windows[i]];
	for (i = 0; i < t->nr_devices; i++) {
		shuffled.devices[i] = t->devices[devices[i]];
		one[i].argsz = sizeof(one[i]);
		another[i].argsz = sizeof(another[i]);
	}

	ret = vfio_cxl_select(t->windows, t->nr_windows, t->devices,
			      t->nr_devices, one);
	g_assert_cmpint(vfio_cxl_select(shuffled.windows, t->nr_windows,
					shuffled.devices, t->nr_devices,
					another),
			==, ret);
	g_assert_cmpint(live_allocations(), ==, 0);

	for (i = 0; i < t->nr_devices; i++) {
		const size_t nr = devices[i];
		const struct vfio_cxl_window *window;

		accepted &= one[nr].verdict == VFIO_CXL_VERDICT_ACCEPTED;
		if (is_as_modelled(t, nr, &one[nr]) &&
		    is_as_modelled(&shuffled, i, &another[i]) &&
		    !strcmp(one[nr].reason.text, another[i].reason.text))
			continue;

		say_topology(t);
		g_test_message("device %zu: the model says %s", nr,
			       vfio_cxl_verdict_name(model(t, &t->devices[nr],
							   &window)));
		say_placement("in this order", &one[nr]);
		say_placement("in another", &another[i]);
		g_test_fail();
	}
	g_assert_cmpint(ret, ==, accepted ? 0 : -EADDRNOTAVAIL);
}

/* Every verdict occurs; otherwise the topologies are not random enough */
static void test_model(void)
{
	unsigned int seen[VFIO_CXL_VERDICT_BAD_WINDOW + 1] = { 0 };
	const struct vfio_cxl_window *window;
	struct topology t;
	size_t nr, i;

	for (nr = 0; nr < TOPOLOGIES && !g_test_failed(); nr++) {
		make_topology(&t);
		check_topology(&t);
		for (i = 0; i < t.nr_devices; i++)
			seen[model(&t, &t.devices[i], &window)]++;
	}
	for (i = VFIO_CXL_VERDICT_ACCEPTED; i < G_N_ELEMENTS(seen); i++) {
		g_test_message("%u devices %s", seen[i],
			       vfio_cxl_verdict_name((enum vfio_cxl_verdict)i));
		if (nr == TOPOLOGIES)
			g_assert_cmpuint(seen[i], >, TOPOLOGIES / 100);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/select/model", test_model);
	return g_test_run();
}
