/*
 * What is shown of a private study: figures with intervals, what is spent of the promise, and that exact figures are not covered by
 * it; as JSON and as a person reads it.
 */
#include "base/log.h"
#include "coordinator/report.h"
#include "coordinator/tables.h"
#include "tests/support/contracts.h"
#include "tests/support/tempdir.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW_MS 1800000000000
#define SHOWN_MAX 4096

/* An office with one study, made by hand. */
struct fixture {
	struct tempdir dir;
	struct settings settings;
	struct office office;
	struct course *courses[1];
	char shown[SHOWN_MAX];
};

/* private.yaml with one edit; NULL: as it is. */
static void begin(struct fixture *f, const char *old, const char *new)
{
	char *text = contract_text("private.yaml"), *edited = old != NULL ? contract_edited(text, old, new) : NULL;
	struct diag why = {{0}};
	struct study study;

	*f = (struct fixture){0};
	log_init(NULL, LOG_LEVEL_ERROR);
	tempdir_make(&f->dir);
	f->settings = (struct settings){.join_ms = 1000, .deadline_ms = 10000, .pause_ms = 500};
	f->office.world = (struct course_world){
		.settings = &f->settings, .enrolled = &f->office.enrolled, .now_ms = 1, .wall_ms = NOW_MS};
	if (store_open(&f->office.store, tempdir_path(&f->dir, "coordinator.db"), &why) != OK)
		fail_msg("%s", why.text);
	f->office.world.store = f->office.store;
	contract_parse(&study, edited != NULL ? edited : text);
	if (course_add(&f->courses[0], &f->office.world, buf_bytes(&study.canonical), &why) != OK)
		fail_msg("%s", why.text);
	f->office.courses = f->courses;
	f->office.count = 1;
	study_free(&study);
	free(edited);
	free(text);
}

static void end(struct fixture *f)
{
	course_free(f->courses[0]);
	store_close(f->office.store);
	tempdir_remove(&f->dir);
}

/* Stores a round that has evaluated. */
static void evaluated(struct fixture *f, struct metrics validation, struct metrics validation_margin,
                      struct metrics test, struct metrics test_margin)
{
	uint32_t site = 4;
	const struct round_plan plan = {.round = 9,
	                                .attempt = 1,
	                                .step = 8,
	                                .asks = ASK_EVALUATE,
	                                .model = {{7}},
	                                .model_octets = 100,
	                                .sites = &site,
	                                .site_count = 1};
	const struct round_config config = {.sites = &site, .site_count = 1, .quorum = 1, .octets = 8};
	struct round *round = round_open(&config, 0);
	const struct round_report report = {.plan = &plan,
	                                    .outcome = OUTCOME_DONE,
	                                    .round = round,
	                                    .evaluated = true,
	                                    .validation = validation,
	                                    .validation_margin = validation_margin,
	                                    .test = test,
	                                    .test_margin = test_margin,
	                                    .ended_ms = 5};
	struct diag why;

	assert_true(store_open_round(f->office.store, f->courses[0]->id, &plan, 1, 8, NOW_MS));
	assert_true(store_close_round(f->office.store, f->courses[0]->id, &report, NOW_MS));
	assert_int_equal(store_commit(f->office.store, &why), OK);
	round_free(round);
}

static struct metrics classes(double rows, double loss, double accuracy, double auc)
{
	struct metrics m = METRICS_NONE;

	m.rows = rows;
	m.loss = loss;
	m.accuracy = accuracy;
	m.auc = auc;
	return m;
}

static struct json *rounds(struct fixture *f)
{
	struct json *out;
	struct diag why = {{0}};

	assert_int_equal(report_rounds(&out, &f->office, f->courses[0], 0, 0, &why), OK);
	return out;
}

static struct json *status(struct fixture *f)
{
	struct json *out;
	struct diag why = {{0}};

	assert_int_equal(report_status(&out, &f->office, &why), OK);
	return out;
}

/* What the tables print of these. */
static const char *shown(struct fixture *f)
{
	struct json *page = rounds(f), *all = status(f);
	FILE *file = tmpfile();
	int kept = dup(STDOUT_FILENO);
	size_t n;

	assert_non_null(file);
	fflush(stdout);
	assert_true(kept >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
	tables_round(json_at(json_get(page, "rounds"), 0));
	tables_status(all, NOW_MS);
	fflush(stdout);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	close(kept);
	rewind(file);
	n = fread(f->shown, 1, SHOWN_MAX - 1, file);
	f->shown[n] = '\0';
	fclose(file);
	json_free(page);
	json_free(all);
	return f->shown;
}

static void assert_interval(const struct json *figures, const char *key, double low, double high)
{
	const struct json *held = json_get(figures, key);

	assert_non_null(held);
	assert_int_equal(json_count(held), 2);
	assert_true(json_as_real(json_at(held, 0)) == low && json_as_real(json_at(held, 1)) == high);
}

static void assert_shown(struct fixture *f, const char *words, bool there)
{
	if ((strstr(shown(f), words) != NULL) != there)
		fail_msg("%s \"%s\" in:\n%s", there ? "no" : "there is", words, f->shown);
}

static void noised_figures_have_intervals_everywhere(void **state)
{
	struct fixture f;
	struct json *page, *all;

	(void)state;
	begin(&f, NULL, NULL);
	evaluated(&f, classes(90, 0.5, 0.75, 0.875), classes(4, 0.25, 0.0625, 0.03125),
	          classes(200, 0.5, 0.875, 0.9375), classes(4, 0.125, 0.0625, 0.125));
	page = rounds(&f);
	all = status(&f);
	const struct json *round = json_at(json_get(page, "rounds"), 0);
	assert_interval(round, "auc_interval", 0.8125, 1);
	assert_interval(round, "loss_interval", 0.375, 0.625);
	assert_interval(json_get(round, "validation"), "auc_interval", 0.84375, 0.90625);
	assert_interval(json_get(round, "test"), "accuracy_interval", 0.8125, 0.9375);
	assert_null(json_get(round, "r2_interval"));
	assert_interval(json_get(json_at(json_get(all, "studies"), 0), "metrics"), "auc_interval", 0.8125, 1);
	json_free(page);
	json_free(all);
	assert_shown(&f,
	             "noised: loss 0.5000 [0.3750, 0.6250], accuracy 0.875 [0.812, 0.938], auc 0.938 [0.812, 1.000]\n",
	             true);
	assert_shown(
		&f,
		"figures    loss 0.5000 [0.3750, 0.6250], accuracy 0.875 [0.812, 0.938], auc 0.938 [0.812, 1.000]\n",
		true);
	assert_shown(&f, "NOT covered", false);
	end(&f);
}

/* Of noised rows nobody can tell whether there are any: what is withheld gives way to what is not. */
static void the_part_that_has_figures_is_shown(void **state)
{
	struct metrics none = METRICS_NONE, margin = METRICS_NONE;
	struct fixture f;
	struct json *page;

	(void)state;
	none.rows = margin.rows = 3;
	begin(&f, NULL, NULL);
	evaluated(&f, classes(90, 0.5, 0.75, 0.875), classes(4, 0.25, 0.0625, 0.03125), none, margin);
	page = rounds(&f);
	assert_true(json_as_real(json_get(json_at(json_get(page, "rounds"), 0), "auc")) == 0.875);
	json_free(page);
	end(&f);
}

static void exact_figures_are_said_not_to_be_covered(void **state)
{
	struct fixture f;
	struct json *page;

	(void)state;
	begin(&f, "privacy: {mechanism", "evaluation: {release: masked}\nprivacy: {mechanism");
	evaluated(&f, classes(90, 0.5, 0.75, 0.875), METRICS_NONE, classes(200, 0.5, 0.875, 0.9375), METRICS_NONE);
	page = rounds(&f);
	const struct json *round = json_at(json_get(page, "rounds"), 0);
	assert_null(json_get(round, "auc_interval"));
	assert_false(json_as_bool(json_get(json_get(json_get(round, "privacy"), "evaluation"), "covered")));
	json_free(page);
	assert_shown(&f, "(figures exact, NOT covered by epsilon)\n", true);
	assert_shown(&f, "auc 0.938 (exact, NOT covered by epsilon)\n", true);
	end(&f);
}

static void what_is_spent_is_told(void **state)
{
	struct fixture f;
	struct json *all;

	(void)state;
	begin(&f, NULL, NULL);
	all = status(&f);
	const struct json *privacy = json_get(json_at(json_get(all, "studies"), 0), "privacy");
	assert_int_equal(json_as_integer(json_get(privacy, "releases")), 0);
	assert_int_equal(json_as_integer(json_get(privacy, "spent_rounds")), 0);
	assert_int_equal(json_as_integer(json_get(privacy, "lost_rounds")), 0);
	assert_int_equal(json_as_integer(json_get(privacy, "spare_left")), f.courses[0]->study->privacy.spare_rounds);
	assert_true(json_as_real(json_get(privacy, "epsilon")) > 0);
	assert_string_equal(json_as_string(json_get(privacy, "mechanism")), "distributed");
	json_free(all);
	evaluated(&f, classes(90, 0.5, 0.75, 0.875), METRICS_NONE, classes(0, NAN, NAN, NAN), METRICS_NONE);
	assert_shown(&f, "  spare      3 of 3 rounds left\n", true);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noised_figures_have_intervals_everywhere),
		cmocka_unit_test(the_part_that_has_figures_is_shown),
		cmocka_unit_test(exact_figures_are_said_not_to_be_covered),
		cmocka_unit_test(what_is_spent_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
