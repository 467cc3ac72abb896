// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same device twice, emulated and as a model
 */
#include <linux/string.h>
#include <linux/types.h>

#include "pair.h"

/**
 * vfio_cxl_pair_init - initialise a device that was just opened
 * @pair: filled in
 * @host: the host's
 */
void vfio_cxl_pair_init(struct vfio_cxl_pair *pair,
			const struct vfio_cxl_model_host *host)
{
	struct vfio_cxl_emu_config *config = &pair->config;

	config->cm.header = host->cm_header;
	config->cm.hdm_header = host->hdm_entry;
	config->cm.ras_header = host->ras_entry;
	memcpy(config->cm.hdm, host->hdm, sizeof(host->hdm));
	memcpy(config->cm.ras, host->ras, sizeof(host->ras));
	memcpy(config->dvsec, host->dvsec, sizeof(host->dvsec));
	config->size = host->size;

	vfio_cxl_model_init(&pair->model, host);
	vfio_cxl_emu_init(&pair->emu, config);
}

/**
 * vfio_cxl_pair_reset - a guest resets the device
 * @pair: the device
 */
void vfio_cxl_pair_reset(struct vfio_cxl_pair *pair)
{
	vfio_cxl_model_reset(&pair->model);
	vfio_cxl_emu_reset(&pair->emu);
}

/**
 * vfio_cxl_pair_set - the VMM locks the decoder
 * @pair: the device
 * @base: guest physical address
 *
 * Return: for both, whether the decoder is locked there now.
 */
struct vfio_cxl_pair_value vfio_cxl_pair_set(struct vfio_cxl_pair *pair,
					     u64 base)
{
	return (struct vfio_cxl_pair_value) {
		.emulated = !vfio_cxl_emu_lock(&pair->emu, base),
		.expected = vfio_cxl_model_set(&pair->model, base),
	};
}

/**
 * vfio_cxl_pair_memory_state - set the state of the host's memory
 * @pair: the device
 * @state: DVSEC CXL Range 1 Size Low Register
 */
void vfio_cxl_pair_memory_state(struct vfio_cxl_pair *pair, u32 state)
{
	vfio_cxl_model_memory_state(&pair->model, state);
	vfio_cxl_emu_set_memory_state(&pair->emu, state);
}

/**
 * vfio_cxl_pair_cm_write - a guest writes to the component registers
 * @pair: the device
 * @offset: offset in the component registers
 * @width: 1 to 8 bytes
 * @val: the value
 */
void vfio_cxl_pair_cm_write(struct vfio_cxl_pair *pair, u32 offset,
			    unsigned int width, u64 val)
{
	vfio_cxl_model_cm_write(&pair->model, offset, width, val);
	vfio_cxl_emu_write_cm(&pair->emu, offset, width, val);
}

/**
 * vfio_cxl_pair_cm_read - a guest reads from the component registers
 * @pair: the device
 * @offset: offset in the component registers
 * @width: 1 to 8 bytes
 *
 * Return: both values.
 */
struct vfio_cxl_pair_value vfio_cxl_pair_cm_read(struct vfio_cxl_pair *pair,
						 u32 offset,
						 unsigned int width)
{
	return (struct vfio_cxl_pair_value) {
		.emulated = vfio_cxl_emu_read_cm(&pair->emu, offset, width),
		.expected = vfio_cxl_model_cm_read(&pair->model, offset, width),
	};
}

/**
 * vfio_cxl_pair_dvsec_write - a guest writes to the DVSEC
 * @pair: the device
 * @offset: offset in the DVSEC
 * @width: 1 to 8 bytes, inside the DVSEC
 * @val: the value
 */
void vfio_cxl_pair_dvsec_write(struct vfio_cxl_pair *pair, u32 offset,
			       unsigned int width, u64 val)
{
	vfio_cxl_model_dvsec_write(&pair->model, offset, width, val);
	vfio_cxl_emu_write_dvsec(&pair->emu, offset, width, val);
}

/**
 * vfio_cxl_pair_dvsec_read - a guest reads from the DVSEC
 * @pair: the device
 * @offset: offset in the DVSEC
 * @width: 1 to 8 bytes, inside the DVSEC
 *
 * Return: both values.
 */
struct vfio_cxl_pair_value
vfio_cxl_pair_dvsec_read(const struct vfio_cxl_pair *pair, u32 offset,
			 unsigned int width)
{
	return (struct vfio_cxl_pair_value) {
		.emulated = vfio_cxl_emu_read_dvsec(&pair->emu, offset,
						    width),
		.expected = vfio_cxl_model_dvsec_read(&pair->model, offset,
						      width),
	};
}

/**
 * vfio_cxl_pair_differs - compare every byte
 * @pair: the device
 * @byte: set to the offset of the first byte that differs, in the registers
 * @val: set to both values of it
 *
 * Finds a write that changed something that it must not change.
 *
 * Return: NULL, or the name of the registers that differ.
 */
const char *vfio_cxl_pair_differs(const struct vfio_cxl_pair *pair, u32 *byte,
				  struct vfio_cxl_pair_value *val)
{
	for (*byte = 0; *byte < sizeof(pair->emu.cm.image); ++*byte) {
		val->emulated = pair->emu.cm.image[*byte];
		val->expected = vfio_cxl_model_cm_byte(&pair->model, *byte);
		if (val->emulated != val->expected)
			return "CXL.mem register byte";
	}
	for (*byte = 0; *byte < sizeof(pair->emu.dvsec.image); ++*byte) {
		*val = vfio_cxl_pair_dvsec_read(pair, *byte, 1);
		if (val->emulated != val->expected)
			return "DVSEC byte";
	}
	val->emulated = pair->emu.cm.bad_accesses;
	val->expected = pair->model.bad_accesses;
	*byte = 0;

	return val->emulated == val->expected ? NULL : "bad accesses";
}
