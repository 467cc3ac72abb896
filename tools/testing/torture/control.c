// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of a user: what controls a device
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/array.h"

#include "control.h"
#include "memory.h"

static int device_info(struct thread *t, struct session *s)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_GET_INFO, &info,
			 sizeof(info));
}

static int region_info(struct thread *t, struct session *s)
{
	struct {
		struct vfio_region_info info;
		char caps[64];
	} arg = {
		.info.argsz = one_in(&t->random, 2) ? sizeof(arg) :
						      sizeof(arg.info),
		.info.index = below(&t->random, NR_REGIONS + 1),
	};

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &arg,
			 sizeof(arg));
}

static int irq_info(struct thread *t, struct session *s)
{
	struct vfio_irq_info info = {
		.argsz = sizeof(info),
		.index = below(&t->random, VFIO_PCI_NUM_IRQS + 1),
	};

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_GET_IRQ_INFO, &info,
			 sizeof(info));
}

#define MAX_VECTORS	16

struct irq_arg {
	struct vfio_irq_set set;
	union {
		int32_t fds[MAX_VECTORS];
		uint8_t bools[MAX_VECTORS];
	};
};

static void irq_data(struct thread *t, struct irq_arg *arg)
{
	unsigned int i;

	if (arg->set.flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		for (i = 0; i < MAX_VECTORS; i++)
			arg->fds[i] = one_in(&t->random, 8) ? -1 :
				t->eventfds[below(&t->random, NR_EVENTFDS)];
		arg->set.argsz += 4 * arg->set.count;
	} else if (arg->set.flags & VFIO_IRQ_SET_DATA_BOOL) {
		for (i = 0; i < MAX_VECTORS; i++)
			arg->bools[i] = random_next(&t->random);
		arg->set.argsz += arg->set.count;
	}
}

static int set_irqs(struct thread *t, struct session *s)
{
	struct random *r = &t->random;
	struct irq_arg arg = {
		.set = {
			.argsz = sizeof(arg.set),
			.index = below(r, VFIO_PCI_NUM_IRQS),
		},
	};
	unsigned int max = s->irqs[arg.set.index];

	switch (below(r, 4)) {
	case 0:
	case 1:
		arg.set.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
				VFIO_IRQ_SET_DATA_EVENTFD;
		break;
	case 2:
		/* Off */
		arg.set.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
				VFIO_IRQ_SET_DATA_NONE;
		max = 0;
		break;
	default:
		arg.set.flags = VFIO_IRQ_SET_DATA_NONE << below(r, 3) |
				VFIO_IRQ_SET_ACTION_MASK << below(r, 3);
	}
	if (max > MAX_VECTORS)
		max = MAX_VECTORS;
	if (max) {
		arg.set.start = one_in(r, 2) ? 0 : below(r, max);
		arg.set.count = 1 + below(r, max - arg.set.start);
	}
	irq_data(t, &arg);

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_SET_IRQS, &arg,
			 sizeof(arg));
}

static int reset(struct thread *t, struct session *s)
{
	return good_ioctl(s->vfio.device, VFIO_DEVICE_RESET, bad_pointer(t));
}

/* An FLR, if the device supports it, as a guest requests one */
static int reset_by_config(struct thread *t, struct session *s)
{
	unsigned int at = guest_config(&s->vfio, PCI_CAPABILITY_LIST, 1);
	uint32_t control;

	(void)t;
	/* Others' writes may make the chain a loop, or read as all ones */
	at = at < 0xfc ? at & ~3U : 0;
	while (at && guest_config(&s->vfio, at, 1) != PCI_CAP_ID_EXP)
		at = at < 0xfc ? guest_config(&s->vfio, at + 1, 1) & ~3U : 0;
	if (!at)
		return -ENOENT;
	control = guest_config(&s->vfio, at + PCI_EXP_DEVCTL, 2);

	return guest_config_write(&s->vfio, at + PCI_EXP_DEVCTL, 2,
				  control | PCI_EXP_DEVCTL_BCR_FLR);
}

static int hot_reset_info(struct thread *t, struct session *s)
{
	struct {
		struct vfio_pci_hot_reset_info info;
		struct vfio_pci_dependent_device devices[4];
	} arg = {
		.info.argsz = one_in(&t->random, 4) ? sizeof(arg.info) :
						      sizeof(arg),
	};

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
			 &arg, sizeof(arg));
}

static int hot_reset(struct thread *t, struct session *s)
{
	struct {
		struct vfio_pci_hot_reset reset;
		int32_t fds[4];
	} arg = {
		.reset.argsz = sizeof(arg),
		.reset.count = below(&t->random, 4),
		.fds = { s->vfio.group, s->vfio.device, -1, s->vfio.container },
	};

	if (one_in(&t->random, 2))
		return vfio_hot_reset(&s->vfio);

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_PCI_HOT_RESET, &arg,
			 sizeof(arg));
}

static int ioeventfd(struct thread *t, struct session *s)
{
	const struct vfio_region_info *region =
		&s->regions[below(&t->random, VFIO_PCI_ROM_REGION_INDEX)];
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg),
		.flags = 1 << below(&t->random, 4),
		.offset = region->offset + below(&t->random, 0x1000) * 8,
		.data = random_next(&t->random),
		.fd = t->eventfds[below(&t->random, NR_EVENTFDS)],
	};

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_IOEVENTFD, &arg,
			 sizeof(arg));
}

/* Any number and any data, except for a dma-buf, which creates a file */
static int any_feature(struct thread *t, struct session *s)
{
	struct random *r = &t->random;
	struct {
		struct vfio_device_feature feature;
		uint64_t data[8];
	} arg = {
		.feature.argsz = below(r, 2) ? sizeof(arg) :
					       below(r, sizeof(arg)),
		.feature.flags = one_in(r, 4) ?
			VFIO_DEVICE_FEATURE_CXL_HDM_DECODER : below(r, 32),
	};
	unsigned int i;

	if (arg.feature.flags == VFIO_DEVICE_FEATURE_DMA_BUF)
		arg.feature.flags |= VFIO_DEVICE_FEATURE_PROBE;
	arg.feature.flags |= (uint32_t)below(r, 16) << 16;
	for (i = 0; i < ARRAY_SIZE(arg.data); i++)
		arg.data[i] = any_number(r);

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_FEATURE, &arg,
			 sizeof(arg));
}

static int low_power(struct thread *t, struct session *s)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_low_power_entry_with_wakeup entry;
	} arg = {
		.feature.argsz = sizeof(arg),
		.feature.flags = VFIO_DEVICE_FEATURE_SET |
				 (VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY +
				  below(&t->random, 3)),
		.entry.wakeup_eventfd = t->eventfds[0],
	};

	return good_ioctl(s->vfio.device, VFIO_DEVICE_FEATURE, &arg);
}

static int decoder_get(struct thread *t, struct session *s)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	int ret = vfio_hdm_get(s->vfio.device, &decoder);

	(void)t;
	if (!ret && decoder.base && !(decoder.flags &
				      VFIO_CXL_HDM_DECODER_LOCKED))
		return -EPROTO;
	return ret;
}

static int decoder_set(struct thread *t, struct session *s)
{
	struct random *r = &t->random;
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_cxl_hdm_decoder decoder;
	} arg = {
		.feature.argsz = sizeof(arg),
		.feature.flags = VFIO_DEVICE_FEATURE_SET |
				 VFIO_DEVICE_FEATURE_CXL_HDM_DECODER,
		.decoder.base = GUEST_BASE + below(r, 2) * GUEST_WINDOW,
		.decoder.size = one_in(r, 4) ? below(r, 8) * SZ_256M :
					       GUEST_WINDOW,
	};

	if (one_in(r, 8))
		arg.decoder.base = any_number(r);

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_FEATURE, &arg,
			 sizeof(arg));
}

/* Also numbers that no other operation uses */
static int any_command(struct thread *t, struct session *s)
{
	const int fds[] = { s->vfio.device, s->vfio.container, s->vfio.group };
	struct random *r = &t->random;
	uint32_t arg[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(arg); i++)
		arg[i] = any_number(r);
	if (one_in(r, 2))
		arg[0] = sizeof(arg);

	return any_ioctl(t, fds[below(r, ARRAY_SIZE(fds))],
			 _IO(VFIO_TYPE, VFIO_BASE + below(r, 32)), arg,
			 sizeof(arg));
}

/* A group returns any number of file descriptors of its device */
static int another_open(struct thread *t, struct session *s)
{
	struct vfio_device_feature_cxl_hdm_decoder decoder;
	int fd, ret;

	fd = ioctl(s->vfio.group, VFIO_GROUP_GET_DEVICE_FD,
		   t->target->host.bdf);
	if (fd < 0)
		return -errno;
	ret = vfio_hdm_get(fd, &decoder);
	close(fd);

	return ret;
}

/* The kernel reads a name; the group is in use */
static int group(struct thread *t, struct session *s)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int fd;

	switch (below(&t->random, 4)) {
	case 0:
		return good_ioctl(s->vfio.group, VFIO_GROUP_UNSET_CONTAINER,
				  NULL);
	case 1:
		return good_ioctl(s->vfio.group, VFIO_GROUP_SET_CONTAINER,
				  &s->vfio.container);
	case 2:
		fd = good_ioctl(s->vfio.group, VFIO_GROUP_GET_DEVICE_FD,
				bad_pointer(t));
		if (fd >= 0)
			close(fd);
		return fd;
	default:
		return any_ioctl(t, s->vfio.group, VFIO_GROUP_GET_STATUS,
				 &status, sizeof(status));
	}
}

static int bind_again(struct thread *t, struct session *s)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = s->vfio.container,
	};

	return any_ioctl(t, s->vfio.device, VFIO_DEVICE_BIND_IOMMUFD, &bind,
			 sizeof(bind));
}

/* The last thread that uses the session closes it */
static int close_device(struct thread *t, struct session *s)
{
	session_retire(t->target, s);
	return 0;
}

const struct operation control_operations[] = {
	{ .name = "device-info", .weight = 3, .run = device_info },
	{ .name = "region-info", .weight = 3, .run = region_info },
	{ .name = "irq-info", .weight = 2, .run = irq_info },
	{ .name = "set-irqs", .weight = 12, .run = set_irqs },
	{ .name = "reset", .weight = 1, .run = reset },
	{ .name = "config-flr", .weight = 1, .run = reset_by_config },
	{ .name = "hot-reset-info", .weight = 2, .run = hot_reset_info },
	{ .name = "hot-reset", .weight = 1, .run = hot_reset },
	{ .name = "ioeventfd", .weight = 2, .refused = true, .run = ioeventfd },
	{ .name = "feature", .weight = 12, .run = any_feature },
	{ .name = "low-power", .weight = 2, .refused = true, .run = low_power },
	{ .name = "decoder-get", .weight = 4, .run = decoder_get },
	{ .name = "decoder-set", .weight = 4, .run = decoder_set },
	{ .name = "any-ioctl", .weight = 4, .run = any_command },
	{
		.name = "another-open",
		.weight = 2,
		.only = GROUP_ONLY,
		.run = another_open,
	},
	{ .name = "group", .weight = 2, .only = GROUP_ONLY, .run = group },
	{
		.name = "bind-again",
		.weight = 1,
		.only = CDEV_ONLY,
		.refused = true,
		.run = bind_again,
	},
	{ .name = "close", .weight = 1, .run = close_device },
	{ }
};
