// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of a user: what the device may access by DMA, through either
 * interface, and the parts of it that other devices may access
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/iommufd.h>

#include "lib/array.h"

#include "dma.h"
#include "memory.h"

/* A few addresses, so that they are used again, below the MSI range */
static uint64_t any_iova(struct random *r)
{
	const uint64_t iova = below(r, 64) * SZ_2M;

	return one_in(r, 8) ? any_number(r) : iova;
}

/* Memory of the program or of a device; mostly whole pages */
static void *any_memory(struct thread *t, uint64_t *len)
{
	const size_t page = page_size();
	size_t left = BUF_SIZE;
	char *at = NULL;

	if (one_in(&t->random, 2))
		at = any_mapped(t, &left);
	if (!at) {
		at = t->buf;
		left = BUF_SIZE;
	}
	/* For a whole device this takes long, page by page */
	if (left > SZ_2M && !one_in(&t->random, 32))
		left = SZ_2M;
	if (one_in(&t->random, 8)) {
		*len = any_number(&t->random) % SZ_1G;
		return at;
	}
	at -= (uintptr_t)at % page;
	*len = (1 + below(&t->random, left / page + 1)) * page;

	return at;
}

static int map_dma(struct thread *t, struct session *s)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = 1 + below(&t->random, 3),
		.iova = any_iova(&t->random),
	};

	map.vaddr = (uintptr_t)any_memory(t, (uint64_t *)&map.size);
	if (one_in(&t->random, 32))
		map.flags |= VFIO_DMA_MAP_FLAG_VADDR;

	return any_ioctl(t, s->vfio.container, VFIO_IOMMU_MAP_DMA, &map,
			 sizeof(map));
}

static int unmap_dma(struct thread *t, struct session *s)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = any_iova(&t->random),
		.size = one_in(&t->random, 2) ? SZ_2M :
			(1 + below(&t->random, 512)) * page_size(),
	};

	if (one_in(&t->random, 8)) {
		unmap.flags = 1 << below(&t->random, 3);
		if (unmap.flags == VFIO_DMA_UNMAP_FLAG_ALL) {
			unmap.iova = 0;
			unmap.size = 0;
		}
	}

	return any_ioctl(t, s->vfio.container, VFIO_IOMMU_UNMAP_DMA, &unmap,
			 sizeof(unmap));
}

static int iommu_info(struct thread *t, struct session *s)
{
	struct {
		struct vfio_iommu_type1_info info;
		char caps[256];
	} arg = { .info.argsz = sizeof(arg) };

	return any_ioctl(t, s->vfio.container, VFIO_IOMMU_GET_INFO, &arg,
			 sizeof(arg));
}

static int dirty_pages(struct thread *t, struct session *s)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} arg = {
		.dirty.argsz = sizeof(arg),
		.dirty.flags = 1 << below(&t->random, 3),
		.get = {
			.iova = any_iova(&t->random),
			.size = SZ_2M,
			.bitmap = {
				.pgsize = page_size(),
				.size = 64,
				.data = (void *)t->buf,
			},
		},
	};

	return any_ioctl(t, s->vfio.container, VFIO_IOMMU_DIRTY_PAGES, &arg,
			 sizeof(arg));
}

/* The one to which the device was attached first, or one created later */
static uint32_t any_ioas(struct thread *t, struct session *s)
{
	const uint32_t other = atomic_load(&s->ioas);

	return other && one_in(&t->random, 4) ? other : s->vfio.ioas;
}

static int ioas_alloc(struct thread *t, struct session *s)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret;

	ret = any_ioctl(t, s->vfio.container, IOMMU_IOAS_ALLOC, &alloc,
			sizeof(alloc));
	if (!ret)
		atomic_store(&s->ioas, alloc.out_ioas_id);

	return ret;
}

static int ioas_destroy(struct thread *t, struct session *s)
{
	struct iommu_destroy destroy = {
		.size = sizeof(destroy),
		.id = atomic_exchange(&s->ioas, 0),
	};

	return any_ioctl(t, s->vfio.container, IOMMU_DESTROY, &destroy,
			 sizeof(destroy));
}

static int ioas_map(struct thread *t, struct session *s)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE |
			 (one_in(&t->random, 2) ? IOMMU_IOAS_MAP_WRITEABLE : 0),
		.ioas_id = any_ioas(t, s),
		.iova = any_iova(&t->random),
	};

	map.user_va = (uintptr_t)any_memory(t, (uint64_t *)&map.length);
	if (one_in(&t->random, 2))
		map.flags |= IOMMU_IOAS_MAP_FIXED_IOVA;

	return any_ioctl(t, s->vfio.container, IOMMU_IOAS_MAP, &map,
			 sizeof(map));
}

static int ioas_unmap(struct thread *t, struct session *s)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = any_ioas(t, s),
		.iova = any_iova(&t->random),
		.length = SZ_2M,
	};

	if (one_in(&t->random, 4)) {
		unmap.iova = 0;
		unmap.length = ~0ULL;
	}

	return any_ioctl(t, s->vfio.container, IOMMU_IOAS_UNMAP, &unmap,
			 sizeof(unmap));
}

static int iova_ranges(struct thread *t, struct session *s)
{
	struct iommu_ioas_iova_ranges ranges = {
		.size = sizeof(ranges),
		.ioas_id = any_ioas(t, s),
		.num_iovas = 8,
		.allowed_iovas = (uintptr_t)t->buf,
	};

	return any_ioctl(t, s->vfio.container, IOMMU_IOAS_IOVA_RANGES, &ranges,
			 sizeof(ranges));
}

/* Memory of a device, through a dma-buf, which needs no mapping */
static int ioas_map_file(struct thread *t, struct session *s)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = any_ioas(t, s),
		.fd = t->dmabufs[below(&t->random, NR_DMABUFS)],
		.length = page_size(),
	};

	return any_ioctl(t, s->vfio.container, IOMMU_IOAS_MAP_FILE, &map,
			 sizeof(map));
}

static int attach(struct thread *t, struct session *s)
{
	struct vfio_device_attach_iommufd_pt arg = {
		.argsz = sizeof(arg),
		.pt_id = any_ioas(t, s),
	};

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
			 &arg, sizeof(arg));
}

static int detach(struct thread *t, struct session *s)
{
	struct vfio_device_detach_iommufd_pt arg = { .argsz = sizeof(arg) };

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_DETACH_IOMMUFD_PT,
			 &arg, sizeof(arg));
}

/* An export is kept until another one replaces it, even after a close */
static int export(struct thread *t, struct session *s)
{
	struct random *r = &t->random;
	const unsigned int bar = below(r, VFIO_PCI_ROM_REGION_INDEX + 1);
	int *fd = &t->dmabufs[below(r, NR_DMABUFS)], ret;
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf dma_buf;
		struct vfio_region_dma_range ranges[3];
	} arg = {
		.feature.argsz = sizeof(arg),
		.feature.flags = VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_DMA_BUF,
		.dma_buf = {
			.region_index = bar,
			.open_flags = O_RDWR | O_CLOEXEC,
			.nr_ranges = 1 + below(r, 3),
		},
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(arg.ranges); i++) {
		arg.ranges[i].offset = one_in(r, 8) ? any_number(r) :
				       one_in(r, 2) ? 0 :
				       below(r, s->regions[bar].size + 1) &
				       ~(page_size() - 1);
		arg.ranges[i].length = one_in(r, 8) ? any_number(r) :
						      page_size();
	}
	ret = any_ioctl(t, s->vfio.device, VFIO_DEVICE_FEATURE, &arg,
			sizeof(arg));
	/* 0 if breaking the argument turned it into a probe */
	if (ret > 0) {
		close(*fd);
		*fd = ret;
	}

	return ret;
}

const struct operation dma_operations[] = {
	{ .name = "map-dma", .weight = 6, .only = GROUP_ONLY, .run = map_dma },
	{
		.name = "unmap-dma",
		.weight = 4,
		.only = GROUP_ONLY,
		.run = unmap_dma,
	},
	{
		.name = "iommu-info",
		.weight = 1,
		.only = GROUP_ONLY,
		.run = iommu_info,
	},
	{
		.name = "dirty-pages",
		.weight = 1,
		.only = GROUP_ONLY,
		.run = dirty_pages,
	},
	{
		.name = "ioas-alloc",
		.weight = 1,
		.only = CDEV_ONLY,
		.run = ioas_alloc,
	},
	{
		.name = "ioas-destroy",
		.weight = 1,
		.only = CDEV_ONLY,
		.run = ioas_destroy,
	},
	{ .name = "ioas-map", .weight = 6, .only = CDEV_ONLY, .run = ioas_map },
	{
		.name = "ioas-unmap",
		.weight = 3,
		.only = CDEV_ONLY,
		.run = ioas_unmap,
	},
	{
		.name = "iova-ranges",
		.weight = 1,
		.only = CDEV_ONLY,
		.run = iova_ranges,
	},
	{
		.name = "ioas-map-file",
		.weight = 3,
		.only = CDEV_ONLY,
		.run = ioas_map_file,
	},
	{ .name = "attach", .weight = 2, .only = CDEV_ONLY, .run = attach },
	{ .name = "detach", .weight = 1, .only = CDEV_ONLY, .run = detach },
	{ .name = "dma-buf", .weight = 4, .run = export },
	{ }
};
