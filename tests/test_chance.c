/*
 * privacy/chance: coins at every value of their deciding digits (all 2^16 of the first, and all of the second where the first
 * leaves it open), so that exactness is counted and not estimated; exp(-a / b) against expl; what is taken of the entropy, and
 * what remains of it.
 */
#include "base/secret.h"
#include "privacy/chance.h"
#include "tests/support/chi_square.h"
#include "tests/support/child.h"
#include "tests/support/remains.h"
#include "tests/support/sanitized.h"

#include <math.h>
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

#define DIGITS 65536
#define VEIL 0x5a
#define Z_1_IN_100000 4.417 /* two sides of a standard normal */

__extension__ typedef unsigned __int128 wide;

static struct chance c;

/* ---- injected entropy: keys of a seeded stream, counted */

struct counting {
	struct rng r;
	uint32_t fills, octets;
};

static void fill_counted(void *context, uint8_t *out, size_t len)
{
	struct counting *counting = context;

	rng_octets(&counting->r, out, len);
	counting->fills++;
	counting->octets += (uint32_t)len;
}

static struct entropy counted(struct counting *counting, uint64_t seed)
{
	*counting = (struct counting){0};
	rng_seeded(&counting->r, seed, "entropy");
	return (struct entropy){.fill = fill_counted, .context = counting};
}

/* A block that begins with these digits. */
static void play(const uint16_t *digits, size_t count)
{
	CHECK(2 * count <= CHANCE_BLOCK);
	c.used = 0;
	for (size_t i = 0; i < count; i++) {
		c.block[2 * i] = (uint8_t)digits[i];
		c.block[2 * i + 1] = (uint8_t)(digits[i] >> 8);
	}
}

/* ---- coins a / b */

/* Of all values of digit number `place`, those that decide for yes and for no; the one that does not is left there. */
static void count_digit(uint16_t *digits, size_t place, uint64_t a, uint64_t b, uint32_t *yes, uint32_t *no,
                        uint32_t *open)
{
	uint16_t open_digit = 0;

	*yes = *no = *open = 0;
	for (uint32_t digit = 0; digit < DIGITS; digit++) {
		digits[place] = (uint16_t)digit;
		play(digits, place + 2);
		bool fell = chance_ratio(&c, a, b);
		if (c.used > 2 * (place + 1)) {
			open_digit = (uint16_t)digit;
			++*open;
		} else {
			*(fell ? yes : no) += 1;
		}
	}
	digits[place] = open_digit;
}

/* Digit after digit: exactly floor(2^16 a / b) values say yes, at most one leaves it open, for the remainder. */
static void expect_exact(uint64_t a, uint64_t b)
{
	uint16_t digits[8] = {0};
	uint64_t left = a;

	for (size_t place = 0; place < 3; place++) {
		uint32_t yes, no, open;
		uint64_t whole = (uint64_t)(((wide)left << 16) / b), rest = (uint64_t)(((wide)left << 16) % b);
		count_digit(digits, place, a, b, &yes, &no, &open);
		assert_int_equal(yes, whole);
		assert_int_equal(open, rest > 0);
		assert_int_equal(no, DIGITS - whole - (rest > 0));
		if (rest == 0)
			return;
		left = rest;
	}
}

static void ratios_are_exact(void **state)
{
	(void)state;
	const uint64_t ratios[][2] = {
		{0, 1},
		{1, 1},
		{1, 2},
		{1, 3},
		{2, 3},
		{5, 7},
		{1, 65536},
		{65535, 65536},
		{1, 65537},
		{65536, 65537},
		{1, 1ull << 40},
		{12345678901, 1000000000000},
		{(1ull << 54) - 1, 1ull << 54},
		{1, UINT64_MAX},
		{UINT64_MAX / 2, UINT64_MAX},
		{UINT64_MAX - 1, UINT64_MAX},
		{UINT64_MAX, UINT64_MAX},
	};
	for (size_t i = 0; i < sizeof ratios / sizeof ratios[0]; i++)
		expect_exact(ratios[i][0], ratios[i][1]);
}

/* a / b to `count` digits, and whether anything is left behind them. */
static bool expand(uint16_t *digits, size_t count, uint64_t a, uint64_t b)
{
	for (size_t i = 0; i < count; i++) {
		digits[i] = (uint16_t)(((wide)a << 16) / b);
		a = (uint64_t)(((wide)a << 16) % b);
	}
	return a > 0;
}

/* A number that differs from a / b in digit 200 alone lies on the right side of it. */
static void comparisons_go_on(void **state)
{
	(void)state;
	enum { LONG = 200 };
	uint16_t digits[LONG];
	struct rng r;
	rng_seeded(&r, 1, "ratios");
	for (int i = 0; i < 1000; i++) {
		uint64_t b = 3 + (rng_u64(&r) >> rng_below(&r, 62)), a = 1 + rng_below(&r, b - 1);
		if (!expand(digits, LONG, a, b) || digits[LONG - 1] == 0 || digits[LONG - 1] == UINT16_MAX)
			continue;
		digits[LONG - 1]--;
		play(digits, LONG);
		assert_true(chance_ratio(&c, a, b));
		assert_int_equal(c.used, 2 * LONG);
		digits[LONG - 1] += 2;
		play(digits, LONG);
		assert_false(chance_ratio(&c, a, b));
		assert_int_equal(c.used, 2 * LONG);
	}
}

/* ---- numbers below a bound */

static void play_u64(const uint64_t *words, size_t count)
{
	c.used = 0;
	for (size_t i = 0; i < count; i++)
		store_u64(c.block + 8 * i, words[i]);
}

/* 2^64 mod 3 2^62 is 2^62: of four words in a row one is refused, and the other three give three values. Without the refusal
 * one value in three would come twice as often. */
static void refusals_below(void **state)
{
	(void)state;
	const uint64_t bound = (uint64_t)3 << 62;
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t base = 4 * (i * 0x9e3779b97f4a7c15u / 8), values[4];
		unsigned refused = 0;
		for (uint64_t j = 0; j < 4; j++) {
			const uint64_t words[2] = {base + j, 0x8000000000000002}; /* the second is never refused */
			play_u64(words, 2);
			values[j - refused] = chance_below(&c, bound);
			refused += c.used == 16;
		}
		assert_int_equal(refused, 1);
		assert_true(values[0] == base / 4 * 3);
		assert_true(values[1] == values[0] + 1 && values[2] == values[0] + 2);
	}
}

static void uniform_below(void **state)
{
	(void)state;
	enum { DRAWS = 200000 };
	const uint64_t bounds[] = {1, 2, 3, 10, 97};
	struct counting counting;
	struct entropy e = counted(&counting, 2);
	chance_open(&c, &e);
	for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
		uint32_t seen[97] = {0};
		for (int n = 0; n < DRAWS; n++) {
			uint64_t x = chance_below(&c, bounds[i]);
			assert_true(x < bounds[i]);
			seen[x]++;
		}
		if (bounds[i] > 1)
			assert_true(chi_square(seen, bounds[i], DRAWS / (double)bounds[i]) <
			            chi_square_limit(bounds[i] - 1));
	}
	chance_close(&c);
}

/* ---- coins exp(-a / b) */

static void expect_share(uint32_t fell, uint32_t draws, long double probability)
{
	double expected = (double)(draws * probability);
	double deviation = sqrt((double)(draws * probability * (1 - probability)));

	if (!(fabs(fell - expected) <= Z_1_IN_100000 * deviation))
		fail_msg("%u of %u fell, expected %.1f +- %.1f", fell, draws, expected, deviation);
}

static void exponentials(void **state)
{
	(void)state;
	const uint64_t exponents[][2] = {
		{0, 1},
		{1, 1},
		{1, 2},
		{1, 1000},
		{999, 1000},
		{3, 2},
		{2, 1},
		{5, 1},
		{17, 4},
		{9, 1},
		{(1ull << 55) - 1, 1ull << 55},
		{1ull << 54, 1ull << 55},
		{1ull << 57, 1ull << 55},
		{3, 1ull << 55},
	};
	const uint32_t draws = SANITIZED ? 100000 : 500000;
	struct counting counting;
	struct entropy e = counted(&counting, 3);
	chance_open(&c, &e);
	for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
		uint64_t a = exponents[i][0], b = exponents[i][1];
		uint32_t fell = 0;
		for (uint32_t n = 0; n < draws; n++)
			fell += chance_exp(&c, a, b);
		expect_share(fell, draws, expl(-(long double)a / (long double)b));
	}
	uint32_t fell = 0;
	for (uint32_t n = 0; n < draws; n++)
		fell += chance_exp_one(&c);
	expect_share(fell, draws, expl(-1));
	for (uint32_t n = 0; n < 100; n++) /* an exponent of 2^76 is worked off from its beginning: never a wrap */
		assert_false(chance_exp(&c, (chance_wide)1 << 76, 1));
	chance_close(&c);
}

/* The digits decide: exp(-1/2) by hand. 1/2 says yes below 32768, then 1/4 below 16384, then 1/6 below 10922 (10922 is open). */
static void algorithm_1(void **state)
{
	(void)state;
	const struct {
		uint16_t digits[4];
		uint32_t used;
		bool falls;
	} cases[] = {
		{{32768}, 1, true}, /* k = 1 */
		{{32767, 16384}, 2, false}, /* k = 2 */
		{{0, 16383, 10923}, 3, true}, /* k = 3 */
		{{32767, 0, 10921, 8192}, 4, false}, /* k = 4 */
		{{32767, 0, 10922, 43691}, 4, true}, /* the rest of 1/6 is 2/3 = 43690.67 / 65536: no at k = 3 */
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		play(cases[i].digits, 4);
		assert_true(chance_exp_part(&c, 1, 2) == cases[i].falls);
		assert_int_equal(c.used, 2 * cases[i].used);
	}
}

/* ---- the entropy */

static void consumption(void **state)
{
	(void)state;
	static uint8_t expected[2][CHANCE_BLOCK];
	struct counting counting;
	struct entropy e = counted(&counting, 4);
	struct rng keys, stream;
	uint8_t key[CHANCE_KEY];

	rng_seeded(&keys, 4, "entropy");
	for (int i = 0; i < 2; i++) { /* base/random's streams are the same cipher, held against the RFC there */
		rng_octets(&keys, key, sizeof key);
		rng_numbered(&stream, key, 0);
		rng_octets(&stream, expected[i], CHANCE_BLOCK);
	}
	chance_open(&c, &e);
	assert_int_equal(counting.fills, 0);
	for (size_t i = 0; i + 1 < CHANCE_BLOCK / 2; i++)
		assert_int_equal(chance_u16(&c), expected[0][2 * i] | expected[0][2 * i + 1] << 8);
	assert_int_equal(counting.octets, CHANCE_KEY);
	assert_true(chance_u64(&c) == load_u64(expected[1])); /* two octets are too few, and are left */
	assert_int_equal(counting.fills, 2);
	assert_int_equal(counting.octets, 2 * CHANCE_KEY);
	assert_int_equal(chance_u16(&c), expected[1][8] | expected[1][9] << 8);
	chance_close(&c);
	for (size_t i = 0; i < CHANCE_BLOCK; i++)
		assert_int_equal(c.block[i], 0);
}

/* ---- what remains */

enum needle { OF_KEY, OF_LANES, OF_USED, OF_UNUSED }; /* lanes: a word of the key in each lane of a vector register */

static struct remains remains;
static uint8_t veiled_key[CHANCE_KEY];
static const volatile uint8_t *key_at; /* where the key was put */

static void fill_unveiled(void *context, uint8_t *out, size_t len)
{
	(void)context;
	CHECK(len == CHANCE_KEY);
	for (size_t i = 0; i < len; i++)
		out[i] = veiled_key[i] ^ VEIL;
	key_at = out;
}

/* Remembers the key and two places of its stream, and wipes its own copies. */
static void remember(void)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	static uint8_t key[CHANCE_KEY], block[CHANCE_BLOCK], lanes[REMAINS_NEEDLE];

	randombytes_buf(key, sizeof key);
	crypto_stream_chacha20_ietf(block, sizeof block, nonce, key);
	remains_add(&remains, key);
	for (size_t i = 0; i < REMAINS_NEEDLE; i++)
		lanes[i] = key[i % 4];
	remains_add(&remains, lanes);
	remains_add(&remains, block);
	remains_add(&remains, block + CHANCE_BLOCK / 2);
	for (size_t i = 0; i < sizeof key; i++)
		veiled_key[i] = key[i] ^ VEIL;
	secret_wipe(key, sizeof key);
	secret_wipe(block, sizeof block);
	secret_wipe(lanes, sizeof lanes);
	sodium_stackzero(4096);
}

static void expect_found(unsigned block)
{
	remains_search(&remains);
	CHECK(remains.found[OF_KEY] == 0 && remains.found[OF_LANES] == 0);
	CHECK(remains.found[OF_USED] == block && remains.found[OF_UNUSED] == block);
}

static void draw(struct chance *drawn, const struct entropy *e)
{
	unsigned fell = 0, kept = 0;

	chance_open(drawn, e);
	for (int i = 0; i < 100; i++)
		fell += chance_exp_one(drawn);
	for (size_t i = 0; i < CHANCE_KEY; i++)
		kept += (uint8_t)(key_at[i] ^ VEIL) == veiled_key[i];
	CHECK(fell > 0 && kept < CHANCE_KEY);
}

/* The key goes as soon as it is expanded; closed, nothing is left, on the cipher's stack neither. While coins are drawn the
 * block is there: so the search finds it. */
static int draw_and_search(void)
{
	static struct chance drawn;
	const struct entropy e = {.fill = fill_unveiled};

	CHECK(sodium_init() >= 0);
	remember();
	draw(&drawn, &e);
	chance_close(&drawn);
	expect_found(0);
	draw(&drawn, &e);
	sodium_stackzero(4096);
	expect_found(1);
	return 0;
}

static void start_search(void *context)
{
	(void)context;
	execl("/proc/self/exe", "test_chance", "search", (char *)NULL);
	_exit(127);
}

static void nothing_left_behind(void **state)
{
	(void)state;
	static struct child child;
	if (SANITIZED) {
		printf("skipped: a sanitizer's own memory cannot be searched\n");
		skip();
	}
	child_run(&child, false, start_search, NULL);
	if (child.exit_code != 0)
		fail_msg("%s", child.output);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratios_are_exact), cmocka_unit_test(comparisons_go_on),
		cmocka_unit_test(refusals_below),   cmocka_unit_test(uniform_below),
		cmocka_unit_test(exponentials),     cmocka_unit_test(algorithm_1),
		cmocka_unit_test(consumption),      cmocka_unit_test(nothing_left_behind),
	};
	if (argc == 2 && strcmp(argv[1], "search") == 0)
		return draw_and_search();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
