/*
 * What sites sign of their ledgers, at the coordinator: whom it believes, that it keeps the highest, durable with what it acknowledges,
 * and shows each site its own.
 */
#include "base/log.h"
#include "coordinator/ledgers.h"
#include "crypto/keys.h"
#include "tests/support/contracts.h"
#include "tests/support/hospital.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sqlite3.h>

#define SITES 3
#define ONES "1111111111111111111111111111111111111111111111111111111111111111"
#define QUICK "rounds: {join: 5, deadline: 60, pause: 0.05}\n"

/* ---- an office without sockets */

struct desk {
	struct tempdir dir;
	struct office office;
	struct enrolled_site sites[2];
	uint8_t keys[2][KEYS_IDENTITY_SECRET_SIZE];
};

static void open_desk(struct desk *d)
{
	struct diag why = {{0}};

	memset(d, 0, sizeof *d);
	tempdir_make(&d->dir);
	if (store_open(&d->office.store, tempdir_path(&d->dir, "db"), &why) != OK)
		fail_msg("%s", why.text);
	snprintf(d->office.listed.federation, sizeof d->office.listed.federation, "heart");
	d->office.enrolled = (struct enrolled){.items = d->sites, .count = 2};
	for (uint8_t i = 0; i < 2; i++) {
		const uint8_t seed[KEYS_SIZE] = {i};

		d->sites[i] = (struct enrolled_site){.number = 4 + i};
		snprintf(d->sites[i].name, sizeof d->sites[i].name, "site-%u", i);
		keys_identity(d->sites[i].key, d->keys[i], seed);
		store_site(d->office.store, 4 + i, d->sites[i].name, "", 0);
	}
}

static void close_desk(struct desk *d)
{
	store_close(d->office.store);
	tempdir_remove(&d->dir);
}

static struct ledger_mark mark_of(const struct desk *d, int site, uint64_t counter, uint8_t head)
{
	struct ledger_mark m = {.counter = counter};
	struct buf message;

	memset(m.head.b, head, sizeof m.head.b);
	buf_init(&message, LEDGER_MARK_MESSAGE_MAX);
	ledger_mark_message(&message, "heart", d->sites[site].number, &m);
	keys_sign(m.signature, d->keys[site], buf_bytes(&message));
	buf_free(&message);
	return m;
}

static void take(struct desk *d, int site, uint64_t counter, uint8_t head)
{
	const struct ledger_mark m = mark_of(d, site, counter, head);
	struct diag why = {{0}};

	if (ledgers_take(&d->office, &d->sites[site], &m, &why) != OK)
		fail_msg("%s", why.text);
}

static void take_line(void *context, enum log_level level, const char *line)
{
	(void)level;
	snprintf(context, 512, "%s", line);
}

static void test_the_highest_is_kept(void **state)
{
	struct desk d;
	char said[512] = "";

	(void)state;
	open_desk(&d);
	log_capture(take_line, said);
	take(&d, 0, 5, 1);
	take(&d, 0, 3, 2); /* of a study whose upload came later */
	assert_true(d.sites[0].ledger.counter == 5 && d.sites[0].ledger.head.b[0] == 1);
	take(&d, 0, 5, 1);
	assert_string_equal(said, "");
	take(&d, 0, 5, 2); /* two ledgers: the first stays, and a person is told */
	assert_true(d.sites[0].ledger.head.b[0] == 1);
	assert_non_null(strstr(said, "site-0 has signed two ledgers of 5 entries"));
	take(&d, 0, 6, 2);
	assert_true(d.sites[0].ledger.counter == 6 && d.sites[0].ledger.head.b[0] == 2);
	assert_int_equal(d.sites[1].ledger.counter, 0);
	log_capture(NULL, NULL);
	close_desk(&d);
}

static void test_only_what_the_site_has_signed(void **state)
{
	struct ledger_mark m;
	struct diag why = {{0}};
	struct desk d;

	(void)state;
	open_desk(&d);
	m = mark_of(&d, 1, 5, 1);
	assert_int_equal(ledgers_take(&d.office, &d.sites[0], &m, &why), ERR_PEER_MESSAGE);
	assert_non_null(strstr(why.text, "site-0's ledger is not signed by its key"));
	m = mark_of(&d, 0, 5, 1);
	m.counter = 6;
	assert_int_equal(ledgers_take(&d.office, &d.sites[0], &m, &why), ERR_PEER_MESSAGE);
	assert_int_equal(d.sites[0].ledger.counter, 0);
	close_desk(&d);
}

static void see(void *context, uint32_t number, const char *name, const char *serial, int64_t last_seen_ms,
                const struct ledger_mark *ledger)
{
	uint64_t *counters = context;

	(void)name, (void)serial, (void)last_seen_ms;
	counters[number - 4] = ledger->counter;
}

static void test_written_once(void **state)
{
	uint64_t counters[2];
	struct diag why = {{0}};
	struct desk d;

	(void)state;
	open_desk(&d);
	assert_int_equal(store_commit(d.office.store, &why), OK);
	ledgers_write(&d.office);
	assert_false(store_dirty(d.office.store)); /* nothing is new */
	take(&d, 1, 9, 1);
	ledgers_write(&d.office);
	assert_true(store_dirty(d.office.store));
	assert_int_equal(store_commit(d.office.store, &why), OK);
	ledgers_write(&d.office);
	assert_false(store_dirty(d.office.store));
	assert_int_equal(store_sites(d.office.store, see, counters, &why), OK);
	assert_true(counters[0] == 0 && counters[1] == 9);
	close_desk(&d);
}

/* A hospital with a new signing key could never believe the mark of the old one. */
static void test_a_mark_of_another_key_is_forgotten(void **state)
{
	uint64_t counters[2];
	struct diag why = {{0}};
	char said[512] = "";
	struct desk d;

	(void)state;
	open_desk(&d);
	log_capture(take_line, said);
	take(&d, 0, 5, 1);
	take(&d, 1, 9, 1);
	ledgers_write(&d.office);
	ledgers_check(&d.office);
	assert_true(d.sites[0].ledger.counter == 5 && d.sites[1].ledger.counter == 9);
	memcpy(d.sites[0].key, d.sites[1].key, sizeof d.sites[0].key);
	ledgers_check(&d.office);
	assert_true(d.sites[0].ledger.counter == 0 && d.sites[1].ledger.counter == 9);
	assert_non_null(strstr(said, "site-0 has another signing key"));
	log_capture(NULL, NULL);
	ledgers_write(&d.office);
	assert_int_equal(store_sites(d.office.store, see, counters, &why), OK);
	assert_true(counters[0] == 0 && counters[1] == 9);
	close_desk(&d);
}

/* ---- over TLS */

struct fixture {
	struct coordinating c;
	struct hospital h[SITES];
};

static struct fixture *setup(void)
{
	struct fixture *f = mem_alloc(sizeof *f);

	coordinating_make(&f->c, SITES, NULL, QUICK);
	coordinating_start(&f->c);
	coordinating_must(&f->c, "study add '%s'", tempdir_path(&f->c.dir, "study.yaml"));
	for (uint32_t i = 0; i < SITES; i++) {
		hospital_open(&f->h[i], &f->c, i);
		assert_int_equal(hospital_poll(&f->h[i], 0), 200);
	}
	coordinating_must(&f->c, "study start small");
	for (uint32_t i = 0; i < SITES; i++)
		for (int turn = 0; turn < 100 && !f->h[i].has_round; turn++)
			hospital_poll(&f->h[i], 1);
	return f;
}

static void teardown(struct fixture *f)
{
	for (uint32_t i = 0; i < SITES; i++)
		hospital_close(&f->h[i]);
	coordinating_remove(&f->c);
	free(f);
}

static void restart(struct fixture *f)
{
	coordinating_end(&f->c, SIGKILL);
	coordinating_start(&f->c);
	for (uint32_t i = 0; i < SITES; i++)
		hospital_reconnect(&f->h[i], &f->c, i);
}

static const char *shown_to(struct hospital *h, unsigned wait_s)
{
	assert_int_equal(hospital_poll(h, wait_s), 200);
	return h->caller.response.wanted;
}

static void damage(struct fixture *f)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(tempdir_path(&f->c.dir, "state/coordinator.db"), &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE sites SET ledger_counter = 6 WHERE ledger_counter = 5", NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_changes(db), 1);
	sqlite3_close(db);
}

static void test_kept_and_shown(void **state)
{
	struct fixture *f = setup();
	struct hospital *h = &f->h[0];
	char mark[LEDGER_MARK_TEXT_SIZE];

	(void)state;
	assert_string_equal(shown_to(h, 0), "");
	hospital_compute(h);
	caller_mark(&h->caller, 0, 5, 9);
	snprintf(mark, sizeof mark, "%s", h->caller.mark);
	assert_int_equal(hospital_upload(h), 200);
	assert_true(hospital_accepted(h));
	restart(f); /* what was acknowledged is on the disk, and so is its mark */
	assert_string_equal(shown_to(h, 0), mark);
	assert_string_equal(shown_to(h, 1), mark); /* a poll that was held in vain */
	assert_string_equal(shown_to(&f->h[1], 0), ""); /* another hospital's */
	for (uint32_t i = 1; i < SITES; i++) {
		f->h[i].seq = 0;
		assert_int_equal(hospital_poll(&f->h[i], 0), 200);
		hospital_compute(&f->h[i]);
		assert_int_equal(hospital_upload(&f->h[i]), 200);
	}
	assert_string_equal(shown_to(h, 10), mark); /* with the end of the round */
	assert_int_equal(h->closed.plan.round, 1);
	h->seq = 1000; /* 410: an inbox, too */
	assert_int_equal(hospital_poll(h, 0), 410);
	assert_string_equal(h->caller.response.wanted, mark);
	coordinating_end(&f->c, SIGKILL);
	damage(f); /* a mark that its key has not signed is of no use to it */
	coordinating_start(&f->c);
	hospital_reconnect(h, &f->c, 0);
	h->seq = 0;
	assert_string_equal(shown_to(h, 0), "");
	teardown(f);
}

static void expect_refused(struct hospital *h, const char *words)
{
	assert_int_equal(hospital_upload(h), 400);
	if (strstr(json_as_string(json_get(h->caller.json, "error")), words) == NULL)
		fail_msg("\"%s\" is not said: %s", words, json_as_string(json_get(h->caller.json, "error")));
	assert_string_equal(shown_to(h, 0), "");
}

static void test_what_is_refused(void **state)
{
	struct fixture *f = setup();
	struct hospital *h = &f->h[0];

	(void)state;
	hospital_compute(h);
	snprintf(h->caller.mark, sizeof h->caller.mark, "5");
	expect_refused(h, "Cohort-Ledger must hold a counter, a head and a signature");
	caller_mark(&h->caller, 0, 5, 9);
	h->caller.mark[0] = '6';
	expect_refused(h, "is not signed by its key on the roster");
	caller_mark(&h->caller, 1, 5, 9); /* another hospital's */
	expect_refused(h, "is not signed by its key on the roster");
	caller_mark(&h->caller, 0, 0, 0); /* none: nothing is spent here */
	assert_int_equal(hospital_upload(h), 200);
	assert_true(hospital_accepted(h));
	teardown(f);
}

/* Whoever spends of a budget must say where its ledger stands. */
static void test_a_private_study_wants_a_mark(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct caller *s = &f->h[0].caller;
	char *yaml = contract_text("private.yaml");
	static const char target[] =
		"/v1/studies/heart-private/rounds/1/attempts/1/contribution?offset=0&octets=4&sha256=" ONES
		"&signature=" ONES ONES;

	(void)state;
	coordinating_make(&f->c, SITES, NULL, QUICK);
	coordinating_start(&f->c);
	tempdir_write(&f->c.dir, "private.yaml", yaml);
	free(yaml);
	coordinating_must(&f->c, "study add '%s'", tempdir_path(&f->c.dir, "private.yaml"));
	caller_open(s, &f->c, 0);
	assert_int_equal(caller_send(s, "PUT", bytes_text("...."), "%s", target), 400);
	assert_non_null(strstr(buf_text(&s->body), "this study spends of the hospital's privacy budget"));
	caller_mark(s, 0, 5, 9);
	assert_int_equal(caller_send(s, "PUT", bytes_text("...."), "%s", target),
	                 403); /* no round is open: that is looked at next */
	caller_close(s);
	coordinating_remove(&f->c);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_highest_is_kept),
		cmocka_unit_test(test_only_what_the_site_has_signed),
		cmocka_unit_test(test_written_once),
		cmocka_unit_test(test_a_mark_of_another_key_is_forgotten),
		cmocka_unit_test(test_kept_and_shown),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_a_private_study_wants_a_mark),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
