// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps that are done in order, and undone in reverse order if one fails
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "progress.h"
#include "steps.h"
#include "util.h"

void steps_add(struct steps *steps, struct action action, struct action undo)
{
	*append(steps->each, steps->nr) = (struct step){ action, undo };
}

struct action action_write(char *path, char *text)
{
	return (struct action){ ACTION_WRITE, path, text, 0 };
}

struct action action_create(char *path, char *text)
{
	return (struct action){ ACTION_CREATE, path, text, 0 };
}

struct action action_remove(char *path)
{
	return (struct action){ ACTION_REMOVE, path, NULL, 0 };
}

struct action action_load(const char *module)
{
	return (struct action){ ACTION_LOAD, xstrdup(module), NULL, 0 };
}

struct action action_wait(char *path, char *text, uint64_t all)
{
	return (struct action){ ACTION_WAIT, path, text, all };
}

char *action_command(const struct action *action)
{
	switch (action->kind) {
	case ACTION_WRITE:
		return xprintf("echo '%s' > %s", action->text, action->path);
	case ACTION_CREATE:
		return xprintf("mkdir -p %.*s; cat > %s <<'END'\n%sEND",
			       (int)(strrchr(action->path, '/') - action->path),
			       action->path, action->path, action->text);
	case ACTION_REMOVE:
		return xprintf("rm -f %s", action->path);
	case ACTION_LOAD:
		return xprintf("modprobe %s", action->path);
	case ACTION_WAIT:
		return xprintf("while grep -qs '[1-9]' %s; do sleep 1; done",
			       action->path);
	case ACTION_NONE:
		break;
	}
	return xstrdup(":");
}

static bool create(const char *path, const char *text)
{
	char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	bool ok = !mkdir(folder, 0755) || errno == EEXIST;

	free(folder);
	return ok && write_text(path, O_CREAT | O_TRUNC, text);
}

#define WAIT_INTERVAL_US	200000

/* The number may increase again.  If there is no file, do not wait. */
static bool wait_zero(const struct action *action)
{
	uint64_t all = action->all;
	long long left;
	bool known;
	int err;

	if (access(action->path, F_OK))
		return errno == ENOENT;
	while ((known = read_number(&left, "%s", action->path)) && left > 0) {
		if ((uint64_t)left > all)
			all = (uint64_t)left;
		progress_show(action->text, all - (uint64_t)left, all);
		usleep(WAIT_INTERVAL_US);
	}
	err = errno;
	progress_end();
	errno = err;
	return known;
}

static bool do_action(const struct action *action, char **why)
{
	char *line, *command;
	bool ok = true;

	switch (action->kind) {
	case ACTION_WRITE:
		line = xprintf("%s\n", action->text);
		ok = write_text(action->path, 0, line);
		free(line);
		break;
	case ACTION_CREATE:
		ok = create(action->path, action->text);
		break;
	case ACTION_REMOVE:
		ok = !unlink(action->path) || errno == ENOENT;
		break;
	case ACTION_LOAD:
		ok = !command_run((const char *const[]){
			"modprobe", action->path, NULL });
		errno = ENOENT;
		break;
	case ACTION_WAIT:
		ok = wait_zero(action);
		break;
	case ACTION_NONE:
		break;
	}
	if (!ok) {
		command = action_command(action);
		*why = xprintf("%s: %s", command, strerror(errno));
		free(command);
	}
	return ok;
}

/* Has it been restored already, by a driver that has the device again? */
static bool is_undone(const struct action *action)
{
	char *content, *bound;
	ptrdiff_t folder;
	bool undone;

	if (action->kind != ACTION_WRITE)
		return false;
	/* "online" is the state after "online_movable", too. */
	content = read_text("%s", action->path);
	undone = content && *content &&
		 !strncmp(action->text, content, strlen(content));
	free(content);
	/* A driver's directory has a link to each device bound to it. */
	folder = strrchr(action->path, '/') - action->path;
	if (!strcmp(action->path + folder, "/bind")) {
		bound = xprintf("%.*s/%s", (int)folder, action->path,
				action->text);
		undone |= !access(bound, F_OK);
		free(bound);
	}
	return undone;
}

/* How long a driver may take to restore something, in tenths of a second */
#define PATIENCE	50

static bool undo_action(const struct action *action, char **why)
{
	unsigned int left = PATIENCE;

	*why = NULL;
	while (!is_undone(action)) {
		free(*why);
		if (do_action(action, why))
			return true;
		if (!left--)
			return false;
		usleep(100000);
	}
	free(*why);
	return true;
}

/* Each of them is tried, even if others fail. */
static enum steps_result undo(const struct steps *steps, size_t nr)
{
	enum steps_result result = STEPS_UNDONE;
	char *why;

	while (nr--)
		if (!undo_action(&steps->each[nr].undo, &why)) {
			warn("could not be undone: %s", why);
			free(why);
			result = STEPS_STUCK;
		}
	return result;
}

enum steps_result steps_do(const struct steps *steps, char **why)
{
	size_t i;

	for (i = 0; i < steps->nr; i++)
		if (!do_action(&steps->each[i].action, why))
			return undo(steps, i);
	return STEPS_DONE;
}

static void free_action(struct action *action)
{
	free(action->path);
	free(action->text);
}

void steps_free(struct steps *steps)
{
	size_t i;

	for (i = 0; i < steps->nr; i++) {
		free_action(&steps->each[i].action);
		free_action(&steps->each[i].undo);
	}
	free(steps->each);
}
