// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges that the administrator specifies for devices without a committed
 * decoder
 *
 * A previous driver of the device may have cleared a decoder that platform
 * firmware had committed but not locked: the CXL core does, and so does
 * vfio-pci, whose open resets the device.  A device that was hot-plugged was
 * never configured by firmware.  The host bridge may still route a range to
 * such a device.  Only user space can determine which one, from the CXL core's
 * view of the bridge, and writes it to new_range in the sysfs directory of the
 * driver before bind.
 */
#include <linux/cleanup.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "private.h"

/**
 * struct vfio_cxl_range - range that decoder 0 of a device is to decode
 * @node: in ranges
 * @domain: of the device's address
 * @bus: of the device's address
 * @devfn: of the device's address
 * @base: host physical address
 * @size: in bytes
 */
struct vfio_cxl_range {
	struct list_head node;
	int domain;
	unsigned int bus;
	unsigned int devfn;
	u64 base;
	u64 size;
};

static LIST_HEAD(ranges);
static DEFINE_MUTEX(ranges_lock);

static struct vfio_cxl_range *range_find(int domain, unsigned int bus,
					 unsigned int devfn)
{
	struct vfio_cxl_range *range;

	lockdep_assert_held(&ranges_lock);
	list_for_each_entry(range, &ranges, node)
		if (range->domain == domain && range->bus == bus &&
		    range->devfn == devfn)
			return range;

	return NULL;
}

static ssize_t new_range_store(struct device_driver *driver, const char *buf,
			       size_t count)
{
	unsigned int domain, bus, slot, function;
	struct vfio_cxl_range *range;
	u64 base, size, end;
	int length = 0;

	if (sscanf(buf, "%x:%x:%x.%x %llx %llx %n", &domain, &bus, &slot,
		   &function, &base, &size, &length) != 6 ||
	    length != count || domain > INT_MAX || bus > 0xff || slot > 0x1f ||
	    function > 7 || !base || !size ||
	    !IS_ALIGNED(base | size, VFIO_CXL_EMU_HDM_ALIGN) ||
	    check_add_overflow(base, size, &end))
		return -EINVAL;

	guard(mutex)(&ranges_lock);

	range = range_find(domain, bus, PCI_DEVFN(slot, function));
	if (!range) {
		range = kzalloc_obj(*range);
		if (!range)
			return -ENOMEM;
		range->domain = domain;
		range->bus = bus;
		range->devfn = PCI_DEVFN(slot, function);
		list_add(&range->node, &ranges);
	}
	range->base = base;
	range->size = size;

	return count;
}
static DRIVER_ATTR_WO(new_range);

static struct attribute *range_attrs[] = {
	&driver_attr_new_range.attr,
	NULL
};

static const struct attribute_group range_group = {
	.attrs = range_attrs,
};

const struct attribute_group *vfio_cxl_range_groups[] = {
	&range_group,
	NULL
};

/**
 * vfio_cxl_range_take - remove and return the range specified for a device
 * @pdev: the device
 * @base: set to the host physical address
 * @size: set to the size in bytes
 *
 * Return: true if there was one.
 */
bool vfio_cxl_range_take(struct pci_dev *pdev, u64 *base, u64 *size)
{
	struct vfio_cxl_range *range;

	guard(mutex)(&ranges_lock);

	range = range_find(pci_domain_nr(pdev->bus), pdev->bus->number,
			   pdev->devfn);
	if (!range)
		return false;
	*base = range->base;
	*size = range->size;
	list_del(&range->node);
	kfree(range);

	return true;
}

/**
 * vfio_cxl_range_exit - free the ranges that no device has used
 */
void vfio_cxl_range_exit(void)
{
	struct vfio_cxl_range *range, *next;

	list_for_each_entry_safe(range, next, &ranges, node)
		kfree(range);
}
