/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps that are done in order, and undone in reverse order if one fails
 */
#ifndef STEPS_H
#define STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * enum action_kind - what an action does
 * @ACTION_NONE: nothing
 * @ACTION_WRITE: write a value to an existing file
 * @ACTION_CREATE: create a file with the given contents
 * @ACTION_REMOVE: remove a file
 * @ACTION_LOAD: load a module
 * @ACTION_WAIT: wait until a file contains the number 0
 */
enum action_kind {
	ACTION_NONE,
	ACTION_WRITE,
	ACTION_CREATE,
	ACTION_REMOVE,
	ACTION_LOAD,
	ACTION_WAIT,
};

/**
 * struct action - something to do
 * @kind: what it does
 * @path: path of the file, or name of the module
 * @text: value or contents, or a description of what a wait is for
 * @all: number of bytes that a wait is for, 0 if not known
 */
struct action {
	enum action_kind kind;
	char *path;
	char *text;
	uint64_t all;
};

/**
 * struct step - an action and what undoes it
 * @action: action to do
 * @undo: action that undoes it; ACTION_NONE if there is nothing to undo
 */
struct step {
	struct action action;
	struct action undo;
};

/**
 * struct steps - all of them
 * @each: the steps, in the order in which they are done
 * @nr: their number
 */
struct steps {
	struct step *each;
	size_t nr;
};

/**
 * enum steps_result - outcome of steps
 * @STEPS_DONE: all are done
 * @STEPS_UNDONE: one failed, and those before it are undone
 * @STEPS_STUCK: one failed, and not all of those before it could be undone
 */
enum steps_result {
	STEPS_DONE,
	STEPS_UNDONE,
	STEPS_STUCK,
};

/**
 * steps_add() - add a step
 * @steps: the steps
 * @action: action to do; @steps takes ownership of its strings
 * @undo: action that undoes it
 */
void steps_add(struct steps *steps, struct action action, struct action undo);

/* Make actions, which take ownership of the strings */
struct action action_write(char *path, char *text);
struct action action_create(char *path, char *text);
struct action action_remove(char *path);
struct action action_load(const char *module);
struct action action_wait(char *path, char *text, uint64_t all);
#define NO_ACTION	((struct action){ ACTION_NONE, NULL, NULL, 0 })

/**
 * action_command() - format an action as a shell command
 * @action: the action
 *
 * Return: the line, to be freed.
 */
char *action_command(const struct action *action);

/**
 * steps_do() - do all steps, or none
 * @steps: the steps
 * @why: set to what went wrong, to be freed, if something did
 *
 * If one fails, those before it are undone, and what cannot be undone is
 * reported on stderr.
 *
 * Return: the outcome.
 */
enum steps_result steps_do(const struct steps *steps, char **why);

void steps_free(struct steps *steps);

#endif /* STEPS_H */
