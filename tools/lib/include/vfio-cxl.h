/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libvfio-cxl: a VMM's side of CXL.mem devices bound to vfio-cxl-pci
 *
 * A VMM that hands such a device to a guest does three things with it:
 *
 *   vfio_cxl_find()	what memory does the open device have, and where?
 *   vfio_cxl_select()	which of the guest's windows is its place?
 *   vfio_cxl_lock()	lock its HDM decoder at the base of that window
 *
 * and then gives the memory, which vfio_cxl_map() maps, to the guest at that
 * base.  All the rest of VFIO stays with the VMM, which opens the device by the
 * interface of its choice.
 *
 * The library keeps no state, prints nothing and never exits; every function
 * may be called from any thread, with musl or glibc 2.32 or later, whose
 * strerror(3) may be, too.  A function that can fail returns 0 or a
 * negative errno and puts a reason in words where the caller says so.  All
 * sizes and addresses are in bytes, in host byte order.
 *
 * Structures may grow at their end in later versions; what is appended means
 * nothing where it is 0.  So each begins with argsz, as VFIO's do: the size
 * that the caller knows it by.  Set it to the structure's sizeof, in every
 * element of an array, also where the library fills in the rest.  Only struct
 * vfio_cxl_reason has none and does not grow.  A function fails with
 *
 * * -EINVAL - argsz is less than the first version of the structure had, or
 *   more than 4096, or not the same in all elements of an array
 * * -E2BIG - a structure that is input is longer than this version of the
 *   library knows, and what it does not know is not 0
 *
 * What this version does not know of a structure that is output, it sets to 0.
 *
 * Section numbers are those of the CXL specification, revision 3.1.
 */
#ifndef VFIO_CXL_H
#define VFIO_CXL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vfio_cxl.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * VFIO_CXL_ALIGN - what the base and the size of a window and the size of a
 * memory are multiples of: 256 MiB (8.2.4.20, HDM decoder base and size)
 */
#define VFIO_CXL_ALIGN		(UINT64_C(256) << 20)

/**
 * VFIO_CXL_LIMIT - no memory reaches beyond this address: 2^52 (8.2.4.20)
 */
#define VFIO_CXL_LIMIT		(UINT64_C(1) << 52)

/**
 * struct vfio_cxl_reason - why something failed and what to do about it
 * @text: one line for the user of the VMM without a newline at its end, always
 *	terminated; empty after a success, and only then.  Names are cut at 64
 *	bytes.
 */
struct vfio_cxl_reason {
	char text[512];
};

/**
 * struct vfio_cxl_hdm - the memory of an open device
 * @argsz: size of this structure, set by the caller
 * @region_index: VFIO region of the memory
 * @region_flags: VFIO_REGION_INFO_FLAG_* of that region
 * @decoder_flags: VFIO_CXL_HDM_DECODER_* of decoder 0
 * @region_offset: where it starts in the device's file, for mmap(2), pread(2)
 * @size: of the memory, and of the region; a multiple of VFIO_CXL_ALIGN
 * @base: guest physical address that decoder 0 is locked at, 0 while it is not
 */
struct vfio_cxl_hdm {
	uint32_t argsz;
	uint32_t region_index;
	uint32_t region_flags;
	uint32_t decoder_flags;
	uint64_t region_offset;
	uint64_t size;
	uint64_t base;
};

/**
 * vfio_cxl_find() - find the memory of a device
 * @device_fd: the device: from VFIO_GROUP_GET_DEVICE_FD, or a character device
 *	that VFIO_DEVICE_BIND_IOMMUFD has bound
 * @name: of the device, for @reason; may be NULL
 * @hdm: with argsz; filled in on success, untouched otherwise
 * @reason: may be NULL
 *
 * The region is found by its VFIO_REGION_INFO_CAP_TYPE capability, the state of
 * the decoder by VFIO_DEVICE_FEATURE_CXL_HDM_DECODER (<linux/vfio_cxl.h>).  A
 * memory that is not usable at the moment is found too: see @decoder_flags.
 *
 * Return: 0, or
 *
 * * -EINVAL - @hdm is NULL or has a wrong argsz
 * * -ENOTTY - not a VFIO device, or its driver is not vfio-cxl-pci
 * * -ENOENT - the feature is there, but no region of the memory
 * * -EPROTO - the kernel's answers are malformed or contradict each other
 * * -ENOMEM - out of memory
 * * another negative errno of ioctl(2), such as -EBADF, or -EINVAL for a
 *   character device that is not bound to an iommufd
 */
int vfio_cxl_find(int device_fd, const char *name, struct vfio_cxl_hdm *hdm,
		  struct vfio_cxl_reason *reason);

/**
 * vfio_cxl_map() - map the memory of a device
 * @device_fd: as for vfio_cxl_find()
 * @name: of the device, for @reason; may be NULL
 * @hdm: as vfio_cxl_find() found it
 * @memory: set to the address on success, untouched otherwise
 * @reason: may be NULL
 *
 * The mapping is shared, readable and writable, and vfio_cxl_hdm.size long.  It
 * is aligned to 1 GiB, so that the kernel can use huge pages of every size in
 * it, and KVM in the guest: mmap(2) alone chooses any page.  munmap(2) ends it.
 *
 * Return: 0, or
 *
 * * -EINVAL - @hdm is NULL or has a wrong argsz
 * * -E2BIG - of argsz, see above
 * * -EOVERFLOW - no address space is as large as that
 * * another negative errno of mmap(2), such as -ENOMEM
 */
int vfio_cxl_map(int device_fd, const char *name,
		 const struct vfio_cxl_hdm *hdm, void **memory,
		 struct vfio_cxl_reason *reason);

/**
 * vfio_cxl_dma_buf() - export the memory of a device for DMA
 * @device_fd: as for vfio_cxl_find()
 * @name: of the device, for @reason; may be NULL
 * @hdm: as vfio_cxl_find() found it
 * @dma_buf_fd: set to a file descriptor of the dma-buf, with O_CLOEXEC, on
 *	success, untouched otherwise
 * @reason: may be NULL
 *
 * Give it to IOMMU_IOAS_MAP_FILE, so that devices reach the memory at a guest
 * physical address: others, and this one by its address translation services.
 * A reset of the device, and a guest that turns its memory decode off, take the
 * memory from it: unmap it then, and map a new one when memory decode is on.
 *
 * Return: 0, or
 *
 * * -EINVAL - @hdm is NULL or has a wrong argsz
 * * -E2BIG - of argsz, see above
 * * -EOPNOTSUPP, -ENOTTY - the kernel does not export memory of devices
 * * -ENODEV - the device has no BAR
 * * another negative errno of ioctl(2), such as -EMFILE
 */
int vfio_cxl_dma_buf(int device_fd, const char *name,
		     const struct vfio_cxl_hdm *hdm, int *dma_buf_fd,
		     struct vfio_cxl_reason *reason);

/**
 * struct vfio_cxl_window - one CXL fixed memory window of the guest
 * @argsz: size of this structure
 * @placed: the window has a base.  One that did not fit the guest's physical
 *	address space has none.
 * @name: not empty
 * @base: guest physical address, a non-zero multiple of VFIO_CXL_ALIGN; ignored
 *	unless @placed
 * @size: a non-zero multiple of VFIO_CXL_ALIGN; a placed window does not reach
 *	beyond VFIO_CXL_LIMIT
 * @targets: names of the host bridges that the window targets, none empty
 * @nr_targets: elements of @targets
 *
 * No two placed windows of a guest overlap.  Those that have an address in
 * common are malformed, whatever else is wrong with one of them.
 *
 * The guest's firmware describes it in a CFMWS of the ACPI CEDT (9.18.1.3).
 */
struct vfio_cxl_window {
	uint32_t argsz;
	bool placed;
	const char *name;
	uint64_t base;
	uint64_t size;
	const char *const *targets;
	size_t nr_targets;
};

/**
 * struct vfio_cxl_device - where the guest's topology has a device
 * @argsz: size of this structure
 * @below_switch: there is a switch between host bridge and device
 * @name: not empty; no two devices of the same @host_bridge have the same name,
 *	nor do two without one
 * @host_bridge: name of the CXL host bridge at the root of the device's PCI
 *	hierarchy; NULL or empty if the root there is not a CXL host bridge
 * @hdm_size: size of the device's memory, a non-zero multiple of VFIO_CXL_ALIGN
 * @locked_base: guest physical address that its decoder is locked at, as in
 *	vfio_cxl_hdm.base; 0 while it is not.  Set it for the devices of a
 *	running machine when another one is plugged in: they keep their windows,
 *	which cannot be moved.
 */
struct vfio_cxl_device {
	uint32_t argsz;
	bool below_switch;
	const char *name;
	const char *host_bridge;
	uint64_t hdm_size;
	uint64_t locked_base;
};

/**
 * enum vfio_cxl_verdict - what vfio_cxl_select() says of a device
 * @VFIO_CXL_VERDICT_NONE: nothing, because it failed as a whole
 * @VFIO_CXL_VERDICT_ACCEPTED: one window targets its host bridge and no other
 *	host bridge, is placed, large enough and for this device alone
 * @VFIO_CXL_VERDICT_NO_WINDOW: no window targets its host bridge
 * @VFIO_CXL_VERDICT_AMBIGUOUS: more than one window targets its host bridge
 * @VFIO_CXL_VERDICT_INTERLEAVED: the window has several targets
 * @VFIO_CXL_VERDICT_UNPLACED: the window has no base
 * @VFIO_CXL_VERDICT_TOO_SMALL: the window is smaller than the memory
 * @VFIO_CXL_VERDICT_MOVED: the window is not where the device is locked
 * @VFIO_CXL_VERDICT_SECOND_DEVICE: the window is another device's, which is
 *	below the same host bridge
 * @VFIO_CXL_VERDICT_NO_HOST_BRIDGE: it is not below a CXL host bridge
 * @VFIO_CXL_VERDICT_BELOW_SWITCH: it is below a switch
 * @VFIO_CXL_VERDICT_BAD_DEVICE: its description is malformed, or its name that
 *	of another device below the same host bridge, which is refused, too
 * @VFIO_CXL_VERDICT_BAD_WINDOW: the description of its window is malformed, or
 *	of a window that could be its; or its window overlaps another
 *
 * Only VFIO_CXL_VERDICT_ACCEPTED accepts.  Where several of the others hold,
 * the verdict is the first of them in this order: BAD_DEVICE, NO_HOST_BRIDGE,
 * BELOW_SWITCH, BAD_WINDOW (one with targets unknown), NO_WINDOW, AMBIGUOUS,
 * BAD_WINDOW, INTERLEAVED, UNPLACED, TOO_SMALL, MOVED, SECOND_DEVICE.
 */
enum vfio_cxl_verdict {
	VFIO_CXL_VERDICT_NONE,
	VFIO_CXL_VERDICT_ACCEPTED,
	VFIO_CXL_VERDICT_NO_WINDOW,
	VFIO_CXL_VERDICT_AMBIGUOUS,
	VFIO_CXL_VERDICT_INTERLEAVED,
	VFIO_CXL_VERDICT_UNPLACED,
	VFIO_CXL_VERDICT_TOO_SMALL,
	VFIO_CXL_VERDICT_MOVED,
	VFIO_CXL_VERDICT_SECOND_DEVICE,
	VFIO_CXL_VERDICT_NO_HOST_BRIDGE,
	VFIO_CXL_VERDICT_BELOW_SWITCH,
	VFIO_CXL_VERDICT_BAD_DEVICE,
	VFIO_CXL_VERDICT_BAD_WINDOW,
};

/**
 * struct vfio_cxl_placement - the place of one device
 * @argsz: size of this structure, set by the caller
 * @verdict: on the device
 * @window: the element of the array of windows that is the device's; NULL
 *	unless the verdict is VFIO_CXL_VERDICT_ACCEPTED
 * @reason: names device, host bridge and window, and says what to do; empty if
 *	the verdict is VFIO_CXL_VERDICT_ACCEPTED
 */
struct vfio_cxl_placement {
	uint32_t argsz;
	enum vfio_cxl_verdict verdict;
	const struct vfio_cxl_window *window;
	struct vfio_cxl_reason reason;
};

/**
 * vfio_cxl_select() - choose the window of every device, by topology
 * @windows: all the windows of the guest, in any order
 * @nr_windows: elements of @windows
 * @devices: all the CXL.mem devices of the guest, in any order
 * @nr_devices: elements of @devices
 * @placements: @nr_devices elements with argsz, filled in: the place of each of
 *	@devices
 *
 * A window and a device belong together if the window's only target is the name
 * of the device's host bridge.  The order of the arrays decides nothing: any
 * order gives each device the same verdict, window and reason.
 *
 * Of the devices below one host bridge only one can have the window.  That is
 * the one that is locked at its base, or else the one with the least name (as
 * strcmp(3) compares), whether or not that one is refused for another reason.
 * Each of the others is a second device.  One without a name has no claim.
 *
 * The function is pure: it reads its input and writes @placements.  It takes
 * O(n log n) time, n being the number of targets and devices.
 *
 * Return: 0 if every device is accepted, or
 *
 * * -EADDRNOTAVAIL - at least one is not: see each of @placements
 * * -EINVAL - an array is NULL but has elements, or an argsz is wrong
 * * -E2BIG - of argsz, see above
 * * -ENOMEM - out of memory
 *
 * After the last three every verdict is VFIO_CXL_VERDICT_NONE, and every reason
 * says why, unless it is @placements that is NULL or has a wrong argsz.
 */
int vfio_cxl_select(const struct vfio_cxl_window *windows, size_t nr_windows,
		    const struct vfio_cxl_device *devices, size_t nr_devices,
		    struct vfio_cxl_placement *placements);

/**
 * vfio_cxl_verdict_name() - a word for a verdict
 * @verdict: the verdict
 *
 * Return: such as "accepted" or "no-window", never NULL; valid for ever.
 */
const char *vfio_cxl_verdict_name(enum vfio_cxl_verdict verdict);

/**
 * vfio_cxl_lock() - lock a device's HDM decoder 0 at the base of a window
 * @device_fd: as for vfio_cxl_find()
 * @device: whose names go into @reason; nothing else of it is used
 * @window: vfio_cxl_placement.window of the device
 * @reason: may be NULL
 *
 * From then on the guest reads a decoder that firmware has committed and locked
 * there.  The lock ends with the last close of @device_fd.  On any error the
 * device is as before.
 *
 * Return: 0, also if it is locked at this base already, or
 *
 * * -EINVAL - no device, no window or one without a base; or its base or size
 *   is not a non-zero multiple of VFIO_CXL_ALIGN; or an argsz is wrong
 * * -E2BIG - of argsz, see above
 * * -EOVERFLOW - the memory would reach beyond VFIO_CXL_LIMIT
 * * -ENOSPC - the window is smaller than the memory
 * * -EBUSY - the decoder is locked at another base
 * * -EIO - the memory was lost in a reset
 * * -ENOTTY - not a VFIO device, or its driver is not vfio-cxl-pci
 * * another negative errno of ioctl(2), such as -EBADF
 */
int vfio_cxl_lock(int device_fd, const struct vfio_cxl_device *device,
		  const struct vfio_cxl_window *window,
		  struct vfio_cxl_reason *reason);

#ifdef __cplusplus
}
#endif

#endif /* VFIO_CXL_H */
