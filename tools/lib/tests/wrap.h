/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands between the library and libc in the tests (ld --wrap)
 */
#ifndef VFIO_CXL_TESTS_WRAP_H
#define VFIO_CXL_TESTS_WRAP_H

#include <stddef.h>

/* Let allocation number @nth of the library fail, 0 being the next; -1: none */
void fail_allocation(int nth);

/* How many allocations of the library are not freed yet */
int live_allocations(void);

void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);
void __real_free(void *p);
void __wrap_free(void *p);
int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

#endif /* VFIO_CXL_TESTS_WRAP_H */
