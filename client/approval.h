/*
 * Approvals and contracts: files in the hospital's state folder, so that a person can read what was agreed to.
 *
 *   STATE/contracts/HASH.json      the canonical bytes of a contract as fetched
 *   STATE/approved/HASH.yaml       made by `approve` after the contract was shown in words: study, revision, hash, when, and the
 *                                  keyed fingerprint of the extract that was looked at
 *   STATE/rejected/HASH.yaml       the same for a rejection
 *   STATE/fingerprint.key          32 random bytes: fingerprints tell nothing to whoever has not this key
 *
 * The fingerprint is KD(key, "COHRText", bytes of the extract's file), so it changes with every byte of the file and with nothing else.
 */
#ifndef COHORT_CLIENT_APPROVAL_H
#define COHORT_CLIENT_APPROVAL_H

#include "base/hash.h"
#include "protocol/study.h"

struct approval {
	char study[NAME_SIZE];
	uint32_t revision;
	struct hash study_hash;
	struct hash fingerprint; /* of the extract */
	char when[32]; /* 2026-01-31T10:00:00Z */
};

/* The keyed fingerprint of the file at `path`; the key is made at the first call. */
enum err approval_fingerprint(struct hash *out, const char *state, const char *path, struct diag *why) MUST_USE;

/* Stores a contract whose hash is `study->hash`; reads it again. ERR_NOT_FOUND when it was not fetched. */
enum err contract_store(const char *state, const struct study *study, struct diag *why) MUST_USE;
enum err contract_load(struct study *out, const char *state, const struct hash *study_hash, struct diag *why) MUST_USE;
/* The newest revision fetched of a study by name. */
enum err contract_find(struct study *out, const char *state, const char *name, struct diag *why) MUST_USE;

enum err approval_write(const char *state, const struct approval *a, bool rejected, struct diag *why) MUST_USE;
/* ERR_NOT_FOUND when there is none. */
enum err approval_read(struct approval *out, const char *state, const struct hash *study_hash, bool rejected,
                       struct diag *why) MUST_USE;
/* Ends an approval (a rejection or a withdrawal after it). */
enum err approval_remove(const char *state, const struct hash *study_hash, struct diag *why) MUST_USE;

/* All approvals, for the agent: an array owned by the caller. */
enum err approval_list(struct approval **out, uint32_t *count, const char *state, struct diag *why) MUST_USE;

#endif
