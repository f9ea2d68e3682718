/*
 * A federation of the real programs on loopback, in a temporary folder: authority, certificates, configurations; the coordinator and
 * the hospitals as processes that are started, stopped and killed by their ids. Whatever fails here fails the test and shows the
 * end of the logs; processes never outlive the test program.
 *
 *   FOLDER/study.yaml
 *   FOLDER/ca/                       the authority
 *   FOLDER/coordinator/              coordinator.yaml, credentials, state/, log
 *   FOLDER/SITE/                     client.yaml, policy.yaml, data.csv, credentials, state/, log
 *
 *   struct federation f;
 *   federation_make(&f, study_yaml, names, 3);      nothing runs yet; files may be rewritten by tempdir_write(&f.dir, ...)
 *   tempdir_write(&f.dir, "north/data.csv", ...);
 *   federation_begin(&f);                           coordinator, study add, clients, fetch, approve, study start
 *   federation_wait(&f, "finished", 20000);
 *   federation_remove(&f);
 */
#ifndef COHORT_TESTS_SUPPORT_FEDERATION_H
#define COHORT_TESTS_SUPPORT_FEDERATION_H

#include "base/json.h"
#include "tests/support/tempdir.h"

#include <sys/types.h>

#define FEDERATION_SITES_MAX 8
#define FEDERATION_COORDINATOR (-1) /* as `who` below; sites are 0, 1, ... */

struct federation {
	struct tempdir dir;
	unsigned port; /* of the coordinator, on 127.0.0.1 */
	char socket[PATH_SIZE]; /* where the coordinator answers commands */
	char study[NAME_SIZE];
	char study_hash[HASH_HEX_SIZE];
	char names[FEDERATION_SITES_MAX][NAME_SIZE];
	uint32_t count;
	pid_t coordinator, sites[FEDERATION_SITES_MAX]; /* 0: does not run */
	bool logged; /* programs that write down their secrets: SITE/secrets, coordinator/sums (tests/secret_log.c, tests/sum_log.c) */
	uint32_t stops
		[FEDERATION_SITES_MAX]; /* when logged: the round in which it stops before it sends its masked vector; 0: none */
	bool may_end[FEDERATION_SITES_MAX]; /* a foreign program: it ends with 0 when its study has finished */
};

/* The policy of every hospital permits masking off, mechanism none, any evaluation and small data; data.csv does not exist yet. */
void federation_make(struct federation *f, const char *study_yaml, const char *const *names, uint32_t count);
void federation_remove(struct federation *f); /* stops what runs */

/* Rewrites coordinator.yaml; `more` are further lines, such as "rounds: {join: 1, deadline: 2, pause: 0.1}\n". */
void federation_settings(struct federation *f, const char *more);

/* ---- processes. `who`: a site's index, or FEDERATION_COORDINATOR. Logs are appended to. */
void federation_start(struct federation *f, int who);
void federation_start_foreign(struct federation *f, int site,
                              const char *const *argv); /* another program in the site's place */
void federation_kill(struct federation *f, int who); /* SIGKILL, and waits for its end */
void federation_stop(struct federation *f,
                     int who); /* SIGTERM; fails the test unless it then exits with 0 within 10 s */
void federation_ready(struct federation *f); /* waits until the coordinator answers */

/* ---- commands, run as a person would; each must succeed */

/* A shell command in the federation's folder, "$BIN" being the programs' folder. What it printed, until the next one. */
const char *federation_command(struct federation *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

void federation_add_study(struct federation *f);
void federation_approve(struct federation *f, int site); /* fetch, then approve by hash */
void federation_start_study(struct federation *f);
void federation_wait_approved(struct federation *f, uint32_t sites); /* the coordinator knows of so many approvals */
void federation_begin(struct federation *f); /* everything up to and with `study start`, all sites */

/* ---- looking. Trees are owned by the caller (json_free). */
struct json *federation_status(struct federation *f); /* this study's object of `status --json`; the daemon answers */
struct json *federation_rounds(struct federation *f); /* array of what `rounds STUDY --json` prints, line by line */

/* Polls until the study's state is `state`; fails after limit_ms, when a program that should run has ended, or when the study has
 * failed. */
void federation_wait(struct federation *f, const char *state, int64_t limit_ms);
/* Polls until round `round` (or a later one) is open, or the study is over. False when it is over. */
bool federation_wait_round(struct federation *f, int64_t round, int64_t limit_ms);
/* Polls until this attempt, or a later one or a later round, is open, or the study is over. */
void federation_wait_attempt(struct federation *f, int64_t round, int64_t attempt, int64_t limit_ms);

/* SHA-256 of the study's newest model, as the coordinator says it. */
void federation_model(struct federation *f, char hex[HASH_HEX_SIZE]);

/* ---- reading a round of federation_rounds */
const char *federation_text(const struct json *node, const char *key); /* "" for null */
int64_t federation_number(const struct json *node, const char *key);
const struct json *federation_site(const struct json *round,
                                   const char *name); /* listed exactly once, or the test fails */
void federation_expect_site(const struct json *round, const char *name, const char *state, const char *phase,
                            const char *reason);
void federation_expect_contributed(const struct json *round, const char *name);

#endif
