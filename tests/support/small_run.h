/*
 * A simulated run of the small study (small_study.h) with a few words changed, for tests of the engine and what stands on it.
 *
 *   struct small_run s;
 *   small_run_play(&s, CHANGES({"rounds: 3", "rounds: 9"}), 0, &(struct engine_options){.threads = 1});
 *   ...
 *   small_run_end(&s);
 */
#ifndef COHORT_TESTS_SUPPORT_SMALL_RUN_H
#define COHORT_TESTS_SUPPORT_SMALL_RUN_H

#include "simulator/engine.h"
#include "tests/support/small_study.h"

#define SMALL_RUN_SITES 5

struct small_run {
	struct study study;
	struct federation federation;
	struct engine *engine;
	struct diag why;
	uint32_t attempts, done, contributed, late, dropped, refused; /* summed over attempts */
	/* After each attempt; may be NULL. */
	void (*on_round)(struct small_run *s, const struct engine_round *round);
	void *context; /* the test's */
};

/* Pairs of what is replaced in small_study_text, once each, and by what; and their number. */
#define CHANGES(...)                                                                                                   \
	(const char *const[][2]){__VA_ARGS__}, sizeof((const char *const[][2]){__VA_ARGS__}) / sizeof(const char *[2])

/* The study and SMALL_RUN_SITES sites, site-0 ..., of small_table. */
void small_run_read(struct small_run *s, const char *const (*changes)[2], size_t count, uint64_t seed);
void small_run_sites(struct federation *out, const struct study *study);
void small_run_study(struct study *out, const char *const (*changes)[2], size_t count);

/* Plays what small_run_read has made (and a test may have changed). */
enum err small_run_run(struct small_run *s, const struct engine_options *options);

/* Both; a failure fails the test. */
void small_run_play(struct small_run *s, const char *const (*changes)[2], size_t count, uint64_t seed,
                    const struct engine_options *options);

void small_run_end(struct small_run *s);

/* The SHA-256 of the best model's file, which the engine names as that. */
struct hash small_run_model(const struct small_run *s);

#endif
