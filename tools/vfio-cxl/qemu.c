// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read a virtual machine from a QEMU command line
 *
 * Only options that determine where CXL memory goes are examined: -machine, -m,
 * and -device of host bridges, ports and the host's devices.  They refer to
 * each other only by name, as in QEMU itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "memories.h"
#include "util.h"
#include "vm.h"

#define MIB		(UINT64_C(1) << 20)
#define GIB		(UINT64_C(1) << 30)

static uint64_t round_up(uint64_t number, uint64_t to)
{
	return (number + to - 1) / to * to;
}

struct property {
	char *name;
	char *value;
};

/* An option's value: the type, and NAME=VALUE */
struct options {
	struct property *each;
	size_t nr;
};

struct part {
	struct options options;
	unsigned int ports;
};

struct machine {
	struct options options;
	struct options memory;
	struct part *parts;
	size_t nr_parts;
};

static const char *get(const struct options *options, const char *name)
{
	size_t i = options->nr;

	/* The last one counts. */
	while (i--)
		if (!strcmp(options->each[i].name, name))
			return options->each[i].value;
	return NULL;
}

static bool is_on(const struct options *options, const char *name)
{
	const char *value = get(options, name);

	return value && (!strcmp(value, "on") || !strcmp(value, "true") ||
			 !strcmp(value, "yes"));
}

static void add(struct options *options, char *name, char *value)
{
	*append(options->each, options->nr) = (struct property){ name, value };
}

/* Up to a comma; two commas stand for a literal one. */
static char *take_value(const char **at)
{
	char *value = xstrdup(*at), *to = value;

	while (**at && ((*at)[0] != ',' || (*at)[1] == ',')) {
		*at += **at == ',';
		*to++ = *(*at)++;
	}
	*to = '\0';
	if (**at)
		(*at)++;
	return value;
}

/* @implied: name of a first property without one */
static void parse_options(struct options *options, const char *implied,
			  const char *text)
{
	while (*text) {
		char *part = take_value(&text);
		char *equals = strchr(part, '=');

		if (equals)
			add(options, xstrndup(part, (size_t)(equals - part)),
			    xstrdup(equals + 1));
		else if (implied)
			add(options, xstrdup(implied), xstrdup(part));
		else
			add(options, xstrdup(part), xstrdup("on"));
		free(part);
		implied = NULL;
	}
}

/* -device takes JSON, too; libvirt writes it. */
static void parse_json(struct options *options, const char *text)
{
	struct json_object *json = json_tokener_parse(text);

	if (!json || !json_object_is_type(json, json_type_object))
		die(STATUS_USAGE, "-device %s: not JSON", text);
	json_object_object_foreach(json, name, value)
		add(options, xstrdup(name),
		    xstrdup(json_object_get_string(value) ?: ""));
	json_object_put(json);
}

static void free_options(struct options *options)
{
	size_t i;

	for (i = 0; i < options->nr; i++) {
		free(options->each[i].name);
		free(options->each[i].value);
	}
	free(options->each);
}

static void read_option(struct machine *machine, const char *name,
			const char *value)
{
	struct part *part;

	if (!strcmp(name, "machine") || !strcmp(name, "M")) {
		parse_options(&machine->options, "type", value);
	} else if (!strcmp(name, "m")) {
		parse_options(&machine->memory, "size", value);
	} else if (!strcmp(name, "device")) {
		part = append(machine->parts, machine->nr_parts);
		if (*value == '{')
			parse_json(&part->options, value);
		else
			parse_options(&part->options, "driver", value);
	} else if (!strcmp(name, "readconfig")) {
		die(STATUS_USAGE,
		    "-readconfig %s: not supported; pass its contents as options",
		    value);
	}
}

static void read_arguments(struct machine *machine, char *const *argv,
			   size_t nr)
{
	static const char *const known[] = {
		"machine", "M", "m", "device", "readconfig"
	};
	size_t i, j;

	for (i = 0; i < nr; i++) {
		const char *name = argv[i];

		if (*name != '-')
			continue;
		name += name[1] == '-' ? 2 : 1;
		for (j = 0; j < ARRAY_SIZE(known); j++)
			if (!strcmp(name, known[j]))
				break;
		if (j == ARRAY_SIZE(known))
			continue;
		if (i + 1 == nr)
			die(STATUS_USAGE, "%s: its value is missing", argv[i]);
		read_option(machine, name, argv[++i]);
	}
}

/* Windows */

static uint64_t must_be_size(const char *what, const char *text, uint64_t unit)
{
	uint64_t size;

	if (!parse_size(text, unit, &size))
		die(STATUS_USAGE, "%s: '%s' is not a size such as 512M", what,
		    text);
	return size;
}

static struct vm_window *get_window(struct vm *vm, unsigned int number)
{
	/* QEMU numbers them without gaps, and has no address for more. */
	if (number >= 4096)
		die(STATUS_USAGE, "cxl-fmw.%u: QEMU has no such window",
		    number);
	while (vm->nr_windows <= number) {
		struct vm_window *window = append(vm->windows, vm->nr_windows);

		window->name = xprintf("cxl-fmw.%zu", vm->nr_windows - 1);
	}
	return &vm->windows[number];
}

static void set_target(struct vm_window *window, unsigned int number,
		       const char *target)
{
	if (number >= 64)
		die(STATUS_USAGE, "%s.targets.%u: QEMU has no such target",
		    window->name, number);
	while (window->nr_targets <= number)
		*append(window->targets, window->nr_targets) = xstrdup("");
	free(window->targets[number]);
	window->targets[number] = xstrdup(target);
}

static void read_windows(struct vm *vm, const struct machine *machine)
{
	size_t i;

	for (i = 0; i < machine->options.nr; i++) {
		const struct property *each = &machine->options.each[i];
		unsigned int number, target;
		int end = 0;

		if (sscanf(each->name, "cxl-fmw.%u.targets.%u%n", &number,
			   &target, &end) == 2 && !each->name[end]) {
			set_target(get_window(vm, number), target,
				   each->value);
			continue;
		}
		end = 0;
		if (sscanf(each->name, "cxl-fmw.%u.size%n", &number,
			   &end) == 1 && end && !each->name[end])
			get_window(vm, number)->size =
				must_be_size(each->name, each->value, 1);
	}
}

/* Where QEMU 10 puts the first window; others follow it without gaps. */
static uint64_t first_base(const struct machine *machine)
{
	const char *type = get(&machine->options, "type") ?: "";
	const char *size = get(&machine->memory, "size");
	const char *most = get(&machine->memory, "maxmem");
	const char *slots = get(&machine->memory, "slots");
	const char *mmio = get(&machine->options, "highmem-mmio-size");
	uint64_t ram, extra, base, low;

	ram = size ? must_be_size("-m", size, MIB) : 128 * MIB;
	extra = most ? must_be_size("-m maxmem", most, MIB) : ram;
	extra = extra > ram ? extra - ram +
			      GIB * strtoull(slots ?: "0", NULL, 0) : 0;

	if (!strncmp(type, "virt", 4)) {
		uint64_t room = mmio ? must_be_size("highmem-mmio-size", mmio,
						    1) : 512 * GIB;

		/* RAM begins at 1 GiB, the high devices at 256 GiB or after */
		base = round_up(GIB + ram, GIB) + round_up(extra, GIB);
		if (base < 256 * GIB)
			base = 256 * GIB;
		/* The PCIe window is the last of these, and the largest. */
		return room ? round_up(base + 512 * MIB, room) + room : base;
	}
	low = ram >= 0xb0000000 ? 0x80000000 : 0xb0000000;
	base = 4 * GIB + (ram > low ? ram - low : 0);
	if (extra)
		base = round_up(base, GIB) + extra;
	/* Component registers of host bridges, then the windows */
	return round_up(base + MIB, VFIO_CXL_ALIGN);
}

static void place_windows(struct vm *vm, const struct machine *machine)
{
	uint64_t base = first_base(machine);
	size_t i;

	for (i = 0; i < vm->nr_windows; i++) {
		struct vm_window *window = &vm->windows[i];

		if (base > VFIO_CXL_LIMIT ||
		    window->size > VFIO_CXL_LIMIT - base)
			return;
		window->placed = true;
		window->base = base;
		base += window->size;
	}
}

/* Devices */

static bool is_driver(const struct part *part, const char *name)
{
	const char *driver = get(&part->options, "driver");

	return driver && !strcmp(driver, name);
}

/* A port's bus has the port's name, and a host bridge's that of the bridge. */
static struct part *find_parent(const struct machine *machine,
				const struct part *part)
{
	const char *bus = get(&part->options, "bus");
	size_t i;

	for (i = 0; bus && i < machine->nr_parts; i++) {
		const char *id = get(&machine->parts[i].options, "id");

		if (id && !strcmp(id, bus))
			return &machine->parts[i];
	}
	return NULL;
}

/* The name that QEMU uses, too */
static char *device_name(const struct part *part)
{
	const char *host = get(&part->options, "host");
	const char *path = get(&part->options, "sysfsdev");
	const char *id = get(&part->options, "id");
	char *address;

	if (path && strrchr(path, '/'))
		return xstrdup(strrchr(path, '/') + 1);
	if (host) {
		address = full_address(host);
		if (!address)
			die(STATUS_USAGE,
			    "host=%s is not a PCI address such as 0000:21:00.0",
			    host);
		return address;
	}
	if (!id)
		die(STATUS_USAGE,
		    "a vfio-pci device needs host, sysfsdev or id");
	return xstrdup(id);
}

/* What QEMU requires beyond what the library checks */
static const char *find_objection(const struct machine *machine,
				  const struct part *port,
				  const struct part *bridge)
{
	if (!is_on(&machine->options, "cxl"))
		return "the machine has no CXL; add cxl=on to -machine";
	if (port == bridge || !is_driver(port, "cxl-rp"))
		return "there is no CXL root port right above it; give it a "
		       "cxl-rp of the host bridge as its bus";
	if (!is_on(&bridge->options, "hdm_for_passthrough") &&
	    bridge->ports == 1)
		return "the host bridge has no HDM decoder; give the pxb-cxl "
		       "hdm_for_passthrough=on";
	return NULL;
}

static void read_device(struct vm *vm, const struct machine *machine,
			const struct part *part, struct memories *memories)
{
	const struct part *port, *top;
	struct vm_device *device;
	const char *objection;
	unsigned int above = 0;
	uint64_t memory;
	char *name;

	name = device_name(part);
	memory = memories_size(memories, name);
	if (!memory) {
		free(name);
		return;
	}
	device = append(vm->devices, vm->nr_devices);
	device->name = name;
	device->memory = memory;

	port = find_parent(machine, part);
	for (top = port; top && !is_driver(top, "pxb-cxl"); above++) {
		if (above == machine->nr_parts)
			die(STATUS_USAGE, "the bus of %s leads to itself",
			    name);
		top = find_parent(machine, top);
	}
	if (!top)
		return;
	device->host_bridge = xstrdup(get(&top->options, "id"));
	device->below_switch = above > 1;
	objection = find_objection(machine, port, top);
	if (objection)
		device->objection =
			xprintf("device %s below host bridge %s: %s", name,
				device->host_bridge, objection);
}

static void count_ports(struct machine *machine)
{
	size_t i;

	for (i = 0; i < machine->nr_parts; i++) {
		struct part *parent;

		if (!is_driver(&machine->parts[i], "cxl-rp"))
			continue;
		parent = find_parent(machine, &machine->parts[i]);
		if (parent)
			parent->ports++;
	}
}

void vm_from_qemu(struct vm *vm, char *const *argv, size_t nr,
		  struct memories *memories)
{
	struct machine machine = { 0 };
	size_t i;

	read_arguments(&machine, argv, nr);
	read_windows(vm, &machine);
	place_windows(vm, &machine);
	count_ports(&machine);
	for (i = 0; i < machine.nr_parts; i++) {
		const struct part *part = &machine.parts[i];
		const char *off = get(&part->options, "x-cxl");

		if ((is_driver(part, "vfio-pci") ||
		     is_driver(part, "vfio-pci-nohotplug")) &&
		    (!off || is_on(&part->options, "x-cxl")))
			read_device(vm, &machine, part, memories);
	}

	free_options(&machine.options);
	free_options(&machine.memory);
	for (i = 0; i < machine.nr_parts; i++)
		free_options(&machine.parts[i].options);
	free(machine.parts);
}
