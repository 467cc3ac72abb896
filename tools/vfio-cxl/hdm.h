/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HDM decoders of a device, a host bridge or a switch (CXL r3.1 8.2.4.20)
 */
#ifndef HDM_H
#define HDM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HDM_MAX_DECODERS	32

/**
 * struct hdm_decoder - one decoder
 * @committed: it decodes; the rest is 0 otherwise
 * @locked: it cannot be changed until the next reset
 * @host_only: memory that is host-only coherent, not device-coherent
 * @back_invalidate: the device invalidates caches of the host
 * @unordered: it accepts Unordered I/O; the CXL core knows neither
 * @ways: interleave ways
 * @base: host physical address
 * @size: size in bytes
 * @target: Port Number of the first target of a host bridge or switch, -1 if it
 *	is not known
 */
struct hdm_decoder {
	bool committed;
	bool locked;
	bool host_only;
	bool back_invalidate;
	bool unordered;
	unsigned int ways;
	uint64_t base;
	uint64_t size;
	int target;
};

/**
 * struct hdm - an HDM Decoder Capability
 * @enabled: HDM Decoder Enable of the global control, which only devices have:
 *	decoders of host bridges and switches need no more than a commit
 * @absent: the component registers have no HDM Decoder Capability
 * @nr: number of decoders
 * @decoders: the decoders
 */
struct hdm {
	bool enabled;
	bool absent;
	unsigned int nr;
	struct hdm_decoder decoders[HDM_MAX_DECODERS];
};

/**
 * hdm_read() - read the decoders of a block of component registers
 * @hdm: filled in on success; otherwise only whether it is absent
 * @path: file that the block can be mapped from
 * @offset: offset of the block in the file
 *
 * Return: NULL, or why they cannot be read, of static storage duration.
 */
const char *hdm_read(struct hdm *hdm, const char *path, off_t offset);

#endif /* HDM_H */
