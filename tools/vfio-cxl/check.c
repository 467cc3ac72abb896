// SPDX-License-Identifier: GPL-2.0-only
/*
 * check: whether a device can be bound, and why not
 */
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "facts.h"
#include "host.h"
#include "out.h"
#include "verb.h"

static void print_json(const struct device *device,
		       const struct findings *findings)
{
	struct json_object *json = json_object_new_object(), *checks, *each;
	size_t i;

	json_text(json, "address", device->address);
	facts_verdict_json(json, device, findings);
	checks = json_array_in(json, "checks");
	for (i = 0; i < findings->nr; i++) {
		const struct finding *finding = &findings->each[i];

		each = json_append(checks);
		json_text(each, "name", finding->name);
		json_text(each, "outcome", outcome_name(finding->outcome));
		json_text(each, "text", finding->text);
		json_text(each, "advice", finding->advice);
	}
	json_print(json);
}

static void print_lines(const struct device *device,
			const struct findings *findings)
{
	const struct finding *worst = findings_worst(findings);
	size_t i;

	for (i = 0; i < findings->nr; i++) {
		const struct finding *finding = &findings->each[i];

		printf("%-8s %-15s %s\n", outcome_name(finding->outcome),
		       finding->name, finding->text);
		if (finding->advice)
			printf("%24s -> %s\n", "", finding->advice);
	}
	if (!worst)
		printf("%s can be bound to %s\n", device->address, DRIVER);
	else if (worst->outcome == OUTCOME_NO)
		printf("%s cannot be bound to %s: %s\n", device->address,
		       DRIVER, worst->text);
	else
		printf("whether %s can be bound to %s is not known: %s\n",
		       device->address, DRIVER, worst->text);
}

static enum status run_check(const struct args *args)
{
	const struct finding *worst;
	struct findings findings;
	struct device *device;
	enum status status;
	struct host host;

	host_open(&host);
	device = host_find(&host, args->operands[0]);
	findings = check_device(&host, device);
	worst = findings_worst(&findings);
	status = !worst ? STATUS_OK :
		 worst->outcome == OUTCOME_NO ? STATUS_NO : STATUS_FAILED;
	if (args->json)
		print_json(device, &findings);
	else
		print_lines(device, &findings);
	findings_free(&findings);
	host_close(&host);
	return status;
}

const struct verb verb_check = {
	.name = "check",
	.synopsis = "DEV",
	.summary =
		"Say whether a device can be bound, and why not",
	.details =
		"Each line begins with the result of a check: ok; todo, handled by\n"
		"'vfio-cxl bind'; warning; unknown; no. Exit status: 0 if the\n"
		"device can be bound, 1 if it cannot, 3 if that is not known.\n",
	.min_operands = 1,
	.max_operands = 1,
	.run = run_check,
};
