/*
 * Exact discrete Gaussian noise on one core: samples per second at two widths, held against 2 million, and seconds for
 * the million coordinates of an update, held against half a second. The best of several runs, thread CPU time, randomness
 * from the system.
 */
#include "base/secret.h"
#include "privacy/noise.h"
#include "tests/bench/figure.h"

#include <stdlib.h>

#define RUNS 7
#define SAMPLES 1000000
#define SAMPLES_PER_SECOND 2e6
#define SECONDS 0.5

static double seconds_of(int32_t *out, uint64_t variance)
{
	struct entropy entropy = entropy_system();
	double best = INFINITY;

	for (int run = 0; run < RUNS; run++) {
		double start = thread_seconds();
		noise_draw(out, SAMPLES, variance, &entropy);
		best = fmin(best, thread_seconds() - start);
	}
	return best;
}

int main(void)
{
	secret_init();
	int32_t *out = mem_array(SAMPLES, sizeof *out);
	double narrow = seconds_of(out, 1000000), wide = seconds_of(out, 1000000000000);

	figure("noise_sigma_1e3", SAMPLES / narrow, "1/s", SAMPLES_PER_SECOND);
	figure("noise_sigma_1e6", SAMPLES / wide, "1/s", SAMPLES_PER_SECOND);
	figure("noise_1e6_coordinates", fmax(narrow, wide), "s", SECONDS);
	free(out);
	return 0;
}
