/*
 * Sites as poor as real ones are: one class of the label, no test row, no training row, three rows, a feature that
 * is constant or missing throughout. Each takes part in every round and stops nobody, and what it adds to the sums
 * is what its rows are worth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/random.h"
#include "tests/support/close.h"
#include "tests/support/simulated.h"
#include "tests/support/tempdir.h"

static const char study[] = "cohort: 1\n"
			    "study: poor\n"
			    "purpose: Take everybody along\n"
			    "data:\n"
			    "  features:\n"
			    "    - {name: x, min: -10, max: 10}\n"
			    "    - {name: y, min: -10, max: 10}\n"
			    "  label: {name: ill, type: binary}\n"
			    "  split: {column: part, train: train, test: test}\n"
			    "model: {layers: [dense 1], init: zero}\n"
			    "training:\n"
			    "  rounds: 8\n"
			    "  local: {batch: 8, learning_rate: 0.2}\n"
			    "sites: {max_dropouts: 0}\n"
			    "masking: off\n"
			    "privacy: {mechanism: none}\n";
#define ROUNDS 8

enum illness { BOTH, ILL_ONLY, WELL_ONLY };

static const struct poor_site {
	const char *name;
	int train, test;
	enum illness label;
	const char *y; /* in every row; NULL: measured */
} sites[] = {
	/* ascending by name, as a federation's sites are */
	{"constant", 20, 10, BOTH, "3"}, {"ill", 25, 9, ILL_ONLY, NULL},  {"missing", 20, 10, BOTH, ""},
	{"no-test", 30, 0, BOTH, NULL},  {"no-train", 0, 12, BOTH, NULL}, {"north", 60, 40, BOTH, NULL},
	{"one", 1, 0, ILL_ONLY, NULL},   {"south", 60, 40, BOTH, NULL},   {"three", 2, 1, BOTH, NULL},
	{"well", 3, 0, WELL_ONLY, NULL},
};
#define SITES (sizeof sites / sizeof *sites)

/* Ill is whoever has x + y / 2 + noise above 0. */
static void put_row(struct buf *out, const struct poor_site *site, const char *part, struct rng *rng)
{
	double x, y;
	bool ill;

	do {
		x = rng_normal(rng);
		y = rng_normal(rng);
		ill = x + y / 2 + 0.5 * rng_normal(rng) > 0;
	} while ((site->label == ILL_ONLY && !ill) || (site->label == WELL_ONLY && ill));
	buf_printf(out, "%.4f,", x);
	if (site->y != NULL)
		buf_put_text(out, site->y);
	else
		buf_printf(out, "%.4f", y);
	buf_printf(out, ",%d,%s\n", ill, part);
}

static void write_sites(struct tempdir *dir)
{
	struct rng rng;

	rng_seeded(&rng, 1, "poor");
	for (size_t i = 0; i < SITES; i++) {
		struct buf text;
		char name[64];

		buf_init(&text, 1u << 16);
		buf_put_text(&text, "x,y,ill,part\n");
		for (int row = 0; row < sites[i].train + sites[i].test; row++)
			put_row(&text, &sites[i], row < sites[i].train ? "train" : "test", &rng);
		snprintf(name, sizeof name, "data/%s.csv", sites[i].name);
		tempdir_write_bytes(dir, name, buf_bytes(&text));
		buf_free(&text);
	}
}

static void assert_warnings(const struct run *r)
{
	static const char *const expected[] = {
		"constant: y: the same value in every row",
		"ill: all training rows have the same ill",
		"missing: y: missing in every row",
		"no-test: no test row",
		"no-train: no training row",
		"one: no test row",
		"one: all training rows have the same ill",
		"well: no test row",
		"well: all training rows have the same ill",
	};
	const uint32_t count = sizeof expected / sizeof *expected;

	assert_int_equal(r->federation.warning_count, count);
	for (uint32_t i = 0; i < count; i++)
		assert_string_equal(r->federation.warnings[i], expected[i]);
}

static void assert_site(const struct run *r, uint32_t index, const struct poor_site *expected)
{
	bool equal = r->study.weights == WEIGHTS_EQUAL;
	const struct engine_site *site = engine_site(r->engine, index);
	const struct metrics *m = &r->test.sites[index];

	assert_string_equal(r->federation.sites[index].name, expected->name);
	assert_int_equal(site->contributed, r->releases);
	assert_int_equal(site->late + site->dropped + site->refused, 0);
	assert_false(site->excluded);
	assert_true(site_rows_weight(&site->rows) == (equal ? expected->train > 0 : expected->train));
	assert_true(m->rows == expected->test);
	assert_true(isnan(m->accuracy) == (expected->test == 0));
	if (expected->test < 2 || expected->label != BOTH)
		assert_true(isnan(m->auc));
}

static void assert_run(const struct run *r)
{
	uint32_t test = 0;

	assert_int_equal(r->site_count, SITES);
	assert_int_equal(r->releases, 1 + ROUNDS + 1); /* statistics, training, evaluation */
	assert_int_equal(engine_updates(r->engine), SITES * ROUNDS);
	for (uint32_t i = 0; i < SITES; i++) {
		assert_site(r, i, &sites[i]);
		/* who has a row can train alone, whatever it learns */
		assert_true(r->baselines.sites[i].trained == (sites[i].train > 0));
		test += (uint32_t)sites[i].test;
	}
	assert_true(r->test.all.rows == test);
	assert_warnings(r);
	print_message("  AUC %.4f\n", r->test.all.auc);
	assert_true(r->test.all.auc > 0.85);
}

static void test_poor_sites_take_part(void **state)
{
	static const char *const weights[] = {"training.weights.by=patients", "training.weights.by=equal"};
	struct tempdir dir;

	(void)state;
	tempdir_make(&dir);
	tempdir_folder(&dir, "data");
	write_sites(&dir);
	tempdir_write(&dir, "study.yaml", study);
	for (int i = 0; i < 2; i++) {
		struct simulated s = {.study = tempdir_path(&dir, "study.yaml"),
		                      .data = {.data = tempdir_path(&dir, "data")},
		                      .baselines = true,
		                      .settings = {weights[i]}};

		simulate(&s);
		assert_run(&s.run);
		simulated_end(&s);
	}
	tempdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_poor_sites_take_part),
	};

	return cmocka_run_group_tests_name("poor sites", tests, NULL, NULL);
}
