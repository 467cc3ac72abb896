// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest should see, bit by bit: the oracle of random tests and fuzzers
 *
 * Each register structure has one function, which tells what one bit is at this
 * moment; reads and writes follow from that.
 */
#include <linux/string.h>
#include <linux/types.h>

#include "model.h"

/**
 * enum bit - what a bit is at this moment
 * @IS_0: always reads 0
 * @IS_1: always reads 1
 * @HOST: always reads what the host's reads
 * @GUEST: reads what the guest wrote last
 * @KEPT: reads what the guest wrote before; writes are ignored now
 *
 * Bits that a 1 clears are never set by anything here, so they are IS_0.
 */
enum bit {
	IS_0,
	IS_1,
	HOST,
	GUEST,
	KEPT,
};

static enum bit bit_of(u64 val, unsigned int n)
{
	return val >> n & 1 ? IS_1 : IS_0;
}

static bool host_bit(const u8 *host, unsigned int n)
{
	return host[n / 8] >> n % 8 & 1;
}

/* HDM Decoder Capability Structure (8.2.4.20): bit @n of register @reg */
static enum bit hdm_bit(const struct vfio_cxl_model *m, unsigned int reg,
			unsigned int n)
{
	switch (reg) {
	case 0x00:	/* Capability */
		/* Interleave on address bits 11:8, on 14:12, poison on error */
		if (n == 8 || n == 9 || n == 10)
			return HOST;
		/* One decoder, no target, nothing else */
		return IS_0;
	case 0x04:	/* Global Control */
		/* Poison On Decode Error Enable, if the capability exists */
		if (n == 0)
			return !m->set && host_bit(m->host.hdm, 10) ?
			       GUEST : IS_0;
		/* HDM Decoder Enable */
		if (n == 1)
			return m->set ? IS_1 : GUEST;
		return IS_0;
	case 0x10:	/* Decoder 0 Base Low */
		if (n < 28)
			return IS_0;
		return m->set ? bit_of(m->base, n) : GUEST;
	case 0x14:	/* Decoder 0 Base High */
		return m->set ? bit_of(m->base, n + 32) : GUEST;
	case 0x18:	/* Decoder 0 Size Low */
		if (n < 28)
			return IS_0;
		return m->set ? bit_of(m->host.size, n) : GUEST;
	case 0x1c:	/* Decoder 0 Size High */
		return m->set ? bit_of(m->host.size, n + 32) : GUEST;
	case 0x20:	/* Decoder 0 Control */
		if (n <= 3)	/* Interleave Granularity */
			return HOST;
		if (n <= 7)	/* Interleave Ways: one */
			return IS_0;
		if (n == 8)	/* Lock On Commit */
			return m->set ? IS_1 : GUEST;
		if (n == 9)	/* Commit */
			return m->set ? IS_1 : GUEST;
		if (n == 10)	/* Committed */
			return m->set ? IS_1 : IS_0;
		if (n == 11)	/* Error Not Committed: as Commit */
			return !m->set && m->hdm[0x20 * 8 + 9] ? IS_1 : IS_0;
		if (n == 12)	/* Target Range Type */
			return HOST;
		return IS_0;
	default:	/* including DPA Skip */
		return IS_0;
	}
}

/* RAS Capability Structure (8.2.4.17) */
static enum bit ras_bit(unsigned int reg, unsigned int n)
{
	switch (reg) {
	case 0x04:	/* Uncorrectable Error Mask */
	case 0x08:	/* Uncorrectable Error Severity */
		if (n <= 11 || n == 14 || n == 15 || n == 16)
			return GUEST;
		return IS_0;
	case 0x10:	/* Correctable Error Mask */
		return n <= 6 ? GUEST : IS_0;
	default:	/* no error, no log */
		return IS_0;
	}
}

/* PCIe DVSEC for CXL Devices (8.1.3): bit @n of the 16 or 32 bits at @reg */
static enum bit dvsec_bit(const struct vfio_cxl_model *m, unsigned int reg,
			  unsigned int n)
{
	bool config_lock = m->dvsec[0x14 * 8];	/* by the guest */
	enum bit guest = m->set || config_lock ? KEPT : GUEST;

	switch (reg) {
	case 0x00:	/* headers */
	case 0x04:
	case 0x08:
		return HOST;
	case 0x0a:	/* Capability */
		if (n <= 3)	/* cache, IO, memory, hardware init */
			return HOST;
		if (n == 4)	/* one HDM range */
			return IS_1;
		if (n == 15)	/* PM init completion reporting */
			return HOST;
		return IS_0;
	case 0x0c:	/* Control */
		if (n == 1)	/* IO_Enable */
			return HOST;
		if (n == 2)	/* Mem_Enable */
			return m->set ? IS_1 : guest;
		if (n == 0 || (n >= 3 && n <= 11))	/* cache */
			return guest;
		return IS_0;
	case 0x0e:	/* Status */
		return IS_0;
	case 0x10:	/* Control2 */
		return n == 0 ? GUEST : IS_0;	/* Disable Caching */
	case 0x12:	/* Status2 */
		return n == 15 ? HOST : IS_0;	/* PM init complete */
	case 0x14:	/* Lock */
		if (n)
			return IS_0;
		return m->set || config_lock ? IS_1 : GUEST;
	case 0x16:	/* Capability2: cache size and its unit */
		return n <= 3 || n >= 8 ? HOST : IS_0;
	case 0x18:	/* Range 1 Size High */
		return bit_of(m->host.size, n + 32);
	case 0x1c:	/* Range 1 Size Low */
		if (n <= 16)	/* valid, active, type, class, timeout */
			return bit_of(m->state, n);
		if (n <= 27)
			return IS_0;
		return bit_of(m->host.size, n);
	case 0x20:	/* Range 1 Base High */
		return m->set ? bit_of(m->base, n + 32) : guest;
	case 0x24:	/* Range 1 Base Low */
		if (n < 28)
			return IS_0;
		return m->set ? bit_of(m->base, n) : guest;
	default:	/* Range 2, Capability3 */
		return IS_0;
	}
}

static unsigned int dvsec_reg_of(unsigned int byte)
{
	/* 16 bits each from 0x08 to 0x17 and from 0x38 on */
	if ((byte >= 0x08 && byte < 0x18) || byte >= 0x38)
		return byte & ~1U;
	return byte & ~3U;
}

static enum bit dvsec_bit_at(const struct vfio_cxl_model *m, unsigned int byte,
			     unsigned int n)
{
	unsigned int reg = dvsec_reg_of(byte);

	return dvsec_bit(m, reg, 8 * (byte - reg) + n);
}

static bool is_1(enum bit what, u8 host, u8 guest, unsigned int n)
{
	switch (what) {
	case IS_0:
		return false;
	case IS_1:
		return true;
	case HOST:
		return host >> n & 1;
	case GUEST:
	case KEPT:
		return guest;
	}

	return false;
}

/* Where byte @offset of the CXL.mem registers is in a structure of @size */
static bool inside(u32 offset, u32 entry, u32 size, u32 *byte)
{
	*byte = offset - (entry >> 20);

	return entry && offset >= entry >> 20 && *byte < size;
}

/**
 * vfio_cxl_model_cm_byte - a byte of the CXL.cache and CXL.mem registers
 * @m: the device
 * @offset: offset of the byte in these registers, below MODEL_CM_SIZE
 *
 * Return: what a guest reads there, as a part of a register.
 */
u8 vfio_cxl_model_cm_byte(const struct vfio_cxl_model *m, u32 offset)
{
	unsigned int n;
	u8 val = 0;
	u32 byte;

	/* Header, then one entry for each structure */
	if (offset < 3)
		return m->host.cm_header >> (8 * offset);
	if (offset == 3)
		return m->host.ras_entry ? 2 : 1;
	if (offset < 8)
		return m->host.hdm_entry >> (8 * (offset - 4));
	if (offset < 12 && m->host.ras_entry)
		return m->host.ras_entry >> (8 * (offset - 8));

	if (inside(offset, m->host.hdm_entry, MODEL_HDM_SIZE, &byte)) {
		for (n = 0; n < 8; n++)
			val |= is_1(hdm_bit(m, byte & ~3U, byte % 4 * 8 + n),
				    m->host.hdm[byte], m->hdm[8 * byte + n],
				    n) << n;
	} else if (inside(offset, m->host.ras_entry, MODEL_RAS_SIZE, &byte)) {
		for (n = 0; n < 8; n++)
			val |= is_1(ras_bit(byte & ~3U, byte % 4 * 8 + n),
				    m->host.ras[byte], m->ras[8 * byte + n],
				    n) << n;
	}

	return val;
}

/* Where a guest's write of bit @n of a byte goes, or NULL */
static u8 *cm_target(struct vfio_cxl_model *m, u32 offset, unsigned int n)
{
	u32 byte;

	if (inside(offset, m->host.hdm_entry, MODEL_HDM_SIZE, &byte) &&
	    hdm_bit(m, byte & ~3U, byte % 4 * 8 + n) == GUEST)
		return &m->hdm[8 * byte + n];
	if (inside(offset, m->host.ras_entry, MODEL_RAS_SIZE, &byte) &&
	    ras_bit(byte & ~3U, byte % 4 * 8 + n) == GUEST)
		return &m->ras[8 * byte + n];

	return NULL;
}

static u8 *dvsec_target(struct vfio_cxl_model *m, u32 offset, unsigned int n)
{
	if (dvsec_bit_at(m, offset, n) == GUEST)
		return &m->dvsec[8 * offset + n];

	return NULL;
}

/*
 * All bits of an access are written at once: the effect of one bit on another
 * is visible from the next access on.
 */
static void model_write(struct vfio_cxl_model *m, u32 offset,
			unsigned int width, u64 val,
			u8 *(*target)(struct vfio_cxl_model *m, u32 offset,
				      unsigned int n))
{
	u8 *targets[64];
	unsigned int i;

	for (i = 0; i < 8 * width; i++)
		targets[i] = target(m, offset + i / 8, i % 8);
	for (i = 0; i < 8 * width; i++)
		if (targets[i])
			*targets[i] = val >> i & 1;
}

/* Aligned 4 and 8 bytes, inside the block of 64 KiB */
static bool cm_access(struct vfio_cxl_model *m, u32 offset,
		      unsigned int width)
{
	if (offset <= 0xffff && ((width == 4 && offset % 4 == 0) ||
				 (width == 8 && offset % 8 == 0)))
		return true;

	m->bad_accesses++;
	return false;
}

/**
 * vfio_cxl_model_cm_read - what a guest reads from the component registers
 * @m: the device
 * @offset: offset in the component registers
 * @width: 1 to 8 bytes
 *
 * Return: the value.
 */
u64 vfio_cxl_model_cm_read(struct vfio_cxl_model *m, u32 offset,
			   unsigned int width)
{
	bool ok = cm_access(m, offset, width);
	unsigned int i;
	u64 val = 0;

	for (i = 0; i < width; i++) {
		u8 byte = 0;

		if (!ok)
			byte = 0xff;
		else if (offset >= 0x1000 && offset < 0x2000)
			byte = vfio_cxl_model_cm_byte(m, offset - 0x1000 + i);
		val |= (u64)byte << (8 * i);
	}

	return val;
}

/**
 * vfio_cxl_model_cm_write - a guest writes to the component registers
 * @m: the device
 * @offset: offset in the component registers
 * @width: 1 to 8 bytes
 * @val: the value
 */
void vfio_cxl_model_cm_write(struct vfio_cxl_model *m, u32 offset,
			     unsigned int width, u64 val)
{
	if (cm_access(m, offset, width) && offset >= 0x1000 && offset < 0x2000)
		model_write(m, offset - 0x1000, width, val, cm_target);
}

/**
 * vfio_cxl_model_dvsec_read - what a guest reads from the DVSEC
 * @m: the device
 * @offset: offset in the DVSEC
 * @width: 1 to 8 bytes, inside the DVSEC
 *
 * Return: the value.
 */
u64 vfio_cxl_model_dvsec_read(const struct vfio_cxl_model *m, u32 offset,
			      unsigned int width)
{
	unsigned int i;
	u64 val = 0;

	for (i = 0; i < 8 * width; i++) {
		u32 byte = offset + i / 8;

		if (is_1(dvsec_bit_at(m, byte, i % 8), m->host.dvsec[byte],
			 m->dvsec[8 * byte + i % 8], i % 8))
			val |= 1ULL << i;
	}

	return val;
}

/**
 * vfio_cxl_model_dvsec_write - a guest writes to the DVSEC
 * @m: the device
 * @offset: offset in the DVSEC
 * @width: 1 to 8 bytes, inside the DVSEC
 * @val: the value
 */
void vfio_cxl_model_dvsec_write(struct vfio_cxl_model *m, u32 offset,
				unsigned int width, u64 val)
{
	model_write(m, offset, width, val, dvsec_target);
}

/**
 * vfio_cxl_model_memory_state - set the state of the host's memory
 * @m: the device
 * @range1_size_low: DVSEC CXL Range 1 Size Low Register
 */
void vfio_cxl_model_memory_state(struct vfio_cxl_model *m, u32 range1_size_low)
{
	m->state = range1_size_low;
}

/**
 * vfio_cxl_model_reset - a guest resets: only the lock persists
 * @m: the device
 */
void vfio_cxl_model_reset(struct vfio_cxl_model *m)
{
	unsigned int i;

	memset(m->hdm, 0, sizeof(m->hdm));
	memset(m->ras, 0, sizeof(m->ras));
	memset(m->dvsec, 0, sizeof(m->dvsec));

	/* What a guest can change and starts as the host's */
	for (i = 8 * 0x18; i < 8 * 0x20; i++)	/* Decoder 0 Size */
		m->hdm[i] = host_bit(m->host.hdm, i);
	for (i = 0; i < 8 * MODEL_RAS_SIZE; i++)
		m->ras[i] = host_bit(m->host.ras, i);
	for (i = 8 * 0x0c; i < 8 * 0x0e; i++)	/* Control */
		m->dvsec[i] = host_bit(m->host.dvsec, i);
	m->dvsec[8 * 0x0c + 2] = 0;	/* except for Mem_Enable */

	m->state = 0;
	for (i = 0; i < 32; i++)
		m->state |= (u32)host_bit(m->host.dvsec, 8 * 0x1c + i) << i;
}

/**
 * vfio_cxl_model_set - the VMM sets the base of the memory, once
 * @m: the device
 * @base: guest physical address
 *
 * Return: whether the memory is at @base: the first base stays, and another one
 * is refused.
 */
bool vfio_cxl_model_set(struct vfio_cxl_model *m, u64 base)
{
	if (!m->set) {
		m->set = true;
		m->base = base;
	}

	return m->base == base;
}

/**
 * vfio_cxl_model_init - initialise a device that was just opened
 * @m: the device
 * @host: the host's
 */
void vfio_cxl_model_init(struct vfio_cxl_model *m,
			 const struct vfio_cxl_model_host *host)
{
	memset(m, 0, sizeof(*m));
	m->host = *host;
	vfio_cxl_model_reset(m);
}
