/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VFIO_CXL_TEST_ARRAY_H
#define VFIO_CXL_TEST_ARRAY_H

/* kselftest.h also defines it */
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#endif /* VFIO_CXL_TEST_ARRAY_H */
