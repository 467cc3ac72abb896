// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read a virtual machine from a file: JSON, libvirt's XML, a QEMU command line
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "util.h"
#include "vm.h"

/* JSON: the arguments of vfio_cxl_select(), which vfio-cxl(1) describes */

static const char *get_text(struct json_object *from, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(from, name, &value) && value ?
		       json_object_get_string(value) : NULL;
}

static uint64_t get_size(const char *file, struct json_object *from,
			 const char *name)
{
	const char *text = get_text(from, name);
	uint64_t size = 0;

	if (text && !parse_size(text, 1, &size))
		die(STATUS_USAGE, "%s: \"%s\": '%s' is not a size", file, name,
		    text);
	return size;
}

static bool get_flag(struct json_object *from, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(from, name, &value) &&
	       json_object_get_boolean(value);
}

static size_t get_array(const char *file, struct json_object *from,
			const char *name, struct json_object **array)
{
	*array = NULL;
	json_object_object_get_ex(from, name, array);
	if (!*array)
		return 0;
	if (!json_object_is_type(*array, json_type_array))
		die(STATUS_USAGE, "%s: \"%s\" is not an array", file, name);
	return json_object_array_length(*array);
}

static void read_window(struct vm_window *window, const char *file,
			struct json_object *from)
{
	struct json_object *targets;
	size_t i, nr;

	window->name = xstrdup(get_text(from, "name") ?: "");
	window->placed = get_text(from, "base");
	window->base = get_size(file, from, "base");
	window->size = get_size(file, from, "size");
	nr = get_array(file, from, "targets", &targets);
	for (i = 0; i < nr; i++) {
		struct json_object *target =
			json_object_array_get_idx(targets, i);

		*append(window->targets, window->nr_targets) =
			xstrdup(json_object_get_string(target) ?: "");
	}
}

static void read_json_device(struct vm_device *device, const char *file,
			     struct json_object *from)
{
	const char *host_bridge = get_text(from, "host_bridge");

	device->name = xstrdup(get_text(from, "name") ?: "");
	device->host_bridge = host_bridge ? xstrdup(host_bridge) : NULL;
	device->below_switch = get_flag(from, "below_switch");
	device->memory = get_size(file, from, "memory");
	device->locked_base = get_size(file, from, "locked_base");
}

void vm_from_json(struct vm *vm, const char *name, const char *text)
{
	enum json_tokener_error error;
	struct json_object *json, *array;
	size_t i, nr;

	json = json_tokener_parse_verbose(text, &error);
	if (!json)
		die(STATUS_USAGE, "%s: %s", name,
		    json_tokener_error_desc(error));
	if (!json_object_is_type(json, json_type_object))
		die(STATUS_USAGE, "%s: not a JSON object", name);
	nr = get_array(name, json, "windows", &array);
	for (i = 0; i < nr; i++)
		read_window(append(vm->windows, vm->nr_windows), name,
			    json_object_array_get_idx(array, i));
	nr = get_array(name, json, "devices", &array);
	for (i = 0; i < nr; i++)
		read_json_device(append(vm->devices, vm->nr_devices), name,
				 json_object_array_get_idx(array, i));
	json_object_put(json);
}

/*
 * Split into words as a shell does: quotes, backslashes, comments.  What a
 * shell would expand, such as $NAME, is refused, because its value is not
 * known.
 */
static char **split_words(const char *name, const char *text, size_t *nr)
{
	char *word = xcalloc(1, strlen(text) + 1), *to = word, quote = 0;
	char **words = NULL;
	bool begun = false;

	*nr = 0;
	for (;; text++) {
		if (!*text || (!quote && isspace((unsigned char)*text))) {
			if (quote)
				die(STATUS_USAGE, "%s: a %c is missing", name,
				    quote);
			*to = '\0';
			if (begun)
				*append(words, *nr) = xstrdup(word);
			begun = false;
			to = word;
			if (!*text)
				break;
		} else if (!quote && !begun && *text == '#') {
			text += strcspn(text, "\n");
			text--;
		} else if (*text == quote) {
			quote = 0;
		} else if (!quote && (*text == '\'' || *text == '"')) {
			quote = *text;
			begun = true;
		} else if (*text == '\\' && text[1] && quote != '\'') {
			if (*++text == '\n')
				continue;
			*to++ = *text;
			begun = true;
		} else if ((*text == '$' || *text == '`') && quote != '\'') {
			die(STATUS_USAGE,
			    "%s: a shell would expand '%.10s': write its value",
			    name, text);
		} else {
			*to++ = *text;
			begun = true;
		}
	}
	free(word);
	return words;
}

static void from_words(struct vm *vm, const char *name, const char *text,
		       struct memories *memories)
{
	size_t i, nr;
	char **words = split_words(name, text, &nr);

	vm_from_qemu(vm, words, nr, memories);
	for (i = 0; i < nr; i++)
		free(words[i]);
	free(words);
}

void vm_from_text(struct vm *vm, const char *name, const char *text,
		  size_t size, struct memories *memories)
{
	switch (text[strspn(text, " \t\r\n")]) {
	case '{':
		vm_from_json(vm, name, text);
		break;
	case '<':
		vm_from_libvirt(vm, name, text, size, memories);
		break;
	default:
		from_words(vm, name, text, memories);
	}
}
