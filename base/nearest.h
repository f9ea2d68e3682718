/* The word that a person probably meant: for unknown keys, commands and options. */
#ifndef COHORT_BASE_NEAREST_H
#define COHORT_BASE_NEAREST_H

#include <stddef.h>

/* Writes to `out` the word of `known` ("a|b|c") nearest to `word` and returns `out`; NULL when none is near enough to be meant.
 * Distance: insertions, deletions, replacements and swaps of neighbours, case ignored; near: at most a third of the
 * longer word. Words beyond 64 bytes are never near. The first of several equally near wins. */
const char *nearest_word(char *out, size_t out_size, const char *word, const char *known);

#endif
