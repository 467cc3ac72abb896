/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A progress bar, where standard error is a terminal
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>

/**
 * progress_show() - draw the bar, over the one before
 * @what: is going on
 * @done: bytes that are done
 * @all: bytes there are, not 0
 *
 * Nothing is written where standard error is no terminal.
 */
void progress_show(const char *what, uint64_t done, uint64_t all);

/**
 * progress_end() - remove the bar, if there is one
 */
void progress_end(void);

#endif /* PROGRESS_H */
