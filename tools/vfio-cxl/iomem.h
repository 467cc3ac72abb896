/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/iomem: what physical addresses are used for
 */
#ifndef IOMEM_H
#define IOMEM_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct resource - a line
 * @depth: 0 for those that lie in no other
 * @start: first address
 * @end: last address
 * @name: of it
 */
struct resource {
	unsigned int depth;
	uint64_t start;
	uint64_t end;
	char *name;
};

/**
 * struct iomem - all lines, each before those that lie in it
 * @lines: these
 * @nr: their number
 */
struct iomem {
	struct resource *lines;
	size_t nr;
};

/**
 * iomem_parse() - take it apart
 * @iomem: filled in; what it has is to be freed by iomem_free()
 * @text: contents of the file
 */
void iomem_parse(struct iomem *iomem, const char *text);

void iomem_free(struct iomem *iomem);

/**
 * iomem_next() - walk along what has an address in common with a range
 * @iomem: the lines
 * @previous: what the last call returned, NULL to begin
 * @start: first address of the range
 * @end: its last
 *
 * Return: the next line, or NULL.
 */
const struct resource *iomem_next(const struct iomem *iomem,
				  const struct resource *previous,
				  uint64_t start, uint64_t end);

#endif /* IOMEM_H */
