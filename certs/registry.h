/*
 * The authority's book, index.json: every site that was ever enrolled and every certificate that was ever issued.
 * Nothing is taken out of it; a number or a key that stands in it is never given or accepted again for someone else.
 * The book is written before what it speaks of leaves the folder, so no certificate can exist that could not be
 * revoked.
 *
 *     {"format": 1, "federation": "heart", "roster_version": 3, "crl_number": 2,
 *      "sites":        [{"number": 1, "name": "st-mary", "key": HEX, "enrolled_s": T, "revoked_s": T or null}, ...]
 *      "certificates": [{"serial": HEX, "site": 1 (0: the coordinator), "tls_key": HEX, "not_before_s": T,
 *                        "not_after_s": T, "revoked_s": T or null, "hosts": [...]}, ...]}
 *
 * Sites stand by number (1, 2, 3 ...), certificates in the order of issue. At most one unrevoked site has a name,
 * ignoring case. T is seconds since 1970 UTC.
 */
#ifndef COHORT_CERTS_REGISTRY_H
#define COHORT_CERTS_REGISTRY_H

#include "certs/ca.h"
#include "protocol/roster.h"

#define REGISTRY_COORDINATOR 0 /* the "site" of the coordinator's certificates */
#define REGISTRY_COORDINATOR_NAME "coordinator" /* no site may have it: renew and revoke take it for the coordinator */

struct registry_site {
	uint32_t number;
	char name[NAME_SIZE];
	uint8_t key[IDENTITY_KEY_SIZE];
	int64_t enrolled_s;
	int64_t revoked_s; /* 0: not revoked */
};

struct registry_certificate {
	struct ca_leaf leaf;
	uint32_t site;
	uint8_t tls_key[ENROL_TLS_KEY_SIZE];
	int64_t revoked_s; /* 0: not revoked */
	char *hosts[HOSTS_MAX]; /* owned; the coordinator's */
	size_t host_count;
};

struct registry {
	char federation[NAME_SIZE];
	uint32_t roster_version; /* grows with each enrolment and revocation of a site */
	uint32_t crl_number;
	struct registry_site *sites; /* owned */
	struct registry_certificate *certificates; /* owned */
	size_t site_count, certificate_count;
};

void registry_new(struct registry *out, const char *federation);
void registry_free(struct registry *r); /* accepts a zeroed one */

/* ERR_DATA names the entry that breaks a rule above: the book is written by this program alone, so it was edited or
 * damaged. */
enum err registry_load(struct registry *out, const char *path, struct diag *why) MUST_USE;

/* Replaces the file as a whole; a crash leaves the old book or the new one. ERR_LIMIT when it outgrew REGISTRY_MAX. */
enum err registry_save(const struct registry *r, const char *path, struct diag *why) MUST_USE;

/* Finding. NULL when there is none; borrowed until the next change. Names ignore case. */
struct registry_site *registry_enrolled(const struct registry *r, const char *name); /* not revoked */
struct registry_site *registry_last(const struct registry *r, const char *name); /* the newest, revoked or not */
struct registry_site *registry_key(const struct registry *r, const uint8_t key[IDENTITY_KEY_SIZE]); /* of any time */
struct registry_certificate *registry_tls_key(const struct registry *r, const uint8_t tls_key[ENROL_TLS_KEY_SIZE]);
struct registry_certificate *registry_newest(const struct registry *r, uint32_t site); /* not revoked */
const char *registry_owner(const struct registry *r, const struct registry_certificate *c); /* name or "coordinator" */

/* Changing; in memory until registry_save. */
const struct registry_site *registry_enrol(struct registry *r, const struct enrol_request *q, int64_t now_s);
void registry_issued(struct registry *r, const struct ca_leaf *leaf, uint32_t site,
                     const uint8_t tls_key[ENROL_TLS_KEY_SIZE], char *const *hosts, size_t host_count);
/* The site (or REGISTRY_COORDINATOR) and every certificate of it. How many certificates were revoked by this call. */
size_t registry_revoke(struct registry *r, uint32_t site, int64_t now_s);

/* What is published. The caller frees the sites of the roster and the list with free(). */
void registry_roster(const struct registry *r, struct roster *out);
size_t registry_revoked(const struct registry *r, struct ca_revoked **out);

#endif
