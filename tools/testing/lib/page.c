// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages: their sizes, protection and faults
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "sysfs.h"

static size_t find_pmd_size(void)
{
	const size_t page = page_size();
	char text[32];

	if (!sysfs_read("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
			text, sizeof(text)))
		return strtoul(text, NULL, 0);

	/* What a page of entries maps */
	return page / sizeof(uint64_t) * page;
}

size_t pmd_size(void)
{
	static size_t size;

	if (!size)
		size = find_pmd_size();

	return size;
}

static bool cpu_has(const char *flag)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[4096];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, "flags", 5) && strstr(line, flag);
	if (file)
		fclose(file);

	return found;
}

size_t pud_size(void)
{
	/* A flag of x86-64; arm64 does not map PFNs that way */
	return cpu_has("pdpe1gb") ? SZ_1G : 0;
}
