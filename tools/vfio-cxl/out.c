// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables with libsmartcols, JSON with json-c
 */
#include <stdio.h>
#include <unistd.h>

#include <libsmartcols/libsmartcols.h>

#include "out.h"
#include "util.h"

/* Width of output to a file or a pipe */
#define UNLIMITED	32767

struct libscols_table *table_new(const char *const *headings)
{
	struct libscols_table *table = scols_new_table();

	if (!table)
		die(STATUS_FAILED, "out of memory");
	scols_table_enable_noheadings(table, !**headings);
	/* Truncate or wrap only on a terminal. */
	if (!isatty(STDOUT_FILENO))
		scols_table_set_termwidth(table, UNLIMITED);
	for (; *headings; headings++) {
		int flags = headings[1] ? 0 : SCOLS_FL_WRAP;
		const char *name = *headings;

		if (*name == '>') {
			flags |= SCOLS_FL_RIGHT;
			name++;
		}
		if (!scols_table_new_column(table, name, 0, flags))
			die(STATUS_FAILED, "out of memory");
	}
	return table;
}

void table_row(struct libscols_table *table, const char *const *cells)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	size_t i;

	if (!line)
		die(STATUS_FAILED, "out of memory");
	for (i = 0; cells[i]; i++)
		if (scols_line_set_data(line, i, cells[i]))
			die(STATUS_FAILED, "out of memory");
}

void table_print(struct libscols_table *table)
{
	if (scols_print_table(table))
		die(STATUS_FAILED, "the table could not be written");
	scols_unref_table(table);
}

void json_print(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object,
					    JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_SPACED |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

void json_text(struct json_object *object, const char *name, const char *text)
{
	json_object_object_add(object, name,
			       text ? json_object_new_string(text) : NULL);
}

void json_number(struct json_object *object, const char *name, uint64_t number)
{
	json_object_object_add(object, name, json_object_new_uint64(number));
}

void json_index(struct json_object *object, const char *name, long long index)
{
	json_object_object_add(object, name,
			       index < 0 ? NULL : json_object_new_int64(index));
}

void json_flag(struct json_object *object, const char *name, int flag)
{
	json_object_object_add(object, name, json_object_new_boolean(flag));
}

struct json_object *json_object_in(struct json_object *object,
				   const char *name)
{
	struct json_object *inner = json_object_new_object();

	json_object_object_add(object, name, inner);
	return inner;
}

struct json_object *json_array_in(struct json_object *object, const char *name)
{
	struct json_object *inner = json_object_new_array();

	json_object_object_add(object, name, inner);
	return inner;
}

struct json_object *json_append(struct json_object *array)
{
	struct json_object *inner = json_object_new_object();

	json_object_array_add(array, inner);
	return inner;
}
