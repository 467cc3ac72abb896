/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Run other programs
 */
#ifndef COMMAND_H
#define COMMAND_H

/**
 * command_run() - run a program, with the tool's own output
 * @argv: its command line, up to a NULL
 *
 * Return: its exit status, 127 if there is no such program.
 */
int command_run(const char *const *argv);

/**
 * command_output() - run a program and capture its output
 * @argv: its command line, up to a NULL
 *
 * Return: its output, to be freed; NULL if it fails.
 */
char *command_output(const char *const *argv);

/**
 * find_program() - find a program as a shell would
 * @name: its name
 *
 * Return: its path, to be freed; NULL if PATH has none.
 */
char *find_program(const char *name);

#endif /* COMMAND_H */
