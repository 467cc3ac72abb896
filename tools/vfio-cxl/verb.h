/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Verbs: what main() knows of each
 */
#ifndef VERB_H
#define VERB_H

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

/**
 * struct verb_option - an option of a verb
 * @name: without dashes
 * @value: what stands for its value in the help; NULL where it has none
 * @help: one line
 */
struct verb_option {
	const char *name;
	const char *value;
	const char *help;
};

/**
 * struct arg_option - an option as it was given
 * @option: which one
 * @value: its value, or NULL
 */
struct arg_option {
	const struct verb_option *option;
	const char *value;
};

/**
 * struct args - what stands on the command line after a verb
 * @json: --json was given
 * @options: the verb's own options, in the order in which they were given
 * @nr_options: their number
 * @operands: what is no option
 * @nr_operands: their number
 */
struct args {
	bool json;
	struct arg_option *options;
	size_t nr_options;
	char **operands;
	size_t nr_operands;
};

/**
 * struct verb - one of the tool's verbs
 * @name: of it
 * @synopsis: its operands, in the words of the help
 * @summary: one line
 * @details: lines of the help
 * @options: its own options, up to one without a name; NULL for none
 * @min_operands: how many it needs
 * @max_operands: and takes
 * @run: does it, and returns the exit status
 */
struct verb {
	const char *name;
	const char *synopsis;
	const char *summary;
	const char *details;
	const struct verb_option *options;
	size_t min_operands;
	size_t max_operands;
	enum status (*run)(const struct args *args);
};

extern const struct verb verb_list;
extern const struct verb verb_info;
extern const struct verb verb_check;
extern const struct verb verb_plan;
extern const struct verb verb_generate;
extern const struct verb verb_bind;
extern const struct verb verb_unbind;

/**
 * arg_value() - the value of an option
 * @args: the command line
 * @name: of the option
 *
 * Return: the last value given, an empty one for an option without values;
 * NULL where the option was not given.
 */
const char *arg_value(const struct args *args, const char *name);

#endif /* VERB_H */
