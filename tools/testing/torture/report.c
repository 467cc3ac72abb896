// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results, in TAP
 */
#include <stdarg.h>
#include <stdio.h>

#include "report.h"

static unsigned int reports;

void report(int ret, const char *format, ...)
{
	va_list args;

	printf("%s %u torture: ", ret ? "not ok" : "ok", ++reports);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

void report_plan(void)
{
	printf("1..%u\n", reports);
}
