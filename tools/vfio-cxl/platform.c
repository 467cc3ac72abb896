// SPDX-License-Identifier: GPL-2.0-only
/*
 * Platform, firmware, KVM
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "platform.h"
#include "util.h"

#define MEMMAP	"/sys/firmware/memmap"

bool platform_has_memory_map(void)
{
	return !access(MEMMAP, F_OK);
}

char *platform_memory_type(uint64_t start, uint64_t end)
{
	DIR *folder = opendir(MEMMAP);
	struct dirent *entry;
	char *type = NULL;

	if (!folder)
		return NULL;
	while (!type && (entry = readdir(folder))) {
		const char *name = entry->d_name;
		long long from, to;

		if (*name != '.' &&
		    read_number(&from, MEMMAP "/%s/start", name) &&
		    read_number(&to, MEMMAP "/%s/end", name) &&
		    (uint64_t)from <= end && (uint64_t)to >= start)
			type = read_text(MEMMAP "/%s/type", name);
	}
	closedir(folder);
	return type;
}

#ifdef __aarch64__
/* Of Linux 6.17, whose headers are newer than those of Debian 13 */
#ifndef KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED
#define KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED	243
#endif

/* KVM knows which processors this takes, and answers for a machine only. */
const char *platform_uncached(uint64_t start, uint64_t end,
			      const char **advice)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, ret;

	(void)start;
	(void)end;
	if (kvm < 0) {
		*advice = "enable virtualization in the firmware's setup";
		return "/dev/kvm does not exist";
	}
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	ret = ioctl(vm, KVM_CHECK_EXTENSION,
		    KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED);
	close(vm);
	close(kvm);
	if (ret > 0)
		return NULL;
	*advice = "Linux 6.17 or later is needed, and processors with "
		  "FEAT_S2FWB and CTR_EL0.DIC";
	return "KVM cannot map the memory cacheable, so QEMU refuses it";
}
#else
/* kvm_is_mmio_pfn(): what the memory map does not call RAM is MMIO to VMX. */
const char *platform_uncached(uint64_t start, uint64_t end,
			      const char **advice)
{
	char *processors = read_file("/proc/cpuinfo", NULL);
	bool intel = processors && strstr(processors, "GenuineIntel");
	char *type = platform_memory_type(start, end);
	bool ram = type && !strcmp(type, "System RAM");

	free(processors);
	free(type);
	if (!intel || ram)
		return NULL;
	*advice = "CPU accesses of the guest are slow; accesses by the device "
		  "are not affected";
	return "KVM on Intel maps the memory uncached, because the firmware's "
	       "memory map does not call it System RAM";
}
#endif
