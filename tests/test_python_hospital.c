/*
 * A hospital written from docs/PROTOCOL.md and docs/SECURE-AGGREGATION.md alone (tests/hospital.py, Python's standard library) takes
 * part in a real run beside two hospitals of ours, clear and masked: in every round, and what it made says of its rows what our own
 * client says of them. Under masks its vector is in the sum: the first model is that of the three plain vectors, byte for byte.
 */
#include "client/contribution.h"
#include "coordinator/outcome.h"
#include "model/layers.h"
#include "protocol/study.h"
#include "tests/support/federation.h"
#include "tests/support/logistic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SITES 3
#define PYTHON 1 /* which of them */
#define TRAINING 6
#define ROWS 400
#define LIMIT_MS 60000
#define KILLED_IN 4 /* the round in which it is killed, and started again */
#define CELL_ERROR (1.0 / (1 << 22)) /* our cells are floats in [-1, 1], theirs are doubles: per row of a sum */

static const char *const names[SITES] = {"north", "serpent", "west"};
static uint32_t numbers[SITES] = {1, 2, 3}; /* in the order in which they were signed */

/* The study in this process: our own contributions of all three tables. */
struct here {
	bool masked;
	struct federation f;
	struct study study;
	struct table tables[SITES];
	struct contributor sites[SITES];
	struct buf first_model, final_model;
	struct json *rounds; /* as the coordinator reports them */
};

/* The study of tests/support/logistic.h, masked: none of the three may drop out, one may collude. */
static char *masked_study(void)
{
	char *clear = logistic_study(TRAINING, 1), *masked;
	char *sites = strstr(clear, "sites: "), *end = strstr(clear, "masking: off\n");

	assert_true(sites && end && sites < end);
	assert_true(asprintf(&masked,
	                     "%.*ssites: {min: 3, max_dropouts: 0, max_colluders: 1, cell_min: 0}\n"
	                     "masking: required\n%s",
	                     (int)(sites - clear), clear, end + strlen("masking: off\n")) > 0);
	free(clear);
	return masked;
}

static void make(struct here *h, bool masked)
{
	char *yaml = masked ? masked_study() : logistic_study(TRAINING, 1), path[32];
	struct diag why = {{0}};

	memset(h, 0, sizeof *h);
	h->masked = masked;
	if (study_parse(&h->study, bytes_text(yaml), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	federation_make(&h->f, yaml, names, SITES);
	free(yaml);
	for (uint32_t i = 0; i < SITES; i++) {
		struct source source;

		snprintf(path, sizeof path, "%s/data.csv", names[i]);
		logistic_rows(&h->f.dir, path, i, ROWS + 50 * i);
		source = source_default("logistic", tempdir_path(&h->f.dir, path));
		if (table_load(&h->tables[i], &h->study.schema, &source, &why) != OK)
			fail_msg("%s", why.text);
		contributor_init(&h->sites[i], &h->study, &h->tables[i], names[i]);
	}
}

static void discard(struct here *h)
{
	for (uint32_t i = 0; i < SITES; i++) {
		contributor_free(&h->sites[i]);
		table_free(&h->tables[i]);
	}
	study_free(&h->study);
	json_free(h->rounds);
	buf_free(&h->first_model);
	buf_free(&h->final_model);
	federation_remove(&h->f);
}

/* ---- the run */

static void start_python(struct here *h)
{
	char url[64], script[PATH_SIZE];
	const char *const argv[] = {
		"python3",  script,          url, tempdir_path(&h->f.dir, names[PYTHON]), names[PYTHON],
		"logistic", h->f.study_hash, NULL};

	assert_non_null(realpath("tests/hospital.py", script)); /* tests are started from the repository's root */
	snprintf(url, sizeof url, "https://127.0.0.1:%u", h->f.port);
	federation_start_foreign(&h->f, PYTHON, argv);
}

static void run(struct here *h)
{
	federation_start(&h->f, FEDERATION_COORDINATOR);
	federation_ready(&h->f);
	federation_add_study(&h->f);
	for (int i = 0; i < SITES; i++) {
		if (i == PYTHON) {
			start_python(h);
			continue;
		}
		federation_approve(&h->f, i);
		federation_start(&h->f, i);
	}
	federation_wait_approved(&h->f, SITES);
	federation_start_study(&h->f);
	if (!h->masked) { /* under masks it would be out of the attempt */
		assert_true(federation_wait_round(&h->f, KILLED_IN, LIMIT_MS));
		federation_kill(&h->f, PYTHON);
		start_python(h);
	}
	federation_wait(&h->f, "finished", LIMIT_MS);
	h->rounds = federation_rounds(&h->f);
}

/* ---- what was said, and what our client says of the same rows */

static struct round_plan plan_of(const struct here *h, uint32_t step, struct bytes model)
{
	struct round_plan plan = {
		.study_hash = h->study.hash,
		.round = step + 1,
		.attempt = 1,
		.step = step,
		.asks = round_plan_asks(&h->study, step),
		.model_octets = model.len,
		.sites = numbers,
		.site_count = SITES,
	};

	if (model.len > 0)
		sha256_of(&plan.model, model);
	return plan;
}

static void contribute(struct here *h, uint32_t site, const struct round_plan *plan, struct bytes model,
                       struct buf *out)
{
	struct contribution_report report;
	struct diag why = {{0}};

	buf_init(out, MODEL_FILE_MAX);
	if (contribution_compute(&h->sites[site], out, &report, plan, model, NULL, &why) != OK)
		fail_msg("%s", why.text);
}

/* FOLDER/round-R: the plan's hash, which in a clear round must be ours, and the octets, which the coordinator must have counted. Under masks
 * the coordinator has had other octets. */
static struct bytes said_by_python(struct here *h, const struct round_plan *plan)
{
	char name[64], hex[HASH_HEX_SIZE];
	struct hash hash;
	struct bytes octets;
	size_t len;
	const char *file;

	snprintf(name, sizeof name, "%s/round-%u", names[PYTHON], (unsigned)plan->round);
	file = tempdir_read(&h->f.dir, name, &len);
	assert_true(len > sizeof hash.b);
	round_plan_hash(&hash, plan);
	if (!h->masked)
		assert_memory_equal(file, hash.b, sizeof hash.b);
	octets = bytes_of(file + sizeof hash.b, len - sizeof hash.b);
	sha256_of(&hash, octets);
	hash_hex(hex, &hash);
	const char *seen =
		federation_text(federation_site(json_at(h->rounds, plan->round - 1), names[PYTHON]), "sha256");
	assert_int_equal(strcmp(seen, hex) == 0, !h->masked);
	return octets;
}

/* The values of one segment of one contribution; freed by the caller. */
static double *values_of(const struct here *h, const struct round_plan *plan, struct bytes octets,
                         enum segment_kind kind, uint32_t *count)
{
	struct aggregate one = {0};
	struct layout layout;
	struct diag why = {{0}};
	double *values;

	assert_int_equal(round_plan_layout(&layout, &h->study, plan->asks, plan->site_count, &why), OK);
	assert_int_equal(octets.len, layout_octets(&layout));
	aggregate_begin(&one, &layout);
	aggregate_add(&one, octets);
	*count = layout_find(&layout, kind)->items;
	values = mem_array(*count, sizeof *values);
	aggregate_values(values, &one, kind);
	aggregate_free(&one);
	return values;
}

/* The largest difference of a segment, and the length of ours: sum of |value|. */
struct difference {
	double largest, sum, ours;
};

static struct difference compare(const struct here *h, const struct round_plan *plan, struct bytes theirs,
                                 struct bytes ours, enum segment_kind kind)
{
	struct difference d = {0};
	uint32_t count;
	double *a = values_of(h, plan, theirs, kind, &count), *b = values_of(h, plan, ours, kind, &count);

	for (uint32_t i = 0; i < count; i++) {
		d.largest = fmax(d.largest, fabs(a[i] - b[i]));
		d.sum += fabs(a[i] - b[i]);
		d.ours += fabs(b[i]);
	}
	assert_true(d.ours > 0);
	free(a);
	free(b);
	return d;
}

/* Round 1. The sum of its octets and of our two is the first model, byte for byte. */
static void check_statistics(struct here *h)
{
	struct round_plan plan = plan_of(h, 0, (struct bytes){0});
	struct bytes theirs = said_by_python(h, &plan);
	struct aggregate sum = {0};
	struct outcome outcome;
	struct layout layout;
	struct diag why = {{0}};
	char hex[HASH_HEX_SIZE];
	struct buf ours;

	assert_int_equal(round_plan_layout(&layout, &h->study, plan.asks, SITES, &why), OK);
	aggregate_begin(&sum, &layout);
	for (uint32_t i = 0; i < SITES; i++) {
		contribute(h, i, &plan, (struct bytes){0}, &ours);
		aggregate_add(&sum, i == PYTHON ? theirs : buf_bytes(&ours));
		if (i == PYTHON)
			assert_true(compare(h, &plan, theirs, buf_bytes(&ours), SEGMENT_STATISTICS).largest <
			            CELL_ERROR * (ROWS + 50 * PYTHON));
		buf_free(&ours);
	}
	assert_int_equal(outcome_compute(&outcome, &h->study, &plan, &sum, (struct bytes){0}, NULL, &why), OK);
	hash_hex(hex, &outcome.model_sha256);
	assert_string_equal(federation_text(json_at(h->rounds, 0), "model_sha256"), hex);
	h->first_model = outcome.model;
	aggregate_free(&sum);
}

/* Round 2, from the same model: the order of its rows is its own, so its update is near ours and not the same. */
static void check_update(struct here *h)
{
	struct bytes model = buf_bytes(&h->first_model), theirs;
	struct round_plan plan = plan_of(h, 1, model);
	struct difference d;
	struct buf ours;

	theirs = said_by_python(h, &plan);
	contribute(h, PYTHON, &plan, model, &ours);
	assert_true(compare(h, &plan, theirs, buf_bytes(&ours), SEGMENT_WEIGHT).largest == 0);
	d = compare(h, &plan, theirs, buf_bytes(&ours), SEGMENT_UPDATE);
	assert_true(d.sum > 0 && d.sum < 0.2 * d.ours);
	buf_free(&ours);
}

/* The last round: the final model on its validation and test rows. A score at a bin's edge may fall to the other side. */
static void check_evaluation(struct here *h)
{
	struct bytes model, theirs;
	struct round_plan plan;
	struct difference d;
	struct buf ours;
	size_t len;

	federation_command(&h->f, "\"$BIN/cohort-coordinator\" export logistic --which final --config "
	                          "coordinator/coordinator.yaml --out final");
	model.ptr = (const uint8_t *)tempdir_read(&h->f.dir, "final", &len);
	model.len = len;
	plan = plan_of(h, TRAINING + 1, model);
	theirs = said_by_python(h, &plan);
	contribute(h, PYTHON, &plan, model, &ours);
	assert_true(compare(h, &plan, theirs, buf_bytes(&ours), SEGMENT_LOSS).largest < 1e-4);
	d = compare(h, &plan, theirs, buf_bytes(&ours), SEGMENT_COUNTS);
	assert_true(d.ours > 100 && d.sum <= 2);
	buf_free(&ours);
}

/* Under masks, where it has a key to sign with, it has said of each round that its ledger has one entry more; the coordinator believes it. */
static void check_mark(struct here *h)
{
	const char *kept = federation_command(
		&h->f,
		"python3 -c 'import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute(\"SELECT "
		"ledger_counter FROM sites WHERE name = ?\", sys.argv[2:]).fetchone())' "
		"coordinator/state/coordinator.db %s",
		names[PYTHON]);

	assert_int_equal(strtoll(kept, NULL, 10), h->masked ? (int64_t)json_count(h->rounds) : 0);
}

static void take_part_in_every_round(bool masked)
{
	struct here h;

	make(&h, masked);
	run(&h);
	assert_int_equal(json_count(h.rounds), TRAINING + 2);
	for (size_t i = 0; i < json_count(h.rounds); i++) {
		assert_int_equal(federation_number(json_at(h.rounds, i), "attempt"), 1);
		for (uint32_t site = 0; site < SITES; site++)
			federation_expect_contributed(json_at(h.rounds, i), names[site]);
	}
	check_statistics(&h);
	check_update(&h);
	check_evaluation(&h);
	check_mark(&h);
	assert_true(json_as_real(json_get(json_at(h.rounds, TRAINING + 1), "auc")) > 0.7);
	discard(&h);
}

static void test_clear_rounds(void **state)
{
	(void)state;
	take_part_in_every_round(false);
}

static void test_masked_rounds(void **state)
{
	(void)state;
	take_part_in_every_round(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clear_rounds),
		cmocka_unit_test(test_masked_rounds),
	};
	layers_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
