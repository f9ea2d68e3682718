/*
 * Whole attempts with both cores for every number of sites from 3 to 64, for 100 and 256 in the complete graph and for
 * 1,000 with the neighbours that the rule gives: the sum is the integer sum of the survivors' vectors, bit for bit, with
 * nobody dropping out and with as many as may, in every phase. Up to 24 sites each judges everything for itself, as a
 * hospital does; in larger attempts they share what they have verified, as a simulation does, so that it takes seconds.
 */
#include "crypto/graph.h"
#include "tests/support/masked.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define SECURITY_BITS 40
#define ALONE_MAX 24 /* sites that judge each for itself */

/* Where in the order of their numbers the `drops` sites stand that drop out, evenly spread; -1: not one of them. */
static int64_t drop_index(uint32_t i, uint32_t n, uint32_t drops)
{
	uint64_t before = (uint64_t)i * drops / n;

	return (uint64_t)(i + 1) * drops / n > before ? (int64_t)before : -1;
}

/* The first in phase KEYS, the next in SHARES, and so on, round and round; up to INPUT they are not in the sum. */
static void drop(struct masked *w, uint32_t drops)
{
	for (uint32_t i = 0; i < w->n; i++) {
		int64_t at = drop_index(i, w->n, drops);
		if (at >= 0)
			w->sites[i].lasts = (uint32_t)at % SECAGG_PHASE_COUNT;
	}
}

static void judge(const struct masked *w)
{
	assert_string_equal(secagg_server_why(w->server), "");
	assert_true(masked_exact(w));
	for (uint32_t i = 0; i < w->n; i++) {
		const struct masked_site *s = &w->sites[i];
		assert_int_equal(secagg_server_reached(w->server, s->number), s->lasts);
		assert_int_equal(secagg_server_survives(w->server, s->number), s->lasts > SECAGG_INPUT);
		assert_false(s->contradicted);
		if (s->lasts == SECAGG_PHASE_COUNT)
			assert_int_equal(secagg_client_state(s->client), SECAGG_CLIENT_ANSWERED);
	}
}

/* `drops` of n, and no more, may be gone; `rule` NULL: the complete graph. */
static void run_and_judge(uint32_t n, uint32_t colluders, uint32_t drops, uint32_t bits, const struct graph_rule *rule)
{
	struct masked w;

	masked_init(&w, n + 1000 * drops, n, colluders, n - drops, 9, bits);
	assert_int_equal(w.plan.quorum, n - drops);
	if (rule != NULL) {
		w.plan.degree = rule->k;
		w.plan.share_threshold = rule->t;
	}
	struct secagg_shared *shared = w.shared = n > ALONE_MAX ? secagg_shared_new() : NULL;
	drop(&w, drops);
	masked_begin(&w, 1);
	masked_run(&w);
	judge(&w);
	masked_free(&w);
	secagg_shared_free(shared);
}

static void test_every_size_gives_the_exact_sum(void **state)
{
	(void)state;
	for (uint32_t n = 3; n <= 64; n++)
		run_and_judge(n, n / 5, 0, 1 + n * 31 / 64, NULL);
}

static void test_every_size_with_all_the_dropouts_it_survives(void **state)
{
	(void)state;
	for (uint32_t n = 3; n <= 64; n++) {
		uint32_t colluders = n / 5, most = n - ((n + colluders) / 2 + 1);
		run_and_judge(n, colluders, most, 1 + n * 31 / 64, NULL);
	}
}

static void test_a_hundred(void **state)
{
	(void)state;
	run_and_judge(100, 10, 0, 32, NULL);
	run_and_judge(100, 10, 30, 32, NULL);
}

static void test_the_largest_complete_graph(void **state)
{
	(void)state;
	run_and_judge(GRAPH_COMPLETE_MAX, 25, 60, 32, NULL);
}

static void test_a_thousand(void **state)
{
	(void)state;
	struct graph_rule rule;

	assert_int_equal(graph_rule_find(&rule, 1000, 50, 50, SECURITY_BITS, GRAPH_ACTIVE, NULL), OK);
	assert_int_equal(rule.k, 52); /* Bell et al. */
	assert_int_equal(rule.t, 37);
	run_and_judge(1000, 50, 50, 32, &rule);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size_gives_the_exact_sum),
		cmocka_unit_test(test_every_size_with_all_the_dropouts_it_survives),
		cmocka_unit_test(test_a_hundred),
		cmocka_unit_test(test_the_largest_complete_graph),
		cmocka_unit_test(test_a_thousand),
	};

	if (argc > 1) /* one test alone */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
