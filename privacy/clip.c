#include "privacy/clip.h"

#include "base/err.h"
#include "base/vec.h"

#include <math.h>

double clip_weight(double norm, double clip)
{
	CHECK(clip > 0 && isfinite(clip) && !(norm < 0));
	if (!isfinite(norm))
		return 0;
	return (norm > clip ? clip / norm : 1) * CLIP_MARGIN;
}

#define LANES 8 /* sums side by side: vector code without a change of order */

VEC_WIDE static double squares(const double *values, size_t n)
{
	double lanes[LANES] = {0}, sum = 0;
	size_t whole = n / LANES * LANES;

	for (size_t i = 0; i < whole; i += LANES)
		for (size_t l = 0; l < LANES; l++)
			lanes[l] += values[i + l] * values[i + l];
	for (size_t i = whole; i < n; i++)
		lanes[i - whole] += values[i] * values[i];
	for (size_t l = 0; l < LANES; l++)
		sum += lanes[l];
	return sum;
}

/* Stored, not multiplied, where the weight is 0: 0 times NaN is NaN. */
VEC_WIDE static void scale(double *values, size_t n, double weight)
{
	for (size_t i = 0; i < n; i++)
		values[i] = weight > 0 ? values[i] * weight : 0;
}

bool clip_update(double *values, size_t n, double clip)
{
	double norm = sqrt(squares(values, n));

	scale(values, n, clip_weight(norm, clip));
	return norm <= clip;
}
