/*
 * Whole attempts with both cores: the sum is the integer sum of the survivors' vectors, bit for bit, whoever drops out and when; and
 * fewer than the quorum make a clean end. Every size: test_secagg_sizes.c.
 */
#include "crypto/pack.h"
#include "tests/support/chi_square.h"
#include "tests/support/masked.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

/* Octets of one masked vector of zeros, and of what is left when one of the masks is taken off: uniform both. */
static void test_masked_octets_are_uniform(void **state)
{
	(void)state;
	struct masked w;
	uint32_t counts[256] = {0}, words = 40000;

	masked_init(&w, 99, 3, 0, 0, words, 32);
	memset(w.sites[1].x, 0, words * sizeof *w.sites[1].x);
	masked_begin(&w, 1);
	masked_run(&w);
	assert_true(masked_exact(&w));
	for (uint32_t j = 0; j < 4 * words; j++)
		counts[w.sites[1].y[j]]++;
	assert_true(chi_square(counts, 256, 4.0 * words / 256) < chi_square_limit(255));
	masked_free(&w);
}

/* What the numbers say must come of it: enough in each phase, and the survivors are those whose vector came. */
static bool should_end_well(const struct masked *w)
{
	for (uint32_t p = 0; p < SECAGG_PHASE_COUNT; p++) {
		uint32_t there = 0;
		for (uint32_t i = 0; i < w->n; i++)
			there += w->sites[i].lasts > p;
		if (there < (p <= SECAGG_INPUT ? w->plan.quorum : secagg_threshold(&w->plan)))
			return false;
	}
	return true;
}

static void run_and_judge(struct masked *w)
{
	masked_begin(w, 1);
	masked_run(w);
	if (!should_end_well(w)) {
		assert_int_equal(secagg_server_state(w->server), SECAGG_SERVER_FAILED);
		assert_string_not_equal(secagg_server_why(w->server), "");
		return;
	}
	assert_true(masked_exact(w));
	for (uint32_t i = 0; i < w->n; i++) {
		assert_int_equal(secagg_server_reached(w->server, w->sites[i].number), w->sites[i].lasts);
		assert_int_equal(secagg_server_survives(w->server, w->sites[i].number),
		                 w->sites[i].lasts > SECAGG_INPUT);
	}
}

/* n = 6, n_C = 0, m = t = 4: each pair of sites, each at each phase; and every single site. */
static void test_every_pair_drops_at_every_phase(void **state)
{
	(void)state;
	for (uint32_t a = 0; a < 6; a++)
		for (uint32_t b = a; b < 6; b++)
			for (uint32_t p = 0; p <= SECAGG_PHASE_COUNT; p++)
				for (uint32_t q = 0; q <= SECAGG_PHASE_COUNT; q++) {
					struct masked w;
					masked_init(&w, 1000 + a * 6 + b, 6, 0, 0, 3, 20);
					w.sites[a].lasts = p;
					w.sites[b].lasts = q;
					run_and_judge(&w);
					masked_free(&w);
				}
}

/* Exactly n - m drops pass, one more fails; at each phase, for several sizes and numbers of colluders. */
static void test_the_quorum_is_the_border(void **state)
{
	(void)state;
	for (uint32_t n = 5; n <= 17; n += 4)
		for (uint32_t colluders = 0; colluders <= 2; colluders++)
			for (uint32_t p = 0; p < SECAGG_PHASE_COUNT; p++)
				for (uint32_t more = 0; more <= 1; more++) {
					struct masked w;
					masked_init(&w, n, n, colluders, 0, 4, 32);
					for (uint32_t i = 0; i < n - w.plan.quorum + more; i++)
						w.sites[(2 * i + 1) % n].lasts = p;
					assert_int_equal(should_end_well(&w), more == 0);
					run_and_judge(&w);
					masked_free(&w);
				}
}

/* A site that the coordinator counts as dropped sends after all: late, and its vector stays out. */
static void test_a_late_vector_stays_out(void **state)
{
	(void)state;
	struct masked w;

	masked_init(&w, 7, 6, 0, 0, 5, 32);
	w.sites[2].lasts = SECAGG_INPUT;
	masked_begin(&w, 1);
	masked_step(&w);
	assert_int_equal(secagg_server_state(w.server), SECAGG_SERVER_EXPECT_INPUTS);
	secagg_server_close(w.server);
	struct bytes late = buf_bytes(&w.sites[2].outbox[SECAGG_INPUT]);
	assert_int_equal(late.len, SECAGG_INPUT_SIZE);
	assert_int_equal(
		secagg_server_input(w.server, w.sites[2].number, late, pack_size(5, 32), &w.sites[2].y_hash, NULL),
		ERR_PEER_STATE);
	masked_run(&w);
	assert_int_equal(
		secagg_server_input(w.server, w.sites[2].number, late, pack_size(5, 32), &w.sites[2].y_hash, NULL),
		ERR_PEER_STATE);
	assert_true(masked_exact(&w));
	assert_false(secagg_server_survives(w.server, w.sites[2].number));
	masked_free(&w);
}

/* A spare answer makes up for one wrong share, whose sender is named; without a spare one, or with two wrong ones, the attempt fails. */
static void lie(struct masked *w, uint32_t liars)
{
	masked_begin(w, 1);
	for (uint32_t i = 0; i < liars; i++)
		w->sites[i].lasts = SECAGG_OPENING;
	masked_step(w);
	assert_int_equal(secagg_server_state(w->server), SECAGG_SERVER_EXPECT_ANSWERS);
	for (uint32_t i = 0; i < liars; i++) {
		struct buf *answer = &w->sites[i].outbox[SECAGG_OPENING];
		answer->ptr[5 + i] ^= 1; /* the first share; equal errors could cancel at some points */
		assert_int_equal(
			secagg_server_message(w->server, w->sites[i].number, SECAGG_OPENING, buf_bytes(answer), NULL),
			OK);
	}
	masked_run(w);
}

static void test_a_lying_responder_is_done_without(void **state)
{
	(void)state;
	struct masked w;

	masked_init(&w, 8, 6, 0, 0, 5, 32);
	lie(&w, 1);
	assert_true(masked_exact(&w));
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(secagg_server_doubted(w.server, w.sites[i].number), i == 0);
	masked_free(&w);

	masked_init(&w, 8, 6, 0, 0, 5, 32);
	w.sites[4].lasts = SECAGG_OPENING;
	w.sites[5].lasts = SECAGG_OPENING; /* t = 4 answers are left, one of them wrong */
	lie(&w, 1);
	assert_int_equal(secagg_server_state(w.server), SECAGG_SERVER_FAILED);
	assert_non_null(strstr(secagg_server_why(w.server), "shares of site 11 do not give"));
	masked_free(&w);

	masked_init(&w, 8, 6, 0, 0, 5, 32);
	lie(&w, 2);
	assert_int_equal(secagg_server_state(w.server), SECAGG_SERVER_FAILED);
	masked_free(&w);
}

static const struct {
	uint32_t n, degree, t;
} graphs[] = {{20, 8, 5}, {40, 10, 6}, {60, 12, 8}};

/* Under a graph too; dropping sites leave each of the others neighbours enough here. */
static void test_a_graph_gives_the_exact_sum(void **state)
{
	(void)state;
	for (size_t g = 0; g < sizeof graphs / sizeof *graphs; g++)
		for (uint32_t drop = 0; drop <= 2; drop++) {
			struct masked w;
			masked_init(&w, 70 + g, graphs[g].n, 0, 0, 6, 24);
			w.plan.degree = graphs[g].degree;
			w.plan.share_threshold = graphs[g].t;
			for (uint32_t i = 0; i < drop; i++)
				w.sites[5 + 9 * i].lasts = SECAGG_INPUT;
			masked_begin(&w, 1);
			masked_run(&w);
			assert_string_equal(secagg_server_why(w.server), "");
			assert_true(masked_exact(&w));
			for (uint32_t i = 0; i < drop; i++)
				assert_false(secagg_server_survives(w.server, w.sites[5 + 9 * i].number));
			assert_int_equal(w.sites[1].outbox[SECAGG_SHARES].len,
			                 SECAGG_SHARES_HEAD + graphs[g].degree * SECAGG_CT_ITEM);
			masked_free(&w);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masked_octets_are_uniform),
		cmocka_unit_test(test_every_pair_drops_at_every_phase),
		cmocka_unit_test(test_the_quorum_is_the_border),
		cmocka_unit_test(test_a_late_vector_stays_out),
		cmocka_unit_test(test_a_lying_responder_is_done_without),
		cmocka_unit_test(test_a_graph_gives_the_exact_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
