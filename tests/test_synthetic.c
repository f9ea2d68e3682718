/*
 * Made-up federations: within the study's terms, the same for the same seed, learnable but not to the end, mildly different from
 * site to site, and no larger than their rows.
 */
#include "simulator/federation.h"
#include "simulator/synthetic.h"
#include "tests/support/chi_square.h"
#include "tests/support/federate.h"
#include "tests/support/sanitized.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* %s: split, label and layers */
static const char study_text[] = "cohort: 1\n"
				 "study: made-up\n"
				 "purpose: None but to be tried out\n"
				 "data:\n"
				 "  features:\n"
				 "    - {name: \"n{1..6}\", min: -3, max: 11}\n"
				 "    - {name: year, min: 1900, max: 2030}\n"
				 "    - {names: [yes, no], type: binary}\n"
				 "    - {name: kind, levels: [a, b, c, d]}\n"
				 "  label: %s\n"
				 "%s"
				 "model: {layers: [%s]}\n"
				 "training: {rounds: 15, local: {epochs: 2, batch: 16, learning_rate: 0.1}}\n"
				 "evaluation: {select: loss}\n"
				 "sites: {max_dropouts: 0}\n"
				 "masking: off\n"
				 "privacy: {mechanism: none}\n";

#define BINARY "{name: ill, type: binary}"
#define THREE "{name: stage, type: categorical, levels: [i, ii, iii]}"

#define NUMBER "{name: pressure, type: numeric, min: 60, max: 240}"

static void parse(struct study *s, const char *label, const char *split, const char *layers)
{
	char text[2048];
	struct diag why = {{0}};

	snprintf(text, sizeof text, study_text, label, split, layers);
	if (study_parse(s, bytes_text(text), "study.yaml", true, &why) != OK)
		fail_msg("%s", why.text);
}

static void make(struct federation *f, const struct study *s, const char *size, uint64_t seed)
{
	struct federation_options options = {.synthetic = size, .seed = seed};
	struct diag why = {{0}};

	if (federation_load(f, s, &options, &why) != OK)
		fail_msg("%s", why.text);
}

static void test_cells_are_what_the_study_permits(void **state)
{
	struct study s;
	struct federation f;
	double lowest = INFINITY, highest = -INFINITY;

	(void)state;
	parse(&s, THREE, "", "dense 3");
	make(&f, &s, "50x40", 1);
	for (uint32_t k = 0; k < f.count; k++) {
		const struct table *t = &f.sites[k].table;
		for (uint32_t row = 0; row < t->rows; row++) {
			assert_true(t->classes[row] < 3);
			assert_int_equal(t->patients[row], row);
			for (uint32_t i = 0; i < s.schema.feature_count; i++) {
				const struct feature *feature = &s.schema.features[i];
				double x = table_value(t, row, i);
				if (feature->type == COLUMN_NUMERIC)
					assert_true(x >= feature->min && x <= feature->max);
				else
					assert_true(x == floor(x) && x >= 0 &&
					            x < (feature->type == COLUMN_BINARY ? 2 : 4));
				if (i == 0) {
					lowest = fmin(lowest, x);
					highest = fmax(highest, x);
				}
			}
		}
	}
	assert_true(lowest < -1.5 && highest > 9.5); /* the range -3 to 11 is used */
	federation_free(&f);
	study_free(&s);
}

static bool same(const struct federation *a, const struct federation *b, uint32_t site)
{
	const struct table *x = &a->sites[site].table, *y = &b->sites[site].table;
	size_t cells = (size_t)x->rows * x->schema->feature_count;

	return memcmp(x->cells, y->cells, cells * sizeof x->cells[0]) == 0 &&
	       memcmp(x->classes, y->classes, x->rows * sizeof x->classes[0]) == 0;
}

static void test_the_seed_and_the_site_decide(void **state)
{
	struct study s;
	struct federation first, again, other, more;

	(void)state;
	parse(&s, BINARY, "", "dense 1");
	make(&first, &s, "9x30", 4);
	make(&again, &s, "9x30", 4);
	make(&other, &s, "9x30", 5);
	make(&more, &s, "90x30", 4);
	for (uint32_t k = 0; k < 9; k++) {
		assert_true(same(&first, &again, k));
		assert_false(same(&first, &other, k));
		assert_true(same(&first, &more, k)); /* a site's rows do not depend on how many sites there are */
	}
	struct federation swapped = first;
	swapped.sites = first.sites + 1;
	assert_false(same(&first, &swapped, 0));
	federation_free(&first);
	federation_free(&again);
	federation_free(&other);
	federation_free(&more);
	study_free(&s);
}

static void count_parts(uint32_t parts[PART_COUNT], const struct federation *f)
{
	memset(parts, 0, PART_COUNT * sizeof parts[0]);
	for (uint32_t k = 0; k < f->count; k++)
		for (int part = 0; part < PART_COUNT; part++)
			parts[part] += f->sites[k].table.part_rows[part];
}

static void assert_fraction(uint32_t count, uint32_t of, double expected)
{
	double deviation = sqrt(expected * (1 - expected) / of);

	assert_true(fabs((double)count / of - expected) < 4 * deviation);
}

static void test_the_split_is_the_studys(void **state)
{
	uint32_t parts[PART_COUNT];
	struct study s;
	struct federation f;

	(void)state;
	parse(&s, BINARY, "  split: {test_fraction: 0.25, validation_fraction: 0.15}\n", "dense 1");
	make(&f, &s, "100x50", 1);
	count_parts(parts, &f);
	assert_fraction(parts[PART_TEST], 5000, 0.25);
	assert_fraction(parts[PART_VALIDATION], 5000, 0.15);
	assert_memory_not_equal(f.sites[0].table.parts, f.sites[1].table.parts, 50);
	federation_free(&f);
	study_free(&s);

	parse(&s, BINARY, "  split: {column: part, train: a, test: b}\n", "dense 1");
	make(&f, &s, "100x50", 1);
	count_parts(parts, &f);
	assert_fraction(parts[PART_TEST], 5000, 0.3);
	assert_int_equal(parts[PART_VALIDATION], 0);
	federation_free(&f);
	study_free(&s);

	parse(&s, BINARY, "  split: {column: part, train: a, validation: v, test: b}\n", "dense 1");
	make(&f, &s, "100x50", 1);
	count_parts(parts, &f);
	assert_fraction(parts[PART_VALIDATION], 5000, 0.1);
	federation_free(&f);
	study_free(&s);
}

static struct metrics learned(const char *label, const char *layers, uint64_t seed)
{
	enum { SITES = 20 };
	const char *names[SITES];
	struct table tables[SITES];
	struct federated result;
	struct study s;
	struct federation f;

	parse(&s, label, "", layers);
	make(&f, &s, "20x150", seed);
	for (uint32_t k = 0; k < SITES; k++) {
		names[k] = f.sites[k].name;
		tables[k] = f.sites[k].table;
	}
	federate(&result, &s, tables, names, SITES);
	struct metrics test = result.test;
	buf_free(&result.model);
	federation_free(&f);
	study_free(&s);
	return test;
}

static void test_there_is_something_to_learn(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct metrics m = learned(BINARY, "dense 1", seed);
		assert_true(m.auc > 0.72 && m.auc < 0.95);
		m = learned(THREE, "dense 3", seed);
		assert_true(m.accuracy > 0.55 && m.accuracy < 0.95);
		m = learned(NUMBER, "dense 1", seed);
		assert_true(m.r2 > 0.4 && m.r2 < 0.85 && m.rmse > 5 && m.rmse < 40);
	}
}

/* The middles of a numeric feature vary from site to site by SITE_SHIFT half ranges beside what chance does. */
static void test_sites_differ_mildly(void **state)
{
	enum { SITES = 400, ROWS = 200 };
	double sum = 0, square = 0;
	struct study s;
	struct federation f;

	(void)state;
	parse(&s, BINARY, "", "dense 1");
	make(&f, &s, "400x200", 2);
	for (uint32_t k = 0; k < SITES; k++) {
		double mean = 0;
		for (uint32_t row = 0; row < ROWS; row++)
			mean += (double)table_row(&f.sites[k].table, row)[0] / 7 / ROWS; /* half the range is 7 */
		sum += mean / SITES;
		square += mean * mean / SITES;
	}
	double expected = 0.1 * 0.1 + 1.0 / 12 / ROWS;
	assert_true(fabs(sum) < 4 * sqrt(expected / SITES));
	assert_true(fabs(square / expected - 1) < 4 * sqrt(2.0 / SITES));
	federation_free(&f);
	study_free(&s);
}

/* Ten thousand sites: rows, and less than 1 KiB for each site beside them. */
static void test_a_site_costs_little(void **state)
{
	enum { SITES = 10000, ROWS = 6 };
	struct study s;
	struct federation f;

	(void)state;
#if SANITIZED
	print_message("skipped: memory is the sanitizer's\n");
	skip();
#endif
	parse(&s, BINARY, "", "dense 1");
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	make(&f, &s, "10000x6", 2);
	size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
	size_t rows = (size_t)SITES * ROWS * (4 * s.schema.feature_count + 11);
	if (after - before > rows + (size_t)SITES * 1024)
		fail_msg("%zu bytes for a site beside its rows", (after - before - rows) / SITES);
	federation_free(&f);
	study_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells_are_what_the_study_permits),
		cmocka_unit_test(test_the_seed_and_the_site_decide),
		cmocka_unit_test(test_the_split_is_the_studys),
		cmocka_unit_test(test_there_is_something_to_learn),
		cmocka_unit_test(test_sites_differ_mildly),
		cmocka_unit_test(test_a_site_costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
