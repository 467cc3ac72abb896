// SPDX-License-Identifier: GPL-2.0-only
/*
 * removal [ROUNDS] - a device is pulled out while it is in use, and plugged in
 *
 * The root port's slot is powered off without the kernel: the device is gone
 * before the kernel can ask its user to release it.
 *
 * Needs lockdep.prove_locking=0: Linux 7.3's pciehp takes its own reset_lock
 * and pci_rescan_remove_lock in either order, with any driver.  The device has
 * FLR: without it, open would reset the slot while holding VFIO's locks, and
 * removal takes those while holding the slot's, with vfio-pci as with this
 * driver.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bits.h>
#include <linux/const.h>
#include <linux/pci_regs.h>

#include "kselftest.h"
#include "apart.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/env.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/page.h"
#include "lib/qmp.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define ROUNDS		10
#define ROUND_TIMEOUT_S	time_limit(60)
/* The kernel's hotplug driver waits for the slot */
#define SLOT_TIMEOUT_S	time_limit(20)
#define AREA		(64 * SZ_2M)

static bool present(const struct host_device *host)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", host->bdf);
	return !access(path, F_OK);
}

static bool wait_gone(const struct host_device *host)
{
	const double end = seconds() + SLOT_TIMEOUT_S;

	while (present(host) && seconds() < end)
		usleep(10000);

	return !present(host);
}

/*
 * Wait until a bind reaches the check of the decoder, which is not committed:
 * before that the device, or its BARs, do not exist
 */
static bool wait_replug(struct host_device *host)
{
	const double end = seconds() + SLOT_TIMEOUT_S;
	int ret;

	do {
		usleep(100000);
		ret = host_replug(host) ?: sysfs_bind(host->bdf, DRIVER);
	} while (ret != -ENODATA && seconds() < end);

	return ret == -ENODATA;
}

/* The root port's config space, which remains when the device is gone */
static int open_port(const struct host_device *host)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/../config",
		 host->bdf);
	return open(path, O_RDWR | O_CLOEXEC);
}

static uint8_t read8(int port, unsigned int at)
{
	uint8_t val = 0;

	return pread(port, &val, 1, at) == 1 ? val : 0;
}

/* Slot Control Register of the port, in its config space */
static unsigned int find_slot_control(int port)
{
	uint8_t at = read8(port, PCI_CAPABILITY_LIST);

	while (at && read8(port, at) != PCI_CAP_ID_EXP)
		at = read8(port, at + 1);

	return at + PCI_EXP_SLTCTL;
}

/*
 * QEMU removes the device from a slot that is powered off.  The slot is powered
 * on again before the kernel's hotplug driver gets its interrupt: the driver
 * does nothing for a slot without power.
 */
static int pull_out(int port)
{
	const unsigned int at = find_slot_control(port);
	uint16_t control, off, on;

	if (pread(port, &control, 2, at) != 2)
		return -EIO;
	/* At boot the indicator is off, whether the slot is occupied or not */
	on = (control & ~PCI_EXP_SLTCTL_PIC) | PCI_EXP_SLTCTL_PWR_IND_ON;
	off = control & ~(PCI_EXP_SLTCTL_PIC | PCI_EXP_SLTCTL_HPIE);
	off |= PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PWR_OFF;

	return pwrite(port, &off, 2, at) == 2 &&
	       pwrite(port, &on, 2, at) == 2 ? 0 : -EIO;
}

/*
 * Wait until the hotplug driver has finished with the slot, which it leaves
 * without power.  It switches off the indicator a second after the power, then
 * checks whether a card is present.  One that is plugged in before that is
 * powered on immediately; the button press that QEMU sends with it then means
 * to power it off.
 */
static bool wait_slot_off(int port)
{
	const unsigned int at = find_slot_control(port);
	const uint16_t off = PCI_EXP_SLTCTL_PWR_OFF |
			     PCI_EXP_SLTCTL_PWR_IND_OFF;
	const double end = seconds() + SLOT_TIMEOUT_S;
	uint16_t control;
	bool done;

	do {
		usleep(10000);
		done = pread(port, &control, 2, at) == 2 &&
		       (control & off) == off;
	} while (!done && seconds() < end);
	usleep(time_limit(500000));

	return done;
}

/* QEMU keeps the memory backend: create another one for the same file */
static int plug_in(const struct host_device *host, unsigned int round)
{
	const unsigned int i = host->index;
	char command[512];
	int ret;

	snprintf(command, sizeof(command),
		 "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":"
		 "\"memory-backend-file\",\"id\":\"again%u\",\"share\":true,"
		 "\"mem-path\":\"share/mem/%u\",\"size\":%llu}}",
		 round, i, (unsigned long long)host->size);
	ret = qmp(command);
	if (ret)
		return ret;
	snprintf(command, sizeof(command),
		 "{\"execute\":\"device_add\",\"arguments\":{\"driver\":"
		 "\"cxl-type3\",\"id\":\"cxl-mem%u\",\"bus\":\"cxl-port%u\","
		 "\"volatile-memdev\":\"again%u\",\"sn\":%u,"
		 "\"x-flr\":true,\"x-pm\":true,\"x-accel\":true}}",
		 i, i, round, i + 1);

	return qmp(command);
}

struct worker {
	pthread_t thread;
	const struct test_device *user;
	void (*work)(const struct test_device *user);
};

/* Each runs until the memory is gone, which it must notice */

static void work_fault(const struct test_device *user)
{
	uint64_t at, val;
	char *map;

	for (;;) {
		map = guest_map(&user->vfio, 0, AREA, RW, pmd_size(),
				page_size());
		if (map == MAP_FAILED)
			return;
		for (at = 0; at < AREA; at += 61 * SZ_4K)
			if (!try_get(map + at, &val))
				break;
		munmap(map, AREA);
		if (at < AREA)
			return;
	}
}

static void work_mapped(const struct test_device *user)
{
	char *map = guest_map(&user->vfio, 0, AREA, RW, pmd_size(),
			      0);
	uint64_t val;

	if (map == MAP_FAILED)
		return;
	while (try_get(map + SZ_2M, &val))
		;
	munmap(map, AREA);
}

static void work_read(const struct test_device *user)
{
	char buf[3 * SZ_4K];

	while (mem_read(&user->vfio, buf, sizeof(buf), SZ_2M) ==
	       (ssize_t)sizeof(buf))
		;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	worker->work(worker->user);
	return NULL;
}

static void use_until_gone(struct test_device *user, int port)
{
	struct worker workers[] = {
		{ .work = work_fault },
		{ .work = work_mapped },
		{ .work = work_read },
	};
	struct pollfd event = { .events = POLLIN };
	uint32_t state;
	uint64_t val;
	unsigned int i;

	event.fd = vfio_irq_eventfd(user->vfio.device, VFIO_PCI_REQ_IRQ_INDEX);
	need(event.fd >= 0, "no eventfd for requests");
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i].user = user;
		need(!pthread_create(&workers[i].thread, NULL, worker_main,
				     &workers[i]), "no thread");
	}
	usleep(20000);
	need(!pull_out(port), "the slot's power");
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		pthread_join(workers[i].thread, NULL);
	need(poll(&event, 1, 1000 * SLOT_TIMEOUT_S) == 1,
	     "no request to release the device");

	/* Nothing hangs and nothing works until it is closed */
	need(mem_read(&user->vfio, &val, 8, 0) == -EIO, "read() of nothing");
	need(mem_write(&user->vfio, &val, 8, 0) == -EIO, "write() to nothing");
	need(test_lock(user) == -EIO || test_lock(user) == 0, "SET of nothing");
	state = guest_config(&user->vfio, user->host.dvsec +
			     PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), 4);
	need(!(state & (PCI_DVSEC_CXL_MEM_INFO_VALID |
			PCI_DVSEC_CXL_MEM_ACTIVE)), "memory that is active");
	close(event.fd);
}

struct round {
	struct test_device *user;
	unsigned int number;
	int port;
};

static void run_round(const void *arg)
{
	const struct round *this = arg;
	const unsigned int round = this->number;
	const int port = this->port;
	struct test_device *user = this->user;
	const enum vfio_interface interface = vfio_usable(round % 2);

	need(!test_vfio_open(user, interface), "open");
	/* Locked or not */
	need(round % 4 < 2 || !test_lock(user), "SET");
	use_until_gone(user, port);
	vfio_close(&user->vfio);
	need(wait_gone(&user->host), "the device is not removed");

	need(wait_slot_off(port), "the slot keeps its power");

	need(!plug_in(&user->host, round), "device_add");
	need(wait_replug(&user->host), "the device does not appear");
	/* Not configured by firmware; the bridge still routes the range */
	need(!test_new_range(user->host.bdf, user->host.base, user->host.size),
	     "new_range");
	need(!sysfs_bind(user->host.bdf, DRIVER), "bind");
	need(!test_vfio_open(user, interface), "open of the new device");
	need(!test_lock(user), "SET of the new device");
	need(!use_memory(user, round), "the memory of the new device");
	vfio_close(&user->vfio);
}

int main(int argc, char **argv)
{
	const unsigned int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
	static struct test_device user;
	struct round round = { .user = &user };

	ksft_print_header();
	if (test_begin(&user, host_with_flr()))
		ksft_exit_fail_msg("no device that can be bound to " DRIVER
				   "\n");
	round.port = open_port(&user.host);
	if (round.port < 0)
		ksft_exit_fail_msg("no port above %s\n", user.host.bdf);

	ksft_set_plan(rounds);
	for (; round.number < rounds; round.number++)
		ksft_test_result(run_apart(user.kmsg, run_round, &round,
					   ROUND_TIMEOUT_S),
				 "round %u\n", round.number);
	host_close(&user.host);
	ksft_finished();
}
