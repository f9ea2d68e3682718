/*
 * The accountant's time for settings from easy to hard, in milliseconds; the best of some runs, thread CPU time. The reference is what a
 * setting may take: 50 ms, and 1 s for rates of 1e-4 with many steps, where most steps do not touch the unit at all.
 *
 *   account_common      q 0.01, z 1, T 1,000, delta 1e-5
 *   account_long        q 0.1, z 6, T 100,000, delta 1e-6
 *   account_small_delta q 0.02, z 0.9, T 2,000, delta 1e-12
 *   account_list        the second one and a Gaussian release and a second rate
 *   account_rare        q 0.0001, z 1, T 100,000, delta 1e-6
 *   calibrate_common    the noise for epsilon 1 at q 0.01, T 1,000, delta 1e-5
 */
#include "privacy/account.h"
#include "privacy/calibrate.h"
#include "tests/bench/figure.h"

#define RUNS 5

struct setting {
	const char *name;
	struct account_steps list[3];
	size_t count;
	double delta, allowed_ms;
};

static const struct setting settings[] = {
	{"account_common", {{0.01, 1, 1000}}, 1, 1e-5, 50},
	{"account_long", {{0.1, 6, 100000}}, 1, 1e-6, 50},
	{"account_small_delta", {{0.02, 0.9, 2000}}, 1, 1e-12, 50},
	{"account_list", {{0.1, 6, 100000}, {0.05, 1.3, 100}, {1, 10, 1}}, 3, 1e-6, 50},
	{"account_rare", {{0.0001, 1, 100000}}, 1, 1e-6, 1000},
};

int main(void)
{
	double best = INFINITY;

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		const struct setting *s = &settings[i];
		struct account a;

		best = INFINITY;
		for (int run = 0; run < RUNS; run++) {
			double start = thread_seconds();
			account_epsilon(&a, s->list, s->count, s->delta);
			best = fmin(best, thread_seconds() - start);
		}
		figure(s->name, 1e3 * best, "ms", s->allowed_ms);
	}
	best = INFINITY;
	for (int run = 0; run < RUNS; run++) {
		double start = thread_seconds();
		if (isinf(calibrate_multiplier(1, 1e-5, 0.01, 1000, NULL, 0)))
			return 1;
		best = fmin(best, thread_seconds() - start);
	}
	figure("calibrate_common", 1e3 * best, "ms", NAN);
	return 0;
}
