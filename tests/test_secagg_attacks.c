/*
 * A coordinator that lies, with colluders, scripted by hand against real sites. Each attack is carried to its end: where the sites
 * do not stop it, the victim's vector is taken out of what they gave away and compared with the true one, and the test fails
 * with "OPENED". tests/evil/secagg takes the guards out one by one and requires exactly that.
 */
#include "crypto/graph.h"
#include "crypto/mask.h"
#include "tests/support/pooling.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define ALL(n) ((1ull << (n)) - 1)

static void judge(bool opened, const char *what)
{
	if (opened)
		fail_msg("OPENED: %s", what);
}

static void tell_u1(struct masked *w, uint64_t to, uint64_t u1)
{
	struct buf list;

	buf_init(&list, 1u << 20);
	masked_u1(&list, w, u1);
	for (uint32_t i = 0; i < w->n; i++)
		if (to >> i & 1)
			(void)masked_tell(w, i, SECAGG_SHARES, buf_bytes(&list));
	buf_free(&list);
}

static void tell_u2(struct masked *w, uint64_t to, uint64_t u1, uint64_t u2)
{
	struct buf list;

	buf_init(&list, 1u << 20);
	for (uint32_t i = 0; i < w->n; i++)
		if (to >> i & 1) {
			masked_u2(&list, w, u1, u2, i);
			(void)masked_tell(w, i, SECAGG_INPUT, buf_bytes(&list));
		}
	buf_free(&list);
}

static void tell_u3(struct masked *w, uint64_t to, uint64_t u1, uint64_t u3)
{
	struct buf set;

	buf_init(&set, 64);
	masked_set(&set, u1, u3);
	for (uint32_t i = 0; i < w->n; i++)
		if (to >> i & 1)
			(void)masked_tell(w, i, SECAGG_SURVIVORS, buf_bytes(&set));
	buf_free(&set);
}

/* The coordinator signs for its own sites: whatever they were told, they signed U3 over this U2. */
static void colluders_sign(struct masked *w, uint64_t colluders, const struct hash *sid, uint64_t u1, uint64_t u2,
                           uint64_t u3)
{
	struct buf set, survivors, message;
	struct hash u2h;

	buf_init(&set, 64);
	buf_init(&survivors, 64);
	buf_init(&message, KEYS_MESSAGE_MAX);
	masked_set(&set, u1, u2);
	masked_set(&survivors, u1, u3);
	keys_u2h(&u2h, sid, buf_bytes(&set));
	keys_message_survivors(&message, sid, &u2h, buf_bytes(&survivors));
	for (uint32_t i = 0; i < w->n; i++)
		if (colluders >> i & 1) {
			uint8_t signature[KEYS_SIGNATURE_SIZE];
			keys_sign(signature, w->sites[i].identity_secret, buf_bytes(&message));
			buf_clear(&w->sites[i].outbox[SECAGG_SURVIVORS]);
			buf_put(&w->sites[i].outbox[SECAGG_SURVIVORS], bytes_of(signature, sizeof signature));
		}
	buf_free(&set);
	buf_free(&survivors);
	buf_free(&message);
}

static void tell_signatures(struct masked *w, uint64_t to, uint64_t signers)
{
	struct buf list;

	buf_init(&list, 1u << 20);
	masked_signatures(&list, w, signers);
	for (uint32_t i = 0; i < w->n; i++)
		if (to >> i & 1)
			(void)masked_tell(w, i, SECAGG_OPENING, buf_bytes(&list));
	buf_free(&list);
}

static void begin_alone(struct masked *w) /* without the honest server */
{
	for (uint32_t i = 0; i < w->n; i++)
		assert_int_equal(masked_open(w, i, &w->sites[i].why), OK);
}

static void pool_answers(struct pool_of_shares *p, uint64_t from, uint64_t u2, uint64_t u3)
{
	for (uint32_t i = 0; i < p->w->n; i++)
		if (from >> i & 1)
			pooling_answer(p, i, u2, u3);
}

static void pool_colluders(struct pool_of_shares *p, uint64_t colluders)
{
	for (uint32_t i = 0; i < p->w->n; i++)
		if (colluders >> i & 1)
			pooling_owns(p, i);
}

/* The tool works: who has t shares of both secrets of one site opens it, with t - 1 of either not. */
static void test_the_tool_opens_what_can_be_opened(void **state)
{
	(void)state;
	struct masked w;
	struct pool_of_shares p;

	for (uint32_t owned = 3; owned <= 4; owned++) {
		masked_init(&w, 41, 6, 0, 0, 5, 20);
		begin_alone(&w);
		tell_u1(&w, ALL(6), ALL(6));
		tell_u2(&w, ALL(6), ALL(6), ALL(6));
		pooling_begin(&p, &w, ALL(6));
		pool_colluders(&p, ALL(owned)); /* t = 4 */
		assert_int_equal(pooling_opens(&p, 5, ALL(6)), owned == 4);
		masked_free(&w);
	}
}

/* ---- double unmasking: one half is shown a U3 with the victim, the other half one without it; colluders sign both. */
static void split_survivors(uint32_t n, uint32_t colluders)
{
	struct masked w;
	struct pool_of_shares p;
	uint32_t honest = n - colluders;
	uint64_t all = ALL(n), bad = ALL(colluders) << honest, left = ALL((honest + 1) / 2), right = all & ~left & ~bad;
	uint64_t without = all & ~1ull;

	masked_init(&w, 42 * n, n, colluders, 0, 5, 20);
	begin_alone(&w);
	tell_u1(&w, all, all);
	tell_u2(&w, all, all, all);
	tell_u3(&w, left, all, all);
	tell_u3(&w, right, all, without);
	pooling_begin(&p, &w, all);
	colluders_sign(&w, bad, &p.sid, all, all, all);
	tell_signatures(&w, left, left | bad);
	colluders_sign(&w, bad, &p.sid, all, all, without);
	tell_signatures(&w, right, right | bad);
	pool_colluders(&p, bad);
	pool_answers(&p, left, all, all);
	pool_answers(&p, right, all, without);
	judge(pooling_opens(&p, 0, all), "both secrets of site 11, by two sets of survivors");
	masked_free(&w);
}

static void test_split_survivors(void **state)
{
	(void)state;
	for (uint32_t n = 3; n <= 50; n++) {
		split_survivors(n, n % 2 == 0 ? 0 : n / 4);
	}
}

static bool anything_answered(const struct masked *w, enum secagg_phase phase)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->sites[i].outbox[phase].len > 0)
			return true;
	return false;
}

/* ---- one half is told that a site dropped out before U1, or before U2, the other half is not; afterwards all are told the same.
 * Split at U1 nobody masks anything; split at U2 nobody gives a share. */
static void split_before(uint32_t n, enum secagg_phase phase)
{
	struct masked w;
	uint64_t all = ALL(n), most = all & ~(1ull << (n - 1)), left = ALL(n / 2), right = most & ~left;

	masked_init(&w, 54 * n, n, 0, 0, 5, 20);
	w.plan.quorum = w.plan.quorum == n ? n - 1 : w.plan.quorum;
	begin_alone(&w);
	tell_u1(&w, left, all);
	tell_u1(&w, right, phase == SECAGG_SHARES ? most : all);
	tell_u1(&w, 1ull << (n - 1), all);
	tell_u2(&w, left, all, phase == SECAGG_SHARES ? most : all);
	tell_u2(&w, right, phase == SECAGG_SHARES ? most : all, most);
	judge(phase == SECAGG_SHARES && anything_answered(&w, SECAGG_INPUT), "sites mask for two different U1");
	tell_u3(&w, left, all, most);
	tell_u3(&w, right, phase == SECAGG_SHARES ? most : all, most);
	for (uint32_t i = 0; i < n; i++)
		tell_signatures(&w, 1ull << i, i % 2 == 0 ? most : left >> i & 1 ? left : right);
	judge(anything_answered(&w, SECAGG_OPENING), "sites answer for two different U2");
	masked_free(&w);
}

static void test_split_before_the_input(void **state)
{
	(void)state;
	for (uint32_t n = 4; n <= 50; n++) {
		split_before(n, n % 2 == 0 ? SECAGG_SHARES : SECAGG_INPUT);
	}
}

/* Everyone signs and answers for one U3, then for another without the victim: in the same process, and after a restart. */
static void ask_twice(bool restart)
{
	struct masked w;
	struct pool_of_shares p;
	uint64_t all = ALL(5), others = all & ~1ull;

	masked_init(&w, 43, 5, 0, 3, 5, 20);
	begin_alone(&w);
	tell_u1(&w, all, all);
	tell_u2(&w, all, all, all);
	tell_u3(&w, all, all, all);
	tell_signatures(&w, all, all);
	pooling_begin(&p, &w, all);
	pool_answers(&p, all, all, all);
	for (uint32_t i = 0; i < 5; i++) {
		buf_clear(&w.sites[i].outbox[SECAGG_OPENING]);
		buf_clear(&w.sites[i].outbox[SECAGG_SURVIVORS]);
		if (restart) {
			masked_restart(&w, i);
			buf_clear(&w.sites[i].outbox[SECAGG_OPENING]);
		}
	}
	tell_u3(&w, others, all, others);
	tell_signatures(&w, others, others);
	pool_answers(&p, others, all, others);
	judge(pooling_opens(&p, 0, all), "both secrets of site 11, asked for one after the other");
	masked_free(&w);
}

static void test_two_sets_of_survivors(void **state)
{
	(void)state;
	ask_twice(false);
}

static void test_two_sets_of_survivors_after_a_restart(void **state)
{
	(void)state;
	ask_twice(true);
}

/* ---- a small U2: the victim masks for itself and the colluders alone, the others think that it is one of all. */
static void small_u2(uint32_t n, uint32_t colluders)
{
	struct masked w;
	struct pool_of_shares p;
	uint64_t all = ALL(n), bad = ALL(colluders) << (n - colluders), victim = 1, others = all & ~victim & ~bad;

	masked_init(&w, 44 * n, n, colluders, 0, 5, 20);
	begin_alone(&w);
	tell_u1(&w, all, all);
	tell_u2(&w, others, all, all);
	tell_u2(&w, victim, all, victim | bad);
	tell_u3(&w, others, all, all);
	pooling_begin(&p, &w, all);
	colluders_sign(&w, bad, &p.sid, all, all, all);
	tell_signatures(&w, others, others | bad);
	pool_colluders(&p, bad);
	pool_answers(&p, others, all, all);
	judge(pooling_opens(&p, 0, victim | bad), "site 11, masked for colluders alone");
	masked_free(&w);
}

static void test_small_u2(void **state)
{
	(void)state;
	small_u2(6, 2);
	for (uint32_t n = 7; n <= 50; n += 4)
		small_u2(n, n / 3);
}

/* ---- the input of W is never acknowledged; W signs "all but W", and its signature helps to open the victim alone. */
static void unacknowledged(uint32_t n, uint32_t colluders, uint32_t helpers)
{
	struct masked w;
	struct pool_of_shares p;
	uint64_t all = ALL(n), victim = 1, bad = ALL(colluders) << 1, wsites = ALL(helpers) << (1 + colluders);
	uint64_t u2 = victim | bad | wsites, u3 = victim | bad;

	masked_init(&w, 45 * n, n, colluders, 0, 5, 20);
	begin_alone(&w);
	tell_u1(&w, all, all);
	tell_u2(&w, victim | wsites, all, u2);
	tell_u3(&w, victim | wsites, all, u3);
	pooling_begin(&p, &w, all);
	colluders_sign(&w, bad, &p.sid, all, u2, u3);
	tell_signatures(&w, victim | wsites, u2);
	pool_colluders(&p, bad);
	pool_answers(&p, victim | wsites, u2, u3);
	judge(pooling_opens(&p, 0, u2), "site 11 alone, with the signatures of sites that are not in the sum");
	masked_free(&w);
}

static void test_unacknowledged_sites_sign(void **state)
{
	(void)state;
	unacknowledged(4, 1, 1);
	unacknowledged(10, 3, 3);
	for (uint32_t n = 5; n <= 50; n++) {
		uint32_t c = n / 4, t = (n + c) / 2 + 1;
		unacknowledged(n, c, t - 1 - c);
	}
}

/* ---- one vector opened in two attempts of a round, over all and over all but the victim: subtracted. */
static bool subtracts(struct masked *w, uint32_t *first, uint32_t victim)
{
	for (uint32_t j = 0; j < w->words; j++)
		if (((first[j] - w->sum[j]) & 0xfffff) != (w->sites[victim].x[j] & 0xfffff))
			return false;
	return true;
}

static void opened_twice(bool next_round)
{
	struct masked w;

	masked_init(&w, 46, 5, 0, 0, 5, 20);
	w.statistics = next_round;
	masked_begin(&w, 1);
	masked_run(&w);
	assert_true(masked_exact(&w));
	uint32_t *first = w.sum;
	w.sum = NULL;
	w.attempt.round += next_round;
	w.sites[2].silent = true;
	masked_begin(&w, next_round ? 1 : 2);
	for (uint32_t i = 0; i < 5; i++)
		w.sites[i].silent |= w.sites[i].error != OK;
	masked_run(&w);
	judge(masked_exact(&w) && subtracts(&w, first, 2), "site 25, by subtracting two sums of the same vectors");
	free(first);
	masked_free(&w);
}

static void test_two_attempts_of_a_round(void **state)
{
	(void)state;
	opened_twice(false);
}

static void test_two_statistics_rounds(void **state)
{
	(void)state;
	opened_twice(true);
}

/* ---- keys: the coordinator puts its own in place of everyone's, and reads all shares of the victim. */
static void test_substituted_keys(void **state)
{
	(void)state;
	struct masked w;
	struct pool_of_shares p;
	uint64_t all = ALL(6);

	masked_init(&w, 47, 6, 0, 0, 5, 20);
	for (uint32_t i = 1; i < 6; i++) /* played by the coordinator, which has not their identities */
		w.sites[i].identity_secret[3] ^= 0x55;
	begin_alone(&w);
	tell_u1(&w, all, all);
	if (secagg_client_state(w.sites[0].client) != SECAGG_CLIENT_OUT) {
		tell_u2(&w, 1, all, all);
		pooling_begin(&p, &w, all);
		pool_colluders(&p, all & ~1ull);
		judge(pooling_opens(&p, 0, all), "site 11, which sealed its shares for the coordinator");
	}
	masked_free(&w);
}

/* Sites that the authority's owner invented: properly enrolled and signed, and known to nobody. */
static void test_invented_sites(void **state)
{
	(void)state;
	struct masked w;
	struct pool_of_shares p;
	uint64_t all = ALL(6);

	masked_init(&w, 48, 6, 0, 0, 5, 20);
	w.min_known = 3;
	w.known[1] = true; /* and itself: 2 */
	begin_alone(&w);
	tell_u1(&w, all, all);
	if (secagg_client_state(w.sites[0].client) != SECAGG_CLIENT_OUT) {
		tell_u2(&w, 1, all, all);
		pooling_begin(&p, &w, all);
		pool_colluders(&p, all & ~1ull);
		judge(pooling_opens(&p, 0, all), "site 11 among invented ones");
	}
	masked_free(&w);
}

/* ---- reflection: the victim's own ciphertexts come back as if the others had sealed them for it; it would answer, as shares of
 * sites that are gone, with points of its own sigma. */
static void reflect(struct buf *out, const struct masked *w, uint32_t victim)
{
	struct reader r = reader_of(buf_bytes(&w->sites[victim].outbox[SECAGG_SHARES]));

	buf_clear(out);
	masked_set(out, ALL(w->n), ALL(w->n));
	(void)read_bytes(&r, SECAGG_SHARES_HEAD);
	buf_put(out, r.rest); /* v1 ct_1 v2 ct_2 ...: one for each peer, in the order of the list it should be */
}

static void test_reflected_shares(void **state)
{
	(void)state;
	struct masked w;
	struct pool_of_shares p;
	struct buf list;
	uint64_t all = ALL(7), others = all & ~1ull, small = 3; /* the victim and one more */

	masked_init(&w, 49, 7, 0, 0, 5, 20);
	buf_init(&list, 1u << 20);
	begin_alone(&w);
	tell_u1(&w, all, all);
	reflect(&list, &w, 0);
	(void)masked_tell(&w, 0, SECAGG_INPUT, buf_bytes(&list));
	tell_u2(&w, others, all, all);
	tell_u3(&w, 1, all, small); /* five are said to be gone */
	tell_u3(&w, others, all, all); /* the others give the shares of beta */
	if (w.sites[0].outbox[SECAGG_SURVIVORS].len > 0) {
		tell_signatures(&w, 1, 1);
		tell_signatures(&w, others, others);
		pooling_begin(&p, &w, all);
		pool_answers(&p, others, all, all);
		struct reader r = reader_of(buf_bytes(&w.sites[0].outbox[SECAGG_OPENING]));
		for (uint32_t v = 0; v < 7 && r.rest.len > 0; v++) {
			struct scalar share = {{0}};
			(void)read_u32(&r);
			struct bytes b = read_bytes(&r, SHAMIR_SCALAR_SIZE);
			memcpy(share.b, b.ptr, b.len);
			if (!(small >> v & 1)) /* what it takes for the share of v is f_sigma of its own at v */
				pooling_add(&p.sigma[0], v, &share);
		}
		judge(pooling_opens(&p, 0, all), "site 11, by points of its own secret");
	}
	buf_free(&list);
	masked_free(&w);
}

/* ---- one site trains on another model, or for another plan: it must not end in one sum with the rest. */
static void differ(bool model)
{
	struct masked w;
	struct secagg_client_config config;
	uint8_t octets[64];
	struct diag why;

	masked_init(&w, 50, 5, 0, 0, 5, 20);
	memcpy(octets, w.plan_octets, sizeof octets);
	masked_begin(&w, 1);
	config = masked_config(&w, 2);
	if (model)
		config.attempt.model.b[17] ^= 4;
	else {
		octets[9] ^= 4;
		config.plan.octets = config.offered = bytes_of(octets, sizeof octets);
	}
	secagg_client_free(w.sites[2].client);
	buf_clear(&w.sites[2].disk);
	assert_int_equal(secagg_client_open(&w.sites[2].client, &config, bytes_of(NULL, 0), &why), OK);
	buf_clear(&w.sites[2].outbox[SECAGG_KEYS]);
	masked_pump(&w.sites[2]);
	masked_step(&w);
	/* an honest coordinator refuses the keys; one that lies passes them on */
	if (secagg_server_state(w.server) == SECAGG_SERVER_EXPECT_KEYS) {
		tell_u1(&w, ALL(5), ALL(5));
		for (uint32_t i = 0; i < 5; i++)
			assert_int_equal(secagg_client_state(w.sites[i].client), SECAGG_CLIENT_OUT);
	} else {
		masked_run(&w);
		judge(masked_exact(&w) && secagg_server_survives(w.server, w.sites[2].number),
		      model ? "a site with another model is in the sum" : "a site with another plan is in the sum");
	}
	masked_free(&w);
}

static void test_another_model(void **state)
{
	(void)state;
	differ(true);
}

static void test_another_plan(void **state)
{
	(void)state;
	differ(false);
}

/* ---- one vector masked twice under the same keys: the difference of the two is in clear. */
static void test_masked_twice(void **state)
{
	(void)state;
	struct masked w;
	uint8_t first[20];

	masked_init(&w, 51, 4, 0, 0, 5, 32);
	begin_alone(&w);
	tell_u1(&w, ALL(4), ALL(4));
	tell_u2(&w, 1, ALL(4), ALL(4));
	memcpy(first, w.sites[0].y, sizeof first);
	w.sites[0].x[2] += 12345;
	w.sites[0].sends[SECAGG_INPUT] = 0;
	masked_restart(&w, 0);
	judge(w.sites[0].sends[SECAGG_INPUT] > 0 && load_u32(w.sites[0].y + 8) - load_u32(first + 8) == 12345,
	      "the difference of two vectors of site 11");
	masked_free(&w);
}

/* ---- an attempt repeated with its number: the keys are fresh, and what was masked before is opened with what comes now. */
static void test_an_attempt_comes_back(void **state)
{
	(void)state;
	struct masked w;
	struct diag why;

	masked_init(&w, 52, 4, 0, 0, 5, 20);
	w.attempt.attempt = 2;
	begin_alone(&w);
	tell_u1(&w, ALL(4), ALL(4));
	tell_u2(&w, ALL(4), ALL(4), ALL(4));
	for (uint32_t attempt = 1; attempt <= 2; attempt++) {
		w.attempt.attempt = attempt;
		judge(masked_open(&w, 0, &why) == OK, "an attempt that was used before");
	}
	w.attempt.round--;
	w.attempt.attempt = 9;
	judge(masked_open(&w, 0, &why) == OK, "a round that is over");
	masked_free(&w);
}

/* ---- shares that give another secret than the one that their dealer committed to: no sum comes of them. */
static void test_shares_of_nothing(void **state)
{
	(void)state;
	struct masked w;

	masked_init(&w, 55, 5, 0, 0, 5, 20);
	for (uint32_t i = 0; i < 5; i++)
		w.sites[i].lasts = SECAGG_OPENING;
	masked_begin(&w, 1);
	masked_step(&w);
	for (uint32_t i = 0; i < 5; i++) { /* of site 25, as it dealt them */
		struct buf *answer = &w.sites[i].outbox[SECAGG_OPENING];
		answer->ptr[2 * SECAGG_ANSWER_ITEM + 4 + i] ^= 1;
		assert_int_equal(
			secagg_server_message(w.server, w.sites[i].number, SECAGG_OPENING, buf_bytes(answer), NULL),
			OK);
	}
	masked_run(&w);
	judge(secagg_server_state(w.server) == SECAGG_SERVER_DONE, "a sum with a mask on it passes for one");
	masked_free(&w);
}

/* ---- graph: all honest neighbours of the victim are left out of its U2. */
static void test_no_honest_neighbours(void **state)
{
	(void)state;
	struct masked w;
	struct pool_of_shares p;
	uint64_t all = ALL(24), bad = 0, near = 0, own;
	uint32_t honest = UINT32_MAX;

	masked_init(&w, 53, 24, 4, 0, 5, 20);
	w.plan.degree = 8;
	w.plan.share_threshold = 5;
	begin_alone(&w);
	pooling_begin(&p, &w, all);
	struct graph g;
	graph_init(&g, 24, 8, &p.sid);
	for (uint32_t i = 1; i < 24; i++)
		if (graph_adjacent(&g, 0, i)) {
			near |= 1ull << i;
			if (__builtin_popcountll(bad) < 4)
				bad |= 1ull << i;
			else
				honest = i;
		}
	graph_free(&g);
	own = all & ~(near & ~bad); /* far sites, and the colluders beside it */
	assert_true((uint32_t)__builtin_popcountll(own) >= w.plan.quorum);
	tell_u1(&w, all, all);
	tell_u2(&w, all & ~1ull & ~bad, all, all);
	tell_u2(&w, 1, all, own);
	tell_u3(&w, all & ~1ull & ~bad, all, all);
	colluders_sign(&w, bad, &p.sid, all, all, all);
	tell_signatures(&w, all & ~1ull & ~bad, all & ~1ull);
	pool_colluders(&p, bad);
	pooling_answer(&p, honest, all, all);
	judge(pooling_opens(&p, 0, own), "site 11, with colluders for its only neighbours");
	masked_free(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_tool_opens_what_can_be_opened),
		cmocka_unit_test(test_split_survivors),
		cmocka_unit_test(test_split_before_the_input),
		cmocka_unit_test(test_two_sets_of_survivors),
		cmocka_unit_test(test_two_sets_of_survivors_after_a_restart),
		cmocka_unit_test(test_small_u2),
		cmocka_unit_test(test_unacknowledged_sites_sign),
		cmocka_unit_test(test_two_attempts_of_a_round),
		cmocka_unit_test(test_two_statistics_rounds),
		cmocka_unit_test(test_substituted_keys),
		cmocka_unit_test(test_invented_sites),
		cmocka_unit_test(test_reflected_shares),
		cmocka_unit_test(test_another_model),
		cmocka_unit_test(test_another_plan),
		cmocka_unit_test(test_masked_twice),
		cmocka_unit_test(test_an_attempt_comes_back),
		cmocka_unit_test(test_shares_of_nothing),
		cmocka_unit_test(test_no_honest_neighbours),
	};

	if (argc > 1) /* one attack alone, by its name: tests/evil/secagg/run */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
