// SPDX-License-Identifier: GPL-2.0-only
/*
 * plan: show where the memory of each device of a virtual machine would be
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memories.h"
#include "out.h"
#include "verb.h"
#include "vm.h"

static void print_json(const struct vm *vm, const struct vm_place *places)
{
	struct json_object *top = json_object_new_object(), *each, *inner;
	struct json_object *devices = json_array_in(top, "devices");
	size_t i;

	for (i = 0; i < vm->nr_devices; i++) {
		const struct vm_device *device = &vm->devices[i];
		const struct vm_place *place = &places[i];

		each = json_append(devices);
		json_text(each, "name", device->name);
		json_text(each, "host_bridge", device->host_bridge);
		json_number(each, "memory", device->memory);
		json_text(each, "verdict", place->verdict);
		if (place->window) {
			inner = json_object_in(each, "window");
			json_text(inner, "name", place->window->name);
			json_number(inner, "base", place->window->base);
			json_number(inner, "size", place->window->size);
		} else {
			json_object_object_add(each, "window", NULL);
		}
		json_text(each, "reason", place->reason);
	}
	json_print(top);
}

static void print_lines(const struct vm *vm, const struct vm_place *places)
{
	size_t i;

	if (!vm->nr_devices)
		warn("this virtual machine has no device with CXL.mem");
	for (i = 0; i < vm->nr_devices; i++) {
		const struct vm_device *device = &vm->devices[i];
		const struct vm_place *place = &places[i];
		char *memory, *size;

		if (!place->accepted) {
			printf("no  %s\n", place->reason);
			continue;
		}
		memory = size_text(device->memory);
		size = size_text(place->window->size);
		printf("ok  device %s below host bridge %s: %s of window %s ",
		       device->name, device->host_bridge, memory,
		       place->window->name);
		printf("(base 0x%llx, size %s)\n",
		       (unsigned long long)place->window->base, size);
		free(memory);
		free(size);
	}
}

static void read_vm(struct vm *vm, const struct args *args,
		    struct memories *memories)
{
	const char *name = args->operands[0];
	size_t size;
	char *text;

	if (args->nr_operands > 1) {
		vm_from_qemu(vm, args->operands, args->nr_operands, memories);
		return;
	}
	text = read_file(strcmp(name, "-") ? name : "/dev/stdin", &size);
	if (!text)
		die(STATUS_USAGE, "%s: %s", name, strerror(errno));
	vm_from_text(vm, name, text, size, memories);
	free(text);
}

static enum status run_plan(const struct args *args)
{
	struct memories memories = { .args = args };
	struct vm_place *places;
	struct vm vm = { 0 };
	size_t refused;

	memories_check(&memories);
	read_vm(&vm, args, &memories);
	places = vm_select(&vm, &refused);
	if (args->json)
		print_json(&vm, places);
	else
		print_lines(&vm, places);
	vm_free_places(&vm, places);
	vm_free(&vm);
	memories_free(&memories);
	return refused ? STATUS_NO : STATUS_OK;
}

static const struct verb_option options[] = {
	MEMORIES_OPTION,
	{ 0 }
};

const struct verb verb_plan = {
	.name = "plan",
	.synopsis = "FILE | -- QEMU-ARGUMENT...",
	.summary = "Show where a virtual machine would have devices' memory",
	.details =
		"FILE (- for standard input) contains a QEMU command line, a libvirt\n"
		"domain, or JSON as vfio-cxl(1) describes it. Shows the window of\n"
		"each device, or the reason why vfio_cxl_select() refuses it.\n"
		"Nothing is started. Exit status: 0 if each device has a window,\n"
		"1 if one is refused.\n",
	.options = options,
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.run = run_plan,
};
