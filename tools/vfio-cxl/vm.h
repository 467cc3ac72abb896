/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine's CXL topology, from its description to the verdicts
 */
#ifndef VM_H
#define VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vfio-cxl.h>

struct memories;

/**
 * struct vm_window - one of its CXL fixed memory windows
 * @name: as in struct vfio_cxl_window, like the other members
 * @placed: whether it has a base
 * @base: its first address
 * @size: size in bytes
 * @targets: names of host bridges
 * @nr_targets: their number
 */
struct vm_window {
	char *name;
	bool placed;
	uint64_t base;
	uint64_t size;
	char **targets;
	size_t nr_targets;
};

/**
 * struct vm_device - one of the host's devices that are assigned to it
 * @name: as in struct vfio_cxl_device, like the other members
 * @host_bridge: NULL if it is not below a CXL host bridge
 * @below_switch: whether it is below a switch
 * @memory: size of its memory
 * @locked_base: address that it is locked at, or 0
 * @objection: why QEMU refuses what the library accepts, or NULL
 */
struct vm_device {
	char *name;
	char *host_bridge;
	bool below_switch;
	uint64_t memory;
	uint64_t locked_base;
	char *objection;
};

/**
 * struct vm - its topology
 * @windows: all windows
 * @nr_windows: their number
 * @devices: all devices that have CXL.mem
 * @nr_devices: their number
 */
struct vm {
	struct vm_window *windows;
	size_t nr_windows;
	struct vm_device *devices;
	size_t nr_devices;
};

void vm_free(struct vm *vm);

/**
 * vm_from_qemu() - read a QEMU command line; exit if it is invalid
 * @vm: filled in
 * @argv: the command line, with or without the program's name
 * @nr: its length
 * @memories: sizes of the memory of devices
 */
void vm_from_qemu(struct vm *vm, char *const *argv, size_t nr,
		  struct memories *memories);

/**
 * vm_from_text() - read a file's contents; exit if they are invalid
 * @vm: filled in
 * @name: name of the file, for errors
 * @text: JSON, XML of libvirt, or a QEMU command line
 * @size: its size
 * @memories: sizes of the memory of devices
 */
void vm_from_text(struct vm *vm, const char *name, const char *text,
		  size_t size, struct memories *memories);

/* The same for one format */
void vm_from_json(struct vm *vm, const char *name, const char *text);
void vm_from_libvirt(struct vm *vm, const char *name, const char *text,
		     size_t size, struct memories *memories);

/**
 * struct vm_place - the result for a device
 * @accepted: whether it has a place
 * @verdict: a word: vfio_cxl_verdict_name(), or "refused-by-qemu"
 * @window: its place, or NULL
 * @reason: why it has none, or NULL
 */
struct vm_place {
	bool accepted;
	const char *verdict;
	const struct vm_window *window;
	char *reason;
};

/**
 * vm_select() - ask vfio_cxl_select() for the place of every device
 * @vm: the topology
 * @refused: set to how many have none
 *
 * Return: the place of each, to be freed by vm_free_places().
 */
struct vm_place *vm_select(const struct vm *vm, size_t *refused);

void vm_free_places(const struct vm *vm, struct vm_place *places);

#endif /* VM_H */
