// SPDX-License-Identifier: GPL-2.0-only
/*
 * bind and unbind: give a device to vfio-cxl-pci, and back
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cxl/libcxl.h>

#include "checks.h"
#include "core.h"
#include "dax.h"
#include "host.h"
#include "kmsg.h"
#include "out.h"
#include "steps.h"
#include "users.h"
#include "verb.h"

#define DRIVERS		"/sys/bus/pci/drivers"
#define MEMORY		"/sys/devices/system/memory"
#define STATE		"/run/vfio-cxl"
#define RULES		"/etc/udev/rules.d"

static char *state_path(const struct device *device)
{
	return xprintf(STATE "/%s", device->address);
}

/* What a function had before: address, driver, driver_override */
static void add_state(char **text, const char *address, const char *driver,
		      const char *override)
{
	char *more = xprintf("%s%s %s %s\n", *text, address, driver ?: "",
			     override ?: "");

	free(*text);
	*text = more;
}

/* One line for each function that bind handles */
static char *state_text(const struct device *device)
{
	char *text = xstrdup("");
	size_t i;

	add_state(&text, device->address, device->driver, device->override);
	for (i = 0; i < device->nr_companions; i++) {
		const struct companion *each = &device->companions[i];

		if (!companion_is_ready(each))
			add_state(&text, each->address, each->driver,
				  each->override);
	}
	return text;
}

static char *rule_path(const struct device *device)
{
	return xprintf(RULES "/05-vfio-cxl-%s.rules", device->address);
}

/*
 * Early enough that no driver is loaded for the device yet.  The module binds
 * it when it is loaded; if another device's rule has loaded the module, a probe
 * does.
 */
static char *rule_line(const char *address, const char *driver)
{
	return xprintf("ACTION==\"add\", SUBSYSTEM==\"pci\", "
		       "KERNEL==\"%s\", ATTR{driver_override}=\"%s\", "
		       "RUN{builtin}+=\"kmod load %s\", "
		       "RUN+=\"/bin/sh -c 'echo %s > %s'\"\n",
		       address, driver, driver, address,
		       "/sys/bus/pci/drivers_probe");
}

static char *rule_text(const struct device *device)
{
	char *text = xstrdup("# Written by 'vfio-cxl bind --persistent'\n");
	char *line, *more;
	size_t i;

	for (i = 0; i <= device->nr_companions; i++) {
		line = i ? rule_line(device->companions[i - 1].address,
				     COMPANION_DRIVER) :
			   rule_line(device->address, DRIVER);
		more = xprintf("%s%s", text, line);
		free(line);
		free(text);
		text = more;
	}
	return text;
}

static char *override_path(const char *address)
{
	return xprintf(PCI_DEVICES "/%s/driver_override", address);
}

static char *bind_path(const char *driver)
{
	return xprintf(DRIVERS "/%s/bind", driver);
}

static char *unbind_path(const char *driver)
{
	return xprintf(DRIVERS "/%s/unbind", driver);
}

static bool is_bound(const struct device *device)
{
	return device->driver && !strcmp(device->driver, DRIVER);
}

/* Freeing the memory, in the order in which it came into use */

/* Take a block offline; undoing it puts it online in the same zone. */
static void offline_block(struct steps *steps, unsigned long long number)
{
	char *state = read_text(MEMORY "/memory%llu/state", number);
	char *zone = read_text(MEMORY "/memory%llu/valid_zones", number);

	if (state && !strcmp(state, "online"))
		steps_add(steps,
			  action_write(xprintf(MEMORY "/memory%llu/state",
					       number), xstrdup("offline")),
			  action_write(xprintf(MEMORY "/memory%llu/state",
					       number),
				       xstrdup(zone &&
					       !strcmp(zone, "Movable") ?
					       "online_movable" : "online")));
	free(state);
	free(zone);
}

static void offline_memory(struct steps *steps, uint64_t start, uint64_t end)
{
	char *text = read_text(MEMORY "/block_size_bytes");
	/* In hexadecimal without a prefix */
	uint64_t size = text ? strtoull(text, NULL, 16) : 0, number;

	free(text);
	for (number = size ? start / size : 0; size && number <= end / size;
	     number++)
		offline_block(steps, number);
}

static void unbind_dax(struct steps *steps, uint64_t start, uint64_t end)
{
	struct dax *devices;
	size_t i, nr = dax_find(start, end, &devices);

	for (i = 0; i < nr; i++) {
		const struct dax *each = &devices[i];

		steps_add(steps,
			  action_write(xprintf(DAX "/drivers/%s/unbind",
					       each->driver),
				       xstrdup(each->name)),
			  action_write(xprintf(DAX "/drivers/%s/bind",
					       each->driver),
				       xstrdup(each->name)));
	}
	dax_free(devices, nr);
}

/* Binding the driver again restores the region: nothing to undo. */
static void delete_region(struct steps *steps, const struct host *host,
			  const struct hdm_decoder *memory)
{
	struct cxl_region *region = core_region(host, memory);
	struct cxl_decoder *decoder;

	if (!region)
		return;
	decoder = cxl_region_get_decoder(region);
	steps_add(steps,
		  action_write(xprintf("/sys/bus/cxl/devices/%s/delete_region",
				       cxl_decoder_get_devname(decoder)),
			       xstrdup(cxl_region_get_devname(region))),
		  NO_ACTION);
}

static void unbind_from(struct steps *steps, const char *driver,
			const char *address)
{
	if (driver)
		steps_add(steps,
			  action_write(unbind_path(driver), xstrdup(address)),
			  action_write(bind_path(driver), xstrdup(address)));
}

static void bind_to(struct steps *steps, const char *driver,
		    const char *address)
{
	steps_add(steps, action_write(bind_path(driver), xstrdup(address)),
		  action_write(unbind_path(driver), xstrdup(address)));
}

/* After the driver's unbind: undone, it lets that driver bind it again */
static void set_override(struct steps *steps, const char *address,
			 const char *from, const char *to)
{
	steps_add(steps, action_write(override_path(address), xstrdup(to)),
		  action_write(override_path(address), xstrdup(from ?: "")));
}

/* All of the group must be bound to VFIO before the device is used */
static void take_companions(struct steps *steps, const struct device *device)
{
	bool loaded = false;
	size_t i;

	for (i = 0; i < device->nr_companions; i++) {
		const struct companion *each = &device->companions[i];

		if (companion_is_ready(each))
			continue;
		if (!loaded)
			steps_add(steps, action_load(COMPANION_DRIVER),
				  NO_ACTION);
		loaded = true;
		unbind_from(steps, each->driver, each->address);
		set_override(steps, each->address, each->override,
			     COMPANION_DRIVER);
		bind_to(steps, COMPANION_DRIVER, each->address);
	}
}

static void free_memory(struct steps *steps, const struct hdm_decoder *memory)
{
	uint64_t end = memory->base + memory->size - 1;

	if (!memory->size)
		return;
	offline_memory(steps, memory->base, end);
	unbind_dax(steps, memory->base, end);
}

/*
 * Decoder 0 was cleared, and the range is still routed to the device.  The
 * driver discards the range at the next bind, which is the next step.
 */
static void name_range(struct steps *steps, const struct device *device,
		       const struct hdm_decoder *memory)
{
	if (device->hdm.decoders[0].committed || !memory->size)
		return;
	steps_add(steps,
		  action_write(xstrdup(DRIVERS "/" DRIVER "/new_range"),
			       xprintf("%s 0x%llx 0x%llx", device->address,
				       (unsigned long long)memory->base,
				       (unsigned long long)memory->size)),
		  NO_ACTION);
}

static void keep_bound(struct steps *steps, const struct device *device)
{
	char *old, *path = rule_path(device);

	old = read_file(path, NULL);
	steps_add(steps, action_create(xstrdup(path), rule_text(device)),
		  old ? action_create(path, old) : action_remove(path));
}

static void plan_bind(struct steps *steps, const struct host *host,
		      const struct device *device,
		      const struct hdm_decoder *memory, bool wait)
{
	steps_add(steps, action_load(DRIVER), NO_ACTION);
	free_memory(steps, memory);
	unbind_from(steps, device->driver, device->address);
	delete_region(steps, host, memory);
	steps_add(steps,
		  action_create(state_path(device), state_text(device)),
		  action_remove(state_path(device)));
	take_companions(steps, device);
	set_override(steps, device->address, device->override, DRIVER);
	name_range(steps, device, memory);
	bind_to(steps, DRIVER, device->address);
	if (wait)
		steps_add(steps,
			  action_wait(xprintf(PCI_DEVICES "/%s/%s",
					      device->address,
					      "hdm_uncleared_bytes"),
				      xstrdup("clearing the memory"),
				      memory->size),
			  NO_ACTION);
}

/* Return it to its previous driver, unless it was bound elsewhere since */
static void give_back(struct steps *steps, const char *address,
		      const char *from, const char *driver,
		      const char *override)
{
	char *current = read_link(PCI_DEVICES "/%s/driver", address);

	if (current && !strcmp(current, from)) {
		unbind_from(steps, from, address);
		set_override(steps, address, from, override);
		if (*driver)
			bind_to(steps, driver, address);
	}
	free(current);
}

static void plan_unbind(struct steps *steps, const struct device *device)
{
	char *path = state_path(device), *state = read_file(path, NULL);
	char *text = xstrdup(state ?: ""), *rest = text, *line;
	bool found = false;

	while ((line = strsep(&rest, "\n"))) {
		const char *address = strsep(&line, " ");
		const char *driver = strsep(&line, " ");
		bool is_it = !strcmp(address, device->address);

		if (!line)
			continue;
		found |= is_it;
		give_back(steps, address, is_it ? DRIVER : COMPANION_DRIVER,
			  driver, line);
	}
	/* It was bound by a rule, or manually. */
	if (!found)
		give_back(steps, device->address, DRIVER, "", "");
	free(text);
	if (state)
		steps_add(steps, action_remove(path),
			  action_create(xstrdup(path), state));
	else
		free(path);
}

static void print_json(const struct device *device, const struct steps *steps,
		       bool done, const char *why)
{
	struct json_object *json = json_object_new_object(), *commands;
	size_t i;

	json_text(json, "address", device->address);
	json_flag(json, "done", done);
	json_text(json, "reason", why);
	commands = json_array_in(json, "commands");
	for (i = 0; i < steps->nr; i++) {
		char *command = action_command(&steps->each[i].action);

		json_object_array_add(commands,
				      json_object_new_string(command));
		free(command);
	}
	json_print(json);
}

static void print_commands(const struct steps *steps)
{
	size_t i;

	for (i = 0; i < steps->nr; i++) {
		char *command = action_command(&steps->each[i].action);

		puts(command);
		free(command);
	}
}

/* The driver's own message says more than an errno. */
static void explain(const struct device *device, unsigned long long since,
		    char **why)
{
	char *message = kmsg_last(device->address, since), *more;

	if (!message)
		return;
	more = xprintf("%s; the driver says: %s", *why, message);
	free(message);
	free(*why);
	*why = more;
}

static enum status finish(const struct args *args, const struct device *device,
			  struct steps *steps, const char *done)
{
	bool dry_run = arg_value(args, "dry-run");
	unsigned long long since = kmsg_next();
	enum steps_result result = STEPS_DONE;
	char *why = NULL;

	if (!dry_run) {
		result = steps_do(steps, &why);
		if (result != STEPS_DONE)
			explain(device, since, &why);
	}
	if (args->json)
		print_json(device, steps, result == STEPS_DONE && !dry_run,
			   why);
	else if (dry_run)
		print_commands(steps);
	else if (result == STEPS_DONE)
		printf("%s %s\n", device->address, done);
	else
		warn("%s %s: %s", device->address,
		     result == STEPS_UNDONE ? "is unchanged" :
					      "could not be restored", why);
	free(why);
	steps_free(steps);
	return result == STEPS_DONE ? STATUS_OK : STATUS_NO;
}

/* Report that nothing was done, and why */
static enum status refuse(const struct args *args, const struct device *device,
			  const char *what, const char *why, const char *advice)
{
	const struct steps none = { 0 };

	if (args->json) {
		print_json(device, &none, false, why);
	} else {
		warn("%s cannot be %s: %s", device->address, what, why);
		if (advice)
			warn("%s", advice);
	}
	return STATUS_NO;
}

/* What cannot be determined is left for the driver to check. */
static const struct finding *find_obstacle(const struct findings *findings)
{
	const struct finding *worst = findings_worst(findings);

	if (worst && worst->outcome == OUTCOME_UNKNOWN) {
		warn("%s", worst->text);
		return NULL;
	}
	return worst;
}

static enum status run_bind(const struct args *args)
{
	bool persistent = arg_value(args, "persistent");
	const struct finding *obstacle;
	struct findings findings;
	struct steps steps = { 0 };
	struct device *device;
	enum status status;
	struct host host;

	host_open(&host);
	device = host_find(&host, args->operands[0]);
	findings = check_device(&host, device);
	obstacle = is_bound(device) ? NULL : find_obstacle(&findings);
	/* What unbinding would clear is still there at the next boot. */
	if (obstacle && persistent && !strcmp(obstacle->name, "driver")) {
		keep_bound(&steps, device);
		status = finish(args, device, &steps,
				"will be bound at the next boot");
	} else if (obstacle) {
		status = refuse(args, device, "bound", obstacle->text,
				obstacle->advice);
	} else {
		if (persistent)
			keep_bound(&steps, device);
		if (!is_bound(device))
			plan_bind(&steps, &host, device, &findings.memory,
				  !arg_value(args, "no-wait"));
		status = finish(args, device, &steps, "is bound to " DRIVER);
	}
	findings_free(&findings);
	host_close(&host);
	return status;
}

/* To unbind it, the kernel would wait for its users: NULL if it has none. */
static char *find_user(const char *address)
{
	struct user *users;
	size_t nr = users_find(address, &users);
	char *text = NULL;

	if (nr)
		text = xprintf("%s is in use: stop %s (process %d) first",
			       address, users[0].name, (int)users[0].pid);
	users_free(users, nr);
	return text;
}

static char *find_users(const struct device *device)
{
	char *text = find_user(device->address);
	size_t i;

	for (i = 0; !text && i < device->nr_companions; i++)
		text = find_user(device->companions[i].address);
	return text;
}

static void drop_rule(struct steps *steps, const struct device *device)
{
	char *path = rule_path(device), *rule = read_file(path, NULL);

	if (rule)
		steps_add(steps, action_remove(xstrdup(path)),
			  action_create(xstrdup(path), rule));
	free(path);
}

static enum status run_unbind(const struct args *args)
{
	struct steps steps = { 0 };
	struct device *device;
	enum status status;
	struct host host;
	char *user;

	host_open(&host);
	device = host_find(&host, args->operands[0]);
	user = find_users(device);
	if (!user && arg_value(args, "persistent"))
		drop_rule(&steps, device);
	if (!user && is_bound(device))
		plan_unbind(&steps, device);
	if (steps.nr)
		status = finish(args, device, &steps,
				"is unbound from " DRIVER);
	else
		status = refuse(args, device, "unbound",
				user ?: "it is not bound to " DRIVER, NULL);
	free(user);
	host_close(&host);
	return status;
}

static const struct verb_option bind_options[] = {
	{ "no-wait", NULL, "do not wait until the memory is cleared" },
	{ "dry-run", NULL, "print the commands without running them" },
	{ "persistent", NULL, "also at every boot, by a udev rule" },
	{ 0 }
};

const struct verb verb_bind = {
	.name = "bind",
	.synopsis = "DEV",
	.summary = "Give a device to vfio-cxl-pci, for virtual machines",
	.details =
		"Checks the device as 'vfio-cxl check' does, frees its memory in\n"
		"the right order if the host uses it, unbinds it from its driver\n"
		"and binds it, and its other functions to vfio-pci. A decoder that\n"
		"was cleared is committed again if a range is still routed to the\n"
		"device alone. If a step fails, those before it are undone.\n"
		"Finally it waits until the driver has cleared the memory; no\n"
		"virtual machine can use it before that.\n",
	.options = bind_options,
	.min_operands = 1,
	.max_operands = 1,
	.run = run_bind,
};

static const struct verb_option unbind_options[] = {
	{ "dry-run", NULL, "print the commands without running them" },
	{ "persistent", NULL, "also remove the rule of bind --persistent" },
	{ 0 }
};

const struct verb verb_unbind = {
	.name = "unbind",
	.synopsis = "DEV",
	.summary =
		"Unbind a device from vfio-cxl-pci and restore its previous driver",
	.details = "Does nothing while a process has the device open.\n",
	.options = unbind_options,
	.min_operands = 1,
	.max_operands = 1,
	.run = run_unbind,
};
