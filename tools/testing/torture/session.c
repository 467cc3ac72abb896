// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that the threads of a user open, use and close
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"

void target_init(struct target *target, const struct host_device *host,
		 enum vfio_interface interface)
{
	target->host = *host;
	target->interface = interface;
	pthread_mutex_init(&target->opening, NULL);
	pthread_mutex_init(&target->lock, NULL);
}

static void session_free(struct session *s)
{
	vfio_close(&s->vfio);
	if (s->request >= 0)
		close(s->request);
	free(s);
}

void session_put(struct target *target, struct session *s)
{
	bool last;

	pthread_mutex_lock(&target->lock);
	last = !--s->users;
	pthread_mutex_unlock(&target->lock);
	if (last)
		session_free(s);
}

void session_retire(struct target *target, struct session *s)
{
	bool current;

	pthread_mutex_lock(&target->lock);
	current = target->session == s;
	if (current)
		target->session = NULL;
	pthread_mutex_unlock(&target->lock);
	if (current)
		session_put(target, s);
}

struct session *session_get(struct target *target)
{
	struct session *s;

	pthread_mutex_lock(&target->lock);
	s = target->session;
	if (s)
		s->users++;
	pthread_mutex_unlock(&target->lock);

	return s;
}

bool session_requested(const struct session *s)
{
	struct pollfd fd = { .fd = s->request, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

static void session_look(struct session *s)
{
	struct vfio_irq_info irq = { .argsz = sizeof(irq) };
	struct vfio_region_info *info;
	unsigned int i;

	for (i = 0; i < NR_REGIONS; i++) {
		info = vfio_region(s->vfio.device, i);
		if (info)
			s->regions[i] = *info;
		free(info);
	}
	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		irq.index = i;
		if (!ioctl(s->vfio.device, VFIO_DEVICE_GET_IRQ_INFO, &irq))
			s->irqs[i] = irq.count;
	}
}

int session_open(struct target *target, struct random *r)
{
	struct session *s;
	int ret;

	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->request = -1;
	ret = vfio_open(&s->vfio, &target->host, target->interface);
	if (ret) {
		free(s);
		return ret;
	}
	/* Most VMMs are notified when the host requests the device */
	if (!one_in(r, 4))
		s->request = vfio_irq_eventfd(s->vfio.device,
					      VFIO_PCI_REQ_IRQ_INDEX);
	session_look(s);

	pthread_mutex_lock(&target->lock);
	s->serial = ++target->serials;
	s->users = 1;
	target->session = s;
	pthread_mutex_unlock(&target->lock);

	return 0;
}
