/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Can a device be bound and used? One check after the other
 */
#ifndef CHECKS_H
#define CHECKS_H

#include "host.h"

/**
 * enum outcome - of a check
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
 * @name: of the check, one word that does not change
 * @outcome: of it
 * @text: what was found
 * @advice: what to do about it; NULL where there is nothing to do
 */
struct finding {
	const char *name;
	enum outcome outcome;
	char *text;
	char *advice;
};

/**
 * struct findings - of all checks of a device
 * @each: these, in the order in which they matter
 * @nr: their number
 * @memory: what decoder 0 decodes, or what it has to decode where it is not
 *	committed and a range is routed to it; size 0 where that is not known
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
