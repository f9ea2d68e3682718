/* The coordinator with its disk, and time. */
#include "tests/support/masked_sessions_inside.h"

#include "crypto/pack.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define TICKS 3 /* in vain, before a deadline passes */

bool masked_sessions_ended(const struct masked_sessions *w)
{
	return w->server != NULL && secagg_server_state(w->server) >= SECAGG_SERVER_DONE;
}

void masked_sessions_forget(struct masked_sessions *w)
{
	secagg_server_free(w->server);
	w->server = NULL;
	for (uint32_t i = 0; i < w->row_count; i++)
		buf_free(&w->rows[i]);
	w->row_count = 0;
	masked_plan_free(&w->masked);
	free(w->sum);
	w->sum = NULL;
}

static void plan_round(struct masked_sessions *w, uint64_t round, uint32_t attempt, uint32_t step)
{
	struct diag why = {{0}};
	struct layout layout;

	round_plan_free(&w->plan);
	w->plan = (struct round_plan){.study_hash = w->study.hash,
	                              .round = round,
	                              .attempt = attempt,
	                              .step = step,
	                              .asks = round_plan_asks(&w->study, step),
	                              .roster = w->roster.content,
	                              .site_count = MASKED_HOSPITALS};
	w->plan.sites = mem_array(MASKED_HOSPITALS, sizeof *w->plan.sites);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		w->plan.sites[i] = w->hospitals[i].number;
	if (step > 0) {
		memset(w->plan.model.b, (int)step, HASH_SIZE);
		w->plan.model_octets = 1000;
	}
	if (round_plan_layout(&layout, &w->study, w->plan.asks, MASKED_HOSPITALS, &why) != OK ||
	    masked_plan_make(&w->masked, &w->plan, &w->study, &layout, &w->roster, 0, &why) != OK)
		fail_msg("%s", why.text);
}

static void open_server(struct masked_sessions *w)
{
	struct secagg_attempt attempt = masked_plan_attempt(&w->plan, &w->study, &w->roster);
	struct diag why = {{0}};

	if (secagg_server_open(&w->server, &attempt, &w->masked.plan, &why) != OK)
		fail_msg("%s", why.text);
	memset(w->told, 0, sizeof w->told);
}

void masked_sessions_open(struct masked_sessions *w, uint64_t round, uint32_t attempt, uint32_t step)
{
	masked_sessions_forget(w);
	plan_round(w, round, attempt, step);
	open_server(w);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
		struct masked_hospital *h = &w->hospitals[i];

		for (int p = 0; p < SECAGG_PHASE_COUNT; p++) {
			buf_clear(&h->said[p]);
			h->says[p] = 0;
		}
		masked_sessions_tell(w, h);
	}
}

void masked_sessions_restart_server(struct masked_sessions *w)
{
	secagg_server_free(w->server);
	w->server = NULL;
	open_server(w);
	for (uint32_t i = 0; i < w->row_count; i++)
		assert_int_equal(secagg_server_restore(w->server, &w->row_heads[i], NULL), OK);
	secagg_server_resume(w->server);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		w->hospitals[i].waits = false; /* the request broke off: it is made again */
}

static bool write_row(struct masked_sessions *w, const struct secagg_row *row)
{
	bool made, alive = masked_sessions_lives(w, false, &made);

	if (made) {
		assert_true(w->row_count < MASKED_ROWS_MAX);
		buf_init(&w->rows[w->row_count], MASKED_RECORD_MAX);
		buf_put(&w->rows[w->row_count], row->octets);
		w->row_heads[w->row_count] = *row;
		w->row_heads[w->row_count].octets = buf_bytes(&w->rows[w->row_count]);
		w->row_count++;
	}
	if (!alive) {
		secagg_server_free(w->server);
		w->server = NULL;
	}
	return alive;
}

static void unmask(struct masked_sessions *w)
{
	const struct secagg_plan *plan = &w->masked.plan;
	uint32_t slices = secagg_server_slices(w->server);

	free(w->sum);
	w->sum = mem_array(plan->words, sizeof *w->sum);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		if (secagg_server_survives(w->server, w->hospitals[i].number))
			pack_add(w->sum, w->hospitals[i].y.ptr, plan->words, plan->bits);
	for (uint32_t k = 0; k < slices; k++) {
		struct secret masks = {0};
		struct diag why = {{0}};
		uint32_t count;
		enum err e = secagg_server_masks(w->server, k, &masks, &count, &why);
		if (e != OK && w->lie == NULL)
			fail_msg("%s", why.text);
		mask_add(w->sum, 0, plan->words, (const struct mask *)(const void *)masks.ptr, count);
		secret_free(&masks);
		secagg_server_unmasked(w->server, k, e, &why);
	}
}

static void row_is_durable(struct masked_sessions *w, uint64_t row)
{
	secagg_server_persisted(w->server, row);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		masked_sessions_acknowledge(w, &w->hospitals[i]);
}

static bool drain_server(struct masked_sessions *w)
{
	struct secagg_server_action a;
	bool any = false;

	while (w->server != NULL && secagg_server_next(w->server, &a)) {
		any = true;
		if (a.kind == SECAGG_SERVER_PERSIST) {
			const struct secagg_row *row = secagg_server_row(w->server, a.row);
			if (row != NULL && write_row(w, row))
				row_is_durable(w, a.row);
		} else if (a.kind == SECAGG_SERVER_SEND) {
			for (int p = 0; p <= (int)a.phase; p++) /* what was told before is told to who asks late, too */
				w->told[p] = true;
		} else if (a.kind == SECAGG_SERVER_UNMASK) {
			unmask(w);
		}
	}
	return any;
}

void masked_sessions_step(struct masked_sessions *w)
{
	bool again = true;

	while (again) {
		again = drain_server(w);
		for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
			again |= masked_sessions_work(w, &w->hospitals[i]);
	}
}

void masked_sessions_lasts(struct masked_sessions *w, uint32_t phase)
{
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		w->hospitals[i].lasts = phase;
}

void masked_sessions_tick(struct masked_sessions *w)
{
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
		struct masked_hospital *h = &w->hospitals[i];

		masked_sessions_polled(h, NULL, false);
		if (h->session == NULL || h->silent || h->job.kind != SESSION_LISTEN)
			continue;
		h->job.kind = SESSION_POLL;
		session_heard(h->session, h->job.work, MASKS_NOTHING, bytes_of(NULL, 0));
		masked_sessions_drain(w, h);
	}
}

static bool revive(struct masked_sessions *w)
{
	bool any = w->server == NULL;

	if (any)
		masked_sessions_restart_server(w);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		if (w->hospitals[i].session == NULL) {
			any = true;
			masked_sessions_restart(w, &w->hospitals[i]);
		}
	return any;
}

static void settle(struct masked_sessions *w)
{
	do
		masked_sessions_step(w);
	while (revive(w));
}

void masked_sessions_run(struct masked_sessions *w)
{
	settle(w);
	while (!masked_sessions_ended(w)) {
		for (int i = 0; i < TICKS; i++) {
			masked_sessions_tick(w);
			settle(w);
		}
		if (!masked_sessions_ended(w))
			secagg_server_close(w->server);
		settle(w);
	}
}

bool masked_sessions_exact(struct masked_sessions *w)
{
	uint32_t words = masked_sessions_words(w), survivors = 0;
	uint32_t *expected;
	bool exact;

	if (w->server == NULL || secagg_server_state(w->server) != SECAGG_SERVER_DONE || w->sum == NULL)
		return false;
	expected = mem_array(words, sizeof *expected);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
		if (!secagg_server_survives(w->server, w->hospitals[i].number))
			continue;
		survivors++;
		for (uint32_t j = 0; j < words; j++)
			expected[j] += w->hospitals[i].v[j];
	}
	exact = memcmp(expected, w->sum, words * sizeof *expected) == 0 &&
	        masked_plan_judge_sum(w->sum + words, survivors, NULL) == OK;
	free(expected);
	return exact;
}
