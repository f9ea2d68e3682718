/*
 * The roster: the authority's signed list of enrolled sites. `cohort-ca roster` writes it, the coordinator only
 * carries it, and every site verifies it itself. The file is three lines, each ended by one newline:
 *
 *     cohort-roster 1
 *     {"version":3,"federation":"heart","sites":[{"number":1,"name":"st-mary","key":"<64 hex>"}, ...]}     the body
 *     <hexadecimal DER of the authority's ECDSA signature over ROSTER_TAG || F(body)>
 *
 * The body has exactly one spelling: canonical JSON (base/json.h) with the keys in this order, sites by ascending
 * number. A site's number is given once and never used again; its key is the Ed25519 identity that is kept over
 * renewals of its certificate. Names are unique ignoring case, keys are unique. A revoked site is left out.
 *
 * A reader works in this order, and refuses a version lower than the highest it has seen:
 *     roster_split  ->  identity_verify(ca.pem, ROSTER_TAG, body, signature) of net/identity.h  ->  roster_parse
 * Who connects is who the roster lists only if the name AND the signing key of its certificate are those of the
 * entry.
 *
 * No cryptography in here: protocol is text and layout.
 */
#ifndef COHORT_PROTOCOL_ROSTER_H
#define COHORT_PROTOCOL_ROSTER_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/limits.h"

#include <stdint.h>

#define ROSTER_TAG "COHRTros" /* before the body in the signed message: no other signature of the authority fits */
#define ROSTER_KEY_SIZE 32 /* Ed25519 public key, RFC 8032 */
#define ROSTER_SIGNATURE_MAX 80 /* DER of an ECDSA P-256 signature is at most 72 bytes */

struct roster_site {
	uint32_t number; /* from 1 */
	char name[NAME_SIZE];
	uint8_t key[ROSTER_KEY_SIZE];
};

struct roster {
	uint32_t version; /* from 1, grows at each change */
	char federation[NAME_SIZE];
	struct roster_site *sites; /* owned, by ascending number */
	uint32_t count; /* at most SITES_MAX; 0 before the first enrolment */
	struct hash content; /* SHA-256 of the body: C(roster) in a round's plan */
	uint32_t *by_name; /* owned by roster_parse: positions in `sites` by name ignoring case */
};

/* Both signature and body, taken from a file of at most ROSTER_MAX bytes. */
struct roster_parts {
	struct bytes body; /* borrowed from the file's bytes */
	uint8_t signature[ROSTER_SIGNATURE_MAX];
	size_t signature_len;
};

/* Takes the container apart; nothing is believed yet. ERR_DATA says which line is wrong, ERR_LIMIT when too large. */
enum err roster_split(struct roster_parts *out, struct bytes file, struct diag *why) MUST_USE;

/* Reads a body whose signature was verified. ERR_DATA names the entry that breaks a rule above; `out` is zero then. */
enum err roster_parse(struct roster *out, struct bytes body, struct diag *why) MUST_USE;

void roster_free(struct roster *r); /* accepts a zeroed one */
void roster_copy(struct roster *to, const struct roster *from); /* `to` is freed first */

/* NULL when not listed. The name must be spelled as enrolled. */
const struct roster_site *roster_find(const struct roster *r, const char *name);
const struct roster_site *roster_number(const struct roster *r, uint32_t number);

/* The authority's side: the body of `r` (by_name and content are not needed), appended to `out`. ERR_DATA as
 * roster_parse. */
enum err roster_build(struct buf *out, const struct roster *r, struct diag *why) MUST_USE;

/* The container around a body and its signature, appended to `out`. */
void roster_join(struct buf *out, struct bytes body, struct bytes signature);

#endif
