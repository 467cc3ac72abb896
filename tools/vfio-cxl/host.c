// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's CXL.mem devices: PCI config space by libpci, sysfs, registers
 *
 * Section numbers are those of the CXL specification, revision 3.1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cxl/libcxl.h>
#include <pci/pci.h>

#include "core.h"
#include "host.h"
#include "util.h"

/* PCIe DVSEC for CXL Devices (8.1.3) */
#define DVSEC_DEVICE		0
#define DEVICE_CAPABILITY	0x0a
#define DEVICE_CONTROL		0x0c
#define DEVICE_LOCK		0x14
#define DEVICE_SIZE_HIGH(range)	(0x18 + 0x10 * (range))
#define DEVICE_SIZE_LOW(range)	(0x1c + 0x10 * (range))
#define SIZE_INFO_VALID		0x1
#define SIZE_ACTIVE		0x2
#define DEVICE_HDM_COUNT(cap)	((cap) >> 4 & 3)

static uint16_t dvsec_word(const struct device *device, unsigned int offset)
{
	return pci_read_word(device->pci, (int)(device->dvsec + offset));
}

static uint32_t dvsec_long(const struct device *device, unsigned int offset)
{
	return pci_read_long(device->pci, (int)(device->dvsec + offset));
}

static void look_at_dvsec(struct device *device)
{
	unsigned int range;

	device->dvsec_capability = dvsec_word(device, DEVICE_CAPABILITY);
	device->dvsec_control = dvsec_word(device, DEVICE_CONTROL);
	device->dvsec_lock = dvsec_word(device, DEVICE_LOCK);
	for (range = 0; range < 2; range++) {
		uint32_t low;

		if (range >= DEVICE_HDM_COUNT(device->dvsec_capability))
			break;
		low = dvsec_long(device, DEVICE_SIZE_LOW(range));
		device->capacity +=
			(uint64_t)dvsec_long(device, DEVICE_SIZE_HIGH(range))
				<< 32 | (low & 0xf0000000);
		if (!range) {
			device->info_valid = low & SIZE_INFO_VALID;
			device->active = low & SIZE_ACTIVE;
		}
	}
}

static void look_at_decoders(struct device *device)
{
	device->no_decoders = component_read(device->pci, &device->component,
					     &device->hdm);
	/* For a device without decoders the core makes some up. */
	if (device->no_decoders && !device->hdm.absent && core_decoders(device))
		device->no_decoders = NULL;
}

/* /sys/devices/pci0000:20/0000:20:00.0/0000:21:00.0: what is above it? */
static void look_upwards(struct device *device)
{
	char *path = xprintf(PCI_DEVICES "/%s", device->address);
	char *real = realpath(path, NULL), *at, *next;

	free(path);
	device->uid = -1;
	at = real ? strstr(real, "/pci") : NULL;
	if (!at) {
		free(real);
		device->root = xstrdup("?");
		return;
	}
	next = at + 1 + strcspn(at + 1, "/");
	device->root = xstrndup(at + 1, (size_t)(next - at - 1));
	for (; *next; next += 1 + strcspn(next + 1, "/")) {
		char *part = xstrndup(next + 1, strcspn(next + 1, "/"));

		if (!strcmp(part, device->address)) {
			free(part);
			break;
		}
		*append(device->ports, device->nr_ports) = part;
	}
	at[1 + strlen(device->root)] = '\0';
	path = read_text("%s/firmware_node/hid", real);
	if (path && !strcmp(path, "ACPI0016"))
		read_number(&device->uid, "%s/firmware_node/uid", real);
	free(path);
	free(real);
}

static char *device_name(struct host *host, const struct device *device)
{
	char text[256];

	return xstrdup(pci_lookup_name(host->pci, text, sizeof(text),
				       PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE,
				       device->vendor, device->id) ?: "");
}

char *pci_address(const struct pci_dev *pci)
{
	return xprintf("%04x:%02x:%02x.%x", (unsigned int)pci->domain, pci->bus,
		       pci->dev, pci->func);
}

char *device_override(const char *address)
{
	char *override = read_text(PCI_DEVICES "/%s/driver_override", address);

	if (override && !strcmp(override, "(null)")) {
		free(override);
		return NULL;
	}
	return override;
}

static struct device *look_at(struct host *host, struct pci_dev *pci,
			      unsigned int dvsec)
{
	struct device *device = xcalloc(1, sizeof(*device));
	char *text;

	device->pci = pci;
	device->address = pci_address(pci);
	device->vendor = pci->vendor_id;
	device->id = pci->device_id;
	device->class = pci->device_class;
	device->name = device_name(host, device);
	device->driver = read_link(PCI_DEVICES "/%s/driver", device->address);
	device->override = device_override(device->address);
	device->nr_companions = companions_find(device->address,
						&device->companions);
	device->reset_methods = read_text(PCI_DEVICES "/%s/reset_method",
					  device->address);
	device->numa_node = pci->numa_node;
	text = read_link(PCI_DEVICES "/%s/iommu_group", device->address);
	device->iommu_group = text ? atoi(text) : -1;
	free(text);
	look_upwards(device);

	device->dvsec = dvsec;
	look_at_dvsec(device);
	device->component = component_find(pci);
	device->memdev = core_find(host, device->address);
	look_at_decoders(device);
	return device;
}

static void free_device(struct device *device)
{
	size_t i;

	free(device->address);
	free(device->name);
	free(device->driver);
	free(device->override);
	companions_free(device->companions, device->nr_companions);
	free(device->reset_methods);
	free(device->root);
	for (i = 0; i < device->nr_ports; i++)
		free(device->ports[i]);
	free(device->ports);
	free(device);
}

static int compare_devices(const void *a, const void *b)
{
	const struct device *const *left = a, *const *right = b;

	return strcmp((*left)->address, (*right)->address);
}

static void find_devices(struct host *host)
{
	struct pci_dev *pci;

	for (pci = host->pci->devices; pci; pci = pci->next) {
		unsigned int dvsec;

		pci_fill_info(pci, PCI_FILL_IDENT | PCI_FILL_CLASS |
				   PCI_FILL_BASES | PCI_FILL_SIZES |
				   PCI_FILL_EXT_CAPS | PCI_FILL_NUMA_NODE);
		dvsec = dvsec_find(pci, DVSEC_DEVICE);
		if (!dvsec || !(pci_read_word(pci, (int)dvsec +
					      DEVICE_CAPABILITY) &
				DVSEC_MEM_CAPABLE))
			continue;
		*append(host->devices, host->nr_devices) =
			look_at(host, pci, dvsec);
	}
	if (host->nr_devices)
		qsort(host->devices, host->nr_devices, sizeof(*host->devices),
		      compare_devices);
}

static void __noreturn __printf(1, 2) pci_error(char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = xvprintf(fmt, args);
	va_end(args);
	die(STATUS_FAILED, "PCI devices cannot be read: %s", text);
}

void host_open(struct host *host)
{
	size_t size;
	char *text;
	int ret;

	if (geteuid())
		die(STATUS_FAILED,
		    "only root can read the registers of CXL devices: run it as root, such as with sudo");
	memset(host, 0, sizeof(*host));
	ret = cxl_new(&host->cxl);
	if (ret)
		die(STATUS_FAILED, "libcxl: %s", strerror(-ret));

	text = read_file("/sys/firmware/acpi/tables/CEDT", &size);
	if (text && !cedt_parse(&host->cedt, (uint8_t *)text, size))
		warn("ACPI CEDT is malformed: update the platform's firmware");
	free(text);
	text = read_file("/proc/iomem", NULL);
	if (!text)
		die(STATUS_FAILED, "/proc/iomem: %s", strerror(errno));
	iomem_parse(&host->iomem, text);
	free(text);

	host->pci = pci_alloc();
	host->pci->error = pci_error;
	pci_init(host->pci);
	pci_scan_bus(host->pci);
	find_devices(host);
}

void host_close(struct host *host)
{
	size_t i;

	for (i = 0; i < host->nr_devices; i++)
		free_device(host->devices[i]);
	free(host->devices);
	pci_cleanup(host->pci);
	cedt_free(&host->cedt);
	iomem_free(&host->iomem);
	cxl_unref(host->cxl);
}

struct pci_dev *host_pci(const struct host *host, const char *address)
{
	struct pci_dev *pci;

	for (pci = host->pci->devices; pci; pci = pci->next) {
		char *name = pci_address(pci);
		bool same = !strcmp(name, address);

		free(name);
		if (same)
			return pci;
	}
	return NULL;
}

struct device *host_lookup(const struct host *host, const char *address)
{
	size_t i;

	for (i = 0; i < host->nr_devices; i++)
		if (!strcmp(host->devices[i]->address, address))
			return host->devices[i];
	return NULL;
}

struct device *host_find(const struct host *host, const char *text)
{
	char *address = full_address(text);
	struct device *device;
	bool there;
	char *path;

	if (!address)
		die(STATUS_USAGE,
		    "'%s' is not a PCI address such as 0000:21:00.0", text);
	device = host_lookup(host, address);
	if (!device) {
		path = xprintf(PCI_DEVICES "/%s", address);
		there = !access(path, F_OK);
		free(path);
		if (!there)
			die(STATUS_USAGE,
			    "there is no device %s: 'vfio-cxl list' shows those with CXL.mem",
			    address);
		die(STATUS_NO,
		    "%s has no CXL.mem: 'vfio-cxl list' shows devices that do, vfio-pci is the driver for others",
		    address);
	}
	free(address);
	return device;
}

uint64_t device_memory(const struct device *device)
{
	const struct hdm_decoder *decoder = &device->hdm.decoders[0];

	return !device->no_decoders && decoder->committed && decoder->size ?
		       decoder->size : device->capacity;
}

static bool has_all(const struct cedt_window *window,
		    const struct hdm_decoder *decoder)
{
	return decoder->base >= window->base &&
	       decoder->base - window->base < window->size &&
	       decoder->size <= window->size - (decoder->base - window->base);
}

const struct cedt_window *device_window(const struct host *host,
					const struct device *device)
{
	const struct hdm_decoder *decoder = &device->hdm.decoders[0];
	bool known = !device->no_decoders && decoder->committed;
	size_t i;

	for (i = 0; i < host->cedt.nr_windows; i++) {
		const struct cedt_window *window = &host->cedt.windows[i];

		if (known && has_all(window, decoder))
			return window;
		if (!known && device->uid >= 0 &&
		    cedt_targets(window, (uint32_t)device->uid))
			return window;
	}
	return NULL;
}
