/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the components above a device route to it
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "host.h"

/**
 * struct hop - a component between window and device that routes by decoders:
 *	the host bridge, or a switch below it
 * @name: what it is, and which one
 * @port: PCI address of its port that leads to the device, or NULL
 * @number: Port Number of that port
 * @unknown: the reason if it is not known what it routes, of static storage
 *	duration, or NULL
 * @passthrough: it has no decoders, and routes everything to its only port
 * @hdm: its decoders
 */
struct hop {
	char *name;
	const char *port;
	int number;
	const char *unknown;
	bool passthrough;
	struct hdm hdm;
};

/**
 * struct route - the way from the window to a device
 * @hops: components on the way, beginning with the host bridge
 * @nr: their number
 */
struct route {
	struct hop *hops;
	size_t nr;
};

/**
 * enum routing - what a component does with a range of memory
 * @ROUTING_EXACT: one decoder routes exactly this range to the device, or
 *	everything is routed to it
 * @ROUTING_UNKNOWN: not known
 * @ROUTING_NONE: no decoder routes any of it
 * @ROUTING_SEVERAL: more than one decoder routes some of it
 * @ROUTING_RANGE: the decoder routes another range, or is interleaved
 * @ROUTING_PORT: the decoder routes the range to another port
 */
enum routing {
	ROUTING_EXACT,
	ROUTING_UNKNOWN,
	ROUTING_NONE,
	ROUTING_SEVERAL,
	ROUTING_RANGE,
	ROUTING_PORT,
};

/**
 * route_read() - read the decoders of the components above a device
 * @host: the host
 * @device: the device
 * @route: filled in; to be freed by route_free()
 */
void route_read(const struct host *host, const struct device *device,
		struct route *route);

void route_free(struct route *route);

/**
 * hop_routing() - what does a component do with a range of memory?
 * @hop: the component
 * @memory: the range
 * @decoder: set to the decoder, for @ROUTING_RANGE and @ROUTING_PORT
 *
 * Return: that.
 */
enum routing hop_routing(const struct hop *hop,
			 const struct hdm_decoder *memory,
			 const struct hdm_decoder **decoder);

/**
 * route_memory() - the range that a device's memory has, or had
 * @device: the device
 * @route: the way to it
 *
 * Return: what decoder 0 decodes; if it is not committed, the one range that
 * is routed to this device alone, so that the driver can commit it again; or
 * NULL.
 */
const struct hdm_decoder *route_memory(const struct device *device,
				       const struct route *route);

#endif /* ROUTE_H */
