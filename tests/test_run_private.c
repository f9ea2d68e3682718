/*
 * A simulated run of a private study: what is measured of it, what it spends, what its policy refuses, and that none of it depends on
 * threads or masks. Where all rows are alike, every contribution is the same vector as long as the clip, and the ratio of signal
 * and noise follows from the contract's numbers alone.
 */
#include "base/file.h"
#include "simulator/run_directory.h"
#include "simulator/run_json.h"
#include "tests/support/close.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES 4
#define ROWS 50
#define SETTINGS_MAX 12

static const char study_text[] =
	"cohort: 1\nstudy: alike\npurpose: Measure\n"
	"data:\n  features:\n    - {name: x, min: -2, max: 2}\n    - {name: y, min: -2, max: 2}\n"
	"  label: {name: label, type: binary, positive: \"1\"}\n  fill: mean\n"
	"  split: {test_fraction: 0.3, seed: 1}\n"
	"model: {layers: [dense 1], init: zero}\n"
	"training: {rounds: 3, evaluate_every: 0, local: {learning_rate: 0.01}}\n"
	"evaluation: {release: masked}\n"
	"sites: {min: 4, max_dropouts: 0, max_colluders: 1, cell_min: 1}\n"
	"privacy: {mechanism: distributed, epsilon: 50, delta: 1.0e-4, clip: 1.0e-3, sampling_rate: 1, patients: 100, "
	"spare_rounds: 0}\n";

struct fixture {
	struct tempdir dir, data;
	struct run_request request;
	const char *settings[SETTINGS_MAX];
	struct run run;
	struct json *json;
};

/* All the same row, or rows that differ. */
static void write_sites(struct fixture *f, bool alike)
{
	char name[32], text[ROWS * 32];

	for (unsigned site = 0; site < SITES; site++) {
		int length = snprintf(text, sizeof text, "x,y,label\n");

		for (unsigned i = 0; i < ROWS; i++) {
			double x = alike ? 0.5 : (double)((i * 7 + site) % 40) / 10 - 2,
			       y = alike ? -1 : (double)((i * 13 + site) % 40) / 10 - 2;

			length += snprintf(text + length, sizeof text - (size_t)length, "%g,%g,%d\n", x, y,
			                   alike || x + y / 2 > 0.3);
		}
		snprintf(name, sizeof name, "site-%u.csv", site);
		tempdir_write(&f->data, name, text);
	}
}

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);

	tempdir_make(&f->dir);
	tempdir_make(&f->data);
	tempdir_write(&f->dir, "study.yaml", study_text);
	write_sites(f, false);
	f->request = (struct run_request){.study = tempdir_path(&f->dir, "study.yaml"),
	                                  .data = {.data = tempdir_path(&f->data, NULL)},
	                                  .settings = f->settings,
	                                  .seed = 1,
	                                  .threads = 1};
	*state = f;
	return 0;
}

static void end_run(struct fixture *f)
{
	json_free(f->json);
	f->json = NULL;
	run_free(&f->run);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	end_run(f);
	tempdir_remove(&f->dir);
	tempdir_remove(&f->data);
	free(f);
	return 0;
}

static void set(struct fixture *f, size_t count, const char *const *settings)
{
	for (size_t i = 0; i < count; i++)
		f->settings[i] = settings[i];
	f->request.setting_count = count;
}

#define WITH(f, ...)                                                                                                   \
	set((f), sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), (const char *const[]){__VA_ARGS__})

static void perform(struct fixture *f)
{
	struct diag why = {{0}};

	end_run(f);
	if (run_perform(&f->run, &f->request, &why) != OK)
		fail_msg("%s", why.text);
	f->json = run_json(&f->run, NULL);
}

static void refused(struct fixture *f, const char *words)
{
	struct diag why = {{0}};

	end_run(f);
	assert_int_equal(run_perform(&f->run, &f->request, &why), ERR_REFUSED);
	if (strstr(why.text, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, why.text);
}

static const struct json *privacy(const struct fixture *f, const char *key)
{
	return json_get(json_get(f->json, "privacy"), key);
}

static double measured(const struct fixture *f, const char *key)
{
	return json_as_real(json_get(privacy(f, "measured"), key));
}

/* ---- measured */

#define SITE_TERMS                                                                                                     \
	"privacy={mechanism: site, epsilon: 50, delta: 1.0e-4, clip: 1.0e-3, spare_rounds: 0}",                        \
		"training.local={learning_rate: 0.5, epochs: 1, batch: 100}"
#define LOCAL_TERMS                                                                                                    \
	"privacy={mechanism: local, epsilon: 50, delta: 1.0e-4, clip: 1.0e-3, sampling_rate: 1, patients: 100, "       \
	"spare_rounds: 0}",                                                                                            \
		"training.local={learning_rate: 0.01, steps: 2}"

/* Everybody's part is a vector of length C in one direction. `training` patients are in the sum of a step, or sites. */
static void assert_ratio(const struct fixture *f, double in_sum, double noises)
{
	const struct study *s = &f->run.study;
	double expected = in_sum / (s->privacy.noise_multiplier * sqrt((double)s->model.parameters * noises));

	assert_true(measured(f, "clipped") == 1);
	assert_close(measured(f, "signal_to_noise") / expected, 1, 0.02);
}

static void test_signal_over_noise(void **state)
{
	struct fixture *f = *state;
	double training = 0,
	       honest = SITES / (SITES - 1.0); /* times the noise, when all are there to add their share */

	write_sites(f, true);
	perform(f);
	for (uint32_t i = 0; i < SITES; i++)
		training += f->run.federation.sites[i].table.part_rows[PART_TRAIN];
	assert_ratio(f, training, honest);
	WITH(f, SITE_TERMS);
	perform(f);
	assert_ratio(f, SITES, honest);
	WITH(f, LOCAL_TERMS);
	perform(f);
	assert_ratio(f, training, SITES);
}

static void test_whom_clipping_touches(void **state)
{
	struct fixture *f = *state;

	WITH(f, "privacy.clip=1000");
	perform(f);
	assert_true(measured(f, "clipped") == 0);
	WITH(f, "privacy.clip=0.8");
	perform(f);
	assert_in_range(100 * measured(f, "clipped"), 5, 95);
	WITH(f, SITE_TERMS, "privacy.clip=1000");
	perform(f);
	assert_true(measured(f, "clipped") == 0);
}

/* ---- the same model in whatever way it is made */

static void test_threads_masks_and_seeds(void **state)
{
	static const char *const terms[][2] = {{"privacy.sampling_rate=0.5", NULL}, {SITE_TERMS}, {LOCAL_TERMS}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
		set(f, terms[i][1] != NULL ? 2 : 1, terms[i]);
		perform(f);
		struct hash one = f->run.model_sha256;
		double clipped = measured(f, "clipped"), ratio = measured(f, "signal_to_noise");
		f->request.threads = 3;
		perform(f);
		assert_true(hash_equal(&one, &f->run.model_sha256));
		assert_true(measured(f, "clipped") == clipped && measured(f, "signal_to_noise") == ratio);
		f->request.masks = true;
		perform(f);
		assert_true(hash_equal(&one, &f->run.model_sha256));
		assert_true(measured(f, "clipped") == clipped && measured(f, "signal_to_noise") == ratio);
		f->request.masks = false;
		f->request.seed = 2;
		perform(f);
		assert_false(hash_equal(&one, &f->run.model_sha256));
		f->request.seed = f->request.threads = 1;
	}
}

/* ---- what is spent */

static void test_epsilon_grows_to_what_is_promised(void **state)
{
	struct fixture *f = *state;
	struct buf text = {0};
	struct diag why = {{0}};
	char *next = NULL, *line;
	double before = 0;
	bool made;
	unsigned rows = 0;

	WITH(f, "privacy.epsilon=3", "privacy.sampling_rate=0.5");
	perform(f);
	assert_int_equal(run_directory_make(tempdir_path(&f->dir, "out"), &made, &why), OK);
	assert_int_equal(run_directory_write(tempdir_path(&f->dir, "out"), &f->run, &why), OK);
	buf_init(&text, 1 << 20);
	assert_int_equal(file_read(&text, tempdir_path(&f->dir, "out/rounds.csv"), 1 << 20, &why), OK);
	buf_put_u8(&text, 0);
	assert_non_null(strstr(strtok_r((char *)text.ptr, "\n", &next), ",epsilon,clipped,signal_to_noise"));
	while ((line = strtok_r(NULL, "\n", &next)) != NULL) {
		char *ratio = strrchr(line, ','), *clipped, *epsilon;

		*ratio = '\0';
		clipped = strrchr(line, ',');
		*clipped = '\0';
		epsilon = strrchr(line, ',');
		double spent = strtod(epsilon + 1, NULL);
		bool trains = strstr(line, ",train,") != NULL;

		assert_true(trains ? spent > before
		                   : spent >= before); /* exact figures cost nothing, and say nothing */
		assert_true((clipped[1] != '\0') == trains && (ratio[1] != '\0') == trains);
		before = spent;
		rows++;
	}
	assert_int_equal(rows, 5);
	assert_true(before > 2.5 && before <= 3);
	buf_free(&text);
}

/* ---- what would be released */

static void test_noised_figures(void **state)
{
	struct fixture *f = *state;
	const struct json *noised;

	perform(f);
	assert_true(json_as_bool(json_get(f->json, "released"))); /* exact, and so they would be */
	assert_int_equal(json_kind(privacy(f, "noised")), JSON_IS_NULL);
	WITH(f, "evaluation={release: noised, bins: 16}");
	perform(f);
	assert_false(json_as_bool(json_get(f->json, "released")));
	noised = privacy(f, "noised");
	assert_int_equal(json_count(json_get(noised, "auc_interval")), 2);
	/* epsilon 50: hardly any noise, but not the exact figure either */
	double exact = json_as_real(json_get(json_get(f->json, "metrics"), "auc"));
	double said = json_as_real(json_get(noised, "auc"));
	assert_true(said != exact);
	assert_close(said, exact, 0.05);
}

/* ---- what hospitals refuse */

static void test_policies(void **state)
{
	struct fixture *f = *state;

	f->request.policy = tempdir_path(&f->dir, "policy.yaml");
	tempdir_write(&f->dir, "policy.yaml",
	              "{masking: required, mechanisms: [local], evaluation: [masked], min_rows: 1, min_positives: 0, "
	              "min_sites: 1, epsilon_per_study: 60, budget: {epsilon: 500, delta: 1.0e-4}}\n");
	refused(f, "no hospital with this policy takes part: ");
	tempdir_write(
		&f->dir, "policy.yaml",
		"{masking: required, mechanisms: [distributed], evaluation: [masked], min_rows: 1, min_positives: 0, "
		"min_sites: 1, epsilon_per_study: 40, budget: {epsilon: 500, delta: 1.0e-4}}\n");
	refused(f, "epsilon_per_study");
	tempdir_write(
		&f->dir, "policy.yaml",
		"{masking: required, mechanisms: [distributed], evaluation: [masked], min_rows: 1, min_positives: 0, "
		"min_sites: 1, epsilon_per_study: 60, budget: {epsilon: 40, delta: 1.0e-4}}\n");
	refused(f, "no hospital with this policy takes part: this hospital's privacy budget: ");
	tempdir_write(
		&f->dir, "policy.yaml",
		"{masking: required, mechanisms: [distributed], evaluation: [masked], min_rows: 1, min_positives: 0, "
		"min_sites: 1, epsilon_per_study: 60, budget: {epsilon: 500, delta: 1.0e-4}}\n");
	perform(f);
	assert_int_equal(f->run.rounds, 3);
	assert_int_equal(json_count(json_get(f->json, "excluded")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_signal_over_noise),       TEST(test_whom_clipping_touches),
		TEST(test_threads_masks_and_seeds), TEST(test_epsilon_grows_to_what_is_promised),
		TEST(test_noised_figures),          TEST(test_policies),
	};

	return cmocka_run_group_tests_name("run, private", tests, NULL, NULL);
}
