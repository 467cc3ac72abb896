// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel log since an earlier point in time
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"

/* The first splat that this process read from the log */
static char first_splat[256];

/* A known bug of the kernel, which the environment names */
static bool is_known(const char *line)
{
	const char *known = getenv("RIG_KNOWN");
	regex_t pattern;
	bool is = false;

	if (known && *known &&
	    !regcomp(&pattern, known, REG_EXTENDED | REG_NOSUB)) {
		is = !regexec(&pattern, line, 0, NULL, 0);
		regfree(&pattern);
	}

	return is;
}

static bool is_splat(const char *line)
{
	static regex_t patterns[64];
	static unsigned int nr;
	const char *path = getenv("RIG_SPLATS");
	char pattern[256];
	unsigned int i;
	FILE *file;

	if (!nr && path) {
		file = fopen(path, "re");
		while (file && nr < 64 &&
		       fgets(pattern, sizeof(pattern), file)) {
			pattern[strcspn(pattern, "\n")] = '\0';
			if (pattern[0] && pattern[0] != '#' &&
			    !regcomp(&patterns[nr], pattern,
				     REG_EXTENDED | REG_NOSUB))
				nr++;
		}
		if (file)
			fclose(file);
	}
	for (i = 0; i < nr; i++)
		if (!regexec(&patterns[i], line, 0, NULL, 0))
			return !is_known(line);

	return false;
}

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);

	return fd;
}

/* The next line's text in @line; 0 at the end */
static int kmsg_line(int kmsg, char *line, size_t size)
{
	char record[8192], *text;
	ssize_t len;

	do {
		len = read(kmsg, record, sizeof(record) - 1);
	} while (len < 0 && (errno == EPIPE || errno == EINTR));
	if (len <= 0)
		return 0;
	record[len] = '\0';

	/* prefix;text\n KEY=value ... */
	text = strchr(record, ';');
	text = text ? text + 1 : record;
	text[strcspn(text, "\n")] = '\0';
	snprintf(line, size, "%.*s", (int)size - 1, text);
	if (!first_splat[0] && is_splat(line))
		snprintf(first_splat, sizeof(first_splat), "%.255s", line);

	return 1;
}

int kmsg_contains(int kmsg, const char *text)
{
	char line[2048];
	int found = 0;

	while (kmsg_line(kmsg, line, sizeof(line)))
		if (strstr(line, text))
			found = 1;

	return found;
}

void kmsg_read(int kmsg, char *lines, size_t size)
{
	char line[2048];
	size_t len = 0;

	lines[0] = '\0';
	while (kmsg_line(kmsg, line, sizeof(line))) {
		if (len + strlen(line) + 2 > size)
			continue;
		len += sprintf(lines + len, "%s\n", line);
	}
}

int kmsg_splat(int kmsg, char *line, size_t size)
{
	char other[2048];

	while (kmsg_line(kmsg, other, sizeof(other)))
		;
	if (!first_splat[0])
		return 0;
	snprintf(line, size, "%s", first_splat);

	return 1;
}
