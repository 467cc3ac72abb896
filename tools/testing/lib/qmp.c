// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor of the emulated machine in which this runs
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "qmp.h"

/* Give up on an answer after this time */
#define TIMEOUT_MS	time_limit(10000)

/* Where QEMU has the devices of its command line */
#define PERIPHERAL	"/machine/peripheral/"

/* One line; QEMU sends one for each message */
static int qmp_line(int fd, char *line, size_t size)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	while (len < size - 1) {
		if (poll(&poll_fd, 1, TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		if (read(fd, line + len, 1) != 1)
			return -EIO;
		if (line[len] == '\n')
			break;
		len++;
	}
	line[len] = '\0';

	return 0;
}

/* Send @command, an object, and wait for its answer */
static int qmp_execute(int fd, const char *command, char *line, size_t size)
{
	static unsigned int serial;
	char id[32];
	int ret;

	/* Answers to previous users of the monitor have other ids */
	snprintf(id, sizeof(id), "%d-%u", getpid(), ++serial);
	if (dprintf(fd, "{\"id\":\"%s\",%s\n", id, command + 1) < 0)
		return -errno;
	do {
		ret = qmp_line(fd, line, size);
	} while (!ret && !strstr(line, id));

	return ret;
}

/* The answer is in @line */
static int ask(const char *command, char *line, size_t size)
{
	const char *path = getenv("RIG_QMP");
	int fd, ret;

	if (!path)
		return -ENOENT;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Fails if another user of the monitor has already negotiated */
	ret = qmp_execute(fd, "{\"execute\":\"qmp_capabilities\"}", line, size);
	if (!ret)
		ret = qmp_execute(fd, command, line, size);
	close(fd);
	if (!ret && strstr(line, "\"error\""))
		ret = -EREMOTEIO;

	return ret;
}

int qmp(const char *command)
{
	char line[8192];
	int ret = ask(command, line, sizeof(line));

	if (ret == -EREMOTEIO)
		fprintf(stderr, "# %s: %s\n", command, line);

	return ret;
}

/* The id of one of @list, without the path that all devices have */
static int id_in(const char *list, unsigned int index, char *id, size_t size)
{
	const size_t path = strlen(PERIPHERAL);
	int ret;

	ret = env_word(list, index, id, size);
	if (!ret && !strncmp(id, PERIPHERAL, path))
		memmove(id, id + path, strlen(id + path) + 1);

	return ret;
}

static int device_command(unsigned int index, const char *command,
			  const char *arguments, char *text, size_t size)
{
	char id[128];
	int ret;

	ret = id_in("RIG_QOM", index, id, sizeof(id));
	if (!ret)
		snprintf(text, size,
			 "{\"execute\":\"%s\",\"arguments\":{%s%s\",%s}}",
			 command, "\"path\":\"" PERIPHERAL, id, arguments);

	return ret;
}

int rig_command(unsigned int index, const char *command,
		const char *arguments)
{
	char text[512];

	return device_command(index, command, arguments, text, sizeof(text)) ?:
	       qmp(text);
}

#define COMMIT_FAILS	"x-hdm-commit-fails"
#define ACTIVE_DELAY	"x-memory-active-delay"
#define ACTIVE_TIMEOUT	"x-memory-active-timeout"

static bool has_property(unsigned int index, const char *name)
{
	char arguments[128], text[512], line[8192];

	snprintf(arguments, sizeof(arguments), "\"property\":\"%s\"", name);
	return !device_command(index, "qom-get", arguments, text,
			       sizeof(text)) &&
	       !ask(text, line, sizeof(line));
}

static int set_property(unsigned int index, const char *name,
			const char *value)
{
	char arguments[128];

	snprintf(arguments, sizeof(arguments),
		 "\"property\":\"%s\",\"value\":%s", name, value);
	return rig_command(index, "qom-set", arguments);
}

static int set_number(unsigned int index, const char *name, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return set_property(index, name, text);
}

bool rig_can_fail(unsigned int index)
{
	return has_property(index, COMMIT_FAILS);
}

int rig_commit_fails(unsigned int index, bool fails)
{
	return set_property(index, COMMIT_FAILS, fails ? "true" : "false");
}

bool rig_can_delay(unsigned int index)
{
	return has_property(index, ACTIVE_DELAY);
}

int rig_memory_delay(unsigned int index, unsigned int ms)
{
	return set_number(index, ACTIVE_DELAY, ms);
}

int rig_memory_timeout(unsigned int index, unsigned int timeout)
{
	return set_number(index, ACTIVE_TIMEOUT, timeout);
}

static int inject(const char *list, unsigned int index, const char *error)
{
	char command[256], id[128];
	int ret;

	ret = id_in(list, index, id, sizeof(id));
	if (ret)
		return ret;
	snprintf(command, sizeof(command),
		 "{\"execute\":\"human-monitor-command\",\"arguments\":{%s%s %s\"}}",
		 "\"command-line\":\"pcie_aer_inject_error ", id, error);

	return qmp(command);
}

int rig_inject(unsigned int index, const char *error)
{
	return inject("RIG_QOM", index, error);
}

int rig_inject_port(unsigned int index, const char *error)
{
	return inject("RIG_PORTS", index, error);
}

int rig_inject_ras(unsigned int index, const char *error)
{
	char arguments[128];

	snprintf(arguments, sizeof(arguments),
		 "\"errors\":[{\"type\":\"%s\",\"header\":[0]}]", error);
	return rig_command(index, "cxl-inject-uncorrectable-errors", arguments);
}
