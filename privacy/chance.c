/* The random octets of chances: keys from the entropy, expanded by libsodium's ChaCha20. */
#include "privacy/chance.h"

#include "base/secret.h"

#include <sodium.h>

#define STACK_WIPED 4096 /* the cipher's vector code spills its state, with the key, there */
_Static_assert(CHANCE_KEY == crypto_stream_chacha20_ietf_KEYBYTES, "a key of ChaCha20");

void chance_open(struct chance *c, const struct entropy *entropy)
{
	c->entropy = entropy;
	c->used = CHANCE_BLOCK;
}

void chance_refill(struct chance *c)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t key[CHANCE_KEY];

	entropy_fill(c->entropy, key, sizeof key);
	crypto_stream_chacha20_ietf(c->block, CHANCE_BLOCK, nonce, key);
	secret_wipe(key, sizeof key);
	c->used = 0;
}

void chance_close(struct chance *c)
{
	secret_wipe(c, sizeof *c);
	sodium_stackzero(STACK_WIPED);
}
