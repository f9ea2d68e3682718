/*
 * Which part each column of a file plays in a draft: by its header (patients, sites), by its values (parts of a split), else by
 * what it probably is (simulator/guess.h).
 */
#ifndef COHORT_SIMULATOR_ROLES_H
#define COHORT_SIMULATOR_ROLES_H

#include "simulator/guess.h"

enum role { ROLE_FEATURE, ROLE_LABEL, ROLE_PATIENT, ROLE_SPLIT, ROLE_NONE };

struct part_values { /* of the split column, as written in the file; NULL: none */
	const char *train, *validation, *test;
};

#define ROLES_NONE UINT32_MAX

struct roles {
	const struct profile *profile; /* borrowed */
	struct guess *guesses; /* [profile->count] */
	enum role *of; /* [profile->count] */
	uint32_t label, patient, split; /* columns; ROLES_NONE: there is none */
	struct part_values parts;
	uint32_t features, left_out;
};

/* `label` is a header. ERR_DATA when it is not there (the nearest is named) or the column cannot be a label, or when no column is
 * left as a feature; ERR_LIMIT for more features than a study may have. `file` is named in messages. */
enum err roles_find(struct roles *out, const struct profile *p, const char *file, const char *label,
                    struct diag *why) MUST_USE;
void roles_free(struct roles *r); /* accepts a zeroed one */

/* Why a column has ROLE_NONE, for a person. */
const char *roles_reason(const struct roles *r, uint32_t column);

/* Whether a study can name a feature after the header; it can hold any header that `column` can. */
bool roles_is_name(const char *header);

#endif
