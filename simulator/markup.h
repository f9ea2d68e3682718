/*
 * Text for SVG and HTML: what comes from a study or a file name is only ever shown, never obeyed.
 */
#ifndef COHORT_SIMULATOR_MARKUP_H
#define COHORT_SIMULATOR_MARKUP_H

#include "base/bytes.h"

/* Appends `text` so that it can stand in an element or in a quoted attribute: < > & " ' become references; a byte that is no
 * UTF-8, a control character that XML 1.0 forbids, and the two code points U+FFFE and U+FFFF become '?'. NULL is empty. */
void markup_text(struct buf *out, const char *text);

/* A number of at most `digits` significant digits (1 to 17), without an exponent where it is between 1e-4 and 1e6, and without
 * zeros at its end; "-" for NaN. */
#define MARKUP_NUMBER_SIZE 32
const char *markup_number(char out[MARKUP_NUMBER_SIZE], double value, int digits);

/* An integer with a narrow blank between thousands ("1 234 567", U+202F), as ISO 80000-1 writes it. */
const char *markup_count(char out[MARKUP_NUMBER_SIZE], double value);

#endif
