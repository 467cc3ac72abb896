// SPDX-License-Identifier: GPL-2.0-only
/*
 * CXL DVSECs in config space (CXL r3.1 8.1): nothing written reaches hardware
 *
 * The body of the CXL Device DVSEC is the emulation's.  The other DVSECs that
 * CXL defines read as they are.  The first word of each is that of the virtual
 * capability chain: vfio_pci_core takes neighbours with the same capability ID
 * for one capability, and would serve the hardware's for all but the first.
 */
#include <linux/uaccess.h>

#include "private.h"

static ssize_t config_drop_write(struct vfio_cxl_device *cvdev,
				 const char __user *buf, size_t count, u64 pos)
{
	return count;
}

static ssize_t config_read_chain(struct vfio_cxl_device *cvdev,
				 char __user *buf, size_t count, u64 pos)
{
	size_t left = copy_to_user(buf, cvdev->core_device.vconfig + pos,
				   count);

	return left == count ? -EFAULT : count - left;
}

/* Bytes of an access, from @offset in the DVSEC on, that are emulated */
static unsigned int config_width(u64 offset, size_t count)
{
	return offset < VFIO_CXL_EMU_DVSEC_SIZE ?
	       min3(count, VFIO_CXL_EMU_DVSEC_SIZE - offset, 4) : 0;
}

static __le32 config_read_image(struct vfio_cxl_device *cvdev, u64 offset,
				unsigned int width, u32 memory_state)
{
	guard(mutex)(&cvdev->emu_lock);
	vfio_cxl_emu_set_memory_state(&cvdev->emu, memory_state);

	return cpu_to_le32(vfio_cxl_emu_read_dvsec(&cvdev->emu, offset, width));
}

static ssize_t config_read_body(struct vfio_cxl_device *cvdev, char __user *buf,
				size_t count, u64 pos)
{
	u32 state = vfio_cxl_host_memory_state(cvdev);
	u64 offset = pos - cvdev->host.dvsec;
	unsigned int width;
	size_t done;
	__le32 val;

	for (done = 0; done < count; done += width) {
		width = config_width(offset + done, count - done);
		if (!width)	/* what a later revision appended */
			break;
		val = config_read_image(cvdev, offset + done, width, state);
		if (copy_to_user(buf + done, &val, width))
			return done ?: -EFAULT;
	}
	if (done < count && clear_user(buf + done, count - done))
		return done ?: -EFAULT;

	return count;
}

static ssize_t config_write_body(struct vfio_cxl_device *cvdev,
				 const char __user *buf, size_t count, u64 pos)
{
	u64 offset = pos - cvdev->host.dvsec;
	unsigned int width;
	size_t done;

	for (done = 0; done < count; done += width) {
		__le32 val = 0;

		width = config_width(offset + done, count - done);
		if (!width)
			break;
		if (copy_from_user(&val, buf + done, width))
			return done ?: -EFAULT;
		scoped_guard(mutex, &cvdev->emu_lock)
			vfio_cxl_emu_write_dvsec(&cvdev->emu, offset + done,
						 width, le32_to_cpu(val));
	}

	return count;
}

static int config_trap(struct vfio_cxl_device *cvdev,
		       const struct vfio_cxl_trap *handlers, u64 start, u64 end)
{
	struct vfio_cxl_trap trap = *handlers;

	trap.region = VFIO_PCI_CONFIG_REGION_INDEX;
	trap.start = start;
	trap.end = end;

	return vfio_cxl_add_trap(cvdev, &trap);
}

static const struct vfio_cxl_trap config_read_only = {
	.write = config_drop_write,
};

static const struct vfio_cxl_trap config_chain = {
	.read = config_read_chain,
	.write = config_drop_write,
};

static const struct vfio_cxl_trap config_emulated = {
	.read = config_read_body,
	.write = config_write_body,
};

/**
 * vfio_cxl_config_init - trap the DVSECs that CXL defines, and power state
 * @cvdev: the device, with its host side bound
 *
 * Return: 0, or -E2BIG where the device has too many of them.
 */
int vfio_cxl_config_init(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	u32 header, body, end;
	u16 dvsec = 0;
	int ret = 0;

	/* The memory needs D0: PowerState is not the guest's to write */
	if (pdev->pm_cap)
		ret = config_trap(cvdev, &config_read_only,
				  pdev->pm_cap + PCI_PM_CTRL,
				  pdev->pm_cap + PCI_PM_CTRL + 1);

	while (!ret) {
		dvsec = pci_find_next_ext_capability(pdev, dvsec,
						     PCI_EXT_CAP_ID_DVSEC);
		if (!dvsec)
			break;
		pci_read_config_dword(pdev, dvsec + PCI_DVSEC_HEADER1, &header);
		if (PCI_DVSEC_HEADER1_VID(header) != PCI_VENDOR_ID_CXL)
			continue;

		end = dvsec + PCI_DVSEC_HEADER1_LEN(header);
		body = dvsec == cvdev->host.dvsec ?
		       dvsec + VFIO_CXL_EMU_DVSEC_BODY : end;
		ret = config_trap(cvdev, &config_chain, dvsec,
				  dvsec + PCI_DVSEC_HEADER1) ?:
		      config_trap(cvdev, &config_read_only,
				  dvsec + PCI_DVSEC_HEADER1, body);
		if (!ret && body < end)
			ret = config_trap(cvdev, &config_emulated, body, end);
	}
	if (ret)
		pci_err(pdev, "more than %u DVSECs of CXL: not a layout that CXL defines\n",
			VFIO_CXL_MAX_TRAPS);

	return ret;
}
