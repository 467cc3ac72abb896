// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rounds of load, and their results
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/clock.h"

#include "check.h"
#include "child.h"
#include "host.h"
#include "random.h"
#include "report.h"
#include "rounds.h"
#include "user.h"

/* An emulated machine may be slow, and others may use its processors */
#define END_SECONDS	60

/* Attempts of which at least one must have succeeded */
#define PATIENCE	200

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

/* End the user, by request or by killing it; then the host */
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
	/* Hanging processes keep the devices: no other process will get them */
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

int run_rounds(const struct options *options)
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

/* Summary */

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

int print_sums(void)
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
