/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CXL registers: a software model, on images in memory
 *
 * This code accesses no hardware and no user memory, takes no lock, and does
 * not depend on PCI or VFIO, so the same sources run in the driver, in KUnit on
 * UML and in user space.  The caller has to serialise calls.
 *
 * layout.c	where the host's registers are, and how firmware configured them
 * emu.c	all virtual registers of a device: the interface to the driver
 * reg.c	the table engine: what a write does to a block of registers
 * hdm.c	HDM Decoder Capability Structure (CXL r3.1 8.2.4.20)
 * ras.c	RAS Capability Structure (8.2.4.17)
 * cm.c		component registers: capability array, access rules, dispatch
 * dvsec.c	PCIe DVSEC for CXL Devices (8.1.3)
 * cxl_regs.h	registers and fields of the specification
 */
#ifndef VFIO_CXL_EMU_H
#define VFIO_CXL_EMU_H

#include <linux/bits.h>
#include <linux/types.h>

/**
 * enum vfio_cxl_emu_kind - what a write does to the bits of a field
 * @VFIO_CXL_EMU_RO: read-only
 * @VFIO_CXL_EMU_RW: takes what is written
 * @VFIO_CXL_EMU_RWL: as RW until the block is locked, then read-only
 * @VFIO_CXL_EMU_RW1C: writing 1 clears
 * @VFIO_CXL_EMU_RWO: the first write that sets a bit sticks, then read-only
 * @VFIO_CXL_EMU_HWINIT: set by firmware or hardware, then read-only
 * @VFIO_CXL_EMU_RSVDP: reserved and preserved: reads 0, writes are ignored
 * @VFIO_CXL_EMU_RSVDZ: reserved and zero: reads 0, writes are ignored
 *
 * The names are those of the specification's register attributes.  A bit that
 * is in no row of a table reads 0 and ignores writes.
 */
enum vfio_cxl_emu_kind {
	VFIO_CXL_EMU_RO,
	VFIO_CXL_EMU_RW,
	VFIO_CXL_EMU_RWL,
	VFIO_CXL_EMU_RW1C,
	VFIO_CXL_EMU_RWO,
	VFIO_CXL_EMU_HWINIT,
	VFIO_CXL_EMU_RSVDP,
	VFIO_CXL_EMU_RSVDZ,
};

struct vfio_cxl_emu_block;

/**
 * struct vfio_cxl_emu_field - one row of a register table
 * @offset: offset of the register in its block, in bytes
 * @width: width of the register, in bytes: 2 or 4
 * @mask: the bits of the register that make up the field
 * @kind: what a write does to these bits
 * @host: bits whose initial value is the host's; the others start as 0
 * @effect: called after a write reached any byte of the register, or NULL
 */
struct vfio_cxl_emu_field {
	u16 offset;
	u8 width;
	u32 mask;
	enum vfio_cxl_emu_kind kind;
	u32 host;
	void (*effect)(struct vfio_cxl_emu_block *block);
};

/**
 * struct vfio_cxl_emu_block - a block of registers and its image
 * @fields: the table, ascending by offset
 * @nr_fields: rows in @fields
 * @image: what the registers read, little endian
 * @size: size of @image, in bytes
 * @locked: fields of kind RWL are read-only
 */
struct vfio_cxl_emu_block {
	const struct vfio_cxl_emu_field *fields;
	unsigned int nr_fields;
	u8 *image;
	u32 size;
	bool locked;
};

void vfio_cxl_emu_block_init(struct vfio_cxl_emu_block *block, const u8 *host);
u64 vfio_cxl_emu_block_read(const struct vfio_cxl_emu_block *block, u32 offset,
			    unsigned int width);
void vfio_cxl_emu_block_write(struct vfio_cxl_emu_block *block, u32 offset,
			      unsigned int width, u64 val);
u32 vfio_cxl_emu_reg_get(const struct vfio_cxl_emu_block *block, u32 offset,
			 unsigned int width);
void vfio_cxl_emu_reg_set(struct vfio_cxl_emu_block *block, u32 offset,
			  unsigned int width, u32 val);

/* A fixed memory window, and a decoder's base and size (8.2.4.20.3) */
#define VFIO_CXL_EMU_HDM_ALIGN		(256ULL << 20)

/* HDM Decoder Capability Structure with one decoder (8.2.4.20) */
#define VFIO_CXL_EMU_HDM_SIZE		0x30

void vfio_cxl_emu_hdm_init(struct vfio_cxl_emu_block *block, u8 *image,
			   const u8 *host);
void vfio_cxl_emu_hdm_lock(struct vfio_cxl_emu_block *block, u64 base,
			   u64 size);

/* RAS Capability Structure (8.2.4.17) */
#define VFIO_CXL_EMU_RAS_SIZE		0x58

void vfio_cxl_emu_ras_init(struct vfio_cxl_emu_block *block, u8 *image,
			   const u8 *host);

/* CXL.cache and CXL.mem registers (8.2.4) */
#define VFIO_CXL_EMU_CM_SIZE		0x1000

/**
 * struct vfio_cxl_emu_cm_config - the host's component registers, at bind
 * @header: CXL Capability Header Register (8.2.4.1)
 * @hdm_header: capability array entry of the HDM Decoder Capability (8.2.4.4)
 * @ras_header: capability array entry of the RAS Capability, or 0 if the host
 *	has none
 * @hdm: HDM Decoder Capability Structure, up to decoder 0, little endian
 * @ras: RAS Capability Structure, little endian
 */
struct vfio_cxl_emu_cm_config {
	u32 header;
	u32 hdm_header;
	u32 ras_header;
	u8 hdm[VFIO_CXL_EMU_HDM_SIZE];
	u8 ras[VFIO_CXL_EMU_RAS_SIZE];
};

/**
 * struct vfio_cxl_emu_cm - virtual component registers of one device
 * @image: CXL.cache and CXL.mem primary range
 * @blocks: the capability structures that are virtualised
 * @nr_blocks: number of @blocks in use
 * @bad_accesses: accesses of a size or alignment that CXL does not define
 */
struct vfio_cxl_emu_cm {
	u8 image[VFIO_CXL_EMU_CM_SIZE];
	struct vfio_cxl_emu_block blocks[2];
	unsigned int nr_blocks;
	u64 bad_accesses;
};

void vfio_cxl_emu_cm_init(struct vfio_cxl_emu_cm *cm,
			  const struct vfio_cxl_emu_cm_config *config);
void vfio_cxl_emu_cm_lock(struct vfio_cxl_emu_cm *cm, u64 base, u64 size);
u64 vfio_cxl_emu_cm_read(struct vfio_cxl_emu_cm *cm, u32 offset,
			 unsigned int width);
void vfio_cxl_emu_cm_write(struct vfio_cxl_emu_cm *cm, u32 offset,
			   unsigned int width, u64 val);

/* PCIe DVSEC for CXL Devices (8.1.3), revision 2 or later */
#define VFIO_CXL_EMU_DVSEC_SIZE		0x3c
/* First byte after the DVSEC header (8.1.3.1) */
#define VFIO_CXL_EMU_DVSEC_BODY		0x0a

/**
 * struct vfio_cxl_emu_dvsec - virtual CXL Device DVSEC of one device
 * @block: the registers
 * @image: the image of @block
 */
struct vfio_cxl_emu_dvsec {
	struct vfio_cxl_emu_block block;
	u8 image[VFIO_CXL_EMU_DVSEC_SIZE];
};

void vfio_cxl_emu_dvsec_init(struct vfio_cxl_emu_dvsec *dvsec, const u8 *host,
			     u64 size);
void vfio_cxl_emu_dvsec_lock(struct vfio_cxl_emu_dvsec *dvsec, u64 base);
u64 vfio_cxl_emu_dvsec_read(const struct vfio_cxl_emu_dvsec *dvsec, u32 offset,
			    unsigned int width);
void vfio_cxl_emu_dvsec_write(struct vfio_cxl_emu_dvsec *dvsec, u32 offset,
			      unsigned int width, u64 val);
void vfio_cxl_emu_dvsec_set_memory_state(struct vfio_cxl_emu_dvsec *dvsec,
					 u32 range1_size_low);

/**
 * struct vfio_cxl_emu_config - the host's device, at bind
 * @cm: component registers
 * @dvsec: CXL Device DVSEC including its header, little endian; 0 beyond its
 *	length
 * @size: size of the memory, in bytes
 */
struct vfio_cxl_emu_config {
	struct vfio_cxl_emu_cm_config cm;
	u8 dvsec[VFIO_CXL_EMU_DVSEC_SIZE];
	u64 size;
};

/* More than the field for the decoder count can encode (8.2.4.20.1) */
#define VFIO_CXL_EMU_MAX_DECODERS	44

/**
 * struct vfio_cxl_emu_layout - where the host's registers are
 * @hdm: HDM Decoder Capability Structure, in bytes from the start of the
 *	CXL.cache and CXL.mem registers
 * @ras: RAS Capability Structure, the same, or 0
 * @decoders: number of decoders of the HDM Decoder Capability
 * @empty: control register of each decoder that firmware committed with size 0,
 *	or 0
 */
struct vfio_cxl_emu_layout {
	u32 hdm;
	u32 ras;
	unsigned int decoders;
	u32 empty[VFIO_CXL_EMU_MAX_DECODERS];
};

/**
 * struct vfio_cxl_emu_source - access to registers of the host
 * @read: reads 32 bits at an offset that is a multiple of 4
 * @device: argument of @read
 */
struct vfio_cxl_emu_source {
	u32 (*read)(void *device, u32 offset);
	void *device;
};

/**
 * struct vfio_cxl_emu_area - a part of a BAR
 * @offset: offset in the BAR, in bytes
 * @size: size in bytes
 */
struct vfio_cxl_emu_area {
	u64 offset;
	u64 size;
};

int vfio_cxl_emu_find_block(const struct vfio_cxl_emu_source *locator,
			    u32 length, unsigned int *bar, u64 *offset);
bool vfio_cxl_emu_overlaps_block(u64 block, u64 start, u64 len);
unsigned int vfio_cxl_emu_around_block(u64 block, u64 size,
				       struct vfio_cxl_emu_area areas[2]);
u64 vfio_cxl_emu_piece(u64 start, u64 end, u64 pos, u64 count);
int vfio_cxl_emu_find_hdm(const struct vfio_cxl_emu_source *cm,
			  struct vfio_cxl_emu_cm_config *config,
			  struct vfio_cxl_emu_layout *layout);
u64 vfio_cxl_emu_capacity(const struct vfio_cxl_emu_config *config);
bool vfio_cxl_emu_configured(const struct vfio_cxl_emu_config *config);
int vfio_cxl_emu_check_decoders(const struct vfio_cxl_emu_source *cm,
				const struct vfio_cxl_emu_config *config,
				struct vfio_cxl_emu_layout *layout,
				u64 *base, u64 *size);

/**
 * struct vfio_cxl_emu - the virtual registers of one device
 * @config: the host's registers
 * @cm: component registers
 * @dvsec: CXL Device DVSEC
 * @base: guest physical address where the memory is locked, else 0
 */
struct vfio_cxl_emu {
	const struct vfio_cxl_emu_config *config;
	struct vfio_cxl_emu_cm cm;
	struct vfio_cxl_emu_dvsec dvsec;
	u64 base;
};

void vfio_cxl_emu_init(struct vfio_cxl_emu *emu,
		       const struct vfio_cxl_emu_config *config);
void vfio_cxl_emu_reset(struct vfio_cxl_emu *emu);
int vfio_cxl_emu_lock(struct vfio_cxl_emu *emu, u64 base);
u64 vfio_cxl_emu_read_cm(struct vfio_cxl_emu *emu, u32 offset,
			 unsigned int width);
void vfio_cxl_emu_write_cm(struct vfio_cxl_emu *emu, u32 offset,
			   unsigned int width, u64 val);
u64 vfio_cxl_emu_read_dvsec(const struct vfio_cxl_emu *emu, u32 offset,
			    unsigned int width);
void vfio_cxl_emu_write_dvsec(struct vfio_cxl_emu *emu, u32 offset,
			      unsigned int width, u64 val);
void vfio_cxl_emu_set_memory_state(struct vfio_cxl_emu *emu,
				   u32 range1_size_low);

#endif /* VFIO_CXL_EMU_H */
