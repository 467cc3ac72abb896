// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flag CANWBS of a root complex in the IORT, which firmware of a server
 * sets and QEMU does not
 *
 * It is among the memory access properties of a root complex, and says that
 * accesses of the devices below are always coherent with the caches, whatever
 * attributes the SMMU's tables have. That holds for an emulated machine.
 * Without it, or the SMMU's IDR3.FWB, iommufd does not let a guest have tables
 * of its own in the SMMU: see arm_smmu_get_viommu_size().
 *
 * The module sets what iort_iommu_configure_id() derives from it, for devices
 * that are present when it is loaded.
 */
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>

static int __init canwbs_init(void)
{
	struct pci_dev *pdev = NULL;

	for_each_pci_dev(pdev) {
		struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(&pdev->dev);

		if (fwspec)
			fwspec->flags |= IOMMU_FWSPEC_PCI_RC_CANWBS;
	}

	return 0;
}
module_init(canwbs_init);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sets what the flag CANWBS of the IORT sets");
