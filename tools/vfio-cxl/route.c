// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoders of host bridges and switches: from their registers, or else from
 * the CXL core
 */
#include <stdlib.h>

#include <pci/pci.h>

#include "core.h"
#include "route.h"
#include "util.h"

/* Port Number of the Link Capabilities, which decoders have as their target */
static bool port_number(const struct host *host, const char *address,
			int *number)
{
	struct pci_dev *pci = address ? host_pci(host, address) : NULL;
	struct pci_cap *cap;

	cap = pci ? pci_find_cap(pci, PCI_CAP_ID_EXP, PCI_CAP_NORMAL) : NULL;
	if (cap)
		/* The register's highest byte */
		*number = pci_read_byte(pci, (int)cap->addr + PCI_EXP_LNKCAP +
					     3);
	return cap;
}

static bool is_root_port(struct pci_dev *pci)
{
	struct pci_cap *cap = pci_find_cap(pci, PCI_CAP_ID_EXP, PCI_CAP_NORMAL);

	return cap && (pci_read_word(pci, (int)cap->addr + PCI_EXP_FLAGS) &
		       PCI_EXP_FLAGS_TYPE) >> 4 == PCI_EXP_TYPE_ROOT_PORT;
}

/*
 * A host bridge with one root port need not have decoders; then it routes all
 * that its windows contain to that port (CXL r3.1 8.2.4.20).
 */
static bool is_only_port(const struct host *host, const char *address)
{
	const struct pci_dev *port = address ? host_pci(host, address) : NULL;
	struct pci_dev *each;

	if (!port)
		return false;
	for (each = host->pci->devices; each; each = each->next)
		if (each != port && each->domain == port->domain &&
		    each->bus == port->bus && is_root_port(each))
			return false;
	return true;
}

/* A bridge's decoders do not depend on HDM Decoder Enable, see struct hdm. */
static const char *read_bridge(const struct host *host,
			       const struct device *device, struct hdm *hdm)
{
	const struct cedt_bridge *bridge = device->uid < 0 ? NULL :
		cedt_find_bridge(&host->cedt, (uint32_t)device->uid);

	if (!bridge || !bridge->base)
		return "ACPI CEDT has no CXL 2.0 host bridge there";
	return hdm_read(hdm, "/dev/mem", (off_t)bridge->base);
}

static const char *read_switch(const struct host *host, const char *upstream,
			       struct hdm *hdm)
{
	struct pci_dev *pci = host_pci(host, upstream);
	struct component component;

	if (!pci)
		return "there is no such PCI function";
	component = component_find(pci);
	return component_read(pci, &component, hdm);
}

/* @core: the CXL core's name for the component */
static void complete(const struct host *host, struct hop *hop,
		     const char *core)
{
	/* For a host bridge without decoders the core makes one up. */
	if (hop->unknown && !hop->hdm.absent &&
	    core_port(host, core, &hop->hdm))
		hop->unknown = NULL;
	if (!hop->unknown && !port_number(host, hop->port, &hop->number))
		hop->unknown = "its port to the device is not known";
}

void route_read(const struct host *host, const struct device *device,
		struct route *route)
{
	struct hop *hop;
	size_t i;

	*route = (struct route){ 0 };
	hop = append(route->hops, route->nr);
	hop->name = xprintf("host bridge %s", device->root);
	hop->port = device->nr_ports ? device->ports[0] : NULL;
	hop->unknown = read_bridge(host, device, &hop->hdm);
	hop->passthrough = hop->hdm.absent && is_only_port(host, hop->port);
	if (hop->passthrough)
		hop->unknown = NULL;
	complete(host, hop, device->root);
	/* Each switch has an upstream port and, below that, a downstream one */
	for (i = 1; i < device->nr_ports; i += 2) {
		hop = append(route->hops, route->nr);
		hop->name = xprintf("switch %s", device->ports[i]);
		hop->port = i + 1 < device->nr_ports ? device->ports[i + 1] :
						       NULL;
		hop->unknown = read_switch(host, device->ports[i], &hop->hdm);
		complete(host, hop, device->ports[i]);
	}
}

void route_free(struct route *route)
{
	size_t i;

	for (i = 0; i < route->nr; i++)
		free(route->hops[i].name);
	free(route->hops);
}

static bool overlap(const struct hdm_decoder *a, const struct hdm_decoder *b)
{
	return a->base - b->base < b->size || b->base - a->base < a->size;
}

enum routing hop_routing(const struct hop *hop,
			 const struct hdm_decoder *memory,
			 const struct hdm_decoder **decoder)
{
	const struct hdm_decoder *found = NULL;
	unsigned int i;

	if (hop->unknown)
		return ROUTING_UNKNOWN;
	if (hop->passthrough)
		return ROUTING_EXACT;
	for (i = 0; i < hop->hdm.nr; i++) {
		const struct hdm_decoder *each = &hop->hdm.decoders[i];

		if (!each->committed || !overlap(each, memory))
			continue;
		if (found)
			return ROUTING_SEVERAL;
		found = each;
	}
	if (!found)
		return ROUTING_NONE;
	*decoder = found;
	if (found->base != memory->base || found->size != memory->size ||
	    found->ways != 1)
		return ROUTING_RANGE;
	if (found->target < 0)
		return ROUTING_UNKNOWN;
	return found->target == hop->number ? ROUTING_EXACT : ROUTING_PORT;
}

static bool is_exact(const struct route *route,
		     const struct hdm_decoder *memory)
{
	const struct hdm_decoder *decoder;
	size_t i;

	for (i = 0; i < route->nr; i++)
		if (hop_routing(&route->hops[i], memory, &decoder) !=
		    ROUTING_EXACT)
			return false;
	return true;
}

const struct hdm_decoder *route_memory(const struct device *device,
				       const struct route *route)
{
	const struct hop *last = &route->hops[route->nr - 1];
	const struct hdm_decoder *found = NULL;
	unsigned int i;

	if (device->no_decoders)
		return NULL;
	if (device->hdm.decoders[0].committed)
		return &device->hdm.decoders[0];
	if (last->unknown)
		return NULL;
	for (i = 0; i < last->hdm.nr; i++) {
		const struct hdm_decoder *each = &last->hdm.decoders[i];

		if (!each->size || each->target != last->number)
			continue;
		/* The driver would commit it without either */
		if (each->back_invalidate || each->unordered)
			return NULL;
		if (found || each->size > device->capacity ||
		    !is_exact(route, each))
			return NULL;
		found = each;
	}
	return found;
}
