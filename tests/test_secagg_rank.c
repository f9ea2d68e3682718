/*
 * The coordinator and n_C sites pool everything that they hold. It is a linear system over Z_2^32: one equation for each masked
 * vector, whose unknowns are the honest sites' vectors and the masks that nobody in the pool can make. Eliminating the masks leaves
 * what is determined of the vectors: the sum over the honest survivors and nothing else, in 10,000 runs in which sites drop out anywhere,
 * or the coordinator lies. Elimination shares nothing with the components of tests/support/lies.c, so it holds those to account too.
 * In some of the runs the sites are real, and which secrets the pool has is taken from the shares that they gave.
 */
#include "tests/support/lies_play.h"
#include "tests/support/sanitized.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define RUNS (SANITIZED ? 1000 : 10000)
#define REAL_RUNS (SANITIZED ? 40 : 400)
#define SITES LIES_SITES_MAX
#define UNKNOWNS_MAX (2 * SITES + SITES * SITES)

/* What a run is about. */
struct run {
	struct lies_rule rule;
	struct lies_told told[SITES];
	struct lies_site sites[SITES];
	struct lies_known known;
};

/* ---- the linear system: columns 0 .. SITES - 1 are the vectors, then come the masks */

struct rows {
	uint32_t a[SITES][UNKNOWNS_MAX];
	uint32_t count, columns;
	uint32_t pair[SITES * SITES][3]; /* (v, w, U2) of a mask's column */
	uint32_t pairs;
};

static uint32_t pair_column(struct rows *m, uint32_t v, uint32_t w, uint32_t u2)
{
	uint32_t low = v < w ? v : w, high = v < w ? w : v, i;

	for (i = 0; i < m->pairs; i++)
		if (m->pair[i][0] == low && m->pair[i][1] == high && m->pair[i][2] == u2)
			break;
	if (i == m->pairs) {
		m->pair[i][0] = low;
		m->pair[i][1] = high;
		m->pair[i][2] = u2;
		m->pairs++;
	}
	return 2 * SITES + i;
}

/* y_v = x_v + m_v + sum over w < v of m_vw - sum over w > v of m_vw, without the masks that the pool knows. */
static void write_row(struct rows *m, const struct run *run, uint32_t v)
{
	uint32_t *row = m->a[m->count++], u2 = run->sites[v].u2, opened = run->known.sigmas | run->rule.colluders;

	row[v] = 1;
	if (!(run->known.betas >> v & 1))
		row[SITES + v] = 1;
	for (uint32_t w = 0; w < run->rule.n; w++)
		if (w != v && (u2 >> w & 1) && !((opened >> v | opened >> w) & 1))
			row[pair_column(m, v, w, u2)] = w < v ? 1 : UINT32_MAX;
}

static void subtract(struct rows *m, uint32_t from, uint32_t pivot, uint32_t column)
{
	/* the pivot is 1 or -1, its own inverse */
	uint32_t factor = m->a[from][column] * m->a[pivot][column];

	for (uint32_t j = 0; j < UNKNOWNS_MAX; j++)
		m->a[from][j] -= factor * m->a[pivot][j];
}

/* A row that has 1 or -1 there. Masks stand in two rows at most, with opposite signs, so there is one when there is any. */
static bool find_pivot(const struct rows *m, uint32_t from, uint32_t column, uint32_t *pivot)
{
	bool any = false;

	for (*pivot = from; *pivot < m->count; (*pivot)++) {
		uint32_t a = m->a[*pivot][column];
		any |= a != 0;
		if (a == 1 || a == UINT32_MAX)
			return true;
	}
	assert_false(any);
	return false;
}

static void swap(struct rows *m, uint32_t i, uint32_t j)
{
	uint32_t row[UNKNOWNS_MAX];

	memcpy(row, m->a[i], sizeof row);
	memcpy(m->a[i], m->a[j], sizeof row);
	memcpy(m->a[j], row, sizeof row);
}

/* Clears `column` in all rows but one, which moves to place `*done`. */
static void eliminate(struct rows *m, uint32_t *done, uint32_t column)
{
	uint32_t pivot;

	if (!find_pivot(m, *done, column, &pivot))
		return;
	swap(m, *done, pivot);
	for (uint32_t i = 0; i < m->count; i++)
		if (i != *done && m->a[i][column] != 0)
			subtract(m, i, *done, column);
	(*done)++;
}

/* What is determined of the vectors, as sets whose sums are known; the coefficients must all be alike. */
static uint32_t determined(uint32_t *sums, const struct run *run)
{
	static struct rows m;
	uint32_t done = 0, count = 0;

	memset(&m, 0, sizeof m);
	for (uint32_t v = 0; v < run->rule.n; v++)
		if (!(run->rule.colluders >> v & 1) && run->sites[v].u2 != 0)
			write_row(&m, run, v);
	for (uint32_t column = SITES; column < UNKNOWNS_MAX; column++)
		eliminate(&m, &done, column);
	uint32_t masked = done; /* each of these rows has an unknown mask of its own */
	for (uint32_t column = 0; column < SITES; column++)
		eliminate(&m, &done, column);
	for (uint32_t i = masked; i < done; i++) {
		uint32_t set = 0;
		for (uint32_t v = 0; v < SITES; v++) {
			assert_true(m.a[i][v] == 0 || m.a[i][v] == m.a[i][(uint32_t)__builtin_ctz(set | 1u << v)]);
			set |= (uint32_t)(m.a[i][v] != 0) << v;
		}
		sums[count++] = set;
	}
	return count;
}

/* ---- runs */

static uint32_t draw_colluders(struct rng *r, uint32_t n, uint32_t count)
{
	uint32_t set = 0;

	while ((uint32_t)__builtin_popcount(set) < count)
		set |= 1u << rng_below(r, n);
	return set;
}

static void draw_rule(struct run *run, struct rng *r, uint32_t most)
{
	uint32_t n = 3 + rng_below(r, most - 2), c = rng_below(r, n - 1), t = (n + c) / 2 + 1;
	uint32_t least = t > c + 2 ? t : c + 2;

	memset(run, 0, sizeof *run);
	run->rule = (struct lies_rule){.n = n, .threshold = t, .guards = LIES_ALL};
	run->rule.quorum = rng_below(r, 2) == 0 ? least : least + rng_below(r, n - least + 1);
	run->rule.colluders = draw_colluders(r, n, c);
}

/* Sites that drop out anywhere, at a coordinator that follows the protocol. */
static void tell_truth(struct run *run, struct rng *r)
{
	const struct lies_rule *rule = &run->rule;
	uint32_t all = (1u << rule->n) - 1, set[4] = {all, 0, 0, 0}; /* U1 is all here; U2, U3, signers */

	for (int k = 1; k < 4; k++)
		set[k] = set[k - 1] & (rng_below(r, 2) == 0 ? all : all & ~(1u << rng_below(r, rule->n)));
	for (uint32_t i = 0; i < rule->n; i++) {
		struct lies_told *t = &run->told[i];
		*t = (struct lies_told){.u1 = all, .acknowledged = set[2] >> i & 1};
		t->u2 = set[1] >> i & 1 ? set[1] : 0; /* one that drops out of U3 had sent its vector too late */
		t->u3 = set[2] >> i & 1 && (set[3] >> i & 1) ? set[2] : 0;
		t->signers = t->u3 != 0 && rng_below(r, 8) > 0 ? set[3] : 0;
	}
}

/* Two stories, told to sites as the dice fall; everyone gets what signatures it takes. */
static void tell_lies(struct run *run, struct rng *r)
{
	const struct lies_rule *rule = &run->rule;
	uint32_t all = (1u << rule->n) - 1, u2[2], u3[2];

	for (int story = 0; story < 2; story++) {
		u2[story] = rng_below(r, 2) == 0 ? all : all & (rng_u32(r) | rng_u32(r) | rule->colluders);
		u3[story] = u2[story] & (rng_below(r, 2) == 0 ? all : rng_u32(r) | rng_u32(r) | rule->colluders);
	}
	for (uint32_t i = 0; i < rule->n; i++) {
		uint32_t story = rng_below(r, 4) == 0, other = rng_below(r, 10) == 0 ? 1 - story : story;
		run->told[i] = (struct lies_told){.u1 = all, .u2 = u2[story], .u3 = u3[other]};
	}
	lies_tell(run->sites, rule, run->told);
	for (uint32_t i = 0; i < rule->n; i++)
		run->told[i].signers = run->sites[i].u3[0] != 0 ? lies_signers(rule, run->sites, i, 0) : 0;
}

static void finish(struct run *run)
{
	lies_tell(run->sites, &run->rule, run->told);
	lies_find(&run->known, &run->rule, run->sites);
}

/* The elimination says what the components say; at most one sum, of the honest of one U3, of m - n_C sites at least. */
static uint32_t judge(const struct run *run)
{
	const struct lies_rule *rule = &run->rule;
	uint32_t sums[SITES], count = determined(sums, run);
	bool one_u3 = count == 0;

	assert_int_equal(count, run->known.sum_count);
	assert_true(count <= 1);
	if (count == 0)
		return 0;
	assert_int_equal(sums[0], run->known.sums[0]);
	assert_true((uint32_t)(__builtin_popcount(sums[0]) + __builtin_popcount(rule->colluders)) >= rule->quorum);
	for (uint32_t i = 0; i < rule->n; i++)
		one_u3 |= run->sites[i].answered[0] && (run->sites[i].u3[0] & ~rule->colluders) == sums[0];
	assert_true(one_u3);
	return 1;
}

static void test_the_sum_and_nothing_else(void **state)
{
	(void)state;
	uint32_t opened = 0, lies_opened = 0;
	struct rng r;

	rng_seeded(&r, 14, "rank");
	for (uint32_t i = 0; i < RUNS; i++) {
		struct run run;
		draw_rule(&run, &r, SITES);
		if (i % 2 == 0)
			tell_truth(&run, &r);
		else
			tell_lies(&run, &r);
		finish(&run);
		*(i % 2 == 0 ? &opened : &lies_opened) += judge(&run);
	}
	printf("%u and %u of %u runs were opened\n", opened, lies_opened, RUNS);
	assert_true(opened > RUNS / 10 && lies_opened > RUNS / 50);
}

/* The same, where the secrets are those that the pool really reconstructs, and the sum is compared with the true vectors. */
static void test_real_sites(void **state)
{
	(void)state;
	uint32_t opened = 0;
	struct rng r;

	rng_seeded(&r, 15, "rank");
	for (uint32_t i = 0; i < REAL_RUNS; i++) {
		struct run run;
		struct masked w;
		struct pool_of_shares p;
		draw_rule(&run, &r, 5);
		uint32_t colluders = (uint32_t)__builtin_popcount(run.rule.colluders);
		masked_init(&w, 4000 + i, run.rule.n, colluders, run.rule.quorum, 2, 32);
		assert_int_equal(w.plan.quorum, run.rule.quorum);
		if (i % 2 == 0)
			tell_truth(&run, &r);
		else
			tell_lies(&run, &r);
		finish(&run);
		lies_play(&w, &p, &run.rule, run.told);
		run.known.betas = run.known.sigmas = 0;
		for (uint32_t v = 0; v < run.rule.n; v++) {
			run.sites[v].u2 = w.sites[v].outbox[SECAGG_INPUT].len > 0 ? run.told[v].u2 : 0;
			run.known.betas |= (uint32_t)pooling_knows(&p, false, v) << v;
			run.known.sigmas |= (uint32_t)pooling_knows(&p, true, v) << v;
		}
		opened += judge(&run);
		for (uint32_t k = 0; k < run.known.sum_count; k++)
			assert_true(pooling_sums(&p, run.known.sums[k],
			                         run.sites[(uint32_t)__builtin_ctz(run.known.sums[k])].u2));
		masked_free(&w);
	}
	printf("%u of %u runs were opened\n", opened, REAL_RUNS);
	assert_true(opened > REAL_RUNS / 20);
}

/* ---- controls: the method sees what there is to see */

static uint32_t more_than_one_sum(struct run *run)
{
	uint32_t sums[SITES], count;

	finish(run);
	count = determined(sums, run);
	assert_int_equal(count, run->known.sum_count);
	uint32_t few = 0;
	for (uint32_t i = 0; i < count; i++)
		few |= (uint32_t)(__builtin_popcount(sums[i]) + __builtin_popcount(run->rule.colluders)) <
		       run->rule.quorum;
	return count > 1 || few;
}

/* One colluder more than the threshold is made for, where it is tight; and both shares of each site. */
static void test_more_is_determined_when_more_is_known(void **state)
{
	(void)state;
	uint32_t one_more = 0, both = 0;
	struct rng r;

	rng_seeded(&r, 16, "rank");
	for (uint32_t i = 0; i < RUNS; i++) {
		struct run run;
		draw_rule(&run, &r, SITES);
		uint32_t c = (uint32_t)__builtin_popcount(run.rule.colluders);
		if ((run.rule.n + c) % 2 == 0 || c + 3 > run.rule.n)
			continue;
		run.rule.quorum = run.rule.threshold > c + 2 ? run.rule.threshold : c + 2;
		struct lies_rule rule = run.rule;
		run.rule.colluders = draw_colluders(&r, rule.n, c + 1);
		tell_lies(&run, &r);
		one_more += more_than_one_sum(&run);
		run.rule = rule;
		run.rule.guards &= ~(uint32_t)LIES_ONE_SHARE;
		tell_truth(&run, &r);
		both += more_than_one_sum(&run);
	}
	printf("%u runs with a colluder too many, %u with both shares\n", one_more, both);
	assert_true(one_more > RUNS / 1000 && both > RUNS / 20);
}

/* As many colluders as shares open a secret: every vector is determined, alone. */
static void test_a_threshold_of_colluders_knows_all(void **state)
{
	(void)state;
	struct rng r;

	rng_seeded(&r, 17, "rank");
	for (uint32_t i = 0; i < 200; i++) {
		struct run run;
		draw_rule(&run, &r, SITES);
		if (run.rule.threshold >= run.rule.n)
			continue;
		run.rule.colluders = draw_colluders(&r, run.rule.n, run.rule.threshold);
		tell_truth(&run, &r);
		finish(&run);
		uint32_t sums[SITES], count = determined(sums, &run), vectors = 0;
		for (uint32_t v = 0; v < run.rule.n; v++)
			vectors += !(run.rule.colluders >> v & 1) && run.sites[v].u2 != 0;
		assert_int_equal(count, vectors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_sum_and_nothing_else),
		cmocka_unit_test(test_real_sites),
		cmocka_unit_test(test_more_is_determined_when_more_is_known),
		cmocka_unit_test(test_a_threshold_of_colluders_knows_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
