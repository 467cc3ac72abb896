// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a guest: operations that a shell cannot do
 *
 * A device is named by its PCI address, and a space of it by "config" or
 * "barN".  Component registers that are in no BAR are named by "mem" and an
 * address.  Offsets, lengths and sizes are numbers as for strtoull(3).
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/edu.h"

#define MPOL_BIND 2
/* Component registers: CXL r3.1 8.2.3 */
#define BLOCK_SIZE 0x10000
/* Amount read or written by one system call */
#define REQUEST_SIZE (1 << 20)

static const uint64_t patterns[] = {
	0, UINT64_MAX, UINT64_C(0x5555555555555555),
	UINT64_C(0xaaaaaaaaaaaaaaaa), UINT64_C(0x0000030000000300),
};

/* A space of a device, opened to be accessed in units of 1 to 8 bytes */
struct space {
	int fd;
	volatile unsigned char *bar; /* mapped, NULL for config space */
	size_t size;
};

static size_t number(const char *text)
{
	char *end;
	const unsigned long long value = strtoull(text, &end, 0);

	if (!*text || *end)
		errx(2, "%s is not a number", text);
	return value;
}

static struct space open_space(const char *bdf, const char *name)
{
	const bool memory = !strcmp(bdf, "mem");
	const bool bar = !strncmp(name, "bar", 3);
	struct space space = { 0 };
	struct stat st;
	char path[128];

	if (memory)
		snprintf(path, sizeof(path), "/dev/mem");
	else
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s%s",
			 bdf, bar ? "resource" : "", bar ? name + 3 : name);
	space.fd = open(path, O_RDWR | O_SYNC);
	if (space.fd < 0 || fstat(space.fd, &st))
		err(1, "%s", path);
	space.size = memory ? BLOCK_SIZE : (size_t)st.st_size;
	if (!memory && !bar)
		return space;

	space.bar = mmap(NULL, space.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 space.fd, memory ? (off_t)number(name) : 0);
	if (space.bar == MAP_FAILED)
		err(1, "mapping %s", path);
	return space;
}

static void space_read(const struct space *space, size_t at, void *data,
		       size_t width)
{
	if (!space->bar) {
		if (pread(space->fd, data, width, (off_t)at) != (ssize_t)width)
			err(1, "reading config space at %#zx", at);
	} else if (width == 8) {
		*(uint64_t *)data = *(volatile uint64_t *)(space->bar + at);
	} else {
		*(uint32_t *)data = *(volatile uint32_t *)(space->bar + at);
	}
}

static void space_write(const struct space *space, size_t at, uint64_t value,
			size_t width)
{
	if (!space->bar) {
		if (pwrite(space->fd, &value, width, (off_t)at) !=
		    (ssize_t)width)
			err(1, "writing config space at %#zx", at);
	} else if (width == 8) {
		*(volatile uint64_t *)(space->bar + at) = value;
	} else {
		*(volatile uint32_t *)(space->bar + at) = (uint32_t)value;
	}
}

static void read_range(const struct space *space, size_t at, size_t length,
		       unsigned char *data)
{
	size_t i;

	for (i = 0; i < length; i += 4)
		space_read(space, at + i, data + i, 4);
}

/* Print a space, as hexadecimal digits in the order of its bytes. */
static void dump(const struct space *space)
{
	unsigned char *data = malloc(space->size);
	size_t i;

	if (!data)
		err(1, "%zu bytes", space->size);
	read_range(space, 0, space->size, data);
	for (i = 0; i < space->size; i++)
		printf("%02x", data[i]);
	putchar('\n');
	free(data);
}

/*
 * Write every pattern at every offset of a range, in every width, and print
 * each byte that has changed.
 */
static void scribble(const struct space *space, size_t start, size_t length)
{
	const size_t least = space->bar ? 4 : 1, most = space->bar ? 8 : 4;
	unsigned char before[4096], after[4096];
	size_t width, at, i, writes = 0;

	if (length > sizeof(before) || start % 4 || length % 4)
		errx(1, "a range is at most 4096 bytes and whole dwords");
	read_range(space, start, length, before);
	for (i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		for (width = least; width <= most; width *= 2)
			for (at = -start % width; at + width <= length;
			     at += width, writes++)
				space_write(space, start + at, patterns[i],
					    width);
	read_range(space, start, length, after);
	for (i = 0; i < length; i++)
		if (before[i] != after[i])
			printf("changed %#zx: %02x, was %02x\n", start + i,
			       after[i], before[i]);
	printf("%zu writes\n", writes);
}

/* Memory of a NUMA node, and of no other one */
static uint64_t *node_memory(unsigned int node, size_t size)
{
	unsigned long mask = 1UL << node;
	uint64_t *memory;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "%zu bytes", size);
	if (syscall(SYS_mbind, memory, size, MPOL_BIND, &mask,
		    8 * sizeof(mask), 0))
		err(1, "mbind to node %u", node);

	return memory;
}

/* Allocate memory of a NUMA node, fill it, and compare. */
static void use_node(unsigned int node, size_t size)
{
	uint64_t *memory = node_memory(node, size);
	size_t i, nr = size / sizeof(*memory), wrong = 0;

	for (i = 0; i < nr; i++)
		memory[i] = (uint64_t)node << 56 | UINT64_C(0xc1) << 48 | i;
	for (i = 0; i < nr; i++)
		wrong += memory[i] !=
			 ((uint64_t)node << 56 | UINT64_C(0xc1) << 48 | i);
	printf("node %u: %zu bytes, %zu wrong\n", node, size, wrong);
	if (wrong)
		exit(1);
}

/*
 * Execute another program with its memory, and what the kernel allocates on its
 * behalf, on one NUMA node.
 */
static void bind_node(unsigned int node, char **argv)
{
	unsigned long mask = 1UL << node;

	if (syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask)))
		err(1, "binding to node %u", node);
	execvp(*argv, argv);
	err(1, "%s", *argv);
}

/* The contents of a disk at an offset after copy_node() */
static uint64_t disk_value(unsigned int node, size_t at)
{
	return (uint64_t)node << 56 | UINT64_C(0xd1) << 48 | at;
}

/*
 * Write a disk from memory of a NUMA node, read it back into other memory of
 * the node, and compare.  The page cache is bypassed.
 */
static void copy_node(unsigned int node, const char *disk, size_t size)
{
	uint64_t *from = node_memory(node, REQUEST_SIZE);
	uint64_t *to = node_memory(node, REQUEST_SIZE);
	const size_t nr = REQUEST_SIZE / sizeof(*from);
	const int fd = open(disk, O_RDWR | O_DIRECT);
	size_t at, i, wrong = 0;

	if (fd < 0)
		err(1, "%s", disk);
	for (at = 0; at < size; at += REQUEST_SIZE) {
		for (i = 0; i < nr; i++)
			from[i] = disk_value(node, at + i * sizeof(*from));
		if (pwrite(fd, from, REQUEST_SIZE, (off_t)at) != REQUEST_SIZE)
			err(1, "writing %s at %zu", disk, at);
	}
	for (at = 0; at < size; at += REQUEST_SIZE) {
		if (pread(fd, to, REQUEST_SIZE, (off_t)at) != REQUEST_SIZE)
			err(1, "reading %s at %zu", disk, at);
		for (i = 0; i < nr; i++)
			wrong += to[i] !=
				 disk_value(node, at + i * sizeof(*to));
	}
	close(fd);
	printf("%s and node %u: %zu bytes, %zu wrong\n", disk, node, size,
	       wrong);
	if (wrong)
		exit(1);
}

/* One transfer by edu, which takes a tenth of a second. */
static void edu_transfer(const struct space *edu, uint64_t from, uint64_t to,
			 uint64_t command)
{
	uint64_t busy = EDU_START;

	space_write(edu, EDU_SOURCE, from, 8);
	space_write(edu, EDU_TARGET, to, 8);
	space_write(edu, EDU_COUNT, EDU_BUFFER_SIZE, 8);
	space_write(edu, EDU_COMMAND, command | EDU_START, 8);
	while (busy & EDU_START) {
		usleep(10000);
		space_read(edu, EDU_COMMAND, &busy, 8);
	}
}

/* Let edu copy from a guest physical address to another one by DMA. */
static void edu_copy(const char *bdf, uint64_t from, uint64_t to)
{
	const struct space edu = open_space(bdf, "bar0");

	edu_transfer(&edu, from, EDU_BUFFER, 0);
	edu_transfer(&edu, EDU_BUFFER, to, EDU_FROM_BUFFER);
}

int main(int argc, char **argv)
{
	struct space space;

	if (argc == 4 && !strcmp(argv[1], "dump")) {
		space = open_space(argv[2], argv[3]);
		dump(&space);
	} else if (argc == 6 && !strcmp(argv[1], "scribble")) {
		space = open_space(argv[2], argv[3]);
		scribble(&space, number(argv[4]), number(argv[5]));
	} else if (argc == 4 && !strcmp(argv[1], "use-node")) {
		use_node((unsigned int)number(argv[2]), number(argv[3]));
	} else if (argc > 3 && !strcmp(argv[1], "bind-node")) {
		bind_node((unsigned int)number(argv[2]), argv + 3);
	} else if (argc == 5 && !strcmp(argv[1], "copy-node")) {
		copy_node((unsigned int)number(argv[2]), argv[3],
			  number(argv[4]));
	} else if (argc == 5 && !strcmp(argv[1], "edu-copy")) {
		edu_copy(argv[2], number(argv[3]), number(argv[4]));
	} else {
		errx(2, "usage: inside dump BDF SPACE\n"
			"       inside scribble BDF SPACE OFFSET LENGTH\n"
			"       inside use-node NODE BYTES\n"
			"       inside bind-node NODE COMMAND...\n"
			"       inside copy-node NODE DISK BYTES\n"
			"       inside edu-copy BDF FROM TO");
	}
	return 0;
}
