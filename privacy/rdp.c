/*
 * log A is log1p of S = sum_{i>=2} binom(a, i) (1-q)^{a-i} q^i expm1((i^2-i)/(2 z^2)): the binomial weights add to 1, so the 1 is
 * taken out exactly, and what remains is a sum of positive terms, which loses nothing even where a step costs 1e-10.
 *
 * Rounding up: each logarithm of a term is raised by a bound on its error, 2^-49 of the magnitudes that were added up to it (each
 * of the less than 16 operations has at most 2^-53, and functions of the C library one unit more); the table of factorials has
 * a bound of its own. After that each operation is followed by a step to the next double.
 */
#include "privacy/rdp.h"

#include <float.h>
#include <math.h>

#define RATE_MIN 1e-15 /* smaller rates are a mistake, and 1 - q would be 1 */
#define ORDER_MAX 2048
#define TERM_ERROR 0x1p-49
#define FACTORIALS_ERROR 0x1p-37 /* three of them, each a sum of at most 2048 logarithms below 8: 2048 * 2^-50, twice */

const uint16_t rdp_orders[RDP_ORDERS] = {
	2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,  18,  19,  20,  21,  22,  23,   24,   25, 26,
	27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42,  43,  44,  45,  46,  47,  48,   49,   50, 51,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1024, 2048,
};
#define SUM_ERROR                                                                                                      \
	(4 * ORDER_MAX * 0x1p-52) /* relative, of a sum of positive terms each from a logarithm and an exponential */

static double up(double x)
{
	return nextafter(x, INFINITY);
}

/* log(n!) for n <= ORDER_MAX, the rounding errors of the sum carried along. */
static void log_factorials(double out[ORDER_MAX + 1])
{
	double sum = 0, carry = 0;

	out[0] = 0;
	for (int n = 1; n <= ORDER_MAX; n++) {
		double term = log(n) + carry, next = sum + term;
		carry = term - (next - sum);
		sum = next;
		out[n] = sum;
	}
}

struct step {
	const double *factorials;
	double log_taken, log_left; /* log q, log(1 - q) */
	double unit; /* 1 / (2 z^2) */
};

/* An upper bound on the logarithm of the i-th term of S. */
static double log_term(const struct step *s, int a, int i)
{
	const double *f = s->factorials;
	double taken = i * s->log_taken, left = i < a ? (a - i) * s->log_left : 0;
	double power = fmax(((double)i * i - i) * s->unit, DBL_MIN); /* never 0, of which the logarithm is none */
	double log_expm1 = power > 1 ? power + log1p(-exp(-power)) : log(expm1(power));
	double magnitude = f[a] - taken - left + fabs(log_expm1) + power;

	return f[a] - f[i] - f[a - i] + taken + left + log_expm1 + TERM_ERROR * magnitude + FACTORIALS_ERROR;
}

/* log S, rounded up; +inf on overflow. */
static double log_sum(const struct step *s, int a)
{
	double largest = -INFINITY, sum = 0;

	for (int i = s->log_taken < 0 ? 2 : a; i <= a; i++) {
		double term = log_term(s, a, i);
		if (!(term < INFINITY))
			return INFINITY;
		if (term > largest) {
			sum = sum * exp(largest - term) + 1;
			largest = term;
		} else {
			sum += exp(term - largest);
		}
	}
	return largest + log(sum) + SUM_ERROR;
}

/* log A(a) / (a - 1) of one step, rounded up. */
static double step_cost(const struct step *s, int a)
{
	double log_s = log_sum(s, a);
	double log_a = log_s > 0 ? log_s + log1p(exp(-log_s)) : log1p(exp(log_s));

	return up(log_a / (a - 1) * (1 + TERM_ERROR));
}

static bool is_sound(const struct account_steps *s)
{
	return s->sampling_rate >= RATE_MIN && s->sampling_rate <= 1 && s->noise_multiplier > 0 &&
	       isfinite(s->noise_multiplier);
}

void rdp_add(struct rdp *r, const struct account_steps *steps)
{
	double factorials[ORDER_MAX + 1], q = steps->sampling_rate, z = steps->noise_multiplier;
	struct step step = {factorials, log(q), log1p(-q), 0.5 / z / z};

	if (steps->count == 0)
		return;
	log_factorials(factorials);
	for (int k = 0; k < RDP_ORDERS; k++) {
		double cost = is_sound(steps) ? step_cost(&step, rdp_orders[k]) : INFINITY;
		r->sums[k] = up(r->sums[k] + up(cost * up((double)steps->count)));
	}
}

void rdp_join(struct rdp *r, const struct rdp *other)
{
	for (int k = 0; k < RDP_ORDERS; k++)
		r->sums[k] = other->sums[k] > 0 ? up(r->sums[k] + other->sums[k]) : r->sums[k];
}

double rdp_epsilon(const struct rdp *r, double delta)
{
	double least = INFINITY;

	if (!(delta > 0 && delta < 1))
		return INFINITY;
	for (int k = 0; k < RDP_ORDERS; k++) {
		double a = rdp_orders[k], conversion = -(log(delta) + log(a)) / (a - 1);
		double epsilon = r->sums[k] + log1p(-1 / a) + conversion;
		epsilon += TERM_ERROR * (r->sums[k] + fabs(conversion) + 1);
		if (epsilon < least) /* false for NaN */
			least = epsilon;
	}
	return least > 0 ? least : 0;
}
