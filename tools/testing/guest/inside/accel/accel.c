// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver of an accelerator with CXL.mem, inside a guest
 *
 * It handles the memory of its device like the driver of a GPU: it asks the CXL
 * core for the region that firmware has set up, maps it, and uses it.  Each 8
 * bytes of the memory get a unique value, from serial number and offset, and
 * are compared.
 *
 * The device is QEMU's cxl-type3, which stands in for the accelerator.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include <cxl/cxl.h>
#include <cxl/pci.h>

#define PCI_DEVICE_ID_QEMU_CXL_TYPE3	0x0d93

static unsigned long use = ULONG_MAX;
module_param(use, ulong, 0444);
MODULE_PARM_DESC(use, "Bytes at the start of each device's memory to use (default: all)");

struct accel {
	struct cxl_dev_state cxlds;
	struct cxl_memdev *cxlmd;
};

static u64 accel_value(u64 serial, size_t offset)
{
	return serial << 48 | offset;
}

static int accel_use(struct pci_dev *pdev, const struct range *range,
		     u64 serial)
{
	const size_t size = min(range_len(range), use);
	size_t i, wrong = 0;
	u64 *memory;

	memory = memremap(range->start, size, MEMREMAP_WB);
	if (!memory)
		return -ENOMEM;

	for (i = 0; i < size / sizeof(*memory); i++)
		WRITE_ONCE(memory[i], accel_value(serial, i * sizeof(*memory)));
	for (i = 0; i < size / sizeof(*memory); i++)
		wrong += READ_ONCE(memory[i]) !=
			 accel_value(serial, i * sizeof(*memory));
	memunmap(memory);

	pci_info(pdev, "range %pra serial %llu used %zu wrong %zu\n", range,
		 serial, size, wrong);
	return wrong ? -EIO : 0;
}

/* The size of the memory, which a driver knows for its device */
static u64 accel_capacity(struct pci_dev *pdev, int dvsec)
{
	u32 high, low;

	pci_read_config_dword(pdev, dvsec + PCI_DVSEC_CXL_RANGE_SIZE_HIGH(0),
			      &high);
	pci_read_config_dword(pdev, dvsec + PCI_DVSEC_CXL_RANGE_SIZE_LOW(0),
			      &low);
	return (u64)high << 32 | (low & PCI_DVSEC_CXL_MEM_SIZE_LOW);
}

static int accel_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	const u64 serial = pci_get_dsn(pdev);
	struct accel *accel;
	struct range range;
	u16 dvsec;
	int ret;

	dvsec = pci_find_dvsec_capability(pdev, PCI_VENDOR_ID_CXL,
					  PCI_DVSEC_CXL_DEVICE);
	if (!dvsec)
		return -ENODEV;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;

	accel = devm_cxl_dev_state_create(&pdev->dev, CXL_DEVTYPE_DEVMEM,
					  serial, dvsec, struct accel, cxlds,
					  false);
	if (!accel)
		return -ENOMEM;

	ret = cxl_pci_setup_regs(pdev, CXL_REGLOC_RBI_COMPONENT,
				 &accel->cxlds.reg_map);
	if (ret)
		return ret;
	accel->cxlds.media_ready = true;
	ret = cxl_set_capacity(&accel->cxlds, accel_capacity(pdev, dvsec));
	if (ret)
		return ret;

	accel->cxlmd = devm_cxl_probe_mem(&accel->cxlds, &range);
	if (IS_ERR(accel->cxlmd))
		return dev_err_probe(&pdev->dev, PTR_ERR(accel->cxlmd),
				     "no region of CXL memory\n");
	return accel_use(pdev, &range, serial);
}

static const struct pci_device_id accel_ids[] = {
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_QEMU_CXL_TYPE3) },
	{ }
};
MODULE_DEVICE_TABLE(pci, accel_ids);

static struct pci_driver accel_driver = {
	.name = KBUILD_MODNAME,
	.id_table = accel_ids,
	.probe = accel_probe,
};
module_pci_driver(accel_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Guest driver of an accelerator with CXL.mem");
MODULE_IMPORT_NS("CXL");
