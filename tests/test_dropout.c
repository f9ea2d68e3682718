/* model/dropout: the streams as the header defines them, and what they must never be the same for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "model/dropout.h"
#include "tests/support/models.h"

enum { DRAWS = 64 };

static void draws_of(uint8_t out[DRAWS], const struct hash *study, const char *site, uint32_t round, uint32_t layer)
{
	struct model_spec s = models_spec("dense 4, relu, dropout 0.2, dense 3, dropout 0.5, dense 1", 3, 1);
	struct dropout d;
	dropout_init(&d, &s);
	assert_int_equal(d.count, 2);
	dropout_begin(&d, study, site, round);
	rng_octets(&d.streams[layer], out, DRAWS);
	dropout_free(&d);
	dropout_free(&d); /* a freed one is a zeroed one */
}

/* Python, from the headers alone: hashlib.blake2b(digest_size=32) of b"COHRTdrp" and the three fields, each after its
 * length as u32le, is the key; `openssl enc -chacha20` of zeros with the iv struct.pack("<IIQ", 0, 0, d). */
static void known_streams(void **state)
{
	(void)state;
	static const char *const wanted[2] = {
		"ba6ce914c9fe146db35c17ad535f26e6",
		"546c3ecb7bdaa891482df19615dc06d2",
	};
	struct hash study;
	uint8_t got[DRAWS];
	char hex[33];
	memset(study.b, 7, sizeof study.b);
	for (uint32_t layer = 0; layer < 2; layer++) {
		draws_of(got, &study, "st-mary", 3, layer);
		hex_encode(hex, bytes_of(got, 16));
		assert_string_equal(hex, wanted[layer]);
	}
}

static void each_round_site_layer_and_study_has_its_own(void **state)
{
	(void)state;
	struct hash study = {{1}}, other = {{2}};
	uint8_t all[6][DRAWS];
	draws_of(all[0], &study, "st-mary", 1, 0);
	draws_of(all[1], &study, "st-mary", 1, 1);
	draws_of(all[2], &study, "st-mary", 2, 0);
	draws_of(all[3], &study, "st-luke", 1, 0);
	draws_of(all[4], &other, "st-mary", 1, 0);
	draws_of(all[5], &study, "st-mary", 1, 0);
	for (int i = 0; i < 5; i++)
		for (int k = 0; k < i; k++)
			assert_memory_not_equal(all[i], all[k], DRAWS);
	assert_memory_equal(all[5], all[0], DRAWS);
}

static void none_without_dropout(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 4, relu, dense 1", 3, 1);
	struct dropout d;
	dropout_init(&d, &s);
	dropout_begin(&d, NULL, NULL, 0);
	assert_null(d.streams);
	dropout_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_streams),
		cmocka_unit_test(each_round_site_layer_and_study_has_its_own),
		cmocka_unit_test(none_without_dropout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
