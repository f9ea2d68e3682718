/* Who takes part: rosters that follow one another, identities, sessions. */
#include "coordinator/enrolled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SITES_MANY 100

static struct roster_site site_of(uint32_t number, const char *name)
{
	struct roster_site s = {.number = number};

	snprintf(s.name, sizeof s.name, "%s", name);
	memset(s.key, (int)number, sizeof s.key);
	return s;
}

static enum err take(struct enrolled *e, uint32_t version, struct roster_site *sites, uint32_t count, struct diag *why)
{
	const struct roster r = {.version = version, .federation = "heart", .sites = sites, .count = count};

	return enrolled_roster(e, &r, why);
}

static void test_rosters_follow_one_another(void **state)
{
	struct enrolled e = {0};
	struct diag why = {{0}};
	struct roster_site sites[] = {site_of(3, "st-mary"), site_of(7, "charite"), site_of(9, "general")};

	(void)state;
	assert_int_equal(take(&e, 2, sites, 3, &why), OK);
	assert_int_equal(e.count, 3);
	assert_string_equal(enrolled_name_of(&e, 7), "charite");
	assert_string_equal(enrolled_name_of(&e, 8), "?");
	assert_null(enrolled_number(&e, 8));
	enrolled_number(&e, 7)->last_seen_ms = 5;
	/* the second leaves, a new one comes between */
	struct roster_site later[] = {site_of(3, "st-mary"), site_of(5, "mercy"), site_of(9, "general")};
	assert_int_equal(take(&e, 3, later, 3, &why), OK);
	assert_true(enrolled_number(&e, 7)->gone);
	assert_string_equal(enrolled_name_of(&e, 7), "charite"); /* reports still know it */
	assert_null(enrolled_name(&e, "charite"));
	assert_non_null(enrolled_name(&e, "mercy"));
	assert_int_equal(e.count, 4);
	/* and is listed again: what was known of it is kept */
	assert_int_equal(take(&e, 4, sites, 3, &why), OK);
	assert_false(enrolled_number(&e, 7)->gone);
	assert_int_equal(enrolled_number(&e, 7)->last_seen_ms, 5);
	assert_true(enrolled_number(&e, 5)->gone);
	enrolled_free(&e);
	enrolled_free(&e);
}

static void test_rosters_that_are_refused(void **state)
{
	struct enrolled e = {0};
	struct diag why = {{0}};
	struct roster_site sites[] = {site_of(3, "st-mary")}, other[] = {site_of(3, "st-john")};

	(void)state;
	assert_int_equal(take(&e, 5, sites, 1, &why), OK);
	assert_int_equal(take(&e, 4, sites, 1, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "version 4 is older than the one in force, 5"));
	assert_int_equal(take(&e, 6, other, 1, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "gives number 3 to st-john, which was st-mary"));
	assert_string_equal(enrolled_name_of(&e, 3), "st-mary");
	assert_int_equal(e.version, 5);
	assert_int_equal(take(&e, 5, sites, 1, &why), OK); /* the same again */
	assert_int_equal(take(&e, 6, sites, 0, &why), OK); /* an empty one: everybody has left */
	assert_true(enrolled_number(&e, 3)->gone);
	enrolled_free(&e);
}

static void test_many_sites_in_any_order(void **state)
{
	struct enrolled e = {0};
	struct roster_site sites[SITES_MANY];
	char name[16];

	(void)state;
	for (uint32_t i = SITES_MANY; i-- > 0;) {
		snprintf(name, sizeof name, "site-%u", i);
		enrolled_remember(&e, 10 + 3 * i, name, "ab", i);
		assert_true(enrolled_number(&e, 10 + 3 * i)->gone); /* until a roster says otherwise */
		sites[i] = site_of(10 + 3 * i, name);
	}
	assert_int_equal(take(&e, 1, sites, SITES_MANY, NULL), OK);
	assert_int_equal(e.count, SITES_MANY);
	for (uint32_t i = 0; i < SITES_MANY; i++) {
		const struct enrolled_site *s = enrolled_number(&e, 10 + 3 * i);

		assert_int_equal(s->last_seen_ms, i);
		assert_string_equal(s->serial, "ab");
		assert_false(s->gone);
		assert_true(i == 0 || s[-1].number < s->number);
		assert_null(enrolled_number(&e, 11 + 3 * i));
	}
	enrolled_free(&e);
}

static void test_identities(void **state)
{
	struct enrolled e = {0};
	struct diag why = {{0}};
	struct roster_site sites[] = {site_of(3, "st-mary"), site_of(7, "charite")};
	struct enrolled_site *s = NULL;

	(void)state;
	assert_int_equal(take(&e, 2, sites, 2, &why), OK);
	assert_int_equal(enrolled_identify(&s, &e, "charite", sites[1].key, &why), OK);
	assert_int_equal(s->number, 7);
	/* the right name with another's key, a name in another case, an unknown one */
	assert_int_equal(enrolled_identify(&s, &e, "charite", sites[0].key, &why), ERR_PEER_IDENTITY);
	assert_non_null(strstr(why.text, "another signing key"));
	assert_int_equal(enrolled_identify(&s, &e, "Charite", sites[1].key, &why), ERR_PEER_IDENTITY);
	assert_non_null(strstr(why.text, "not on the roster (version 2)"));
	assert_int_equal(enrolled_identify(&s, &e, "", sites[1].key, &why), ERR_PEER_IDENTITY);
	for (size_t i = 0; i < sizeof sites[1].key; i++) {
		sites[1].key[i] ^= 1;
		assert_int_equal(enrolled_identify(&s, &e, "charite", sites[1].key, &why), ERR_PEER_IDENTITY);
		sites[1].key[i] ^= 1;
	}
	assert_int_equal(take(&e, 3, sites, 1, &why), OK);
	assert_int_equal(enrolled_identify(&s, &e, "charite", sites[1].key, &why), ERR_PEER_IDENTITY);
	enrolled_free(&e);
}

/* ---- sessions */

static struct session_id session(uint8_t n)
{
	struct session_id id = {{0}};

	id.b[0] = n;
	return id;
}

static void test_the_newest_session_wins(void **state)
{
	struct enrolled_site s = {.number = 3};
	const struct session_id a = session(1), b = session(2), c = session(3);

	(void)state;
	assert_int_equal(enrolled_session(&s, &a), SESSION_NEW);
	assert_int_equal(enrolled_session(&s, &a), SESSION_ACTIVE);
	assert_int_equal(enrolled_session(&s, &b), SESSION_NEW);
	assert_int_equal(enrolled_session(&s, &a), SESSION_OLD);
	assert_int_equal(enrolled_session(&s, &b), SESSION_ACTIVE);
	assert_int_equal(enrolled_session(&s, &c), SESSION_NEW);
	assert_int_equal(enrolled_session(&s, &a), SESSION_OLD);
	assert_int_equal(enrolled_session(&s, &b), SESSION_OLD);
	assert_int_equal(enrolled_session(&s, &c), SESSION_ACTIVE);
}

/* A client that crashes and starts for ever: memory is bounded, and the last ones are remembered. */
static void test_many_sessions(void **state)
{
	struct enrolled_site s = {.number = 3};

	(void)state;
	for (uint8_t i = 1; i <= 100; i++) {
		const struct session_id id = session(i);

		assert_int_equal(enrolled_session(&s, &id), SESSION_NEW);
		for (uint8_t old = i > SESSIONS_OLD_MAX ? i - SESSIONS_OLD_MAX : 1; old < i; old++) {
			const struct session_id before = session(old);
			assert_int_equal(enrolled_session(&s, &before), SESSION_OLD);
		}
	}
}

static void test_session_ids(void **state)
{
	struct session_id id;
	char hex[] = "00112233445566778899aabbccddeeff";

	(void)state;
	assert_true(session_id_from(&id, hex));
	assert_int_equal(id.b[15], 0xff);
	assert_false(session_id_from(&id, NULL));
	assert_false(session_id_from(&id, ""));
	assert_false(session_id_from(&id, "00112233445566778899aabbccddeef"));
	assert_false(session_id_from(&id, "00112233445566778899aabbccddeeff0"));
	assert_false(session_id_from(&id, "00112233445566778899AABBCCDDEEFF"));
	for (size_t i = 0; i < 32; i++) {
		char saved = hex[i];
		hex[i] = 'g';
		assert_false(session_id_from(&id, hex));
		hex[i] = saved;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rosters_follow_one_another),
		cmocka_unit_test(test_rosters_that_are_refused),
		cmocka_unit_test(test_many_sites_in_any_order),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_the_newest_session_wins),
		cmocka_unit_test(test_many_sessions),
		cmocka_unit_test(test_session_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
