/* The rules of round_plan.h. A site trusts nothing in a plan: whatever follows from the study is computed again and compared. */
#include "protocol/round_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SQUARED_ERROR_MAX 4.0 /* e lies in [-2, 2] (model/metrics.h) */
#define WORD_MAX 2147483647u /* 2^31 - 1, the largest sum of a count */

void round_plan_free(struct round_plan *p)
{
	free(p->sites);
	*p = (struct round_plan){0};
}

void round_plan_copy(struct round_plan *to, const struct round_plan *from)
{
	round_plan_free(to);
	*to = *from;
	to->sites = NULL;
	if (from->site_count == 0)
		return;
	to->sites = mem_array(from->site_count, sizeof(*to->sites));
	memcpy(to->sites, from->sites, from->site_count * sizeof(*to->sites));
}

unsigned round_plan_asks(const struct study *s, uint32_t step)
{
	if (step == 0)
		return ASK_STATISTICS;
	bool evaluates = s->evaluation != EVALUATION_NONE;
	if (step > s->rounds)
		return evaluates && step - 1 == s->rounds ? ASK_EVALUATE : 0;
	bool due = s->evaluation != EVALUATION_NOISED && s->evaluate_every != 0 && step > 1 &&
	           (step - 1) % s->evaluate_every == 0;
	return evaluates && due ? ASK_TRAIN | ASK_EVALUATE : ASK_TRAIN;
}

uint32_t round_plan_row_cap(const struct study *s, uint32_t sites)
{
	CHECK(sites >= 1 && s->weight_cap >= 1);
	if (s->weights == WEIGHTS_BY_PATIENTS && s->schema.patient_id == NULL)
		return (uint32_t)s->weight_cap;
	double cap = s->weights == WEIGHTS_EQUAL ? WEIGHT_CAP_MAX : s->weight_cap * ROWS_PER_PATIENT_MAX;
	double most = CSV_ROWS_MAX < WORD_MAX / sites ? CSV_ROWS_MAX : WORD_MAX / sites;
	return (uint32_t)(cap < most ? cap : most);
}

/* ---- under privacy */

bool round_plan_adapts(const struct study *s)
{
	return s->privacy.clip_rate > 0;
}

double round_plan_divisor(const struct study *s, uint32_t sites)
{
	const struct privacy_plan *p = &s->privacy;

	CHECK(p->mechanism != PRIVACY_NONE && sites > 0);
	if (p->mechanism == PRIVACY_SITE)
		return sites;
	double batch = p->sampling_rate * p->patients;
	return p->mechanism == PRIVACY_LOCAL ? batch / sites : batch;
}

/* One site's sum of up to `units` vectors, of which no coordinate is above `largest`. */
static struct noised_terms terms(const struct study *s, uint32_t sites, double norm, double multiplier,
                                 uint32_t dimensions, double units, double largest)
{
	bool shared = s->privacy.mechanism != PRIVACY_LOCAL;

	CHECK(!shared || plan_quorum(&s->sites, sites) > s->sites.max_colluders);
	return (struct noised_terms){
		.clip = norm,
		.multiplier = multiplier,
		.most = units * largest,
		.least = units * largest,
		.dimensions = dimensions,
		.sites = sites,
		.sharers = shared ? plan_quorum(&s->sites, sites) - s->sites.max_colluders : 1,
	};
}

static double units_at_one_site(const struct privacy_plan *p)
{
	return p->unit == UNIT_SITE ? 1 : p->patients;
}

static enum err layout_noised_statistics(struct layout *l, const struct study *s, struct diag *why)
{
	const struct privacy_plan *p = &s->privacy;
	uint32_t items = schema_statistics_length(&s->schema);
	double units = units_at_one_site(p), norm = schema_statistics_norm(&s->schema);
	struct noised_terms t = terms(s, l->sites, norm, p->statistics_multiplier, items, units, 1);
	struct noised noised;

	t.summation = noised_sum_error((uint32_t)units, norm);
	enum err e = noised_make(&noised, &t, why);
	return e ? e : layout_add_noised(l, SEGMENT_STATISTICS, items, &noised, why);
}

/* So many clipped gradients hardly ever point the same way; where words are short, a sum beyond them is clamped. */
#define GRADIENTS_ALIGNED 256

static struct noised_terms gradient_terms(const struct study *s, uint32_t sites)
{
	const struct privacy_plan *p = &s->privacy;
	uint32_t cap = p->batch_cap;
	struct noised_terms t =
		terms(s, sites, p->clip, p->noise_multiplier, (uint32_t)s->model.parameters, cap, p->clip);

	t.least = (cap < GRADIENTS_ALIGNED ? cap : GRADIENTS_ALIGNED) * p->clip;
	t.summation = noised_gradient_error(cap, p->clip);
	return t;
}

enum err round_plan_step_noise(struct noised *out, const struct study *s, struct diag *why)
{
	struct noised_terms t = gradient_terms(s, 1);

	CHECK(s->privacy.mechanism == PRIVACY_LOCAL);
	return noised_make(out, &t, why);
}

static enum err layout_gradient(struct layout *l, const struct study *s, struct diag *why)
{
	struct noised_terms t = gradient_terms(s, l->sites);
	struct noised noised;
	enum err e = noised_make(&noised, &t, why);

	return e ? e : layout_add_noised(l, SEGMENT_GRADIENT, (uint32_t)s->model.parameters, &noised, why);
}

static enum err layout_clipped_update(struct layout *l, const struct study *s, double clip, struct diag *why)
{
	const struct privacy_plan *p = &s->privacy;
	uint32_t items = (uint32_t)s->model.parameters;
	struct noised_terms t = terms(s, l->sites, clip, p->noise_multiplier, items, 1, clip);
	struct noised noised;
	enum err e = noised_make(&noised, &t, why);

	if (!e)
		e = layout_add_noised(l, SEGMENT_UPDATE, items, &noised, why);
	if (e || !round_plan_adapts(s))
		return e;
	t = terms(s, l->sites, 0.5, p->statistics_multiplier, 1, 1, 0.5);
	e = noised_make(&noised, &t, why);
	return e ? e : layout_add_noised(l, SEGMENT_WITHIN, 1, &noised, why);
}

/* Loss and sums are one release of one patient's vector: the loss is at most 1, and beside it stand one cell of a histogram or of
 * a table, or SPEC_NUMERIC_SUMS numbers. */
static enum err layout_noised_evaluation(struct layout *l, const struct study *s, struct diag *why)
{
	const struct privacy_plan *p = &s->privacy;
	enum segment_kind figures = round_plan_figures(s);
	uint32_t sums = 2 * (uint32_t)spec_counts_length(study_shape(s));
	double units = units_at_one_site(p), norm = sqrt(figures == SEGMENT_ERRORS ? 1 + SPEC_NUMERIC_SUMS : 2);
	double multiplier = p->unit == UNIT_SITE ? p->statistics_multiplier : p->evaluation_multiplier;
	struct noised_terms t = terms(s, l->sites, norm, multiplier, 2 + sums, units, 1);
	struct noised noised;

	t.summation = noised_sum_error((uint32_t)units, norm);
	enum err e = noised_make(&noised, &t, why);
	if (!e)
		e = layout_add_noised(l, SEGMENT_LOSS, 2, &noised, why);
	return e ? e : layout_add_noised(l, figures, sums, &noised, why);
}

/* ---- layouts */

static enum err layout_statistics(struct layout *l, const struct study *s, uint32_t row_cap, struct diag *why)
{
	if (s->privacy.mechanism != PRIVACY_NONE)
		return layout_noised_statistics(l, s, why);
	return layout_add(l, SEGMENT_STATISTICS, CODING_WIDE, schema_statistics_length(&s->schema), row_cap, why);
}

static enum err layout_train(struct layout *l, const struct study *s, double clip, struct diag *why)
{
	CHECK(s->model.parameters <= MODEL_PARAMETERS_MAX);
	if (s->privacy.mechanism == PRIVACY_DISTRIBUTED)
		return layout_gradient(l, s, why);
	if (s->privacy.mechanism == PRIVACY_SITE)
		return layout_clipped_update(l, s, clip, why);
	double cap = s->weights == WEIGHTS_EQUAL ? 1 : s->weight_cap;
	enum err e = layout_add(l, SEGMENT_UPDATE, CODING_NARROW, (uint32_t)s->model.parameters, s->update_range, why);
	return e ? e : layout_add(l, SEGMENT_WEIGHT, CODING_COUNT, 1, cap, why);
}

enum segment_kind round_plan_figures(const struct study *s)
{
	return s->schema.label.type == COLUMN_NUMERIC ? SEGMENT_ERRORS : SEGMENT_COUNTS;
}

static enum err layout_evaluate(struct layout *l, const struct study *s, uint32_t row_cap, struct diag *why)
{
	if (s->evaluation == EVALUATION_NOISED)
		return layout_noised_evaluation(l, s, why);
	/* Validation and test, whether or not the study has a validation part: one shape for all. */
	enum err e = layout_add(l, SEGMENT_LOSS, CODING_WIDE, 2, row_cap * LOSS_PER_ROW_MAX, why);
	uint32_t sums = 2 * (uint32_t)spec_counts_length(study_shape(s));
	if (!e && round_plan_figures(s) == SEGMENT_ERRORS)
		e = layout_add(l, SEGMENT_ERRORS, CODING_WIDE, sums, row_cap * SQUARED_ERROR_MAX, why);
	else if (!e)
		e = layout_add(l, SEGMENT_COUNTS, CODING_COUNT, sums, row_cap, why);
	return e;
}

enum err round_plan_layout(struct layout *out, const struct study *s, unsigned asks, uint32_t sites, struct diag *why)
{
	return round_plan_layout_clipped(out, s, asks, sites, 0, why);
}

enum err round_plan_layout_clipped(struct layout *out, const struct study *s, unsigned asks, uint32_t sites,
                                   double clip, struct diag *why)
{
	if (sites == 0 || sites > VECTOR_SITES_MAX)
		return diag_set(why, ERR_LIMIT, "a round of %u sites: 1 to %u are possible", sites, VECTOR_SITES_MAX);
	layout_begin(out, sites);
	uint32_t row_cap = round_plan_row_cap(s, sites);
	enum err e = OK;
	if (asks & ASK_STATISTICS)
		e = layout_statistics(out, s, row_cap, why);
	if (!e && asks & ASK_TRAIN)
		e = layout_train(out, s, clip > 0 ? clip : s->privacy.clip, why);
	if (!e && asks & ASK_EVALUATE)
		e = layout_evaluate(out, s, row_cap, why);
	return e;
}

static enum err check_terms(const struct round_plan *p, const struct study *s, struct diag *why)
{
	if (!hash_equal(&p->study_hash, &s->hash))
		return diag_set(why, ERR_PROTOCOL, "the plan is for another contract than the approved one");
	if (p->attempt < 1 || p->attempt > ATTEMPTS_MAX)
		return diag_set(why, ERR_PROTOCOL, "attempt %u: 1 to %u are possible", p->attempt, ATTEMPTS_MAX);
	if (p->round <= p->step)
		return diag_set(why, ERR_PROTOCOL, "step %u in round %llu: each step takes a round", p->step,
		                (unsigned long long)p->round);
	unsigned asks = round_plan_asks(s, p->step);
	if (asks == 0)
		return diag_set(why, ERR_PROTOCOL, "step %u: the study has %u training rounds and is over", p->step,
		                s->rounds);
	if (p->asks != asks)
		return diag_set(why, ERR_PROTOCOL, "step %u asks %u, but the study's rule gives %u", p->step, p->asks,
		                asks);
	bool named = !hash_is_zero(&p->model);
	if (named != (p->step > 0) || (p->model_octets != 0) != named)
		return diag_set(why, ERR_PROTOCOL, "step %u %s", p->step,
		                p->step > 0 ? "must name a model" : "must not name a model: statistics come before it");
	if (hash_is_zero(&p->roster) != (s->sites.masking == MASKING_OFF))
		return diag_set(why, ERR_PROTOCOL, "a round names the roster when, and only when, it is masked");
	bool own_clip = round_plan_adapts(s) && p->asks & ASK_TRAIN;
	if (own_clip &&
	    !(p->clip >= s->privacy.clip / ROUND_CLIP_RANGE && p->clip <= s->privacy.clip * ROUND_CLIP_RANGE))
		return diag_set(why, ERR_PROTOCOL, "a clip of %g is too far from the contract's, %g", p->clip,
		                s->privacy.clip);
	if (!own_clip && p->clip != 0)
		return diag_set(why, ERR_PROTOCOL,
		                "a round names a clip when, and only when, it trains and the contract's "
		                "clip follows the updates");
	if (p->model_octets > MODEL_FILE_MAX)
		return diag_set(why, ERR_PROTOCOL, "a model of %llu octets: at most %llu are possible",
		                (unsigned long long)p->model_octets, (unsigned long long)MODEL_FILE_MAX);
	return OK;
}

static enum err check_sites(const struct round_plan *p, const struct study *s, uint32_t self, struct diag *why)
{
	for (uint32_t i = 0; i < p->site_count; i++)
		if (p->sites[i] <= (i == 0 ? 0 : p->sites[i - 1]))
			return diag_set(why, ERR_PROTOCOL, "invited sites are not in ascending order at place %u", i);
	if (!round_plan_invites(p, self))
		return diag_set(why, ERR_PROTOCOL, "this site (number %u) is not invited", self);
	if (plan_check(&s->sites, p->site_count, why))
		return ERR_PROTOCOL;
	return OK;
}

enum err round_plan_check(const struct round_plan *p, const struct study *s, uint32_t self, struct diag *why)
{
	enum err e = check_terms(p, s, why);
	if (!e)
		e = check_sites(p, s, self, why);
	struct layout l;
	if (!e && round_plan_layout_clipped(&l, s, p->asks, p->site_count, p->clip, why))
		e = ERR_PROTOCOL;
	return e ? diag_prefix(why, e, "round %llu", (unsigned long long)p->round) : OK;
}

void round_plan_hash(struct hash *out, const struct round_plan *p)
{
	struct buf numbers, sites;
	buf_init(&numbers, 32);
	buf_put_u64(&numbers, p->round);
	buf_put_u32(&numbers, p->step);
	buf_put_u32(&numbers, p->asks);
	buf_put_u64(&numbers, p->model_octets);
	buf_put_f64(&numbers, p->clip);
	buf_init(&sites, 4 * (size_t)p->site_count);
	for (uint32_t i = 0; i < p->site_count; i++)
		buf_put_u32(&sites, p->sites[i]);
	const struct bytes fields[] = {
		bytes_of(p->study_hash.b, HASH_SIZE),
		bytes_of(numbers.ptr, 8),
		bytes_of(numbers.ptr + 8, 4),
		bytes_of(numbers.ptr + 12, 4),
		bytes_of(p->model.b, HASH_SIZE),
		bytes_of(numbers.ptr + 16, 8),
		buf_bytes(&sites),
		bytes_of(numbers.ptr + 24, 8),
	};
	size_t count = sizeof(fields) / sizeof(fields[0]) - (p->clip == 0); /* as ever, without a clip */
	hash_fields(out, NULL, "COHRTpln", fields, count);
	buf_free(&numbers);
	buf_free(&sites);
}

static int compare_sites(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

bool round_plan_invites(const struct round_plan *p, uint32_t site)
{
	return p->site_count > 0 && bsearch(&site, p->sites, p->site_count, sizeof(*p->sites), compare_sites) != NULL;
}
