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

/* An error of the PCI device's, by its name in QEMU */
int rig_inject(unsigned int index, const char *error);

#endif /* VFIO_CXL_TEST_QMP_H */
