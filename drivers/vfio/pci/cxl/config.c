// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space: CXL DVSECs (CXL r3.1 8.1) and hidden capabilities
 *
 * No write to a DVSEC that CXL defines reaches hardware.  The body of the CXL
 * Device DVSEC is emulated, the others read as they are.  The first word of
 * each is that of the virtual capability chain: vfio_pci_core treats adjacent
 * capabilities with the same ID as one, and would return the hardware's word
 * for all but the first.
 *
 * vfio_pci_core omits some capabilities from the virtual chain, such as DOE,
 * IDE or PASID, but would still pass accesses at their offsets through without
 * any check: here they are inaccessible.
 */
#include <linux/uaccess.h>
#include <linux/unaligned.h>

#include "private.h"

static ssize_t config_drop_write(struct vfio_cxl_device *cvdev,
				 const char __user *buf, size_t count, u64 pos)
{
	return count;
}

static ssize_t config_read_zero(struct vfio_cxl_device *cvdev,
				char __user *buf, size_t count, u64 pos)
{
	return clear_user(buf, count) ? -EFAULT : count;
}

static ssize_t config_read_chain(struct vfio_cxl_device *cvdev,
				 char __user *buf, size_t count, u64 pos)
{
	size_t left = copy_to_user(buf, cvdev->core_device.vconfig + pos,
				   count);

	return left == count ? -EFAULT : count - left;
}

/* Number of bytes of an access at @offset in the DVSEC that are emulated */
static unsigned int config_width(u64 offset, size_t count)
{
	return offset < VFIO_CXL_EMU_DVSEC_SIZE ?
	       min3(count, VFIO_CXL_EMU_DVSEC_SIZE - offset, 4) : 0;
}

/*
 * Memory_Info_Valid and Memory_Active are those of the hardware, and 0 if it
 * does not respond or no longer decodes: the rest of the register is
 * meaningless then.  Config cycles must not occur during a reset: wait for its
 * end.
 */
static u32 config_memory_state(struct vfio_cxl_device *cvdev)
{
	u32 state;

	if (pci_user_read_config_dword(vfio_cxl_pdev(cvdev),
				       cvdev->host.dvsec +
				       PCI_DVSEC_CXL_RANGE_SIZE_LOW(0),
				       &state) ||
	    PCI_POSSIBLE_ERROR(state) ||
	    vfio_cxl_gate_reasons(cvdev) & (VFIO_CXL_SHUT_LOST |
					    VFIO_CXL_SHUT_GONE))
		return 0;

	return state;
}

static ssize_t config_read_body(struct vfio_cxl_device *cvdev, char __user *buf,
				size_t count, u64 pos)
{
	u64 offset = pos - cvdev->host.dvsec;
	unsigned int width;
	size_t done;

	if (offset < PCI_DVSEC_CXL_RANGE_SIZE_LOW(0) + 4 &&
	    offset + count > PCI_DVSEC_CXL_RANGE_SIZE_LOW(0)) {
		u32 state = config_memory_state(cvdev);

		guard(mutex)(&cvdev->emu_lock);
		vfio_cxl_emu_set_memory_state(&cvdev->emu, state);
	}

	for (done = 0; done < count; done += width) {
		__le32 val;

		width = config_width(offset + done, count - done);
		if (!width)	/* what a later revision appended */
			break;
		scoped_guard(mutex, &cvdev->emu_lock)
			val = cpu_to_le32(vfio_cxl_emu_read_dvsec(&cvdev->emu,
								  offset + done,
								  width));
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

static int config_trap_dvsec(struct vfio_cxl_device *cvdev, u16 dvsec, u32 end)
{
	u32 body = dvsec == cvdev->host.dvsec ?
		   dvsec + VFIO_CXL_EMU_DVSEC_BODY : end;
	int ret;

	ret = config_trap(cvdev, &config_chain, dvsec,
			  dvsec + PCI_DVSEC_HEADER1) ?:
	      config_trap(cvdev, &config_read_only, dvsec + PCI_DVSEC_HEADER1,
			  body);
	if (!ret && body < end)
		ret = config_trap(cvdev, &config_emulated, body, end);

	return ret;
}

/*
 * The virtual chain always starts at the first capability, so its first word is
 * not hidden.
 */
static int config_trap_unseen(struct vfio_cxl_device *cvdev, u16 cap, u32 end)
{
	const struct vfio_cxl_trap unseen = {
		.cap = cap,
		.read = config_read_zero,
		.write = config_drop_write,
	};
	u32 start = cap == PCI_CFG_SPACE_SIZE ? cap + PCI_CAP_SIZEOF : cap;

	return config_trap(cvdev, &unseen, start, end);
}

/* Return: the next capability of the hardware's chain, 0 at its end */
static u16 config_next_cap(struct pci_dev *pdev, u16 cap)
{
	u32 header;

	if (!cap)
		return PCI_CFG_SPACE_SIZE;
	pci_read_config_dword(pdev, cap, &header);
	cap = PCI_EXT_CAP_NEXT(header);

	return cap > PCI_CFG_SPACE_SIZE ? cap : 0;
}

/* Return: the length that the DVSEC declares, 0 if it is not one of CXL */
static u32 config_dvsec_len(struct pci_dev *pdev, u16 cap)
{
	u32 header, header1;

	pci_read_config_dword(pdev, cap, &header);
	pci_read_config_dword(pdev, cap + PCI_DVSEC_HEADER1, &header1);

	return PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_DVSEC &&
	       PCI_DVSEC_HEADER1_VID(header1) == PCI_VENDOR_ID_CXL ?
	       PCI_DVSEC_HEADER1_LEN(header1) : 0;
}

/*
 * The length of an unknown capability cannot be determined, and a DVSEC may
 * declare more than its length: each ends where another one starts.
 */
static int config_trap_caps(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	u16 caps[VFIO_CXL_MAX_TRAPS], cap = 0;
	unsigned int i, j, nr = 0;
	u32 end, len;
	int ret = 0;

	while ((cap = config_next_cap(pdev, cap))) {
		if (nr == ARRAY_SIZE(caps))
			return -E2BIG;
		caps[nr++] = cap;
	}

	for (i = 0; i < nr && !ret; i++) {
		end = pdev->cfg_size;
		for (j = 0; j < nr; j++)
			if (caps[j] > caps[i])
				end = min(end, caps[j]);
		len = config_dvsec_len(pdev, caps[i]);
		ret = len ? config_trap_dvsec(cvdev, caps[i],
					      min(end, caps[i] + len)) :
			    config_trap_unseen(cvdev, caps[i], end);
	}

	return ret;
}

/**
 * vfio_cxl_config_init - trap extended capabilities and the power state
 * @cvdev: the device, with its host side bound
 *
 * Return: 0, or -E2BIG if the device has too many of them.
 */
int vfio_cxl_config_init(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	int ret = 0;

	/* The memory needs D0: PowerState is read-only for the guest */
	if (pdev->pm_cap)
		ret = config_trap(cvdev, &config_read_only,
				  pdev->pm_cap + PCI_PM_CTRL,
				  pdev->pm_cap + PCI_PM_CTRL + 1);
	if (!ret)
		ret = config_trap_caps(cvdev);
	if (ret)
		pci_err(pdev, "more than %u extended capabilities or parts of them, which is not supported\n",
			VFIO_CXL_MAX_TRAPS);

	return ret;
}

/**
 * vfio_cxl_config_visible - whether a user sees a capability
 * @cvdev: the device, open
 * @cap: offset in the hardware's chain of extended capabilities, or 0
 *
 * Return: true if it is in the virtual chain, too.
 */
bool vfio_cxl_config_visible(struct vfio_cxl_device *cvdev, u16 cap)
{
	const u8 *vconfig = cvdev->core_device.vconfig;
	u32 header, at = PCI_CFG_SPACE_SIZE;

	if (!cap)
		return false;

	do {
		header = get_unaligned_le32(vconfig + at);
		/* vfio_pci_core clears the ID of a hidden first one */
		if (at == cap)
			return PCI_EXT_CAP_ID(header);
		at = PCI_EXT_CAP_NEXT(header);
	} while (at >= PCI_CFG_SPACE_SIZE);

	return false;
}
