/* The course of a study in the store: what a campaign asks is written, and read back after a kill at any commit. */
#include "coordinator/course.h"

#include "base/log.h"
#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define SITES 3
#define NOW_MS 1000
#define WALL_MS 1800000000000

struct fixture {
	struct tempdir dir;
	struct settings settings;
	struct enrolled enrolled;
	struct course_world world;
	struct course *course;
};

static void open_store(struct fixture *f)
{
	struct diag why = {{0}};

	if (store_open(&f->world.store, tempdir_path(&f->dir, "coordinator.db"), &why) != OK)
		fail_msg("%s", why.text);
}

static int setup(void **state)
{
	static struct fixture f;
	struct study study;
	struct diag why = {{0}};

	memset(&f, 0, sizeof f);
	log_init(NULL, LOG_LEVEL_ERROR);
	tempdir_make(&f.dir);
	tempdir_folder(&f.dir, "staging");
	f.settings = (struct settings){.join_ms = 1000, .deadline_ms = 10000, .pause_ms = 500};
	f.settings.staging = (char *)(uintptr_t)tempdir_path(&f.dir, "staging");
	f.settings.database = (char *)(uintptr_t)tempdir_path(&f.dir, "coordinator.db");
	f.world = (struct course_world){
		.settings = &f.settings, .enrolled = &f.enrolled, .now_ms = NOW_MS, .wall_ms = WALL_MS};
	open_store(&f);
	small_study(&study, NULL);
	if (course_add(&f.course, &f.world, buf_bytes(&study.canonical), &why) != OK)
		fail_msg("%s", why.text);
	study_free(&study);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	course_free(f->course);
	store_close(f->world.store);
	tempdir_remove(&f->dir);
	return 0;
}

/* Writes what the campaign asks; the commit, and the campaign hearing of it, are for the test. */
static void drain(struct fixture *f)
{
	course_drain(f->course);
}

static void commit(struct fixture *f)
{
	struct diag why = {{0}};

	do {
		course_drain(f->course);
		assert_int_equal(store_commit(f->world.store, &why), OK);
	} while (course_committed(f->course));
}

static void restore(void *context, const struct stored_study *row)
{
	struct fixture *f = context;
	struct diag why = {{0}};

	if (course_restore(&f->course, &f->world, row, false, &why) != OK)
		fail_msg("%s", why.text);
}

/* What is not committed is gone. */
static void kill_and_restart(struct fixture *f)
{
	struct diag why = {{0}};

	course_free(f->course);
	f->course = NULL;
	store_close(f->world.store);
	open_store(f);
	assert_int_equal(store_studies(f->world.store, restore, f, &why), OK);
	assert_non_null(f->course);
}

static void start(struct fixture *f)
{
	struct diag why = {{0}};

	for (uint32_t site = 1; site <= SITES; site++)
		campaign_answer(f->course->campaign, site, ANSWER_APPROVED, NOW_MS);
	assert_int_equal(campaign_start(f->course->campaign, NOW_MS, &why), OK);
}

static enum upload_verdict upload(struct fixture *f, uint32_t site)
{
	struct campaign *k = f->course->campaign;
	const struct round_plan *p = campaign_plan(k);
	struct hash content = {{(uint8_t)site, 1}};

	return campaign_upload(k, site, p->round, p->attempt, layout_octets(campaign_layout(k)), &content, NOW_MS);
}

struct listed {
	char outcomes[8][16];
	uint32_t count;
};

static void list_round(void *context, const struct stored_round *row)
{
	struct listed *l = context;

	assert_true(l->count < 8);
	assert_int_equal(strcmp(row->outcome, "open") == 0, row->closed_ms == 0);
	snprintf(l->outcomes[l->count++], sizeof l->outcomes[0], "%s", row->outcome);
}

static struct listed rounds(struct fixture *f)
{
	struct listed l = {.count = 0};
	struct diag why = {{0}};

	assert_int_equal(store_rounds(f->world.store, f->course->id, 0, 0, 8, list_round, &l, &why), OK);
	return l;
}

static void test_the_open_round_is_there_after_a_kill(void **state)
{
	struct fixture *f = *state;
	struct campaign *k;

	start(f);
	commit(f);
	assert_int_equal(upload(f, 1), UPLOAD_WANTED);
	assert_int_equal(campaign_refused(f->course->campaign, 2, 1, 1, REFUSAL_MODEL, NOW_MS), OK);
	commit(f);
	assert_int_equal(upload(f, 3), UPLOAD_WANTED);
	drain(f); /* its row is written, not committed */
	kill_and_restart(f);
	k = f->course->campaign;
	assert_int_equal(campaign_state(k), CAMPAIGN_EXPECT_ROUND);
	assert_int_equal(campaign_approved(k), SITES);
	assert_int_equal(upload(f, 1), UPLOAD_ACCEPTED);
	assert_int_equal(round_site(campaign_round(k), 2)->state, SITE_REFUSED);
	assert_int_equal(round_site(campaign_round(k), 2)->refusal, REFUSAL_MODEL);
	assert_int_equal(upload(f, 3), UPLOAD_WANTED); /* it was not acknowledged */
	assert_string_equal(rounds(f).outcomes[0], "open");
}

/* A site that withdraws while the row of its upload is under way has one row, which says what the campaign says. */
static void test_leaving_while_the_row_is_written(void **state)
{
	struct fixture *f = *state;
	struct campaign *k = f->course->campaign;

	start(f);
	commit(f);
	assert_int_equal(upload(f, 1), UPLOAD_WANTED);
	drain(f);
	campaign_answer(k, 1, ANSWER_WITHDRAWN, NOW_MS);
	commit(f);
	assert_int_equal(round_site(campaign_round(k), 1)->state, SITE_EXPECT_ADDED);
	kill_and_restart(f);
	assert_int_equal(round_site(campaign_round(f->course->campaign), 1)->state, SITE_EXPECT_ADDED);
	assert_int_equal(campaign_approved(f->course->campaign), SITES - 1);
}

/* The row of a planned attempt is written with the record; when the study is stopped before that is committed, or
 * known to be, no round begins, and none stays open in the list. */
static void test_stopping_before_a_planned_round_begins(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};

	start(f);
	drain(f);
	assert_int_equal(rounds(f).count, 1);
	assert_int_equal(campaign_stop(f->course->campaign, NOW_MS, &why), OK);
	commit(f);
	assert_int_equal(campaign_state(f->course->campaign), CAMPAIGN_STOPPED);
	assert_int_equal(rounds(f).count, 1);
	assert_string_equal(rounds(f).outcomes[0], "abandoned");
	kill_and_restart(f);
	assert_int_equal(campaign_state(f->course->campaign), CAMPAIGN_STOPPED);
}

static void test_stopping_an_open_round(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};

	start(f);
	commit(f);
	assert_int_equal(campaign_stop(f->course->campaign, NOW_MS, &why), OK);
	commit(f);
	assert_int_equal(rounds(f).count, 1);
	assert_string_equal(rounds(f).outcomes[0], "abandoned");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_open_round_is_there_after_a_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaving_while_the_row_is_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopping_before_a_planned_round_begins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopping_an_open_round, setup, teardown),
	};

	return cmocka_run_group_tests_name("course", tests, NULL, NULL);
}
