// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors, memory, strings, small files
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static void say(const char *fmt, va_list args)
{
	fflush(stdout);
	fputs("vfio-cxl: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void die(enum status status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	exit(status);
}

void warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

static void *must(void *memory)
{
	if (!memory)
		die(STATUS_FAILED, "out of memory");
	return memory;
}

void *xcalloc(size_t nr, size_t size)
{
	return must(calloc(nr, size));
}

void *xrealloc(void *old, size_t nr, size_t size)
{
	return must(reallocarray(old, nr, size));
}

void *xgrow(void *old, size_t nr, size_t size)
{
	char *array = xrealloc(old, nr + 1, size);

	memset(array + nr * size, 0, size);
	return array;
}

char *xstrdup(const char *text)
{
	return must(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
	return must(strndup(text, length));
}

char *xvprintf(const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	return must(text);
}

char *xprintf(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = xvprintf(fmt, args);
	va_end(args);
	return text;
}

char *read_file(const char *path, size_t *size)
{
	size_t length = 0, room = 4096;
	FILE *file = fopen(path, "re");
	char *text;

	if (!file)
		return NULL;
	text = xrealloc(NULL, room, 1);
	for (;;) {
		length += fread(text + length, 1, room - length - 1, file);
		if (length + 1 < room)
			break;
		room *= 2;
		text = xrealloc(text, room, 1);
	}
	if (ferror(file)) {
		int err = errno;

		free(text);
		fclose(file);
		errno = err;
		return NULL;
	}
	fclose(file);
	text[length] = '\0';
	if (size)
		*size = length;
	return text;
}

char *read_text(const char *fmt, ...)
{
	va_list args;
	char *path, *text;

	va_start(args, fmt);
	path = xvprintf(fmt, args);
	va_end(args);
	text = read_file(path, NULL);
	free(path);
	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text;
}

bool write_text(const char *path, int flags, const char *text)
{
	int fd = open(path, flags | O_WRONLY | O_CLOEXEC, 0644);
	size_t length = strlen(text);
	ssize_t ret;
	int err;

	if (fd < 0)
		return false;
	ret = write(fd, text, length);
	err = errno;
	close(fd);
	errno = ret < 0 ? err : EIO;
	return ret == (ssize_t)length;
}

bool read_number(long long *number, const char *fmt, ...)
{
	va_list args;
	char *path, *text, *end;
	bool ok = false;

	va_start(args, fmt);
	path = xvprintf(fmt, args);
	va_end(args);
	text = read_text("%s", path);
	free(path);
	if (text) {
		long long value = strtoll(text, &end, 0);

		ok = end != text && !*end;
		if (ok)
			*number = value;
		free(text);
	}
	return ok;
}

char *read_link(const char *fmt, ...)
{
	char target[4096];
	va_list args;
	ssize_t length;
	char *path, *slash;

	va_start(args, fmt);
	path = xvprintf(fmt, args);
	va_end(args);
	length = readlink(path, target, sizeof(target) - 1);
	free(path);
	if (length < 0)
		return NULL;
	target[length] = '\0';
	slash = strrchr(target, '/');
	return xstrdup(slash ? slash + 1 : target);
}

static const char units[] = "KMGTP";

bool parse_size(const char *text, uint64_t unit, uint64_t *size)
{
	unsigned long long number;
	const char *found;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno)
		return false;
	if (*end) {
		found = strchr(units, toupper((unsigned char)*end++));
		/* QEMU has no second letter; people write GiB */
		if (!found || (*end && strcmp(end, "iB") && strcmp(end, "B")))
			return false;
		unit = UINT64_C(1) << 10 * (found - units + 1);
	}
	return !__builtin_mul_overflow(number, unit, size);
}

char *size_text(uint64_t size)
{
	unsigned int i = 0;

	if (!size || size % 1024)
		return xprintf("%llu", (unsigned long long)size);
	while (i < sizeof(units) - 1 && !(size % 1024)) {
		size /= 1024;
		i++;
	}
	return xprintf("%llu%c", (unsigned long long)size, units[i - 1]);
}

char *full_address(const char *text)
{
	unsigned int domain = 0, bus, device, function;
	int end = 0;

	if (sscanf(text, "%x:%x:%x.%x%n", &domain, &bus, &device, &function,
		   &end) != 4 || text[end]) {
		domain = 0;
		end = 0;
		if (sscanf(text, "%x:%x.%x%n", &bus, &device, &function,
			   &end) != 3 || text[end])
			return NULL;
	}
	if (bus > 0xff || device > 0x1f || function > 7)
		return NULL;
	return xprintf("%04x:%02x:%02x.%x", domain, bus, device, function);
}
