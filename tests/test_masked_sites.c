/*
 * simulator/masked_sites: sites whose cores exist only while they answer make the sums that they should, whoever drops out, in the
 * complete graph, in the k-regular one and in groups; and their records refuse what a hospital's would.
 */
#include "coordinator/masked_sum.h"
#include "crypto/secagg_server.h"
#include "simulator/masked_sites.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct diag why;
static struct feature features[] = {{.name = "age", .type = COLUMN_NUMERIC, .min = 18, .max = 110}};

struct fixture {
	struct study study;
	struct round_plan plan;
	struct layout layout;
	struct masked_sites *sites;
	struct masked_plan group; /* the coordinator's own */
	struct secagg_server *server;
	struct masked_sum *sum;
	int64_t expected[16]; /* sums of the survivors' words */
	uint32_t lasts[512]; /* by index: the phases that it answers; SECAGG_PHASE_COUNT at first */
};

static void begin(struct fixture *f, uint32_t n, uint32_t colluders, uint32_t dropouts)
{
	struct study *s = &f->study;
	const char **names = mem_array(n, sizeof *names);
	char *text = mem_array(n, 12);

	memset(f, 0, sizeof *f);
	*s = (struct study){.name = "heart", .rounds = 4, .weight_cap = 5000, .update_range = 8, .evaluate_every = 1};
	s->schema = (struct schema){.features = features, .feature_count = 1, .label = {.type = COLUMN_BINARY}};
	s->bins = 2;
	s->sites = (struct sites_rule){
		.min = 3, .max_dropouts = dropouts, .max_colluders = colluders, .masking = MASKING_REQUIRED};
	memset(s->hash.b, 7, HASH_SIZE);
	s->draws = s->hash;
	spec_begin(&s->model, 1);
	assert_int_equal(spec_add_layer(&s->model, "dense 1", &why), OK);
	assert_int_equal(spec_end(&s->model, LOSS_BINARY_CROSS_ENTROPY, 1, &why), OK);
	f->plan = (struct round_plan){.study_hash = s->hash, .round = 3, .attempt = 1, .step = 1, .asks = ASK_TRAIN};
	f->plan.model_octets = 1000;
	memset(f->plan.model.b, 9, HASH_SIZE);
	f->plan.sites = mem_array(n, sizeof *f->plan.sites);
	f->plan.site_count = n;
	for (uint32_t i = 0; i < n; i++) {
		f->plan.sites[i] = i + 1;
		f->lasts[i] = SECAGG_PHASE_COUNT;
		names[i] = text + 12 * (size_t)i;
		snprintf(text + 12 * (size_t)i, 12, "site-%u", i);
	}
	f->sites = masked_sites_new(s, names, n);
	f->plan.roster = masked_sites_roster(f->sites)->content;
	assert_int_equal(round_plan_layout(&f->layout, s, ASK_TRAIN, n, &why), OK);
	free(names);
	free(text);
}

static void end(struct fixture *f)
{
	masked_sites_free(f->sites);
	masked_plan_free(&f->group);
	secagg_server_free(f->server);
	masked_sum_free(f->sum);
	round_plan_free(&f->plan);
}

/* ---- the coordinator, with a disk that is always ready */

static void drain(struct fixture *f)
{
	struct secagg_server_action a;

	while (secagg_server_next(f->server, &a))
		if (a.kind == SECAGG_SERVER_PERSIST)
			secagg_server_persisted(f->server, a.row);
}

static void open_attempt(struct fixture *f, uint32_t group)
{
	const struct roster *roster = masked_sites_roster(f->sites);

	masked_plan_free(&f->group);
	secagg_server_free(f->server);
	masked_sum_free(f->sum);
	memset(f->expected, 0, sizeof f->expected);
	assert_int_equal(masked_plan_make(&f->group, &f->plan, &f->study, &f->layout, roster, group, &why), OK);
	const struct secagg_attempt attempt = {.federation = bytes_text("heart"),
	                                       .study = bytes_of(f->study.hash.b, HASH_SIZE),
	                                       .round = f->plan.round,
	                                       .attempt = f->plan.attempt,
	                                       .model = f->plan.model};
	assert_int_equal(secagg_server_open(&f->server, &attempt, &f->group.plan, &why), OK);
	f->sum = masked_sum_new(&f->layout, 32);
}

/* Word j of site `number`: anything of the layout's size, here small and signed. */
static uint32_t word_of(uint32_t number, uint32_t j)
{
	return (uint32_t)((int32_t)(number * 37 + j * 11) % 1000 - 500);
}

static enum err input(struct fixture *f, uint32_t number, struct bytes u1, struct bytes u2, struct buf *out)
{
	uint32_t words = masked_sites_words(f->sites), x[16];
	uint8_t y[64];

	assert_true(words <= 16);
	for (uint32_t j = 0; j < words; j++)
		x[j] = word_of(number, j);
	masked_plan_check_words(x + words - MASKED_CHECK_WORDS);
	enum err e = masked_sites_input(f->sites, number, u1, u2, x, y, out, &why);
	if (e != OK)
		return e;
	masked_sum_add(f->sum, y, 0, words);
	for (uint32_t j = 0; j < f->layout.words; j++)
		f->expected[j] += (int32_t)x[j];
	return secagg_server_input(f->server, number, buf_bytes(out), 4 * (uint64_t)words,
	                           masked_sites_content(f->sites, number), &why);
}

static void play_phase(struct fixture *f, enum secagg_phase phase)
{
	static const enum secagg_server_state awaiting[SECAGG_PHASE_COUNT] = {
		SECAGG_SERVER_EXPECT_KEYS, SECAGG_SERVER_EXPECT_SHARES, SECAGG_SERVER_EXPECT_INPUTS,
		SECAGG_SERVER_EXPECT_SIGNATURES, SECAGG_SERVER_EXPECT_ANSWERS};
	struct buf u1, heard, out;

	buf_init(&u1, 1u << 20);
	buf_init(&heard, 1u << 20);
	buf_init(&out, 1u << 20);
	for (uint32_t i = 0; i < f->group.plan.n; i++) {
		uint32_t number = f->group.sites[i].number;
		enum err e = OK;

		if (f->lasts[number - 1] <= (uint32_t)phase)
			continue;
		if (phase != SECAGG_KEYS)
			secagg_server_say(f->server, phase, number, &heard);
		if (phase == SECAGG_INPUT) {
			secagg_server_say(f->server, SECAGG_SHARES, number, &u1);
			e = input(f, number, buf_bytes(&u1), buf_bytes(&heard), &out);
		} else {
			e = masked_sites_answer(f->sites, number, phase, buf_bytes(&heard), &out, &why);
			if (e == OK)
				e = secagg_server_message(f->server, number, phase, buf_bytes(&out), &why);
		}
		if (e != OK)
			fail_msg("%s: %s", secagg_phase_name(phase), why.text);
		drain(f);
	}
	if (secagg_server_state(f->server) == awaiting[phase]) /* its deadline */
		secagg_server_close(f->server);
	drain(f);
	buf_free(&u1);
	buf_free(&heard);
	buf_free(&out);
}

static void unmask(struct fixture *f)
{
	for (uint32_t slice = 0; slice < secagg_server_slices(f->server); slice++) {
		struct secret masks = {0};
		uint32_t count;

		assert_int_equal(secagg_server_masks(f->server, slice, &masks, &count, &why), OK);
		for (uint32_t piece = 0; piece < masked_sum_pieces(f->sum); piece++)
			masked_sum_unmask(f->sum, piece, (const struct mask *)(const void *)masks.ptr, count);
		secret_free(&masks);
		secagg_server_unmasked(f->server, slice, OK, NULL);
	}
}

static void play(struct fixture *f, uint32_t group)
{
	open_attempt(f, group);
	for (int phase = 0; phase < SECAGG_PHASE_COUNT && secagg_server_state(f->server) != SECAGG_SERVER_FAILED;
	     phase++)
		play_phase(f, (enum secagg_phase)phase);
}

static void expect_sum(struct fixture *f)
{
	struct aggregate sum = {0};
	uint32_t survivors = 0;

	assert_int_equal(secagg_server_state(f->server), SECAGG_SERVER_EXPECT_UNMASKED);
	unmask(f);
	assert_int_equal(secagg_server_state(f->server), SECAGG_SERVER_DONE);
	for (uint32_t i = 0; i < f->group.plan.n; i++)
		survivors += secagg_server_survives(f->server, f->group.sites[i].number);
	aggregate_begin(&sum, &f->layout);
	if (masked_sum_finish(&sum, f->sum, survivors, &why) != OK)
		fail_msg("%s", why.text);
	for (uint32_t j = 0; j < f->layout.words; j++)
		assert_int_equal(sum.sums[j], f->expected[j]);
	aggregate_free(&sum);
}

static void attempt(struct fixture *f)
{
	if (masked_sites_begin(f->sites, &f->plan, &f->layout, &why) != OK)
		fail_msg("%s", why.text);
}

/* ---- tests */

static void test_sums_are_exact_whoever_drops_out(void **state)
{
	struct fixture f;

	(void)state;
	for (uint32_t phase = 0; phase <= SECAGG_PHASE_COUNT; phase++) {
		begin(&f, 7, 1, 2);
		f.lasts[2] = f.lasts[5] = phase;
		attempt(&f);
		play(&f, 0);
		expect_sum(&f);
		masked_sites_end(f.sites);
		end(&f);
	}
}

static void test_the_regular_graph_too(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 300, 15, 15);
	for (uint32_t i = 0; i < 7; i++) {
		f.lasts[20 * i] = SECAGG_KEYS;
		f.lasts[20 * i + 7] = SECAGG_INPUT;
	}
	attempt(&f);
	play(&f, 0);
	assert_true(f.group.plan.degree > 0);
	expect_sum(&f);
	masked_sites_end(f.sites);
	end(&f);
}

static void test_each_group_is_an_attempt_of_its_own(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 11, 1, 1);
	f.study.sites.masking = MASKING_GROUPS;
	f.study.sites.group = 5;
	f.lasts[3] = SECAGG_INPUT;
	attempt(&f);
	for (uint32_t g = 0; g < 2; g++) {
		play(&f, g);
		expect_sum(&f);
	}
	masked_sites_end(f.sites);
	end(&f);
}

/* The next attempt of a round that failed before it was opened has new keys and the same vectors; one that was opened has no next. */
static void test_records_guard_later_attempts(void **state)
{
	struct fixture f;
	struct buf first, second;

	(void)state;
	begin(&f, 5, 1, 1);
	buf_init(&first, 1000);
	buf_init(&second, 1000);
	attempt(&f);
	assert_int_equal(masked_sites_answer(f.sites, 1, SECAGG_KEYS, bytes_of(NULL, 0), &first, &why), OK);
	f.lasts[0] = f.lasts[1] = SECAGG_INPUT;
	play(&f, 0);
	assert_int_equal(secagg_server_state(f.server), SECAGG_SERVER_FAILED);
	masked_sites_end(f.sites);

	f.plan.attempt = 2;
	f.lasts[0] = f.lasts[1] = SECAGG_PHASE_COUNT;
	attempt(&f);
	assert_int_equal(masked_sites_answer(f.sites, 1, SECAGG_KEYS, bytes_of(NULL, 0), &second, &why), OK);
	assert_memory_not_equal(first.ptr + 4, second.ptr + 4, KEYS_SIZE); /* c_pk: drawn, whatever the context */
	play(&f, 0);
	expect_sum(&f);
	masked_sites_end(f.sites);

	f.plan.attempt = 3;
	attempt(&f);
	assert_int_equal(masked_sites_answer(f.sites, 1, SECAGG_KEYS, bytes_of(NULL, 0), &second, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "was opened"));
	masked_sites_end(f.sites);
	buf_free(&first);
	buf_free(&second);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums_are_exact_whoever_drops_out),
		cmocka_unit_test(test_the_regular_graph_too),
		cmocka_unit_test(test_each_group_is_an_attempt_of_its_own),
		cmocka_unit_test(test_records_guard_later_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
