/* The chain of a ledger's entries: known heads (Python's hashlib, from the words of client/ledger.h), older formats, copies, losses. */
#include "base/file.h"
#include "client/ledger.h"
#include "tests/support/tempdir.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include <cmocka.h>

/* Heads 1 and 2, of rounds 1 and 2, and that of a statement that entries up to 8 are lost, after them. */
static const char first_hex[] = "ea768c0e992f7b76eacf291cad648f64d6715788b6a871cc96712e741270dde7";
static const char second_hex[] = "2a1ba434c0271a0f896050b112bab7a85ceac24feaa419af5c9b26feb12f4af5";
static const char lost_hex[] = "ae1f584ed06eb93ed20a117360040791cc64135a68dd0036f3c5eafaf4ce0b7e";

static struct release_record example(uint64_t round)
{
	struct release_record r = {
		.round = round, .step = 4, .asks = ASK_TRAIN | ASK_EVALUATE, .sites = 5, .octets = 6};

	memset(&r.study_hash, 7, sizeof r.study_hash);
	memset(&r.plan_hash, 8, sizeof r.plan_hash);
	memset(&r.content, (int)(9 + round), sizeof r.content);
	return r;
}

static struct ledger *open_in(struct tempdir *t, const char *folder)
{
	struct diag why = {{0}};
	struct ledger *l;

	if (ledger_open(&l, tempdir_path(t, folder), &why) != OK)
		fail_msg("%s", why.text);
	return l;
}

static const struct budget_limit limit = {8, 1e-4};

static void commit(struct ledger *l, const struct release_record *r)
{
	struct diag why = {{0}};

	if (ledger_commit(l, "heart", r, "", bytes_text("octets"), &limit, &why) != OK)
		fail_msg("%s", why.text);
}

static void commit_rounds(struct ledger *l, uint64_t from, uint64_t to)
{
	for (uint64_t round = from; round <= to; round++) {
		struct release_record r = example(round);

		commit(l, &r);
	}
}

static void expect_head(struct ledger *l, uint64_t entries, const char *hex)
{
	char found[HASH_HEX_SIZE];
	struct hash head;

	assert_int_equal(ledger_head(l, &head), entries);
	hash_hex(found, &head);
	assert_string_equal(found, hex);
}

static void execute(struct tempdir *t, const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	assert_int_equal(sqlite3_open(tempdir_path(t, "ledger.db"), &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	sqlite3_close(db);
}

static void test_known_heads(void **state)
{
	struct ledger *l;
	struct tempdir t;
	struct hash head;

	(void)state;
	tempdir_make(&t);
	l = open_in(&t, NULL);
	assert_int_equal(ledger_head(l, &head), 0);
	assert_true(hash_is_zero(&head));
	commit_rounds(l, 1, 1);
	expect_head(l, 1, first_hex);
	commit_rounds(l, 2, 2);
	expect_head(l, 2, second_hex);
	ledger_close(l);
	l = open_in(&t, NULL); /* another boot */
	expect_head(l, 2, second_hex);
	assert_int_equal(ledger_accept_loss(l, 8, NULL), OK);
	expect_head(l, 9, lost_hex);
	ledger_close(l);
	l = open_in(&t, NULL);
	expect_head(l, 9, lost_hex);
	commit_rounds(l, 3, 3);
	assert_int_equal(ledger_head(l, &head), 10);
	ledger_close(l);
	tempdir_remove(&t);
}

/* Everything that a release is decides its head. */
static void test_any_other_release_has_another_head(void **state)
{
	struct release_record r[7];
	struct hash heads[7];
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	for (int i = 0; i < 7; i++)
		r[i] = example(2);
	r[1].study_hash.b[0] ^= 1;
	r[2].round = 3;
	r[3].plan_hash.b[0] ^= 1;
	r[4].step = 5;
	r[5].asks = ASK_TRAIN;
	r[6].content.b[0] ^= 1;
	for (int i = 0; i < 7; i++) {
		char folder[16];
		struct ledger *l;

		snprintf(folder, sizeof folder, "%d", i);
		tempdir_folder(&t, folder);
		l = open_in(&t, folder);
		commit_rounds(l, 1, 1);
		commit(l, &r[i]);
		assert_int_equal(ledger_head(l, &heads[i]), 2);
		for (int k = 0; k < i; k++)
			assert_false(hash_equal(&heads[i], &heads[k]));
		ledger_close(l);
	}
	tempdir_remove(&t);
}

/* A ledger of before the chain: its entries are numbered in the order in which they were made. */
static void test_the_formats_before(void **state)
{
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_in(&t, NULL);
	commit_rounds(l, 1, 2);
	ledger_close(l);
	for (int format = 2; format > 0; format--) {
		execute(&t, "ALTER TABLE releases DROP COLUMN mechanism; ALTER TABLE releases DROP COLUMN clip;"
		            "ALTER TABLE releases DROP COLUMN unit; ALTER TABLE releases DROP COLUMN kind;"
		            "ALTER TABLE releases DROP COLUMN cost; ALTER TABLE releases DROP COLUMN sums;");
		execute(&t, "DROP INDEX releases_number; ALTER TABLE releases DROP COLUMN number;"
		            "ALTER TABLE releases DROP COLUMN head; DROP TABLE losses; PRAGMA user_version = 2");
		if (format == 1)
			execute(&t, "ALTER TABLE releases DROP COLUMN masked; PRAGMA user_version = 1");
		l = open_in(&t, NULL);
		expect_head(l, 2, second_hex);
		ledger_close(l);
	}
	tempdir_remove(&t);
}

static void test_a_damaged_entry(void **state)
{
	struct diag why = {{0}};
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_in(&t, NULL);
	commit_rounds(l, 1, 2);
	ledger_close(l);
	execute(&t, "UPDATE releases SET head = NULL WHERE number = 2");
	assert_int_equal(ledger_open(&l, tempdir_path(&t, NULL), &why), ERR_DATA);
	assert_non_null(strstr(why.text, "entry 2 is damaged"));
	tempdir_remove(&t);
}

/* Two studies at once: no number twice, none left out. */
#define EACH 40

static void *commit_many(void *context)
{
	struct ledger *l = *(struct ledger **)context;
	struct release_record r = example(0);
	static atomic_int next = 1;

	memset(&r.study_hash, atomic_fetch_add(&next, 1), sizeof r.study_hash);
	for (r.round = 1; r.round <= EACH; r.round++)
		commit(l, &r);
	return NULL;
}

static void test_studies_at_once(void **state)
{
	pthread_t threads[2];
	struct ledger *l;
	struct tempdir t;
	struct hash head;

	(void)state;
	tempdir_make(&t);
	l = open_in(&t, NULL);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, commit_many, &l), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(ledger_head(l, &head), 2 * EACH);
	ledger_close(l);
	execute(&t, "CREATE TABLE found AS SELECT count(*) n, min(number) a, max(number) b, count(DISTINCT number) d "
	            "FROM releases");
	execute(&t, "CREATE TABLE must (ok INTEGER CHECK (ok)); INSERT INTO must SELECT n = 80 AND a = 1 AND b = 80 "
	            "AND d = 80 FROM found");
	tempdir_remove(&t);
}

/* ---- standing */

static struct ledger_mark mark_of(struct ledger *l)
{
	struct ledger_mark m = {0};

	m.counter = ledger_head(l, &m.head);
	return m;
}

static void copy(struct tempdir *t, const char *from, const char *to)
{
	struct buf octets;

	assert_int_equal(file_read(&octets, tempdir_path(t, from), 1 << 20, NULL), OK);
	tempdir_write_bytes(t, to, buf_bytes(&octets));
	buf_free(&octets);
}

static void test_an_older_copy_and_the_newest(void **state)
{
	struct release_record r = example(1);
	struct ledger_mark none = {0}, newest;
	struct standing s;
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_in(&t, NULL);
	ledger_stand(l, &s, &r.study_hash, &none);
	assert_true(s.counter == 0 && s.told.counter == 0 && s.lost == 0 && hash_is_zero(&s.ours));
	commit_rounds(l, 1, 2);
	ledger_close(l);
	copy(&t, "ledger.db", "backup");
	l = open_in(&t, NULL);
	commit_rounds(l, 3, 5);
	newest = mark_of(l);
	ledger_stand(l, &s, &r.study_hash, &newest);
	assert_int_equal(s.counter, 5);
	assert_true(hash_equal(&s.ours, &newest.head) && hash_equal(&s.head, &newest.head));
	ledger_close(l);

	copy(&t, "backup", "ledger.db");
	l = open_in(&t, NULL);
	ledger_stand(l, &s, &r.study_hash, &newest);
	assert_int_equal(s.counter, 2);
	assert_int_equal(s.told.counter, 5);
	assert_true(hash_is_zero(&s.ours));
	for (uint64_t round = 6; round <= 9; round++) /* it goes on as another one */
		commit_rounds(l, round, round);
	ledger_stand(l, &s, &r.study_hash, &newest);
	assert_int_equal(s.counter, 6);
	assert_false(hash_is_zero(&s.ours));
	assert_false(hash_equal(&s.ours, &newest.head));
	ledger_close(l);
	tempdir_remove(&t);
}

struct losses {
	int count;
	uint64_t number, had;
};

static void see_loss(void *context, uint64_t number, uint64_t had, int64_t stated_s)
{
	struct losses *seen = context;

	assert_true(stated_s > 1600000000);
	seen->count++;
	seen->number = number;
	seen->had = had;
}

static void test_a_stated_loss(void **state)
{
	struct release_record r = example(1), other = example(1);
	struct ledger_mark none = {0};
	struct losses seen = {0};
	struct diag why = {{0}};
	struct standing s;
	struct ledger *l;
	struct tempdir t;

	(void)state;
	memset(&other.study_hash, 6, sizeof other.study_hash);
	tempdir_make(&t);
	l = open_in(&t, NULL);
	assert_int_equal(ledger_accept_loss(l, 0, &why), ERR_USAGE);
	commit_rounds(l, 1, 2);
	assert_int_equal(ledger_accept_loss(l, 1, &why), ERR_USAGE);
	assert_non_null(strstr(why.text, "has 2 entries"));
	assert_int_equal(ledger_accept_loss(l, LEDGER_COUNTER_MAX, &why), ERR_USAGE);
	expect_head(l, 2, second_hex);
	assert_int_equal(ledger_accept_loss(l, 8, &why), OK);
	ledger_each_loss(l, see_loss, &seen);
	assert_true(seen.count == 1 && seen.number == 9 && seen.had == 2);
	ledger_stand(l, &s, &r.study_hash, &none);
	assert_true(s.lost == 9 && s.counter == 9 && s.released_before && !s.released_since);
	commit(l, &other);
	ledger_stand(l, &s, &other.study_hash, &none);
	assert_true(s.lost == 9 && s.counter == 10 && !s.released_before && s.released_since);
	assert_int_equal(ledger_accept_loss(l, 10, &why), OK); /* another ledger with as many entries */
	ledger_stand(l, &s, &other.study_hash, &none);
	assert_true(s.lost == 11 && s.counter == 11 && s.released_before && !s.released_since);
	ledger_close(l);
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_heads),        cmocka_unit_test(test_any_other_release_has_another_head),
		cmocka_unit_test(test_the_formats_before), cmocka_unit_test(test_a_damaged_entry),
		cmocka_unit_test(test_studies_at_once),    cmocka_unit_test(test_an_older_copy_and_the_newest),
		cmocka_unit_test(test_a_stated_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
