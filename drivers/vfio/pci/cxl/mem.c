// SPDX-License-Identifier: GPL-2.0-only
/*
 * The HDM memory region: mmap and faults, read and write, gate and zap
 *
 * CXL.mem does not depend on Memory Space Enable of the PCI command register,
 * so the region has a gate of its own.  vfio_pci_vmf_insert_pfn(), which
 * refuses while memory decode is off, would take a guest's memory away while it
 * sizes BARs.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <linux/vfio_cxl.h>

#include "private.h"

/* Copied by read() and write() with the lock held: a reset waits for so much */
#define MEM_CHUNK		SZ_64K

/* Where a page of the user's is missing, a few bytes take a detour */
#define MEM_BOUNCE_SIZE		64

/* Offset in the region of a file offset or of a mapping's */
static u64 mem_offset(u64 file_offset)
{
	return file_offset & VFIO_PCI_OFFSET_MASK;
}

/*
 * Take the lock for touching or mapping the memory, after the end of a reset.
 * Return: 0 with the lock held for reading, -EIO where the memory is not
 * usable, -EINTR where the task is killed.
 */
static int mem_lock_ready(struct vfio_cxl_mem *mem)
{
	for (;;) {
		if (wait_event_killable(mem->wait, READ_ONCE(mem->state) !=
						   VFIO_CXL_MEM_RESET))
			return -EINTR;

		down_read(&mem->lock);
		if (mem->state == VFIO_CXL_MEM_READY)
			return 0;
		if (mem->state != VFIO_CXL_MEM_RESET) {
			up_read(&mem->lock);
			return -EIO;
		}
		up_read(&mem->lock);
	}
}

static vm_fault_t mem_insert_pfn(struct vm_fault *vmf, unsigned long pfn,
				 unsigned int order)
{
	if (!order)
		return vmf_insert_pfn(vmf->vma, vmf->address, pfn);

	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) && order == PMD_ORDER)
		return vmf_insert_pfn_pmd(vmf, pfn, false);

	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP) && order == PUD_ORDER)
		return vmf_insert_pfn_pud(vmf, pfn, false);

	return VM_FAULT_FALLBACK;
}

static vm_fault_t mem_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct vfio_cxl_device *cvdev = vma->vm_private_data;
	unsigned long addr = ALIGN_DOWN(vmf->address, PAGE_SIZE << order);
	unsigned long pfn = PHYS_PFN(cvdev->host.base +
				     mem_offset(PFN_PHYS(vma->vm_pgoff)) +
				     addr - vma->vm_start);
	vm_fault_t ret;

	if (!is_aligned_for_order(vma, addr, pfn, order))
		return VM_FAULT_FALLBACK;

	if (mem_lock_ready(&cvdev->mem))
		return VM_FAULT_SIGBUS;
	ret = mem_insert_pfn(vmf, pfn, order);
	up_read(&cvdev->mem.lock);

	return ret;
}

static vm_fault_t mem_fault(struct vm_fault *vmf)
{
	return mem_huge_fault(vmf, 0);
}

static const struct vm_operations_struct mem_vm_ops = {
	.fault = mem_fault,
#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP
	.huge_fault = mem_huge_fault,
#endif
};

static int mem_mmap(struct vfio_pci_core_device *vdev,
		    struct vfio_pci_region *region, struct vm_area_struct *vma)
{
	u64 start = mem_offset(PFN_PHYS(vma->vm_pgoff));
	u64 end;

	if (check_add_overflow(start, vma->vm_end - vma->vm_start, &end) ||
	    end > region->size)
		return -EINVAL;

	/*
	 * The page protection stays as it is, write-back: KVM follows it, and
	 * coherent memory must not be mapped uncached.
	 */
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &mem_vm_ops;
	vma->vm_private_data = vfio_cxl_from_core(vdev);

	return 0;
}

/*
 * Copy straight between the memory and user memory.  That one may be a mapping
 * of this very region, whose faults take the lock again: with page faults off
 * the copy ends at the first page that is not there.  So does it at poison.
 * Return: bytes copied, or a negative errno.
 */
static ssize_t mem_copy(struct vfio_cxl_device *cvdev, struct iov_iter *iter,
			u64 offset, size_t count)
{
	void *mem = cvdev->host.mem + offset;
	ssize_t ret;

	ret = mem_lock_ready(&cvdev->mem);
	if (ret)
		return ret;
	pagefault_disable();
	if (iov_iter_rw(iter) == WRITE)
		ret = copy_from_iter(mem, count, iter);
	else
		ret = _copy_mc_to_iter(mem, count, iter);
	pagefault_enable();
	up_read(&cvdev->mem.lock);

	return ret;
}

/**
 * vfio_cxl_mem_clear - fill memory with zeroes
 * @cvdev: the device
 * @offset: where in the memory, in bytes
 * @count: how many bytes; whole pages, like @offset
 *
 * The zeroes are in the memory itself on return, not in the CPU's caches, from
 * where a later reset of the device would lose them.
 *
 * Return: 0, or -EIO where the memory is not usable.
 */
int vfio_cxl_mem_clear(struct vfio_cxl_device *cvdev, u64 offset, size_t count)
{
	void *mem = cvdev->host.mem + offset, *end = mem + count;
	int ret;

	ret = mem_lock_ready(&cvdev->mem);
	if (ret)
		return ret;
	for (; mem < end; mem += PAGE_SIZE)
		memcpy_flushcache(mem, page_address(ZERO_PAGE(0)), PAGE_SIZE);
	up_read(&cvdev->mem.lock);

	return 0;
}

/*
 * Copy a few bytes through a buffer, with no lock held while user memory is
 * touched: this brings in a page that mem_copy() met the lack of, or tells what
 * is wrong with it or with the memory.
 */
static ssize_t mem_copy_bounce(struct vfio_cxl_device *cvdev,
			       struct iov_iter *iter, u64 offset, size_t count)
{
	void *mem = cvdev->host.mem + offset;
	u8 bounce[MEM_BOUNCE_SIZE];
	size_t left = 0;
	int ret;

	count = min(count, sizeof(bounce));
	if (iov_iter_rw(iter) == WRITE) {
		count = copy_from_iter(bounce, count, iter);
		if (!count)
			return -EFAULT;
	}

	ret = mem_lock_ready(&cvdev->mem);
	if (ret)
		return ret;
	if (iov_iter_rw(iter) == WRITE)
		memcpy(mem, bounce, count);
	else
		left = copy_mc_to_kernel(bounce, mem, count);
	up_read(&cvdev->mem.lock);

	if (iov_iter_rw(iter) == WRITE)
		return count;
	if (left == count)
		return -EIO;
	return copy_to_iter(bounce, count - left, iter) ?: -EFAULT;
}

static ssize_t mem_rw(struct vfio_pci_core_device *vdev, char __user *buf,
		      size_t count, loff_t *ppos, bool iswrite)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_from_core(vdev);
	u64 offset = mem_offset(*ppos);
	size_t done = 0, chunk;
	struct iov_iter iter;
	ssize_t ret;

	if (offset >= cvdev->host.size)
		return -EINVAL;
	count = min_t(u64, count, cvdev->host.size - offset);
	ret = import_ubuf(iswrite ? ITER_SOURCE : ITER_DEST, buf, count, &iter);
	if (ret)
		return ret;

	while (done < count) {
		chunk = min(count - done, MEM_CHUNK);
		ret = mem_copy(cvdev, &iter, offset + done, chunk);
		if (!ret)
			ret = mem_copy_bounce(cvdev, &iter, offset + done,
					      chunk);
		if (ret < 0)
			break;
		done += ret;
		/* A signal ends it, as read(2) has it */
		if (signal_pending(current))
			break;
		cond_resched();
	}
	if (!done)
		return ret;

	*ppos += done;
	return done;
}

static void mem_release(struct vfio_pci_core_device *vdev,
			struct vfio_pci_region *region)
{
}

static const struct vfio_pci_regops mem_regops = {
	.rw = mem_rw,
	.mmap = mem_mmap,
	.release = mem_release,
};

/* Leave no mapping behind, whoever holds it */
static void mem_zap(struct vfio_cxl_device *cvdev)
{
	unmap_mapping_range(cvdev->core_device.vdev.inode->i_mapping,
			    VFIO_PCI_INDEX_TO_OFFSET(cvdev->mem.region),
			    cvdev->host.size, true);
}

/**
 * vfio_cxl_mem_gate - from here on nobody touches the memory
 * @cvdev: the device
 * @state: why, anything but VFIO_CXL_MEM_READY
 */
void vfio_cxl_mem_gate(struct vfio_cxl_device *cvdev,
		       enum vfio_cxl_mem_state state)
{
	scoped_guard(rwsem_write, &cvdev->mem.lock)
		WRITE_ONCE(cvdev->mem.state, state);
	mem_zap(cvdev);
}

/**
 * vfio_cxl_mem_ungate - the end of a reset, of an open or of a close
 * @cvdev: the device
 * @restored: the host's decoder is as it was
 */
void vfio_cxl_mem_ungate(struct vfio_cxl_device *cvdev, bool restored)
{
	struct vfio_cxl_mem *mem = &cvdev->mem;

	scoped_guard(rwsem_write, &mem->lock)
		WRITE_ONCE(mem->state, restored ? VFIO_CXL_MEM_READY :
						  VFIO_CXL_MEM_LOST);
	wake_up_all(&mem->wait);
}

/**
 * vfio_cxl_mem_state - whether the memory may be touched
 * @cvdev: the device
 *
 * Return: the state of this moment.
 */
enum vfio_cxl_mem_state vfio_cxl_mem_state(struct vfio_cxl_device *cvdev)
{
	return READ_ONCE(cvdev->mem.state);
}

/**
 * vfio_cxl_mem_open - offer the region to a user
 * @cvdev: the device, enabled; vfio_cxl_mem_ungate() opens the gate
 *
 * Return: 0 or -ENOMEM.
 */
int vfio_cxl_mem_open(struct vfio_cxl_device *cvdev)
{
	const u32 type = VFIO_REGION_TYPE_PCI_VENDOR_TYPE | VFIO_CXL_VENDOR_ID;
	const u32 flags = VFIO_REGION_INFO_FLAG_READ |
			  VFIO_REGION_INFO_FLAG_WRITE |
			  VFIO_REGION_INFO_FLAG_MMAP;
	struct vfio_pci_core_device *vdev = &cvdev->core_device;
	int ret;

	ret = vfio_pci_core_register_dev_region(vdev, type,
						VFIO_REGION_SUBTYPE_CXL_MEM,
						&mem_regops, cvdev->host.size,
						flags, NULL);
	if (ret)
		return ret;

	cvdev->mem.region = VFIO_PCI_NUM_REGIONS + vdev->num_regions - 1;

	return 0;
}

/**
 * vfio_cxl_mem_init - a closed gate
 * @cvdev: the device
 */
void vfio_cxl_mem_init(struct vfio_cxl_device *cvdev)
{
	init_rwsem(&cvdev->mem.lock);
	init_waitqueue_head(&cvdev->mem.wait);
	cvdev->mem.state = VFIO_CXL_MEM_GATED;
	cvdev->mem.region = VFIO_PCI_NUM_REGIONS;
}
