/* The list of known hospitals: every way to write it wrong, with its place; the same fingerprint as people are told; who is known. */
#include "client/known_sites.h"
#include "net/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define F1 "3f2a-90c1-77de-0b14-a6c8-5d12-e990-41fb"
#define F2 "91d0-4be2-0c7f-aa35-1e64-88b7-c05d-f2a9"
#define SHAPE "a fingerprint is eight groups of four digits 0-9 a-f, as"

static const char good_text[] = "# a list\n"
				"\n"
				"st-anna  " F1 "\n"
				" \t b.2\t" F2 " # the back office's line\r\n"
				"   # nothing here\n"
				"\r\n"
				"C-3 0001-0203-0405-0607-0809-0a0b-0c0d-0e0f";

static void parsed(struct known_sites *k, const char *text)
{
	struct diag why = {{0}};

	if (known_sites_parse(k, bytes_text(text), "known.txt", &why) != OK)
		fail_msg("%s", why.text);
}

static void test_a_list_is_read(void **state)
{
	struct known_sites k;

	(void)state;
	parsed(&k, good_text);
	assert_int_equal(k.count, 3);
	assert_string_equal(k.sites[0].name, "st-anna");
	assert_int_equal(k.sites[0].line, 3);
	assert_int_equal(k.sites[0].fingerprint[0], 0x3f);
	assert_int_equal(k.sites[0].fingerprint[15], 0xfb);
	assert_string_equal(k.sites[1].name, "b.2");
	assert_int_equal(k.sites[1].line, 4);
	assert_int_equal(k.sites[1].fingerprint[1], 0xd0);
	assert_int_equal(k.sites[2].line, 7);
	for (int i = 0; i < KNOWN_FINGERPRINT_SIZE; i++)
		assert_int_equal(k.sites[2].fingerprint[i], i);
	assert_ptr_equal(known_sites_find(&k, "ST-ANNA"), &k.sites[0]);
	assert_null(known_sites_find(&k, "st-ann"));
	known_sites_free(&k);
	known_sites_free(&k);
	parsed(&k, "");
	assert_int_equal(k.count, 0);
	known_sites_free(&k);
}

static void test_wrong_lines(void **state)
{
	static const struct {
		const char *text, *line;
	} cases[] = {
		{"a\n", "known.txt:1:2: " SHAPE},
		{"a " F1 "\nb\t \n", "known.txt:2:4: " SHAPE},
		{"a 3f2a-90c1-77de-0b14-a6c8-5d12-e990-41f\n", "known.txt:1:3: " SHAPE},
		{"a " F1 "0\n", "known.txt:1:3: " SHAPE},
		{"a 3F2a-90c1-77de-0b14-a6c8-5d12-e990-41fb\n", "known.txt:1:3: " SHAPE},
		{"a 3f2a-90c1-77de-0b14-a6c8-5d12-e990-41fg\n", "known.txt:1:3: " SHAPE},
		{"a 3f2a:90c1:77de:0b14:a6c8:5d12:e990:41fb\n", "known.txt:1:3: " SHAPE},
		{"a 3f2-a90c1-77de-0b14-a6c8-5d12-e990-41fb\n", "known.txt:1:3: " SHAPE},
		{"a " F1 " b\n", "known.txt:1:43: one hospital a line"},
		{"  -a " F1 "\n", "known.txt:1:3: is not the name of a hospital"},
		{"a\r\nb " F1 "\n", "known.txt:1:2: " SHAPE},
		{"a " F1 "\r", "known.txt:1:3: " SHAPE},
		{F1 " a\n", "known.txt:1:41: " SHAPE},
		{"st anna " F1 "\n", "known.txt:1:4: " SHAPE},
		{"\xef\xbb\xbf"
	         "a " F1 "\n",
	         "known.txt:1:1: is not the name of a hospital"},
		{"a " F1 "\n\nA " F2 "\n", "known.txt:3:1: A stands in line 1 already"},
		{"a " F1 "\nb  " F1 "\n",
	         "known.txt:2:4: is the fingerprint of a in line 1: two hospitals have two keys"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct diag why = {{0}};
		struct known_sites k;

		assert_int_equal(known_sites_parse(&k, bytes_text(cases[i].text), "known.txt", &why), ERR_CONFIG);
		if (strncmp(why.text, cases[i].line, strlen(cases[i].line)) != 0)
			fail_msg("%s\n   got %s\nwanted %s", cases[i].text, why.text, cases[i].line);
		assert_null(k.sites);
	}
}

static void test_a_name_of_its_longest_and_one_more(void **state)
{
	char text[200];
	struct diag why = {{0}};
	struct known_sites k;

	(void)state;
	snprintf(text, sizeof text, "%064d %s\n", 7, F1);
	parsed(&k, text);
	assert_int_equal(strlen(k.sites[0].name), NAME_SIZE - 1);
	known_sites_free(&k);
	snprintf(text, sizeof text, "%065d %s\n", 7, F1);
	assert_int_equal(known_sites_parse(&k, bytes_text(text), "known.txt", &why), ERR_CONFIG);
	assert_int_equal(known_sites_parse(&k, bytes_of("a\0b " F1 "\n", 44), "known.txt", &why), ERR_CONFIG);
}

/* Cut anywhere and with any bit changed: a list or a line of words. Each copy has its own length, so that a read behind it is seen. */
static void test_damaged_lists(void **state)
{
	static const char text[] = "# a list\na " F1 "\r\nb " F2 " # b\n";
	size_t len = sizeof text - 1;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++)
		for (int bit = 0; bit < 8; bit++) {
			char *copy = malloc(cut + 1);
			struct diag why = {{0}};
			struct known_sites k;
			enum err e;

			memcpy(copy, text, cut);
			if (cut > 0)
				copy[cut - 1] = (char)(copy[cut - 1] ^ (1 << bit));
			e = known_sites_parse(&k, bytes_of(copy, cut), "known.txt", &why);
			assert_true(e == OK || (e == ERR_CONFIG && why.text[0] != '\0'));
			known_sites_free(&k);
			free(copy);
		}
}

static void test_the_length_is_bounded(void **state)
{
	struct diag why = {{0}};
	struct known_sites k;
	struct buf text;

	(void)state;
	buf_init(&text, KNOWN_TEXT_MAX);
	for (unsigned i = 0; i < SITES_MAX; i++)
		buf_printf(&text, "s%u 0000-0000-0000-0000-0000-0000-0000-%04x\n", i, i);
	assert_int_equal(known_sites_parse(&k, buf_bytes(&text), "known.txt", &why), OK);
	assert_int_equal(k.count, SITES_MAX);
	known_sites_free(&k);
	buf_put_text(&text, "one-more " F1 "\n");
	assert_int_equal(known_sites_parse(&k, buf_bytes(&text), "known.txt", &why), ERR_LIMIT);
	assert_false(text.failed);
	buf_free(&text);
}

/* The list of `site`, as it was told: what identity_fingerprint prints. */
static void told(struct known_sites *k, const struct roster_site *site)
{
	char fingerprint[IDENTITY_FINGERPRINT_SIZE], line[NAME_SIZE + IDENTITY_FINGERPRINT_SIZE + 2];

	identity_fingerprint(fingerprint, site->key);
	snprintf(line, sizeof line, "%s %s\n", site->name, fingerprint);
	parsed(k, line);
}

static void test_known_by_name_and_key(void **state)
{
	struct roster_site site = {.number = 11, .name = "st-anna"}, other;
	struct known_sites k;

	(void)state;
	for (int i = 0; i < ROSTER_KEY_SIZE; i++)
		site.key[i] = (uint8_t)(7 * i + 1);
	told(&k, &site);
	assert_true(known_sites_has(&k, &site));
	other = site;
	memcpy(other.name, "st-hana", 8);
	assert_false(known_sites_has(&k, &other)); /* the key under another name */
	for (int i = 0; i < ROSTER_KEY_SIZE; i++) {
		other = site;
		other.key[i] ^= 1;
		assert_false(known_sites_has(&k, &other));
	}
	known_sites_free(&k);
}

static void test_another_key_under_a_known_name(void **state)
{
	struct roster_site sites[3] = {
		{.number = 11, .name = "a"}, {.number = 18, .name = "b"}, {.number = 25, .name = "c"}};
	struct roster roster = {.version = 7, .sites = sites, .count = 3};
	char fingerprint[IDENTITY_FINGERPRINT_SIZE], changed[IDENTITY_FINGERPRINT_SIZE];
	struct diag words = {{0}};
	struct known_sites k;

	(void)state;
	sites[1].key[5] = 9;
	told(&k, &sites[1]);
	assert_null(known_sites_impostor(&k, &roster, &words));
	assert_string_equal(words.text, "");
	identity_fingerprint(fingerprint, sites[1].key);
	sites[1].key[5] = 8;
	identity_fingerprint(changed, sites[1].key);
	assert_ptr_equal(known_sites_impostor(&k, &roster, &words), &sites[1]);
	assert_non_null(strstr(words.text, "roster 7 gives b the key"));
	assert_non_null(strstr(words.text, changed));
	assert_non_null(strstr(words.text, fingerprint));
	assert_ptr_equal(known_sites_impostor(&k, &roster, NULL), &sites[1]);
	known_sites_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_list_is_read),
		cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_a_name_of_its_longest_and_one_more),
		cmocka_unit_test(test_damaged_lists),
		cmocka_unit_test(test_the_length_is_bounded),
		cmocka_unit_test(test_known_by_name_and_key),
		cmocka_unit_test(test_another_key_under_a_known_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
