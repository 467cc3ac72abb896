// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/iomem
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iomem.h"
#include "util.h"

void iomem_parse(struct iomem *iomem, const char *text)
{
	memset(iomem, 0, sizeof(*iomem));
	while (*text) {
		size_t length = strcspn(text, "\n");
		size_t indent = strspn(text, " ");
		unsigned long long start, end;
		struct resource *line;
		int name = 0;

		if (sscanf(text, " %llx-%llx : %n", &start, &end, &name) == 2 &&
		    name && (size_t)name <= length) {
			line = append(iomem->lines, iomem->nr);
			line->depth = (unsigned int)indent / 2;
			line->start = start;
			line->end = end;
			line->name = xstrndup(text + name,
					      length - (size_t)name);
		}
		text += length + (text[length] == '\n');
	}
}

void iomem_free(struct iomem *iomem)
{
	size_t i;

	for (i = 0; i < iomem->nr; i++)
		free(iomem->lines[i].name);
	free(iomem->lines);
}

const struct resource *iomem_next(const struct iomem *iomem,
				  const struct resource *previous,
				  uint64_t start, uint64_t end)
{
	const struct resource *line = previous ? previous + 1 : iomem->lines;

	for (; line < iomem->lines + iomem->nr; line++)
		if (line->start <= end && line->end >= start)
			return line;
	return NULL;
}
