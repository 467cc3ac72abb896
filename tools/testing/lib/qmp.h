/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor of the emulated machine in which this runs
 *
 * Functions return 0 on success and -errno on failure.
 */
#ifndef VFIO_CXL_TEST_QMP_H
#define VFIO_CXL_TEST_QMP_H

#include <stdbool.h>

/* A command, as JSON text that starts with {" */
int qmp(const char *command);
/* A command about the rig's device: its QOM path comes before @arguments */
int rig_command(unsigned int index, const char *command,
		const char *arguments);
/*
 * Make decoder commits of the device fail, or succeed again: only the rig's
 * QEMU supports this
 */
bool rig_can_fail(unsigned int index);
int rig_commit_fails(unsigned int index, bool fails);

/*
 * Set how many milliseconds after each reset the memory becomes active; 0 makes
 * it active at once, even if it is inactive now.  Also set how long the device
 * declares that this may take at most, as its register encodes it.
 */
#define MEMORY_TIMEOUT_1S	0
#define MEMORY_TIMEOUT_256S	4	/* initial value of the rig's device */

bool rig_can_delay(unsigned int index);
int rig_memory_delay(unsigned int index, unsigned int ms);
int rig_memory_timeout(unsigned int index, unsigned int timeout);

/* An error of the device or of the root port above, by its name in QEMU */
int rig_inject(unsigned int index, const char *error);
int rig_inject_port(unsigned int index, const char *error);
/* An error of CXL.mem in the RAS registers, which AER does not report */
int rig_inject_ras(unsigned int index, const char *error);

#endif /* VFIO_CXL_TEST_QMP_H */
