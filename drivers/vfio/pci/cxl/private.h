/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vfio-cxl-pci: VFIO variant driver for CXL.mem devices
 *
 * main.c	pci_driver, vfio_device_ops, dispatch of reads and writes
 * mem.c	the HDM memory region
 * scrub.c	clearing the memory between users
 * pm.c		system sleep
 * regs.c	component registers in their BAR
 * config.c	config space: CXL DVSECs, what a user does not see
 * feature.c	VFIO_DEVICE_FEATURE_CXL_HDM_DECODER
 * host.c	the host's decoder: find, check, claim, restore
 * emu/		the virtual registers, pure
 *
 * Locks, outermost first.  With any of them held user memory is accessed with
 * page faults off only: the buffer may be a mapping of the HDM region, whose
 * faults wait for resets.
 *
 *	vfio_device_set.lock (held by VFIO around open and close)
 *	vfio_pci_core_device.memory_lock (never taken here, often held)
 *	vfio_cxl_device.reset_sem
 *	vfio_cxl_host.lock
 *	vfio_cxl_mem.lock
 *	vfio_cxl_device.emu_lock
 */
#ifndef VFIO_CXL_PRIVATE_H
#define VFIO_CXL_PRIVATE_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/ratelimit.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "emu/emu.h"

/* A build outside of a kernel tree does not read Kconfig, which says why */
#if !defined(CONFIG_64BIT) || !defined(CONFIG_ARCH_HAS_UACCESS_FLUSHCACHE)
#error "This kernel's memcpy_flushcache() or memremap() will not do"
#endif

struct vfio_cxl_device;

/**
 * struct vfio_cxl_host - what the host's firmware set up, found at bind
 * @lock: held while the decoder is put back
 * @regs: the component registers, mapped
 * @bar: index of the BAR that they are in
 * @offset: of the component registers in that BAR, in bytes
 * @hdm: HDM Decoder Capability Structure in @regs, in bytes from their start
 * @dvsec: CXL Device DVSEC in config space
 * @dvsec_length: of the CXL Device DVSEC, in bytes
 * @base: host physical address of the memory
 * @size: of the memory, in bytes
 * @mem: the memory, mapped write-back
 * @config: the component registers and the CXL Device DVSEC as they were at
 *	bind
 *
 * All but the lock are constant while the driver is bound.
 */
struct vfio_cxl_host {
	struct mutex lock;	/* serialises vfio_cxl_host_restore() */
	void __iomem *regs;
	unsigned int bar;
	u64 offset;
	u32 hdm;
	u16 dvsec;
	u16 dvsec_length;
	phys_addr_t base;
	u64 size;
	void *mem;
	struct vfio_cxl_emu_config config;
};

/**
 * enum vfio_cxl_mem_state - whether the device's memory may be touched
 * @VFIO_CXL_MEM_GATED: no: an error was reported, or the driver is about to
 *	reset the device itself
 * @VFIO_CXL_MEM_RESET: not now: a reset is under way, wait for its end
 * @VFIO_CXL_MEM_READY: yes
 * @VFIO_CXL_MEM_LOST: no: a reset took the host's decoder, and it did not come
 *	back, or somebody pulled the device out
 */
enum vfio_cxl_mem_state {
	VFIO_CXL_MEM_GATED,
	VFIO_CXL_MEM_RESET,
	VFIO_CXL_MEM_READY,
	VFIO_CXL_MEM_LOST,
};

/**
 * struct vfio_cxl_mem - the HDM memory region
 * @lock: held for reading while the memory is touched or mapped
 * @state: changes with @lock held for writing
 * @wait: for the end of a reset
 * @region: VFIO region index
 */
struct vfio_cxl_mem {
	struct rw_semaphore lock;	/* protects state */
	enum vfio_cxl_mem_state state;
	wait_queue_head_t wait;
	unsigned int region;
};

#define VFIO_CXL_SCRUB_WORKERS	16

/**
 * struct vfio_cxl_scrub_worker - one of those that clear a memory together
 * @work: on an unbound workqueue
 * @cvdev: the device
 */
struct vfio_cxl_scrub_worker {
	struct work_struct work;
	struct vfio_cxl_device *cvdev;
};

/**
 * struct vfio_cxl_scrub - clearing the memory between users
 * @workers: started while the VFIO device set's lock is held
 * @running: workers that have not ended
 * @next: offset of the next chunk that has no worker
 * @done: bytes cleared
 * @dirty: the memory may hold what a user, or who had it before bind, left
 * @error: why the workers stop early, a negative errno, or 0
 * @wait: for the last worker's end
 * @progress: of the lines in the log
 */
struct vfio_cxl_scrub {
	struct vfio_cxl_scrub_worker workers[VFIO_CXL_SCRUB_WORKERS];
	atomic_t running;
	atomic64_t next;
	atomic64_t done;
	bool dirty;
	int error;
	wait_queue_head_t wait;
	struct ratelimit_state progress;
};

/**
 * struct vfio_cxl_trap - a range of a region that is not the device's to serve
 * @region: VFIO region index
 * @start: first byte, as an offset in the region
 * @end: byte past the last
 * @cap: extended capability that the range is in: a user who sees it has the
 *	device's; 0 for what is never the device's to serve
 * @read: serves a read of bytes that all lie in the range, from @pos in the
 *	region on; NULL to let vfio_pci_core read
 * @write: the same for a write; NULL to let vfio_pci_core write
 *
 * The handlers return the bytes handled or a negative errno.
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
 * @core_device: what vfio_pci_core keeps
 * @host: the host's side
 * @mem: the HDM memory region
 * @scrub: clearing it between users
 * @traps: constant while bound
 * @nr_traps: in use
 * @reset_sem: held from reset_prepare to reset_done, and by an open or a close
 *	while vfio_pci_core resets the device and saves or restores its config
 *	space: in the midst of another's reset it would save what is not there
 * @opener: the task that opens or closes, whose own resets need not wait
 * @emu_lock: held while the virtual registers are accessed
 * @emu: the virtual registers, set up at bind and for each user
 * @pm_notifier: for system sleep
 * @asleep: the system is about to sleep; under the VFIO device set's lock
 */
struct vfio_cxl_device {
	struct vfio_pci_core_device core_device;
	struct vfio_cxl_host host;
	struct vfio_cxl_mem mem;
	struct vfio_cxl_scrub scrub;
	struct vfio_cxl_trap traps[VFIO_CXL_MAX_TRAPS];
	unsigned int nr_traps;
	struct semaphore reset_sem;
	struct task_struct *opener;
	struct mutex emu_lock;	/* protects emu */
	struct vfio_cxl_emu emu;
	struct notifier_block pm_notifier;
	bool asleep;
};

/* host.c */
int vfio_cxl_host_bind(struct vfio_cxl_device *cvdev);
void vfio_cxl_host_unbind(struct vfio_cxl_device *cvdev);
int vfio_cxl_host_restore(struct vfio_cxl_device *cvdev);
u32 vfio_cxl_host_memory_state(struct vfio_cxl_device *cvdev);
bool vfio_cxl_host_device_coherent(struct vfio_cxl_device *cvdev);

/* mem.c */
void vfio_cxl_mem_init(struct vfio_cxl_device *cvdev);
int vfio_cxl_mem_open(struct vfio_cxl_device *cvdev);
void vfio_cxl_mem_gate(struct vfio_cxl_device *cvdev,
		       enum vfio_cxl_mem_state state);
void vfio_cxl_mem_ungate(struct vfio_cxl_device *cvdev, bool restored);
enum vfio_cxl_mem_state vfio_cxl_mem_state(struct vfio_cxl_device *cvdev);
int vfio_cxl_mem_clear(struct vfio_cxl_device *cvdev, u64 offset, size_t count);

/* scrub.c */
void vfio_cxl_scrub_init(struct vfio_cxl_device *cvdev);
void vfio_cxl_scrub_mark(struct vfio_cxl_device *cvdev);
void vfio_cxl_scrub_start(struct vfio_cxl_device *cvdev);
int vfio_cxl_scrub_finish(struct vfio_cxl_device *cvdev);
void vfio_cxl_scrub_cancel(struct vfio_cxl_device *cvdev);
void vfio_cxl_scrub_stop(struct vfio_cxl_device *cvdev);

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

/*
 * The traps of regs.c and config.c go through here at bind.  Return: 0, or
 * -E2BIG where the device has more ranges to trap than there is room for.
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
