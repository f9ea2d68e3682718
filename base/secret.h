/*
 * Secrets: memory that is locked, guarded, never dumped, wiped when freed (libsodium's sodium_malloc),
 * and that no logging function accepts.
 */
#ifndef COHORT_BASE_SECRET_H
#define COHORT_BASE_SECRET_H

#include "base/bytes.h"

struct secret {
	uint8_t *ptr;
	size_t len;
};

/* Must be called once by every program before any other call of base: starts libsodium, turns core dumps off and
 * forbids other processes of this user to look into this one (ptrace). */
void secret_init(void);

void secret_new(struct secret *s, size_t len); /* zeroed */
void secret_free(struct secret *s); /* wipes; accepts a zeroed one */
void secret_wipe(void *ptr, size_t len); /* for copies on the stack */
bool secret_equal(const struct secret *a, const struct secret *b); /* constant time */

/* Reads a key or password file. It must be a regular file, owned by this user or root and readable by nobody
 * else: ERR_REFUSED names the mode and says `chmod 600`. Exception: below $CREDENTIALS_DIRECTORY (systemd's
 * LoadCredential shows 0440) group-read is accepted. A final newline is kept. ERR_NO_INPUT, ERR_LIMIT, ERR_DATA
 * when it is empty, ERR_IO. */
enum err secret_read(struct secret *out, const char *path, size_t max, struct diag *why) MUST_USE;

/* Creates the file with mode 0600, whole or not at all, and fsyncs it; an existing one is refused (ERR_CONFLICT).
 * Other errors as file_create. */
enum err secret_write(const char *path, struct bytes data, struct diag *why) MUST_USE;

#endif
