/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers of all files of the tool: errors, memory, strings, small files
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
 * enum status - exit status of every verb, as documented in the man page
 * @STATUS_OK: done, or the answer is yes
 * @STATUS_NO: refused, or the answer is no
 * @STATUS_USAGE: the command line or a file given there is wrong
 * @STATUS_FAILED: the answer cannot be determined, for example without root
 */
enum status {
	STATUS_OK,
	STATUS_NO,
	STATUS_USAGE,
	STATUS_FAILED,
};

/**
 * die() - print what is wrong and what to do about it, and exit
 * @status: which of enum status
 * @fmt: printf(3) format of a line, without the newline
 */
void __noreturn __printf(2, 3) die(enum status status, const char *fmt, ...);

/**
 * warn() - print a line to stderr
 * @fmt: printf(3) format of a line, without the newline
 */
void __printf(1, 2) warn(const char *fmt, ...);

/* These exit if there is no memory. */
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
 * @path: its path
 * @size: set to its size; may be NULL
 *
 * Return: the contents, followed by a NUL, to be freed; NULL with errno set if
 * it cannot be read.
 */
char *read_file(const char *path, size_t *size);

/**
 * read_text() - read a small file of one line
 * @fmt: printf(3) format of the path
 *
 * Return: the line without its end, to be freed, or NULL.
 */
char *__printf(1, 2) read_text(const char *fmt, ...);

/**
 * write_text() - write a file as a whole: sysfs takes a value in one write
 * @path: path of the file
 * @flags: flags of open(2) besides O_WRONLY, such as O_CREAT
 * @text: contents
 *
 * Return: whether that worked; errno says why not.
 */
bool write_text(const char *path, int flags, const char *text);

/**
 * read_number() - read a file with one number
 * @number: set if there is one
 * @fmt: printf(3) format of the path
 *
 * Return: whether there is one.
 */
bool __printf(2, 3) read_number(long long *number, const char *fmt, ...);

/**
 * read_link() - get the last part of a symbolic link's target
 * @fmt: printf(3) format of the path
 *
 * Return: that part, to be freed, or NULL.
 */
char *__printf(1, 2) read_link(const char *fmt, ...);

/**
 * parse_size() - read a size as QEMU writes it
 * @text: a number, with K, M, G, T or P for powers of 1024
 * @unit: unit of a number without a suffix
 * @size: set on success
 *
 * Return: whether it is a size.
 */
bool parse_size(const char *text, uint64_t unit, uint64_t *size);

/**
 * size_text() - format a size, for users and for QEMU
 * @size: size in bytes
 *
 * Return: a string such as "512M", exact, to be freed.
 */
char *size_text(uint64_t size);

/**
 * full_address() - complete a PCI address with its domain
 * @text: a PCI address such as 21:00.0 or 0000:21:00.0
 *
 * Return: the address in sysfs' form, to be freed; NULL if @text is none.
 */
char *full_address(const char *text);

#endif /* UTIL_H */
