/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A progress bar, if standard error is a terminal
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>

/**
 * progress_show() - draw the bar, over the previous one
 * @what: what is going on
 * @done: number of bytes done
 * @all: total number of bytes, not 0
 *
 * Nothing is written if standard error is not a terminal.
 */
void progress_show(const char *what, uint64_t done, uint64_t all);

/**
 * progress_end() - remove the bar, if there is one
 */
void progress_end(void);

#endif /* PROGRESS_H */
