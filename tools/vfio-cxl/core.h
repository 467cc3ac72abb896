/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Linux's CXL core knows about a device, by libcxl
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
 * @host: the host
 * @memory: range of the memory, of size 0 if it is not known
 *
 * Return: it, or NULL.
 */
struct cxl_region *core_region(const struct host *host,
			       const struct hdm_decoder *memory);

/**
 * core_port() - take the decoders of a host bridge or of a switch from the core
 * @host: the host
 * @name: name in sysfs of the PCI root, or of the switch's upstream port
 * @hdm: filled in
 *
 * Return: whether the core has them.
 */
bool core_port(const struct host *host, const char *name, struct hdm *hdm);

#endif /* CORE_H */
