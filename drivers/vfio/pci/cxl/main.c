// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO variant driver for CXL.mem devices: pci_driver and vfio_device_ops
 */
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/pci.h>
#include <linux/sort.h>

#include <linux/vfio_cxl.h>

#include "private.h"

static bool allow_unsafe_mailbox;
module_param(allow_unsafe_mailbox, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_mailbox, "Bind to CXL memory devices (class 0502h), too. Settings made by mailbox commands, such as passphrase, partitions, labels and firmware, persist for the next user; enable only if all users of the host belong to one tenant (default: off)");

static struct vfio_cxl_device *vfio_cxl_pci_dev(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct vfio_cxl_device,
			    core_device.vdev);
}

static int vfio_cxl_pci_init(struct vfio_device *core_vdev)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_pci_dev(core_vdev);

	/* The memory of a device in D3 is not accessible */
	cvdev->core_device.disable_idle_d3 = true;
	mutex_init(&cvdev->emu_lock);
	vfio_cxl_gate_init(cvdev);
	vfio_cxl_reset_init(cvdev);
	vfio_cxl_poison_init(cvdev);

	return vfio_pci_core_init_dev(core_vdev);
}

static void vfio_cxl_pci_release(struct vfio_device *core_vdev)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_pci_dev(core_vdev);

	mutex_destroy(&cvdev->emu_lock);
	vfio_pci_core_release_dev(core_vdev);
}

/* After a close, or an open that failed */
static void vfio_cxl_pci_left(struct vfio_cxl_device *cvdev)
{
	vfio_cxl_reset_left(cvdev);
	/* vfio_pci_core may not have got the device lock to reset it */
	vfio_cxl_scrub_leave(cvdev, !cvdev->core_device.needs_reset);
}

static int vfio_cxl_pci_open_device(struct vfio_device *core_vdev)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_pci_dev(core_vdev);
	int ret;

	if (vfio_cxl_gate_reasons(cvdev) & VFIO_CXL_SHUT_ASLEEP)
		return -EBUSY;
	ret = vfio_cxl_scrub_wait(cvdev);
	if (ret)
		return ret;

	vfio_cxl_gate_change(cvdev, VFIO_CXL_SHUT_SWITCH, 0);
	ret = vfio_cxl_reset_enable(cvdev);
	if (ret)
		goto err;
	ret = vfio_cxl_mem_open(cvdev) ?: vfio_cxl_poison_register(cvdev);
	if (ret)
		goto err_disable;
	ret = vfio_cxl_scrub_enter(cvdev);
	if (ret)
		goto err_unregister;

	scoped_guard(mutex, &cvdev->emu_lock)
		vfio_cxl_emu_init(&cvdev->emu, &cvdev->host.config);
	vfio_cxl_reset_settle(cvdev, VFIO_CXL_SHUT_SWITCH);
	vfio_cxl_gate_change(cvdev, 0, VFIO_CXL_SHUT_UNCLEAN);
	vfio_pci_core_finish_enable(&cvdev->core_device);

	return 0;

err_unregister:
	vfio_cxl_poison_unregister(cvdev);
err_disable:
	vfio_pci_core_disable(&cvdev->core_device);
err:
	vfio_cxl_pci_left(cvdev);
	return ret;
}

static void vfio_cxl_pci_close_device(struct vfio_device *core_vdev)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_pci_dev(core_vdev);

	if (cvdev->emu.cm.bad_accesses)
		pci_info_ratelimited(vfio_cxl_pdev(cvdev),
				     "%llu accesses to component registers had a size or alignment that CXL does not define\n",
				     cvdev->emu.cm.bad_accesses);
	vfio_cxl_poison_unregister(cvdev);
	/* This resets the device without calling reset_prepare() */
	vfio_cxl_gate_change(cvdev, VFIO_CXL_SHUT_SWITCH |
				    VFIO_CXL_SHUT_UNCLEAN, 0);
	vfio_cxl_host_flush(cvdev);
	vfio_pci_core_close_device(core_vdev);
	vfio_cxl_pci_left(cvdev);
}

static long vfio_cxl_pci_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			       unsigned long arg)
{
	long ret;

	/* An ioeventfd would write to a BAR and bypass the traps */
	if (cmd == VFIO_DEVICE_IOEVENTFD)
		return -ENOTTY;

	ret = vfio_pci_core_ioctl(core_vdev, cmd, arg);
	if (!ret && (cmd == VFIO_DEVICE_RESET ||
		     cmd == VFIO_DEVICE_PCI_HOT_RESET))
		vfio_cxl_reset_worked(vfio_cxl_pci_dev(core_vdev));

	return ret;
}

static int vfio_cxl_pci_device_feature(struct vfio_device *core_vdev, u32 flags,
				       void __user *arg, size_t argsz)
{
	switch (flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_CXL_HDM_DECODER:
		return vfio_cxl_feature_hdm_decoder(vfio_cxl_pci_dev(core_vdev),
						    flags, arg, argsz);
	/* The memory of a device in low power is not accessible */
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
	case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
		return -ENOTTY;
	default:
		return vfio_pci_core_ioctl_feature(core_vdev, flags, arg,
						   argsz);
	}
}

static int vfio_cxl_pci_get_region_info(struct vfio_device *core_vdev,
					struct vfio_region_info *info,
					struct vfio_info_cap *caps)
{
	int ret;

	ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);
	if (ret)
		return ret;

	return vfio_cxl_regs_region_info(vfio_cxl_pci_dev(core_vdev), info,
					 caps);
}

/*
 * Serve one piece, beginning at @pos in @region: it lies in @trap or, if @trap
 * is NULL, in none
 */
static ssize_t vfio_cxl_pci_rw_piece(struct vfio_cxl_device *cvdev,
				     const struct vfio_cxl_trap *trap,
				     char __user *buf, size_t count,
				     unsigned int region, u64 pos, bool iswrite)
{
	struct vfio_device *core_vdev = &cvdev->core_device.vdev;
	loff_t core_pos = VFIO_PCI_INDEX_TO_OFFSET(region) + pos;

	if (trap && vfio_cxl_config_visible(cvdev, trap->cap))
		trap = NULL;
	if (trap && iswrite && trap->write)
		return trap->write(cvdev, buf, count, pos);
	if (trap && !iswrite && trap->read)
		return trap->read(cvdev, buf, count, pos);
	if (iswrite)
		return vfio_pci_core_write(core_vdev, buf, count, &core_pos);

	return vfio_pci_core_read(core_vdev, buf, count, &core_pos);
}

/*
 * Split an access at the edges of the trapped ranges and serve each piece once,
 * in order.  A short count ends it.
 */
static ssize_t vfio_cxl_pci_rw(struct vfio_device *core_vdev, char __user *buf,
			       size_t count, loff_t *ppos, bool iswrite)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_pci_dev(core_vdev);
	unsigned int region = VFIO_PCI_OFFSET_TO_INDEX(*ppos);
	const struct vfio_cxl_trap *trap = cvdev->traps;
	const struct vfio_cxl_trap *end = trap + cvdev->nr_traps;
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	size_t done = 0, piece;
	ssize_t ret = 0;

	while (done < count) {
		while (trap < end && (trap->region != region ||
				      trap->end <= pos))
			trap++;

		piece = trap == end ? count - done :
				      vfio_cxl_emu_piece(trap->start, trap->end,
							 pos, count - done);
		ret = vfio_cxl_pci_rw_piece(cvdev, trap < end &&
					    pos >= trap->start ? trap : NULL,
					    buf + done, piece, region, pos,
					    iswrite);
		if (ret <= 0)
			break;
		done += ret;
		pos += ret;
		if (ret < piece)
			break;
	}
	if (!done)
		return ret;

	*ppos += done;
	return done;
}

static ssize_t vfio_cxl_pci_read(struct vfio_device *core_vdev,
				 char __user *buf, size_t count, loff_t *ppos)
{
	return vfio_cxl_pci_rw(core_vdev, buf, count, ppos, false);
}

static ssize_t vfio_cxl_pci_write(struct vfio_device *core_vdev,
				  const char __user *buf, size_t count,
				  loff_t *ppos)
{
	return vfio_cxl_pci_rw(core_vdev, (char __user *)buf, count, ppos,
			       true);
}

static int vfio_cxl_pci_mmap(struct vfio_device *core_vdev,
			     struct vm_area_struct *vma)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_pci_dev(core_vdev);
	u64 pos = PFN_PHYS(vma->vm_pgoff);

	if (vfio_cxl_regs_overlap(cvdev, VFIO_PCI_OFFSET_TO_INDEX(pos),
				  pos & VFIO_PCI_OFFSET_MASK,
				  vma->vm_end - vma->vm_start))
		return -EINVAL;

	return vfio_pci_core_mmap(core_vdev, vma);
}

/*
 * Ranges that mmap() refuses are not exported as a dma-buf either.
 * vfio_pci_core exports only BARs: the memory has an offset beyond the end of
 * each.
 */
static int
vfio_cxl_pci_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
			     struct p2pdma_provider **provider,
			     unsigned int region_index,
			     struct phys_vec *phys_vec,
			     struct vfio_region_dma_range *dma_ranges,
			     size_t nr_ranges)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_from_core(vdev);
	size_t i;

	if (dma_ranges[0].offset >= VFIO_CXL_MEM_DMA_BUF_OFFSET) {
		*provider = pcim_p2pdma_provider(vdev->pdev, region_index);
		return *provider ? vfio_cxl_mem_dma_buf(cvdev, phys_vec,
							dma_ranges, nr_ranges) :
				   -EINVAL;
	}

	for (i = 0; i < nr_ranges; i++)
		if (vfio_cxl_regs_overlap(cvdev, region_index,
					  dma_ranges[i].offset,
					  dma_ranges[i].length))
			return -EINVAL;

	return vfio_pci_core_get_dmabuf_phys(vdev, provider, region_index,
					     phys_vec, dma_ranges, nr_ranges);
}

/* After removal, block all accesses until the user has closed the device */
static void vfio_cxl_pci_check_gone(struct vfio_cxl_device *cvdev)
{
	if (pci_dev_is_disconnected(vfio_cxl_pdev(cvdev)))
		vfio_cxl_gate_change(cvdev, VFIO_CXL_SHUT_GONE, 0);
}

/* The device is about to be unbound: an open may be waiting for clean memory */
static void vfio_cxl_pci_request(struct vfio_device *core_vdev,
				 unsigned int count)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_pci_dev(core_vdev);

	vfio_cxl_pci_check_gone(cvdev);
	vfio_cxl_scrub_cancel(cvdev);
	vfio_pci_core_request(core_vdev, count);
}

static const struct vfio_device_ops vfio_cxl_pci_device_ops = {
	.name = "vfio-cxl-pci",
	.init = vfio_cxl_pci_init,
	.release = vfio_cxl_pci_release,
	.open_device = vfio_cxl_pci_open_device,
	.close_device = vfio_cxl_pci_close_device,
	.ioctl = vfio_cxl_pci_ioctl,
	.get_region_info_caps = vfio_cxl_pci_get_region_info,
	.device_feature = vfio_cxl_pci_device_feature,
	.read = vfio_cxl_pci_read,
	.write = vfio_cxl_pci_write,
	.mmap = vfio_cxl_pci_mmap,
	.request = vfio_cxl_pci_request,
	.match = vfio_pci_core_match,
	.match_token_uuid = vfio_pci_core_match_token_uuid,
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
};

static const struct vfio_pci_device_ops vfio_cxl_pci_ops = {
	.get_dmabuf_phys = vfio_cxl_pci_get_dmabuf_phys,
};

static int vfio_cxl_pci_compare_traps(const void *a, const void *b)
{
	const struct vfio_cxl_trap *x = a, *y = b;

	return cmp_int(x->start, y->start);
}

/*
 * A memory device has a mailbox (CXL r3.1 8.2.8.4) in a BAR, so the user can
 * access it.  Some of its commands (8.2.9) change settings that no reset and no
 * clearing of the memory reverts.
 */
static int vfio_cxl_pci_check_class(struct pci_dev *pdev)
{
	if (pdev->class >> 8 != PCI_CLASS_MEMORY_CXL)
		return 0;

	if (!allow_unsafe_mailbox) {
		pci_err(pdev, "a CXL memory device, whose settings made by mailbox commands persist for the next user: use the module parameter \"allow_unsafe_mailbox\" only if all users of the host belong to one tenant\n");
		return -EPERM;
	}
	pci_notice(pdev, "allow_unsafe_mailbox=Y: mailbox settings persist from one user to the next\n");

	return 0;
}

/* The device is not open and cannot be opened */
static void vfio_cxl_pci_stop(struct vfio_cxl_device *cvdev)
{
	vfio_cxl_scrub_stop(cvdev);
	vfio_cxl_reset_stop(cvdev, VFIO_CXL_SHUT_GONE);
	vfio_cxl_reset_unbind(cvdev);
}

static int vfio_cxl_pci_probe(struct pci_dev *pdev,
			      const struct pci_device_id *id)
{
	struct vfio_cxl_device *cvdev;
	int ret;

	ret = vfio_cxl_pci_check_class(pdev);
	if (ret)
		return ret;
	cvdev = vfio_alloc_device(vfio_cxl_device, core_device.vdev, &pdev->dev,
				  &vfio_cxl_pci_device_ops);
	if (IS_ERR(cvdev)) {
		ret = PTR_ERR(cvdev);
		goto err;
	}

	dev_set_drvdata(&pdev->dev, &cvdev->core_device);
	cvdev->core_device.pci_ops = &vfio_cxl_pci_ops;
	vfio_cxl_mem_init(cvdev);
	vfio_cxl_scrub_init(cvdev);

	/*
	 * The device may have been left in a low-power state without the PCI
	 * core knowing: make the core read the state from the device.
	 */
	pdev->current_state = PCI_UNKNOWN;
	ret = pci_set_power_state(pdev, PCI_D0);
	if (ret)
		goto err_put;
	ret = vfio_cxl_host_bind(cvdev);
	if (ret)
		goto err_put;
	/* A reset may occur before the first open, or during it */
	vfio_cxl_emu_init(&cvdev->emu, &cvdev->host.config);
	ret = vfio_cxl_regs_init(cvdev);
	if (ret)
		goto err_unbind;
	ret = vfio_cxl_config_init(cvdev);
	if (ret)
		goto err_unbind;
	sort(cvdev->traps, cvdev->nr_traps, sizeof(*cvdev->traps),
	     vfio_cxl_pci_compare_traps, NULL);
	vfio_cxl_reset_bind(cvdev);
	/* From here on the memory may be accessed, and cleared */
	vfio_cxl_reset_settle(cvdev, 0);
	vfio_cxl_scrub_start(cvdev);
	ret = vfio_pci_core_register_device(&cvdev->core_device);
	if (ret == -EINVAL)
		pci_err(pdev, "no IOMMU protects the host from the device: turn the IOMMU on in platform firmware and on the kernel command line\n");
	if (ret)
		goto err_stop;
	ret = vfio_cxl_pm_register(cvdev);
	if (ret)
		goto err_unregister;

	return 0;

err_unregister:
	vfio_pci_core_unregister_device(&cvdev->core_device);
err_stop:
	vfio_cxl_pci_stop(cvdev);
err_unbind:
	vfio_cxl_host_unbind(cvdev);
err_put:
	vfio_put_device(&cvdev->core_device.vdev);
err:
	/* Every other error is logged where it is found */
	if (ret == -ENOMEM)
		pci_err(pdev, "out of memory or address space\n");
	return ret;
}

static void vfio_cxl_pci_remove(struct pci_dev *pdev)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_drvdata(pdev);

	vfio_cxl_pci_check_gone(cvdev);
	vfio_cxl_pm_unregister(cvdev);
	vfio_pci_core_unregister_device(&cvdev->core_device);
	vfio_cxl_pci_stop(cvdev);
	vfio_cxl_host_unbind(cvdev);
	vfio_put_device(&cvdev->core_device.vdev);
}

/*
 * Software that assigns devices to guests, such as libvirt, finds the driver by
 * these aliases, so they match only devices that need it.  They match no
 * accelerator: Linux 7.3 has two drivers for accelerators with CXL.mem, sfc and
 * nvgrace-gpu, and their IDs also match devices without it.  Any device can be
 * bound by driver_override, which needs no entry in the table (see
 * pci_match_device()), and only by that.
 */
static const struct pci_device_id vfio_cxl_pci_table[] = {
	{
		PCI_DEVICE_CLASS(PCI_CLASS_MEMORY_CXL << 8, 0xffff00),
		.override_only = PCI_ID_F_VFIO_DRIVER_OVERRIDE,
	},
	{}
};
MODULE_DEVICE_TABLE(pci, vfio_cxl_pci_table);

static const struct attribute_group *vfio_cxl_pci_dev_groups[] = {
	&vfio_cxl_gate_group,
	&vfio_cxl_scrub_group,
	&vfio_cxl_poison_group,
	NULL
};

static struct pci_driver vfio_cxl_pci_driver = {
	.name = "vfio-cxl-pci",
	.id_table = vfio_cxl_pci_table,
	.probe = vfio_cxl_pci_probe,
	.remove = vfio_cxl_pci_remove,
	.err_handler = &vfio_cxl_reset_err_handlers,
	.driver_managed_dma = true,
	.groups = vfio_cxl_range_groups,
	.dev_groups = vfio_cxl_pci_dev_groups,
};

static int __init vfio_cxl_pci_module_init(void)
{
	/*
	 * The CXL windows must be in the iomem tree when a device is bound.
	 * This is not a soft dependency, because "modprobe -r" would unload
	 * cxl_acpi, too, and the host may use other CXL memory.
	 */
	request_module("cxl_acpi");

	return pci_register_driver(&vfio_cxl_pci_driver);
}
module_init(vfio_cxl_pci_module_init);

static void __exit vfio_cxl_pci_module_exit(void)
{
	pci_unregister_driver(&vfio_cxl_pci_driver);
	vfio_cxl_poison_exit();
	vfio_cxl_range_exit();
}
module_exit(vfio_cxl_pci_module_exit);

MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DEVMEM");
MODULE_DESCRIPTION("VFIO variant driver for CXL.mem devices");
