/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DAX devices, which the kernel creates for special-purpose memory
 */
#ifndef DAX_H
#define DAX_H

#include <stddef.h>
#include <stdint.h>

#define DAX		"/sys/bus/dax"

/**
 * struct dax - a DAX device with a driver
 * @name: name of the device
 * @driver: driver that it is bound to
 */
struct dax {
	char *name;
	char *driver;
};

/**
 * dax_find() - find the DAX devices with memory in a range
 * @start: first address of the range
 * @end: its last
 * @devices: set to those that are bound to a driver, for dax_free()
 *
 * Return: their number.
 */
size_t dax_find(uint64_t start, uint64_t end, struct dax **devices);

void dax_free(struct dax *devices, size_t nr);

#endif /* DAX_H */
