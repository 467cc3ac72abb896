/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libvfio-cxl: a VMM's side of CXL.mem devices bound to vfio-cxl-pci
 *
 * A VMM that assigns such a device to a guest calls three functions:
 *
 *   vfio_cxl_find()	find the memory of the open device
 *   vfio_cxl_select()	choose its window in the guest
 *   vfio_cxl_lock()	lock its HDM decoder at the base of that window
 *
 * and then maps the memory, with vfio_cxl_map(), into the guest at that base.
 * All other use of VFIO is up to the VMM, which opens the device through the
 * group or the cdev interface.
 *
 * The library keeps no state, prints nothing and never exits.  Every function
 * is thread-safe with musl or with glibc 2.32 or later, whose strerror(3) is
 * thread-safe.  A function that can fail returns 0 or a negative errno and, if
 * the caller passes a buffer, writes a reason there.  All sizes and addresses
 * are in bytes, in host byte order.
 *
 * Structures may grow at their end in later versions; a value of 0 in a new
 * member has no effect.  So each begins with argsz, as in VFIO: the size of the
 * structure in the caller.  Set it to the sizeof the structure, in every
 * element of an array, even if the library fills in the rest.  Only struct
 * vfio_cxl_reason has no argsz and does not grow.  A function fails with
 *
 * * -EINVAL - argsz is less than the size of the structure's first version, or
 *   more than 4096, or not the same in all elements of an array
 * * -E2BIG - an input structure is longer than this version of the library
 *   supports, and the unknown part is not 0
 *
 * The library sets the unknown part of an output structure to 0.
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
 * VFIO_CXL_ALIGN - alignment of the base and the size of a window and of the
 * size of the memory: 256 MiB (8.2.4.20, HDM decoder base and size)
 */
#define VFIO_CXL_ALIGN		(UINT64_C(256) << 20)

/**
 * VFIO_CXL_LIMIT - end of the address space for memory: 2^52 (8.2.4.20)
 */
#define VFIO_CXL_LIMIT		(UINT64_C(1) << 52)

/**
 * struct vfio_cxl_reason - why a function failed and what to do about it
 * @text: one line for the user of the VMM, without a trailing newline, always
 *	terminated; empty after a success, and only then.  Names are truncated
 *	to 64 bytes.
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
 * @region_offset: its offset in the device's file, for mmap(2) and pread(2)
 * @size: size of the memory, and of the region; a multiple of VFIO_CXL_ALIGN
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
 * @name: name of the device, for @reason; may be NULL
 * @hdm: with argsz; filled in on success, untouched otherwise
 * @reason: may be NULL
 *
 * The region is found by its VFIO_REGION_INFO_CAP_TYPE capability, the state of
 * the decoder by VFIO_DEVICE_FEATURE_CXL_HDM_DECODER (<linux/vfio_cxl.h>).
 * Memory that is currently not usable is found, too: see @decoder_flags.
 *
 * Return: 0, or
 *
 * * -EINVAL - @hdm is NULL or has a wrong argsz
 * * -ENOTTY - not a VFIO device, or its driver is not vfio-cxl-pci
 * * -ENOENT - the device has the feature, but no region for the memory
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
 * @name: name of the device, for @reason; may be NULL
 * @hdm: as vfio_cxl_find() found it
 * @memory: set to the address on success, untouched otherwise
 * @reason: may be NULL
 *
 * The mapping is shared, readable and writable, and has the size
 * vfio_cxl_hdm.size.  It is aligned to 1 GiB, so that the kernel can use huge
 * pages of every size, and KVM can do so in the guest; mmap(2) alone would
 * choose any page.  Unmap it with munmap(2).  Mapping memory that was lost in a
 * reset succeeds: accesses raise SIGBUS.
 *
 * On arm64, give the mapping to a guest only if KVM has
 * KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED (Linux 6.17): without it the guest
 * fails at its first access.
 *
 * Return: 0, or
 *
 * * -EINVAL - @hdm is NULL or has a wrong argsz
 * * -E2BIG - because of argsz, see above
 * * -EOVERFLOW - the size does not fit into the address space
 * * another negative errno of mmap(2), such as -ENOMEM
 */
int vfio_cxl_map(int device_fd, const char *name,
		 const struct vfio_cxl_hdm *hdm, void **memory,
		 struct vfio_cxl_reason *reason);

/**
 * vfio_cxl_dma_buf() - export the memory of a device for DMA
 * @device_fd: as for vfio_cxl_find()
 * @name: name of the device, for @reason; may be NULL
 * @hdm: as vfio_cxl_find() found it
 * @dma_buf_fd: set to a file descriptor of the dma-buf, with O_CLOEXEC, on
 *	success, untouched otherwise
 * @reason: may be NULL
 *
 * Pass it to IOMMU_IOAS_MAP_FILE, so that devices can access the memory at a
 * guest physical address: other devices, and this one through its address
 * translation services.  A reset of the device, and a guest that turns its
 * memory decode off, revoke it: unmap it then, and map a new one when memory
 * decode is on.
 *
 * Return: 0, or
 *
 * * -EINVAL - @hdm is NULL or has a wrong argsz
 * * -E2BIG - because of argsz, see above
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
 * @placed: the window has a base.  A window that did not fit the guest's
 *	physical address space has none.
 * @name: not empty
 * @base: guest physical address, a non-zero multiple of VFIO_CXL_ALIGN; ignored
 *	unless @placed
 * @size: a non-zero multiple of VFIO_CXL_ALIGN; a placed window does not reach
 *	beyond VFIO_CXL_LIMIT
 * @targets: names of the host bridges that the window targets, none empty
 * @nr_targets: number of elements of @targets
 *
 * Placed windows of a guest must not overlap.  Overlapping windows are
 * malformed, regardless of other errors in one of them.
 *
 * The guest's firmware describes a window in a CFMWS of the ACPI CEDT
 * (9.18.1.3).
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
 * struct vfio_cxl_device - position of a device in the guest's topology
 * @argsz: size of this structure
 * @below_switch: there is a switch between host bridge and device
 * @name: not empty; devices below the same @host_bridge, or without one, must
 *	have different names
 * @host_bridge: name of the CXL host bridge at the root of the device's PCI
 *	hierarchy; NULL or empty if the root is not a CXL host bridge
 * @hdm_size: size of the device's memory, a non-zero multiple of VFIO_CXL_ALIGN
 * @locked_base: guest physical address that its decoder is locked at, as in
 *	vfio_cxl_hdm.base; 0 while it is not.  Set it for the devices of a
 *	running machine when another one is plugged in: they keep their
 *	windows, which cannot be moved.
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
 * enum vfio_cxl_verdict - result of vfio_cxl_select() for a device
 * @VFIO_CXL_VERDICT_NONE: no result, because the function failed as a whole
 * @VFIO_CXL_VERDICT_ACCEPTED: one window targets its host bridge and no other
 *	host bridge, is placed, large enough, and used by this device only
 * @VFIO_CXL_VERDICT_NO_WINDOW: no window targets its host bridge
 * @VFIO_CXL_VERDICT_AMBIGUOUS: more than one window targets its host bridge
 * @VFIO_CXL_VERDICT_INTERLEAVED: the window has several targets
 * @VFIO_CXL_VERDICT_UNPLACED: the window has no base
 * @VFIO_CXL_VERDICT_TOO_SMALL: the window is smaller than the memory
 * @VFIO_CXL_VERDICT_MOVED: the device is locked at another base than the
 *	window's
 * @VFIO_CXL_VERDICT_SECOND_DEVICE: the window is already used by another device
 *	below the same host bridge
 * @VFIO_CXL_VERDICT_NO_HOST_BRIDGE: it is not below a CXL host bridge
 * @VFIO_CXL_VERDICT_BELOW_SWITCH: it is below a switch
 * @VFIO_CXL_VERDICT_BAD_DEVICE: its description is malformed, or another device
 *	below the same host bridge has the same name and is refused, too
 * @VFIO_CXL_VERDICT_BAD_WINDOW: the description of its window is malformed, or
 *	that of a window that could be its window; or its window overlaps
 *	another one
 *
 * Only VFIO_CXL_VERDICT_ACCEPTED means success.  If several of the others
 * apply, the verdict is the first one in this order: BAD_DEVICE,
 * NO_HOST_BRIDGE, BELOW_SWITCH, BAD_WINDOW (one with targets unknown),
 * NO_WINDOW, AMBIGUOUS, BAD_WINDOW, INTERLEAVED, UNPLACED, TOO_SMALL, MOVED,
 * SECOND_DEVICE.
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
 * struct vfio_cxl_placement - the window of one device
 * @argsz: size of this structure, set by the caller
 * @verdict: result for the device
 * @window: the device's element of the array of windows; NULL unless the
 *	verdict is VFIO_CXL_VERDICT_ACCEPTED
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
 * @nr_windows: number of elements of @windows
 * @devices: all the CXL.mem devices of the guest, in any order
 * @nr_devices: number of elements of @devices
 * @placements: @nr_devices elements with argsz, filled in: the result for each
 *	of @devices
 *
 * A window and a device belong together if the window's only target is the name
 * of the device's host bridge.  The order of the arrays does not matter: any
 * order gives each device the same verdict, window and reason.
 *
 * Only one of the devices below one host bridge can have the window: the one
 * that is locked at its base, or else the first one by name (in the order of
 * strcmp(3)), even if that one is refused for another reason.  Each of the
 * others is a second device.  A device without a name cannot have the window.
 *
 * The function is pure: it reads its input and writes @placements.  It takes
 * O(n log n) time, n being the number of targets and devices.
 *
 * Return: 0 if every device is accepted, or
 *
 * * -EADDRNOTAVAIL - at least one is refused: see each of @placements
 * * -EINVAL - an array is NULL but has elements, or an argsz is wrong
 * * -E2BIG - because of argsz, see above
 * * -ENOMEM - out of memory
 *
 * After the last three errors every verdict is VFIO_CXL_VERDICT_NONE, and every
 * reason says why, unless @placements itself is NULL or has a wrong argsz.
 */
int vfio_cxl_select(const struct vfio_cxl_window *windows, size_t nr_windows,
		    const struct vfio_cxl_device *devices, size_t nr_devices,
		    struct vfio_cxl_placement *placements);

/**
 * vfio_cxl_verdict_name() - name of a verdict
 * @verdict: the verdict
 *
 * Return: a string such as "accepted" or "no-window", never NULL; it has static
 * storage duration.
 */
const char *vfio_cxl_verdict_name(enum vfio_cxl_verdict verdict);

/**
 * vfio_cxl_lock() - lock a device's HDM decoder 0 at the base of a window
 * @device_fd: as for vfio_cxl_find()
 * @device: names the device in @reason; its other members are not used
 * @window: vfio_cxl_placement.window of the device
 * @reason: may be NULL
 *
 * From then on the guest reads a decoder that is committed and locked there, as
 * firmware would set it up.  The lock ends with the last close of @device_fd.
 * On any error the device is unchanged.
 *
 * Return: 0, including if it is already locked at this base, or
 *
 * * -EINVAL - no device, no window, or one without a base; or its base or size
 *   is not a non-zero multiple of VFIO_CXL_ALIGN; or an argsz is wrong
 * * -E2BIG - because of argsz, see above
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
