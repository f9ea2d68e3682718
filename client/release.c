#include "client/release.h"

#include <string.h>

void release_restore(struct release *r, const struct release_record *newest)
{
	r->state = RELEASE_FINAL;
	r->record = *newest;
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

enum refusal release_begin(struct release *r, const struct policy *policy, const struct study *approved,
                           const struct round_plan *plan, uint32_t self, int64_t now_s, struct diag *why)
{
	struct hash plan_hash;
	enum refusal no;

	if (!hash_equal(&approved->hash, &plan->study_hash)) {
		diag_set(why, ERR_REFUSED, "the round is of another contract than the one this hospital approved");
		return REFUSAL_NOT_APPROVED;
	}
	no = policy_judge_study(policy, approved, now_s, why);
	if (no == REFUSAL_NONE)
		no = policy_judge_sites(policy, plan->site_count, why);
	if (no != REFUSAL_NONE)
		return no;
	if (round_plan_check(plan, approved, self, why) != OK)
		return REFUSAL_PLAN;
	round_plan_hash(&plan_hash, plan);
	no = judge_repeat(r, plan, &plan_hash, why);
	if (no != REFUSAL_NONE)
		return no;
	if (r->state == RELEASE_FINAL && r->record.round == plan->round && hash_equal(&r->record.plan_hash, &plan_hash))
		return REFUSAL_NONE;
	r->state = RELEASE_EXPECT_VECTOR;
	r->record = (struct release_record){
		.study_hash = plan->study_hash,
		.round = plan->round,
		.plan_hash = plan_hash,
		.step = plan->step,
		.asks = plan->asks,
		.sites = plan->site_count,
	};
	return REFUSAL_NONE;
}

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

const struct release_record *release_content(const struct release *r)
{
	return r->state == RELEASE_FINAL ? &r->record : NULL;
}

void release_cancel(struct release *r)
{
	if (r->state != RELEASE_FINAL)
		r->state = RELEASE_CLOSED;
}
