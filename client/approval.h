/*
 * Approvals: files in the hospital's state folder, so that a person can read what was agreed to.
 *
 *   STATE/approved/HASH.yaml       made by `approve` after the contract was shown in words: study, revision, hash, when, and the
 *                                  fingerprint (client/fingerprint.h) of the extract that was looked at
 *   STATE/rejected/HASH.yaml       made by `reject`: study, revision, hash, when, and whether an approval ended with it
 *   STATE/rejected/HASH.told       beside it when the coordinator has heard of it: a file of its own, so that nobody ever writes a
 *                                  person's answer again
 *
 * An answer replaces the earlier one about the same contract: the new file is written, then the other one removed. A crash in
 * between leaves both, and then the rejection holds.
 */
#ifndef COHORT_CLIENT_APPROVAL_H
#define COHORT_CLIENT_APPROVAL_H

#include "base/hash.h"
#include "base/limits.h"

#define APPROVAL_WHEN_SIZE 32 /* 2026-01-31T10:00:00Z */

enum approval_kind { APPROVAL_GIVEN, APPROVAL_REJECTED };

struct approval {
	char study[NAME_SIZE];
	uint32_t revision;
	struct hash study_hash;
	char when[APPROVAL_WHEN_SIZE];
	struct hash fingerprint; /* of the extract; zero in a rejection */
	bool withdrawn; /* a rejection that ended an approval */
	bool told; /* a rejection that the coordinator has heard of */
};

/* Fills `when` with the moment `now_s` (seconds since 1970). */
void approval_date(struct approval *a, int64_t now_s);

/* Writes the answer and removes the opposite one about the same contract. The state folder exists. */
enum err approval_write(const char *state, const struct approval *a, enum approval_kind kind,
                        struct diag *why) MUST_USE;

/* ERR_NOT_FOUND when there is none; an approval beside a rejection counts as none. ERR_CONFIG with the place when the file is not as
 * it was written. */
enum err approval_read(struct approval *out, const char *state, const struct hash *study_hash, enum approval_kind kind,
                       struct diag *why) MUST_USE;

/* The coordinator has heard of a rejection. */
enum err approval_told(const char *state, const struct hash *study_hash, struct diag *why) MUST_USE;

/* Removes one; none is fine. ERR_IO. */
enum err approval_remove(const char *state, const struct hash *study_hash, enum approval_kind kind,
                         struct diag *why) MUST_USE;

/* All of one kind: an array for free(). A file that cannot be read as one is left out: what nobody can read is no consent; the
 * last such is told in `trouble` (may be NULL), which is otherwise empty. */
void approval_list(struct approval **out, uint32_t *count, const char *state, enum approval_kind kind,
                   struct diag *trouble);

#endif
