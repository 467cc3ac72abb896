// SPDX-License-Identifier: GPL-2.0-only
/*
 * Environment variables that describe the machine and its devices
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env.h"

int time_limit(int limit)
{
	const char *scale = getenv("RIG_TIME_SCALE");

	return (int)(limit * (scale ? strtod(scale, NULL) : 1));
}

int env_word(const char *name, unsigned int n, char *buf, size_t size)
{
	const char *list = getenv(name);
	size_t len;

	for (list = list ?: "";; list += len) {
		list += strspn(list, " ");
		len = strcspn(list, " ");
		if (!len)
			return -ENOENT;
		if (!n--)
			break;
	}
	if (len >= size)
		return -ENAMETOOLONG;
	snprintf(buf, size, "%.*s", (int)len, list);

	return 0;
}
