/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving data through the memory of a device
 */
#ifndef DATA_H
#define DATA_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct data - data in memory that can be reached in two ways
 * @seed: distinguishes the data from that of another device
 * @memory: the mapping
 * @size: size of the memory, in bytes; a multiple of 256 MiB
 * @fd: the file for pread(2) and pwrite(2)
 * @offset: where the memory starts in the file
 */
struct data {
	uint64_t seed;
	unsigned char *memory;
	uint64_t size;
	int fd;
	uint64_t offset;
};

/**
 * data_write() - write through the mapping
 * @data: data to write
 *
 * Writes 2 MiB at the start, in the middle and at the end, and one word in each
 * 2 MiB.
 */
void data_write(const struct data *data);

/**
 * data_check() - verify what data_write() wrote
 * @data: the argument of data_write()
 *
 * Reads it with pread(2), then overwrites some of it with pwrite(2) and reads
 * that through the mapping.
 *
 * Return: true if everything reads as written.
 */
bool data_check(const struct data *data);

#endif /* DATA_H */
