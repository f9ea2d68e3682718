/* crypto/graph: published degrees, degrees by exact integers, and a ring by a second implementation. */
#include "base/limits.h"
#include "crypto/graph.h"
#include "tests/support/chi_square.h"
#include "tests/support/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct diag why;

struct row {
	uint32_t n, colluders, dropouts, security_bits;
	struct graph_rule semi_honest, active;
};

static void expect_rule(const struct row *row, enum graph_adversary adversary, struct graph_rule expected)
{
	struct graph_rule got = {0, 0};
	assert_int_equal(
		graph_rule_find(&got, row->n, row->colluders, row->dropouts, row->security_bits, adversary, &why), OK);
	if (got.k != expected.k || got.t != expected.t)
		fail_msg("n %u, %u colluders, %u dropouts: (%u, %u), expected (%u, %u)", row->n, row->colluders,
		         row->dropouts, got.k, got.t, expected.k, expected.t);
}

/* The degrees that the specification of the protocol names, for a coordinator that lies. */
static void named_degrees(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{500, 25, 25, 40, {0, 0}, {44, 31}},        {1000, 50, 50, 40, {0, 0}, {52, 37}},
		{10000, 500, 500, 40, {0, 0}, {62, 44}},    {1000, 100, 100, 40, {0, 0}, {96, 67}},
		{10000, 1000, 1000, 40, {0, 0}, {122, 85}},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		expect_rule(&rows[i], GRAPH_ACTIVE, rows[i].active);
}

/* The smallest even k that satisfies the inequalities in exact fractions, by Python's integers (math.comb). */
static void exact_degrees(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{20, 1, 3, 40, {6, 2}, {8, 5}},          {30, 2, 4, 40, {8, 3}, {12, 8}},
		{257, 0, 25, 40, {16, 1}, {28, 15}},     {257, 3, 25, 40, {16, 4}, {32, 18}},
		{300, 2, 30, 80, {26, 3}, {34, 19}},     {300, 15, 60, 40, {38, 16}, {90, 53}},
		{500, 25, 25, 80, {36, 23}, {54, 40}},   {500, 25, 150, 40, {58, 20}, {212, 119}},
		{1000, 50, 100, 40, {36, 19}, {78, 52}}, {1000, 100, 100, 80, {64, 41}, {120, 87}},
		{1000, 1, 300, 40, {34, 2}, {174, 88}},  {2000, 20, 600, 40, {48, 13}, {268, 144}},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		expect_rule(&rows[i], GRAPH_SEMI_HONEST, rows[i].semi_honest);
		expect_rule(&rows[i], GRAPH_ACTIVE, rows[i].active);
	}
}

static void expect_refused(uint32_t n, uint32_t colluders, uint32_t dropouts)
{
	struct graph_rule rule;
	assert_int_equal(graph_rule_find(&rule, n, colluders, dropouts, 40, GRAPH_ACTIVE, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "lower sites.max_dropouts or sites.max_colluders"));
}

static void impossible(void **state)
{
	(void)state;
	expect_refused(300, 0, 300);
	expect_refused(300, 150, 150);
	expect_refused(300, 300, 0);
	expect_refused(300, UINT32_MAX, UINT32_MAX);
	expect_refused(500, 100, 300);
	expect_refused(2, 0, 0); /* no even k below 2 */
	assert_int_equal(graph_rule_find(&(struct graph_rule){0}, 2, 0, 0, 40, GRAPH_ACTIVE, NULL), ERR_REFUSED);
}

/* ---- the ring */

static struct hash sid_of(uint8_t first)
{
	struct hash sid;
	for (uint32_t i = 0; i < HASH_SIZE; i++)
		sid.b[i] = (uint8_t)(first + i);
	return sid;
}

/* sid 00 01 .. 1f, by a ChaCha20 and a Fisher-Yates written in Python. */
static void ring_known(void **state)
{
	(void)state;
	static const uint32_t order[] = {14, 18, 11, 13, 2, 5, 19, 12, 6, 10, 7, 0, 4, 8, 15, 17, 1, 3, 9, 16};
	static const uint32_t of_0[] = {4, 6, 7, 8, 10, 15}, of_7[] = {0, 4, 6, 8, 10, 12},
			      of_19[] = {2, 5, 6, 10, 12, 13};
	static const uint32_t first[] = {389, 357, 119, 665, 505, 366, 207, 544}, last[] = {87, 186, 484, 820};
	const struct hash sid = sid_of(0);
	struct graph g;
	uint32_t ranks[6];
	graph_init(&g, 20, 6, &sid);
	assert_memory_equal(g.order, order, sizeof order);
	graph_neighbours(&g, 0, ranks);
	assert_memory_equal(ranks, of_0, sizeof ranks);
	graph_neighbours(&g, 7, ranks);
	assert_memory_equal(ranks, of_7, sizeof ranks);
	graph_neighbours(&g, 19, ranks);
	assert_memory_equal(ranks, of_19, sizeof ranks);
	graph_free(&g);
	graph_init(&g, 1000, 52, &sid);
	assert_memory_equal(g.order, first, sizeof first);
	assert_memory_equal(g.order + 996, last, sizeof last);
	graph_free(&g);
}

/* For every size and degree: k neighbours each, ascending, nobody twice, not itself; a neighbour's neighbour is the
 * site. */
static void regular(void **state)
{
	(void)state;
	const struct hash sid = sid_of(9);
	for (uint32_t n = 1; n <= 24; n++) {
		for (uint32_t k = 0; k <= n + 2; k++) {
			struct graph g;
			uint32_t ranks[24], degree = k < n - 1 ? k : n - 1;
			if (k < n - 1 && (k < 2 || k % 2 == 1))
				continue;
			graph_init(&g, n, k, &sid);
			assert_int_equal(graph_degree(&g), degree);
			for (uint32_t a = 0; a < n; a++) {
				uint32_t count = 0;
				graph_neighbours(&g, a, ranks);
				for (uint32_t b = 0; b < n; b++) {
					bool is = count < degree && ranks[count] == b;
					assert_true(graph_adjacent(&g, a, b) == is);
					assert_true(graph_adjacent(&g, b, a) == is);
					count += is;
				}
				assert_int_equal(count, degree);
				assert_false(graph_adjacent(&g, a, a));
			}
			graph_free(&g);
		}
	}
}

static void another_sid_another_ring(void **state)
{
	(void)state;
	const struct hash one = sid_of(0), two = sid_of(1);
	struct graph a, b;
	graph_init(&a, 300, 30, &one);
	graph_init(&b, 300, 30, &two);
	assert_memory_not_equal(a.order, b.order, 300 * sizeof *a.order);
	graph_free(&a);
	graph_free(&b);
	graph_free(&b); /* zeroed by the first */
}

/* Over many sids, every other site is a neighbour of site 0 equally often. */
static void uniform(void **state)
{
	(void)state;
	enum { N = 31, K = 6, SIDS = 20000 };
	uint32_t counts[N] = {0}, ranks[K];
	for (uint32_t i = 0; i < SIDS; i++) {
		struct hash sid = {{0}};
		struct graph g;
		store_u32(sid.b, i);
		graph_init(&g, N, K, &sid);
		graph_neighbours(&g, 0, ranks);
		for (uint32_t j = 0; j < K; j++)
			counts[ranks[j]]++;
		graph_free(&g);
	}
	assert_int_equal(counts[0], 0);
	assert_true(chi_square(counts + 1, N - 1, (double)SIDS * K / (N - 1)) < chi_square_limit(N - 2));
}

static void odd_degree(void *context)
{
	struct graph g;
	graph_init(&g, 20, 5, context);
}

static void no_degree(void *context)
{
	struct graph g;
	graph_init(&g, 20, 0, context);
}

static void no_sites(void *context)
{
	struct graph g;
	graph_init(&g, 0, 2, context);
}

static void unknown_rank(void *context)
{
	struct graph g;
	uint32_t ranks[6];
	graph_init(&g, 20, 6, context);
	graph_neighbours(&g, 20, ranks);
}

static void too_many_sites(void *context)
{
	struct graph_rule rule;
	(void)context;
	(void)!graph_rule_find(&rule, SIMULATED_SITES_MAX + 1, 1, 1, 40, GRAPH_ACTIVE, NULL);
}

static void mistakes(void **state)
{
	(void)state;
	struct hash sid = sid_of(0);
	child_expect_check("k % 2 == 0", odd_degree, &sid);
	child_expect_check("k >= 2", no_degree, &sid);
	child_expect_check("n >= 1", no_sites, &sid);
	child_expect_check("rank < g->n", unknown_rank, &sid);
	child_expect_check("n <= SIMULATED_SITES_MAX", too_many_sites, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(named_degrees), cmocka_unit_test(exact_degrees),
		cmocka_unit_test(impossible),    cmocka_unit_test(ring_known),
		cmocka_unit_test(regular),       cmocka_unit_test(another_sid_another_ring),
		cmocka_unit_test(uniform),       cmocka_unit_test(mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
