// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses to memory that may raise a signal
 */
#include <setjmp.h>

#include "fault.h"

/* Each thread handles its own faults, where it expects them */
static __thread sigjmp_buf env;
static __thread volatile sig_atomic_t expected;
static __thread siginfo_t fault;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (expected) {
		fault = *info;
		siglongjmp(env, sig);
	}
	/* An access would fault again, but a sent signal would be lost */
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Before main(), so that no program forgets it */
__attribute__((constructor)) static void handle_faults(void)
{
	const struct sigaction act = {
		.sa_sigaction = handler,
		.sa_flags = SA_NODEFER | SA_SIGINFO,
	};

	sigaction(SIGBUS, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
}

int survive(void (*access)(void *arg), void *arg)
{
	int sig;

	expected = 1;
	/* SA_NODEFER: there is no mask to restore */
	sig = sigsetjmp(env, 0);
	if (!sig)
		access(arg);
	expected = 0;

	return sig;
}

const siginfo_t *last_fault(void)
{
	return &fault;
}

struct word_access {
	void *at;
	uint64_t val;
};

static void do_get(void *arg)
{
	struct word_access *access = arg;

	access->val = get(access->at);
}

static void do_put(void *arg)
{
	const struct word_access *access = arg;

	put(access->at, access->val);
}

bool try_get(void *p, uint64_t *val)
{
	struct word_access access = { .at = p };

	if (survive(do_get, &access))
		return false;
	*val = access.val;

	return true;
}

bool try_put(void *p, uint64_t val)
{
	struct word_access access = { .at = p, .val = val };

	return !survive(do_put, &access);
}
