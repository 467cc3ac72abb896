/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Linux's CXL core knows of a device, by libcxl
 */
#ifndef CORE_H
#define CORE_H

#include "host.h"

struct cxl_region;

/**
 * core_find() - find the core's device of a PCI device
 * @host: the host
 * @address: of the PCI device
 *
 * Return: it, or NULL.
 */
struct cxl_memdev *core_find(const struct host *host, const char *address);

/**
 * core_decoders() - take the decoders of a device from the core
 * @device: with a memdev
 *
 * Return: whether the core has them; they are in @device then.
 */
bool core_decoders(struct device *device);

/**
 * core_region() - the region that a device's memory belongs to
 * @device: the device
 *
 * Return: it, or NULL.
 */
struct cxl_region *core_region(const struct device *device);

/**
 * core_bridge_decoder() - decoder of a device's host bridge for a range
 * @host: the host
 * @device: whose host bridge it is
 * @base: first address of the range
 * @decoder: filled in where there is one: what it decodes
 * @port: set to the PCI address of its first target, not to be freed, or NULL
 *
 * Return: whether the core has the host bridge's decoders, and one of them
 * decodes this address.
 */
bool core_bridge_decoder(const struct host *host, const struct device *device,
			 uint64_t base, struct hdm_decoder *decoder,
			 const char **port);

#endif /* CORE_H */
