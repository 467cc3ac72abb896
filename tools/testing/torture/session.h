/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device that the threads of a user open, use and close
 */
#ifndef VFIO_CXL_TORTURE_SESSION_H
#define VFIO_CXL_TORTURE_SESSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/host.h"
#include "lib/vfio.h"

#include "random.h"

#define NR_REGIONS	(VFIO_PCI_NUM_REGIONS + 1)

/* From an open to the close after the last thread that was using it */
struct session {
	struct vfio_cxl_fd vfio;
	uint64_t serial;
	unsigned int users;
	int request;		/* eventfd: the host requests the device */
	struct vfio_region_info regions[NR_REGIONS];
	unsigned int irqs[VFIO_PCI_NUM_IRQS];
	atomic_uint ioas;	/* one more, of the iommufd */
};

struct target {
	struct host_device host;
	enum vfio_interface interface;
	pthread_mutex_t opening;
	pthread_mutex_t lock;	/* of what follows */
	struct session *session;
	uint64_t serials;
};

void target_init(struct target *target, const struct host_device *host,
		 enum vfio_interface interface);
int session_open(struct target *target, struct random *r);
/* The open session with one more user, or NULL */
struct session *session_get(struct target *target);
/* The last user's put closes the device */
void session_put(struct target *target, struct session *s);
/* The session ends: the next operation opens the device again */
void session_retire(struct target *target, struct session *s);
/* Whether the host requests the device */
bool session_requested(const struct session *s);

#endif /* VFIO_CXL_TORTURE_SESSION_H */
