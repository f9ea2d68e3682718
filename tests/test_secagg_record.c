/*
 * What a site keeps: cut at each octet or with any bit changed it makes no site, and it holds the secrets that the next message
 * needs and no other.
 */
#include "tests/support/masked.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#define SITES 4

/* Every site has sent its message of `phase`; site 18 (index 1) is the one that is looked at. */
static void reach(struct masked *w, enum secagg_phase phase)
{
	masked_init(w, 81, SITES, 0, 0, 5, 20);
	for (uint32_t i = 0; i < SITES; i++)
		w->sites[i].lasts = phase;
	masked_begin(w, 1);
	masked_step(w);
	assert_true(w->sites[1].outbox[phase].len > 0);
}

static enum err resume(struct masked *w, struct bytes record, struct secagg_client **c)
{
	struct secagg_client_config config = masked_config(w, 1);
	struct diag why;

	return secagg_client_resume(c, &config, record, &why);
}

static void test_records_that_were_cut(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_INPUT; phase <= SECAGG_OPENING; phase++) {
		struct masked w;
		struct secagg_client *c;
		reach(&w, (enum secagg_phase)phase);
		struct bytes whole = buf_bytes(&w.sites[1].disk);
		for (size_t len = 0; len < whole.len; len++) {
			enum err e = resume(&w, bytes_of(whole.ptr, len), &c);
			assert_int_equal(e, len == 0 ? ERR_REFUSED : ERR_DATA);
			assert_null(c);
		}
		buf_put_u8(&w.sites[1].disk, 0);
		assert_int_equal(resume(&w, buf_bytes(&w.sites[1].disk), &c), ERR_DATA);
		masked_free(&w);
	}
}

/* Above all the flag that says whether the round was opened. */
static void test_records_that_were_changed(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_INPUT; phase <= SECAGG_OPENING; phase++) {
		struct masked w;
		reach(&w, (enum secagg_phase)phase);
		struct buf *disk = &w.sites[1].disk;
		for (size_t at = 0; at < disk->len; at++) {
			struct secagg_client *c;
			disk->ptr[at] ^= (uint8_t)(1u << at % 8);
			assert_int_equal(resume(&w, buf_bytes(disk), &c), ERR_DATA);
			struct secagg_record_summary summary;
			assert_int_equal(secagg_record_read(&summary, buf_bytes(disk), NULL), ERR_DATA);
			disk->ptr[at] ^= (uint8_t)(1u << at % 8);
		}
		masked_free(&w);
	}
}

/* As the site would have left it, had it been there when the attempt ended. */
static void test_closing_a_record_without_its_site(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_KEYS; phase <= SECAGG_OPENING; phase++) {
		struct masked w;
		struct secret closed, none;
		reach(&w, (enum secagg_phase)phase);
		struct masked_site *site = &w.sites[1];
		assert_int_equal(secagg_record_close(&closed, buf_bytes(&site->disk), NULL), OK);
		site->disk.ptr[9] ^= 1;
		assert_int_equal(secagg_record_close(&none, buf_bytes(&site->disk), NULL), ERR_DATA);
		assert_null(none.ptr);
		secagg_client_closed(site->client);
		masked_pump(site);
		assert_true(bytes_equal(bytes_of(closed.ptr, closed.len), buf_bytes(&site->disk)));
		secret_free(&closed);
		masked_free(&w);
	}
}

/* The first share of `from` among the answers of site 18's peers would be the first that it holds: found in the records of phases that
 * need it. */
static void test_secrets_go_when_they_are_not_needed(void **state)
{
	(void)state;
	struct masked w;
	uint8_t beta[SHAMIR_SCALAR_SIZE];

	reach(&w, SECAGG_OPENING); /* all survive, so the answer's shares are of beta */
	memcpy(beta, w.sites[1].outbox[SECAGG_OPENING].ptr + 4, sizeof beta);
	assert_non_null(memmem(w.sites[1].disk.ptr, w.sites[1].disk.len, beta, sizeof beta));
	size_t answered = w.sites[1].disk.len;
	masked_free(&w);
	for (uint32_t phase = SECAGG_KEYS; phase <= SECAGG_SURVIVORS; phase++) {
		reach(&w, (enum secagg_phase)phase);
		bool there = memmem(w.sites[1].disk.ptr, w.sites[1].disk.len, beta, sizeof beta) != NULL;
		assert_int_equal(there, phase >= SECAGG_INPUT);
		if (phase == SECAGG_SURVIVORS) /* 8 shares before, 4 after, as an answer */
			assert_int_equal(w.sites[1].disk.len - 8 * 32, answered - SITES * SECAGG_ANSWER_ITEM);
		masked_free(&w);
	}
}

static void test_another_attempt_does_not_go_on(void **state)
{
	(void)state;
	for (int what = 0; what < 5; what++) {
		struct masked w;
		struct secagg_client *c;
		reach(&w, SECAGG_SURVIVORS);
		if (what == 0)
			w.attempt.attempt++;
		else if (what == 1)
			w.attempt.round++;
		else if (what == 2)
			w.attempt.model.b[0] ^= 1;
		else if (what == 3)
			w.plan_octets[0] ^= 1;
		enum err e = resume(&w, buf_bytes(&w.sites[1].disk), &c);
		assert_int_equal(e, what < 4 ? ERR_REFUSED : OK);
		secagg_client_free(c);
		masked_free(&w);
	}
}

static void test_summaries(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_KEYS; phase <= SECAGG_OPENING; phase++) {
		struct masked w;
		struct secagg_record_summary summary;
		reach(&w, (enum secagg_phase)phase);
		assert_int_equal(secagg_record_read(&summary, buf_bytes(&w.sites[1].disk), NULL), OK);
		assert_int_equal(summary.round, 3);
		assert_int_equal(summary.attempt, 1);
		assert_int_equal(summary.resumable, phase >= SECAGG_INPUT);
		assert_int_equal(summary.opened, phase == SECAGG_OPENING);
		w.sites[1].disk.ptr[0] = 2; /* a version to come */
		struct hash sum;
		sha256_of(&sum, bytes_of(w.sites[1].disk.ptr, w.sites[1].disk.len - HASH_SIZE));
		memcpy(w.sites[1].disk.ptr + w.sites[1].disk.len - HASH_SIZE, sum.b, HASH_SIZE);
		assert_int_equal(secagg_record_read(&summary, buf_bytes(&w.sites[1].disk), NULL), ERR_DATA);
		masked_free(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_that_were_cut),
		cmocka_unit_test(test_records_that_were_changed),
		cmocka_unit_test(test_closing_a_record_without_its_site),
		cmocka_unit_test(test_secrets_go_when_they_are_not_needed),
		cmocka_unit_test(test_another_attempt_does_not_go_on),
		cmocka_unit_test(test_summaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
