// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clearing: a user cannot read what the previous one left in the memory
 *
 * Every user makes the memory dirty: even a read of a device register may make
 * the device's engines write to the memory.  It is clean once the device was
 * reset after its last user, so that its engines have stopped, the memory was
 * cleared after that, and the decoder was still committed at the end.
 *
 * A work item does that after bind and after each close.  Helpers on an unbound
 * workqueue clear chunks with it, so that several CPUs clear a large region.
 * Unbind and system sleep stop it.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/libnvdimm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "private.h"
#include "trace.h"

/* Cleared with the gate held open: bounds how long a reset waits */
#define SCRUB_CHUNK		SZ_2M

/* One worker per 256 MiB */
#define SCRUB_SHARE		SZ_256M

#define SCRUB_PROGRESS_INTERVAL	(10 * HZ)

/* Limit of the wait at open, which holds locks that other users need */
#define SCRUB_OPEN_TIMEOUT	(30 * HZ)

/* Delay before a retry of what another task prevents, in milliseconds */
#define SCRUB_RETRY_INTERVAL	10

static bool scrub = true;
module_param(scrub, bool, 0444);
MODULE_PARM_DESC(scrub, "Clear a device's memory before another user gets it (default: on); turn off only if all users belong to one tenant");

/* Log at most one line per interval, the first one after an interval */
static void scrub_progress(struct vfio_cxl_device *cvdev, u64 offset)
{
	if (__ratelimit(&cvdev->scrub.progress))
		pci_info(vfio_cxl_pdev(cvdev),
			 "clearing the memory: %llu of %llu MiB\n",
			 offset / SZ_1M, cvdev->host.size / SZ_1M);
}

/* Wait until the gate is open, unless clearing is to stop */
static int scrub_pass_gate(struct vfio_cxl_device *cvdev)
{
	int ret;

	while ((ret = vfio_cxl_gate_try_enter(cvdev, VFIO_CXL_SHUT_UNCLEAN)) ==
	       -EAGAIN) {
		if (READ_ONCE(cvdev->scrub.stop))
			return -ECANCELED;
		msleep(SCRUB_RETRY_INTERVAL);
	}

	return ret;
}

/*
 * Write the zeroes back to the memory itself: in the CPU caches, a later reset
 * of the device would lose them.
 */
static int scrub_chunk(struct vfio_cxl_device *cvdev, u64 offset)
{
	size_t len = min(SCRUB_CHUNK, cvdev->host.size - offset);
	void *mem;
	int ret;

	ret = scrub_pass_gate(cvdev);
	if (ret)
		return ret;
	mem = cvdev->gate.mem + offset;
	memset(mem, 0, len);
	arch_wb_cache_pmem(mem, len);
	vfio_cxl_poison_retry(cvdev, offset, len);
	vfio_cxl_gate_leave(cvdev);

	return 0;
}

/* Clear chunks until none is left that no other worker has taken */
static void scrub_chunks(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_scrub *s = &cvdev->scrub;
	u64 offset;
	int ret;

	while (!READ_ONCE(s->failed)) {
		offset = atomic64_fetch_add(SCRUB_CHUNK, &s->next);
		if (offset >= cvdev->host.size)
			break;
		ret = READ_ONCE(s->stop) ? -ECANCELED :
					   scrub_chunk(cvdev, offset);
		if (ret)
			WRITE_ONCE(s->failed, ret);
		scrub_progress(cvdev, offset);
		cond_resched();
	}
}

static void scrub_help(struct work_struct *work)
{
	struct vfio_cxl_scrub_helper *helper =
		container_of(work, struct vfio_cxl_scrub_helper, work);

	scrub_chunks(helper->cvdev);
}

static int scrub_all(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_scrub *s = &cvdev->scrub;
	unsigned int i, helpers;

	helpers = min3(cvdev->host.size / SCRUB_SHARE, num_online_cpus(),
		       VFIO_CXL_SCRUB_WORKERS) - 1;
	trace_vfio_cxl_clear_begin(cvdev);
	s->failed = 0;
	ratelimit_state_init(&s->progress, SCRUB_PROGRESS_INTERVAL, 1);
	ratelimit_set_flags(&s->progress, RATELIMIT_MSG_ON_RELEASE);
	__ratelimit(&s->progress);

	for (i = 0; i < helpers; i++)
		queue_work(system_dfl_wq, &s->helpers[i].work);
	scrub_chunks(cvdev);
	for (i = 0; i < helpers; i++)
		flush_work(&s->helpers[i].work);

	return s->failed;
}

/*
 * Check that all of it reached the memory.  If the decoder was lost meanwhile
 * without notice, restore it and start again.
 */
static int scrub_verify(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	unsigned long shut;
	bool intact;
	int ret;

	vfio_cxl_host_flush(cvdev);
	do {
		ret = scrub_pass_gate(cvdev);
		if (ret)
			return ret;
		vfio_cxl_gate_leave(cvdev);

		pci_cfg_access_lock(pdev);
		shut = vfio_cxl_gate_reasons(cvdev) & ~VFIO_CXL_SHUT_UNCLEAN;
		intact = vfio_cxl_host_intact(cvdev);
		pci_cfg_access_unlock(pdev);
	} while (shut);
	if (intact)
		return 0;

	vfio_cxl_reset_settle(cvdev, 0);
	return -EAGAIN;
}

/* The reset at close may have failed, or the decoder may be lost */
static int scrub_reset(struct vfio_cxl_device *cvdev)
{
	const unsigned long reasons = vfio_cxl_gate_reasons(cvdev);
	int ret;

	if (reasons & VFIO_CXL_SHUT_RECOVERY)
		return -EAGAIN;
	if (vfio_cxl_scrub_quiet(cvdev) &&
	    !(reasons & (VFIO_CXL_SHUT_ERROR | VFIO_CXL_SHUT_LOST)))
		return 0;

	ret = vfio_cxl_reset_try(cvdev);
	if (ret && ret != -EAGAIN) {
		dev_err_ratelimited(&vfio_cxl_pdev(cvdev)->dev,
				    "device cannot be reset (%d), activity of its last user may continue: power-cycle it before it can be opened again\n",
				    ret);
		return -EIO;
	}
	if (ret)
		return ret;

	guard(spinlock)(&cvdev->scrub.lock);
	cvdev->scrub.quiet = true;

	return 0;
}

static void scrub_work(struct work_struct *work)
{
	struct vfio_cxl_device *cvdev =
		container_of(to_delayed_work(work), struct vfio_cxl_device,
			     scrub.work);
	struct vfio_cxl_scrub *s = &cvdev->scrub;
	unsigned int marks;
	int ret;

	scoped_guard(spinlock, &s->lock) {
		if (!s->dirty || s->in_use || s->stop)
			return;
		marks = s->marks;
	}

	ret = scrub_reset(cvdev) ?: scrub_all(cvdev) ?: scrub_verify(cvdev);

	scoped_guard(spinlock, &s->lock) {
		atomic64_set(&s->next, 0);
		/* Stopped by an error: a recovery or a reset ends that */
		if (marks != s->marks && ret != -ECANCELED)
			ret = -EAGAIN;
		if (!ret)
			s->dirty = false;
		else if (ret != -EAGAIN)
			s->error = ret;
		if (ret != -EAGAIN)
			trace_vfio_cxl_clear_end(cvdev, ret);
	}
	if (ret == -EAGAIN)
		queue_delayed_work(system_dfl_wq, &s->work,
				   msecs_to_jiffies(SCRUB_RETRY_INTERVAL));
	wake_up_all(&s->wait);
}

/**
 * vfio_cxl_scrub_start - start to clear the memory, if it is dirty
 * @cvdev: the device
 *
 * Does not wait.
 */
void vfio_cxl_scrub_start(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_scrub *s = &cvdev->scrub;

	if (!scrub || vfio_cxl_gate_reasons(cvdev) & VFIO_CXL_SHUT_ASLEEP)
		return;
	scoped_guard(spinlock, &s->lock) {
		if (!s->dirty || s->in_use)
			return;
		s->error = 0;
		s->stop = false;
	}
	queue_delayed_work(system_dfl_wq, &s->work, 0);
}

/* Whether an open need not wait any longer: clean, failed or stopped */
static bool scrub_is_over(const struct vfio_cxl_scrub *s)
{
	return !READ_ONCE(s->dirty) || READ_ONCE(s->error) ||
	       READ_ONCE(s->stop);
}

/**
 * vfio_cxl_scrub_wait - wait until the memory is clean
 * @cvdev: the device, not open
 *
 * Return: 0; -EAGAIN if it takes longer than an open may block others, in which
 * case clearing goes on; -EIO if the memory cannot be cleared; -ENODEV if the
 * device is about to be unbound; -EINTR if the task was killed.
 */
int vfio_cxl_scrub_wait(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_scrub *s = &cvdev->scrub;
	long left;

	if (!scrub)
		return 0;

	vfio_cxl_scrub_start(cvdev);
	left = wait_event_killable_timeout(s->wait, scrub_is_over(s),
					   SCRUB_OPEN_TIMEOUT);
	if (left < 0)
		return -EINTR;
	if (!READ_ONCE(s->dirty))
		return 0;
	if (READ_ONCE(s->stop))
		return -ENODEV;
	if (READ_ONCE(s->error))
		return -EIO;

	pci_info_ratelimited(vfio_cxl_pdev(cvdev),
			     "the memory is still being cleared: open the device later\n");
	return -EAGAIN;
}

/**
 * vfio_cxl_scrub_enter - a user opens the device
 * @cvdev: the device
 *
 * Return: 0, or -EAGAIN if the memory is not clean because an error occurred
 * since vfio_cxl_scrub_wait().
 */
int vfio_cxl_scrub_enter(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_scrub *s = &cvdev->scrub;

	guard(spinlock)(&s->lock);

	if (scrub && s->dirty)
		return -EAGAIN;
	s->in_use = true;
	s->quiet = false;
	s->dirty = true;
	s->marks++;

	return 0;
}

/**
 * vfio_cxl_scrub_leave - a user has closed the device
 * @cvdev: the device
 * @quiet: whether the device was reset after that
 */
void vfio_cxl_scrub_leave(struct vfio_cxl_device *cvdev, bool quiet)
{
	scoped_guard(spinlock, &cvdev->scrub.lock) {
		cvdev->scrub.in_use = false;
		cvdev->scrub.quiet |= quiet;
	}
	vfio_cxl_scrub_start(cvdev);
}

/**
 * vfio_cxl_scrub_quiet - whether the device was reset after its last user
 * @cvdev: the device
 *
 * Return: true if it was, or if it had no user since bind.
 */
bool vfio_cxl_scrub_quiet(struct vfio_cxl_device *cvdev)
{
	return READ_ONCE(cvdev->scrub.quiet);
}

/**
 * vfio_cxl_scrub_mark - treat the contents of the memory as unknown
 * @cvdev: the device
 *
 * Clearing that is in progress has to start again.
 */
void vfio_cxl_scrub_mark(struct vfio_cxl_device *cvdev)
{
	guard(spinlock)(&cvdev->scrub.lock);

	cvdev->scrub.dirty = true;
	cvdev->scrub.marks++;
}

/**
 * vfio_cxl_scrub_cancel - wake opens that wait, with -ENODEV
 * @cvdev: the device
 */
void vfio_cxl_scrub_cancel(struct vfio_cxl_device *cvdev)
{
	WRITE_ONCE(cvdev->scrub.stop, true);
	wake_up_all(&cvdev->scrub.wait);
}

/**
 * vfio_cxl_scrub_stop - stop clearing
 * @cvdev: the device, not open
 *
 * No worker accesses the memory after return.
 */
void vfio_cxl_scrub_stop(struct vfio_cxl_device *cvdev)
{
	vfio_cxl_scrub_cancel(cvdev);
	cancel_delayed_work_sync(&cvdev->scrub.work);
}

/**
 * vfio_cxl_scrub_init - treat the contents as unknown
 * @cvdev: the device
 */
void vfio_cxl_scrub_init(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_scrub *s = &cvdev->scrub;
	unsigned int i;

	INIT_DELAYED_WORK(&s->work, scrub_work);
	for (i = 0; i < ARRAY_SIZE(s->helpers); i++) {
		INIT_WORK(&s->helpers[i].work, scrub_help);
		s->helpers[i].cvdev = cvdev;
	}
	spin_lock_init(&s->lock);
	init_waitqueue_head(&s->wait);
	s->dirty = true;
	s->quiet = true;

	if (!scrub)
		pci_notice(vfio_cxl_pdev(cvdev),
			   "scrub=off: the memory is not cleared, users can read data of previous users\n");
}

/* Not 0 before the end: chunks may be in progress, and all must be verified */
static ssize_t hdm_uncleared_bytes_show(struct device *dev,
					struct device_attribute *attr,
					char *buf)
{
	struct vfio_cxl_device *cvdev =
		vfio_cxl_from_core(dev_get_drvdata(dev));
	struct vfio_cxl_scrub *s = &cvdev->scrub;
	u64 next, left = 0;

	scoped_guard(spinlock, &s->lock) {
		if (s->error)
			return s->error;
		next = min_t(u64, atomic64_read(&s->next),
			     cvdev->host.size - SCRUB_CHUNK);
		if (s->dirty)
			left = cvdev->host.size - next;
	}

	return sysfs_emit(buf, "%llu\n", left);
}
static DEVICE_ATTR_RO(hdm_uncleared_bytes);

static umode_t scrub_attr_is_visible(struct kobject *kobj,
				     struct attribute *attr, int i)
{
	return scrub ? attr->mode : 0;
}

static struct attribute *scrub_attrs[] = {
	&dev_attr_hdm_uncleared_bytes.attr,
	NULL
};

/* Of a bound device */
const struct attribute_group vfio_cxl_scrub_group = {
	.attrs = scrub_attrs,
	.is_visible = scrub_attr_is_visible,
};
