/*
 * Disturbed worlds, many of them: no promise is broken, and what shall be disturbed is. And the tools: a seed is a world, however
 * often and in whatever company it is run; a world that stands still is told; the command and its page. That the checks would see
 * a bug is for `make evil`.
 */
#include "simulator/fault_field.h"
#include "simulator/faults.h"
#include "simulator/truth.h"
#include "tests/support/page.h"
#include "tests/support/program.h"
#include "tests/support/sanitized.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define SEEDS (SANITIZED ? 100 : 2000)
#define FEW 48
#define WORDS_SIZE 4096

static void run(struct faults_tally *out, uint64_t from, uint64_t to, unsigned jobs)
{
	const struct faults_options options = {.from = from, .to = to, .jobs = jobs};
	struct diag why = {{0}};

	if (faults_run(out, &options, &why) != OK)
		fail_msg("%s", why.text);
}

static void assert_kept(const struct faults_tally *t)
{
	if (t->violated > 0)
		fail_msg("%s\n  cohort-sim faults --seeds %llu --trace", t->violations[0].words,
		         (unsigned long long)t->violations[0].seed);
}

static void test_every_promise_holds(void **state)
{
	struct faults_tally *t = malloc(sizeof *t);
	char wrong[WORDS_SIZE];

	(void)state;
	run(t, 1, SEEDS, 2);
	assert_kept(t);
	assert_int_equal(t->seeds, SEEDS);
	assert_int_equal(t->finished + t->stopped + t->lost, SEEDS);
	assert_true(t->finished > SEEDS * 3 / 4); /* private studies have few rounds to lose */
	assert_true(t->repeated >= SEEDS / 20);
	if (t->seeds >= FAULTS_TABLE_SEEDS && faults_wrong_cells(wrong, sizeof wrong, &t->disturbances) > 0)
		fail_msg("never, or against all reason: %s", wrong);
	free(t);
}

static void test_company_changes_nothing(void **state)
{
	struct faults_tally *alone = calloc(1, sizeof *alone), *three = calloc(1, sizeof *three);

	(void)state;
	run(alone, 1, FEW, 1);
	run(three, 1, FEW, 3);
	assert_int_equal(alone->seeds, FEW);
	assert_int_equal(three->seeds, FEW);
	assert_int_equal(alone->events, three->events);
	assert_memory_equal(&alone->disturbances, &three->disturbances, sizeof alone->disturbances);
	free(alone);
	free(three);
}

static void test_a_seed_is_a_world(void **state)
{
	struct world_result *r = calloc(3, sizeof *r);
	char *text[2] = {NULL, NULL};
	size_t len[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		FILE *to = open_memstream(&text[i], &len[i]);

		faults_one(&r[i], 16, to);
		fclose(to);
	}
	faults_one(&r[2], 17, NULL);
	assert_int_equal(r[0].trace, r[1].trace);
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(text[0], text[1], len[0]);
	assert_int_not_equal(r[0].trace, r[2].trace);
	assert_non_null(strstr(text[0], "coordinator  starts"));
	free(text[0]);
	free(text[1]);
	free(r);
}

/* Nobody but one site comes: without a quorum there is no progress, and that must be said, not waited for. */
static void test_a_world_that_stands_still_is_told(void **state)
{
	struct fault_field *field = calloc(1, sizeof *field);
	struct world_result *r = calloc(1, sizeof *r);
	struct world_setting setting;
	struct world_plan plan;

	(void)state;
	fault_field_make(field);
	fault_field_draw(&setting, &plan, field, 1);
	plan = (struct world_plan){.seed = 1, .join_ms = 100, .deadline_ms = 200, .pause_ms = 10};
	for (uint32_t i = 1; i < setting.site_count; i++)
		plan.absent[i] = true;
	world_run(r, &setting, &plan);
	assert_ptr_equal(strstr(r->violation, "progress: "), r->violation);
	fault_field_free(field);
	free(field);
	free(r);
}

/* What the plans promise to world_run: a study that can be finished by those who are always there. */
static void test_plans_can_be_fulfilled(void **state)
{
	struct fault_field *field = calloc(1, sizeof *field);
	uint32_t absent = 0, left = 0, poor = 0, studies[FAULT_STUDIES] = {0};

	(void)state;
	fault_field_make(field);
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		struct world_setting setting;
		struct world_plan plan;
		uint32_t there = 0, useless = 0;

		fault_field_draw(&setting, &plan, field, seed);
		for (uint32_t i = 0; i < setting.site_count; i++) {
			there += plan.joins_after[i] == 0 && plan.leaves_after[i] == 0 && plan.revoked_after[i] == 0;
			useless += plan.absent[i] || plan.refuses[i] || plan.affords[i] > 0;
			poor += plan.affords[i] > 0;
			absent += plan.absent[i];
			left += plan.leaves_after[i] > 0;
		}
		assert_true(there >= useless + plan_quorum(&setting.study->sites, there));
		assert_true(plan.join_ms < plan.deadline_ms && plan.calm_from_ms > 0);
		studies[setting.study - field->studies]++;
	}
	assert_true(absent > 100 && left > 100 && poor > 50);
	for (uint32_t k = 0; k < FAULT_STUDIES; k++)
		assert_true(studies[k] > 150);
	fault_field_free(field);
	free(field);
}

/* ---- cells */

static void test_wrong_cells_are_named(void **state)
{
	struct disturbances d = {{{{0}}}};
	char words[WORDS_SIZE];
	uint32_t possible = 0;

	(void)state;
	for (int f = 0; f < FAULT_COUNT; f++)
		for (int s = 0; s < SIDE_COUNT; s++)
			for (int p = 0; p < DURING_COUNT; p++)
				if (during_is_of((enum during)p, (enum side)s) &&
				    disturbance_impossible((enum fault)f, (enum side)s, (enum during)p) == NULL) {
					d.count[f][s][p] = 1;
					possible++;
				}
	assert_int_equal(faults_wrong_cells(words, sizeof words, &d), 0);
	assert_string_equal(words, "");
	d.count[FAULT_CRASH][SIDE_SITE][DURING_PERSISTING] = 0;
	assert_int_equal(faults_wrong_cells(words, sizeof words, &d), 1);
	assert_string_equal(words, "crash, site, persisting");
	d.count[FAULT_SLOW][SIDE_SITE][DURING_FETCHING] = 1;
	assert_int_equal(faults_wrong_cells(words, sizeof words, &d), 2);
	assert_string_equal(words, "slow, site, fetching; crash, site, persisting");
	memset(&d, 0, sizeof d);
	assert_int_equal(faults_wrong_cells(words, 20, &d), possible); /* more than there is room for */
}

/* ---- the command, the page */

static void test_command(void **state)
{
	struct program *p = malloc(sizeof *p);

	(void)state;
	program_run(p, "cohort-sim", "faults --seeds 1..%d --jobs 2", FEW);
	program_expect(p, 0, "");
	assert_non_null(strstr(p->out, "seeds 1..48: 48 worlds"));
	assert_non_null(strstr(p->out, "\n0 violations\n"));
	program_run(p, "cohort-sim", "faults --seeds 7");
	program_expect(p, 0, "");
	assert_non_null(strstr(p->out, "seeds 7..7: 1 world, "));
	program_run(p, "cohort-sim", "faults --seeds 7 --trace");
	program_expect(p, 0, "");
	assert_non_null(strstr(p->out, "no violation, trace "));
	program_run(p, "cohort-sim", "faults");
	program_expect(p, 64, "--seeds 1..2000");
	program_run(p, "cohort-sim", "faults --seeds 9..3");
	program_expect(p, 64, "the smaller first");
	program_run(p, "cohort-sim", "faults --seeds 1..2 --trace");
	program_expect(p, 64, "--seeds 1..1");
	program_run(p, "cohort-sim", "faults --seeds 1 --jobs 0");
	program_expect(p, 64, "--jobs");
	free(p);
}

static void test_json(void **state)
{
	struct program *p = malloc(sizeof *p);
	struct json *node = NULL;
	struct diag why = {{0}};

	(void)state;
	program_run(p, "cohort-sim", "faults --seeds 1..%d --json", FEW);
	program_expect(p, 0, "");
	if (json_parse(&node, bytes_text(p->out), sizeof p->out, "faults --json", &why) != OK)
		fail_msg("%s", why.text);
	assert_string_equal(json_as_string(json_get(node, "schema")), "cohort/faults/1");
	assert_int_equal(json_as_integer(json_get(node, "seeds")), FEW);
	assert_int_equal(json_count(json_get(node, "violations")), 0);
	assert_int_equal(json_count(json_get(node, "disturbances")), FAULT_COUNT * 2 * 14);
	json_free(node);
	free(p);
}

static void assert_row(struct page *page, const char *name)
{
	char row[64];

	snprintf(row, sizeof row, "| `%s` |", name);
	if (!page_has_row(page, row))
		fail_msg("%s has no row that begins with %s", page->path, row);
}

static void test_page(void **state)
{
	struct page page;
	char *text;

	(void)state;
	page_open(&page, "docs/SIMULATOR.md");
	for (int f = 0; f < FAULT_COUNT; f++)
		assert_row(&page, fault_name((enum fault)f));
	for (int d = 0; d < DURING_COUNT; d++)
		assert_row(&page, during_name((enum during)d));
	text = page_section(&page, "Proof of the protocol");
	for (int c = 0; c < CHECK_COUNT; c++) {
		char row[256];

		snprintf(row, sizeof row, "| `%s` | %s |", check_name((enum check)c), check_sentence((enum check)c));
		if (strstr(text, row) == NULL)
			fail_msg("%s has no row %s", page.path, row);
	}
	free(text);
	page_close(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_promise_holds),
		cmocka_unit_test(test_company_changes_nothing),
		cmocka_unit_test(test_a_seed_is_a_world),
		cmocka_unit_test(test_a_world_that_stands_still_is_told),
		cmocka_unit_test(test_plans_can_be_fulfilled),
		cmocka_unit_test(test_wrong_cells_are_named),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_page),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
