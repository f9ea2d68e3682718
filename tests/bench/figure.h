/*
 * What every benchmark prints: one JSON line per figure on stdout, collected by tests/bench/run.
 *
 *   {"name": "train_large_gflops", "value": 90.1, "unit": "GFLOP/s", "reference": 120.5, "ratio": 0.748}
 *
 * `reference` is measured in the same run where it can be, so that the ratio holds on any machine. A figure without one
 * prints null twice.
 */
#ifndef COHORT_TESTS_BENCH_FIGURE_H
#define COHORT_TESTS_BENCH_FIGURE_H

#include <math.h>
#include <stdio.h>
#include <time.h>

/* `reference` NAN: none. */
static inline void figure(const char *name, double value, const char *unit, double reference)
{
	printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", ", name, value, unit);
	if (isnan(reference))
		printf("\"reference\": null, \"ratio\": null}\n");
	else
		printf("\"reference\": %.6g, \"ratio\": %.4g}\n", reference, value / reference);
	fflush(stdout);
}

/* CPU time of this thread: what other processes do to the machine does not count. */
static inline double thread_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
