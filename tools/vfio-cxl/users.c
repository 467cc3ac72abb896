// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find who has a device open: the fdinfo of VFIO devices tells
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "users.h"
#include "util.h"

/* "vfio-device-syspath: /sys/devices/pci0000:20/.../0000:21:00.0" */
static bool is_device(pid_t pid, const char *fd, const char *address)
{
	char *path = xprintf("/proc/%d/fdinfo/%s", (int)pid, fd);
	char *text = read_file(path, NULL), *found = NULL, *slash;

	free(path);
	if (text)
		found = strstr(text, "vfio-device-syspath: ");
	if (found) {
		found[strcspn(found, "\n")] = '\0';
		slash = strrchr(found, '/');
		if (!slash || strcmp(slash + 1, address))
			found = NULL;
	}
	free(text);
	return found;
}

static bool has_open(pid_t pid, const char *address)
{
	char *path = xprintf("/proc/%d/fd", (int)pid), *target;
	DIR *folder = opendir(path);
	struct dirent *entry;
	bool open = false;

	free(path);
	if (!folder)
		return false;
	while (!open && (entry = readdir(folder))) {
		target = read_link("/proc/%d/fd/%s", (int)pid, entry->d_name);
		/* anon_inode:[vfio-device], /dev/vfio/devices/vfio0 */
		if (target && strstr(target, "vfio"))
			open = is_device(pid, entry->d_name, address);
		free(target);
	}
	closedir(folder);
	return open;
}

size_t users_find(const char *address, struct user **users)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	size_t nr = 0;

	*users = NULL;
	while (folder && (entry = readdir(folder))) {
		struct user *user;
		pid_t pid;

		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		pid = atoi(entry->d_name);
		if (!has_open(pid, address))
			continue;
		user = append(*users, nr);
		user->pid = pid;
		user->name = read_text("/proc/%d/comm", (int)pid) ?:
			     xstrdup("?");
	}
	if (folder)
		closedir(folder);
	return nr;
}

void users_free(struct user *users, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		free(users[i].name);
	free(users);
}
