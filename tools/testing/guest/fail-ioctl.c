// SPDX-License-Identifier: GPL-2.0-only
/*
 * For LD_PRELOAD: make an ioctl of the program fail
 *
 * FAIL_IOCTL is four numbers: the request, the offset of a 32-bit word in its
 * argument, the value of the word with which it fails, and the errno.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned long failing;
static size_t at;
static uint32_t value;
static int error;

static void __attribute__((constructor)) parse(void)
{
	const char *text = getenv("FAIL_IOCTL");

	if (text && sscanf(text, "%lu %zu %u %d", &failing, &at, &value,
			   &error) != 4)
		abort();
}

int ioctl(int fd, unsigned long request, ...)
{
	uint32_t word;
	va_list args;
	char *arg;

	va_start(args, request);
	arg = va_arg(args, char *);
	va_end(args);
	if (error && request == failing) {
		memcpy(&word, arg + at, sizeof(word));
		if (word == value) {
			errno = error;
			return -1;
		}
	}
	return (int)syscall(SYS_ioctl, fd, request, arg);
}
