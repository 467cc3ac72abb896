// SPDX-License-Identifier: GPL-2.0-only
/*
 * Component registers: trapped in their BAR and passed to the emulation
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "emu/cxl_regs.h"
#include "private.h"

/* The widest access that offset and count allow, as in vfio_pci_core */
static unsigned int regs_width(u64 offset, size_t count)
{
	unsigned int width = 8;

	while (width > count || !IS_ALIGNED(offset, width))
		width /= 2;

	return width;
}

static ssize_t regs_read(struct vfio_cxl_device *cvdev, char __user *buf,
			 size_t count, u64 pos)
{
	u64 offset = pos - cvdev->host.offset;
	unsigned int width;
	size_t done;
	__le64 val;

	for (done = 0; done < count; done += width) {
		width = regs_width(offset + done, count - done);
		scoped_guard(mutex, &cvdev->emu_lock)
			val = cpu_to_le64(vfio_cxl_emu_read_cm(&cvdev->emu,
							       offset + done,
							       width));
		if (copy_to_user(buf + done, &val, width))
			return done ?: -EFAULT;
	}

	return done;
}

static ssize_t regs_write(struct vfio_cxl_device *cvdev, const char __user *buf,
			  size_t count, u64 pos)
{
	u64 offset = pos - cvdev->host.offset;
	unsigned int width;
	size_t done;

	for (done = 0; done < count; done += width) {
		__le64 val = 0;

		width = regs_width(offset + done, count - done);
		if (copy_from_user(&val, buf + done, width))
			return done ?: -EFAULT;
		scoped_guard(mutex, &cvdev->emu_lock)
			vfio_cxl_emu_write_cm(&cvdev->emu, offset + done, width,
					      le64_to_cpu(val));
	}

	return done;
}

/**
 * vfio_cxl_regs_init - trap the component registers
 * @cvdev: the device, with its host side bound
 *
 * Return: 0 or a negative errno.
 */
int vfio_cxl_regs_init(struct vfio_cxl_device *cvdev)
{
	const struct vfio_cxl_trap trap = {
		.region = cvdev->host.bar,
		.start = cvdev->host.offset,
		.end = cvdev->host.offset + CXL_COMPONENT_REG_BLOCK_SIZE,
		.read = regs_read,
		.write = regs_write,
	};

	return vfio_cxl_add_trap(cvdev, &trap);
}

/**
 * vfio_cxl_regs_overlap - whether part of a region must not be mapped
 * @cvdev: the device
 * @region: VFIO region index
 * @start: start of the part, as an offset in the region
 * @len: length of the part, in bytes
 *
 * Return: true if the part overlaps the component registers or its end wraps.
 */
bool vfio_cxl_regs_overlap(struct vfio_cxl_device *cvdev, unsigned int region,
			   u64 start, u64 len)
{
	return region == cvdev->host.bar &&
	       vfio_cxl_emu_overlaps_block(cvdev->host.offset, start, len);
}

/**
 * vfio_cxl_regs_region_info - report which parts of the BAR can be mapped
 * @cvdev: the device
 * @info: region info as vfio_pci_core made it
 * @caps: its capabilities
 *
 * Adds the sparse-mmap capability to the BAR that contains the component
 * registers.  The block is 64 KiB in size and alignment (CXL r3.1 8.1.9.1),
 * hence whole pages.
 *
 * Return: 0 or -ENOMEM.
 */
int vfio_cxl_regs_region_info(struct vfio_cxl_device *cvdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps)
{
	struct vfio_cxl_host *host = &cvdev->host;
	DEFINE_RAW_FLEX(struct vfio_region_info_cap_sparse_mmap, sparse, areas,
			2);
	struct vfio_cxl_emu_area areas[2];
	unsigned int i;

	if (info->index != host->bar ||
	    !(info->flags & VFIO_REGION_INFO_FLAG_MMAP))
		return 0;

	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = vfio_cxl_emu_around_block(host->offset, info->size,
						     areas);
	for (i = 0; i < sparse->nr_areas; i++)
		sparse->areas[i] = (struct vfio_region_sparse_mmap_area) {
			.offset = areas[i].offset,
			.size = areas[i].size,
		};
	/* Clear the flag if nothing is left: not every client reads areas */
	if (!sparse->nr_areas)
		info->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;

	return vfio_info_add_capability(caps, &sparse->header,
					struct_size(sparse, areas,
						    sparse->nr_areas));
}
