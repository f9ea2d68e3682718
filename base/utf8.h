/*
 * UTF-8 (RFC 3629), one sequence at a time: overlong forms, surrogates and what lies beyond U+10FFFF are not
 * well-formed.
 */
#ifndef COHORT_BASE_UTF8_H
#define COHORT_BASE_UTF8_H

#include "base/bytes.h"

/* Bytes that the sequence starting with `lead` has, 1 .. 4; 0 when no sequence starts so. */
size_t utf8_expected(uint8_t lead);

/* Length of the well-formed sequence that `text` starts with; 0 when there is none, also when its end is cut off. */
size_t utf8_length(struct bytes text);

/* Bytes up to the first sequence that is not well-formed: text.len when all of it is UTF-8. */
size_t utf8_valid(struct bytes text);

#endif
