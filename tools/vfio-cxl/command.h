/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other programs
 */
#ifndef COMMAND_H
#define COMMAND_H

/**
 * command_run() - run a program, its output being the tool's own
 * @argv: its command line, up to a NULL
 *
 * Return: its exit status, 127 where there is no such program.
 */
int command_run(const char *const *argv);

/**
 * command_output() - run a program and catch what it prints
 * @argv: its command line, up to a NULL
 *
 * Return: its output, to be freed; NULL where it fails.
 */
char *command_output(const char *const *argv);

/**
 * find_program() - find a program as a shell would
 * @name: its name
 *
 * Return: its path, to be freed; NULL where PATH has none.
 */
char *find_program(const char *name);

#endif /* COMMAND_H */
