/*
 * Comparison of doubles: cmocka's assert_float_equal turns its arguments into floats first, so that it cannot see
 * beyond the seventh digit. Include after cmocka.h.
 */
#ifndef COHORT_TESTS_SUPPORT_CLOSE_H
#define COHORT_TESTS_SUPPORT_CLOSE_H

#include <math.h>

/* |value - expected| <= tolerance; NaN is close to nothing. */
#define assert_close(value, expected, tolerance)                                                                       \
	do {                                                                                                           \
		double close_value = (value), close_expected = (expected), close_tolerance = (tolerance);              \
		if (!(fabs(close_value - close_expected) <= close_tolerance))                                          \
			fail_msg("%.17g, expected %.17g within %g", close_value, close_expected, close_tolerance);     \
	} while (0)

#endif
