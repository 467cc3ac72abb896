/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Modules in user space: parameters come from the command line
 */
#ifndef KUNIT_USER_MODULE_H
#define KUNIT_USER_MODULE_H

#include <kunit/test.h>

#define MODULE_IMPORT_NS(name)
#define MODULE_LICENSE(license)
#define MODULE_DESCRIPTION(description)

#define module_param(name, type, permissions)				\
	__attribute__((constructor)) static void			\
	kunit_user_param_##name(void)					\
	{								\
		kunit_user_param(#name, #type, &(name), permissions);	\
	}

#endif /* KUNIT_USER_MODULE_H */
