// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of a user: regions, mappings, memory
 *
 * Mappings are made in a part of the address space that the thread reserves for
 * them, and each buffer for a system call is followed by an inaccessible part.
 * So no length can make the kernel overwrite this program.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/array.h"
#include "lib/fault.h"

#include "memory.h"

/* Inaccessible space behind each area, to catch overflows */
#define GUARD_SIZE	0x100000UL

static int result(long ret)
{
	return ret < 0 ? -errno : 0;
}

/* Inaccessible address space, followed by a guard */
static void *reserve(size_t size)
{
	char *space = mmap(NULL, size + GUARD_SIZE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return space == MAP_FAILED ? NULL : space;
}

static char *allocate(size_t size, int prot)
{
	char *space = reserve(size);

	if (space && mprotect(space, size, prot))
		return NULL;
	return space;
}

int thread_init(struct thread *t)
{
	unsigned int i;

	for (i = 0; i < NR_SLOTS; i++) {
		t->slots[i].space = reserve(SLOT_SIZE);
		if (!t->slots[i].space)
			return -ENOMEM;
	}
	for (i = 0; i < MAX_DEVICES; i++) {
		t->kept[i].at = reserve(page_size());
		if (!t->kept[i].at)
			return -ENOMEM;
	}
	t->buf = allocate(BUF_SIZE, RW);
	t->arg = allocate(ARG_SIZE, RW);
	t->constant = allocate(BUF_SIZE, PROT_READ);
	if (!t->buf || !t->arg || !t->constant)
		return -ENOMEM;
	for (i = 0; i < BUF_SIZE; i++)
		t->buf[i] = random_next(&t->random);

	return 0;
}

/* Mappings */

/* Reserve the addresses, so that no other mapping gets them */
static int clear(void *at, size_t len)
{
	return result((long)mmap(at, len, PROT_NONE, MAP_PRIVATE |
				 MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
				 -1, 0));
}

static void drop(struct slot *slot)
{
	if (slot->at)
		clear(slot->at, slot->len);
	slot->at = NULL;
}

void drop_old_maps(struct thread *t, const struct target *target,
		   uint64_t serial)
{
	struct kept *kept = &t->kept[target->host.index];
	unsigned int i;

	if (kept->serial && kept->serial != serial) {
		clear(kept->at, page_size());
		kept->serial = 0;
	}
	for (i = 0; i < NR_SLOTS; i++)
		if (t->slots[i].target == target &&
		    t->slots[i].serial != serial)
			drop(&t->slots[i]);
}

static struct slot *any_slot(struct thread *t)
{
	struct slot *slot = &t->slots[below(&t->random, NR_SLOTS)];

	return slot->at ? slot : NULL;
}

char *any_mapped(struct thread *t, size_t *left)
{
	struct slot *slot = any_slot(t);
	size_t at;

	if (!slot)
		return NULL;
	at = below(&t->random, slot->len);
	if (one_in(&t->random, 2))
		at &= ~(page_size() - 1);
	*left = slot->len - at;
	if (slot->memory && slot->offset + at < KEPT_END) {
		if (slot->offset + at >= KEPT_START)
			return NULL;
		if (*left > KEPT_START - slot->offset - at)
			*left = KEPT_START - slot->offset - at;
	}

	return slot->at + at;
}

/* Somewhere in a region: mostly aligned, or odd, at its end, or beyond */
static uint64_t any_offset(struct random *r, uint64_t size)
{
	const uint64_t at = size ? below(r, size) : 0;

	switch (below(r, 16)) {
	case 0:
		return size - below(r, 64);
	case 1:
		return size + below(r, SZ_2M);
	case 2:
		return any_number(r) & ((1ULL << 40) - 1);
	case 3:
	case 4:
		return at;
	case 5:
		return at & ~(SZ_2M - 1);
	default:
		return at & ~7ULL;
	}
}

static uint64_t any_length(struct random *r)
{
	switch (below(r, 8)) {
	case 0:
		return below(r, 64);
	case 1:
		return below(r, BUF_SIZE + 1);
	case 2:
		return any_number(r);
	case 3:
		return below(r, 4) * page_size();
	default:
		return 1ULL << below(r, 4);
	}
}

static int map_region(struct thread *t, struct session *s)
{
	static const int prots[] = { RW, RW, RW, PROT_READ, PROT_WRITE,
				     PROT_NONE, PROT_READ | PROT_EXEC };
	struct random *r = &t->random;
	struct slot *slot = &t->slots[below(r, NR_SLOTS)];
	const struct vfio_region_info *region = &s->vfio.mem;
	const int prot = prots[below(r, ARRAY_SIZE(prots))];
	const int flags = one_in(r, 16) ? MAP_PRIVATE : MAP_SHARED;
	const size_t page = page_size(), huge = pmd_size();
	uint64_t offset = 0, len;
	char *at;

	if (one_in(r, 4))
		region = &s->regions[below(r, NR_REGIONS)];
	len = region->size;
	if (one_in(r, 2)) {
		offset = any_offset(r, region->size) & ~(page - 1);
		len = below(r, 2) ? below(r, SZ_2M * 2) : region->size - offset;
	}
	if (!len || len > SLOT_SIZE / 2)
		len = page;
	len = (len + page - 1) & ~(page - 1);

	/* Huge pages, or the same with an offset that prevents them */
	drop(slot);
	at = (char *)(((uintptr_t)slot->space + SZ_1G) & ~(SZ_1G - 1));
	at += one_in(r, 2) ? offset % huge : below(r, huge / page) * page;
	if (mmap(at, len, prot, flags | MAP_FIXED, s->vfio.device,
		 region->offset + offset) == MAP_FAILED) {
		const int err = errno;

		/* An earlier mapping may be gone */
		clear(at, len);
		return -err;
	}
	slot->at = at;
	slot->len = len;
	slot->memory = region->offset == s->vfio.mem.offset;
	slot->offset = offset;
	slot->target = t->target;
	slot->serial = s->serial;

	return 0;
}

static int unmap(struct thread *t, struct session *s)
{
	struct slot *slot = any_slot(t);
	const size_t page = page_size();
	size_t left, len;
	char *at;

	(void)s;
	if (!slot)
		return -ENOENT;
	if (one_in(&t->random, 2)) {
		drop(slot);
		return 0;
	}
	at = any_mapped(t, &left);
	if (!at)
		return -ENOENT;
	at -= (uintptr_t)at % page;
	len = (left + below(&t->random, SZ_2M)) & ~(page - 1);

	if (!len || len > left)
		len = page;

	return munmap(at, len) ? -errno : clear(at, len);
}

static int protect(struct thread *t, struct session *s)
{
	static const int prots[] = { RW, PROT_READ, PROT_NONE };
	size_t left;
	char *at = any_mapped(t, &left);

	(void)s;
	if (!at)
		return -ENOENT;
	at -= (uintptr_t)at % page_size();

	return result(mprotect(at, 1 + below(&t->random, left),
			       prots[below(&t->random, ARRAY_SIZE(prots))]));
}

static int advise(struct thread *t, struct session *s)
{
	/* Except those that would discard memory that this program needs */
	static const int advice[] = {
		MADV_NORMAL, MADV_WILLNEED, MADV_DONTNEED, MADV_DONTFORK,
		MADV_DOFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLD,
		MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
	};
	size_t left;
	char *at = any_mapped(t, &left);

	(void)s;
	if (!at)
		return -ENOENT;
	at -= (uintptr_t)at % page_size();

	return result(madvise(at, 1 + below(&t->random, left),
			      advice[below(&t->random, ARRAY_SIZE(advice))]));
}

/* Only in place: it cannot grow, and shrinking leaves the rest unmapped */
static int remap(struct thread *t, struct session *s)
{
	struct slot *slot = any_slot(t);
	const size_t page = page_size();
	size_t len;
	int ret;

	(void)s;
	if (!slot)
		return -ENOENT;
	len = (1 + below(&t->random, 2 * slot->len / page)) * page;
	ret = result((long)mremap(slot->at, slot->len, len, 0));
	if (!ret && len < slot->len) {
		clear(slot->at + len, slot->len - len);
		slot->len = len;
	}

	return ret;
}

/* Accesses to mappings */

static void access_memory(struct random *r, char *at, size_t left)
{
	volatile uint8_t *byte = (uint8_t *)at;
	volatile uint32_t *word = (uint32_t *)at;
	volatile uint64_t *quad = (uint64_t *)at;
	size_t len;

	switch (left < 8 ? 0 : below(r, 6)) {
	case 0:
		*byte = *byte + 1;
		break;
	case 1:
		(void)*word;
		break;
	case 2:
		*word = random_next(r);
		break;
	case 3:
		(void)*quad;
		break;
	case 4:
		*quad = random_next(r);
		break;
	default:
		len = 1 + below(r, left < SZ_4K ? left : SZ_4K);
		memset(at, random_next(r), len);
	}
}

struct touches {
	struct thread *thread;
	unsigned int limit;
	unsigned int done;
};

static void touch_mapped(void *arg)
{
	struct touches *touches = arg;
	struct thread *t = touches->thread;
	size_t left;
	char *at;

	for (; touches->done <= touches->limit; touches->done++) {
		at = any_mapped(t, &left);
		if (!at)
			break;
		access_memory(&t->random, at, left);
	}
}

static int touch(struct thread *t, struct session *s)
{
	struct touches touches = {
		.thread = t,
		.limit = below(&t->random, 32),
	};
	int ret;

	if (!any_slot(t)) {
		ret = map_region(t, s);
		if (ret)
			return ret;
	}
	if (survive(touch_mapped, &touches))
		return -EFAULT;

	return touches.done ? 0 : -ENOENT;
}

/* One access of the processor: done completely, or not at all */
static int try_word(uint64_t *at, uint64_t *val, bool write)
{
	return (write ? try_put(at, *val) : try_get(at, val)) ? 0 : -EFAULT;
}

static int map_kept(struct thread *t, struct session *s, struct kept *kept)
{
	const size_t page = page_size();

	if (mmap(kept->at, page, RW, MAP_SHARED | MAP_FIXED, s->vfio.device,
		 s->vfio.mem.offset + KEPT_START + t->number * page) ==
	    MAP_FAILED) {
		const int err = errno;

		clear(kept->at, page);
		return -err;
	}
	/* The memory is clean at each open */
	kept->serial = s->serial;
	kept->value = 0;

	return 0;
}

/* Read again in each way, to distinguish lost data from one wrong read */
static void report_wrong(struct thread *t, struct session *s,
			 const struct kept *kept, uint64_t val)
{
	const uint64_t at = KEPT_START + t->number * page_size();
	uint64_t map = ~0ULL, region = ~0ULL, file = ~0ULL;

	pread(s->vfio.device, &region, 8, s->vfio.mem.offset + at);
	try_get(kept->at, &map);
	host_file_word(&t->target->host, at, &file);
	fprintf(stderr,
		"# %s: thread %u finds %#lx, not %#lx, session %lu; then read() finds %#lx, the mapping has %#lx, the device %#lx\n",
		t->target->host.bdf, t->number, val, kept->value, s->serial,
		region, map, file);
}

/* Check it, in either way, and write another value */
static int keep_once(struct thread *t, struct session *s, struct kept *kept,
		     bool mapped)
{
	const uint64_t at = s->vfio.mem.offset + KEPT_START +
			    t->number * page_size();
	uint64_t val;
	int ret;

	ret = mapped ? try_word(kept->at, &val, false) :
		       result(pread(s->vfio.device, &val, 8, at));
	if (ret)
		return ret;
	if (val != kept->value) {
		report_wrong(t, s, kept, val);
		atomic_fetch_add(&shared->violations, 1);
	}
	kept->value = val;

	val = random_next(&t->random);
	ret = mapped ? try_word(kept->at, &val, true) :
		       result(pwrite(s->vfio.device, &val, 8, at));
	if (!ret)
		kept->value = val;

	return ret;
}

/* Long enough to be running when the device is reset */
static int keep(struct thread *t, struct session *s)
{
	struct kept *kept = &t->kept[t->target->host.index];
	const bool mapped = !one_in(&t->random, 4);
	unsigned int times = below(&t->random, mapped ? 0x10000 : 0x100);
	int ret = 0;

	if (!kept->serial)
		ret = map_kept(t, s, kept);
	while (!ret && times-- && !atomic_load(&shared->violations))
		ret = keep_once(t, s, kept, mapped);

	return ret;
}

/* A process with the same mappings, and with page tables for them */
static int touch_in_child(struct thread *t, struct session *s)
{
	const pid_t parent = getpid();
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(getppid() == parent ? -touch(t, s) : EINTR);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;

	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* System calls and their arguments */

void *bad_pointer(struct thread *t)
{
	switch (below(&t->random, 5)) {
	case 0:
		return NULL;
	case 1:
		return t->buf + BUF_SIZE;
	case 2:
		return (void *)(KERNEL_MEMORY + below(&t->random, SZ_1G));
	case 3:
		return (void *)(~0ULL - below(&t->random, SZ_4K));
	default:
		return t->constant;
	}
}

static void *any_buffer(struct thread *t, size_t len)
{
	size_t left;
	char *at;

	switch (below(&t->random, 16)) {
	case 0:
		return bad_pointer(t);
	case 1:
		/* Valid for only a part of it */
		return t->buf + BUF_SIZE - below(&t->random,
						 (len ?: 1) % BUF_SIZE + 1);
	case 2:
	case 3:
	case 4:
		/* Maybe of the same region, or of the other device */
		at = any_mapped(t, &left);
		return at && len <= left ? at : t->buf;
	default:
		return t->buf;
	}
}

int good_ioctl(int fd, unsigned long cmd, void *arg)
{
	const int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

struct copy {
	void *to;
	const void *from;
	size_t len;
};

static void do_copy(void *arg)
{
	const struct copy *copy = arg;

	memcpy(copy->to, copy->from, copy->len);
}

int any_ioctl(struct thread *t, int fd, unsigned long cmd, void *arg,
	      size_t size)
{
	struct copy copy = { .from = arg, .len = size };
	struct random *r = &t->random;
	uint32_t *at;
	size_t left;
	int ret;

	/* In the memory, whose faults may have to wait for a reset */
	if (one_in(r, 8)) {
		copy.to = any_mapped(t, &left);
		if (copy.to && left >= ARG_SIZE && !survive(do_copy, &copy))
			return good_ioctl(fd, cmd, copy.to);
	}

	/* At an end, so that reading past it is an error */
	at = (uint32_t *)(t->arg + (one_in(r, 2) ? 0 : ARG_SIZE - size));
	memcpy(at, arg, size);
	if (one_in(r, 16))
		return good_ioctl(fd, cmd, bad_pointer(t));
	if (one_in(r, 4))
		at[one_in(r, 2) ? 0 : below(r, size / 4)] = any_number(r);
	ret = good_ioctl(fd, cmd, at);
	memcpy(arg, at, size);

	return ret;
}

static int access_region(struct thread *t, struct session *s,
			 const struct vfio_region_info *region,
			 uint64_t offset, size_t len, bool write)
{
	void *buf = any_buffer(t, len);
	ssize_t ret;

	if (write && region->offset == s->vfio.mem.offset &&
	    offset < KEPT_END &&
	    (offset >= KEPT_START || len > KEPT_START - offset))
		offset = KEPT_END;
	offset += region->offset;
	ret = write ? pwrite(s->vfio.device, buf, len, offset) :
		      pread(s->vfio.device, buf, len, offset);

	return result(ret);
}

static int access_any(struct thread *t, struct session *s, bool write)
{
	const struct vfio_region_info *region;
	struct random *r = &t->random;

	region = one_in(r, 2) ? &s->vfio.mem :
				&s->regions[below(r, NR_REGIONS)];

	return access_region(t, s, region, any_offset(r, region->size),
			     any_length(r), write);
}

static int read_region(struct thread *t, struct session *s)
{
	return access_any(t, s, false);
}

static int write_region(struct thread *t, struct session *s)
{
	return access_any(t, s, true);
}

static int read_config(struct thread *t, struct session *s)
{
	return access_region(t, s, &s->vfio.config,
			     below(&t->random, s->vfio.config.size),
			     1ULL << below(&t->random, 4), false);
}

static int write_config(struct thread *t, struct session *s)
{
	return access_region(t, s, &s->vfio.config,
			     below(&t->random, s->vfio.config.size),
			     1ULL << below(&t->random, 3), true);
}

static int access_dvsec(struct thread *t, struct session *s)
{
	const struct host_device *host = &t->target->host;

	return access_region(t, s, &s->vfio.config, host->dvsec +
			     below(&t->random, host->dvsec_len + 8),
			     1ULL << below(&t->random, 4),
			     one_in(&t->random, 2));
}

/* Turn memory decode and bus mastering on and off, as a guest does */
static int write_command(struct thread *t, struct session *s)
{
	const uint16_t cmd = random_next(&t->random) & (PCI_COMMAND_MEMORY |
			     PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);

	return guest_config_write(&s->vfio, PCI_COMMAND, 2, cmd);
}

/* The emulated capabilities, and what surrounds them */
static int access_registers(struct thread *t, struct session *s)
{
	const struct host_device *host = &t->target->host;
	const uint64_t blocks[] = { CM_OFFSET, host->hdm, host->ras };
	struct random *r = &t->random;
	const size_t len = 4ULL << below(r, 2);
	uint64_t offset = host->bar_offset + blocks[below(r, 3)];

	offset += below(r, 0x60) & ~(len - 1);

	return access_region(t, s, &s->vfio.bar, offset, len, one_in(r, 2));
}

const struct operation memory_operations[] = {
	{ .name = "mmap", .weight = 12, .run = map_region },
	{ .name = "munmap", .weight = 4, .run = unmap },
	{ .name = "mprotect", .weight = 2, .run = protect },
	{ .name = "madvise", .weight = 2, .run = advise },
	{ .name = "mremap", .weight = 1, .run = remap },
	{ .name = "touch", .weight = 30, .run = touch },
	{ .name = "keep", .weight = 12, .run = keep },
	{ .name = "touch-in-child", .weight = 1, .run = touch_in_child },
	{ .name = "read", .weight = 20, .run = read_region },
	{ .name = "write", .weight = 20, .run = write_region },
	{ .name = "read-config", .weight = 6, .run = read_config },
	{ .name = "write-config", .weight = 6, .run = write_config },
	{ .name = "dvsec", .weight = 6, .run = access_dvsec },
	{ .name = "command", .weight = 4, .run = write_command },
	{ .name = "registers", .weight = 12, .run = access_registers },
	{ }
};
