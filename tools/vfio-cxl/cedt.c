// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI CEDT (CXL r3.1 9.18.1)
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "cedt.h"
#include "util.h"

#define CEDT_HEADER		36

#define CEDT_CHBS		0
#define CHBS_UID		0x04
#define CHBS_VERSION		0x08
#define CHBS_BASE		0x10
#define CHBS_LENGTH		0x20
#define CHBS_VERSION_CXL11	0

#define CEDT_CFMWS		1
#define CFMWS_BASE		0x08
#define CFMWS_SIZE		0x10
#define CFMWS_WAYS		0x18
#define CFMWS_TARGETS		0x24

static uint16_t get16(const uint8_t *from)
{
	uint16_t value;

	memcpy(&value, from, sizeof(value));
	return le16toh(value);
}

static uint32_t get32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

static uint64_t get64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}

/* Encoded Number of Interleave Ways; 0 if the encoding is reserved */
static unsigned int decode_ways(uint8_t encoded)
{
	if (encoded <= 4)
		return 1u << encoded;
	if (encoded >= 8 && encoded <= 10)
		return 3u << (encoded - 8);
	return 0;
}

static bool add_window(struct cedt *cedt, const uint8_t *from, size_t length)
{
	struct cedt_window *window;
	unsigned int i, ways;

	if (length < CFMWS_TARGETS)
		return false;
	ways = decode_ways(from[CFMWS_WAYS]);
	if (!ways || ways > CEDT_MAX_TARGETS ||
	    length < CFMWS_TARGETS + ways * sizeof(uint32_t))
		return false;
	window = append(cedt->windows, cedt->nr_windows);
	window->base = get64(from + CFMWS_BASE);
	window->size = get64(from + CFMWS_SIZE);
	window->nr_targets = ways;
	for (i = 0; i < ways; i++)
		window->targets[i] = get32(from + CFMWS_TARGETS +
					   i * sizeof(uint32_t));
	return true;
}

static bool add_bridge(struct cedt *cedt, const uint8_t *from, size_t length)
{
	struct cedt_bridge *bridge;

	if (length < CHBS_LENGTH)
		return false;
	bridge = append(cedt->bridges, cedt->nr_bridges);
	bridge->uid = get32(from + CHBS_UID);
	/* A CXL 1.1 host bridge has an RCRB there. */
	if (get32(from + CHBS_VERSION) != CHBS_VERSION_CXL11)
		bridge->base = get64(from + CHBS_BASE);
	return true;
}

bool cedt_parse(struct cedt *cedt, const uint8_t *table, size_t size)
{
	const uint8_t *at, *end = table + size;
	bool ok = true;

	memset(cedt, 0, sizeof(*cedt));
	if (size < CEDT_HEADER || memcmp(table, "CEDT", 4))
		return false;
	for (at = table + CEDT_HEADER; end - at >= 4; at += get16(at + 2)) {
		uint16_t length = get16(at + 2);

		if (length < 4 || length > end - at)
			return false;
		if (*at == CEDT_CFMWS)
			ok &= add_window(cedt, at, length);
		else if (*at == CEDT_CHBS)
			ok &= add_bridge(cedt, at, length);
	}
	return ok;
}

void cedt_free(struct cedt *cedt)
{
	free(cedt->windows);
	free(cedt->bridges);
}

const struct cedt_bridge *cedt_find_bridge(const struct cedt *cedt,
					   uint32_t uid)
{
	size_t i;

	for (i = 0; i < cedt->nr_bridges; i++)
		if (cedt->bridges[i].uid == uid)
			return &cedt->bridges[i];
	return NULL;
}

bool cedt_targets(const struct cedt_window *window, uint32_t uid)
{
	unsigned int i;

	for (i = 0; i < window->nr_targets; i++)
		if (window->targets[i] == uid)
			return true;
	return false;
}
