/*
 * A coordinator with a folder, certificates, a signed roster and a study of its own, as a process; and sites that ask it over TLS.
 *
 *   struct coordinating c;
 *   coordinating_make(&c, 3, NULL, "");
 *   coordinating_start(&c);
 *   coordinating_command(&c, &p, "study add '%s'", ...);
 *   struct caller s;
 *   caller_open(&s, &c, 0);
 *   assert_int_equal(caller_ask(&s, "GET", "/v1/studies"), 200);
 *   ...
 *   coordinating_remove(&c);
 */
#ifndef COHORT_TESTS_SUPPORT_COORDINATING_H
#define COHORT_TESTS_SUPPORT_COORDINATING_H

#include "base/json.h"
#include "crypto/keys.h"
#include "net/request.h"
#include "protocol/ledger_mark.h"
#include "protocol/roster.h"
#include "tests/support/credentials.h"
#include "tests/support/program.h"

#include <sys/types.h>

#define COORDINATING_SITES_MAX 64

struct coordinating {
	struct tempdir dir;
	struct made authority;
	struct made site_certificates[COORDINATING_SITES_MAX];
	uint32_t sites;
	bool in_process; /* the forked child calls daemon_run itself, with what this test puts in libc's place */
	pid_t pid; /* 0: not running */
	unsigned port;
};

/* Files only: ca, coordinator, site-0 ... (numbers 11, 18, 25, ... of the roster), coordinator.yaml with `settings` appended,
 * study.yaml: the small study with `line` replaced (NULL: as it is). */
void coordinating_make(struct coordinating *c, uint32_t sites, const char *line, const char *settings);
void coordinating_remove(struct coordinating *c); /* kills it first */

uint32_t coordinating_number(uint32_t site);

/* The identity key that the roster and its certificate give this site: Ed25519, KEYS_IDENTITY_SECRET_SIZE octets. */
void coordinating_identity(uint8_t identity[KEYS_IDENTITY_SECRET_SIZE], uint32_t site);

/* Writes the roster anew, as version `version`, without site `left_out` (or with all, UINT32_MAX). */
void coordinating_roster(struct coordinating *c, uint32_t version, uint32_t left_out);

void coordinating_start(struct coordinating *c); /* and waits until it serves; fails the test otherwise */
int coordinating_end(struct coordinating *c, int signal); /* its exit code, or -signal; 0 sends none, and waits */
const char *coordinating_log(struct coordinating *c); /* of its last start */
bool coordinating_logged(struct coordinating *c, const char *words, int limit_ms); /* waits until its log holds them */

/* A command of cohort-coordinator with --config. */
void coordinating_command(struct coordinating *c, struct program *p, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same, which must succeed. */
void coordinating_must(struct coordinating *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- a site's requests */

struct caller {
	struct requester *requester;
	char session[33];
	char mark
		[LEDGER_MARK_TEXT_SIZE]; /* the header Cohort-Ledger of its requests; "": none. What was shown is response.wanted */
	struct response response;
	struct buf body; /* of the last answer */
	struct json *json; /* the same, when it is JSON; NULL otherwise */
};

void caller_open(struct caller *s, struct coordinating *c, uint32_t site);
void caller_close(struct caller *s); /* accepts a zeroed one */
/* From now on it says that its ledger has `counter` entries, and this head (32 times); 0: nothing any more. */
void caller_mark(struct caller *s, uint32_t site, uint64_t counter, uint8_t head);

void caller_session(struct caller *s, const char *hex); /* from now on; NULL: a new one */

/* One exchange: its status; 0 when there was no answer. */
unsigned caller_ask(struct caller *s, const char *method, const char *fmt, ...) PRINTF_LIKE(3, 4);
unsigned caller_send(struct caller *s, const char *method, struct bytes body, const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
