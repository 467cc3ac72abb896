// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * vfio_cxl_select(): every verdict, in every order
 *
 * A case is a topology and the expected result for each device.  It is judged
 * in every order of its windows and devices, or in many shuffled ones if there
 * are too many; --seed chooses the shuffles.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include <vfio-cxl.h>

#include "wrap.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

#define MAX_ROW 4

/* The expected result for a device. */
struct expected {
	enum vfio_cxl_verdict verdict;
	const char *window; /* of an accepted one: its name */
	const char *words; /* in the reason for a refusal, beside the names */
};

struct topology {
	const char *name;
	size_t nr_windows;
	const struct vfio_cxl_window *windows;
	size_t nr_devices;
	const struct vfio_cxl_device *devices;
	const struct expected *expected;
};

/* As above, in one short constant. */
struct row {
	const char *name;
	size_t nr_windows;
	struct vfio_cxl_window windows[MAX_ROW];
	size_t nr_devices;
	struct vfio_cxl_device devices[MAX_ROW];
	struct expected expected[MAX_ROW];
};

#define TARGETS(...)                                     \
	.targets = (const char *const[]){ __VA_ARGS__ }, \
	.nr_targets =                                    \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)
#define A_WINDOW .argsz = sizeof(struct vfio_cxl_window)
#define A_DEVICE .argsz = sizeof(struct vfio_cxl_device)
#define WINDOW(_name, _base, _size, ...)                                \
	{                                                               \
		A_WINDOW, .name = _name, .base = _base, .size = _size, \
		.placed = true, TARGETS(__VA_ARGS__)                    \
	}
#define UNPLACED(_name, _size, ...)                                          \
	{                                                                    \
		A_WINDOW, .name = _name, .size = _size, TARGETS(__VA_ARGS__) \
	}
#define DEVICE(_name, _host_bridge, _size)                      \
	{                                                       \
		A_DEVICE, .name = _name, .hdm_size = _size,     \
		.host_bridge = _host_bridge                     \
	}
#define LOCKED(_name, _host_bridge, _size, _base)               \
	{                                                       \
		A_DEVICE, .name = _name, .hdm_size = _size,     \
		.host_bridge = _host_bridge,                    \
		.locked_base = _base                            \
	}
#define BELOW_SWITCH(_name, _host_bridge, _size)                \
	{                                                       \
		A_DEVICE, .name = _name, .hdm_size = _size,     \
		.host_bridge = _host_bridge,                    \
		.below_switch = true                            \
	}
#define IN(_window)                                      \
	{                                                \
		VFIO_CXL_VERDICT_ACCEPTED, _window, NULL \
	}
#define REFUSED(_verdict, _words)                         \
	{                                                 \
		VFIO_CXL_VERDICT_##_verdict, NULL, _words \
	}

/* The verdict table. */
static const struct row rows[] = {
	{
		"accepted",
		1,
		{ WINDOW("w0", 8 * TIB, 256 * GIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ IN("w0") },
	},
	{
		"accepted/exactly-as-large",
		1,
		{ WINDOW("w0", 256 * MIB, 256 * MIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", 256 * MIB) },
		{ IN("w0") },
	},
	{
		"accepted/up-to-the-limit",
		1,
		{ WINDOW("w0", VFIO_CXL_LIMIT - GIB, GIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ IN("w0") },
	},
	{
		"accepted/adjacent-windows",
		3,
		{ WINDOW("w0", 1 * TIB, GIB, "hb0"),
		  WINDOW("w1", 1 * TIB + GIB, GIB, "hb1"),
		  WINDOW("w2", 1 * TIB + 2 * GIB, GIB, "hb2") },
		3,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB) },
		{ IN("w0"), IN("w1"), IN("w2") },
	},
	{
		"accepted/by-topology-not-by-order",
		3,
		{ WINDOW("w0", 1 * TIB, TIB, "hb2"),
		  WINDOW("w1", 2 * TIB, TIB, "hb0"),
		  WINDOW("w2", 3 * TIB, TIB, "hb1") },
		3,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB) },
		{ IN("w1"), IN("w2"), IN("w0") },
	},
	{
		"accepted/windows-of-nobody",
		3,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb1", "hb2"),
		  UNPLACED("w2", TIB, "hb3") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ IN("w0") },
	},
	{
		"no-window/none",
		0,
		{ { 0 } },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(NO_WINDOW, "add one") },
	},
	{
		"no-window/the-only-one-is-another's",
		1,
		{ WINDOW("w0", 8 * TIB, 256 * GIB, "hb1") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(NO_WINDOW, "add one") },
	},
	{
		"no-window/name-is-a-prefix",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb"),
		  WINDOW("w1", 2 * TIB, TIB, "hb00") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(NO_WINDOW, "add one") },
	},
	{
		"no-window/the-first-window-mistake",
		1,
		{ WINDOW("w0", 8 * TIB, 256 * GIB, "hb0") },
		4,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB), DEVICE("d3", "hb3", GIB) },
		{ IN("w0"), REFUSED(NO_WINDOW, "add one"),
		  REFUSED(NO_WINDOW, "add one"),
		  REFUSED(NO_WINDOW, "add one") },
	},
	{
		"no-window/of-no-target",
		1,
		{ { A_WINDOW,
		    .name = "w0",
		    .base = TIB,
		    .size = TIB,
		    .placed = true } },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(NO_WINDOW, "add one") },
	},
	{
		"ambiguous/two",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(AMBIGUOUS, "w0 and w1") },
	},
	{
		"ambiguous/three",
		3,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb0"),
		  WINDOW("w2", 3 * TIB, TIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(AMBIGUOUS, "w0 and w1") },
	},
	{
		"ambiguous/one-is-too-small",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, GIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", 2 * GIB) },
		{ REFUSED(AMBIGUOUS, "w0 and w1") },
	},
	{
		"ambiguous/one-is-unplaced",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  UNPLACED("w1", TIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(AMBIGUOUS, "w0 and w1") },
	},
	{
		"ambiguous/one-is-interleaved",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb1", "hb0") },
		2,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB) },
		{ REFUSED(AMBIGUOUS, "w0 and w1"), REFUSED(INTERLEAVED, "w1") },
	},
	{
		"ambiguous/another-is-fine",
		3,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb0"),
		  WINDOW("w2", 3 * TIB, TIB, "hb1") },
		2,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB) },
		{ REFUSED(AMBIGUOUS, "w0 and w1"), IN("w2") },
	},
	{
		"interleaved/two-targets",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0", "hb1") },
		2,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB) },
		{ REFUSED(INTERLEAVED, "w0"), REFUSED(INTERLEAVED, "w0") },
	},
	{
		"interleaved/one-target-twice",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0", "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(INTERLEAVED, "2 targets") },
	},
	{
		"unplaced",
		2,
		{ UNPLACED("w0", TIB, "hb0"),
		  WINDOW("w1", 1 * TIB, TIB, "hb1") },
		2,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB) },
		{ REFUSED(UNPLACED, "w0 (no base"), IN("w1") },
	},
	{
		"unplaced/base-is-ignored",
		2,
		{ { A_WINDOW,
		    .name = "w0",
		    .base = 1 * TIB + 1,
		    .size = TIB,
		    TARGETS("hb0") },
		  WINDOW("w1", 1 * TIB, TIB, "hb1") },
		2,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB) },
		{ REFUSED(UNPLACED, "w0 (no base"), IN("w1") },
	},
	{
		"too-small",
		2,
		{ WINDOW("w0", 1 * TIB, GIB - 256 * MIB, "hb0"),
		  WINDOW("w1", 2 * TIB, GIB, "hb1") },
		2,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB) },
		{ REFUSED(TOO_SMALL, "0x40000000 bytes"), IN("w1") },
	},
	{
		"second-device",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		2,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb0", GIB) },
		{ IN("w0"), REFUSED(SECOND_DEVICE, "for device d0") },
	},
	{
		"second-device/and-third",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb1") },
		4,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb0", GIB),
		  DEVICE("d2", "hb0", GIB), DEVICE("d3", "hb1", GIB) },
		{ IN("w0"), REFUSED(SECOND_DEVICE, "for device d0"),
		  REFUSED(SECOND_DEVICE, "for device d0"), IN("w1") },
	},
	{
		"second-device/plugged-in-later",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		2,
		{ DEVICE("d0", "hb0", GIB), LOCKED("d1", "hb0", GIB, 1 * TIB) },
		{ REFUSED(SECOND_DEVICE, "for device d1"), IN("w0") },
	},
	{
		"second-device/the-first-is-too-large",
		1,
		{ WINDOW("w0", 1 * TIB, GIB, "hb0") },
		2,
		{ DEVICE("d0", "hb0", 2 * GIB), DEVICE("d1", "hb0", GIB) },
		{ REFUSED(TOO_SMALL, "0x80000000 bytes"),
		  REFUSED(SECOND_DEVICE, "for device d0") },
	},
	{
		"hotplug/own-host-bridge",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb1") },
		2,
		{ LOCKED("d1", "hb1", GIB, 2 * TIB), DEVICE("d0", "hb0", GIB) },
		{ IN("w1"), IN("w0") },
	},
	{
		"hotplug/second-locked-elsewhere",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		3,
		{ LOCKED("d0", "hb0", GIB, 2 * TIB),
		  LOCKED("d1", "hb0", GIB, 1 * TIB), DEVICE("d2", "hb0", GIB) },
		{ REFUSED(MOVED, "locked at 0x20000000000;"), IN("w0"),
		  REFUSED(SECOND_DEVICE, "for device d1") },
	},
	{
		"moved",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb1") },
		3,
		{ LOCKED("d0", "hb0", GIB, 3 * TIB),
		  LOCKED("d1", "hb1", GIB, 2 * TIB + 256 * MIB),
		  DEVICE("d2", "hb0", GIB) },
		{ REFUSED(MOVED, "locked at 0x30000000000;"),
		  REFUSED(MOVED, "locked at 0x20010000000;"),
		  REFUSED(SECOND_DEVICE, "for device d0") },
	},
	{
		"no-host-bridge/none",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		2,
		{ DEVICE("d0", NULL, GIB), DEVICE("d1", "hb0", GIB) },
		{ REFUSED(NO_HOST_BRIDGE, "attach it"), IN("w0") },
	},
	{
		"no-host-bridge/empty-name",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		1,
		{ DEVICE("d0", "", GIB) },
		{ REFUSED(NO_HOST_BRIDGE, "attach it") },
	},
	{
		"below-switch",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		1,
		{ BELOW_SWITCH("d0", "hb0", GIB) },
		{ REFUSED(BELOW_SWITCH, "attach it") },
	},
	{
		"below-switch/beside-a-direct-one",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		2,
		{ DEVICE("d0", "hb0", GIB), BELOW_SWITCH("d1", "hb0", GIB) },
		{ IN("w0"), REFUSED(BELOW_SWITCH, "attach it") },
	},
	{
		"all-refusals-are-listed",
		3,
		{ WINDOW("w0", 1 * TIB, GIB, "hb0"), UNPLACED("w1", TIB, "hb1"),
		  WINDOW("w2", 3 * TIB, TIB, "hb2", "hb5") },
		4,
		{ DEVICE("d0", "hb0", 2 * GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB), DEVICE("d3", "hb3", GIB) },
		{ REFUSED(TOO_SMALL, "w0"), REFUSED(UNPLACED, "w1"),
		  REFUSED(INTERLEAVED, "w2"), REFUSED(NO_WINDOW, "add one") },
	},
};

/* Malformed descriptions. */
static const struct row malformed[] = {
	{
		"device/no-name",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb1") },
		4,
		{ DEVICE(NULL, "hb0", GIB), DEVICE("", "hb0", GIB),
		  DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB) },
		{ REFUSED(BAD_DEVICE, "has no name"),
		  REFUSED(BAD_DEVICE, "has no name"), IN("w0"), IN("w1") },
	},
	{
		"device/same-name-twice",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb1") },
		4,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d0", "hb0", GIB),
		  DEVICE("d1", "hb0", GIB), DEVICE("d0", "hb1", GIB) },
		{ REFUSED(BAD_DEVICE, "same name"),
		  REFUSED(BAD_DEVICE, "same name"),
		  REFUSED(SECOND_DEVICE, "for device d0"), IN("w1") },
	},
	{
		"device/same-name-twice-of-no-claim",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		3,
		{ DEVICE("d1", "hb0", GIB), DEVICE("d1", "hb0", GIB),
		  DEVICE("d0", "hb0", GIB) },
		{ REFUSED(BAD_DEVICE, "same name"),
		  REFUSED(BAD_DEVICE, "same name"), IN("w0") },
	},
	{
		"device/with-the-name-of-a-locked-one",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		2,
		{ DEVICE("d0", "hb0", GIB),
		  LOCKED("d0", "hb0", 2 * GIB, 1 * TIB) },
		{ REFUSED(BAD_DEVICE, "same name"),
		  REFUSED(BAD_DEVICE, "same name") },
	},
	{
		"device/two-locked",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		2,
		{ LOCKED("d0", "hb0", GIB, 1 * TIB),
		  LOCKED("d1", "hb0", GIB, 1 * TIB) },
		{ IN("w0"), REFUSED(SECOND_DEVICE, "for device d0") },
	},
	{
		"device/size",
		4,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb1"),
		  WINDOW("w2", 3 * TIB, TIB, "hb2"),
		  WINDOW("w3", 4 * TIB, TIB, "hb3") },
		4,
		{ DEVICE("d0", "hb0", 0), DEVICE("d1", "hb1", 4096),
		  DEVICE("d2", "hb2", UINT64_MAX),
		  DEVICE("d3", "hb3", GIB + 128 * MIB) },
		{ REFUSED(BAD_DEVICE, "0x0,"), REFUSED(BAD_DEVICE, "0x1000,"),
		  REFUSED(BAD_DEVICE, "0xffffffffffffffff,"),
		  REFUSED(BAD_DEVICE, "0x48000000,") },
	},
	{
		"device/largest-size",
		1,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", -(256 * MIB)) },
		{ REFUSED(TOO_SMALL, "0xfffffffff0000000 bytes") },
	},
	{
		"window/no-name",
		3,
		{ WINDOW(NULL, 1 * TIB, TIB, "hb0"),
		  WINDOW("", 2 * TIB, TIB, "hb1"),
		  WINDOW("w2", 3 * TIB, TIB, "hb2") },
		3,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB) },
		{ REFUSED(BAD_WINDOW, "has no name"),
		  REFUSED(BAD_WINDOW, "has no name"), IN("w2") },
	},
	{
		"window/same-name-twice",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w0", 2 * TIB, TIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(AMBIGUOUS, "w0 and w0") },
	},
	{
		"window/two-of-no-name",
		2,
		{ WINDOW(NULL, 1 * TIB, TIB, "hb0"),
		  WINDOW("", 2 * TIB, TIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(AMBIGUOUS, "(unnamed) and (unnamed)") },
	},
	{
		"window/size",
		4,
		{ WINDOW("w0", 1 * TIB, 0, "hb0"),
		  WINDOW("w1", 2 * TIB, GIB + 1, "hb1"),
		  WINDOW("w2", 3 * TIB, 2 * TIB + 128 * MIB, "hb2"),
		  UNPLACED("w3", 0, "hb3") },
		4,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB), DEVICE("d3", "hb3", GIB) },
		{ REFUSED(BAD_WINDOW, "w0"), REFUSED(BAD_WINDOW, "w1"),
		  REFUSED(BAD_WINDOW, "w2"), REFUSED(BAD_WINDOW, "w3") },
	},
	{
		"window/base",
		4,
		{ WINDOW("w0", 0, GIB, "hb0"),
		  WINDOW("w1", 2 * TIB + 4096, GIB, "hb1"),
		  WINDOW("w2", 3 * TIB + 128 * MIB, GIB, "hb2"),
		  WINDOW("w3", 4 * TIB, GIB, "hb3") },
		4,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB), DEVICE("d3", "hb3", GIB) },
		{ REFUSED(BAD_WINDOW, "w0"), REFUSED(BAD_WINDOW, "w1"),
		  REFUSED(BAD_WINDOW, "w2"), IN("w3") },
	},
	{
		"window/beyond-the-limit",
		4,
		{ WINDOW("w0", VFIO_CXL_LIMIT - GIB, GIB + 256 * MIB, "hb0"),
		  WINDOW("w1", VFIO_CXL_LIMIT, GIB, "hb1"),
		  WINDOW("w2", -(256 * MIB), 256 * MIB, "hb2"),
		  WINDOW("w3", GIB, -(256 * MIB), "hb3") },
		4,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", 256 * MIB), DEVICE("d3", "hb3", GIB) },
		{ REFUSED(BAD_WINDOW, "2^52"), REFUSED(BAD_WINDOW, "2^52"),
		  REFUSED(BAD_WINDOW, "2^52"), REFUSED(BAD_WINDOW, "2^52") },
	},
	{
		"window/overlap",
		3,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB - 256 * MIB, GIB, "hb1"),
		  WINDOW("w2", 3 * TIB, TIB, "hb2") },
		3,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB) },
		{ REFUSED(BAD_WINDOW, "overlaps window w1"),
		  REFUSED(BAD_WINDOW, "overlaps window w0"), IN("w2") },
	},
	{
		"window/overlap/same-base",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 1 * TIB, TIB, "hb1") },
		2,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB) },
		{ REFUSED(BAD_WINDOW, "overlaps window w1"),
		  REFUSED(BAD_WINDOW, "overlaps window w0") },
	},
	{
		/* The small ones do not overlap each other. */
		"window/overlap/large-one-over-small-ones",
		4,
		{ WINDOW("w0", 1 * TIB, 8 * TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb1"),
		  WINDOW("w2", 4 * TIB, TIB, "hb2"),
		  WINDOW("w3", 9 * TIB, TIB, "hb3") },
		4,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB), DEVICE("d3", "hb3", GIB) },
		{ REFUSED(BAD_WINDOW, "overlaps window w1"),
		  REFUSED(BAD_WINDOW, "overlaps window w0"),
		  REFUSED(BAD_WINDOW, "overlaps window w0"), IN("w3") },
	},
	{
		/* Which of two that cover it is named, in any order? */
		"window/overlap/same-name-and-base",
		3,
		{ WINDOW("w0", 1 * TIB, 2 * TIB, "hb0"),
		  WINDOW("w0", 1 * TIB, TIB, "hb1"),
		  WINDOW("w1", 2 * TIB - GIB, TIB, "hb2") },
		3,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB) },
		{ REFUSED(BAD_WINDOW, "overlaps window w0"),
		  REFUSED(BAD_WINDOW, "overlaps window w0"),
		  REFUSED(BAD_WINDOW, "overlaps window w0") },
	},
	{
		/* Other errors of a window do not make it overlap less. */
		"window/overlap/with-a-malformed-one",
		4,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW(NULL, 1 * TIB, GIB, "elsewhere"),
		  WINDOW("w1", 3 * TIB, TIB, "hb1"),
		  WINDOW("w2", 3 * TIB + 4096, 4096, "elsewhere") },
		2,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB) },
		{ REFUSED(BAD_WINDOW, "overlaps window (unnamed)"),
		  REFUSED(BAD_WINDOW, "overlaps window w2") },
	},
	{
		"window/overlap/not-placed-or-of-no-size",
		3,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 1 * TIB, 0, "elsewhere"),
		  { A_WINDOW,
		    .name = "w2",
		    .base = 1 * TIB,
		    .size = TIB,
		    TARGETS("elsewhere") } },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ IN("w0") },
	},
	{
		/* It could target any host bridge: no device can be placed. */
		"window/target-without-a-name",
		3,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "hb1", NULL),
		  WINDOW("w2", 3 * TIB, TIB, "") },
		3,
		{ DEVICE("d0", "hb0", GIB), DEVICE("d1", "hb1", GIB),
		  DEVICE("d2", "hb2", GIB) },
		{ REFUSED(BAD_WINDOW, "window w1"),
		  REFUSED(BAD_WINDOW, "window w1"),
		  REFUSED(BAD_WINDOW, "window w1") },
	},
	{
		"window/target-with-an-empty-name",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  WINDOW("w1", 2 * TIB, TIB, "") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(BAD_WINDOW, "window w1") },
	},
	{
		"window/targets-missing",
		2,
		{ WINDOW("w0", 1 * TIB, TIB, "hb0"),
		  { A_WINDOW,
		    .name = "w1",
		    .base = 2 * TIB,
		    .size = TIB,
		    .nr_targets = SIZE_MAX,
		    .placed = true } },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(BAD_WINDOW, "window w1") },
	},
};

/* The first of several reasons to refuse a device wins; one fewer per row. */
static const struct row precedence[] = {
	{
		"bad-device/same-name",
		1,
		{ WINDOW("w0", 0, 0, "hb0", NULL) },
		4,
		{ BELOW_SWITCH("d0", "hb1", GIB), DEVICE("d0", "hb1", GIB),
		  DEVICE("d0", NULL, GIB), DEVICE("d0", "", GIB) },
		{ REFUSED(BAD_DEVICE, "same name"),
		  REFUSED(BAD_DEVICE, "same name"),
		  REFUSED(BAD_DEVICE, "same name"),
		  REFUSED(BAD_DEVICE, "same name") },
	},
	{
		"bad-device",
		1,
		{ WINDOW("w0", 0, 0, "hb0", NULL) },
		1,
		{ { A_DEVICE, .name = "d0", .below_switch = true } },
		{ REFUSED(BAD_DEVICE, "0x0,") },
	},
	{
		"no-host-bridge",
		1,
		{ WINDOW("w0", 0, 0, "hb0", NULL) },
		1,
		{ { A_DEVICE,
		    .name = "d0",
		    .hdm_size = GIB,
		    .below_switch = true } },
		{ REFUSED(NO_HOST_BRIDGE, "attach it") },
	},
	{
		"below-switch",
		1,
		{ WINDOW("w0", 0, 0, "hb0", NULL) },
		1,
		{ BELOW_SWITCH("d0", "hb0", GIB) },
		{ REFUSED(BELOW_SWITCH, "attach it") },
	},
	{
		"target-without-a-name",
		2,
		{ WINDOW("w0", 0, 0, "hb0", NULL), WINDOW("w1", 0, 0, "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(BAD_WINDOW, "window w0 has a target") },
	},
	{
		"ambiguous",
		2,
		{ WINDOW("w0", 0, 0, "hb0", "hb1"), WINDOW("w1", 0, 0, "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(AMBIGUOUS, "w0 and w1") },
	},
	{
		"bad-window",
		1,
		{ UNPLACED("w0", 0, "hb0", "hb1") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(BAD_WINDOW, "size") },
	},
	{
		"interleaved",
		1,
		{ UNPLACED("w0", 256 * MIB, "hb0", "hb1") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(INTERLEAVED, "w0") },
	},
	{
		"unplaced",
		1,
		{ UNPLACED("w0", 256 * MIB, "hb0") },
		1,
		{ DEVICE("d0", "hb0", GIB) },
		{ REFUSED(UNPLACED, "w0") },
	},
	{
		"too-small",
		1,
		{ WINDOW("w0", TIB, 256 * MIB, "hb0") },
		2,
		{ LOCKED("d0", "hb0", GIB, 2 * TIB), DEVICE("d1", "hb0", GIB) },
		{ REFUSED(TOO_SMALL, "w0"), REFUSED(TOO_SMALL, "w0") },
	},
	{
		"moved",
		1,
		{ WINDOW("w0", TIB, GIB, "hb0") },
		2,
		{ DEVICE("d0", "hb0", GIB), LOCKED("d1", "hb0", GIB, 2 * TIB) },
		{ IN("w0"), REFUSED(MOVED, "w0") },
	},
};

static struct topology row_topology(const struct row *row)
{
	return (struct topology){
		.name = row->name,
		.nr_windows = row->nr_windows,
		.windows = row->windows,
		.nr_devices = row->nr_devices,
		.devices = row->devices,
		.expected = row->expected,
	};
}

/* Filled with garbage, except for the size */
static void spoil(struct vfio_cxl_placement *placements, size_t nr)
{
	size_t i;

	memset(placements, 0xa5, nr * sizeof(*placements));
	for (i = 0; i < nr; i++)
		placements[i].argsz = sizeof(*placements);
}

/* One device's verdict; @reason is that of the first order tried. */
static void check_placement(const struct vfio_cxl_device *device,
			    const struct expected *expected,
			    const struct vfio_cxl_placement *placement,
			    struct vfio_cxl_reason *reason, bool first)
{
	const char *text = placement->reason.text;

	g_assert_cmpstr(vfio_cxl_verdict_name(placement->verdict), ==,
			vfio_cxl_verdict_name(expected->verdict));
	g_assert_nonnull(memchr(text, '\0', sizeof(placement->reason.text)));

	if (first)
		*reason = placement->reason;
	g_assert_cmpstr(text, ==, reason->text);

	if (expected->verdict == VFIO_CXL_VERDICT_ACCEPTED) {
		g_assert_nonnull(placement->window);
		g_assert_cmpstr(placement->window->name, ==, expected->window);
		g_assert_cmpstr(text, ==, "");
		return;
	}
	g_assert_null(placement->window);
	g_assert_nonnull(strstr(text, expected->words));
	g_assert_nonnull(strstr(text, "; ")); /* what to do comes last */
	if (device->name)
		g_assert_nonnull(strstr(text, device->name));
	if (device->host_bridge)
		g_assert_nonnull(strstr(text, device->host_bridge));
}

/* Judge a topology in one order of its windows and devices. */
static void check_order(const struct topology *t, const size_t *window_order,
			const size_t *device_order,
			struct vfio_cxl_reason *reasons, bool first)
{
	g_autofree struct vfio_cxl_placement *placements = NULL;
	g_autofree struct vfio_cxl_window *windows = NULL;
	g_autofree struct vfio_cxl_device *devices = NULL;
	g_autofree void *same_windows = NULL, *same_devices = NULL;
	const size_t windows_size = t->nr_windows * sizeof(*t->windows);
	const size_t devices_size = t->nr_devices * sizeof(*t->devices);
	bool all_accepted = true;
	size_t i;
	int ret;

	placements = g_new(struct vfio_cxl_placement, t->nr_devices);
	windows = g_new(struct vfio_cxl_window, t->nr_windows);
	devices = g_new(struct vfio_cxl_device, t->nr_devices);
	for (i = 0; i < t->nr_windows; i++)
		windows[i] = t->windows[window_order[i]];
	for (i = 0; i < t->nr_devices; i++)
		devices[i] = t->devices[device_order[i]];
	same_windows = g_memdup2(windows, windows_size);
	same_devices = g_memdup2(devices, devices_size);
	spoil(placements, t->nr_devices);

	ret = vfio_cxl_select(windows, t->nr_windows, devices, t->nr_devices,
			      placements);

	g_assert_true(!windows_size ||
		      !memcmp(windows, same_windows, windows_size));
	g_assert_true(!devices_size ||
		      !memcmp(devices, same_devices, devices_size));
	g_assert_cmpint(live_allocations(), ==, 0);

	for (i = 0; i < t->nr_devices; i++) {
		const struct vfio_cxl_window *window = placements[i].window;
		size_t d = device_order[i];

		check_placement(&devices[i], &t->expected[d], &placements[i],
				&reasons[d], first);
		if (!window)
			all_accepted = false;
		else /* an element of the array that was given */
			g_assert_true(window >= windows &&
				      window < windows + t->nr_windows);
	}
	g_assert_cmpint(ret, ==, all_accepted ? 0 : -EADDRNOTAVAIL);
}

/* The next permutation in lexicographic order; false after the last one. */
static bool next_order(size_t *order, size_t nr)
{
	size_t i, j, swap;

	for (i = nr; i > 1 && order[i - 2] > order[i - 1]; i--)
		;
	if (i <= 1)
		return false;
	for (j = nr - 1; order[j] < order[i - 2]; j--)
		;
	swap = order[i - 2];
	order[i - 2] = order[j];
	order[j] = swap;
	for (j = nr - 1; i - 1 < j; i++, j--) {
		swap = order[i - 1];
		order[i - 1] = order[j];
		order[j] = swap;
	}
	return true;
}

static size_t *first_order(size_t nr)
{
	size_t *order = g_new(size_t, nr);
	size_t i;

	for (i = 0; i < nr; i++)
		order[i] = i;
	return order;
}

static void reverse(size_t *order, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		order[i] = nr - 1 - i;
}

static void shuffle(size_t *order, size_t nr)
{
	size_t i;

	for (i = nr; i > 1; i--) {
		size_t j = (size_t)g_test_rand_int_range(0, (gint32)i);
		size_t swap = order[i - 1];

		order[i - 1] = order[j];
		order[j] = swap;
	}
}

static unsigned int check_every_order(const struct topology *t)
{
	g_autofree struct vfio_cxl_reason *reasons =
		g_new0(struct vfio_cxl_reason, t->nr_devices);
	g_autofree size_t *windows = first_order(t->nr_windows);
	unsigned int nr = 0;

	do {
		g_autofree size_t *devices = first_order(t->nr_devices);

		do {
			check_order(t, windows, devices, reasons, !nr);
			nr++;
		} while (next_order(devices, t->nr_devices));
	} while (next_order(windows, t->nr_windows));
	return nr;
}

static void check_many_orders(const struct topology *t, unsigned int shuffles)
{
	g_autofree struct vfio_cxl_reason *reasons =
		g_new0(struct vfio_cxl_reason, t->nr_devices);
	g_autofree size_t *windows = first_order(t->nr_windows);
	g_autofree size_t *devices = first_order(t->nr_devices);

	check_order(t, windows, devices, reasons, true);
	reverse(windows, t->nr_windows);
	check_order(t, windows, devices, reasons, false);
	reverse(devices, t->nr_devices);
	check_order(t, windows, devices, reasons, false);
	while (shuffles--) {
		shuffle(windows, t->nr_windows);
		shuffle(devices, t->nr_devices);
		check_order(t, windows, devices, reasons, false);
	}
}

static void test_row(const void *data)
{
	const struct topology t = row_topology(data);

	check_every_order(&t);
}

/* Topologies of any size, built host bridge by host bridge. */
#define MAX_BUILT 10240

struct builder {
	struct vfio_cxl_window windows[MAX_BUILT];
	struct vfio_cxl_device devices[MAX_BUILT];
	struct expected expected[MAX_BUILT];
	size_t nr_windows;
	size_t nr_devices;

	/* What the above point to */
	const char *targets[MAX_BUILT][2];
	char window_names[MAX_BUILT][24];
	char device_names[MAX_BUILT][24];
	char host_bridges[MAX_BUILT][24]; /* by the first device below */
};

static struct topology built_topology(const struct builder *b)
{
	return (struct topology){
		.nr_windows = b->nr_windows,
		.windows = b->windows,
		.nr_devices = b->nr_devices,
		.devices = b->devices,
		.expected = b->expected,
	};
}

/* A window in a slot of its own, of 4 GiB, with one or two targets. */
static struct vfio_cxl_window *add_window(struct builder *b, const char *target,
					  const char *second_target)
{
	const size_t nr = b->nr_windows++;

	g_assert_cmpuint(nr, <, MAX_BUILT);
	snprintf(b->window_names[nr], sizeof(b->window_names[nr]), "cfmw.%zu",
		 nr);
	b->targets[nr][0] = target;
	b->targets[nr][1] = second_target;
	b->windows[nr] = (struct vfio_cxl_window){
		A_WINDOW,
		.name = b->window_names[nr],
		.base = 8 * TIB + nr * 4 * GIB,
		.size = 4 * GIB,
		.targets = b->targets[nr],
		.nr_targets = second_target ? 2 : 1,
		.placed = true,
	};
	return &b->windows[nr];
}

static struct vfio_cxl_device *add_device(struct builder *b,
					  const char *host_bridge,
					  enum vfio_cxl_verdict verdict,
					  const char *window)
{
	const size_t nr = b->nr_devices++;

	g_assert_cmpuint(nr, <, MAX_BUILT);
	snprintf(b->device_names[nr], sizeof(b->device_names[nr]),
		 "device.%05zu", nr);
	b->devices[nr] = (struct vfio_cxl_device){
		A_DEVICE,
		.name = b->device_names[nr],
		.host_bridge = host_bridge,
		.hdm_size = 4 * GIB,
	};
	b->expected[nr] = (struct expected){ verdict, window, "" };
	return &b->devices[nr];
}

/* A host bridge with what leads to one verdict: one device, or two. */
static void add_host_bridge(struct builder *b, enum vfio_cxl_verdict verdict)
{
	char *bridge = b->host_bridges[b->nr_devices];
	struct vfio_cxl_window *window = NULL;
	struct vfio_cxl_device *device;

	snprintf(bridge, sizeof(b->host_bridges[0]), "cxl.%zu", b->nr_devices);
	if (verdict == VFIO_CXL_VERDICT_AMBIGUOUS)
		add_window(b, bridge, NULL);
	if (verdict == VFIO_CXL_VERDICT_INTERLEAVED)
		window = add_window(b, bridge, "elsewhere");
	else if (verdict != VFIO_CXL_VERDICT_NO_WINDOW)
		window = add_window(b, bridge, NULL);

	if (verdict == VFIO_CXL_VERDICT_UNPLACED)
		window->placed = false;
	else if (verdict == VFIO_CXL_VERDICT_TOO_SMALL)
		window->size -= VFIO_CXL_ALIGN;
	else if (verdict == VFIO_CXL_VERDICT_BAD_WINDOW)
		window->size--;
	else if (verdict == VFIO_CXL_VERDICT_SECOND_DEVICE)
		add_device(b, bridge, VFIO_CXL_VERDICT_ACCEPTED, window->name);

	device = add_device(b, bridge, verdict, window ? window->name : NULL);
	if (verdict == VFIO_CXL_VERDICT_NO_HOST_BRIDGE)
		device->host_bridge = NULL;
	else if (verdict == VFIO_CXL_VERDICT_BELOW_SWITCH)
		device->below_switch = true;
	else if (verdict == VFIO_CXL_VERDICT_MOVED)
		device->locked_base = window->base + VFIO_CXL_ALIGN;
	else if (verdict == VFIO_CXL_VERDICT_BAD_DEVICE)
		device->hdm_size++;
}

static void test_order_of_1(void)
{
	g_autofree struct builder *b = g_new0(struct builder, 1);
	struct topology t;

	add_host_bridge(b, VFIO_CXL_VERDICT_ACCEPTED);
	t = built_topology(b);
	g_assert_cmpuint(check_every_order(&t), ==, 1);
}

static void test_order_of_4(void)
{
	g_autofree struct builder *b = g_new0(struct builder, 1);
	struct topology t;

	while (b->nr_devices < 4)
		add_host_bridge(b, VFIO_CXL_VERDICT_ACCEPTED);
	t = built_topology(b);
	g_assert_cmpuint(check_every_order(&t), ==, 24 * 24);
}

/* Each of the verdicts beside the others. */
static void test_order_of_4_mixed(void)
{
	enum vfio_cxl_verdict verdict;

	for (verdict = VFIO_CXL_VERDICT_ACCEPTED;
	     verdict <= VFIO_CXL_VERDICT_BAD_WINDOW; verdict++) {
		g_autofree struct builder *b = g_new0(struct builder, 1);
		struct topology t;

		add_host_bridge(b, verdict);
		while (b->nr_devices < 4)
			add_host_bridge(b, VFIO_CXL_VERDICT_ACCEPTED);
		t = built_topology(b);
		g_assert_cmpuint(check_every_order(&t), >=, 6 * 24);
	}
}

static void test_order_of_256(void)
{
	g_autofree struct builder *b = g_new0(struct builder, 1);
	struct topology t;

	while (b->nr_devices < 256)
		add_host_bridge(b, VFIO_CXL_VERDICT_ACCEPTED);
	t = built_topology(b);
	g_assert_cmpuint(t.nr_devices, ==, 256);
	check_many_orders(&t, 1000);
}

static void test_order_of_256_mixed(void)
{
	enum vfio_cxl_verdict verdict = VFIO_CXL_VERDICT_NONE;
	g_autofree struct builder *b = g_new0(struct builder, 1);
	struct topology t;

	while (b->nr_devices < 256) {
		if (verdict++ == VFIO_CXL_VERDICT_BAD_WINDOW)
			verdict = VFIO_CXL_VERDICT_ACCEPTED;
		add_host_bridge(b, verdict);
	}
	t = built_topology(b);
	g_assert_cmpuint(t.nr_devices, ==, 256);
	check_many_orders(&t, 1000);
}

static unsigned long comparisons;

int __wrap_strcmp(const char *a, const char *b)
{
	comparisons++;
	return __real_strcmp(a, b);
}

/* 10,000 devices are sorted, not compared with each other. */
static void check_effort(const char *what, const struct builder *b)
{
	const struct topology t = built_topology(b);
	g_autofree struct vfio_cxl_placement *placements =
		g_new(struct vfio_cxl_placement, t.nr_devices);
	double seconds;

	spoil(placements, t.nr_devices);
	comparisons = 0;
	g_test_timer_start();
	vfio_cxl_select(t.windows, t.nr_windows, t.devices, t.nr_devices,
			placements);
	seconds = g_test_timer_elapsed();
	g_test_message("%s: %zu windows, %zu devices: %lu comparisons, %.2f ms",
		       what, t.nr_windows, t.nr_devices, comparisons,
		       1000 * seconds);
	g_assert_cmpuint(comparisons, <, 4 * t.nr_devices * 14);
}

static void test_effort(void)
{
	g_autofree struct builder *b = g_new0(struct builder, 1);

	while (b->nr_devices < 10000)
		add_host_bridge(b, VFIO_CXL_VERDICT_ACCEPTED);
	check_effort("all accepted", b);

	b->nr_windows = 0;
	b->nr_devices = 0;
	while (b->nr_devices < 10000)
		add_host_bridge(b, VFIO_CXL_VERDICT_TOO_SMALL);
	check_effort("all refused", b);

	b->nr_windows = 0;
	b->nr_devices = 0;
	add_host_bridge(b, VFIO_CXL_VERDICT_ACCEPTED);
	while (b->nr_devices < 10000)
		add_device(b, "cxl.0", VFIO_CXL_VERDICT_SECOND_DEVICE, NULL);
	check_effort("one host bridge", b);

	b->nr_windows = 0;
	b->nr_devices = 0;
	while (b->nr_windows < 10000)
		add_window(b, "cxl.0", NULL);
	while (b->nr_devices < 10000)
		add_device(b, "cxl.0", VFIO_CXL_VERDICT_AMBIGUOUS, NULL);
	check_effort("one target", b);
}

/* What every placement says after a failure as a whole */
static void check_failed(const struct vfio_cxl_placement *placement,
			 const char *start, const char *words)
{
	g_assert_cmpint(placement->verdict, ==, VFIO_CXL_VERDICT_NONE);
	g_assert_null(placement->window);
	g_assert_true(g_str_has_prefix(placement->reason.text, start));
	g_assert_nonnull(strstr(placement->reason.text, words));
	g_assert_nonnull(strstr(placement->reason.text, "; "));
}

/* Every device is refused, with a reason, if memory runs out at any point. */
static void test_out_of_memory(void)
{
	const struct topology t = row_topology(&rows[0]);
	int nth, ret;

	for (nth = 0;; nth++) {
		struct vfio_cxl_placement placement;

		spoil(&placement, 1);
		fail_allocation(nth);
		ret = vfio_cxl_select(t.windows, t.nr_windows, t.devices,
				      t.nr_devices, &placement);
		fail_allocation(-1);
		g_assert_cmpint(live_allocations(), ==, 0);
		if (!ret)
			break;
		g_assert_cmpint(ret, ==, -ENOMEM);
		check_failed(&placement, "device d0 below host bridge hb0: ",
			     "out of memory");
	}
	g_assert_cmpint(nth, >, 0);
}

static void test_too_many_targets(void)
{
	const char *const target = "hb0";
	const struct vfio_cxl_window windows[] = {
		{ A_WINDOW,
		  .name = "w0",
		  .targets = &target,
		  .nr_targets = SIZE_MAX },
		{ A_WINDOW, .name = "w1", .targets = &target, .nr_targets = 2 },
	};
	const struct vfio_cxl_device device = DEVICE("d0", "hb0", GIB);
	struct vfio_cxl_placement placement;

	spoil(&placement, 1);
	g_assert_cmpint(vfio_cxl_select(windows, 2, &device, 1, &placement), ==,
			-ENOMEM);
	check_failed(&placement, "device d0 below host bridge hb0: ",
		     "out of memory");
	g_assert_cmpint(live_allocations(), ==, 0);
}

static void test_null_arrays(void)
{
	const struct topology t = row_topology(&rows[0]);
	struct vfio_cxl_placement placement;

	spoil(&placement, 1);
	g_assert_cmpint(vfio_cxl_select(NULL, 1, t.devices, 1, &placement), ==,
			-EINVAL);
	check_failed(&placement, "device d0 below host bridge hb0: ",
		     "missing");

	spoil(&placement, 1);
	g_assert_cmpint(vfio_cxl_select(t.windows, 1, NULL, 1, &placement), ==,
			-EINVAL);
	check_failed(&placement, "device (unnamed): ", "missing");

	g_assert_cmpint(vfio_cxl_select(t.windows, 1, t.devices, 1, NULL), ==,
			-EINVAL);
}

static void test_nothing(void)
{
	const struct topology t = row_topology(&rows[0]);

	g_assert_cmpint(vfio_cxl_select(NULL, 0, NULL, 0, NULL), ==, 0);
	g_assert_cmpint(vfio_cxl_select(t.windows, 1, NULL, 0, NULL), ==, 0);
	g_assert_cmpint(vfio_cxl_select(NULL, 1, NULL, 0, NULL), ==, 0);
}

/* Structures of a later version, as its callers have them */
struct longer {
	struct vfio_cxl_window windows[2][2];
	struct vfio_cxl_device devices[2][2];
	struct vfio_cxl_placement placements[2][2];
};

/* Two of each, twice as long as known; the second halves are 0, or garbage. */
static void make_longer(struct longer *args)
{
	static const char *const targets[] = { "hb0", "hb1" };
	size_t i;

	memset(args, 0, sizeof(*args));
	for (i = 0; i < 2; i++) {
		args->windows[i][0] = (struct vfio_cxl_window){
			.argsz = 2 * sizeof(struct vfio_cxl_window),
			.name = i ? "w1" : "w0",
			.base = (i + 1) * TIB,
			.size = TIB,
			.targets = &targets[i],
			.nr_targets = 1,
			.placed = true,
		};
		args->devices[i][0] = (struct vfio_cxl_device){
			.argsz = 2 * sizeof(struct vfio_cxl_device),
			.name = i ? "d1" : "d0",
			.host_bridge = targets[i],
			.hdm_size = GIB,
		};
		spoil(args->placements[i], 2);
		args->placements[i][0].argsz *= 2;
	}
}

static int select_longer(struct longer *args)
{
	return vfio_cxl_select(args->windows[0], 2, args->devices[0], 2,
			       args->placements[0]);
}

static void check_longer(struct longer *args, int ret, const char *words)
{
	size_t i;

	g_assert_cmpint(select_longer(args), ==, ret);
	for (i = 0; i < 2; i++)
		check_failed(args->placements[i], "device ", words);
}

static void test_longer(void)
{
	static const struct vfio_cxl_placement zeroes;
	struct longer args;
	size_t i;

	make_longer(&args);
	g_assert_cmpint(select_longer(&args), ==, 0);
	for (i = 0; i < 2; i++) {
		g_assert_true(args.placements[i][0].window ==
			      args.windows[i]);
		g_assert_true(!memcmp(&args.placements[i][1], &zeroes,
				      sizeof(zeroes)));
	}

	/* What is not known is refused, down to the last byte. */
	((char *)(args.windows + 2))[-1] = 1;
	check_longer(&args, -E2BIG, "use a newer one");
	make_longer(&args);
	args.devices[0][1].argsz = 1;
	check_longer(&args, -E2BIG, "use a newer one");
}

/* Sizes that are too small, never set, or of one element only */
static void test_bad_argsz(void)
{
	const uint32_t bad[] = { 0, 8, 0xa5a5a5a5 };
	struct longer args;
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(bad); i++) {
		make_longer(&args);
		args.windows[1][0].argsz = bad[i];
		check_longer(&args, -EINVAL, "set it");
		args.windows[0][0].argsz = bad[i];
		check_longer(&args, -EINVAL, "set it");

		make_longer(&args);
		args.devices[1][0].argsz = bad[i];
		check_longer(&args, -EINVAL, "set it");
		args.devices[0][0].argsz = bad[i];
		check_longer(&args, -EINVAL, "set it");

		/* It is not known where the reason could be written. */
		make_longer(&args);
		args.placements[1][0].argsz = bad[i];
		g_assert_cmpint(select_longer(&args), ==, -EINVAL);
		args.placements[0][0].argsz = bad[i];
		g_assert_cmpint(select_longer(&args), ==, -EINVAL);
		g_assert_cmpint(args.placements[0][0].reason.text[0], ==,
				(char)0xa5);
	}
}

static void check_end(const struct vfio_cxl_placement *placement,
		      const char *end)
{
	g_assert_true(g_str_has_suffix(placement->reason.text, end));
}

/* The advice at the end of a reason is there, however long the names are. */
static void test_long_names(void)
{
	g_autofree char *w0 = g_strnfill(2000, 'v');
	g_autofree char *w1 = g_strnfill(2000, 'w');
	g_autofree char *d0 = g_strnfill(2000, 'd');
	g_autofree char *d1 = g_strnfill(2001, 'd');
	g_autofree char *d2 = g_strnfill(2002, 'd');
	g_autofree char *d3 = g_strnfill(2003, 'd');
	g_autofree char *hb = g_strnfill(2000, 'h');
	const char *const targets[] = { hb, "other" };
	struct vfio_cxl_window windows[] = {
		{ A_WINDOW,
		  .name = w0,
		  .base = VFIO_CXL_LIMIT - TIB,
		  .size = TIB,
		  .targets = targets,
		  .nr_targets = 1,
		  .placed = true },
		{ A_WINDOW,
		  .name = w1,
		  .base = VFIO_CXL_LIMIT - TIB,
		  .size = TIB,
		  .targets = &targets[1],
		  .nr_targets = 1,
		  .placed = true },
	};
	const struct vfio_cxl_device devices[] = {
		DEVICE(d0, hb, GIB),
		DEVICE(d1, hb, GIB),
		BELOW_SWITCH(d2, hb, GIB),
		DEVICE(d3, NULL, GIB),
		DEVICE(d3, hb, UINT64_MAX),
		DEVICE(d3, hb, GIB),
	};
	static const char *const ends[] = {
		"",
		"of its own",
		"the host bridge",
		"port of one",
		"vfio_cxl_find() returned",
		"each its own",
	};
	struct vfio_cxl_placement placements[6];
	size_t i;

	spoil(placements, 6);
	vfio_cxl_select(windows, 1, devices, 6, placements);
	for (i = 0; i < 6; i++)
		check_end(&placements[i], ends[i]);

	/* With the windows overlapping: the longest of all. */
	vfio_cxl_select(windows, 2, devices, 1, placements);
	g_assert_cmpint(placements[0].verdict, ==, VFIO_CXL_VERDICT_BAD_WINDOW);
	check_end(placements, "correct it");

	windows[1].targets = targets;
	vfio_cxl_select(windows, 2, devices, 1, placements);
	g_assert_cmpint(placements[0].verdict, ==, VFIO_CXL_VERDICT_AMBIGUOUS);
	check_end(placements, "one of them");

	windows[0].nr_targets = 2;
	vfio_cxl_select(windows, 1, devices, 1, placements);
	check_end(placements, "its only target");
}

static const char *verdict_name(int verdict)
{
	return vfio_cxl_verdict_name((enum vfio_cxl_verdict)verdict);
}

static void test_verdict_names(void)
{
	int verdict, other;

	for (verdict = VFIO_CXL_VERDICT_NONE;
	     verdict <= VFIO_CXL_VERDICT_BAD_WINDOW; verdict++) {
		const char *name = verdict_name(verdict);

		g_assert_nonnull(name);
		g_assert_cmpstr(name, !=, "unknown");
		for (other = VFIO_CXL_VERDICT_NONE; other < verdict; other++)
			g_assert_cmpstr(name, !=, verdict_name(other));
	}
	g_assert_cmpstr(verdict_name(verdict), ==, "unknown");
	g_assert_cmpstr(verdict_name(-1), ==, "unknown");
}

static void add_rows(const char *folder, const struct row *table, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		g_autofree char *path =
			g_strdup_printf("/select/%s/%s", folder, table[i].name);

		g_test_add_data_func(path, &table[i], test_row);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	add_rows("table", rows, G_N_ELEMENTS(rows));
	add_rows("malformed", malformed, G_N_ELEMENTS(malformed));
	add_rows("precedence", precedence, G_N_ELEMENTS(precedence));
	g_test_add_func("/select/order/1", test_order_of_1);
	g_test_add_func("/select/order/4", test_order_of_4);
	g_test_add_func("/select/order/4-mixed", test_order_of_4_mixed);
	g_test_add_func("/select/order/256", test_order_of_256);
	g_test_add_func("/select/order/256-mixed", test_order_of_256_mixed);
	g_test_add_func("/select/effort", test_effort);
	g_test_add_func("/select/out-of-memory", test_out_of_memory);
	g_test_add_func("/select/too-many-targets", test_too_many_targets);
	g_test_add_func("/select/null-arrays", test_null_arrays);
	g_test_add_func("/select/nothing", test_nothing);
	g_test_add_func("/select/argsz/longer", test_longer);
	g_test_add_func("/select/argsz/bad", test_bad_argsz);
	g_test_add_func("/select/long-names", test_long_names);
	g_test_add_func("/select/verdict-names", test_verdict_names);
	return g_test_run();
}
