// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Reasons, as text for the user
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

struct text {
	char *start;
	size_t size;
	size_t length;
};

static void __printf(2, 0)
append_va(struct text *text, const char *fmt, va_list args)
{
	size_t room = text->size - text->length;
	int ret = vsnprintf(text->start + text->length, room, fmt, args);

	if (ret < 0)
		text->start[text->length] = '\0';
	else
		text->length += (size_t)ret < room ? (size_t)ret : room - 1;
}

static void __printf(2, 3) append(struct text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	append_va(text, fmt, args);
	va_end(args);
}

int vfio_cxl_explain(int result, struct vfio_cxl_reason *reason,
		     const struct vfio_cxl_device *device,
		     const struct vfio_cxl_window *window, const char *fmt, ...)
{
	struct text text;
	va_list args;

	if (!reason)
		return result;
	text = (struct text){ .start = reason->text,
			      .size = sizeof(reason->text) };

	append(&text, "device " NAME_FMT,
	       vfio_cxl_name(device ? device->name : NULL));
	if (device && device->host_bridge && *device->host_bridge)
		append(&text, " below host bridge " NAME_FMT,
		       device->host_bridge);
	if (window) {
		append(&text, ", window " NAME_FMT,
		       vfio_cxl_name(window->name));
		if (window->placed)
			append(&text, " (base 0x%llx",
			       (unsigned long long)window->base);
		else
			append(&text, " (no base");
		append(&text, ", size 0x%llx)",
		       (unsigned long long)window->size);
	}
	append(&text, ": ");

	va_start(args, fmt);
	append_va(&text, fmt, args);
	va_end(args);
	return result;
}

int vfio_cxl_explain_nothing(struct vfio_cxl_reason *reason)
{
	if (reason)
		reason->text[0] = '\0';
	return 0;
}

const char *vfio_cxl_name(const char *name)
{
	return name && *name ? name : "(unnamed)";
}
