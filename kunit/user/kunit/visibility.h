/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the kernel's <kunit/visibility.h> that the emulation uses, in
 * user space
 */
#ifndef KUNIT_USER_VISIBILITY_H
#define KUNIT_USER_VISIBILITY_H

/* One program: there is nothing to export to */
#define EXPORT_SYMBOL_IF_KUNIT(symbol)

#endif /* KUNIT_USER_VISIBILITY_H */
