/*
 * What one release costs a unit. A patient of h hospitals is drawn at each of them by itself, so the masked sum of a step has
 * something of the patient with probability 1 - (1-q)^h, and then at most h times the clip: (1 - (1-q)^h, z / h). Adding h accounts
 * would not be sound there, for it is one sum. Under `local` every hospital adds the whole noise to its own step: h steps.
 */
#include "privacy/plan.h"

#include <math.h>

struct account_steps privacy_plan_seen(const struct privacy_plan *p, double q, double multiplier, uint64_t count)
{
	uint32_t h = p->hospitals_per_patient;

	if (p->mechanism == PRIVACY_LOCAL)
		return (struct account_steps){q, multiplier, count * h};
	return (struct account_steps){h == 1 || q == 1 ? q : -expm1(h * log1p(-q)), multiplier / h, count};
}

uint32_t privacy_plan_debit(struct account_steps out[PRIVACY_DEBIT_MAX], const struct privacy_plan *p,
                            enum privacy_debit what)
{
	if (p->mechanism == PRIVACY_NONE)
		return 0;
	if (what == DEBIT_STATISTICS || (what == DEBIT_EVALUATION && p->unit == UNIT_SITE)) {
		out[0] = privacy_plan_seen(p, 1, p->statistics_multiplier, 1);
		return 1;
	}
	if (what == DEBIT_EVALUATION) {
		out[0] = privacy_plan_seen(p, 1, p->evaluation_multiplier, 1);
		return 1;
	}
	out[0] = privacy_plan_seen(p, p->sampling_rate, p->noise_multiplier, 1);
	if (!(p->clip_rate > 0))
		return 1;
	out[1] = privacy_plan_seen(p, 1, p->statistics_multiplier, 1); /* whether the update was within the clip */
	return 2;
}
