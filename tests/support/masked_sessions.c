/* The federation's birth and end, deaths, and inboxes. */
#include "tests/support/masked_sessions_inside.h"

#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill_from_rng(void *context, uint8_t *out, size_t len)
{
	rng_octets(context, out, len);
}

static void sign_with(void *context, uint8_t signature[KEYS_SIGNATURE_SIZE], struct bytes message)
{
	const struct masked_hospital *h = context;

	keys_sign(signature, h->identity_secret, message);
}

/* ---- birth and end */

void masked_sessions_start(struct masked_sessions *w, struct masked_hospital *h)
{
	h->session = session_new(&(struct session_config){.study = &w->study,
	                                                  .policy = &h->policy,
	                                                  .self = h->number,
	                                                  .signer = {sign_with, h},
	                                                  .entropy = {fill_from_rng, &h->draws}});
	h->job.kind = SESSION_POLL;
	h->waits = false;
	h->seq = 0;
	if (h->has_newest)
		session_restore(h->session, &h->newest);
	session_restore_masks(h->session, buf_bytes(&h->record));
}

void masked_sessions_kill(struct masked_hospital *h)
{
	session_free(h->session);
	h->session = NULL;
	h->job.kind = SESSION_POLL;
	h->waits = false;
}

static void make_hospital(struct masked_sessions *w, uint32_t i)
{
	struct masked_hospital *h = &w->hospitals[i];
	struct roster_site *site = &w->roster.sites[i];
	uint8_t seed[32];

	h->world = w;
	h->index = i;
	h->number = 11 + 7 * i;
	h->lasts = SECAGG_PHASE_COUNT;
	small_policy(&h->policy);
	rng_seeded(&h->draws, w->seed * 64 + i, "hospital");
	rng_octets(&h->draws, seed, sizeof seed);
	site->number = h->number;
	snprintf(site->name, sizeof site->name, "hospital-%u", i);
	crypto_sign_seed_keypair(site->key, h->identity_secret, seed);
	buf_init(&h->record, MASKED_RECORD_MAX);
	buf_init(&h->y, MASKED_RECORD_MAX);
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
		buf_init(&h->said[p], MASKED_RECORD_MAX);
	masked_sessions_start(w, h);
}

void masked_sessions_init(struct masked_sessions *w, uint64_t seed)
{
	secret_init();
	memset(w, 0, sizeof *w);
	w->seed = seed;
	small_study(&w->study, NULL);
	w->study.sites.masking = MASKING_REQUIRED;
	w->roster = (struct roster){.count = MASKED_HOSPITALS};
	snprintf(w->roster.federation, sizeof w->roster.federation, "heart");
	w->roster.sites = mem_array(MASKED_HOSPITALS, sizeof *w->roster.sites);
	masked_sessions_renew_roster(w);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		make_hospital(w, i);
}

void masked_sessions_free(struct masked_sessions *w)
{
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
		struct masked_hospital *h = &w->hospitals[i];
		session_free(h->session);
		free(h->v);
		free(h->staged);
		buf_free(&h->record);
		buf_free(&h->y);
		for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
			buf_free(&h->said[p]);
	}
	masked_sessions_forget(w);
	round_plan_free(&w->plan);
	roster_free(&w->roster);
	study_free(&w->study);
}

void masked_sessions_renew_roster(struct masked_sessions *w)
{
	w->roster.version++;
	memset(w->roster.content.b, (int)w->roster.version, HASH_SIZE);
}

void masked_sessions_restart(struct masked_sessions *w, struct masked_hospital *h)
{
	masked_sessions_kill(h);
	masked_sessions_start(w, h);
	masked_sessions_tell(w, h);
}

/* True when the write was made and the process lives. */
bool masked_sessions_lives(struct masked_sessions *w, bool hospital, bool *made)
{
	bool counts = hospital || !w->kill_only_hospitals;
	bool dies = counts && ++w->writes == w->kill_at;

	*made = !dies || !w->kill_before;
	return !dies;
}

uint32_t masked_sessions_words(const struct masked_sessions *w)
{
	return w->masked.plan.words - MASKED_CHECK_WORDS;
}

/* ---- inboxes */

void masked_sessions_polled(struct masked_hospital *h, const struct message *m, bool missed)
{
	struct diag why = {{0}};

	if (h->session == NULL || h->silent)
		return;
	if (session_polled(h->session, m, m != NULL, missed, MASKED_HOSPITALS_NOW_S, &why) != OK)
		fail_msg("%s", why.text);
	masked_sessions_drain(h->world, h);
}

static struct message message_of(struct masked_sessions *w, struct masked_hospital *h, enum message_type type)
{
	struct message m = {.type = type, .seq = ++h->seq, .plan = w->plan};

	snprintf(m.study, sizeof m.study, "%s", w->study.name);
	return m;
}

void masked_sessions_tell(struct masked_sessions *w, struct masked_hospital *h)
{
	struct message m = message_of(w, h, MESSAGE_ROUND);

	masked_sessions_polled(h, &m, false);
}

void masked_sessions_close(struct masked_sessions *w, enum round_outcome outcome)
{
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
		struct message m = message_of(w, &w->hospitals[i], MESSAGE_CLOSED);

		m.outcome = outcome;
		masked_sessions_polled(&w->hospitals[i], &m, false);
	}
}

/* ---- for cmocka */

int masked_sessions_setup(void **state)
{
	static struct masked_sessions w;

	masked_sessions_init(&w, 7);
	*state = &w;
	return 0;
}

int masked_sessions_teardown(void **state)
{
	masked_sessions_free(*state);
	return 0;
}

bool masked_sessions_resumable(const struct masked_hospital *h, bool *opened)
{
	struct secagg_record_summary summary;

	assert_int_equal(secagg_record_read(&summary, buf_bytes(&h->record), NULL), OK);
	*opened = summary.opened;
	return summary.resumable;
}

void masked_sessions_expect_no_trouble(const struct masked_sessions *w)
{
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		if (w->hospitals[i].refusals + w->hospitals[i].leaves > 0)
			fail_msg("%u: %s", i, w->hospitals[i].why.text);
}
