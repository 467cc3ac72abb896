/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's educational device (docs/specs/edu.rst): registers in BAR 0 for DMA
 * from and to its buffer
 */
#ifndef EDU_H
#define EDU_H

#define EDU_SOURCE	0x80
#define EDU_TARGET	0x88
#define EDU_COUNT	0x90
#define EDU_COMMAND	0x98
#define   EDU_START		1
#define   EDU_FROM_BUFFER	2
#define EDU_BUFFER	0x40000
#define EDU_BUFFER_SIZE	4096

#endif /* EDU_H */
