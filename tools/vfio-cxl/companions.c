// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other functions of a device
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "companions.h"
#include "host.h"
#include "util.h"

/* Base class of bridges */
#define CLASS_BRIDGE	0x06

static bool is_companion(const char *name, const char *address)
{
	/* Up to the number of the function */
	size_t length = strlen(address) - 1;
	long long class = 0;
	bool is_virtual;
	char *path;

	if (strncmp(name, address, length) || !strcmp(name, address))
		return false;
	path = xprintf(PCI_DEVICES "/%s/physfn", name);
	is_virtual = !access(path, F_OK);
	free(path);
	return !is_virtual &&
	       read_number(&class, PCI_DEVICES "/%s/class", name) &&
	       class >> 16 != CLASS_BRIDGE;
}

static int compare(const void *a, const void *b)
{
	const struct companion *left = a, *right = b;

	return strcmp(left->address, right->address);
}

size_t companions_find(const char *address, struct companion **companions)
{
	DIR *folder = opendir(PCI_DEVICES);
	struct dirent *entry;
	size_t nr = 0;

	*companions = NULL;
	while (folder && (entry = readdir(folder))) {
		const char *name = entry->d_name;

		if (!is_companion(name, address))
			continue;
		*append(*companions, nr) = (struct companion){
			.address = xstrdup(name),
			.driver = read_link(PCI_DEVICES "/%s/driver", name),
			.override = device_override(name),
		};
	}
	if (folder)
		closedir(folder);
	if (nr)
		qsort(*companions, nr, sizeof(**companions), compare);
	return nr;
}

void companions_free(struct companion *companions, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		free(companions[i].address);
		free(companions[i].driver);
		free(companions[i].override);
	}
	free(companions);
}

bool companion_is_ready(const struct companion *companion)
{
	return companion->driver && !strncmp(companion->driver, "vfio", 4);
}
