// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that is killed: at each system call of its start, before, while and
 * after the kernel executes it, and under load
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/pci_regs.h>

#include "lib/clock.h"
#include "lib/page.h"

#include "check.h"
#include "child.h"
#include "kill.h"
#include "memory.h"
#include "random.h"
#include "report.h"
#include "user.h"

/* A process that takes longer than this, in seconds, hangs */
#define LIMIT	60

/* When a VMM is killed; its start ends with a signal of its own */
struct moment {
	enum vfio_interface interface;
	unsigned int device;
	int call;		/* the n-th system call, 0: never */
	enum { BEFORE, WHILE, AFTER } when;
	unsigned int us;	/* of WHILE, from when the call starts */
};

static struct moment moment;

/* RAM and the device's memory, as QEMU maps them */
static int map_dma(const struct vfio_cxl_fd *vfio, void *at, uint64_t iova,
		   uint64_t size)
{
	struct vfio_iommu_type1_dma_map type1 = {
		.argsz = sizeof(type1),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)at,
		.iova = iova,
		.size = size,
	};
	struct iommu_ioas_map ioas = {
		.size = sizeof(ioas),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = vfio->ioas,
		.user_va = (uintptr_t)at,
		.length = size,
		.iova = iova,
	};

	return vfio->interface == VFIO_GROUP_INTERFACE ?
	       good_ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &type1) :
	       good_ioctl(vfio->container, IOMMU_IOAS_MAP, &ioas);
}

/* What a VMM does, in the same order */
static int start_vmm(const struct host_device *host,
		     enum vfio_interface interface)
{
	struct vfio_cxl_fd vfio;
	char *map, *ram;
	int ret;

	ret = vfio_open(&vfio, host, interface);
	if (ret)
		return ret;
	ret = good_ioctl(vfio.device, VFIO_DEVICE_RESET, NULL) ?:
	      vfio_hdm_set(vfio.device, GUEST_BASE, GUEST_WINDOW);
	if (ret)
		return ret;
	map = guest_map(&vfio, 0, host->size, RW, pmd_size(), 0);
	ram = mmap(NULL, SZ_2M, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED || ram == MAP_FAILED)
		return -errno;
	memset(map, 0x5a, SZ_2M);
	ret = map_dma(&vfio, ram, 0, SZ_2M);
	if (ret)
		return ret;
	ret = vfio_irq_eventfd(vfio.device, VFIO_PCI_MSIX_IRQ_INDEX);
	if (ret < 0)
		return ret;
	/* Neither accepts such memory: a VMM only warns */
	map_dma(&vfio, map, SZ_1G, SZ_2M);
	ret = guest_config_write(&vfio, PCI_COMMAND, 2, PCI_COMMAND_MEMORY |
				 PCI_COMMAND_MASTER) ?:
	      good_ioctl(vfio.device, VFIO_DEVICE_RESET, NULL);
	/* As a running guest leaves them */
	memset(map + host->size - SZ_2M, 0xa5, SZ_2M);

	return ret;
}

static void vmm_process(const struct options *options, uint64_t seed)
{
	int ret;

	(void)options;
	(void)seed;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	raise(SIGSTOP);
	ret = start_vmm(&devices.tests[moment.device].host, moment.interface);
	if (ret) {
		fprintf(stderr, "# VMM: %s\n", strerror(-ret));
		_exit(1);
	}
	raise(SIGTERM);
	_exit(1);
}

/*
 * Let the VMM run to the given point and kill it there, or let it run to its
 * end.  Return: the number of system calls that it began, or -errno.
 */
static int trace(pid_t pid)
{
	const bool kill_after = moment.when == AFTER;
	int status, calls = 0;
	bool after = true;

	for (;;) {
		status = wait_for(pid, LIMIT);
		if (status < 0)
			return status;
		if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGTERM)
			break;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			after = !after;
			calls += !after;
			if (calls == moment.call && after == kill_after)
				break;
		}
		if (ptrace(PTRACE_SETOPTIONS, pid, NULL,
			   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) ||
		    ptrace(PTRACE_SYSCALL, pid, NULL, NULL))
			return -errno;
	}
	if (!WIFSTOPPED(status)) {
		printf("# the VMM ended with status %#x\n", status);
		return -ECHILD;
	}

	if (moment.when == WHILE) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		usleep(moment.us);
	}
	kill(pid, SIGKILL);
	do {
		status = wait_for(pid, LIMIT);
	} while (status >= 0 && WIFSTOPPED(status));

	return status < 0 ? status : calls;
}

static int kill_round(const struct options *options)
{
	int ret, calls;

	ret = devices_begin();
	if (ret) {
		printf("# devices: %s\n", strerror(-ret));
		return ret;
	}
	calls = trace(start(vmm_process, options, 0));
	if (calls < 0)
		return calls;
	ret = devices_end(moment.call);

	return ret ?: calls;
}

static int kill_starts(const struct options *options, unsigned int rounds,
		       enum vfio_interface interface)
{
	static const char *const names[] = { "before", "while", "after" };
	struct random r;
	unsigned int i;
	int calls, ret;

	if (!vfio_has(interface)) {
		report(0, "VMM killed in its start, cdev # SKIP " NO_IOMMUFD);
		return 0;
	}
	/* Once without killing it, to count the system calls */
	moment = (struct moment) { .interface = interface };
	calls = kill_round(options);
	if (calls < 0) {
		report(calls, "a VMM starts");
		return calls;
	}
	for (i = 0, ret = 0; ret >= 0 && i < rounds; i++) {
		random_init(&r, options->seed, interface, i);
		moment.device = below(&r, devices.count);
		moment.call = 1 + (uint64_t)i * calls / rounds;
		moment.when = below(&r, 3);
		moment.us = 1 << below(&r, 16);
		ret = kill_round(options);
	}
	if (ret < 0)
		printf("# device %u, killed %s call %d, %u us\n",
		       moment.device, names[moment.when], moment.call,
		       moment.us);
	report(ret < 0,
	       "VMM killed %u times in %d system calls of its start, %s",
	       i, calls, interface == VFIO_GROUP_INTERFACE ? "group" : "cdev");

	return ret < 0 ? ret : 0;
}

static int kill_loads(const struct options *options, unsigned int rounds)
{
	uint64_t seed = options->seed;
	unsigned int i;
	struct random r;
	int ret = 0;
	pid_t pid;

	for (i = 0; !ret && i < rounds; i++) {
		random_init(&r, seed, 0, 0);
		ret = devices_begin();
		if (ret)
			break;
		pid = start(user_process, options, seed);
		sleep_ms(below(&r, 2000));
		kill(pid, SIGKILL);
		ret = wait_for(pid, LIMIT);
		ret = ret < 0 ? ret : wait_for_all(LIMIT);
		ret = ret ?: devices_end(seed);
		if (ret)
			printf("# seed %#llx\n", (unsigned long long)seed);
		seed = random_seed_after(seed);
	}
	report(ret, "VMM killed %u times under load", i);

	return ret;
}

int kill_rounds(const struct options *options)
{
	const unsigned int part = options->rounds / 3;

	return kill_starts(options, part, VFIO_GROUP_INTERFACE) ?:
	       kill_starts(options, part, VFIO_CDEV_INTERFACE) ?:
	       kill_loads(options, options->rounds - 2 * part);
}
