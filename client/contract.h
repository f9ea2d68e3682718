/*
 * Contracts as fetched: their canonical bytes, in a file named by their hash.
 *
 *   STATE/contracts/HASH.json
 *
 * Who fetched what is no decision: that is client/approval.h.
 */
#ifndef COHORT_CLIENT_CONTRACT_H
#define COHORT_CLIENT_CONTRACT_H

#include "protocol/study.h"

/* Stores a contract under its own hash; the state folder exists. */
enum err contract_store(const char *state, const struct study *study, struct diag *why) MUST_USE;

/* Reads it again. ERR_NOT_FOUND when it was not fetched; ERR_DATA when the file is no longer what its name says. */
enum err contract_load(struct study *out, const char *state, const struct hash *study_hash, struct diag *why) MUST_USE;

/* Of the contracts fetched under a study's name, the one with the highest revision; of several, the one fetched last.
 * ERR_NOT_FOUND says what to do. */
enum err contract_find(struct study *out, const char *state, const char *name, struct diag *why) MUST_USE;

/* Every contract fetched, in no order. A file that is no contract is left out. */
void contract_each(const char *state, void (*tell)(void *context, const struct study *study), void *context);

#endif
