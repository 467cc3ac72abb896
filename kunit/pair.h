/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same device twice, emulated and as a model: what random tests and the
 * fuzzer compare
 */
#ifndef VFIO_CXL_KUNIT_PAIR_H
#define VFIO_CXL_KUNIT_PAIR_H

#include <linux/types.h>

#include "emu/emu.h"
#include "model.h"

/**
 * struct vfio_cxl_pair - a guest's device, twice
 * @emu: emulated
 * @config: the host's, for @emu
 * @model: the model of it
 */
struct vfio_cxl_pair {
	struct vfio_cxl_emu emu;
	struct vfio_cxl_emu_config config;
	struct vfio_cxl_model model;
};

/**
 * struct vfio_cxl_pair_value - what was read or returned
 * @emulated: from the emulation
 * @expected: from the model
 */
struct vfio_cxl_pair_value {
	u64 emulated;
	u64 expected;
};

void vfio_cxl_pair_init(struct vfio_cxl_pair *pair,
			const struct vfio_cxl_model_host *host);
void vfio_cxl_pair_reset(struct vfio_cxl_pair *pair);
struct vfio_cxl_pair_value vfio_cxl_pair_set(struct vfio_cxl_pair *pair,
					     u64 base);
void vfio_cxl_pair_memory_state(struct vfio_cxl_pair *pair, u32 state);
void vfio_cxl_pair_cm_write(struct vfio_cxl_pair *pair, u32 offset,
			    unsigned int width, u64 val);
struct vfio_cxl_pair_value vfio_cxl_pair_cm_read(struct vfio_cxl_pair *pair,
						 u32 offset,
						 unsigned int width);
void vfio_cxl_pair_dvsec_write(struct vfio_cxl_pair *pair, u32 offset,
			       unsigned int width, u64 val);
struct vfio_cxl_pair_value
vfio_cxl_pair_dvsec_read(const struct vfio_cxl_pair *pair, u32 offset,
			 unsigned int width);
const char *vfio_cxl_pair_differs(const struct vfio_cxl_pair *pair, u32 *byte,
				  struct vfio_cxl_pair_value *val);

#endif /* VFIO_CXL_KUNIT_PAIR_H */
