#include "simulator/spread.h"

#include "base/err.h"

#include <math.h>

#define SHARE 0.95
#define HALVINGS 200 /* more than a double's bits */
#define DEGREES_MAX 2000 /* beyond it t differs from its limit by less than 0.1 %, and the sum would only take time */

/* P(|T| <= sqrt(degrees) * tan(angle)). */
static double probability(double angle, uint32_t degrees)
{
	const double c = cos(angle) * cos(angle);
	double term = degrees % 2 ? cos(angle) : 1, sum = 0;

	/* odd: cos + 2/3 cos^3 + 2*4/(3*5) cos^5 ...; even: 1 + 1/2 cos^2 + 1*3/(2*4) cos^4 ...; up to cos^(degrees - 2) */
	for (uint32_t power = degrees % 2; power + 2 <= degrees; power += 2) {
		sum += term;
		term *= c * (power + 1) / (power + 2);
	}
	return degrees % 2 ? (angle + sin(angle) * sum) * 2 / M_PI : sin(angle) * sum;
}

double spread_student(double share, uint32_t degrees)
{
	double low = 0, high = M_PI / 2;

	CHECK(share > 0 && share < 1 && degrees >= 1);
	degrees = degrees < DEGREES_MAX ? degrees : DEGREES_MAX;
	for (int i = 0; i < HALVINGS; i++) {
		double middle = (low + high) / 2;

		if (probability(middle, degrees) < share)
			low = middle;
		else
			high = middle;
	}
	return sqrt(degrees) * tan((low + high) / 2);
}

struct spread spread_of(const double *values, size_t count)
{
	struct spread s = {.mean = NAN, .deviation = NAN, .low = NAN, .high = NAN};
	double sum = 0, squares = 0;

	for (size_t i = 0; i < count; i++)
		if (isfinite(values[i])) {
			sum += values[i];
			s.n++;
		}
	if (s.n == 0)
		return s;
	s.mean = sum / (double)s.n;
	if (s.n < 2)
		return s;
	for (size_t i = 0; i < count; i++)
		if (isfinite(values[i]))
			squares += (values[i] - s.mean) * (values[i] - s.mean);
	s.deviation = sqrt(squares / (double)(s.n - 1));
	double half = spread_student(SHARE, (uint32_t)(s.n - 1)) * s.deviation / sqrt((double)s.n);
	s.low = s.mean - half;
	s.high = s.mean + half;
	return s;
}
