/* base/hash: published vectors, a second BLAKE2b after RFC 7693, and the definition of H and KD. */
#include "base/hash.h"
#include "base/random.h"
#include "tests/support/child.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLAKE_BLOCK 128

static const uint64_t blake_iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                                     0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

static const uint8_t blake_sigma[10][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint64_t rotate_right(uint64_t x, unsigned n)
{
	return x >> n | x << (64 - n);
}

/* RFC 7693 section 3.1 */
static void blake_mix(uint64_t v[16], const uint8_t place[4], uint64_t x, uint64_t y)
{
	uint64_t *a = &v[place[0]], *b = &v[place[1]], *c = &v[place[2]], *d = &v[place[3]];

	*a += *b + x;
	*d = rotate_right(*d ^ *a, 32);
	*c += *d;
	*b = rotate_right(*b ^ *c, 24);
	*a += *b + y;
	*d = rotate_right(*d ^ *a, 16);
	*c += *d;
	*b = rotate_right(*b ^ *c, 63);
}

/* RFC 7693 section 3.2 */
static void blake_compress(uint64_t h[8], const uint8_t block[BLAKE_BLOCK], uint64_t counter, bool last)
{
	static const uint8_t places[8][4] = {{0, 4, 8, 12},  {1, 5, 9, 13},  {2, 6, 10, 14}, {3, 7, 11, 15},
	                                     {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13},  {3, 4, 9, 14}};
	uint64_t v[16], m[16];

	for (int i = 0; i < 8; i++) {
		v[i] = h[i];
		v[i + 8] = blake_iv[i];
	}
	for (int i = 0; i < 16; i++)
		m[i] = load_u64(block + 8 * i);
	v[12] ^= counter;
	if (last)
		v[14] = ~v[14];
	for (int round = 0; round < 12; round++)
		for (int g = 0; g < 8; g++)
			blake_mix(v, places[g], m[blake_sigma[round % 10][2 * g]],
			          m[blake_sigma[round % 10][2 * g + 1]]);
	for (int i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
}

/* RFC 7693 section 3.3, slow and plain: all blocks in one array. */
static void slow_blake(uint8_t *out, size_t out_len, struct bytes key, struct bytes data)
{
	size_t key_len = key.len ? BLAKE_BLOCK : 0;
	size_t total = key_len + data.len;
	size_t blocks = total ? (total + BLAKE_BLOCK - 1) / BLAKE_BLOCK : 1;
	uint8_t *padded = mem_array(blocks, BLAKE_BLOCK), word[8];
	uint64_t h[8];

	if (key.len)
		memcpy(padded, key.ptr, key.len);
	if (data.len)
		memcpy(padded + key_len, data.ptr, data.len);
	memcpy(h, blake_iv, sizeof h);
	h[0] ^= 0x01010000 ^ key.len << 8 ^ out_len;
	for (size_t i = 0; i < blocks; i++) {
		bool last = i == blocks - 1;
		blake_compress(h, padded + i * BLAKE_BLOCK, last ? total : (i + 1) * BLAKE_BLOCK, last);
	}
	for (size_t i = 0; i < out_len; i++) {
		store_u64(word, h[i / 8]);
		out[i] = word[i % 8];
	}
	free(padded);
}

/* RFC 7693 appendix E: Fibonacci-like input. */
static void selftest_sequence(uint8_t *out, size_t len, uint32_t seed)
{
	uint32_t a = 0xdead4bad * seed, b = 1;

	for (size_t i = 0; i < len; i++) {
		uint32_t t = a + b;
		a = b;
		b = t;
		out[i] = (uint8_t)(t >> 24);
	}
}

/* The second implementation passes the RFC's own self test, so it may judge the first. */
static void test_reference(void **state)
{
	static const uint8_t out_lens[] = {20, 32, 48, 64};
	static const uint16_t in_lens[] = {0, 3, 128, 129, 255, 1024};
	static const char expected[] = "c23a7800d98123bd10f506c61e29da5603d763b8bbad2e737f5e765a7bccd475";
	uint8_t in[1024], key[64], digest[64], answer[32];
	char hex[65];
	struct buf all;

	(void)state;
	buf_init(&all, 1 << 16);
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 6; j++) {
			selftest_sequence(in, in_lens[j], in_lens[j]);
			slow_blake(digest, out_lens[i], bytes_of(NULL, 0), bytes_of(in, in_lens[j]));
			buf_put(&all, bytes_of(digest, out_lens[i]));
			selftest_sequence(key, out_lens[i], out_lens[i]);
			slow_blake(digest, out_lens[i], bytes_of(key, out_lens[i]), bytes_of(in, in_lens[j]));
			buf_put(&all, bytes_of(digest, out_lens[i]));
		}
	}
	slow_blake(answer, sizeof answer, bytes_of(NULL, 0), buf_bytes(&all));
	hex_encode(hex, bytes_of(answer, sizeof answer));
	assert_string_equal(hex, expected);
	buf_free(&all);

	/* RFC 7693 appendix A: BLAKE2b-512("abc") */
	slow_blake(digest, 64, bytes_of(NULL, 0), bytes_text("abc"));
	assert_memory_equal(digest, "\xba\x80\xa5\x3f\x98\x1c\x4d\x0d", 8);
}

static void assert_hex(const struct hash *h, const char *expected)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, h);
	assert_string_equal(hex, expected);
}

static void test_blake2b(void **state)
{
	uint8_t in[1000];
	struct hash h, slow;

	(void)state;
	hash_blake2b(&h, bytes_text("abc"));
	assert_hex(&h, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
	hash_blake2b(&h, bytes_of(NULL, 0));
	assert_hex(&h, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
	selftest_sequence(in, sizeof in, 5);
	for (size_t len = 0; len <= sizeof in; len++) {
		hash_blake2b(&h, bytes_of(in, len));
		slow_blake(slow.b, HASH_SIZE, bytes_of(NULL, 0), bytes_of(in, len));
		assert_true(hash_equal(&h, &slow));
	}
}

/* H(tag, a, b, ...) = BLAKE2b-256(tag || F(a) || F(b) ...), put together by hand and hashed by the reference. */
static void test_fields_definition(void **state)
{
	uint8_t in[300], key[32];
	struct hash h, slow;
	struct buf flat;

	(void)state;
	selftest_sequence(in, sizeof in, 6);
	selftest_sequence(key, sizeof key, 7);
	buf_init(&flat, 1 << 16);
	for (size_t count = 0; count <= 5; count++) {
		struct bytes fields[5];
		buf_clear(&flat);
		buf_put_text(&flat, "COHRTtst");
		for (size_t i = 0; i < count; i++) {
			fields[i] = bytes_of(in, (i * 131) % sizeof in);
			uint8_t len[4] = {(uint8_t)fields[i].len, (uint8_t)(fields[i].len >> 8), 0, 0};
			buf_put(&flat, bytes_of(len, 4));
			buf_put(&flat, fields[i]);
		}
		hash_fields(&h, NULL, "COHRTtst", fields, count);
		slow_blake(slow.b, HASH_SIZE, bytes_of(NULL, 0), buf_bytes(&flat));
		assert_true(hash_equal(&h, &slow));
		hash_fields(&h, key, "COHRTtst", fields, count);
		slow_blake(slow.b, HASH_SIZE, bytes_of(key, sizeof key), buf_bytes(&flat));
		assert_true(hash_equal(&h, &slow));
	}
	buf_free(&flat);
}

/* From Python: hashlib.blake2b(b"COHRTtst" + F(b"a") + F(b"") + F(b"bcd"), digest_size=32, key=...). */
static void test_fields_known(void **state)
{
	const struct bytes fields[] = {bytes_text("a"), bytes_of(NULL, 0), bytes_text("bcd")};
	uint8_t key[32];
	struct hash h;

	(void)state;
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	hash_fields(&h, NULL, "COHRTtst", fields, 3);
	assert_hex(&h, "1281606765b262cb5f46a51f01b240f5772bab3df8275b24743bc91b9dd4f7fb");
	hash_fields(&h, key, "COHRTtst", fields, 3);
	assert_hex(&h, "12a36594a81a289d2778c00a26b99bf3083ede238e8af64e16c970236ba6e925");
	hash_fields(&h, NULL, "COHRTtst", NULL, 0);
	assert_hex(&h, "3bfca98d9c57fc437c6bb8a7260dcdb3050d953311e7708fe0f9ccd51952e07a");
}

static void hash_with_short_tag(void *context)
{
	hash_fields(context, NULL, "short", NULL, 0);
}

static void test_fields_tag(void **state)
{
	struct hash h;

	(void)state;
	child_expect_check("HASH_TAG_SIZE", hash_with_short_tag, &h);
}

/* FIPS 180-4's examples (NIST, "SHA256.pdf" and "SHA2_Additional.pdf"). */
static void test_sha256(void **state)
{
	struct hash h;
	struct buf million;

	(void)state;
	sha256_of(&h, bytes_text("abc"));
	assert_hex(&h, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_of(&h, bytes_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"));
	assert_hex(&h, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	sha256_of(&h, bytes_of(NULL, 0));
	assert_hex(&h, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_of(&h, bytes_text("\xbd"));
	assert_hex(&h, "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
	buf_init(&million, 1000000);
	memset(buf_extend(&million, 1000000), 'a', 1000000);
	sha256_of(&h, buf_bytes(&million));
	assert_hex(&h, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	buf_free(&million);
}

/* However the data is cut, the hash is that of the whole; and a state is good for more than one hash. */
static void test_sha256_parts(void **state)
{
	uint8_t in[200];
	struct sha256 s = {0};
	struct hash whole, h;

	(void)state;
	selftest_sequence(in, sizeof in, 8);
	sha256_of(&whole, bytes_of(in, sizeof in));
	for (size_t first = 0; first <= sizeof in; first++) {
		size_t second = (sizeof in - first) / 3;
		sha256_init(&s);
		sha256_update(&s, bytes_of(in, first));
		sha256_update(&s, bytes_of(in + first, second));
		sha256_update(&s, bytes_of(in + first + second, sizeof in - first - second));
		sha256_final(&s, &h);
		assert_true(hash_equal(&h, &whole));
	}
	sha256_init(&s); /* left in the middle, then used again */
	sha256_update(&s, bytes_of(in, 7));
	sha256_init(&s);
	sha256_final(&s, &h);
	assert_hex(&h, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_free(&s);
	sha256_free(&s);
}

static void test_sha256_file(void **state)
{
	struct tempdir t;
	struct hash h, expected;
	struct diag why = {0};
	uint8_t *big = mem_alloc(200001);

	(void)state;
	tempdir_make(&t);
	selftest_sequence(big, 200001, 9);
	for (size_t len = 0; len <= 200001; len += len == 0 ? 65535 : 1 + len * 2 / 3) {
		tempdir_write_bytes(&t, "m.bin", bytes_of(big, len));
		assert_int_equal(sha256_file(&h, tempdir_path(&t, "m.bin"), &why), OK);
		sha256_of(&expected, bytes_of(big, len));
		assert_true(hash_equal(&h, &expected));
	}
	assert_int_equal(sha256_file(&h, tempdir_path(&t, "none"), &why), ERR_NO_INPUT);
	assert_non_null(strstr(why.text, "none: "));
	assert_int_equal(sha256_file(&h, t.path, &why), ERR_IO);
	assert_int_equal(sha256_file(&h, t.path, NULL), ERR_IO);
	free(big);
	tempdir_remove(&t);
}

static void test_hash_values(void **state)
{
	struct hash a = {{0}}, b = {{0}};
	char hex[HASH_HEX_SIZE];

	(void)state;
	assert_true(hash_is_zero(&a));
	for (int bit = 0; bit < 8 * HASH_SIZE; bit++) {
		b = a;
		b.b[bit / 8] = (uint8_t)(1 << bit % 8);
		assert_false(hash_is_zero(&b));
		assert_false(hash_equal(&a, &b));
		struct hash back;
		hash_hex(hex, &b);
		assert_true(hash_from_hex(&back, hex));
		assert_true(hash_equal(&back, &b));
	}
	assert_false(hash_from_hex(&a, "BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	assert_false(hash_from_hex(&a, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a"));
	assert_false(hash_from_hex(&a, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference),         cmocka_unit_test(test_blake2b),
		cmocka_unit_test(test_fields_definition), cmocka_unit_test(test_fields_known),
		cmocka_unit_test(test_fields_tag),        cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_sha256_parts),      cmocka_unit_test(test_sha256_file),
		cmocka_unit_test(test_hash_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
