/* The hospital's signing key: what it signs is what the roster's key verifies, and no other key than the certified one is taken. */
#include "client/signer.h"
#include "net/enrol.h"
#include "net/pki.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct fixture {
	struct tempdir dir;
	struct identity self;
	struct signer signer;
	struct diag why;
} f;

static int make(void **state)
{
	struct enrol_request request;

	(void)state;
	memset(&f, 0, sizeof f);
	tempdir_make(&f.dir);
	if (enrol_create(&request, tempdir_path(&f.dir, "keys"), "st-mary", NULL, &f.why) != OK)
		fail_msg("%s", f.why.text);
	strcpy(f.self.name, "st-mary");
	memcpy(f.self.signing_key, request.signing_key, IDENTITY_KEY_SIZE);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	signer_close(&f.signer);
	tempdir_remove(&f.dir);
	return 0;
}

static void test_it_signs(void **state)
{
	uint8_t signature[KEYS_SIGNATURE_SIZE];
	struct bytes message = bytes_text("COHRTadv of an attempt");
	struct secagg_signer s;

	(void)state;
	if (signer_open(&f.signer, tempdir_path(&f.dir, "keys/sign.key"), &f.self, &f.why) != OK)
		fail_msg("%s", f.why.text);
	s = signer_callback(&f.signer);
	s.sign(s.context, signature, message);
	assert_true(keys_verify(f.self.signing_key, message, signature));
	assert_false(keys_verify(f.self.signing_key, bytes_text("another"), signature));
}

static void test_another_key(void **state)
{
	char certified[IDENTITY_FINGERPRINT_SIZE];

	(void)state;
	f.self.signing_key[31] ^= 1;
	identity_fingerprint(certified, f.self.signing_key);
	assert_int_equal(signer_open(&f.signer, tempdir_path(&f.dir, "keys/sign.key"), &f.self, &f.why), ERR_CONFIG);
	assert_non_null(strstr(f.why.text, "sign.key: has the fingerprint "));
	assert_non_null(strstr(f.why.text, certified));
	assert_null(f.signer.key.ptr);
}

static void test_no_such_key(void **state)
{
	(void)state;
	assert_int_equal(signer_open(&f.signer, tempdir_path(&f.dir, "gone.key"), &f.self, &f.why), ERR_NO_INPUT);
	assert_int_equal(signer_open(&f.signer, tempdir_path(&f.dir, "keys/site.key"), &f.self, &f.why), ERR_DATA);
	assert_non_null(strstr(f.why.text, "site.key: the key is EC, an Ed25519 key is needed"));
	assert_null(f.signer.key.ptr);
	assert_int_equal(chmod(tempdir_path(&f.dir, "keys/sign.key"), 0644), 0);
	assert_int_equal(signer_open(&f.signer, tempdir_path(&f.dir, "keys/sign.key"), &f.self, &f.why), ERR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_it_signs, make, unmake),
		cmocka_unit_test_setup_teardown(test_another_key, make, unmake),
		cmocka_unit_test_setup_teardown(test_no_such_key, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
