#include "base/exact.h"

#include "base/err.h"

#include <math.h>

#define LN2 0x1.62e42fefa39efp-1
#define LN2_HIGH 0x1.62e42fee00000p-1 /* 32 bits, so that its products with small integers are exact (fdlibm's cut) */
#define LN2_LOW 0x1.a39ef35793c76p-33
#define SQRT_HALF 0x1.6a09e667f3bcdp-1
#define EXP_LOWEST (-700.0)

/* x = m 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh(z) = 2 (z + z^3/3 + z^5/5 ...), z = (m - 1)/(m + 1),
 * |z| <= 0.172, so the term in z^23 is the last one that counts. */
double exact_log(double x)
{
	int exponent;
	double m = frexp(x, &exponent);

	if (m < SQRT_HALF) {
		m *= 2;
		exponent--;
	}
	double z = (m - 1) / (m + 1);
	double zz = z * z;
	double series = 0;
	for (int k = 23; k >= 1; k -= 2)
		series = series * zz + 1.0 / k;
	return 2 * z * series + exponent * LN2;
}

/* x = k ln 2 + r with |r| <= ln(2)/2; the series of e^r ends with r^14/14!, 4e-18 of the sum. */
double exact_exp(double x)
{
	CHECK(x <= 0);
	if (x < EXP_LOWEST)
		return 0;
	double k = floor(x / LN2 + 0.5);
	double r = (x - k * LN2_HIGH) - k * LN2_LOW;
	double series = 1;
	for (int i = 14; i >= 1; i--)
		series = 1 + series * r / i;
	return ldexp(series, (int)k);
}
