/*
 * Studies for tests, in the fuzzer's corpus (tests/fuzz/corpus/study): what a person writes and the canonical bytes it makes.
 *
 *   minimal.yaml    minimal.json     only what must be written, masking off
 *   all-keys.yaml   all-keys.json    every key that this version has, none at its default
 *   training.yaml    training.json   local training with all that a study may leave out
 *   private.yaml    private.json     a private study (mechanism distributed) with as few terms as that takes
 *   listing.yaml                     the documentation's listing of every key of the format; refused as a whole
 *
 * Whatever fails here fails the test.
 */
#ifndef COHORT_TESTS_SUPPORT_CONTRACTS_H
#define COHORT_TESTS_SUPPORT_CONTRACTS_H

#include "protocol/study.h"

/* A file of the corpus as text; freed by the caller. */
char *contract_text(const char *name);

/* `text` with its only occurrence of `old` replaced; freed by the caller. */
char *contract_edited(const char *text, const char *old, const char *new);

/* The study of a text that is good. */
void contract_parse(struct study *s, const char *yaml);

/* As a file study.yaml the text is refused with exactly this line. */
void contract_refused(const char *yaml, const char *expected);

/* minimal.yaml with one edit each; `expected` begins after "study.yaml:". */
struct contract_refusal {
	const char *old, *new, *expected;
};
void contract_refusals(const struct contract_refusal *cases, size_t count);
void contract_refusals_of(const char *base, const struct contract_refusal *cases,
                          size_t count); /* a file of the corpus */
#define CONTRACT_REFUSALS(cases) contract_refusals(cases, sizeof cases / sizeof cases[0])

#endif
