/* Secure aggregation in words: every number against the arithmetic of the rounds, with and without a list of known hospitals. */
#include "client/words.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S 1800000000
#define SITES 9

static struct fixture {
	struct study s;
	struct policy p;
	struct known_sites known;
	struct roster_site sites[SITES];
	struct words_place place;
	char *flat; /* the page, with every run of blanks and line ends as one blank */
} f;

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof f);
	small_policy(&f.p);
	for (uint32_t i = 0; i < SITES; i++) {
		f.sites[i].number = 11 + 7 * i;
		snprintf(f.sites[i].name, sizeof f.sites[i].name, "h%u", i);
		f.sites[i].key[0] = (uint8_t)(i + 1);
	}
	f.place = (struct words_place){.policy = &f.p, .site = "h1", .now_s = NOW_S};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(f.flat);
	known_sites_free(&f.known);
	study_free(&f.s);
	return 0;
}

/* The first `count` hospitals are on the list. */
static void know(uint32_t count, uint32_t min_known)
{
	known_sites_free(&f.known);
	f.known.sites = mem_array(count, sizeof *f.known.sites);
	f.known.count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct hash h;

		sha256_of(&h, bytes_of(f.sites[i].key, ROSTER_KEY_SIZE));
		memcpy(f.known.sites[i].fingerprint, h.b, KNOWN_FINGERPRINT_SIZE);
		snprintf(f.known.sites[i].name, NAME_SIZE, "%s", f.sites[i].name);
	}
	f.p.known = &f.known;
	f.p.min_known = min_known;
}

/* A roster as it is parsed, so that names are found. */
static void listed(struct roster *out, uint32_t count)
{
	struct roster r = {.version = 4, .federation = "f", .sites = f.sites, .count = count};
	struct buf body;

	buf_init(&body, ROSTER_MAX);
	assert_int_equal(roster_build(&body, &r, NULL), OK);
	assert_int_equal(roster_parse(out, buf_bytes(&body), NULL), OK);
	buf_free(&body);
}

static void write_page(const char *sites_line, enum masking masking, uint32_t group, uint32_t members)
{
	struct roster roster = {0};
	struct buf page;
	size_t n = 0;

	study_free(&f.s);
	small_study(&f.s, sites_line);
	f.s.sites.masking = masking;
	f.s.sites.group = group;
	if (members > 0)
		listed(&roster, members);
	f.place.roster = members > 0 ? &roster : NULL;
	buf_init(&page, WORDS_MAX);
	words_contract(&page, &f.s, &f.place);
	free(f.flat);
	f.flat = malloc(page.len + 1);
	for (const char *c = buf_text(&page); *c != '\0'; c++) {
		bool blank = *c == ' ' || *c == '\n';

		if (!blank || (n > 0 && f.flat[n - 1] != ' '))
			f.flat[n++] = blank ? ' ' : *c;
	}
	f.flat[n] = '\0';
	buf_free(&page);
	roster_free(&roster);
}

static void says(const char *words)
{
	if (strstr(f.flat, words) == NULL)
		fail_msg("not said: %s\n%s", words, f.flat);
}

static void is_silent_of(const char *words)
{
	if (strstr(f.flat, words) != NULL)
		fail_msg("said: %s\n%s", words, f.flat);
}

#define FIVE "sites: {min: 3, max_dropouts: 1, max_colluders: 1}" /* n = 5: t = 4, m = 4 */

static void test_without_a_list(void **state)
{
	(void)state;
	write_page(FIVE, MASKING_REQUIRED, 0, 5);
	says("Hospitals that may take part now, by roster 4: 5.");
	says("With 5 hospitals, up to 1 may drop out of a round at any moment, and it goes on; a sum is made of at "
	     "least 4 (the "
	     "quorum)");
	says("Up to 1 hospital may work together with the coordinator (max_colluders)");
	says("Fewest honest hospitals in any published sum: 3, if every hospital of the roster exists.");
	says("this hospital can keep a list of hospitals that it has telephoned (known, min_known in policy.yaml). It "
	     "keeps none.");
	is_silent_of("WARNING: a sum with one");
	is_silent_of("masking: off");
}

static void test_with_a_list(void **state)
{
	(void)state;
	know(3, 3);
	write_page(FIVE, MASKING_REQUIRED, 0, 5);
	says("This hospital knows 3 of them, itself counted.");
	says("Fewest honest hospitals in any published sum: 2: this hospital takes part only in sums with at least 3 "
	     "that it knows");
	says("of which at most 1 may collude");
	says("hospitals that do not exist, which whoever controls the federation's authority could enrol, do not "
	     "count");
	is_silent_of("It keeps none");
	is_silent_of("REFUSE rounds");
	know(5, 5); /* more than the quorum: the quorum counts */
	write_page(FIVE, MASKING_REQUIRED, 0, 5);
	says("Fewest honest hospitals in any published sum: 3: this hospital takes part only in sums with at least 5");
}

static void test_too_few_known(void **state)
{
	(void)state;
	know(1, 3);
	write_page(FIVE, MASKING_REQUIRED, 0, 5);
	says("This hospital knows 2 of them, itself counted: too few for its policy, so it will REFUSE rounds");
}

static void test_too_few_honest(void **state)
{
	(void)state;
	know(3, 2);
	write_page(FIVE, MASKING_REQUIRED, 0, 5);
	says("Fewest honest hospitals in any published sum: 1: ");
	says("WARNING: a sum with one honest hospital is that hospital's own numbers to those who collude");
	know(3, 1);
	write_page(FIVE, MASKING_REQUIRED, 0, 5);
	says("Fewest honest hospitals in any published sum: 0: ");
	says("WARNING: a sum with one honest");
}

static void test_other_numbers(void **state)
{
	(void)state;
	write_page("sites: {min: 3, max_dropouts: 2, max_colluders: 0}", MASKING_REQUIRED, 0, 9);
	says("With 9 hospitals, up to 2 may drop out of a round at any moment, and it goes on; a sum is made of at "
	     "least 7");
	says("No hospital may work together with the coordinator (max_colluders: 0)");
	says("in any published sum: 7, if every");
	write_page("sites: {min: 3, max_dropouts: 1, max_colluders: 2}", MASKING_REQUIRED, 0, 9);
	says("Up to 2 hospitals may work together with the coordinator");
	says("in any published sum: 6, if every");
}

static void test_no_round_can_be(void **state)
{
	(void)state;
	write_page(FIVE, MASKING_REQUIRED, 0, 2);
	says("With 2 hospitals no round can be: 2 sites are invited and sites.min is 3");
	is_silent_of("Fewest honest");
}

static void test_members_of_a_list(void **state)
{
	(void)state;
	write_page("sites: {min: 3, max_dropouts: 1, max_colluders: 1, members: [h0, h1, h2, h3, elsewhere]}",
	           MASKING_REQUIRED, 0, 9);
	says("Hospitals that may take part now, by roster 4: 4.");
	says("With 4 hospitals, up to 1 may drop out of a round at any moment, and it goes on; a sum is made of at "
	     "least 3");
}

static void test_no_roster_yet(void **state)
{
	(void)state;
	write_page(FIVE, MASKING_REQUIRED, 0, 0);
	says("How many hospitals there are, `cohort-client fetch small` asks. A round needs at least 4.");
	says("With 4 hospitals, up to 1 may drop out");
	says("in any published sum: 2, if every");
}

static void test_groups(void **state)
{
	(void)state;
	write_page("sites: {min: 3, max_dropouts: 0, max_colluders: 1}", MASKING_GROUPS, 4, 9);
	says("divided into fixed groups of 4 or more, and each group makes a sum of its own");
	says("With 4 hospitals in a group, up to 0 may drop out of a round at any moment, and it goes on; a sum is "
	     "made of at "
	     "least 4");
	says("in any published sum: 3, if every");
	know(4, 3);
	write_page("sites: {min: 3, max_dropouts: 0, max_colluders: 1}", MASKING_GROUPS, 4, 9);
	says("This hospital knows 4 of them, itself counted; its policy counts those in its own group.");
	says("masking: groups: the coordinator reads the sum over the hospitals of each group");
}

static void test_what_leaves(void **state)
{
	char wanted[80];
	struct layout l;

	(void)state;
	write_page(FIVE, MASKING_REQUIRED, 0, 5);
	assert_int_equal(round_plan_layout(&l, &f.s, ASK_TRAIN, 3, NULL), OK);
	snprintf(wanted, sizeof wanted, "(train, %zu octets)", layout_octets(&l) + 16);
	says(wanted);
	says("These numbers leave under masks and in no other form");
	says("shares of the secrets behind the masks, sealed for the other hospitals");
	says("masking: required: the coordinator reads the sum over the hospitals and no hospital's own counts");
	says("Two sums over hospitals that differ by one show that one's numbers by subtraction");
	write_page(FIVE, MASKING_OFF, 0, 5);
	is_silent_of("under masks");
	is_silent_of("What the numbers mean here");
	says("masking: off: WARNING");
}

#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_without_a_list),    CASE(test_with_a_list),   CASE(test_too_few_known),
		CASE(test_too_few_honest),    CASE(test_other_numbers), CASE(test_no_round_can_be),
		CASE(test_members_of_a_list), CASE(test_no_roster_yet), CASE(test_groups),
		CASE(test_what_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
