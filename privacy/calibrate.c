/*
 * From what is promised to noise, and back. A study's releases are, for one training unit,
 *
 *     T steps of (q, z)   and   E others of (1, z_e),     z_e = sqrt(E / s) / mu*,   delta(epsilon; mu*) = delta
 *
 * so that the others alone use the share s of mu*^2, and z is the smallest with which all together cost no more than epsilon. A
 * noised evaluation is of other units and has its own: z_v = 1 / mu(evaluation_epsilon).
 *
 * A patient at up to h hospitals moves one masked sum by up to h clips and is in a step with probability 1 - (1 - q)^h: (q, z)
 * becomes (1 - (1-q)^h, z / h). Under `local` each hospital releases for itself, so there are h times as many releases.
 *
 * All is judged at delta (1 - 2^-10) - T h 2^-60: the first for what is neglected by treating lattice noise as continuous, the
 * second for a sample that is larger than the batch cap.
 */
#include "privacy/calibrate.h"

#include "privacy/account.h"
#include "privacy/gaussian.h"
#include "privacy/rdp.h"

#include <math.h>

#define DIGITS 1000.0 /* of a multiplier: rounded up to four */
#define MULTIPLIER_MIN 0.01 /* no epsilon that a study may have asks for less */
#define MULTIPLIER_MAX 1e9
#define LADDER 1.1 /* from one multiplier to the next, downwards from what Renyi sums allow */
#define CAP_EXCEEDED 0x1p-60

static double delta_of(const struct privacy_plan *p)
{
	return p->delta * (1 - 0x1p-10) - (double)p->steps * p->hospitals_per_patient * CAP_EXCEEDED;
}

static void training_costs(struct account *out, const struct privacy_plan *p)
{
	const struct account_steps list[] = {
		privacy_plan_seen(p, p->sampling_rate, p->noise_multiplier, p->steps),
		privacy_plan_seen(p, 1, p->statistics_multiplier, p->others),
	};

	account_epsilon(out, list, sizeof list / sizeof *list, delta_of(p));
}

static double evaluation_costs(const struct privacy_plan *p)
{
	const struct account_steps once = privacy_plan_seen(p, 1, p->evaluation_multiplier, 1);
	struct account spent;

	account_epsilon(&spent, &once, 1, delta_of(p));
	return spent.epsilon;
}

/* ---- the batch cap */

/* log Pr[Bin(n, q) > b] <= -n KL(b/n || q), b >= n q (Chernoff 1952). */
static double log_exceeded(double n, double q, double b)
{
	double x = b / n;

	if (b >= n)
		return -INFINITY;
	if (x <= q)
		return 0;
	return -n * (x * log(x / q) + (1 - x) * log1p(-x) - (1 - x) * log1p(-q));
}

static uint32_t cap_of(const struct privacy_plan *p)
{
	uint32_t low = 0, high = p->patients;

	if (p->unit == UNIT_SITE)
		return 1;
	while (p->sampling_rate < 1 && high - low > 1) { /* `high` is large enough, `low` is not */
		uint32_t middle = low + (high - low) / 2;

		if (log_exceeded(p->patients, p->sampling_rate, middle) <= log(CAP_EXCEEDED))
			high = middle;
		else
			low = middle;
	}
	return high;
}

/* ---- solving */

static double rounded_up(double x)
{
	double unit = pow(10, floor(log10(x))) / DIGITS, digits = ceil(x / unit);

	return digits * unit >= x ? digits * unit : (digits + 1) * unit;
}

/* h seen through one Gaussian release: what a multiplier must be multiplied by. */
static double spread(const struct privacy_plan *p)
{
	return p->mechanism == PRIVACY_LOCAL ? sqrt(p->hospitals_per_patient) : p->hospitals_per_patient;
}

/* What is being solved for, the last of the parts, next to those that are fixed. */
struct search {
	struct account_steps parts[CALIBRATE_FIXED_MAX + 1];
	size_t count;
	double epsilon, delta;
};

static bool renyi_allows(struct search *s, double multiplier)
{
	struct rdp sums = {{0}};

	s->parts[s->count - 1].noise_multiplier = multiplier;
	for (size_t i = 0; i < s->count; i++)
		rdp_add(&sums, &s->parts[i]);
	return rdp_epsilon(&sums, s->delta) <= s->epsilon;
}

static bool allows(struct search *s, double multiplier)
{
	struct account spent;

	s->parts[s->count - 1].noise_multiplier = multiplier;
	account_epsilon(&spent, s->parts, s->count, s->delta);
	return spent.epsilon <= s->epsilon;
}

/* Halves the interval of logarithms of which the upper end is allowed and the lower is not, until they are `close`. */
static double halve(struct search *s, bool (*allowed)(struct search *, double), double low, double high, double close)
{
	while (high / low > 1 + close) {
		double middle = sqrt(low * high);

		if (allowed(s, middle))
			high = middle;
		else
			low = middle;
	}
	return high;
}

/* Renyi sums, which are cheap, give a multiplier that is enough; the sharper bound is then asked downwards from there. */
static double search(struct search *s)
{
	double high = MULTIPLIER_MAX, low = MULTIPLIER_MIN;

	if (renyi_allows(s, high))
		high = halve(s, renyi_allows, low, high, 1e-3);
	else if (!allows(s, high))
		return INFINITY;
	for (low = high / LADDER; low > MULTIPLIER_MIN && allows(s, low); low /= LADDER)
		high = low;
	high = rounded_up(halve(s, allows, low, high, 1 / (10 * DIGITS)));
	while (!allows(s, high)) /* rounding up is enough, but for what one grid's bound lies above another's */
		high = rounded_up(high * (1 + 1 / (10 * DIGITS)));
	return high;
}

double calibrate_multiplier(double epsilon, double delta, double sampling_rate, uint64_t steps,
                            const struct account_steps *fixed, size_t count)
{
	struct search s = {.count = count + 1, .epsilon = epsilon, .delta = delta};

	CHECK(count <= CALIBRATE_FIXED_MAX);
	if (steps == 0)
		return 0;
	if (!(epsilon > 0))
		return INFINITY;
	for (size_t i = 0; i < count; i++)
		s.parts[i] = fixed[i];
	s.parts[count] = (struct account_steps){sampling_rate, 1, steps};
	return search(&s);
}

static enum err solve_training(struct privacy_plan *p, struct diag *why)
{
	const struct account_steps training = privacy_plan_seen(p, p->sampling_rate, 1, p->steps);
	const struct account_steps others = privacy_plan_seen(p, 1, p->statistics_multiplier, p->others);
	double z = calibrate_multiplier(p->epsilon, delta_of(p), training.sampling_rate, training.count, &others, 1);

	if (isinf(z))
		return diag_set(why, ERR_DATA, "privacy.epsilon: %g at delta %g cannot be met with any noise",
		                p->epsilon, p->delta);
	p->noise_multiplier = rounded_up(z / training.noise_multiplier);
	return OK;
}

enum err privacy_plan_solve(struct privacy_plan *p, struct diag *why)
{
	double delta = delta_of(p);

	CHECK(p->mechanism != PRIVACY_NONE);
	if (!(delta > 0))
		return diag_set(why, ERR_DATA, "privacy.delta: %g is too small for so many steps", p->delta);
	p->statistics_multiplier =
		rounded_up(spread(p) * sqrt(p->others / p->statistics_share) / gaussian_mu(p->epsilon, delta));
	p->evaluation_multiplier = 0;
	if (p->evaluates)
		p->evaluation_multiplier = rounded_up(spread(p) / gaussian_mu(p->evaluation_epsilon, delta));
	p->batch_cap = cap_of(p);
	return solve_training(p, why);
}

/* ---- judging */

static enum err judge_cap(const struct privacy_plan *p, struct diag *why)
{
	if (p->batch_cap >= cap_of(p))
		return OK;
	return diag_set(why, ERR_REFUSED,
	                "privacy.batch_cap: %u patients in a step are too few for a sample of %u at rate %g",
	                p->batch_cap, p->patients, p->sampling_rate);
}

enum err privacy_plan_judge(struct privacy_spent *out, const struct privacy_plan *p, struct diag *why)
{
	*out = (struct privacy_spent){0};
	if (p->mechanism == PRIVACY_NONE)
		return OK;
	struct account spent;

	training_costs(&spent, p);
	out->epsilon = spent.epsilon;
	out->epsilon_rdp = spent.epsilon_rdp;
	out->epsilon_pld = spent.epsilon_pld;
	if (!(out->epsilon <= p->epsilon))
		return diag_set(why, ERR_REFUSED,
		                "privacy.noise_multiplier: %g, with %g for other releases, costs epsilon %g of each "
		                "%s, above the "
		                "promised %g",
		                p->noise_multiplier, p->statistics_multiplier, out->epsilon, privacy_unit_name(p->unit),
		                p->epsilon);
	out->evaluation_epsilon = p->evaluates ? evaluation_costs(p) : 0;
	if (!(out->evaluation_epsilon <= p->evaluation_epsilon))
		return diag_set(why, ERR_REFUSED,
		                "privacy.evaluation_multiplier: %g costs epsilon %g of each %s, above the promised %g",
		                p->evaluation_multiplier, out->evaluation_epsilon, privacy_unit_name(p->unit),
		                p->evaluation_epsilon);
	return judge_cap(p, why);
}
