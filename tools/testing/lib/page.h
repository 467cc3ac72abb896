/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages: their sizes, protection and faults
 */
#ifndef VFIO_CXL_TEST_PAGE_H
#define VFIO_CXL_TEST_PAGE_H

#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define SZ_4K		0x1000ULL
#define SZ_2M		0x200000ULL
#define SZ_256M		0x10000000ULL
#define SZ_1G		0x40000000ULL

#define RW		(PROT_READ | PROT_WRITE)

/* Where the kernel maps all memory, or could map it */
#ifdef __aarch64__
#define KERNEL_MEMORY	0xffff000000000000ULL
#else
#define KERNEL_MEMORY	0xffff888000000000ULL
#endif

static inline size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* What an entry one level up maps: 2 MiB, 32 MiB or 512 MiB */
size_t pmd_size(void);
/* What an entry two levels up maps of a device's memory, 0 if none does */
size_t pud_size(void);

/* Page faults of this process that needed no I/O */
static inline long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

#endif /* VFIO_CXL_TEST_PAGE_H */
