/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Output: tables for people, JSON for programs
 */
#ifndef OUT_H
#define OUT_H

#include <stdint.h>

#include <json-c/json.h>

struct libscols_table;

/**
 * table_new() - begin a table
 * @headings: headings of its columns, up to a NULL; "" in the first for none. A
 *	column whose heading begins with '>' is aligned to the right.
 *
 * Return: the table, which table_print() frees.
 */
struct libscols_table *table_new(const char *const *headings);

/**
 * table_row() - add a row
 * @table: the table
 * @cells: its cells, up to a NULL
 */
void table_row(struct libscols_table *table, const char *const *cells);

/**
 * table_print() - print and free a table
 * @table: the table
 */
void table_print(struct libscols_table *table);

/**
 * json_print() - print and free an object
 * @object: the object
 */
void json_print(struct json_object *object);

/* Add members to an object; a NULL text or a negative index becomes null. */
void json_text(struct json_object *object, const char *name, const char *text);
void json_number(struct json_object *object, const char *name, uint64_t number);
void json_index(struct json_object *object, const char *name, long long index);
void json_flag(struct json_object *object, const char *name, int flag);
struct json_object *json_object_in(struct json_object *object,
				   const char *name);
struct json_object *json_array_in(struct json_object *object,
				  const char *name);
struct json_object *json_append(struct json_object *array);

#endif /* OUT_H */
