/*
 * From what a person wrote to the whole contract: shorthands replaced and every default written that depends on other keys.
 * The defaults of single keys are in the table already (study_rules.c).
 *
 *   - {names: [sex, fbs], type: binary}     {"name":"sex","column":"sex","type":"binary","positive":"1","negative":"0",...}, ...
 *   - {name: "px{0..63}", min: 0, max: 16}  {"name":"px0","column":"px0","type":"numeric","min":0,"max":16,...}, ...
 *
 * Keys come out in the order of the table. What the terms mean, and whether they contradict one another, is judged
 * afterwards by study_read on the finished tree, for files and for received contracts alike; refused here is only what the
 * finished tree no longer shows.
 */
#ifndef COHORT_PROTOCOL_STUDY_COMPLETE_H
#define COHORT_PROTOCOL_STUDY_COMPLETE_H

#include "base/yaml.h"
#include "privacy/plan.h"

/* Where each finished feature was written: finished index -> index in the file. */
struct study_origin {
	uint32_t *entry; /* owned */
	size_t count, room;
};

/* The finished tree, owned by the caller; under a mechanism with noise, finished but for what is solved for (study_solve.h).
 * `origin` is zeroed before and freed (entry) by the caller, also after a failure. `warnings`, begun by the caller, gets a line
 * for each term that is ignored or unwise. */
enum err study_complete(struct json **out, struct study_origin *origin, struct buf *warnings,
                        const struct yaml_document *document, bool simulation, struct diag *why) MUST_USE;

/* ---- between study_complete.c, study_complete_privacy.c and study_features.c: copying keys from what was written, in the order
 * of the calls. */
struct study_draft {
	const struct yaml_document *document;
	struct study_origin *origin;
	struct buf *warnings;
	enum privacy_mechanism mechanism;
	size_t feature_octets; /* so far: a few lines with names and long levels could stand for gigabytes */
	struct diag *why;
	enum err failed; /* the first refusal sticks */
};

void study_draft_refuse(struct study_draft *d, const char *path, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* If `path` was written. */
void study_draft_warn(struct study_draft *d, const char *path, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool study_draft_wrote(const struct study_draft *d, const char *path); /* and is no default */

/* Copies `key` when it was written; with a fallback otherwise. */
void study_carry(struct json *out, const struct json *in, const char *key);
void study_carry_text(struct json *out, const struct json *in, const char *key, const char *fallback);
void study_carry_number(struct json *out, const struct json *in, const char *key, double fallback);

/* data.features and data.label. */
struct json *study_features(struct study_draft *d, const struct json *written);
struct json *study_label(const struct json *written);

/* privacy: a mechanism's own terms with their defaults. `tree` is all that was written; noised: the figures are. */
struct json *study_complete_privacy(struct study_draft *d, const struct json *tree, bool noised);
/* training.weights under a mechanism with noise. */
struct json *study_complete_equal_weights(struct study_draft *d, const struct json *weights);
void study_warn_ignored(struct study_draft *d); /* terms that mean nothing under the mechanism */

#endif
