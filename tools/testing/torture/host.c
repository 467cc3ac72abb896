// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that does what a host's administrator does, and injects faults
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/aer.h"
#include "lib/array.h"
#include "lib/clock.h"
#include "lib/kmsg.h"
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

/* This waits until the user has closed the device */
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

/* The module is in use at some times and not at others */
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

/* Resets after which the decoder is not restored, then one that restores it */
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

static bool can_lose(void)
{
	return rig_can_fail(0);
}

/*
 * The device or the port above reports an error: what the user does may fail
 * until a reset after the recovery.  A device without a driver never recovers
 * from an error, whatever driver it has later.
 */
static int report_error(struct random *r)
{
	static const char *const errors[] = { "MALF_TLP", "MALF_TLP",
					      "COMP_ABORT", "POISON_TLP" };
	const char *error = errors[below(r, ARRAY_SIZE(errors))];
	const struct host_device *host = any_host(r);
	char driver[64];
	int kmsg, ret;

	if (strcmp(sysfs_driver(host->bdf, driver, sizeof(driver)), DRIVER))
		return -ENODEV;
	kmsg = kmsg_open();
	if (kmsg < 0)
		return kmsg;
	ret = one_in(r, 4) ? rig_inject_port(host->index, "COMP_ABORT") :
			     rig_inject(host->index, error);
	/* The device is idle at the end of the round */
	if (!ret)
		ret = aer_wait(kmsg);
	close(kmsg);

	return ret ?: -EIO;
}

static bool can_report(void)
{
	return getenv("RIG_QOM");
}

const struct host_operation host_operations[] = {
	{ .name = "host-reset", .weight = 8, .run = any_reset },
	{ .name = "host-rebind", .weight = 3, .run = rebind },
	{ .name = "host-reload", .weight = 1, .run = reload },
	{ .name = "host-config", .weight = 4, .run = read_config },
	{ .name = "host-lose", .weight = 2, .run = lose_memory,
	  .possible = can_lose },
	{ .name = "host-error", .weight = 3, .run = report_error,
	  .possible = can_report },
	{ }
};

void host_process(const struct options *options, uint64_t seed)
{
	unsigned int weight[ARRAY_SIZE(host_operations)] = { };
	const struct host_operation *op;
	unsigned int weights = 0, i;
	uint64_t number, at;
	struct random r;

	for (i = 0; host_operations[i].name; i++) {
		op = &host_operations[i];
		if (chosen(options->only, op->name) &&
		    (!op->possible || op->possible()))
			weight[i] = op->weight;
		weights += weight[i];
	}

	for (number = 1; weights && !atomic_load(&shared->stop); number++) {
		random_init(&r, seed, MAX_THREADS, number);
		sleep_ms(below(&r, 300));
		at = below(&r, weights);
		for (i = 0; at >= weight[i]; i++)
			at -= weight[i];
		count(&shared->host[i], host_operations[i].run(&r));
	}
	_exit(0);
}
