/*
 * A transcript of one attempt of secure aggregation (its form: tests/secagg_replay.c), and sites that play it: with the transcript's secrets in
 * place of randomness. A transcript that is not of that form ends the program with a line.
 */
#ifndef COHORT_TESTS_SUPPORT_REPLAY_H
#define COHORT_TESTS_SUPPORT_REPLAY_H

#include "base/json.h"
#include "crypto/secagg_client.h"
#include "crypto/secagg_server.h"

#define TRANSCRIPT_MAX (1u << 30) /* 64 sites with 100,000 words of 11 characters, and the vectors once more in hex */

struct player {
	struct replay *replay;
	const struct json *site;
	uint32_t number;
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE];
	struct buf script; /* what is drawn, in order */
	size_t drawn;
	struct secagg_client *client;
	uint8_t *y;
	struct hash y_hash;
};

struct replay {
	const struct json *root;
	struct buf federation, study, plan_octets;
	struct secagg_attempt attempt;
	struct secagg_plan plan;
	struct secagg_site *invited;
	struct player *players;
	struct secagg_server *server;
	uint32_t *sum;
	uint32_t compared, differ;
};

/* ---- replay_read.c */

void replay_read(struct replay *r); /* everything but `root`, which the caller has parsed, and `server` */
_Noreturn void replay_bad(const char *what);
const struct json *replay_member(const struct json *object, const char *key);
uint64_t replay_number(const struct json *object, const char *key);
void replay_append(struct buf *out, const struct json *object, const char *key); /* octets of a hex text */
void replay_append_hex(struct buf *out, const struct json *value, const char *key);
bool replay_lists(const struct replay *r, const char *set, uint32_t site); /* U1, U2 or U3 */

/* A value that was made against the transcript's: counted, and a line on stderr when they differ. */
void replay_compare(struct replay *r, const char *where, const char *key, const struct json *expected,
                    struct bytes made);
void replay_differs(struct replay *r, const char *where, const char *key);

/* ---- replay_site.c */

void replay_open(struct replay *r, uint32_t i); /* takes part, and its keys are compared */
void replay_pump(struct player *p); /* does what its core asks for */

/* What it sent in a phase, field by field. */
void replay_compare_shares(struct player *p);
void replay_compare_input(struct player *p);
void replay_compare_signature(struct player *p);
void replay_compare_answer(struct player *p);
void replay_compare_secrets(struct replay *r, struct player *p); /* s_sk from sigma, as when the site is gone */

#endif
