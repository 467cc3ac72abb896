// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wait for processes, with a time limit
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"

#include "child.h"

pid_t start(void (*run)(const struct options *options, uint64_t seed),
	    const struct options *options, uint64_t seed)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(options, seed);
	}
	if (pid < 0) {
		perror("# fork");
		exit(1);
	}

	return pid;
}

/* Print where in the kernel the threads of a process are */
static void print_stacks(pid_t pid)
{
	char path[320], line[256];
	struct dirent *entry;
	FILE *file;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		printf("# thread %s:\n", entry->d_name);
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stack", pid,
			 entry->d_name);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			printf("#   %s", line);
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
}

int wait_for(pid_t pid, unsigned int limit)
{
	const double end = seconds() + limit;
	int status;
	pid_t got;

	for (;;) {
		got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return status;
		if (got < 0)
			return -errno;
		if (seconds() > end) {
			printf("# process %d does not end\n", pid);
			print_stacks(pid);
			return -ETIMEDOUT;
		}
		sleep_ms(5);
	}
}

int wait_for_all(unsigned int limit)
{
	const double end = seconds() + limit;

	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		if (seconds() > end)
			return -ETIMEDOUT;
		sleep_ms(5);
	}

	return 0;
}
