/*
 * Secrets steer no branch and no index. Memcheck reports every jump and every address that depends on undefined memory,
 * so secrets are declared undefined (the trick is Adam Langley's ctgrind, 2010): what it then reports would take
 * another time for another secret. This program starts itself again under valgrind; inside, each case says how many
 * reports it caused. Controls that do branch and look up must be reported.
 *
 * Not seen by this: instructions whose own time depends on their operands (division; none are used on secrets).
 */
#include "base/hash.h"
#include "base/secret.h"
#include "crypto/keys.h"
#include "crypto/mask.h"
#include "crypto/seal.h"
#include "crypto/shamir.h"
#include "privacy/noise.h"
#include "privacy/quantize.h"
#include "tests/support/child.h"
#include "tests/support/sanitized.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAVE_MEMCHECK 1
#else
#define HAVE_MEMCHECK 0
#define VALGRIND_MAKE_MEM_UNDEFINED(at, n) ((void)(at), (void)(n))
#define VALGRIND_MAKE_MEM_DEFINED(at, n) ((void)(at), (void)(n))
#define VALGRIND_COUNT_ERRORS 0u
#endif

#define SUPPRESSIONS "--suppressions=tests/constant_time.supp"
#define T 40
#define WORDS 1000

static struct rng numbers;
static struct hash sid, u2h;

/* From here on it is secret. */
static void hide(void *at, size_t n)
{
	(void)VALGRIND_MAKE_MEM_UNDEFINED(at, n);
}

/* From here on it is public. */
static void show(void *at, size_t n)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(at, n);
}

static void fill_hidden(void *context, uint8_t *out, size_t n)
{
	(void)context;
	rng_octets(&numbers, out, n);
	hide(out, n);
}

static const struct entropy hidden = {.fill = fill_hidden};

static void draw(struct scalar *s, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		shamir_random(&s[i], &hidden);
}

/* ---- cases */

static void shamir_shares(void)
{
	static struct scalar a[T];
	struct scalar secret, share;
	draw(&secret, 1);
	draw(a, T);
	for (uint32_t x = 1; x < 300; x += 37)
		shamir_share(&share, &secret, a, T + 1, x);
	shamir_share(&share, &secret, a, T + 1, UINT32_MAX);
}

static void shamir_reconstruction(void)
{
	struct scalar weights[T], shares[T], secret;
	uint32_t x[T];
	for (uint32_t i = 0; i < T; i++)
		x[i] = 1 + 3 * i;
	CHECK(shamir_weights(weights, x, T) == OK);
	draw(shares, T);
	shamir_combine(&secret, weights, shares, T);
}

static void canonical_check(void)
{
	struct scalar s;
	draw(&s, 1);
	bool verdict = shamir_canonical(&s);
	show(&verdict, sizeof verdict);
	CHECK(verdict);
}

static void comparison(void)
{
	struct hash a, b;
	struct secret one = {a.b, sizeof a}, two = {b.b, sizeof b};
	struct scalar beta;
	bool verdicts[3];
	memset(&a, 5, sizeof a);
	b = a;
	hide(&a, sizeof a);
	hide(&b, sizeof b);
	verdicts[0] = hash_equal(&a, &b);
	verdicts[1] = secret_equal(&one, &two);
	draw(&beta, 1);
	verdicts[2] = keys_beta_matches(&beta, &sid, &u2h);
	show(verdicts, sizeof verdicts);
	CHECK(verdicts[0] && verdicts[1] && !verdicts[2]);
}

static void key_derivation(void)
{
	static struct keys_secrets low, high;
	struct adv low_adv, high_adv;
	uint8_t sending[KEYS_SIZE], receiving[KEYS_SIZE], mask[KEYS_SIZE];
	struct hash cmt;
	keys_draw(&low, &low_adv, &sid, 11, &hidden);
	keys_draw(&high, &high_adv, &sid, 25, &hidden);
	show(&low_adv, sizeof low_adv);
	show(&high_adv, sizeof high_adv);
	CHECK(keys_share_keys(sending, receiving, &low, &low_adv, &high_adv, &sid) == OK);
	CHECK(keys_share_keys(sending, receiving, &high, &high_adv, &low_adv, &sid) == OK);
	CHECK(keys_pair_mask(mask, low.s_sk, &low_adv, &high_adv, &sid, &u2h) == OK);
	CHECK(keys_pair_mask(mask, high.s_sk, &high_adv, &low_adv, &sid, &u2h) == OK);
	keys_self_mask(mask, &low.beta, 11, &sid, &u2h);
	keys_commitment(&cmt, &sid, &low.beta);
}

static void signing(void)
{
	uint8_t seed[32], pk[32], sk[64], signature[64];
	fill_hidden(NULL, seed, sizeof seed);
	crypto_sign_seed_keypair(pk, sk, seed);
	show(pk, sizeof pk);
	keys_sign(signature, sk, bytes_text("message"));
}

static void sealing(void)
{
	struct seal_label label = {.sid = &sid, .from = 11, .to = 25, .x = 2, .t = 2};
	const uint8_t nonce[SEAL_NONCE_SIZE] = {0};
	uint8_t key[KEYS_SIZE], ct[SEAL_SIZE];
	struct seal_shares shares;
	fill_hidden(NULL, key, sizeof key);
	draw(&shares.sigma, 1);
	draw(&shares.beta, 1);
	seal_close(ct, key, nonce, &label, &shares);
}

static void masking(void)
{
	static uint32_t x[WORDS];
	static uint8_t y[4 * WORDS];
	struct mask masks[3] = {{.subtract = true}};
	for (int i = 0; i < 3; i++)
		fill_hidden(NULL, masks[i].key, KEYS_SIZE);
	fill_hidden(NULL, (uint8_t *)x, sizeof x);
	for (uint32_t k = 1; k <= PACK_BITS_MAX; k++)
		mask_input(y, x, 0, WORDS, k, masks, 3);
	mask_add(x, 0, WORDS, masks, 3);
}

/* Sums over patients, beyond the clamp or not, and their noise. */
static void quantizing(void)
{
	static double values[WORDS];
	static int32_t noise[WORDS];
	static uint8_t octets[4 * WORDS];
	const struct noised n = {.grid = 0x1p-20, .clamp = 1u << 28};
	for (int i = 0; i < WORDS; i++)
		values[i] = rng_normal(&numbers) * 256;
	hide(values, sizeof values);
	fill_hidden(NULL, (uint8_t *)noise, sizeof noise);
	for (size_t count = 0; count < 20; count++)
		quantize_noised(octets, values, noise, count, &n);
	quantize_noised(octets, values, noise, WORDS, &n);
}

/* ---- controls: they must be reported */

/* It takes as long as its samples say, and is drawn before patients' data are looked at. */
static void control_noise(void)
{
	int32_t noise[10];
	noise_draw(noise, 10, 100, &hidden);
}

static volatile uint32_t sink;

static void control_branch(void)
{
	uint8_t octet;
	fill_hidden(NULL, &octet, 1);
	if (octet & 1)
		sink = 1;
}

static void control_index(void)
{
	static const uint8_t table[256] = {1, 2, 3};
	uint8_t octet;
	fill_hidden(NULL, &octet, 1);
	sink = table[octet];
}

static void control_comparison(void)
{
	uint8_t a[KEYS_SIZE], b[KEYS_SIZE] = {0};
	fill_hidden(NULL, a, sizeof a);
	if (bytes_equal(bytes_of(a, sizeof a), bytes_of(b, sizeof b)))
		sink = 2;
}

static const struct {
	const char *name;
	void (*run)(void);
	bool reported;
} cases[] = {
	{"shamir_shares", shamir_shares, false},
	{"shamir_reconstruction", shamir_reconstruction, false},
	{"canonical_check", canonical_check, false},
	{"comparison", comparison, false},
	{"key_derivation", key_derivation, false},
	{"signing", signing, false},
	{"sealing", sealing, false},
	{"masking", masking, false},
	{"quantizing", quantizing, false},
	{"control_noise", control_noise, true},
	{"control_branch", control_branch, true},
	{"control_index", control_index, true},
	{"control_comparison", control_comparison, true},
};
#define CASES (sizeof cases / sizeof cases[0])

static int inside(void)
{
	CHECK(sodium_init() >= 0);
	rng_seeded(&numbers, 1, "constant time");
	memset(&sid, 1, sizeof sid);
	memset(&u2h, 2, sizeof u2h);
	for (size_t i = 0; i < CASES; i++) {
		unsigned before = VALGRIND_COUNT_ERRORS;
		cases[i].run();
		fprintf(stderr, "\n@ %s %u\n", cases[i].name, VALGRIND_COUNT_ERRORS - before);
	}
	return 0;
}

static char self[4096];

static void start_inside(void *context)
{
	(void)context;
	execlp("valgrind", "valgrind", "-q", SUPPRESSIONS, self, "inside", (char *)NULL);
	_exit(127);
}

static void secrets_steer_nothing(void **state)
{
	(void)state;
	static struct child c;
	if (HAVE_MEMCHECK && !SANITIZED)
		child_run(&c, false, start_inside, NULL);
	if (!HAVE_MEMCHECK || SANITIZED || c.exit_code == 127) {
		printf("skipped: test_constant_time wants valgrind, with its headers, and a build without "
		       "sanitizers\n");
		skip();
	}
	for (size_t i = 0; i < CASES; i++) {
		char line[64];
		unsigned reports = 0;
		snprintf(line, sizeof line, "\n@ %s ", cases[i].name);
		const char *at = strstr(c.output, line);
		if (!at || sscanf(at + strlen(line), "%u", &reports) != 1)
			fail_msg("%s did not end:\n%s", cases[i].name, c.output);
		if ((reports > 0) != cases[i].reported)
			fail_msg("%s: %u reports\n%s", cases[i].name, reports, c.output);
	}
	assert_int_equal(c.exit_code, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(secrets_steer_nothing)};
	if (argc == 2 && strcmp(argv[1], "inside") == 0)
		return inside();
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	CHECK(n > 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
