/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages: their sizes, protection and faults
 */
#ifndef VFIO_CXL_TEST_PAGE_H
#define VFIO_CXL_TEST_PAGE_H

#include <sys/mman.h>
#include <sys/resource.h>

#define SZ_4K		0x1000ULL
#define SZ_2M		0x200000ULL
#define SZ_256M		0x10000000ULL
#define SZ_1G		0x40000000ULL

#define RW		(PROT_READ | PROT_WRITE)

/* Page faults of this process that needed no I/O */
static inline long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

#endif /* VFIO_CXL_TEST_PAGE_H */
