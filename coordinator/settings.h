/*
 * The operator's file, coordinator.yaml: where to listen, who we are, where the state lies, how long a round lasts. Nothing in
 * it touches a study's terms, which are the contract's.
 *
 *     listen: ":8443"                       # host:port, [v6]:port or :port
 *     names: [cohort.uni.example]           # optional: names that the certificate must bear
 *     credentials: {authority: ca.pem, certificate: coordinator.pem, key: coordinator.key}
 *     revocation_list: crl.pem              # optional; read again when it changes
 *     roster: roster.signed                  # what `cohort-ca roster` wrote; read again when it changes
 *     state: state/
 *     rounds: {join: 30, deadline: 600, phase: 120, pause: 10}        # seconds
 *     limits: {uploads: 16, threads: 2}
 *     control: state/admin.sock             # optional: where commands reach the daemon
 *
 * Relative paths start at the folder of this file. What lies below `state`:
 *
 *     coordinator.db (+ -wal, -shm)         the SQLite database
 *     models/SHA256.safetensors             immutable
 *     staging/STUDY.REVISION.ROUND.ATTEMPT  uploads of an open attempt
 *     lock                                  held by whoever works on the database
 *     admin.sock                            while a daemon runs
 */
#ifndef COHORT_COORDINATOR_SETTINGS_H
#define COHORT_COORDINATOR_SETTINGS_H

#include "base/err.h"

#include <stdint.h>

#define SETTINGS_NAMES_MAX 16 /* host names of one service */

struct settings {
	char *file; /* as given on the command line; this and all strings below are owned */
	char *listen;
	char *names[SETTINGS_NAMES_MAX];
	uint32_t name_count;
	char *authority, *certificate, *key;
	char *revocations; /* NULL: none */
	char *roster;
	char *state, *database, *models, *staging, *lock, *control;
	int64_t join_ms, deadline_ms, phase_ms, pause_ms;
	uint32_t uploads; /* of more than one part, at once */
	uint32_t threads; /* workers of the pool */
};

/* Reads and checks the file alone: nothing that it names is opened. ERR_CONFIG with file, line, column and the nearest known
 * key; ERR_NO_INPUT. `out` is for settings_free only on success. */
enum err settings_load(struct settings *out, const char *path, struct diag *why) MUST_USE;
void settings_free(struct settings *s); /* accepts a zeroed one */

/* Makes the state folder and those in it, mode 0700, where they are missing. ERR_CREATE. */
enum err settings_make_folders(const struct settings *s, struct diag *why) MUST_USE;

#endif
