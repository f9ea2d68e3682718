/*
 * What a column probably is, from its profile. Rules of thumb, all of them in guess.c; a person corrects what they get wrong.
 *
 *   nothing in it, one value, all values different texts, rows numbered, too many texts   left out
 *   two values                                                                            binary
 *   3 to 20 texts, or 3 to 5 integers                                                     categorical
 *   other numbers                                                                         numeric, its range rounded outwards
 */
#ifndef COHORT_SIMULATOR_GUESS_H
#define COHORT_SIMULATOR_GUESS_H

#include "simulator/profile.h"

#define GUESS_LEVELS_MAX 20 /* more are no categories but free text, or a code book that wants grouping first */
#define GUESS_INTEGERS_MAX 5 /* more different integers are an amount */

enum guess_kind { GUESS_LEFT_OUT, GUESS_NUMERIC, GUESS_BINARY, GUESS_CATEGORICAL };

struct guess {
	enum guess_kind kind;
	const char *reason; /* why it is left out */
	uint64_t present, missing; /* cells */
	const char *codes[PROFILE_NUMERIC_CODES + PROFILE_CODES_AMID_NUMBERS]; /* its own for missing, as written */
	uint32_t code_count;
	const struct profile_value
		*levels[GUESS_LEVELS_MAX]; /* of any column with few values; ascending, texts after numbers */
	uint32_t level_count; /* 0: more than GUESS_LEVELS_MAX */
	bool numbers; /* all cells but codes are numbers */
	bool fractions; /* and some no integer */
	double lowest, highest; /* of the numbers but codes */
	double min, max; /* of a study: rounded outwards */
	double above_zero; /* not NaN: there are zeros, which may mean missing, as all else is this and more */
};

/* `label`: a label has no codes of its own, so every number counts as one. Borrows from the column. */
void guess_column(struct guess *out, const struct profile_column *c, bool label);

/* Of two levels the one to call positive: "1", "yes", "true", "y", "t", "positive", "pos" or "+" in any case if exactly one of
 * them is that, else the second. */
uint32_t guess_positive(const struct guess *g);

/* Rounds outwards to a multiple of 1, 2 or 5 times a power of ten, about a tenth of the range; lo < hi. The results are short
 * decimals. */
void guess_round(double *min, double *max, double lo, double hi);

#endif
