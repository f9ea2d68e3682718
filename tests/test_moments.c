/* The server's moments in a study's course: they change with the model and in the same commit, whenever the process is
 * killed; and a study whose moments do not fit its model does not go on. */
#include "coordinator/course.h"

#include "base/log.h"
#include "coordinator/strategy.h"
#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define SITES 2
#define NOW_MS 1000
#define TRAINING "training: {strategy: fedadam, rounds: 3, local: {batch: 8}}"

struct fixture {
	struct tempdir dir;
	struct settings settings;
	struct enrolled enrolled;
	struct course_world world;
	struct course *course;
	size_t count; /* of moments */
	bool verify; /* as the daemon does; without, moments stay in the store */
	enum err restored; /* how the last restart went, and why */
	struct diag why;
};

static void open_store(struct fixture *f)
{
	struct diag why = {{0}};

	if (store_open(&f->world.store, f->settings.database, &why) != OK)
		fail_msg("%s", why.text);
}

static void begin(struct fixture *f, const char *training)
{
	struct study study;
	struct diag why = {{0}};

	memset(f, 0, sizeof *f);
	log_init(NULL, LOG_LEVEL_ERROR);
	tempdir_make(&f->dir);
	tempdir_folder(&f->dir, "staging");
	f->settings = (struct settings){.join_ms = 1000, .deadline_ms = 10000, .pause_ms = 500};
	f->settings.staging = mem_copy_text(tempdir_path(&f->dir, "staging"));
	f->settings.database = mem_copy_text(tempdir_path(&f->dir, "coordinator.db"));
	f->world = (struct course_world){.settings = &f->settings, .enrolled = &f->enrolled, .now_ms = NOW_MS};
	open_store(f);
	small_study(&study, training);
	if (course_add(&f->course, &f->world, buf_bytes(&study.canonical), &why) != OK)
		fail_msg("%s", why.text);
	f->count = strategy_moments(&study) * study.model.parameters;
	study_free(&study);
}

static void end(struct fixture *f)
{
	course_free(f->course);
	store_close(f->world.store);
	free(f->settings.staging);
	free(f->settings.database);
	tempdir_remove(&f->dir);
}

/* ---- a shell that makes moments up: those of step s are all s, as the model's name is */

static struct hash made(uint32_t step)
{
	return (struct hash){{(uint8_t)step, 0xdd}};
}

static void compute(struct fixture *f)
{
	const struct round_plan *plan = campaign_plan(f->course->campaign);
	struct outcome o = {.has_model = true, .model_sha256 = made(plan->step)};

	o.model.len = 1000;
	if (plan->step > 0 && f->count > 0) {
		o.moments = mem_array(f->count, sizeof *o.moments);
		for (size_t i = 0; i < f->count; i++)
			o.moments[i] = (float)plan->step;
	}
	moments_take(&f->course->moments, &o, f->course->study);
	assert_null(o.moments);
	campaign_computed(f->course->campaign, &o, NOW_MS);
}

/* Executes what the campaign asks; what it writes is not committed yet. */
static void drain(struct fixture *f)
{
	struct campaign_action a;

	while (campaign_next(f->course->campaign, &a)) {
		if (a.kind == CAMPAIGN_PERSIST_SITE)
			course_persist_site(f->course, a.site);
		else if (a.kind == CAMPAIGN_ADD)
			campaign_added(f->course->campaign, a.site, NOW_MS);
		else if (a.kind == CAMPAIGN_COMPUTE)
			compute(f);
		else
			course_persist(f->course, &a);
	}
}

static void commit(struct fixture *f)
{
	struct diag why = {{0}};

	do {
		drain(f);
		assert_int_equal(store_commit(f->world.store, &why), OK);
	} while (course_committed(f->course));
}

static void start(struct fixture *f)
{
	struct diag why = {{0}};

	for (uint32_t site = 1; site <= SITES; site++)
		campaign_answer(f->course->campaign, site, ANSWER_APPROVED, NOW_MS);
	assert_int_equal(campaign_start(f->course->campaign, NOW_MS, &why), OK);
	commit(f);
}

/* Every site's upload is on disk; the round's end is written, and whether it is committed is for the test. */
static void run_round(struct fixture *f)
{
	struct campaign *k = f->course->campaign;
	const struct round_plan p = *campaign_plan(k);
	struct diag why = {{0}};

	for (uint32_t site = 1; site <= SITES; site++) {
		struct hash content = {{(uint8_t)site, (uint8_t)p.round}};

		assert_int_equal(campaign_upload(k, site, p.round, p.attempt, layout_octets(campaign_layout(k)),
		                                 &content, NOW_MS),
		                 UPLOAD_WANTED);
	}
	drain(f);
	assert_int_equal(store_commit(f->world.store, &why), OK);
	assert_true(course_committed(f->course));
	drain(f);
}

static void restore(void *context, const struct stored_study *row)
{
	struct fixture *f = context;

	f->restored = course_restore(&f->course, &f->world, row, f->verify, &f->why);
	if (f->restored != OK)
		f->course = NULL;
}

/* What is not committed is gone. */
static enum err restart(struct fixture *f, bool verify)
{
	struct diag why = {{0}};

	f->verify = verify;
	course_free(f->course);
	f->course = NULL;
	store_close(f->world.store);
	open_store(f);
	assert_int_equal(store_studies(f->world.store, restore, f, &why), OK);
	return f->restored;
}

static void assert_moments(struct fixture *f, uint32_t step)
{
	const struct round_plan *plan = campaign_plan(f->course->campaign);
	const float *found = moments_of(&f->course->moments, &plan->model);

	assert_int_equal(plan->step, step + 1);
	if (step == 0) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	for (size_t i = 0; i < f->count; i++)
		assert_true(found[i] == (float)step);
}

static void assert_stored(struct fixture *f, uint32_t step)
{
	const struct hash model = made(step);
	struct diag why = {{0}};

	assert_int_equal(store_check_moments(f->world.store, f->course->id, &model, f->count, &why),
	                 step > 0 ? OK : ERR_DATA);
}

static void test_killed_before_and_after_each_commit(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, TRAINING);
	start(&f);
	run_round(&f);
	commit(&f);
	assert_moments(&f, 0);
	for (uint32_t step = 1; step <= 3; step++) {
		assert_int_equal(restart(&f, true), OK);
		assert_moments(&f, step - 1);
		run_round(&f); /* the end of the round is written, and lost */
		assert_int_equal(restart(&f, false), OK);
		assert_stored(&f, step - 1);
		commit(&f); /* its uploads still count, so it ends again */
		assert_moments(&f, step);
	}
	end(&f);
}

/* They are in memory when there was no restart, too. */
static void test_without_a_restart(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, TRAINING);
	start(&f);
	run_round(&f);
	commit(&f);
	for (uint32_t step = 1; step <= 3; step++) {
		run_round(&f);
		commit(&f);
		assert_moments(&f, step);
	}
	end(&f);
}

static void test_a_study_whose_moments_do_not_fit_does_not_go_on(void **state)
{
	const struct hash stranger = {{9}};
	struct fixture f;
	struct diag why = {{0}};

	(void)state;
	begin(&f, TRAINING);
	start(&f);
	run_round(&f);
	commit(&f);
	run_round(&f);
	commit(&f);
	float *values = mem_array(f.count, sizeof *values);
	store_moments(f.world.store, f.course->id, &stranger, values, f.count);
	assert_int_equal(store_commit(f.world.store, &why), OK);
	assert_int_equal(restart(&f, true), ERR_DATA);
	assert_non_null(strstr(f.why.text, "study small"));
	assert_non_null(strstr(f.why.text, "do not belong to the study's newest model"));
	free(values);
	end(&f);
}

static void test_they_go_when_the_study_is_over(void **state)
{
	struct fixture f;
	struct hash last = made(1);
	struct diag why = {{0}};

	(void)state;
	begin(&f, TRAINING);
	start(&f);
	run_round(&f);
	commit(&f);
	run_round(&f);
	commit(&f);
	assert_int_equal(store_check_moments(f.world.store, f.course->id, &last, f.count, &why), OK);
	f.course->busy = 1; /* a job looks at them */
	assert_int_equal(campaign_stop(f.course->campaign, NOW_MS, &why), OK);
	commit(&f);
	f.course->busy = 0;
	assert_non_null(f.course->moments.values);
	assert_int_equal(store_check_moments(f.world.store, f.course->id, &last, f.count, &why), ERR_DATA);
	assert_int_equal(restart(&f, true), OK);
	assert_null(f.course->moments.values);
	end(&f);
}

static void test_a_strategy_without_moments(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	assert_int_equal(f.count, 0);
	start(&f);
	for (int round = 0; round < 3; round++) {
		run_round(&f);
		commit(&f);
		assert_int_equal(restart(&f, true), OK);
		assert_null(f.course->moments.values);
	}
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_before_and_after_each_commit),
		cmocka_unit_test(test_without_a_restart),
		cmocka_unit_test(test_a_study_whose_moments_do_not_fit_does_not_go_on),
		cmocka_unit_test(test_they_go_when_the_study_is_over),
		cmocka_unit_test(test_a_strategy_without_moments),
	};

	return cmocka_run_group_tests_name("moments", tests, NULL, NULL);
}
