/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI CEDT: the platform's windows and CXL host bridges (CXL r3.1 9.18.1)
 */
#ifndef CEDT_H
#define CEDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No interleave that the specification has is wider. */
#define CEDT_MAX_TARGETS	16

/**
 * struct cedt_window - a CXL Fixed Memory Window Structure (9.18.1.3)
 * @base: host physical address
 * @size: size in bytes
 * @nr_targets: how many host bridges it is interleaved across
 * @targets: their UIDs
 */
struct cedt_window {
	uint64_t base;
	uint64_t size;
	unsigned int nr_targets;
	uint32_t targets[CEDT_MAX_TARGETS];
};

/**
 * struct cedt_bridge - a CXL Host Bridge Structure (9.18.1.2)
 * @uid: UID of its ACPI device
 * @base: base of its component registers, 0 for a CXL 1.1 host bridge
 */
struct cedt_bridge {
	uint32_t uid;
	uint64_t base;
};

/**
 * struct cedt - its contents
 * @windows: in the order of the table, in which Linux counts them
 * @nr_windows: their number
 * @bridges: in the order of the table
 * @nr_bridges: their number
 */
struct cedt {
	struct cedt_window *windows;
	size_t nr_windows;
	struct cedt_bridge *bridges;
	size_t nr_bridges;
};

/**
 * cedt_parse() - parse a table
 * @cedt: filled in; free its contents with cedt_free()
 * @table: the table
 * @size: its size
 *
 * Return: whether it is well formed; @cedt has the part before an error.
 */
bool cedt_parse(struct cedt *cedt, const uint8_t *table, size_t size);

void cedt_free(struct cedt *cedt);

/**
 * cedt_find_bridge() - find a host bridge
 * @cedt: the table
 * @uid: UID of its ACPI device
 *
 * Return: the host bridge, or NULL.
 */
const struct cedt_bridge *cedt_find_bridge(const struct cedt *cedt,
					   uint32_t uid);

/**
 * cedt_targets() - is a host bridge a target of a window?
 * @window: the window
 * @uid: UID of the host bridge
 *
 * Return: whether it is.
 */
bool cedt_targets(const struct cedt_window *window, uint32_t uid);

#endif /* CEDT_H */
