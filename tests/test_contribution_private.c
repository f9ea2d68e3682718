/*
 * What leaves a site under privacy, in its terms: one unit more or less moves every release by no more than the sensitivity that the
 * noise was made for, with the same noise; noise comes before rows; nothing that rows hold makes an error, a length or another
 * draw. What the words are is held against a slow reference in test_dp_sgd.c.
 */
#include "tests/support/private_site.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENTS = 60 };

/* Noise of a few grid units: the finest grids. */
#define LITTLE 1.5

static const enum privacy_mechanism mechanisms[] = {PRIVACY_DISTRIBUTED, PRIVACY_LOCAL, PRIVACY_SITE};

static enum privacy_unit unit_of(enum privacy_mechanism m)
{
	return m == PRIVACY_SITE ? UNIT_SITE : UNIT_PATIENT;
}

/* ---- one unit more or less */

/* The L2 norm, in the values' units, of how far two answers with the same noise are apart; 0 for the words of no noised segment. */
static double distance(const struct private_site *a, const struct private_site *b, enum segment_kind kind)
{
	const struct segment *s = layout_find(a->layout, kind);
	double squared = 0;

	if (s == NULL || s->coding != CODING_NOISED)
		return 0;
	for (uint32_t i = 0; i < s->items; i++) {
		double moved = ((double)private_word(a, kind, i) - private_word(b, kind, i)) * s->grid;

		squared += moved * moved;
	}
	return sqrt(squared);
}

/* Loss and figures are one release. */
static double distance_of_release(const struct private_site *a, const struct private_site *b, unsigned asks)
{
	if (asks & ASK_STATISTICS)
		return distance(a, b, SEGMENT_STATISTICS);
	if (asks & ASK_EVALUATE)
		return hypot(distance(a, b, SEGMENT_LOSS),
		             hypot(distance(a, b, SEGMENT_COUNTS), distance(a, b, SEGMENT_ERRORS)));
	return hypot(distance(a, b, SEGMENT_GRADIENT), distance(a, b, SEGMENT_UPDATE));
}

/* The largest distance over patients that `without` leaves out, in sensitivities. */
static double largest_distance(const struct private_study *s, unsigned asks)
{
	struct private_site with, less;
	struct table all, table;
	double most = 0, sensitivity;

	private_table(&all, s, PATIENTS, 3);
	private_site(&with, s, &all);
	private_site_fill_good(&with, s, asks, 5);
	sensitivity = with.layout->segments[0].noised.sensitivity;
	for (uint32_t patient = 0; patient < PATIENTS; patient++) {
		private_table_without(&table, &all, patient);
		private_site(&less, s, &table);
		private_site_fill_good(&less, s, asks, 5);
		most = fmax(most, distance_of_release(&with, &less, asks) / sensitivity);
		private_site_free(&less);
		table_free(&table);
	}
	private_site_free(&with);
	table_free(&all);
	return most;
}

static void test_a_patient_moves_no_release_further_than_its_sensitivity(void **state)
{
	(void)state;
	for (int numeric = 0; numeric < 2; numeric++) {
		struct private_study s;

		private_study(&s, PRIVACY_DISTRIBUTED, UNIT_PATIENT, LITTLE, numeric == 1);
		s.study.privacy.sampling_rate = 1; /* or samples differ, too */
		s.study.privacy.clip = 0.05; /* all are clipped */
		double statistics = largest_distance(&s, ASK_STATISTICS), training = largest_distance(&s, ASK_TRAIN);
		double evaluation = largest_distance(&s, ASK_EVALUATE);

		assert_true(statistics <= 1 && statistics > 0.5);
		assert_true(training <= 1 && training > 0.9);
		assert_true(evaluation <= 1 && evaluation > 0.4);
		private_study_free(&s);
	}
}

/* A whole site more or less: its answer without the noise, which a site without rows has alone. */
static void check_site(bool numeric)
{
	static const unsigned asks[] = {ASK_STATISTICS, ASK_TRAIN, ASK_EVALUATE};
	struct private_study s;
	struct private_site whole, empty;
	struct table all, none;

	private_study(&s, PRIVACY_SITE, UNIT_SITE, LITTLE, numeric);
	s.study.privacy.clip = 0.01;
	private_table(&all, &s, PATIENTS, 3);
	private_table(&none, &s, 0, 3);
	private_site(&whole, &s, &all);
	private_site(&empty, &s, &none);
	for (int i = 0; i < 3; i++) {
		private_site_fill_good(&whole, &s, asks[i], 5);
		private_site_fill_good(&empty, &s, asks[i], 5);
		double moved =
			distance_of_release(&whole, &empty, asks[i]) / whole.layout->segments[0].noised.sensitivity;
		assert_true(moved <= 1 && moved > (asks[i] == ASK_TRAIN ? 0.9 : 0.15));
	}
	private_site_free(&whole);
	private_site_free(&empty);
	table_free(&all);
	table_free(&none);
	private_study_free(&s);
}

static void test_a_site_moves_no_release_further_than_its_sensitivity(void **state)
{
	(void)state;
	check_site(false);
	check_site(true);
}

/* ---- noise first, noise once */

static void look_at_rows(void *context)
{
	struct private_site *p = context;

	for (int part = 0; part < PART_COUNT; part++)
		assert_null(p->rows.parts[part].inputs);
	assert_false(p->rows.divided);
	p->source.before = NULL; /* what comes later are samples, or the noise of later steps */
}

static void test_noise_comes_before_rows(void **state)
{
	static const unsigned asks[] = {ASK_STATISTICS, ASK_TRAIN, ASK_EVALUATE};

	(void)state;
	for (int m = 0; m < 3; m++)
		for (int i = 0; i < 3; i++) {
			struct private_study s;
			struct private_site p;
			struct table t;

			if (mechanisms[m] == PRIVACY_LOCAL && asks[i] == ASK_TRAIN)
				continue; /* each step's is drawn before that step's rows */
			private_study(&s, mechanisms[m], unit_of(mechanisms[m]), LITTLE, false);
			private_table(&t, &s, PATIENTS, 3);
			private_site(&p, &s, &t);
			p.source.before = look_at_rows;
			p.source.context = &p;
			private_site_fill_good(&p, &s, asks[i], 5);
			assert_null(p.source.before); /* it was drawn */
			private_site_free(&p);
			table_free(&t);
			private_study_free(&s);
		}
}

static void test_no_noise_serves_twice(void **state)
{
	struct private_study s;
	struct private_site p;
	struct table none;
	uint32_t same = 0;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED, UNIT_PATIENT, 100, false);
	private_table(&none, &s, 0, 3);
	private_site(&p, &s, &none);
	private_site_fill_good(&p, &s, ASK_TRAIN, 5);
	uint32_t items = private_segment(&p, SEGMENT_GRADIENT)->items;
	int32_t *first = mem_array(items, sizeof *first);
	for (uint32_t i = 0; i < items; i++)
		first[i] = private_word(&p, SEGMENT_GRADIENT, i);
	private_site_fill_good(&p, &s, ASK_TRAIN, 6);
	for (uint32_t i = 0; i < items; i++)
		same += first[i] == private_word(&p, SEGMENT_GRADIENT, i);
	assert_true(same < items / 4);
	for (uint32_t i = 0; i < p.workspace.noise.room; i++) /* and none stays in memory */
		assert_int_equal(p.workspace.noise.words[i], 0);
	free(first);
	private_site_free(&p);
	table_free(&none);
	private_study_free(&s);
}

/* ---- ahead: a hospital that is idle, or has yet to read its rows */

static struct round_plan statistics_plan(const struct private_study *s)
{
	static uint32_t numbers[PRIVATE_SITES_MAX] = {1, 2, 3, 4, 5, 6};

	return (struct round_plan){.study_hash = s->study.hash,
	                           .round = 1,
	                           .attempt = 1,
	                           .asks = ASK_STATISTICS,
	                           .sites = numbers,
	                           .site_count = s->sites};
}

static void test_noise_that_is_drawn_ahead_serves(void **state)
{
	struct private_entropy source = {0};
	struct contribution_report report;
	struct private_study s;
	struct contributor c;
	struct table t = {0}, other;
	struct buf first, second;
	uint64_t drawn;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED, UNIT_PATIENT, 3, false);
	struct round_plan plan = statistics_plan(&s);
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	contributor_init(&c, &s.study, &t, "st-mary"); /* the rows are not there yet */
	c.entropy = private_entropy(&source, 5);
	assert_int_equal(contribution_draw(&c, &plan, NULL), OK);
	drawn = source.octets;
	assert_true(drawn > 0);
	private_table(&t, &s, PATIENTS, 3);
	assert_int_equal(contribution_compute(&c, &first, &report, &plan, bytes_of(NULL, 0), NULL, NULL), OK);
	assert_int_equal(source.octets, drawn);
	assert_int_equal(contribution_compute(&c, &second, &report, &plan, bytes_of(NULL, 0), NULL, NULL), OK);
	assert_int_equal(source.octets, 2 * drawn); /* served */
	assert_false(bytes_equal(buf_bytes(&first), buf_bytes(&second)));

	private_table(&other, &s, PATIENTS, 4); /* other rows in the same table */
	table_free(&t);
	t = other;
	contributor_renew(&c);
	c.entropy = private_entropy(&source, 5);
	assert_int_equal(contribution_compute(&c, &second, &report, &plan, bytes_of(NULL, 0), NULL, NULL), OK);
	contributor_free(&c);
	contributor_init(&c, &s.study, &t, "st-mary");
	c.entropy = private_entropy(&source, 5);
	assert_int_equal(contribution_compute(&c, &first, &report, &plan, bytes_of(NULL, 0), NULL, NULL), OK);
	assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&second))); /* as if it had never seen the others */
	contributor_free(&c);
	buf_free(&first);
	buf_free(&second);
	table_free(&t);
	private_study_free(&s);
}

static void test_mechanism_none_takes_no_entropy(void **state)
{
	struct private_study s;
	struct private_site p;
	struct table t;

	(void)state;
	private_study(&s, PRIVACY_NONE, UNIT_PATIENT, 0, false);
	private_table(&t, &s, PATIENTS, 3);
	private_site(&p, &s, &t);
	private_site_fill_good(&p, &s, ASK_STATISTICS, 5);
	assert_int_equal(p.source.octets, 0);
	private_site_fill_good(&p, &s, ASK_TRAIN | ASK_EVALUATE, 5);
	assert_int_equal(p.source.octets, 0);
	assert_null(p.workspace.noise.words);
	assert_false(p.rows.divided);
	private_site_free(&p);
	table_free(&t);
	private_study_free(&s);
}

/* ---- what rows hold decides nothing but the words */

/* A patient whose rows make no numbers: cells that no reader lets through. */
static void spoil(struct table *t, uint32_t patient)
{
	for (uint32_t row = 0; row < t->rows; row++)
		if (t->patients[row] == patient)
			t->cells[(size_t)row * t->schema->feature_count] = INFINITY;
}

static void check_spoilt(enum privacy_mechanism m, unsigned asks)
{
	struct private_study s;
	struct private_site sane, spoilt;
	struct table t, u;

	private_study(&s, m, unit_of(m), LITTLE, false);
	private_table(&t, &s, PATIENTS, 3);
	private_table(&u, &s, PATIENTS, 3);
	for (uint32_t patient = 0; patient < 5; patient++)
		spoil(&u, patient);
	private_site(&sane, &s, &t);
	private_site(&spoilt, &s, &u);
	private_site_fill_good(&sane, &s, asks, 5);
	private_site_fill_good(&spoilt, &s, asks, 5);
	assert_int_equal(sane.layout->words, spoilt.layout->words);
	assert_int_equal(sane.source.octets, spoilt.source.octets);
	assert_int_equal(sane.report.clipped.rows, spoilt.report.clipped.rows); /* as many went through the model */
	assert_int_equal(sane.report.clipped.units, spoilt.report.clipped.units);
	if (m != PRIVACY_SITE && asks == ASK_TRAIN)
		assert_true(spoilt.report.clipped.unusable > 0);
	private_site_free(&sane);
	private_site_free(&spoilt);
	table_free(&t);
	table_free(&u);
	private_study_free(&s);
}

static void test_a_patient_without_numbers_is_no_error(void **state)
{
	(void)state;
	for (int m = 0; m < 3; m++) {
		check_spoilt(mechanisms[m], ASK_STATISTICS);
		check_spoilt(mechanisms[m], ASK_TRAIN);
		check_spoilt(mechanisms[m], ASK_EVALUATE);
	}
}

/* The others' words are as if that patient were not there. */
static void test_a_patient_without_numbers_contributes_nothing(void **state)
{
	struct private_study s;
	struct private_site spoilt, less;
	struct table t, u;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED, UNIT_PATIENT, LITTLE, false);
	s.study.privacy.sampling_rate = 1;
	private_table(&t, &s, PATIENTS, 3);
	private_table_without(&u, &t, 6);
	spoil(&t, 6);
	private_site(&spoilt, &s, &t);
	private_site(&less, &s, &u);
	private_site_fill_good(&spoilt, &s, ASK_TRAIN, 5);
	private_site_fill_good(&less, &s, ASK_TRAIN, 5);
	assert_int_equal(spoilt.report.clipped.unusable, 1);
	assert_memory_equal(spoilt.octets, less.octets, 4 * (size_t)spoilt.layout->words);
	private_site_free(&spoilt);
	private_site_free(&less);
	table_free(&t);
	table_free(&u);
	private_study_free(&s);
}

/* A training that leaves the numbers: a site's update is none, a local one stays where it was. */
static void test_a_training_without_numbers_is_no_error(void **state)
{
	struct private_study s;
	struct private_site p, empty;
	struct table t, none;

	(void)state;
	private_study(&s, PRIVACY_SITE, UNIT_SITE, LITTLE, false);
	s.study.local.learning_rate = 1e39;
	private_table(&t, &s, PATIENTS, 3);
	private_table(&none, &s, 0, 3);
	private_site(&p, &s, &t);
	private_site(&empty, &s, &none);
	private_site_fill_good(&p, &s, ASK_TRAIN, 5);
	private_site_fill_good(&empty, &s, ASK_TRAIN, 5);
	assert_memory_equal(p.octets, empty.octets, 4 * (size_t)p.layout->words);
	private_site_free(&p);
	private_site_free(&empty);
	table_free(&t);
	table_free(&none);
	private_study_free(&s);

	private_study(&s, PRIVACY_LOCAL, UNIT_PATIENT, LITTLE, false);
	s.study.local.learning_rate = 1e39;
	private_table(&t, &s, PATIENTS, 3);
	private_site(&p, &s, &t);
	private_site_fill_good(&p, &s, ASK_TRAIN, 5);
	for (uint32_t i = 0; i < private_segment(&p, SEGMENT_UPDATE)->items; i++)
		assert_int_equal(private_word(&p, SEGMENT_UPDATE, i), 0);
	private_site_free(&p);
	table_free(&t);
	private_study_free(&s);
}

/* ---- sites at the edge */

static void check_empty(enum privacy_mechanism m, unsigned asks, uint32_t patients, double rate)
{
	struct private_study s;
	struct private_site p, full;
	struct table t, all;
	bool noise = false;

	private_study(&s, m, unit_of(m), 100, false);
	s.study.privacy.sampling_rate = rate;
	private_table(&t, &s, patients, 3);
	private_table(&all, &s, PATIENTS, 3);
	private_site(&p, &s, &t);
	private_site(&full, &s, &all);
	private_site_fill_good(&p, &s, asks, 5);
	private_site_fill_good(&full, &s, asks, 5);
	assert_int_equal(p.layout->words, full.layout->words);
	for (uint32_t i = 0; i < p.layout->segments[0].items; i++)
		noise = noise || private_word(&p, p.layout->segments[0].kind, i) != 0;
	assert_true(noise);
	if (m == PRIVACY_LOCAL && asks == ASK_TRAIN)
		assert_int_equal(private_word(&p, SEGMENT_WEIGHT, 0), 1); /* its rows are nobody's business */
	private_site_free(&p);
	private_site_free(&full);
	table_free(&t);
	table_free(&all);
	private_study_free(&s);
}

static void test_an_empty_site_answers_with_noise(void **state)
{
	(void)state;
	for (int m = 0; m < 3; m++) {
		double rate = mechanisms[m] == PRIVACY_SITE ? 1 : 0.5;

		check_empty(mechanisms[m], ASK_STATISTICS, 0, rate);
		check_empty(mechanisms[m], ASK_TRAIN, 0, rate);
		check_empty(mechanisms[m], ASK_EVALUATE, 0, rate);
		check_empty(mechanisms[m], ASK_EVALUATE, 3, rate); /* training patients alone: no part to evaluate */
	}
}

static void test_an_empty_batch_answers_with_noise(void **state)
{
	(void)state;
	check_empty(PRIVACY_DISTRIBUTED, ASK_TRAIN, PATIENTS, 1e-12);
	check_empty(PRIVACY_LOCAL, ASK_TRAIN, PATIENTS, 1e-12);
}

/* Caps of rows and patients are judged at approval: no round is refused for them. */
static void test_no_cap_is_told(void **state)
{
	struct private_study s;
	struct private_site p;
	struct table t;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED, UNIT_PATIENT, LITTLE, false);
	s.study.weights = WEIGHTS_BY_PATIENTS;
	s.study.weight_cap = 1;
	private_table(&t, &s, PATIENTS, 3);
	private_site(&p, &s, &t);
	private_site_fill_good(&p, &s, ASK_STATISTICS, 5);
	private_site_fill_good(&p, &s, ASK_TRAIN, 5);
	s.study.evaluation = EVALUATION_MASKED;
	private_site_free(&p);
	private_site(&p, &s, &t);
	private_site_fill_good(&p, &s, ASK_EVALUATE, 5);
	assert_int_equal(p.source.octets, 0); /* exact, as without privacy */
	private_site_free(&p);
	table_free(&t);
	private_study_free(&s);
}

/* ---- a record, a patient */

static void test_units_are_the_study_s(void **state)
{
	(void)state;
	for (int unit = UNIT_RECORD; unit <= UNIT_PATIENT; unit++) {
		struct private_study s;
		struct private_site p;
		struct table t;

		private_study(&s, PRIVACY_DISTRIBUTED, (enum privacy_unit)unit, LITTLE, false);
		s.study.privacy.sampling_rate = 1;
		private_table(&t, &s, PATIENTS, 3);
		private_site(&p, &s, &t);
		private_site_fill_good(&p, &s, ASK_TRAIN, 5);
		assert_int_equal(p.report.clipped.units,
		                 unit == UNIT_RECORD ? t.part_rows[PART_TRAIN] : t.part_patients[PART_TRAIN]);
		assert_int_equal(p.report.clipped.rows, t.part_rows[PART_TRAIN]);
		private_site_free(&p);
		table_free(&t);
		private_study_free(&s);
	}
}

/* ---- the clip that follows */

static void check_within(double clip, double learning_rate, double expected)
{
	struct private_study s;
	struct private_site p, empty;
	struct table t, none;

	private_study(&s, PRIVACY_SITE, UNIT_SITE, LITTLE, false);
	s.study.privacy.clip = clip;
	s.study.privacy.clip_rate = 0.2;
	s.study.privacy.clip_quantile = 0.5;
	s.study.local.learning_rate = learning_rate;
	private_table(&t, &s, PATIENTS, 3);
	private_table(&none, &s, 0, 3);
	private_site(&p, &s, &t);
	private_site(&empty, &s, &none);
	private_site_fill_good(&p, &s, ASK_TRAIN, 5);
	private_site_fill_good(&empty, &s, ASK_TRAIN, 5);
	double grid = private_segment(&p, SEGMENT_WITHIN)->grid;
	double noise = private_word(&empty, SEGMENT_WITHIN, 0) * grid - 0.5; /* no update is within any clip */
	assert_true(private_word(&p, SEGMENT_WITHIN, 0) * grid - noise == expected);
	private_site_free(&p);
	private_site_free(&empty);
	table_free(&t);
	table_free(&none);
	private_study_free(&s);
}

static void test_whether_the_update_was_within_the_clip(void **state)
{
	(void)state;
	check_within(1e-3, 0.125, -0.5);
	check_within(1e3, 0.125, 0.5);
	check_within(1e3, 1e39, -0.5); /* no numbers: not within */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_patient_moves_no_release_further_than_its_sensitivity),
		cmocka_unit_test(test_a_site_moves_no_release_further_than_its_sensitivity),
		cmocka_unit_test(test_noise_comes_before_rows),
		cmocka_unit_test(test_no_noise_serves_twice),
		cmocka_unit_test(test_noise_that_is_drawn_ahead_serves),
		cmocka_unit_test(test_mechanism_none_takes_no_entropy),
		cmocka_unit_test(test_a_patient_without_numbers_is_no_error),
		cmocka_unit_test(test_a_patient_without_numbers_contributes_nothing),
		cmocka_unit_test(test_a_training_without_numbers_is_no_error),
		cmocka_unit_test(test_an_empty_site_answers_with_noise),
		cmocka_unit_test(test_an_empty_batch_answers_with_noise),
		cmocka_unit_test(test_no_cap_is_told),
		cmocka_unit_test(test_units_are_the_study_s),
		cmocka_unit_test(test_whether_the_update_was_within_the_clip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
