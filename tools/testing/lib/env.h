/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Environment variables that describe the machine and its devices
 */
#ifndef VFIO_CXL_TEST_ENV_H
#define VFIO_CXL_TEST_ENV_H

#include <stddef.h>

/* A time limit of an idle machine, scaled for this one; in any unit */
int time_limit(int limit);

/* The @n-th word of the variable @name: 0 or -errno */
int env_word(const char *name, unsigned int n, char *buf, size_t size);

#endif /* VFIO_CXL_TEST_ENV_H */
