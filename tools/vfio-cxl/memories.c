// SPDX-License-Identifier: GPL-2.0-only
/*
 * Determine the size of the memory of a device
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vfio-cxl.h>

#include "host.h"
#include "memories.h"
#include "util.h"
#include "verb.h"

/* Is it the name before the "=" of an option, with or without the domain? */
static bool is_for(const char *option, const char *name)
{
	char *left = xstrndup(option, strcspn(option, "="));
	char *address = full_address(left);
	bool same = !strcmp(address ?: left, name);

	free(address);
	free(left);
	return same;
}

static const char *is_memory(const struct arg_option *given)
{
	return strcmp(given->option->name, "memory") ? NULL : given->value;
}

void memories_check(const struct memories *memories)
{
	const struct args *args = memories->args;
	uint64_t size;
	size_t i;

	for (i = 0; i < args->nr_options; i++) {
		const char *value = is_memory(&args->options[i]);

		if (!value)
			continue;
		if (!strchr(value, '=') ||
		    !parse_size(strchr(value, '=') + 1, 1, &size))
			die(STATUS_USAGE,
			    "--memory %s: must be DEV=SIZE, such as 0000:21:00.0=512M",
			    value);
		if (size % VFIO_CXL_ALIGN)
			die(STATUS_USAGE,
			    "--memory %s: the size of CXL memory must be a multiple of 256M",
			    value);
	}
}

static uint64_t ask_host(struct memories *memories, const char *name)
{
	char *address = full_address(name);
	const struct device *device;
	char *path;

	path = xprintf(PCI_DEVICES "/%s", name);
	if (!address || access(path, F_OK))
		die(STATUS_USAGE,
		    "this host has no device %s: specify the size of its memory with --memory %s=SIZE, 0 for none",
		    name, name);
	free(path);
	free(address);
	if (!memories->host) {
		memories->host = xcalloc(1, sizeof(*memories->host));
		host_open(memories->host);
	}
	device = host_lookup(memories->host, name);
	return device ? device_memory(device) : 0;
}

uint64_t memories_size(struct memories *memories, const char *name)
{
	size_t i = memories->args->nr_options;
	uint64_t size = 0;

	while (i--) {
		const char *value = is_memory(&memories->args->options[i]);

		if (value && is_for(value, name)) {
			parse_size(strchr(value, '=') + 1, 1, &size);
			return size;
		}
	}
	return ask_host(memories, name);
}

void memories_free(struct memories *memories)
{
	if (memories->host)
		host_close(memories->host);
	free(memories->host);
}
