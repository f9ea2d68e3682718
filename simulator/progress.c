#include "simulator/progress.h"

#include "simulator/stopwatch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TERMINAL_S 0.1
#define LOG_S 10.0

void progress_begin(struct progress *p)
{
	const char *term = getenv("TERM"); /* a dumb one shows the codes that clear a line instead of obeying them */
	bool obeys = term == NULL || strcmp(term, "dumb") != 0;

	*p = (struct progress){.terminal = obeys && isatty(STDERR_FILENO), .began = stopwatch_seconds()};
	p->last = p->began;
}

double progress_seconds(const struct progress *p)
{
	return stopwatch_seconds() - p->began;
}

bool progress_due(struct progress *p)
{
	return stopwatch_seconds() - p->last >= (p->terminal ? TERMINAL_S : LOG_S);
}

void progress_show(struct progress *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (p->terminal)
		fputs("\r\033[K", stderr);
	vfprintf(stderr, fmt, args);
	if (!p->terminal)
		fputc('\n', stderr);
	va_end(args);
	fflush(stderr);
	p->shown = true;
	p->last = stopwatch_seconds();
}

void progress_end(struct progress *p)
{
	if (p->terminal && p->shown)
		fputs("\r\033[K", stderr);
}

void progress_left(char out[16], const struct progress *p, double done, double all)
{
	double left = done > 0 && done < all ? progress_seconds(p) * (all - done) / done : -1;

	if (left < 0)
		out[0] = '\0';
	else if (left < 100)
		snprintf(out, 16, "%.0f s", left);
	else if (left < 100 * 60)
		snprintf(out, 16, "%.0f min", left / 60);
	else
		snprintf(out, 16, "%.0f h", left / 3600);
}
