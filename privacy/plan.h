/*
 * The privacy plan of a study: what is promised to each unit (a patient, a record, or a whole site), by which mechanism,
 * and the numbers that the promise leads to. Types and pure arithmetic; the accountant is account.h.
 *
 *   the contract's terms                      solved when the study is added         computed by every side, per release
 *   epsilon, delta, unit, mechanism    -->    noise multiplier z, z_e, z_v     -->   grid gamma, sensitivity C', variance of
 *   clip C, rate q, releases T and E          batch cap B_max                        a site's share, clamp (struct noised)
 *
 * The promise is (epsilon, delta)-differential privacy of everything that the study releases about a unit, in the sense of
 * adding or removing one unit within one hospital (or, with hospitals_per_patient h, one patient at up to h hospitals).
 * Nobody can set noise, sensitivity and clip apart from each other: noise follows from the clip, the clip bounds what one
 * unit can contribute, and z follows from epsilon.
 *
 *   mechanism      noise of one site's share                         holds against
 *   distributed    (z C')^2 / (m - n_C) of each masked sum           coordinator and up to n_C sites, while masking holds
 *   local          (z C')^2 in every local step                      everyone, even without masking
 *   site           as distributed, on the whole clipped update       as distributed
 *   none           none
 */
#ifndef COHORT_PRIVACY_PLAN_H
#define COHORT_PRIVACY_PLAN_H

#include "base/err.h"

#include <stdint.h>

enum privacy_mechanism { PRIVACY_NONE, PRIVACY_DISTRIBUTED, PRIVACY_LOCAL, PRIVACY_SITE, PRIVACY_MECHANISM_COUNT };
enum privacy_unit { UNIT_RECORD, UNIT_PATIENT, UNIT_SITE };

/* Of mechanism none, all numbers are 0. */
struct privacy_plan {
	enum privacy_mechanism mechanism;
	enum privacy_unit unit;
	double epsilon, delta; /* of a unit, over the whole study */
	double clip; /* C: the largest L2 norm of what one unit contributes to one step */
	double sampling_rate; /* q: each unit takes part in a step with this probability; 1 under `site` */
	uint32_t patients; /* N: training patients of the whole study, or fewer; public. 0 under `site` */
	uint32_t hospitals_per_patient; /* h: 1 when nobody is a patient of two hospitals */
	double statistics_share; /* s, of the privacy spent (in mu^2) on what is not training */
	double evaluation_epsilon; /* of patients who are not training patients; 0 without a noised evaluation */
	uint32_t spare_rounds; /* paid for in advance, for rounds lost after their noise was given away */
	double clip_quantile, clip_rate; /* `site`: the clip follows this quantile of the updates' norms (Andrew et al.
	                                    2021, Algorithm 1), at this rate; 0: the clip is fixed */

	/* what follows from the rest of the study */
	uint64_t steps; /* T: noised training steps paid for: (rounds + spare_rounds) * (local steps under `local`) */
	uint32_t
		others; /* E: noised releases of all training units: statistics; adaptive bits; under `site` the evaluation */
	bool evaluates; /* a noised evaluation, of patients who are not training patients */

	/* what was solved for; part of the contract */
	double noise_multiplier; /* z of each step */
	double statistics_multiplier; /* z_e of each of the others */
	double evaluation_multiplier; /* z_v; 0 unless `evaluates` */
	uint32_t
		batch_cap; /* B_max: units of one site in one step; Pr[more] <= 2^-60 for a site that has all N patients. More
		              are added all the same (client/poisson.h) */
};

const char *privacy_mechanism_name(enum privacy_mechanism m);
/* False, and `out` untouched, when `name` is none of them. */
bool privacy_mechanism_from(enum privacy_mechanism *out, const char *name);
const char *privacy_unit_name(enum privacy_unit u); /* "record", "patient", "site" */

/* A delta that is not above a tenth of 1 / count, of one digit: what is advised. count > 0. */
double privacy_wise_delta(uint32_t count);

/* OK when the terms can be promised together: ranges, and what excludes each other. ERR_DATA names the key. What was solved for
 * is not looked at. */
enum err privacy_plan_check(const struct privacy_plan *p, struct diag *why) MUST_USE;

/* ---- what it costs (privacy/calibrate.c) */

/* `count` releases, each of units that take part with probability sampling_rate, with noise of noise_multiplier times their
 * sensitivity: one part of a composition. */
struct account_steps {
	double sampling_rate, noise_multiplier;
	uint64_t count;
};

/* The whole study, at its delta. */
struct privacy_spent {
	double epsilon, epsilon_rdp,
		epsilon_pld; /* of a training unit: the smaller of the two upper bounds, and both */
	double evaluation_epsilon; /* of a patient of the noised evaluation; 0 without */
};

/* Fills in what is solved for: the smallest noise multipliers whose epsilon is not above the promised one, rounded up to 4
 * digits. ERR_DATA when the terms cannot be met. */
enum err privacy_plan_solve(struct privacy_plan *p, struct diag *why) MUST_USE;

/* What the plan's multipliers really cost. ERR_REFUSED when that is more than it promises, or a cap is too small. */
enum err privacy_plan_judge(struct privacy_spent *out, const struct privacy_plan *p, struct diag *why) MUST_USE;

/* `count` releases as a unit sees them at all its hospitals together: of a masked sum (1 - (1-q)^h, z / h), `local` h times as many. */
struct account_steps privacy_plan_seen(const struct privacy_plan *p, double q, double multiplier, uint64_t count);

enum privacy_debit { DEBIT_STATISTICS, DEBIT_TRAINING, DEBIT_EVALUATION };

/* What one release costs a unit, hospitals_per_patient taken into account; how many parts (privacy/debit.c). Of training under `local`:
 * one of its steps. None of mechanism none. An evaluation's is of its own patients, unless the unit is a site. */
#define PRIVACY_DEBIT_MAX 2
uint32_t privacy_plan_debit(struct account_steps out[PRIVACY_DEBIT_MAX], const struct privacy_plan *p,
                            enum privacy_debit what);

/* ---- the noise of one release, in integers */

/* What it is computed from. */
struct noised_terms {
	double clip; /* L2 norm of one unit's part of the vector, at most */
	double multiplier; /* z */
	double summation; /* e_f: L2 error of a site's sum over its units, at most */
	double most,
		least; /* a site's sum of one coordinate is clamped to `most`, or, where that is too coarse, to less */
	uint32_t dimensions; /* d */
	uint32_t sites; /* whose words are added */
	uint32_t sharers; /* m - n_C honest sites make the noise together; 1: each site adds all of it */
};

/* A value x of a site's sum becomes the word clamp(nearest(x / grid)) + N_Z(0, variance). */
struct noised {
	double grid; /* gamma, a power of two */
	double sensitivity; /* C' = C + gamma sqrt(d) + 2 e_f, in the values' unit */
	uint64_t variance; /* of a site's share, in grid^2: ceil((z C' / gamma)^2 / sharers) */
	uint32_t clamp; /* in grid units */
	uint32_t word_max; /* no honest word is beyond it but with probability 2^-40 */
};

/* The finest grid on which the sum of all sites' words stays within 31 bits (but with probability 2^-40: n clamp + x sigma < 2^31,
 * x = sqrt(2 ln(2 d) + 80 ln 2)) and a share's variance within NOISE_VARIANCE_MAX. Only additions, multiplications, divisions and
 * square roots of IEEE 754, so that every machine finds the same numbers. ERR_LIMIT when C / gamma would be below 256, or a share
 * below 4 grid units of deviation: then the sum of the sites' noises would not be a discrete Gaussian for all that matters. */
enum err noised_make(struct noised *out, const struct noised_terms *t, struct diag *why) MUST_USE;

/* e_f of clipped gradients, in the unit of `clip`: (rows + 3) 2^-53 sum of |w_j| P_j, where a unit's rows may cancel down to a 64th of
 * their lengths (client/clipped_sum.h), and there are no more rows than a table has (CSV_ROWS_MAX). */
double noised_gradient_error(uint32_t batch_cap, double clip);
/* e_f of `count` vectors of norm <= clip added in double. */
double noised_sum_error(uint32_t count, double clip);

#endif
