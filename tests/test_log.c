/* base/log: levels, what a line looks like for a person and for journald, lines of many threads. */
#include "base/log.h"
#include "tests/support/child.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 4
#define LINES_PER_THREAD 200

struct captured {
	int count;
	enum log_level level;
	char line[DIAG_MAX];
};

static void capture(void *context, enum log_level level, const char *line)
{
	struct captured *c = context;

	c->count++;
	c->level = level;
	snprintf(c->line, sizeof c->line, "%s", line);
	errno = EBADF; /* a careless sink must not disturb the caller */
}

static void log_at(enum log_level level, int value)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		log_error("round %d", value);
		break;
	case LOG_LEVEL_WARNING:
		log_warning("round %d", value);
		break;
	case LOG_LEVEL_NOTICE:
		log_notice("round %d", value);
		break;
	case LOG_LEVEL_INFO:
		log_info("round %d", value);
		break;
	case LOG_LEVEL_DEBUG:
		log_debug("round %d", value);
		break;
	}
}

static void test_levels(void **state)
{
	struct captured c = {0};

	(void)state;
	log_capture(capture, &c);
	for (int max = LOG_LEVEL_ERROR; max <= LOG_LEVEL_DEBUG; max++) {
		log_init("test", max);
		for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
			char expected[32];
			int before = c.count;
			errno = ENOSPC;
			log_at(level, 10 * max + level);
			assert_int_equal(errno, ENOSPC);
			assert_int_equal(c.count - before, level <= max);
			if (level > max)
				continue;
			snprintf(expected, sizeof expected, "round %d", 10 * max + level);
			assert_string_equal(c.line, expected);
			assert_int_equal(c.level, level);
		}
	}
	log_capture(NULL, NULL);
}

static void test_default_level(void **state)
{
	struct captured c = {0};

	(void)state;
	log_capture(capture, &c);
	log_info("shown without log_init");
	assert_int_equal(c.count, 1);
	log_debug("not shown");
	assert_int_equal(c.count, 1);
	log_capture(NULL, NULL);
}

static void test_cleaned(void **state)
{
	struct captured c = {0};
	char longest[3 * DIAG_MAX];

	(void)state;
	log_capture(capture, &c);
	log_init("test", LOG_LEVEL_INFO);
	log_info("site %s joined", "x\n<3>forged\x1b[2J");
	assert_string_equal(c.line, "site x?<3>forged?[2J joined");
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	log_info("%s", longest);
	assert_int_equal(strlen(c.line), DIAG_MAX - 1);
	log_capture(NULL, NULL);
}

static void log_one_of_each(void *context)
{
	log_init(context, LOG_LEVEL_DEBUG);
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
		log_at(level, level);
}

static void test_journald(void **state)
{
	struct child c;

	(void)state;
	child_run(&c, false, log_one_of_each, (void *)(uintptr_t) "cohort-client");
	assert_int_equal(c.exit_code, 0);
	assert_string_equal(c.output, "<3>round 3\n<4>round 4\n<5>round 5\n<6>round 6\n<7>round 7\n");
}

static void test_terminal(void **state)
{
	struct child c;

	(void)state;
	child_run(&c, true, log_one_of_each, (void *)(uintptr_t) "cohort-client");
	assert_int_equal(c.exit_code, 0);
	assert_string_equal(c.output, "cohort-client: error: round 3\r\ncohort-client: warning: round 4\r\n"
	                              "cohort-client: round 5\r\ncohort-client: round 6\r\n"
	                              "cohort-client: debug: round 7\r\n");
	child_run(&c, true, log_one_of_each, NULL);
	assert_int_equal(strncmp(c.output, "error: round 3\r\n", 16), 0);
}

static void log_without_stderr(void *context)
{
	(void)context;
	fclose(stderr);
	log_init("test", LOG_LEVEL_INFO);
	log_error("nobody hears this");
}

static void test_no_stderr(void **state)
{
	struct child c;

	(void)state;
	child_run(&c, false, log_without_stderr, NULL);
	assert_int_equal(c.exit_code, 0);
	assert_string_equal(c.output, "");
}

static void *log_many(void *context)
{
	for (int i = 0; i < LINES_PER_THREAD; i++)
		log_info("thread %d line %03d", *(const int *)context, i);
	return NULL;
}

static void log_from_threads(void *context)
{
	pthread_t threads[THREADS];
	int numbers[THREADS];

	(void)context;
	log_init("test", LOG_LEVEL_INFO);
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, log_many, &numbers[i]) != 0)
			_Exit(1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* Each line arrives whole, and those of one thread in their order. */
static void test_threads(void **state)
{
	struct child c;
	int next[THREADS] = {0}, lines = 0;

	(void)state;
	child_run(&c, false, log_from_threads, NULL);
	assert_int_equal(c.exit_code, 0);
	for (char *rest = c.output, *line; (line = strsep(&rest, "\n")) && rest; lines++) {
		int thread = line[10] - '0';
		char expected[32];
		assert_in_range(thread, 0, THREADS - 1);
		snprintf(expected, sizeof expected, "<6>thread %d line %03d", thread, next[thread]++);
		assert_string_equal(line, expected);
	}
	assert_int_equal(lines, THREADS * LINES_PER_THREAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_level), cmocka_unit_test(test_levels),   cmocka_unit_test(test_cleaned),
		cmocka_unit_test(test_journald),      cmocka_unit_test(test_terminal), cmocka_unit_test(test_no_stderr),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
