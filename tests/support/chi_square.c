#include "tests/support/chi_square.h"

#include <math.h>

#define Z_1_IN_10000 3.719 /* standard normal quantile of 1 - 1e-4 */

double chi_square(const uint32_t *counts, size_t bins, double expected)
{
	double sum = 0;

	for (size_t i = 0; i < bins; i++)
		sum += (counts[i] - expected) * (counts[i] - expected) / expected;
	return sum;
}

double chi_square_limit(size_t degrees_of_freedom)
{
	double df = (double)degrees_of_freedom;
	double h = 2 / (9 * df);

	return df * pow(1 - h + Z_1_IN_10000 * sqrt(h), 3);
}
