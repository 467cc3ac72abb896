/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor of the emulated machine that this runs in
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
 * Have decoder commits of the device fail, or succeed again: only the rig's own
 * QEMU can
 */
bool rig_can_fail(unsigned int index);
int rig_commit_fails(unsigned int index, bool fails);

/*
 * Have the memory become active so many milliseconds after each reset; 0 makes
 * it active at once, where it is not yet, too.  And how long the device says
 * that this may take at most, as its register encodes it.
 */
#define MEMORY_TIMEOUT_1S	0
#define MEMORY_TIMEOUT_256S	4	/* of the rig's device at its start */

bool rig_can_delay(unsigned int index);
int rig_memory_delay(unsigned int index, unsigned int ms);
int rig_memory_timeout(unsigned int index, unsigned int timeout);

/* An error of the device or of the root port above, by its name in QEMU */
int rig_inject(unsigned int index, const char *error);
int rig_inject_port(unsigned int index, const char *error);
/* An error of CXL.mem in the RAS registers, of which AER tells nobody */
int rig_inject_ras(unsigned int index, const char *error);

#endif /* VFIO_CXL_TEST_QMP_H */
