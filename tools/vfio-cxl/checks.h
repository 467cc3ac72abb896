/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Can a device be bound and used? One check after the other
 */
#ifndef CHECKS_H
#define CHECKS_H

#include "host.h"

/**
 * enum outcome - outcome of a check
 * @OUTCOME_OK: requirement met
 * @OUTCOME_TODO: handled by bind
 * @OUTCOME_WARNING: works with a restriction
 * @OUTCOME_UNKNOWN: cannot be determined
 * @OUTCOME_NO: prevents binding
 */
enum outcome {
	OUTCOME_OK,
	OUTCOME_TODO,
	OUTCOME_WARNING,
	OUTCOME_UNKNOWN,
	OUTCOME_NO,
};

/**
 * struct finding - the result of a check
 * @name: name of the check, one word that does not change
 * @outcome: its outcome
 * @text: what was found
 * @advice: what to do about it; NULL if there is nothing to do
 */
struct finding {
	const char *name;
	enum outcome outcome;
	char *text;
	char *advice;
};

/**
 * struct findings - results of all checks of a device
 * @each: the results, in the order in which they matter
 * @nr: their number
 * @memory: what decoder 0 decodes, or, if it is not committed, the range that
 *	is routed to it and that it has to decode; size 0 if that is not known
 */
struct findings {
	struct finding *each;
	size_t nr;
	struct hdm_decoder memory;
};

/**
 * check_device() - run all checks
 * @host: the host
 * @device: the device
 *
 * Return: what they found, to be freed by findings_free().
 */
struct findings check_device(const struct host *host,
			     const struct device *device);

void findings_free(struct findings *findings);

/**
 * findings_worst() - what prevents binding
 * @findings: of a device
 *
 * Return: the first with OUTCOME_NO, or else with OUTCOME_UNKNOWN, or NULL.
 */
const struct finding *findings_worst(const struct findings *findings);

/**
 * outcome_name() - a word for an outcome
 * @outcome: the outcome
 *
 * Return: the word, as it is in JSON.
 */
const char *outcome_name(enum outcome outcome);

#endif /* CHECKS_H */
