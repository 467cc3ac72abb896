// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared by the suites: a host's device to start from
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "fixture.h"
#include "spec.h"

/**
 * vfio_cxl_test_host_hdm - the host's decoder, committed and locked by firmware
 * @hdm: buffer of VFIO_CXL_EMU_HDM_SIZE bytes
 *
 * With ten decoders, every capability, and an address or all ones in each
 * register that can hold an address.
 */
void vfio_cxl_test_host_hdm(u8 *hdm)
{
	memset(hdm, 0, VFIO_CXL_EMU_HDM_SIZE);
	put_unaligned_le32(0x007f3f45, hdm + SPEC_HDM_CAP);
	put_unaligned_le32(0x3, hdm + SPEC_HDM_GLOBAL);
	put_unaligned_le64(TEST_HOST_BASE, hdm + SPEC_HDM_BASE_LOW);
	put_unaligned_le64(TEST_SIZE, hdm + SPEC_HDM_SIZE_LOW);
	put_unaligned_le32(0x1722, hdm + SPEC_HDM_CTRL);
	put_unaligned_le64(TEST_HOST_BASE, hdm + SPEC_HDM_SKIP_LOW);
}

/**
 * vfio_cxl_test_host_ras - the host's RAS registers, full of errors
 * @ras: buffer of VFIO_CXL_EMU_RAS_SIZE bytes
 */
void vfio_cxl_test_host_ras(u8 *ras)
{
	memset(ras, 0xff, VFIO_CXL_EMU_RAS_SIZE);
	put_unaligned_le32(0xffffcf0f, ras + SPEC_RAS_UE_MASK);
	put_unaligned_le32(0xffff81f0, ras + SPEC_RAS_UE_SEVERITY);
	put_unaligned_le32(0xffffff55, ras + SPEC_RAS_CE_MASK);
	put_unaligned_le64(TEST_HOST_BASE, ras + SPEC_RAS_HEADER_LOG);
}

/**
 * vfio_cxl_test_host_cm - the host's component registers
 * @config: filled in
 */
void vfio_cxl_test_host_cm(struct vfio_cxl_emu_cm_config *config)
{
	config->header = TEST_CM_HEADER;
	config->hdm_header = TEST_HDM_ENTRY;
	config->ras_header = TEST_RAS_ENTRY;
	vfio_cxl_test_host_hdm(config->hdm);
	vfio_cxl_test_host_ras(config->ras);
}

/**
 * vfio_cxl_test_host_dvsec - the host's DVSEC, set up and locked by firmware
 * @dvsec: buffer of VFIO_CXL_EMU_DVSEC_SIZE bytes
 *
 * With every capability, and both ranges in use.
 */
void vfio_cxl_test_host_dvsec(u8 *dvsec)
{
	memset(dvsec, 0, VFIO_CXL_EMU_DVSEC_SIZE);
	put_unaligned_le32(0x18010023, dvsec + SPEC_DVSEC_HEADER);
	put_unaligned_le32(0x03c21e98, dvsec + SPEC_DVSEC_HEADER1);
	put_unaligned_le16(0x0000, dvsec + SPEC_DVSEC_HEADER2);
	/* HDM count 2 */
	put_unaligned_le16(0xffef, dvsec + SPEC_DVSEC_CAP);
	put_unaligned_le16(0xfd57, dvsec + SPEC_DVSEC_CTRL);
	put_unaligned_le16(0xffff, dvsec + SPEC_DVSEC_STATUS);
	put_unaligned_le16(0xffff, dvsec + SPEC_DVSEC_CTRL2);
	put_unaligned_le16(0xffff, dvsec + SPEC_DVSEC_STATUS2);
	put_unaligned_le16(0xffff, dvsec + SPEC_DVSEC_LOCK);
	put_unaligned_le16(0x4ef2, dvsec + SPEC_DVSEC_CAP2);
	put_unaligned_le32(0x00000003, dvsec + SPEC_DVSEC_SIZE_HIGH);
	put_unaligned_le32(0x5ffe6a4b, dvsec + SPEC_DVSEC_SIZE_LOW);
	put_unaligned_le32(0x00000004, dvsec + SPEC_DVSEC_BASE_HIGH);
	put_unaligned_le32(0x9fffffff, dvsec + SPEC_DVSEC_BASE_LOW);
	put_unaligned_le64(TEST_HOST_BASE, dvsec + SPEC_DVSEC_RANGE2);
	put_unaligned_le64(TEST_HOST_BASE, dvsec + SPEC_DVSEC_RANGE2 + 8);
	put_unaligned_le32(0xffffffff, dvsec + SPEC_DVSEC_CAP3);
}

/**
 * vfio_cxl_test_host_bits - which bits of the host's registers a guest sees
 * @regs: the registers
 * @shown: for each doubleword, the bits that have the same value in the image
 *	as in the host's register; no other bit of the host may change the image
 *
 * Flips each bit on its own, starting from all zeros and from all ones.
 */
void vfio_cxl_test_host_bits(struct vfio_cxl_test_registers *regs,
			     const u32 *shown)
{
	struct kunit *test = regs->test;
	u8 *expect = kunit_kzalloc(test, regs->size, GFP_KERNEL);
	u32 fill, bit, i;

	KUNIT_ASSERT_NOT_NULL(test, expect);

	for (fill = 0; fill <= 0xff; fill += 0xff) {
		for (bit = 0; bit < 8 * regs->size; bit++) {
			u8 mask = BIT(bit % 8);

			i = bit / 8;
			memset(regs->host, fill, regs->size);
			regs->init(regs);
			memcpy(expect, regs->image, regs->size);

			regs->host[i] ^= mask;
			regs->init(regs);
			if (shown[bit / 32] & BIT(bit % 32))
				expect[i] = (expect[i] & ~mask) |
					    (regs->host[i] & mask);
			KUNIT_ASSERT_MEMEQ_MSG(test, regs->image, expect,
					       regs->size,
					       "bit %u of host byte 0x%x",
					       bit % 8, i);
		}
	}
}

/**
 * vfio_cxl_test_no_address - look for a host address in what a guest can read
 * @test: the running case
 * @image: what a guest can read
 * @size: size of @image, in bytes
 * @address: its low half, or the whole in units of 4 KiB, 64 KiB, 1 MiB or
 *	256 MiB, must be at no byte of @image
 */
void vfio_cxl_test_no_address(struct kunit *test, const u8 *image, u32 size,
			      u64 address)
{
	static const unsigned int shifts[] = { 0, 12, 16, 20, 28 };
	u32 i, j;

	for (i = 0; i + 4 <= size; i++)
		for (j = 0; j < ARRAY_SIZE(shifts); j++)
			KUNIT_ASSERT_NE_MSG(test, get_unaligned_le32(image + i),
					    (u32)(address >> shifts[j]),
					    "at 0x%x", i);
}
