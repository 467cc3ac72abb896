// SPDX-License-Identifier: GPL-2.0-only
/*
 * A progress bar
 */
#include <stdio.h>
#include <unistd.h>

#include "progress.h"

#define WIDTH	30
#define MIB	(UINT64_C(1) << 20)
/* ECMA-48: erase to the end of the line */
#define ERASE	"\r\033[K"

void progress_show(const char *what, uint64_t done, uint64_t all)
{
	static const char bar[WIDTH + 1] = "##############################";
	/* Divide first: WIDTH times the size may overflow. */
	int filled = (int)(done / (all / WIDTH + 1));

	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, ERASE "%s [%-*.*s] %llu of %llu MiB", what, WIDTH,
		filled, bar, (unsigned long long)(done / MIB),
		(unsigned long long)(all / MIB));
	fflush(stderr);
}

void progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs(ERASE, stderr);
}
