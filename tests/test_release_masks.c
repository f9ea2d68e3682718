/* The door under masks: v never, y of the attempt in hand and no other; what a round is judged by before anything is computed. */
#include "client/release.h"
#include "tests/support/child.h"
#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define NOW_S 1800000000
#define SITES 9
#define SELF 18
#define OCTETS 400

struct fixture {
	struct study study;
	struct policy policy;
	struct roster_site listed[SITES];
	struct roster roster;
	uint32_t sites[SITES];
	struct round_plan plan;
	struct known_site told[SITES];
	struct known_sites known;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof f);
	small_study(&f.study, NULL);
	small_policy(&f.policy);
	f.study.sites.masking = MASKING_REQUIRED;
	f.roster = (struct roster){.version = 4, .sites = f.listed, .count = SITES, .content = {{7}}};
	for (uint32_t i = 0; i < SITES; i++) {
		struct hash key;

		f.sites[i] = f.listed[i].number = 11 + 7 * i;
		snprintf(f.listed[i].name, sizeof f.listed[i].name, "hospital-%u", i);
		memset(f.listed[i].key, (int)(100 + i), ROSTER_KEY_SIZE);
		snprintf(f.told[i].name, sizeof f.told[i].name, "hospital-%u", i);
		sha256_of(&key, bytes_of(f.listed[i].key, ROSTER_KEY_SIZE));
		memcpy(f.told[i].fingerprint, key.b, KNOWN_FINGERPRINT_SIZE);
	}
	f.known.sites = f.told;
	f.plan = (struct round_plan){.study_hash = f.study.hash,
	                             .round = 2,
	                             .attempt = 1,
	                             .step = 1,
	                             .asks = ASK_TRAIN,
	                             .model = {{1}},
	                             .model_octets = 1000,
	                             .roster = f.roster.content,
	                             .sites = f.sites,
	                             .site_count = SITES};
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	study_free(&((struct fixture *)*state)->study);
	return 0;
}

static enum refusal begin(struct fixture *f, struct release *r)
{
	const struct release_terms terms = {.policy = &f->policy,
	                                    .approved = &f->study,
	                                    .plan = &f->plan,
	                                    .roster = &f->roster,
	                                    .self = SELF,
	                                    .now_s = NOW_S};
	struct diag why = {{0}};
	struct masked_plan masked;
	enum refusal no = release_begin(r, &terms, &masked, &why);

	assert_int_equal(no != REFUSAL_NONE, why.text[0] != '\0');
	assert_int_equal(no == REFUSAL_NONE, masked.plan.n > 0);
	masked_plan_free(&masked);
	return no;
}

static void make_final(struct fixture *f, struct release *r)
{
	assert_int_equal(begin(f, r), REFUSAL_NONE);
	release_vector(r, &(struct hash){{0xbb}}, OCTETS);
	release_persisted(r);
}

/* Whether v can be sent now. */
static bool gives_v(const struct release *r)
{
	const struct release_record *content = release_content(r);

	return content != NULL && hash_equal(&content->content, &r->record.content);
}

static void test_v_never_leaves(void **state)
{
	struct fixture *f = *state;
	struct release r = {0}, reborn = {0};
	struct release_record final;

	assert_int_equal(begin(f, &r), REFUSAL_NONE);
	assert_null(release_to_mask(&r));
	release_vector(&r, &(struct hash){{0xbb}}, OCTETS);
	assert_null(release_to_mask(&r)); /* not on the disk yet */
	release_persisted(&r);
	assert_true(release_is_final(&r));
	assert_null(release_content(&r));
	assert_int_equal(release_to_mask(&r)->content.b[0], 0xbb);
	release_masked(&r, &(struct hash){{0xaa}}, OCTETS + 16);
	assert_int_equal(release_content(&r)->content.b[0], 0xaa);
	assert_int_equal(release_content(&r)->octets, OCTETS + 16);
	assert_int_equal(release_content(&r)->round, 2);
	assert_false(gives_v(&r));
	final = r.record;
	release_cancel(&r);
	assert_null(release_content(&r));
	release_restore(&reborn, &final); /* another boot knows of no y */
	assert_null(release_content(&reborn));
	assert_int_equal(begin(f, &reborn), REFUSAL_NONE);
	assert_true(release_is_final(&reborn));
	assert_null(release_content(&reborn));
}

static void test_y_of_one_attempt_is_not_sent_in_another(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};

	make_final(f, &r);
	release_masked(&r, &(struct hash){{0xaa}}, OCTETS + 16);
	f->plan.attempt = 2; /* begun without an end of the first */
	assert_int_equal(begin(f, &r), REFUSAL_NONE);
	assert_null(release_content(&r));
	assert_int_equal(release_to_mask(&r)->content.b[0], 0xbb); /* the same v */
	release_masked(&r, &(struct hash){{0xac}}, OCTETS + 16);
	assert_int_equal(release_content(&r)->content.b[0], 0xac);
	f->plan.round = 3;
	f->plan.attempt = 1;
	assert_int_equal(begin(f, &r), REFUSAL_NONE);
	assert_null(release_content(&r));
	assert_null(release_to_mask(&r)); /* a new v */
	assert_false(release_is_final(&r));
}

static void hand_v_as_y(void *context)
{
	struct fixture *f = context;
	struct release r = {0};

	make_final(f, &r);
	release_masked(&r, &(struct hash){{0xbb}}, OCTETS);
}

static void hand_y_too_early(void *context)
{
	struct fixture *f = context;
	struct release r = {0};

	assert_int_equal(begin(f, &r), REFUSAL_NONE);
	release_masked(&r, &(struct hash){{0xaa}}, OCTETS);
}

static void test_a_shell_that_confuses_them_ends(void **state)
{
	child_expect_check("hash_equal(y", hand_v_as_y, *state);
	child_expect_check("release_to_mask", hand_y_too_early, *state);
}

/* Everything that a sum depends on is the same in all attempts of a round. */
static void test_one_round_has_one_plan(void **state)
{
	struct fixture *f = *state;
	struct round_plan first = f->plan;
	struct release r = {0};
	uint32_t others[] = {11, 18, 25, 32, 39, 46, 53, 60};

	make_final(f, &r);
	f->plan.model.b[5] ^= 1;
	assert_int_equal(begin(f, &r), REFUSAL_PLAN);
	f->plan = first;
	f->roster.content.b[3] ^= 1; /* another roster, with the same sites */
	f->plan.roster = f->roster.content;
	assert_int_equal(begin(f, &r), REFUSAL_PLAN);
	f->roster.content = f->plan.roster = first.roster;
	f->plan.sites = others;
	f->plan.site_count = 8;
	assert_int_equal(begin(f, &r), REFUSAL_PLAN);
	f->plan = first;
	f->plan.attempt = 7;
	assert_int_equal(begin(f, &r), REFUSAL_NONE);
}

static void test_rosters(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};

	f->plan.roster.b[3] ^= 1; /* not the one at hand */
	assert_int_equal(begin(f, &r), REFUSAL_PLAN);
	memset(&f->plan.roster, 0, sizeof f->plan.roster); /* a clear round of a contract that masks */
	assert_int_equal(begin(f, &r), REFUSAL_PLAN);
	f->plan.roster = f->roster.content;
	f->listed[SITES - 1].number++; /* an invited site is not on it */
	assert_int_equal(begin(f, &r), REFUSAL_PLAN);
	f->study.sites.masking = MASKING_OFF; /* a masked round of a clear contract */
	assert_int_equal(begin(f, &r), REFUSAL_PLAN);
}

static void test_known_hospitals(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};

	f->policy.known = &f->known;
	f->policy.min_known = 4;
	for (uint32_t count = 0; count <= SITES; count++) {
		bool ourselves = count > 1; /* hospital-1 is site 18 */

		f->known.count = count;
		assert_int_equal(begin(f, &r), count + !ourselves >= 4 ? REFUSAL_NONE : REFUSAL_POLICY_SITES);
		release_cancel(&r);
	}
	f->known.count = 5;
	f->told[0].fingerprint[0] ^= 1; /* of the same name, and somebody else */
	assert_int_equal(begin(f, &r), REFUSAL_NONE);
	release_cancel(&r);
	f->told[2].fingerprint[0] ^= 1;
	assert_int_equal(begin(f, &r), REFUSAL_POLICY_SITES);
}

/* In groups a sum is one group's: of nine sites four or five. Who is known elsewhere does not count, and a group that is smaller
 * than the policy's min_sites cannot be: the contract would have to say less, too. */
static void test_groups(void **state)
{
	struct fixture *f = *state;
	struct release r = {0};

	f->study.sites.masking = MASKING_GROUPS;
	f->study.sites.group = 4;
	f->policy.known = &f->known;
	f->known.count = SITES;
	f->policy.min_known = 6;
	assert_int_equal(begin(f, &r), REFUSAL_POLICY_SITES);
	f->policy.min_known = 4;
	assert_int_equal(begin(f, &r), REFUSAL_NONE);
	assert_in_range(r.record.sites, 4, 5);
	release_cancel(&r);
	f->policy.min_sites = 6;
	assert_int_equal(begin(f, &r), REFUSAL_POLICY_SITES);
	f->study.sites.min = 6;
	assert_int_equal(begin(f, &r), REFUSAL_PLAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_v_never_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_y_of_one_attempt_is_not_sent_in_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_shell_that_confuses_them_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_round_has_one_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rosters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_hospitals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
	};

	return cmocka_run_group_tests_name("release_masks", tests, NULL, NULL);
}
