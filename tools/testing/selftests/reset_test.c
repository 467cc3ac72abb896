// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets: what survives them, what does not, and accesses during them
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bits.h>
#include <linux/const.h>
#include <linux/pci_regs.h>

#include "harness.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/qmp.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define MAX_DEVICES	2

/* Registers that a user changes and a reset restores */
#define DVSEC_CTRL2	0x10

/* All emulated registers, as a guest reads them */
struct image {
	uint8_t regs[COMPONENT_SIZE];
	uint8_t dvsec[256];
};

static int get_image(const struct test_device *user, struct image *image)
{
	const struct vfio_cxl_fd *vfio = &user->vfio;

	memset(image, 0, sizeof(*image));
	if (pread(vfio->device, image->regs, COMPONENT_SIZE, vfio->regs) !=
	    COMPONENT_SIZE)
		return -EIO;
	if (pread(vfio->device, image->dvsec, user->host.dvsec_len,
		  vfio->config.offset + user->host.dvsec) !=
	    user->host.dvsec_len)
		return -EIO;

	return 0;
}

/* The device behind a command register that has decode on and off */
static void set_decode(const struct test_device *user, bool on)
{
	uint32_t cmd = guest_config(&user->vfio, PCI_COMMAND, 2);

	guest_config_write(&user->vfio, PCI_COMMAND, 2,
			   on ? cmd | PCI_COMMAND_MEMORY :
				cmd & ~PCI_COMMAND_MEMORY);
}

FIXTURE(reset) {
	unsigned int count;
	struct test_device users[MAX_DEVICES];
	struct test_device *user;	/* if one device is enough */
};

INTERFACE_VARIANTS(reset);

FIXTURE_SETUP(reset)
{
	unsigned int i;

	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	self->count = host_count();
	if (self->count > MAX_DEVICES)
		self->count = MAX_DEVICES;
	ASSERT_LT(0, self->count);

	self->user = &self->users[0];
	for (i = 0; i < self->count; i++) {
		struct test_device *user = &self->users[i];

		/* A test that was killed may have left it changed */
		if (rig_can_fail(i))
			ASSERT_EQ(0, rig_commit_fails(i, false));
		ASSERT_EQ(0, test_begin(user, i));
		if (sysfs_has_reset(user->host.bdf, "flr"))
			self->user = user;
	}
}

FIXTURE_TEARDOWN(reset)
{
	unsigned int i;

	for (i = 0; i < self->count; i++) {
		if (rig_can_fail(i))
			EXPECT_EQ(0, rig_commit_fails(i, false));
		EXPECT_FINE(test_close(&self->users[i]));
	}
}

#define OPEN(user)	ASSERT_EQ(0, test_vfio_open(user, variant->interface))

#define MAP(user) ({							\
	char *__map = test_map(user);				\
									\
	ASSERT_NE(MAP_FAILED, (void *)__map);				\
	__map;								\
})

#define EXPECT_HOST_INTACT(user)	EXPECT_FINE(test_differs(user))

/* Where the decoder is locked and whether the memory can be used */
static void expect_decoder(struct __test_metadata *_metadata,
			   const struct test_device *user, uint64_t base,
			   bool usable)
{
	const uint32_t locked = VFIO_CXL_HDM_DECODER_COMMITTED |
				VFIO_CXL_HDM_DECODER_LOCKED;
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	const uint32_t hdm = user->host.hdm;

	EXPECT_EQ(0, vfio_hdm_get(user->vfio.device, &decoder));
	EXPECT_EQ(base, decoder.base);
	EXPECT_EQ(user->host.size, decoder.size);
	EXPECT_EQ(base ? locked : 0, decoder.flags & locked);
	EXPECT_EQ(usable, !!(decoder.flags & VFIO_CXL_HDM_DECODER_USABLE));

	EXPECT_EQ(base, (uint64_t)guest_read32(&user->vfio,
					       hdm + HDM_BASE_HIGH) << 32 |
			guest_read32(&user->vfio, hdm + HDM_BASE_LOW));
	EXPECT_EQ(base ? HDM_LOCK | HDM_COMMIT | HDM_COMMITTED : 0,
		  guest_read32(&user->vfio, hdm + HDM_CTRL) & 0xf00);
}

/* Change what a user can change of the virtual registers */
static void scribble(const struct test_device *user)
{
	const struct vfio_cxl_fd *vfio = &user->vfio;
	const uint32_t hdm = user->host.hdm, ras = user->host.ras;

	guest_write32(vfio, hdm + HDM_BASE_LOW, 0x70000000);
	guest_write32(vfio, hdm + HDM_BASE_HIGH, 0x77);
	guest_write32(vfio, hdm + HDM_CTRL, HDM_COMMIT);
	if (ras)
		guest_write32(vfio, ras + RAS_UNCOR_MASK,
			      ~guest_read32(vfio, ras + RAS_UNCOR_MASK));
	guest_config_write(vfio, user->host.dvsec + DVSEC_CTRL2, 2, 1);
}

/* One reset by one path, of a device that is locked and mapped */
static void check_reset(struct __test_metadata *_metadata,
			struct test_device *user, enum vfio_interface interface,
			const struct reset_path *path, const char *method)
{
	struct image *image = malloc(3 * sizeof(*image));
	uint64_t salt = 1;
	long faults;
	char *map;

	ASSERT_NE(NULL, image);
	ASSERT_EQ(0, test_vfio_open(user, interface));
	ASSERT_EQ(0, test_lock(user));
	map = MAP(user);
	write_marks(user, map, salt);
	ASSERT_EQ(0, get_image(user, &image[0]));
	scribble(user);
	ASSERT_EQ(0, get_image(user, &image[1]));
	EXPECT_NE(0, memcmp(&image[0], &image[1], sizeof(*image)));

	EXPECT_EQ(0, path->reset(user, method));

	EXPECT_HOST_INTACT(user);
	expect_decoder(_metadata, user, test_base(user), true);
	ASSERT_EQ(0, get_image(user, &image[2]));
	EXPECT_EQ(0, memcmp(&image[0], &image[2], sizeof(*image)));

	/* The mapping was removed and faults in again */
	faults = minor_faults();
	EXPECT_EQ(word(MARK, salt), get(map + MARK));
	EXPECT_LT(faults, minor_faults());
	EXPECT_EQ(0, wrong_marks(user, map, salt));
	write_marks(user, map, ++salt);
	EXPECT_EQ(0, wrong_marks(user, map, salt));
	munmap(map, user->vfio.mem.size);

	vfio_close(&user->vfio);
	EXPECT_HOST_INTACT(user);
	free(image);
}

static void check_path(struct __test_metadata *_metadata,
		       struct test_device *users, unsigned int count,
		       enum vfio_interface interface,
		       const struct reset_path *path)
{
	unsigned int i, n, done = 0;
	const char *method;

	for (i = 0; i < count; i++) {
		struct test_device *user = &users[i];

		for (n = 0; reset_method(path, user, n, &method); n++, done++) {
			TH_LOG("%s: %s %s", user->host.bdf, path->name,
			       method ?: "");
			check_reset(_metadata, user, interface, path, method);
		}
	}
	if (!done)
		SKIP(return, "no device supports it: %s", path->name);
}

#define CHECK_PATH(n)	check_path(_metadata, self->users, self->count,	\
				   variant->interface, &reset_paths[n])

TEST_F(reset, ioctl)
{
	CHECK_PATH(PATH_IOCTL);
}

TEST_F(reset, hot)
{
	CHECK_PATH(PATH_HOT);
}

TEST_F(reset, config_flr)
{
	CHECK_PATH(PATH_FLR);
}

TEST_F(reset, sysfs)
{
	CHECK_PATH(PATH_SYSFS);
}

/* What distinguishes the driver's restore from a reset's default */
static void set_by_firmware(const struct host_device *host, uint32_t uncor,
			    uint32_t cor, uint32_t ctrl)
{
	if (host->ras) {
		host_write32(host, host->ras + RAS_UNCOR_MASK, uncor);
		host_write32(host, host->ras + RAS_COR_MASK, cor);
	}
	host_config_write(host, host->dvsec + PCI_DVSEC_CXL_CTRL, 2, ctrl);
}

/* RAS masks and Cache_Enable, which no decoder needs, are restored as well */
TEST_F(reset, masks_and_cache_enable)
{
	struct test_device *user = self->user;
	const struct host_device *host = &user->host;
	const uint32_t ctrl_at = host->dvsec + PCI_DVSEC_CXL_CTRL;
	const uint32_t ctrl = host_config(host, ctrl_at, 2);
	uint32_t uncor = 0, cor = 0;
	unsigned int i, n;
	const char *method;

	if (host->ras) {
		uncor = host_read32(host, host->ras + RAS_UNCOR_MASK);
		cor = host_read32(host, host->ras + RAS_COR_MASK);
	}
	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	set_by_firmware(host, uncor ^ 1, cor ^ 1, ctrl | CACHE_ENABLE);
	EXPECT_EQ(ctrl | CACHE_ENABLE, host_config(host, ctrl_at, 2));
	host_snapshot(host, &user->before);
	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));
	OPEN(user);
	EXPECT_HOST_INTACT(user);
	for (i = 0; i < NR_PATHS; i++)
		for (n = 0; reset_method(&reset_paths[i], user, n, &method);
		     n++) {
			EXPECT_EQ(0, reset_paths[i].reset(user, method));
			EXPECT_HOST_INTACT(user);
		}

	/* A reset that clears nothing else */
	host_config_write(host, ctrl_at, 2, ctrl);
	EXPECT_EQ(0, reset_by_ioctl(user, NULL));
	EXPECT_HOST_INTACT(user);
	vfio_close(&user->vfio);
	EXPECT_HOST_INTACT(user);

	ASSERT_EQ(0, sysfs_unbind(host->bdf));
	set_by_firmware(host, uncor, cor, ctrl);
	host_snapshot(host, &user->before);
	ASSERT_EQ(0, sysfs_bind(host->bdf, DRIVER));
}

/* Not a reset by the user */
TEST_F(reset, sysfs_while_closed)
{
	struct test_device *user = self->user;

	OPEN(user);
	EXPECT_EQ(0, use_memory(user, 3));
	vfio_close(&user->vfio);

	EXPECT_EQ(0, sysfs_reset(user->host.bdf, NULL));
	EXPECT_HOST_INTACT(user);

	OPEN(user);
	expect_decoder(_metadata, user, 0, true);
	EXPECT_EQ(0, use_memory(user, 13));
}

/* Opened, locked, written to and closed: nothing of that persists */
TEST_F(reset, lock_ends_with_last_close)
{
	struct image *image = malloc(2 * sizeof(*image));
	struct test_device *user = self->user;
	int fd;

	ASSERT_NE(NULL, image);
	OPEN(user);
	EXPECT_HOST_INTACT(user);
	expect_decoder(_metadata, user, 0, true);
	ASSERT_EQ(0, get_image(user, &image[0]));
	scribble(user);
	ASSERT_EQ(0, test_lock(user));
	scribble(user);

	/* Not the last one */
	fd = dup(user->vfio.device);
	ASSERT_LE(0, fd);
	close(user->vfio.device);
	user->vfio.device = fd;
	expect_decoder(_metadata, user, test_base(user), true);

	vfio_close(&user->vfio);
	EXPECT_HOST_INTACT(user);

	OPEN(user);
	EXPECT_HOST_INTACT(user);
	expect_decoder(_metadata, user, 0, true);
	ASSERT_EQ(0, get_image(user, &image[1]));
	EXPECT_EQ(0, memcmp(&image[0], &image[1], sizeof(*image)));
	/* A base other than the previous user's */
	EXPECT_EQ(0, vfio_hdm_set(user->vfio.device,
				  test_base(user) + SZ_256M, GUEST_WINDOW));
	free(image);
}

/* A user that is killed at various moments, also during a reset */
TEST_F(reset, killed)
{
	const unsigned int delays_ms[] = { 0, 40, 130 };
	struct test_device *user = self->user;
	unsigned int i;
	int ready[2];
	char *map, c;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(delays_ms); i++) {
		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			if (test_vfio_open(user, variant->interface) ||
			    test_lock(user))
				_exit(1);
			map = test_map(user);
			if (map == MAP_FAILED || write(ready[1], "", 1) != 1)
				_exit(2);
			for (;;) {
				write_marks(user, map, 4);
				reset_by_ioctl(user, NULL);
			}
		}
		close(ready[1]);
		EXPECT_EQ(1, read(ready[0], &c, 1));
		close(ready[0]);
		usleep(delays_ms[i] * 1000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		EXPECT_HOST_INTACT(user);
	}

	OPEN(user);
	expect_decoder(_metadata, user, 0, true);
	EXPECT_EQ(0, use_memory(user, 14));
}

/* The host's decoder is lost while the device is unused: open restores it */
TEST_F(reset, lost_while_closed)
{
	struct test_device *user = self->user;
	const uint32_t ctrl = user->host.dvsec + 0x0c;

	OPEN(user);
	EXPECT_EQ(0, use_memory(user, 5));
	vfio_close(&user->vfio);

	host_hdm_write(&user->host, HDM_CTRL, 0);
	host_hdm_write(&user->host, HDM_BASE_LOW, 0);
	host_hdm_write(&user->host, HDM_BASE_HIGH, 0);
	host_hdm_write(&user->host, HDM_GLOBAL, 0);
	host_config_write(&user->host, ctrl, 2,
			  host_config(&user->host, ctrl, 2) & ~4);
	EXPECT_NE(NULL, test_differs(user));

	OPEN(user);
	EXPECT_HOST_INTACT(user);
	expect_decoder(_metadata, user, 0, true);
	EXPECT_EQ(0, use_memory(user, 15));
}

/* Memory decode is off during the reset: afterwards as the user left it */
TEST_F(reset, memory_decode_off)
{
	struct test_device *user = self->user;
	const char *method;
	unsigned int i;
	char *map;

	OPEN(user);
	ASSERT_EQ(0, test_lock(user));
	map = MAP(user);
	for (i = 0; i < ARRAY_SIZE(reset_paths); i++) {
		if (!reset_method(&reset_paths[i], user, 0, &method))
			continue;
		write_marks(user, map, i);
		set_decode(user, false);
		EXPECT_EQ(0, reset_paths[i].reset(user, method))
			TH_LOG("%s", reset_paths[i].name);
		EXPECT_EQ(0, guest_config(&user->vfio, PCI_COMMAND, 2) &
			     PCI_COMMAND_MEMORY);
		EXPECT_EQ(0, host_config(&user->host, PCI_COMMAND, 2) &
			     PCI_COMMAND_MEMORY);
		EXPECT_EQ(0, wrong_marks(user, map, i))
			TH_LOG("%s", reset_paths[i].name);
		set_decode(user, true);
		EXPECT_HOST_INTACT(user);
		expect_decoder(_metadata, user, test_base(user), true);
	}
	munmap(map, user->vfio.mem.size);
}

/* Each open waits until the previous user's data is cleared */
TEST_F_TIMEOUT(reset, open_close, time_limit(120))
{
	const unsigned int count = 10;
	struct test_device *user = self->user;
	const double start = seconds();
	unsigned int i;

	for (i = 0; i < count; i++) {
		OPEN(user);
		if (i % 2)
			ASSERT_EQ(0, test_lock(user));
		vfio_close(&user->vfio);
	}
	TH_LOG("%u times in %.1f s", count, seconds() - start);
	EXPECT_HOST_INTACT(user);
}

/* Threads that use the memory during resets */

#define AREA	(16 * SZ_2M)	/* of the memory, for each */

struct worker {
	pthread_t thread;
	const struct test_device *user;
	uint64_t (*work)(struct worker *worker);	/* what went wrong */
	uint64_t start;		/* of its area */
	unsigned int skew;	/* of its mapping, in pages */
	uint64_t rounds, wrong, buses, last;
	int *stop;
};

static char *map_area(const struct worker *worker, size_t len)
{
	return guest_map(&worker->user->vfio, worker->start, len, RW,
			 pmd_size(), worker->skew * page_size());
}

/* Words of the area, 61 pages of 4 KiB apart; a mapping that is kept */
static uint64_t work_read(struct worker *worker)
{
	static __thread char *map;
	uint64_t at, val, wrong = 0;

	if (!map)
		map = map_area(worker, AREA);
	if (map == MAP_FAILED)
		return 1;
	for (at = 0; at < AREA; at += 61 * SZ_4K) {
		if (!try_get(map + at, &val))
			worker->buses++;
		else if (val != word(worker->start + at, 6))
			wrong++;
	}

	return wrong;
}

/* The same through a new mapping each time, and a write */
static uint64_t work_remap(struct worker *worker)
{
	uint64_t at, val, wrong = 0;
	char *map, *own;

	map = map_area(worker, AREA);
	if (map == MAP_FAILED)
		return 1;
	for (at = 0; at < AREA; at += 509 * SZ_4K) {
		if (!try_get(map + at, &val))
			worker->buses++;
		else if (val != word(worker->start + at, 6))
			wrong++;
	}
	/* What is written is kept, in a word that no other thread writes */
	own = map + worker->skew * SZ_4K + 8;
	val = word(worker->rounds, 7);
	if (!try_put(own, val) || !try_get(own, &at))
		worker->buses++;
	else if (at != val)
		wrong++;
	munmap(map, AREA);

	return wrong;
}

static uint64_t work_pread(struct worker *worker)
{
	const struct vfio_cxl_fd *vfio = &worker->user->vfio;
	char buf[3 * SZ_4K];
	uint64_t at = worker->rounds * 61 * SZ_4K % (AREA - sizeof(buf));
	size_t i;

	at &= ~(SZ_4K - 1);
	if (mem_read(vfio, buf, sizeof(buf), worker->start + at) !=
	    sizeof(buf))
		return 1;
	for (i = 0; i < sizeof(buf); i += SZ_4K)
		if (get(buf + i) != word(worker->start + at + i, 6))
			return 1;

	return 0;
}

static uint64_t work_pwrite(struct worker *worker)
{
	const struct vfio_cxl_fd *vfio = &worker->user->vfio;
	const uint64_t at = worker->start + 8 +
			    worker->rounds % 997 * SZ_4K;
	uint64_t buf[512], back[512];

	memset(buf, worker->rounds, sizeof(buf));
	buf[511] = word(at + sizeof(buf) - 8, 6);
	if (mem_write(vfio, buf, sizeof(buf), at) != sizeof(buf) ||
	    mem_read(vfio, back, sizeof(back), at) != sizeof(back))
		return 1;

	return !!memcmp(buf, back, sizeof(buf) - 8);
}

/* The buffer is a mapping of the region, which the reset removes */
static uint64_t work_self(struct worker *worker)
{
	const struct vfio_cxl_fd *vfio = &worker->user->vfio;
	const size_t len = 16 * page_size();
	char *map = map_area(worker, 2 * len);
	uint64_t wrong;

	if (map == MAP_FAILED)
		return 1;
	wrong = mem_read(vfio, map + len, len, worker->start) !=
		(ssize_t)len;
	wrong += mem_write(vfio, map + len, len, worker->start) !=
		 (ssize_t)len;
	munmap(map, 2 * len);

	return wrong;
}

/* Locked at its base before, during and after a reset */
static uint64_t work_feature(struct worker *worker)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	const uint64_t base = test_base(worker->user);
	const int fd = worker->user->vfio.device;
	const uint32_t hdm = worker->user->host.hdm;

	return vfio_hdm_set(fd, base, GUEST_WINDOW) != 0 ||
	       vfio_hdm_get(fd, &decoder) != 0 || decoder.base != base ||
	       !(decoder.flags & VFIO_CXL_HDM_DECODER_LOCKED) ||
	       vfio_hdm_set(fd, base + SZ_256M, GUEST_WINDOW) != -EBUSY ||
	       guest_read32(&worker->user->vfio, hdm + HDM_BASE_HIGH) !=
	       base >> 32 ||
	       guest_write32(&worker->user->vfio, hdm + HDM_CTRL, 0) != 0;
}

static void *worker_run(void *arg)
{
	struct worker *worker = arg;

	while (!__atomic_load_n(worker->stop, __ATOMIC_RELAXED)) {
		worker->wrong += worker->work(worker);
		__atomic_add_fetch(&worker->rounds, 1, __ATOMIC_RELAXED);
	}

	return NULL;
}

/* While all @workers run, reset by each of the first paths in turn */
static void run_workers(struct __test_metadata *_metadata,
			const struct test_device *user, struct worker *workers,
			unsigned int count, unsigned int path_count,
			unsigned int resets)
{
	unsigned int i, failed = 0;
	const char *method;
	int stop = 0, ret;
	double start;

	for (i = 0; i < count; i++) {
		workers[i].user = user;
		workers[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL,
					    worker_run, &workers[i]));
	}
	start = seconds();
	for (i = 0; i < resets; i++) {
		const struct reset_path *path = &reset_paths[i % path_count];

		if (!reset_method(path, user, 0, &method))
			continue;
		ret = path->reset(user, method);
		if (ret && !failed++)
			TH_LOG("%s: %d", path->name, ret);
		/* At a different point of their work each time */
		usleep(i % 8 * 1000);
	}
	TH_LOG("%u resets in %.1f s", resets, seconds() - start);
	EXPECT_EQ(0, failed);

	/* Each continues after the last reset */
	for (i = 0; i < count; i++)
		workers[i].last = __atomic_load_n(&workers[i].rounds,
						  __ATOMIC_RELAXED);
	start = seconds();
	for (i = 0; i < count && seconds() < start + 20;) {
		if (__atomic_load_n(&workers[i].rounds, __ATOMIC_RELAXED) >
		    workers[i].last)
			i++;
		else
			usleep(1000);
	}
	EXPECT_EQ(count, i);

	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
		TH_LOG("thread %u: %lu rounds, %lu wrong, %lu SIGBUS", i,
		       workers[i].rounds, workers[i].wrong, workers[i].buses);
		EXPECT_EQ(0, workers[i].wrong);
		/* Accesses wait for the end of a reset that succeeds */
		EXPECT_EQ(0, workers[i].buses);
	}
}

static void fill_area(char *map, uint64_t start)
{
	uint64_t at;

	for (at = 0; at < AREA; at += SZ_4K)
		put(map + start + at, word(start + at, 6));
}

/* Every kind of access, every kind of reset */
TEST_F(reset, access_during_resets)
{
	struct worker workers[] = {
		{ .work = work_read },
		{ .work = work_read, .skew = 1 },
		{ .work = work_pread },
		{ .work = work_pwrite, .start = AREA },
		{ .work = work_self, .start = 2 * AREA },
		{ .work = work_feature },
	};
	struct test_device *user = self->user;
	char *map;

	OPEN(user);
	ASSERT_EQ(0, test_lock(user));
	map = MAP(user);
	fill_area(map, 0);
	run_workers(_metadata, user, workers, ARRAY_SIZE(workers),
		    ARRAY_SIZE(reset_paths), 12);
	munmap(map, user->vfio.mem.size);
	EXPECT_HOST_INTACT(user);
	expect_decoder(_metadata, user, test_base(user), true);
}

/* Four threads that fault all the time, and 200 resets */
TEST_F_TIMEOUT(reset, faults_during_200_resets, time_limit(300))
{
	struct worker workers[] = {
		{ .work = work_remap, .start = 0 },
		{ .work = work_remap, .start = 0, .skew = 1 },
		{ .work = work_remap, .start = AREA },
		{ .work = work_remap, .start = AREA, .skew = 3 },
		{ .work = work_pread },
		{ .work = work_pwrite, .start = 2 * AREA },
	};
	struct test_device *user = self->user;
	unsigned int i;
	char *map;

	OPEN(user);
	map = MAP(user);
	for (i = 0; i < 2; i++)
		fill_area(map, i * AREA);
	run_workers(_metadata, user, workers, ARRAY_SIZE(workers), 1,
		    variant->interface == VFIO_CDEV_INTERFACE ? 200 : 20);
	munmap(map, user->vfio.mem.size);
	EXPECT_HOST_INTACT(user);
}

/* What is logged when the decoder is lost */
static const char lost[] = "could not be restored";

/* Lines of the log with @text, and @never in none of them */
static unsigned int count_lines(int kmsg, const char *text, const char *never,
				bool *found)
{
	unsigned int count = 0;
	char line[2048];
	ssize_t len;

	while ((len = read(kmsg, line, sizeof(line) - 1)) > 0 ||
	       (len < 0 && errno == EPIPE)) {
		if (len < 0)
			continue;
		line[len] = '\0';
		count += !!strstr(line, text);
		*found |= !!strstr(line, never);
	}

	return count;
}

/* Memory_Info_Valid and Memory_Active as a guest reads them */
static uint32_t memory_state(const struct test_device *user)
{
	return guest_config(&user->vfio, user->host.dvsec +
			    PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), 4) &
	       (PCI_DVSEC_CXL_MEM_INFO_VALID | PCI_DVSEC_CXL_MEM_ACTIVE);
}

static void expect_dead(struct __test_metadata *_metadata,
			const struct test_device *user, char *map,
			uint64_t base)
{
	uint64_t val = 0;

	expect_decoder(_metadata, user, base, false);
	EXPECT_EQ(0, memory_state(user));
	EXPECT_FALSE(try_get(map, &val));
	EXPECT_FALSE(try_put(map + SZ_2M, 0));
	EXPECT_EQ(-EIO, mem_read(&user->vfio, &val, 8, 0));
	EXPECT_EQ(-EIO, mem_write(&user->vfio, &val, 8, 0));
	EXPECT_EQ(-EIO, test_lock(user));
	EXPECT_EQ(-EIO, vfio_hdm_set(user->vfio.device,
				     test_base(user) + SZ_256M, GUEST_WINDOW));
}

/*
 * The decoder cannot be restored: the memory is inaccessible; the rest of the
 * device works
 */
TEST_F(reset, failed_restore)
{
	struct test_device *user = self->user;
	const uint64_t base = test_base(user);
	const uint32_t dvsec = user->host.dvsec;
	struct vfio_region_info *info;
	struct image *image;
	bool leaked = false;
	char hpa[32], *map;
	int kmsg;

	if (!rig_can_fail(user->host.index))
		SKIP(return, "needs the rig's device");
	snprintf(hpa, sizeof(hpa), "%lx", user->host.base);
	image = malloc(2 * sizeof(*image));
	ASSERT_NE(NULL, image);
	kmsg = kmsg_open();
	ASSERT_LE(0, kmsg);

	OPEN(user);
	ASSERT_EQ(0, test_lock(user));
	map = MAP(user);
	write_marks(user, map, 8);
	ASSERT_EQ(0, get_image(user, &image[0]));
	count_lines(kmsg, lost, hpa, &leaked);

	ASSERT_EQ(0, rig_commit_fails(user->host.index, true));
	EXPECT_EQ(0, reset_by_ioctl(user, NULL));
	EXPECT_EQ(1, count_lines(kmsg, lost, hpa, &leaked));
	expect_dead(_metadata, user, map, base);
	/* The rest of the device */
	ASSERT_EQ(0, get_image(user, &image[1]));
	EXPECT_EQ(0, memcmp(image[0].regs, image[1].regs, COMPONENT_SIZE));
	EXPECT_EQ(VFIO_CXL_VENDOR_ID, guest_config(&user->vfio, dvsec + 4, 2));
	EXPECT_EQ(0, vfio_feature(user->vfio.device,
				  VFIO_DEVICE_FEATURE_PROBE |
				  VFIO_DEVICE_FEATURE_GET |
				  VFIO_DEVICE_FEATURE_CXL_HDM_DECODER,
				  NULL, 0));
	info = vfio_region(user->vfio.device, user->vfio.mem.index);
	EXPECT_NE(NULL, info);
	free(info);

	ASSERT_EQ(0, rig_commit_fails(user->host.index, false));
	/* It is restored by the next reset, not before */
	expect_dead(_metadata, user, map, base);
	EXPECT_EQ(0, reset_by_ioctl(user, NULL));
	EXPECT_HOST_INTACT(user);
	EXPECT_EQ(0, count_lines(kmsg, lost, hpa, &leaked));
	expect_decoder(_metadata, user, base, true);
	EXPECT_EQ(PCI_DVSEC_CXL_MEM_INFO_VALID | PCI_DVSEC_CXL_MEM_ACTIVE,
		  memory_state(user));
	EXPECT_EQ(0, wrong_marks(user, map, 8));
	munmap(map, user->vfio.mem.size);

	/* The close also resets; this user's data cannot be cleared then */
	ASSERT_EQ(0, rig_commit_fails(user->host.index, true));
	vfio_close(&user->vfio);
	EXPECT_LE(1, count_lines(kmsg, lost, hpa, &leaked));
	EXPECT_EQ(-EIO, test_vfio_open(user, variant->interface));
	EXPECT_LE(1, count_lines(kmsg, lost, hpa, &leaked));

	ASSERT_EQ(0, rig_commit_fails(user->host.index, false));
	OPEN(user);
	EXPECT_HOST_INTACT(user);
	/* Clearing may have tried once more since the last count */
	EXPECT_GE(1, count_lines(kmsg, lost, hpa, &leaked));
	expect_decoder(_metadata, user, 0, true);
	map = MAP(user);
	EXPECT_EQ(0, test_lock(user));
	expect_decoder(_metadata, user, base, true);
	EXPECT_FALSE(leaked);
	munmap(map, user->vfio.mem.size);
	close(kmsg);
	free(image);
}

/* A user resets at any pace, and must not fill the host's log: ratelimit.h */
TEST_F(reset, failed_restore_again_and_again)
{
	struct test_device *user = self->user;
	unsigned int i, lines, limit;
	bool found = false;
	double start;
	int kmsg;

	if (!rig_can_fail(user->host.index))
		SKIP(return, "needs the rig's device");
	OPEN(user);
	kmsg = kmsg_open();
	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, rig_commit_fails(user->host.index, true));
	start = seconds();
	for (i = 0; i < 60; i++)
		EXPECT_EQ(0, reset_by_ioctl(user, NULL));
	/* Ten in five seconds, of which the first may have begun before */
	limit = 10 * (2 + (int)((seconds() - start) / 5));
	ASSERT_EQ(0, rig_commit_fails(user->host.index, false));
	EXPECT_EQ(0, reset_by_ioctl(user, NULL));
	EXPECT_HOST_INTACT(user);

	lines = count_lines(kmsg, lost, lost, &found);
	TH_LOG("60 resets, %u lines", lines);
	EXPECT_LE(1, lines);
	EXPECT_GE(limit, lines);
	close(kmsg);
	/* Until the rate limit permits the next line */
	sleep(5);
}

struct host_reset {
	const struct test_device *user;
	int ret;
	double took;
	uint32_t done;
};

static void *host_reset(void *arg)
{
	struct host_reset *this = arg;
	const double start = seconds();

	this->ret = sysfs_reset(this->user->host.bdf, NULL);
	this->took = seconds() - start;
	__atomic_store_n(&this->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * Reads of a register of the Device DVSEC while the host resets the device, for
 * as long as that takes: true if one of them waited for most of it
 */
static bool read_waits(struct __test_metadata *_metadata,
		       const struct test_device *user, uint32_t reg)
{
	struct host_reset reset = { .user = user };
	double at = seconds(), next, longest = 0;
	pthread_t thread;

	if (pthread_create(&thread, NULL, host_reset, &reset))
		return false;
	while (!__atomic_load_n(&reset.done, __ATOMIC_ACQUIRE)) {
		guest_config(&user->vfio, user->host.dvsec + reg, 4);
		next = seconds();
		if (next - at > longest)
			longest = next - at;
		at = next;
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, reset.ret);

	return longest > reset.took / 2;
}

/*
 * A device in reset must not get config cycles.  Only the state of its memory
 * is read from the hardware, so only reads of that have to wait.  A reader that
 * is preempted at the wrong time seems to wait, or begins too late to wait for
 * long: most rounds have neither.
 */
TEST_F(reset, dvsec_reads_in_a_reset)
{
	unsigned int i, state = 0, other = 0;
	struct test_device *user = self->user;

	OPEN(user);
	for (i = 0; i < 9; i++) {
		state += read_waits(_metadata, user,
				    PCI_DVSEC_CXL_RANGE_SIZE_LOW(0));
		other += read_waits(_metadata, user,
				    PCI_DVSEC_CXL_RANGE_SIZE_HIGH(0));
	}
	EXPECT_LT(4, state);
	EXPECT_GT(5, other);
}

/*
 * A device that reported an error: its memory is not accessed until a reset.
 * After a fatal error, the host has already reset the device.
 */
TEST_F(reset, aer)
{
	static const char *const errors[] = {
		"COMP_ABORT", "POISON_TLP", "MALF_TLP",
	};
	struct test_device *user = self->user;
	struct pollfd event = { .events = POLLIN };
	unsigned int i;
	uint64_t val;
	char *map;
	int ret;

	if (!getenv("RIG_QOM"))
		SKIP(return, "needs the rig's device");
	OPEN(user);
	ASSERT_EQ(0, test_lock(user));
	event.fd = vfio_irq_eventfd(user->vfio.device, VFIO_PCI_ERR_IRQ_INDEX);
	ASSERT_LE(0, event.fd);
	map = MAP(user);
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		TH_LOG("%s", errors[i]);
		write_marks(user, map, 9 + i);
		ASSERT_EQ(0, rig_inject(user->host.index, errors[i]));
		EXPECT_EQ(1, poll(&event, 1, 10000));
		EXPECT_EQ(8, read(event.fd, &val, 8));
		expect_decoder(_metadata, user, test_base(user), false);
		EXPECT_FALSE(try_get(map, &val));
		EXPECT_EQ(-EIO, mem_read(&user->vfio, &val, 8, 0));
		EXPECT_EQ(-EIO, mem_write(&user->vfio, &val, 8, 0));

		/* Not while the host's recovery is still in progress */
		while ((ret = reset_by_ioctl(user, NULL)) == -EAGAIN)
			usleep(1000);
		EXPECT_EQ(0, ret);
		expect_decoder(_metadata, user, test_base(user), true);
		ASSERT_EQ(0, wrong_marks(user, map, 9 + i));
		EXPECT_HOST_INTACT(user);
	}
	munmap(map, user->vfio.mem.size);
	close(event.fd);
}

/*
 * CXL.mem errors are reported to the host as internal errors, which are masked
 * by default.
 */
TEST_F(reset, cxl_errors)
{
	struct test_device *user = self->user;
	const struct host_device *host = &user->host;
	struct pollfd event = { .events = POLLIN };
	uint32_t aer = 0, header, uncor, severity, cor, ras_cor;
	uint64_t val;
	char *map;
	int ret;

	if (!getenv("RIG_QOM") || !host->ras)
		SKIP(return, "needs the rig's device");
	while ((aer = next_ext_cap(user->before.config, aer, &header)))
		if ((header & 0xffff) == PCI_EXT_CAP_ID_ERR)
			break;
	ASSERT_NE(0, aer);
	uncor = host_config(host, aer + PCI_ERR_UNCOR_MASK, 4);
	severity = host_config(host, aer + PCI_ERR_UNCOR_SEVER, 4);
	cor = host_config(host, aer + PCI_ERR_COR_MASK, 4);
	ras_cor = host_read32(host, host->ras + RAS_COR_MASK);

	OPEN(user);
	ASSERT_EQ(0, test_lock(user));
	event.fd = vfio_irq_eventfd(user->vfio.device, VFIO_PCI_ERR_IRQ_INDEX);
	ASSERT_LE(0, event.fd);
	map = MAP(user);
	write_marks(user, map, 31);

	/* Corrected: only logged by the host */
	host_config_write(host, aer + PCI_ERR_COR_MASK, 4,
			  cor & ~PCI_ERR_COR_INTERNAL);
	host_write32(host, host->ras + RAS_COR_MASK, 0);
	ASSERT_EQ(0, rig_command(host->index, "cxl-inject-correctable-error",
				 "\"type\":\"physical\""));
	EXPECT_EQ(0, poll(&event, 1, 500));
	EXPECT_NE(0, host_read32(host, host->ras + RAS_COR_STATUS));
	expect_decoder(_metadata, user, test_base(user), true);
	EXPECT_EQ(0, wrong_marks(user, map, 31));
	host_write32(host, host->ras + RAS_COR_STATUS, ~0U);
	host_write32(host, host->ras + RAS_COR_MASK, ras_cor);
	host_config_write(host, aer + PCI_ERR_COR_MASK, 4, cor);

	/* Uncorrected: like any other error of the device */
	host_config_write(host, aer + PCI_ERR_UNCOR_SEVER, 4,
			  severity & ~PCI_ERR_UNC_INTN);
	host_config_write(host, aer + PCI_ERR_UNCOR_MASK, 4,
			  uncor & ~PCI_ERR_UNC_INTN);
	host_write32(host, host->ras + RAS_UNCOR_MASK, 0);
	ASSERT_EQ(0, rig_command(host->index, "cxl-inject-uncorrectable-errors",
				 "\"errors\":[{\"type\":\"mem-data-parity\","
				 "\"header\":[1]}]"));
	EXPECT_EQ(1, poll(&event, 1, 10000));
	EXPECT_EQ(8, read(event.fd, &val, 8));
	expect_decoder(_metadata, user, test_base(user), false);
	EXPECT_FALSE(try_get(map, &val));
	EXPECT_EQ(-EIO, mem_read(&user->vfio, &val, 8, 0));
	host_write32(host, host->ras + RAS_UNCOR_STATUS, ~0U);
	while ((ret = reset_by_ioctl(user, NULL)) == -EAGAIN)
		usleep(1000);
	EXPECT_EQ(0, ret);
	host_config_write(host, aer + PCI_ERR_UNCOR_MASK, 4, uncor);
	host_config_write(host, aer + PCI_ERR_UNCOR_SEVER, 4, severity);
	expect_decoder(_metadata, user, test_base(user), true);
	EXPECT_EQ(0, wrong_marks(user, map, 31));
	munmap(map, user->vfio.mem.size);
	close(event.fd);
}

/* A fatal error, hence a reset, while the device has no user */
TEST_F(reset, aer_while_closed)
{
	struct test_device *user = self->user;
	unsigned int i;

	if (!getenv("RIG_QOM"))
		SKIP(return, "needs the rig's device");
	OPEN(user);
	EXPECT_EQ(0, use_memory(user, 12));
	vfio_close(&user->vfio);

	ASSERT_EQ(0, rig_inject(user->host.index, "MALF_TLP"));
	for (i = 0; i < 100 &&
	     !kmsg_contains(user->kmsg, "device recovery"); i++)
		usleep(100000);

	OPEN(user);
	EXPECT_HOST_INTACT(user);
	expect_decoder(_metadata, user, 0, true);
	EXPECT_EQ(0, use_memory(user, 16));
}

TEST_HARNESS_MAIN
