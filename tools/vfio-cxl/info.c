// SPDX-License-Identifier: GPL-2.0-only
/*
 * info: all that is known of a device
 */
#include <stdlib.h>
#include <string.h>

#include <cxl/libcxl.h>

#include "core.h"
#include "facts.h"
#include "host.h"
#include "kmsg.h"
#include "out.h"
#include "users.h"
#include "verb.h"

/* What takes more than a look at the device itself */
struct more {
	struct user *users;
	size_t nr_users;
	long long poisoned;
	long long uncleared;
	char *gate;
	const char *region;
	char *message;
};

static struct more find_more(const struct host *host,
			     const struct device *device)
{
	struct cxl_region *region =
		core_region(host, &device->hdm.decoders[0]);
	struct more more = { .poisoned = -1, .uncleared = -1 };

	more.nr_users = users_find(device->address, &more.users);
	read_number(&more.poisoned, PCI_DEVICES "/%s/hwpoison_pages",
		    device->address);
	read_number(&more.uncleared, PCI_DEVICES "/%s/hdm_uncleared_bytes",
		    device->address);
	more.gate = read_text(PCI_DEVICES "/%s/hdm_gate", device->address);
	more.region = region ? cxl_region_get_devname(region) : NULL;
	more.message = kmsg_last(device->address, 0);
	return more;
}

static void free_more(struct more *more)
{
	users_free(more->users, more->nr_users);
	free(more->gate);
	free(more->message);
}

static void decoders_json(struct json_object *json, const struct device *device)
{
	struct json_object *decoders, *each;
	unsigned int i;

	json_text(json, "decoders_unknown", device->no_decoders);
	if (device->no_decoders) {
		json_object_object_add(json, "decoders", NULL);
		return;
	}
	decoders = json_array_in(json, "decoders");
	for (i = 0; i < device->hdm.nr; i++) {
		const struct hdm_decoder *decoder = &device->hdm.decoders[i];

		each = json_append(decoders);
		json_flag(each, "committed", decoder->committed);
		json_flag(each, "locked", decoder->locked);
		json_number(each, "base", decoder->base);
		json_number(each, "size", decoder->size);
		json_index(each, "ways", decoder->ways);
		json_text(each, "coherence", decoder->host_only ? "host-only" :
								  "device");
	}
}

static const char *root_port(const struct device *device)
{
	return device->nr_ports ? device->ports[0] : NULL;
}

static bool is_below_switch(const struct device *device)
{
	return device->nr_ports > 1;
}

static void print_json(const struct host *host, const struct device *device,
		       const struct more *more)
{
	struct json_object *json = json_object_new_object(), *inner, *each;
	size_t i;

	facts_json(json, host, device);
	json_text(json, "driver_override", device->override);
	json_text(json, "host_bridge", device->root);
	json_index(json, "host_bridge_uid", device->uid);
	json_text(json, "root_port", root_port(device));
	json_flag(json, "below_switch", is_below_switch(device));
	json_text(json, "reset_methods", device->reset_methods);
	decoders_json(json, device);

	inner = json_object_in(json, "dvsec");
	json_number(inner, "capacity", device->capacity);
	json_flag(inner, "mem_enable",
		  device->dvsec_control & DVSEC_MEM_ENABLE);
	json_flag(inner, "config_lock", device->dvsec_lock & DVSEC_CONFIG_LOCK);
	json_flag(inner, "info_valid", device->info_valid);
	json_flag(inner, "active", device->active);

	json_text(json, "region", more->region);
	json_index(json, "poisoned_pages", more->poisoned);
	json_index(json, "uncleared_bytes", more->uncleared);
	json_text(json, "gate", more->gate);
	inner = json_array_in(json, "users");
	for (i = 0; i < more->nr_users; i++) {
		each = json_append(inner);
		json_index(each, "pid", more->users[i].pid);
		json_text(each, "program", more->users[i].name);
	}
	json_text(json, "last_message", more->message);
	json_print(json);
}

/* A row of which one cell was made for it */
static void row(struct libscols_table *table, const char *name, char *text)
{
	table_row(table, (const char *const[]){ name, text, NULL });
	free(text);
}

static char *yes_no(bool yes)
{
	return xstrdup(yes ? "yes" : "no");
}

static void decoder_rows(struct libscols_table *table,
			 const struct device *device)
{
	unsigned int i;

	if (device->no_decoders) {
		row(table, "HDM decoders",
		    xprintf("unknown: %s", device->no_decoders));
		return;
	}
	for (i = 0; i < device->hdm.nr; i++) {
		const struct hdm_decoder *decoder = &device->hdm.decoders[i];
		char *size = size_text(decoder->size);
		char *name = xprintf("HDM decoder %u", i);

		row(table, name, !decoder->committed ?
		    xstrdup("not committed") :
		    xprintf("committed%s, 0x%llx+%s, %u way%s, %s coherent",
			    decoder->locked ? ", locked" : "",
			    (unsigned long long)decoder->base, size,
			    decoder->ways, decoder->ways == 1 ? "" : "s",
			    decoder->host_only ? "host-only" : "device"));
		free(name);
		free(size);
	}
}

static void print_table(const struct host *host, const struct device *device,
			const struct more *more)
{
	static const char *const headings[] = { "", "", NULL };
	struct libscols_table *table = table_new(headings);
	size_t i;

	row(table, "Address", xstrdup(device->address));
	row(table, "Name", xprintf("%s [%04x:%04x], class %04xh", device->name,
				   device->vendor, device->id, device->class));
	row(table, "Driver", xstrdup(device->driver ?: "none"));
	row(table, "Driver override", xstrdup(device->override ?: "none"));
	row(table, "Below", xprintf("%s, port %s%s", device->root,
				    root_port(device) ?: "none",
				    is_below_switch(device) ? ", a switch" :
							      ""));
	row(table, "NUMA node", facts_index(device->numa_node));
	row(table, "IOMMU group", facts_index(device->iommu_group));
	row(table, "Reset methods",
	    xstrdup(device->reset_methods && *device->reset_methods ?
			    device->reset_methods : "none"));
	row(table, "Memory", size_text(device_memory(device)));
	row(table, "Window", facts_window(host, device));
	decoder_rows(table, device);
	row(table, "CXL.mem enabled",
	    yes_no(device->dvsec_control & DVSEC_MEM_ENABLE));
	row(table, "Configuration locked",
	    yes_no(device->dvsec_lock & DVSEC_CONFIG_LOCK));
	row(table, "Memory info valid", yes_no(device->info_valid));
	row(table, "Memory active", yes_no(device->active));
	row(table, "Region", xstrdup(more->region ?: "none"));
	row(table, "Poisoned pages", more->poisoned < 0 ? xstrdup("unknown") :
	    xprintf("%lld", more->poisoned));
	row(table, "To be cleared", more->uncleared < 0 ? xstrdup("unknown") :
	    size_text((uint64_t)more->uncleared));
	row(table, "Gate of the memory", xstrdup(more->gate ?: "unknown"));
	for (i = 0; i < more->nr_users; i++)
		row(table, i ? "" : "Opened by",
		    xprintf("%s, process %d", more->users[i].name,
			    (int)more->users[i].pid));
	if (!more->nr_users)
		row(table, "Opened by", xstrdup("none"));
	row(table, "Last message", xstrdup(more->message ?: "none"));
	table_print(table);
}

static enum status run_info(const struct args *args)
{
	struct device *device;
	struct host host;
	struct more more;

	host_open(&host);
	device = host_find(&host, args->operands[0]);
	more = find_more(&host, device);
	if (args->json)
		print_json(&host, device, &more);
	else
		print_table(&host, device, &more);
	free_more(&more);
	host_close(&host);
	return STATUS_OK;
}

const struct verb verb_info = {
	.name = "info",
	.synopsis = "DEV",
	.summary = "Show all that is known of a device",
	.details =
		"DEV is a PCI address such as 0000:21:00.0. How much of the memory\n"
		"is to be cleared, and whether a guest can access it (the gate),\n"
		"is known of a device that is bound to vfio-cxl-pci. The last\n"
		"message is that of the driver in the kernel's log.\n",
	.min_operands = 1,
	.max_operands = 1,
	.run = run_info,
};
