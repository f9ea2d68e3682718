#include "client/signer.h"

#include "net/pki.h"

#include <string.h>

#define SEED_SIZE (KEYS_IDENTITY_SECRET_SIZE - KEYS_IDENTITY_PUBLIC_SIZE)

enum err signer_open(struct signer *out, const char *path, const struct identity *self, struct diag *why)
{
	char ours[IDENTITY_FINGERPRINT_SIZE], certified[IDENTITY_FINGERPRINT_SIZE];
	enum err e;

	*out = (struct signer){0};
	e = pki_signing_secret(&out->key, path, why);
	if (e != OK)
		return e;
	CHECK(out->key.len == KEYS_IDENTITY_SECRET_SIZE);
	if (memcmp(out->key.ptr + SEED_SIZE, self->signing_key, IDENTITY_KEY_SIZE) == 0)
		return OK;
	identity_fingerprint(ours, out->key.ptr + SEED_SIZE);
	identity_fingerprint(certified, self->signing_key);
	signer_close(out);
	return diag_set(why, ERR_CONFIG, "%s: has the fingerprint %s, but the certificate of %s is for %s", path, ours,
	                self->name, certified);
}

void signer_close(struct signer *s)
{
	secret_free(&s->key);
}

static void sign(void *context, uint8_t signature[KEYS_SIGNATURE_SIZE], struct bytes message)
{
	const struct signer *s = context;

	keys_sign(signature, s->key.ptr, message);
}

struct secagg_signer signer_callback(struct signer *s)
{
	return (struct secagg_signer){.sign = sign, .context = s};
}
