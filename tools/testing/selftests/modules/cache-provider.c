// SPDX-License-Identifier: GPL-2.0-only
/*
 * A provider of cache maintenance that only counts, in place of the cache
 * controller of a platform that has one (lib/cache_maint.c)
 *
 * Its parameters show how often cpu_cache_invalidate_memregion() was called,
 * and the range of the last call.
 */
#include <linux/cache_coherency.h>
#include <linux/module.h>

static unsigned long calls;
module_param(calls, ulong, 0444);
MODULE_PARM_DESC(calls, "Number of ranges to be invalidated");

static unsigned long base;
module_param(base, ulong, 0444);
MODULE_PARM_DESC(base, "Physical address of the last range");

static unsigned long size;
module_param(size, ulong, 0444);
MODULE_PARM_DESC(size, "Bytes of the last range");

static int provider_wbinv(struct cache_coherency_ops_inst *cci,
			  struct cc_inval_params *range)
{
	base = range->addr;
	size = range->size;
	calls++;

	return 0;
}

static const struct cache_coherency_ops provider_ops = {
	.wbinv = provider_wbinv,
};

static struct cache_coherency_ops_inst *provider;

static int __init provider_init(void)
{
	provider = _cache_coherency_ops_instance_alloc(&provider_ops,
						       sizeof(*provider));
	if (!provider)
		return -ENOMEM;

	return cache_coherency_ops_instance_register(provider);
}
module_init(provider_init);

static void __exit provider_exit(void)
{
	cache_coherency_ops_instance_unregister(provider);
	cache_coherency_ops_instance_put(provider);
}
module_exit(provider_exit);

MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("CACHE_COHERENCY");
MODULE_DESCRIPTION("Counts requests to invalidate CPU caches");
