/*
 * What one release costs a unit. A patient of h hospitals is drawn at each of them by itself, so the masked sum of a step has
 * something of the patient with probability 1 - (1-q)^h, and then at most h times the clip: (1 - (1-q)^h, z / h). Adding h accounts
 * would not be sound there, for it is one sum. Under `local` every hospital adds the whole noise to its own step: h steps.
 */
#include "privacy/plan.h"

#include <math.h>

/* Of the units that are drawn with probability q. */
static struct account_steps part(const struct privacy_plan *p, double q, double multiplier)
{
	uint32_t h = p->hospitals_per_patient;

	if (p->mechanism == PRIVACY_LOCAL)
		return (struct account_steps){q, multiplier, h};
	return (struct account_steps){h == 1 || q == 1 ? q : -expm1(h * log1p(-q)), multiplier / h, 1};
}

uint32_t privacy_plan_debit(struct account_steps out[PRIVACY_DEBIT_MAX], const struct privacy_plan *p,
                            enum privacy_debit what)
{
	if (p->mechanism == PRIVACY_NONE)
		return 0;
	if (what == DEBIT_STATISTICS || (what == DEBIT_EVALUATION && p->unit == UNIT_SITE)) {
		out[0] = part(p, 1, p->statistics_multiplier);
		return 1;
	}
	if (what == DEBIT_EVALUATION) {
		out[0] = part(p, 1, p->evaluation_multiplier);
		return 1;
	}
	out[0] = part(p, p->sampling_rate, p->noise_multiplier);
	if (!(p->clip_rate > 0))
		return 1;
	out[1] = part(p, 1, p->statistics_multiplier); /* whether the update was within the clip */
	return 2;
}
