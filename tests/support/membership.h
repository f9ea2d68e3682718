/*
 * A member with all that it needs in one temporary folder: a coordinator to order, credentials, configuration, rows, ledger; and the
 * same rows once more, for what a test computes itself.
 */
#ifndef COHORT_TESTS_SUPPORT_MEMBERSHIP_H
#define COHORT_TESTS_SUPPORT_MEMBERSHIP_H

#include "client/member.h"
#include "tests/support/fake.h"

struct membership {
	struct study study;
	struct fake fake;
	struct client_config config;
	struct ledger *ledger;
	struct member *member;
	struct table table; /* the same rows, for what the test computes itself */
	struct contributor contributor;
	struct buf expected;
	pthread_mutex_t lock; /* of all below */
	enum err stopped;
	struct diag stop_why;
	char alarm[DIAG_MAX]; /* the newest line of the log that begins with ALARM */
};

/* For cmocka: *state becomes a struct membership; begin makes one of the small study with `line` replaced (NULL: as it is). Nothing
 * runs yet but the coordinator. */
int membership_setup(void **state);
int membership_teardown(void **state);
struct membership *membership_begin(const char *line);
struct membership *
membership_begin_masked(void); /* of a study that masks, with three sites of which none may drop out */

struct membership *
membership_begin_private(unsigned steps); /* of a study with noise in local steps; the policy permits it */

void membership_start(struct membership *f);
void membership_stop(struct membership *f);

/* Waits for up to 10 s until `holds`; fails the test with `what` otherwise. */
void membership_wait(struct membership *f, bool (*holds)(struct membership *f), const char *what);
bool membership_is_over(struct membership *f);
bool membership_in_trouble(struct membership *f);
bool membership_has_stopped(struct membership *f); /* was told to: `stopped` and `stop_why` */
bool membership_computing(struct membership *f);

int64_t membership_now_ms(void);

/* The upload at `index` was accepted and is, octet for octet, what contribution.c computes for that step. */
void membership_assert_upload(struct membership *f, int index, uint64_t round, uint32_t attempt, uint32_t step);

struct membership_count {
	int lines;
	struct release_record last;
	char sent[16];
	int done;
};

struct membership_count membership_ledger(struct membership *f);

#endif
