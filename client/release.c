#include "client/release.h"

#include <stdlib.h>
#include <string.h>

void release_restore(struct release *r, const struct release_record *newest)
{
	*r = (struct release){.state = RELEASE_FINAL, .record = *newest};
}

/* ---- (1) */

void release_plan_hash(struct hash *out, const struct round_plan *plan, const struct masked_plan *masked)
{
	struct hash clear;

	round_plan_hash(&clear, plan);
	if (masked->plan.n == 0) {
		*out = clear;
		return;
	}
	const struct bytes fields[] = {bytes_of(clear.b, HASH_SIZE), masked->plan.octets};
	hash_fields(out, NULL, "COHRTrpl", fields, sizeof fields / sizeof *fields);
}

/* The rounds of a study only grow, and one round has one plan. */
static enum refusal judge_repeat(const struct release *r, const struct round_plan *plan, const struct hash *plan_hash,
                                 struct diag *why)
{
	bool same_study = hash_equal(&r->record.study_hash, &plan->study_hash);

	if (!same_study || plan->round > r->record.round)
		return REFUSAL_NONE;
	if (plan->round < r->record.round) {
		diag_set(why, ERR_REFUSED, "round %llu is older than round %llu, which was answered already",
		         (unsigned long long)plan->round, (unsigned long long)r->record.round);
		return REFUSAL_PLAN;
	}
	if (!hash_equal(&r->record.plan_hash, plan_hash)) {
		diag_set(why, ERR_REFUSED, "round %llu came again with another plan than the one answered",
		         (unsigned long long)plan->round);
		return REFUSAL_PLAN;
	}
	return REFUSAL_NONE;
}

static enum refusal judge_terms(const struct release_terms *t, struct diag *why)
{
	enum refusal no;

	if (!hash_equal(&t->approved->hash, &t->plan->study_hash)) {
		diag_set(why, ERR_REFUSED, "the round is of another contract than the one this hospital approved");
		return REFUSAL_NOT_APPROVED;
	}
	no = policy_judge_study(t->policy, t->approved, t->now_s, why);
	if (no == REFUSAL_NONE)
		no = policy_judge_sites(t->policy, t->plan->site_count, why);
	if (no == REFUSAL_NONE && round_plan_check(t->plan, t->approved, t->self, why) != OK)
		no = REFUSAL_PLAN;
	return no;
}

/* An older copy of the ledger has forgotten what was released: nothing is, then. */
static enum refusal judge_standing(const struct release_terms *t, struct diag *why)
{
	if (t->standing == NULL)
		return REFUSAL_NONE;
	return standing_judge(t->standing, t->roster, t->self, t->approved, t->plan, why);
}

bool *release_known(const struct release_terms *t, const struct secagg_plan *group, uint32_t *count)
{
	uint32_t *numbers = mem_array(group->n, sizeof *numbers);
	bool *known = mem_array(group->n, sizeof *known);

	for (uint32_t i = 0; i < group->n; i++)
		numbers[i] = group->sites[i].number;
	*count = policy_known(t->policy, known, t->roster, numbers, group->n, t->self);
	free(numbers);
	return known;
}

/* The sum is that of our group, so these must be known. That it has min_sites follows: the contract's sites.min has, and no
 * group may be smaller. */
static enum refusal judge_group(const struct release_terms *t, const struct secagg_plan *group, struct diag *why)
{
	uint32_t count;

	free(release_known(t, group, &count));
	return policy_judge_known(t->policy, count, why);
}

static enum refusal make_masked(struct masked_plan *out, const struct release_terms *t, struct diag *why)
{
	uint32_t group = masked_plan_group_of(t->plan, t->approved, t->self);
	struct layout layout;
	enum err e =
		round_plan_layout_clipped(&layout, t->approved, t->plan->asks, t->plan->site_count, t->plan->clip, why);

	if (e == OK)
		e = masked_plan_make(out, t->plan, t->approved, &layout, t->roster, group, why);
	return e == OK ? judge_group(t, &out->plan, why) : REFUSAL_PLAN;
}

/* What is final was paid for. */
static bool is_answered(const struct release *r, const struct round_plan *plan, const struct hash *plan_hash)
{
	return r->state == RELEASE_FINAL && r->record.round == plan->round &&
	       hash_equal(&r->record.plan_hash, plan_hash);
}

static enum refusal judge_budget(struct budget_debit *debit, const struct release_terms *t, struct diag *why)
{
	const struct budget_limit limit = {t->policy->budget_epsilon, t->policy->budget_delta};

	budget_debit_of(debit, t->approved, t->plan->asks);
	CHECK(t->budget != NULL || debit->part_count == 0);
	if (debit->part_count == 0)
		return REFUSAL_NONE;
	return budget_judge(t->budget, t->approved->name, &t->approved->hash, t->plan->round, debit, &limit, why);
}

static double clip_of(const struct release_terms *t)
{
	if (!(t->plan->asks & ASK_TRAIN))
		return 0;
	return t->plan->clip > 0 ? t->plan->clip : t->approved->privacy.clip;
}

static void begin(struct release *r, const struct release_terms *t, const struct hash *plan_hash, uint32_t sites,
                  const struct budget_debit *debit)
{
	r->state = RELEASE_EXPECT_VECTOR;
	r->record = (struct release_record){
		.study_hash = t->plan->study_hash,
		.round = t->plan->round,
		.plan_hash = *plan_hash,
		.step = t->plan->step,
		.asks = t->plan->asks,
		.sites = sites,
		.debit = *debit,
		.clip = clip_of(t),
	};
}

enum refusal release_begin(struct release *r, const struct release_terms *t, struct masked_plan *masked,
                           struct diag *why)
{
	bool clear = t->approved->sites.masking == MASKING_OFF;
	struct budget_debit debit;
	struct hash plan_hash;
	enum refusal no = judge_terms(t, why);

	*masked = (struct masked_plan){0};
	if (no == REFUSAL_NONE)
		no = judge_standing(t, why);
	if (no == REFUSAL_NONE && !clear)
		no = make_masked(masked, t, why);
	if (no == REFUSAL_NONE) {
		release_plan_hash(&plan_hash, t->plan, masked);
		no = judge_repeat(r, t->plan, &plan_hash, why);
	}
	if (no == REFUSAL_NONE && !is_answered(r, t->plan, &plan_hash))
		no = judge_budget(&debit, t, why);
	if (no != REFUSAL_NONE) {
		masked_plan_free(masked);
		return no;
	}
	r->clear = clear;
	r->masked = false;
	if (!is_answered(r, t->plan, &plan_hash))
		begin(r, t, &plan_hash, clear ? t->plan->site_count : masked->plan.n, &debit);
	return REFUSAL_NONE;
}

/* ---- (3), (4) */

void release_vector(struct release *r, const struct hash *content, uint64_t octets)
{
	CHECK(r->state == RELEASE_EXPECT_VECTOR);
	r->record.content = *content;
	r->record.octets = octets;
	r->state = RELEASE_EXPECT_PERSISTED;
}

const struct release_record *release_to_persist(const struct release *r)
{
	return r->state == RELEASE_EXPECT_PERSISTED ? &r->record : NULL;
}

void release_persisted(struct release *r)
{
	CHECK(r->state == RELEASE_EXPECT_PERSISTED);
	r->state = RELEASE_FINAL;
}

bool release_is_final(const struct release *r)
{
	return r->state == RELEASE_FINAL;
}

/* ---- (5), (6) */

const struct release_record *release_to_mask(const struct release *r)
{
	return r->state == RELEASE_FINAL && !r->clear ? &r->record : NULL;
}

void release_masked(struct release *r, const struct hash *y, uint64_t octets)
{
	CHECK(release_to_mask(r) != NULL);
	CHECK(!hash_equal(y, &r->record.content)); /* v itself in y's place */
	r->sendable = r->record;
	r->sendable.content = *y;
	r->sendable.octets = octets;
	r->masked = true;
}

const struct release_record *release_content(const struct release *r)
{
	if (r->state != RELEASE_FINAL)
		return NULL;
	if (r->clear)
		return &r->record;
	return r->masked ? &r->sendable : NULL;
}

void release_cancel(struct release *r)
{
	r->masked = false;
	if (r->state != RELEASE_FINAL)
		r->state = RELEASE_CLOSED;
}
