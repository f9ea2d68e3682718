/*
 * Requests of a masked attempt: every status of docs/PROTOCOL.md, what is on the coordinator's disk and what is not, hospitals that
 * leave, and vectors that are wrong.
 */
#include "tests/support/masked_daemon.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SITES 5
#define ALL ((1u << SITES) - 1)
#define WAIT_S MASKED_DAEMON_WAIT_S

static struct masked_daemon *setup(const char *settings)
{
	struct masked_daemon *d = mem_alloc(sizeof *d);

	masked_daemon_make(d, &(struct masked_daemon_config){.sites = SITES, .settings = settings});
	return d;
}

static void teardown(struct masked_daemon *d)
{
	masked_daemon_remove(d);
	free(d);
}

static void expect_error(const struct masker *m, const char *words)
{
	const struct json *error = json_get(m->h->caller.json, "error");

	assert_non_null(error);
	if (strstr(json_as_string(error), words) == NULL)
		fail_msg("\"%s\" does not speak of \"%s\"", json_as_string(error), words);
}

/* What the site would say, with its last octet changed. */
static unsigned say_changed(struct masker *m, enum secagg_phase phase)
{
	struct bytes said = secagg_client_sent(m->client, phase);
	struct buf octets;

	buf_init(&octets, said.len);
	buf_put(&octets, said);
	octets.ptr[octets.len - 1] ^= 1;
	unsigned status = masker_say_octets(m, phase, buf_bytes(&octets));
	buf_free(&octets);
	return status;
}

/* ---- messages */

static void test_messages_that_are_refused(void **state)
{
	struct masked_daemon *d = setup(NULL);
	struct masker *m = &d->m[1];
	struct buf long_one;
	size_t most = secagg_message_max(SITES, SECAGG_KEYS);

	(void)state;
	masked_daemon_begin(d);
	assert_int_equal(masker_say_octets(m, SECAGG_KEYS, bytes_text("keys")), 400);
	expect_error(m, "site 18");
	buf_init(&long_one, most + 1);
	memset(buf_extend(&long_one, most + 1), 7, most + 1);
	assert_int_equal(masker_say_octets(m, SECAGG_KEYS, buf_bytes(&long_one)), 400);
	expect_error(m, "more than any message of phase keys has");
	buf_free(&long_one);
	assert_int_equal(say_changed(m, SECAGG_KEYS), 400); /* the signature */
	assert_int_equal(masker_say_octets(m, SECAGG_SHARES, bytes_text("too early")), 425);
	expect_error(m, "the phase before shares is missing");
	assert_int_equal(masker_say(m, SECAGG_KEYS), 204);
	assert_int_equal(masker_say(m, SECAGG_KEYS), 204);
	assert_int_equal(say_changed(m, SECAGG_KEYS), 409);
	expect_error(m, "another message of phase keys");
	m = &d->m[0];
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_KEYS);
	assert_int_equal(masker_listen(m, SECAGG_SHARES, WAIT_S), 200);
	assert_int_equal(say_changed(m, SECAGG_SHARES), 400);
	masked_daemon_play(d, SECAGG_SHARES, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	teardown(d);
}

static void test_paths_that_lead_nowhere(void **state)
{
	struct masked_daemon *d = setup(NULL);
	struct caller *s = &d->h[0].caller;

	(void)state;
	masked_daemon_begin(d);
	assert_int_equal(caller_ask(s, "GET", "/v1/studies/small/rounds/1/attempts/1/keys"), 405);
	assert_int_equal(caller_ask(s, "POST", "/v1/studies/small/rounds/1/attempts/1/input"), 405);
	assert_int_equal(caller_ask(s, "POST", "/v1/studies/small/rounds/1/attempts/1/masks"), 404);
	assert_int_equal(caller_ask(s, "POST", "/v1/studies/small/rounds/x/attempts/1/keys"), 400);
	assert_int_equal(caller_ask(s, "GET", "/v1/studies/small/rounds/1/attempts/1/shares?wait=26"), 400);
	assert_int_equal(caller_ask(s, "GET", "/v1/studies/small/rounds/1/attempts/2/shares"), 403);
	assert_int_equal(caller_ask(s, "GET", "/v1/studies/small/rounds/7/attempts/1/shares"), 403);
	assert_int_equal(caller_ask(s, "GET", "/v1/studies/small/rounds/1/attempts/1/shares"), 204);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_hear_the_end(d, OUTCOME_DONE);
	assert_int_equal(caller_ask(s, "GET", "/v1/studies/small/rounds/1/attempts/1/opening"), 410);
	assert_int_equal(caller_ask(s, "POST", "/v1/studies/small/rounds/1/attempts/1/opening"),
	                 204); /* is in the sum */
	assert_int_equal(caller_ask(s, "POST", "/v1/studies/small/rounds/2/attempts/9/keys"), 403);
	teardown(d);
}

/* The newest session of a hospital is the one that counts: the other is told to stop, also while it listens. */
static void test_an_older_session_has_no_part(void **state)
{
	struct masked_daemon *d = setup(NULL);
	struct caller *s = &d->h[2].caller;
	char old[33];

	(void)state;
	masked_daemon_begin(d);
	snprintf(old, sizeof old, "%s", s->session);
	caller_session(s, NULL);
	assert_int_equal(masker_say(&d->m[2], SECAGG_KEYS), 204);
	caller_session(s, old);
	assert_int_equal(masker_say(&d->m[2], SECAGG_KEYS), 409);
	assert_int_equal(caller_ask(s, "GET", "/v1/studies/small/rounds/1/attempts/1/shares?wait=1"), 409);
	teardown(d);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void test_listening_is_held_and_then_ends(void **state)
{
	struct masked_daemon *d = setup(NULL);
	int64_t began_ms;

	(void)state;
	masked_daemon_begin(d);
	assert_int_equal(masker_say(&d->m[0], SECAGG_KEYS), 204);
	began_ms = now_ms();
	assert_int_equal(masker_listen(&d->m[0], SECAGG_SHARES, 1), 204);
	assert_in_range(now_ms() - began_ms, 900, 10000);
	teardown(d);
}

/* ---- vectors */

static unsigned put(struct masker *m, const char *more)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, &m->content);
	return caller_send(&m->h->caller, "PUT", buf_bytes(&m->y),
	                   "/v1/studies/small/rounds/1/attempts/1/contribution?offset=0&octets=%zu&sha256=%s%s",
	                   m->y.len, hex, more);
}

static void test_vectors_that_are_refused(void **state)
{
	struct masked_daemon *d = setup(NULL);
	struct masker *m = &d->m[3];
	char zeros[2 * KEYS_SIGNATURE_SIZE + 16];

	(void)state;
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_SHARES);
	assert_int_equal(masker_listen(m, SECAGG_INPUT, WAIT_S), 200);
	assert_int_equal(put(m, ""), 400);
	expect_error(m, "signature must hold 128 hexadecimal digits");
	assert_int_equal(put(m, "&signature=00"), 400);
	snprintf(zeros, sizeof zeros, "&signature=%0*d", 2 * KEYS_SIGNATURE_SIZE, 0);
	assert_int_equal(put(m, zeros), 400);
	expect_error(m, "site 32");
	m->y.len -= 4; /* the last check word is missing */
	assert_int_equal(masker_send(m), 400);
	expect_error(m, "has ");
	m->y.len += 4;
	m->y.ptr[5] ^= 1;
	assert_int_equal(masker_send(m), 400);
	expect_error(m, "SHA-256");
	m->y.ptr[5] ^= 1;
	assert_int_equal(masker_part(m, 0, 17), 200); /* words cut anywhere */
	assert_int_equal(masker_part(m, 17, m->y.len - 17), 200);
	assert_true(hospital_accepted(m->h));
	assert_int_equal(masker_send(m), 200); /* a repeat */
	assert_true(hospital_accepted(m->h));
	masked_daemon_play(d, SECAGG_INPUT, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	teardown(d);
}

/* ---- the disk */

static int64_t count_rows(struct masked_daemon *d)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	int64_t count;

	assert_int_equal(
		sqlite3_open_v2(tempdir_path(&d->c.dir, "state/coordinator.db"), &db, SQLITE_OPEN_READONLY, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM masked_rows", -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	count = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return count;
}

static int count_staged(struct masked_daemon *d)
{
	DIR *folder = opendir(tempdir_path(&d->c.dir, "state/staging"));
	int count = 0;

	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static bool file_holds(struct masked_daemon *d, const char *name, struct bytes octets)
{
	size_t len;

	if (!tempdir_exists(&d->c.dir, name))
		return false;
	const char *file = tempdir_read(&d->c.dir, name, &len);
	return memmem(file, len, octets.ptr, octets.len) != NULL;
}

static bool database_holds(struct masked_daemon *d, struct bytes octets)
{
	return file_holds(d, "state/coordinator.db", octets) || file_holds(d, "state/coordinator.db-wal", octets);
}

/* Rows and vectors while they are needed, and not longer; shares that open something never. */
static void test_what_is_on_the_disk(void **state)
{
	struct masked_daemon *d = setup(NULL);
	uint8_t share[SECAGG_ANSWER_ITEM];

	(void)state;
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_SURVIVORS);
	assert_int_equal(count_rows(d), 3 * SITES + 3);
	assert_int_equal(count_staged(d), 1);
	struct bytes said = secagg_client_sent(d->m[4].client, SECAGG_SHARES);
	assert_true(database_holds(d, bytes_of(said.ptr, HASH_SIZE))); /* the search finds what is there */
	masked_daemon_play(d, SECAGG_OPENING, SECAGG_OPENING);
	said = secagg_client_sent(d->m[4].client, SECAGG_OPENING);
	memcpy(share, said.ptr, sizeof share);
	masked_daemon_finish(d, ALL);
	assert_int_equal(count_rows(d), 0);
	assert_int_equal(count_staged(d), 0);
	assert_false(database_holds(d, bytes_of(share + 4, sizeof share - 4)));
	teardown(d);
}

/* A vector that rows speak of and that the disk has lost cannot be left out of the sum: another attempt is made. */
static void test_a_vector_that_the_disk_lost(void **state)
{
	struct masked_daemon *d = setup(NULL);
	size_t len;

	(void)state;
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_INPUT);
	coordinating_end(&d->c, SIGKILL);
	const char *staged = tempdir_read(&d->c.dir, "state/staging/small.1.1.1", &len);
	uint8_t *damaged = mem_alloc(len);
	memcpy(damaged, staged, len);
	damaged[len - 9] ^= 4;
	tempdir_write_bytes(&d->c.dir, "state/staging/small.1.1.1", bytes_of(damaged, len));
	free(damaged);
	coordinating_start(&d->c);
	masked_daemon_reconnect(d);
	assert_true(coordinating_logged(&d->c, "the masked vector of site-4 is not on the disk any more", 0));
	masked_daemon_hear_the_end(d, OUTCOME_FAILED);
	masked_daemon_begin(d);
	assert_int_equal(d->h[0].round.plan.attempt, 2);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	teardown(d);
}

/* ---- hospitals that leave */

static void leave(struct hospital *h)
{
	char body[256];

	snprintf(body, sizeof body,
	         "{\"type\":\"answer\",\"study\":\"small\",\"study_hash\":\"%s\",\"answer\":\"withdrawn\"}", h->hash);
	assert_int_equal(caller_send(&h->caller, "POST", bytes_text(body), "/v1/studies/small/answer"), 204);
}

static void test_who_leaves_is_not_waited_for(void **state)
{
	struct masked_daemon *d = setup(NULL);

	(void)state;
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_SHARES);
	leave(&d->h[1]);
	d->all[1] = NULL;
	assert_int_equal(masker_listen(&d->m[1], SECAGG_INPUT, 0), 403);
	masked_daemon_play(d, SECAGG_INPUT, SECAGG_OPENING);
	masked_daemon_finish(d, ALL & ~2u);
	struct json *round = masked_daemon_round(d, 1, 1);
	const struct json *site = json_at(json_get(round, "sites"), 1);
	assert_string_equal(json_as_string(json_get(site, "state")), "dropped");
	assert_string_equal(json_as_string(json_get(site, "reason")), "withdrawn");
	assert_string_equal(json_as_string(json_get(site, "phase")), "input");
	json_free(round);
	teardown(d);
}

/* ---- vectors that are wrong under their masks */

static void play_first_round(struct masked_daemon *d)
{
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
}

/* Nobody can see whose it was, but that the sum is garbage; the next round number asks the same. */
static void test_a_sum_whose_check_words_do_not_hold(void **state)
{
	struct masked_daemon *d = setup(NULL);
	uint32_t step;

	(void)state;
	play_first_round(d);
	masked_daemon_begin(d);
	step = d->h[0].round.plan.step;
	d->m[3].x[d->m[3].layout.words] = 2;
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_hear_the_end(d, OUTCOME_ABANDONED);
	assert_true(coordinating_logged(&d->c, "the sum's check words do not hold", 0));
	masked_daemon_begin(d);
	assert_int_equal(d->h[0].round.plan.round, 3);
	assert_int_equal(d->h[0].round.plan.step, step);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	teardown(d);
}

/* Statistics are answered once per revision: when their sum is garbage, the study is over, and says what to do. */
static void test_statistics_that_no_rows_have(void **state)
{
	struct masked_daemon *d = setup(NULL);

	(void)state;
	masked_daemon_begin(d);
	for (uint32_t i = 0; i < d->m[2].layout.words; i++) /* more rows are missing than all others have */
		d->m[2].x[i] -= 5 * d->m[2].x[i];
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_hear_the_end(d, OUTCOME_ABANDONED);
	assert_true(coordinating_logged(&d->c, "revision", 5000));
	coordinating_command(&d->c, &d->p, "status --json");
	program_expect(&d->p, 0, "");
	assert_non_null(strstr(d->p.out, "\"state\":\"failed\""));
	assert_non_null(strstr(d->p.out, "statistics"));
	teardown(d);
}

/* ---- shares that are wrong */

/* Its answer, with one share that is none: another scalar. */
static void answer_wrongly(struct masker *m)
{
	struct bytes said = secagg_client_sent(m->client, SECAGG_OPENING);
	struct buf octets;

	buf_init(&octets, said.len);
	buf_put(&octets, said);
	octets.ptr[4] ^= 1; /* the lowest octet of the first share */
	assert_int_equal(masker_say_octets(m, SECAGG_OPENING, buf_bytes(&octets)), 204);
	buf_free(&octets);
}

static void open_all_but(struct masked_daemon *d, uint32_t liar)
{
	for (uint32_t i = 0; i < SITES; i++)
		if (d->all[i] != NULL)
			assert_int_equal(masker_listen(d->all[i], SECAGG_OPENING, WAIT_S), 200);
	answer_wrongly(&d->m[liar]);
	for (uint32_t i = 0; i < SITES; i++)
		if (d->all[i] != NULL && i != liar)
			assert_int_equal(masker_say(d->all[i], SECAGG_OPENING), 204);
}

/* There is a share to spare: the wrong one is done without. */
static void test_one_wrong_share_is_done_without(void **state)
{
	struct masked_daemon *d = setup(NULL);

	(void)state;
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_SURVIVORS);
	open_all_but(d, 0);
	masked_daemon_finish(d, ALL);
	teardown(d);
}

/* There is none, and two slices are at work: the round is lost, and the words name whose secret cannot be had. */
static void test_a_wrong_share_too_many(void **state)
{
	struct masked_daemon *d = setup(MASKED_DAEMON_IMPATIENT);

	(void)state;
	play_first_round(d);
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_SHARES);
	d->all[4] = NULL;
	masked_daemon_play(d, SECAGG_INPUT, SECAGG_SURVIVORS);
	open_all_but(d, 0);
	masked_daemon_hear_the_end(d, OUTCOME_ABANDONED);
	assert_true(coordinating_logged(&d->c, "the shares of site ", 0));
	coordinating_command(&d->c, &d->p, "events --json");
	program_expect(&d->p, 0, "");
	assert_non_null(strstr(d->p.out, "do not give the secret"));
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	teardown(d);
}

/* ---- looking */

static void test_status_names_the_phase(void **state)
{
	struct masked_daemon *d = setup(NULL);

	(void)state;
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_KEYS);
	assert_int_equal(masker_listen(&d->m[0], SECAGG_SHARES, WAIT_S), 200);
	assert_int_equal(masker_say(&d->m[0], SECAGG_SHARES), 204);
	coordinating_command(&d->c, &d->p, "status");
	program_expect(&d->p, 0, "");
	if (strstr(d->p.out, "waits for  shares: 1 of 5 hospitals, at least 4") == NULL ||
	    strstr(d->p.out, "phase input") == NULL || strstr(d->p.out, "phase shares") == NULL)
		fail_msg("%s", d->p.out);
	struct json *round = masked_daemon_round(d, 1, 1); /* of an open attempt */
	const struct json *first = json_at(json_get(round, "sites"), 0), *last = json_at(json_get(round, "sites"), 4);
	assert_string_equal(json_as_string(json_get(first, "state")), "joined");
	assert_string_equal(json_as_string(json_get(first, "phase")), "input");
	assert_string_equal(json_as_string(json_get(last, "phase")), "shares");
	json_free(round);
	teardown(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_that_are_refused),
		cmocka_unit_test(test_paths_that_lead_nowhere),
		cmocka_unit_test(test_an_older_session_has_no_part),
		cmocka_unit_test(test_listening_is_held_and_then_ends),
		cmocka_unit_test(test_vectors_that_are_refused),
		cmocka_unit_test(test_what_is_on_the_disk),
		cmocka_unit_test(test_a_vector_that_the_disk_lost),
		cmocka_unit_test(test_who_leaves_is_not_waited_for),
		cmocka_unit_test(test_a_sum_whose_check_words_do_not_hold),
		cmocka_unit_test(test_statistics_that_no_rows_have),
		cmocka_unit_test(test_one_wrong_share_is_done_without),
		cmocka_unit_test(test_a_wrong_share_too_many),
		cmocka_unit_test(test_status_names_the_phase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
