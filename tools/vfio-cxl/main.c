// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-cxl: CXL.mem devices of a host, for virtual machines
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verb.h"

static const struct verb *const verbs[] = {
	&verb_list,
	&verb_info,
	&verb_check,
	&verb_plan,
	&verb_generate,
	&verb_bind,
	&verb_unbind,
};

/* Options of every verb, after its own */
static const struct verb_option common_options[] = {
	{ "json", NULL, "print JSON, which vfio-cxl(1) describes" },
	{ "help", NULL, "print this and exit" },
};

enum { OPTION_JSON, OPTION_HELP };

static size_t count_options(const struct verb *verb)
{
	size_t nr = 0;

	if (verb->options)
		while (verb->options[nr].name)
			nr++;
	return nr;
}

static void print_option(const struct verb_option *option)
{
	char *text = xprintf("--%s%s%s", option->name,
			     option->value ? " " : "", option->value ?: "");

	printf("  %-24s %s\n", text, option->help);
	free(text);
}

static void print_help(const struct verb *verb)
{
	size_t i, nr = count_options(verb);

	printf("Usage: vfio-cxl %s [OPTION...]%s%s\n\n%s.\n", verb->name,
	       *verb->synopsis ? " " : "", verb->synopsis, verb->summary);
	if (verb->details)
		printf("\n%s", verb->details);
	printf("\nOptions:\n");
	for (i = 0; i < nr; i++)
		print_option(&verb->options[i]);
	for (i = 0; i < ARRAY_SIZE(common_options); i++)
		print_option(&common_options[i]);
}

static void print_verbs(void)
{
	size_t i;

	printf("Usage: vfio-cxl VERB [OPTION...] [OPERAND...]\n\n"
	       "Manage CXL.mem devices for virtual machines.\n\n"
	       "Verbs:\n");
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
	printf("\nSee 'vfio-cxl VERB --help' and vfio-cxl(1).\n\n"
	       "Exit status: 0 done, or yes; 1 refused, or no; 2 wrong usage; "
	       "3 unknown\n");
}

static void __noreturn wrong_usage(const struct verb *verb)
{
	die(STATUS_USAGE, "see 'vfio-cxl %s --help'", verb->name);
}

static void set_getopt(struct option *to, const struct verb_option *from,
		       int value)
{
	*to = (struct option){
		.name = from->name,
		.has_arg = from->value ? required_argument : no_argument,
		.val = value,
	};
}

/* Do not report success if the output could not be written. */
static int finish(enum status status)
{
	if (fflush(stdout) || ferror(stdout))
		die(STATUS_FAILED, "the output could not be written");
	return status;
}

/* getopt_long(3) returns FIRST and up: the verb's options, then the common */
#define FIRST 256

static struct args parse(const struct verb *verb, int argc, char **argv)
{
	size_t i, nr = count_options(verb);
	struct option *options;
	struct args args = { 0 };
	char *program;
	int found;

	options = xcalloc(nr + ARRAY_SIZE(common_options) + 1,
			  sizeof(*options));
	for (i = 0; i < nr; i++)
		set_getopt(&options[i], &verb->options[i], FIRST + (int)i);
	for (i = 0; i < ARRAY_SIZE(common_options); i++)
		set_getopt(&options[nr + i], &common_options[i],
			   FIRST + (int)(nr + i));

	/* getopt_long(3) begins its messages with this */
	program = xprintf("vfio-cxl %s", verb->name);
	argv[0] = program;
	while ((found = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (found < FIRST)
			wrong_usage(verb);
		i = (size_t)(found - FIRST);
		if (i < nr) {
			*append(args.options, args.nr_options) =
				(struct arg_option){ &verb->options[i],
						     optarg };
		} else if (i - nr == OPTION_JSON) {
			args.json = true;
		} else {
			print_help(verb);
			free(options);
			free(program);
			exit(finish(STATUS_OK));
		}
	}
	free(options);
	free(program);
	args.operands = argv + optind;
	args.nr_operands = (size_t)(argc - optind);
	if (args.nr_operands < verb->min_operands) {
		warn("%s needs %s", verb->name, verb->synopsis);
		wrong_usage(verb);
	}
	if (args.nr_operands > verb->max_operands) {
		warn("%s: unexpected argument '%s'", verb->name,
		     args.operands[verb->max_operands]);
		wrong_usage(verb);
	}
	return args;
}

const char *arg_value(const struct args *args, const char *name)
{
	size_t i = args->nr_options;

	while (i--)
		if (!strcmp(args->options[i].option->name, name))
			return args->options[i].value ?: "";
	return NULL;
}

static const struct verb *find_verb(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	die(STATUS_USAGE, "there is no verb '%s': see 'vfio-cxl --help'", name);
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	enum status status;
	struct args args;

	if (argc < 2) {
		warn("no verb given");
		die(STATUS_USAGE, "see 'vfio-cxl --help'");
	}
	if (!strcmp(argv[1], "--help")) {
		print_verbs();
		return finish(STATUS_OK);
	}
	if (!strcmp(argv[1], "--version")) {
		puts("vfio-cxl " VERSION);
		return finish(STATUS_OK);
	}
	verb = find_verb(argv[1]);
	args = parse(verb, argc - 1, argv + 1);
	status = verb->run(&args);
	free(args.options);
	return finish(status);
}
