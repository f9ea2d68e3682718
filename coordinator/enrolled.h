/*
 * The enrolled sites: whom the roster lists, what is known of each beyond it, and which of a site's sessions is the active one.
 * A core: no file, socket, clock. Numbers are given once and never used again, so a site that left the roster keeps its entry
 * (marked `gone`) and its name in reports.
 *
 * Sessions: a client draws a random id when it starts. The newest id that was seen is the active one; an id that was
 * replaced is old for good. After a restart of the coordinator the first id that comes is believed; if it is the older of two running
 * clients, the next request of the newer one replaces it.
 */
#ifndef COHORT_COORDINATOR_ENROLLED_H
#define COHORT_COORDINATOR_ENROLLED_H

#include "base/limits.h"
#include "protocol/ledger_mark.h"
#include "protocol/roster.h"

#include <stdbool.h>

#define SESSION_ID_SIZE 16 /* 32 hexadecimal digits on the wire */
#define SESSIONS_OLD_MAX                                                                                               \
	8 /* replaced ids that are remembered: more restarts while an old client still runs are not likely */
#define ANSWERS_PER_HOUR_MAX                                                                                           \
	60 /* changes of mind of one site, over all studies: each is a commit and an event for ever */
#define SERIAL_SIZE 43 /* as IDENTITY_SERIAL_SIZE, which belongs to a room that a core does not know */

struct session_id {
	uint8_t b[SESSION_ID_SIZE];
};

struct enrolled_site {
	uint32_t number;
	char name[NAME_SIZE];
	uint8_t key[ROSTER_KEY_SIZE];
	bool gone; /* not on the roster any more */
	bool told; /* that it is gone or revoked */
	bool revoked; /* the certificate that it was last seen with is on the revocation list */
	char serial[SERIAL_SIZE]; /* of that certificate, "" before the first request */
	int64_t last_seen_ms; /* Unix time of its last request; 0: never */
	bool has_session;
	struct session_id session, old[SESSIONS_OLD_MAX];
	uint32_t old_count; /* replaced so far; old[] is a ring */
	int64_t answers_since_ms; /* monotonic; begin of the hour that `answers` counts */
	uint32_t answers;
	struct ledger_mark ledger; /* the newest that it has signed (coordinator/ledgers.h); counter 0: none */
	bool ledger_unwritten;
};

struct enrolled {
	struct enrolled_site *items; /* ascending by number; owned */
	uint32_t count, room;
	uint32_t version; /* of the roster; 0 before the first */
	bool ledgers_unwritten; /* some site's mark is */
};

enum session_verdict { SESSION_ACTIVE, SESSION_NEW, SESSION_OLD };

void enrolled_free(struct enrolled *e); /* accepts a zeroed one */

/* Before enrolled_roster: what the store knows of a site. It is `gone` until a roster lists it. */
void enrolled_remember(struct enrolled *e, uint32_t number, const char *name, const char *serial, int64_t last_seen_ms);

/* Takes a roster over. What is known of its sites stays; a site that it does not list is gone, one that is listed again is not.
 * ERR_REFUSED when its version is below the one in force, or it gives a known number to another name. */
enum err enrolled_roster(struct enrolled *e, const struct roster *r, struct diag *why) MUST_USE;

struct enrolled_site *enrolled_number(const struct enrolled *e, uint32_t number); /* NULL: never heard of */
struct enrolled_site *enrolled_name(const struct enrolled *e, const char *name); /* among those not gone; NULL */
const char *enrolled_name_of(const struct enrolled *e, uint32_t number); /* "?" when unknown */

/* Whom a certificate names: both its name and its signing key must be those of one entry. ERR_PEER_IDENTITY says which is not. */
enum err enrolled_identify(struct enrolled_site **out, const struct enrolled *e, const char *name,
                           const uint8_t key[ROSTER_KEY_SIZE], struct diag *why) MUST_USE;

/* 32 hexadecimal digits; false for NULL and anything else. */
bool session_id_from(struct session_id *out, const char *hex);

/* Is `id` the site's active session? A new one becomes it. */
enum session_verdict enrolled_session(struct enrolled_site *s, const struct session_id *id);

/* Counts a change of the site's answer to a study; false when it has had ANSWERS_PER_HOUR_MAX within the hour. */
bool enrolled_may_answer(struct enrolled_site *s, int64_t now_ms);

#endif
