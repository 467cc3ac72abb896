// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the KUnit suites in user space, with the kernel's KTAP output
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kunit/test.h>

#define MAX_SUITES	32
#define MAX_PARAMS	32

/* Indentation of a suite's cases, and of the parameters of one */
#define CASE		4
#define PARAM		8

struct module_param {
	const char *name;
	const char *type;
	void *val;
};

static struct kunit_suite *suites[MAX_SUITES];
static unsigned int nr_suites;
static struct module_param params[MAX_PARAMS];
static unsigned int nr_params;
static unsigned int passed, failed;

/**
 * kunit_user_add - register suites
 * @add: array of suites
 * @nr: number of suites
 */
void kunit_user_add(struct kunit_suite **add, unsigned int nr)
{
	while (nr-- && nr_suites < MAX_SUITES)
		suites[nr_suites++] = *add++;
}

/**
 * kunit_user_param - register a module parameter
 * @name: its name
 * @type: its type, as for module_param()
 * @val: where its value goes
 * @permissions: permissions of its file in sysfs, which does not exist here
 */
void kunit_user_param(const char *name, const char *type, void *val,
		      unsigned int permissions)
{
	if (nr_params < MAX_PARAMS)
		params[nr_params++] = (struct module_param){ name, type, val };
}

/**
 * kunit_user_note - print a diagnostic line
 * @format: printf() format; nothing is printed if it is empty
 */
void kunit_user_note(const char *format, ...)
{
	va_list args;

	if (!*format)
		return;
	va_start(args, format);
	printf("%*s# ", PARAM, "");
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

/**
 * kunit_user_fail - a check failed
 * @test: the running case
 * @abort: whether the case ends here
 * @file: where the check is
 * @line: where the check is
 * @what: what was checked
 */
void kunit_user_fail(struct kunit *test, bool abort, const char *file, int line,
		     const char *what)
{
	kunit_user_note("%s: %s:%d: %s: %s", test->name, file, line,
			abort ? "ASSERTION FAILED" : "EXPECTATION FAILED",
			what);
	test->failed = true;
	if (abort)
		longjmp(test->abort, 1);
}

/**
 * kunit_user_zalloc - allocate memory that is freed with the case
 * @test: the running case
 * @size: size in bytes
 *
 * Return: zeroed memory, or NULL.
 */
void *kunit_user_zalloc(struct kunit *test, size_t size)
{
	if (test->nr_memory == KUNIT_USER_MEMORY)
		return NULL;

	return test->memory[test->nr_memory++] = calloc(1, size);
}

/**
 * kunit_user_next - get the next parameter of an array
 * @array: the array
 * @nr: number of elements
 * @size: size of an element
 * @name: offset of the name in an element
 * @prev: the previous element, or NULL
 * @desc: set to the name, at most KUNIT_PARAM_DESC_SIZE bytes
 *
 * Return: the element, or NULL after the last.
 */
const void *kunit_user_next(const void *array, size_t nr, size_t size,
			    size_t name, const void *prev, char *desc)
{
	const char *next = prev ? (const char *)prev + size : array;

	if (next == (const char *)array + nr * size)
		return NULL;
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s",
		 *(const char *const *)(next + name));

	return next;
}

static void result(bool ok, unsigned int indent, unsigned int nr,
		   const char *name)
{
	printf("%*s%s %u %s\n", indent, "", ok ? "ok" : "not ok", nr, name);
	fflush(stdout);
}

/* One case with one parameter, or none */
static bool run(struct kunit_suite *suite, struct kunit_case *test_case,
		const void *param)
{
	struct kunit test = { .name = test_case->name, .param_value = param };

	if (!setjmp(test.abort)) {
		if (suite->init && suite->init(&test))
			kunit_user_fail(&test, true, suite->name, 0, "init");
		test_case->run_case(&test);
	}
	if (!setjmp(test.abort) && suite->exit && test.priv)
		suite->exit(&test);
	while (test.nr_memory)
		free(test.memory[--test.nr_memory]);

	if (test.failed)
		failed++;
	else
		passed++;

	return !test.failed;
}

static bool run_case(struct kunit_suite *suite, struct kunit_case *test_case,
		     unsigned int nr)
{
	char desc[KUNIT_PARAM_DESC_SIZE] = "";
	struct kunit dummy = { .name = test_case->name };
	unsigned int param_nr = 0;
	const void *param = NULL;
	bool ok = true;

	if (!test_case->generate_params) {
		ok = run(suite, test_case, NULL);
	} else {
		printf("%*sKTAP version 1\n%*s# Subtest: %s\n", PARAM, "",
		       PARAM, "", test_case->name);
		while ((param = test_case->generate_params(&dummy, param,
							   desc))) {
			bool param_ok = run(suite, test_case, param);

			result(param_ok, PARAM, ++param_nr, desc);
			ok = ok && param_ok;
		}
		printf("%*s1..%u\n", PARAM, "", param_nr);
		ok = ok && param_nr;
	}
	result(ok, CASE, nr, test_case->name);

	return ok;
}

static bool run_suite(struct kunit_suite *suite)
{
	struct kunit_case *test_case;
	unsigned int nr = 0;
	bool ok = true;

	for (test_case = suite->test_cases; test_case->run_case; test_case++)
		nr++;
	printf("%*sKTAP version 1\n%*s# Subtest: %s\n%*s1..%u\n", CASE, "",
	       CASE, "", suite->name, CASE, "", nr);
	nr = 0;
	for (test_case = suite->test_cases; test_case->run_case; test_case++)
		ok = run_case(suite, test_case, ++nr) && ok;

	return ok;
}

/* module.name=value, as on the kernel's command line, or name=value */
static bool set_param(const char *arg)
{
	const char *dot = strchr(arg, '.'), *equals = strchr(arg, '=');
	unsigned long long val;
	unsigned int i;
	char *end;

	if (!equals)
		return false;
	if (dot && dot < equals)
		arg = dot + 1;
	val = strtoull(equals + 1, &end, 0);
	if (*end || end == equals + 1)
		return false;

	for (i = 0; i < nr_params; i++) {
		struct module_param *param = &params[i];

		if (strlen(param->name) != (size_t)(equals - arg) ||
		    strncmp(param->name, arg, equals - arg))
			continue;
		if (!strcmp(param->type, "ullong"))
			*(unsigned long long *)param->val = val;
		else
			*(unsigned int *)param->val = val;
		return true;
	}

	return false;
}

int main(int argc, char **argv)
{
	unsigned int i;
	int arg;

	for (arg = 1; arg < argc; arg++) {
		if (set_param(argv[arg]))
			continue;
		fprintf(stderr, "usage: %s [PARAMETER=NUMBER]...\n", argv[0]);
		for (i = 0; i < nr_params; i++)
			fprintf(stderr, "  %s\n", params[i].name);
		return 2;
	}

	printf("KTAP version 1\n1..%u\n", nr_suites);
	for (i = 0; i < nr_suites; i++)
		result(run_suite(suites[i]), 0, i + 1, suites[i]->name);
	printf("# %u passed, %u failed\n", passed, failed);

	return failed || !passed;
}
