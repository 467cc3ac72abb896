/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest should see, bit by bit: the oracle of random tests and fuzzers
 *
 * Written from the specification (CXL r3.1 8.1.3, 8.2.4) and the project's
 * rules.  Deliberately slow and simple, it shares nothing with the emulation.
 * Needs the kernel's types and memset() only.
 */
#ifndef VFIO_CXL_KUNIT_MODEL_H
#define VFIO_CXL_KUNIT_MODEL_H

#include <linux/types.h>

#define MODEL_CM_SIZE		0x1000
#define MODEL_HDM_SIZE		0x30
#define MODEL_RAS_SIZE		0x58
#define MODEL_DVSEC_SIZE	0x3c

/**
 * struct vfio_cxl_model_host - registers of the host's device
 * @cm_header: CXL Capability Header
 * @hdm_entry: capability array entry of the HDM decoders
 * @ras_entry: capability array entry of RAS, or 0
 * @hdm: HDM Decoder Capability Structure, up to decoder 0, little endian
 * @ras: RAS Capability Structure, little endian
 * @dvsec: CXL Device DVSEC, little endian
 * @size: size of the memory, in bytes
 */
struct vfio_cxl_model_host {
	u32 cm_header;
	u32 hdm_entry;
	u32 ras_entry;
	u8 hdm[MODEL_HDM_SIZE];
	u8 ras[MODEL_RAS_SIZE];
	u8 dvsec[MODEL_DVSEC_SIZE];
	u64 size;
};

/**
 * struct vfio_cxl_model - a guest's device
 * @host: the host's
 * @set: the VMM locked the decoder
 * @base: where the memory is, as a guest physical address
 * @state: the host's Range 1 Size Low Register, when it was last looked at
 * @bad_accesses: number of bad accesses to component registers
 * @hdm: for each bit, its value if the guest can choose it
 * @ras: likewise
 * @dvsec: likewise
 */
struct vfio_cxl_model {
	struct vfio_cxl_model_host host;
	bool set;
	u64 base;
	u32 state;
	u64 bad_accesses;
	u8 hdm[8 * MODEL_HDM_SIZE];
	u8 ras[8 * MODEL_RAS_SIZE];
	u8 dvsec[8 * MODEL_DVSEC_SIZE];
};

void vfio_cxl_model_init(struct vfio_cxl_model *m,
			 const struct vfio_cxl_model_host *host);
void vfio_cxl_model_reset(struct vfio_cxl_model *m);
bool vfio_cxl_model_set(struct vfio_cxl_model *m, u64 base);
void vfio_cxl_model_memory_state(struct vfio_cxl_model *m, u32 range1_size_low);

u64 vfio_cxl_model_cm_read(struct vfio_cxl_model *m, u32 offset,
			   unsigned int width);
void vfio_cxl_model_cm_write(struct vfio_cxl_model *m, u32 offset,
			     unsigned int width, u64 val);
u64 vfio_cxl_model_dvsec_read(const struct vfio_cxl_model *m, u32 offset,
			      unsigned int width);
void vfio_cxl_model_dvsec_write(struct vfio_cxl_model *m, u32 offset,
				unsigned int width, u64 val);

u8 vfio_cxl_model_cm_byte(const struct vfio_cxl_model *m, u32 offset);

#endif /* VFIO_CXL_KUNIT_MODEL_H */
