// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole driver under load: rounds, and what each of them came to
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "torture.h"

#define ROUND_SECONDS	10
/* An emulated machine may be slow, and others may use its processors */
#define END_SECONDS	60
#define DEFAULT_SECONDS	120
#define DEFAULT_KILLS	50
#define DEFAULT_THREADS	4

/* So many times a kind of operation may fail before that is a failure */
#define PATIENCE	200

struct shared *shared;

/* What all files use */

void count(struct counter *counter, int ret)
{
	atomic_fetch_add(&counter->tried, 1);
	if (ret >= 0)
		atomic_fetch_add(&counter->succeeded, 1);
	else if (-ret < MAX_ERRNO)
		atomic_fetch_add(&shared->errors[-ret], 1);
}

bool chosen(const char *only, const char *name)
{
	const size_t len = strlen(name);
	const char *at = only;

	if (!at)
		return true;
	for (; *at; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == len && !strncmp(at, name, len))
			return true;

	return false;
}

static unsigned int reports;

void report(int ret, const char *format, ...)
{
	va_list args;

	printf("%s %u torture: ", ret ? "not ok" : "ok", ++reports);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* Children */

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

/* Where in the kernel the threads of a process are */
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

/* Rounds */

static struct counter total(const struct counter *counters)
{
	struct counter sum = { };
	unsigned int i;

	for (i = 0; i < MAX_OPERATIONS; i++) {
		sum.tried += counters[i].tried;
		sum.succeeded += counters[i].succeeded;
	}

	return sum;
}

/* End the user by itself or in the midst of what it does; then the host */
static int end_children(pid_t user, pid_t host, bool killed)
{
	int status, ret = 0;

	if (killed)
		kill(user, SIGKILL);
	atomic_store(&shared->stop, true);

	status = wait_for(user, END_SECONDS);
	if (status < 0) {
		kill(user, SIGKILL);
		wait_for(user, END_SECONDS);
		ret = status;
	} else if (killed ? WTERMSIG(status) != SIGKILL : status) {
		printf("# the user ended with status %#x\n", status);
		ret = -ECHILD;
	}
	status = wait_for(host, END_SECONDS);
	if (status)
		ret = status < 0 ? status : -ECHILD;

	return wait_for_all(END_SECONDS) ?: ret;
}

static int run_round(const struct options *options, uint64_t seed)
{
	const double end = seconds() + ROUND_SECONDS;
	siginfo_t info = { };
	pid_t user, host;
	struct random r;
	int ret;

	ret = devices_begin();
	if (ret) {
		printf("# devices: %s\n", strerror(-ret));
		return ret;
	}
	random_init(&r, seed, 0, 0);
	atomic_store(&shared->stop, false);
	user = start(user_process, options, seed);
	host = start(host_process, options, seed);
	while (seconds() < end && !info.si_pid &&
	       !waitid(P_PID, user, &info, WEXITED | WNOHANG | WNOWAIT))
		sleep_ms(20);
	ret = end_children(user, host, one_in(&r, 3));
	/* Processes that hang have the devices: nobody else will get them */
	if (ret == -ETIMEDOUT)
		return ret;

	return devices_end(seed) ?: ret;
}

static void print_again(const struct options *options, unsigned long long seed)
{
	printf("# again: torture --rounds 1 --threads %u --seed %#llx",
	       options->threads, seed);
	printf(options->only ? " --only %s\n" : "\n", options->only);
}

static int run_rounds(const struct options *options)
{
	const double end = seconds() + options->seconds;
	unsigned long long seed = options->seed;
	struct counter before, now;
	unsigned int round;
	int ret = 0;

	for (round = 1; !ret && (options->rounds ? round <= options->rounds :
				 seconds() < end); round++) {
		before = total(shared->user);
		ret = run_round(options, seed);
		now = total(shared->user);
		report(ret, "round %u, seed %#llx: %llu operations, %llu done",
		       round, seed, now.tried - before.tried,
		       now.succeeded - before.succeeded);
		if (ret)
			print_again(options, seed);
		seed = random_seed_after(seed);
	}

	return ret;
}

/* Sums */

static bool print_counter(const char *name, const struct counter *counter,
			  bool refused)
{
	const bool wrong = refused ? counter->succeeded :
				     counter->tried >= PATIENCE &&
				     !counter->succeeded;

	printf("# %-16s %9llu %9llu%s\n", name, counter->tried,
	       counter->succeeded,
	       !wrong ? "" : refused ? "  must be refused" : "  never");

	return !wrong;
}

static int print_sums(void)
{
	const struct operation *op;
	bool right = true;
	unsigned int i;

	printf("# %-16s %9s %9s\n", "operation", "tried", "succeeded");
	right &= print_counter("open", &shared->opens, false);
	for (i = 0; (op = user_operation(i)); i++)
		right &= print_counter(op->name, &shared->user[i],
				       op->refused);
	for (i = 0; host_operations[i].name; i++)
		right &= print_counter(host_operations[i].name,
				       &shared->host[i], false);
	for (i = 0; i < MAX_ERRNO; i++)
		if (shared->errors[i])
			printf("# %s: %llu\n", strerror(i), shared->errors[i]);
	report(!right, "what must succeed does, what must be refused is");

	return right ? 0 : -EPROTO;
}

/* Options */

static void usage(FILE *to, const char *name)
{
	fprintf(to,
		"usage: %s [OPTION...]\n"
		"Use the devices of the rig in every way at once, and look after each round\n"
		"of %u seconds whether they, the host and its kernel are as they were.\n\n"
		"  --seconds N  start rounds for so long (default: %u)\n"
		"  --rounds N   so many rounds instead\n"
		"  --seed N     of the first round; each seed gives the next (default: any)\n"
		"  --threads N  of the process that uses the devices (default: %u)\n"
		"  --only LIST  only these operations, as touch,reset,host-rebind: the first\n"
		"               column of the sums at the end\n"
		"  --kill       instead, kill a VMM at each system call of its start and under\n"
		"               load, --rounds times (default: %u)\n"
		"  --help       this\n\n"
		"A seed gives each thread the same operations with the same arguments in the\n"
		"same order.  Which thread is first is for the scheduler to say: a failure may\n"
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
	/* What a child leaves behind when it is killed is to be waited for */
	prctl(PR_SET_CHILD_SUBREAPER, 1);

	printf("TAP version 13\n# seed %#llx, %u threads, %u devices\n",
	       (unsigned long long)options.seed, options.threads,
	       devices.count);
	ret = options.kill ? kill_rounds(&options) : run_rounds(&options);
	if (!options.kill)
		ret = print_sums() ?: ret;
	printf("1..%u\n", reports);

	return ret ? 1 : 0;
}
