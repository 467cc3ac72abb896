// SPDX-License-Identifier: GPL-2.0-only
/*
 * The steps of a recovery, one by one, in place of a second port above a device
 * whose recovery overlaps that of the first, such as one with DPC, which no
 * emulated port supports
 *
 * Calls a driver as pcie_do_recovery() (drivers/pci/pcie/err.c) does.  Write
 * the device and the step to the parameter: "0000:21:00.0 resume".
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>

static int step(struct pci_dev *pdev, const char *name)
{
	const struct pci_error_handlers *handlers;

	guard(device)(&pdev->dev);

	handlers = pdev->driver ? pdev->driver->err_handler : NULL;
	if (!handlers || !handlers->error_detected || !handlers->resume)
		return -ENODEV;
	if (!strcmp(name, "detected"))
		handlers->error_detected(pdev, pci_channel_io_normal);
	else if (!strcmp(name, "failed"))
		handlers->error_detected(pdev, pci_channel_io_perm_failure);
	else if (!strcmp(name, "resume"))
		handlers->resume(pdev);
	else
		return -EINVAL;

	return 0;
}

static int step_set(const char *val, const struct kernel_param *kp)
{
	unsigned int domain, bus, slot, func;
	struct pci_dev *pdev;
	char name[16];
	int ret;

	if (sscanf(val, "%x:%x:%x.%x %15s", &domain, &bus, &slot, &func,
		   name) != 5)
		return -EINVAL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
	if (!pdev)
		return -ENODEV;
	ret = step(pdev, name);
	pci_dev_put(pdev);

	return ret;
}

static const struct kernel_param_ops step_ops = { .set = step_set };
module_param_cb(step, &step_ops, NULL, 0200);
MODULE_PARM_DESC(step, "Device and step: detected, failed or resume");

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Calls the error handlers of a driver, step by step");
