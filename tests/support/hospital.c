#include "tests/support/hospital.h"

#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_S 20
#define TURNS_MAX 1000 /* a study that needs more is stuck */

void hospital_open(struct hospital *h, struct coordinating *c, uint32_t site)
{
	struct diag why = {{0}};

	memset(h, 0, sizeof *h);
	snprintf(h->name, sizeof h->name, "site-%u", site);
	caller_open(&h->caller, c, site);
	assert_int_equal(caller_ask(&h->caller, "GET", "/v1/studies/small/contract"), 200);
	if (study_from_canonical(&h->study, buf_bytes(&h->caller.body), &why) != OK)
		fail_msg("%s", why.text);
	hash_hex(h->hash, &h->study.hash);
	assert_string_equal(h->caller.response.tag, h->hash);
	small_table(&h->table, &c->dir, &h->study, site);
	contributor_init(&h->contributor, &h->study, &h->table, h->name);
	buf_init(&h->contribution, MODEL_FILE_MAX);
}

void hospital_close(struct hospital *h)
{
	caller_close(&h->caller);
	contributor_free(&h->contributor);
	table_free(&h->table);
	study_free(&h->study);
	message_free(&h->round);
	message_free(&h->closed);
	message_free(&h->finished);
	buf_free(&h->contribution);
	memset(h, 0, sizeof *h);
}

void hospital_reconnect(struct hospital *h, struct coordinating *c, uint32_t site)
{
	char session[33];

	snprintf(session, sizeof session, "%s", h->caller.session);
	caller_close(&h->caller);
	caller_open(&h->caller, c, site);
	caller_session(&h->caller, session);
}

static void take_message(struct hospital *h, struct message *m)
{
	struct message *to = m->type == MESSAGE_ROUND    ? &h->round
	                     : m->type == MESSAGE_CLOSED ? &h->closed
	                                                 : &h->finished;

	assert_string_equal(m->study, "small");
	assert_true(hash_equal(&m->plan.study_hash, &h->study.hash));
	if (m->type == MESSAGE_CLOSED && h->round.plan.round == m->plan.round &&
	    h->round.plan.attempt == m->plan.attempt)
		h->has_round = false;
	if (m->type == MESSAGE_ROUND)
		h->has_round = true;
	if (m->type == MESSAGE_FINISHED)
		h->over = true;
	h->seq = m->seq;
	message_free(to);
	*to = *m;
}

unsigned hospital_poll(struct hospital *h, unsigned wait_s)
{
	struct message *messages = NULL;
	uint32_t count = 0;
	struct diag why = {{0}};
	unsigned status = caller_ask(&h->caller, "GET", "/v1/studies/small/inbox?after=%llu&wait=%u&approved=%s",
	                             (unsigned long long)h->seq, wait_s, h->hash);

	h->requests++;
	if (status != 200 && status != 410)
		return status;
	if (status == 410)
		h->has_round = false;
	if (inbox_parse(&messages, &count, buf_bytes(&h->caller.body), "coordinator", &why) != OK)
		fail_msg("%s", why.text);
	for (uint32_t i = 0; i < count; i++)
		take_message(h, &messages[i]);
	free(messages);
	return status;
}

void hospital_compute(struct hospital *h)
{
	const struct round_plan *plan = &h->round.plan;
	struct contribution_report report;
	struct diag why = {{0}};
	char hex[HASH_HEX_SIZE];
	struct bytes model = bytes_of(NULL, 0);

	assert_true(h->has_round);
	if (plan->model_octets > 0) {
		hash_hex(hex, &plan->model);
		assert_int_equal(caller_ask(&h->caller, "GET", "/v1/models/%s", hex), 200);
		h->requests++;
		assert_string_equal(h->caller.response.tag, hex);
		assert_int_equal(h->caller.body.len, plan->model_octets);
		model = buf_bytes(&h->caller.body);
	}
	if (contribution_compute(&h->contributor, &h->contribution, &report, plan, model, NULL, &why) != OK)
		fail_msg("%s", why.text);
	sha256_of(&h->content, buf_bytes(&h->contribution));
}

unsigned hospital_part(struct hospital *h, size_t offset, size_t n)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, &h->content);
	h->requests++;
	return caller_send(&h->caller, "PUT", bytes_of(h->contribution.ptr + offset, n),
	                   "/v1/studies/small/rounds/%llu/attempts/%u/contribution?offset=%zu&octets=%zu&sha256=%s",
	                   (unsigned long long)h->round.plan.round, h->round.plan.attempt, offset, h->contribution.len,
	                   hex);
}

unsigned hospital_upload(struct hospital *h)
{
	return hospital_part(h, 0, h->contribution.len);
}

bool hospital_accepted(const struct hospital *h)
{
	const struct json *accepted = json_get(h->caller.json, "accepted");

	return accepted != NULL && json_kind(accepted) == JSON_IS_BOOL && json_as_bool(accepted);
}

int64_t hospital_offset(const struct hospital *h)
{
	const struct json *offset = json_get(h->caller.json, "offset");

	return offset != NULL && json_kind(offset) == JSON_IS_INTEGER ? json_as_integer(offset) : -1;
}

void hospital_play(struct hospital *h, uint32_t count)
{
	uint32_t over = 0;

	for (uint32_t turn = 0; turn < TURNS_MAX && over < count; turn++) {
		over = 0;
		for (uint32_t i = 0; i < count; i++) {
			over += h[i].over;
			if (h[i].over)
				continue;
			if (!h[i].has_round) /* everybody has contributed: the next message comes soon */
				assert_int_equal(hospital_poll(&h[i], WAIT_S), 200);
			if (!h[i].has_round || h[i].over)
				continue;
			hospital_compute(&h[i]);
			assert_int_equal(hospital_upload(&h[i]), 200);
			assert_true(hospital_accepted(&h[i]));
			h[i].has_round = false;
		}
	}
	assert_int_equal(over, count);
}
