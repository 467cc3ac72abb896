/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Verbs: what main() knows about each
 */
#ifndef VERB_H
#define VERB_H

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

/**
 * struct verb_option - an option of a verb
 * @name: its name, without dashes
 * @value: placeholder for its value in the help; NULL if it has none
 * @help: one line of help
 */
struct verb_option {
	const char *name;
	const char *value;
	const char *help;
};

/**
 * struct arg_option - an option on the command line
 * @option: the option
 * @value: its value, or NULL
 */
struct arg_option {
	const struct verb_option *option;
	const char *value;
};

/**
 * struct args - the command line after a verb
 * @json: --json was given
 * @options: the verb's own options, in the order in which they were given
 * @nr_options: their number
 * @operands: arguments that are not options
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
 * @name: its name
 * @synopsis: its operands, as the help shows them
 * @summary: one line of help
 * @details: more lines of help
 * @options: its own options, up to one without a name; NULL for none
 * @min_operands: minimum number of operands
 * @max_operands: maximum number of operands
 * @run: runs it, and returns the exit status
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
 * @name: name of the option
 *
 * Return: the last value given, an empty one for an option without values; NULL
 * if the option was not given.
 */
const char *arg_value(const struct args *args, const char *name);

#endif /* VERB_H */
