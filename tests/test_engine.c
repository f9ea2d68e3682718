/*
 * The engine makes the very models that the protocol makes site by site: held against the plainest federation
 * (tests/support/federate.h), for any number of workers, with sites that stay away, come late or refuse.
 */
#include "simulator/engine.h"
#include "tests/support/federate.h"
#include "tests/support/small_study.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES 5

struct run {
	struct study study;
	struct federation federation;
	struct engine *engine;
	struct diag why;
	uint32_t attempts, done, contributed, late, dropped, refused;
	double seconds;
};

/* The small study with `from` replaced by `to`, a few times. */
static void read_study(struct study *out, const char *const (*changes)[2], size_t count)
{
	struct buf text;
	struct diag why = {{0}};

	buf_init(&text, YAML_TEXT_MAX);
	buf_put_text(&text, small_study_text);
	for (size_t i = 0; i < count; i++) {
		char *copy = mem_copy_text(buf_text(&text)), *at = strstr(copy, changes[i][0]);

		assert_non_null(at);
		buf_clear(&text);
		buf_put(&text, bytes_of(copy, (size_t)(at - copy)));
		buf_put_text(&text, changes[i][1]);
		buf_put_text(&text, at + strlen(changes[i][0]));
		free(copy);
	}
	if (study_parse(out, buf_bytes(&text), "study.yaml", true, &why) != OK)
		fail_msg("%s", why.text);
	buf_free(&text);
}

static void read_sites(struct federation *out, const struct study *study)
{
	struct tempdir dir;

	tempdir_make(&dir);
	*out = (struct federation){.study = study, .count = SITES, .capacity = SITES};
	out->sites = mem_array(SITES, sizeof *out->sites);
	for (uint32_t i = 0; i < SITES; i++) {
		snprintf(out->sites[i].name, NAME_SIZE, "site-%u", i);
		small_table(&out->sites[i].table, &dir, study, i);
	}
	tempdir_remove(&dir);
}

static void count_round(void *context, const struct engine_round *r)
{
	struct run *run = context;

	run->attempts++;
	run->done += r->report->outcome == OUTCOME_DONE;
	run->contributed += r->contributed;
	run->late += r->late;
	run->dropped += r->dropped;
	run->refused += r->refused;
	assert_int_equal(r->invited, r->contributed + r->late + r->dropped + r->refused);
}

static enum err play(struct run *run, const char *const (*changes)[2], size_t count, uint64_t seed,
                     const struct engine_options *options)
{
	*run = (struct run){0};
	read_study(&run->study, changes, count);
	study_seed(&run->study, seed);
	read_sites(&run->federation, &run->study);
	if (engine_new(&run->engine, &run->study, &run->federation, options, &run->why) != OK)
		fail_msg("%s", run->why.text);
	return engine_run(run->engine, count_round, run, &run->why);
}

static void assert_plays(struct run *run, const char *const (*changes)[2], size_t count, uint64_t seed,
                         const struct engine_options *options)
{
	if (play(run, changes, count, seed, options) != OK)
		fail_msg("%s", run->why.text);
}

static void end(struct run *run)
{
	engine_free(run->engine);
	federation_free(&run->federation);
	study_free(&run->study);
}

static struct hash model_of(const struct run *run)
{
	struct hash sha256, named;
	uint32_t step;

	sha256_of(&sha256, engine_model(run->engine, &named, &step));
	assert_true(hash_equal(&sha256, &named));
	return sha256;
}

#define SHORT                                                                                                          \
	{                                                                                                              \
		"rounds: 30", "rounds: 4"                                                                              \
	}
#define ONE_MORE                                                                                                       \
	{                                                                                                              \
		"rounds: 3", "rounds: 4"                                                                               \
	}
#define CHANGES(...)                                                                                                   \
	(const char *const[][2]){__VA_ARGS__}, sizeof((const char *const[][2]){__VA_ARGS__}) / sizeof(const char *[2])

#define MOMENTS                                                                                                        \
	{                                                                                                              \
		"rounds: 3", "strategy: fedadam, server: {learning_rate: 0.05}, rounds: 4"                             \
	}

/* Its labels are 0 and 1. */
#define NUMBER                                                                                                         \
	{                                                                                                              \
		"type: binary, positive: \"1\"", "type: numeric, min: -1, max: 3"                                      \
	}

static void assert_model_is_the_federations(const char *const (*changes)[2], size_t count)
{
	struct engine_options options = {.threads = 1};
	struct federation sites;
	struct federated straight;
	const char *names[8];
	struct table tables[8];
	struct run run;

	assert_plays(&run, changes, count, 0, &options);
	read_sites(&sites, &run.study);
	for (uint32_t i = 0; i < sites.count; i++) {
		names[i] = sites.sites[i].name;
		tables[i] = sites.sites[i].table;
	}
	federate(&straight, &run.study, tables, names, sites.count);
	struct hash made = model_of(&run);
	assert_memory_equal(made.b, straight.model_sha256.b, HASH_SIZE);
	assert_int_equal(run.done, 6); /* statistics, four that train, the last evaluation */
	assert_int_equal(engine_updates(run.engine), 4 * 5);
	buf_free(&straight.model);
	federation_free(&sites);
	end(&run);
}

static void test_its_model_is_the_federation_s(void **state)
{
	(void)state;
	assert_model_is_the_federations(CHANGES(ONE_MORE));
	assert_model_is_the_federations(CHANGES(MOMENTS));
	assert_model_is_the_federations(CHANGES(ONE_MORE, NUMBER));
}

static void test_workers_change_no_bit(void **state)
{
	struct run one, many;

	(void)state;
	for (uint64_t seed = 0; seed < 2; seed++) {
		assert_plays(&one, CHANGES(ONE_MORE), seed, &(struct engine_options){.threads = 1});
		assert_plays(&many, CHANGES(ONE_MORE), seed, &(struct engine_options){.threads = 4});
		struct hash a = model_of(&one), b = model_of(&many);
		assert_memory_equal(a.b, b.b, HASH_SIZE);
		end(&one);
		end(&many);
	}
}

static void test_a_seed_is_another_course(void **state)
{
	struct run a, b;

	(void)state;
	assert_plays(&a, CHANGES(ONE_MORE), 1, &(struct engine_options){.threads = 1});
	assert_plays(&b, CHANGES(ONE_MORE), 2, &(struct engine_options){.threads = 1});
	struct hash first = model_of(&a), second = model_of(&b);
	assert_memory_not_equal(first.b, second.b, HASH_SIZE);
	end(&a);
	end(&b);
}

static void test_sites_that_drop_or_are_slow(void **state)
{
	struct engine_options options = {.threads = 2, .dropout = 0.15, .slow = 0.1};
	struct run run;

	(void)state;
	assert_plays(&run, CHANGES({"rounds: 3", "rounds: 20"}, {"max_dropouts: 1", "max_dropouts: 2"}), 7, &options);
	assert_true(run.late > 0 && run.dropped > 0);
	assert_int_equal(run.done, 22);
	assert_true(run.contributed < 5 * run.done && run.contributed >= 3 * run.done);
	end(&run);
}

/* A site that contributed to an attempt that failed sends the same again: what drops changes who is in a sum, not the way there. */
static void test_failed_attempts_are_tried_again(void **state)
{
	struct engine_options options = {.threads = 1, .dropout = 0.3};
	struct run run;

	(void)state;
	assert_plays(&run, CHANGES({"rounds: 3", "rounds: 8"}, {"max_dropouts: 1", "max_dropouts: 0"}), 3, &options);
	assert_true(run.attempts > run.done);
	assert_int_equal(run.done, 10);
	struct run all;
	assert_plays(&all, CHANGES({"rounds: 3", "rounds: 8"}, {"max_dropouts: 1", "max_dropouts: 0"}), 3,
	             &(struct engine_options){.threads = 1});
	/* with no site missing from any sum the model is the one without dropouts */
	struct hash a = model_of(&run), b = model_of(&all);
	assert_memory_equal(a.b, b.b, HASH_SIZE);
	end(&run);
	end(&all);
}

static void test_hopeless_dropout_ends(void **state)
{
	struct engine_options options = {.threads = 1, .dropout = 1};
	struct run run;

	(void)state;
	assert_int_equal(play(&run, CHANGES(ONE_MORE), 0, &options), ERR_LIMIT);
	assert_non_null(strstr(run.why.text, "48 attempts in a row ended without a quorum"));
	end(&run);
}

static void test_a_sample_trains_and_all_are_asked_at_the_ends(void **state)
{
	struct engine_options options = {.threads = 1, .sites_per_round = 3};
	struct run run;

	(void)state;
	assert_plays(&run, CHANGES(ONE_MORE), 0, &options);
	assert_int_equal(engine_updates(run.engine), 4 * 3);
	assert_int_equal(run.contributed, 5 + 4 * 3 + 5);
	end(&run);
}

static void test_too_few_sites(void **state)
{
	struct run run;

	(void)state;
	assert_int_equal(play(&run, CHANGES({"min: 2, max", "min: 6, max"}), 0, &(struct engine_options){.threads = 1}),
	                 ERR_REFUSED);
	assert_non_null(strstr(run.why.text, "1 more hospital to approve"));
	end(&run);
}

static void test_a_policy_excludes_and_refuses(void **state)
{
	static const char text[] = "{masking: off, mechanisms: [none], evaluation: [masked], min_rows: 25, "
				   "min_positives: 0, min_sites: 1}\n";
	struct policy policy;
	struct run run;
	struct engine_options options = {.threads = 1, .policy = &policy};
	uint32_t excluded = 0;

	(void)state;
	assert_int_equal(policy_parse(&policy, bytes_text(text), "policy.yaml", NULL), OK);
	assert_plays(&run, CHANGES({"min: 2, max_dropouts: 1", "min: 1, max_dropouts: 0"}), 0, &options);
	for (uint32_t i = 0; i < 5; i++) {
		const struct engine_site *s = engine_site(run.engine, i);

		excluded += s->excluded;
		assert_true(s->excluded == (s->refusal == REFUSAL_DATA_SMALL));
		assert_true(s->contributed == (s->excluded ? 0 : 5));
	}
	assert_true(excluded > 0 && excluded < 5);
	end(&run);
	policy = policy_strict();
	assert_int_equal(play(&run, CHANGES(ONE_MORE), 0, &options), ERR_REFUSED);
	assert_non_null(strstr(run.why.text, "no hospital with this policy takes part"));
	end(&run);
}

static void test_a_cap_is_one_site_s_refusal(void **state)
{
	struct run run;

	(void)state;
	assert_plays(&run,
	             CHANGES({"rounds: 3", "weights: {cap: 30}, rounds: 3"}, {"max_dropouts: 1", "max_dropouts: 2"}), 0,
	             &(struct engine_options){.threads = 2});
	assert_true(run.refused > 0);
	for (uint32_t i = 0; i < 5; i++) {
		const struct engine_site *s = engine_site(run.engine, i);

		assert_true(s->refused == 0 || s->refusal == REFUSAL_WEIGHT_CAP);
	}
	end(&run);
}

static void test_cancelled_in_the_middle(void **state)
{
	atomic_bool cancel = true;
	struct engine_options options = {.threads = 1, .cancel = &cancel};
	struct run run;
	struct hash sha256;
	uint32_t step;

	(void)state;
	assert_int_equal(play(&run, CHANGES(ONE_MORE), 0, &options), ERR_CANCELLED);
	assert_int_equal(engine_model(run.engine, &sha256, &step).len, 0);
	end(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_model_is_the_federation_s),
		cmocka_unit_test(test_workers_change_no_bit),
		cmocka_unit_test(test_a_seed_is_another_course),
		cmocka_unit_test(test_sites_that_drop_or_are_slow),
		cmocka_unit_test(test_failed_attempts_are_tried_again),
		cmocka_unit_test(test_hopeless_dropout_ends),
		cmocka_unit_test(test_a_sample_trains_and_all_are_asked_at_the_ends),
		cmocka_unit_test(test_too_few_sites),
		cmocka_unit_test(test_a_policy_excludes_and_refuses),
		cmocka_unit_test(test_a_cap_is_one_site_s_refusal),
		cmocka_unit_test(test_cancelled_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
