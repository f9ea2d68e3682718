/*
 * The hospitals that this one knows: a text file of names and fingerprints, as two people told them each other by telephone.
 *
 *     # heart federation; told by telephone on 2026-02-03
 *     st-anna      3f2a-90c1-77de-0b14-a6c8-5d12-e990-41fb
 *     charite      91d0-4be2-0c7f-aa35-1e64-88b7-c05d-f2a9    # back-office line
 *
 * One hospital a line: its name, blanks, and the fingerprint of its signing key, eight groups of four digits 0-9 a-f, as
 * `cohort-client request` and `cohort-ca list` show it (identity_fingerprint in net/identity.h: the first 128 bits of the key's
 * SHA-256). `#` begins a comment; empty lines are nothing. Names (ignoring case) and fingerprints are unique. A core.
 *
 * Why: who controls the authority could enrol hospitals that do not exist and read the one real contribution off the sum. Of
 * those on this list nobody can make up one.
 */
#ifndef COHORT_CLIENT_KNOWN_SITES_H
#define COHORT_CLIENT_KNOWN_SITES_H

#include "protocol/roster.h"

#define KNOWN_FINGERPRINT_SIZE 16 /* 128 bits: a second key with the same ones is out of reach */
#define KNOWN_TEXT_MAX (1u << 20) /* SITES_MAX lines of a name, a fingerprint and a comment of 140 characters */

struct known_site {
	char name[NAME_SIZE];
	uint8_t fingerprint[KNOWN_FINGERPRINT_SIZE];
	uint32_t line; /* where it stands, from 1 */
};

struct known_sites {
	struct known_site *sites; /* owned; in the order of the file */
	uint32_t count;
};

/* `file` names the text in messages. ERR_CONFIG with file, line and column for whatever is not written as above; ERR_LIMIT beyond
 * SITES_MAX hospitals. `out` is zeroed after a failure. */
enum err known_sites_parse(struct known_sites *out, struct bytes text, const char *file, struct diag *why) MUST_USE;
void known_sites_free(struct known_sites *k); /* accepts a zeroed one */

/* The entry of this name, ignoring case; NULL. */
const struct known_site *known_sites_find(const struct known_sites *k, const char *name);

/* Whether the list has this name with the fingerprint of this key. */
bool known_sites_has(const struct known_sites *k, const struct roster_site *site);

/* The first entry of the roster whose name is on the list with another key: either a hospital has a new signing key, and
 * somebody has to telephone again, or somebody else stands in its place. NULL: there is none. `words` (may be NULL) then says
 * both fingerprints. */
const struct roster_site *known_sites_impostor(const struct known_sites *k, const struct roster *roster,
                                               struct diag *words);

#endif
