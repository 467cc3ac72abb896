// SPDX-License-Identifier: GPL-2.0-only
/*
 * What binding wants, and what the driver cannot see
 *
 * The order is that in which the driver itself looks.  Section numbers are
 * those of the CXL specification, revision 3.1.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cxl/libcxl.h>

#include "checks.h"
#include "command.h"
#include "core.h"
#include "dax.h"
#include "platform.h"
#include "route.h"
#include "util.h"

/* What 8.2.4.20 says of base and size, and the most that a VFIO region holds */
#define HDM_ALIGN	(UINT64_C(256) << 20)
#define MAX_MEMORY	(UINT64_C(1) << 40)

#define NEEDS_CXL2 \
	"CXL 2.0 or later is needed; update the device's firmware"

#define PARAMETERS	"/sys/module/vfio_cxl_pci/parameters"

/* @memory is NULL if it is not known: then nothing can be said about it */
struct context {
	const struct host *host;
	const struct device *device;
	const struct hdm_decoder *memory;
	const struct route *route;
	struct finding *finding;
};

/* Describe the outcome of the check that runs. */
static void __printf(3, 4) found(struct context *context, enum outcome outcome,
				 const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	free(context->finding->text);
	context->finding->outcome = outcome;
	context->finding->text = xvprintf(fmt, args);
	va_end(args);
}

static void __printf(2, 3) advise(struct context *context, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	context->finding->advice = xvprintf(fmt, args);
	va_end(args);
}

static bool is_ours(const struct device *device)
{
	return device->driver && !strcmp(device->driver, DRIVER);
}

/* The driver */

/* What modprobe would load, with options; NULL if there is no module */
static char *show_module(void)
{
	return command_output((const char *const[]){
		"modprobe", "--show-depends", DRIVER, NULL });
}

static void check_module(struct context *context)
{
	char *options;

	if (!access("/sys/bus/pci/drivers/" DRIVER, F_OK)) {
		found(context, OUTCOME_OK, "%s is loaded", DRIVER);
		return;
	}
	options = show_module();
	if (options) {
		found(context, OUTCOME_TODO, "%s is installed but not loaded",
		      DRIVER);
		free(options);
		return;
	}
	found(context, OUTCOME_NO, "%s is not installed for this kernel",
	      DRIVER);
	advise(context,
	       "build and install it: make modules; make install; depmod");
}

/* The module's information has what it lacks in the kernel it was built for. */
static void check_kernel(struct context *context)
{
	char *output = command_output((const char *const[]){
		"modinfo", "-F", "missing", DRIVER, NULL });
	const char *missing;

	if (!output)
		return;
	missing = output + strspn(output, " ");
	if (*missing) {
		found(context, OUTCOME_WARNING,
		      "not available on this kernel: %.*s",
		      (int)strcspn(missing, "\n"), missing);
		advise(context,
		       "see vfio-cxl-kernels.rst, or use a newer kernel");
	} else {
		found(context, OUTCOME_OK, "it has all that %s uses", DRIVER);
	}
	free(output);
}

static void check_class(struct context *context)
{
	char *allowed, *options;
	bool ok;

	if (context->device->class != CLASS_CXL_MEMORY) {
		found(context, OUTCOME_OK, "class %04xh, not a memory device",
		      context->device->class);
		return;
	}
	allowed = read_text(PARAMETERS "/allow_unsafe_mailbox");
	if (allowed) {
		ok = *allowed == 'Y';
	} else {
		/* Options of modprobe.d and of the kernel's command line */
		options = show_module();
		ok = options && strstr(options, "allow_unsafe_mailbox=1");
		free(options);
	}
	if (ok) {
		found(context, OUTCOME_WARNING,
		      "a memory device, class 0502h: what one user changes by mailbox commands persists for the next");
		advise(context,
		       "give it only to guests that belong to one tenant");
	} else {
		found(context, OUTCOME_NO,
		      "a memory device, class 0502h, without allow_unsafe_mailbox: what one user changes by mailbox commands persists for the next");
		advise(context, "if all guests belong to one tenant: %s",
		       allowed ?
		       "echo Y > " PARAMETERS "/allow_unsafe_mailbox" :
		       "echo options vfio-cxl-pci allow_unsafe_mailbox=1 > /etc/modprobe.d/vfio-cxl-pci.conf");
	}
	free(allowed);
}

/* Registers and decoders */

static void check_registers(struct context *context)
{
	const struct component *component = &context->device->component;

	if (component->bar < 0) {
		found(context, OUTCOME_NO,
		      "the Register Locator DVSEC has no component registers");
		advise(context, NEEDS_CXL2);
	} else if (!component->reachable) {
		found(context, OUTCOME_NO,
		      "the component registers lie outside any assigned memory BAR");
		advise(context, "check the firmware's BAR assignment");
	} else {
		found(context, OUTCOME_OK, "in BAR %d at 0x%llx",
		      component->bar, (unsigned long long)component->offset);
	}
}

static void check_decoder(struct context *context)
{
	const struct device *device = context->device;
	const struct hdm_decoder *decoder = context->memory;
	bool committed;
	char *size;

	if (device->no_decoders) {
		found(context,
		      device->hdm.absent ? OUTCOME_NO : OUTCOME_UNKNOWN,
		      "HDM decoder 0 cannot be read: %s", device->no_decoders);
		if (device->hdm.absent)
			advise(context, NEEDS_CXL2);
		else if (device->driver)
			advise(context,
			       "stop what uses %s, or look at the kernel's log",
			       device->driver);
		return;
	}
	committed = device->hdm.decoders[0].committed;
	if (!decoder || (committed && (!device->hdm.enabled ||
				       !(device->dvsec_control &
					 DVSEC_MEM_ENABLE)))) {
		found(context, OUTCOME_NO, "HDM decoder 0 is not %s",
		      !decoder ? "committed" :
		      !device->hdm.enabled ? "enabled" :
					     "in use: CXL.mem is off");
		advise(context,
		       "let platform firmware configure CXL memory; a reset or a driver may have cleared it, then reboot");
		return;
	}
	if (decoder->ways != 1) {
		found(context, OUTCOME_NO,
		      "HDM decoder 0 is interleaved across %u devices",
		      decoder->ways);
		advise(context,
		       "turn interleaving of this device off in platform firmware");
		return;
	}
	if (decoder->back_invalidate || decoder->unordered) {
		found(context, OUTCOME_NO,
		      "HDM decoder 0 uses %s, which is not supported",
		      !decoder->unordered ? "Back-Invalidate" :
		      !decoder->back_invalidate ? "Unordered I/O" :
		      "Back-Invalidate and Unordered I/O");
		advise(context, "disable that in platform firmware");
		return;
	}
	size = size_text(decoder->size);
	if (!decoder->size || decoder->size % HDM_ALIGN) {
		found(context, OUTCOME_NO,
		      "HDM decoder 0 decodes %s, not a multiple of 256 MiB",
		      size);
		advise(context, "update platform firmware");
	} else if (!decoder->base) {
		found(context, OUTCOME_NO,
		      "HDM decoder 0 begins at address 0: the platform translates the addresses of its devices (AMD's normalized addresses), which is not supported");
	} else if (decoder->size > MAX_MEMORY) {
		found(context, OUTCOME_NO,
		      "HDM decoder 0 decodes %s, more than the 1 TiB that a VFIO region can hold",
		      size);
	} else if (!committed) {
		found(context, OUTCOME_TODO,
		      "HDM decoder 0 is not committed: the driver has to commit it at 0x%llx, %s, which is routed to it",
		      (unsigned long long)decoder->base, size);
	} else {
		found(context, OUTCOME_OK,
		      "HDM decoder 0 is committed%s at 0x%llx, %s",
		      decoder->locked ? " and locked" : "",
		      (unsigned long long)decoder->base, size);
	}
	free(size);
}

/* Firmware may have committed decoders of size 0: they are left alone */
static void check_others(struct context *context)
{
	const struct device *device = context->device;
	unsigned int i;

	if (device->no_decoders)
		return;
	for (i = 1; i < device->hdm.nr; i++) {
		if (!device->hdm.decoders[i].committed ||
		    !device->hdm.decoders[i].size)
			continue;
		found(context, OUTCOME_NO, "HDM decoder %u is also committed",
		      i);
		advise(context,
		       "let platform firmware use decoder 0 alone for this device");
		return;
	}
	found(context, OUTCOME_OK, "no other decoder is in use");
}

/* What is between the processor and the device */

static void check_window(struct context *context)
{
	const struct hdm_decoder *decoder = context->memory;
	const struct cedt_window *window;

	if (!decoder)
		return;
	window = device_window(context->host, context->device);
	if (!window) {
		found(context, OUTCOME_NO,
		      "no window of ACPI CEDT contains all of the memory");
		advise(context, "update platform firmware");
		return;
	}
	if (window->nr_targets != 1) {
		found(context, OUTCOME_NO,
		      "the window at 0x%llx is interleaved across %u host bridges",
		      (unsigned long long)window->base, window->nr_targets);
		advise(context,
		       "turn interleaving of host bridges off in platform firmware");
		return;
	}
	if (context->device->uid < 0 ||
	    !cedt_targets(window, (uint32_t)context->device->uid)) {
		found(context, OUTCOME_NO,
		      "the window at 0x%llx targets host bridge %u, the device is below %s",
		      (unsigned long long)window->base, window->targets[0],
		      context->device->root);
		advise(context, "update platform firmware");
		return;
	}
	found(context, OUTCOME_OK,
	      "the window at 0x%llx targets host bridge %u alone",
	      (unsigned long long)window->base, window->targets[0]);
}

static void check_hop(struct context *context, const struct hop *hop)
{
	const struct hdm_decoder *wanted = context->memory, *decoder = NULL;

	switch (hop_routing(hop, wanted, &decoder)) {
	case ROUTING_EXACT:
		return;
	case ROUTING_UNKNOWN:
		found(context, OUTCOME_UNKNOWN,
		      "it is not known what %s routes: %s", hop->name,
		      hop->unknown ?:
		      "the CXL core has not found the port of its decoder");
		return;
	case ROUTING_NONE:
		found(context, OUTCOME_NO, "no decoder of %s routes the memory",
		      hop->name);
		break;
	case ROUTING_SEVERAL:
		found(context, OUTCOME_NO,
		      "more than one decoder of %s routes the memory",
		      hop->name);
		break;
	case ROUTING_RANGE:
		found(context, OUTCOME_NO,
		      "%s routes 0x%llx bytes at 0x%llx, interleaved %u ways, the device decodes 0x%llx at 0x%llx",
		      hop->name, (unsigned long long)decoder->size,
		      (unsigned long long)decoder->base, decoder->ways,
		      (unsigned long long)wanted->size,
		      (unsigned long long)wanted->base);
		break;
	case ROUTING_PORT:
		found(context, OUTCOME_NO,
		      "%s routes the memory to port number %d, the device is below number %d",
		      hop->name, decoder->target, hop->number);
		break;
	}
	advise(context, "update platform firmware");
}

/* From window to device, each component has to route exactly this range. */
static void check_route(struct context *context)
{
	const struct route *route = context->route;
	const struct finding *finding = context->finding;
	char *way, *more;
	size_t i;

	if (!context->memory)
		return;
	for (i = 0; i < route->nr && finding->outcome != OUTCOME_NO; i++)
		check_hop(context, &route->hops[i]);
	if (finding->text)
		return;
	way = xstrdup("");
	for (i = 0; i < route->nr; i++) {
		const struct hop *hop = &route->hops[i];

		more = xprintf("%s%s%s routes %s to port %s", way,
			       i ? ", " : "", hop->name,
			       hop->passthrough ? "everything" :
						  "exactly this range",
			       hop->port);
		free(way);
		way = more;
	}
	found(context, OUTCOME_OK, "%s", way);
	free(way);
}

/* What the host itself does with the memory */

/* Memory that was online when its driver was unbound is stuck there. */
static void found_ram(struct context *context, const char *name, uint64_t start,
		      uint64_t end)
{
	struct dax *devices;
	size_t nr = dax_find(start, end, &devices);

	if (nr) {
		found(context, OUTCOME_TODO,
		      "the host uses it as %s: it must be taken offline", name);
	} else {
		found(context, OUTCOME_NO,
		      "the host uses it as %s, and no driver can release it",
		      name);
		advise(context,
		       "reboot; if it is in use again, look for a setting of special-purpose or CXL memory in the firmware's setup");
	}
	dax_free(devices, nr);
}

static void check_in_use(struct context *context)
{
	const struct hdm_decoder *decoder = context->memory;
	const struct device *device = context->device;
	const struct resource *line = NULL, *dax = NULL;
	struct cxl_region *region;
	uint64_t end;

	if (!decoder)
		return;
	end = decoder->base + decoder->size - 1;
	region = core_region(context->host, decoder);
	while ((line = iomem_next(&context->host->iomem, line, decoder->base,
				  end))) {
		if (!strncmp(line->name, "CXL Window ", 11))
			continue;
		if (!strcmp(line->name, device->address) && is_ours(device)) {
			found(context, OUTCOME_OK, "%s has claimed it", DRIVER);
			return;
		}
		if (!strncmp(line->name, "System RAM", 10)) {
			found_ram(context, line->name, decoder->base, end);
			return;
		}
		if (!strncmp(line->name, "dax", 3)) {
			dax = line;
			continue;
		}
		if (!strcmp(line->name, "Reserved") ||
		    !strcmp(line->name, "Soft Reserved") ||
		    (region && !strcmp(line->name,
				       cxl_region_get_devname(region))))
			continue;
		found(context, OUTCOME_NO, "'%s' of /proc/iomem uses it",
		      line->name);
		advise(context, "unbind the driver that has claimed it");
		return;
	}
	if (region)
		found(context, OUTCOME_TODO,
		      "%s of the CXL core uses it: the region must be deleted",
		      cxl_region_get_devname(region));
	else if (dax)
		found(context, OUTCOME_TODO,
		      "%s uses it: the DAX device must be unbound", dax->name);
	else
		found(context, OUTCOME_OK, "not in use");
}

static void check_memory_map(struct context *context)
{
	const struct hdm_decoder *decoder = context->memory;
	char *type;

	if (!decoder || !platform_has_memory_map())
		return;
	type = platform_memory_type(decoder->base,
				    decoder->base + decoder->size - 1);
	if (!type) {
		found(context, OUTCOME_OK,
		      "the firmware's memory map does not list it");
	} else if (!strcmp(type, "Soft Reserved") ||
		   !strcmp(type, "Reserved")) {
		found(context, OUTCOME_OK, "the firmware's memory map says %s",
		      type);
	} else {
		found(context, OUTCOME_WARNING,
		      "the firmware's memory map says %s", type);
		advise(context,
		       "look for a setting of special-purpose or CXL memory in the firmware's setup; the driver claims memory only if no other resource of /proc/iomem is there");
	}
	free(type);
}

static void check_driver(struct context *context)
{
	const struct hdm_decoder *decoder = context->memory;
	const char *driver = context->device->driver;

	if (!driver) {
		found(context, OUTCOME_OK, "not bound to a driver");
	} else if (is_ours(context->device)) {
		found(context, OUTCOME_OK, "bound to %s", DRIVER);
	} else if (decoder && !decoder->locked &&
		   core_region(context->host, decoder)) {
		found(context, OUTCOME_NO,
		      "bound to %s, and the decoder is not locked: unbinding clears it",
		      driver);
		advise(context,
		       "keep that driver away from it: vfio-cxl bind --persistent %s, then reboot",
		       context->device->address);
	} else {
		found(context, OUTCOME_TODO,
		      "bound to %s: it must be unbound", driver);
	}
}

static void check_memory_state(struct context *context)
{
	const struct device *device = context->device;

	if (device->info_valid && device->active) {
		found(context, OUTCOME_OK, "the memory is active");
		return;
	}
	found(context, OUTCOME_WARNING, "%s",
	      device->info_valid ? "the memory is not active yet" :
				   "the device has not reported its memory yet");
	advise(context,
	       "wait; if this persists, look at the device's own diagnostics");
}

/* IOMMU and reset */

static void check_iommu(struct context *context)
{
	if (context->device->iommu_group >= 0) {
		found(context, OUTCOME_OK, "IOMMU group %d",
		      context->device->iommu_group);
		return;
	}
	found(context, OUTCOME_NO, "no IOMMU translates for the device");
	advise(context,
	       "enable the IOMMU in the firmware's setup and, on Intel, by intel_iommu=on on the kernel's command line");
}

/* Functions that bind gives to vfio-pci leave a group viable */
static bool is_companion(const struct device *device, const char *address)
{
	size_t i;

	for (i = 0; i < device->nr_companions; i++)
		if (!strcmp(device->companions[i].address, address))
			return true;
	return false;
}

static void check_companions(struct context *context)
{
	const struct device *device = context->device;
	size_t i;

	for (i = 0; i < device->nr_companions; i++) {
		const struct companion *each = &device->companions[i];

		if (companion_is_ready(each))
			continue;
		found(context, OUTCOME_TODO,
		      "%s is another function of the device, bound to %s: it must be bound to "
		      COMPANION_DRIVER, each->address,
		      each->driver ?: "no driver");
		return;
	}
	if (device->nr_companions)
		found(context, OUTCOME_OK,
		      "%zu other functions of it are bound to VFIO drivers",
		      device->nr_companions);
}

/* Drivers that leave a group viable: VFIO's, and those of bridges */
static bool is_viable(const char *address, const char *driver)
{
	long long class = 0;

	read_number(&class, PCI_DEVICES "/%s/class", address);
	return !driver || !strncmp(driver, "vfio", 4) ||
	       !strcmp(driver, "pci-stub") || !strcmp(driver, "pcieport") ||
	       class >> 16 == 0x06;
}

static void check_group(struct context *context)
{
	const struct device *device = context->device;
	struct dirent *entry;
	unsigned int nr = 0;
	char *path;
	DIR *folder;

	if (device->iommu_group < 0)
		return;
	path = xprintf("/sys/kernel/iommu_groups/%d/devices",
		       device->iommu_group);
	folder = opendir(path);
	free(path);
	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		const char *name = entry->d_name;
		char *driver;

		if (*name == '.' || !strcmp(name, device->address))
			continue;
		nr++;
		if (is_companion(device, name))
			continue;
		driver = read_link(PCI_DEVICES "/%s/driver", name);
		if (!is_viable(name, driver) && !context->finding->text) {
			found(context, OUTCOME_NO,
			      "%s is in the same group and bound to %s", name,
			      driver);
			advise(context,
			       "bind it to vfio-pci, or unbind it from %s",
			       driver);
		}
		free(driver);
	}
	closedir(folder);
	if (!context->finding->text)
		found(context, OUTCOME_OK, "%u other devices are in it", nr);
}

static void check_reset(struct context *context)
{
	const char *methods = context->device->reset_methods;

	if (methods && *methods) {
		found(context, OUTCOME_OK, "by %s", methods);
		return;
	}
	found(context, OUTCOME_WARNING,
	      "no reset of the device works: it can be opened only once, unless the bus can be reset");
	advise(context,
	       "if all guests belong to one tenant, load the module with scrub=off");
}

static void check_cacheable(struct context *context)
{
	const struct hdm_decoder *decoder = context->memory;
	const char *advice, *why;

	if (!decoder)
		return;
	why = platform_uncached(decoder->base,
				decoder->base + decoder->size - 1, &advice);
	if (!why) {
		found(context, OUTCOME_OK, "KVM maps the memory cacheable");
		return;
	}
	found(context, OUTCOME_WARNING, "%s", why);
	advise(context, "%s", advice);
}

/* Those that find nothing to say, for want of a decoder, are left out. */
static const struct {
	const char *name;
	void (*run)(struct context *context);
} checks[] = {
	{ "module", check_module },
	{ "kernel", check_kernel },
	{ "class", check_class },
	{ "registers", check_registers },
	{ "decoder", check_decoder },
	{ "other-decoders", check_others },
	{ "window", check_window },
	{ "route", check_route },
	{ "memory-map", check_memory_map },
	{ "in-use", check_in_use },
	{ "driver", check_driver },
	{ "memory", check_memory_state },
	{ "iommu", check_iommu },
	{ "companions", check_companions },
	{ "iommu-group", check_group },
	{ "reset", check_reset },
	{ "cacheable", check_cacheable },
};

struct findings check_device(const struct host *host,
			     const struct device *device)
{
	const struct hdm_decoder *memory;
	struct findings findings = { 0 };
	struct route route;
	size_t i;

	route_read(host, device, &route);
	memory = route_memory(device, &route);
	if (memory)
		findings.memory = *memory;
	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		struct finding finding = { .name = checks[i].name };
		struct context context = {
			host, device, memory, &route, &finding
		};

		checks[i].run(&context);
		if (finding.text)
			*append(findings.each, findings.nr) = finding;
	}
	route_free(&route);
	return findings;
}

void findings_free(struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->nr; i++) {
		free(findings->each[i].text);
		free(findings->each[i].advice);
	}
	free(findings->each);
}

const struct finding *findings_worst(const struct findings *findings)
{
	const struct finding *worst = NULL;
	size_t i;

	for (i = 0; i < findings->nr; i++) {
		const struct finding *each = &findings->each[i];

		if (each->outcome == OUTCOME_NO)
			return each;
		if (each->outcome == OUTCOME_UNKNOWN && !worst)
			worst = each;
	}
	return worst;
}

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_OK] = "ok",
		[OUTCOME_TODO] = "todo",
		[OUTCOME_WARNING] = "warning",
		[OUTCOME_UNKNOWN] = "unknown",
		[OUTCOME_NO] = "no",
	};

	return names[outcome];
}
