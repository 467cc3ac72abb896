// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving data through the memory of a device
 */
#include <err.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "data.h"

#define BLOCK (UINT64_C(2) << 20)
#define WORD sizeof(uint64_t)

/* The value expected at an offset in the memory */
static uint64_t pattern(uint64_t seed, uint64_t offset)
{
	return (offset + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ seed << 56;
}

static void fill(uint64_t *words, uint64_t seed, uint64_t offset, uint64_t size)
{
	uint64_t i;

	for (i = 0; i < size / WORD; i++)
		words[i] = pattern(seed, offset + i * WORD);
}

static bool is_filled(const uint64_t *words, uint64_t seed, uint64_t offset,
		      uint64_t size)
{
	uint64_t i;

	for (i = 0; i < size / WORD; i++)
		if (words[i] != pattern(seed, offset + i * WORD))
			return false;
	return true;
}

static uint64_t *mapped(const struct data *data, uint64_t offset)
{
	return (uint64_t *)(data->memory + offset);
}

static void read_all(const struct data *data, void *buffer, uint64_t offset,
		     size_t size)
{
	char *to = buffer;
	off_t from = (off_t)(data->offset + offset);

	while (size) {
		ssize_t ret = pread(data->fd, to, size, from);

		if (ret <= 0)
			err(1, "pread() of the memory");
		to += ret;
		from += ret;
		size -= (size_t)ret;
	}
}

static void write_all(const struct data *data, const void *buffer,
		      uint64_t offset, size_t size)
{
	const char *from = buffer;
	off_t to = (off_t)(data->offset + offset);

	while (size) {
		ssize_t ret = pwrite(data->fd, from, size, to);

		if (ret <= 0)
			err(1, "pwrite() of the memory");
		from += ret;
		to += ret;
		size -= (size_t)ret;
	}
}

/* The blocks that are copied as a whole */
static uint64_t block(const struct data *data, unsigned int i)
{
	const uint64_t blocks[] = { 0, data->size / 2, data->size - BLOCK };

	return blocks[i];
}

void data_write(const struct data *data)
{
	uint64_t offset;
	unsigned int i;

	for (offset = 0; offset < data->size; offset += BLOCK)
		fill(mapped(data, offset), data->seed, offset, WORD);
	for (i = 0; i < 3; i++) {
		offset = block(data, i);
		fill(mapped(data, offset), data->seed, offset, BLOCK);
	}
}

bool data_check(const struct data *data)
{
	uint64_t *buffer = malloc(BLOCK);
	uint64_t offset;
	unsigned int i;
	bool ok = true;

	if (!buffer)
		err(1, "out of memory");
	for (offset = 0; offset < data->size; offset += BLOCK) {
		read_all(data, buffer, offset, WORD);
		ok &= is_filled(buffer, data->seed, offset, WORD);
	}
	for (i = 0; i < 3; i++) {
		offset = block(data, i);
		read_all(data, buffer, offset, BLOCK);
		ok &= is_filled(buffer, data->seed, offset, BLOCK);

		fill(buffer, ~data->seed, offset, BLOCK);
		write_all(data, buffer, offset, BLOCK);
		ok &= is_filled(mapped(data, offset), ~data->seed, offset,
				BLOCK);
	}
	free(buffer);
	return ok;
}
