/*
 * The round plan: what one round asks of its sites, in terms that each site checks against the study it approved.
 *
 * A study runs through these rounds; `step` counts training rounds from 1:
 *
 *     round      asks                    step       the model it names
 *     1          statistics              0          none
 *     2          train                   1          the first model (initial parameters + scaling)
 *     3          train, evaluate         2          the model that step 1 made, evaluated on the way
 *     ...
 *     R+1        train, evaluate         R
 *     R+2        evaluate                R+1        the last model
 *
 * so an evaluation costs no round of its own but the last. A round that is given up takes the next round number and asks
 * the same again. Plan, model and invited sites are the same in all attempts of one round.
 *
 * The layout of a contribution follows from the study, what is asked, and n, the number of invited sites:
 *
 *     asks          segment      coding    items                             bound
 *     statistics    statistics   wide      schema_statistics_length          row cap
 *     train         update       narrow    model.parameters                  training.update_range
 *                   weight       count     1                                 training.weights.cap (1 when equal)
 *     evaluate      loss         wide      2: validation, test               row cap * LOSS_PER_ROW_MAX
 *                   counts       count     2 * spec_counts_length            row cap
 *                   or, of a numeric label:
 *                   errors       wide      2 * SPEC_NUMERIC_SUMS             4 * row cap
 *
 * Under privacy (docs/PRIVACY.md) each release that spends of epsilon is one noised vector. Its terms, of which
 * noised_make (privacy/plan.h) makes grid, variance and clamp:
 *
 *     asks          segments            items           norm of one unit          multiplier      added by one site
 *     statistics    statistics          as above        schema_statistics_norm    z_e             N units
 *     train
 *      distributed  gradient            parameters      clip                      z               batch cap units
 *      site         update              parameters      clip of the round         z               1
 *                   within (adaptive)   1               1/2                       z_e             1
 *      local        update, weight      as above: the noise is in the steps (round_plan_step_noise)
 *     evaluate
 *      noised       loss, counts        2, as above     sqrt 2                    z_v             N units
 *                   or loss, errors     2, as above     sqrt(1 + 5)               (site: z_e)     (site: 1)
 *      masked       as without privacy: exact, not covered by epsilon
 *
 * Sharers are quorum - max_colluders sites, or 1 under `local`, where each site adds all of the noise. A noised evaluation
 * is asked for once, of the last model.
 */
#ifndef COHORT_PROTOCOL_ROUND_PLAN_H
#define COHORT_PROTOCOL_ROUND_PLAN_H

#include "protocol/study.h"
#include "protocol/vector.h"

enum ask { ASK_STATISTICS = 1, ASK_TRAIN = 2, ASK_EVALUATE = 4 };

struct round_plan {
	struct hash study_hash;
	uint64_t round; /* from 1, never reused within a study's revision */
	uint32_t attempt; /* from 1 within a round */
	uint32_t step;
	unsigned asks;
	struct hash model; /* SHA-256 of its file; zero when no model is named */
	uint64_t model_octets;
	struct hash
		roster; /* under masks: SHA-256 of the body of the authority's roster, which has the sites' keys; zero in a clear round */
	double clip; /* of this round, when the contract lets the clip follow the updates and the round trains; else 0 */
	uint32_t *sites; /* invited site numbers, ascending; owned */
	uint32_t site_count;
};

void round_plan_free(struct round_plan *p); /* accepts a zeroed one */
void round_plan_copy(struct round_plan *to, const struct round_plan *from); /* `to` is freed first */

/* What step `step` of a study asks: statistics at 0, training up to study->rounds, the last evaluation after them. A model is
 * evaluated with the step that follows it, when its own step is a multiple of evaluate_every; the last model always is,
 * unless the study releases no evaluation. 0 when the study is over. */
unsigned round_plan_asks(const struct study *s, uint32_t step);

/* The most rows that a site may have in any one part (training, validation, test) of its split. Sums of statistics and counts
 * are over rows while the contract's cap is over patients, so:
 *     weights by patients, a row per patient       the cap itself
 *     weights by patients, rows grouped            the cap * ROWS_PER_PATIENT_MAX   } at most CSV_ROWS_MAX, and at most
 *     weights equal                                WEIGHT_CAP_MAX                   } what n sites can add in 31 bits
 * A site with more rows refuses every round with REFUSAL_WEIGHT_CAP. */
uint32_t round_plan_row_cap(const struct study *s, uint32_t sites);

/* The layout of the contribution, which coordinator and sites compute for themselves. ERR_LIMIT when n sites could overflow it. */
enum err round_plan_layout(struct layout *out, const struct study *s, unsigned asks, uint32_t sites,
                           struct diag *why) MUST_USE;

/* The same of a round with a clip of its own; 0: the contract's. */
enum err round_plan_layout_clipped(struct layout *out, const struct study *s, unsigned asks, uint32_t sites,
                                   double clip, struct diag *why) MUST_USE;

/* `local`: the noise of one step at a site, all of it added there. ERR_LIMIT. */
enum err round_plan_step_noise(struct noised *out, const struct study *s, struct diag *why) MUST_USE;

/* What a noised sum of training is divided by, a public number whatever took part: distributed q N; site: the invited
 * sites; and local, of one site's step: q N / sites. */
double round_plan_divisor(const struct study *s, uint32_t sites);

/* Whether the clip follows the updates (privacy.clip_quantile), and the range that a round's may lie in, around the contract's. */
bool round_plan_adapts(const struct study *s);
#define ROUND_CLIP_RANGE 0x1p20

/* The segment that the sums of model/metrics.h travel in: SEGMENT_COUNTS, or SEGMENT_ERRORS of a numeric label. */
enum segment_kind round_plan_figures(const struct study *s);

/* What a site checks before it does anything: the hash is the approved study's, step and asks are what the rule gives, a
 * model is named when (and only when) the step has one, a roster when (and only when) the contract masks, sites are ascending, hold `self`, and can make a round (plan_check),
 * and the layout fits. ERR_PROTOCOL says which does not hold. That a plan is the same in all attempts of a round is
 * for the caller to check, by round_plan_hash. */
enum err round_plan_check(const struct round_plan *p, const struct study *s, uint32_t self, struct diag *why) MUST_USE;

/* Of a clear round: H("COHRTpln", study_hash, round u64, step u32, asks u32, model, model_octets u64, sites u32 each in one field), and
 * where the round has a clip of its own that as f64 behind them: the same for all attempts of a round. Under masks the plan's hash is masked_plan_hash (protocol/masked_plan.h). */
void round_plan_hash(struct hash *out, const struct round_plan *p);

bool round_plan_invites(const struct round_plan *p, uint32_t site);

#endif
