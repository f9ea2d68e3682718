#include "tests/support/signed_roster.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct buf signature_over(const struct made *authority, struct bytes body)
{
	struct buf message, signature;
	size_t len = 0;
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	buf_init(&message, ROSTER_MAX);
	buf_put_text(&message, ROSTER_TAG);
	buf_put_field(&message, body);
	buf_init(&signature, ROSTER_SIGNATURE_MAX);
	assert_int_equal(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, authority->key), 1);
	assert_int_equal(EVP_DigestSign(md, NULL, &len, message.ptr, message.len), 1);
	uint8_t *at = buf_extend(&signature, len);
	assert_int_equal(EVP_DigestSign(md, at, &len, message.ptr, message.len), 1);
	signature.len = len;
	EVP_MD_CTX_free(md);
	buf_free(&message);
	return signature;
}

void signed_roster(struct buf *out, const struct made *authority, const struct roster *r)
{
	struct diag why = {{0}};
	struct buf body, signature;

	buf_init(&body, ROSTER_MAX);
	buf_init(out, ROSTER_MAX);
	if (roster_build(&body, r, &why) != OK)
		fail_msg("%s", why.text);
	signature = signature_over(authority, buf_bytes(&body));
	roster_join(out, buf_bytes(&body), buf_bytes(&signature));
	buf_free(&signature);
	buf_free(&body);
}
