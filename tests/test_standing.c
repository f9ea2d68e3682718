/* Where a ledger stands: older copies and other ledgers are told, what we have not signed is not believed, and a stated loss costs. */
#include "client/standing.h"
#include "crypto/keys.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SELF 11

struct fixture {
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE];
	struct roster roster;
	struct roster_site sites[2];
	struct study study;
	struct round_plan plan;
};

static int setup(void **state)
{
	static struct fixture f;
	uint8_t seed[KEYS_SIZE] = {5};

	f.sites[0] = (struct roster_site){.number = SELF, .name = "here"};
	f.sites[1] = (struct roster_site){.number = 18, .name = "there"};
	keys_identity(f.sites[0].key, f.identity, seed);
	seed[0] = 6;
	uint8_t other[KEYS_IDENTITY_SECRET_SIZE];
	keys_identity(f.sites[1].key, other, seed);
	f.roster = (struct roster){.version = 1, .federation = "heart", .sites = f.sites, .count = 2};
	small_study(&f.study, NULL);
	f.plan = (struct round_plan){.step = 2};
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	study_free(&((struct fixture *)*state)->study);
	return 0;
}

static struct ledger_mark mark(const struct fixture *f, uint64_t counter, uint8_t head, uint32_t site)
{
	struct ledger_mark m = {.counter = counter};
	struct buf message;

	memset(m.head.b, head, sizeof m.head.b);
	buf_init(&message, LEDGER_MARK_MESSAGE_MAX);
	ledger_mark_message(&message, f->roster.federation, site, &m);
	keys_sign(m.signature, f->identity, buf_bytes(&message));
	buf_free(&message);
	return m;
}

/* A ledger of `counter` entries, and what is shown of it; our entry with that number has the head `ours`. */
static struct standing stands(const struct fixture *f, uint64_t counter, uint64_t told, uint8_t head, uint8_t ours)
{
	struct standing s = {.counter = counter, .told = mark(f, told, head, SELF)};

	memset(s.ours.b, ours, sizeof s.ours.b);
	return s;
}

static enum refusal judge(const struct fixture *f, const struct standing *s, struct diag *why)
{
	enum refusal no;

	*why = (struct diag){{0}};
	no = standing_judge(s, &f->roster, SELF, &f->study, &f->plan, why);
	assert_int_equal(no != REFUSAL_NONE, why->text[0] != '\0'); /* every refusal has words, and no other verdict */
	return no;
}

static void test_the_newest_ledger_goes_on(void **state)
{
	struct fixture *f = *state;
	struct standing first = {0}, equal = stands(f, 8, 8, 3, 3), ahead = stands(f, 9, 8, 3, 3);
	struct diag why = {{0}};

	assert_int_equal(standing_look(&first, &f->roster, SELF, &why), STANDING_GOOD);
	assert_int_equal(standing_look(&equal, &f->roster, SELF, &why), STANDING_GOOD);
	assert_int_equal(standing_look(&ahead, &f->roster, SELF, &why), STANDING_GOOD);
	assert_int_equal(judge(f, &first, &why), REFUSAL_NONE);
	assert_int_equal(judge(f, &equal, &why), REFUSAL_NONE);
	assert_int_equal(judge(f, &ahead, &why), REFUSAL_NONE);
}

static void test_an_older_copy_releases_nothing(void **state)
{
	struct fixture *f = *state;
	struct standing s = stands(f, 5, 8, 3, 0);
	struct diag why = {{0}};

	assert_int_equal(standing_look(&s, &f->roster, SELF, &why), STANDING_OLDER);
	assert_int_equal(judge(f, &s, &why), REFUSAL_LEDGER);
	assert_non_null(strstr(why.text, "ledger has 5 entries"));
	assert_non_null(strstr(why.text, "signature on 8"));
	assert_non_null(strstr(why.text, "put the newest state folder back"));
	assert_non_null(strstr(why.text, "--accept-loss 8"));
	s = stands(f, 0, 1, 3, 0); /* none at all */
	assert_int_equal(judge(f, &s, &why), REFUSAL_LEDGER);
	s = stands(f, 7, 8, 3, 0); /* by one */
	assert_int_equal(judge(f, &s, &why), REFUSAL_LEDGER);
}

/* A copy that has gone on by itself: as many entries, or more, and another history. */
static void test_another_ledger_releases_nothing(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};

	for (uint64_t counter = 8; counter < 12; counter += 3) {
		struct standing s = stands(f, counter, 8, 3, 4);

		assert_int_equal(standing_look(&s, &f->roster, SELF, &why), STANDING_OTHER);
		assert_int_equal(judge(f, &s, &why), REFUSAL_LEDGER);
		assert_non_null(strstr(why.text, "entry 8 is not the one"));
		assert_non_null(strstr(why.text, "0404040404040404, not 0303030303030303"));
		assert_non_null(strstr(why.text, counter == 8 ? "--accept-loss 8`" : "--accept-loss 11`"));
	}
}

/* A coordinator that makes a mark up, shows another site's, or changes ours: said, and not believed. */
static void test_a_mark_that_we_have_not_signed(void **state)
{
	struct fixture *f = *state;
	struct standing s[5];
	struct diag why = {{0}};

	for (int i = 0; i < 5; i++)
		s[i] = stands(f, 5, 8, 3, 0);
	s[0].told.counter = 9;
	s[1].told.head.b[0] ^= 1;
	s[2].told.signature[0] ^= 1;
	s[3].told = mark(f, 8, 3, 18); /* signed by us, of another site */
	for (int i = 0; i < 4; i++) {
		assert_int_equal(standing_look(&s[i], &f->roster, SELF, &why), STANDING_FORGED);
		assert_non_null(strstr(why.text, "not signed"));
		assert_int_equal(judge(f, &s[i], &why), REFUSAL_NONE);
	}
	assert_int_equal(standing_look(&s[4], &f->roster, 18, &why), STANDING_FORGED); /* the key of another */
	assert_int_equal(standing_look(&s[4], &f->roster, 12, &why), STANDING_FORGED); /* not on the roster */
	f->roster.federation[0] = 'H';
	assert_int_equal(standing_look(&s[4], &f->roster, SELF, &why), STANDING_FORGED);
	f->roster.federation[0] = 'h';
	assert_int_equal(standing_look(&s[4], &f->roster, SELF, &why), STANDING_OLDER);
}

/* The statement is entry 9: what was signed up to 8 is excused, and nothing else. */
static void test_a_stated_loss_excuses_what_was_signed_before(void **state)
{
	struct fixture *f = *state;
	struct standing lost = stands(f, 9, 8, 3, 0), other = stands(f, 9, 8, 3, 4), later = stands(f, 9, 10, 3, 0),
			same = stands(f, 9, 9, 3, 4);
	struct diag why = {{0}};

	lost.lost = other.lost = later.lost = same.lost = 9;
	assert_int_equal(standing_look(&lost, &f->roster, SELF, &why), STANDING_GOOD);
	assert_int_equal(standing_look(&other, &f->roster, SELF, &why), STANDING_GOOD);
	assert_int_equal(standing_look(&later, &f->roster, SELF, &why), STANDING_OLDER);
	assert_int_equal(standing_look(&same, &f->roster, SELF, &why), STANDING_OTHER);
}

static void test_after_a_loss_studies_under_way_are_over(void **state)
{
	struct fixture *f = *state;
	struct standing s = stands(f, 9, 8, 3, 0);
	struct diag why = {{0}};

	s.lost = 9;
	f->plan.step = 2;
	assert_int_equal(judge(f, &s, &why), REFUSAL_LEDGER); /* others have begun it, and perhaps we */
	assert_non_null(strstr(why.text, "entry 9"));
	f->plan.step = 0;
	assert_int_equal(judge(f, &s, &why), REFUSAL_NONE); /* it begins */
	s.released_since = true;
	f->plan.step = 2;
	assert_int_equal(judge(f, &s, &why), REFUSAL_NONE); /* and goes on */
	s.released_before = true;
	assert_int_equal(judge(f, &s, &why), REFUSAL_LEDGER);
	f->plan.step = 0;
	assert_int_equal(judge(f, &s, &why), REFUSAL_LEDGER);
	f->plan.step = 2;
}

static void test_after_a_loss_no_budget_is_left(void **state)
{
	struct fixture *f = *state;
	struct standing s = stands(f, 9, 8, 3, 0);
	struct diag why = {{0}};

	s.lost = 9;
	s.released_since = true;
	f->plan.step = 0;
	for (enum privacy_mechanism m = PRIVACY_DISTRIBUTED; m < PRIVACY_MECHANISM_COUNT; m++) {
		f->study.privacy.mechanism = m;
		assert_int_equal(judge(f, &s, &why), REFUSAL_BUDGET);
		assert_non_null(strstr(why.text, "nothing is left of the budget"));
		assert_int_equal(standing_judge_study(9, &f->study, &why), REFUSAL_BUDGET);
		assert_int_equal(standing_judge_study(0, &f->study, &why), REFUSAL_NONE);
	}
	f->study.privacy.mechanism = PRIVACY_NONE;
	assert_int_equal(standing_judge_study(9, &f->study, &why), REFUSAL_NONE);
	assert_int_equal(judge(f, &s, &why), REFUSAL_NONE);
	f->plan.step = 2;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_newest_ledger_goes_on),
		cmocka_unit_test(test_an_older_copy_releases_nothing),
		cmocka_unit_test(test_another_ledger_releases_nothing),
		cmocka_unit_test(test_a_mark_that_we_have_not_signed),
		cmocka_unit_test(test_a_stated_loss_excuses_what_was_signed_before),
		cmocka_unit_test(test_after_a_loss_studies_under_way_are_over),
		cmocka_unit_test(test_after_a_loss_no_budget_is_left),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
