// SPDX-License-Identifier: GPL-2.0-only
/*
 * The HDM memory region: mappings, faults, read and write
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/pci_regs.h>

#include "harness.h"
#include "lib/clock.h"
#include "lib/device.h"
#include "lib/fault.h"
#include "lib/host.h"
#include "lib/kmsg.h"
#include "lib/page.h"
#include "lib/sysfs.h"
#include "lib/vfio.h"

#define REGION_STRIDE	0x10000000000ULL	/* of regions in the file */

static void probe_read(void *p)
{
	get(p);
}

static void probe_write(void *p)
{
	put(p, 0);
}

/* The signal that an access raises, or 0 */
static int probe(void *p, bool write)
{
	return survive(write ? probe_write : probe_read, p);
}

static ssize_t mem_rw(const struct vfio_cxl_fd *vfio, void *buf, size_t len,
		      uint64_t offset, bool write)
{
	return write ? mem_write(vfio, buf, len, offset) :
		       mem_read(vfio, buf, len, offset);
}

FIXTURE(mem) {
	struct test_device test;
	const struct host_device *host;
	struct vfio_cxl_fd *vfio;
	uint64_t size;
	size_t page;
	size_t huge;	/* huge page, or else several pages */
};

INTERFACE_VARIANTS(mem);

FIXTURE_SETUP(mem)
{
	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	ASSERT_EQ(0, test_open(&self->test, 0, variant->interface));
	self->host = &self->test.host;
	self->vfio = &self->test.vfio;
	self->size = self->vfio->mem.size;
	ASSERT_EQ(self->host->size, self->size);
	self->page = page_size();
	self->huge = pmd_size();
	if (4 * self->huge > self->size)
		self->huge = 32 * self->page;
}

FIXTURE_TEARDOWN(mem)
{
	EXPECT_FINE(test_close(&self->test));
}

/* The first bytes of the region, at an address with the given skew */
#define MAP(len, skew) ({						\
	void *__map = guest_map(self->vfio, 0, len, RW, self->huge,	\
				skew);					\
									\
	ASSERT_NE(MAP_FAILED, __map);					\
	__map;								\
})

TEST_F(mem, region_info)
{
	const struct vfio_region_info_cap_type *type;
	const struct vfio_info_cap_header *cap;
	struct vfio_region_info *info;

	info = vfio_region(self->vfio->device, self->vfio->mem.index);
	ASSERT_NE(NULL, info);
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		  VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS,
		  info->flags);
	EXPECT_EQ(self->host->size, info->size);
	EXPECT_NE(0, info->offset);
	EXPECT_NE(self->host->base, info->offset);

	cap = vfio_cap(info, VFIO_REGION_INFO_CAP_TYPE);
	ASSERT_NE(NULL, cap);
	type = (const void *)cap;
	EXPECT_EQ(VFIO_REGION_TYPE_PCI_VENDOR_TYPE | VFIO_CXL_VENDOR_ID,
		  type->type);
	EXPECT_EQ(VFIO_REGION_SUBTYPE_CXL_MEM, type->subtype);
	/* Nothing of the region is left out of mmap */
	EXPECT_EQ(NULL, vfio_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP));
	free(info);
}

/* Through the mapping, through read() and write(), and in the file */
TEST_F(mem, one_memory)
{
	const uint64_t offsets[] = {
		0, 8, 0xff8, 0x1000, 0x12348, SZ_2M - 8, SZ_2M,
		self->size / 2 - 8, self->size / 2, self->size - SZ_4K,
		self->size - 8,
	};
	char *map = MAP(self->size, 0);
	unsigned int i, salt;
	uint64_t val;

	for (salt = 1; salt <= 2; salt++) {
		for (i = 0; i < ARRAY_SIZE(offsets); i++) {
			val = word(offsets[i], salt);
			if (salt == 1)
				put(map + offsets[i], val);
			else
				ASSERT_EQ(8, mem_write(self->vfio, &val, 8,
						       offsets[i]));
		}
		for (i = 0; i < ARRAY_SIZE(offsets); i++) {
			val = 0;
			EXPECT_EQ(8, mem_read(self->vfio, &val, 8,
					      offsets[i]));
			EXPECT_EQ(word(offsets[i], salt), val);
			EXPECT_EQ(word(offsets[i], salt),
				  get(map + offsets[i]));
			if (!self->host->file[0])
				continue;
			EXPECT_EQ(0, host_file_word(self->host, offsets[i],
						    &val));
			EXPECT_EQ(word(offsets[i], salt), val)
				TH_LOG("file at %#lx", offsets[i]);
		}
	}
	munmap(map, self->size);
}

/* Every page is distinct: its first word identifies it */
TEST_F(mem, whole)
{
	const size_t page = self->page;
	const size_t chunk = SZ_2M / 2;
	char *map = MAP(self->size, 0), *buf = malloc(chunk);
	uint64_t offset, bad = 0;
	size_t i;

	ASSERT_NE(NULL, buf);
	for (offset = 0; offset < self->size; offset += page)
		put(map + offset, word(offset, 3));
	for (offset = 0; offset < self->size; offset += chunk) {
		ASSERT_EQ(chunk, mem_read(self->vfio, buf, chunk, offset));
		for (i = 0; i < chunk; i += page) {
			bad += get(buf + i) != word(offset + i, 3);
			put(buf + i, word(offset + i, 4));
		}
		ASSERT_EQ(chunk, mem_write(self->vfio, buf, chunk, offset));
	}
	for (offset = 0; offset < self->size; offset += page)
		bad += get(map + offset) != word(offset, 4);
	EXPECT_EQ(0, bad);
	free(buf);
	munmap(map, self->size);
}

/* Two mappings of different alignment, and parts at odd page offsets */
TEST_F(mem, partial_mappings)
{
	const size_t page = self->page, huge = self->huge;
	const struct {
		uint64_t offset;
		size_t len;
	} parts[] = {
		{ 0, page },
		{ page, page },
		{ 3 * page, 7 * page },
		{ huge - page, 2 * page },
		{ huge + page, 2 * huge },
		{ 5 * page, 3 * huge + 11 * page },
		{ self->size / 2 - page, huge },
		{ self->size - page, page },
		{ self->size - huge - page, huge + page },
	};
	const size_t skews[] = { 0, page, 3 * page, huge - page };
	char *map = MAP(self->size, 0), *part;
	size_t i, j, at;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const uint64_t start = parts[i].offset;
		uint64_t bad = 0;

		for (at = 0; at < parts[i].len; at += page)
			put(map + start + at, word(start + at, i));
		for (j = 0; j < ARRAY_SIZE(skews); j++) {
			part = guest_map(self->vfio, start, parts[i].len, RW,
					 huge, skews[j]);
			ASSERT_NE(MAP_FAILED, part);
			for (at = 0; at < parts[i].len; at += page)
				bad += get(part + at) != word(start + at, i);
			/* and the other way */
			at = parts[i].len - 8;
			put(part + at, word(at, j));
			bad += get(map + start + at) != word(at, j);
			munmap(part, parts[i].len);
		}
		EXPECT_EQ(0, bad)
			TH_LOG("%#lx, %#zx bytes", start, parts[i].len);
	}
	munmap(map, self->size);
}

/* mmap() within the region, to its very end, and beyond */
TEST_F(mem, mmap_bounds)
{
	const size_t page = self->page;
	const uint64_t size = self->size;
	const struct {
		uint64_t offset, len;
		int flags, error;
	} cases[] = {
		{ 0, size, MAP_SHARED, 0 },
		{ size - page, page, MAP_SHARED, 0 },
		{ size - page, 1, MAP_SHARED, 0 },
		{ 0, size + page, MAP_SHARED, EINVAL },
		{ 0, size + 1, MAP_SHARED, EINVAL },
		{ page, size, MAP_SHARED, EINVAL },
		{ size - page, 2 * page, MAP_SHARED, EINVAL },
		{ size, page, MAP_SHARED, EINVAL },
		{ size + page, page, MAP_SHARED, EINVAL },
		{ size, SZ_2M, MAP_SHARED, EINVAL },
		{ REGION_STRIDE - page, page, MAP_SHARED, EINVAL },
		{ REGION_STRIDE - page, 2 * page, MAP_SHARED, EINVAL },
		/* There is no next region */
		{ REGION_STRIDE, page, MAP_SHARED, EINVAL },
		{ 64 * REGION_STRIDE, page, MAP_SHARED, EINVAL },
		{ 1, page, MAP_SHARED, EINVAL },
		{ 0, 0, MAP_SHARED, EINVAL },
		/* The end of the file's offsets */
		{ -page - self->vfio->mem.offset, 2 * page, MAP_SHARED,
		  EOVERFLOW },
		{ 0, page, MAP_PRIVATE, EINVAL },
		{ 0, size, MAP_PRIVATE, EINVAL },
	};
	unsigned int i;
	void *map;
	int error;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		errno = 0;
		map = mmap(NULL, cases[i].len, RW, cases[i].flags,
			   self->vfio->device,
			   self->vfio->mem.offset + cases[i].offset);
		error = map == MAP_FAILED ? errno : 0;
		EXPECT_EQ(cases[i].error, error)
			TH_LOG("%#lx, %#lx bytes, flags %#x", cases[i].offset,
			       cases[i].len, cases[i].flags);
		if (map == MAP_FAILED)
			continue;
		EXPECT_EQ(0, probe(map, true));
		munmap(map, cases[i].len);
	}
}

TEST_F(mem, protection)
{
	const size_t page = self->page;
	char *map = MAP(page, 0), *ro;

	put(map, word(0, 5));
	ro = guest_map(self->vfio, 0, page, PROT_READ, page, 0);
	ASSERT_NE(MAP_FAILED, ro);
	EXPECT_EQ(word(0, 5), get(ro));
	EXPECT_EQ(SIGSEGV, probe(ro, true));
	EXPECT_EQ(word(0, 5), get(map));
	munmap(ro, page);
	munmap(map, page);
}

/* Of whole huge pages and of a part of one */
TEST_F(mem, mprotect)
{
	const size_t page = self->page, huge = self->huge;
	const size_t len = 2 * huge, part = huge + 3 * page;
	char *map = MAP(len, 0);

	put(map, word(0, 6));
	put(map + part, word(part, 6));

	ASSERT_EQ(0, mprotect(map, len, PROT_READ));
	EXPECT_EQ(word(0, 6), get(map));
	EXPECT_EQ(SIGSEGV, probe(map, true));
	ASSERT_EQ(0, mprotect(map + part, page, PROT_NONE));
	EXPECT_EQ(SIGSEGV, probe(map + part, false));
	EXPECT_EQ(0, probe(map + part - page, false));
	EXPECT_EQ(0, probe(map + part + page, false));
	ASSERT_EQ(0, mprotect(map, len, RW));
	EXPECT_EQ(word(part, 6), get(map + part));
	EXPECT_EQ(0, probe(map + part, true));
	munmap(map, len);
}

TEST_F(mem, munmap)
{
	const size_t page = self->page, huge = self->huge;
	const size_t len = 2 * huge, hole = huge + 5 * page;
	char *map = MAP(len, 0);
	size_t at;

	for (at = 0; at < len; at += page)
		put(map + at, word(at, 7));
	ASSERT_EQ(0, munmap(map + hole, page));
	EXPECT_EQ(SIGSEGV, probe(map + hole, false));
	for (at = 0; at < len; at += page)
		if (at != hole)
			ASSERT_EQ(word(at, 7), get(map + at));
	munmap(map, hole);
	munmap(map + hole + page, len - hole - page);
}

/* A mapping can move and shrink, but not grow */
TEST_F(mem, mremap)
{
	const size_t page = self->page, huge = self->huge;
	const size_t len = 2 * huge;
	char *map = MAP(len, 0), *room, *moved;
	size_t at;

	for (at = 0; at < len; at += page)
		put(map + at, word(at, 8));
	EXPECT_EQ(MAP_FAILED, mremap(map, len, len + page, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);

	room = mmap(NULL, len + huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	moved = mremap(map, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
		       room + page);
	ASSERT_EQ(room + page, moved);
	EXPECT_EQ(SIGSEGV, probe(map, false));
	moved = mremap(moved, len, huge, 0);
	ASSERT_EQ(room + page, moved);
	for (at = 0; at < huge; at += page)
		ASSERT_EQ(word(at, 8), get(moved + at));
	munmap(room, len + huge);
}

TEST_F(mem, fork)
{
	const size_t huge = self->huge;
	char *map = MAP(2 * huge, 0);
	int status;
	pid_t pid;

	put(map, word(0, 9));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* One page that the parent touched, and one that it did not */
		if (get(map) != word(0, 9))
			_exit(1);
		put(map, word(0, 10));
		put(map + huge, word(huge, 10));
		_exit(munmap(map, 2 * huge) ? 2 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(word(0, 10), get(map));
	EXPECT_EQ(word(huge, 10), get(map + huge));
	munmap(map, 2 * huge);
}

/* A process that exits with a mapping and with the device open */
TEST_F(mem, exit_with_mapping)
{
	uint64_t val = 0;
	int status;
	pid_t pid;

	vfio_close(self->vfio);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		char *map;

		if (test_vfio_open(&self->test, variant->interface))
			_exit(1);
		map = guest_map(self->vfio, 0, self->size, RW, SZ_2M, 0);
		if (map == MAP_FAILED)
			_exit(2);
		put(map + SZ_2M, word(SZ_2M, 11));
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);

	ASSERT_EQ(0, test_vfio_open(&self->test, variant->interface));
	EXPECT_EQ(8, mem_read(self->vfio, &val, 8, SZ_2M));
}

/* A mapping keeps the device open without any file descriptor */
TEST_F(mem, mapping_without_fd)
{
	char *map = MAP(2 * SZ_2M, 0);
	struct vfio_cxl_fd other;
	struct vfio_cxl_fd last = *self->vfio;
	uint64_t val = 0;

	put(map, word(0, 12));
	last.device = dup(self->vfio->device);
	vfio_close(self->vfio);
	EXPECT_EQ(8, mem_read(&last, &val, 8, 0));
	EXPECT_EQ(word(0, 12), val);
	close(last.device);

	EXPECT_EQ(word(0, 12), get(map));
	put(map + SZ_2M, word(SZ_2M, 12));
	EXPECT_EQ(word(SZ_2M, 12), get(map + SZ_2M));
	EXPECT_GT(0, vfio_open(&other, self->host, variant->interface));
	munmap(map, 2 * SZ_2M);

	ASSERT_EQ(0, test_vfio_open(&self->test, variant->interface));
}

#define GUARD	16
#define FILL	0xa5

/* Any length at any offset; what is before and after it does not change */
TEST_F(mem, any_length)
{
	const size_t page = self->page;
	const size_t lengths[] = {
		1, 2, 3, 4, 7, 8, 9, 4095, 4096, 4097, 16383, 16384, 16385,
		65537,
	};
	const uint64_t offsets[] = {
		GUARD, GUARD + 1, page - 1, page + 7, SZ_2M - 3,
		self->size / 2 + 5, self->size - 65537 - GUARD,
	};
	char *map = MAP(self->size, 0), *area, *buf;
	const size_t room = 65537 + 2 * GUARD;
	char fill[GUARD], *data;
	unsigned int i, j;
	size_t k;

	memset(fill, FILL, GUARD);
	buf = malloc(room);
	data = malloc(room);
	ASSERT_NE(NULL, buf);
	ASSERT_NE(NULL, data);
	for (k = 0; k < room; k++)
		data[k] = k * 13 + (k >> 8);

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (j = 0; j < ARRAY_SIZE(lengths); j++) {
			const size_t len = lengths[j];

			area = map + offsets[i];
			memset(area - GUARD, FILL, len + 2 * GUARD);
			memset(buf, FILL, len + 2 * GUARD);
			ASSERT_EQ(len, mem_write(self->vfio, data + i + 1,
						 len, offsets[i]));
			ASSERT_EQ(len, mem_read(self->vfio, buf + GUARD, len,
						offsets[i]));
			if (!memcmp(area, data + i + 1, len) &&
			    !memcmp(area - GUARD, fill, GUARD) &&
			    !memcmp(area + len, fill, GUARD) &&
			    !memcmp(buf, area - GUARD, len + 2 * GUARD))
				continue;
			EXPECT_FALSE(1)
				TH_LOG("%zu bytes at %#lx", len, offsets[i]);
		}
	}
	free(data);
	free(buf);
	munmap(map, self->size);
}

/* A count that the end truncates, and 0 beyond it, as for a BAR */
TEST_F(mem, end_of_region)
{
	const uint64_t size = self->size;
	const struct {
		uint64_t offset;
		size_t len;
		ssize_t result;
	} cases[] = {
		{ size - 1, 1, 1 },
		{ size - 1, 8, 1 },
		{ size - 10, SZ_4K, 10 },
		{ size - SZ_4K - 1, 65536, SZ_4K + 1 },
		{ size - 8, 8, 8 },
		{ 0, 0, 0 },
		{ size, 1, -EINVAL },
		{ size, SZ_4K, -EINVAL },
		{ size + 1, 1, -EINVAL },
		{ size + SZ_4K, 8, -EINVAL },
		/* Of the largest memory region, these are the last bytes */
		{ REGION_STRIDE - 4, 8, size < REGION_STRIDE ? -EINVAL : 4 },
		{ REGION_STRIDE, 8, -EINVAL },
		{ 64 * REGION_STRIDE, 8, -EINVAL },
		{ -8 - self->vfio->mem.offset, 8, -EINVAL },
	};
	unsigned int i, writes;
	char buf[65536];
	ssize_t ret, rest;

	for (writes = 0; writes < 2; writes++) {
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			memset(buf, writes ? i : FILL, sizeof(buf));
			ret = mem_rw(self->vfio, buf, cases[i].len,
				     cases[i].offset, writes);
			EXPECT_EQ(cases[i].result, ret)
				TH_LOG("%zu bytes at %#lx, write %u",
				       cases[i].len, cases[i].offset, writes);
			if (writes)
				continue;
			/* Not a byte more than it returns */
			rest = ret > 0 ? ret : 0;
			for (; rest < (ssize_t)sizeof(buf); rest++)
				if (buf[rest] != (char)FILL)
					break;
			EXPECT_EQ(sizeof(buf), rest);
		}
	}
}

/*
 * The buffer is a mapping of the same region, not faulted in: a fault during
 * read() and write() must not need a lock that they hold.
 */
TEST_F(mem, buffer_in_region)
{
	const size_t page = self->page;
	const size_t len = SZ_2M / 2 + 3;
	char *src = malloc(len), *map;
	size_t i;

	ASSERT_NE(NULL, src);
	for (i = 0; i < len; i++)
		src[i] = i * 7 + (i >> 8);
	ASSERT_EQ(len, mem_write(self->vfio, src, len, 0));

	map = MAP(3 * SZ_2M, 0);
	EXPECT_EQ(len, mem_read(self->vfio, map + SZ_2M, len, 0));
	EXPECT_EQ(0, memcmp(map + SZ_2M, src, len));
	munmap(map, 3 * SZ_2M);

	map = MAP(3 * SZ_2M, page);
	EXPECT_EQ(len, mem_write(self->vfio, map, len, 2 * SZ_2M));
	EXPECT_EQ(0, memcmp(map + 2 * SZ_2M, src, len));
	munmap(map, 3 * SZ_2M);

	/* Onto itself, and so that source and target overlap */
	map = MAP(3 * SZ_2M, page);
	EXPECT_EQ(len, mem_read(self->vfio, map, len, 0));
	EXPECT_EQ(len, mem_write(self->vfio, map, len, 0));
	EXPECT_EQ(0, memcmp(map, src, len));
	EXPECT_EQ(len, mem_read(self->vfio, map + 777, len, 0));
	EXPECT_EQ(len, mem_write(self->vfio, map, len, 777));
	EXPECT_EQ(0, memcmp(map, src, 777));
	munmap(map, 3 * SZ_2M);
	free(src);
}

/* A buffer that ends in a hole: what fits, then EFAULT */
TEST_F(mem, buffer_fault)
{
	const size_t page = self->page;
	const size_t pages = 12, starts[] = { 0, 1, 100, page - 1 };
	const size_t holes[] = { 1, 2, 4, 5, 8, 11 };
	char *map = MAP(SZ_2M, 0), *buf;
	unsigned int i, j, writes;
	ssize_t len;

	for (i = 0; i < ARRAY_SIZE(holes) * ARRAY_SIZE(starts) * 2; i++) {
		const size_t start = starts[i / 2 % ARRAY_SIZE(starts)];
		const size_t end = holes[i / 2 / ARRAY_SIZE(starts)] * page;

		writes = i % 2;
		buf = mmap(NULL, pages * page, RW,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, buf);
		memset(buf, FILL, pages * page);
		for (j = 0; j < pages * page; j++)
			map[j] = j * 11 + (j >> 8);
		ASSERT_EQ(0, mprotect(buf + end, page, PROT_NONE));

		len = mem_rw(self->vfio, buf + start, pages * page - start, 0,
			     writes);
		EXPECT_EQ(end - start, len)
			TH_LOG("%zu to %zu, write %u", start, end, writes);
		if (len > 0) {
			EXPECT_EQ(0, memcmp(buf + start, map, len));
			/* and no other byte of the memory changes */
			EXPECT_EQ((char)(len * 11 + (len >> 8)), map[len]);
		}
		EXPECT_EQ(-EFAULT, mem_rw(self->vfio, buf + end, page, 0,
					  writes));
		munmap(buf, pages * page);
	}
	munmap(map, SZ_2M);
}

static int ticks;

static void tick(int sig __maybe_unused)
{
	__atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED);
}

/* Signals cut a long read or write short, but each call makes progress */
TEST_F(mem, signals)
{
	struct itimerval timer = { { 0, 3000 }, { 0, 3000 } }, off = { };
	struct sigaction act = { .sa_handler = tick };
	char *map = MAP(self->size, 0), *buf;
	unsigned int writes, shorts[2] = { };
	const size_t len = self->size / 4;
	size_t done, at;
	ssize_t ret = 0;

	buf = mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, buf);
	for (at = 0; at < len; at += SZ_4K)
		put(map + at, word(at, 13));
	ASSERT_EQ(0, sigaction(SIGALRM, &act, NULL));

	for (writes = 0; writes < 2; writes++) {
		ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
		for (done = 0; done < len; done += ret) {
			ret = mem_rw(self->vfio, buf + done, len - done, done,
				     writes);
			if (ret <= 0)
				break;
			if (done + ret < len)
				shorts[writes]++;
		}
		setitimer(ITIMER_REAL, &off, NULL);
		EXPECT_EQ(len, done)
			TH_LOG("result %zd", ret);
		for (at = 0; at < len; at += SZ_4K) {
			ASSERT_EQ(word(at, 13 + writes), get(buf + at));
			ASSERT_EQ(word(at, 13 + writes), get(map + at));
			put(buf + at, word(at, 14));
		}
	}
	TH_LOG("%d signals, %u short reads, %u short writes", ticks, shorts[0],
	       shorts[1]);
	EXPECT_NE(0, shorts[0]);
	EXPECT_NE(0, shorts[1]);
	munmap(buf, len);
	munmap(map, self->size);
}

/* A range of one memory type that begins at or before @start */
static uint64_t write_back_until(uint64_t start)
{
	FILE *file = fopen("/sys/kernel/debug/x86/pat_memtype_list", "r");
	unsigned long long first, end;
	char line[256], type[32];
	uint64_t until = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " PAT: [mem %llx-%llx] %31s", &first, &end,
			   type) == 3 &&
		    first <= start && end > start &&
		    !strcmp(type, "write-back") && end > until)
			until = end;
	if (file)
		fclose(file);

	return until;
}

static double fill_speed(char *map, size_t len)
{
	double best = 0, start;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		start = seconds();
		memset(map, i, len);
		start = len / (seconds() - start);
		if (start > best)
			best = start;
	}

	return best;
}

TEST_F(mem, cacheable)
{
	const size_t len = 16 * SZ_2M;
	char *map = MAP(len, 0), *ram;
	double mem_speed, ram_speed;

	if (!access("/sys/kernel/debug/x86/pat_memtype_list", R_OK))
		EXPECT_LE(self->host->base + self->size,
			  write_back_until(self->host->base));

	/* Uncached memory is slower by a much larger factor */
	ram = mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, ram);
	mem_speed = fill_speed(map, len);
	ram_speed = fill_speed(ram, len);
	TH_LOG("memset: memory %.0f MB/s, RAM %.0f MB/s, %.2f of it",
	       mem_speed / 1e6, ram_speed / 1e6, mem_speed / ram_speed);
	EXPECT_LT(ram_speed / 5, mem_speed);
	munmap(ram, len);
	munmap(map, len);
}

/* Whole pages of @unit that lie in the memory */
static uint64_t whole_pages(uint64_t base, uint64_t size, uint64_t unit)
{
	const uint64_t first = unit ? (base + unit - 1) / unit : 0;
	const uint64_t end = unit ? (base + size) / unit : 0;

	return end > first ? end - first : 0;
}

/* Pages as large as address, offset and length allow */
TEST_F(mem, huge_faults)
{
	const uint64_t page = page_size(), huge = pmd_size();
	const uint64_t base = self->host->base, giant = pud_size();
	const uint64_t start = -base % huge, tail = start + 3 * page;
	const uint64_t room = self->size > tail ? self->size - tail : 0;
	const uint64_t count = room / huge < 16 ? room / huge : 16;
	const uint64_t part = count * huge, slack = 16;
	const uint64_t giants = whole_pages(base, self->size, giant);
	const uint64_t huges = whole_pages(base, self->size, huge) -
			       giants * (giant / huge);
	const struct {
		uint64_t offset;
		size_t len, skew;
		long faults;
	} cases[] = {
		/* Aligned as the memory itself is */
		{ 0, self->size, base % SZ_1G, giants + huges +
		  (self->size - giants * giant - huges * huge) / page },
		/* Small pages up to the first aligned one */
		{ start + page, part - page, page,
		  huge / page - 1 + count - 1 },
		/* and after the last */
		{ start, part + 3 * page, 0, count + 3 },
		/* Address and offset are nowhere aligned in the same way */
		{ start, part, page, part / page },
		{ start + page, part, 0, part / page },
	};
	unsigned int i;
	size_t at;
	char *map;
	long faults;

	if (access("/sys/kernel/mm/transparent_hugepage", F_OK))
		SKIP(return, "the kernel has no huge pages");
	if (count < 2)
		SKIP(return, "no two pages of %#lx bytes are in the memory",
		     huge);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		map = guest_map(self->vfio, cases[i].offset, cases[i].len, RW,
				SZ_1G, cases[i].skew);
		ASSERT_NE(MAP_FAILED, map);
		faults = minor_faults();
		for (at = 0; at < cases[i].len; at += page)
			get(map + at);
		faults = minor_faults() - faults;
		munmap(map, cases[i].len);
		TH_LOG("%#zx bytes, pages of %#lx and %#lx: %ld faults",
		       cases[i].len, page, huge, faults);
		EXPECT_LE(cases[i].faults, faults)
			TH_LOG("case %u", i);
		EXPECT_GE(cases[i].faults + slack, faults)
			TH_LOG("case %u", i);
	}
}

/* CXL.mem does not depend on Memory Space Enable: a guest that sizes BARs */
TEST_F(mem, memory_decode_off)
{
	char *map = MAP(2 * SZ_2M, 0);
	uint64_t val = word(0, 15);
	uint32_t cmd;

	put(map, val);
	cmd = guest_config(self->vfio, PCI_COMMAND, 2);
	ASSERT_EQ(0, guest_config_write(self->vfio, PCI_COMMAND, 2,
					cmd & ~PCI_COMMAND_MEMORY));
	EXPECT_EQ(0, host_config(self->host, PCI_COMMAND, 2) &
		     PCI_COMMAND_MEMORY);
	/* What was touched before and what was not */
	EXPECT_EQ(word(0, 15), get(map));
	EXPECT_EQ(0, probe(map + SZ_2M, true));
	EXPECT_EQ(8, mem_write(self->vfio, &val, 8, SZ_2M));
	EXPECT_EQ(8, mem_read(self->vfio, &val, 8, 0));
	EXPECT_EQ(word(0, 15), val);
	EXPECT_EQ(word(0, 15), get(map + SZ_2M));
	EXPECT_EQ(0, guest_config_write(self->vfio, PCI_COMMAND, 2,
					cmd | PCI_COMMAND_MEMORY));
	munmap(map, 2 * SZ_2M);
}

static int dma_map(const struct vfio_cxl_fd *vfio, void *map, uint64_t len,
		   uint64_t iova)
{
	struct vfio_iommu_type1_dma_map type1 = {
		.argsz = sizeof(type1),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)map,
		.iova = iova,
		.size = len,
	};
	struct iommu_ioas_map ioas = {
		.size = sizeof(ioas),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = vfio->ioas,
		.user_va = (uintptr_t)map,
		.length = len,
		.iova = iova,
	};
	int ret;

	if (vfio->interface == VFIO_GROUP_INTERFACE)
		ret = ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &type1);
	else
		ret = ioctl(vfio->container, IOMMU_IOAS_MAP, &ioas);

	return ret ? -errno : 0;
}

/* The bytes that were mapped, or -errno */
static int64_t dma_unmap(const struct vfio_cxl_fd *vfio, uint64_t len,
			 uint64_t iova)
{
	struct vfio_iommu_type1_dma_unmap type1 = {
		.argsz = sizeof(type1),
		.iova = iova,
		.size = len,
	};
	struct iommu_ioas_unmap ioas = {
		.size = sizeof(ioas),
		.ioas_id = vfio->ioas,
		.iova = iova,
		.length = len,
	};

	if (vfio->interface == VFIO_GROUP_INTERFACE)
		return ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &type1) ?
		       -errno : (int64_t)type1.size;

	return ioctl(vfio->container, IOMMU_IOAS_UNMAP, &ioas) ?
	       -errno : (int64_t)ioas.length;
}

/*
 * A VMM maps all of guest memory for DMA.  That must fail for this memory: a
 * container would keep the mapping after the close, and iommufd does not accept
 * mappings of device memory.
 */
TEST_F(mem, dma_map)
{
	char *map = MAP(self->size, 0);

	put(map, word(0, 16));
	EXPECT_EQ(-EFAULT, dma_map(self->vfio, map, self->size, 4 * SZ_1G));
	EXPECT_EQ(word(0, 16), get(map));
	munmap(map, self->size);
}

#define TYPE1_PARAMETER	\
	"/sys/module/vfio_cxl_pci/parameters/allow_unsafe_type1_dma"

/* If all users belong to one tenant, a type 1 container can map the memory */
TEST_F(mem, dma_map_where_it_is_allowed)
{
	const uint64_t iova = 4 * SZ_1G;
	char *map;

	if (variant->interface != VFIO_GROUP_INTERFACE)
		SKIP(return, "iommufd never accepts it");
	ASSERT_EQ(0, sysfs_write(TYPE1_PARAMETER, "1"));
	map = guest_map(self->vfio, 0, self->size, RW, pmd_size(), 0);
	EXPECT_EQ(0, sysfs_write(TYPE1_PARAMETER, "0"));
	ASSERT_NE(MAP_FAILED, map);
	/* It is logged, even if the parameter was set only for a moment */
	EXPECT_EQ(1, kmsg_contains(self->test.kmsg,
				   "allow_unsafe_type1_dma=Y"));
	put(map, word(0, 19));
	EXPECT_EQ(0, dma_map(self->vfio, map, self->size, iova));
	EXPECT_EQ(self->size, dma_unmap(self->vfio, self->size, iova));
	EXPECT_EQ(word(0, 19), get(map));
	munmap(map, self->size);
}

/* What is written to one device's memory is in no other device's file */
TEST_F(mem, two_devices)
{
	struct vfio_cxl_fd other;
	struct host_device host;
	uint64_t val, at, end;
	char *map[2];

	if (host_count() < 2)
		SKIP(return, "needs two devices");
	ASSERT_EQ(0, host_open(&host, 1));
	ASSERT_EQ(0, sysfs_bind(host.bdf, DRIVER));
	ASSERT_EQ(0, vfio_open(&other, &host, variant->interface));
	EXPECT_NE(self->host->base, host.base);
	EXPECT_EQ(host.size, other.mem.size);
	end = host.size < self->size ? host.size : self->size;

	map[0] = MAP(self->size, 0);
	map[1] = guest_map(&other, 0, host.size, RW, SZ_2M, 0);
	ASSERT_NE(MAP_FAILED, map[1]);
	for (at = 0; at < end; at += 16 * SZ_2M) {
		put(map[0] + at, word(at, 17));
		put(map[1] + at, word(at, 18));
	}
	for (at = 0; at < end; at += 16 * SZ_2M) {
		EXPECT_EQ(word(at, 17), get(map[0] + at));
		EXPECT_EQ(word(at, 18), get(map[1] + at));
		EXPECT_EQ(8, mem_read(&other, &val, 8, at));
		EXPECT_EQ(word(at, 18), val);
		if (!host.file[0])
			continue;
		EXPECT_EQ(0, host_file_word(self->host, at, &val));
		EXPECT_EQ(word(at, 17), val);
		EXPECT_EQ(0, host_file_word(&host, at, &val));
		EXPECT_EQ(word(at, 18), val);
	}
	munmap(map[1], host.size);
	munmap(map[0], self->size);
	vfio_close(&other);
	host_close(&host);
}

TEST_HARNESS_MAIN
