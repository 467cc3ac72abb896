/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that have a device open through VFIO
 */
#ifndef USERS_H
#define USERS_H

#include <stddef.h>
#include <sys/types.h>

/**
 * struct user - a process
 * @pid: PID of the process
 * @name: name of its program
 */
struct user {
	pid_t pid;
	char *name;
};

/**
 * users_find() - find the processes that have a device open
 * @address: address of the device
 * @users: set to an array, to be freed by users_free()
 *
 * Return: their number.
 */
size_t users_find(const char *address, struct user **users);

void users_free(struct user *users, size_t nr);

#endif /* USERS_H */
