/* protocol/roster: the container, the one spelling of the body, the rules on sites, looking up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/name.h"
#include "base/random.h"
#include "protocol/roster.h"

#define K1 "0101010101010101010101010101010101010101010101010101010101010101"
#define K2 "02000000000000000000000000000000000000000000000000000000000000ff"
#define BODY                                                                                                           \
	"{\"version\":7,\"federation\":\"heart\",\"sites\":["                                                          \
	"{\"number\":11,\"name\":\"St-Mary\",\"key\":\"" K1 "\"},{\"number\":18,\"name\":\"b.2\",\"key\":\"" K2        \
	"\"}]}"
#define FILE_TEXT "cohort-roster 1\n" BODY "\n3006020101020102\n"

static enum err parse(struct roster *r, const char *body, const char *words)
{
	struct diag why = {0};
	enum err e = roster_parse(r, bytes_text(body), &why);
	if (!strstr(why.text, words))
		fail_msg("\"%s\" does not say \"%s\"", why.text, words);
	return e;
}

static void a_roster_is_read(void **state)
{
	(void)state;
	struct roster r;
	struct hash expected;

	assert_int_equal(parse(&r, BODY, ""), OK);
	assert_int_equal(r.version, 7);
	assert_string_equal(r.federation, "heart");
	assert_int_equal(r.count, 2);
	assert_int_equal(r.sites[0].number, 11);
	assert_string_equal(r.sites[1].name, "b.2");
	assert_int_equal(r.sites[0].key[31], 1);
	assert_int_equal(r.sites[1].key[31], 0xff);
	sha256_of(&expected, bytes_text(BODY));
	assert_true(hash_equal(&r.content, &expected));
	assert_ptr_equal(roster_find(&r, "b.2"), &r.sites[1]);
	assert_ptr_equal(roster_find(&r, "St-Mary"), &r.sites[0]);
	assert_null(roster_find(&r, "st-mary"));
	assert_null(roster_find(&r, "b"));
	assert_ptr_equal(roster_number(&r, 18), &r.sites[1]);
	assert_null(roster_number(&r, 0));
	assert_null(roster_number(&r, 12));
	assert_null(roster_number(&r, 19));
	roster_free(&r);
	roster_free(&r);
}

static void a_copy_stands_by_itself(void **state)
{
	(void)state;
	struct roster r, copy = {0}, empty = {0};

	assert_int_equal(parse(&r, BODY, ""), OK);
	roster_copy(&copy, &r);
	roster_copy(&copy, &r); /* what it held is freed */
	assert_ptr_not_equal(copy.sites, r.sites);
	roster_free(&r);
	assert_int_equal(copy.version, 7);
	assert_ptr_equal(roster_find(&copy, "b.2"), &copy.sites[1]);
	assert_ptr_equal(roster_number(&copy, 11), &copy.sites[0]);
	assert_int_equal(copy.sites[1].key[31], 0xff);
	roster_copy(&copy, &empty);
	assert_int_equal(copy.count, 0);
	assert_null(copy.sites);
	roster_free(&copy);
}

static void an_empty_roster(void **state)
{
	(void)state;
	struct roster r;
	assert_int_equal(parse(&r, "{\"version\":1,\"federation\":\"heart\",\"sites\":[]}", ""), OK);
	assert_int_equal(r.count, 0);
	assert_null(roster_find(&r, "a"));
	assert_null(roster_number(&r, 1));
	roster_free(&r);
}

#define SITE(number, name, key) "{\"number\":" number ",\"name\":\"" name "\",\"key\":\"" key "\"}"
#define WITH(sites) "{\"version\":1,\"federation\":\"heart\",\"sites\":[" sites "]}"

static void rules(void **state)
{
	(void)state;
	static const struct {
		const char *body, *words;
	} cases[] = {
		{"", ""},
		{"[]", ""},
		{"{}", "version"},
		{"{\"version\":0,\"federation\":\"heart\",\"sites\":[]}", "version"},
		{"{\"version\":4294967296,\"federation\":\"heart\",\"sites\":[]}", "version"},
		{"{\"version\":1.0,\"federation\":\"heart\",\"sites\":[]}", "version"},
		{"{\"version\":1,\"federation\":\"Heart\",\"sites\":[]}", "federation name"},
		{"{\"version\":1,\"federation\":\"\",\"sites\":[]}", "federation name"},
		{"{\"version\":1,\"federation\":\"heart\",\"sites\":{}}", "sites"},
		{"{\"version\":1,\"federation\":\"heart\",\"sites\":[],\"more\":1}", "more"},
		{"{\"version\":1,\"version\":1,\"federation\":\"heart\",\"sites\":[]}", "version"},
		{"{\"federation\":\"heart\",\"version\":1,\"sites\":[]}", "canonically"},
		{"{\"version\":1, \"federation\":\"heart\",\"sites\":[]}", "canonically"},
		{"{\"version\":1,\"federation\":\"he\\u0061rt\",\"sites\":[]}", "canonically"},
		{WITH("1"), "sites[0]"},
		{WITH(SITE("0", "a", K1)), "number"},
		{WITH(SITE("4294967296", "a", K1)), "number"},
		{WITH(SITE("-1", "a", K1)), "number"},
		{WITH(SITE("1", "-a", K1)), "no site name"},
		{WITH(SITE("1", "", K1)), "no site name"},
		{WITH(SITE("1", "a/b", K1)), "no site name"},
		{WITH(SITE("1", "a", "00")), "64 hexadecimal"},
		{WITH(SITE("1", "a", "0Z" K1)), "key"},
		{WITH(SITE("2", "a", K1) "," SITE("1", "b", K2)), "does not follow 2"},
		{WITH(SITE("2", "a", K1) "," SITE("2", "b", K2)), "does not follow 2"},
		{WITH(SITE("1", "abc", K1) "," SITE("2", "aBc", K2)), "two sites are named aBc"},
		{WITH(SITE("1", "a", K1) "," SITE("2", "b", K1)), "site b has the key of another"},
		{WITH("{\"number\":1,\"name\":\"a\",\"key\":\"" K1 "\",\"x\":0}"), "x"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct roster r, empty = {0};
		assert_int_equal(parse(&r, cases[i].body, cases[i].words), ERR_DATA);
		assert_memory_equal(&r, &empty, sizeof(r));
	}
}

/* Many sites with random names: what is built is read back, and found as a plain scan finds it. */
static void many_sites(void **state)
{
	(void)state;
	struct rng rng;
	struct buf body;
	struct diag why = {0};
	struct roster r = {.version = UINT32_MAX, .federation = "heart", .count = SITES_MAX}, again;

	rng_seeded(&rng, 11, "names");
	r.sites = calloc(r.count, sizeof(*r.sites));
	for (uint32_t i = 0, number = 0; i < r.count; i++) {
		number += 1 + (uint32_t)rng_below(&rng, 1000000);
		r.sites[i].number = number;
		snprintf(r.sites[i].name, NAME_SIZE, "%c%063x", rng_u32(&rng) & 1 ? 'a' : 'Z', rng_u32(&rng));
		store_u32(r.sites[i].key, i);
	}
	buf_init(&body, ROSTER_MAX);
	assert_int_equal(roster_build(&body, &r, &why), OK);
	assert_false(body.failed);
	assert_int_equal(roster_parse(&again, buf_bytes(&body), &why), OK);
	assert_int_equal(again.count, r.count);
	assert_memory_equal(again.sites, r.sites, r.count * sizeof(*r.sites));
	for (uint32_t i = 0; i < r.count; i++) {
		assert_ptr_equal(roster_find(&again, r.sites[i].name), &again.sites[i]);
		assert_ptr_equal(roster_number(&again, r.sites[i].number), &again.sites[i]);
		assert_null(roster_number(&again, r.sites[i].number + 1 == r.sites[(i + 1) % r.count].number
		                                          ? 0
		                                          : r.sites[i].number + 1));
	}
	roster_free(&again);
	r.count++; /* one too many is refused before a site of it is looked at */
	buf_clear(&body);
	assert_int_equal(roster_build(&body, &r, &why), ERR_DATA);
	assert_int_equal(body.len, 0);
	buf_free(&body);
	free(r.sites);
}

static void building_refuses_what_reading_refuses(void **state)
{
	(void)state;
	struct roster_site sites[2] = {{.number = 1, .name = "a", .key = {1}}, {.number = 2, .name = "A", .key = {2}}};
	struct roster r = {.version = 1, .federation = "heart", .sites = sites, .count = 2};
	struct diag why = {0};
	struct buf out;

	buf_init(&out, ROSTER_MAX);
	assert_int_equal(roster_build(&out, &r, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "two sites are named A"));
	sites[1].name[0] = 'b';
	assert_int_equal(roster_build(&out, &r, &why), OK);
	r.version = 0;
	assert_int_equal(roster_build(&out, &r, &why), ERR_DATA);
	buf_free(&out);
}

static void the_container(void **state)
{
	(void)state;
	struct roster_parts p;
	struct diag why = {0};
	struct buf out;
	static const uint8_t signature[] = {0x30, 6, 2, 1, 1, 2, 1, 2};

	buf_init(&out, ROSTER_MAX);
	roster_join(&out, bytes_text(BODY), bytes_of(signature, sizeof(signature)));
	assert_string_equal(buf_text(&out), FILE_TEXT);
	assert_int_equal(roster_split(&p, buf_bytes(&out), &why), OK);
	assert_true(bytes_equal(p.body, bytes_text(BODY)));
	assert_int_equal(p.signature_len, sizeof(signature));
	assert_memory_equal(p.signature, signature, sizeof(signature));
	buf_free(&out);
}

static void broken_containers(void **state)
{
	(void)state;
	static const struct {
		const char *file, *words;
	} cases[] = {
		{"", "line 1"},
		{"cohort-roster 2\n{}\n00\n", "line 1"},
		{"cohort-roster 1\r\n{}\n00\n", "line 1"},
		{"cohort-roster 1\n{}", "line 2"},
		{"cohort-roster 1\n{}\n", "line 3"},
		{"cohort-roster 1\n{}\n\n", "line 3"},
		{"cohort-roster 1\n{}\n00", "line 3"},
		{"cohort-roster 1\n{}\n0\n", "line 3"},
		{"cohort-roster 1\n{}\n0g\n", "not hexadecimal"},
		{"cohort-roster 1\n{}\n0A\n", "not hexadecimal"},
		{"cohort-roster 1\n{}\n00\n\n", "line 3"},
		{"cohort-roster 1\n{}\n00\n00\n", "line 3"},
	};
	struct roster_parts p, empty = {0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag why = {0};
		assert_int_equal(roster_split(&p, bytes_text(cases[i].file), &why), ERR_DATA);
		if (!strstr(why.text, cases[i].words))
			fail_msg("\"%s\" does not say \"%s\"", why.text, cases[i].words);
		assert_memory_equal(&p, &empty, sizeof(p));
	}
	struct diag why = {0};
	char *large = calloc(1, ROSTER_MAX + 1);
	assert_int_equal(roster_split(&p, bytes_of(large, ROSTER_MAX + 1), &why), ERR_LIMIT);
	free(large);
	struct buf out; /* a signature longer than any is refused before it is decoded */
	buf_init(&out, ROSTER_MAX);
	buf_put_text(&out, "cohort-roster 1\n{}\n");
	for (size_t i = 0; i < ROSTER_SIGNATURE_MAX + 1; i++)
		buf_put_text(&out, "00");
	buf_put_text(&out, "\n");
	assert_int_equal(roster_split(&p, buf_bytes(&out), &why), ERR_DATA);
	buf_free(&out);
}

/* What is read from a damaged file is either refused or another roster that keeps every rule; never a crash. The
 * signature is not checked here: that no damage passes it is shown in test_ca. */
static void malformed_files(void **state)
{
	(void)state;
	struct roster r;
	struct roster_parts p;
	struct diag why = {0};
	size_t length = strlen(FILE_TEXT);

	for (size_t n = 0; n < length; n++) {
		uint8_t *cut = malloc(n ? n : 1);
		memcpy(cut, FILE_TEXT, n);
		assert_int_equal(roster_split(&p, bytes_of(cut, n), &why), ERR_DATA);
		free(cut);
	}
	for (size_t n = 0; n < strlen(BODY); n++) {
		uint8_t *cut = malloc(n ? n : 1);
		memcpy(cut, BODY, n);
		assert_int_equal(roster_parse(&r, bytes_of(cut, n), &why), ERR_DATA);
		free(cut);
	}
	for (size_t i = 0; i < length; i++) {
		for (int bit = 0; bit < 8; bit++) {
			char file[] = FILE_TEXT;
			file[i] ^= (char)(1 << bit);
			if (roster_split(&p, bytes_of(file, length), &why) || roster_parse(&r, p.body, &why))
				continue;
			assert_true(r.count == 2 && r.version > 0 && r.sites[0].number > 0);
			assert_true(r.sites[0].number < r.sites[1].number);
			assert_true(name_is_site(r.sites[0].name) && name_is_site(r.sites[1].name));
			roster_free(&r);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_roster_is_read), cmocka_unit_test(a_copy_stands_by_itself),
		cmocka_unit_test(an_empty_roster),  cmocka_unit_test(rules),
		cmocka_unit_test(many_sites),       cmocka_unit_test(building_refuses_what_reading_refuses),
		cmocka_unit_test(the_container),    cmocka_unit_test(broken_containers),
		cmocka_unit_test(malformed_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
