// SPDX-License-Identifier: GPL-2.0-only
/*
 * DAX devices, which the kernel creates for special-purpose memory
 */
#include <dirent.h>
#include <stdlib.h>

#include "dax.h"
#include "util.h"

size_t dax_find(uint64_t start, uint64_t end, struct dax **devices)
{
	DIR *folder = opendir(DAX "/devices");
	struct dirent *entry;
	size_t nr = 0;

	*devices = NULL;
	while (folder && (entry = readdir(folder))) {
		const char *name = entry->d_name;
		long long resource;
		char *driver;

		if (*name == '.' ||
		    !read_number(&resource, DAX "/devices/%s/resource", name) ||
		    (uint64_t)resource < start || (uint64_t)resource > end)
			continue;
		driver = read_link(DAX "/devices/%s/driver", name);
		if (driver)
			*append(*devices, nr) =
				(struct dax){ xstrdup(name), driver };
	}
	if (folder)
		closedir(folder);
	return nr;
}

void dax_free(struct dax *devices, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		free(devices[i].name);
		free(devices[i].driver);
	}
	free(devices);
}
