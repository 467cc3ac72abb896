// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoders of host bridges: from the CXL core, or else from their registers
 */
#include <string.h>

#include "core.h"
#include "platform.h"
#include "route.h"

void route_read(const struct host *host, const struct device *device,
		struct route *route)
{
	const struct cedt_bridge *bridge;
	struct hdm hdm = { 0 };
	unsigned int i;

	*route = (struct route){ 0 };
	if (core_bridge(host, device, route))
		return;
	bridge = device->uid < 0 ? NULL :
		 cedt_find_bridge(&host->cedt, (uint32_t)device->uid);
	if (!bridge || !bridge->base) {
		route->unknown = "ACPI CEDT has no CXL 2.0 host bridge there";
		return;
	}
	route->unknown = hdm_read(&hdm, "/dev/mem", (off_t)bridge->base);
	for (i = 0; i < hdm.nr; i++)
		if (hdm.decoders[i].committed)
			route->decoders[route->nr++].decoder = hdm.decoders[i];
}

bool route_goes_to(const struct host *host, const struct device *device,
		   const struct route_decoder *decoder)
{
	long long number;

	if (decoder->port)
		return device->port && !strcmp(decoder->port, device->port);
	return !platform_port_number(host, device, &number) ||
	       number == decoder->decoder.target;
}

const struct hdm_decoder *route_memory(const struct host *host,
				       const struct device *device,
				       const struct route *route)
{
	const struct hdm_decoder *found = NULL;
	unsigned int i;

	if (device->no_decoders)
		return NULL;
	if (device->hdm.decoders[0].committed)
		return &device->hdm.decoders[0];
	/* A switch may route a part of it to another device */
	if (device->below_switch || !device->port)
		return NULL;
	for (i = 0; i < route->nr; i++) {
		const struct route_decoder *each = &route->decoders[i];

		if (!route_goes_to(host, device, each))
			continue;
		if (found || each->decoder.ways != 1 ||
		    each->decoder.size > device->capacity)
			return NULL;
		found = &each->decoder;
	}
	return found;
}
