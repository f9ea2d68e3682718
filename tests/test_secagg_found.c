/*
 * Attacks that nobody wrote: the search over all strategies (tests/support/lies_search.h) finds them when a rule of the sites is taken
 * away, and here each is carried out against real sites. They stop it. tests/evil/secagg takes the same guard out of the
 * code and requires that the vector comes out, which is said as "OPENED".
 */
#include "tests/support/lies_play.h"
#include "tests/support/lies_search.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

static struct lies_search q;

/* What brings the sites to where the example has them. */
static void strategy(struct lies_told *told, bool repeated)
{
	for (uint32_t i = 0; i < q.rule.n; i++) {
		const struct lies_site *s = &q.example[i];
		told[i] = (struct lies_told){.u1 = s->u1, .u2 = s->u2, .u3 = s->u3[0], .repeated = repeated};
		if (s->answered[0])
			told[i].signers = lies_signers(&q.rule, q.example, i, 0);
	}
}

/* Real sites did what they did: the sums that follow, from what they gave away, and of too few honest inputs. */
static void judge(const struct masked *w, struct pool_of_shares *p, const struct lies_told *told)
{
	struct lies_site sites[LIES_SITES_MAX] = {{0}};
	struct lies_known known;

	for (uint32_t i = 0; i < q.rule.n; i++)
		if (!(q.rule.colluders >> i & 1))
			sites[i] = lies_came(w, i, &told[i]);
	lies_find(&known, &q.rule, sites);
	for (uint32_t i = 0; i < known.sum_count; i++) {
		uint32_t sum = known.sums[i], honest = (uint32_t)__builtin_popcount(sum);
		if (honest + (uint32_t)__builtin_popcount(q.rule.colluders) >= q.rule.quorum)
			continue;
		assert_true(pooling_sums(p, sum, sites[(uint32_t)__builtin_ctz(sum)].u2));
		fail_msg("OPENED: a sum of %u honest inputs, where the quorum is %u", honest, q.rule.quorum);
	}
}

static void find_and_play(uint32_t n, uint32_t colluders, uint32_t quorum, uint32_t removed)
{
	struct masked w;
	struct pool_of_shares p;
	struct lies_told told[LIES_SITES_MAX] = {{0}};

	masked_init(&w, 91, n, colluders, quorum, 5, 20);
	memset(&q, 0, sizeof q);
	q.rule = (struct lies_rule){.n = n,
	                            .quorum = w.plan.quorum,
	                            .threshold = secagg_threshold(&w.plan),
	                            .guards = LIES_ALL & ~removed,
	                            .colluders = ((1u << colluders) - 1) << (n - colluders)};
	q.first = true;
	lies_search(&q);
	assert_true(q.evil & LIES_FEW_INPUTS);
	strategy(told, removed == LIES_SIGNATURES);
	lies_play(&w, &p, &q.rule, told);
	judge(&w, &p, told);
	masked_free(&w);
}

static void test_a_small_u2(void **state)
{
	(void)state;
	find_and_play(4, 1, 3, LIES_U2_QUORUM);
	find_and_play(5, 2, 4, LIES_U2_QUORUM);
}

/* Four sites, one colluder: the example of the specification. */
static void test_signed_by_who_is_not_in_the_sum(void **state)
{
	(void)state;
	find_and_play(4, 1, 3, LIES_MEMBERS);
	find_and_play(5, 2, 4, LIES_MEMBERS);
}

static void test_few_survivors(void **state)
{
	(void)state;
	find_and_play(4, 0, 4, LIES_U3_QUORUM);
}

static void test_one_signature_counted_often(void **state)
{
	(void)state;
	find_and_play(5, 0, 3, LIES_SIGNATURES);
}

static void test_few_survivors_and_few_signatures(void **state)
{
	(void)state;
	find_and_play(4, 1, 3, LIES_U3_QUORUM | LIES_SIGNATURES);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_small_u2),
		cmocka_unit_test(test_signed_by_who_is_not_in_the_sum),
		cmocka_unit_test(test_few_survivors),
		cmocka_unit_test(test_one_signature_counted_often),
		cmocka_unit_test(test_few_survivors_and_few_signatures),
	};

	if (argc > 1) /* one attack alone, by its name: tests/evil/secagg/run */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
