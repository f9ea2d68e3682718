/*
 * The schema: which columns a study reads, what they may hold, and how they become the model's inputs. Types and pure
 * checks only; protocol/study.c fills it from the contract and owns every string (all pointers are borrowed from
 * the study and live as long as it).
 *
 * Inputs, in this order: for every feature in the study's order
 *     numeric       1 input
 *     binary        1 input, 1 for the positive code
 *     categorical   levels - 1 inputs, one-hot without the first level
 * and then, with fill mean_and_flag, one indicator input per feature (1 = was missing), in the features' order. A
 * missing numeric value is filled with the global mean (0 after scaling), a missing binary one with the global share of
 * positives, a missing categorical one with the global shares of its levels.
 */
#ifndef COHORT_DATA_SCHEMA_H
#define COHORT_DATA_SCHEMA_H

#include "base/err.h"

#include <stdint.h>

enum column_type { COLUMN_NUMERIC, COLUMN_BINARY, COLUMN_CATEGORICAL };
enum outside_rule {
	OUTSIDE_REFUSE,
	OUTSIDE_MISSING,
	OUTSIDE_CLAMP
}; /* clamp: numeric only; an unknown level is then missing */
enum fill_rule { FILL_MEAN, FILL_MEAN_AND_FLAG, FILL_DROP, FILL_REFUSE };
enum scale_rule { SCALE_GLOBAL, SCALE_SITE, SCALE_NONE };
enum split_part { PART_TRAIN, PART_VALIDATION, PART_TEST, PART_COUNT, PART_LEFT_OUT = PART_COUNT };

struct text_list {
	const char **items;
	uint32_t count;
};

struct feature {
	const char *name; /* the study's name, in messages and exports */
	const char *column; /* the header looked for unless the hospital maps another; the name by default */
	const char *unit; /* "" when not given */
	enum column_type type;
	double min, max; /* numeric: both finite, min < max */
	struct text_list levels; /* categorical: at least 2 */
	const char *positive, *negative; /* binary: "1" and "0" unless given */
	struct text_list missing; /* this feature's own codes, beside the study's */
	bool unscaled; /* scale: none for this one */
};

struct label {
	const char *name, *column;
	enum column_type type;
	double min, max; /* numeric: both finite, min < max */
	const char *unit; /* numeric; "" when not given */
	const char *positive, *negative; /* binary */
	struct text_list levels; /* categorical: at least 3, two are binary */
};

struct split {
	double test_fraction, validation_fraction; /* of patients; ignored when `column` is given */
	uint64_t seed;
	const char *column, *train, *validation, *test; /* NULL column: by keyed hash; validation may be NULL */
};

struct schema {
	const char *source;
	struct feature *features;
	uint32_t feature_count;
	struct label label;
	const char *patient_id; /* NULL: every row is its own patient */
	struct text_list missing;
	enum outside_rule outside;
	enum fill_rule fill;
	struct split split;
	enum scale_rule scale;
};

/* Whether the split may put anybody into the part; into the training part always. */
bool schema_has_part(const struct schema *s, enum split_part part);

uint32_t schema_feature_width(const struct feature *f); /* inputs of one feature, without its flag */
uint32_t schema_inputs(const struct schema *s); /* the model's input width */
uint32_t
schema_classes(const struct schema *s); /* 2 for a binary label, 0 for a numeric one, else the number of levels */
uint32_t schema_outputs(const struct schema *s); /* of the last layer: one for each level, 1 for any other label */

/* A numeric label as if it were a feature, for what treats both alike; without codes for missing of its own. */
struct feature schema_label_feature(const struct schema *s);

/* Length of the statistics vector (data/standardize.h gives its order): a numeric feature has 3 sums, a binary one 2
 * levels and missing, a categorical one its levels and missing, the label its classes or 3 sums. */
uint32_t schema_statistics_length(const struct schema *s);

/* The largest L2 norm of one row's statistics, hence of a mean over rows: sqrt(3 per number + 1 per choice), the label too. */
double schema_statistics_norm(const struct schema *s);

/* What input `input` is called in exports: "age", "sex", "cp=2", and "age missing" for an indicator. Cut at `size`. */
void schema_input_name(char *out, size_t size, const struct schema *s, uint32_t input);

/* A cell matches a code as text after trimming blanks, or when both are numbers and equal ("4" is "4.0"). */
bool schema_cell_matches(const char *cell, size_t len, const char *code);

/* Everything that can be said without data: names unique and not the label's, bounds ordered, levels distinct (as cells
 * match), positive differs from negative, fractions sum below 1. ERR_DATA; `field` receives the study path of the
 * culprit ("data.features[2].max") for the caller to add line and column. */
enum err schema_check(const struct schema *s, char *field, size_t field_size, struct diag *why) MUST_USE;

#endif
