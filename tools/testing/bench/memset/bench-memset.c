// SPDX-License-Identifier: GPL-2.0-only
/*
 * What clearing a memory takes at least: memset() by one thread, through a
 * mapping such as vfio-cxl-pci has
 *
 * Its time is in the parameter "ns" after loading.
 */
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>

static unsigned long base;
module_param(base, ulong, 0444);
MODULE_PARM_DESC(base, "Physical address of the memory");

static unsigned long size;
module_param(size, ulong, 0444);
MODULE_PARM_DESC(size, "Bytes, a multiple of 2 MiB");

static u64 ns;
module_param(ns, ullong, 0444);
MODULE_PARM_DESC(ns, "Nanoseconds that it took");

static int __init bench_memset_init(void)
{
	unsigned long at;
	void *memory;
	u64 start;

	memory = memremap(base, size, MEMREMAP_WB);
	if (!memory)
		return -ENOMEM;

	start = ktime_get_ns();
	for (at = 0; at < size; at += SZ_2M) {
		memset(memory + at, 0, SZ_2M);
		cond_resched();
	}
	ns = ktime_get_ns() - start;
	memunmap(memory);

	return 0;
}
module_init(bench_memset_init);

static void __exit bench_memset_exit(void)
{
}
module_exit(bench_memset_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("memset() of a device's memory, timed");
