// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Structures that may be longer in the caller than in this library
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "internal.h"

/* No structure will be larger: a larger argsz is uninitialised. */
#define ARGSZ_MAX 4096

/* Every structure begins with its size. */
static uint32_t argsz(const void *args)
{
	return *(const uint32_t *)args;
}

void *vfio_cxl_arg(const void *args, size_t i)
{
	return (unsigned char *)args + i * argsz(args);
}

bool vfio_cxl_have_room(const void *args, size_t nr, size_t size)
{
	size_t i;

	if (!nr)
		return true;
	if (!args || argsz(args) < size || argsz(args) > ARGSZ_MAX)
		return false;
	for (i = 1; i < nr; i++)
		if (argsz(vfio_cxl_arg(args, i)) != argsz(args))
			return false;
	return true;
}

int vfio_cxl_check_args(const void *args, size_t nr, size_t size)
{
	size_t i, at;

	if (!vfio_cxl_have_room(args, nr, size))
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		const unsigned char *bytes = vfio_cxl_arg(args, i);

		for (at = size; at < argsz(args); at++)
			if (bytes[at])
				return -E2BIG;
	}
	return 0;
}

const char *vfio_cxl_args_text(int err)
{
	static const char *const texts[] = {
		[EINVAL] =
			"a structure is missing, or has an argsz that is not its size; set it in every one, in arrays too",
		[E2BIG] =
			"a feature was requested that this version of libvfio-cxl does not support; use a newer one",
	};

	return texts[err];
}

void vfio_cxl_clear_rest(void *args, size_t nr, size_t size)
{
	size_t i;

	for (i = 0; i < nr; i++)
		memset((unsigned char *)vfio_cxl_arg(args, i) + size, 0,
		       argsz(args) - size);
}
