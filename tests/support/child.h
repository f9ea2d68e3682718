/*
 * Runs a function in a child process: for code that must end the process, die of a signal, or write to stderr.
 */
#ifndef COHORT_TESTS_SUPPORT_CHILD_H
#define COHORT_TESTS_SUPPORT_CHILD_H

#include <stdbool.h>

#define CHILD_OUTPUT_MAX 65536

struct child {
	int exit_code; /* -1 when a signal ended it */
	int signal; /* 0 when it exited */
	char output[CHILD_OUTPUT_MAX]; /* what it wrote to stderr, cut, NUL-terminated */
};

/* The child's stderr is a pipe, or a pseudo-terminal when `terminal`; it exits 0 when `run` returns. */
void child_run(struct child *c, bool terminal, void (*run)(void *context), void *context);

/* Fails the test unless `run` aborts with a failed CHECK whose condition contains `condition`. */
void child_expect_check(const char *condition, void (*run)(void *context), void *context);

#endif
