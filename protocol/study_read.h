/*
 * What the terms of a contract mean: from the finished tree to struct study, for a file just completed and for received bytes
 * alike. Types, bounds and choices were judged by the table (study_rules.c, yaml_check) before; here everything else:
 * which keys belong together, what contradicts what, and what this version cannot do yet, refused by name.
 */
#ifndef COHORT_PROTOCOL_STUDY_READ_H
#define COHORT_PROTOCOL_STUDY_READ_H

#include "base/json.h"
#include "protocol/study.h"

#define STUDY_FIELD_SIZE 128 /* "data.features[4095].levels[1023]" and the longest key fit */

/* The term that a refusal speaks of, as a path of the finished tree; the words are in a diag, without it. */
struct study_field {
	char path[STUDY_FIELD_SIZE];
};

/* Fills all of `out` but tree, canonical and the hashes; strings are borrowed from `tree`. What it allocates is released
 * by study_free, also after a failure. ERR_DATA, ERR_LIMIT, ERR_REFUSED with `field` and `why`. */
enum err study_read(struct study *out, const struct json *tree, struct study_field *field, struct diag *why) MUST_USE;

/* The same of a tree in which nothing is solved for yet (study_solve.h): the four numbers of privacy_plan stay 0, whether the
 * sums fit is not judged, and evaluation.bins may be 0. */
enum err study_read_draft(struct study *out, const struct json *tree, struct study_field *field,
                          struct diag *why) MUST_USE;

/* A check of the plan (privacy/plan.h) failed with `words`, which begin with the key: path and words apart. Returns `e`. */
enum err study_blame_plan(struct study_field *field, struct diag *why, enum err e, const struct diag *words);

/* ---- between study_read.c and the study_read_*.c beside it: one section of the tree at a time. After the first
 * refusal all reads give harmless values. */
struct study_reading {
	struct study *out;
	struct study_field *field;
	struct diag *why;
	enum err failed;
	bool draft;
};

struct study_section {
	struct study_reading *reading;
	const struct json *node; /* an object */
	const char *path; /* "training.local"; "" at the top */
};

/* Refuses `key` of the section, or the section itself when `key` is NULL. */
void study_reject(const struct study_section *s, const char *key, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A check of another room failed and left its words in `why`: they belong to `path`. */
void study_reject_path(struct study_reading *r, enum err e, const char *path);

/* A key that must be there (it has a default that study_complete writes) ... */
const char *study_text(const struct study_section *s, const char *key);
double study_real(const struct study_section *s, const char *key);
int64_t study_integer(const struct study_section *s, const char *key);
/* ... or may: its value or `otherwise`. */
double study_real_or(const struct study_section *s, const char *key, double otherwise);
const char *study_text_or(const struct study_section *s, const char *key, const char *otherwise);

/* The place of `key`'s text in `built`, a list that NULL ends. Any other is part of the format but not of this version: refused, and
 * `instead` says what to write. */
int study_choice(const struct study_section *s, const char *key, const char *const *built, const char *instead);

/* `key` may stand in the section only when `fits`; `owner` says with what it goes. */
void study_only_for(const struct study_section *s, const char *key, bool fits, const char *owner);

void study_read_data(struct study_reading *r, const struct json *data);
void study_read_local(struct study_reading *r, const struct json *local); /* training.local; after training.rounds */
/* privacy.mechanism; before all else: it decides what the rest may be */
void study_read_mechanism(struct study_reading *r, const struct json *privacy);
void study_read_federation(const struct study_section *top); /* sites, masking */
void study_read_evaluation(struct study_reading *r, const struct json *node); /* after the data */
void study_read_privacy(struct study_reading *r, const struct json *privacy); /* after all that is released */
/* What the other sections may hold under a mechanism with noise; after them. */
void study_read_permitted(struct study_reading *r, const struct json *tree);
void study_read_sums(struct study_reading *r); /* whether the smallest federation can add up; after all else */

#endif
