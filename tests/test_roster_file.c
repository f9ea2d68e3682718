/* The roster as it was last fetched: believed again only with the authority's signature. */
#include "base/file.h"
#include "client/roster_file.h"
#include "tests/support/credentials.h"
#include "tests/support/signed_roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct fixture {
	struct tempdir dir;
	struct made ca, other;
	struct roster_site site;
	struct buf file;
	struct diag why;
} f;

static int make(void **state)
{
	struct roster r = {.version = 3, .federation = CREDENTIALS_FEDERATION, .sites = &f.site, .count = 1};

	(void)state;
	memset(&f, 0, sizeof f);
	tempdir_make(&f.dir);
	credential_authority(&f.dir, "ca", &f.ca);
	credential_authority(&f.dir, "other", &f.other);
	f.site.number = 11;
	strcpy(f.site.name, "north");
	signed_roster(&f.file, &f.ca, &r);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	buf_free(&f.file);
	certificate_free(&f.ca);
	certificate_free(&f.other);
	tempdir_remove(&f.dir);
	return 0;
}

static enum err load(const char *authority)
{
	struct roster r;
	enum err e = roster_file_load(&r, tempdir_path(&f.dir, NULL), tempdir_path(&f.dir, authority), &f.why);

	if (e == OK) {
		assert_int_equal(r.version, 3);
		assert_non_null(roster_find(&r, "north"));
	} else {
		assert_int_equal(r.count, 0);
		assert_null(r.sites);
	}
	roster_free(&r);
	return e;
}

static void test_stored_and_loaded(void **state)
{
	(void)state;
	assert_int_equal(load("ca.pem"), ERR_NO_INPUT);
	assert_int_equal(roster_file_store(tempdir_path(&f.dir, NULL), buf_bytes(&f.file), &f.why), OK);
	assert_int_equal(load("ca.pem"), OK);
	assert_int_equal(load("other.pem"), ERR_REFUSED);
	assert_int_equal(load("gone.pem"), ERR_NO_INPUT);
}

static void test_changed(void **state)
{
	char *name;

	(void)state;
	buf_text(&f.file);
	name = strstr((char *)f.file.ptr, "north");
	memcpy(name, "south", 5);
	assert_int_equal(roster_file_store(tempdir_path(&f.dir, NULL), buf_bytes(&f.file), &f.why), OK);
	assert_int_equal(load("ca.pem"), ERR_REFUSED);
	assert_int_equal(roster_file_store(tempdir_path(&f.dir, NULL), bytes_of(f.file.ptr, 30), &f.why), OK);
	assert_int_equal(load("ca.pem"), ERR_DATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stored_and_loaded, make, unmake),
		cmocka_unit_test_setup_teardown(test_changed, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
