/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * VFIO API of the vfio-cxl-pci variant driver: CXL.mem devices
 *
 * A CXL.mem device bound to vfio-cxl-pci is an ordinary VFIO PCI device with
 * one more region, its host-managed device memory (HDM), and one more feature,
 * through which the VMM sets where in guest physical address space that memory
 * belongs.  Its HDM decoders and CXL DVSECs are virtual: what a user reads in
 * the component registers' BAR and in config space is what platform firmware
 * would set up for a guest, and nothing that a user writes there reaches the
 * hardware.
 *
 * All structures are host endian, like the rest of <linux/vfio.h>.  Registers
 * read through the BAR and config space are little endian.
 *
 * Section numbers are those of the CXL specification, revision 3.1.
 */
#ifndef _UAPI_LINUX_VFIO_CXL_H
#define _UAPI_LINUX_VFIO_CXL_H

#include <linux/types.h>
#include <linux/vfio.h>

/*
 * The HDM memory region
 *
 * A device specific region, found by its VFIO_REGION_INFO_CAP_TYPE capability
 * (see struct vfio_region_info_cap_type): type is
 * VFIO_REGION_TYPE_PCI_VENDOR_TYPE | VFIO_CXL_VENDOR_ID, subtype is
 * VFIO_REGION_SUBTYPE_CXL_MEM.  There is exactly one.
 *
 * The region is as large as the range that the host's HDM decoder 0 decodes, in
 * bytes.  It supports read(), write() and mmap() with MAP_SHARED.  A mapping is
 * cacheable (write-back) and is populated by faults, with huge pages where
 * address, offset and length allow: align the address of a mapping to 2 MiB, or
 * to 1 GiB where the memory is at least that large.
 *
 * An access through a mapping, read() and write() wait, and can be killed:
 *
 * - while the device is being reset, or recovers from an error;
 * - after that until the device's memory is active, which the device may take
 *   up to 256 s for (8.1.3.8.2).
 *
 * An access through a mapping raises SIGBUS, read() and write() fail with EIO:
 *
 * - if the memory is lost: a reset or a recovery failed, the host's decoder
 *   did not come back, or the memory did not become active in time;
 * - if the device reported an error, or was reset because of one that
 *   another device reported, until the user resets it;
 * - if the device is gone.
 *
 * The interrupt VFIO_PCI_ERR_IRQ_INDEX reports lost memory and, at the end of
 * the recovery, an error.  A reset that succeeds clears both conditions.
 *
 * Poison affects individual pages: an access through a mapping to a page that
 * is poisoned raises SIGBUS with BUS_MCEERR_AR, read() and write() end before
 * the page, and fail with EIO in it.
 *
 * The memory does not depend on the Memory Space Enable bit of the PCI command
 * register.
 */
#define VFIO_CXL_VENDOR_ID		0x1e98
#define VFIO_REGION_SUBTYPE_CXL_MEM	1

/*
 * The memory as a dma-buf
 *
 * VFIO_DEVICE_FEATURE_DMA_BUF exports the memory, or a part of it, if it is
 * given the region index of any BAR of the device and one range that begins
 * this many bytes, plus the offset in the memory, beyond the start of the BAR.
 * As any BAR will do and the offset is this constant, GET of
 * VFIO_DEVICE_FEATURE_CXL_HDM_DECODER returns neither.
 *
 * IOMMU_IOAS_MAP_FILE maps such a dma-buf, so that other devices of the user
 * can access the memory.  Like the dma-buf of a BAR it is revoked when the
 * device is reset or closed, and when the user turns Memory Space Enable off:
 * map it again if it is needed after that.
 *
 * EINVAL - more than one range, or one that is not within the memory
 */
#define VFIO_CXL_MEM_DMA_BUF_OFFSET	(1ULL << 40)

/**
 * struct vfio_device_feature_cxl_hdm_decoder - where HDM decoder 0 belongs
 * @decoder: index of the HDM decoder, on input for both GET and SET: 0
 * @flags: GET: a combination of VFIO_CXL_HDM_DECODER_*; SET: 0
 * @base: guest physical address in bytes, a multiple of 256 MiB.  SET: where to
 *	lock the decoder; GET: where it is locked, 0 while it is not
 * @size: SET: bytes from @base to the end of the guest's fixed memory window, a
 *	multiple of 256 MiB; GET: bytes that the decoder decodes
 *
 * Upon VFIO_DEVICE_FEATURE_SET, place virtual HDM decoder 0 at @base, commit
 * it and lock it, as platform firmware does (8.2.4.20).  @base is the base of
 * the guest's CXL fixed memory window that targets the host bridge above the
 * device.  The lock lasts until the last close of the device file descriptor:
 * no reset and no guest write changes that.  A valid SET with the base that
 * the decoder is locked at already succeeds and changes nothing.
 *
 * Upon VFIO_DEVICE_FEATURE_GET, report the state of the decoder.
 *
 * Return: 0 on success, -1 and errno is set on failure, with nothing changed.
 * If several reasons apply, the errno is the first of these:
 *
 * * ENOTTY - not a CXL.mem device of this driver
 * * EINVAL - argsz too small
 * * EFAULT - the structure cannot be read or written
 * * EINVAL - @decoder not 0; SET: @base or @size 0 or not a multiple of
 *   256 MiB, or @flags not 0
 * * EOVERFLOW - SET: @base plus the size of the memory wraps or passes 2^52
 * * ENOSPC - SET: @size is less than the size of the memory
 * * EIO - SET: the memory was lost in a reset or a recovery, or the device is
 *   gone
 * * EBUSY - SET: locked already, at another base
 */
struct vfio_device_feature_cxl_hdm_decoder {
	__u32 decoder;
	__u32 flags;
/* The virtual decoder is committed. */
#define VFIO_CXL_HDM_DECODER_COMMITTED		(1 << 0)
/* The virtual decoder is locked: only the last close unlocks it. */
#define VFIO_CXL_HDM_DECODER_LOCKED		(1 << 1)
/* Target type of the host's decoder: device-coherent, else host-only. */
#define VFIO_CXL_HDM_DECODER_DEVICE_COHERENT	(1 << 2)
/* The memory can be accessed now, without a wait and without an error. */
#define VFIO_CXL_HDM_DECODER_USABLE		(1 << 3)
	__aligned_u64 base;
	__aligned_u64 size;
};

/*
 * Provisional number, out of the way of those that <linux/vfio.h> enumerates:
 * always VFIO_DEVICE_FEATURE_PROBE it.
 */
#define VFIO_DEVICE_FEATURE_CXL_HDM_DECODER	0x1e98

#endif /* _UAPI_LINUX_VFIO_CXL_H */
