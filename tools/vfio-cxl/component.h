/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CXL DVSECs and component registers of PCI functions: of devices, and of the
 * upstream ports of switches (CXL r3.1 8.1, 8.2.3)
 */
#ifndef COMPONENT_H
#define COMPONENT_H

#include <stdbool.h>
#include <stdint.h>

#include "hdm.h"

struct pci_dev;

/**
 * struct component - where the component registers are
 * @bar: index of the BAR, -1 if there are none
 * @offset: their offset in the BAR
 * @reachable: it is a memory BAR with an address, and contains all of them
 */
struct component {
	int bar;
	uint64_t offset;
	bool reachable;
};

/**
 * dvsec_find() - find a DVSEC of CXL
 * @pci: the function
 * @id: ID of the DVSEC
 *
 * Return: its offset in config space, or 0.
 */
unsigned int dvsec_find(struct pci_dev *pci, unsigned int id);

/**
 * component_find() - find the component registers by the Register Locator
 * @pci: the function
 *
 * Return: where they are.
 */
struct component component_find(struct pci_dev *pci);

/**
 * component_read() - read the HDM decoders of a function
 * @pci: the function
 * @component: where its component registers are
 * @hdm: filled in on success
 *
 * Return: NULL, or why they cannot be read, of static storage duration.
 */
const char *component_read(struct pci_dev *pci,
			   const struct component *component, struct hdm *hdm);

#endif /* COMPONENT_H */
