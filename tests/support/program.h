/*
 * Runs a real program of $COHORT_BUILD/bin through the shell, as a person would, and keeps what it said.
 *
 *   struct program p;
 *   program_run(&p, "cohort-ca", "list '%s' --json", folder);
 *   assert_int_equal(p.exit_code, 0);
 */
#ifndef COHORT_TESTS_SUPPORT_PROGRAM_H
#define COHORT_TESTS_SUPPORT_PROGRAM_H

#include "base/err.h"

#define PROGRAM_OUTPUT_MAX (256u << 10)

struct program {
	int exit_code; /* -1 when a signal ended it */
	int signal;
	char out[PROGRAM_OUTPUT_MAX], err[PROGRAM_OUTPUT_MAX]; /* cut, NUL-terminated */
};

/* The words behind the program's name, with printf's directives; stdin is empty. */
void program_run(struct program *p, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Any shell command. "$BIN" in it is the absolute path of the programs. */
void program_shell(struct program *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Fails the test, showing what was said, unless it ended with `exit_code` and stderr holds `words`. */
void program_expect(const struct program *p, int exit_code, const char *words);

/* All files below a folder with their SHA-256, and its folders: equal before and after when nothing was written. The
 * caller frees. */
char *program_snapshot(const char *folder);

#endif
