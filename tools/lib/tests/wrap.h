/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Wrappers between the library and libc in the tests (ld --wrap)
 */
#ifndef VFIO_CXL_TESTS_WRAP_H
#define VFIO_CXL_TESTS_WRAP_H

#include <stddef.h>
#include <sys/types.h>

/* Let allocation number @nth of the library fail, 0 being the next; -1: none */
void fail_allocation(int nth);

/* Number of allocations of the library that have not been freed */
int live_allocations(void);

void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);
void __real_free(void *p);
void __wrap_free(void *p);
int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

void *__real_mmap(void *addr, size_t size, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *addr, size_t size, int prot, int flags, int fd,
		  off_t offset);
int __real_munmap(void *addr, size_t size);
int __wrap_munmap(void *addr, size_t size);

#endif /* VFIO_CXL_TESTS_WRAP_H */
