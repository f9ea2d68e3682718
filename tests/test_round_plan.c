/* protocol/round_plan: what each step asks, the layouts, and every plan that a site must not follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "protocol/round_plan.h"

static struct diag why;
static const char *codes[] = {"1", "2", "3", "4"};
static struct feature features[] = {
	{.name = "age", .type = COLUMN_NUMERIC, .min = 18, .max = 110},
	{.name = "sex", .type = COLUMN_BINARY},
	{.name = "cp", .type = COLUMN_CATEGORICAL, .levels = {codes, 4}},
};
static uint32_t sites_of_plan[] = {3, 11, 18, 25, 40};

static void a_study(struct study *s)
{
	*s = (struct study){.rounds = 4, .weights = WEIGHTS_BY_PATIENTS, .weight_cap = 5000, .update_range = 8};
	s->schema = (struct schema){.features = features, .feature_count = 3, .label = {.type = COLUMN_BINARY}};
	s->evaluate_every = 1;
	s->bins = 16;
	s->sites = (struct sites_rule){.min = 3, .max_dropouts = 1, .max_colluders = 1, .masking = MASKING_OFF};
	memset(s->hash.b, 7, HASH_SIZE);
	spec_begin(&s->model, 5);
	assert_int_equal(spec_add_layer(&s->model, "dense 8", &why), OK);
	assert_int_equal(spec_add_layer(&s->model, "relu", &why), OK);
	assert_int_equal(spec_add_layer(&s->model, "dense 1", &why), OK);
	assert_int_equal(spec_end(&s->model, LOSS_BINARY_CROSS_ENTROPY, 1, &why), OK);
}

/* A plan of that study that its sites follow. The sites are borrowed: it is not for round_plan_free. */
static void a_plan(struct round_plan *p, const struct study *s, uint32_t step)
{
	*p = (struct round_plan){.study_hash = s->hash, .round = step + 2, .attempt = 2, .step = step};
	p->asks = round_plan_asks(s, step);
	p->sites = sites_of_plan;
	p->site_count = 5;
	if (step == 0)
		return;
	memset(p->model.b, 9, HASH_SIZE);
	p->model_octets = 1000;
}

/* ---- what is asked */

static void asks_of_each_step(void **state)
{
	(void)state;
	struct study s;
	a_study(&s);
	const struct {
		uint32_t rounds, every;
		enum evaluation_release release;
		const char *asks; /* s, t, e; b: train and evaluate; -: over */
	} rows[] = {
		{4, 1, EVALUATION_MASKED, "stbbbe--"}, {4, 2, EVALUATION_MASKED, "sttbte--"},
		{4, 3, EVALUATION_MASKED, "stttbe--"}, {4, 4, EVALUATION_MASKED, "stttte--"},
		{4, 0, EVALUATION_MASKED, "stttte--"}, {4, 1, EVALUATION_NONE, "stttt---"},
		{1, 1, EVALUATION_MASKED, "ste-----"}, {1, 0, EVALUATION_NONE, "st------"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s.rounds = rows[i].rounds;
		s.evaluate_every = rows[i].every;
		s.evaluation = rows[i].release;
		for (uint32_t step = 0; rows[i].asks[step]; step++) {
			unsigned asks = round_plan_asks(&s, step);
			const char *letters = "-st?e?b?"; /* by the value of asks */
			assert_int_equal(letters[asks], rows[i].asks[step]);
		}
	}
	assert_int_equal(round_plan_asks(&s, UINT32_MAX), 0);
	s.rounds = UINT32_MAX; /* no wrap at the end */
	assert_int_equal(round_plan_asks(&s, UINT32_MAX), ASK_TRAIN);
}

/* ---- layouts */

static void assert_segment(const struct layout *l, enum segment_kind kind, enum segment_coding coding, uint32_t first,
                           uint32_t items, double bound)
{
	const struct segment *s = layout_find(l, kind);
	assert_non_null(s);
	assert_int_equal(s->coding, coding);
	assert_int_equal(s->first, first);
	assert_int_equal(s->items, items);
	assert_true(s->bound == bound);
}

static void layout_of_each_kind(void **state)
{
	(void)state;
	struct study s;
	struct layout l;
	a_study(&s);
	assert_int_equal(round_plan_layout(&l, &s, ASK_STATISTICS, 5, &why), OK);
	assert_int_equal(l.count, 1);
	assert_int_equal(l.words, 26);
	assert_segment(&l, SEGMENT_STATISTICS, CODING_WIDE, 0, 3 + 3 + 5 + 2, 5000);

	assert_int_equal(round_plan_layout(&l, &s, ASK_TRAIN, 5, &why), OK);
	assert_int_equal(l.count, 2);
	assert_int_equal(l.words, 58);
	assert_segment(&l, SEGMENT_UPDATE, CODING_NARROW, 0, 5 * 8 + 8 + 8 + 1, 8);
	assert_segment(&l, SEGMENT_WEIGHT, CODING_COUNT, 57, 1, 5000);

	assert_int_equal(round_plan_layout(&l, &s, ASK_TRAIN | ASK_EVALUATE, 5, &why), OK);
	assert_int_equal(l.count, 4);
	assert_segment(&l, SEGMENT_UPDATE, CODING_NARROW, 0, 57, 8);
	assert_segment(&l, SEGMENT_LOSS, CODING_WIDE, 58, 2, 5000 * 32);
	assert_segment(&l, SEGMENT_COUNTS, CODING_COUNT, 62, 2 * 2 * 16, 5000);
	assert_int_equal(l.words, 126);

	assert_int_equal(round_plan_layout(&l, &s, ASK_EVALUATE, 5, &why), OK);
	assert_segment(&l, SEGMENT_LOSS, CODING_WIDE, 0, 2, 5000 * 32);
	assert_int_equal(l.words, 68);
}

static void layout_of_several_classes(void **state)
{
	(void)state;
	struct study s;
	struct layout l;
	a_study(&s);
	s.schema.label = (struct label){.type = COLUMN_CATEGORICAL, .levels = {codes, 4}};
	spec_begin(&s.model, 5);
	assert_int_equal(spec_add_layer(&s.model, "dense 4", &why), OK);
	assert_int_equal(spec_end(&s.model, LOSS_SOFTMAX_CROSS_ENTROPY, 4, &why), OK);
	assert_int_equal(round_plan_layout(&l, &s, ASK_STATISTICS, 3, &why), OK);
	assert_segment(&l, SEGMENT_STATISTICS, CODING_WIDE, 0, 3 + 3 + 5 + 4, 5000);
	assert_int_equal(round_plan_layout(&l, &s, ASK_EVALUATE, 3, &why), OK);
	assert_segment(&l, SEGMENT_COUNTS, CODING_COUNT, 4, 2 * 4 * 4, 5000);
	s.class_bins = 64;
	assert_int_equal(round_plan_layout(&l, &s, ASK_EVALUATE, 3, &why), OK);
	assert_segment(&l, SEGMENT_COUNTS, CODING_COUNT, 4, 2 * (4 * 4 + 4 * 2 * 64), 5000);
}

static void layout_of_a_number(void **state)
{
	(void)state;
	struct study s;
	struct layout l;
	a_study(&s);
	s.schema.label = (struct label){.type = COLUMN_NUMERIC, .min = 60, .max = 240};
	assert_int_equal(round_plan_figures(&s), SEGMENT_ERRORS);
	assert_int_equal(round_plan_layout(&l, &s, ASK_STATISTICS, 3, &why), OK);
	assert_segment(&l, SEGMENT_STATISTICS, CODING_WIDE, 0, 3 + 3 + 5 + 3, 5000);
	for (uint32_t n = 1; n <= SITES_MAX; n = n * 2 + 1) {
		assert_int_equal(round_plan_layout(&l, &s, ASK_EVALUATE, n, &why), OK);
		assert_segment(&l, SEGMENT_LOSS, CODING_WIDE, 0, 2, 5000 * 32);
		assert_segment(&l, SEGMENT_ERRORS, CODING_WIDE, 4, 2 * 5, 5000 * 4);
		assert_null(layout_find(&l, SEGMENT_COUNTS));
		assert_int_equal(l.words, 4 + 20);
	}
	s.schema.patient_id = "patient"; /* the largest sums that a contract can ask for: rows stay whole */
	s.weight_cap = WEIGHT_CAP_MAX;
	for (uint32_t n = 1; n <= SITES_MAX; n = n * 2 + 1) {
		assert_int_equal(round_plan_layout(&l, &s, ASK_EVALUATE, n, &why), OK);
		assert_true(layout_find(&l, SEGMENT_ERRORS)->grid <= 1);
	}
}

static void row_caps(void **state)
{
	(void)state;
	struct study s;
	a_study(&s);
	assert_int_equal(round_plan_row_cap(&s, 5), 5000);
	assert_int_equal(round_plan_row_cap(&s, 4096), 5000);
	s.weight_cap =
		5e6; /* a row per patient: the contract's number stands, and the layout refuses what cannot be added */
	assert_int_equal(round_plan_row_cap(&s, 4096), 5000000);

	s.schema.patient_id = "patient";
	s.weight_cap = 5000;
	assert_int_equal(round_plan_row_cap(&s, 5), 320000);
	s.weight_cap = 1e6;
	assert_int_equal(round_plan_row_cap(&s, 5), CSV_ROWS_MAX);
	assert_int_equal(round_plan_row_cap(&s, 4096), 524287);

	s.weights = WEIGHTS_EQUAL;
	s.weight_cap = 1;
	s.schema.patient_id = NULL;
	assert_int_equal(round_plan_row_cap(&s, 5), WEIGHT_CAP_MAX);
	assert_int_equal(round_plan_row_cap(&s, 215), 9988296); /* floor((2^31 - 1) / 215) */
	assert_int_equal(round_plan_row_cap(&s, 4096), 524287);
}

static void equal_weights(void **state)
{
	(void)state;
	struct study s;
	struct layout l;
	a_study(&s);
	s.weights = WEIGHTS_EQUAL;
	s.weight_cap = 1;
	for (uint32_t n = 1; n <= SITES_MAX; n = n * 2 + 1) {
		assert_int_equal(round_plan_layout(&l, &s, ASK_TRAIN | ASK_EVALUATE, n, &why), OK);
		assert_segment(&l, SEGMENT_WEIGHT, CODING_COUNT, 57, 1, 1);
		assert_segment(&l, SEGMENT_COUNTS, CODING_COUNT, 62, 64, round_plan_row_cap(&s, n));
		assert_int_equal(round_plan_layout(&l, &s, ASK_STATISTICS, n, &why), OK);
	}
}

static void layouts_that_overflow(void **state)
{
	(void)state;
	struct study s;
	struct layout l;
	a_study(&s);
	s.weight_cap = 1e6;
	assert_int_equal(round_plan_layout(&l, &s, ASK_TRAIN, 2147, &why), OK);
	assert_int_equal(round_plan_layout(&l, &s, ASK_TRAIN, 2148, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "2148 sites"));
	assert_int_equal(round_plan_layout(&l, &s, ASK_EVALUATE, 2148, &why), ERR_LIMIT);
	assert_int_equal(round_plan_layout(&l, &s, ASK_STATISTICS, 4096, &why), OK);
	assert_int_equal(round_plan_layout(&l, &s, ASK_TRAIN, 0, &why), ERR_LIMIT);
	assert_int_equal(round_plan_layout(&l, &s, ASK_STATISTICS, UINT32_MAX, &why), ERR_LIMIT);
}

/* ---- plans that a site follows, and does not */

static void assert_refused(const struct round_plan *p, const struct study *s, uint32_t self, const char *words)
{
	why.text[0] = 0;
	assert_int_equal(round_plan_check(p, s, self, &why), ERR_PROTOCOL);
	if (!strstr(why.text, words))
		fail_msg("\"%s\" does not hold \"%s\"", why.text, words);
}

static void good_plans(void **state)
{
	(void)state;
	struct study s;
	struct round_plan p;
	a_study(&s);
	for (uint32_t step = 0; step <= 5; step++) {
		a_plan(&p, &s, step);
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(round_plan_check(&p, &s, sites_of_plan[i], &why), OK);
		p.round = step + 1;
		p.attempt = ATTEMPTS_MAX;
		assert_int_equal(round_plan_check(&p, &s, 3, &why), OK);
		p.round = UINT64_MAX;
		p.attempt = 1;
		assert_int_equal(round_plan_check(&p, &s, 3, &why), OK);
	}
	a_plan(&p, &s, 6);
	assert_refused(&p, &s, 3, "is over");
}

static void terms_that_do_not_hold(void **state)
{
	(void)state;
	struct study s;
	struct round_plan p;
	a_study(&s);
	for (size_t byte = 0; byte < HASH_SIZE; byte++) {
		a_plan(&p, &s, 2);
		p.study_hash.b[byte] ^= 1;
		assert_refused(&p, &s, 3, "another contract");
	}
	a_plan(&p, &s, 2);
	p.attempt = 0;
	assert_refused(&p, &s, 3, "attempt 0");
	p.attempt = ATTEMPTS_MAX + 1;
	assert_refused(&p, &s, 3, "attempt 17");
	a_plan(&p, &s, 2);
	p.round = 2;
	assert_refused(&p, &s, 3, "step 2 in round 2");
	p.round = 0;
	assert_refused(&p, &s, 3, "round 0");
	for (uint32_t step = 0; step <= 5; step++) {
		for (unsigned asks = 0; asks < 9; asks++) {
			a_plan(&p, &s, step);
			if (asks == p.asks)
				continue;
			p.asks = asks;
			assert_refused(&p, &s, 3, "the study's rule gives");
		}
	}
}

static void the_roster_is_for_masks(void **state)
{
	(void)state;
	struct study s;
	struct round_plan p;
	a_study(&s);
	a_plan(&p, &s, 1);
	memset(p.roster.b, 5, HASH_SIZE);
	assert_refused(&p, &s, 3, "names the roster when, and only when");
	s.sites.masking = MASKING_REQUIRED;
	p.roster = (struct hash){{0}};
	assert_refused(&p, &s, 3, "names the roster when, and only when");
}

static void models_that_do_not_fit(void **state)
{
	(void)state;
	struct study s;
	struct round_plan p;
	a_study(&s);
	a_plan(&p, &s, 1);
	p.model_octets = 0;
	assert_refused(&p, &s, 3, "must name a model");
	p.model_octets = MODEL_FILE_MAX + 1;
	assert_refused(&p, &s, 3, "octets");
	a_plan(&p, &s, 1);
	p.model = (struct hash){{0}};
	assert_refused(&p, &s, 3, "must name a model");
	a_plan(&p, &s, 0);
	p.model_octets = 1;
	assert_refused(&p, &s, 3, "must not name a model");
	a_plan(&p, &s, 0);
	p.model.b[31] = 1;
	assert_refused(&p, &s, 3, "must not name a model");
}

static void sites_that_do_not_hold(void **state)
{
	(void)state;
	struct study s;
	struct round_plan p;
	a_study(&s);
	a_plan(&p, &s, 2);
	const uint32_t strangers[] = {0, 1, 4, 41, UINT32_MAX};
	for (size_t i = 0; i < 5; i++)
		assert_refused(&p, &s, strangers[i], "not invited");
	p.site_count = 2;
	assert_refused(&p, &s, 3, "sites.min is 3");
	p.site_count = 0;
	assert_refused(&p, &s, 3, "not invited");
	uint32_t doubled[] = {3, 11, 11, 25}, zero[] = {0, 3, 11, 25}, descending[] = {3, 25, 11, 40};
	p.site_count = 4;
	p.sites = doubled;
	assert_refused(&p, &s, 3, "ascending order at place 2");
	p.sites = zero;
	assert_refused(&p, &s, 3, "ascending order at place 0");
	p.sites = descending;
	assert_refused(&p, &s, 3, "ascending order at place 2");
	static uint32_t many[VECTOR_SITES_MAX + 1]; /* messages hold fewer: that is the reader's bound */
	for (uint32_t i = 0; i <= VECTOR_SITES_MAX; i++)
		many[i] = i + 1;
	p.sites = many;
	p.site_count = 10000;
	assert_int_equal(round_plan_check(&p, &s, 3, &why), OK);
	p.site_count = VECTOR_SITES_MAX + 1;
	assert_refused(&p, &s, 3, "a round of 1048577 sites");
	p.site_count = 2148;
	s.weight_cap = 1e6;
	assert_refused(&p, &s, 3, "does not fit 31 bits");
}

/* ---- hash and copies */

/* From an independent implementation: hashlib.blake2b(tag + fields, digest_size=32), each field led by its u32le length. */
static void hash_known(void **state)
{
	(void)state;
	struct study s;
	struct round_plan p;
	struct hash h;
	char hex[HASH_HEX_SIZE];
	a_study(&s);
	a_plan(&p, &s, 2);
	round_plan_hash(&h, &p);
	hash_hex(hex, &h);
	assert_string_equal(hex, "935120dc6f7f846d401e9067334ba0927bd68e9cb2772ec3f882fdb3c79a8f92");
	a_plan(&p, &s, 0);
	round_plan_hash(&h, &p);
	hash_hex(hex, &h);
	assert_string_equal(hex, "f518acb6c701837074fdbe6286906854d937ecdf5175ea7616dfe7362e459194");
}

static void hash_binds_all_but_the_attempt(void **state)
{
	(void)state;
	struct study s;
	struct round_plan p[8];
	struct hash h[8], other;
	uint32_t sites[] = {3, 11, 18, 25, 41};
	a_study(&s);
	for (size_t i = 0; i < 8; i++)
		a_plan(&p[i], &s, 2);
	p[1].study_hash.b[0] ^= 1;
	p[2].round++;
	p[3].step++;
	p[4].asks = ASK_TRAIN;
	p[5].model.b[31] ^= 1;
	p[6].model_octets++;
	p[7].sites = sites;
	for (size_t i = 0; i < 8; i++) {
		round_plan_hash(&h[i], &p[i]);
		for (size_t j = 0; j < i; j++)
			assert_false(hash_equal(&h[i], &h[j]));
	}
	p[0].site_count = 4;
	round_plan_hash(&other, &p[0]);
	assert_false(hash_equal(&h[0], &other));
	p[0].site_count = 5;
	p[0].attempt = 9;
	round_plan_hash(&other, &p[0]);
	assert_true(hash_equal(&h[0], &other));
}

static void copies_are_deep(void **state)
{
	(void)state;
	struct study s;
	struct round_plan p, copy = {0};
	a_study(&s);
	a_plan(&p, &s, 2);
	round_plan_copy(&copy, &p);
	assert_true(copy.sites != p.sites && copy.site_count == 5);
	assert_memory_equal(copy.sites, p.sites, sizeof(sites_of_plan));
	assert_true(hash_equal(&copy.model, &p.model) && copy.round == p.round && copy.attempt == p.attempt);
	p.sites = NULL;
	p.site_count = 0;
	round_plan_copy(&copy, &p); /* frees what it held */
	assert_null(copy.sites);
	assert_false(round_plan_invites(&copy, 3));
	round_plan_free(&copy);
	round_plan_free(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_of_each_step),
		cmocka_unit_test(layout_of_each_kind),
		cmocka_unit_test(layout_of_several_classes),
		cmocka_unit_test(layout_of_a_number),
		cmocka_unit_test(row_caps),
		cmocka_unit_test(equal_weights),
		cmocka_unit_test(layouts_that_overflow),
		cmocka_unit_test(good_plans),
		cmocka_unit_test(terms_that_do_not_hold),
		cmocka_unit_test(models_that_do_not_fit),
		cmocka_unit_test(the_roster_is_for_masks),
		cmocka_unit_test(sites_that_do_not_hold),
		cmocka_unit_test(hash_known),
		cmocka_unit_test(hash_binds_all_but_the_attempt),
		cmocka_unit_test(copies_are_deep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
