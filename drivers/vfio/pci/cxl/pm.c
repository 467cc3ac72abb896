// SPDX-License-Identifier: GPL-2.0-only
/*
 * System sleep, in which the device loses its decoder and its memory
 *
 * An open device has mappings and maybe a running guest, which cannot be made
 * to wait for that long, so the driver refuses system sleep.  A device that is
 * not open is reset and restored at the next open anyway.
 */
#include <linux/suspend.h>

#include "private.h"

/* Return: true if the device is not open, and cannot be opened from now on */
static bool pm_prepare(struct vfio_cxl_device *cvdev)
{
	struct vfio_device *core_vdev = &cvdev->core_device.vdev;
	bool idle;

	/* An open that waits for clean memory also holds this lock */
	if (!mutex_trylock(&core_vdev->dev_set->lock))
		return false;
	idle = !core_vdev->open_count;
	if (idle) {
		vfio_cxl_scrub_stop(cvdev);
		vfio_cxl_reset_stop(cvdev, VFIO_CXL_SHUT_ASLEEP);
	}
	mutex_unlock(&core_vdev->dev_set->lock);

	return idle;
}

static int pm_notify(struct notifier_block *nb, unsigned long action,
		     void *data)
{
	struct vfio_cxl_device *cvdev =
		container_of(nb, struct vfio_cxl_device, pm_notifier);

	switch (action) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		if (pm_prepare(cvdev))
			break;
		pci_err(vfio_cxl_pdev(cvdev),
			"in use, refusing system sleep: stop the virtual machine that uses the device\n");
		return notifier_from_errno(-EBUSY);
	default:
		/* Also when another driver has refused to sleep */
		if (!(vfio_cxl_gate_reasons(cvdev) & VFIO_CXL_SHUT_ASLEEP))
			break;
		/* The memory may have lost its power */
		vfio_cxl_scrub_mark(cvdev);
		vfio_cxl_reset_settle(cvdev, VFIO_CXL_SHUT_ASLEEP);
		vfio_cxl_scrub_start(cvdev);
	}

	return NOTIFY_OK;
}

/**
 * vfio_cxl_pm_register - register for system sleep notifications
 * @cvdev: the device, registered with VFIO
 *
 * Return: 0 or a negative errno.
 */
int vfio_cxl_pm_register(struct vfio_cxl_device *cvdev)
{
	cvdev->pm_notifier.notifier_call = pm_notify;

	return register_pm_notifier(&cvdev->pm_notifier);
}

/**
 * vfio_cxl_pm_unregister - undo vfio_cxl_pm_register()
 * @cvdev: the device
 */
void vfio_cxl_pm_unregister(struct vfio_cxl_device *cvdev)
{
	unregister_pm_notifier(&cvdev->pm_notifier);
}
