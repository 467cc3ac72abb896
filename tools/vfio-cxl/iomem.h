/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/iomem: what physical addresses are used for
 */
#ifndef IOMEM_H
#define IOMEM_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct resource - one line
 * @depth: level of nesting, 0 for the outermost
 * @start: first address
 * @end: last address
 * @name: its name
 */
struct resource {
	unsigned int depth;
	uint64_t start;
	uint64_t end;
	char *name;
};

/**
 * struct iomem - all lines, each before those nested in it
 * @lines: the lines
 * @nr: their number
 */
struct iomem {
	struct resource *lines;
	size_t nr;
};

/**
 * iomem_parse() - parse /proc/iomem
 * @iomem: filled in; free its contents with iomem_free()
 * @text: contents of the file
 */
void iomem_parse(struct iomem *iomem, const char *text);

void iomem_free(struct iomem *iomem);

/**
 * iomem_next() - iterate over the lines that overlap a range
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
