// SPDX-License-Identifier: GPL-2.0-only
/*
 * Facts about a device, for more than one verb
 */
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "util.h"

/* Whether a device can be bound, is already bound, or cannot be bound */
static const char *verdict_name(const struct device *device,
				const struct finding *worst)
{
	if (device->driver && !strcmp(device->driver, DRIVER))
		return "bound";
	if (!worst)
		return "yes";
	return worst->outcome == OUTCOME_NO ? "no" : "unknown";
}

void facts_json(struct json_object *json, const struct host *host,
		const struct device *device)
{
	const struct cedt_window *window = device_window(host, device);
	struct json_object *inner;

	json_text(json, "address", device->address);
	json_text(json, "name", device->name);
	json_index(json, "vendor", device->vendor);
	json_index(json, "device", device->id);
	json_index(json, "class", device->class);
	json_text(json, "driver", device->driver);
	json_number(json, "memory", device_memory(device));
	if (window) {
		inner = json_object_in(json, "window");
		json_number(inner, "base", window->base);
		json_number(inner, "size", window->size);
	} else {
		json_object_object_add(json, "window", NULL);
	}
	json_index(json, "numa_node", device->numa_node);
	json_index(json, "iommu_group", device->iommu_group);
}

void facts_verdict_json(struct json_object *json, const struct device *device,
			const struct findings *findings)
{
	const struct finding *worst = findings_worst(findings);

	json_text(json, "can_be_bound", verdict_name(device, worst));
	json_text(json, "reason", worst ? worst->text : NULL);
}

char *facts_window(const struct host *host, const struct device *device)
{
	const struct cedt_window *window = device_window(host, device);
	char *size, *text;

	if (!window)
		return xstrdup("-");
	size = size_text(window->size);
	text = xprintf("0x%llx+%s", (unsigned long long)window->base, size);
	free(size);
	return text;
}

char *facts_index(int index)
{
	return index < 0 ? xstrdup("-") : xprintf("%d", index);
}

char *facts_verdict(const struct device *device,
		    const struct findings *findings)
{
	const struct finding *worst = findings_worst(findings);
	const char *name = verdict_name(device, worst);

	if (worst && strcmp(name, "bound"))
		return xprintf("%s: %s", name, worst->text);
	return xstrdup(name);
}
