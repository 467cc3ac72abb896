/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers of CXL r3.1, as the driver and the emulation use them
 *
 * The names are those that Linux uses, if any, in drivers/cxl/cxl.h, which is
 * private to the CXL core, and in <linux/pci_regs.h>.  The tests have
 * definitions of their own, kunit/spec.h, and must not use these: they would
 * then make the same mistakes.
 */
#ifndef VFIO_CXL_EMU_CXL_REGS_H
#define VFIO_CXL_EMU_CXL_REGS_H

#include <linux/bits.h>
#include <linux/pci_regs.h>
#include <linux/sizes.h>

/* 8.1.9: Register Locator DVSEC, pairs of registers, low and high */
#define CXL_REGLOC_ENTRY_SIZE			8
#define   CXL_REGLOC_RBI_COMPONENT		1

/* 8.1.3: PCIe DVSEC for CXL Devices, without what <linux/pci_regs.h> has */
#define CXL_DVSEC_LENGTH_MIN			0x38	/* of revision 1 */
#define CXL_DVSEC_HEADER			0x00
/* PCI_DVSEC_CXL_CAP */
#define   CXL_DVSEC_CACHE_CAPABLE		BIT_U32(0)
#define   CXL_DVSEC_IO_CAPABLE			BIT_U32(1)
#define   CXL_DVSEC_MEM_HWINIT_MODE		BIT_U32(3)
#define   CXL_DVSEC_PM_INIT_REPORTING		BIT_U32(15)
/* PCI_DVSEC_CXL_CTRL */
#define   CXL_DVSEC_CACHE_ENABLE		BIT_U32(0)
#define   CXL_DVSEC_IO_ENABLE			BIT_U32(1)
/* Cache_Enable, snoop filter coverage and granularity, clean eviction */
#define   CXL_DVSEC_CTRL_CACHE_MASK \
	(GENMASK_U32(11, 3) | BIT_U32(0))
#define CXL_DVSEC_STATUS			0x0e
#define   CXL_DVSEC_VIRAL_STATUS		BIT_U32(14)
#define CXL_DVSEC_CTRL2				0x10
#define   CXL_DVSEC_DISABLE_CACHING		BIT_U32(0)
#define CXL_DVSEC_STATUS2			0x12
#define   CXL_DVSEC_VOLATILE_HDM_ERROR		BIT_U32(3)
#define   CXL_DVSEC_PM_INIT_COMPLETE		BIT_U32(15)
#define CXL_DVSEC_LOCK				0x14
#define   CXL_DVSEC_CONFIG_LOCK			BIT_U32(0)
#define CXL_DVSEC_CAP2				0x16
/* Cache Size and its unit */
#define   CXL_DVSEC_CACHE_SIZE_MASK \
	(GENMASK_U32(15, 8) | GENMASK_U32(3, 0))
/* PCI_DVSEC_CXL_RANGE_SIZE_LOW() and the like */
#define CXL_DVSEC_RANGES			2U
/* All but the size: valid, active, media type, class, timeout, degraded */
#define   CXL_DVSEC_MEM_STATE_MASK		GENMASK_U32(16, 0)
#define CXL_DVSEC_CAP3				0x38

/* 8.2.3: Component Registers */
#define CXL_COMPONENT_REG_BLOCK_SIZE		SZ_64K

/* 8.2.4: CXL.cache and CXL.mem Registers, capability array */
#define CXL_CM_OFFSET				0x1000
#define   CXL_CM_CAP_HDR_ID_MASK		GENMASK_U32(15, 0)
#define     CM_CAP_HDR_CAP_ID			1
#define   CXL_CM_CAP_HDR_ARRAY_SIZE_MASK	GENMASK_U32(31, 24)
#define CXL_CM_CAP_PTR_MASK			GENMASK_U32(31, 20)
#define   CXL_CM_CAP_CAP_ID_RAS			0x2
#define   CXL_CM_CAP_CAP_ID_HDM			0x5

/* 8.2.4.17: CXL RAS Capability Structure */
#define CXL_RAS_UNCORRECTABLE_STATUS_OFFSET	0x00
#define   CXL_RAS_UNCORRECTABLE_STATUS_MASK \
	(GENMASK_U32(16, 14) | GENMASK_U32(11, 0))
#define CXL_RAS_UNCORRECTABLE_MASK_OFFSET	0x04
#define   CXL_RAS_UNCORRECTABLE_MASK_MASK \
	(GENMASK_U32(16, 14) | GENMASK_U32(11, 0))
#define CXL_RAS_UNCORRECTABLE_SEVERITY_OFFSET	0x08
#define   CXL_RAS_UNCORRECTABLE_SEVERITY_MASK \
	(GENMASK_U32(16, 14) | GENMASK_U32(11, 0))
#define CXL_RAS_CORRECTABLE_STATUS_OFFSET	0x0c
#define   CXL_RAS_CORRECTABLE_STATUS_MASK	GENMASK_U32(6, 0)
#define CXL_RAS_CORRECTABLE_MASK_OFFSET		0x10
#define   CXL_RAS_CORRECTABLE_MASK_MASK		GENMASK_U32(6, 0)
#define CXL_RAS_CAP_CONTROL_OFFSET		0x14

/* 8.2.4.20: CXL HDM Decoder Capability Structure; @i is a decoder's index */
#define CXL_HDM_DECODER_CAP_OFFSET		0x00
#define   CXL_HDM_DECODER_COUNT_MASK		GENMASK_U32(3, 0)
#define   CXL_HDM_DECODER_INTERLEAVE_11_8	BIT_U32(8)
#define   CXL_HDM_DECODER_INTERLEAVE_14_12	BIT_U32(9)
/* No name in Linux: Poison On Decode Error Capability, and Enable */
#define   CXL_HDM_DECODER_POISON_CAPABLE	BIT_U32(10)
#define CXL_HDM_DECODER_CTRL_OFFSET		0x04
#define   CXL_HDM_DECODER_POISON_ENABLE		BIT_U32(0)
#define   CXL_HDM_DECODER_ENABLE		BIT_U32(1)
#define CXL_HDM_DECODER0_BASE_LOW_OFFSET(i)	(0x20 * (i) + 0x10)
#define CXL_HDM_DECODER0_BASE_HIGH_OFFSET(i)	(0x20 * (i) + 0x14)
#define CXL_HDM_DECODER0_SIZE_LOW_OFFSET(i)	(0x20 * (i) + 0x18)
#define CXL_HDM_DECODER0_SIZE_HIGH_OFFSET(i)	(0x20 * (i) + 0x1c)
/* No name in Linux: the bits of Base Low and Size Low that are not reserved */
#define   CXL_HDM_DECODER0_ADDR_LOW_MASK	GENMASK_U32(31, 28)
#define CXL_HDM_DECODER0_CTRL_OFFSET(i)		(0x20 * (i) + 0x20)
#define   CXL_HDM_DECODER0_CTRL_IG_MASK		GENMASK_U32(3, 0)
#define   CXL_HDM_DECODER0_CTRL_IW_MASK		GENMASK_U32(7, 4)
#define   CXL_HDM_DECODER0_CTRL_LOCK		BIT_U32(8)
#define   CXL_HDM_DECODER0_CTRL_COMMIT		BIT_U32(9)
#define   CXL_HDM_DECODER0_CTRL_COMMITTED	BIT_U32(10)
#define   CXL_HDM_DECODER0_CTRL_COMMIT_ERROR	BIT_U32(11)
#define   CXL_HDM_DECODER0_CTRL_HOSTONLY	BIT_U32(12)
/* No name in Linux: Back-Invalidate, Unordered I/O */
#define   CXL_HDM_DECODER0_CTRL_BI		BIT_U32(13)
#define   CXL_HDM_DECODER0_CTRL_UIO		BIT_U32(14)
#define CXL_HDM_DECODER0_SKIP_LOW(i)		(0x20 * (i) + 0x24)
#define CXL_HDM_DECODER0_SKIP_HIGH(i)		(0x20 * (i) + 0x28)

#endif /* VFIO_CXL_EMU_CXL_REGS_H */
