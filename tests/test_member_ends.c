/*
 * A member after a restart, before what it refuses, and at its end: once per round, and the same whatever goes wrong. The coordinator
 * is one to order (tests/support/fake.h).
 */
#include "tests/support/membership.h"
#include "tests/support/small_study.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* fsync fails while this is set: the disk under the ledger. */
static atomic_bool disk_fails;

int fsync(int fd)
{
	if (atomic_load(&disk_fails)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

/* ---- after a restart */

static void test_what_is_final_is_sent_again(void **state)
{
	struct membership *f = *state;
	struct membership_count before, after;

	FAKE_SET(&f->fake, put_status, 503);
	FAKE_SET(&f->fake, put_times, 1000000);
	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.parts, 1);
	before = membership_ledger(f);
	assert_int_equal(before.lines, 1); /* in the ledger before the first part is tried */
	membership_stop(f);
	/* another extract by now, which the policy lets pass: the final octets are still the first file's */
	f->config.policy.ask_on_data_change = false;
	tempdir_write(&f->fake.dir, "site-2.csv", "x,y,kind,label\n1,1,a,1\n");
	FAKE_SET(&f->fake, put_times, 0);
	membership_start(f);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	membership_assert_upload(f, 0, 1, 1, 0);
	after = membership_ledger(f);
	assert_int_equal(after.lines, 1);
	assert_true(hash_equal(&after.last.content, &before.last.content));
}

/* The round had been closed meanwhile, and its octets deleted: there is nothing to send, and nothing is made anew. */
static void test_a_closed_round_is_not_made_again(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	membership_stop(f);
	FAKE_SET(&f->fake, forgotten, 100); /* a coordinator that was set back to an old copy */
	FAKE_SET(&f->fake, inbox_count, 0);
	fake_round(&f->fake, 1, 2, 0);
	membership_start(f);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_PLAN);
	assert_int_equal(f->fake.accepted_count, 2);
	assert_int_equal(membership_ledger(f).lines, 2);
}

/* A site that was away gets a round, its end and the next round in one answer: what it does is about the last of them. */
static void test_all_at_once(void **state)
{
	struct membership *f = *state;
	struct membership_count c;

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	membership_stop(f);
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	fake_round(&f->fake, 2, 1, 1);
	membership_start(f);
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	membership_assert_upload(f, 1, 2, 1, 1);
	assert_int_equal(f->fake.upload_count, 2);
	membership_stop(f);
	fake_closed(&f->fake, 2, 1, OUTCOME_DONE);
	fake_round(&f->fake, 3, 1, 3); /* to be refused: step 3 in round 3 is too early */
	fake_closed(&f->fake, 3, 1, OUTCOME_ABANDONED);
	fake_round(&f->fake, 4, 1, 2);
	membership_start(f);
	fake_wait(&f->fake, &f->fake.accepted_count, 3);
	membership_assert_upload(f, 2, 4, 1, 2);
	c = membership_ledger(f);
	assert_int_equal(c.lines, 3);
	assert_int_equal(c.done, 2); /* how each of them ended was heard */
}

/* ---- refusals */

static void test_a_changed_extract(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	tempdir_write(&f->fake.dir, "site-2.csv", "x,y,kind,label\n1,1,a,1\n");
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_DATA_CHANGED);
	assert_int_equal(f->fake.upload_count, 0);
	assert_int_equal(membership_ledger(f).lines, 0);
}

static void test_a_model_that_is_not_the_plans(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	fake_closed(&f->fake, 2, 1, OUTCOME_DONE);
	fake_model(&f->fake, bytes_text("no model at all, under its right hash"));
	fake_round(&f->fake, 3, 1, 2);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_MODEL);
	assert_int_equal(f->fake.refusals[0].plan.round, 3);
	assert_int_equal(f->fake.upload_count, 1);
}

/* The file of the model was damaged on our own disk after it was fetched: it is not trained on. */
static void test_a_model_that_the_disk_changed(void **state)
{
	struct membership *f = *state;
	char study[HASH_HEX_SIZE], model[HASH_HEX_SIZE], name[256];

	membership_start(f);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	fake_closed(&f->fake, 2, 1, OUTCOME_DONE);
	hash_hex(study, &f->study.hash);
	hash_hex(model, &f->fake.model_sha256);
	snprintf(name, sizeof name, "state/models/%s-%s.safetensors", study, model);
	f->fake.model.ptr[f->fake.model.len - 1] ^= 1;
	tempdir_write_bytes(&f->fake.dir, name, buf_bytes(&f->fake.model));
	f->fake.model.ptr[f->fake.model.len - 1] ^= 1;
	fake_round(&f->fake, 3, 1, 2);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_MODEL);
	fake_round(&f->fake, 3, 2, 2); /* the next attempt fetches it anew */
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	membership_assert_upload(f, 1, 3, 2, 2);
}

/* ---- ends */

static void test_another_process_took_over(void **state)
{
	struct membership *f = *state;

	FAKE_SET(&f->fake, inbox_status, 409);
	membership_start(f);
	membership_wait(f, membership_has_stopped, "told to stop");
	assert_int_equal(f->stopped, ERR_REFUSED);
	assert_non_null(strstr(f->stop_why.text, "another cohort-client of this hospital is running"));
	assert_false(membership_is_over(f)); /* its study is not */
}

static void test_a_replaced_contract(void **state)
{
	struct membership *f = *state;
	struct study next;

	small_study(&next, "revision: 2");
	FAKE_SET(&f->fake, study, &next);
	FAKE_SET(&f->fake, inbox_status, 409);
	membership_start(f);
	membership_wait(f, membership_is_over, "the contract is not the one in force");
	assert_false(membership_has_stopped(f));
	membership_stop(f);
	FAKE_SET(&f->fake, study, &f->study);
	study_free(&next);
}

static void test_a_disk_that_fails(void **state)
{
	struct membership *f = *state;
	int parts;

	membership_start(f);
	fake_wait(&f->fake, &f->fake.polls, 1);
	atomic_store(&disk_fails, true);
	fake_round(&f->fake, 1, 1, 0);
	membership_wait(f, membership_has_stopped, "told to stop");
	atomic_store(&disk_fails, false);
	assert_int_equal(f->stopped, ERR_IO);
	parts = f->fake.parts;
	assert_int_equal(parts, 0); /* nothing left the house */
}

/* ---- the roster */

static void test_not_on_the_roster(void **state)
{
	struct membership *f = *state;

	fake_roster(&f->fake, 2, false);
	fake_round(&f->fake, 1, 1, 0);
	membership_start(f);
	membership_wait(f, membership_in_trouble, "trouble with the roster");
	assert_int_equal(f->fake.polls, 0);
	fake_roster(&f->fake, 3, true);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_int_equal(ledger_roster_version(f->ledger), 3);
}

static void test_a_roster_that_goes_back(void **state)
{
	struct membership *f = *state;
	struct member_view view;

	assert_int_equal(ledger_saw_roster(f->ledger, 9, NULL), OK);
	membership_start(f);
	membership_wait(f, membership_in_trouble, "trouble with the roster");
	member_look(f->member, &view);
	assert_non_null(strstr(view.trouble.text, "roster 1, but this hospital has seen roster 9"));
	assert_int_equal(f->fake.polls, 0);
}

static void test_no_contract(void **state)
{
	struct membership *f = *state;
	struct member_config config = {.client = &f->config, .ledger = f->ledger};
	struct diag why = {{0}};

	config.approval.study_hash = (struct hash){{1}};
	assert_int_equal(member_start(&f->member, &config, &why), ERR_NOT_FOUND);
	assert_null(f->member);
	assert_non_null(strstr(why.text, "no contract 01"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, membership_setup, membership_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_is_final_is_sent_again),
		CASE(test_a_closed_round_is_not_made_again),
		CASE(test_all_at_once),
		CASE(test_a_changed_extract),
		CASE(test_a_model_that_is_not_the_plans),
		CASE(test_a_model_that_the_disk_changed),
		CASE(test_another_process_took_over),
		CASE(test_a_replaced_contract),
		CASE(test_a_disk_that_fails),
		CASE(test_not_on_the_roster),
		CASE(test_a_roster_that_goes_back),
		CASE(test_no_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
