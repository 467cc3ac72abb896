// SPDX-License-Identifier: GPL-2.0-only
/*
 * generate: the part of a virtual machine that devices with CXL.mem need
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "host.h"
#include "memories.h"
#include "out.h"
#include "verb.h"
#include "vm.h"

/*
 * Host bridges are devices of the root bus, which has 32 slots; some of them
 * are the machine's own, and some should be left for other devices.
 */
#define MAX_DEVICES	20

/**
 * struct board - what differs between QEMU's machines
 * @name: name of the machine
 * @properties: properties of -machine, besides the windows
 * @program: QEMU's name
 * @arch: libvirt's name of the architecture
 * @first_bus: bus number of the first host bridge
 * @bus_step: bus numbers that a host bridge gets at most
 */
struct board {
	const char *name;
	const char *properties;
	const char *program;
	const char *arch;
	unsigned int first_bus;
	unsigned int bus_step;
};

static const struct board boards[] = {
	{ "q35", "cxl=on", "qemu-system-x86_64", "x86_64", 32, 16 },
	{ "virt", "gic-version=3,cxl=on", "qemu-system-aarch64", "aarch64", 12,
	  16 },
};

struct device_wanted {
	char *address;
	uint64_t memory;
};

struct wanted {
	const struct board *board;
	bool libvirt;
	uint64_t ram;
	struct device_wanted *devices;
	size_t nr_devices;
};

/* One -OPTION and its value */
struct argument {
	const char *option;
	char *value;
};

struct arguments {
	struct argument *each;
	size_t nr;
};

static void __printf(3, 4) add(struct arguments *arguments, const char *option,
			       const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	*append(arguments->each, arguments->nr) =
		(struct argument){ option, xvprintf(fmt, args) };
	va_end(args);
}

/* ",cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.size=512M" and so on */
static char *windows(const struct wanted *wanted)
{
	char *text = xstrdup("");
	size_t i;

	for (i = 0; i < wanted->nr_devices; i++) {
		char *size = size_text(wanted->devices[i].memory);
		char *more;

		more = xprintf("%s,cxl-fmw.%zu.targets.0=cxl.%zu,"
			       "cxl-fmw.%zu.size=%s", text, i, i, i, size);
		free(size);
		free(text);
		text = more;
	}
	return text;
}

/* @slot: ",addr=SLOT" of the host bridge, or "" for the next free one */
static void add_bridge(struct arguments *arguments, const struct wanted *wanted,
		       size_t i, const char *slot)
{
	const struct board *board = wanted->board;
	unsigned int step = (256 - board->first_bus) /
			    (unsigned int)wanted->nr_devices;

	if (step > board->bus_step)
		step = board->bus_step;
	add(arguments, "-device",
	    "pxb-cxl,id=cxl.%zu,bus=pcie.0%s,bus_nr=%zu,hdm_for_passthrough=on",
	    i, slot, board->first_bus + i * step);
	add(arguments, "-device",
	    "cxl-rp,id=cxl.%zu.0,bus=cxl.%zu,port=0,chassis=0,slot=%zu",
	    i, i, i + 1);
}

static bool has_large_domain(const char *address)
{
	return strchr(address, ':') - address > 4;
}

static void add_devices(struct arguments *arguments,
			const struct wanted *wanted)
{
	size_t i;

	for (i = 0; i < wanted->nr_devices; i++) {
		const char *address = wanted->devices[i].address;

		add_bridge(arguments, wanted, i, "");
		/* QEMU's host= takes a domain of four digits only. */
		if (has_large_domain(address))
			add(arguments, "-device",
			    "vfio-pci,sysfsdev=%s/%s,bus=cxl.%zu.0",
			    PCI_DEVICES, address, i);
		else
			add(arguments, "-device",
			    "vfio-pci,host=%s,bus=cxl.%zu.0", address, i);
	}
}

/* Without -numa QEMU writes no SRAT, and Linux makes no nodes of windows. */
static struct arguments qemu_arguments(const struct wanted *wanted)
{
	struct arguments arguments = { 0 };
	char *ram = size_text(wanted->ram), *fmw = windows(wanted);

	add(&arguments, "-accel", "kvm");
	add(&arguments, "-cpu", "host");
	add(&arguments, "-m", "%s", ram);
	add(&arguments, "-object", "memory-backend-ram,id=ram,size=%s", ram);
	add(&arguments, "-numa", "node,memdev=ram");
	add(&arguments, "-machine", "%s,%s%s", wanted->board->name,
	    wanted->board->properties, fmw);
	add_devices(&arguments, wanted);
	free(ram);
	free(fmw);
	return arguments;
}

/*
 * libvirt does not know about the host bridges, and assigns slots to its own
 * devices: its display and PCIe ports count up from 1, and controllers of a q35
 * machine's chipset are at 0x1a and above.  So host bridges count down from
 * here.
 */
#define LAST_SLOT	0x19

/*
 * libvirt has elements for the rest, one of which names the machine.  QEMU
 * creates these devices before libvirt's own, which are in JSON, so that those
 * can be on a bus that is created here.
 */
static struct arguments libvirt_arguments(const struct wanted *wanted)
{
	struct arguments arguments = { 0 };
	char *fmw = windows(wanted);
	size_t i;

	add(&arguments, "-machine", "cxl=on%s", fmw);
	for (i = 0; i < wanted->nr_devices; i++) {
		char *slot = xprintf(",addr=%#zx", LAST_SLOT - i);

		add_bridge(&arguments, wanted, i, slot);
		free(slot);
	}
	free(fmw);
	return arguments;
}

static void free_arguments(struct arguments *arguments)
{
	size_t i;

	for (i = 0; i < arguments->nr; i++)
		free(arguments->each[i].value);
	free(arguments->each);
}

static void print_qemu(const struct wanted *wanted)
{
	struct arguments arguments = qemu_arguments(wanted);
	size_t i;

	printf("%s", wanted->board->program);
	for (i = 0; i < arguments.nr; i++)
		printf(" \\\n  %s %s", arguments.each[i].option,
		       arguments.each[i].value);
	putchar('\n');
	free_arguments(&arguments);
}

static void print_json(const struct wanted *wanted)
{
	struct arguments arguments = qemu_arguments(wanted);
	struct json_object *top = json_object_new_object(), *array;
	size_t i;

	json_text(top, "program", wanted->board->program);
	array = json_array_in(top, "arguments");
	for (i = 0; i < arguments.nr; i++) {
		const struct argument *each = &arguments.each[i];

		json_object_array_add(array,
				      json_object_new_string(each->option));
		json_object_array_add(array,
				      json_object_new_string(each->value));
	}
	json_print(top);
	free_arguments(&arguments);
}

/*
 * A device that libvirt gives QEMU access to; its alias determines its place.
 * It stays bound as it is: unlike vfio-cxl bind, libvirt would not check
 * whether the host uses its memory.
 */
static void print_hostdev(size_t i, const char *address)
{
	/* DDDD:BB:SS.F, as domains of more digits are refused */
	printf("    <hostdev mode='subsystem' type='pci' managed='no'>\n"
	       "      <source>\n"
	       "        <address domain='0x%.4s' bus='0x%.2s' slot='0x%.2s' function='0x%.1s'/>\n"
	       "      </source>\n"
	       "      <alias name='ua-cxl%zu'/>\n"
	       "    </hostdev>\n",
	       address, address + 5, address + 8, address + 11, i);
}

/* libvirt would place it in a PCIe port, which has no CXL.mem. */
static void print_override(size_t i)
{
	printf("    <qemu:device alias='ua-cxl%zu'>\n"
	       "      <qemu:frontend>\n"
	       "        <qemu:property name='bus' type='string' value='cxl.%zu.0'/>\n"
	       "        <qemu:property name='addr' type='string' value='0x0'/>\n"
	       "      </qemu:frontend>\n"
	       "    </qemu:device>\n", i, i);
}

static void print_libvirt(const struct wanted *wanted)
{
	unsigned long long ram = wanted->ram >> 20;
	struct arguments arguments = libvirt_arguments(wanted);
	char *emulator = find_program(wanted->board->program);
	size_t i;

	printf("<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
	       "  <name>cxl</name>\n"
	       "  <memory unit='MiB'>%llu</memory>\n"
	       "  <vcpu>1</vcpu>\n"
	       "  <os%s>\n"
	       "    <type arch='%s' machine='%s'>hvm</type>\n"
	       "  </os>\n"
	       "  <features><acpi/></features>\n"
	       "  <cpu mode='host-passthrough'>\n"
	       "    <numa><cell id='0' cpus='0' memory='%llu' unit='MiB'/></numa>\n"
	       "  </cpu>\n"
	       "  <devices>\n",
	       ram,
	       strcmp(wanted->board->name, "virt") ? "" : " firmware='efi'",
	       wanted->board->arch, wanted->board->name, ram);
	if (emulator)
		printf("    <emulator>%s</emulator>\n", emulator);
	for (i = 0; i < wanted->nr_devices; i++)
		print_hostdev(i, wanted->devices[i].address);
	printf("  </devices>\n"
	       "  <qemu:commandline>\n");
	for (i = 0; i < arguments.nr; i++)
		printf("    <qemu:arg value='%s'/>\n"
		       "    <qemu:arg value='%s'/>\n",
		       arguments.each[i].option, arguments.each[i].value);
	printf("  </qemu:commandline>\n"
	       "  <qemu:override>\n");
	for (i = 0; i < wanted->nr_devices; i++)
		print_override(i);
	printf("  </qemu:override>\n"
	       "</domain>\n");
	free(emulator);
	free_arguments(&arguments);
}

/* The output passes plan, or is not written. */
static void must_be_accepted(const struct wanted *wanted,
			     struct memories *memories)
{
	struct arguments arguments = qemu_arguments(wanted);
	struct vm_place *places;
	struct vm vm = { 0 };
	char **words = NULL;
	size_t i, nr = 0, refused;

	for (i = 0; i < arguments.nr; i++) {
		*append(words, nr) = xstrdup(arguments.each[i].option);
		*append(words, nr) = xstrdup(arguments.each[i].value);
	}
	vm_from_qemu(&vm, words, nr, memories);
	places = vm_select(&vm, &refused);
	for (i = 0; i < vm.nr_devices; i++)
		if (places[i].reason)
			warn("%s", places[i].reason);
	if (refused)
		exit(STATUS_NO);
	vm_free_places(&vm, places);
	vm_free(&vm);
	for (i = 0; i < nr; i++)
		free(words[i]);
	free(words);
	free_arguments(&arguments);
}

static const struct board *find_board(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(boards); i++)
		if (!strcmp(boards[i].name, name))
			return &boards[i];
	die(STATUS_USAGE, "--machine %s: must be q35 or virt", name);
}

static void add_device(struct wanted *wanted, const char *text,
		       struct memories *memories)
{
	struct device_wanted *device;
	char *address = full_address(text), *driver;
	size_t i;

	if (!address)
		die(STATUS_USAGE,
		    "'%s' is not a PCI address such as 0000:21:00.0", text);
	for (i = 0; i < wanted->nr_devices; i++)
		if (!strcmp(wanted->devices[i].address, address))
			die(STATUS_USAGE, "%s is given twice", address);
	if (wanted->libvirt && has_large_domain(address))
		die(STATUS_NO,
		    "%s: libvirt gives QEMU host=, which takes a domain of four digits only",
		    address);
	device = append(wanted->devices, wanted->nr_devices);
	device->address = address;
	device->memory = memories_size(memories, address);
	if (!device->memory)
		die(STATUS_NO,
		    "%s has no CXL.mem: 'vfio-cxl list' shows devices that do",
		    address);
	driver = read_link(PCI_DEVICES "/%s/driver", address);
	if (memories->host && (!driver || strcmp(driver, DRIVER)))
		warn("%s is not bound to " DRIVER " yet: vfio-cxl bind %s",
		     address, address);
	free(driver);
}

static uint64_t ram_size(const struct args *args)
{
	const char *text = arg_value(args, "ram");
	uint64_t ram;

	if (!text)
		return UINT64_C(4) << 30;
	if (!parse_size(text, UINT64_C(1) << 20, &ram) || !ram ||
	    ram % (1 << 20))
		die(STATUS_USAGE, "--ram %s: must be a size such as 4G", text);
	return ram;
}

static enum status run_generate(const struct args *args)
{
	const char *machine = arg_value(args, "machine") ?: "q35";
	const char *format = arg_value(args, "format") ?: "qemu";
	struct memories memories = { .args = args };
	struct wanted wanted = { .board = find_board(machine) };
	size_t i;

	wanted.libvirt = !strcmp(format, "libvirt");
	if (!wanted.libvirt && strcmp(format, "qemu"))
		die(STATUS_USAGE, "--format %s: must be qemu or libvirt",
		    format);
	if (wanted.libvirt && args->json)
		die(STATUS_USAGE, "--json requires --format qemu");
	if (args->nr_operands > MAX_DEVICES)
		die(STATUS_USAGE,
		    "%zu devices: QEMU's root bus has room for %d host bridges",
		    args->nr_operands, MAX_DEVICES);
	memories_check(&memories);
	wanted.ram = ram_size(args);
	for (i = 0; i < args->nr_operands; i++)
		add_device(&wanted, args->operands[i], &memories);
	must_be_accepted(&wanted, &memories);
	if (wanted.libvirt)
		print_libvirt(&wanted);
	else if (args->json)
		print_json(&wanted);
	else
		print_qemu(&wanted);
	for (i = 0; i < wanted.nr_devices; i++)
		free(wanted.devices[i].address);
	free(wanted.devices);
	memories_free(&memories);
	return STATUS_OK;
}

static const struct verb_option options[] = {
	{ "machine", "q35|virt", "QEMU's machine (default: q35)" },
	{ "format", "qemu|libvirt", "what to write (default: qemu)" },
	{ "ram", "SIZE", "the guest's RAM (default: 4G)" },
	MEMORIES_OPTION,
	{ 0 }
};

const struct verb verb_generate = {
	.name = "generate",
	.synopsis = "DEV...",
	.summary = "Write a virtual machine that gets these devices",
	.details =
		"Each device gets a host bridge, a root port, and a window as large\n"
		"as its memory. Disks, network and firmware must be added.\n"
		"The output passes 'vfio-cxl plan'; it needs QEMU with the\n"
		"series of tools/qemu.\n",
	.options = options,
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.run = run_generate,
};
