// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate of the memory: the set of reasons not to access it
 *
 * It is open while the set is empty.  Each path sets and clears only its own
 * reasons, so that the end of one operation cannot open a gate that another one
 * has shut.  While it is shut for a reason of the hardware, the CPU has no
 * mapping of the memory, neither a user's nor the kernel's: the CPU may read
 * speculatively through any mapping, and a device may respond to that with an
 * error that takes the host down.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sysfs.h>
#include <linux/tracepoint-defs.h>

#include "private.h"
#include "trace.h"

/* These are temporary: accesses to the memory wait */
#define GATE_PASSING	(VFIO_CXL_SHUT_SWITCH | VFIO_CXL_SHUT_RESET | \
			 VFIO_CXL_SHUT_RECOVERY | VFIO_CXL_SHUT_SETTLING | \
			 VFIO_CXL_SHUT_ASLEEP)

/* All others are reasons of the hardware: nothing may decode the memory */
#define GATE_SOFTWARE	VFIO_CXL_SHUT_UNCLEAN

/* Remove the mappings of all users */
static void gate_zap(struct vfio_cxl_device *cvdev, u64 offset, u64 count)
{
	unmap_mapping_range(cvdev->core_device.vdev.inode->i_mapping,
			    VFIO_PCI_INDEX_TO_OFFSET(cvdev->mem.region) +
			    offset, count, true);
}

/*
 * On x86, memremap() returns a mapping of another memory type than requested if
 * an MTRR covers the range (memtype_reserve()).  All types but write-back have
 * one of these bits set, for every page size.
 */
static bool gate_is_write_back(const void *mem)
{
#ifdef CONFIG_X86
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)mem, &level);

	return !(pte_flags(*pte) & (_PAGE_PWT | _PAGE_PCD));
#else
	return true;
#endif
}

/*
 * Map the whole range write-back.  read(), write() and clearing use this
 * mapping, and on x86 it reserves the memory type, without which user mappings
 * would be uncached.
 */
static unsigned long gate_map(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_host *host = &cvdev->host;

	cvdev->gate.mem = memremap(host->base, host->size, MEMREMAP_WB);
	if (cvdev->gate.mem) {
		if (!gate_is_write_back(cvdev->gate.mem))
			dev_warn_ratelimited(&vfio_cxl_pdev(cvdev)->dev,
					     "the memory is not cached, which is slow: see /proc/mtrr, update platform firmware\n");
		return 0;
	}

	dev_err_ratelimited(&vfio_cxl_pdev(cvdev)->dev,
			    "no kernel address space to map the memory, which is not usable: reset the device again\n");
	return VFIO_CXL_SHUT_LOST;
}

static void gate_unmap(struct vfio_cxl_device *cvdev)
{
	if (cvdev->gate.mem)
		memunmap(cvdev->gate.mem);
	cvdev->gate.mem = NULL;
}

/**
 * vfio_cxl_gate_tell_user - notify the user that the memory needs a reset
 * @cvdev: the device
 *
 * Signals the error eventfd of VFIO.
 */
void vfio_cxl_gate_tell_user(struct vfio_cxl_device *cvdev)
{
	vfio_pci_core_aer_err_detected(vfio_cxl_pdev(cvdev),
				       pci_channel_io_normal);
}

/**
 * vfio_cxl_gate_change - set and clear reasons, atomically
 * @cvdev: the device
 * @set: reasons to set, of enum vfio_cxl_shut
 * @clear: reasons to clear, none of @set
 *
 * After return the memory is not accessed while there is a reason.  Notifies
 * the user if the memory is lost, or if the kernel has no address space to map
 * it: a user who does not access it would not notice.  May sleep.
 */
void vfio_cxl_gate_change(struct vfio_cxl_device *cvdev, unsigned long set,
			  unsigned long clear)
{
	struct vfio_cxl_gate *gate = &cvdev->gate;
	unsigned long was, now;

	scoped_guard(rwsem_write, &gate->lock) {
		was = gate->shut;
		now = (was | set) & ~clear;
		if (!(now & ~GATE_SOFTWARE) && !gate->mem) {
			set |= gate_map(cvdev);
			now |= set;
		}
		WRITE_ONCE(gate->shut, now);
		if (now && !was)
			gate_zap(cvdev, 0, cvdev->host.size);
		if (now & ~GATE_SOFTWARE)
			gate_unmap(cvdev);
		trace_vfio_cxl_gate(cvdev, was, now);
	}
	wake_up_all(&gate->wait);
	if (set & VFIO_CXL_SHUT_LOST)
		vfio_cxl_gate_tell_user(cvdev);
}

/**
 * vfio_cxl_gate_zap - remove part of the memory from all user mappings
 * @cvdev: the device
 * @offset: offset in the memory, in bytes; page aligned
 * @count: number of bytes; a multiple of the page size
 *
 * Later faults see what the caller did before, and earlier faults have
 * finished.
 */
void vfio_cxl_gate_zap(struct vfio_cxl_device *cvdev, u64 offset, u64 count)
{
	guard(rwsem_write)(&cvdev->gate.lock);

	gate_zap(cvdev, offset, count);
}

/**
 * vfio_cxl_gate_reasons - why the memory must not be accessed
 * @cvdev: the device
 *
 * Return: the current reasons, 0 if the gate is open.
 */
unsigned long vfio_cxl_gate_reasons(struct vfio_cxl_device *cvdev)
{
	return READ_ONCE(cvdev->gate.shut);
}

/**
 * vfio_cxl_gate_try_enter - enter the gate, to access or map the memory
 * @cvdev: the device
 * @despite: reasons to ignore
 *
 * Return: 0, and the gate stays open until vfio_cxl_gate_leave(); -EAGAIN if
 * all reasons are temporary; -EIO if one is not; -EINTR if the task is killed.
 */
int vfio_cxl_gate_try_enter(struct vfio_cxl_device *cvdev,
			    unsigned long despite)
{
	struct vfio_cxl_gate *gate = &cvdev->gate;
	unsigned long shut;

	if (down_read_killable(&gate->lock))
		return -EINTR;
	shut = gate->shut & ~despite;
	if (!shut)
		return 0;
	up_read(&gate->lock);

	return shut & ~GATE_PASSING ? -EIO : -EAGAIN;
}

/**
 * vfio_cxl_gate_wait - wait for the end of temporary reasons
 * @cvdev: the device
 *
 * The device may take minutes: the caller must not hold a lock that others
 * need.
 *
 * Return: 0, or -EINTR if the task is killed.
 */
int vfio_cxl_gate_wait(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_gate *gate = &cvdev->gate;

	return wait_event_killable(gate->wait,
				   !READ_ONCE(gate->shut) ||
				   READ_ONCE(gate->shut) & ~GATE_PASSING) ?
	       -EINTR : 0;
}

/**
 * vfio_cxl_gate_enter - enter the gate, after waiting for temporary reasons
 * @cvdev: the device
 *
 * Return: 0, and the gate stays open until vfio_cxl_gate_leave(); -EIO if the
 * memory is not usable; -EINTR if the task is killed.
 */
int vfio_cxl_gate_enter(struct vfio_cxl_device *cvdev)
{
	int ret;

	while ((ret = vfio_cxl_gate_try_enter(cvdev, 0)) == -EAGAIN)
		if (vfio_cxl_gate_wait(cvdev))
			return -EINTR;

	return ret;
}

/**
 * vfio_cxl_gate_leave - leave the gate, see vfio_cxl_gate_enter()
 * @cvdev: the device
 */
void vfio_cxl_gate_leave(struct vfio_cxl_device *cvdev)
{
	up_read(&cvdev->gate.lock);
}

/**
 * vfio_cxl_gate_init - initialise the gate as shut
 * @cvdev: the device, which has not been examined yet
 */
void vfio_cxl_gate_init(struct vfio_cxl_device *cvdev)
{
	init_rwsem(&cvdev->gate.lock);
	init_waitqueue_head(&cvdev->gate.wait);
	cvdev->gate.shut = VFIO_CXL_SHUT_SETTLING | VFIO_CXL_SHUT_UNCLEAN;
}

#define GATE_NAMES(array, names...) \
	static const struct trace_print_flags array[] = { names }
VFIO_CXL_SHUT_NAMES(GATE_NAMES, gate_names);

static ssize_t hdm_gate_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	struct vfio_cxl_device *cvdev =
		vfio_cxl_from_core(dev_get_drvdata(dev));
	unsigned long shut = vfio_cxl_gate_reasons(cvdev);
	unsigned int i;
	int len = 0;

	if (!shut)
		return sysfs_emit(buf, "open\n");
	for (i = 0; i < ARRAY_SIZE(gate_names); i++)
		if (shut & gate_names[i].mask)
			len += sysfs_emit_at(buf, len, "%s%s", len ? " " : "",
					     gate_names[i].name);

	return len + sysfs_emit_at(buf, len, "\n");
}
static DEVICE_ATTR_RO(hdm_gate);

static struct attribute *gate_attrs[] = {
	&dev_attr_hdm_gate.attr,
	NULL
};

/* Of a bound device */
const struct attribute_group vfio_cxl_gate_group = {
	.attrs = gate_attrs,
};
