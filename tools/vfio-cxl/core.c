// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux's CXL core, by libcxl
 */
#include <string.h>

#include <cxl/libcxl.h>

#include "core.h"

struct cxl_memdev *core_find(const struct host *host, const char *address)
{
	struct cxl_memdev *memdev;

	cxl_memdev_foreach(host->cxl, memdev)
		if (!strcmp(cxl_memdev_get_host(memdev), address))
			return memdev;
	return NULL;
}

static struct cxl_port *find_endpoint(const struct device *device)
{
	struct cxl_endpoint *endpoint;

	if (!device->memdev)
		return NULL;
	endpoint = cxl_memdev_get_endpoint(device->memdev);
	return endpoint ? cxl_endpoint_get_port(endpoint) : NULL;
}

/* The core has no word for "committed": what decodes nothing has no size. */
static struct hdm_decoder take(struct cxl_decoder *from)
{
	struct cxl_target *target = cxl_target_get_first(from);
	struct hdm_decoder decoder = {
		.locked = cxl_decoder_is_locked(from),
		.host_only = cxl_decoder_get_target_type(from) ==
			     CXL_DECODER_TTYPE_EXPANDER,
		.ways = cxl_decoder_get_interleave_ways(from),
		.base = cxl_decoder_get_resource(from),
		.size = cxl_decoder_get_size(from),
		.target = target ? (int)cxl_target_get_id(target) : -1,
	};

	decoder.committed = decoder.size && decoder.base != UINT64_MAX;
	return decoder.committed ? decoder : (struct hdm_decoder){ 0 };
}

static bool take_all(struct cxl_port *port, struct hdm *hdm)
{
	struct cxl_decoder *decoder;

	*hdm = (struct hdm){ .enabled = true };
	cxl_decoder_foreach(port, decoder)
		if (hdm->nr < HDM_MAX_DECODERS)
			hdm->decoders[hdm->nr++] = take(decoder);
	return hdm->nr;
}

bool core_decoders(struct device *device)
{
	struct cxl_port *port = find_endpoint(device);

	return port && take_all(port, &device->hdm);
}

/*
 * By its address: a region outlives the driver of its device, and Linux 6.12
 * leaves one without a target if it could not add the endpoint's decoder.
 */
struct cxl_region *core_region(const struct host *host,
			       const struct hdm_decoder *memory)
{
	struct cxl_decoder *decoder;
	struct cxl_region *region;
	struct cxl_bus *bus;

	if (!memory->size)
		return NULL;
	cxl_bus_foreach(host->cxl, bus)
		cxl_decoder_foreach(cxl_bus_get_port(bus), decoder)
			cxl_region_foreach(decoder, region)
				if (cxl_region_get_resource(region) ==
				    memory->base)
					return region;
	return NULL;
}

static struct cxl_port *find_port(const struct host *host, const char *name)
{
	struct cxl_port *port, *top;
	struct cxl_bus *bus;

	cxl_bus_foreach(host->cxl, bus) {
		top = cxl_bus_get_port(bus);
		cxl_port_foreach_all(top, port)
			if (!strcmp(cxl_port_get_host(port), name))
				return port;
	}
	return NULL;
}

bool core_port(const struct host *host, const char *name, struct hdm *hdm)
{
	struct cxl_port *port = find_port(host, name);

	return port && take_all(port, hdm);
}
