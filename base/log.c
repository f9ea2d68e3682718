/* The log. One lock around the settings and the write: threads of the pool log too. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define PREFIX_MAX 128 /* "<N>", or a program's name and a level's word */

static struct {
	pthread_mutex_t lock;
	const char *program;
	enum log_level max_level;
	bool terminal;
	void (*sink)(void *context, enum log_level level, const char *line);
	void *context;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .max_level = LOG_LEVEL_INFO};

void log_init(const char *program, enum log_level max_level)
{
	pthread_mutex_lock(&state.lock);
	state.program = program;
	state.max_level = max_level;
	state.terminal = isatty(STDERR_FILENO) == 1;
	pthread_mutex_unlock(&state.lock);
}

void log_capture(void (*sink)(void *context, enum log_level level, const char *line), void *context)
{
	pthread_mutex_lock(&state.lock);
	state.sink = sink;
	state.context = context;
	pthread_mutex_unlock(&state.lock);
}

/* What a person sees before the text. Notice and info speak for themselves. */
static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error: ";
	case LOG_LEVEL_WARNING:
		return "warning: ";
	case LOG_LEVEL_DEBUG:
		return "debug: ";
	default:
		return "";
	}
}

static void write_line(enum log_level level, const char *text)
{
	char line[PREFIX_MAX + DIAG_MAX + 1];
	const char *program = state.program ? state.program : "";
	const char *colon = state.program ? ": " : "";
	int n;

	if (state.terminal)
		n = snprintf(line, sizeof line, "%.64s%s%s%s\n", program, colon, level_word(level), text);
	else
		n = snprintf(line, sizeof line, "<%d>%s\n", (int)level, text);
	/* A log that cannot be written has nowhere to complain. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

static void PRINTF_LIKE(2, 0) put(enum log_level level, const char *fmt, va_list args)
{
	int saved = errno;
	struct diag line;

	pthread_mutex_lock(&state.lock);
	if (level <= state.max_level) {
		diag_format(&line, fmt, args);
		if (state.sink)
			state.sink(state.context, level, line.text);
		else
			write_line(level, line.text);
	}
	pthread_mutex_unlock(&state.lock);
	errno = saved;
}

void log_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(LOG_LEVEL_ERROR, fmt, args);
	va_end(args);
}

void log_warning(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(LOG_LEVEL_WARNING, fmt, args);
	va_end(args);
}

void log_notice(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(LOG_LEVEL_NOTICE, fmt, args);
	va_end(args);
}

void log_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(LOG_LEVEL_INFO, fmt, args);
	va_end(args);
}

void log_debug(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(LOG_LEVEL_DEBUG, fmt, args);
	va_end(args);
}
