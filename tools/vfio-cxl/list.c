// SPDX-License-Identifier: GPL-2.0-only
/*
 * list: the host's CXL.mem devices
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "facts.h"
#include "host.h"
#include "out.h"
#include "verb.h"

static void print_json(const struct host *host)
{
	struct json_object *top = json_object_new_object();
	struct json_object *devices = json_array_in(top, "devices");
	size_t i;

	for (i = 0; i < host->nr_devices; i++) {
		struct findings findings = check_device(host, host->devices[i]);
		struct json_object *json = json_append(devices);

		facts_json(json, host, host->devices[i]);
		facts_verdict_json(json, host->devices[i], &findings);
		findings_free(&findings);
	}
	json_print(top);
}

static void print_table(const struct host *host)
{
	static const char *const headings[] = {
		"ADDRESS", "NAME", "DRIVER", ">MEMORY", "WINDOW", ">NODE",
		">GROUP", "CAN BE BOUND", NULL
	};
	struct libscols_table *table;
	size_t i;

	if (!host->nr_devices) {
		warn("this host has no CXL.mem devices");
		return;
	}
	table = table_new(headings);
	for (i = 0; i < host->nr_devices; i++) {
		const struct device *device = host->devices[i];
		struct findings findings = check_device(host, device);
		char *memory = size_text(device_memory(device));
		char *window = facts_window(host, device);
		char *node = facts_index(device->numa_node);
		char *group = facts_index(device->iommu_group);
		char *verdict = facts_verdict(device, &findings);

		table_row(table, (const char *const[]){
			device->address, device->name, device->driver ?: "-",
			memory, window, node, group, verdict, NULL });
		free(memory);
		free(window);
		free(node);
		free(group);
		free(verdict);
		findings_free(&findings);
	}
	table_print(table);
}

static enum status run_list(const struct args *args)
{
	struct host host;

	host_open(&host);
	if (args->json)
		print_json(&host);
	else
		print_table(&host);
	host_close(&host);
	return STATUS_OK;
}

const struct verb verb_list = {
	.name = "list",
	.synopsis = "",
	.summary = "Show the CXL.mem devices of this host",
	.details =
		"Each with its driver, its memory, the window that contains it, its\n"
		"NUMA node, its IOMMU group, and whether it can be bound to\n"
		"vfio-cxl-pci: yes, or the first reason why not.\n"
		"'vfio-cxl check' shows all reasons and what to do.\n",
	.run = run_list,
};
