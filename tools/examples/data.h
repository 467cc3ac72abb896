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
 * @seed: what distinguishes it from the data of another device
 * @memory: the mapping
 * @size: of the memory, in bytes; a multiple of 256 MiB
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
 * data_write() - write by the mapping
 * @data: where and what
 *
 * 2 MiB at the start, in the middle and at the end, and a word in every 2 MiB.
 */
void data_write(const struct data *data);

/**
 * data_check() - is there what data_write() wrote?
 * @data: as for data_write()
 *
 * Reads it by pread(2).  Then overwrites some by pwrite(2) and looks for that
 * by the mapping.
 *
 * Return: true if all is as written.
 */
bool data_check(const struct data *data);

#endif /* DATA_H */
