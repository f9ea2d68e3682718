/*
 * The poller: finds our number in the roster, then holds the inbox open until the study is over. Whatever goes wrong is tried again
 * with back-off, for the hospital's line, the coordinator and the roster all come back; but for two answers that mean that this
 * process has nothing to do any more: another process of this hospital is newer, or the contract was replaced.
 */
#include "base/clock.h"
#include "base/log.h"
#include "client/member_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BACKOFF_TRIES_MAX 6 /* full back-off is reached then */
#define AT_ONCE_MS                                                                                                     \
	1000 /* a poll that has nothing new is held for INBOX_WAIT_MAX_S: what comes within this was not held */

enum err member_judge_roster(struct member *m, const struct roster *roster, uint32_t *number, struct diag *why)
{
	const struct identity *self = request_self(m->polls);
	const struct roster_site *entry = roster_find(roster, self->name);
	uint32_t seen = ledger_roster_version(m->config.ledger);
	struct diag alarm;

	if (roster->version < seen)
		return diag_set(
			why, ERR_REFUSED,
			"the coordinator shows roster %u, but this hospital has seen roster %u: it must not go back",
			roster->version, seen);
	if (entry == NULL || memcmp(entry->key, self->signing_key, ROSTER_KEY_SIZE) != 0)
		return diag_set(why, ERR_REFUSED, "%s is not on roster %u with this signing key; ask the authority",
		                self->name, roster->version);
	if (m->config.client->known != NULL && known_sites_impostor(m->config.client->known, roster, &alarm) != NULL)
		log_error("%s", alarm.text);
	*number = entry->number;
	return ledger_saw_roster(m->config.ledger, roster->version, why);
}

static void begin_session(struct member *m, uint32_t number, const struct roster *roster)
{
	struct session_config config = {.study = &m->study,
	                                .policy = &m->config.client->policy,
	                                .self = number,
	                                .budget = &m->budget,
	                                .roster = roster,
	                                .signer = signer_callback(&m->signer),
	                                .entropy = entropy_system()};
	struct release_record newest;

	m->session = session_new(&config);
	if (ledger_newest(m->config.ledger, &m->study.hash, &newest))
		session_restore(m->session, &newest);
	if (m->masks != NULL)
		session_restore_masks(m->session, masks_file_record(m->masks));
	member_drain(m);
}

/* One turn, entered and left with the mutex. Our number is the roster's, which a coordinator cannot choose: the authority signs it. */
static enum err begin(struct member *m, struct diag *why)
{
	struct roster roster = {0};
	uint32_t number = 0;
	enum err e;

	pthread_mutex_unlock(&m->mutex);
	e = wire_roster(m->polls, m->config.client->tls.authority, &roster, NULL, why);
	if (e == OK)
		e = member_judge_roster(m, &roster, &number, why);
	pthread_mutex_lock(&m->mutex);
	if (e == OK && !m->stopping)
		begin_session(m, number, &roster);
	roster_free(&roster);
	return e;
}

/* How rounds ended, for people. */
static void note_ends(struct member *m, const struct message *messages, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (messages[i].type == MESSAGE_CLOSED)
			ledger_note_closed(m->config.ledger, &messages[i]);
}

/* Where the ledger stands, by what was just shown: judged with every round, and said when it changes. */
static void take_standing(struct member *m, const struct ledger_mark *told)
{
	struct standing standing;
	struct diag alarm = {{0}};
	enum standing_verdict verdict;

	ledger_stand(m->config.ledger, &standing, &m->study.hash, told);
	session_ledger(m->session, &standing);
	verdict = session_standing(m->session, &alarm);
	if (verdict != STANDING_GOOD && verdict != m->standing)
		log_error("ALARM: study %s: %s", m->study.name, alarm.text);
	m->standing = verdict;
	m->alarm = alarm;
}

static enum err poll_once(struct member *m, struct diag *why)
{
	struct message *messages = NULL;
	uint32_t count = 0;
	uint64_t after = session_seq(m->session);
	int64_t asked_ms = clock_monotonic_ms();
	struct ledger_mark told;
	bool missed = false;
	enum err e;

	pthread_mutex_unlock(&m->mutex);
	e = wire_poll(m->polls, &m->study, after, INBOX_WAIT_MAX_S, &messages, &count, &missed, &told, why);
	pthread_mutex_lock(&m->mutex);
	if (e == OK && !m->stopping) {
		member_look_at_budget(m);
		take_standing(m, &told);
		e = session_polled(m->session, messages, count, missed, (int64_t)time(NULL), why);
		if (e == OK)
			note_ends(m, messages, count);
		member_drain(m);
	}
	if (e == OK && (count == 0 || missed) &&
	    clock_monotonic_ms() - asked_ms < AT_ONCE_MS) /* asking again at once would spin */
		e = diag_set(why, ERR_AGAIN, "the coordinator answers polls at once %s",
		             missed ? "and has begun its messages anew" : "though it has no message");
	for (uint32_t i = 0; i < count; i++)
		message_free(&messages[i]);
	free(messages);
	return e;
}

/* A conflict is one of two: the contract in force tells which. What cannot be told now is asked again with the next poll. */
static enum err explain_conflict(struct member *m, const struct diag *words, struct diag *why)
{
	struct study current = {0};
	enum err e;

	pthread_mutex_unlock(&m->mutex);
	e = wire_contract(m->polls, m->study.name, &current, why);
	pthread_mutex_lock(&m->mutex);
	if (e != OK || m->stopping)
		return e;
	if (hash_equal(&current.hash, &m->study.hash)) {
		e = diag_set(why, ERR_REFUSED, "another cohort-client of this hospital is running: %s", words->text);
		member_give_up(m, e, why->text);
	} else {
		log_warning("study %s: revision %u was replaced by revision %u; look at it: cohort-client fetch %s",
		            m->study.name, m->study.revision, current.revision, m->study.name);
		member_abandon(m);
		m->over = true;
	}
	study_free(&current);
	return OK;
}

/* Says what went wrong, once per kind of trouble, and that it is over. */
static void tell(struct member *m, enum err e, const struct diag *why, enum err *last)
{
	if (e == ERR_CANCELLED)
		return;
	if (e == OK && *last != OK)
		log_notice("study %s: connected again", m->study.name);
	else if (e != OK && e != *last)
		log_warning("study %s: %s; trying again", m->study.name, why->text);
	*last = e;
	m->trouble = *why;
}

static void turn(struct member *m, unsigned *failures, enum err *last)
{
	struct entropy entropy = entropy_system();
	struct diag why = {{0}}, words;
	enum err e = m->session == NULL ? begin(m, &why) : poll_once(m, &why);

	if (e == ERR_CONFLICT && !m->stopping) {
		words = why;
		e = explain_conflict(m, &words, &why);
	}
	if (e == ERR_IO && ledger_failed(m->config.ledger, &why))
		member_give_up(m, e, why.text);
	if (m->stopping || m->over)
		return;
	if (e == OK)
		why.text[0] = '\0';
	tell(m, e, &why, last);
	if (e == OK) {
		*failures = 0;
		return;
	}
	pthread_mutex_unlock(&m->mutex);
	(void)!request_sleep(m->polls, request_backoff_ms(*failures, -1, &entropy));
	pthread_mutex_lock(&m->mutex);
	*failures = *failures < BACKOFF_TRIES_MAX ? *failures + 1 : *failures;
}

void *member_poll_main(void *member)
{
	struct member *m = member;
	unsigned failures = 0;
	enum err last = OK;

	pthread_mutex_lock(&m->mutex);
	while (!m->stopping && !m->over && (m->session == NULL || session_finished(m->session) == NULL))
		turn(m, &failures, &last);
	pthread_cond_signal(&m->job_is_there); /* the worker looks whether it is over */
	pthread_mutex_unlock(&m->mutex);
	return NULL;
}
