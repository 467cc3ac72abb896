/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a device's host bridge routes to it
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "host.h"

/**
 * struct route_decoder - a decoder of a host bridge
 * @decoder: what it decodes
 * @port: PCI address of its first target, not to be freed, or NULL where only
 *	the port number of @decoder is known
 */
struct route_decoder {
	struct hdm_decoder decoder;
	const char *port;
};

/**
 * struct route - decoders of a device's host bridge
 * @unknown: why they cannot be read, of static storage duration, or NULL
 * @nr: how many are committed
 * @decoders: these
 */
struct route {
	const char *unknown;
	unsigned int nr;
	struct route_decoder decoders[HDM_MAX_DECODERS];
};

/**
 * route_read() - read the decoders of a device's host bridge
 * @host: the host
 * @device: the device
 * @route: filled in
 */
void route_read(const struct host *host, const struct device *device,
		struct route *route);

/**
 * route_goes_to() - does a decoder route to the root port above a device?
 * @host: the host
 * @device: the device
 * @decoder: of its host bridge
 *
 * Return: false where it is known to route elsewhere.
 */
bool route_goes_to(const struct host *host, const struct device *device,
		   const struct route_decoder *decoder);

/**
 * route_memory() - the range that a device's memory has, or had
 * @host: the host
 * @device: the device
 * @route: decoders of its host bridge
 *
 * Return: what decoder 0 decodes; where it is not committed, the one range that
 * the host bridge routes to this device alone, so that the driver can commit it
 * again; or NULL.
 */
const struct hdm_decoder *route_memory(const struct host *host,
				       const struct device *device,
				       const struct route *route);

#endif /* ROUTE_H */
