// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user of a device: its memory, mapped or not, and the ways to reset it
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "user.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

int user_open(struct user *user, enum vfio_interface interface)
{
	int ret = vfio_open(&user->vfio, &user->host, interface);

	user->open = !ret;
	return ret;
}

void user_close(struct user *user)
{
	if (user->open)
		vfio_close(&user->vfio);
	user->open = false;
}

uint64_t user_base(const struct user *user)
{
	return GUEST_BASE + user->host.index * GUEST_WINDOW;
}

int user_set(const struct user *user)
{
	return vfio_hdm_set(user->vfio.device, user_base(user), GUEST_WINDOW);
}

char *user_map(const struct user *user, size_t align, size_t skew)
{
	return guest_map(&user->vfio, 0, user->vfio.mem.size, RW, align, skew);
}

ssize_t mem_read(const struct vfio_cxl_fd *vfio, void *buf, size_t len,
		 uint64_t offset)
{
	ssize_t ret = pread(vfio->device, buf, len, vfio->mem.offset + offset);

	return ret < 0 ? -errno : ret;
}

ssize_t mem_write(const struct vfio_cxl_fd *vfio, const void *buf, size_t len,
		  uint64_t offset)
{
	ssize_t ret = pwrite(vfio->device, buf, len, vfio->mem.offset + offset);

	return ret < 0 ? -errno : ret;
}

void user_decode(const struct user *user, bool on)
{
	uint32_t cmd = guest_config(&user->vfio, PCI_COMMAND, 2);

	guest_config_write(&user->vfio, PCI_COMMAND, 2,
			   on ? cmd | PCI_COMMAND_MEMORY :
				cmd & ~PCI_COMMAND_MEMORY);
}

int user_image(const struct user *user, struct image *image)
{
	const struct vfio_cxl_fd *vfio = &user->vfio;

	memset(image, 0, sizeof(*image));
	if (pread(vfio->device, image->regs, COMPONENT_SIZE, vfio->regs) !=
	    COMPONENT_SIZE)
		return -EIO;
	if (pread(vfio->device, image->dvsec, user->host.dvsec_len,
		  vfio->config.offset + user->host.dvsec) !=
	    user->host.dvsec_len)
		return -EIO;

	return 0;
}

const char *host_differs(const struct user *user)
{
	struct host_snapshot now;

	host_snapshot(&user->host, &now);
	return host_snapshot_differs(&user->host, &user->before, &now);
}

int by_ioctl(const struct user *user, const char *method)
{
	(void)method;
	return ioctl(user->vfio.device, VFIO_DEVICE_RESET) ? -errno : 0;
}

static int by_hot_reset(const struct user *user,
			const char *method)
{
	(void)method;
	return vfio_hot_reset(&user->vfio);
}

static unsigned int find_pcie_cap(const struct user *user)
{
	unsigned int at = guest_config(&user->vfio, PCI_CAPABILITY_LIST, 1);

	while (at && guest_config(&user->vfio, at, 1) != PCI_CAP_ID_EXP)
		at = guest_config(&user->vfio, at + 1, 1);

	return at;
}

static int by_config_flr(const struct user *user,
			 const char *method)
{
	(void)method;
	unsigned int at = find_pcie_cap(user) + PCI_EXP_DEVCTL;

	return guest_config_write(&user->vfio, at, 2,
				  guest_config(&user->vfio, at, 2) |
				  PCI_EXP_DEVCTL_BCR_FLR);
}

static int by_sysfs(const struct user *user, const char *method)
{
	return sysfs_reset(user->host.bdf, method);
}

const struct path paths[NR_PATHS] = {
	{ .name = "VFIO_DEVICE_RESET", .reset = by_ioctl },
	{ .name = "hot reset", .reset = by_hot_reset },
	{ .name = "FLR", .reset = by_config_flr, .methods = { "flr" } },
	{
		.name = "sysfs",
		.reset = by_sysfs,
		.methods = { "flr", "af_flr", "pm", "bus", "cxl_bus" },
	},
};

bool path_method(const struct path *path, const struct user *user,
		 unsigned int n, const char **method)
{
	unsigned int i;

	*method = NULL;
	if (!path->methods[0])
		return !n;
	for (i = 0; i < ARRAY_SIZE(path->methods) && path->methods[i]; i++)
		if (sysfs_has_reset(user->host.bdf, path->methods[i]) && !n--) {
			*method = path->methods[i];
			return true;
		}

	return false;
}

static const uint64_t marks[] = { 0, MARK, SZ_2M - 8, 5 * SZ_2M + 0x800 };

void write_marks(const struct user *user, char *map, uint64_t salt)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(marks); i++)
		put(map + marks[i], word(marks[i], salt));
	put(map + user->host.size - 8, word(8, salt));
}

unsigned int wrong_marks(const struct user *user, char *map, uint64_t salt)
{
	unsigned int i, wrong = 0;
	uint64_t val;

	for (i = 0; i <= ARRAY_SIZE(marks); i++) {
		const bool last = i == ARRAY_SIZE(marks);
		const uint64_t at = last ? user->host.size - 8 : marks[i];
		const uint64_t right = word(last ? 8 : marks[i], salt);

		val = ~right;
		wrong += mem_read(&user->vfio, &val, 8, at) != 8 ||
			 val != right;
		val = ~right;
		wrong += map && (!try_get(map + at, &val) || val != right);
		val = ~right;
		wrong += user->host.file[0] &&
			 (host_file_word(&user->host, at, &val) ||
			  val != right);
	}

	return wrong;
}

unsigned int use_memory(const struct user *user, uint64_t salt)
{
	char *map = user_map(user, SZ_2M, 0);
	unsigned int wrong;

	if (map == MAP_FAILED)
		return 1;
	write_marks(user, map, salt);
	wrong = wrong_marks(user, map, salt);
	munmap(map, user->vfio.mem.size);

	return wrong;
}

int inject(const struct user *user, const char *error)
{
	const char *qom = getenv("RIG_QOM");
	char command[256];
	unsigned int i;

	for (i = 0; i < user->host.index && qom; i++)
		qom = strchr(qom, ' ') ? strchr(qom, ' ') + 1 : NULL;
	if (!qom)
		return -ENOENT;
	if (!strncmp(qom, "/machine/peripheral/", 20))
		qom += 20;
	snprintf(command, sizeof(command),
		 "{\"execute\":\"human-monitor-command\",\"arguments\":{%s%.*s %s\"}}",
		 "\"command-line\":\"pcie_aer_inject_error ",
		 (int)strcspn(qom, " "), qom, error);

	return qmp(command);
}

static bool child_passes(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("# %s\n", WTERMSIG(status) == SIGALRM ?
		       "the time was up" : strsignal(WTERMSIG(status)));

	return WIFEXITED(status) && !WEXITSTATUS(status);
}

bool run_apart(struct user *user, void (*run)(const void *arg),
	       const void *arg, unsigned int seconds)
{
	char line[256];
	bool passes;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(seconds);
		run(arg);
		fflush(stdout);
		_exit(0);
	}
	passes = child_passes(pid);
	if (kmsg_splat(user->kmsg, line, sizeof(line))) {
		printf("# %s\n", line);
		return false;
	}

	return passes;
}

void need(bool right, const char *what)
{
	if (right)
		return;
	printf("#   %s\n", what);
	fflush(stdout);
	_exit(1);
}
