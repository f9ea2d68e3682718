/* The one door out: its order, its refusals, and that what is final stays final. */
#include "client/release.h"
#include "tests/support/child.h"
#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#define NOW_S 1800000000 /* 2027, before the small study expires */

struct fixture {
	struct study study;
	struct policy policy;
	uint32_t sites[3];
};

static int setup(void **state)
{
	static struct fixture f;

	small_study(&f.study, NULL);
	small_policy(&f.policy);
	memcpy(f.sites, (uint32_t[]){4, 9, 17}, sizeof f.sites);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	study_free(&((struct fixture *)*state)->study);
	return 0;
}

static struct round_plan plan_of(struct fixture *f, uint64_t round, uint32_t attempt)
{
	return (struct round_plan){
		.study_hash = f->study.hash,
		.round = round,
		.attempt = attempt,
		.step = 1,
		.asks = ASK_TRAIN,
		.model = {{1}},
		.model_octets = 1000,
		.sites = f->sites,
		.site_count = 3,
	};
}

static enum refusal begin_as(struct fixture *f, struct release *r, const struct round_plan *p,
                             const struct policy *policy, uint32_t self, int64_t now_s, struct diag *why)
{
	const struct release_terms terms = {
		.policy = policy, .approved = &f->study, .plan = p, .self = self, .now_s = now_s};
	struct masked_plan masked;
	enum refusal no = release_begin(r, &terms, &masked, why);

	assert_int_equal(masked.plan.n, 0); /* a clear round */
	return no;
}

static enum refusal begin(struct fixture *f, struct release *r, const struct round_plan *p)
{
	struct diag why = {{0}};
	enum refusal no = begin_as(f, r, p, &f->policy, 9, NOW_S, &why);

	assert_int_equal(no != REFUSAL_NONE, why.text[0] != '\0'); /* every refusal has words */
	return no;
}

static void make_final(struct fixture *f, struct release *r, uint64_t round, uint8_t byte)
{
	struct round_plan p = plan_of(f, round, 1);

	assert_int_equal(begin(f, r, &p), REFUSAL_NONE);
	release_vector(r, &(struct hash){{byte}}, 100);
	release_persisted(r);
}

static void test_nothing_can_be_sent_before_it_is_on_disk(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};
	struct round_plan p = plan_of(f, 2, 1);

	assert_null(release_content(&r));
	assert_int_equal(begin(f, &r, &p), REFUSAL_NONE);
	assert_null(release_content(&r));
	assert_null(release_to_persist(&r));
	release_vector(&r, &(struct hash){{7}}, 100);
	assert_null(release_content(&r));
	assert_non_null(release_to_persist(&r));
	assert_int_equal(release_to_persist(&r)->content.b[0], 7);
	release_persisted(&r);
	assert_non_null(release_content(&r));
	assert_null(release_to_persist(&r));
}

static void test_the_same_round_gets_the_same_vector(void **state)
{
	struct fixture *f = *state;
	struct release r = {0}, reborn = {0};
	struct round_plan again = plan_of(f, 2, 2);

	make_final(f, &r, 2, 7);
	assert_int_equal(begin(f, &r, &again), REFUSAL_NONE); /* another attempt */
	assert_int_equal(release_content(&r)->content.b[0], 7);
	release_restore(&reborn, &r.record); /* another boot */
	assert_int_equal(begin(f, &reborn, &again), REFUSAL_NONE);
	assert_int_equal(release_content(&reborn)->content.b[0], 7);
}

static void test_a_round_has_one_plan(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};
	struct round_plan p = plan_of(f, 2, 2);
	uint32_t fewer[] = {4, 9};

	make_final(f, &r, 2, 7);
	p.model.b[5] ^= 1; /* another model */
	assert_int_equal(begin(f, &r, &p), REFUSAL_PLAN);
	p = plan_of(f, 2, 2);
	p.sites = fewer; /* other sites */
	p.site_count = 2;
	assert_int_equal(begin(f, &r, &p), REFUSAL_PLAN);
	p = plan_of(f, 2, 2);
	p.step = 2; /* another step */
	assert_int_equal(begin(f, &r, &p), REFUSAL_PLAN);
	assert_int_equal(release_content(&r)->content.b[0], 7); /* refusing changes nothing */
}

static void test_rounds_only_grow(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};
	struct round_plan older = plan_of(f, 4, 1), newer = plan_of(f, 6, 1);

	make_final(f, &r, 5, 7);
	assert_int_equal(begin(f, &r, &older), REFUSAL_PLAN);
	assert_int_equal(begin(f, &r, &newer), REFUSAL_NONE);
	assert_null(release_content(&r)); /* a new vector, not the old one under a new number */
	release_cancel(&r);
	assert_int_equal(begin(f, &r, &older), REFUSAL_PLAN); /* not even after giving up */
}

static void test_cancel_before_the_disk_releases_nothing_and_after_it_keeps(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};
	struct round_plan p = plan_of(f, 2, 1);

	assert_int_equal(begin(f, &r, &p), REFUSAL_NONE);
	release_vector(&r, &(struct hash){{7}}, 100);
	release_cancel(&r);
	assert_null(release_content(&r));
	assert_null(release_to_persist(&r));
	make_final(f, &r, 3, 8);
	release_cancel(&r);
	assert_int_equal(release_content(&r)->content.b[0], 8);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};
	struct round_plan p = plan_of(f, 2, 1);
	struct policy strict = policy_strict();
	struct diag why = {{0}};

	p.study_hash.b[0] ^= 1;
	assert_int_equal(begin(f, &r, &p), REFUSAL_NOT_APPROVED);
	p = plan_of(f, 2, 1);
	assert_int_equal(begin_as(f, &r, &p, &strict, 9, NOW_S, &why), REFUSAL_POLICY_MASKING);
	assert_int_equal(begin_as(f, &r, &p, &f->policy, 9, study_expires_s(&f->study), &why), REFUSAL_EXPIRED);
	assert_int_equal(begin_as(f, &r, &p, &f->policy, 9, study_expires_s(&f->study) - 1, &why), REFUSAL_NONE);
	assert_int_equal(begin_as(f, &r, &p, &f->policy, 10, NOW_S, &why), REFUSAL_PLAN); /* we are not invited */
	p.site_count = 1;
	p.sites = (uint32_t[]){9};
	assert_int_equal(begin(f, &r, &p), REFUSAL_POLICY_SITES);
	p = plan_of(f, 2, 1);
	p.asks = ASK_TRAIN | ASK_STATISTICS; /* not what the study asks at this step */
	assert_int_equal(begin(f, &r, &p), REFUSAL_PLAN);
}

/* ---- the budget */

/* Noise in local steps goes with a clear round. Four rounds of training are paid for, and each costs about .1. */
static void make_private(struct fixture *f, struct study *s, struct policy *p)
{
	*s = f->study;
	s->privacy = (struct privacy_plan){.mechanism = PRIVACY_LOCAL,
	                                   .unit = UNIT_RECORD,
	                                   .epsilon = 1,
	                                   .delta = 1e-5,
	                                   .clip = 1.5,
	                                   .sampling_rate = 0.1,
	                                   .patients = 500,
	                                   .hospitals_per_patient = 1,
	                                   .statistics_share = 0.05,
	                                   .spare_rounds = 1,
	                                   .noise_multiplier = 8,
	                                   .statistics_multiplier = 40,
	                                   .batch_cap = 120};
	s->local.epochs = 0;
	s->local.steps = 5;
	*p = f->policy;
	p->mechanisms[PRIVACY_LOCAL] = true;
}

static enum refusal begin_private(struct fixture *f, struct release *r, uint64_t round, uint32_t attempt,
                                  const struct budget *budget, double limit, struct diag *why)
{
	struct round_plan p = plan_of(f, round, attempt);
	struct masked_plan masked;
	struct policy policy;
	struct study study;

	make_private(f, &study, &policy);
	policy.budget_epsilon = limit;
	const struct release_terms terms = {
		.policy = &policy, .approved = &study, .plan = &p, .self = 9, .now_s = NOW_S, .budget = budget};
	return release_begin(r, &terms, &masked, why);
}

static void test_a_record_has_its_price(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};
	struct budget budget = {0};
	struct diag why = {{0}};
	const struct budget_debit *d = &r.record.debit;

	assert_int_equal(begin_private(f, &r, 2, 1, &budget, 8, &why), REFUSAL_NONE);
	assert_int_equal(d->mechanism, PRIVACY_LOCAL);
	assert_int_equal(d->what, DEBIT_TRAINING);
	assert_int_equal(d->part_count, 1);
	assert_true(d->parts[0].sampling_rate == 0.1 && d->parts[0].noise_multiplier == 8);
	assert_int_equal(d->parts[0].count, 5);
	assert_int_equal(d->paid, 4);
	assert_true(r.record.clip == 1.5);
}

static void test_the_budget_is_judged_before_anything_is_read(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};
	struct budget budget = {0};
	struct diag why = {{0}};

	assert_int_equal(begin_private(f, &r, 2, 1, &budget, 0.01, &why), REFUSAL_BUDGET);
	assert_non_null(strstr(why.text, "study small round 2: this hospital's privacy budget"));
	assert_int_equal(r.state, RELEASE_CLOSED);
	for (uint64_t round = 2; round < 6; round++) {
		assert_int_equal(begin_private(f, &r, round, 1, &budget, 8, &why), REFUSAL_NONE);
		release_vector(&r, &(struct hash){{7}}, 100);
		budget_spend(&budget, &f->study.hash, &release_to_persist(&r)->debit);
		release_persisted(&r);
	}
	/* the newest round again: it was paid for, whatever is left */
	assert_int_equal(begin_private(f, &r, 5, 2, &budget, 0.01, &why), REFUSAL_NONE);
	assert_true(release_is_final(&r));
	assert_int_equal(begin_private(f, &r, 6, 1, &budget, 8, &why), REFUSAL_BUDGET);
	assert_non_null(strstr(why.text, "more releases than were paid for"));
	assert_int_equal(release_content(&r)->round, 5); /* refusing changes nothing */
	budget_free(&budget);
}

static void begin_without_a_budget(void *context)
{
	struct release r = {0};

	(void)!begin_private(context, &r, 2, 1, NULL, 8, NULL);
}

static void test_no_private_release_without_a_budget(void **state)
{
	child_expect_check("t->budget != NULL", begin_without_a_budget, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_can_be_sent_before_it_is_on_disk),
		cmocka_unit_test(test_the_same_round_gets_the_same_vector),
		cmocka_unit_test(test_a_round_has_one_plan),
		cmocka_unit_test(test_rounds_only_grow),
		cmocka_unit_test(test_cancel_before_the_disk_releases_nothing_and_after_it_keeps),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_a_record_has_its_price),
		cmocka_unit_test(test_the_budget_is_judged_before_anything_is_read),
		cmocka_unit_test(test_no_private_release_without_a_budget),
	};

	return cmocka_run_group_tests_name("release", tests, setup, teardown);
}
