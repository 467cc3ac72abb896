// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that does what a host's administrator does, and what goes wrong
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/array.h"
#include "lib/clock.h"
#include "lib/qmp.h"
#include "lib/sysfs.h"

#include "check.h"
#include "host.h"

static const struct host_device *any_host(struct random *r)
{
	return &devices.tests[below(r, devices.count)].host;
}

static int any_reset(struct random *r)
{
	static const char *const methods[] = { NULL, "flr", "bus", "cxl_bus",
					       "pm" };
	const char *bdf = any_host(r)->bdf;
	const char *method = methods[below(r, ARRAY_SIZE(methods))];

	if (method && !sysfs_has_reset(bdf, method))
		method = NULL;

	return sysfs_reset(bdf, method);
}

/* Waits until the user has closed the device */
static int rebind(struct random *r)
{
	const char *bdf = any_host(r)->bdf;
	int ret = sysfs_unbind(bdf);

	if (!ret && one_in(r, 2))
		sleep_ms(below(r, 20));

	return ret ?: sysfs_bind(bdf, DRIVER);
}

static int run(const char *command)
{
	const int status = system(command);

	return status < 0 ? -errno :
	       WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

/* The module is in use now, and then it is not */
static int reload(struct random *r)
{
	unsigned int i;
	int ret;

	if (one_in(r, 2)) {
		for (i = 0; i < devices.count; i++)
			sysfs_unbind(devices.tests[i].host.bdf);
	}
	ret = run("modprobe -r " DRIVER " 2> /dev/null");
	if (run("modprobe " DRIVER))
		return -ENOEXEC;
	for (i = 0; i < devices.count; i++)
		if (sysfs_bind(devices.tests[i].host.bdf, DRIVER))
			ret = -ENODEV;

	return ret;
}

/* What lspci -xxx does */
static int read_config(struct random *r)
{
	const struct host_device *host = any_host(r);
	unsigned int at;

	for (at = 0; at < 4096; at += 4)
		host_config(host, at, 4);

	return 0;
}

/* Resets after which the decoder does not come back, then one that heals */
static int lose_memory(struct random *r)
{
	const struct host_device *host = any_host(r);
	int ret;

	ret = rig_commit_fails(host->index, true);
	if (ret)
		return ret;
	sysfs_reset(host->bdf, NULL);
	sleep_ms(below(r, 50));
	ret = rig_commit_fails(host->index, false);

	return sysfs_reset(host->bdf, NULL) ?: ret;
}

const struct host_operation host_operations[] = {
	{ .name = "host-reset", .weight = 8, .run = any_reset },
	{ .name = "host-rebind", .weight = 3, .run = rebind },
	{ .name = "host-reload", .weight = 1, .run = reload },
	{ .name = "host-config", .weight = 4, .run = read_config },
	{ .name = "host-lose", .weight = 2, .run = lose_memory },
	{ }
};

static unsigned int operation_weight(const struct options *options,
				     const struct host_operation *op,
				     bool can_fail)
{
	if (op->run == lose_memory && !can_fail)
		return 0;
	return chosen(options->only, op->name) ? op->weight : 0;
}

void host_process(const struct options *options, uint64_t seed)
{
	/* Devices of flesh and blood cannot */
	const bool can_fail = rig_can_fail(0);
	const struct host_operation *op;
	unsigned int weights = 0;
	uint64_t number, at;
	struct random r;

	for (op = host_operations; op->name; op++)
		weights += operation_weight(options, op, can_fail);

	for (number = 1; weights && !atomic_load(&shared->stop); number++) {
		random_init(&r, seed, MAX_THREADS, number);
		sleep_ms(below(&r, 300));
		at = below(&r, weights);
		for (op = host_operations;
		     at >= operation_weight(options, op, can_fail); op++)
			at -= operation_weight(options, op, can_fail);
		count(&shared->host[op - host_operations], op->run(&r));
	}
	_exit(0);
}
