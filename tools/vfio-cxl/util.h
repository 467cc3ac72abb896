/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all files of the tool use: errors, memory, texts, small files
 */
#ifndef UTIL_H
#define UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))
#define __noreturn __attribute__((noreturn))

/**
 * enum status - exit status of every verb; the man page has them, too
 * @STATUS_OK: done, or the answer is yes
 * @STATUS_NO: refused, or the answer is no
 * @STATUS_USAGE: the command line or a file given there is wrong
 * @STATUS_FAILED: the answer cannot be found out, such as without root
 */
enum status {
	STATUS_OK,
	STATUS_NO,
	STATUS_USAGE,
	STATUS_FAILED,
};

/**
 * die() - say what is wrong and what to do about it, and exit
 * @status: which of enum status
 * @fmt: as for printf(3), a line without its end
 */
void __noreturn __printf(2, 3) die(enum status status, const char *fmt, ...);

/**
 * warn() - say something on stderr
 * @fmt: as for printf(3), a line without its end
 */
void __printf(1, 2) warn(const char *fmt, ...);

/* These exit where there is no memory. */
void *xcalloc(size_t nr, size_t size);
void *xrealloc(void *old, size_t nr, size_t size);
/* One element more than @nr, which is all zeroes */
void *xgrow(void *old, size_t nr, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
char *xvprintf(const char *fmt, va_list args);
char *__printf(1, 2) xprintf(const char *fmt, ...);

/**
 * append() - make room for one more element
 * @array: the array, which may move; NULL while it is empty
 * @nr: its length, which grows by one
 *
 * Evaluates to the address of the new element, which is all zeroes.
 */
#define append(array, nr) ({						\
	typeof(array) *__array = &(array);				\
	size_t *__nr = &(nr);						\
									\
	*__array = xgrow(*__array, *__nr, sizeof(**__array));		\
	&(*__array)[(*__nr)++];						\
})

/**
 * read_file() - read a file
 * @path: of it
 * @size: set to its size; may be NULL
 *
 * Return: the contents, followed by a NUL, to be freed; NULL with errno set
 * where it cannot be read.
 */
char *read_file(const char *path, size_t *size);

/**
 * read_text() - read a small file of one line
 * @fmt: path, as for printf(3)
 *
 * Return: the line without its end, to be freed, or NULL.
 */
char *__printf(1, 2) read_text(const char *fmt, ...);

/**
 * write_text() - write a file as a whole: sysfs takes a value in one write
 * @path: of the file
 * @flags: of open(2), such as O_CREAT, beside O_WRONLY
 * @text: to write
 *
 * Return: whether that worked; errno says why not.
 */
bool write_text(const char *path, int flags, const char *text);

/**
 * read_number() - read a file with one number
 * @number: set where there is one
 * @fmt: path, as for printf(3)
 *
 * Return: whether there is one.
 */
bool __printf(2, 3) read_number(long long *number, const char *fmt, ...);

/**
 * read_link() - where a link points to
 * @fmt: path, as for printf(3)
 *
 * Return: the last part of that, to be freed, or NULL.
 */
char *__printf(1, 2) read_link(const char *fmt, ...);

/**
 * parse_size() - read a size as QEMU writes it
 * @text: a number, with K, M, G, T or P for powers of 1024
 * @unit: what a number without one is a multiple of
 * @size: set on success
 *
 * Return: whether it is a size.
 */
bool parse_size(const char *text, uint64_t unit, uint64_t *size);

/**
 * size_text() - a size for people and for QEMU alike
 * @size: in bytes
 *
 * Return: such as "512M", exact, to be freed.
 */
char *size_text(uint64_t size);

/**
 * full_address() - a PCI address with its domain
 * @text: such as 21:00.0 or 0000:21:00.0
 *
 * Return: the address in sysfs' form, to be freed; NULL if it is none.
 */
char *full_address(const char *text);

#endif /* UTIL_H */
