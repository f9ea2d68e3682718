/* protocol/round_plan, masked_plan and message under privacy: what each mechanism releases, with which integers, and that both
 * sides are bound to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/masked_plan.h"
#include "protocol/message.h"

static struct diag why;
static const char *codes[] = {"1", "2", "3", "4"};
static struct feature features[] = {
	{.name = "age", .type = COLUMN_NUMERIC, .min = 18, .max = 110},
	{.name = "sex", .type = COLUMN_BINARY},
	{.name = "cp", .type = COLUMN_CATEGORICAL, .levels = {codes, 4}},
};
static uint32_t invited[] = {3, 11, 18, 25, 40};

/* 5 inputs, 8 hidden, 1 output: 57 parameters; quorum of 5 sites 4, so 3 share. */
static void begin(struct study *s, enum privacy_mechanism mechanism)
{
	*s = (struct study){.rounds = 4, .weights = WEIGHTS_EQUAL, .weight_cap = 1, .update_range = 8};
	s->schema = (struct schema){.features = features, .feature_count = 3, .label = {.type = COLUMN_BINARY}};
	s->evaluate_every = 1;
	s->bins = 16;
	s->sites = (struct sites_rule){.min = 3, .max_dropouts = 1, .max_colluders = 1};
	s->evaluation = EVALUATION_NOISED;
	s->privacy = (struct privacy_plan){
		.mechanism = mechanism,
		.unit = mechanism == PRIVACY_SITE ? UNIT_SITE : UNIT_PATIENT,
		.epsilon = 3,
		.delta = 1e-4,
		.clip = 2,
		.sampling_rate = mechanism == PRIVACY_SITE ? 1 : 0.125,
		.patients = mechanism == PRIVACY_SITE ? 0 : 800,
		.hospitals_per_patient = 1,
		.statistics_share = 0.05,
		.noise_multiplier = 1.5,
		.statistics_multiplier = 6,
		.evaluation_multiplier = mechanism == PRIVACY_SITE ? 0 : 1.25,
		.evaluates = mechanism != PRIVACY_SITE,
		.evaluation_epsilon = mechanism == PRIVACY_SITE ? 0 : 3,
		.batch_cap = mechanism == PRIVACY_SITE ? 1 : 200,
	};
	memset(s->hash.b, 7, HASH_SIZE);
	spec_begin(&s->model, 5);
	assert_int_equal(spec_add_layer(&s->model, "dense 8", &why), OK);
	assert_int_equal(spec_add_layer(&s->model, "relu", &why), OK);
	assert_int_equal(spec_add_layer(&s->model, "dense 1", &why), OK);
	assert_int_equal(spec_end(&s->model, LOSS_BINARY_CROSS_ENTROPY, 1, &why), OK);
}

static const struct noised *noised_of(const struct layout *l, enum segment_kind kind, uint32_t items)
{
	const struct segment *s = layout_find(l, kind);

	assert_non_null(s);
	assert_int_equal(s->coding, CODING_NOISED);
	assert_int_equal(s->items, items);
	assert_int_equal(s->words, items);
	assert_true(s->grid == s->noised.grid && s->bound == s->noised.clamp * s->noised.grid);
	return &s->noised;
}

/* That the honest among a quorum add at least the noise of `multiplier` times a sensitivity of at least `norm`. */
static void holds(const struct noised *n, double norm, double multiplier, uint32_t sharers)
{
	double whole = multiplier * n->sensitivity / n->grid;

	assert_true(n->sensitivity > norm && n->sensitivity < norm * 1.05);
	assert_true((double)n->variance * sharers >= whole * whole * (1 - 1e-15));
	assert_true((double)n->variance * sharers <= whole * whole * (1 + 1e-15) + sharers);
}

static void lay_out(struct layout *l, const struct study *s, unsigned asks)
{
	if (round_plan_layout(l, s, asks, 5, &why) != OK)
		fail_msg("%s", why.text);
}

static void distributed_releases_sums_of_shares(void **state)
{
	(void)state;
	struct study s;
	struct layout l;

	begin(&s, PRIVACY_DISTRIBUTED);
	lay_out(&l, &s, ASK_STATISTICS);
	const struct noised *n = noised_of(&l, SEGMENT_STATISTICS, 13);
	holds(n, sqrt(3 + 1 + 1 + 1), 6, 3);
	assert_true(n->clamp * n->grid >= 800); /* every patient may be at one site, and counts are not cut */
	lay_out(&l, &s, ASK_TRAIN);
	n = noised_of(&l, SEGMENT_GRADIENT, 57);
	holds(n, 2, 1.5, 3);
	assert_true(n->clamp * n->grid >= 400);
	assert_true(n->sensitivity >= 2 + n->grid * sqrt(57) + 2 * noised_gradient_error(200, 2));
	assert_int_equal(l.count, 1); /* a weight would tell how many took part */
	lay_out(&l, &s, ASK_EVALUATE);
	holds(noised_of(&l, SEGMENT_LOSS, 2), sqrt(2), 1.25, 3);
	assert_memory_equal(noised_of(&l, SEGMENT_LOSS, 2), noised_of(&l, SEGMENT_COUNTS, 64), sizeof *n);
	assert_true(round_plan_divisor(&s, 5) == 100);
}

static void local_releases_carry_all_of_the_noise(void **state)
{
	(void)state;
	struct study s;
	struct layout l;
	struct noised step;

	begin(&s, PRIVACY_LOCAL);
	lay_out(&l, &s, ASK_STATISTICS);
	holds(noised_of(&l, SEGMENT_STATISTICS, 13), sqrt(6), 6, 1);
	lay_out(&l, &s, ASK_TRAIN);
	assert_int_equal(layout_find(&l, SEGMENT_UPDATE)->coding, CODING_NARROW);
	assert_non_null(layout_find(&l, SEGMENT_WEIGHT));
	assert_int_equal(round_plan_step_noise(&step, &s, &why), OK);
	holds(&step, 2, 1.5, 1);
	assert_true(round_plan_divisor(&s, 5) == 20);
}

static void site_releases_clipped_updates(void **state)
{
	(void)state;
	struct study s;
	struct layout l;

	begin(&s, PRIVACY_SITE);
	lay_out(&l, &s, ASK_STATISTICS);
	holds(noised_of(&l, SEGMENT_STATISTICS, 13), sqrt(6), 6, 3);
	lay_out(&l, &s, ASK_TRAIN);
	holds(noised_of(&l, SEGMENT_UPDATE, 57), 2, 1.5, 3);
	assert_int_equal(l.count, 1);
	lay_out(&l, &s, ASK_EVALUATE); /* the same hospitals as in training: paid for with the statistics */
	holds(noised_of(&l, SEGMENT_COUNTS, 64), sqrt(2), 6, 3);
	assert_true(round_plan_divisor(&s, 5) == 5);
	s.privacy.clip_quantile = 0.5;
	s.privacy.clip_rate = 0.2;
	lay_out(&l, &s, ASK_TRAIN);
	holds(noised_of(&l, SEGMENT_WITHIN, 1), 0.5, 6, 3);
	assert_int_equal(round_plan_layout_clipped(&l, &s, ASK_TRAIN, 5, 0.25, &why), OK);
	holds(noised_of(&l, SEGMENT_UPDATE, 57), 0.25, 1.5, 3);
}

static void a_numeric_label_has_its_own_norms(void **state)
{
	(void)state;
	struct study s;
	struct layout l;

	begin(&s, PRIVACY_DISTRIBUTED);
	s.schema.label = (struct label){.name = "days", .type = COLUMN_NUMERIC, .min = 0, .max = 90};
	s.model.loss = LOSS_SQUARED_ERROR;
	lay_out(&l, &s, ASK_STATISTICS);
	holds(noised_of(&l, SEGMENT_STATISTICS, 14), sqrt(8), 6, 3);
	lay_out(&l, &s, ASK_EVALUATE);
	holds(noised_of(&l, SEGMENT_ERRORS, 10), sqrt(6), 1.25, 3);
}

static void a_noised_evaluation_is_asked_for_once(void **state)
{
	(void)state;
	struct study s;

	begin(&s, PRIVACY_DISTRIBUTED);
	for (uint32_t step = 1; step <= 4; step++)
		assert_int_equal(round_plan_asks(&s, step), ASK_TRAIN);
	assert_int_equal(round_plan_asks(&s, 5), ASK_EVALUATE);
	s.evaluation = EVALUATION_MASKED;
	assert_int_equal(round_plan_asks(&s, 2), ASK_TRAIN | ASK_EVALUATE);
	struct layout l;
	lay_out(&l, &s, ASK_EVALUATE);
	assert_int_equal(layout_find(&l, SEGMENT_COUNTS)->coding, CODING_COUNT);
}

/* ---- a clip of the round's own */

static void a_plan(struct round_plan *p, const struct study *s)
{
	*p = (struct round_plan){.study_hash = s->hash, .round = 3, .attempt = 1, .step = 1, .asks = ASK_TRAIN};
	p->model_octets = 1000;
	memset(p->model.b, 9, HASH_SIZE);
	memset(p->roster.b, 5, HASH_SIZE);
	p->sites = invited;
	p->site_count = 5;
}

static void a_round_names_a_clip_when_the_contract_lets_it_move(void **state)
{
	(void)state;
	struct study s;
	struct round_plan p;
	struct hash without, with;
	static const double wrong[] = {0, -1, NAN, INFINITY, 2 / 0x1p21, 2 * 0x1p21};

	begin(&s, PRIVACY_SITE);
	a_plan(&p, &s);
	assert_int_equal(round_plan_check(&p, &s, 18, &why), OK);
	round_plan_hash(&without, &p);
	p.clip = 0.75;
	assert_int_equal(round_plan_check(&p, &s, 18, &why), ERR_PROTOCOL);
	assert_non_null(strstr(why.text, "clip"));
	s.privacy.clip_quantile = 0.5;
	s.privacy.clip_rate = 0.2;
	assert_int_equal(round_plan_check(&p, &s, 18, &why), OK);
	round_plan_hash(&with, &p);
	assert_false(hash_equal(&with, &without));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		p.clip = wrong[i];
		assert_int_equal(round_plan_check(&p, &s, 18, &why), ERR_PROTOCOL);
	}
	p.step = 0;
	p.asks = ASK_STATISTICS;
	p.clip = 0.75;
	p.model = (struct hash){{0}};
	p.model_octets = 0;
	assert_int_equal(round_plan_check(&p, &s, 18, &why), ERR_PROTOCOL);
}

static void a_clip_travels_unchanged(void **state)
{
	(void)state;
	struct study s;
	struct message m = {.type = MESSAGE_ROUND, .seq = 4, .study = "heart"}, back;
	struct buf out;

	begin(&s, PRIVACY_SITE);
	a_plan(&m.plan, &s);
	m.plan.clip = 1.0 / 3;
	buf_init(&out, MESSAGE_MAX);
	message_write(&out, &m);
	assert_non_null(memmem(out.ptr, out.len, "\"clip\":0.33333333333333331", 26));
	assert_int_equal(message_parse(&back, buf_bytes(&out), "test", &why), OK);
	assert_true(back.plan.clip == 1.0 / 3);
	message_free(&back);
	m.plan.clip = 0;
	buf_clear(&out);
	message_write(&out, &m);
	assert_null(memmem(out.ptr, out.len, "clip", 4));
	buf_free(&out);
}

/* ---- the masked plan */

static void octets(struct buf *out, const struct study *s, const struct round_plan *p)
{
	struct roster roster = {.version = 2, .count = 5, .content = p->roster};
	struct roster_site sites[5];
	struct masked_plan m;
	struct layout l;

	memset(sites, 0, sizeof sites);
	for (uint32_t i = 0; i < 5; i++) {
		sites[i].number = invited[i];
		memset(sites[i].key, (int)i + 1, sizeof sites[i].key);
	}
	roster.sites = sites;
	assert_int_equal(round_plan_layout_clipped(&l, s, p->asks, 5, p->clip, &why), OK);
	if (masked_plan_make(&m, p, s, &l, &roster, 0, &why) != OK)
		fail_msg("%s", why.text);
	buf_init(out, 4096);
	buf_put(out, buf_bytes(&m.octets));
	masked_plan_free(&m);
}

/* Whoever disagrees about any of them has other keys, and obtains noise. */
static void every_number_of_privacy_is_in_the_masked_plan(void **state)
{
	(void)state;
	struct study s, t;
	struct round_plan p;
	struct buf before, after;

	begin(&s, PRIVACY_SITE);
	s.privacy.clip_quantile = 0.5;
	s.privacy.clip_rate = 0.2;
	a_plan(&p, &s);
	p.clip = 1.5;
	octets(&before, &s, &p);
	for (int i = 0; i < 10; i++) {
		t = s;
		switch (i) {
		case 0:
			t.privacy.epsilon = 2;
			break;
		case 1:
			t.privacy.delta = 1e-5;
			break;
		case 2:
			t.privacy.patients = 1;
			break;
		case 3:
			t.privacy.batch_cap = 2;
			break;
		case 4:
			t.privacy.noise_multiplier = 1.6;
			break;
		case 5:
			t.privacy.statistics_multiplier = 6.1;
			break;
		case 6:
			t.privacy.evaluation_multiplier = 1;
			break;
		case 7:
			t.privacy.hospitals_per_patient = 2;
			break;
		case 8:
			t.privacy.sampling_rate = 0.5;
			break;
		default:
			p.clip = 1.6;
			break;
		}
		octets(&after, &t, &p);
		assert_false(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
		buf_free(&after);
	}
	buf_free(&before);
}

static void a_noised_word_has_a_range(void **state)
{
	(void)state;
	struct study s;
	struct layout l;
	uint8_t octets_of[4 * 13] = {0};

	begin(&s, PRIVACY_LOCAL);
	lay_out(&l, &s, ASK_STATISTICS);
	uint32_t most = l.segments[0].noised.word_max;
	store_u32(octets_of + 8, most);
	store_u32(octets_of + 12, -most);
	assert_int_equal(layout_check_words(&l, 0, octets_of, 13, &why), OK);
	store_u32(octets_of + 8, most + 1);
	assert_int_equal(layout_check_words(&l, 0, octets_of, 13, &why), ERR_PEER_MESSAGE);
	store_u32(octets_of + 8, -most - 1);
	assert_int_equal(layout_check_words(&l, 0, octets_of, 13, &why), ERR_PEER_MESSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distributed_releases_sums_of_shares),
		cmocka_unit_test(local_releases_carry_all_of_the_noise),
		cmocka_unit_test(site_releases_clipped_updates),
		cmocka_unit_test(a_numeric_label_has_its_own_norms),
		cmocka_unit_test(a_noised_evaluation_is_asked_for_once),
		cmocka_unit_test(a_round_names_a_clip_when_the_contract_lets_it_move),
		cmocka_unit_test(a_clip_travels_unchanged),
		cmocka_unit_test(every_number_of_privacy_is_in_the_masked_plan),
		cmocka_unit_test(a_noised_word_has_a_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
