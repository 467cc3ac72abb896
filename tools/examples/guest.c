// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of a CXL.mem device, found and read as a guest does
 *
 * Section numbers are those of the CXL specification, revision 3.1.
 */
#include <endian.h>
#include <err.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include <vfio-cxl.h>

#include "guest.h"

#define BIT(n) (UINT32_C(1) << (n))

/* PCIe DVSEC for CXL Devices (8.1.3) */
#define DVSEC_CXL_DEVICE 0
#define DEVICE_CONTROL 0x0c
#define  DEVICE_MEM_ENABLE BIT(2)
#define DEVICE_LOCK 0x14
#define  DEVICE_CONFIG_LOCK BIT(0)
#define DEVICE_RANGE1_SIZE_HIGH 0x18
#define DEVICE_RANGE1_SIZE_LOW 0x1c
#define DEVICE_RANGE1_BASE_HIGH 0x20
#define DEVICE_RANGE1_BASE_LOW 0x24
#define  DEVICE_RANGE1_LOW_MASK UINT32_C(0xf0000000)

/* Register Locator DVSEC (8.1.9) */
#define DVSEC_REGISTER_LOCATOR 8
#define LOCATOR_BLOCK1 0x0c
#define LOCATOR_BLOCK_SIZE 8
#define  LOCATOR_BAR(low) ((low) & 0x7)
#define  LOCATOR_ID(low) ((low) >> 8 & 0xff)
#define  LOCATOR_ID_COMPONENT 1
#define  LOCATOR_OFFSET_LOW(low) ((low) & UINT32_C(0xffff0000))

/* CXL.cache and CXL.mem registers of a component (8.2.4) */
#define COMPONENT_CACHE_MEM 0x1000
#define ARRAY_ID(header) ((header) & 0xffff)
#define  ARRAY_ID_CXL 1
#define  ARRAY_ID_HDM 5
#define ARRAY_SIZE(header) ((header) >> 24)
#define ARRAY_POINTER(header) ((header) >> 20)

/* HDM Decoder Capability Structure (8.2.4.20) */
#define HDM_GLOBAL_CONTROL 0x04
#define  HDM_ENABLE BIT(1)
#define HDM_BASE_LOW 0x10
#define HDM_BASE_HIGH 0x14
#define HDM_SIZE_LOW 0x18
#define HDM_SIZE_HIGH 0x1c
#define HDM_CONTROL 0x20
#define  HDM_LOCK BIT(8)
#define  HDM_COMMIT BIT(9)
#define  HDM_COMMITTED BIT(10)

/* A place in one of the device's regions: config space or a BAR. */
struct registers {
	int fd;
	const char *bdf;
	uint64_t offset;
};

static struct registers get_region(int fd, const char *bdf, uint32_t index)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = index,
	};

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "%s: region %u", bdf, index);
	return (struct registers){ fd, bdf, info.offset };
}

static struct registers at(const struct registers *r, uint64_t offset)
{
	return (struct registers){ r->fd, r->bdf, r->offset + offset };
}

static uint32_t read32(const struct registers *r, uint64_t offset)
{
	uint32_t value;

	if (pread(r->fd, &value, sizeof(value),
		  (off_t)(r->offset + offset)) != sizeof(value))
		err(1, "%s: reading a register", r->bdf);
	return le32toh(value);
}

static void write32(const struct registers *r, uint64_t offset, uint32_t value)
{
	value = htole32(value);
	if (pwrite(r->fd, &value, sizeof(value),
		   (off_t)(r->offset + offset)) != sizeof(value))
		err(1, "%s: writing a register", r->bdf);
}

static uint64_t read_pair(const struct registers *r, uint64_t low,
			  uint64_t high)
{
	return read32(r, low) | (uint64_t)read32(r, high) << 32;
}

/* A DVSEC of the CXL consortium in the extended config space. */
static struct registers find_dvsec(const struct registers *config, uint32_t id)
{
	uint32_t pos = PCI_CFG_SPACE_SIZE;
	int left = (PCI_CFG_SPACE_EXP_SIZE - PCI_CFG_SPACE_SIZE) / 8;

	while (pos >= PCI_CFG_SPACE_SIZE && left--) {
		uint32_t header = read32(config, pos);

		if (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_DVSEC &&
		    PCI_DVSEC_HEADER1_VID(read32(config, pos +
							 PCI_DVSEC_HEADER1)) ==
			    VFIO_CXL_VENDOR_ID &&
		    PCI_DVSEC_HEADER2_ID(read32(config, pos +
							PCI_DVSEC_HEADER2)) ==
			    id)
			return at(config, pos);
		pos = PCI_EXT_CAP_NEXT(header);
	}
	errx(1, "%s: no CXL DVSEC %u", config->bdf, id);
}

/* The component registers, in the BAR that the Register Locator names. */
static struct registers find_component(const struct registers *config)
{
	const struct registers dvsec =
		find_dvsec(config, DVSEC_REGISTER_LOCATOR);
	uint32_t size =
		PCI_DVSEC_HEADER1_LEN(read32(&dvsec, PCI_DVSEC_HEADER1));
	uint32_t block;

	for (block = LOCATOR_BLOCK1; block + LOCATOR_BLOCK_SIZE <= size;
	     block += LOCATOR_BLOCK_SIZE) {
		uint32_t low = read32(&dvsec, block);
		uint64_t high = read32(&dvsec, block + 4);
		struct registers bar;

		if (LOCATOR_ID(low) != LOCATOR_ID_COMPONENT)
			continue;
		bar = get_region(config->fd, config->bdf, LOCATOR_BAR(low));
		return at(&bar, high << 32 | LOCATOR_OFFSET_LOW(low));
	}
	errx(1, "%s: no component registers", config->bdf);
}

static struct registers find_hdm(const struct registers *config)
{
	const struct registers component = find_component(config);
	const struct registers array = at(&component, COMPONENT_CACHE_MEM);
	uint32_t header = read32(&array, 0);
	uint32_t i;

	if (ARRAY_ID(header) != ARRAY_ID_CXL)
		errx(1, "%s: no capability array", config->bdf);
	for (i = 1; i <= ARRAY_SIZE(header); i++) {
		uint32_t entry = read32(&array, 4 * i);

		if (ARRAY_ID(entry) == ARRAY_ID_HDM)
			return at(&array, ARRAY_POINTER(entry));
	}
	errx(1, "%s: no HDM decoders", config->bdf);
}

/* Let the device decode its BARs, as firmware or the guest's driver does. */
static void enable_bars(const struct registers *config)
{
	uint32_t command = read32(config, PCI_COMMAND) & 0xffff;

	write32(config, PCI_COMMAND, command | PCI_COMMAND_MEMORY);
}

void guest_look(int device_fd, const char *bdf, struct guest_view *view)
{
	const struct registers config =
		get_region(device_fd, bdf, VFIO_PCI_CONFIG_REGION_INDEX);
	struct registers hdm, device;
	uint32_t control;

	enable_bars(&config);
	hdm = find_hdm(&config);
	device = find_dvsec(&config, DVSEC_CXL_DEVICE);

	control = read32(&hdm, HDM_CONTROL);
	view->decoder_base = read_pair(&hdm, HDM_BASE_LOW, HDM_BASE_HIGH);
	view->decoder_size = read_pair(&hdm, HDM_SIZE_LOW, HDM_SIZE_HIGH);
	view->committed = control & HDM_COMMIT && control & HDM_COMMITTED;
	view->locked = control & HDM_LOCK &&
		       read32(&device, DEVICE_LOCK) & DEVICE_CONFIG_LOCK;
	view->enabled = read32(&hdm, HDM_GLOBAL_CONTROL) & HDM_ENABLE &&
			read32(&device, DEVICE_CONTROL) & DEVICE_MEM_ENABLE;

	view->range_base = read_pair(&device, DEVICE_RANGE1_BASE_LOW,
				     DEVICE_RANGE1_BASE_HIGH);
	view->range_size = read_pair(&device, DEVICE_RANGE1_SIZE_LOW,
				     DEVICE_RANGE1_SIZE_HIGH);
	view->range_base &= ~(uint64_t)~DEVICE_RANGE1_LOW_MASK;
	view->range_size &= ~(uint64_t)~DEVICE_RANGE1_LOW_MASK;
}

void guest_move(int device_fd, const char *bdf)
{
	const struct registers config =
		get_region(device_fd, bdf, VFIO_PCI_CONFIG_REGION_INDEX);
	struct registers hdm;

	enable_bars(&config);
	hdm = find_hdm(&config);
	write32(&hdm, HDM_CONTROL, 0);
	write32(&hdm, HDM_BASE_LOW, 0);
	write32(&hdm, HDM_BASE_HIGH, 1);
	write32(&hdm, HDM_SIZE_LOW, VFIO_CXL_ALIGN);
	write32(&hdm, HDM_SIZE_HIGH, 0);
	write32(&hdm, HDM_CONTROL, HDM_COMMIT);
}
