/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CXL.mem device as its guest sees it
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct guest_view - where a guest finds the memory of a device
 * @decoder_base: base of HDM decoder 0
 * @decoder_size: size of HDM decoder 0
 * @committed: HDM decoder 0 is committed
 * @locked: HDM decoder 0 and the device's configuration are locked
 * @enabled: the HDM decoders and CXL.mem are enabled
 * @range_base: base of range 1 of the CXL device
 * @range_size: size of range 1 of the CXL device
 */
struct guest_view {
	uint64_t decoder_base;
	uint64_t decoder_size;
	bool committed;
	bool locked;
	bool enabled;
	uint64_t range_base;
	uint64_t range_size;
};

/**
 * guest_look() - read the registers of a device as a guest does
 * @device_fd: the device
 * @bdf: PCI address, for messages
 * @view: filled in
 *
 * Also finds the registers as a guest does: through the DVSECs in config space
 * and the capability array in a BAR.  Does not return if that fails.
 */
void guest_look(int device_fd, const char *bdf, struct guest_view *view);

/**
 * guest_move() - try to move HDM decoder 0 as a guest could
 * @device_fd: the device
 * @bdf: PCI address, for messages
 *
 * Writes all of the decoder's registers; guest_look() shows the result.
 */
void guest_move(int device_fd, const char *bdf);

#endif /* GUEST_H */
