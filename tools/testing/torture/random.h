/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random numbers, by the splitmix64 generator
 */
#ifndef VFIO_CXL_TORTURE_RANDOM_H
#define VFIO_CXL_TORTURE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Random numbers that depend only on three others: the numbers that an
 * operation draws do not affect the choice of the next one.
 */
struct random {
	uint64_t state;
};

void random_init(struct random *r, uint64_t seed, uint64_t a, uint64_t b);
uint64_t random_next(struct random *r);
/* The seed of the round that follows the one with @seed */
uint64_t random_seed_after(uint64_t seed);
uint64_t below(struct random *r, uint64_t limit);
bool one_in(struct random *r, unsigned int n);
/* Numbers that programs get wrong: 0, all ones, powers of two, any */
uint64_t any_number(struct random *r);

#endif /* VFIO_CXL_TORTURE_RANDOM_H */
