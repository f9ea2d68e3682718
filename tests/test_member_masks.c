/*
 * A member in masked rounds, against a coordinator to order: what it says and keeps, when it is silent, and what it never sends. Whole
 * attempts are in tests/test_federation_masks.c.
 */
#include "base/file.h"
#include "client/masks_file.h"
#include "crypto/secagg_client.h"
#include "tests/support/membership.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define KEYS(f) (&(f)->fake.phases[SECAGG_KEYS])
#define SHARES(f) (&(f)->fake.phases[SECAGG_SHARES])

static int setup(void **state)
{
	*state = membership_begin_masked();
	return 0;
}

static int count_of(struct membership *f, const int *counter)
{
	int now;

	pthread_mutex_lock(&f->fake.lock);
	now = *counter;
	pthread_mutex_unlock(&f->fake.lock);
	return now;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static bool has_alarm(struct membership *f)
{
	bool any;

	pthread_mutex_lock(&f->lock);
	any = f->alarm[0] != '\0';
	pthread_mutex_unlock(&f->lock);
	return any;
}

static bool waits_for_the_others(struct membership *f)
{
	struct member_view view;

	member_look(f->member, &view);
	return strcmp(view.doing, "waiting for the others") == 0;
}

/* What the disk says of the study's attempts, when no member runs. */
static struct secagg_record_summary on_record(struct membership *f)
{
	struct secagg_record_summary s;
	struct masks_file *m;
	struct diag why = {{0}};

	if (masks_file_open(&m, f->config.state, &f->study.hash, &why) != OK)
		fail_msg("%s", why.text);
	assert_int_equal(secagg_record_read(&s, masks_file_record(m), &why), OK);
	masks_file_close(m);
	return s;
}

/* Nothing was uploaded, in whatever form. */
static void assert_nothing_uploaded(struct membership *f)
{
	assert_int_equal(count_of(f, &f->fake.parts), 0);
	assert_int_equal(count_of(f, &f->fake.upload_count), 0);
}

/* Its own number, and a signature of the key on the roster over something: which, the core's tests hold. */
static void assert_keys(struct membership *f, struct buf *said)
{
	(void)f;
	assert_int_equal(said->len, SECAGG_KEYS_SIZE);
	assert_int_equal(load_u32(said->ptr), FAKE_NUMBER);
}

static void test_keys_leave_after_v_is_final(void **state)
{
	struct membership *f = *state;
	struct membership_count ledger;
	struct secagg_record_summary record;

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	assert_keys(f, &KEYS(f)->said);
	assert_int_equal(count_of(f, &KEYS(f)->says), 1);
	ledger = membership_ledger(f);
	assert_int_equal(ledger.lines, 1);
	assert_int_equal(tempdir_count(&f->fake.dir, "state/outbound"), 1); /* v, and no y yet */
	assert_int_equal(count_of(f, &f->fake.rosters), 1); /* the one that it began with */
	assert_false(f->fake.sessions_differ);
	membership_stop(f);
	record = on_record(f);
	assert_true(record.round == 1 && record.attempt == 1 && !record.resumable && !record.opened);
	assert_nothing_uploaded(f);
}

/* The same v, new keys. */
static void test_another_attempt_has_other_keys(void **state)
{
	struct membership *f = *state;
	struct hash first, second;

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	sha256_of(&first, buf_bytes(&KEYS(f)->said));
	fake_closed(&f->fake, 1, 1, OUTCOME_FAILED);
	fake_round(&f->fake, 1, 2, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 2);
	sha256_of(&second, buf_bytes(&KEYS(f)->said));
	assert_int_equal(count_of(f, &KEYS(f)->says), 2);
	assert_false(hash_equal(&first, &second));
	assert_int_equal(membership_ledger(f).lines, 1);
	assert_nothing_uploaded(f);
}

static void test_busy_coordinators(void **state)
{
	struct membership *f = *state;

	FAKE_SET(&f->fake, phases[SECAGG_KEYS].say_status, 503);
	FAKE_SET(&f->fake, phases[SECAGG_KEYS].say_times, 2);
	fake_tell(&f->fake, SECAGG_SHARES, 503, bytes_of(NULL, 0));
	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 2);
	fake_tell(&f->fake, SECAGG_SHARES, 0, bytes_of(NULL, 0));
	fake_wait(&f->fake, &SHARES(f)->listens, 3);
	assert_int_equal(count_of(f, &KEYS(f)->says), 3);
	assert_false(has_alarm(f));
}

/* "Nothing yet", again and again, and at once: it asks again, and does not spin. */
static void test_nothing_yet(void **state)
{
	struct membership *f = *state;

	fake_tell(&f->fake, SECAGG_SHARES, 204, bytes_of(NULL, 0));
	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 2);
	pause_ms(700);
	assert_in_range(count_of(f, &SHARES(f)->listens), 2, 6);
	assert_int_equal(count_of(f, &KEYS(f)->says), 1);
}

/* The line is cut while it listens. */
static void test_cut_lines(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	fake_down(&f->fake);
	fake_up(&f->fake);
	fake_wait(&f->fake, &SHARES(f)->listens, 2);
	assert_int_equal(count_of(f, &KEYS(f)->says), 1);
}

/* ---- silence */

/* After an answer to its keys it says nothing more in the attempt, and takes part in the next. */
static void expect_silence(struct membership *f, unsigned status, bool alarm)
{
	struct secagg_record_summary record;

	FAKE_SET(&f->fake, phases[SECAGG_KEYS].say_status, status);
	FAKE_SET(&f->fake, phases[SECAGG_KEYS].say_times, 1);
	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &KEYS(f)->says, 1);
	membership_wait(f, waits_for_the_others, "silence");
	pause_ms(100);
	assert_int_equal(count_of(f, &SHARES(f)->listens), 0);
	assert_int_equal(count_of(f, &KEYS(f)->says), 1);
	assert_int_equal(count_of(f, &f->fake.refusal_count), 0);
	assert_int_equal(has_alarm(f), alarm);
	fake_closed(&f->fake, 1, 1, OUTCOME_FAILED);
	fake_round(&f->fake, 1, 2, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	assert_int_equal(count_of(f, &KEYS(f)->says), 2);
	membership_stop(f);
	record = on_record(f);
	assert_true(record.round == 1 && record.attempt == 2);
}

static void test_dropped(void **state)
{
	expect_silence(*state, 403, false);
}

static void test_over(void **state)
{
	expect_silence(*state, 410, false);
}

static void test_never_taken(void **state)
{
	expect_silence(*state, 409, true);
}

static void test_malformed(void **state)
{
	expect_silence(*state, 400, true);
}

/* What is no list of keys; and the same, but longer than any such list. */
static void expect_alarm_at(struct membership *f, struct bytes told)
{
	fake_tell(&f->fake, SECAGG_SHARES, 200, told);
	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	membership_wait(f, has_alarm, "an alarm");
	assert_non_null(strstr(f->alarm, "ALARM: study small round 1 attempt 1: "));
	assert_non_null(strstr(f->alarm, "says nothing more"));
	pause_ms(100);
	assert_int_equal(count_of(f, &SHARES(f)->says), 0);
	assert_int_equal(count_of(f, &SHARES(f)->listens), 1);
	assert_nothing_uploaded(f);
	membership_stop(f);
	assert_false(on_record(f).resumable);
}

static void test_noise_for_keys(void **state)
{
	static const uint8_t noise[3 * SECAGG_KEYS_SIZE];

	expect_alarm_at(*state, bytes_of(noise, sizeof noise));
}

static void test_an_endless_message(void **state)
{
	static uint8_t noise[200000];

	expect_alarm_at(*state, bytes_of(noise, sizeof noise));
}

/* ---- the roster */

/* The coordinator shows a mark that this hospital never signed: said, not believed, and the round goes on. */
static void test_a_made_up_mark(void **state)
{
	struct membership *f = *state;
	struct ledger_mark m = {.counter = 8, .head = {{1}}};
	struct member_view view;

	ledger_mark_write(f->fake.shown, &m);
	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	assert_keys(f, &KEYS(f)->said);
	membership_wait(f, has_alarm, "an alarm");
	assert_non_null(strstr(f->alarm, "ALARM: study small: the coordinator shows a mark of 8 ledger entries"));
	member_look(f->member, &view);
	assert_non_null(strstr(view.trouble.text, "not signed"));
}

static void test_a_newer_roster_is_fetched(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	fake_wait(&f->fake, &f->fake.polls, 1);
	fake_roster(&f->fake, 2, true);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	assert_int_equal(count_of(f, &f->fake.rosters), 2);
	assert_int_equal(ledger_roster_version(f->ledger), 2);
}

static void expect_refused(struct membership *f, enum refusal wanted)
{
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, wanted);
	assert_int_equal(count_of(f, &KEYS(f)->says), 0);
	assert_int_equal(membership_ledger(f).lines, 0);
}

static void test_an_older_roster_is_refused(void **state)
{
	struct membership *f = *state;

	fake_roster(&f->fake, 5, true);
	membership_start(f);
	fake_wait(&f->fake, &f->fake.polls, 1);
	fake_roster(&f->fake, 4, true);
	expect_refused(f, REFUSAL_PLAN);
	assert_int_equal(ledger_roster_version(f->ledger), 5);
}

static void test_a_roster_that_nobody_has_is_refused(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	fake_wait(&f->fake, &f->fake.polls, 1);
	f->fake.roster_named.b[3] ^= 1;
	expect_refused(f, REFUSAL_PLAN);
	assert_int_equal(count_of(f, &f->fake.rosters), 2);
}

/* ---- hospitals that it knows */

static void know(struct membership *f, const char *list, uint32_t least)
{
	struct client_config *c = &f->config;

	c->known = mem_alloc(sizeof *c->known);
	assert_int_equal(known_sites_parse(c->known, bytes_text(list), "known.txt", NULL), OK);
	c->policy.known = c->known;
	c->policy.min_known = least;
}

static void test_too_few_known(void **state)
{
	struct membership *f = *state;

	know(f, "second 0000-0000-0000-0000-0000-0000-0000-0001\n", 2);
	membership_start(f);
	membership_wait(f, has_alarm, "an alarm");
	assert_non_null(strstr(f->alarm, "ALARM: roster 1 gives second the key "));
	expect_refused(f, REFUSAL_POLICY_SITES);
}

static void test_enough_known(void **state)
{
	struct membership *f = *state;
	static const uint8_t second[ROSTER_KEY_SIZE] = {1};
	char fingerprint[IDENTITY_FINGERPRINT_SIZE], line[80];

	identity_fingerprint(fingerprint, second);
	snprintf(line, sizeof line, "second %s\n", fingerprint);
	know(f, line, 2);
	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	assert_false(has_alarm(f));
}

/* ---- birth and end */

static void start_fails(struct membership *f, enum err wanted, const char *words)
{
	struct member_config config = {.client = &f->config, .ledger = f->ledger};
	struct diag why = {{0}};
	struct member *m;

	config.approval.study_hash = f->study.hash;
	assert_int_equal(member_start(&m, &config, &why), wanted);
	assert_null(m);
	if (strstr(why.text, words) == NULL)
		fail_msg("%s", why.text);
}

static void test_another_signing_key(void **state)
{
	struct membership *f = *state;
	uint8_t key[32];

	credential_signing_site(&f->fake.dir, "other", &f->fake.ca, key);
	f->config.signing_key = tempdir_path(&f->fake.dir, "other-sign.key");
	start_fails(f, ERR_CONFIG, "other-sign.key: has the fingerprint ");
}

static void test_a_damaged_record(void **state)
{
	struct membership *f = *state;
	char *noise = malloc(2 * MASKS_SLOT), name[HASH_HEX_SIZE + 16], hex[HASH_HEX_SIZE];

	memset(noise, 'x', 2 * MASKS_SLOT);
	hash_hex(hex, &f->study.hash);
	snprintf(name, sizeof name, "state/masks/%s", hex);
	tempdir_folder(&f->fake.dir, "state/masks");
	tempdir_write_bytes(&f->fake.dir, name, bytes_of(noise, 2 * MASKS_SLOT));
	start_fails(f, ERR_DATA, "both records are damaged");
	free(noise);
}

static const struct budget_limit limit = {8, 1e-4};

/* The ledger was kept and the record was not. */
static void test_a_record_that_is_gone(void **state)
{
	struct membership *f = *state;
	struct release_record r = {.study_hash = f->study.hash, .round = 1, .octets = 1};

	assert_int_equal(ledger_commit(f->ledger, "small", &r, "", bytes_text("v"), &limit, NULL), OK);
	membership_start(f); /* a crash before the first record: nothing was sent yet */
	membership_stop(f);
	ledger_note_sent(f->ledger, &f->study.hash, 1, 1, SENT_ACCEPTED, &f->study.hash);
	start_fails(f, ERR_DATA, "the record of this study is gone");
}

/* A backup of the folder masks/ was put back: the ledger has sent to a later attempt, and that may have been opened. */
static void test_a_record_that_is_older(void **state)
{
	struct membership *f = *state;
	struct release_record r = {.study_hash = f->study.hash, .round = 2, .octets = 1};

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	membership_stop(f);
	ledger_note_sent(f->ledger, &f->study.hash, 1, 1, SENT_ACCEPTED, &f->study.hash);
	membership_start(f); /* the record is of that attempt */
	membership_stop(f);
	ledger_note_sent(f->ledger, &f->study.hash, 1, 2, SENT_ACCEPTED, &f->study.hash);
	start_fails(f, ERR_DATA, "the record of this study is of round 1 attempt 1, and round 1 attempt 2 was sent");
	ledger_note_sent(f->ledger, &f->study.hash, 1, 1, SENT_ACCEPTED, &f->study.hash);
	assert_int_equal(ledger_commit(f->ledger, "small", &r, "", bytes_text("v"), &limit, NULL), OK);
	ledger_note_sent(f->ledger, &f->study.hash, 2, 1, SENT_ACCEPTED, &f->study.hash);
	start_fails(f, ERR_DATA, "the record of this study is of round 1 attempt 1, and round 2 attempt 1 was sent");
}

/* Leaves a record on the disk as of an attempt whose vector was masked: keys and shares would follow. */
static void leave_a_live_record(struct membership *f)
{
	struct masks_file *m;
	struct buf record;
	struct hash sum;

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	membership_stop(f);
	assert_int_equal(masks_file_open(&m, f->config.state, &f->study.hash, NULL), OK);
	buf_init(&record, MASKS_RECORD_MAX);
	buf_put(&record, masks_file_record(m));
	record.ptr[1] = SECAGG_INPUT;
	sha256_of(&sum, bytes_of(record.ptr, record.len - HASH_SIZE));
	memcpy(record.ptr + record.len - HASH_SIZE, sum.b, HASH_SIZE);
	assert_int_equal(masks_file_write(m, buf_bytes(&record), true, NULL), OK);
	masks_file_close(m);
	buf_free(&record);
	assert_true(on_record(f).resumable);
}

/* The coordinator has another contract in force: nobody will ever close the attempt. */
static void test_a_replaced_contract_closes_the_record(void **state)
{
	struct membership *f = *state;
	struct study next;

	leave_a_live_record(f);
	small_study(&next, "revision: 2");
	FAKE_SET(&f->fake, study, &next);
	FAKE_SET(&f->fake, inbox_status, 409);
	membership_start(f);
	membership_wait(f, membership_is_over, "the contract is not the one in force");
	membership_stop(f);
	FAKE_SET(&f->fake, study, &f->study);
	study_free(&next);
	assert_false(on_record(f).resumable);
}

/* Rejected while it takes part. */
static void test_leaving_closes_the_record(void **state)
{
	struct membership *f = *state;

	leave_a_live_record(f);
	FAKE_SET(&f->fake, inbox_status, 503);
	membership_start(f);
	membership_wait(f, membership_in_trouble, "polls that fail");
	member_leave(f->member);
	f->member = NULL;
	assert_false(on_record(f).resumable);
	assert_int_equal(on_record(f).attempt, 1);
}

/* A restart before anything was masked: out of the attempt, into the next. */
static void test_a_restart_in_the_attempt(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	membership_stop(f);
	membership_start(f);
	membership_wait(f, waits_for_the_others, "silence");
	pause_ms(100);
	assert_int_equal(count_of(f, &KEYS(f)->says), 1);
	fake_closed(&f->fake, 1, 1, OUTCOME_FAILED);
	fake_round(&f->fake, 1, 2, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 2);
	assert_int_equal(count_of(f, &KEYS(f)->says), 2);
	assert_int_equal(membership_ledger(f).lines, 1);
}

static void test_stopping_while_listening(void **state)
{
	struct membership *f = *state;
	int64_t before_ms;

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &SHARES(f)->listens, 1);
	before_ms = membership_now_ms();
	membership_stop(f);
	assert_true(membership_now_ms() - before_ms < 1000);
}

/* What a process left that died in the middle: y of an attempt that nobody goes on with. */
static void test_an_old_masked_vector_goes(void **state)
{
	struct membership *f = *state;
	char path[PATH_SIZE];

	(void)ledger_masked(f->ledger, path, &f->study.hash, 1);
	assert_int_equal(file_replace(path, bytes_text("y"), 0600, NULL), OK);
	membership_start(f);
	assert_false(ledger_masked(f->ledger, path, &f->study.hash, 1));
}

#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, membership_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_keys_leave_after_v_is_final),
		CASE(test_another_attempt_has_other_keys),
		CASE(test_busy_coordinators),
		CASE(test_nothing_yet),
		CASE(test_cut_lines),
		CASE(test_dropped),
		CASE(test_over),
		CASE(test_never_taken),
		CASE(test_malformed),
		CASE(test_noise_for_keys),
		CASE(test_an_endless_message),
		CASE(test_a_made_up_mark),
		CASE(test_a_newer_roster_is_fetched),
		CASE(test_an_older_roster_is_refused),
		CASE(test_a_roster_that_nobody_has_is_refused),
		CASE(test_too_few_known),
		CASE(test_enough_known),
		CASE(test_another_signing_key),
		CASE(test_a_damaged_record),
		CASE(test_a_record_that_is_gone),
		CASE(test_a_record_that_is_older),
		CASE(test_a_replaced_contract_closes_the_record),
		CASE(test_leaving_closes_the_record),
		CASE(test_a_restart_in_the_attempt),
		CASE(test_stopping_while_listening),
		CASE(test_an_old_masked_vector_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
