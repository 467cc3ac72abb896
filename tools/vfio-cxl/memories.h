/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How large the memory of a device is: what the user says, or what the host has
 */
#ifndef MEMORIES_H
#define MEMORIES_H

#include <stdbool.h>
#include <stdint.h>

struct args;
struct host;

#define MEMORIES_OPTION { "memory", "DEV=SIZE", \
	"how large a device's memory is, 0 for none; asks this host otherwise" }

/**
 * struct memories - sizes
 * @args: command line, with --memory options
 * @host: the host, once it had to be asked
 */
struct memories {
	const struct args *args;
	struct host *host;
};

/**
 * memories_size() - size of a device's memory; exit where it is not known
 * @memories: sizes
 * @name: of the device: its address, or another name that --memory can have
 *
 * Return: the size, 0 where the device has no CXL.mem.
 */
uint64_t memories_size(struct memories *memories, const char *name);

/**
 * memories_check() - exit where a --memory option is malformed
 * @memories: sizes
 */
void memories_check(const struct memories *memories);

void memories_free(struct memories *memories);

#endif /* MEMORIES_H */
