#include "tests/support/masker.h"

#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_S 20

static void sign_with(void *context, uint8_t signature[KEYS_SIGNATURE_SIZE], struct bytes message)
{
	keys_sign(signature, ((const struct masker *)context)->identity, message);
}

static void fetch_roster(struct masker *m)
{
	struct roster_parts parts;
	struct diag why = {{0}};

	roster_free(&m->roster);
	assert_int_equal(caller_ask(&m->h->caller, "GET", "/v1/roster"), 200);
	if (roster_split(&parts, buf_bytes(&m->h->caller.body), &why) != OK ||
	    roster_parse(&m->roster, parts.body, &why) != OK)
		fail_msg("%s", why.text);
}

static void make_plan(struct masker *m, const struct round_plan *plan, const struct study *study,
                      const struct roster *roster, uint32_t site)
{
	uint32_t group = masked_plan_group_of(plan, study, coordinating_number(site));
	struct diag why = {{0}};

	if (round_plan_layout(&m->layout, study, plan->asks, plan->site_count, &why) != OK ||
	    masked_plan_make(&m->plan, plan, study, &m->layout, roster, group, &why) != OK)
		fail_msg("%s", why.text);
}

static void take_vector(struct masker *m, struct bytes contribution)
{
	assert_int_equal(contribution.len, layout_octets(&m->layout));
	m->x = vec_u32(m->plan.plan.words);
	vec_add_octets(m->x, contribution.ptr, m->layout.words);
	masked_plan_check_words(m->x + m->layout.words);
}

/* ---- the core */

static void mask(struct masker *m)
{
	uint32_t count;
	const struct mask *masks = secagg_client_masks(m->client, &count);
	size_t size = pack_size(m->plan.plan.words, m->plan.plan.bits);
	struct diag why = {{0}};

	buf_free(&m->y);
	buf_init(&m->y, size);
	mask_input(buf_extend(&m->y, size), m->x, 0, m->plan.plan.words, m->plan.plan.bits, masks, count);
	sha256_of(&m->content, buf_bytes(&m->y));
	if (secagg_client_masked(m->client, &m->content, &why) != OK)
		fail_msg("%s", why.text);
}

static void pump(struct masker *m)
{
	struct secagg_client_action a;

	while (secagg_client_next(m->client, &a)) {
		if (a.kind == SECAGG_CLIENT_PERSIST) {
			buf_clear(&m->record);
			buf_put(&m->record, secagg_client_record(m->client));
			secagg_client_persisted(m->client);
		} else if (a.kind == SECAGG_CLIENT_MASK) {
			mask(m);
		} /* what is to be sent is asked for when the test sends it */
	}
}

static void forget_attempt(struct masker *m)
{
	secagg_client_free(m->client);
	masked_plan_free(&m->plan);
	buf_free(&m->y);
	free(m->x);
	m->client = NULL;
	m->x = NULL;
}

void masker_start(struct masker *m, const struct round_plan *plan, const struct study *study,
                  const struct roster *roster, uint32_t site, struct bytes contribution)
{
	struct secagg_client_config config;
	struct diag why = {{0}};
	bool *known;

	forget_attempt(m);
	if (m->record.max == 0)
		buf_init(&m->record, 1u << 20);
	coordinating_identity(m->identity, site);
	make_plan(m, plan, study, roster, site);
	take_vector(m, contribution);
	known = mem_array(m->plan.plan.n, sizeof *known);
	config = (struct secagg_client_config){
		.attempt = masked_plan_attempt(plan, study, roster),
		.plan = m->plan.plan,
		.offered = m->plan.plan.octets,
		.self = coordinating_number(site),
		.known = known,
		.statistics = (plan->asks & ASK_STATISTICS) != 0,
		.signer = {sign_with, m},
		.entropy = entropy_system(),
	};
	if (secagg_client_open(&m->client, &config, buf_bytes(&m->record), &why) != OK)
		fail_msg("site %u, round %llu: %s", site, (unsigned long long)plan->round, why.text);
	free(known);
	pump(m);
}

void masker_open(struct masker *m, struct hospital *h, uint32_t site)
{
	m->h = h;
	fetch_roster(m);
	masker_start(m, &h->round.plan, &h->study, &m->roster, site, buf_bytes(&h->contribution));
}

void masker_hear(struct masker *m, enum secagg_phase phase, struct bytes octets)
{
	struct diag why = {{0}};

	if (secagg_client_message(m->client, phase, octets, &why) != OK)
		fail_msg("phase %s: %s", secagg_phase_name(phase), why.text);
	pump(m);
}

void masker_close(struct masker *m)
{
	forget_attempt(m);
	roster_free(&m->roster);
	buf_free(&m->record);
	memset(m, 0, sizeof *m);
}

/* ---- requests */

unsigned masker_say_octets(struct masker *m, enum secagg_phase phase, struct bytes octets)
{
	const struct round_plan *plan = &m->h->round.plan;

	return caller_send(&m->h->caller, "POST", octets, "/v1/studies/small/rounds/%llu/attempts/%u/%s",
	                   (unsigned long long)plan->round, plan->attempt, secagg_phase_name(phase));
}

unsigned masker_say(struct masker *m, enum secagg_phase phase)
{
	struct bytes said = secagg_client_sent(m->client, phase);

	assert_true(said.len > 0);
	return masker_say_octets(m, phase, said);
}

unsigned masker_listen(struct masker *m, enum secagg_phase phase, unsigned wait_s)
{
	const struct round_plan *plan = &m->h->round.plan;
	unsigned status = caller_ask(&m->h->caller, "GET", "/v1/studies/small/rounds/%llu/attempts/%u/%s?wait=%u",
	                             (unsigned long long)plan->round, plan->attempt, secagg_phase_name(phase), wait_s);

	if (status == 200)
		masker_hear(m, phase, buf_bytes(&m->h->caller.body));
	return status;
}

unsigned masker_part(struct masker *m, size_t offset, size_t n)
{
	const struct round_plan *plan = &m->h->round.plan;
	struct bytes said = secagg_client_sent(m->client, SECAGG_INPUT);
	char hash[HASH_HEX_SIZE], signature[2 * KEYS_SIGNATURE_SIZE + 1];

	assert_int_equal(said.len, SECAGG_INPUT_SIZE);
	hash_hex(hash, &m->content);
	hex_encode(signature, bytes_of(said.ptr + HASH_SIZE, KEYS_SIGNATURE_SIZE));
	return caller_send(&m->h->caller, "PUT", bytes_of(m->y.ptr + offset, n),
	                   "/v1/studies/small/rounds/%llu/attempts/%u/contribution?offset=%zu&octets=%zu&sha256=%s"
	                   "&signature=%s",
	                   (unsigned long long)plan->round, plan->attempt, offset, m->y.len, hash, signature);
}

unsigned masker_send(struct masker *m)
{
	return masker_part(m, 0, m->y.len);
}

/* ---- several */

static void send_vector(struct masker *m)
{
	assert_int_equal(masker_send(m), 200);
	assert_true(hospital_accepted(m->h));
	secagg_client_acknowledged(m->client);
}

void masker_play(struct masker *const *m, uint32_t count, enum secagg_phase from, enum secagg_phase to)
{
	for (int phase = from; phase <= (int)to; phase++) {
		for (uint32_t i = 0; i < count && phase > SECAGG_KEYS; i++)
			if (m[i] != NULL)
				assert_int_equal(masker_listen(m[i], (enum secagg_phase)phase, WAIT_S), 200);
		for (uint32_t i = 0; i < count; i++) {
			if (m[i] == NULL)
				continue;
			if (phase == SECAGG_INPUT)
				send_vector(m[i]);
			else
				assert_int_equal(masker_say(m[i], (enum secagg_phase)phase), 204);
		}
	}
}
