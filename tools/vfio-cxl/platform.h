/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How platform, firmware and KVM treat a range of memory
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

/**
 * platform_has_memory_map() - does the kernel show the firmware's memory map?
 *
 * Return: whether it does, which it never does on arm64.
 */
bool platform_has_memory_map(void);

/**
 * platform_memory_type() - what the firmware's memory map says about a range
 * @start: first address
 * @end: its last
 *
 * Return: the kernel's name of the type, to be freed; NULL if the map has
 * nothing there, or the kernel does not show it.
 */
char *platform_memory_type(uint64_t start, uint64_t end);

/**
 * platform_uncached() - does KVM map memory uncached, or not at all?
 * @start: first address of the memory
 * @end: its last
 * @advice: set to what to do about it, or what it means
 *
 * Return: why; NULL if KVM maps it cacheable.
 */
const char *platform_uncached(uint64_t start, uint64_t end,
			      const char **advice);

#endif /* PLATFORM_H */
