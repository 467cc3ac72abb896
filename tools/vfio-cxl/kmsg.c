// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's log, by /dev/kmsg (Documentation/ABI/testing/dev-kmsg)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "kmsg.h"
#include "util.h"

#define LOG		"/dev/kmsg"
/* Maximum length of a record */
#define RECORD_SIZE	8192

/* Read a record; false at the end.  Overwritten records are skipped. */
static bool next_record(int fd, char *record)
{
	ssize_t got;

	do
		got = read(fd, record, RECORD_SIZE - 1);
	while (got < 0 && (errno == EPIPE || errno == EINTR));
	if (got <= 0)
		return false;
	record[got] = '\0';
	return true;
}

/* "6,339,5140900,-;text", followed by lines that do not matter */
static char *record_text(char *record, unsigned long long *number)
{
	char *text = strchr(record, ';');

	if (!text || sscanf(record, "%*u,%llu,", number) != 1)
		return NULL;
	text++;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

char *kmsg_last(const char *address, unsigned long long since)
{
	char *prefix = xprintf(DRIVER " %s: ", address), *last = NULL;
	int fd = open(LOG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[RECORD_SIZE];
	unsigned long long number;

	while (fd >= 0 && next_record(fd, record)) {
		char *text = record_text(record, &number);

		if (!text || number < since ||
		    strncmp(text, prefix, strlen(prefix)))
			continue;
		/* The driver core's message, which follows the driver's own */
		if (last && strstr(text, ": probe with driver "))
			continue;
		free(last);
		last = xstrdup(text + strlen(prefix));
	}
	if (fd >= 0)
		close(fd);
	free(prefix);
	return last;
}

unsigned long long kmsg_next(void)
{
	int fd = open(LOG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned long long number, next = 0;
	char record[RECORD_SIZE];

	while (fd >= 0 && next_record(fd, record))
		if (record_text(record, &number))
			next = number + 1;
	if (fd >= 0)
		close(fd);
	return next;
}
