/*
 * A coordinator to order, in a thread of its own: it speaks docs/PROTOCOL.md for one site and one study, says what the test puts into
 * the inbox, misbehaves as the test wishes, and remembers what the site did.
 *
 *   struct fake f;
 *   fake_start(&f, &study);
 *   fake_round(&f, ASK_STATISTICS, ...);  fake_wait(&f, fake_uploads, 1);
 *   fake_stop(&f);
 */
#ifndef COHORT_TESTS_SUPPORT_FAKE_H
#define COHORT_TESTS_SUPPORT_FAKE_H

#include "crypto/secagg.h"
#include "net/server.h"
#include "protocol/ledger_mark.h"
#include "protocol/message.h"
#include "protocol/roster.h"
#include "tests/support/credentials.h"

#include <pthread.h>

#define FAKE_SITE "st-mary"
#define FAKE_NUMBER 7 /* of the site in the roster */
#define FAKE_INBOX_MAX 64
#define FAKE_UPLOADS_MAX 32
#define FAKE_HELD_MAX 8
#define FAKE_MASKED_SITES                                                                                              \
	3 /* on the roster, and invited, of a study that masks: the site and two that have keys and do nothing */

struct fake_upload {
	uint64_t round;
	uint32_t attempt;
	char sha256[HASH_HEX_SIZE];
	struct buf octets;
	bool accepted;
};

/* What the site says in a phase of a masked attempt, and what it is told. */
struct fake_phase {
	unsigned say_status; /* its POST is answered so; 0: 204 */
	int say_times; /* but only the first so many; 0: all */
	unsigned listen_status; /* its GET is answered so, 200 with `told`; 0: held until there is another status */
	struct buf told;
	int says, listens;
	struct buf said; /* the newest */
};

struct fake {
	struct tempdir dir; /* ca, coordinator and the site's credentials */
	struct made ca;
	const struct study *study; /* the contract in force */
	unsigned port;

	pthread_mutex_t lock; /* of all below: what the test orders and what it sees */
	struct buf roster;
	struct buf model;
	struct hash model_sha256;
	struct message inbox[FAKE_INBOX_MAX];
	uint32_t inbox_count;
	uint64_t forgotten; /* messages up to this number are no longer kept: 410 for an older `after` */
	unsigned inbox_status; /* 409, 503, ...: every poll is answered so; 0: as it should be */
	char shown[LEDGER_MARK_TEXT_SIZE]; /* the header Cohort-Ledger of inboxes; "": none */
	unsigned put_status; /* the next `put_times` parts are answered so */
	int put_times;
	unsigned refusal_status; /* the first `refusal_times` refusals are answered so */
	int refusal_times;

	struct fake_phase phases[SECAGG_PHASE_COUNT];
	struct hash roster_named; /* by rounds of a study that masks: the newest roster, unless a test says otherwise */

	struct fake_upload uploads[FAKE_UPLOADS_MAX];
	int upload_count, accepted_count;
	struct message refusals[FAKE_UPLOADS_MAX], answers[FAKE_UPLOADS_MAX];
	int refusal_count, refusal_tries, answer_count;
	int polls, parts, models, rosters;
	char session[64]; /* the first seen */
	bool sessions_differ;

	/* inside */
	struct loop *loop;
	struct server *server;
	struct tls *tls;
	pthread_t thread;
	pthread_cond_t done;
	void (*order)(struct fake *f);
	bool ending;
	struct exchange *held[FAKE_HELD_MAX];
	uint64_t held_after[FAKE_HELD_MAX];
	struct fake_phase *held_phase[FAKE_HELD_MAX]; /* it listens for this; NULL: a poll */
	uint8_t site_key[ROSTER_KEY_SIZE]; /* public */
};

void fake_start(struct fake *f, const struct study *study);
void fake_stop(struct fake *f);

/* The connections are cut and the port is closed; and opened again. */
void fake_down(struct fake *f);
void fake_up(struct fake *f);

/* What those who listen for this phase are told from now on. */
void fake_tell(struct fake *f, enum secagg_phase phase, unsigned status, struct bytes told);

/* The roster's version and whether the site is on it. */
void fake_roster(struct fake *f, uint32_t version, bool listed);

/* The model that the next round names. */
void fake_model(struct fake *f, struct bytes file);

/* Into the inbox, with the next sequence number. A round asks of sites FAKE_NUMBER and FAKE_NUMBER + 1 what its step asks, with the
 * model, if there is one. */
void fake_round(struct fake *f, uint64_t round, uint32_t attempt, uint32_t step);
void fake_closed(struct fake *f, uint64_t round, uint32_t attempt, enum round_outcome outcome);
void fake_finished(struct fake *f, bool with_model);

/* Waits for up to 10 s until a counter is at least `value`; fails the test otherwise. */
void fake_wait(struct fake *f, const int *counter, int value);

/* A setting of `f`, under its lock. */
#define FAKE_SET(f, field, value)                                                                                      \
	do {                                                                                                           \
		pthread_mutex_lock(&(f)->lock);                                                                        \
		(f)->field = (value);                                                                                  \
		pthread_mutex_unlock(&(f)->lock);                                                                      \
	} while (0)

#endif
