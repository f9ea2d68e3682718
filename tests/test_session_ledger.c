/* The session and the ledger's standing: an older copy answers no round, neither anew nor with what is final; the newest goes on. */
#include "client/session.h"
#include "crypto/keys.h"
#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S 1800000000
#define SELF 9

struct fixture {
	struct study study;
	struct policy policy;
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE];
	struct roster roster;
	struct roster_site listed;
	struct session *session;
};

static uint32_t sites[] = {4, 9, 17};

static void sign(void *context, uint8_t signature[KEYS_SIGNATURE_SIZE], struct bytes message)
{
	const struct fixture *f = context;

	keys_sign(signature, f->identity, message);
}

static int setup(void **state)
{
	static struct fixture f;
	const uint8_t seed[KEYS_SIZE] = {3};

	memset(&f, 0, sizeof f);
	small_study(&f.study, NULL);
	small_policy(&f.policy);
	f.listed = (struct roster_site){.number = SELF, .name = "here"};
	keys_identity(f.listed.key, f.identity, seed);
	f.roster = (struct roster){.version = 1, .federation = "heart", .sites = &f.listed, .count = 1};
	f.session = session_new(&(struct session_config){
		.study = &f.study,
		.policy = &f.policy,
		.self = SELF,
		.roster = &f.roster,
		.signer = {.sign = sign, .context = &f},
	});
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	session_free(f->session);
	study_free(&f->study);
	return 0;
}

/* The ledger has `counter` entries, and the coordinator shows our mark of `told`. */
static void stand(struct fixture *f, uint64_t counter, uint64_t told)
{
	struct standing s = {.counter = counter, .told = {.counter = told, .head = {{7}}}};

	if (told <= counter)
		s.ours = s.told.head;
	session_sign_mark(f->session, &s.told);
	session_ledger(f->session, &s);
}

static void tell_round(struct fixture *f, uint64_t seq, uint64_t round, uint32_t attempt)
{
	struct message m = {.type = MESSAGE_ROUND, .seq = seq};
	struct diag why = {{0}};

	snprintf(m.study, sizeof m.study, "%s", f->study.name);
	m.plan = (struct round_plan){.study_hash = f->study.hash,
	                             .round = round,
	                             .attempt = attempt,
	                             .asks = round_plan_asks(&f->study, 0),
	                             .sites = sites,
	                             .site_count = 3};
	if (session_polled(f->session, &m, 1, false, NOW_S, &why) != OK)
		fail_msg("%s", why.text);
}

/* The next action that is no POLL; the last one that must be there. */
static struct session_action next(struct fixture *f)
{
	struct session_action a = {.kind = SESSION_POLL}, more;

	while (session_next(f->session, &more))
		if (more.kind != SESSION_POLL) {
			assert_int_equal(a.kind, SESSION_POLL);
			a = more;
		}
	return a;
}

static void expect_refused(struct fixture *f)
{
	struct session_action a = next(f);

	assert_int_equal(a.kind, SESSION_REFUSE);
	assert_int_equal(a.refusal, REFUSAL_LEDGER);
	assert_non_null(strstr(session_why(f->session), "older copy"));
	assert_null(session_content(f->session));
}

static void test_an_older_copy_answers_nothing_and_the_newest_goes_on(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};

	assert_int_equal(session_standing(f->session, &why), STANDING_GOOD);
	stand(f, 5, 8);
	assert_int_equal(session_standing(f->session, &why), STANDING_OLDER);
	tell_round(f, 1, 1, 1);
	expect_refused(f);
	tell_round(f, 2, 1, 2); /* and so on */
	expect_refused(f);
	stand(f, 8, 8);
	tell_round(f, 3, 1, 3);
	assert_int_equal(next(f).kind, SESSION_COMPUTE);
}

static void test_what_is_final_is_not_sent_either(void **state)
{
	struct fixture *f = *state;
	struct session_action a;

	stand(f, 7, 7);
	tell_round(f, 1, 1, 1);
	a = next(f);
	assert_int_equal(a.kind, SESSION_COMPUTE);
	session_computed(f->session, a.work, &(struct hash){{1}}, 64, REFUSAL_NONE);
	a = next(f);
	assert_int_equal(a.kind, SESSION_PERSIST);
	session_persisted(f->session, a.work, REFUSAL_NONE);
	assert_int_equal(next(f).kind, SESSION_SEND);
	stand(f, 8, 9);
	tell_round(f, 2, 1, 2);
	while (session_next(f->session, &a) && a.kind != SESSION_REFUSE)
		assert_true(a.kind == SESSION_CANCEL || a.kind == SESSION_POLL);
	assert_int_equal(a.refusal, REFUSAL_LEDGER);
}

static void test_a_mark_is_signed_for_our_number_and_federation(void **state)
{
	struct fixture *f = *state;
	struct ledger_mark m = {.counter = 12, .head = {{5}}};
	struct buf message;

	session_sign_mark(f->session, &m);
	buf_init(&message, LEDGER_MARK_MESSAGE_MAX);
	ledger_mark_message(&message, "heart", SELF, &m);
	assert_true(keys_verify(f->listed.key, buf_bytes(&message), m.signature));
	buf_free(&message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_an_older_copy_answers_nothing_and_the_newest_goes_on, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_what_is_final_is_not_sent_either, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_mark_is_signed_for_our_number_and_federation, setup, teardown),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
