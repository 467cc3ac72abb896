// SPDX-License-Identifier: GPL-2.0-only
/*
 * CXL DVSECs and component registers of PCI functions
 *
 * Section numbers are those of the CXL specification, revision 3.1.
 */
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "component.h"
#include "host.h"
#include "util.h"

#define DVSEC_VENDOR_CXL	0x1e98
/* PCIe DVSEC header 1 and 2 */
#define DVSEC_HEADER1		0x04
#define DVSEC_LENGTH(header)	((header) >> 20)
#define DVSEC_ID		0x08

/* Register Locator DVSEC (8.1.9) */
#define DVSEC_LOCATOR		8
#define LOCATOR_FIRST		0x0c
#define LOCATOR_BLOCK(low)	((low) >> 8 & 0xff)
#define LOCATOR_COMPONENT	1
#define LOCATOR_BAR(low)	((low) & 7)
#define COMPONENT_SIZE		0x10000

unsigned int dvsec_find(struct pci_dev *pci, unsigned int id)
{
	struct pci_cap *cap;

	for (cap = pci->first_cap; cap; cap = cap->next)
		if (cap->type == PCI_CAP_EXTENDED &&
		    cap->id == PCI_EXT_CAP_ID_DVSEC &&
		    pci_read_word(pci, (int)cap->addr + DVSEC_HEADER1) ==
			    DVSEC_VENDOR_CXL &&
		    pci_read_word(pci, (int)cap->addr + DVSEC_ID) == id)
			return cap->addr;
	return 0;
}

/* Bases and sizes of BARs are known since host_open(). */
static bool is_reachable(const struct pci_dev *pci, unsigned int bar,
			 uint64_t offset)
{
	if (bar >= ARRAY_SIZE(pci->base_addr) ||
	    pci->base_addr[bar] & PCI_BASE_ADDRESS_SPACE_IO ||
	    !(pci->base_addr[bar] & PCI_ADDR_MEM_MASK))
		return false;
	return offset <= pci->size[bar] &&
	       pci->size[bar] - offset >= COMPONENT_SIZE;
}

struct component component_find(struct pci_dev *pci)
{
	unsigned int at = dvsec_find(pci, DVSEC_LOCATOR);
	unsigned int end, entry;

	if (!at)
		return (struct component){ .bar = -1 };
	end = at + DVSEC_LENGTH(pci_read_long(pci, (int)at + DVSEC_HEADER1));
	for (entry = at + LOCATOR_FIRST; entry + 8 <= end; entry += 8) {
		uint32_t low = pci_read_long(pci, (int)entry);
		uint32_t high = pci_read_long(pci, (int)entry + 4);
		uint64_t offset = (uint64_t)high << 32 | (low & 0xffff0000);

		if (LOCATOR_BLOCK(low) == LOCATOR_COMPONENT)
			return (struct component){
				.bar = (int)LOCATOR_BAR(low),
				.offset = offset,
				.reachable = is_reachable(pci, LOCATOR_BAR(low),
							  offset),
			};
	}
	return (struct component){ .bar = -1 };
}

/*
 * Without a driver, memory decode may be off, and the registers need it: turn
 * it on while they are read, as the driver does.
 */
static const char *read_decoding(struct pci_dev *pci, const char *folder,
				 const struct component *component,
				 struct hdm *hdm)
{
	uint16_t command = pci_read_word(pci, PCI_COMMAND);
	bool off = !(command & PCI_COMMAND_MEMORY);
	char *driver = read_link("%s/driver", folder);
	bool bound = driver;
	const char *why;
	char *path;

	free(driver);
	if (off && bound)
		return "its driver has turned memory decode off";
	if (off)
		pci_write_word(pci, PCI_COMMAND, command | PCI_COMMAND_MEMORY);
	path = xprintf("%s/resource%d", folder, component->bar);
	why = hdm_read(hdm, path, (off_t)component->offset);
	free(path);
	if (off)
		pci_write_word(pci, PCI_COMMAND, command);
	return why;
}

/*
 * They need D0, too.  A driver may let an idle function go to D3hot, as
 * vfio-pci does: keep it awake.
 */
const char *component_read(struct pci_dev *pci,
			   const struct component *component, struct hdm *hdm)
{
	char *address, *folder, *path, *control;
	bool may_sleep;
	const char *why;

	if (component->bar < 0)
		return "there are no component registers";
	if (!component->reachable)
		return "the component registers lie outside any assigned "
		       "memory BAR";
	address = pci_address(pci);
	folder = xprintf(PCI_DEVICES "/%s", address);
	path = xprintf("%s/power/control", folder);
	control = read_text("%s", path);
	may_sleep = control && !strcmp(control, "auto");
	if (may_sleep)
		write_text(path, 0, "on\n");
	why = read_decoding(pci, folder, component, hdm);
	if (may_sleep)
		write_text(path, 0, "auto\n");
	free(control);
	free(path);
	free(folder);
	free(address);
	return why;
}
