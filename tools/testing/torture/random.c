// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random numbers, by the splitmix64 generator
 */
#include "random.h"

#define GAMMA	0x9e3779b97f4a7c15ULL

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;

	return z ^ z >> 31;
}

void random_init(struct random *r, uint64_t seed, uint64_t a, uint64_t b)
{
	r->state = mix(mix(mix(seed + GAMMA) + a * GAMMA) + b * GAMMA);
}

uint64_t random_next(struct random *r)
{
	return mix(r->state += GAMMA);
}

uint64_t random_seed_after(uint64_t seed)
{
	return mix(seed + GAMMA);
}

uint64_t below(struct random *r, uint64_t limit)
{
	return random_next(r) % limit;
}

bool one_in(struct random *r, unsigned int n)
{
	return !below(r, n);
}

uint64_t any_number(struct random *r)
{
	const uint64_t bit = 1ULL << below(r, 64);

	switch (below(r, 6)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return bit;
	case 3:
		return bit - 1;
	case 4:
		return below(r, 64);
	default:
		return random_next(r);
	}
}
