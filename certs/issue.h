/*
 * One certificate on its way: made by certs/ca.h, entered in the book, then written. The order is the point: a
 * certificate that exists stands in the book, so it can be revoked.
 */
#ifndef COHORT_CERTS_ISSUE_H
#define COHORT_CERTS_ISSUE_H

#include "base/json.h"
#include "certs/folder.h"

struct issue {
	struct buf pem;
	struct ca_leaf leaf;
	char kept[PATH_SIZE]; /* certs/NAME-SERIAL.pem, after issue_write */
};

/* Saves the book, which knows the certificate already, keeps the certificate in certs/ and copies it to `out` (NULL:
 * no copy). */
enum err issue_write(struct issue *i, struct folder *f, const char *name, const char *out, struct diag *why) MUST_USE;

/* What is answered about it: name, certificate (where it lies), serial, until. The caller adds and prints. */
struct json *issue_answer(const struct issue *i, const char *name, const char *out);
void issue_answer_fingerprint(struct json *answer, const uint8_t key[IDENTITY_KEY_SIZE]);

#endif
