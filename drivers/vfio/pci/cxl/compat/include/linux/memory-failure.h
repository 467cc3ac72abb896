/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For kernels that do not report poison to drivers (before Linux 6.19): the
 * same as in a kernel without CONFIG_MEMORY_FAILURE
 */
#ifndef _LINUX_MEMORY_FAILURE_H
#define _LINUX_MEMORY_FAILURE_H

#include <linux/errno.h>
#include <linux/interval_tree.h>
#include <linux/mm_types.h>

struct pfn_address_space {
	struct interval_tree_node node;
	struct address_space *mapping;
	int (*pfn_to_vma_pgoff)(struct vm_area_struct *vma, unsigned long pfn,
				pgoff_t *pgoff);
};

static inline int register_pfn_address_space(struct pfn_address_space *space)
{
	return -EOPNOTSUPP;
}

static inline void unregister_pfn_address_space(struct pfn_address_space *space)
{
}

#endif /* _LINUX_MEMORY_FAILURE_H */
