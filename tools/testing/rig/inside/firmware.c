// SPDX-License-Identifier: GPL-2.0-only
/*
 * What platform firmware does with CXL memory devices before it starts the
 * OS, which SeaBIOS does not: put each device's memory at the base of the
 * window that belongs to its host bridge, by committing and locking decoder 0
 * of the host bridge, of each switch below it, and of the device. It has to
 * run before any CXL module is loaded.
 *
 * Prints a line for every device: serial number, PCI address, base and size.
 * Any problem is one line on stderr and the end of it.
 *
 * Reference: CXL r3.1 8.1.3 (CXL Device DVSEC), 8.1.9 (Register Locator),
 * 8.2.4.20 (HDM decoder), 9.18.1 (CEDT).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CLASS_CXL_MEMORY	0x0502
#define CLASS_ACCELERATOR	0x1200	/* with x-accel=on */

#define PCI_COMMAND		0x04
#define PCI_COMMAND_MEMORY	0x2
#define PCI_CAPABILITY_LIST	0x34
#define PCI_CAP_ID_EXP		0x10
#define PCI_EXP_LNKCAP		0x0c
#define PCI_EXT_CAP		0x100
#define PCI_EXT_CAP_ID_DSN	0x03
#define PCI_EXT_CAP_ID_DVSEC	0x23

#define CXL_VENDOR		0x1e98
#define CXL_DVSEC_DEVICE	0
#define CXL_DVSEC_LOCATOR	8

#define DEVICE_CONTROL		0x0c
#define DEVICE_MEM_ENABLE	0x4
#define DEVICE_RANGE1_SIZE_HI	0x18
#define DEVICE_RANGE1_SIZE_LO	0x1c
#define DEVICE_RANGE1_BASE_HI	0x20
#define DEVICE_RANGE1_BASE_LO	0x24

#define BLOCK_COMPONENT		1
#define COMPONENT_SIZE		0x10000
#define COMPONENT_CACHE_MEM	0x1000

#define CM_CAP_ID		1
#define CM_CAP_ID_HDM		5

#define HDM_GLOBAL_CONTROL	0x04
#define HDM_GLOBAL_ENABLE	0x2
#define HDM_BASE_LO		0x10
#define HDM_BASE_HI		0x14
#define HDM_SIZE_LO		0x18
#define HDM_SIZE_HI		0x1c
#define HDM_CONTROL		0x20
#define HDM_TARGETS_LO		0x24
#define HDM_TARGETS_HI		0x28
#define HDM_LOCK		(1u << 8)
#define HDM_COMMIT		(1u << 9)
#define HDM_COMMITTED		(1u << 10)
#define HDM_ERROR		(1u << 11)

#define COMMIT_TIMEOUT_MS	1000
/* A root port, and two ports of each switch below it */
#define MAX_PORTS		7

#define CEDT_CHBS		0
#define CEDT_CFMWS		1

static const char *subject = "firmware";

static void __attribute__((noreturn, format(printf, 1, 2)))
fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", subject);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

/* ACPI CEDT: host bridges and windows. */

struct __attribute__((packed)) chbs {
	uint8_t type;
	uint8_t reserved;
	uint16_t length;
	uint32_t uid;
	uint32_t version;
	uint32_t reserved2;
	uint64_t base;
	uint64_t size;
};

struct __attribute__((packed)) cfmws {
	uint8_t type;
	uint8_t reserved;
	uint16_t length;
	uint32_t reserved2;
	uint64_t base;
	uint64_t size;
	uint8_t ways;
	uint8_t arithmetic;
	uint16_t reserved3;
	uint32_t granularity;
	uint16_t restrictions;
	uint16_t qtg;
	uint32_t targets[];
};

static uint8_t cedt[65536];
static size_t cedt_size;

static void read_cedt(void)
{
	const char *path = "/sys/firmware/acpi/tables/CEDT";
	ssize_t got;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	while ((got = read(fd, cedt + cedt_size,
			   sizeof(cedt) - cedt_size)) > 0)
		cedt_size += got;
	close(fd);
	if (got < 0 || cedt_size < 36)
		fail("%s: cannot be read", path);
}

/* The next structure of a type after prev, or the first; NULL at the end. */
static const void *next_cedt(int type, const void *prev)
{
	const uint8_t *p = cedt + 36, *end = cedt + cedt_size;
	bool found = !prev;

	while (p + 4 <= end) {
		uint16_t length;

		memcpy(&length, p + 2, sizeof(length));
		if (length < 4 || length > end - p)
			fail("CEDT is malformed");
		if (found && *p == type)
			return p;
		if (p == prev)
			found = true;
		p += length;
	}
	return NULL;
}

static const struct chbs *find_bridge(uint32_t uid)
{
	const struct chbs *chbs = NULL;

	while ((chbs = next_cedt(CEDT_CHBS, chbs)))
		if (chbs->uid == uid)
			return chbs;
	fail("CEDT has no host bridge %u", uid);
}

static const struct cfmws *find_window(uint32_t uid)
{
	const struct cfmws *cfmws = NULL;

	while ((cfmws = next_cedt(CEDT_CFMWS, cfmws)))
		if (cfmws->ways == 0 && cfmws->targets[0] == uid)
			return cfmws;
	fail("CEDT has no window of its own for host bridge %u", uid);
}

/* PCI configuration space, through sysfs. */

struct config {
	char path[512];
	int fd;
};

static struct config open_config(const char *folder)
{
	struct config config;

	snprintf(config.path, sizeof(config.path), "%s/config", folder);
	config.fd = open(config.path, O_RDWR);
	if (config.fd < 0)
		fail("%s: %s", config.path, strerror(errno));
	return config;
}

static uint32_t config_read(const struct config *config, off_t offset,
			    size_t size)
{
	uint32_t value = 0;

	if (pread(config->fd, &value, size, offset) != (ssize_t)size)
		fail("%s: cannot read at 0x%llx", config->path,
		     (unsigned long long)offset);
	return value;
}

static void config_write(const struct config *config, off_t offset,
			 uint32_t value, size_t size)
{
	if (pwrite(config->fd, &value, size, offset) != (ssize_t)size)
		fail("%s: cannot write at 0x%llx", config->path,
		     (unsigned long long)offset);
}

/* The capability's offset, 0 if there is none. */
static unsigned int find_cap(const struct config *config, unsigned int id)
{
	unsigned int at = config_read(config, PCI_CAPABILITY_LIST, 1) & ~3u;
	int left = 48;

	while (at && left--) {
		if (config_read(config, at, 1) == id)
			return at;
		at = config_read(config, at + 1, 1) & ~3u;
	}
	return 0;
}

/* The same for extended ones; of DVSECs only CXL's with the given id. */
static unsigned int find_ext_cap(const struct config *config,
				 unsigned int id, unsigned int dvsec)
{
	unsigned int at = PCI_EXT_CAP;
	int left = 480;

	while (at && left--) {
		uint32_t header = config_read(config, at, 4);

		if ((header & 0xffff) == id &&
		    (id != PCI_EXT_CAP_ID_DVSEC ||
		     ((config_read(config, at + 4, 4) & 0xffff) == CXL_VENDOR &&
		      config_read(config, at + 8, 2) == dvsec)))
			return at;
		at = header >> 20;
	}
	return 0;
}

/* Component registers. */

static uint32_t reg_read(volatile uint8_t *regs, unsigned int offset)
{
	return *(volatile uint32_t *)(regs + offset);
}

static void reg_write(volatile uint8_t *regs, unsigned int offset,
		      uint32_t value)
{
	*(volatile uint32_t *)(regs + offset) = value;
}

static volatile uint8_t *map(const char *path, uint64_t offset)
{
	void *regs;
	int fd;

	fd = open(path, O_RDWR | O_SYNC);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	regs = mmap(NULL, COMPONENT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, offset);
	if (regs == MAP_FAILED)
		fail("%s: cannot map 0x%llx: %s", path,
		     (unsigned long long)offset, strerror(errno));
	close(fd);
	return regs;
}

/* The component registers of a device or of a switch's upstream port */
static volatile uint8_t *map_function(const struct config *config,
				      const char *folder)
{
	unsigned int at = find_ext_cap(config, PCI_EXT_CAP_ID_DVSEC,
				       CXL_DVSEC_LOCATOR);
	unsigned int end, entry;

	if (!at)
		fail("no Register Locator");
	end = at + (config_read(config, at + 4, 4) >> 20);
	for (entry = at + 0x0c; entry + 8 <= end; entry += 8) {
		uint32_t lo = config_read(config, entry, 4);
		uint64_t offset = config_read(config, entry + 4, 4);
		char path[544];

		if (((lo >> 8) & 0xff) != BLOCK_COMPONENT)
			continue;
		offset = offset << 32 | (lo & 0xffff0000);
		snprintf(path, sizeof(path), "%s/resource%u", folder, lo & 7);
		return map(path, offset);
	}
	fail("no component registers");
}

/* The HDM decoder capability within component registers, or NULL. */
static volatile uint8_t *look_for_hdm(volatile uint8_t *regs)
{
	volatile uint8_t *cm = regs + COMPONENT_CACHE_MEM;
	uint32_t header = reg_read(cm, 0);
	unsigned int i;

	if ((header & 0xffff) != CM_CAP_ID)
		fail("no capabilities in the component registers: 0x%x",
		     header);
	for (i = 1; i <= header >> 24; i++) {
		uint32_t entry = reg_read(cm, 4 * i);

		if ((entry & 0xffff) == CM_CAP_ID_HDM)
			return cm + (entry >> 20);
	}
	return NULL;
}

static volatile uint8_t *find_hdm(volatile uint8_t *regs)
{
	volatile uint8_t *hdm = look_for_hdm(regs);

	if (!hdm)
		fail("no HDM decoders");
	return hdm;
}

/* @targets: port numbers, or the DPA skip of a device */
static void commit(const char *what, volatile uint8_t *hdm, uint64_t base,
		   uint64_t size, uint32_t targets)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	uint32_t control = 0;
	int i;

	reg_write(hdm, HDM_BASE_LO, base);
	reg_write(hdm, HDM_BASE_HI, base >> 32);
	reg_write(hdm, HDM_SIZE_LO, size);
	reg_write(hdm, HDM_SIZE_HI, size >> 32);
	reg_write(hdm, HDM_TARGETS_LO, targets);
	reg_write(hdm, HDM_TARGETS_HI, 0);
	/* No interleave, and type 0: device-coherent. */
	reg_write(hdm, HDM_CONTROL, HDM_COMMIT | HDM_LOCK);
	for (i = 0; i < COMMIT_TIMEOUT_MS; i++) {
		control = reg_read(hdm, HDM_CONTROL);
		if (control & (HDM_COMMITTED | HDM_ERROR))
			break;
		nanosleep(&ms, NULL);
	}
	if (!(control & HDM_COMMITTED))
		fail("decoder 0 of the %s does not commit: 0x%x", what,
		     control);
}

static void enable_memory(const struct config *config)
{
	config_write(config, PCI_COMMAND,
		     config_read(config, PCI_COMMAND, 2) | PCI_COMMAND_MEMORY,
		     2);
}

/* @folder: of the port, in sysfs */
static uint8_t port_number(const char *folder)
{
	struct config config = open_config(folder);
	unsigned int at = find_cap(&config, PCI_CAP_ID_EXP);
	uint8_t number;

	if (!at)
		fail("%s has no PCI Express capability", config.path);
	number = config_read(&config, at + PCI_EXP_LNKCAP, 4) >> 24;
	close(config.fd);
	return number;
}

/*
 * Make the host bridge and each switch route the memory to the port that leads
 * to the device. @ports: folders in sysfs, beginning with the root port's.
 */
static void route(uint32_t root_bus, char *const ports[], unsigned int nr,
		  uint64_t base, uint64_t size)
{
	const struct chbs *bridge = find_bridge(root_bus);
	volatile uint8_t *hdm = look_for_hdm(map("/dev/mem", bridge->base));
	unsigned int i;

	/* Optional if there is one root port (8.2.4.20) */
	if (hdm)
		commit("host bridge", hdm, base, size, port_number(ports[0]));
	for (i = 1; i < nr; i += 2) {
		struct config config = open_config(ports[i]);

		enable_memory(&config);
		commit("switch", find_hdm(map_function(&config, ports[i])),
		       base, size, port_number(ports[i + 1]));
		close(config.fd);
	}
}

/* Give a device, by the name of its folder in sysfs, its window. */
static void set_up(const char *name)
{
	unsigned int segment, root_bus, at, nr = 0;
	char folder[512], *ports[MAX_PORTS], *path;
	const struct cfmws *window;
	uint64_t base, size, serial;
	volatile uint8_t *hdm;
	struct config config;
	const char *slash;
	int end = 0;

	subject = name;
	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s", name);
	path = realpath(folder, NULL);
	if (!path)
		fail("%s: %s", folder, strerror(errno));
	if (sscanf(path, "/sys/devices/pci%x:%x/%n", &segment, &root_bus,
		   &end) != 2 || !end)
		fail("not below a PCI root: %s", path);
	for (slash = strchr(path + end, '/'); slash && nr < MAX_PORTS;
	     slash = strchr(slash + 1, '/'))
		ports[nr++] = strndup(path, slash - path);
	if (nr % 2 == 0 || slash)
		fail("not below a root port, or switches below one: %s", path);
	free(path);

	window = find_window(root_bus);
	base = window->base;

	config = open_config(folder);
	enable_memory(&config);
	at = find_ext_cap(&config, PCI_EXT_CAP_ID_DSN, 0);
	if (!at)
		fail("no serial number");
	serial = config_read(&config, at + 8, 4);
	serial = serial << 32 | config_read(&config, at + 4, 4);

	at = find_ext_cap(&config, PCI_EXT_CAP_ID_DVSEC, CXL_DVSEC_DEVICE);
	if (!at)
		fail("no CXL Device DVSEC");
	size = config_read(&config, at + DEVICE_RANGE1_SIZE_HI, 4);
	size = size << 32 |
	       (config_read(&config, at + DEVICE_RANGE1_SIZE_LO, 4) &
		0xf0000000);
	if (!size || size > window->size)
		fail("memory of 0x%llx does not fit a window of 0x%llx",
		     (unsigned long long)size,
		     (unsigned long long)window->size);

	/* As real firmware does, for software that knows no decoders. */
	config_write(&config, at + DEVICE_RANGE1_BASE_HI, base >> 32, 4);
	config_write(&config, at + DEVICE_RANGE1_BASE_LO, base, 4);
	config_write(&config, at + DEVICE_CONTROL,
		     config_read(&config, at + DEVICE_CONTROL, 2) |
		     DEVICE_MEM_ENABLE, 2);

	route(root_bus, ports, nr, base, size);
	hdm = find_hdm(map_function(&config, folder));
	/* Host bridges and switches always decode (8.2.4.20.2). */
	reg_write(hdm, HDM_GLOBAL_CONTROL,
		  reg_read(hdm, HDM_GLOBAL_CONTROL) | HDM_GLOBAL_ENABLE);
	commit("device", hdm, base, size, 0);
	printf("%llu %s 0x%llx 0x%llx\n", (unsigned long long)serial, name,
	       (unsigned long long)base, (unsigned long long)size);
	close(config.fd);
	while (nr)
		free(ports[--nr]);
}

/* An endpoint that is integrated into the root complex has no decoders above */
static bool is_below_port(const char *name)
{
	char path[512], *device, *parent;
	bool below = false;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", name);
	device = realpath(path, NULL);
	if (device) {
		*strrchr(device, '/') = '\0';
		parent = strrchr(device, '/') + 1;
		below = strncmp(parent, "pci", 3);
	}
	free(device);
	return below;
}

static bool is_cxl_device(const char *name)
{
	char path[512];
	unsigned int class = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", name);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%x", &class) != 1)
		class = 0;
	fclose(file);
	class >>= 8;
	return class == CLASS_CXL_MEMORY || class == CLASS_ACCELERATOR;
}

int main(void)
{
	struct dirent **names;
	int i, count;

	read_cedt();
	count = scandir("/sys/bus/pci/devices", &names, NULL, alphasort);
	if (count < 0)
		fail("/sys/bus/pci/devices: %s", strerror(errno));
	for (i = 0; i < count; i++) {
		if (is_cxl_device(names[i]->d_name) &&
		    is_below_port(names[i]->d_name))
			set_up(names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return 0;
}
