/*
 * Sites that share what they verified do what they would do alone, octet for octet; and what was not verified is judged, however like it
 * is to what was.
 */
#include "crypto/bitmap.h"
#include "tests/support/masked.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void begin(struct masked *w, uint32_t n, struct secagg_shared *shared)
{
	masked_init(w, 7, n, 1, 0, 20, 32);
	w->shared = shared;
	masked_begin(w, 1);
}

static void test_shared_or_not_the_octets_are_the_same(void **state)
{
	static const uint32_t sizes[] = {4, 11};

	(void)state;
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		struct secagg_shared *shared = secagg_shared_new();
		struct masked alone, together;

		begin(&alone, sizes[k], NULL);
		begin(&together, sizes[k], shared);
		alone.sites[1].lasts = together.sites[1].lasts = SECAGG_INPUT; /* one drops out after sharing */
		masked_run(&alone);
		masked_run(&together);
		assert_true(masked_exact(&alone));
		assert_true(masked_exact(&together));
		for (uint32_t i = 0; i < sizes[k]; i++)
			for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
				assert_true(bytes_equal(buf_bytes(&alone.sites[i].outbox[p]),
				                        buf_bytes(&together.sites[i].outbox[p])));
		masked_free(&alone);
		masked_free(&together);
		secagg_shared_free(shared);
	}
}

/* Site 0 has verified U1; site 1 is shown one whose last octet, of a signature, is another. */
static void test_a_changed_list_of_keys_is_judged(void **state)
{
	struct secagg_shared *shared = secagg_shared_new();
	struct masked w;
	struct buf u1;

	(void)state;
	begin(&w, 5, shared);
	buf_init(&u1, 1u << 20);
	masked_u1(&u1, &w, 0x1f);
	assert_int_equal(masked_tell(&w, 0, SECAGG_SHARES, buf_bytes(&u1)), OK);
	u1.ptr[u1.len - 1] ^= 1;
	assert_int_equal(masked_tell(&w, 1, SECAGG_SHARES, buf_bytes(&u1)), ERR_PROTOCOL);
	u1.ptr[u1.len - 1] ^= 1;
	assert_int_equal(masked_tell(&w, 2, SECAGG_SHARES, buf_bytes(&u1)), OK);
	buf_free(&u1);
	masked_free(&w);
	secagg_shared_free(shared);
}

/* The same octets in another attempt have another context: their signatures are not of it. */
static void test_another_context_is_judged(void **state)
{
	struct secagg_shared *shared = secagg_shared_new();
	struct secagg_members m = {0}, again = {0}, other = {0};
	struct masked w;
	struct hash plan, ctx;
	struct diag why = {{0}};
	struct buf u1;

	(void)state;
	begin(&w, 5, NULL);
	buf_init(&u1, 1u << 20);
	masked_u1(&u1, &w, 0x1f);
	keys_plan_hash(&plan, w.plan.octets);
	keys_ctx(&ctx, &(struct keys_context){.federation = w.attempt.federation,
	                                      .study_hash = w.attempt.study,
	                                      .round = w.attempt.round,
	                                      .attempt = w.attempt.attempt,
	                                      .model = w.attempt.model,
	                                      .plan = plan});
	assert_int_equal(secagg_shared_take(shared, &m, &w.plan, &ctx, buf_bytes(&u1), &why), OK);
	assert_int_equal(secagg_shared_take(shared, &again, &w.plan, &ctx, buf_bytes(&u1), &why), OK);
	assert_ptr_equal(m.advs, again.advs);
	ctx.b[0] ^= 1;
	assert_int_equal(secagg_shared_take(shared, &other, &w.plan, &ctx, buf_bytes(&u1), &why), ERR_PROTOCOL);
	secagg_members_free(&m);
	secagg_members_free(&again);
	secagg_members_free(&other);
	buf_free(&u1);
	masked_free(&w);
	secagg_shared_free(shared);
}

static void test_signatures_are_of_one_message(void **state)
{
	struct secagg_shared *shared = secagg_shared_new();
	struct bytes message = bytes_text("survivors"), other = bytes_text("Survivors"),
		     list = bytes_text("signatures");

	(void)state;
	assert_false(secagg_shared_verified(shared, message, list));
	secagg_shared_note(shared, message, list);
	assert_true(secagg_shared_verified(shared, message, list));
	assert_false(secagg_shared_verified(shared, other, list));
	assert_false(secagg_shared_verified(shared, message, bytes_text("signaturez")));
	assert_false(secagg_shared_verified(NULL, message, list));
	secagg_shared_note(NULL, message, list);
	secagg_shared_free(shared);
	secagg_shared_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared_or_not_the_octets_are_the_same),
		cmocka_unit_test(test_a_changed_list_of_keys_is_judged),
		cmocka_unit_test(test_another_context_is_judged),
		cmocka_unit_test(test_signatures_are_of_one_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
