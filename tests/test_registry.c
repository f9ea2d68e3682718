/* certs/registry: the book's rules, kept in memory and demanded of the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/name.h"
#include "certs/registry.h"
#include "tests/support/tempdir.h"

static struct tempdir t;
static struct registry r;

static const struct ca_leaf leaf = {"0123456789abcdef0123456789abcdef", 1000, 2000};
static char host[] = "cohort.example.org", address[] = "::1";
static char *const hosts[] = {host, address};

static struct enrol_request request(const char *name, uint8_t key)
{
	struct enrol_request q = {.signing_key = {key}, .tls_key = {key, 7}};
	memcpy(q.name, name, strlen(name) + 1);
	return q;
}

static void enrol(const char *name, uint8_t key)
{
	const struct enrol_request q = request(name, key);
	const struct registry_site *s = registry_enrol(&r, &q, 500);
	registry_issued(&r, &leaf, s->number, q.tls_key, NULL, 0);
}

/* Two sites, one of them revoked, and a coordinator. */
static int setup(void **state)
{
	(void)state;
	tempdir_make(&t);
	registry_new(&r, "heart");
	registry_issued(&r, &leaf, REGISTRY_COORDINATOR, (const uint8_t[ENROL_TLS_KEY_SIZE]){9}, hosts, 2);
	enrol("St-Mary", 1);
	enrol("b", 2);
	assert_int_equal(registry_revoke(&r, 1, 700), 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	registry_free(&r);
	tempdir_remove(&t);
	return 0;
}

static void what_is_found(void **state)
{
	(void)state;
	assert_null(registry_enrolled(&r, "st-mary")); /* revoked */
	assert_int_equal(registry_last(&r, "ST-MARY")->number, 1);
	assert_int_equal(registry_enrolled(&r, "B")->number, 2);
	assert_null(registry_last(&r, "c"));
	assert_int_equal(registry_key(&r, (const uint8_t[IDENTITY_KEY_SIZE]){1})->number, 1);
	assert_null(registry_key(&r, (const uint8_t[IDENTITY_KEY_SIZE]){3}));
	assert_int_equal(registry_tls_key(&r, (const uint8_t[ENROL_TLS_KEY_SIZE]){2, 7})->site, 2);
	assert_null(registry_tls_key(&r, (const uint8_t[ENROL_TLS_KEY_SIZE]){2}));
	assert_null(registry_newest(&r, 1));
	assert_ptr_equal(registry_newest(&r, 2), &r.certificates[2]);
	assert_string_equal(registry_owner(&r, &r.certificates[0]), "coordinator");
	assert_string_equal(registry_owner(&r, &r.certificates[1]), "St-Mary");
}

static void what_is_published(void **state)
{
	(void)state;
	struct roster roster;
	struct ca_revoked *revoked;

	assert_int_equal(r.roster_version, 4);
	registry_roster(&r, &roster);
	assert_int_equal(roster.version, 4);
	assert_int_equal(roster.count, 1);
	assert_int_equal(roster.sites[0].number, 2);
	assert_string_equal(roster.sites[0].name, "b");
	roster_free(&roster);
	assert_int_equal(registry_revoked(&r, &revoked), 1);
	assert_string_equal(revoked[0].serial, leaf.serial);
	assert_int_equal(revoked[0].revoked_s, 700);
	free(revoked);
	assert_int_equal(registry_revoke(&r, 1, 800), 0); /* again: nothing changes */
	assert_int_equal(r.roster_version, 4);
	assert_int_equal(r.sites[0].revoked_s, 700);
	enrol("st-mary", 3); /* under the same name: a new number */
	assert_int_equal(registry_enrolled(&r, "St-Mary")->number, 3);
	assert_int_equal(r.roster_version, 5);
	assert_int_equal(registry_revoke(&r, REGISTRY_COORDINATOR, 900), 1);
	assert_int_equal(r.roster_version, 5);
}

static enum err save(void)
{
	struct diag why = {0};
	return registry_save(&r, tempdir_path(&t, "index.json"), &why);
}

static enum err load(struct registry *out, struct diag *why)
{
	return registry_load(out, tempdir_path(&t, "index.json"), why);
}

static void the_file_brings_all_back(void **state)
{
	(void)state;
	struct registry again;
	struct diag why = {0};

	assert_int_equal(save(), OK);
	assert_int_equal(load(&again, &why), OK);
	assert_string_equal(again.federation, "heart");
	assert_int_equal(again.roster_version, 4);
	assert_int_equal(again.site_count, 2);
	assert_memory_equal(again.sites, r.sites, 2 * sizeof(*r.sites));
	assert_int_equal(again.certificate_count, 3);
	assert_string_equal(again.certificates[0].hosts[1], "::1");
	assert_int_equal(again.certificates[0].host_count, 2);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(again.certificates[i].site, r.certificates[i].site);
		assert_int_equal(again.certificates[i].revoked_s, r.certificates[i].revoked_s);
		assert_memory_equal(&again.certificates[i].leaf, &leaf, sizeof(leaf));
		assert_memory_equal(again.certificates[i].tls_key, r.certificates[i].tls_key, ENROL_TLS_KEY_SIZE);
	}
	registry_free(&again);
}

/* The first `from` in the saved file becomes `to`. */
static void edit(const char *from, const char *to)
{
	assert_int_equal(save(), OK);
	const char *text = tempdir_read(&t, "index.json", NULL), *place = strstr(text, from);
	assert_non_null(place);
	struct buf out;
	buf_init(&out, REGISTRY_MAX);
	buf_put(&out, bytes_of(text, (size_t)(place - text)));
	buf_put_text(&out, to);
	buf_put_text(&out, place + strlen(from));
	tempdir_write(&t, "index.json", buf_text(&out));
	buf_free(&out);
}

static void an_edited_book_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *words;
	} cases[] = {
		{"\"number\": 2", "\"number\": 3", "sites[1]: number 3 stands where 2 belongs"},
		{"\"number\": 2", "\"number\": 1", "sites[1]: number 1 stands"},
		{"\"name\": \"b\"", "\"name\": \"b/c\"", "no site name"},
		{"\"revoked_s\": 700", "\"revoked_s\": -1", "revoked_s"},
		{"\"key\": \"02", "\"key\": \"01", "the key of b stands twice"},
		{"\"key\": \"02", "\"key\": \"2", "\"key\" is not hexadecimal"},
		{"\"serial\": \"01", "\"serial\": \"1", "32 hexadecimal digits"},
		{"\"site\": 2", "\"site\": 3", "site"},
		{"\"format\": 1", "\"format\": 2", "newer cohort-ca"},
		{"\"federation\": \"heart\"", "\"federation\": \"He\"", "federation name"},
		{"cohort.example.org", "cohort_example", "hosts[0] is no host name"},
		{"\"crl_number\": 0", "\"crl_number\": 0, \"extra\": 1", "extra"},
		{"\"roster_version\": 4", "\"roster_version\": 0", "roster_version"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct registry again, empty = {0};
		struct diag why = {0};
		edit(cases[i].from, cases[i].to);
		assert_int_equal(load(&again, &why), ERR_DATA);
		if (!strstr(why.text, cases[i].words) || !strstr(why.text, "index.json"))
			fail_msg("\"%s\" does not say \"%s\"", why.text, cases[i].words);
		assert_memory_equal(&again, &empty, sizeof(empty));
	}
}

static void two_of_one_name_are_refused(void **state)
{
	(void)state;
	struct registry again;
	struct diag why = {0};

	enrol("ST-MARY", 3);
	edit("\"revoked_s\": 700", "\"revoked_s\": null"); /* the first one is back */
	assert_int_equal(load(&again, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "ST-MARY is enrolled twice"));
}

static void a_revoked_site_keeps_no_certificate(void **state)
{
	(void)state;
	struct registry again;
	struct diag why = {0};

	r.certificates[1].revoked_s = 0;
	assert_int_equal(save(), OK);
	assert_int_equal(load(&again, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "is not revoked, but its site St-Mary is"));
}

/* Cut anywhere or with any byte changed: refused, or a book that keeps the rules. */
static void malformed_books(void **state)
{
	(void)state;
	size_t length;
	struct registry again;
	struct diag why = {0};

	r.certificate_count = 2; /* below 2 KiB; the third has no hosts to free */
	assert_int_equal(save(), OK);
	const char *text = tempdir_read(&t, "index.json", &length);
	assert_true(length < 2048);
	for (size_t n = 0; n < length - 1; n++) { /* only the last newline may be missing */
		tempdir_write_bytes(&t, "index.json", bytes_of(text, n));
		assert_int_not_equal(load(&again, &why), OK);
	}
	char *flipped = malloc(length);
	memcpy(flipped, text, length);
	for (size_t i = 0; i < length; i++) {
		flipped[i] ^= (char)(1 << (i % 7));
		tempdir_write_bytes(&t, "index.json", bytes_of(flipped, length));
		if (load(&again, &why) == OK) {
			assert_int_equal(again.site_count, 2);
			assert_true(again.sites[0].number == 1 && again.sites[1].number == 2);
			assert_int_not_equal(name_compare(again.sites[0].name, again.sites[1].name), 0);
			registry_free(&again);
		}
		flipped[i] ^= (char)(1 << (i % 7));
	}
	free(flipped);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_found),
		CASE(what_is_published),
		CASE(the_file_brings_all_back),
		CASE(an_edited_book_is_refused),
		CASE(two_of_one_name_are_refused),
		CASE(a_revoked_site_keeps_no_certificate),
		CASE(malformed_books),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
