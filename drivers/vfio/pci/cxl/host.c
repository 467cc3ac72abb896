// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's side of a CXL.mem device: find its decoder, check how platform
 * firmware configured it, claim the memory, and restore the decoder after
 * resets
 *
 * The CXL core is not used.  It would claim the decoder's registers inside the
 * device's BAR, which vfio_pci_core must own as a whole.
 */
#include <linux/bitfield.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/iopoll.h>
#include <linux/memregion.h>
#include <linux/mmzone.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/unaligned.h>

#include "emu/cxl_regs.h"
#include "private.h"
#include "trace.h"

/* A decoder commits or reports an error within 10 ms (CXL r3.1 8.2.4.20.7) */
#define HDM_COMMIT_TIMEOUT_US	(10 * USEC_PER_MSEC)

static void __iomem *host_hdm(const struct vfio_cxl_host *host)
{
	return host->regs + CXL_CM_OFFSET + host->layout.hdm;
}

/* Or NULL */
static void __iomem *host_ras(const struct vfio_cxl_host *host)
{
	return host->layout.ras ?
	       host->regs + CXL_CM_OFFSET + host->layout.ras : NULL;
}

static u32 host_readl(const struct vfio_cxl_host *host, u32 reg)
{
	return readl(host_hdm(host) + reg);
}

static void host_writel(const struct vfio_cxl_host *host, u32 reg, u32 val)
{
	writel(val, host_hdm(host) + reg);
}

/* For layout.c: read the component registers */
static u32 host_source_cm(void *device, u32 offset)
{
	struct vfio_cxl_host *host = device;

	return readl(host->regs + CXL_CM_OFFSET + offset);
}

/* A decoder register as it was at bind */
static u32 host_saved(const struct vfio_cxl_host *host, u32 reg)
{
	return get_unaligned_le32(host->config.cm.hdm + reg);
}

static u16 host_saved_dvsec(const struct vfio_cxl_host *host, u32 reg)
{
	return get_unaligned_le16(host->config.dvsec + reg);
}

/*
 * The user may have disabled memory decode.  The registers need it, so enable
 * it while they are accessed.
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

/* An interrupt may have changed another bit of the command register since */
static void host_put_back_regs(struct pci_dev *pdev, u16 cmd)
{
	if (cmd & PCI_COMMAND_MEMORY)
		return;
	pci_read_config_word(pdev, PCI_COMMAND, &cmd);
	pci_write_config_word(pdev, PCI_COMMAND, cmd & ~PCI_COMMAND_MEMORY);
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
	if (!host->dvsec ||
	    PCI_DVSEC_HEADER1_LEN(header) < CXL_DVSEC_LENGTH_MIN) {
		pci_err(pdev, "no CXL Device DVSEC: not a CXL device, bind it to vfio-pci instead\n");
		return -ENODEV;
	}
	host->dvsec_length = PCI_DVSEC_HEADER1_LEN(header);

	/* Its component registers are in the RCRB, and no port can reset it */
	if (pci_pcie_type(pdev) == PCI_EXP_TYPE_RC_END) {
		pci_err(pdev, "integrated into the root complex (CXL 1.1): only devices below a root port are supported\n");
		return -EOPNOTSUPP;
	}

	/*
	 * The body starts at 0x0a and some host bridges refuse a dword that is
	 * not aligned: read 16 bits at a time.
	 */
	for (offset = 0; offset < min_t(u32, host->dvsec_length,
					VFIO_CXL_EMU_DVSEC_SIZE); offset += 2) {
		pci_read_config_word(pdev, host->dvsec + offset, &word);
		put_unaligned_le16(word, host->config.dvsec + offset);
	}

	if (!(host_saved_dvsec(host, PCI_DVSEC_CXL_CAP) &
	      PCI_DVSEC_CXL_MEM_CAPABLE)) {
		pci_err(pdev, "no CXL.mem capability: the device has no host-managed memory, bind it to vfio-pci instead\n");
		return -EOPNOTSUPP;
	}

	return 0;
}

struct host_dvsec {
	struct pci_dev *pdev;
	u16 at;
};

static u32 host_source_dvsec(void *device, u32 offset)
{
	const struct host_dvsec *dvsec = device;
	u32 val;

	pci_read_config_dword(dvsec->pdev, dvsec->at + offset, &val);
	return val;
}

/* Find the component registers through the Register Locator DVSEC */
static int host_find_regs(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	struct host_dvsec locator = { .pdev = pdev };
	const struct vfio_cxl_emu_source source = {
		.read = host_source_dvsec,
		.device = &locator,
	};
	u32 header = 0;
	u64 end;

	locator.at = pci_find_dvsec_capability(pdev, PCI_VENDOR_ID_CXL,
					       PCI_DVSEC_CXL_REG_LOCATOR);
	if (locator.at)
		header = host_source_dvsec(&locator, PCI_DVSEC_HEADER1);
	if (vfio_cxl_emu_find_block(&source, PCI_DVSEC_HEADER1_LEN(header),
				    &host->bar, &host->offset)) {
		pci_err(pdev, "no component registers in the Register Locator DVSEC: CXL 2.0 or later is needed\n");
		return -ENXIO;
	}

	if (host->bar >= PCI_STD_NUM_BARS ||
	    !(pci_resource_flags(pdev, host->bar) & IORESOURCE_MEM) ||
	    !pci_resource_start(pdev, host->bar) ||
	    check_add_overflow(host->offset, CXL_COMPONENT_REG_BLOCK_SIZE,
			       &end) ||
	    end > pci_resource_len(pdev, host->bar)) {
		pci_err(pdev, "the component registers lie outside any assigned memory BAR: check the firmware's BAR assignment\n");
		return -ERANGE;
	}

	host->regs = ioremap(pci_resource_start(pdev, host->bar) + host->offset,
			     CXL_COMPONENT_REG_BLOCK_SIZE);
	return host->regs ? 0 : -ENOMEM;
}

static void host_save(struct vfio_cxl_host *host, u32 reg, u32 val)
{
	put_unaligned_le32(val, host->config.cm.hdm + reg);
}

/*
 * If decoder 0 is not committed, treat the range that was specified for the
 * device as if platform firmware had configured it: the code that restores the
 * decoder after resets then commits it.  It is not locked, as firmware did not
 * lock it.
 */
static int host_adopt_range(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	u8 *dvsec = host->config.dvsec;
	u64 base, size, has;
	u32 ctrl;
	u16 word;

	if (!vfio_cxl_range_take(pdev, &base, &size))
		return 0;

	if (vfio_cxl_emu_configured(&host->config)) {
		pci_notice(pdev, "HDM decoder 0 is already committed: new_range is not used\n");
		return 0;
	}
	has = vfio_cxl_emu_capacity(&host->config);
	if (size > has) {
		pci_err(pdev, "new_range specifies %#llx bytes, but the device has %#llx: write the range that the host bridge routes to it\n",
			size, has);
		return -EINVAL;
	}

	/* A device with a cache of its own uses device-coherent memory */
	ctrl = CXL_HDM_DECODER0_CTRL_COMMIT | CXL_HDM_DECODER0_CTRL_COMMITTED;
	if (!(host_saved_dvsec(host, PCI_DVSEC_CXL_CAP) &
	      CXL_DVSEC_CACHE_CAPABLE))
		ctrl |= CXL_HDM_DECODER0_CTRL_HOSTONLY;
	host_save(host, CXL_HDM_DECODER0_BASE_LOW_OFFSET(0), base);
	host_save(host, CXL_HDM_DECODER0_BASE_HIGH_OFFSET(0), base >> 32);
	host_save(host, CXL_HDM_DECODER0_SIZE_LOW_OFFSET(0), size);
	host_save(host, CXL_HDM_DECODER0_SIZE_HIGH_OFFSET(0), size >> 32);
	host_save(host, CXL_HDM_DECODER0_SKIP_LOW(0), 0);
	host_save(host, CXL_HDM_DECODER0_SKIP_HIGH(0), 0);
	host_save(host, CXL_HDM_DECODER0_CTRL_OFFSET(0), ctrl);
	host_save(host, CXL_HDM_DECODER_CTRL_OFFSET,
		  host_saved(host, CXL_HDM_DECODER_CTRL_OFFSET) |
		  CXL_HDM_DECODER_ENABLE);
	word = host_saved_dvsec(host, PCI_DVSEC_CXL_CTRL);
	put_unaligned_le16(word | PCI_DVSEC_CXL_MEM_ENABLE,
			   dvsec + PCI_DVSEC_CXL_CTRL);

	return 0;
}

/* Check what platform firmware, or the writer of new_range, has set up */
static int host_find_memory(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	const struct vfio_cxl_emu_source source = {
		.read = host_source_cm,
		.device = host,
	};
	u64 base = 0;
	int ret;

	if (vfio_cxl_emu_find_hdm(&source, &host->config.cm, &host->layout)) {
		pci_err(pdev, "no HDM Decoder Capability in the component registers: CXL 2.0 or later is needed\n");
		return -ENOENT;
	}
	ret = host_adopt_range(cvdev);
	if (ret)
		return ret;

	ret = vfio_cxl_emu_check_decoders(&source, &host->config, &host->layout,
					  &base, &host->size);
	host->base = base;
	host->config.size = host->size;
	switch (ret) {
	case -ENODATA:
		pci_err(pdev, "HDM decoder 0 is not committed and enabled: let platform firmware configure CXL memory, or specify the range that the host bridge routes to the device in new_range\n");
		return ret;
	case -EXDEV:
		pci_err(pdev, "HDM decoder 0 is interleaved: disable interleaving of this device in platform firmware\n");
		return ret;
	case -EOPNOTSUPP:
		pci_err(pdev, "HDM decoder 0 uses Back-Invalidate or Unordered I/O, which are not supported: disable them in platform firmware\n");
		return ret;
	case -EINVAL:
		pci_err(pdev, "HDM decoder 0 decodes %#llx bytes, not a multiple of 256 MiB: update platform firmware\n",
			host->size);
		return ret;
	case -EADDRNOTAVAIL:
		pci_err(pdev, "HDM decoder 0 begins at address 0: the platform translates the addresses of its devices (AMD's normalized addresses), which is not supported\n");
		return ret;
	case -EMLINK:
		pci_err(pdev, "another HDM decoder is also committed: only devices that use decoder 0 alone are supported\n");
		return ret;
	}
	if (host->size > VFIO_PCI_OFFSET_MASK + 1) {
		pci_err(pdev, "HDM decoder 0 decodes %#llx bytes, more than the 1 TiB that a VFIO region can hold\n",
			host->size);
		return -EFBIG;
	}

	return 0;
}

/* @part is the intersection of a CXL window and the memory */
static int host_in_window(struct resource *part, void *arg)
{
	const struct vfio_cxl_host *host = arg;

	return part->start == host->base && resource_size(part) == host->size;
}

/*
 * vmf_insert_pfn() is a BUG for a PFN with a struct page in a VM_MIXEDMAP
 * mapping.  The struct pages of a section of the host's RAM extend past its
 * end, see pfn_valid().
 */
static bool host_has_pages(const struct vfio_cxl_host *host)
{
	u64 at;

	for (at = 0; at < host->size; at += SZ_2M)
		if (pfn_valid(PHYS_PFN(host->base + at)))
			return true;

	return false;
}

/*
 * The claim has to lie directly in a CXL window, not in a region that the CXL
 * core assembled there, nor in memory that the kernel uses.  The firmware
 * memory map may list the range as reserved or soft reserved, which does not
 * mean that it is in use.  The descriptor of the claim is that of its parent,
 * which __request_region() copied with the lock of the tree held: the parent
 * itself may be removed at any time, with cxl_acpi.
 */
static bool host_claim_is_direct(const struct resource *claim)
{
	return claim->desc == IORES_DESC_CXL ||
	       claim->desc == IORES_DESC_RESERVED ||
	       claim->desc == IORES_DESC_SOFT_RESERVED;
}

static int host_claim(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	const struct resource *claim;

	pci_dbg(pdev, "HDM decoder 0: %pa, %#llx bytes\n", &host->base,
		host->size);
	if (walk_iomem_res_desc(IORES_DESC_CXL, IORESOURCE_MEM, host->base,
				host->base + host->size - 1, host,
				host_in_window) != 1) {
		pci_err(pdev, "HDM decoder 0 decodes a range that is not inside one CXL window: load cxl_acpi, check ACPI CEDT\n");
		return -EADDRNOTAVAIL;
	}

	claim = request_mem_region_exclusive(host->base, host->size,
					     pci_name(pdev));
	if (!claim)
		goto busy;
	if (!host_claim_is_direct(claim) || host_has_pages(host)) {
		release_mem_region(host->base, host->size);
		goto busy;
	}

	return 0;

busy:
	pci_err(pdev, "the memory is in use, see /proc/iomem: unbind whatever uses it, or destroy the region that the CXL core created from it (cxl destroy-region, or delete_region of its root decoder in sysfs)\n");
	return -EBUSY;
}

/* Registers that a reset clears, in the order in which they are restored */
static const u32 host_decoder_regs[] = {
	CXL_HDM_DECODER0_BASE_LOW_OFFSET(0),
	CXL_HDM_DECODER0_BASE_HIGH_OFFSET(0),
	CXL_HDM_DECODER0_SIZE_LOW_OFFSET(0),
	CXL_HDM_DECODER0_SIZE_HIGH_OFFSET(0),
	CXL_HDM_DECODER0_SKIP_LOW(0),
	CXL_HDM_DECODER0_SKIP_HIGH(0),
};

/* RAS registers that a reset clears */
static const u32 host_ras_regs[] = {
	CXL_RAS_UNCORRECTABLE_MASK_OFFSET,
	CXL_RAS_UNCORRECTABLE_SEVERITY_OFFSET,
	CXL_RAS_CORRECTABLE_MASK_OFFSET,
};

/* Bits to restore in the DVSEC CXL Control Register (8.1.3.2) */
#define HOST_ENABLES	(PCI_DVSEC_CXL_MEM_ENABLE | CXL_DVSEC_CACHE_ENABLE)

static bool host_config_intact(struct vfio_cxl_device *cvdev)
{
	unsigned int i;
	u32 bar;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		pci_read_config_dword(vfio_cxl_pdev(cvdev),
				      PCI_BASE_ADDRESS_0 + 4 * i, &bar);
		if (bar != cvdev->host.bars[i])
			return false;
	}

	return true;
}

static bool host_decoder_intact(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_host *host = &cvdev->host;
	unsigned int i;
	u32 decoder;
	u16 ctrl;

	for (i = 0; i < ARRAY_SIZE(host_decoder_regs); i++)
		if (host_readl(host, host_decoder_regs[i]) !=
		    host_saved(host, host_decoder_regs[i]))
			return false;
	for (i = 1; i < host->layout.decoders; i++)
		if (host->layout.empty[i] &&
		    host->layout.empty[i] !=
		    host_readl(host, CXL_HDM_DECODER0_CTRL_OFFSET(i)))
			return false;

	pci_read_config_word(vfio_cxl_pdev(cvdev),
			     host->dvsec + PCI_DVSEC_CXL_CTRL, &ctrl);
	ctrl ^= host_saved_dvsec(host, PCI_DVSEC_CXL_CTRL);

	decoder = host_readl(host, CXL_HDM_DECODER0_CTRL_OFFSET(0));

	return decoder == host_saved(host, CXL_HDM_DECODER0_CTRL_OFFSET(0)) &&
	       host_readl(host, CXL_HDM_DECODER_CTRL_OFFSET) &
	       CXL_HDM_DECODER_ENABLE && !(ctrl & HOST_ENABLES);
}

/**
 * vfio_cxl_host_intact - whether the decoder is as platform firmware set it up
 * @cvdev: the device, with config access locked
 *
 * Return: true if the device decodes its memory.
 */
bool vfio_cxl_host_intact(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	bool intact;
	u16 cmd;

	if (!host_config_intact(cvdev))
		return false;
	cmd = host_enable_regs(pdev);
	intact = host_decoder_intact(cvdev);
	host_put_back_regs(pdev, cmd);

	return intact;
}

/* @ctrl is the value of the control register once the decoder is committed */
static int host_commit(const struct vfio_cxl_host *host, unsigned int decoder,
		       u32 ctrl)
{
	/* Lock On Commit: the lock takes effect with the commit, at the end */
	ctrl &= ~(CXL_HDM_DECODER0_CTRL_COMMITTED |
		  CXL_HDM_DECODER0_CTRL_COMMIT_ERROR);
	host_writel(host, CXL_HDM_DECODER0_CTRL_OFFSET(decoder),
		    ctrl | CXL_HDM_DECODER0_CTRL_COMMIT);

	return readl_poll_timeout(host_hdm(host) +
				  CXL_HDM_DECODER0_CTRL_OFFSET(decoder), ctrl,
				  ctrl & (CXL_HDM_DECODER0_CTRL_COMMITTED |
					  CXL_HDM_DECODER0_CTRL_COMMIT_ERROR),
				  100, HDM_COMMIT_TIMEOUT_US);
}

static int host_commit_all(const struct vfio_cxl_host *host)
{
	u32 ctrl = host_readl(host, CXL_HDM_DECODER0_CTRL_OFFSET(0));
	unsigned int i;
	int ret;

	/* A commit that failed leaves its request set: clear it */
	if (ctrl & (CXL_HDM_DECODER0_CTRL_COMMIT |
		    CXL_HDM_DECODER0_CTRL_COMMITTED))
		host_writel(host, CXL_HDM_DECODER0_CTRL_OFFSET(0), 0);

	host_writel(host, CXL_HDM_DECODER_CTRL_OFFSET,
		    host_saved(host, CXL_HDM_DECODER_CTRL_OFFSET));
	for (i = 0; i < ARRAY_SIZE(host_decoder_regs); i++)
		host_writel(host, host_decoder_regs[i],
			    host_saved(host, host_decoder_regs[i]));

	/* Decoders have to be committed in order (8.2.4.20.12) */
	ret = host_commit(host, 0,
			  host_saved(host, CXL_HDM_DECODER0_CTRL_OFFSET(0)));
	for (i = 1; !ret && i < host->layout.decoders; i++)
		if (host->layout.empty[i])
			ret = host_commit(host, i, host->layout.empty[i]);

	return ret;
}

static void host_restore_ras(struct vfio_cxl_host *host)
{
	void __iomem *ras = host_ras(host);
	unsigned int i;
	u32 saved;

	if (!ras)
		return;
	for (i = 0; i < ARRAY_SIZE(host_ras_regs); i++) {
		saved = get_unaligned_le32(host->config.cm.ras +
					   host_ras_regs[i]);
		if (readl(ras + host_ras_regs[i]) != saved)
			writel(saved, ras + host_ras_regs[i]);
	}
}

static int host_program_decoder(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	static const u8 range_base[] = {
		PCI_DVSEC_CXL_RANGE_BASE_HIGH(0),
		PCI_DVSEC_CXL_RANGE_BASE_LOW(0),
	};
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(range_base); i++)
		pci_write_config_dword(pdev, host->dvsec + range_base[i],
				       get_unaligned_le32(range_base[i] +
						host->config.dvsec));
	pci_write_config_word(pdev, host->dvsec + PCI_DVSEC_CXL_CTRL,
			      host_saved_dvsec(host, PCI_DVSEC_CXL_CTRL));
	ret = host_commit_all(&cvdev->host);
	if (ret)
		return ret;
	pci_write_config_word(pdev, host->dvsec + CXL_DVSEC_LOCK,
			      host_saved_dvsec(host, CXL_DVSEC_LOCK));

	return host_decoder_intact(cvdev) ? 0 : -EIO;
}

static int host_restore_decoder(struct vfio_cxl_device *cvdev)
{
	int ret;

	if (host_decoder_intact(cvdev))
		return 0;
	ret = host_program_decoder(cvdev);
	trace_vfio_cxl_decoder_restore(cvdev, ret);

	return ret;
}

static int host_save_config(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	unsigned int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		pci_read_config_dword(pdev, PCI_BASE_ADDRESS_0 + 4 * i,
				      &host->bars[i]);
	/* Restoring this state must not enable DMA of the device */
	pci_clear_master(pdev);
	pci_save_state(pdev);
	host->state = pci_store_saved_state(pdev);

	return host->state ? 0 : -ENOMEM;
}

/**
 * vfio_cxl_host_bind - find, check and claim the device's memory
 * @cvdev: the device, in D0
 *
 * Return: 0, or a negative errno that identifies the reason, with one line in
 * the log that says what to do:
 *
 * * -ENODEV - no CXL Device DVSEC
 * * -EOPNOTSUPP - integrated into the root complex, no CXL.mem capability, or
 *   Back-Invalidate or UIO in use
 * * -ENXIO - no component registers
 * * -ERANGE - component registers outside any memory BAR
 * * -ENOENT - no HDM Decoder Capability
 * * -ENODATA - decoder 0 not committed, and no range specified for it
 * * -EXDEV - decoder 0 interleaved
 * * -EINVAL - size of the memory not a multiple of 256 MiB, or the specified
 *   range larger than the device
 * * -EFBIG - memory larger than a VFIO region
 * * -EMLINK - another decoder committed
 * * -EADDRNOTAVAIL - memory not in one CXL window
 * * -ETIMEDOUT, -EIO - decoder 0 does not commit the specified range
 * * -EBUSY - memory in use
 * * -ENOMEM - out of memory
 */
int vfio_cxl_host_bind(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct vfio_cxl_host *host = &cvdev->host;
	u16 cmd;
	int ret;

	ret = host_find_dvsec(cvdev);
	if (ret)
		return ret;
	ret = host_find_regs(cvdev);
	if (ret)
		return ret;
	ret = host_save_config(cvdev);
	if (ret)
		goto err_unmap;

	cmd = host_enable_regs(pdev);
	ret = host_find_memory(cvdev);
	host_put_back_regs(pdev, cmd);
	if (!ret)
		ret = host_claim(cvdev);
	if (ret)
		goto err_free;

	/* A range from new_range is not committed yet */
	cmd = host_enable_regs(pdev);
	ret = host_restore_decoder(cvdev);
	host_put_back_regs(pdev, cmd);
	if (ret) {
		pci_err(pdev, "HDM decoder 0 does not commit the range of new_range (%d): update the device's firmware\n",
			ret);
		goto err_release;
	}
	if (!cpu_cache_has_invalidate_memregion())
		pci_info(pdev, "the platform cannot invalidate CPU caches before a reset\n");

	return 0;

err_release:
	release_mem_region(host->base, host->size);
err_free:
	kfree(host->state);
err_unmap:
	iounmap(host->regs);
	return ret;
}

/**
 * vfio_cxl_host_unbind - release the memory
 * @cvdev: the device; its decoder stays as platform firmware set it up
 */
void vfio_cxl_host_unbind(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_host *host = &cvdev->host;

	release_mem_region(host->base, host->size);
	kfree(host->state);
	iounmap(host->regs);
}

/* Read the DVSEC CXL Range 1 Size Low Register (8.1.3.8.2) */
static u32 host_memory_state(struct vfio_cxl_device *cvdev)
{
	u32 state;

	pci_read_config_dword(vfio_cxl_pdev(cvdev), cvdev->host.dvsec +
			      PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), &state);
	return state;
}

/* @state: the same register */
static bool host_memory_active(u32 state)
{
	return state & PCI_DVSEC_CXL_MEM_INFO_VALID &&
	       state & PCI_DVSEC_CXL_MEM_ACTIVE;
}

/* Return: 0 if the memory responds, -EAGAIN if it may do so later */
static int host_check_memory(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	u32 state = host_memory_state(cvdev);
	u16 pm;

	if (PCI_POSSIBLE_ERROR(state))
		return -ENODEV;
	if (pdev->pm_cap) {
		pci_read_config_word(pdev, pdev->pm_cap + PCI_PM_CTRL, &pm);
		if (pm & PCI_PM_CTRL_STATE_MASK)
			return -EIO;
	}

	return host_memory_active(state) ? 0 : -EAGAIN;
}

/**
 * vfio_cxl_host_inactive - whether the device reports its memory as inactive
 * @cvdev: the device, with config access not locked by the caller
 *
 * Waits while another task has locked config access.
 *
 * Return: true if the memory is not active yet, false if it is, or if the
 * device does not respond.
 */
bool vfio_cxl_host_inactive(struct vfio_cxl_device *cvdev)
{
	u32 state;

	pci_user_read_config_dword(vfio_cxl_pdev(cvdev), cvdev->host.dvsec +
				   PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), &state);

	return !host_memory_active(state);
}

/**
 * vfio_cxl_host_patience - how long to wait for the memory
 * @cvdev: the device, with config access locked
 *
 * Return: how long after a reset Memory_Info_Valid or Memory_Active may be 0,
 * in jiffies: one second for the former; 1, 4, 16, 64 or 256 seconds for the
 * latter, as the device declares (8.1.3.8.2).
 */
unsigned long vfio_cxl_host_patience(struct vfio_cxl_device *cvdev)
{
	u32 state = host_memory_state(cvdev);

	if (!(state & PCI_DVSEC_CXL_MEM_INFO_VALID))
		return HZ;

	return HZ << 2 * min(FIELD_GET(PCI_DVSEC_CXL_MEM_ACTIVE_TIMEOUT, state),
			     4);
}

/**
 * vfio_cxl_host_restore_config - restore the config space of bind time
 * @cvdev: the device, not open, with config access locked
 */
void vfio_cxl_host_restore_config(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);

	pci_load_saved_state(pdev, cvdev->host.state);
	pci_restore_state(pdev);
}

/**
 * vfio_cxl_host_restore - restore what platform firmware set up
 * @cvdev: the device, with config access locked
 *
 * A reset clears the decoder, the RAS masks and, unless its caller restores it,
 * the config space.  Program registers that have changed with their values of
 * bind time, and verify by reading back.  Does not wait for the memory.
 *
 * Return: 0 if the memory can be used, -EAGAIN if it may become usable later,
 * or another negative errno if it must not be accessed.
 */
int vfio_cxl_host_restore(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	u16 cmd;
	int ret;

	if (!host_config_intact(cvdev))
		vfio_cxl_host_restore_config(cvdev);

	cmd = host_enable_regs(pdev);
	ret = host_restore_decoder(cvdev);
	if (!ret)
		host_restore_ras(&cvdev->host);
	host_put_back_regs(pdev, cmd);

	return ret ?: host_check_memory(cvdev);
}

/**
 * vfio_cxl_host_error - whether the device reports an error of its own
 * @cvdev: the device
 *
 * All devices below a port are notified of an error of any of them.  An
 * Unsupported Request is an error of the requester.
 *
 * Return: true if AER or RAS status of this device has an error that is not
 * masked.
 */
bool vfio_cxl_host_error(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	void __iomem *ras = host_ras(&cvdev->host);
	u32 status = 0, mask = 0, cxl = 0;
	u16 cmd;

	pci_cfg_access_lock(pdev);
	if (pdev->aer_cap) {
		pci_read_config_dword(pdev, pdev->aer_cap +
				      PCI_ERR_UNCOR_STATUS, &status);
		pci_read_config_dword(pdev, pdev->aer_cap + PCI_ERR_UNCOR_MASK,
				      &mask);
	}
	if (ras) {
		cmd = host_enable_regs(pdev);
		cxl = readl(ras + CXL_RAS_UNCORRECTABLE_STATUS_OFFSET);
		/* It survives resets: clear it for the next error */
		writel(cxl, ras + CXL_RAS_UNCORRECTABLE_STATUS_OFFSET);
		cxl &= ~readl(ras + CXL_RAS_UNCORRECTABLE_MASK_OFFSET);
		host_put_back_regs(pdev, cmd);
	}
	pci_cfg_access_unlock(pdev);

	return status & ~(mask | PCI_ERR_UNC_UNSUP) || cxl;
}

/**
 * vfio_cxl_host_flush - flush the memory from the CPU caches
 * @cvdev: the device, whose memory no user has mapped
 *
 * Data that stays in a cache is lost, or written back when nothing decodes the
 * address.  If the platform does not support it, this does nothing: bind logs
 * that.
 */
void vfio_cxl_host_flush(struct vfio_cxl_device *cvdev)
{
	if (cpu_cache_has_invalidate_memregion())
		cpu_cache_invalidate_memregion(cvdev->host.base,
					       cvdev->host.size);
}

/**
 * vfio_cxl_host_device_coherent - target type of the host's decoder 0
 * @cvdev: the device
 *
 * Return: true for device-coherent memory (HDM-D, HDM-DB), false for host-only.
 */
bool vfio_cxl_host_device_coherent(struct vfio_cxl_device *cvdev)
{
	u32 ctrl = host_saved(&cvdev->host, CXL_HDM_DECODER0_CTRL_OFFSET(0));

	return !(ctrl & CXL_HDM_DECODER0_CTRL_HOSTONLY);
}
