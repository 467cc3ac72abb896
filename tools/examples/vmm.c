// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of a VMM that handles CXL.mem devices
 *
 * It gives devices that are bound to vfio-cxl-pci to a guest, and is written to
 * be read by authors of VMMs.  For each device a VMM has to
 *
 *   open it, like any VFIO device	iommu_open_device()
 *   find its memory			vfio_cxl_find()
 *   choose its window, by topology	vfio_cxl_select()
 *   lock its HDM decoder there		vfio_cxl_lock()
 *   map the memory			vfio_cxl_map()
 *   and for DMA, too			vfio_cxl_dma_buf(), iommu_map_file()
 *
 * and to make that mapping guest memory, at the base of the window.  This
 * program runs no guest, so it looks at the device as a guest would, and copies
 * data to and from the memory itself.  Then it does what a VMM should not do,
 * to show that it is refused.
 *
 * All errors are fatal, as they are for a machine that is about to start.  When
 * a device is plugged into a running one, a VMM undoes it all and reports the
 * reason, and the machine runs on.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vfio-cxl.h>

#include "data.h"
#include "guest.h"
#include "iommu.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* Where the guest has its windows */
#define FIRST_WINDOW UINT64_C(0x80000000000)
#define WINDOW_SIZE (256 * GIB)

/* A host bridge of the guest, with a window that targets it and nothing else */
struct host_bridge {
	char name[16];
	char window_name[16];
	const char *targets[1];
	char host_root[32]; /* the host's root bus that it represents */
};

/* What the VMM has of a device, and the results */
struct passthrough {
	int fd;
	struct vfio_cxl_hdm hdm;
	const struct host_bridge *bridge;
	struct data data; /* in the memory */
	struct guest_view view;
	int lock_error;
	int dma_error;
	bool data_ok;
};

/* An attempt to lock, and what the kernel returns */
struct attempt {
	const char *what;
	int expected;
	int result;
};

/* Each array except the last has one element per device. */
struct machine {
	struct iommu iommu;
	size_t nr_bridges; /* and windows */
	struct host_bridge *bridges;
	struct vfio_cxl_window *windows;
	size_t nr_devices;
	struct vfio_cxl_device *devices;
	struct vfio_cxl_placement *placements;
	struct passthrough *hosts;
	bool no_dma; /* for at least one of them */
	size_t nr_attempts;
	struct attempt attempts[8];
};

static void *alloc_array(size_t nr, size_t size)
{
	void *array = calloc(nr, size);

	if (!array)
		err(1, "out of memory");
	return array;
}

static struct vfio_cxl_placement *alloc_placements(size_t nr)
{
	struct vfio_cxl_placement *placements =
		alloc_array(nr, sizeof(*placements));

	while (nr--)
		placements[nr].argsz = sizeof(placements[nr]);
	return placements;
}

static const char *errno_name(int ret)
{
	const char *name = strerrorname_np(-ret);

	return name ? name : "unknown error";
}

/* The guest's host bridge that represents one of the host's root buses. */
static struct host_bridge *get_bridge(struct machine *m, const char *host_root)
{
	struct host_bridge *bridge = m->bridges;
	size_t nr;

	for (nr = 0; nr < m->nr_bridges; nr++, bridge++)
		if (!strcmp(bridge->host_root, host_root))
			return bridge;

	m->nr_bridges++;
	snprintf(bridge->host_root, sizeof(bridge->host_root), "%s", host_root);
	snprintf(bridge->name, sizeof(bridge->name), "cxl.%zu", nr);
	snprintf(bridge->window_name, sizeof(bridge->window_name), "cfmw.%zu",
		 nr);
	bridge->targets[0] = bridge->name;
	m->windows[nr] = (struct vfio_cxl_window){
		.argsz = sizeof(m->windows[nr]),
		.name = bridge->window_name,
		.base = FIRST_WINDOW + nr * WINDOW_SIZE,
		.size = WINDOW_SIZE,
		.targets = bridge->targets,
		.nr_targets = 1,
		.placed = true,
	};
	return bridge;
}

/*
 * Give a device the place in the guest's topology that it has in the host's:
 * below the host bridge that represents its root bus, and below a switch if
 * there is one.  In other VMMs, the command line determines this; only the
 * guest's topology matters.
 */
static void place_in_topology(struct machine *m, size_t nr)
{
	struct vfio_cxl_device *device = &m->devices[nr];
	char path[PATH_MAX], real[PATH_MAX];
	unsigned int bridges = 0;
	char *root, *below;

	/* /sys/devices/pci0000:0c/0000:0c:00.0/0000:0d:00.0 */
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", device->name);
	if (!realpath(path, real))
		err(1, "%s", path);
	root = strstr(real, "/pci");
	below = root ? strchr(root + 1, '/') : NULL;
	if (!below)
		errx(1, "%s: not below a host bridge: %s", device->name, real);

	*below = '\0';
	while ((below = strchr(below + 1, '/')))
		bridges++;
	m->hosts[nr].bridge = get_bridge(m, root + 1);
	device->host_bridge = m->hosts[nr].bridge->name;
	device->below_switch = bridges > 1; /* not only a root port */
}

/* Choose a window for every device: prints all reasons if that fails. */
static bool select_windows(struct machine *m)
{
	size_t nr;

	if (!vfio_cxl_select(m->windows, m->nr_bridges, m->devices,
			     m->nr_devices, m->placements))
		return true;
	for (nr = 0; nr < m->nr_devices; nr++)
		if (m->placements[nr].verdict != VFIO_CXL_VERDICT_ACCEPTED)
			warnx("%s", m->placements[nr].reason.text);
	return false;
}

static void lock_device(struct machine *m, size_t nr)
{
	struct passthrough *host = &m->hosts[nr];
	struct vfio_cxl_reason reason;

	host->lock_error = vfio_cxl_lock(host->fd, &m->devices[nr],
					 m->placements[nr].window, &reason);
	if (host->lock_error)
		warnx("%s", reason.text);
	guest_look(host->fd, m->devices[nr].name, &host->view);
}

/* An iommufd maps a dma-buf of the memory.  Reports once why there is none. */
static int map_dma_buf(const struct machine *m, size_t nr)
{
	const struct passthrough *host = &m->hosts[nr];
	struct vfio_cxl_reason reason;
	int dma_buf, ret;

	ret = vfio_cxl_dma_buf(host->fd, m->devices[nr].name, &host->hdm,
			       &dma_buf, &reason);
	if (ret) {
		if (!m->no_dma)
			warnx("%s", reason.text);
		return ret;
	}
	ret = iommu_map_file(&m->iommu, dma_buf, host->hdm.size,
			     m->placements[nr].window->base);
	close(dma_buf);
	return ret;
}

/*
 * Let devices access the memory at its guest physical address: other devices,
 * and this one through its address translation services.  If that fails,
 * everything else works.
 *
 * The memory is mapped while memory decode is on in the guest, as guest_look()
 * turns it on.  A VMM unmaps it when the guest turns it off.
 */
static void map_for_dma(struct machine *m, size_t nr)
{
	struct passthrough *host = &m->hosts[nr];

	if (m->iommu.cdev)
		host->dma_error = map_dma_buf(m, nr);
	else
		host->dma_error = iommu_map(&m->iommu, host->data.memory,
					    host->hdm.size,
					    m->placements[nr].window->base);
	if (host->dma_error)
		m->no_dma = true;
}

/* Did the lock work, and does the guest see it? */
static bool is_in_its_window(const struct machine *m, size_t nr)
{
	const struct vfio_cxl_window *window = m->placements[nr].window;
	const struct passthrough *host = &m->hosts[nr];
	const struct guest_view *view = &host->view;
	size_t other;

	for (other = 0; other < nr; other++)
		if (m->hosts[other].view.decoder_base == view->decoder_base)
			return false;
	return !host->lock_error && view->committed && view->locked &&
	       view->enabled && view->decoder_base == window->base &&
	       view->decoder_size == host->hdm.size &&
	       view->range_base == window->base &&
	       view->range_size == host->hdm.size;
}

static void print_table(const struct machine *m)
{
	size_t nr;

	printf("%-12s  %-19s  %-7s  %-13s  %-8s  %-17s  %-5s  %s\n", "device",
	       "host bridge", "window", "guest base", "size", "decoder", "data",
	       "DMA");
	for (nr = 0; nr < m->nr_devices; nr++) {
		const struct passthrough *host = &m->hosts[nr];
		const struct guest_view *view = &host->view;
		char bridge[64], base[32], size[32], state[32];

		snprintf(bridge, sizeof(bridge), "%s (%s)", host->bridge->name,
			 host->bridge->host_root);
		snprintf(base, sizeof(base), "0x%llx",
			 (unsigned long long)view->decoder_base);
		snprintf(size, sizeof(size), "%llu MiB",
			 (unsigned long long)(view->decoder_size / MIB));
		snprintf(state, sizeof(state), "%s%s",
			 view->committed ? "committed" : "not committed",
			 view->locked ? ", locked" : "");
		printf("%-12s  %-19s  %-7s  %-13s  %-8s  %-17s  %-5s  %s\n",
		       m->devices[nr].name, bridge,
		       m->placements[nr].window->name, base, size, state,
		       host->data_ok ? "ok" : "WRONG",
		       host->dma_error ? errno_name(host->dma_error) : "ok");
	}
	if (m->no_dma)
		puts("no DMA mapping: other devices cannot access the memory");
}

/* Select windows in a bad topology: true if the given number is refused */
static bool is_refused(const char *what, const struct vfio_cxl_window *windows,
		       size_t nr_windows, const struct vfio_cxl_device *devices,
		       size_t nr_devices, size_t nr_bad)
{
	struct vfio_cxl_placement *placements = alloc_placements(nr_devices);
	size_t nr, refused = 0;

	vfio_cxl_select(windows, nr_windows, devices, nr_devices, placements);
	for (nr = 0; nr < nr_devices; nr++)
		if (placements[nr].verdict != VFIO_CXL_VERDICT_ACCEPTED)
			refused++;

	printf("\nbad topology: %s: %zu of %zu devices refused%s\n", what,
	       refused, nr_devices, refused == nr_bad ? "" : ", WRONG");
	for (nr = 0; nr < nr_devices; nr++)
		if (placements[nr].verdict != VFIO_CXL_VERDICT_ACCEPTED)
			printf("  %s: %s\n",
			       vfio_cxl_verdict_name(placements[nr].verdict),
			       placements[nr].reason.text);
	free(placements);
	return refused == nr_bad;
}

static bool refuse_bad_topologies(const struct machine *m)
{
	const size_t nr = m->nr_devices;
	struct vfio_cxl_window unplaced = m->windows[0];
	struct vfio_cxl_device *devices;
	bool ok;
	size_t i;

	unplaced.placed = false;
	ok = is_refused("a window that did not fit", &unplaced, 1, m->devices,
			1, 1);
	if (nr == 1)
		return ok;

	ok &= is_refused("the first window for all devices", m->windows, 1,
			 m->devices, nr, nr - 1);

	devices = alloc_array(nr, sizeof(*devices));
	memcpy(devices, m->devices, nr * sizeof(*devices));
	for (i = 0; i < nr; i++)
		devices[i].host_bridge = devices[0].host_bridge;
	ok &= is_refused("all devices below the first host bridge", m->windows,
			 m->nr_bridges, devices, nr, nr - 1);
	free(devices);
	return ok;
}

/* Try a SET that the kernel should answer with a certain errno, or 0. */
static void try_lock(struct machine *m, size_t nr, const char *what,
		     uint64_t base, uint64_t size, int expected)
{
	struct vfio_cxl_window window = *m->placements[nr].window;
	struct attempt *attempt = &m->attempts[m->nr_attempts++];

	window.base = base;
	window.size = size;
	attempt->what = what;
	attempt->expected = expected;
	attempt->result =
		vfio_cxl_lock(m->hosts[nr].fd, &m->devices[nr], &window, NULL);
}

/* Before the decoder is locked: none of this changes anything. */
static void try_bad_locks(struct machine *m, size_t nr)
{
	const uint64_t base = m->placements[nr].window->base;
	const uint64_t memory = m->hosts[nr].hdm.size;

	try_lock(m, nr, "at a base that is 4 KiB off", base + 4096, WINDOW_SIZE,
		 -EINVAL);
	try_lock(m, nr, "where the memory reaches beyond 2^52", VFIO_CXL_LIMIT,
		 WINDOW_SIZE, -EOVERFLOW);
	if (memory > VFIO_CXL_ALIGN)
		try_lock(m, nr, "in a window smaller than the memory", base,
			 memory - VFIO_CXL_ALIGN, -ENOSPC);
}

/* Once it is locked, it can be locked at the same base and nowhere else. */
static void try_moves(struct machine *m, size_t nr)
{
	const uint64_t base = m->placements[nr].window->base;
	uint64_t other = m->windows[0].base;

	if (other == base)
		other += WINDOW_SIZE;
	try_lock(m, nr, "in another window, once it is locked", other,
		 WINDOW_SIZE, -EBUSY);
	try_lock(m, nr, "where it is locked", base, WINDOW_SIZE, 0);
}

/* What the kernel returned, and what a guest's write to the decoder did */
static bool are_answered(struct machine *m, size_t nr)
{
	struct passthrough *host = &m->hosts[nr];
	bool ok = true;
	size_t i;

	printf("\nlock %s:\n", m->devices[nr].name);
	for (i = 0; i < m->nr_attempts; i++) {
		const struct attempt *attempt = &m->attempts[i];
		const bool good = attempt->result == attempt->expected;

		printf("  %-36s  %s%s\n", attempt->what,
		       attempt->result ? errno_name(attempt->result) :
					 "accepted",
		       good ? "" : ", WRONG");
		ok &= good;
	}

	guest_move(host->fd, m->devices[nr].name);
	guest_look(host->fd, m->devices[nr].name, &host->view);
	ok &= is_in_its_window(m, nr);
	printf("  %-36s  %s\n", "elsewhere, by the guest's writes",
	       is_in_its_window(m, nr) ? "ignored" : "WRONG");
	return ok;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_usage(FILE *out)
{
	fputs("usage: vmm [--interface cdev|group] BDF...\n"
	      "Place CXL.mem devices in the windows of a guest.\n"
	      "\n"
	      "  BDF                  PCI address of a device that is bound to vfio-cxl-pci,\n"
	      "                       such as 0000:0d:00.0\n"
	      "  -i, --interface NAME cdev: through character device and iommufd;\n"
	      "                       group: through group and container (default: cdev\n"
	      "                       if the kernel has iommufd, else group)\n"
	      "  -h, --help           show this\n",
	      out);
}

static bool parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool cdev = !access("/dev/iommu", F_OK);
	int c;

	while ((c = getopt_long(argc, argv, "i:h", options, NULL)) != -1) {
		if (c == 'h') {
			print_usage(stdout);
			exit(0);
		} else if (c == 'i' && !strcmp(optarg, "group")) {
			cdev = false;
		} else if (c == 'i' && !strcmp(optarg, "cdev")) {
			cdev = true;
		} else {
			print_usage(stderr);
			exit(2);
		}
	}
	if (optind == argc) {
		print_usage(stderr);
		exit(2);
	}
	return cdev;
}

int main(int argc, char **argv)
{
	struct machine m = { 0 };
	size_t nr, largest = 0, good = 0;
	bool cdev = parse(argc, argv);
	char **bdfs = argv + optind;
	bool ok;

	m.nr_devices = (size_t)(argc - optind);
	m.bridges = alloc_array(m.nr_devices, sizeof(*m.bridges));
	m.windows = alloc_array(m.nr_devices, sizeof(*m.windows));
	m.devices = alloc_array(m.nr_devices, sizeof(*m.devices));
	m.placements = alloc_placements(m.nr_devices);
	m.hosts = alloc_array(m.nr_devices, sizeof(*m.hosts));

	/* The guest is the same, regardless of the order of the devices. */
	qsort(bdfs, m.nr_devices, sizeof(*bdfs), compare_names);

	iommu_open(&m.iommu, cdev);
	for (nr = 0; nr < m.nr_devices; nr++) {
		struct passthrough *host = &m.hosts[nr];
		struct vfio_cxl_reason reason;

		host->fd = iommu_open_device(&m.iommu, bdfs[nr]);
		host->hdm.argsz = sizeof(host->hdm);
		if (vfio_cxl_find(host->fd, bdfs[nr], &host->hdm, &reason))
			errx(1, "%s", reason.text);
		m.devices[nr].argsz = sizeof(m.devices[nr]);
		m.devices[nr].name = bdfs[nr];
		m.devices[nr].hdm_size = host->hdm.size;
		place_in_topology(&m, nr);
		if (host->hdm.size > m.hosts[largest].hdm.size)
			largest = nr;
	}

	if (!select_windows(&m)) {
		printf("vmm: 0 of %zu devices locked\n", m.nr_devices);
		return 1;
	}
	try_bad_locks(&m, largest);
	for (nr = 0; nr < m.nr_devices; nr++) {
		struct passthrough *host = &m.hosts[nr];
		struct vfio_cxl_reason reason;
		void *memory;

		lock_device(&m, nr);
		if (vfio_cxl_map(host->fd, bdfs[nr], &host->hdm, &memory,
				 &reason))
			errx(1, "%s", reason.text);
		host->data = (struct data){
			.seed = nr,
			.memory = memory,
			.size = host->hdm.size,
			.fd = host->fd,
			.offset = host->hdm.region_offset,
		};
		map_for_dma(&m, nr);
	}

	try_moves(&m, largest);

	/* Write all before checking any: each must have its own memory. */
	for (nr = 0; nr < m.nr_devices; nr++)
		data_write(&m.hosts[nr].data);
	for (nr = 0; nr < m.nr_devices; nr++)
		m.hosts[nr].data_ok = data_check(&m.hosts[nr].data);

	print_table(&m);
	ok = refuse_bad_topologies(&m);
	ok &= are_answered(&m, largest);

	for (nr = 0; nr < m.nr_devices; nr++)
		if (is_in_its_window(&m, nr) && m.hosts[nr].data_ok)
			good++;
	ok &= good == m.nr_devices;
	printf("\nvmm: %zu of %zu devices locked, each in its own window%s\n",
	       good, m.nr_devices,
	       ok || good < m.nr_devices ? "" : ", but see WRONG above");
	return ok ? 0 : 1;
}
