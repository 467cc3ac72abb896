// SPDX-License-Identifier: GPL-2.0-only
/*
 * The HDM memory region: mmap and faults, read and write
 *
 * CXL.mem does not depend on Memory Space Enable of the PCI command register,
 * so the memory has a gate of its own.  vfio_pci_vmf_insert_pfn(), which
 * refuses while memory decode is off, would make the memory inaccessible to a
 * guest that sizes BARs.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <linux/vfio_cxl.h>

#include "private.h"
#include "trace.h"

/* Copied with the gate held open: bounds how long a reset waits */
#define MEM_CHUNK		SZ_64K

/* Size of the bounce buffer, used where a user page is missing */
#define MEM_BOUNCE_SIZE		64

static bool allow_unsafe_type1_dma;
module_param(allow_unsafe_type1_dma, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_type1_dma, "Let type 1 containers map the memory for DMA. Such a mapping outlives the close and gives other devices of the container access to the next user's data; enable only if all users of the host belong to one tenant (default: off)");

/* Offset in the region of a file offset or of a mapping's */
static u64 mem_offset(u64 file_offset)
{
	return file_offset & VFIO_PCI_OFFSET_MASK;
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

/*
 * A fault that has to wait first releases the lock of the address space, so
 * that other threads of the task can run and be killed; then it is retried.
 * The file keeps the device open meanwhile.
 */
static vm_fault_t mem_fault_enter(struct vm_fault *vmf,
				  struct vfio_cxl_device *cvdev, u64 offset,
				  unsigned int order)
{
	struct file *file;
	int ret;

	ret = vfio_cxl_gate_try_enter(cvdev, 0);
	if (ret == -EAGAIN) {
		trace_vfio_cxl_fault_wait(cvdev, offset, order, vmf->flags);
		if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
			ret = vfio_cxl_gate_enter(cvdev);
	}
	if (!ret)
		return 0;
	if (ret != -EAGAIN) {
		trace_vfio_cxl_fault_error(cvdev, offset, order,
					   VM_FAULT_SIGBUS);
		return VM_FAULT_SIGBUS;
	}

	if (!(vmf->flags & FAULT_FLAG_RETRY_NOWAIT)) {
		file = get_file(vmf->vma->vm_file);
		release_fault_lock(vmf);
		vfio_cxl_gate_wait(cvdev);
		fput(file);
	}

	return VM_FAULT_RETRY;
}

static vm_fault_t mem_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct vfio_cxl_device *cvdev = vma->vm_private_data;
	unsigned long addr = ALIGN_DOWN(vmf->address, PAGE_SIZE << order);
	u64 offset = mem_offset(PFN_PHYS(vma->vm_pgoff)) + addr - vma->vm_start;
	unsigned long pfn = PHYS_PFN(cvdev->host.base + offset);
	size_t size = PAGE_SIZE << order;
	vm_fault_t ret;

	if (!is_aligned_for_order(vma, addr, pfn, order))
		return VM_FAULT_FALLBACK;

	ret = mem_fault_enter(vmf, cvdev, offset, order);
	if (ret)
		return ret;
	if (vfio_cxl_poison_before(cvdev, offset, size) == size)
		ret = mem_insert_pfn(vmf, pfn, order);
	else
		ret = order ? VM_FAULT_FALLBACK : VM_FAULT_HWPOISON;
	vfio_cxl_gate_leave(cvdev);
	trace_vfio_cxl_fault_error(cvdev, offset, order, ret);

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
	const bool for_type1 = READ_ONCE(allow_unsafe_type1_dma);
	u64 start = mem_offset(PFN_PHYS(vma->vm_pgoff));
	u64 end;

	if (check_add_overflow(start, vma->vm_end - vma->vm_start, &end) ||
	    end > region->size)
		return -EINVAL;
	if (for_type1)
		dev_notice_ratelimited(&vdev->pdev->dev,
				       "allow_unsafe_type1_dma=Y: devices of a user's container may reach the next user's data\n");

	/*
	 * The page protection stays write-back: KVM uses the same, and coherent
	 * memory must not be mapped uncached.  The host's memory encryption
	 * does not apply to memory of a device.
	 */
	vma->vm_page_prot = pgprot_decrypted(vma->vm_page_prot);

	/*
	 * vfio_iommu_type1 takes addresses from a VM_PFNMAP mapping
	 * (vaddr_get_pfns(), follow_fault_pfn()) and is not notified when they
	 * become invalid.  It refuses any other VM_IO mapping.
	 */
	vm_flags_set(vma, VM_IO | VM_DONTEXPAND | VM_DONTDUMP |
			  (for_type1 ? VM_PFNMAP : VM_MIXEDMAP));
	vma->vm_ops = &mem_vm_ops;
	vma->vm_private_data = vfio_cxl_from_core(vdev);

	return 0;
}

/*
 * Copy directly between the memory and user memory.  User memory may be a
 * mapping of this region, whose page faults have to pass the gate again: with
 * page faults disabled, the copy ends at the first page that is missing.  It
 * also ends at poison.  Return: bytes copied, or a negative errno.
 */
static ssize_t mem_copy(struct vfio_cxl_device *cvdev, struct iov_iter *iter,
			u64 offset, size_t count)
{
	void *mem;
	ssize_t ret;

	ret = vfio_cxl_gate_enter(cvdev);
	if (ret)
		return ret;
	mem = cvdev->gate.mem + offset;
	pagefault_disable();
	if (iov_iter_rw(iter) == WRITE)
		ret = copy_from_iter(mem, count, iter);
	else
		ret = _copy_mc_to_iter(mem, count, iter);
	pagefault_enable();
	vfio_cxl_gate_leave(cvdev);

	return ret;
}

/*
 * Copy a few bytes through a bounce buffer, with no lock held while user memory
 * is accessed.  This faults in the page that mem_copy() found missing, or
 * returns the error of the user's buffer or of the memory.
 */
static ssize_t mem_copy_bounce(struct vfio_cxl_device *cvdev,
			       struct iov_iter *iter, u64 offset, size_t count)
{
	u8 bounce[MEM_BOUNCE_SIZE];
	size_t left = 0;
	void *mem;
	int ret;

	count = min(count, sizeof(bounce));
	if (iov_iter_rw(iter) == WRITE) {
		count = copy_from_iter(bounce, count, iter);
		if (!count)
			return -EFAULT;
	}

	ret = vfio_cxl_gate_enter(cvdev);
	if (ret)
		return ret;
	mem = cvdev->gate.mem + offset;
	if (iov_iter_rw(iter) == WRITE)
		memcpy(mem, bounce, count);
	else
		left = copy_mc_to_kernel(bounce, mem, count);
	vfio_cxl_gate_leave(cvdev);

	if (iov_iter_rw(iter) == WRITE)
		return count;
	if (left == count) {
		vfio_cxl_poison_found(cvdev, offset);
		return -EIO;
	}
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
		chunk = vfio_cxl_poison_before(cvdev, offset + done,
					       min(count - done, MEM_CHUNK));
		if (!chunk) {
			ret = -EIO;
			break;
		}
		ret = mem_copy(cvdev, &iter, offset + done, chunk);
		if (!ret)
			ret = mem_copy_bounce(cvdev, &iter, offset + done,
					      chunk);
		if (ret < 0)
			break;
		done += ret;
		/* A signal ends it, as read(2) specifies */
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

/**
 * vfio_cxl_mem_mapped_by - find the device whose memory is mapped
 * @vma: a mapping of anything
 *
 * Return: the device, or NULL if it is not a mapping of such memory.
 */
struct vfio_cxl_device *vfio_cxl_mem_mapped_by(struct vm_area_struct *vma)
{
	return vma->vm_ops == &mem_vm_ops ? vma->vm_private_data : NULL;
}

/**
 * vfio_cxl_mem_dma_buf - where the memory is, for a dma-buf of it
 * @cvdev: the device, open
 * @phys_vec: set to the host physical range
 * @dma_ranges: the ranges that the user asked for, from
 *	VFIO_CXL_MEM_DMA_BUF_OFFSET on
 * @nr_ranges: number of ranges; iommufd takes one
 *
 * vfio_pci_core revokes such a dma-buf before a reset and at close.  No
 * importer can access the memory while it is being cleared.
 *
 * Return: 0, -EINVAL for more than one range or one outside of the memory,
 * -EOVERFLOW for one that wraps.
 */
int vfio_cxl_mem_dma_buf(struct vfio_cxl_device *cvdev,
			 struct phys_vec *phys_vec,
			 const struct vfio_region_dma_range *dma_ranges,
			 size_t nr_ranges)
{
	struct vfio_region_dma_range range = dma_ranges[0];

	if (nr_ranges != 1)
		return -EINVAL;
	range.offset -= VFIO_CXL_MEM_DMA_BUF_OFFSET;

	return vfio_pci_core_fill_phys_vec(phys_vec, &range, 1,
					   cvdev->host.base, cvdev->host.size);
}

/**
 * vfio_cxl_mem_init - initialise, without a region
 * @cvdev: the device
 */
void vfio_cxl_mem_init(struct vfio_cxl_device *cvdev)
{
	cvdev->mem.region = VFIO_PCI_NUM_REGIONS;
}

/**
 * vfio_cxl_mem_open - offer the region to a user
 * @cvdev: the device, enabled
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
