// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run other programs
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "util.h"

#define NOT_FOUND	127

/* Programs in /usr/sbin are not in every user's PATH. */
static void set_path(void)
{
	const char *path = getenv("PATH");
	char *longer = xprintf("%s%s/usr/sbin:/sbin", path ?: "",
			       path && *path ? ":" : "");

	setenv("PATH", longer, 1);
	free(longer);
}

static pid_t start(const char *const *argv, posix_spawn_file_actions_t *actions)
{
	pid_t child;

	set_path();
	if (posix_spawnp(&child, argv[0], actions, NULL,
			 (char *const *)argv, environ))
		return -1;
	return child;
}

static int finish(pid_t child)
{
	int status;

	if (child < 0)
		return NOT_FOUND;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return NOT_FOUND;
	return WIFEXITED(status) ? WEXITSTATUS(status) : NOT_FOUND;
}

int command_run(const char *const *argv)
{
	return finish(start(argv, NULL));
}

char *command_output(const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	int ends[2], status;
	char *output, *path;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		die(STATUS_FAILED, "pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
					 O_WRONLY, 0);
	child = start(argv, &actions);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	path = xprintf("/proc/self/fd/%d", ends[0]);
	output = read_file(path, NULL);
	free(path);
	close(ends[0]);
	status = finish(child);
	if (status) {
		free(output);
		return NULL;
	}
	return output;
}

char *find_program(const char *name)
{
	const char *at = getenv("PATH") ?: "";

	while (*at) {
		int length = (int)strcspn(at, ":");
		char *path = xprintf("%.*s/%s", length, at, name);

		if (*path == '/' && !access(path, X_OK))
			return path;
		free(path);
		at += length;
		at += *at == ':';
	}
	return NULL;
}
