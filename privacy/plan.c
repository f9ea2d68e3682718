/* The closed lists of mechanisms and units, which terms go together, and the integers of a release. */
#include "privacy/plan.h"

#include "base/limits.h"

#include <math.h>
#include <string.h>

#define SUM_LIMIT 2147483648.0 /* 2^31: sums are read as two's complement */
#define CLIP_GRIDS_MIN 256 /* C / gamma, at least */
#define DEVIATION_MIN 4 /* of a share, in grid units: then n of them are one Gaussian within 10 (n-1) exp(-16 pi^2) */
#define ROUNDING_SHARE 64 /* rounding should add at most C / 64 to the sensitivity, where words have the room */
#define CANCELLING 64 /* P / norm of a unit's rows, at most (model/row_gradients.h) */
#define CLIP_MIN 1e-9 /* below it a float32 parameter of 1 does not move */
#define LN2 0.6931471805599453

static const char *const mechanisms[PRIVACY_MECHANISM_COUNT] = {
	[PRIVACY_NONE] = "none",
	[PRIVACY_DISTRIBUTED] = "distributed",
	[PRIVACY_LOCAL] = "local",
	[PRIVACY_SITE] = "site",
};

const char *privacy_mechanism_name(enum privacy_mechanism m)
{
	CHECK((unsigned)m < PRIVACY_MECHANISM_COUNT);
	return mechanisms[m];
}

bool privacy_mechanism_from(enum privacy_mechanism *out, const char *name)
{
	for (unsigned i = 0; i < PRIVACY_MECHANISM_COUNT; i++) {
		if (strcmp(mechanisms[i], name) == 0) {
			*out = (enum privacy_mechanism)i;
			return true;
		}
	}
	return false;
}

const char *privacy_unit_name(enum privacy_unit u)
{
	static const char *const units[] = {[UNIT_RECORD] = "record", [UNIT_PATIENT] = "patient", [UNIT_SITE] = "site"};

	CHECK((unsigned)u < sizeof units / sizeof *units);
	return units[u];
}

/* ---- which terms go together */

/* Cut, since the nearest digit would be above. */
double privacy_wise_delta(uint32_t count)
{
	double tenth = 0.1 / count, digit = pow(10, floor(log10(tenth)));

	return floor(tenth / digit) * digit;
}

/* !(x > 0) is true of NaN, too. */
static enum err check_ranges(const struct privacy_plan *p, struct diag *why)
{
	if (!(p->epsilon > 0) || isinf(p->epsilon))
		return diag_set(why, ERR_DATA,
		                "privacy.epsilon: %g is not above 0; there is no default: 1 to 3 is common",
		                p->epsilon);
	if (!(p->delta > 0 && p->delta < 1))
		return diag_set(why, ERR_DATA,
		                "privacy.delta: %g is not between 0 and 1; take a tenth of 1 / patients, or less",
		                p->delta);
	if (!(p->clip > 0) || isinf(p->clip))
		return diag_set(why, ERR_DATA, "privacy.clip: %g is not above 0; 1 is common", p->clip);
	if (p->clip < CLIP_MIN)
		return diag_set(why, ERR_DATA, "privacy.clip: %g is below %g, where no parameter moves; 1 is common",
		                p->clip, CLIP_MIN);
	if (!(p->sampling_rate > 0 && p->sampling_rate <= 1))
		return diag_set(
			why, ERR_DATA,
			"privacy.sampling_rate: %g is not in (0, 1]; write a patient's part in a step, such as 0.1",
			p->sampling_rate);
	if (!(p->statistics_share > 0 && p->statistics_share < 1))
		return diag_set(why, ERR_DATA, "privacy.statistics_share: %g is not between 0 and 1",
		                p->statistics_share);
	if (p->hospitals_per_patient == 0)
		return diag_set(why, ERR_DATA, "privacy.hospitals_per_patient: 0 is below 1");
	if (p->evaluates && !(p->evaluation_epsilon > 0))
		return diag_set(why, ERR_DATA, "privacy.evaluation_epsilon: %g is not above 0", p->evaluation_epsilon);
	return OK;
}

static enum err check_unit(const struct privacy_plan *p, struct diag *why)
{
	if ((p->unit == UNIT_SITE) != (p->mechanism == PRIVACY_SITE))
		return diag_set(why, ERR_DATA,
		                "privacy.unit: %s does not go with mechanism %s; a site is the unit under mechanism "
		                "site, and only there",
		                privacy_unit_name(p->unit), privacy_mechanism_name(p->mechanism));
	if (p->unit != UNIT_SITE && p->patients == 0)
		return diag_set(why, ERR_DATA,
		                "privacy.patients: write how many training patients the study has, or fewer");
	if (p->unit == UNIT_SITE && p->sampling_rate != 1)
		return diag_set(why, ERR_DATA,
		                "privacy.sampling_rate: leave it out under mechanism site: the coordinator knows who "
		                "takes part");
	if (p->unit == UNIT_SITE && p->hospitals_per_patient != 1)
		return diag_set(
			why, ERR_DATA,
			"privacy.hospitals_per_patient: leave it out under mechanism site, whose unit is the site");
	if (p->unit != UNIT_SITE && p->delta >= 1.0 / p->patients)
		return diag_set(why, ERR_DATA,
		                "privacy.delta: %g is not below 1 / patients = %g: a mechanism that publishes one "
		                "patient would be allowed; take %.1g",
		                p->delta, 1.0 / p->patients, privacy_wise_delta(p->patients));
	return OK;
}

enum err privacy_plan_check(const struct privacy_plan *p, struct diag *why)
{
	if (p->mechanism == PRIVACY_NONE)
		return OK;
	enum err e = check_ranges(p, why);
	if (e == OK)
		e = check_unit(p, why);
	if (e == OK && (p->clip_quantile != 0 || p->clip_rate != 0) && p->mechanism != PRIVACY_SITE)
		e = diag_set(why, ERR_DATA,
		             "privacy.clip_quantile: the clip follows updates under mechanism site only");
	return e;
}

/* ---- the integers of a release */

double noised_gradient_error(uint32_t batch_cap, double clip)
{
	return (CSV_ROWS_MAX + 3) * 0x1p-53 * CANCELLING * batch_cap * clip;
}

double noised_sum_error(uint32_t count, double clip)
{
	return ((double)count + 2) * 0x1p-53 * count * clip;
}

/* x^2 = 2 ln(2 d) + 80 ln 2, with ln(2 d) <= ln 2 * ceil(log2(2 d)): a logarithm would not be the same everywhere. */
static double tail(uint32_t dimensions)
{
	uint32_t bits = 1;

	while ((1ull << (bits - 1)) < dimensions)
		bits++;
	return sqrt(2 * LN2 * (bits + 40.0));
}

/* Everything of a given grid and clamp; false when the sum of all sites' words may pass 31 bits, or a share is more noise than
 * can be drawn. */
static bool try_grid(struct noised *out, const struct noised_terms *t, double grid, double most)
{
	double sensitivity = t->clip + grid * sqrt((double)t->dimensions) + 2 * t->summation;
	double deviation = t->multiplier * sensitivity / grid;
	double variance = ceil(deviation * deviation / t->sharers);
	double clamp = ceil(most / grid), x = tail(t->dimensions);

	if (variance > (double)NOISE_VARIANCE_MAX || !(t->sites * clamp + x * sqrt(t->sites * variance) < SUM_LIMIT))
		return false;
	*out = (struct noised){
		.grid = grid,
		.sensitivity = sensitivity,
		.variance = (uint64_t)variance,
		.clamp = (uint32_t)clamp,
		.word_max = (uint32_t)(clamp + ceil(x * sqrt(variance))),
	};
	return true;
}

/* The finest grid at this clamp; above 2^16 C none is of any use. */
static bool find_grid(struct noised *out, const struct noised_terms *t, double most)
{
	int exponent;

	(void)frexp(t->clip, &exponent);
	for (int e = exponent - 32; e < exponent + 16; e++)
		if (try_grid(out, t, ldexp(1, e), most))
			return true;
	return false;
}

static bool fine_enough(const struct noised *n, const struct noised_terms *t)
{
	return n->grid * sqrt((double)t->dimensions) * ROUNDING_SHARE <= t->clip;
}

enum err noised_make(struct noised *out, const struct noised_terms *t, struct diag *why)
{
	double most = t->most;
	bool found;

	CHECK(t->clip > 0 && t->multiplier > 0 && t->summation >= 0 && t->dimensions > 0 && t->sites > 0);
	CHECK(t->sharers > 0 && t->least > 0 && t->most >= t->least);
	found = find_grid(out, t, most);
	while ((!found || !fine_enough(out, t)) && most > t->least) {
		most = most / 2 > t->least ? most / 2 : t->least;
		found = find_grid(out, t, most);
	}
	if (!found || out->grid * CLIP_GRIDS_MIN > t->clip)
		return diag_set(why, ERR_LIMIT,
		                "the sum of %u sites with noise of %g times the clip leaves no room in 31 bits: fewer "
		                "sites or patients, or a larger epsilon",
		                t->sites, t->multiplier);
	if (out->variance < DEVIATION_MIN * DEVIATION_MIN)
		return diag_set(why, ERR_LIMIT,
		                "%u sites that share noise of %g times the clip would each add less than %d grid steps "
		                "of it: a smaller epsilon, or fewer sites",
		                t->sharers, t->multiplier, DEVIATION_MIN);
	return OK;
}
