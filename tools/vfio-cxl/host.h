/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host: its CXL.mem devices, and what the kernel says about them
 */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cedt.h"
#include "companions.h"
#include "component.h"
#include "hdm.h"
#include "iomem.h"

#define DRIVER		"vfio-cxl-pci"
#define PCI_DEVICES	"/sys/bus/pci/devices"
/* PCI class of CXL memory devices */
#define CLASS_CXL_MEMORY	0x0502

struct cxl_ctx;
struct cxl_memdev;
struct pci_access;
struct pci_dev;

/**
 * struct device - a PCI device with a CXL Device DVSEC
 * @pci: libpci's device
 * @address: its address, in sysfs' form
 * @vendor: PCI vendor id
 * @id: PCI device id
 * @class: base class and sub-class
 * @name: vendor and device in words, or numbers
 * @driver: driver that it is bound to, or NULL
 * @override: driver_override, or NULL
 * @companions: its other functions
 * @nr_companions: their number
 * @reset_methods: as sysfs has them, "" for none, or NULL
 * @numa_node: of the device itself, -1 for none
 * @iommu_group: number, -1 for none
 * @root: PCI root above it, such as "pci0000:20"
 * @uid: ACPI's number of it, -1 if it is not a CXL host bridge
 * @ports: PCI addresses of the ports above the device: the root port, followed
 *	by the upstream and the downstream port of each switch
 * @nr_ports: their number
 * @dvsec: offset of the CXL Device DVSEC (8.1.3)
 * @dvsec_capability: its register of that name, and so on
 * @dvsec_control: with CXL.mem enable
 * @dvsec_lock: with CONFIG_LOCK
 * @capacity: size of the memory according to the DVSEC's ranges, in bytes
 * @info_valid: Memory_Info_Valid of range 1
 * @active: Memory_Active of range 1
 * @component: where the component registers are
 * @no_decoders: why the decoders are not known, or NULL
 * @hdm: HDM decoders
 * @memdev: the CXL core's device, or NULL
 */
struct device {
	struct pci_dev *pci;
	char *address;
	uint16_t vendor;
	uint16_t id;
	uint16_t class;
	char *name;
	char *driver;
	char *override;
	struct companion *companions;
	size_t nr_companions;
	char *reset_methods;
	int numa_node;
	int iommu_group;
	char *root;
	long long uid;
	char **ports;
	size_t nr_ports;
	unsigned int dvsec;
	uint16_t dvsec_capability;
	uint16_t dvsec_control;
	uint16_t dvsec_lock;
	uint64_t capacity;
	bool info_valid;
	bool active;
	struct component component;
	const char *no_decoders;
	struct hdm hdm;
	struct cxl_memdev *memdev;
};

/* Of the DVSEC's capability (8.1.3.1), control (8.1.3.2), lock (8.1.3.6) */
#define DVSEC_MEM_CAPABLE	0x0004
#define DVSEC_MEM_ENABLE	0x0004
#define DVSEC_CONFIG_LOCK	0x0001

/**
 * struct host - what was found
 * @pci: libpci's state
 * @cxl: libcxl's state
 * @cedt: ACPI CEDT, empty if there is none
 * @iomem: /proc/iomem
 * @devices: by address, those without CXL.mem left out
 * @nr_devices: their number
 */
struct host {
	struct pci_access *pci;
	struct cxl_ctx *cxl;
	struct cedt cedt;
	struct iomem iomem;
	struct device **devices;
	size_t nr_devices;
};

/**
 * host_open() - look at the host; exit if that is not possible
 * @host: filled in
 */
void host_open(struct host *host);

void host_close(struct host *host);

/**
 * host_find() - find a device; exit if there is none
 * @host: the host
 * @text: its address, with or without domain
 *
 * Return: it.
 */
struct device *host_find(const struct host *host, const char *text);

/**
 * host_lookup() - find a device
 * @host: the host
 * @address: in sysfs' form
 *
 * Return: it, or NULL.
 */
struct device *host_lookup(const struct host *host, const char *address);

/**
 * host_pci() - find a PCI function
 * @host: the host
 * @address: its address, in sysfs' form
 *
 * Return: it, or NULL.
 */
struct pci_dev *host_pci(const struct host *host, const char *address);

/**
 * pci_address() - address of a PCI function
 * @pci: the function
 *
 * Return: the address in sysfs' form, to be freed.
 */
char *pci_address(const struct pci_dev *pci);

/**
 * device_override() - driver_override of a PCI device
 * @address: its address, in sysfs' form
 *
 * Return: name of a driver, to be freed, or NULL.
 */
char *device_override(const char *address);

/**
 * device_memory() - size of a device's memory
 * @device: the device
 *
 * Return: what decoder 0 decodes, or what the device has if that is not known,
 * in bytes.
 */
uint64_t device_memory(const struct device *device);

/**
 * device_window() - find the window that a device's memory is in
 * @host: the host
 * @device: the device
 *
 * Return: the window that has all of it; if decoder 0 decodes nothing, the
 * first one that targets the device's host bridge; or NULL.
 */
const struct cedt_window *device_window(const struct host *host,
					const struct device *device);

#endif /* HOST_H */
