// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run a part of a test in a separate process, with a time limit
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apart.h"
#include "lib/kmsg.h"

static bool child_passes(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("# %s\n", WTERMSIG(status) == SIGALRM ?
		       "time limit exceeded" : strsignal(WTERMSIG(status)));

	return WIFEXITED(status) && !WEXITSTATUS(status);
}

bool run_apart(int kmsg, void (*run)(const void *arg),
	       const void *arg, unsigned int seconds)
{
	char line[256];
	bool passes;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(seconds);
		run(arg);
		fflush(stdout);
		_exit(0);
	}
	passes = child_passes(pid);
	if (kmsg_splat(kmsg, line, sizeof(line))) {
		printf("# %s\n", line);
		return false;
	}

	return passes;
}

void need(bool right, const char *what)
{
	if (right)
		return;
	printf("#   %s\n", what);
	fflush(stdout);
	_exit(1);
}
