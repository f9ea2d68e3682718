/*
 * Certificates of tests/support/certificates.h as the files that programs read: NAME.pem and NAME.key in a temporary
 * folder.
 */
#ifndef COHORT_TESTS_SUPPORT_CREDENTIALS_H
#define COHORT_TESTS_SUPPORT_CREDENTIALS_H

#include "net/tls.h"
#include "tests/support/certificates.h"
#include "tests/support/tempdir.h"

#define CREDENTIALS_FEDERATION "test"

/* Makes one after a recipe and writes it. `issuer` NULL: it signs itself. What was made goes to `out`, for signing
 * others or for revoking (certificate_free), or is freed when `out` is NULL. */
void credential_make(struct tempdir *t, const char *name, const struct recipe *r, const struct made *issuer,
                     struct made *out);

/* The right three, of the federation "test": authority (keep it), a coordinator for localhost, 127.0.0.1 and ::1, a
 * site. */
void credential_authority(struct tempdir *t, const char *name, struct made *out);
void credential_coordinator(struct tempdir *t, const char *name, const struct made *issuer);
void credential_site(struct tempdir *t, const char *name, const struct made *issuer, struct made *out);
struct recipe credential_site_recipe(const char *site);

/* A site whose signing key is a real one: NAME-sign.key beside the other two. `key`: its public half. */
void credential_signing_site(struct tempdir *t, const char *name, const struct made *issuer, uint8_t key[32]);

/* NAME.pem: a list by `issuer` that revokes `revoked` (NULL: nobody), the next one due in `next_s`. */
void credential_revocations(struct tempdir *t, const char *name, const struct made *issuer, const struct made *revoked,
                            int64_t next_s);

/* The paths: NAME.pem, NAME.key, ca.pem. Valid until tempdir_remove. */
struct tls_files credential_files(struct tempdir *t, const char *name);

#endif
