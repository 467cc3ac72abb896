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
#include <linux/ctype.h>
#include <linux/kstrtox.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "private.h"

/* As large as the name of any PCI device */
#define RANGE_NAME_SIZE		sizeof("7fffffff:ff:1f.7")

/**
 * struct vfio_cxl_range - range that decoder 0 of a device is to decode
 * @node: in ranges
 * @name: name of the device, as pci_name() returns it
 * @base: host physical address
 * @size: size in bytes
 */
struct vfio_cxl_range {
	struct list_head node;
	char name[RANGE_NAME_SIZE];
	u64 base;
	u64 size;
};

static LIST_HEAD(ranges);
static DEFINE_MUTEX(ranges_lock);

static struct vfio_cxl_range *range_find(const char *name)
{
	struct vfio_cxl_range *range;

	lockdep_assert_held(&ranges_lock);
	list_for_each_entry(range, &ranges, node)
		if (!strcmp(range->name, name))
			return range;

	return NULL;
}

/* Only the text that sysfs shows: the fields of sscanf() overflow silently */
static bool range_is_name(const char *word)
{
	unsigned int domain, bus, slot, function;
	char name[RANGE_NAME_SIZE];

	if (sscanf(word, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4 ||
	    domain > INT_MAX || bus > 0xff || slot > 0x1f || function > 7)
		return false;
	snprintf(name, sizeof(name), "%04x:%02x:%02x.%x", domain, bus, slot,
		 function);

	return !strcmp(name, word);
}

/* kstrtou64() accepts a sign as well */
static bool range_is_number(const char *word, u64 *val)
{
	return isxdigit(*word) && !kstrtou64(word, 16, val);
}

static int range_set(char **words)
{
	struct vfio_cxl_range *range;
	u64 base, size, end;

	if (!range_is_name(words[0]) || !range_is_number(words[1], &base) ||
	    !range_is_number(words[2], &size) || !base || !size ||
	    !IS_ALIGNED(base | size, VFIO_CXL_EMU_HDM_ALIGN) ||
	    check_add_overflow(base, size, &end))
		return -EINVAL;

	guard(mutex)(&ranges_lock);

	range = range_find(words[0]);
	if (!range) {
		range = kzalloc_obj(*range);
		if (!range)
			return -ENOMEM;
		strscpy(range->name, words[0]);
		list_add(&range->node, &ranges);
	}
	range->base = base;
	range->size = size;

	return 0;
}

static ssize_t new_range_store(struct device_driver *driver, const char *buf,
			       size_t count)
{
	char **words;
	int nr, ret;

	/* The rest of a text with a NUL would be ignored */
	if (strlen(buf) != count)
		return -EINVAL;
	words = argv_split(GFP_KERNEL, buf, &nr);
	if (!words)
		return -ENOMEM;
	ret = nr == 3 ? range_set(words) : -EINVAL;
	argv_free(words);

	return ret ?: count;
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

	range = range_find(pci_name(pdev));
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
