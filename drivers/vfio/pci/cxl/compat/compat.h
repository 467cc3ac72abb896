/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What older kernels lack, implemented with what they have
 *
 * Included first if anything is missing, and only in builds outside of a kernel
 * tree: the driver's own files target the newest kernel.  Makefile has a line
 * for each VFIO_CXL_NO_*.  Macros are tested here.
 */
#ifndef VFIO_CXL_COMPAT_H
#define VFIO_CXL_COMPAT_H

#include <linux/bits.h>
#include <linux/memregion.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vfio_pci_core.h>
#include <linux/workqueue.h>

#ifndef BIT_U32
#define BIT_U32(nr)		((u32)BIT(nr))
#endif
#ifndef GENMASK_U32
#define GENMASK_U32(h, l)	((u32)GENMASK(h, l))
#endif
#ifndef cmp_int
static inline int cmp_int(u64 l, u64 r)
{
	return (l > r) - (l < r);
}
#endif

#ifndef kzalloc_obj
#define kzalloc_obj(obj)	kzalloc(sizeof(obj), GFP_KERNEL)
#endif

/* Before Linux 6.13 it turned its argument into a string */
#ifdef VFIO_CXL_NO_STRING_NS
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)	MODULE_INFO(import_ns, ns)
#endif

#ifdef VFIO_CXL_NO_DFL_WQ
#define system_dfl_wq		system_unbound_wq
#endif

/* CXL r3.1 8.1.3 and 8.1.9, until Linux 7.0 in drivers/cxl only */
#ifndef PCI_DVSEC_CXL_DEVICE
#define PCI_DVSEC_CXL_DEVICE			0
#define  PCI_DVSEC_CXL_CAP			0xa
#define   PCI_DVSEC_CXL_CACHE_CAPABLE		BIT(0)
#define   PCI_DVSEC_CXL_MEM_CAPABLE		BIT(2)
#define   PCI_DVSEC_CXL_HDM_COUNT		GENMASK(5, 4)
#define  PCI_DVSEC_CXL_CTRL			0xc
#define   PCI_DVSEC_CXL_MEM_ENABLE		BIT(2)
#define  PCI_DVSEC_CXL_RANGE_SIZE_HIGH(i)	(0x18 + ((i) * 0x10))
#define  PCI_DVSEC_CXL_RANGE_SIZE_LOW(i)	(0x1c + ((i) * 0x10))
#define   PCI_DVSEC_CXL_MEM_SIZE_LOW		GENMASK(31, 28)
#define   PCI_DVSEC_CXL_MEM_INFO_VALID		BIT(0)
#define   PCI_DVSEC_CXL_MEM_ACTIVE		BIT(1)
#define   PCI_DVSEC_CXL_MEM_ACTIVE_TIMEOUT	GENMASK(15, 13)
#define  PCI_DVSEC_CXL_RANGE_BASE_HIGH(i)	(0x20 + ((i) * 0x10))
#define  PCI_DVSEC_CXL_RANGE_BASE_LOW(i)	(0x24 + ((i) * 0x10))
#define   PCI_DVSEC_CXL_MEM_BASE_LOW		GENMASK(31, 28)
#define PCI_DVSEC_CXL_REG_LOCATOR		8
#define  PCI_DVSEC_CXL_REG_LOCATOR_BLOCK1	0xc
#define   PCI_DVSEC_CXL_REG_LOCATOR_BIR		GENMASK(2, 0)
#define   PCI_DVSEC_CXL_REG_LOCATOR_BLOCK_ID	GENMASK(15, 8)
#define   PCI_DVSEC_CXL_REG_LOCATOR_BLOCK_OFF_LOW	GENMASK(31, 16)
#endif

/* Invalidates all of the caches, as x86 does in any case */
#ifdef VFIO_CXL_NO_INVALIDATE
static inline int vfio_cxl_compat_invalidate(phys_addr_t start, size_t len)
{
	return cpu_cache_invalidate_memregion(IORES_DESC_CXL);
}

#define cpu_cache_invalidate_memregion(start, len) \
	vfio_cxl_compat_invalidate(start, len)
#endif

#ifdef VFIO_CXL_NO_PFN
#include <linux/pfn_t.h>

#define vmf_insert_pfn_pmd(vmf, pfn, write) \
	vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), write)
#define vmf_insert_pfn_pud(vmf, pfn, write) \
	vmf_insert_pfn_pud(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), write)
#endif

#ifdef VFIO_CXL_NO_ORDER
static inline bool is_aligned_for_order(struct vm_area_struct *vma,
					unsigned long addr, unsigned long pfn,
					unsigned int order)
{
	return !order || (addr >= vma->vm_start &&
			  addr + (PAGE_SIZE << order) <= vma->vm_end &&
			  IS_ALIGNED(pfn, 1 << order));
}
#endif

/* Nothing exports a dma-buf: the driver's check of the ranges is not needed */
#ifdef VFIO_CXL_NO_DMABUF
struct p2pdma_provider;
struct phys_vec;

static inline struct p2pdma_provider *
pcim_p2pdma_provider(struct pci_dev *pdev, int bar)
{
	return NULL;
}

struct vfio_region_dma_range {
	__u64 offset;
	__u64 length;
};

struct vfio_pci_device_ops {
	int (*get_dmabuf_phys)(struct vfio_pci_core_device *vdev,
			       struct p2pdma_provider **provider,
			       unsigned int region_index,
			       struct phys_vec *phys_vec,
			       struct vfio_region_dma_range *dma_ranges,
			       size_t nr_ranges);
};

static inline int
vfio_pci_core_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
			      struct p2pdma_provider **provider,
			      unsigned int region_index,
			      struct phys_vec *phys_vec,
			      struct vfio_region_dma_range *dma_ranges,
			      size_t nr_ranges)
{
	return -EOPNOTSUPP;
}

static inline int
vfio_pci_core_fill_phys_vec(struct phys_vec *phys_vec,
			    struct vfio_region_dma_range *dma_ranges,
			    size_t nr_ranges, phys_addr_t start,
			    phys_addr_t len)
{
	return -EOPNOTSUPP;
}

/*
 * struct vfio_pci_core_device has no such member.  Assign to another variable,
 * after a member that is 0 anyway.
 */
static const struct vfio_pci_device_ops *vfio_cxl_compat_ops __maybe_unused;
#define pci_ops			vdev.migration_flags = 0, vfio_cxl_compat_ops
#endif

#ifdef VFIO_CXL_NO_PASID
#define vfio_iommufd_physical_pasid_attach_ioas NULL
#define vfio_iommufd_physical_pasid_detach_ioas NULL
#endif

/* vfio_pci_core_match() checks the token: only the group interface takes it */
#ifdef VFIO_CXL_NO_MATCH_TOKEN_UUID
#define vfio_pci_core_match_token_uuid NULL
#endif

#ifdef VFIO_CXL_NO_REGION_INFO_CAPS
/*
 * The newest kernel's struct vfio_device_ops, which starts with that of this
 * kernel.  vfio_cxl_compat_ioctl() calls get_region_info_caps(); the others are
 * not called.
 */
struct vfio_cxl_compat_device_ops {
	struct vfio_device_ops;
	int (*get_region_info_caps)(struct vfio_device *vdev,
				    struct vfio_region_info *info,
				    struct vfio_info_cap *caps);
#ifdef VFIO_CXL_NO_MATCH_TOKEN_UUID
	int (*match_token_uuid)(struct vfio_device *vdev, const uuid_t *uuid);
#endif
#ifdef VFIO_CXL_NO_PASID
	int (*pasid_attach_ioas)(struct vfio_device *vdev, u32 pasid,
				 u32 *pt_id);
	void (*pasid_detach_ioas)(struct vfio_device *vdev, u32 pasid);
#endif
};

int vfio_pci_ioctl_get_region_info(struct vfio_device *core_vdev,
				   struct vfio_region_info *info,
				   struct vfio_info_cap *caps);
long vfio_cxl_compat_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			   unsigned long arg);

static inline struct vfio_device *
vfio_cxl_compat_alloc_device(size_t size, struct device *dev,
			     const struct vfio_cxl_compat_device_ops *ops)
{
	return _vfio_alloc_device(size, dev, (const void *)ops);
}

#define vfio_device_ops			vfio_cxl_compat_device_ops
#define _vfio_alloc_device(size, dev, ops) \
	vfio_cxl_compat_alloc_device(size, dev, ops)
#define vfio_pci_core_ioctl(core_vdev, cmd, arg) \
	vfio_cxl_compat_ioctl(core_vdev, cmd, arg)
#endif

/* vfio_pci_core_init_dev() sets it to vfio-pci's module parameter */
#ifdef VFIO_CXL_NO_IDLE_D3
static inline int vfio_cxl_compat_init_dev(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	bool disable_idle_d3 = vdev->disable_idle_d3;
	int ret = vfio_pci_core_init_dev(core_vdev);

	vdev->disable_idle_d3 = disable_idle_d3;

	return ret;
}

#define vfio_pci_core_init_dev(core_vdev) vfio_cxl_compat_init_dev(core_vdev)
#endif

/* The driver registers once, when it is loaded */
int vfio_cxl_compat_register_driver(struct pci_driver *driver);

#undef pci_register_driver
#define pci_register_driver(driver)	vfio_cxl_compat_register_driver(driver)

#endif /* VFIO_CXL_COMPAT_H */
