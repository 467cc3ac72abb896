/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Facts about a device as text and as JSON, for more than one verb
 */
#ifndef FACTS_H
#define FACTS_H

#include "checks.h"
#include "host.h"
#include "out.h"

/**
 * facts_json() - put what list and info have in common into JSON
 * @json: object that gets the members
 * @host: the host
 * @device: the device
 */
void facts_json(struct json_object *json, const struct host *host,
		const struct device *device);

/**
 * facts_verdict_json() - put whether it can be bound into JSON
 * @json: object that gets the members
 * @device: the device
 * @findings: results of its checks
 */
void facts_verdict_json(struct json_object *json, const struct device *device,
			const struct findings *findings);

/* The same as text, to be freed */
char *facts_window(const struct host *host, const struct device *device);
char *facts_index(int index);
char *facts_verdict(const struct device *device,
		    const struct findings *findings);

#endif /* FACTS_H */
