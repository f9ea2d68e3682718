/* What the ledger keeps of the cost of each release: written with its row, there again after any end, judged again when it is entered. */
#include "client/ledger.h"
#include "tests/support/tempdir.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <sqlite3.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char octets[] = "the octets of a contribution";
static const struct budget_limit limit = {8, 1e-4};

/* Study 1, 2, ...; round 1 is statistics, as in a real study, and round 9 its evaluation. */
static struct release_record release_of(uint8_t study, uint64_t round)
{
	struct release_record r = {.study_hash = {{study}},
	                           .round = round,
	                           .plan_hash = {{8}},
	                           .step = (uint32_t)round - 1,
	                           .asks = round == 1   ? ASK_STATISTICS
	                                   : round == 9 ? ASK_EVALUATE
	                                                : ASK_TRAIN,
	                           .sites = 5,
	                           .content = {{(uint8_t)(9 + round)}},
	                           .octets = sizeof octets - 1,
	                           .clip = 1.5};

	r.debit = (struct budget_debit){.mechanism = PRIVACY_DISTRIBUTED,
	                                .unit = UNIT_PATIENT,
	                                .what = round == 1   ? DEBIT_STATISTICS
	                                        : round == 9 ? DEBIT_EVALUATION
	                                                     : DEBIT_TRAINING,
	                                .part_count = 1,
	                                .parts = {{round == 1 || round == 9 ? 1 : 0.1, 2 + 1.0 / 3, 1}},
	                                .paid = 7};
	return r;
}

static struct ledger *open_ledger(struct tempdir *t)
{
	struct diag why = {{0}};
	struct ledger *l;

	if (ledger_open(&l, tempdir_path(t, NULL), &why) != OK)
		fail_msg("%s", why.text);
	return l;
}

static enum err commit(struct ledger *l, const struct release_record *r, struct diag *why)
{
	return ledger_commit(l, "heart", r, "", bytes_text(octets), &limit, why);
}

static void commit_good(struct ledger *l, uint8_t study, uint64_t round)
{
	struct release_record r = release_of(study, round);
	struct diag why = {{0}};

	if (commit(l, &r, &why) != OK)
		fail_msg("%s", why.text);
}

static void assert_budget(const struct budget *a, const struct budget *b)
{
	assert_int_equal(a->count, b->count);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct budget_study *x = &a->studies[i], *y = budget_find(b, &x->study_hash);

		assert_non_null(y);
		assert_int_equal(x->unit, y->unit);
		assert_memory_equal(&x->training, &y->training, sizeof x->training); /* every bit */
		assert_memory_equal(&x->evaluation, &y->evaluation, sizeof x->evaluation);
		assert_memory_equal(x->releases, y->releases, sizeof x->releases);
	}
}

static void test_what_was_spent_is_there_again(void **state)
{
	struct budget want = {0}, got = {0};
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	for (uint8_t study = 1; study <= 3; study++)
		for (uint64_t round = 1; round <= 5u + study; round++) {
			struct release_record r =
				release_of(study, round == 8 ? 9 : round); /* of the third an evaluation */

			commit_good(l, study, r.round);
			budget_spend(&want, &r.study_hash, &r.debit);
		}
	for (int boot = 0; boot < 2; boot++) {
		ledger_budget(l, &got);
		assert_budget(&got, &want);
		assert_budget(&want, &got);
		ledger_close(l);
		l = open_ledger(&t);
	}
	assert_int_equal(budget_find(&got, &(struct hash){{3}})->releases[DEBIT_EVALUATION], 1);
	ledger_close(l);
	budget_free(&want);
	budget_free(&got);
	tempdir_remove(&t);
}

static void assert_debit(const struct release_record *a, const struct release_record *b)
{
	assert_int_equal(a->debit.mechanism, b->debit.mechanism);
	assert_int_equal(a->debit.unit, b->debit.unit);
	assert_int_equal(a->debit.what, b->debit.what);
	assert_int_equal(a->debit.part_count, b->debit.part_count);
	assert_memory_equal(a->debit.parts, b->debit.parts, sizeof a->debit.parts);
	assert_true(a->clip == b->clip);
}

static void test_a_row_says_what_it_cost(void **state)
{
	struct release_record two = release_of(1, 4), exact = release_of(1, 5), got;
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	two.debit.mechanism = PRIVACY_SITE;
	two.debit.unit = UNIT_SITE;
	two.debit.part_count = 2; /* adaptive clipping */
	two.debit.parts[1] = (struct account_steps){1, 2000.125, 1u << 20};
	assert_int_equal(commit(l, &two, NULL), OK);
	ledger_close(l);
	l = open_ledger(&t);
	assert_true(ledger_newest(l, &two.study_hash, &got));
	assert_debit(&got, &two);

	exact.debit = (struct budget_debit){.mechanism = PRIVACY_DISTRIBUTED}; /* exact figures */
	assert_int_equal(commit(l, &exact, NULL), OK);
	ledger_close(l);
	l = open_ledger(&t);
	assert_true(ledger_newest(l, &two.study_hash, &got));
	assert_debit(&got, &exact);
	ledger_close(l);
	tempdir_remove(&t);
}

/* The rule that permitted it, with what the budget came to; nothing of a release that cost nothing. */
static void see_rules(void *context, const struct ledger_line *line)
{
	char(*rules)[128] = context;

	snprintf(rules[line->record.round], sizeof rules[0], "%s", line->allowed);
}

static void test_the_rules_say_what_it_comes_to(void **state)
{
	struct release_record exact = release_of(1, 3);
	char rules[4][128] = {{0}}, expected[128];
	struct budget b = {0};
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	commit_good(l, 1, 1);
	commit_good(l, 1, 2);
	exact.debit.part_count = 0;
	assert_int_equal(ledger_commit(l, "heart", &exact, "masking: off", bytes_text(octets), &limit, NULL), OK);
	ledger_each(l, NULL, see_rules, rules);
	ledger_budget(l, &b);
	snprintf(expected, sizeof expected, "budget: epsilon %.4f of 8, at delta 0.0001", budget_epsilon(&b, 1e-4));
	assert_string_equal(rules[2], expected);
	assert_string_not_equal(rules[1], expected);
	assert_string_equal(rules[3], "masking: off");
	budget_free(&b);
	ledger_close(l);
	tempdir_remove(&t);
}

static double spent(struct ledger *l)
{
	struct budget b = {0};
	double epsilon;

	ledger_budget(l, &b);
	epsilon = budget_epsilon(&b, limit.delta);
	budget_free(&b);
	return epsilon;
}

/* Nothing of a refused release is left: no row, no octets, no debit; and the ledger goes on. */
static void test_beyond_the_limit(void **state)
{
	struct release_record r;
	struct diag why = {{0}};
	double before;
	struct ledger *l;
	struct tempdir t;
	char path[PATH_SIZE];
	uint8_t study = 1;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	for (; study < 100; study++) {
		r = release_of(study, 1);
		before = spent(l);
		if (commit(l, &r, &why) != OK)
			break;
	}
	assert_in_range(study, 5, 50);
	assert_true(spent(l) <= limit.epsilon && spent(l) == before);
	assert_non_null(
		strstr(why.text, "study heart round 1: this hospital's privacy budget: all its studies have spent"));
	assert_non_null(strstr(why.text, "the limit is 8 at delta 0.0001"));
	assert_int_equal(commit(l, &r, &why), ERR_REFUSED);
	assert_false(ledger_failed(l, NULL));
	assert_false(ledger_vector(l, path, &r.study_hash, 1));
	assert_int_equal(tempdir_count(&t, "outbound"), study - 1);
	ledger_close(l);
	l = open_ledger(&t);
	assert_true(spent(l) == before);
	assert_false(ledger_newest(l, &r.study_hash, &r));
	r = release_of(study, 5); /* exact figures cost nothing */
	r.debit.part_count = 0;
	assert_int_equal(commit(l, &r, NULL), OK);
	ledger_close(l);
	tempdir_remove(&t);
}

/* ---- several studies at a time */

#define STUDIES 16

struct racer {
	struct ledger *ledger;
	struct budget seen; /* by all of them, before any is entered */
	uint8_t study;
	enum refusal judged;
	enum err committed;
	pthread_barrier_t *barrier;
};

static void *race(void *context)
{
	struct racer *me = context;
	struct release_record r = release_of(me->study, 1);

	ledger_budget(me->ledger, &me->seen);
	me->judged = budget_judge(&me->seen, "heart", &r.study_hash, 1, &r.debit, &limit, NULL);
	pthread_barrier_wait(me->barrier);
	me->committed = commit(me->ledger, &r, NULL);
	return NULL;
}

/* Each alone would be within the limit, and was judged so; together they are not. */
static void test_studies_that_were_judged_together(void **state)
{
	struct racer racers[STUDIES];
	pthread_t threads[STUDIES];
	pthread_barrier_t barrier;
	struct ledger *l;
	struct tempdir t;
	int good = 0;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	pthread_barrier_init(&barrier, NULL, STUDIES);
	for (int i = 0; i < STUDIES; i++) {
		racers[i] = (struct racer){.ledger = l, .study = (uint8_t)(1 + i), .barrier = &barrier};
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < STUDIES; i++) {
		pthread_join(threads[i], NULL);
		budget_free(&racers[i].seen);
		assert_int_equal(racers[i].judged, REFUSAL_NONE);
		assert_true(racers[i].committed == OK || racers[i].committed == ERR_REFUSED);
		good += racers[i].committed == OK;
	}
	assert_in_range(good, 1, STUDIES - 1);
	assert_true(spent(l) <= limit.epsilon);
	assert_int_equal(tempdir_count(&t, "outbound"), good);
	pthread_barrier_destroy(&barrier);
	ledger_close(l);
	tempdir_remove(&t);
}

static void test_releases_that_were_paid_for(void **state)
{
	struct release_record r = release_of(1, 8);
	struct diag why = {{0}};
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	for (uint64_t round = 2; round <= 7; round++)
		commit_good(l, 1, round);
	ledger_close(l);
	l = open_ledger(&t); /* the count outlives the process */
	r.debit.paid = 6;
	assert_int_equal(commit(l, &r, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "study heart round 8: more releases than were paid for"));
	r.debit.paid = 7;
	assert_int_equal(commit(l, &r, &why), OK);
	ledger_close(l);
	tempdir_remove(&t);
}

/* One debit for a round, whatever is tried. */
static void test_a_round_pays_once(void **state)
{
	struct release_record r = release_of(1, 2);
	double once;
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	commit_good(l, 1, 2);
	once = spent(l);
	assert_true(once > 0);
	assert_int_equal(commit(l, &r, NULL), ERR_CONFLICT);
	ledger_note_sent(l, &r.study_hash, 2, 1, SENT_LATE, NULL);
	ledger_note_sent(l, &r.study_hash, 2, 2, SENT_ACCEPTED, NULL);
	assert_true(spent(l) == once);
	ledger_discard(l, &r.study_hash, UINT64_MAX); /* the octets go, the debit stays */
	ledger_close(l);
	l = open_ledger(&t);
	assert_true(spent(l) == once);
	ledger_close(l);
	tempdir_remove(&t);
}

/* ---- damage */

static void execute(struct tempdir *t, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(tempdir_path(t, "ledger.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* What cannot be read is not nothing. */
static void test_damage(void **state)
{
	static const char *const damages[] = {
		"UPDATE releases SET sums = NULL WHERE round = 3",
		"UPDATE releases SET sums = zeroblob(583) WHERE round = 3",
		"UPDATE releases SET sums = zeroblob(592) WHERE round = 3",
		"UPDATE releases SET sums = CAST(x'ffffffffffffffff' || substr(sums, 9) AS BLOB) WHERE round = "
		"3", /* NaN */
		"UPDATE releases SET sums = CAST(x'000000000000f0bf' || substr(sums, 9) AS BLOB) WHERE round = "
		"3", /* -1 */
		"UPDATE releases SET unit = 'family' WHERE round = 3",
		"UPDATE releases SET unit = NULL WHERE round = 3",
		"UPDATE releases SET kind = 'bits' WHERE round = 3",
		"UPDATE releases SET cost = '[]' WHERE round = 3",
		"UPDATE releases SET cost = '[{\"q\":1,\"z\":2}]' WHERE round = 3",
		"UPDATE releases SET cost = '[{\"q\":2,\"z\":2,\"count\":1}]' WHERE round = 3",
		"UPDATE releases SET cost = NULL WHERE round = 3",
	};

	(void)state;
	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		struct diag why = {{0}};
		struct tempdir t;
		struct ledger *l;

		tempdir_make(&t);
		l = open_ledger(&t);
		commit_good(l, 1, 3);
		ledger_close(l);
		execute(&t, damages[i]);
		assert_int_equal(ledger_open(&l, tempdir_path(&t, NULL), &why), ERR_DATA);
		assert_null(l);
		assert_non_null(strstr(why.text, "ledger: what round 3 of study heart has spent cannot be read"));
		tempdir_remove(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_spent_is_there_again),
		cmocka_unit_test(test_a_row_says_what_it_cost),
		cmocka_unit_test(test_the_rules_say_what_it_comes_to),
		cmocka_unit_test(test_beyond_the_limit),
		cmocka_unit_test(test_studies_that_were_judged_together),
		cmocka_unit_test(test_releases_that_were_paid_for),
		cmocka_unit_test(test_a_round_pays_once),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests_name("ledger_spent", tests, NULL, NULL);
}
