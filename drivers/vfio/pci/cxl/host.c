// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's side of a CXL.mem device: find its decoder, check what platform
 * firmware left there, claim the memory, and put the decoder back after resets
 *
 * The CXL core is not used.  It would claim the decoder's registers inside the
 * device's BAR, which vfio_pci_core must own as a whole.
 */
#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/iopoll.h>
#include <linux/pci.h>
#include <linux/unaligned.h>

#include "private.h"

/* Register Locator DVSEC (CXL r3.1 8.1.9): pairs of registers, low and high */
#define REG_LOCATOR_ENTRY_SIZE	8
#define REG_LOCATOR_COMPONENT	1

/* CXL.cache and CXL.mem capability array (8.2.4) */
#define CM_HEADER_ID		GENMASK(15, 0)
#define   CM_HEADER_ID_CM	1
#define CM_HEADER_ARRAY_SIZE	GENMASK(31, 24)
#define CM_CAP_ID		GENMASK(15, 0)
#define   CM_CAP_ID_RAS		2
#define   CM_CAP_ID_HDM		5
#define CM_CAP_POINTER		GENMASK(31, 20)

/* HDM Decoder Capability Structure (8.2.4.20) */
#define HDM_CAP			0x00
#define   HDM_CAP_COUNT		GENMASK(3, 0)
#define HDM_GLOBAL_CTRL		0x04
#define   HDM_GLOBAL_ENABLE	BIT(1)
#define HDM_BASE_LOW		0x10
#define HDM_BASE_HIGH		0x14
#define HDM_SIZE_LOW		0x18
#define HDM_SIZE_HIGH		0x1c
#define HDM_CTRL		0x20
#define   HDM_CTRL_IW		GENMASK(7, 4)
#define   HDM_CTRL_LOCK		BIT(8)
#define   HDM_CTRL_COMMIT	BIT(9)
#define   HDM_CTRL_COMMITTED	BIT(10)
#define   HDM_CTRL_ERROR	BIT(11)
#define   HDM_CTRL_HOST_ONLY	BIT(12)
#define HDM_DPA_SKIP_LOW	0x24
#define HDM_DPA_SKIP_HIGH	0x28
#define HDM_DECODER_STRIDE	0x20
#define HDM_DECODERS		0x10

/* A decoder commits or reports an error within 10 ms (8.2.4.20.7) */
#define HDM_COMMIT_TIMEOUT_US	(10 * USEC_PER_MSEC)

/* CXL Device DVSEC (8.1.3), what <linux/pci_regs.h> does not name */
#define DVSEC_LENGTH_MIN	0x38
#define DVSEC_LOCK		0x14
#define   DVSEC_LOCK_CONFIG	BIT(0)

static u32 host_readl(const struct vfio_cxl_host *host, u32 reg)
{
	return readl(host->regs + host->hdm + reg);
}

static void host_writel(const struct vfio_cxl_host *host, u32 reg, u32 val)
{
	writel(val, host->regs + host->hdm + reg);
}

/* A decoder register as it was at bind */
static u32 host_saved(const struct vfio_cxl_host *host, u32 reg)
{
	return get_unaligned_le32(host->cm_config.hdm + reg);
}

static u16 host_saved_dvsec(const struct vfio_cxl_host *host, u32 reg)
{
	return get_unaligned_le16(host->dvsec_config.host + reg);
}

/*
 * The user may have turned memory decode off.  The registers need it, so turn
 * it on for as long as they are accessed.
 */
static u16 host_enable_regs(struct pci_dev *pdev)
{
	u16 cmd;

	pci_read_config_word(pdev, PCI_COMMAND, &cmd);
	if (!(cmd & PCI_COMMAND_MEMORY))
		pci_write_config_word(pdev, PCI_COMMAND,
				      cmd | PCI_COMMAND_MEMORY);

	return cmd;
}

static void host_put_back_regs(struct pci_dev *pdev, u16 cmd)
{
	if (!(cmd & PCI_COMMAND_MEMORY))
		pci_write_config_word(pdev, PCI_COMMAND, cmd);
}

static int host_find_dvsec(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	u32 header, offset;
	u16 word;

	host->dvsec = pci_find_dvsec_capability(pdev, PCI_VENDOR_ID_CXL,
						PCI_DVSEC_CXL_DEVICE);
	if (host->dvsec)
		pci_read_config_dword(pdev, host->dvsec + PCI_DVSEC_HEADER1,
				      &header);
	if (!host->dvsec || PCI_DVSEC_HEADER1_LEN(header) < DVSEC_LENGTH_MIN) {
		pci_err(pdev, "no CXL Device DVSEC: not a CXL device, bind it to vfio-pci instead\n");
		return -ENODEV;
	}
	host->dvsec_length = PCI_DVSEC_HEADER1_LEN(header);

	/*
	 * The body starts at 0x0a and some host bridges refuse a dword that is
	 * not aligned: read 16 bits at a time.
	 */
	for (offset = 0; offset < min_t(u32, host->dvsec_length,
					VFIO_CXL_EMU_DVSEC_SIZE); offset += 2) {
		pci_read_config_word(pdev, host->dvsec + offset, &word);
		put_unaligned_le16(word, host->dvsec_config.host + offset);
	}

	if (!(host_saved_dvsec(host, PCI_DVSEC_CXL_CAP) &
	      PCI_DVSEC_CXL_MEM_CAPABLE)) {
		pci_err(pdev, "no CXL.mem capability: the device has no memory to give, bind it to vfio-pci instead\n");
		return -EOPNOTSUPP;
	}

	return 0;
}

/* Find the component registers through the Register Locator DVSEC */
static int host_find_regs(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	u32 header, low, high, entry;
	u16 locator;
	u64 end;

	locator = pci_find_dvsec_capability(pdev, PCI_VENDOR_ID_CXL,
					    PCI_DVSEC_CXL_REG_LOCATOR);
	if (!locator)
		goto missing;

	pci_read_config_dword(pdev, locator + PCI_DVSEC_HEADER1, &header);
	for (entry = PCI_DVSEC_CXL_REG_LOCATOR_BLOCK1;
	     entry + REG_LOCATOR_ENTRY_SIZE <= PCI_DVSEC_HEADER1_LEN(header);
	     entry += REG_LOCATOR_ENTRY_SIZE) {
		pci_read_config_dword(pdev, locator + entry, &low);
		if (FIELD_GET(PCI_DVSEC_CXL_REG_LOCATOR_BLOCK_ID, low) ==
		    REG_LOCATOR_COMPONENT)
			goto found;
	}

missing:
	pci_err(pdev, "no component registers in the Register Locator DVSEC: CXL 2.0 or later is needed\n");
	return -ENXIO;

found:
	pci_read_config_dword(pdev, locator + entry + 4, &high);
	host->bar = FIELD_GET(PCI_DVSEC_CXL_REG_LOCATOR_BIR, low);
	host->offset = (u64)high << 32 |
		       (low & PCI_DVSEC_CXL_REG_LOCATOR_BLOCK_OFF_LOW);
	if (host->bar >= PCI_STD_NUM_BARS ||
	    !(pci_resource_flags(pdev, host->bar) & IORESOURCE_MEM) ||
	    !pci_resource_start(pdev, host->bar) ||
	    check_add_overflow(host->offset, VFIO_CXL_EMU_COMPONENT_SIZE,
			       &end) ||
	    end > pci_resource_len(pdev, host->bar)) {
		pci_err(pdev, "the component registers lie outside any assigned memory BAR: check the firmware's BAR assignment\n");
		return -ERANGE;
	}

	host->regs = ioremap(pci_resource_start(pdev, host->bar) + host->offset,
			     VFIO_CXL_EMU_COMPONENT_SIZE);
	return host->regs ? 0 : -ENOMEM;
}

static unsigned int host_decoders(u32 cap)
{
	unsigned int count = FIELD_GET(HDM_CAP_COUNT, cap);

	if (!count)
		return 1;
	return count <= 8 ? count * 2 : (count - 4) * 4;
}

/* Where a structure of @size bytes lies wholly past the capability array */
static bool host_cm_fits(u32 header, u32 entries, u32 size)
{
	u32 pointer = FIELD_GET(CM_CAP_POINTER, header);

	return header && IS_ALIGNED(pointer, 4) &&
	       pointer >= 4 * (entries + 1) &&
	       pointer + size <= VFIO_CXL_EMU_CM_SIZE;
}

/* Keep @size bytes of registers, little endian as they are read by a guest */
static void host_snapshot(void __iomem *regs, u8 *to, u32 size)
{
	u32 i;

	for (i = 0; i < size; i += 4)
		put_unaligned_le32(readl(regs + i), to + i);
}

/* Find HDM decoders and RAS in the capability array and keep their registers */
static int host_find_hdm(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	struct vfio_cxl_emu_cm_config *config = &host->cm_config;
	void __iomem *cm = host->regs + VFIO_CXL_EMU_CM_OFFSET;
	u32 i, entries, header, hdm, hdm_size, ras;

	config->header = readl(cm);
	entries = FIELD_GET(CM_HEADER_ARRAY_SIZE, config->header);
	if (FIELD_GET(CM_HEADER_ID, config->header) != CM_HEADER_ID_CM)
		entries = 0;
	for (i = 1; i <= entries; i++) {
		header = readl(cm + 4 * i);
		if (FIELD_GET(CM_CAP_ID, header) == CM_CAP_ID_HDM)
			config->hdm_header = header;
		else if (FIELD_GET(CM_CAP_ID, header) == CM_CAP_ID_RAS)
			config->ras_header = header;
	}

	hdm_size = VFIO_CXL_EMU_HDM_SIZE;
	if (!host_cm_fits(config->hdm_header, entries, hdm_size))
		goto missing;
	hdm = FIELD_GET(CM_CAP_POINTER, config->hdm_header);
	hdm_size = HDM_DECODERS +
		   host_decoders(readl(cm + hdm)) * HDM_DECODER_STRIDE;
	if (!host_cm_fits(config->hdm_header, entries, hdm_size))
		goto missing;
	host->hdm = VFIO_CXL_EMU_CM_OFFSET + hdm;
	host_snapshot(cm + hdm, config->hdm, sizeof(config->hdm));

	/* RAS is a courtesy: leave it out where it makes no sense */
	ras = FIELD_GET(CM_CAP_POINTER, config->ras_header);
	if (host_cm_fits(config->ras_header, entries, VFIO_CXL_EMU_RAS_SIZE) &&
	    (ras + VFIO_CXL_EMU_RAS_SIZE <= hdm || hdm + hdm_size <= ras))
		host_snapshot(cm + ras, config->ras, sizeof(config->ras));
	else
		config->ras_header = 0;

	return 0;

missing:
	pci_err(pdev, "no HDM Decoder Capability in the component registers: CXL 2.0 or later is needed\n");
	return -ENOENT;
}

/* What platform firmware must have done */
static int host_check_decoders(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	u32 ctrl = host_saved(host, HDM_CTRL);
	unsigned int i;

	if (!(ctrl & HDM_CTRL_COMMITTED) ||
	    !(host_saved(host, HDM_GLOBAL_CTRL) & HDM_GLOBAL_ENABLE) ||
	    !(host_saved_dvsec(host, PCI_DVSEC_CXL_CTRL) &
	      PCI_DVSEC_CXL_MEM_ENABLE)) {
		pci_err(pdev, "HDM decoder 0 is not committed and enabled: let platform firmware configure CXL memory\n");
		return -ENODATA;
	}
	if (FIELD_GET(HDM_CTRL_IW, ctrl)) {
		pci_err(pdev, "HDM decoder 0 is interleaved: turn interleaving of this device off in platform firmware\n");
		return -EXDEV;
	}

	host->base = (u64)host_saved(host, HDM_BASE_HIGH) << 32 |
		     host_saved(host, HDM_BASE_LOW);
	host->size = (u64)host_saved(host, HDM_SIZE_HIGH) << 32 |
		     host_saved(host, HDM_SIZE_LOW);
	host->dvsec_config.size = host->size;
	if (!host->size || !IS_ALIGNED(host->size, VFIO_CXL_EMU_HDM_ALIGN)) {
		pci_err(pdev, "HDM decoder 0 decodes %#llx bytes, not a multiple of 256 MiB: update platform firmware\n",
			host->size);
		return -EINVAL;
	}
	if (host->size > VFIO_PCI_OFFSET_MASK + 1) {
		pci_err(pdev, "HDM decoder 0 decodes %#llx bytes, more than a VFIO region can hold\n",
			host->size);
		return -EFBIG;
	}

	for (i = 1; i < host_decoders(host_saved(host, HDM_CAP)); i++) {
		if (!(host_readl(host, HDM_CTRL + i * HDM_DECODER_STRIDE) &
		      HDM_CTRL_COMMITTED))
			continue;
		pci_err(pdev, "HDM decoder %u is committed too: only devices that use decoder 0 alone are supported\n",
			i);
		return -EMLINK;
	}

	return 0;
}

/* @part is what a CXL window and the memory share: all of it, or too little */
static int host_in_window(struct resource *part, void *arg)
{
	const struct vfio_cxl_host *host = arg;

	return part->start == host->base && resource_size(part) == host->size;
}

/*
 * The claim lies directly in a CXL window, hence in one window only, and not in
 * a region that the CXL core assembled there or in memory the kernel uses.
 */
static int host_claim(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	struct resource *window;

	pci_dbg(pdev, "HDM decoder 0: %pa, %#llx bytes\n", &host->base,
		host->size);
	if (walk_iomem_res_desc(IORES_DESC_CXL, IORESOURCE_MEM, host->base,
				host->base + host->size - 1, host,
				host_in_window) != 1) {
		pci_err(pdev, "HDM decoder 0 decodes a range that is not inside one CXL window: load cxl_acpi, check ACPI CEDT\n");
		return -EADDRNOTAVAIL;
	}

	host->claim = request_mem_region_exclusive(host->base, host->size,
						   pci_name(pdev));
	if (!host->claim)
		goto busy;
	window = host->claim->parent;
	if (window->desc != IORES_DESC_CXL ||
	    (window->parent && window->parent->desc == IORES_DESC_CXL)) {
		release_mem_region(host->base, host->size);
		goto busy;
	}

	/*
	 * One write-back mapping of the whole range for as long as the device
	 * is bound: read() and write() use it, and on x86 it reserves the
	 * memory type without which user mappings would be uncached.
	 */
	host->mem = memremap(host->base, host->size, MEMREMAP_WB);
	if (!host->mem) {
		release_mem_region(host->base, host->size);
		return -ENOMEM;
	}

	return 0;

busy:
	pci_err(pdev, "the memory is in use: unbind whatever uses it, see /proc/iomem\n");
	return -EBUSY;
}

/**
 * vfio_cxl_host_bind - find, check and claim the device's memory
 * @cvdev: the device, in D0
 *
 * Return: 0, or a negative errno, a different one for each reason, with one
 * line in the log that says what to do:
 *
 * * -ENODEV - no CXL Device DVSEC
 * * -EOPNOTSUPP - no CXL.mem capability
 * * -ENXIO - no component registers
 * * -ERANGE - component registers outside any memory BAR
 * * -ENOENT - no HDM Decoder Capability
 * * -ENODATA - decoder 0 not committed
 * * -EXDEV - decoder 0 interleaved
 * * -EINVAL - size of the memory not a multiple of 256 MiB
 * * -EFBIG - memory larger than a VFIO region
 * * -EMLINK - another decoder committed
 * * -EADDRNOTAVAIL - memory not in one CXL window
 * * -EBUSY - memory in use
 * * -ENOMEM - out of memory
 */
int vfio_cxl_host_bind(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	u16 cmd;
	int ret;

	mutex_init(&host->lock);

	ret = host_find_dvsec(cvdev);
	if (ret)
		return ret;
	ret = host_find_regs(cvdev);
	if (ret)
		return ret;

	cmd = host_enable_regs(pdev);
	ret = host_find_hdm(cvdev);
	if (!ret)
		ret = host_check_decoders(cvdev);
	host_put_back_regs(pdev, cmd);
	if (!ret)
		ret = host_claim(cvdev);
	if (ret)
		iounmap(host->regs);

	return ret;
}

/**
 * vfio_cxl_host_unbind - give the memory back
 * @cvdev: the device; its decoder stays as platform firmware left it
 */
void vfio_cxl_host_unbind(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_host *host = &cvdev->host;

	memunmap(host->mem);
	release_mem_region(host->base, host->size);
	iounmap(host->regs);
	mutex_destroy(&host->lock);
}

/* Registers that a reset clears, in the order that they are put back */
static const u32 host_decoder_regs[] = {
	HDM_BASE_LOW, HDM_BASE_HIGH, HDM_SIZE_LOW, HDM_SIZE_HIGH,
	HDM_DPA_SKIP_LOW, HDM_DPA_SKIP_HIGH,
};

static bool host_decoder_intact(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_host *host = &cvdev->host;
	unsigned int i;
	u16 ctrl;

	for (i = 0; i < ARRAY_SIZE(host_decoder_regs); i++)
		if (host_readl(host, host_decoder_regs[i]) !=
		    host_saved(host, host_decoder_regs[i]))
			return false;

	pci_read_config_word(vfio_cxl_pdev(cvdev),
			     host->dvsec + PCI_DVSEC_CXL_CTRL, &ctrl);

	return host_readl(host, HDM_CTRL) == host_saved(host, HDM_CTRL) &&
	       host_readl(host, HDM_GLOBAL_CTRL) & HDM_GLOBAL_ENABLE &&
	       ctrl & PCI_DVSEC_CXL_MEM_ENABLE;
}

/**
 * vfio_cxl_host_memory_state - what the hardware says of the memory now
 * @cvdev: the device
 *
 * Return: the DVSEC CXL Range 1 Size Low Register (8.1.3.8.2).
 */
u32 vfio_cxl_host_memory_state(struct vfio_cxl_device *cvdev)
{
	u32 val;

	pci_read_config_dword(vfio_cxl_pdev(cvdev), cvdev->host.dvsec +
			      PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), &val);
	return val;
}

/* Memory_Info_Valid within a second, Memory_Active as the device says */
static int host_wait_active(struct vfio_cxl_device *cvdev)
{
	u64 timeout;
	u32 val;
	int ret;

	ret = read_poll_timeout(vfio_cxl_host_memory_state, val,
				val & PCI_DVSEC_CXL_MEM_INFO_VALID,
				10 * USEC_PER_MSEC, USEC_PER_SEC, false, cvdev);
	if (ret)
		return ret;

	/* 1, 4, 16, 64 or 256 s (8.1.3.8.2) */
	timeout = min(FIELD_GET(PCI_DVSEC_CXL_MEM_ACTIVE_TIMEOUT, val), 4);
	timeout = (u64)USEC_PER_SEC << (2 * timeout);
	ret = read_poll_timeout(vfio_cxl_host_memory_state, val,
				val & PCI_DVSEC_CXL_MEM_ACTIVE,
				10 * USEC_PER_MSEC, timeout, false, cvdev);
	return ret ?: PCI_POSSIBLE_ERROR(val) ? -ENODEV : 0;
}

static int host_commit(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_host *host = &cvdev->host;
	u32 ctrl = host_readl(host, HDM_CTRL);
	unsigned int i;

	/* A commit that failed leaves its request behind: take it back */
	if (ctrl & (HDM_CTRL_COMMIT | HDM_CTRL_COMMITTED))
		host_writel(host, HDM_CTRL, 0);

	host_writel(host, HDM_GLOBAL_CTRL, host_saved(host, HDM_GLOBAL_CTRL));
	for (i = 0; i < ARRAY_SIZE(host_decoder_regs); i++)
		host_writel(host, host_decoder_regs[i],
			    host_saved(host, host_decoder_regs[i]));

	/* Lock On Commit: the lock takes hold with the commit, so it is last */
	ctrl = host_saved(host, HDM_CTRL) & ~(HDM_CTRL_COMMITTED |
					      HDM_CTRL_ERROR);
	host_writel(host, HDM_CTRL, ctrl | HDM_CTRL_COMMIT);

	return readl_poll_timeout(host->regs + host->hdm + HDM_CTRL, ctrl,
				  ctrl & (HDM_CTRL_COMMITTED | HDM_CTRL_ERROR),
				  100, HDM_COMMIT_TIMEOUT_US);
}

static int host_restore(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	static const u8 range_base[] = {
		PCI_DVSEC_CXL_RANGE_BASE_HIGH(0),
		PCI_DVSEC_CXL_RANGE_BASE_LOW(0),
	};
	unsigned int i;
	int ret;

	if (host_decoder_intact(cvdev))
		return host_wait_active(cvdev);

	for (i = 0; i < ARRAY_SIZE(range_base); i++)
		pci_write_config_dword(pdev, host->dvsec + range_base[i],
				       get_unaligned_le32(range_base[i] +
						host->dvsec_config.host));
	pci_write_config_word(pdev, host->dvsec + PCI_DVSEC_CXL_CTRL,
			      host_saved_dvsec(host, PCI_DVSEC_CXL_CTRL));
	ret = host_wait_active(cvdev);
	if (ret)
		return ret;
	ret = host_commit(cvdev);
	if (ret)
		return ret;
	pci_write_config_word(pdev, host->dvsec + DVSEC_LOCK,
			      host_saved_dvsec(host, DVSEC_LOCK));

	return host_decoder_intact(cvdev) ? 0 : -EIO;
}

/**
 * vfio_cxl_host_restore - make sure the decoder is as platform firmware left it
 * @cvdev: the device
 *
 * A reset clears the decoder.  Program it again with what was there at bind,
 * commit it, and check by reading back.  May sleep for as long as the device
 * says that its memory needs to become active, 256 s at most.
 *
 * Return: 0, or a negative errno where the memory must not be touched.
 */
int vfio_cxl_host_restore(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	u16 cmd;
	int ret;

	guard(mutex)(&cvdev->host.lock);

	cmd = host_enable_regs(pdev);
	ret = host_restore(cvdev);
	host_put_back_regs(pdev, cmd);
	if (ret)
		pci_err(pdev, "HDM decoder 0 did not come back after a reset (%d), the memory is not usable: reset the device again\n",
			ret);

	return ret;
}

/**
 * vfio_cxl_host_device_coherent - target type of the host's decoder 0
 * @cvdev: the device
 *
 * Return: true for device-coherent memory (HDM-D, HDM-DB), false for host-only.
 */
bool vfio_cxl_host_device_coherent(struct vfio_cxl_device *cvdev)
{
	return !(host_saved(&cvdev->host, HDM_CTRL) & HDM_CTRL_HOST_ONLY);
}
