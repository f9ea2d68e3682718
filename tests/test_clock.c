/* base/clock: milliseconds of the monotonic clock, rounded down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "base/clock.h"

static int64_t nanoseconds(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void lies_between_two_looks_at_the_clock(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t before = nanoseconds(), now_ms = clock_monotonic_ms(), after = nanoseconds();

		assert_true(now_ms >= before / 1000000 && now_ms <= after / 1000000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_between_two_looks_at_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
