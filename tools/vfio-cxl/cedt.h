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
 * @size: in bytes
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
 * @uid: of its ACPI device
 * @base: of its component registers, 0 for a CXL 1.1 host bridge
 */
struct cedt_bridge {
	uint32_t uid;
	uint64_t base;
};

/**
 * struct cedt - what it has
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
 * cedt_parse() - take a table apart
 * @cedt: filled in; what it has is to be freed by cedt_free()
 * @table: the table
 * @size: of it
 *
 * Return: whether it is well formed; the part before an error is there.
 */
bool cedt_parse(struct cedt *cedt, const uint8_t *table, size_t size);

void cedt_free(struct cedt *cedt);

/**
 * cedt_find_bridge() - find a host bridge
 * @cedt: the table
 * @uid: of its ACPI device
 *
 * Return: it, or NULL.
 */
const struct cedt_bridge *cedt_find_bridge(const struct cedt *cedt,
					   uint32_t uid);

/**
 * cedt_targets() - is a host bridge a target of a window?
 * @window: the window
 * @uid: of the host bridge
 *
 * Return: whether it is.
 */
bool cedt_targets(const struct cedt_window *window, uint32_t uid);

#endif /* CEDT_H */
