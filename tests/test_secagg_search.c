/*
 * Every strategy of a lying coordinator with colluding sites, for up to five sites, in the model of tests/support/lies.h: none gets
 * both secrets of a site, or a sum with fewer than m - n_C honest inputs, or two sums of one round. The same search finds the attack
 * when a rule of the sites is taken away, or when more sites collude than the study allows for; and the model's sites and the real
 * ones go equally far, and give the same shares away, under strategies drawn at random.
 */
#include "tests/support/lies_play.h"
#include "tests/support/lies_search.h"
#include "tests/support/sanitized.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static struct lies_search q;

static uint32_t threshold(uint32_t n, uint32_t colluders)
{
	return (n + colluders) / 2 + 1;
}

static uint32_t least_quorum(uint32_t n, uint32_t colluders)
{
	uint32_t t = threshold(n, colluders);

	return t > colluders + 2 ? t : colluders + 2;
}

/* n sites, the last `colluding` of them the coordinator's. Which ones makes no difference to the rules: numbers only order. */
static void search(uint32_t n, uint32_t t, uint32_t quorum, uint32_t colluding, uint32_t removed, bool first)
{
	memset(&q, 0, sizeof q);
	q.rule = (struct lies_rule){.n = n,
	                            .quorum = quorum,
	                            .threshold = t,
	                            .guards = LIES_ALL & ~removed,
	                            .colluders = ((1u << colluding) - 1) << (n - colluding)};
	q.first = first;
	lies_search(&q);
}

static void test_no_strategy_opens_more(void **state)
{
	(void)state;
	uint64_t strategies = 0;

	for (uint32_t n = 2; n <= LIES_SEARCH_MAX; n++)
		for (uint32_t c = 0; c + 2 <= n; c++)
			for (uint32_t m = least_quorum(n, c); m <= n; m++)
				for (uint32_t colluding = 0; colluding <= c; colluding++) {
					search(n, threshold(n, c), m, colluding, 0, false);
					strategies += q.strategies;
					if (q.evil != 0)
						fail_msg("n %u, n_C %u, m %u: evil %u", n, c, m, q.evil);
					assert_int_equal(q.largest, n - colluding); /* an honest round is among them */
				}
	printf("%llu strategies\n", (unsigned long long)strategies);
	assert_true(strategies > 900000);
}

/* Strategies that the search leaves out, because nobody can have signatures enough in the end, open nothing. */
static void test_what_is_left_out_opens_nothing(void **state)
{
	(void)state;
	static struct lies_search pruned;

	for (uint32_t n = 2; n <= 4; n++)
		for (uint32_t c = 0; c + 2 <= n; c++) {
			search(n, threshold(n, c), least_quorum(n, c), c, 0, false);
			pruned = q;
			memset(&q, 0, sizeof q);
			q.rule = pruned.rule;
			q.all = true;
			lies_search(&q);
			assert_true(n == 2 || q.strategies > pruned.strategies);
			assert_int_equal(q.evil, 0);
			assert_memory_equal(q.outcome, pruned.outcome, sizeof q.outcome);
		}
}

/* ---- the rules matter: without one of them, or two, an attack is found, and with all but these it is not. */

static const struct {
	uint32_t n, colluders, quorum, removed, evil;
} weak[] = {
	/* the thresholds are tight here: n + n_C = 2 t - 1 */
	{3, 0, 2, LIES_U2_QUORUM, LIES_FEW_INPUTS},
	{3, 0, 2, LIES_MEMBERS, LIES_FEW_INPUTS},
	{3, 0, 2, LIES_ONE_SET, LIES_BOTH_SECRETS},
	{3, 0, 2, LIES_ONE_SHARE, LIES_BOTH_SECRETS},
	{3, 0, 2, LIES_ONE_ANSWER, LIES_TWO_SUMS},
	{3, 0, 2, LIES_U3_QUORUM | LIES_SIGNATURES, LIES_FEW_INPUTS},
	{4, 1, 3, LIES_U2_QUORUM, LIES_FEW_INPUTS},
	{4, 1, 3, LIES_MEMBERS, LIES_FEW_INPUTS}, /* W signs "all but W": the example of the specification */
	{4, 1, 3, LIES_ONE_SET, LIES_BOTH_SECRETS},
	{4, 1, 3, LIES_ONE_SHARE, LIES_BOTH_SECRETS},
	{4, 1, 3, LIES_ONE_ANSWER, LIES_TWO_SUMS},
	{4, 1, 3, LIES_U3_QUORUM | LIES_SIGNATURES, LIES_FEW_INPUTS},
	{5, 2, 4, LIES_U2_QUORUM, LIES_FEW_INPUTS},
	{5, 2, 4, LIES_MEMBERS, LIES_FEW_INPUTS},
	{5, 2, 4, LIES_ONE_SET, LIES_BOTH_SECRETS},
	{5, 2, 4, LIES_ONE_SHARE, LIES_BOTH_SECRETS},
	{5, 2, 4, LIES_ONE_ANSWER, LIES_TWO_SUMS},
	{5, 2, 4, LIES_U3_QUORUM | LIES_SIGNATURES, LIES_FEW_INPUTS},
	{5, 0, 3, LIES_SIGNATURES, LIES_FEW_INPUTS},
	/* and here there is one to spare */
	{4, 0, 3, LIES_U2_QUORUM, LIES_FEW_INPUTS},
	{4, 0, 3, LIES_U3_QUORUM | LIES_MEMBERS, LIES_FEW_INPUTS},
	{4, 0, 3, LIES_U3_QUORUM | LIES_SIGNATURES, LIES_FEW_INPUTS},
	/* a quorum above the threshold */
	{4, 0, 4, LIES_U2_QUORUM, LIES_FEW_INPUTS},
	{4, 0, 4, LIES_U3_QUORUM, LIES_FEW_INPUTS},
	{4, 2, 4, LIES_U2_QUORUM | LIES_U3_QUORUM | LIES_SIGNATURES, LIES_FEW_INPUTS},
};

static void test_each_rule_matters(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
		uint32_t t = threshold(weak[i].n, weak[i].colluders), removed = weak[i].removed;
		search(weak[i].n, t, weak[i].quorum, weak[i].colluders, removed, true);
		if ((q.evil & weak[i].evil) == 0)
			fail_msg("row %zu: the attack is not found, only %u", i, q.evil);
		for (uint32_t fewer = (removed - 1) & removed; fewer != removed; fewer = (fewer - 1) & removed) {
			search(weak[i].n, t, weak[i].quorum, weak[i].colluders, fewer, true);
			if (q.evil != 0)
				fail_msg("row %zu: %u of it are enough", i, fewer);
		}
	}
}

/* At these sizes nothing else is needed: every set of rules without an attack, up to three taken away, is without one of the above. */
static void test_nothing_else_matters(void **state)
{
	(void)state;
	for (uint32_t removed = 0; removed <= LIES_ALL; removed++) {
		bool known = false;
		for (size_t i = 6; i < 12; i++) /* n = 4, n_C = 1 */
			known |= (removed & weak[i].removed) == weak[i].removed;
		if (__builtin_popcount(removed) > 3)
			continue;
		search(4, 3, 3, 1, removed, true);
		assert_int_equal(q.evil != 0, known);
	}
}

/* ---- more colluders than the study allows for, or a threshold that is lower by one */

static void test_one_colluder_more(void **state)
{
	(void)state;
	for (uint32_t n = 3; n <= LIES_SEARCH_MAX; n++)
		for (uint32_t c = 0; c + 2 <= n; c++) {
			uint32_t t = threshold(n, c), m = least_quorum(n, c);
			search(n, t, m, c + 1, 0, true);
			/* two sets of t signers without an honest site in common, and room for them in two U3 */
			bool breaks = n + c + 1 >= 2 * t && m < n;
			if ((q.evil != 0) != breaks)
				fail_msg("n %u, n_C %u: evil %u", n, c, q.evil);
		}
}

static void test_one_signature_fewer(void **state)
{
	(void)state;
	uint32_t broken = 0;

	for (uint32_t n = 3; n <= LIES_SEARCH_MAX; n++)
		for (uint32_t c = 0; c + 2 <= n; c++) {
			uint32_t t = threshold(n, c) - 1, m = t > c + 2 ? t : c + 2;
			search(n, t, m, c, 0, true);
			broken += q.evil != 0;
			if ((q.evil != 0) != (m < n))
				fail_msg("n %u, n_C %u: evil %u", n, c, q.evil);
		}
	assert_true(broken >= 4);
}

/* ---- the model and the real sites */

static uint32_t draw_most(struct rng *r, uint32_t of) /* each member with 7 in 8 */
{
	return of & (rng_u32(r) | rng_u32(r) | rng_u32(r));
}

static uint32_t draw_colluders(struct rng *r, uint32_t n, uint32_t at_most)
{
	uint32_t set = 0;

	for (uint32_t i = 0; i < at_most; i++)
		set |= 1u << rng_below(r, n);
	return set;
}

/* Mostly what two camps would be told, so that signatures are often enough. */
static void draw_lies(struct lies_told *told, struct rng *r, const struct lies_rule *rule)
{
	uint32_t all = (1u << rule->n) - 1, u1[2] = {all, all & ~rule->colluders}, u2[2], u3[2];

	for (int camp = 0; camp < 2; camp++) {
		u2[camp] = draw_most(r, all);
		u3[camp] = draw_most(r, rng_below(r, 8) == 0 ? all : u2[camp]);
	}
	for (uint32_t i = 0; i < rule->n; i++) {
		uint32_t camp = rng_below(r, 3) == 0, odd = rng_below(r, 12);
		told[i] = (struct lies_told){.u1 = odd == 0 ? u1[1] : all, .acknowledged = rng_below(r, 2)};
		told[i].u2 = (odd == 1 ? draw_most(r, all) : u2[camp]) & told[i].u1;
		told[i].u3 = (odd == 2 ? draw_most(r, all) : u3[camp]) & told[i].u1;
		if (odd == 3)
			told[i].u3 = 0;
	}
}

/* Mostly all signatures that a site would count, or some of them, or one too many. */
static void draw_signers(struct lies_told *told, struct rng *r, const struct lies_rule *rule)
{
	struct lies_site sites[LIES_SITES_MAX];

	lies_tell(sites, rule, told);
	for (uint32_t i = 0; i < rule->n; i++) {
		uint32_t signers = sites[i].u3[0] != 0 ? lies_signers(rule, sites, i, 0) : 0, what = rng_below(r, 8);
		told[i].signers = what == 0   ? 0
		                  : what == 1 ? draw_most(r, signers)
		                  : what == 2 ? signers | 1u << rng_below(r, rule->n)
		                              : signers;
	}
}

static void compare(const struct masked *w, struct pool_of_shares *p, const struct lies_rule *rule,
                    const struct lies_told *told, uint32_t *sums)
{
	struct lies_site sites[LIES_SITES_MAX];
	struct lies_known known;
	uint32_t all = (1u << rule->n) - 1;

	lies_tell(sites, rule, told);
	for (uint32_t i = 0; i < rule->n; i++) {
		if (rule->colluders >> i & 1)
			continue;
		struct lies_site came = lies_came(w, i, &told[i]);
		assert_int_equal(came.u1, sites[i].u1);
		assert_int_equal(came.u2, sites[i].u2);
		assert_int_equal(came.u3[0], sites[i].u3[0]);
		assert_int_equal(came.answered[0], sites[i].answered[0]);
		if (sites[i].u1 != all) /* of the other session nobody pools anything */
			sites[i] = (struct lies_site){0};
	}
	lies_find(&known, rule, sites);
	for (uint32_t v = 0; v < rule->n; v++)
		if (sites[v].u1 != 0 && !(rule->colluders >> v & 1)) {
			assert_int_equal(p->beta[v].have, known.beta[v]);
			assert_int_equal(p->sigma[v].have, known.sigma[v]);
		}
	for (uint32_t i = 0; i < known.sum_count; i++)
		assert_true(pooling_sums(p, known.sums[i], sites[(uint32_t)__builtin_ctz(known.sums[i])].u2));
	*sums += known.sum_count;
}

static void test_the_model_and_the_sites_agree(void **state)
{
	(void)state;
	uint32_t sums = 0, answers = 0, runs = SANITIZED ? 60 : 600;
	struct rng r;

	rng_seeded(&r, 7, "lies");
	for (uint32_t run = 0; run < runs; run++) {
		struct masked w;
		struct pool_of_shares p;
		struct lies_told told[LIES_SITES_MAX];
		uint32_t n = 3 + rng_below(&r, 3), c = rng_below(&r, n - 1);
		masked_init(&w, run, n, c, 0, 3, 20);
		struct lies_rule rule = {.n = n,
		                         .quorum = w.plan.quorum,
		                         .threshold = secagg_threshold(&w.plan),
		                         .guards = LIES_ALL,
		                         .colluders = draw_colluders(&r, n, c)};
		draw_lies(told, &r, &rule);
		draw_signers(told, &r, &rule);
		lies_play(&w, &p, &rule, told);
		compare(&w, &p, &rule, told, &sums);
		for (uint32_t i = 0; i < n; i++)
			answers += w.sites[i].outbox[SECAGG_OPENING].len > 0;
		masked_free(&w);
	}
	printf("%u answers, %u sums\n", answers, sums);
	assert_true(answers > runs / 4 && sums > runs / 12); /* it is about something */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_strategy_opens_more),
		cmocka_unit_test(test_what_is_left_out_opens_nothing),
		cmocka_unit_test(test_each_rule_matters),
		cmocka_unit_test(test_nothing_else_matters),
		cmocka_unit_test(test_one_colluder_more),
		cmocka_unit_test(test_one_signature_fewer),
		cmocka_unit_test(test_the_model_and_the_sites_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
