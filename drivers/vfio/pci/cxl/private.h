/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vfio-cxl-pci: VFIO variant driver for CXL.mem devices
 *
 * main.c	pci_driver, vfio_device_ops, dispatch of reads and writes
 * gate.c	access to the memory: the set of reasons that block it
 * reset.c	resets and error recovery
 * mem.c	the HDM memory region
 * scrub.c	clearing the memory between users
 * poison.c	poisoned pages of the memory
 * pm.c		system sleep
 * regs.c	component registers in their BAR
 * config.c	config space: CXL DVSECs, hidden capabilities
 * feature.c	VFIO_DEVICE_FEATURE_CXL_HDM_DECODER
 * host.c	the host's decoder: find, check, claim, restore
 * range.c	ranges for decoders that are not committed
 * trace.h	tracepoints
 * emu/		the virtual registers, without hardware access
 *
 * Locks, outermost first.  While any of them is held, user memory is accessed
 * only with page faults disabled: the buffer may be a mapping of the HDM
 * region, whose faults wait for resets.
 *
 *	vfio_device_set.lock (held by VFIO around open and close)
 *	vfio_pci_core_device.memory_lock (never taken here, often held)
 *	device_lock() (never taken here, held around resets and unbind)
 *	pci_cfg_access_lock()
 *	vfio_cxl_reset.lock
 *	vfio_cxl_gate.lock
 *	vfio_cxl_device.emu_lock, vfio_cxl_scrub.lock
 */
#ifndef VFIO_CXL_PRIVATE_H
#define VFIO_CXL_PRIVATE_H

#include <linux/atomic.h>
#include <linux/memory-failure.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/ratelimit.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "emu/emu.h"

/* A build outside of a kernel tree does not use Kconfig, which says why */
#if !defined(CONFIG_64BIT) || !defined(CONFIG_ARCH_HAS_PMEM_API)
#error "This kernel's arch_wb_cache_pmem() or memremap() is not suitable"
#endif

struct vfio_cxl_device;

/**
 * struct vfio_cxl_host - the firmware's configuration, found at bind
 * @regs: the component registers, mapped
 * @bar: index of the BAR that contains them
 * @offset: offset of the component registers in that BAR, in bytes
 * @layout: where the capability structures in them are
 * @dvsec: CXL Device DVSEC in config space
 * @dvsec_length: length of the CXL Device DVSEC, in bytes
 * @base: host physical address of the memory
 * @size: size of the memory, in bytes
 * @config: the component registers and the CXL Device DVSEC as they were at
 *	bind, with the specified range if decoder 0 was not committed
 * @bars: the base address registers as they were at bind
 * @state: the config space that the PCI core restores, as it was at bind
 *
 * Constant while the driver is bound.  The hardware is accessed with config
 * access locked, by pci_cfg_access_lock() or by the caller that resets the
 * device.
 */
struct vfio_cxl_host {
	void __iomem *regs;
	unsigned int bar;
	u64 offset;
	struct vfio_cxl_emu_layout layout;
	u16 dvsec;
	u16 dvsec_length;
	phys_addr_t base;
	u64 size;
	struct vfio_cxl_emu_config config;
	u32 bars[PCI_STD_NUM_BARS];
	struct pci_saved_state *state;
};

/**
 * enum vfio_cxl_shut - reasons not to access the memory, one bit each
 * @VFIO_CXL_SHUT_SWITCH: vfio_pci_core is opening or closing the device
 * @VFIO_CXL_SHUT_RESET: a reset is under way
 * @VFIO_CXL_SHUT_RECOVERY: the PCI core recovers from an error
 * @VFIO_CXL_SHUT_SETTLING: the decoder was restored, the memory is not known to
 *	be active yet
 * @VFIO_CXL_SHUT_ERROR: the device reported an error, or the port above reset
 *	it because of one, and the user has not reset it since
 * @VFIO_CXL_SHUT_LOST: the decoder was not restored, the memory did not become
 *	active, a recovery failed, or there is no address space to map it
 * @VFIO_CXL_SHUT_GONE: the device was removed, or is being unbound
 * @VFIO_CXL_SHUT_ASLEEP: the system is about to sleep, or is waking up
 * @VFIO_CXL_SHUT_UNCLEAN: the device is not open, or its memory is not clean
 *	yet for the user that opens it
 */
enum vfio_cxl_shut {
	VFIO_CXL_SHUT_SWITCH	= BIT(0),
	VFIO_CXL_SHUT_RESET	= BIT(1),
	VFIO_CXL_SHUT_RECOVERY	= BIT(2),
	VFIO_CXL_SHUT_SETTLING	= BIT(3),
	VFIO_CXL_SHUT_ERROR	= BIT(4),
	VFIO_CXL_SHUT_LOST	= BIT(5),
	VFIO_CXL_SHUT_GONE	= BIT(6),
	VFIO_CXL_SHUT_ASLEEP	= BIT(7),
	VFIO_CXL_SHUT_UNCLEAN	= BIT(8),
};

/* Pass the names of all reasons to a macro, after its other arguments */
#define VFIO_CXL_SHUT_NAMES(macro, args...)				\
	macro(args,							\
	      { VFIO_CXL_SHUT_SWITCH,	"switch" },			\
	      { VFIO_CXL_SHUT_RESET,	"reset" },			\
	      { VFIO_CXL_SHUT_RECOVERY,	"recovery" },			\
	      { VFIO_CXL_SHUT_SETTLING,	"settling" },			\
	      { VFIO_CXL_SHUT_ERROR,	"error" },			\
	      { VFIO_CXL_SHUT_LOST,	"lost" },			\
	      { VFIO_CXL_SHUT_GONE,	"gone" },			\
	      { VFIO_CXL_SHUT_ASLEEP,	"asleep" },			\
	      { VFIO_CXL_SHUT_UNCLEAN,	"unclean" })

/**
 * struct vfio_cxl_gate - guards all accesses to the memory and mappings of it
 * @lock: held for reading by those that have entered
 * @shut: reasons not to access the memory, of enum vfio_cxl_shut
 * @wait: for a change of @shut
 * @mem: the memory, mapped write-back, while there is no reason of the
 *	hardware, else NULL
 */
struct vfio_cxl_gate {
	struct rw_semaphore lock;	/* protects shut and mem */
	unsigned long shut;
	wait_queue_head_t wait;
	void *mem;
};

/**
 * struct vfio_cxl_reset - resets and error recovery
 * @lock: protects @errors, @errors_before and VFIO_CXL_SHUT_ERROR
 * @errors: number of errors reported so far
 * @errors_before: value of @errors when the last reset began
 * @settle: checks whether the memory is active
 * @since: when the decoder was restored, in jiffies
 * @end: until when the memory may be inactive, in jiffies
 * @opener: the task in which vfio_pci_core is opening the device
 * @disturbed: another reset or an error occurred since that began
 * @recoveries: number of recoveries under way, protected by the device lock
 */
struct vfio_cxl_reset {
	struct mutex lock;	/* protects errors, errors_before, the reason */
	unsigned long errors;
	unsigned long errors_before;
	struct delayed_work settle;
	unsigned long since;
	unsigned long end;
	struct task_struct *opener;
	bool disturbed;
	unsigned int recoveries;
};

/**
 * struct vfio_cxl_mem - the HDM memory region
 * @region: VFIO region index
 */
struct vfio_cxl_mem {
	unsigned int region;
};

#define VFIO_CXL_SCRUB_WORKERS	16

/**
 * struct vfio_cxl_scrub_helper - one of the workers that clear a region
 * together
 * @work: on an unbound workqueue
 * @cvdev: the device
 */
struct vfio_cxl_scrub_helper {
	struct work_struct work;
	struct vfio_cxl_device *cvdev;
};

/**
 * struct vfio_cxl_scrub - clearing the memory between users
 * @work: clears the memory if it is dirty
 * @helpers: additional workers
 * @next: offset of the next chunk that no worker has taken, 0 when not clearing
 * @failed: why the workers stop early, a negative errno, or 0
 * @lock: protects all below
 * @in_use: the device is open
 * @quiet: the device was reset after its last user
 * @dirty: the memory may contain data of a user, or of the owner before bind
 * @marks: number of times that @dirty was set
 * @error: why the memory could not be cleared, a negative errno, or 0
 * @stop: the device is about to be unbound, or the system to sleep
 * @wait: for a change of @dirty, @error or @stop
 * @progress: rate limit of the progress messages
 */
struct vfio_cxl_scrub {
	struct delayed_work work;
	struct vfio_cxl_scrub_helper helpers[VFIO_CXL_SCRUB_WORKERS - 1];
	atomic64_t next;
	int failed;
	spinlock_t lock;	/* protects all below */
	bool in_use;
	bool quiet;
	bool dirty;
	unsigned int marks;
	int error;
	bool stop;
	wait_queue_head_t wait;
	struct ratelimit_state progress;
};

/**
 * struct vfio_cxl_poison - reports of poisoned pages
 * @space: the range that is registered for reports of memory failures
 * @registered: whether it is
 * @unmap: removes poisoned pages from all mappings
 */
struct vfio_cxl_poison {
	struct pfn_address_space space;
	bool registered;
	struct work_struct unmap;
};

/**
 * struct vfio_cxl_trap - a range of a region that is not passed to the device
 * @region: VFIO region index
 * @start: first byte, as an offset in the region
 * @end: byte past the last
 * @cap: extended capability that contains the range: if it is visible to the
 *	user, accesses go to the device; 0 to trap them always
 * @read: serves a read of bytes that all lie in the range, beginning at @pos in
 *	the region; NULL to let vfio_pci_core read
 * @write: the same for a write; NULL to let vfio_pci_core write
 *
 * The handlers return the number of bytes handled or a negative errno.
 */
struct vfio_cxl_trap {
	unsigned int region;
	u64 start;
	u64 end;
	u16 cap;
	ssize_t (*read)(struct vfio_cxl_device *cvdev, char __user *buf,
			size_t count, u64 pos);
	ssize_t (*write)(struct vfio_cxl_device *cvdev, const char __user *buf,
			 size_t count, u64 pos);
};

/* Component registers, power state, extended capabilities and their parts */
#define VFIO_CXL_MAX_TRAPS	64

/**
 * struct vfio_cxl_device - a CXL.mem device bound to this driver
 * @core_device: the device of vfio_pci_core
 * @host: the host's side
 * @gate: access to the memory
 * @reset: resets and error recovery
 * @mem: the HDM memory region
 * @scrub: clearing of the memory between users
 * @poison: its poisoned pages
 * @traps: trapped ranges, constant while bound
 * @nr_traps: number of elements of @traps in use
 * @emu_lock: held while the virtual registers are accessed
 * @emu: the virtual registers, set up at bind and for each user
 * @pm_notifier: for system sleep
 */
struct vfio_cxl_device {
	struct vfio_pci_core_device core_device;
	struct vfio_cxl_host host;
	struct vfio_cxl_gate gate;
	struct vfio_cxl_reset reset;
	struct vfio_cxl_mem mem;
	struct vfio_cxl_scrub scrub;
	struct vfio_cxl_poison poison;
	struct vfio_cxl_trap traps[VFIO_CXL_MAX_TRAPS];
	unsigned int nr_traps;
	struct mutex emu_lock;	/* protects emu */
	struct vfio_cxl_emu emu;
	struct notifier_block pm_notifier;
};

/* host.c */
int vfio_cxl_host_bind(struct vfio_cxl_device *cvdev);
void vfio_cxl_host_unbind(struct vfio_cxl_device *cvdev);
bool vfio_cxl_host_intact(struct vfio_cxl_device *cvdev);
void vfio_cxl_host_restore_config(struct vfio_cxl_device *cvdev);
int vfio_cxl_host_restore(struct vfio_cxl_device *cvdev);
bool vfio_cxl_host_inactive(struct vfio_cxl_device *cvdev);
unsigned long vfio_cxl_host_patience(struct vfio_cxl_device *cvdev);
bool vfio_cxl_host_error(struct vfio_cxl_device *cvdev);
void vfio_cxl_host_flush(struct vfio_cxl_device *cvdev);
bool vfio_cxl_host_device_coherent(struct vfio_cxl_device *cvdev);

/* range.c */
extern const struct attribute_group *vfio_cxl_range_groups[];
bool vfio_cxl_range_take(struct pci_dev *pdev, u64 *base, u64 *size);
void vfio_cxl_range_exit(void);

/* gate.c */
extern const struct attribute_group vfio_cxl_gate_group;

void vfio_cxl_gate_init(struct vfio_cxl_device *cvdev);
void vfio_cxl_gate_tell_user(struct vfio_cxl_device *cvdev);
void vfio_cxl_gate_change(struct vfio_cxl_device *cvdev, unsigned long set,
			  unsigned long clear);
void vfio_cxl_gate_zap(struct vfio_cxl_device *cvdev, u64 offset, u64 count);
unsigned long vfio_cxl_gate_reasons(struct vfio_cxl_device *cvdev);
int vfio_cxl_gate_try_enter(struct vfio_cxl_device *cvdev,
			    unsigned long despite);
int vfio_cxl_gate_wait(struct vfio_cxl_device *cvdev);
int vfio_cxl_gate_enter(struct vfio_cxl_device *cvdev);
void vfio_cxl_gate_leave(struct vfio_cxl_device *cvdev);

/* reset.c */
extern const struct pci_error_handlers vfio_cxl_reset_err_handlers;

void vfio_cxl_reset_init(struct vfio_cxl_device *cvdev);
int vfio_cxl_reset_enable(struct vfio_cxl_device *cvdev);
void vfio_cxl_reset_settle(struct vfio_cxl_device *cvdev, unsigned long over);
void vfio_cxl_reset_left(struct vfio_cxl_device *cvdev);
void vfio_cxl_reset_worked(struct vfio_cxl_device *cvdev);
int vfio_cxl_reset_try(struct vfio_cxl_device *cvdev);
void vfio_cxl_reset_stop(struct vfio_cxl_device *cvdev, unsigned long reason);
void vfio_cxl_reset_bind(struct vfio_cxl_device *cvdev);
void vfio_cxl_reset_unbind(struct vfio_cxl_device *cvdev);

/* mem.c */
void vfio_cxl_mem_init(struct vfio_cxl_device *cvdev);
int vfio_cxl_mem_open(struct vfio_cxl_device *cvdev);
int vfio_cxl_mem_dma_buf(struct vfio_cxl_device *cvdev,
			 struct phys_vec *phys_vec,
			 const struct vfio_region_dma_range *dma_ranges,
			 size_t nr_ranges);
struct vfio_cxl_device *vfio_cxl_mem_mapped_by(struct vm_area_struct *vma);

/* scrub.c */
extern const struct attribute_group vfio_cxl_scrub_group;

void vfio_cxl_scrub_init(struct vfio_cxl_device *cvdev);
void vfio_cxl_scrub_mark(struct vfio_cxl_device *cvdev);
void vfio_cxl_scrub_start(struct vfio_cxl_device *cvdev);
int vfio_cxl_scrub_wait(struct vfio_cxl_device *cvdev);
int vfio_cxl_scrub_enter(struct vfio_cxl_device *cvdev);
void vfio_cxl_scrub_leave(struct vfio_cxl_device *cvdev, bool quiet);
bool vfio_cxl_scrub_quiet(struct vfio_cxl_device *cvdev);
void vfio_cxl_scrub_cancel(struct vfio_cxl_device *cvdev);
void vfio_cxl_scrub_stop(struct vfio_cxl_device *cvdev);

/* poison.c */
extern const struct attribute_group vfio_cxl_poison_group;

void vfio_cxl_poison_init(struct vfio_cxl_device *cvdev);
void vfio_cxl_poison_exit(void);
int vfio_cxl_poison_register(struct vfio_cxl_device *cvdev);
void vfio_cxl_poison_unregister(struct vfio_cxl_device *cvdev);
void vfio_cxl_poison_found(struct vfio_cxl_device *cvdev, u64 offset);
size_t vfio_cxl_poison_before(struct vfio_cxl_device *cvdev, u64 offset,
			      size_t count);
void vfio_cxl_poison_retry(struct vfio_cxl_device *cvdev, u64 offset,
			   size_t count);

/* pm.c */
int vfio_cxl_pm_register(struct vfio_cxl_device *cvdev);
void vfio_cxl_pm_unregister(struct vfio_cxl_device *cvdev);

/* regs.c */
int vfio_cxl_regs_init(struct vfio_cxl_device *cvdev);
int vfio_cxl_regs_region_info(struct vfio_cxl_device *cvdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps);
bool vfio_cxl_regs_overlap(struct vfio_cxl_device *cvdev, unsigned int region,
			   u64 start, u64 len);

/* config.c */
int vfio_cxl_config_init(struct vfio_cxl_device *cvdev);
bool vfio_cxl_config_visible(struct vfio_cxl_device *cvdev, u16 cap);

/* feature.c */
int vfio_cxl_feature_hdm_decoder(struct vfio_cxl_device *cvdev, u32 flags,
				 void __user *arg, size_t argsz);

static inline struct vfio_cxl_device *
vfio_cxl_from_core(struct vfio_pci_core_device *vdev)
{
	return container_of(vdev, struct vfio_cxl_device, core_device);
}

static inline struct pci_dev *vfio_cxl_pdev(struct vfio_cxl_device *cvdev)
{
	return cvdev->core_device.pdev;
}

static inline struct vfio_cxl_device *vfio_cxl_drvdata(struct pci_dev *pdev)
{
	return vfio_cxl_from_core(dev_get_drvdata(&pdev->dev));
}

/*
 * Called by regs.c and config.c at bind.  Return: 0, or -E2BIG if the device
 * has too many ranges to trap.
 */
static inline int vfio_cxl_add_trap(struct vfio_cxl_device *cvdev,
				    const struct vfio_cxl_trap *trap)
{
	if (cvdev->nr_traps == VFIO_CXL_MAX_TRAPS)
		return -E2BIG;

	cvdev->traps[cvdev->nr_traps++] = *trap;
	return 0;
}

#endif /* VFIO_CXL_PRIVATE_H */
