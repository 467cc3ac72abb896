// SPDX-License-Identifier: GPL-2.0-only
/*
 * The minimum time for clearing memory: memset() by one thread, through a
 * mapping like that of vfio-cxl-pci
 *
 * After loading, the parameter "ns" has its time; "ns_written_back" has the
 * time of memset() followed by a write-back of the caches, without which a
 * reset of the device could restore the old contents.
 */
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/libnvdimm.h>
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
MODULE_PARM_DESC(ns, "Nanoseconds that memset() took");

static u64 ns_written_back;
module_param(ns_written_back, ullong, 0444);
MODULE_PARM_DESC(ns_written_back, "Nanoseconds with the caches written back");

static u64 clear(void *memory, bool write_back)
{
	/* The kernel's function, not a builtin of the compiler */
	void *(*set)(void *to, int byte, size_t count) = memset;
	u64 start = ktime_get_ns();
	unsigned long at;

	OPTIMIZER_HIDE_VAR(set);
	for (at = 0; at < size; at += SZ_2M) {
		set(memory + at, 0, SZ_2M);
		if (write_back)
			arch_wb_cache_pmem(memory + at, SZ_2M);
		cond_resched();
	}

	return ktime_get_ns() - start;
}

static int __init bench_memset_init(void)
{
	void *memory = memremap(base, size, MEMREMAP_WB);

	if (!memory)
		return -ENOMEM;
	ns = clear(memory, false);
	ns_written_back = clear(memory, true);
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
