// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Allocations that fail on request, and are counted
 */
#include "wrap.h"

static int countdown = -1;
static int live;

void fail_allocation(int nth)
{
	countdown = nth;
}

int live_allocations(void)
{
	return live;
}

void *__wrap_calloc(size_t nr, size_t size)
{
	void *p;

	if (countdown >= 0 && countdown-- == 0)
		return NULL;
	p = __real_calloc(nr, size);
	if (p)
		live++;
	return p;
}

void __wrap_free(void *p)
{
	if (p)
		live--;
	__real_free(p);
}
