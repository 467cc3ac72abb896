// SPDX-License-Identifier: GPL-2.0-only
/*
 * What older kernels lack: region info through a callback of the driver. Also
 * logs a line, when the driver is loaded, that lists what is not available.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#ifdef VFIO_CXL_NO_REGION_INFO_CAPS
/**
 * vfio_pci_ioctl_get_region_info - get the region info of a BAR
 * @core_vdev: the device
 * @info: region info, of a BAR's index
 * @caps: its capabilities
 *
 * Does the same as vfio_pci_core, but does not write the result to user memory.
 *
 * Return: 0 or -ENOMEM.
 */
int vfio_pci_ioctl_get_region_info(struct vfio_device *core_vdev,
				   struct vfio_region_info *info,
				   struct vfio_info_cap *caps)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	struct vfio_info_cap_header msix = {
		.id = VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
		.version = 1,
	};
	u32 bar = array_index_nospec(info->index, PCI_STD_NUM_BARS);

	info->offset = VFIO_PCI_INDEX_TO_OFFSET(bar);
	info->size = pci_resource_len(vdev->pdev, bar);
	info->flags = 0;
	if (!info->size)
		return 0;

	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (!vdev->bar_mmap_supported[bar])
		return 0;

	info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (bar != vdev->msix_bar)
		return 0;

	return vfio_info_add_capability(caps, &msix, sizeof(msix));
}

static int compat_region_info(struct vfio_device *core_vdev,
			      struct vfio_region_info __user *arg,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps)
{
	const struct vfio_cxl_compat_device_ops *ops =
		(const void *)core_vdev->ops;
	int ret;

	ret = ops->get_region_info_caps(core_vdev, info, caps);
	if (ret || !caps->size)
		return ret;

	info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	if (info->argsz < sizeof(*info) + caps->size) {
		info->argsz = sizeof(*info) + caps->size;
		info->cap_offset = 0;
		return 0;
	}
	vfio_info_cap_shift(caps, sizeof(*info));
	info->cap_offset = sizeof(*info);

	return copy_to_user(arg + 1, caps->buf, caps->size) ? -EFAULT : 0;
}

/**
 * vfio_cxl_compat_ioctl - vfio_pci_core_ioctl() that asks the driver about BARs
 * @core_vdev: the device
 * @cmd: command of the ioctl
 * @arg: argument of the ioctl
 *
 * Nothing depends on what a user reads here: mmap() has checks of its own.
 *
 * Return: the same as vfio_pci_core_ioctl().
 */
long vfio_cxl_compat_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			   unsigned long arg)
{
	const size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info __user *uarg = (void __user *)arg;
	struct vfio_region_info info = {};
	struct vfio_info_cap caps = {};
	int ret;

	if (cmd != VFIO_DEVICE_GET_REGION_INFO)
		return (vfio_pci_core_ioctl)(core_vdev, cmd, arg);

	if (copy_from_user(&info, uarg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	if (info.index >= PCI_STD_NUM_BARS)
		return (vfio_pci_core_ioctl)(core_vdev, cmd, arg);

	ret = compat_region_info(core_vdev, uarg, &info, &caps);
	kfree(caps.buf);
	if (!ret && copy_to_user(uarg, &info, minsz))
		ret = -EFAULT;

	return ret;
}
#endif

/*
 * Rows of the table in Documentation/driver-api/vfio-cxl-kernels.rst, for the
 * log and for modinfo, through which "vfio-cxl check" reads them
 */
#ifdef VFIO_CXL_NO_DMABUF
#define MISSING_DMABUF	" dma-buf export;"
#else
#define MISSING_DMABUF
#endif
#ifdef VFIO_CXL_NO_POISON
#define MISSING_POISON	" reports of poison;"
#else
#define MISSING_POISON
#endif
#ifdef VFIO_CXL_NO_RECOVERY
#define MISSING_RECOVERY	" reports of failed PCIe recovery;"
#else
#define MISSING_RECOVERY
#endif
#if defined(CONFIG_ARM64) && defined(VFIO_CXL_NO_CACHEABLE)
#define MISSING_CACHEABLE	" cacheable KVM mappings;"
#else
#define MISSING_CACHEABLE
#endif
#ifdef VFIO_CXL_NO_INVALIDATE
#define MISSING_INVALIDATE	" cache invalidation by range;"
#else
#define MISSING_INVALIDATE
#endif
#ifdef VFIO_CXL_NO_MATCH_TOKEN_UUID
#define MISSING_TOKEN	" VF tokens through iommufd;"
#else
#define MISSING_TOKEN
#endif
#ifdef VFIO_CXL_NO_PASID
#define MISSING_PASID	" PASIDs through iommufd;"
#else
#define MISSING_PASID
#endif
#define COMPAT_MISSING	"" MISSING_DMABUF MISSING_POISON MISSING_RECOVERY \
			MISSING_CACHEABLE MISSING_INVALIDATE MISSING_TOKEN \
			MISSING_PASID

static const char compat_missing[] = COMPAT_MISSING;
MODULE_INFO(missing, COMPAT_MISSING);

/**
 * vfio_cxl_compat_register_driver - pci_register_driver() that logs what this
 *				     kernel cannot do
 * @driver: the driver
 *
 * Return: the same as pci_register_driver().
 */
int vfio_cxl_compat_register_driver(struct pci_driver *driver)
{
	if (*compat_missing)
		pr_info("%s: not available on this kernel:%s see vfio-cxl-kernels.rst\n",
			driver->name, compat_missing);

	return __pci_register_driver(driver, THIS_MODULE, KBUILD_MODNAME);
}
