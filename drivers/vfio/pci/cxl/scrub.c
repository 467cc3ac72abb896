// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one user leaves in the memory is not readable by the next
 *
 * The memory is cleared after the last close of a user who could have changed
 * it, and before the first open after bind.  Workers of an unbound workqueue
 * take chunk after chunk, so that a large memory has several processors.  An
 * open waits until they are done; unbind and system sleep stop them, and the
 * next open starts afresh.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "private.h"

/* Cleared with the memory's lock held: a reset waits for so much */
#define SCRUB_CHUNK		SZ_2M

/* A memory has one worker for each so many bytes */
#define SCRUB_WORKER_SHARE	SZ_256M

#define SCRUB_PROGRESS_INTERVAL	(10 * HZ)

static bool scrub = true;
module_param(scrub, bool, 0444);
MODULE_PARM_DESC(scrub, "Clear a device's memory before another user gets it (default: on); off only where one tenant has the host");

/* One line now and then, with its first not before the interval is over */
static void scrub_progress(struct vfio_cxl_device *cvdev, u64 offset)
{
	if (__ratelimit(&cvdev->scrub.progress))
		pci_info(vfio_cxl_pdev(cvdev),
			 "clearing the memory: %llu of %llu MiB\n",
			 offset / SZ_1M, cvdev->host.size / SZ_1M);
}

static void scrub_work(struct work_struct *work)
{
	struct vfio_cxl_scrub_worker *worker =
		container_of(work, struct vfio_cxl_scrub_worker, work);
	struct vfio_cxl_device *cvdev = worker->cvdev;
	struct vfio_cxl_scrub *s = &cvdev->scrub;
	u64 offset;
	int ret;

	while (!READ_ONCE(s->error)) {
		offset = atomic64_fetch_add(SCRUB_CHUNK, &s->next);
		if (offset >= cvdev->host.size)
			break;
		ret = vfio_cxl_mem_clear(cvdev, offset, SCRUB_CHUNK);
		if (ret)
			WRITE_ONCE(s->error, ret);
		else if (atomic64_add_return(SCRUB_CHUNK, &s->done) ==
			 cvdev->host.size)
			WRITE_ONCE(s->dirty, false);
		scrub_progress(cvdev, offset);
		cond_resched();
	}

	if (atomic_dec_and_test(&s->running))
		wake_up_all(&s->wait);
}

/**
 * vfio_cxl_scrub_start - have the memory cleared, where it needs to be
 * @cvdev: the device, not open
 *
 * Returns at once.
 */
void vfio_cxl_scrub_start(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_scrub *s = &cvdev->scrub;
	unsigned int i, workers;

	lockdep_assert_held(&cvdev->core_device.vdev.dev_set->lock);

	if (!scrub || !READ_ONCE(s->dirty) || atomic_read(&s->running))
		return;

	workers = min3(cvdev->host.size / SCRUB_WORKER_SHARE,
		       num_online_cpus(), VFIO_CXL_SCRUB_WORKERS);
	WRITE_ONCE(s->error, 0);
	atomic64_set(&s->next, 0);
	atomic64_set(&s->done, 0);
	atomic_set(&s->running, workers);
	ratelimit_state_init(&s->progress, SCRUB_PROGRESS_INTERVAL, 1);
	ratelimit_set_flags(&s->progress, RATELIMIT_MSG_ON_RELEASE);
	__ratelimit(&s->progress);

	for (i = 0; i < workers; i++)
		queue_work(system_dfl_wq, &s->workers[i].work);
}

static int scrub_wait(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_scrub *s = &cvdev->scrub;

	return wait_event_killable(s->wait, !atomic_read(&s->running));
}

/**
 * vfio_cxl_scrub_finish - wait until the memory is clean
 * @cvdev: the device; its memory is ready
 *
 * What a close before started may have met a reset that failed: where the
 * memory is not clean then, it is cleared once more.
 *
 * Return: 0; -EIO where the memory cannot be cleared, -ENODEV where the device
 * is about to go, -EINTR where the task was killed.
 */
int vfio_cxl_scrub_finish(struct vfio_cxl_device *cvdev)
{
	int ret;

	ret = scrub_wait(cvdev);
	if (!ret) {
		vfio_cxl_scrub_start(cvdev);
		ret = scrub_wait(cvdev);
	}
	if (ret)
		return -EINTR;
	if (!scrub || !READ_ONCE(cvdev->scrub.dirty))
		return 0;

	return READ_ONCE(cvdev->scrub.error) == -ECANCELED ? -ENODEV : -EIO;
}

/**
 * vfio_cxl_scrub_mark - the user can change the memory from here on
 * @cvdev: the device
 */
void vfio_cxl_scrub_mark(struct vfio_cxl_device *cvdev)
{
	if (!READ_ONCE(cvdev->scrub.dirty))
		WRITE_ONCE(cvdev->scrub.dirty, true);
}

/**
 * vfio_cxl_scrub_cancel - let who waits for a clean memory wait no longer
 * @cvdev: the device
 */
void vfio_cxl_scrub_cancel(struct vfio_cxl_device *cvdev)
{
	WRITE_ONCE(cvdev->scrub.error, -ECANCELED);
}

/**
 * vfio_cxl_scrub_stop - leave the memory as it is
 * @cvdev: the device, not open
 *
 * The workers are gone on return.
 */
void vfio_cxl_scrub_stop(struct vfio_cxl_device *cvdev)
{
	unsigned int i;

	vfio_cxl_scrub_cancel(cvdev);
	for (i = 0; i < VFIO_CXL_SCRUB_WORKERS; i++)
		flush_work(&cvdev->scrub.workers[i].work);
}

/**
 * vfio_cxl_scrub_init - memory of which nobody knows what is in it
 * @cvdev: the device
 */
void vfio_cxl_scrub_init(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_scrub *s = &cvdev->scrub;
	unsigned int i;

	for (i = 0; i < VFIO_CXL_SCRUB_WORKERS; i++) {
		INIT_WORK(&s->workers[i].work, scrub_work);
		s->workers[i].cvdev = cvdev;
	}
	init_waitqueue_head(&s->wait);
	s->dirty = true;

	if (!scrub)
		pci_notice(vfio_cxl_pdev(cvdev),
			   "scrub=off: the memory is not cleared, each user can read what the one before left\n");
}
