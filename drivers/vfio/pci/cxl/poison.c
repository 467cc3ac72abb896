// SPDX-License-Identifier: GPL-2.0-only
/*
 * Poison: pages of the memory that the hardware can no longer read
 *
 * Such a page is not mapped, read or written for any user, until clearing finds
 * that it works again.  The kernel's memory failure handling reports them while
 * a user has the memory mapped; a read() that encounters one does, too.
 *
 * Pages are recorded by host physical address and persist across an unbind: a
 * device that is bound again at the same address has the same memory.
 */
#include <linux/device.h>
#include <linux/libnvdimm.h>
#include <linux/memory-failure.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "private.h"

/* Size of the buffer on the stack for reading back */
#define POISON_PIECE		64

/* By PFN, for all devices: changed with xa_lock held, read under RCU */
static DEFINE_XARRAY(poison_pages);

static unsigned long poison_pfn(struct vfio_cxl_device *cvdev, u64 offset)
{
	return PHYS_PFN(cvdev->host.base + offset);
}

static u64 poison_offset(struct vfio_cxl_device *cvdev, unsigned long pfn)
{
	return PFN_PHYS(pfn) - cvdev->host.base;
}

/**
 * vfio_cxl_poison_before - find out how much of a range precedes poison
 * @cvdev: the device
 * @offset: offset in the memory, in bytes
 * @count: number of bytes, not 0
 *
 * Return: @count if no page of the range is poisoned, else the number of bytes
 * before the first poisoned page.
 */
size_t vfio_cxl_poison_before(struct vfio_cxl_device *cvdev, u64 offset,
			      size_t count)
{
	unsigned long pfn = poison_pfn(cvdev, offset);
	unsigned long last = poison_pfn(cvdev, offset + count - 1);
	u64 start;

	if (!xa_find(&poison_pages, &pfn, last, XA_PRESENT))
		return count;

	start = poison_offset(cvdev, pfn);
	return start > offset ? start - offset : 0;
}

/* Neither sleeps nor takes a lock that sleeping code holds */
static void poison_add(struct vfio_cxl_device *cvdev, unsigned long pfn)
{
	int ret;

	ret = xa_insert(&poison_pages, pfn, xa_mk_value(0),
			GFP_ATOMIC | __GFP_NOWARN);
	if (ret == -EBUSY)
		return;

	dev_warn_ratelimited(&vfio_cxl_pdev(cvdev)->dev,
			     "poison in the memory at offset %#llx%s\n",
			     poison_offset(cvdev, pfn),
			     ret ? ", and could not be recorded" : "");
	if (!ret)
		queue_work(system_dfl_wq, &cvdev->poison.unmap);
}

/**
 * vfio_cxl_poison_found - record a poisoned page, and unmap it from users
 * @cvdev: the device, open
 * @offset: offset in the memory of any byte of the page
 */
void vfio_cxl_poison_found(struct vfio_cxl_device *cvdev, u64 offset)
{
	poison_add(cvdev, poison_pfn(cvdev, offset));
}

/*
 * memory_failure() calls this for every mapping of the device that belongs to a
 * task that it may signal, with i_mmap_rwsem and rcu_read_lock() held, so a
 * worker unmaps the page.  The page is recorded even if it is in another part
 * of the memory than the mapping.
 */
static int poison_pfn_to_vma_pgoff(struct vm_area_struct *vma,
				   unsigned long pfn, pgoff_t *pgoff)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_mem_mapped_by(vma);
	pgoff_t at;

	if (!cvdev)
		return -ENOENT;

	poison_add(cvdev, pfn);
	at = PHYS_PFN(VFIO_PCI_INDEX_TO_OFFSET(cvdev->mem.region) +
		      poison_offset(cvdev, pfn));
	/* The task would be killed for a page outside of the mapping */
	if (at < vma->vm_pgoff || at - vma->vm_pgoff >= vma_pages(vma))
		return -EFAULT;
	*pgoff = at;

	return 0;
}

static void poison_unmap(struct work_struct *work)
{
	struct vfio_cxl_device *cvdev =
		container_of(work, struct vfio_cxl_device, poison.unmap);
	unsigned long pfn, last = poison_pfn(cvdev, cvdev->host.size - 1);
	void *entry;

	xa_for_each_range(&poison_pages, pfn, entry, poison_pfn(cvdev, 0), last)
		vfio_cxl_gate_zap(cvdev, poison_offset(cvdev, pfn), PAGE_SIZE);
}

/**
 * vfio_cxl_poison_retry - check which poisoned pages work again
 * @cvdev: the device, not open; its gate held open
 * @offset: offset in the memory, in bytes; page aligned
 * @count: number of bytes; whole pages, which were just cleared
 *
 * Whether a write clears poison depends on the device (CXL r3.1 8.2.9.9.4.3
 * defines a command for it): a page that reads as zeroes works again.
 */
void vfio_cxl_poison_retry(struct vfio_cxl_device *cvdev, u64 offset,
			   size_t count)
{
	unsigned long pfn, last = poison_pfn(cvdev, offset + count - 1);
	u8 piece[POISON_PIECE];
	void *entry, *mem;
	size_t at;

	xa_for_each_range(&poison_pages, pfn, entry, poison_pfn(cvdev, offset),
			  last) {
		mem = cvdev->gate.mem + poison_offset(cvdev, pfn);
		/* The zeroes in the CPU caches prove nothing */
		arch_invalidate_pmem(mem, PAGE_SIZE);
		for (at = 0; at < PAGE_SIZE; at += sizeof(piece))
			if (copy_mc_to_kernel(piece, mem + at, sizeof(piece)) ||
			    memchr_inv(piece, 0, sizeof(piece)))
				break;
		if (at == PAGE_SIZE)
			xa_erase(&poison_pages, pfn);
	}
}

/**
 * vfio_cxl_poison_register - register the memory for reports of poison
 * @cvdev: the device, about to be open
 *
 * Return: 0, also if the kernel does not handle memory failures; -EBUSY if the
 * range is registered already.
 */
int vfio_cxl_poison_register(struct vfio_cxl_device *cvdev)
{
	struct pfn_address_space *space = &cvdev->poison.space;
	int ret;

	space->node.start = poison_pfn(cvdev, 0);
	space->node.last = poison_pfn(cvdev, cvdev->host.size - 1);
	space->mapping = cvdev->core_device.vdev.inode->i_mapping;
	space->pfn_to_vma_pgoff = poison_pfn_to_vma_pgoff;
	ret = register_pfn_address_space(space);
	cvdev->poison.registered = !ret;

	return ret == -EOPNOTSUPP ? 0 : ret;
}

/**
 * vfio_cxl_poison_unregister - undo vfio_cxl_poison_register()
 * @cvdev: the device, about to be closed
 */
void vfio_cxl_poison_unregister(struct vfio_cxl_device *cvdev)
{
	/* Would also remove a node that is not in the tree */
	if (cvdev->poison.registered)
		unregister_pfn_address_space(&cvdev->poison.space);
	cvdev->poison.registered = false;
	cancel_work_sync(&cvdev->poison.unmap);
}

/**
 * vfio_cxl_poison_init - initialise, before the first open
 * @cvdev: the device
 */
void vfio_cxl_poison_init(struct vfio_cxl_device *cvdev)
{
	INIT_WORK(&cvdev->poison.unmap, poison_unmap);
}

/**
 * vfio_cxl_poison_exit - forget all pages
 */
void vfio_cxl_poison_exit(void)
{
	xa_destroy(&poison_pages);
}

static ssize_t hwpoison_pages_show(struct device *dev,
				   struct device_attribute *attr, char *buf)
{
	struct vfio_cxl_device *cvdev =
		vfio_cxl_from_core(dev_get_drvdata(dev));
	unsigned long pfn, last = poison_pfn(cvdev, cvdev->host.size - 1);
	unsigned long pages = 0;
	void *entry;

	xa_for_each_range(&poison_pages, pfn, entry, poison_pfn(cvdev, 0), last)
		pages++;

	return sysfs_emit(buf, "%lu\n", pages);
}
static DEVICE_ATTR_RO(hwpoison_pages);

static struct attribute *poison_attrs[] = {
	&dev_attr_hwpoison_pages.attr,
	NULL
};

/* Of a bound device */
const struct attribute_group vfio_cxl_poison_group = {
	.attrs = poison_attrs,
};
