// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets and error recovery: when the memory may be accessed again
 *
 * A reset clears the host's decoder.  It is restored when the reset ends, which
 * takes microseconds.  Then the memory settles: the device may need up to 256 s
 * until it is active (CXL r3.1 8.1.3.8.2).  No task waits for that with a lock
 * held: delayed work polls the device, and accesses to the memory wait at the
 * gate.
 *
 * Config access is locked (pci_cfg_access_lock()) while the decoder is
 * restored: that excludes resets and the user's own config accesses.  An
 * unbind, which holds the device lock and waits for the user, does not hold
 * this one.
 */
#include <linux/jiffies.h>
#include <linux/pci.h>

#include "private.h"

/* Poll interval while the memory settles */
#define RESET_POLL_INTERVAL	msecs_to_jiffies(10)

/* Limit of an open's wait for the end of a reset or recovery */
#define RESET_OPEN_TIMEOUT	(10 * HZ)

static void reset_lose(struct vfio_cxl_device *cvdev, int why)
{
	dev_err_ratelimited(&vfio_cxl_pdev(cvdev)->dev,
			    "HDM decoder 0 could not be restored after a reset (%d), the memory is not usable: reset the device again\n",
			    why);
	vfio_cxl_gate_change(cvdev, VFIO_CXL_SHUT_LOST,
			     VFIO_CXL_SHUT_SETTLING);
}

/* The decoder is checked when these end: it may be lost again before that */
#define RESET_LOOKS_LATER	(VFIO_CXL_SHUT_RECOVERY | VFIO_CXL_SHUT_ASLEEP)

static void reset_poll_later(struct vfio_cxl_device *cvdev)
{
	queue_delayed_work(system_dfl_wq, &cvdev->reset.settle,
			   RESET_POLL_INTERVAL);
}

/* Check the decoder and the memory once, with config access locked */
static void reset_look(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_reset *reset = &cvdev->reset;
	unsigned long end;
	int ret;

	if (vfio_cxl_gate_reasons(cvdev) & VFIO_CXL_SHUT_GONE)
		return;
	ret = vfio_cxl_host_restore(cvdev);
	if (!ret) {
		vfio_cxl_gate_change(cvdev, 0, VFIO_CXL_SHUT_LOST |
					       VFIO_CXL_SHUT_SETTLING);
		return;
	}
	if (ret != -EAGAIN) {
		reset_lose(cvdev, ret);
		return;
	}

	end = reset->since + vfio_cxl_host_patience(cvdev);
	if (time_after(jiffies, end)) {
		reset_lose(cvdev, -ETIMEDOUT);
		return;
	}
	WRITE_ONCE(reset->end, end);
	reset_poll_later(cvdev);
}

/*
 * VFIO_DEVICE_RESET fails if config access is locked, see
 * pci_try_reset_function(): do not lock it to learn that the memory is still
 * inactive.
 */
static void reset_settle_work(struct work_struct *work)
{
	struct vfio_cxl_device *cvdev =
		container_of(to_delayed_work(work), struct vfio_cxl_device,
			     reset.settle);
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);

	if (vfio_cxl_gate_reasons(cvdev) & RESET_LOOKS_LATER)
		return;
	if (vfio_cxl_host_inactive(cvdev) &&
	    !time_after(jiffies, READ_ONCE(cvdev->reset.end))) {
		reset_poll_later(cvdev);
		return;
	}

	pci_cfg_access_lock(pdev);
	/* Check again: taking the lock may have waited for a reset */
	if (!(vfio_cxl_gate_reasons(cvdev) & RESET_LOOKS_LATER))
		reset_look(cvdev);
	pci_cfg_access_unlock(pdev);
}

/*
 * After a reset, with config access locked: restore the decoder and begin to
 * settle.  Memory that was lost before may be usable again.
 */
static void reset_settle_locked(struct vfio_cxl_device *cvdev,
				unsigned long over)
{
	cvdev->reset.since = jiffies;
	vfio_cxl_gate_change(cvdev, VFIO_CXL_SHUT_SETTLING,
			     over | VFIO_CXL_SHUT_LOST);
	if (!(vfio_cxl_gate_reasons(cvdev) & RESET_LOOKS_LATER))
		reset_look(cvdev);
}

/**
 * vfio_cxl_reset_settle - check the decoder, restore it if it was lost
 * @cvdev: the device
 * @over: the reason to clear, of enum vfio_cxl_shut
 *
 * Does not wait until the memory is active.
 */
void vfio_cxl_reset_settle(struct vfio_cxl_device *cvdev, unsigned long over)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);

	pci_cfg_access_lock(pdev);
	reset_settle_locked(cvdev, over);
	pci_cfg_access_unlock(pdev);
}

/**
 * vfio_cxl_reset_left - clean up after a close, or an open that failed
 * @cvdev: the device
 *
 * vfio_pci_core_disable() holds no lock between pci_load_saved_state() and
 * pci_restore_state().  A recovery in between consumes that state, and the next
 * open would save the config space that the user has written.
 */
void vfio_cxl_reset_left(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);

	pci_cfg_access_lock(pdev);
	if (!(vfio_cxl_gate_reasons(cvdev) & VFIO_CXL_SHUT_GONE))
		vfio_cxl_host_restore_config(cvdev);
	reset_settle_locked(cvdev, VFIO_CXL_SHUT_SWITCH);
	pci_cfg_access_unlock(pdev);
}

/**
 * vfio_cxl_reset_worked - note that a reset did reset the device
 * @cvdev: the device
 *
 * If the device had reported an error, its memory is usable again, unless
 * another error occurred after the reset began or the recovery is not over.
 */
void vfio_cxl_reset_worked(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_reset *reset = &cvdev->reset;

	guard(mutex)(&reset->lock);

	if (reset->errors == reset->errors_before &&
	    !(vfio_cxl_gate_reasons(cvdev) & VFIO_CXL_SHUT_RECOVERY))
		vfio_cxl_gate_change(cvdev, 0, VFIO_CXL_SHUT_ERROR);
}

/**
 * vfio_cxl_reset_try - reset a device that is not in use
 * @cvdev: the device
 *
 * Return: 0, -EAGAIN if another task holds the device lock, another negative
 * errno if the device cannot be reset.
 */
int vfio_cxl_reset_try(struct vfio_cxl_device *cvdev)
{
	int ret = pci_try_reset_function(vfio_cxl_pdev(cvdev));

	if (!ret)
		vfio_cxl_reset_worked(cvdev);

	return ret;
}

static int reset_enable(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_reset *reset = &cvdev->reset;
	int ret;

	WRITE_ONCE(reset->disturbed, false);
	WRITE_ONCE(reset->opener, current);
	if (vfio_cxl_gate_reasons(cvdev) & (VFIO_CXL_SHUT_RESET |
					    VFIO_CXL_SHUT_RECOVERY))
		ret = -EAGAIN;
	else
		ret = vfio_pci_core_enable(&cvdev->core_device);
	WRITE_ONCE(reset->opener, NULL);
	if (!ret && READ_ONCE(reset->disturbed)) {
		vfio_pci_core_disable(&cvdev->core_device);
		ret = -EAGAIN;
	}

	return ret;
}

/**
 * vfio_cxl_reset_enable - vfio_pci_core_enable(), undisturbed by other resets
 * @cvdev: the device
 *
 * vfio_pci_core_enable() resets the device and saves its config space, to
 * present it to the user and to restore it at close.  It does not exclude other
 * resets after its own, and would save registers that a reset or a recovery has
 * just cleared.  Try again if one occurred in between.
 *
 * Return: 0, -EAGAIN if resets or a recovery do not end in time, another
 * negative errno of vfio_pci_core_enable(), -EINTR if the task is killed.
 */
int vfio_cxl_reset_enable(struct vfio_cxl_device *cvdev)
{
	unsigned long end = jiffies + RESET_OPEN_TIMEOUT;
	int ret;

	while ((ret = reset_enable(cvdev)) == -EAGAIN) {
		if (time_after(jiffies, end))
			break;
		schedule_timeout_killable(RESET_POLL_INTERVAL);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	if (!ret && cvdev->core_device.reset_works)
		vfio_cxl_reset_worked(cvdev);

	return ret;
}

/* Set the virtual registers to what firmware would set up after a reset */
static void reset_emulation(struct vfio_cxl_device *cvdev)
{
	guard(mutex)(&cvdev->emu_lock);
	vfio_cxl_emu_reset(&cvdev->emu);
}

/* Called for all resets except at close, bind, unbind and in a recovery */
static void reset_prepare(struct pci_dev *pdev)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_drvdata(pdev);
	struct vfio_cxl_reset *reset = &cvdev->reset;

	if (READ_ONCE(reset->opener) != current)
		WRITE_ONCE(reset->disturbed, true);
	scoped_guard(mutex, &reset->lock)
		reset->errors_before = reset->errors;
	vfio_cxl_gate_change(cvdev, VFIO_CXL_SHUT_RESET, 0);
	vfio_cxl_host_flush(cvdev);
}

/*
 * The PCI core calls this whether or not the device was reset.  If the decoder
 * has changed, it was.
 */
static void reset_done(struct pci_dev *pdev)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_drvdata(pdev);
	bool worked = !vfio_cxl_host_intact(cvdev);

	reset_emulation(cvdev);
	reset_settle_locked(cvdev, VFIO_CXL_SHUT_RESET);
	if (worked)
		vfio_cxl_reset_worked(cvdev);
}

/*
 * The end of a recovery.  Recoveries at two ports above the device may overlap,
 * for example by AER at the root port and by DPC at a switch port: only the end
 * of the last one counts.  A device that was bound during a recovery sees only
 * its end.  All callbacks hold the device lock.
 */
static unsigned long reset_recovery_over(struct vfio_cxl_device *cvdev)
{
	struct vfio_cxl_reset *reset = &cvdev->reset;

	if (reset->recoveries)
		reset->recoveries--;

	return reset->recoveries ? 0 : VFIO_CXL_SHUT_RECOVERY;
}

/*
 * No lock is held between the steps of a recovery, and its reset calls neither
 * reset_prepare() nor reset_done(): the gate is shut from the first step to the
 * last.  An error of the device itself stays a reason after that, until a
 * reset.
 */
static pci_ers_result_t reset_error_detected(struct pci_dev *pdev,
					     pci_channel_state_t state)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_drvdata(pdev);
	unsigned long reasons = VFIO_CXL_SHUT_RECOVERY;

	if (state == pci_channel_io_perm_failure) {
		vfio_cxl_gate_change(cvdev, VFIO_CXL_SHUT_LOST,
				     reset_recovery_over(cvdev) |
				     VFIO_CXL_SHUT_SETTLING);
		return PCI_ERS_RESULT_DISCONNECT;
	}

	/* An error of another device below the same port does not matter */
	if (state == pci_channel_io_frozen || vfio_cxl_host_error(cvdev))
		reasons |= VFIO_CXL_SHUT_ERROR;
	cvdev->reset.recoveries++;
	WRITE_ONCE(cvdev->reset.disturbed, true);
	vfio_cxl_scrub_mark(cvdev);
	scoped_guard(mutex, &cvdev->reset.lock) {
		cvdev->reset.errors++;
		vfio_cxl_gate_change(cvdev, reasons, 0);
	}

	return state == pci_channel_io_frozen ? PCI_ERS_RESULT_NEED_RESET :
						PCI_ERS_RESULT_CAN_RECOVER;
}

/* The port above has reset the device, regardless of the error's source */
static pci_ers_result_t reset_slot_reset(struct pci_dev *pdev)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_drvdata(pdev);

	vfio_cxl_gate_change(cvdev, VFIO_CXL_SHUT_ERROR, 0);
	reset_emulation(cvdev);
	pci_cfg_access_lock(pdev);
	reset_settle_locked(cvdev, 0);
	reset_look(cvdev);
	pci_cfg_access_unlock(pdev);

	return vfio_cxl_gate_reasons(cvdev) & VFIO_CXL_SHUT_LOST ?
	       PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_RECOVERED;
}

/* A user that is notified earlier would reset the device during recovery */
static void reset_resume(struct pci_dev *pdev)
{
	struct vfio_cxl_device *cvdev = vfio_cxl_drvdata(pdev);

	vfio_cxl_reset_settle(cvdev, reset_recovery_over(cvdev));
	if (!cvdev->reset.recoveries &&
	    vfio_cxl_gate_reasons(cvdev) & VFIO_CXL_SHUT_ERROR)
		vfio_cxl_gate_tell_user(cvdev);
	vfio_cxl_scrub_start(cvdev);
}

const struct pci_error_handlers vfio_cxl_reset_err_handlers = {
	.error_detected = reset_error_detected,
	.slot_reset = reset_slot_reset,
	.resume = reset_resume,
	.reset_prepare = reset_prepare,
	.reset_done = reset_done,
};

/**
 * vfio_cxl_reset_stop - stop polling the memory
 * @cvdev: the device, not open
 * @reason: why the memory is no longer accessed, of enum vfio_cxl_shut
 */
void vfio_cxl_reset_stop(struct vfio_cxl_device *cvdev, unsigned long reason)
{
	vfio_cxl_gate_change(cvdev, reason, 0);
	cancel_delayed_work_sync(&cvdev->reset.settle);
}

/* Reset without callbacks, with the device lock and config access locked */
static int reset_by_hand(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	bool locked;
	int ret;

	vfio_cxl_host_flush(cvdev);
	/* The task that has locked the bridge may wait for the device lock */
	locked = bridge && pci_cfg_access_trylock(bridge);
	ret = __pci_reset_function_locked(pdev);
	if (locked)
		pci_cfg_access_unlock(bridge);
	vfio_cxl_host_restore_config(cvdev);

	return ret;
}

/**
 * vfio_cxl_reset_bind - stop the activity of the previous owner at bind
 * @cvdev: the device, with its lock held, that cannot be opened yet
 *
 * Its engines may write to the memory even without Bus Master Enable.
 */
void vfio_cxl_reset_bind(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	int ret;

	pci_cfg_access_lock(pdev);
	ret = reset_by_hand(cvdev);
	pci_cfg_access_unlock(pdev);
	if (ret)
		pci_warn(pdev,
			 "device cannot be reset (%d), activity of its last user may continue: it can be opened only once, unless the bus can be reset\n",
			 ret);
}

/**
 * vfio_cxl_reset_unbind - leave the device as platform firmware set it up
 * @cvdev: the device, with its lock held, stopped
 *
 * An unbind that waits for a user holds the lock that the reset at close needs.
 * Without a reset here, the activity that the user started would continue under
 * the next owner.
 */
void vfio_cxl_reset_unbind(struct vfio_cxl_device *cvdev)
{
	struct pci_dev *pdev = vfio_cxl_pdev(cvdev);
	int ret = 0;

	if (pci_dev_is_disconnected(pdev))
		return;

	pci_cfg_access_lock(pdev);
	if (!vfio_cxl_scrub_quiet(cvdev))
		ret = reset_by_hand(cvdev);
	vfio_cxl_host_restore(cvdev);
	pci_cfg_access_unlock(pdev);
	if (ret)
		pci_warn(pdev,
			 "device cannot be reset (%d), activity of its last user may continue: power-cycle it before anyone else uses it\n",
			 ret);
}

/**
 * vfio_cxl_reset_init - initialise the reset state
 * @cvdev: the device
 */
void vfio_cxl_reset_init(struct vfio_cxl_device *cvdev)
{
	mutex_init(&cvdev->reset.lock);
	INIT_DELAYED_WORK(&cvdev->reset.settle, reset_settle_work);
}
