// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate of the memory: the set of reasons for which nobody may touch it
 *
 * It is open while there is none.  Each path sets and clears its own reasons
 * only, so that the end of one thing cannot open what another one has shut.
 * While it is shut for a reason of the hardware the CPU has no mapping of the
 * memory, a user's or the kernel's: the CPU may read ahead through any mapping,
 * and a device may answer that with an error that takes the host down.
 */
#include <linux/io.h>
#include <linux/mm.h>

#include "private.h"

/* These pass by themselves: who wants to touch the memory waits */
#define GATE_PASSING	(VFIO_CXL_SHUT_SWITCH | VFIO_CXL_SHUT_RESET | \
			 VFIO_CXL_SHUT_RECOVERY | VFIO_CXL_SHUT_SETTLING | \
			 VFIO_CXL_SHUT_ASLEEP)

/* All but these are reasons of the hardware: nothing may decode the memory */
#define GATE_SOFTWARE	VFIO_CXL_SHUT_UNCLEAN

/* Leave no mapping of a user's behind, whoever holds it */
static void gate_zap(struct vfio_cxl_device *cvdev, u64 offset, u64 count)
{
	unmap_mapping_range(cvdev->core_device.vdev.inode->i_mapping,
			    VFIO_PCI_INDEX_TO_OFFSET(cvdev->mem.region) +
			    offset, count, true);
}

/*
 * On x86 memremap() gives another memory type than it is asked for where an
 * MTRR says so (memtype_reserve()).  Any but write-back has one of these bits,
 * whatever the size of the page.
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
 * One write-back mapping of the whole range: read(), write() and the clearing
 * use it, and on x86 it reserves the memory type without which user mappings
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
			    "the kernel has no room to map the memory, which is not usable: reset the device again\n");
	return VFIO_CXL_SHUT_LOST;
}

static void gate_unmap(struct vfio_cxl_device *cvdev)
{
	if (cvdev->gate.mem)
		memunmap(cvdev->gate.mem);
	cvdev->gate.mem = NULL;
}

/**
 * vfio_cxl_gate_tell_user - tell of memory that is not usable until a reset
 * @cvdev: the device
 *
 * VFIO's way is the eventfd for errors.
 */
void vfio_cxl_gate_tell_user(struct vfio_cxl_device *cvdev)
{
	vfio_pci_core_aer_err_detected(vfio_cxl_pdev(cvdev),
				       pci_channel_io_normal);
}

/**
 * vfio_cxl_gate_change - set and clear reasons to be shut, at once
 * @cvdev: the device
 * @set: reasons that hold from here on, of enum vfio_cxl_shut
 * @clear: reasons that do not any more, none of @set
 *
 * On return nobody touches the memory while there is a reason.  The user is
 * told of a memory that is lost, also of one that the kernel has no room to
 * map: nothing else says so to a user who does not touch it.  May sleep.
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
	}
	wake_up_all(&gate->wait);
	if (set & VFIO_CXL_SHUT_LOST)
		vfio_cxl_gate_tell_user(cvdev);
}

/**
 * vfio_cxl_gate_zap - take some of the memory out of all mappings of users
 * @cvdev: the device
 * @offset: where in the memory, in bytes
 * @count: how many bytes; whole pages, like @offset
 *
 * Faults from here on see what the caller did before, and those that did not
 * are over.
 */
void vfio_cxl_gate_zap(struct vfio_cxl_device *cvdev, u64 offset, u64 count)
{
	guard(rwsem_write)(&cvdev->gate.lock);

	gate_zap(cvdev, offset, count);
}

/**
 * vfio_cxl_gate_reasons - why the memory must not be touched
 * @cvdev: the device
 *
 * Return: the reasons of this moment, 0 where the gate is open.
 */
unsigned long vfio_cxl_gate_reasons(struct vfio_cxl_device *cvdev)
{
	return READ_ONCE(cvdev->gate.shut);
}

/**
 * vfio_cxl_gate_try_enter - touch or map the memory, if that is possible now
 * @cvdev: the device
 * @despite: reasons that the caller has nothing to do with
 *
 * Return: 0, and the gate stays open until vfio_cxl_gate_leave(); -EAGAIN where
 * it is shut for reasons that pass by themselves; -EIO where one does not;
 * -EINTR where the task is killed.
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
 * vfio_cxl_gate_wait - wait for what passes by itself
 * @cvdev: the device
 *
 * The device may take minutes: no lock must be held that others need.
 *
 * Return: 0, or -EINTR where the task is killed.
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
 * vfio_cxl_gate_enter - touch the memory as soon as that is possible
 * @cvdev: the device
 *
 * Return: 0, and the gate stays open until vfio_cxl_gate_leave(); -EIO where
 * the memory is not usable; -EINTR where the task is killed.
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
 * vfio_cxl_gate_leave - the end of vfio_cxl_gate_enter()
 * @cvdev: the device
 */
void vfio_cxl_gate_leave(struct vfio_cxl_device *cvdev)
{
	up_read(&cvdev->gate.lock);
}

/**
 * vfio_cxl_gate_init - a gate that is shut
 * @cvdev: the device, of which nothing is known yet
 */
void vfio_cxl_gate_init(struct vfio_cxl_device *cvdev)
{
	init_rwsem(&cvdev->gate.lock);
	init_waitqueue_head(&cvdev->gate.wait);
	cvdev->gate.shut = VFIO_CXL_SHUT_SETTLING | VFIO_CXL_SHUT_UNCLEAN;
}
