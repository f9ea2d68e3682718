/* What a site sends in a round: a refusal, its contribution, and under masks its messages in each phase, and what it is told. */
#include "coordinator/api.h"

#include "base/parse.h"
#include "coordinator/answers.h"
#include "coordinator/ledgers.h"
#include "coordinator/runner.h"

#include <string.h>

/* /v1/studies/NAME/rounds/R/attempts/A/...: segments 4 and 6. */
static bool read_attempt(struct api_request *q, uint64_t *round, uint32_t *attempt)
{
	uint64_t number;

	if (parse_u64(round, bytes_text(q->segments[4])) && *round >= 1 && *round <= MESSAGE_INTEGER_MAX &&
	    parse_u64(&number, bytes_text(q->segments[6])) && number >= 1 && number <= ATTEMPTS_MAX) {
		*attempt = (uint32_t)number;
		return true;
	}
	answer_error(q->x, 400, 0, "rounds and attempts are numbered in decimal, from 1");
	return false;
}

/* ---- refusals */

static void refuse(struct api_request *q, const struct message *m)
{
	const struct round_plan *open = campaign_plan(q->course->campaign);
	bool is_open = campaign_round_open(q->course->campaign) && open->round == m->plan.round &&
	               open->attempt == m->plan.attempt;
	enum err e = campaign_refused(q->course->campaign, q->site->number, m->plan.round, m->plan.attempt, m->refusal,
	                              q->office->world.now_ms);

	if (e == OK)
		answer_empty(q->x, 204);
	else if (e == ERR_PEER_IDENTITY)
		answer_error(q->x, 403, 0, "this hospital takes no part in that attempt");
	else if (is_open)
		answer_error(q->x, 409, 0, "this hospital has contributed to that attempt, or was dropped from it");
	else
		answer_error(q->x, 410, 0, "that attempt is not open");
}

void api_post_refusal(struct api_request *q)
{
	struct message m = {0};
	struct session_id session;
	struct diag why = {{0}};
	uint64_t round;
	uint32_t attempt;

	if (!read_attempt(q, &round, &attempt))
		return;
	if (message_parse(&m, server_body(q->x), q->site->name, &why) != OK) {
		answer_error(q->x, 400, 0, "%s", why.text);
		return;
	}
	if (m.type != MESSAGE_REFUSAL || strcmp(m.study, q->course->study->name) != 0 || m.plan.round != round ||
	    m.plan.attempt != attempt)
		answer_error(q->x, 400, 0, "the body must be a refusal of the attempt that the path names");
	else if (!hash_equal(&m.plan.study_hash, &q->course->study->hash))
		answer_error(q->x, 409, 0, "that is not the contract in force");
	else if (api_session(q, &session))
		refuse(q, &m);
	message_free(&m);
}

/* ---- contributions */

/* Under masks a vector comes with the site's signature on it, in a clear round without one. */
static bool read_signature(struct api_request *q, uint8_t signature[KEYS_SIGNATURE_SIZE], struct runner_part *part)
{
	const char *hex = server_parameter(q->x, "signature");
	bool masked = course_masked(q->course);

	if (!masked && hex == NULL)
		return true;
	if (masked && hex != NULL && hex_decode(signature, KEYS_SIGNATURE_SIZE, hex)) {
		part->signature = signature;
		return true;
	}
	answer_error(q->x, 400, 0, "the parameter signature must %s",
	             masked ? "hold 128 hexadecimal digits" : "be left out: this study is not masked");
	return false;
}

/* What the site says of its ledger. Where nothing is spent it may say nothing. */
static bool take_mark(struct api_request *q)
{
	const char *text = server_header(q->x, "Cohort-Ledger");
	bool needed = q->course->study->privacy.mechanism != PRIVACY_NONE;
	struct ledger_mark mark;
	struct diag why = {{0}};

	if (text == NULL && !needed)
		return true;
	if (!ledger_mark_read(&mark, text)) {
		answer_error(q->x, 400, 0, "the header Cohort-Ledger must hold a counter, a head and a signature%s",
		             needed ? ": this study spends of the hospital's privacy budget" : "");
		return false;
	}
	if (ledgers_take(q->office, q->site, &mark, &why) == OK)
		return true;
	answer_error(q->x, 400, 0, "%s", why.text);
	return false;
}

void api_put_contribution(struct api_request *q)
{
	struct runner_part part = {.site = q->site->number};
	const char *sha256 = server_parameter(q->x, "sha256");
	uint8_t signature[KEYS_SIGNATURE_SIZE];

	if (!read_attempt(q, &part.round, &part.attempt))
		return;
	if (sha256 == NULL || !hash_from_hex(&part.content, sha256)) {
		answer_error(q->x, 400, 0, "the parameter sha256 must hold 64 hexadecimal digits");
		return;
	}
	if (read_signature(q, signature, &part) && api_number(q, "offset", NULL, MESSAGE_INTEGER_MAX, &part.offset) &&
	    api_number(q, "octets", NULL, MESSAGE_INTEGER_MAX, &part.total) && api_session(q, &part.session) &&
	    take_mark(q))
		runner_part(q->course->runner, q->x, &part);
}

/* ---- phases of a masked attempt */

/* Who, which attempt, which phase; the session is checked last. */
static bool read_phase(struct api_request *q, struct runner_phase *out)
{
	*out = (struct runner_phase){.site = q->site->number, .phase = SECAGG_PHASE_COUNT};
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
		if (strcmp(secagg_phase_name((enum secagg_phase)p), q->segments[7]) == 0)
			out->phase = (enum secagg_phase)p;
	if (!read_attempt(q, &out->round, &out->attempt))
		return false;
	if (!course_masked(q->course)) {
		answer_error(q->x, 404, 0, "study %s is not masked", q->course->study->name);
		return false;
	}
	return api_session(q, &out->session);
}

void api_post_phase(struct api_request *q)
{
	struct runner_phase p;

	if (read_phase(q, &p))
		runner_message(q->course->runner, q->x, &p);
}

void api_get_phase(struct api_request *q)
{
	const uint64_t none = 0;
	struct runner_phase p;
	uint64_t wait_s;

	if (api_number(q, "wait", &none, INBOX_WAIT_MAX_S, &wait_s) && read_phase(q, &p))
		runner_listen(q->course->runner, q->x, &p, q->office->world.now_ms + (int64_t)wait_s * 1000);
}
