// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters and flags that processes share, and the options
 */
#include <string.h>

#include "shared.h"

struct shared *shared;

void count(struct counter *counter, int ret)
{
	atomic_fetch_add(&counter->tried, 1);
	if (ret >= 0)
		atomic_fetch_add(&counter->succeeded, 1);
	else if (-ret < MAX_ERRNO)
		atomic_fetch_add(&shared->errors[-ret], 1);
}

bool chosen(const char *only, const char *name)
{
	const size_t len = strlen(name);
	const char *at = only;

	if (!at)
		return true;
	for (; *at; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == len && !strncmp(at, name, len))
			return true;

	return false;
}
