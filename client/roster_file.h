/*
 * The authority's roster as it was last fetched: STATE/roster, signature and all, for what commands say of the federation without
 * asking the coordinator. It is verified each time it is read. What rounds are judged by is fetched anew (client/member.h).
 */
#ifndef COHORT_CLIENT_ROSTER_FILE_H
#define COHORT_CLIENT_ROSTER_FILE_H

#include "protocol/roster.h"

/* From a roster's file: the signature against `authority` (a PEM file), then the body. ERR_REFUSED, ERR_DATA, ERR_NO_INPUT. */
enum err roster_file_read(struct roster *out, struct bytes file, const char *authority, struct diag *why) MUST_USE;

enum err roster_file_store(const char *state, struct bytes file, struct diag *why) MUST_USE;

/* ERR_NO_INPUT when none was ever stored. `out` is zeroed then, and after every failure. */
enum err roster_file_load(struct roster *out, const char *state, const char *authority, struct diag *why) MUST_USE;

#endif
