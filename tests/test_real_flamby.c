/*
 * FLamby's benchmark of heart disease as FLamby runs it (Ogier du Terrail et al., FLamby, NeurIPS 2022;
 * hyperparameters from the benchmark's own configuration): every hospital scales by itself, a logistic regression
 * begins with PyTorch's weights, and trains for 15 rounds of 100 steps with batches of 4. What is compared is the
 * mean of the four hospitals' accuracies, which its authors publish for five seeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "base/random.h"
#include "model/checkpoint.h"
#include "tests/support/close.h"
#include "tests/support/shared.h"
#include "tests/support/simulated.h"
#include "tests/support/studies.h"

#define SEEDS 20
#define INPUTS 13
#define PUBLISHED_DEVIATION 0.028 /* of FedAvg over the published seeds */
#define SETTINGS 6

#define FLAMBY(name) "heart as FLamby runs it, " name ", accuracy, mean of the four"

static struct strategy {
	struct series accuracy;
	double published, numpy; /* of an independent NumPy program with the same settings */
	const char *settings[SETTINGS];
	double mean;
} strategies[] = {
	{{.name = FLAMBY("FedAvg")}, 0.685, 0.699, {"training.local.learning_rate=0.001"}, 0},
	{{.name = FLAMBY("FedAdam")},
         0.726,
         0.733,
         {"training.strategy=fedadam", "training.local.learning_rate=0.01", "training.server.learning_rate=0.01",
          "training.server.beta2=0.999", "training.server.tau=1.0e-8"},
         0},
	{{.name = FLAMBY("FedYogi")},
         0.731,
         0.736,
         {"training.strategy=fedyogi", "training.local.learning_rate=0.003162", "training.server.learning_rate=0.01",
          "training.server.beta2=0.999", "training.server.tau=1.0e-8"},
         0},
	{{.name = FLAMBY("FedAdagrad")},
         0.731,
         0.737,
         {"training.strategy=fedadagrad", "training.local.learning_rate=0.003162",
          "training.server.learning_rate=0.316228", "training.server.beta1=0.9", "training.server.tau=1.0e-8"},
         0},
};
#define STRATEGIES (sizeof strategies / sizeof *strategies)

/* PyTorch's Linear begins uniformly within 1 / sqrt(inputs), its bias too. Writes such a model beside the study;
 * `setting` names it. */
static void write_first_model(char *setting, size_t size, struct tempdir *dir, uint64_t seed)
{
	struct checkpoint_about about = {.study = "first", .label = "{}"};
	float parameters[INPUTS + 1];
	char hex[HASH_HEX_SIZE];
	struct diag why = {{0}};
	struct hash sha256;
	struct study study;
	struct buf file;
	struct rng rng;

	rng_seeded(&rng, seed, "first");
	for (int i = 0; i < INPUTS + 1; i++)
		parameters[i] = (float)((2 * rng_unit(&rng) - 1) / sqrt(INPUTS));
	studies_load(&study, "heart_flamby", NULL, NULL);
	hash_hex(hex, &(struct hash){{0}});
	about.study_hash = hex;
	buf_init(&file, MODEL_FILE_MAX);
	if (checkpoint_write(&file, &study.model, parameters, &about, &why) != OK)
		fail_msg("%s", why.text);
	study_free(&study);
	tempdir_write_bytes(dir, "first.safetensors", buf_bytes(&file));
	sha256_of(&sha256, buf_bytes(&file));
	hash_hex(hex, &sha256);
	snprintf(setting, size, "model.init={file: first.safetensors, sha256: %s}", hex);
	buf_free(&file);
}

static void play(struct strategy *strategy, const char *study, const char *file, const char *first, unsigned seed)
{
	struct simulated s = {.study = study,
	                      .data = {.data = file, .site_column = "site"},
	                      .seed = seed,
	                      .settings = {"data.scale=site", "training.rounds=15", first}};

	for (int i = 0; i < SETTINGS; i++)
		s.settings[3 + i] = strategy->settings[i];
	simulate(&s);
	series_add(&strategy->accuracy,
	           simulated_mean(s.run.test.sites, s.run.test.count, offsetof(struct metrics, accuracy)));
	simulated_end(&s);
}

static void test_strategies(void **state)
{
	const char *file = shared_data("heart/heart_flamby13.csv");
	struct tempdir dir;
	char first[128];
	struct buf text;
	struct diag why;

	(void)state;
	tempdir_make(&dir);
	assert_int_equal(file_read(&text, "tests/studies/heart_flamby.yaml", YAML_TEXT_MAX, &why), OK);
	tempdir_write_bytes(&dir, "study.yaml", buf_bytes(&text));
	buf_free(&text);
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		write_first_model(first, sizeof first, &dir, seed);
		for (size_t i = 0; i < STRATEGIES; i++)
			play(&strategies[i], tempdir_path(&dir, "study.yaml"), file, first, seed);
	}
	for (size_t i = 0; i < STRATEGIES; i++) {
		struct strategy *s = &strategies[i];

		s->mean = series_end(&s->accuracy).mean;
		assert_close(s->mean, s->published, PUBLISHED_DEVIATION);
		/* the mean of twenty seeds is four times as sure as one seed is */
		assert_close(s->mean, s->numpy, PUBLISHED_DEVIATION / 2);
		assert_true(i == 0 || s->mean > strategies[0].mean + 0.02); /* published: .04 */
	}
	tempdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strategies),
	};

	return cmocka_run_group_tests_name("flamby", tests, NULL, NULL);
}
