/*
 * Numbers from text that need not be NUL-terminated: the whole text is one number, or it is refused. Independent of the
 * locale. No blanks, no leading '+', no hexadecimal, no NaN or infinity: what a person mistyped never becomes
 * another number in silence (strtol reads "12abc" as 12 and "010" may become 8).
 */
#ifndef COHORT_BASE_PARSE_H
#define COHORT_BASE_PARSE_H

#include "base/bytes.h"

#include <stdint.h>

/* A number of more characters is refused. The largest double in plain decimals, as printf's %f writes it, has 317. */
#define PARSE_F64_CHARACTERS_MAX 512

/* Decimal integers without leading zeros ("0" itself is fine, "-0" is not): one spelling per value. False, and `out`
 * untouched, for anything else and for what does not fit. */
bool parse_u64(uint64_t *out, struct bytes text);
bool parse_i64(int64_t *out, struct bytes text);

/* [-]digits[decimal digits][(e|E)[+|-]digits], or without the digits before the mark (".5", as Stata writes it); rounded
 * correctly to the nearest double. `decimal` is '.' or ','; the other one is refused. Leading zeros are
 * accepted; too small becomes a subnormal or zero; overflow to infinity is refused. */
bool parse_f64(double *out, struct bytes text, char decimal);

#endif
