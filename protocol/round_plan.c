/* The rules of round_plan.h. A site trusts nothing in a plan: whatever follows from the study is computed again and compared. */
#include "protocol/round_plan.h"

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
	bool due = s->evaluate_every != 0 && step > 1 && (step - 1) % s->evaluate_every == 0;
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

static enum err layout_train(struct layout *l, const struct study *s, struct diag *why)
{
	CHECK(s->model.parameters <= MODEL_PARAMETERS_MAX);
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
	if (sites == 0 || sites > VECTOR_SITES_MAX)
		return diag_set(why, ERR_LIMIT, "a round of %u sites: 1 to %u are possible", sites, VECTOR_SITES_MAX);
	layout_begin(out, sites);
	uint32_t row_cap = round_plan_row_cap(s, sites);
	enum err e = OK;
	if (asks & ASK_STATISTICS)
		e = layout_add(out, SEGMENT_STATISTICS, CODING_WIDE, schema_statistics_length(&s->schema), row_cap,
		               why);
	if (!e && asks & ASK_TRAIN)
		e = layout_train(out, s, why);
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
	if (!e && round_plan_layout(&l, s, p->asks, p->site_count, why))
		e = ERR_PROTOCOL;
	return e ? diag_prefix(why, e, "round %llu", (unsigned long long)p->round) : OK;
}

void round_plan_hash(struct hash *out, const struct round_plan *p)
{
	struct buf numbers, sites;
	buf_init(&numbers, 24);
	buf_put_u64(&numbers, p->round);
	buf_put_u32(&numbers, p->step);
	buf_put_u32(&numbers, p->asks);
	buf_put_u64(&numbers, p->model_octets);
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
	};
	hash_fields(out, NULL, "COHRTpln", fields, sizeof(fields) / sizeof(fields[0]));
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
