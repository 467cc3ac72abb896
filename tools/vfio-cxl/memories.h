/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Size of the memory of a device: as the user specifies it, or as the host has
 * it
 */
#ifndef MEMORIES_H
#define MEMORIES_H

#include <stdbool.h>
#include <stdint.h>

struct args;
struct host;

#define MEMORIES_OPTION { "memory", "DEV=SIZE", \
	"size of a device's memory, 0 for none (default: read from this host)" }

/**
 * struct memories - sizes of the memory of devices
 * @args: command line, with --memory options
 * @host: the host, opened when it is first needed
 */
struct memories {
	const struct args *args;
	struct host *host;
};

/**
 * memories_size() - size of a device's memory; exit if it is not known
 * @memories: sizes
 * @name: name of the device: its address, or another name that --memory accepts
 *
 * Return: the size, 0 if the device has no CXL.mem.
 */
uint64_t memories_size(struct memories *memories, const char *name);

/**
 * memories_check() - exit if a --memory option is malformed
 * @memories: sizes
 */
void memories_check(const struct memories *memories);

void memories_free(struct memories *memories);

#endif /* MEMORIES_H */
