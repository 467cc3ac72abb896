// SPDX-License-Identifier: GPL-2.0-only
/*
 * Count the instructions of a system call, from the log of the machine's
 * emulator
 */
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/qmp.h"

#include "count.h"

/* The run's directory, as the emulator and as the machine name it */
#define LOG_OUTSIDE	"share/trace"
#define LOG_INSIDE	"/run/rig/trace"
#define CPU		1
#define KERNEL		(1ULL << 63)

/* The address of the only instruction that makes the calls */
static uint64_t syscall_pc;

__attribute__((noipa))
long count_enter(long nr, long a, const void *b, long c, long d)
{
#ifdef __aarch64__
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register const void *x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	uint64_t pc;

	__asm__ volatile("adr %1, 1f\n"
			 "1:\tsvc #0"
			 : "+r"(x0), "=&r"(pc)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3)
			 : "memory");
	syscall_pc = pc;

	return x0;
#else
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("leaq 1f(%%rip), %%rcx\n\t"
			 "movq %%rcx, %1\n"
			 "1:\tsyscall"
			 : "=a"(ret), "=m"(syscall_pc)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");

	return ret;
#endif
}

/* A command for the machine's monitor, in QMP */
static void wrap(const char *line, char *command, size_t size)
{
	snprintf(command, size,
		 "{\"execute\":\"human-monitor-command\",\"arguments\":"
		 "{\"command-line\":\"%s\"}}", line);
}

static void monitor(const char *line)
{
	char command[256];

	wrap(line, command, sizeof(command));
	if (qmp(command))
		errx(1, "the machine's monitor fails: %s", line);
}

/* Do not wait for an answer: reading it would fill the log */
static void monitor_quietly(const char *line)
{
	const struct timespec pause = { .tv_nsec = 300000000 };
	const char *path = getenv("RIG_QMP");
	int fd = open(path ?: "", O_WRONLY | O_CLOEXEC);
	char command[256];

	wrap(line, command, sizeof(command));
	if (fd < 0 || dprintf(fd, "%s\n", command) < 0)
		err(1, "the machine's monitor");
	close(fd);
	nanosleep(&pause, NULL);
}

void count_start(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(CPU, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "CPU %u", CPU);

	monitor("logfile " LOG_OUTSIDE);
	monitor("one-insn-per-tb on");
	monitor_quietly("log exec,nochain");
}

/* Entry points of the slab allocator, sorted */
static uint64_t allocators[64];
static size_t nr_allocators;

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void find_allocators(void)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	unsigned long long address;
	char type, name[256];

	nr_allocators = 0;
	while (file && nr_allocators < 64 &&
	       fscanf(file, "%llx %c %255s%*[^\n]", &address, &type, name) == 3)
		if ((!strncmp(name, "__kmalloc", 9) ||
		     !strncmp(name, "kmem_cache_alloc", 16)) &&
		    (type == 'T' || type == 't'))
			allocators[nr_allocators++] = address;
	if (file)
		fclose(file);
	if (!nr_allocators)
		errx(1, "/proc/kallsyms does not contain the slab allocator");
	qsort(allocators, nr_allocators, sizeof(*allocators), compare);
}

/* Add an executed instruction to the call that it belongs to */
static void follow(uint64_t pc, struct count *calls, size_t nr, size_t *next,
		   bool *inside)
{
	struct count *call = calls + *next - 1;

	if (pc == syscall_pc) {
		*inside = *next < nr;
		if (*inside)
			calls[(*next)++] = (struct count){ };
	} else if (!(pc & KERNEL)) {
		*inside = false;
	} else if (*inside) {
		call->instructions++;
		call->allocations += !!bsearch(&pc, allocators, nr_allocators,
					       sizeof(*allocators), compare);
	}
}

static int compare_counts(const void *a, const void *b)
{
	const struct count *x = a, *y = b;

	return x->instructions < y->instructions ? -1 :
	       x->instructions > y->instructions;
}

void count_stop(struct count *counts, unsigned int nr)
{
	const size_t total = (size_t)nr * COUNT_CALLS;
	struct count *calls = calloc(total, sizeof(*calls));
	char line[256], mark[16], *pc;
	bool inside = false;
	size_t found = 0;
	unsigned int i;
	FILE *file;

	monitor_quietly("log none");
	monitor("one-insn-per-tb off");
	find_allocators();

	snprintf(mark, sizeof(mark), "Trace %u:", CPU);
	file = fopen(LOG_INSIDE, "re");
	if (!file || !calls)
		err(1, "%s", LOG_INSIDE);
	/* Each read is a request to the emulator */
	setvbuf(file, NULL, _IOFBF, 1 << 20);
	while (fgets(line, sizeof(line), file)) {
		/* Trace CPU: HOST [CS_BASE/PC/FLAGS/CFLAGS] */
		pc = strchr(line, '/');
		if (pc && !strncmp(line, mark, strlen(mark)))
			follow(strtoull(pc + 1, NULL, 16), calls, total,
			       &found, &inside);
	}
	fclose(file);
	if (truncate(LOG_INSIDE, 0))
		err(1, "%s", LOG_INSIDE);
	if (found < total)
		errx(1, "%zu of %zu calls are in the emulator's log", found,
		     total);

	/* A timer interrupt during a call adds to its count */
	for (i = 0; i < nr; i++) {
		qsort(calls + i * COUNT_CALLS, COUNT_CALLS, sizeof(*calls),
		      compare_counts);
		counts[i] = calls[i * COUNT_CALLS + COUNT_CALLS / 2];
	}
	free(calls);
}
