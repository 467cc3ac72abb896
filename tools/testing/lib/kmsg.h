/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel log since an earlier point in time
 */
#ifndef VFIO_CXL_TEST_KMSG_H
#define VFIO_CXL_TEST_KMSG_H

#include <stddef.h>

/* A file descriptor, or -errno */
int kmsg_open(void);
/* 1 if a line since kmsg_open() or the last call contains @text */
int kmsg_contains(int kmsg, const char *text);
/* The lines since then, as many as fit, each with a newline */
void kmsg_read(int kmsg, char *lines, size_t size);
/*
 * 1 with the line in @line if there was a splat in the log since kmsg_open(),
 * read by any of these functions in this process
 */
int kmsg_splat(int kmsg, char *line, size_t size);

#endif /* VFIO_CXL_TEST_KMSG_H */
