/*
 * Partitions: what must hold for each of them whatever the table, what each is for, and what a person mistypes.
 */
#include "base/random.h"
#include "simulator/partition.h"
#include "tests/support/chi_square.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CLASSES = 4, ROWS_MAX = 4000, SITES_MOST = 200 };

static struct feature feature = {.name = "x", .column = "x", .type = COLUMN_NUMERIC, .min = 0, .max = 1};
static const char *levels[CLASSES] = {"a", "b", "c", "d"};
static const struct schema schema = {
	.features = &feature,
	.feature_count = 1,
	.label = {.name = "kind", .column = "kind", .type = COLUMN_CATEGORICAL, .levels = {levels, CLASSES}},
	.patient_id = "patient",
};

/* `patients` patients with 1 to `rows_each` rows in turns, each in one part; class i is i + 1 times as frequent as class 0. */
static void make_table(struct table *t, uint32_t patients, uint32_t rows_each, uint64_t seed)
{
	uint32_t rows = 0, row = 0;
	uint32_t *counts = calloc(patients, sizeof *counts);
	struct rng r;

	rng_seeded(&r, seed, "table");
	for (uint32_t i = 0; i < patients; i++)
		rows += counts[i] = 1 + (uint32_t)rng_below(&r, rows_each);
	table_make(t, &schema, rows);
	for (uint32_t i = 0; i < patients; i++) {
		uint32_t part = (uint32_t)rng_below(&r, PART_COUNT);
		for (uint32_t k = 0; k < counts[i]; k++, row++) {
			uint64_t x = rng_below(&r, CLASSES * (CLASSES + 1) / 2);
			t->classes[row] = (uint16_t)(x < 1 ? 0 : x < 3 ? 1 : x < 6 ? 2 : 3);
			t->patients[row] = i;
			t->parts[row] = (uint8_t)part;
		}
	}
	table_count(t);
	free(counts);
}

static struct partition parsed(const char *text)
{
	struct partition p;
	struct diag why = {{0}};

	if (partition_parse(&p, text, &why) != OK)
		fail_msg("%s", why.text);
	return p;
}

static void assign(uint32_t *out, const struct table *t, const char *text, uint32_t sites, uint64_t seed)
{
	struct partition p = parsed(text);
	struct diag why = {{0}};

	if (partition_assign(out, t, &p, sites, seed, &why) != OK)
		fail_msg("%s", why.text);
}

/* counts[site][class] of a table whose patients have a row each. */
static void count(uint32_t counts[][CLASSES], const struct table *t, const uint32_t *site_of, uint32_t sites)
{
	memset(counts, 0, sites * sizeof counts[0]);
	for (uint32_t i = 0; i < t->rows; i++)
		counts[site_of[i]][t->classes[i]]++;
}

static uint32_t size_of(const uint32_t counts[CLASSES])
{
	uint32_t sum = 0;

	for (uint32_t c = 0; c < CLASSES; c++)
		sum += counts[c];
	return sum;
}

/* ---- all of them */

static void test_every_row_at_one_site_and_patients_together(void **state)
{
	static const char *const texts[] = {"iid",      "dirichlet:0.0001", "dirichlet:0.5",   "dirichlet:1000000",
	                                    "shards:1", "shards:2",         "quantity:0.0001", "quantity:1"};
	struct table t;

	(void)state;
	for (uint64_t trial = 0; trial < 40; trial++) {
		uint32_t patients = 2 * SITES_MOST + (uint32_t)trial, sites = 1 + (uint32_t)(trial * 37 % SITES_MOST);
		make_table(&t, patients, 1 + trial % 3, trial);
		uint32_t *site_of = calloc(t.rows, sizeof *site_of), *rows = calloc(sites, sizeof *rows);
		uint32_t *of_patient = calloc(patients, sizeof *of_patient);
		assign(site_of, &t, texts[trial % 8], sites, trial);
		for (uint32_t i = 0; i < t.rows; i++) {
			assert_true(site_of[i] < sites);
			rows[site_of[i]]++;
			uint32_t *known = &of_patient[t.patients[i]];
			assert_true(*known == 0 || *known == site_of[i] + 1);
			*known = site_of[i] + 1;
		}
		for (uint32_t site = 0; site < sites; site++)
			assert_true(rows[site] > 0);
		free(site_of);
		free(rows);
		free(of_patient);
		table_free(&t);
	}
}

static void test_the_seed_decides(void **state)
{
	static const char *const texts[] = {"iid", "dirichlet:0.5", "shards:2", "quantity:0.5"};
	uint32_t first[400], again[400], other[400];
	struct table t;

	(void)state;
	make_table(&t, 400, 1, 5);
	for (size_t k = 0; k < 4; k++) {
		assign(first, &t, texts[k], 10, 1);
		assign(again, &t, texts[k], 10, 1);
		assign(other, &t, texts[k], 10, 2);
		assert_memory_equal(first, again, sizeof first);
		assert_memory_not_equal(first, other, sizeof first);
	}
	table_free(&t);
}

/* As many sites as patients: each has one, however unequal the shares. */
static void test_no_site_stays_empty(void **state)
{
	uint32_t site_of[SITES_MOST], sizes[SITES_MOST] = {0};
	struct table t;

	(void)state;
	make_table(&t, SITES_MOST, 1, 6);
	assign(site_of, &t, "quantity:0.0001", SITES_MOST, 3);
	for (uint32_t i = 0; i < SITES_MOST; i++)
		sizes[site_of[i]]++;
	for (uint32_t i = 0; i < SITES_MOST; i++)
		assert_int_equal(sizes[i], 1);
	table_free(&t);
}

/* What an empty site takes is drawn at random, not from the first class or the first site. */
static void test_empty_sites_take_anyone(void **state)
{
	static uint32_t site_of[ROWS_MAX], counts[SITES_MOST][CLASSES];
	uint32_t taken[CLASSES] = {0}, donors = 0;
	struct table t;

	(void)state;
	make_table(&t, 2000, 1, 6);
	assign(site_of, &t, "dirichlet:0.0001", SITES_MOST, 3);
	count(counts, &t, site_of, SITES_MOST);
	for (uint32_t i = 0; i < SITES_MOST; i++) {
		donors += size_of(counts[i]) > 1;
		for (uint32_t c = 0; c < CLASSES; c++)
			taken[c] += size_of(counts[i]) == 1 && counts[i][c] == 1;
	}
	assert_true(donors <= CLASSES);
	for (uint32_t c = 0; c < CLASSES; c++) /* class c is every (c + 1) tenth */
		assert_true(taken[c] > 5);
	table_free(&t);
}

/* ---- each of them */

static void test_iid_sites_are_alike(void **state)
{
	enum { SITES = 20, EACH = 100, SEEDS = 20 };
	static uint32_t site_of[ROWS_MAX], counts[SITES][CLASSES];
	uint32_t of_first[SITES] = {0};
	struct table t;

	(void)state;
	make_table(&t, SITES * EACH + 7, 1, 7);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		assign(site_of, &t, "iid", SITES, seed);
		count(counts, &t, site_of, SITES);
		for (uint32_t i = 0; i < SITES; i++) {
			assert_int_equal(size_of(counts[i]), EACH + (i < 7));
			of_first[i] += counts[i][3];
		}
	}
	double mean = 0;
	for (uint32_t i = 0; i < SITES; i++)
		mean += (double)of_first[i] / SITES;
	assert_true(chi_square(of_first, SITES, mean) < chi_square_limit(SITES - 1));
	table_free(&t);
}

/* A number goes where a class would go that says how many tenths of the patients have less, counted slowly. */
static void test_numbers_go_by_tenths_of_the_patients(void **state)
{
	enum { SITES = 6, PATIENTS = 301 };
	static const char *const texts[] = {"dirichlet:0.5", "shards:2", "iid"};
	static const char *tenths[10] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
	static uint32_t by_class[ROWS_MAX], by_number[ROWS_MAX];
	struct schema numeric = schema, classes = schema;
	struct table t;
	struct rng r;

	(void)state;
	make_table(&t, PATIENTS, 1, 5);
	numeric.label = (struct label){
		.name = "bp", .column = "bp", .type = COLUMN_NUMERIC, .min = 100, .max = 200, .unit = ""};
	classes.label.levels = (struct text_list){tenths, 10};
	float *values = calloc(t.rows, sizeof *values);
	rng_seeded(&r, 1, "numbers");
	for (uint32_t i = 0; i < t.rows; i++)
		values[i] = (float)floor(rng_normal(&r) * 8); /* many are equal */
	for (uint32_t i = 0; i < t.rows; i++) {
		uint32_t less = 0;
		for (uint32_t j = 0; j < t.rows; j++)
			less += values[j] < values[i];
		t.classes[i] = (uint16_t)(less * 10 / PATIENTS);
	}
	for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
		t.schema = &classes;
		t.values = NULL;
		assign(by_class, &t, texts[k], SITES, 3);
		t.schema = &numeric;
		t.values = values;
		assign(by_number, &t, texts[k], SITES, 3);
		assert_memory_equal(by_class, by_number, t.rows * sizeof by_class[0]);
	}
	table_free(&t);
}

/* The share of a class that a site gets has the variance of Dirichlet(alpha), (n - 1) / (n^2 (n alpha + 1)), independently
 * for each class. */
static void test_dirichlet_cuts_each_class(void **state)
{
	enum { SITES = 8, SEEDS = 300 };
	static const double alphas[] = {0.1, 0.5, 5};
	static uint32_t site_of[ROWS_MAX], counts[SITES][CLASSES];
	struct table t;
	char text[32];

	(void)state;
	make_table(&t, ROWS_MAX, 1, 8);
	for (size_t k = 0; k < 3; k++) {
		double square = 0, product = 0;
		double expected = (SITES - 1) / (SITES * SITES * (SITES * alphas[k] + 1));
		snprintf(text, sizeof text, "dirichlet:%g", alphas[k]);
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			double total[CLASSES] = {0};
			assign(site_of, &t, text, SITES, seed);
			count(counts, &t, site_of, SITES);
			for (uint32_t i = 0; i < SITES; i++)
				for (uint32_t c = 0; c < CLASSES; c++)
					total[c] += counts[i][c];
			for (uint32_t i = 0; i < SITES; i++) {
				double two = counts[i][2] / total[2] - 1.0 / SITES;
				double three = counts[i][3] / total[3] - 1.0 / SITES;
				square += (two * two + three * three) / 2 / SITES / SEEDS;
				product += two * three / SITES / SEEDS;
			}
		}
		assert_true(square > 0.85 * expected && square < 1.15 * expected);
		assert_true(product > -0.12 * expected && product < 0.12 * expected);
	}
	table_free(&t);
}

/* Sorted by class and cut: a site with K shards sees at most K classes and one more for each class's end inside a shard. */
static void test_shards_show_a_site_few_classes(void **state)
{
	enum { SITES = 50, EACH = 40 };
	static uint32_t site_of[ROWS_MAX], counts[SITES][CLASSES];
	struct table t;
	char text[32];

	(void)state;
	make_table(&t, SITES * EACH, 1, 9);
	for (uint32_t k = 1; k <= 2; k++) {
		uint32_t beyond = 0, with_one = 0;
		snprintf(text, sizeof text, "shards:%u", k);
		assign(site_of, &t, text, SITES, 4);
		count(counts, &t, site_of, SITES);
		for (uint32_t i = 0; i < SITES; i++) {
			uint32_t seen = 0;
			for (uint32_t c = 0; c < CLASSES; c++)
				seen += counts[i][c] > 0;
			assert_int_equal(size_of(counts[i]), EACH);
			beyond += seen > k;
			with_one += seen == 1;
		}
		assert_true(beyond <= CLASSES - 1);
		assert_true(k == 1 ? with_one >= SITES - CLASSES + 1 : with_one < SITES / 2);
	}
	table_free(&t);
}

/* The mix stays that of all: whether a patient of class 3 is at the first sites says nothing about their sizes. */
static void test_quantity_changes_sizes_alone(void **state)
{
	enum { SITES = 8, SEEDS = 300 };
	static uint32_t site_of[ROWS_MAX], counts[SITES][CLASSES];
	double square = 0, expected = (SITES - 1) / (SITES * SITES * (SITES * 0.5 + 1));
	double got = 0, awaited = 0, variance = 0, share = 0;
	struct table t;

	(void)state;
	make_table(&t, ROWS_MAX, 1, 10);
	for (uint32_t i = 0; i < t.rows; i++)
		share += t.classes[i] == 3;
	share /= t.rows;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		assign(site_of, &t, "quantity:0.5", SITES, seed);
		count(counts, &t, site_of, SITES);
		for (uint32_t i = 0; i < SITES; i++) {
			double size = size_of(counts[i]);
			double off = size / t.rows - 1.0 / SITES;
			square += off * off / SITES / SEEDS;
			if (i > 0)
				continue;
			got += counts[0][3]; /* hypergeometric */
			awaited += size * share;
			variance += size * share * (1 - share) * (t.rows - size) / (t.rows - 1);
		}
	}
	assert_true(square > 0.85 * expected && square < 1.15 * expected);
	assert_true((got - awaited) * (got - awaited) < 4 * 4 * variance);
	table_free(&t);
}

/* A patient with rows of several classes goes by the first: alpha so small that each class is at one site. */
static void test_a_patient_goes_by_the_first_row(void **state)
{
	enum { SITES = 3 };
	static uint32_t site_of[ROWS_MAX];
	uint32_t of_class[CLASSES], moved = 0;
	struct table t;

	(void)state;
	make_table(&t, 300, 3, 11);
	assign(site_of, &t, "dirichlet:0.0001", SITES, 12);
	memset(of_class, 0xff, sizeof of_class);
	for (uint32_t i = 0; i < t.rows; i++) {
		uint32_t first = i;
		while (first > 0 && t.patients[first - 1] == t.patients[i])
			first--;
		uint32_t *site = &of_class[t.classes[first]];
		if (*site == UINT32_MAX)
			*site = site_of[i];
		moved += *site != site_of[i];
	}
	assert_true(moved <= 3 * SITES); /* who was given to an empty site, and all rows of that patient */
	table_free(&t);
}

/* ---- refusals */

static void test_what_is_mistyped(void **state)
{
#define KINDS "iid|dirichlet:ALPHA|shards:K|quantity:ALPHA|column:NAME"
#define ALPHA ": ALPHA must be a number from 0.0001 to 1e+06; small ones make sites differ more, such as "
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"", ": there are " KINDS},
		{"idd", ": did you mean \"iid\"? there are " KINDS},
		{"dirichlet", ": it needs a value behind a colon: " KINDS},
		{"column", ": it needs a value behind a colon: " KINDS},
		{"column:", ": it needs a value behind a colon: " KINDS},
		{"dirichelt:0.5", ": did you mean \"dirichlet\"? there are " KINDS},
		{"iid:3", ": did you mean \"iid\"? there are " KINDS},
		{"dirichlet:", ALPHA "dirichlet:0.5"},
		{"dirichlet:0", ALPHA "dirichlet:0.5"},
		{"dirichlet:-1", ALPHA "dirichlet:0.5"},
		{"dirichlet:nan", ALPHA "dirichlet:0.5"},
		{"dirichlet:1e7", ALPHA "dirichlet:0.5"},
		{"quantity:1,5", ALPHA "quantity:0.5"},
		{"shards:0", ": K must be a whole number above 0, such as shards:2"},
		{"shards:2.5", ": K must be a whole number above 0, such as shards:2"},
		{"shards:-2", ": K must be a whole number above 0, such as shards:2"},
	};
	char expected[DIAG_MAX];
	struct partition p;
	struct diag why;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(expected, sizeof expected, "--partition %s%s", cases[i].text, cases[i].words);
		assert_int_equal(partition_parse(&p, cases[i].text, &why), ERR_USAGE);
		assert_string_equal(why.text, expected);
	}
	p = parsed("column:site id");
	assert_int_equal(p.kind, PARTITION_COLUMN);
	assert_string_equal(p.column, "site id");
}

static void test_too_few_patients(void **state)
{
	uint32_t site_of[64];
	struct partition p = parsed("shards:4");
	struct table t;
	struct diag why;

	(void)state;
	make_table(&t, 20, 3, 1);
	assert_int_equal(partition_assign(site_of, &t, &p, 21, 0, &why), ERR_USAGE);
	assert_string_equal(why.text, "--sites 21: the file has only 20 patients that the study can use");
	assert_int_equal(partition_assign(site_of, &t, &p, 6, 0, &why), ERR_USAGE);
	assert_string_equal(why.text, "--partition shards:4: 6 sites make 24 shards of 20 patients; at most shards:3");
	assert_int_equal(partition_assign(site_of, &t, &p, 5, 0, &why), OK);
	table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_at_one_site_and_patients_together),
		cmocka_unit_test(test_the_seed_decides),
		cmocka_unit_test(test_no_site_stays_empty),
		cmocka_unit_test(test_empty_sites_take_anyone),
		cmocka_unit_test(test_iid_sites_are_alike),
		cmocka_unit_test(test_numbers_go_by_tenths_of_the_patients),
		cmocka_unit_test(test_dirichlet_cuts_each_class),
		cmocka_unit_test(test_shards_show_a_site_few_classes),
		cmocka_unit_test(test_quantity_changes_sizes_alone),
		cmocka_unit_test(test_a_patient_goes_by_the_first_row),
		cmocka_unit_test(test_what_is_mistyped),
		cmocka_unit_test(test_too_few_patients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
