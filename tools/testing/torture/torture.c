// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole driver under load: command line
 *
 * Each file needs those below it only:
 *
 * rounds.c	rounds of load, and their results
 * kill.c	a VMM that is killed at every step
 * user.c	a process of threads that use the devices
 * control.c	its operations: what controls a device
 * dma.c	its operations: containers, iommufd, dma-buf
 * memory.c	its operations: regions, mappings, memory
 * session.c	a device that it opens, uses and closes
 * host.c	a process that does what a host's administrator does
 * check.c	a device after a round
 * child.c, report.c, shared.c, random.c
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>

#include "check.h"
#include "host.h"
#include "kill.h"
#include "report.h"
#include "rounds.h"
#include "shared.h"
#include "user.h"

#define DEFAULT_SECONDS	120
#define DEFAULT_KILLS	50
#define DEFAULT_THREADS	4

static void usage(FILE *to, const char *name)
{
	fprintf(to,
		"usage: %s [OPTION...]\n"
		"Use the devices of the rig in every way at once, and check after each round\n"
		"of %u seconds whether they, the host and its kernel are as they were.\n\n"
		"  --seconds N  start rounds for this time (default: %u)\n"
		"  --rounds N   run this number of rounds instead\n"
		"  --seed N     of the first round; each seed gives the next (default: any)\n"
		"  --threads N  of the process that uses the devices (default: %u)\n"
		"  --only LIST  only these operations, as touch,reset,host-rebind: the first\n"
		"               column of the summary at the end\n"
		"  --kill       instead, kill a VMM at each system call of its start and under\n"
		"               load, --rounds times (default: %u)\n"
		"  --help       show this\n\n"
		"A seed gives each thread the same operations with the same arguments in the\n"
		"same order.  The order of the threads depends on the scheduler: a failure may\n"
		"need more than one round with its seed.\n",
		name, ROUND_SECONDS, DEFAULT_SECONDS, DEFAULT_THREADS,
		DEFAULT_KILLS);
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	uint64_t val;

	errno = 0;
	val = strtoull(text, &end, 0);
	if (errno || *end || end == text || *text == '-' || val > max) {
		fprintf(stderr, "torture: %s: not a number up to %llu\n", text,
			(unsigned long long)max);
		exit(2);
	}

	return val;
}

/* A list of operations that exist */
static const char *names(const char *list)
{
	const char *at = list;
	unsigned int i, found = 0, wanted = 1;

	for (; *at; at++)
		wanted += *at == ',';
	for (i = 0; user_operation(i); i++)
		found += chosen(list, user_operation(i)->name);
	for (i = 0; host_operations[i].name; i++)
		found += chosen(list, host_operations[i].name);
	if (found != wanted) {
		fprintf(stderr, "torture: %s: not operations\n", list);
		exit(2);
	}

	return list;
}

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 'e' },
		{ "threads", required_argument, NULL, 't' },
		{ "only", required_argument, NULL, 'o' },
		{ "kill", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (option) {
		case 's':
			options->seconds = number(optarg, 1000000);
			break;
		case 'r':
			options->rounds = number(optarg, 1000000);
			break;
		case 'e':
			options->seed = number(optarg, ~0ULL);
			break;
		case 't':
			options->threads = number(optarg, MAX_THREADS);
			break;
		case 'o':
			options->only = names(optarg);
			break;
		case 'k':
			options->kill = true;
			break;
		case 'h':
			usage(stdout, argv[0]);
			exit(0);
		default:
			usage(stderr, argv[0]);
			exit(2);
		}
	}
	if (optind < argc) {
		usage(stderr, argv[0]);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct options options = {
		.seconds = DEFAULT_SECONDS,
		.threads = DEFAULT_THREADS,
	};
	int ret;

	if (getrandom(&options.seed, 4, 0) < 0)
		options.seed = time(NULL);
	parse(&options, argc, argv);
	if (options.kill && !options.rounds)
		options.rounds = DEFAULT_KILLS;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	devices.count = host_count();
	if (devices.count > MAX_DEVICES)
		devices.count = MAX_DEVICES;
	if (shared == MAP_FAILED || !devices.count ||
	    system("modprobe " DRIVER)) {
		fprintf(stderr, "torture: needs the rig's machine, " DRIVER
			" and a device\n");
		return 1;
	}
	/* Children of a killed child have to be waited for */
	prctl(PR_SET_CHILD_SUBREAPER, 1);

	printf("TAP version 13\n# seed %#llx, %u threads, %u devices\n",
	       (unsigned long long)options.seed, options.threads,
	       devices.count);
	ret = options.kill ? kill_rounds(&options) : run_rounds(&options);
	if (!options.kill)
		ret = print_sums() ?: ret;
	report_plan();

	return ret ? 1 : 0;
}
