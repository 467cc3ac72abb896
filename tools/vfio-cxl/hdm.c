// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading HDM decoders (CXL r3.1 8.2.3, 8.2.4)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hdm.h"

#define BLOCK_SIZE		0x10000u
#define CACHE_MEM		0x1000u
#define CACHE_MEM_SIZE		0x1000u

/* Headers: of the capability array, of its elements */
#define CAP_ID(header)		((header) & 0xffff)
#define ARRAY_SIZE_OF(header)	((header) >> 24)
#define CAP_POINTER(header)	((header) >> 20)
#define CAP_ID_ARRAY		1
#define CAP_ID_HDM		5

#define HDM_CAP			0x00
#define HDM_GLOBAL_CTRL		0x04
#define HDM_GLOBAL_ENABLE	0x2u
#define HDM_DECODER(n)		(0x10 + 0x20 * (n))
#define HDM_BASE_LOW		0x00
#define HDM_BASE_HIGH		0x04
#define HDM_SIZE_LOW		0x08
#define HDM_SIZE_HIGH		0x0c
#define HDM_CTRL		0x10
#define HDM_CTRL_IW(ctrl)	((ctrl) >> 4 & 0xf)
#define HDM_CTRL_LOCK		(1u << 8)
#define HDM_CTRL_COMMITTED	(1u << 10)
#define HDM_CTRL_HOST_ONLY	(1u << 12)
#define HDM_CTRL_BI		(1u << 13)
#define HDM_CTRL_UIO		(1u << 14)
#define HDM_TARGETS		0x14

static uint32_t read32(const volatile uint8_t *block, unsigned int offset)
{
	return *(const volatile uint32_t *)(block + offset);
}

static uint64_t read_pair(const volatile uint8_t *block, unsigned int offset)
{
	return (uint64_t)read32(block, offset + 4) << 32 |
	       (read32(block, offset) & 0xf0000000);
}

/* Decoder Count (8.2.4.20.1); 0 if the encoding is reserved */
static unsigned int decode_count(uint32_t cap)
{
	unsigned int count = cap & 0xf;

	if (!count)
		return 1;
	if (count <= 8)
		return count * 2;
	return count <= 12 ? (count - 4) * 4 : 0;
}

/* Interleave Ways (8.2.4.20.7); 0 if the encoding is reserved */
static unsigned int decode_ways(unsigned int encoded)
{
	if (encoded <= 4)
		return 1u << encoded;
	return encoded >= 8 && encoded <= 10 ? 3u << (encoded - 8) : 0;
}

static const char *parse(struct hdm *hdm, const volatile uint8_t *block)
{
	uint32_t header = read32(block, CACHE_MEM);
	unsigned int i, at = 0, nr;

	if (header == UINT32_MAX)
		return "the registers read as all ones";
	nr = CAP_ID(header) == CAP_ID_ARRAY ? ARRAY_SIZE_OF(header) : 0;
	for (i = 1; i <= nr; i++) {
		uint32_t cap = read32(block, CACHE_MEM + 4 * i);

		if (CAP_ID(cap) == CAP_ID_HDM)
			at = CAP_POINTER(cap);
	}
	hdm->absent = !at || at % 4 || at + HDM_DECODER(0) > CACHE_MEM_SIZE;
	if (hdm->absent)
		return "there is no HDM Decoder Capability";
	block += CACHE_MEM + at;
	hdm->nr = decode_count(read32(block, HDM_CAP));
	if (!hdm->nr || at + HDM_DECODER(hdm->nr) > CACHE_MEM_SIZE)
		return "the number of HDM decoders is invalid";
	memset(hdm->decoders, 0, sizeof(hdm->decoders));
	hdm->enabled = read32(block, HDM_GLOBAL_CTRL) & HDM_GLOBAL_ENABLE;
	for (i = 0; i < hdm->nr; i++) {
		const volatile uint8_t *from = block + HDM_DECODER(i);
		uint32_t ctrl = read32(from, HDM_CTRL);

		if (!(ctrl & HDM_CTRL_COMMITTED))
			continue;
		hdm->decoders[i] = (struct hdm_decoder){
			.committed = true,
			.locked = ctrl & HDM_CTRL_LOCK,
			.host_only = ctrl & HDM_CTRL_HOST_ONLY,
			.back_invalidate = ctrl & HDM_CTRL_BI,
			.unordered = ctrl & HDM_CTRL_UIO,
			.ways = decode_ways(HDM_CTRL_IW(ctrl)),
			.base = read_pair(from, HDM_BASE_LOW),
			.size = read_pair(from, HDM_SIZE_LOW),
			.target = read32(from, HDM_TARGETS) & 0xff,
		};
	}
	return NULL;
}

const char *hdm_read(struct hdm *hdm, const char *path, off_t offset)
{
	const char *why;
	void *block;
	int fd;

	fd = open(path, O_RDONLY | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return strerror(errno);
	block = mmap(NULL, BLOCK_SIZE, PROT_READ, MAP_SHARED, fd, offset);
	close(fd);
	if (block == MAP_FAILED)
		/* For a BAR that a driver has claimed, mmap() gives EINVAL. */
		return errno == EPERM ? "the kernel is locked down, or a "
					"driver has claimed the registers" :
					"a driver has claimed the registers";
	why = parse(hdm, block);
	munmap(block, BLOCK_SIZE);
	return why;
}
