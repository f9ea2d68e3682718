/*
 * The fingerprint of an extract: what binds an approval to the file that was looked at.
 *
 *   KD(key, "COHRText", SHA-256 of the file)        key: STATE/fingerprint.key, 32 random bytes, made at the first call
 *
 * It changes with every byte of the file and with nothing else, and tells nothing to whoever has not the key: without one, somebody
 * who guesses a file could see from an approval that it is the hospital's.
 */
#ifndef COHORT_CLIENT_FINGERPRINT_H
#define COHORT_CLIENT_FINGERPRINT_H

#include "base/hash.h"

/* Of the file at `path`; the state folder exists. Memory does not grow with the file. ERR_NO_INPUT, ERR_IO, and those of secret_read
 * for the key. */
enum err fingerprint_file(struct hash *out, const char *state, const char *path, struct diag *why) MUST_USE;

#endif
