/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's log
 */
#ifndef KMSG_H
#define KMSG_H

/**
 * kmsg_last() - the driver's last message about a device
 * @address: address of the device
 * @since: sequence number to begin at, 0 for all
 *
 * Return: the message without its prefix, to be freed; NULL if there is none,
 * or the log cannot be read.
 */
char *kmsg_last(const char *address, unsigned long long since);

/**
 * kmsg_next() - get the sequence number of the next message
 *
 * Return: the number, or 0.
 */
unsigned long long kmsg_next(void);

#endif /* KMSG_H */
