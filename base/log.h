/*
 * The log: one line per event, to stderr. On a terminal plain words, otherwise with journald's "<N>" priority
 * prefix (sd-daemon(3)), so systemd shows it right. Never a patient's value, never a secret: callers pass
 * names, counts, states and hashes only. Lines are cleaned and cut as struct diag is. Any thread may log: a line is one
 * write, so lines never mix; errno is kept.
 */
#ifndef COHORT_BASE_LOG_H
#define COHORT_BASE_LOG_H

#include "base/err.h"

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* `program` is put before each line on a terminal (borrowed for good; NULL for none). Lines above `max_level` are
 * dropped. Without a call: no name, LOG_LEVEL_INFO. */
void log_init(const char *program, enum log_level max_level);

/* Sends the lines to a function instead (tests), one call at a time; it must not log. NULL restores stderr. */
void log_capture(void (*sink)(void *context, enum log_level level, const char *line), void *context);

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_notice(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
