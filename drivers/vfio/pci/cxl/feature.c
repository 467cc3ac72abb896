// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE_CXL_HDM_DECODER: the guest's base of decoder 0
 */
#include <linux/uaccess.h>

#include <linux/vfio_cxl.h>

#include "private.h"
#include "trace.h"

/* A guest physical address has at most 52 bits */
#define FEATURE_ADDRESS_END	BIT_ULL(52)

static int
feature_get(struct vfio_cxl_device *cvdev,
	    struct vfio_device_feature_cxl_hdm_decoder __user *arg)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder = {
		.size = cvdev->host.size,
	};

	scoped_guard(mutex, &cvdev->emu_lock)
		decoder.base = cvdev->emu.base;
	if (decoder.base)
		decoder.flags |= VFIO_CXL_HDM_DECODER_COMMITTED |
				 VFIO_CXL_HDM_DECODER_LOCKED;
	if (vfio_cxl_host_device_coherent(cvdev))
		decoder.flags |= VFIO_CXL_HDM_DECODER_DEVICE_COHERENT;
	if (!vfio_cxl_gate_reasons(cvdev))
		decoder.flags |= VFIO_CXL_HDM_DECODER_USABLE;

	return copy_to_user(arg, &decoder, sizeof(decoder)) ? -EFAULT : 0;
}

static int
feature_set(struct vfio_cxl_device *cvdev,
	    const struct vfio_device_feature_cxl_hdm_decoder *decoder)
{
	u64 end;

	if (decoder->flags || !decoder->base || !decoder->size ||
	    !IS_ALIGNED(decoder->base, VFIO_CXL_EMU_HDM_ALIGN) ||
	    !IS_ALIGNED(decoder->size, VFIO_CXL_EMU_HDM_ALIGN))
		return -EINVAL;
	if (check_add_overflow(decoder->base, cvdev->host.size, &end) ||
	    end > FEATURE_ADDRESS_END)
		return -EOVERFLOW;
	if (decoder->size < cvdev->host.size)
		return -ENOSPC;
	if (vfio_cxl_gate_reasons(cvdev) & (VFIO_CXL_SHUT_LOST |
					    VFIO_CXL_SHUT_GONE))
		return -EIO;

	guard(mutex)(&cvdev->emu_lock);

	return vfio_cxl_emu_lock(&cvdev->emu, decoder->base);
}

/**
 * vfio_cxl_feature_hdm_decoder - serve VFIO_DEVICE_FEATURE_CXL_HDM_DECODER
 * @cvdev: the device, open
 * @flags: flags of struct vfio_device_feature
 * @arg: the feature's data
 * @argsz: its size, in bytes
 *
 * Return: 0 or a negative errno, see <uapi/linux/vfio_cxl.h>.
 */
int vfio_cxl_feature_hdm_decoder(struct vfio_cxl_device *cvdev, u32 flags,
				 void __user *arg, size_t argsz)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	int ret;

	ret = vfio_check_feature(flags, argsz,
				 VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_SET,
				 sizeof(decoder));
	if (ret != 1)
		return ret;

	if (copy_from_user(&decoder, arg, sizeof(decoder)))
		return -EFAULT;
	if (decoder.decoder)
		return -EINVAL;

	if (flags & VFIO_DEVICE_FEATURE_GET)
		return feature_get(cvdev, arg);

	ret = feature_set(cvdev, &decoder);
	trace_vfio_cxl_decoder_lock(cvdev, decoder.base, decoder.size, ret);

	return ret;
}
