#include "tests/support/masked_daemon.h"

#include "coordinator/outcome.h"
#include "tests/support/contracts.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POLLS_MAX 3 /* one that brings the end of a round, one that brings the next, one in vain */

/* ---- coming and going */

static void write_study(struct masked_daemon *d, const struct masked_daemon_config *config)
{
	char min[32];

	snprintf(min, sizeof min, "{min: %u,", d->sites - 1);
	char *text = contract_edited(tempdir_read(&d->c.dir, "study.yaml", NULL), "{min: 2,", min);
	for (int i = 0; config->edits[i][0] != NULL; i++) {
		char *edited = contract_edited(text, config->edits[i][0], config->edits[i][1]);

		free(text);
		text = edited;
	}
	tempdir_write(&d->c.dir, "study.yaml", text);
	free(text);
}

void masked_daemon_make(struct masked_daemon *d, const struct masked_daemon_config *config)
{
	assert_true(config->sites <= MASKED_DAEMON_SITES_MAX);
	memset(d, 0, sizeof *d);
	coordinating_make(&d->c, config->sites, config->masking != NULL ? config->masking : "masking: required",
	                  config->settings != NULL ? config->settings : MASKED_DAEMON_QUICK);
	d->sites = config->sites;
	d->c.in_process = config->in_process;
	write_study(d, config);
	coordinating_start(&d->c);
	coordinating_must(&d->c, "study add '%s'", tempdir_path(&d->c.dir, "study.yaml"));
	for (uint32_t i = 0; i < d->sites; i++) {
		hospital_open(&d->h[i], &d->c, i);
		assert_int_equal(hospital_poll(&d->h[i], 0), 200);
	}
	buf_init(&d->model, MODEL_FILE_MAX);
	coordinating_must(&d->c, "study start small");
}

void masked_daemon_remove(struct masked_daemon *d)
{
	for (uint32_t i = 0; i < d->sites; i++) {
		masker_close(&d->m[i]);
		hospital_close(&d->h[i]);
	}
	buf_free(&d->model);
	coordinating_remove(&d->c);
}

void masked_daemon_reconnect(struct masked_daemon *d)
{
	for (uint32_t i = 0; i < d->sites; i++)
		hospital_reconnect(&d->h[i], &d->c, i);
}

void masked_daemon_kill(struct masked_daemon *d)
{
	coordinating_end(&d->c, SIGKILL);
	coordinating_must(&d->c, "study pause small"); /* a command opens the state by itself, and commits */
	coordinating_must(&d->c, "study resume small");
	coordinating_must(&d->c, "rounds small");
	coordinating_start(&d->c);
	masked_daemon_reconnect(d);
}

/* ---- an attempt */

static void fetch_model(struct masked_daemon *d)
{
	char hex[HASH_HEX_SIZE];

	buf_clear(&d->model);
	if (d->h[0].round.plan.model_octets == 0)
		return;
	hash_hex(hex, &d->h[0].round.plan.model);
	assert_int_equal(caller_ask(&d->h[0].caller, "GET", "/v1/models/%s", hex), 200);
	buf_put(&d->model, buf_bytes(&d->h[0].caller.body));
}

void masked_daemon_begin(struct masked_daemon *d)
{
	for (uint32_t i = 0; i < d->sites; i++) {
		for (int tries = 0; tries < POLLS_MAX && !d->h[i].has_round; tries++)
			assert_int_equal(hospital_poll(&d->h[i], MASKED_DAEMON_WAIT_S), 200);
		assert_true(d->h[i].has_round);
		hospital_compute(&d->h[i]);
		masker_open(&d->m[i], &d->h[i], i);
		d->all[i] = &d->m[i];
	}
	fetch_model(d);
}

void masked_daemon_play(struct masked_daemon *d, enum secagg_phase from, enum secagg_phase to)
{
	masker_play(d->all, d->sites, from, to);
}

static bool is_told(const struct message *closed, const struct round_plan *plan)
{
	return closed->plan.round == plan->round && closed->plan.attempt == plan->attempt;
}

void masked_daemon_hear_the_end(struct masked_daemon *d, enum round_outcome outcome)
{
	struct round_plan plan = {0};

	round_plan_copy(&plan, &d->h[0].round.plan);
	for (uint32_t i = 0; i < d->sites; i++) {
		const struct message *closed = &d->h[i].closed;

		for (int tries = 0; tries < POLLS_MAX && !is_told(closed, &plan); tries++)
			assert_int_equal(hospital_poll(&d->h[i], MASKED_DAEMON_WAIT_S), 200);
		assert_true(is_told(closed, &plan));
		assert_int_equal(closed->outcome, outcome);
	}
	round_plan_free(&plan);
}

/* Sites whose vectors are in the sum, each an own summand. */
static void add_plainly(struct masked_daemon *d, struct aggregate *sum, uint64_t in_sum)
{
	const struct message *closed = &d->h[0].closed;
	uint32_t count = 0;

	for (uint32_t i = 0; i < d->sites; i++) {
		if (!(in_sum >> i & 1))
			continue;
		aggregate_add(sum, buf_bytes(&d->h[i].contribution));
		assert_true(count < closed->participant_count);
		assert_int_equal(closed->participants[count++], coordinating_number(i));
	}
	assert_int_equal(closed->participant_count, count);
}

void masked_daemon_expect(struct masked_daemon *d, const struct round_plan *plan, uint64_t in_sum)
{
	const struct message *closed = &d->h[0].closed;
	struct aggregate sum = {0};
	struct outcome outcome = {0};
	struct diag why = {{0}};

	assert_true(is_told(closed, plan));
	assert_int_equal(closed->outcome, OUTCOME_DONE);
	aggregate_begin(&sum, &d->m[0].layout);
	add_plainly(d, &sum, in_sum);
	if (outcome_compute(&outcome, &d->h[0].study, plan, &sum, buf_bytes(&d->model), NULL, &why) != OK)
		fail_msg("%s", why.text);
	assert_int_equal(closed->model_octets, outcome.model.len);
	if (outcome.has_model)
		assert_true(hash_equal(&closed->model, &outcome.model_sha256));
	outcome_free(&outcome);
	aggregate_free(&sum);
}

void masked_daemon_finish(struct masked_daemon *d, uint64_t in_sum)
{
	struct round_plan plan = {0};

	round_plan_copy(&plan, &d->h[0].round.plan);
	masked_daemon_hear_the_end(d, OUTCOME_DONE);
	masked_daemon_expect(d, &plan, in_sum);
	round_plan_free(&plan);
}

/* ---- looking */

struct json *masked_daemon_round(struct masked_daemon *d, int64_t round, int64_t attempt)
{
	struct diag why = {{0}};

	coordinating_command(&d->c, &d->p, "rounds small --json");
	program_expect(&d->p, 0, "");
	for (const char *line = d->p.out; *line != '\0'; line += strcspn(line, "\n") + 1) {
		struct json *node;
		struct bytes text = bytes_of(line, strcspn(line, "\n"));

		assert_int_equal(json_parse(&node, text, PROGRAM_OUTPUT_MAX, "round", &why), OK);
		if (json_as_integer(json_get(node, "round")) == round &&
		    json_as_integer(json_get(node, "attempt")) == attempt)
			return node;
		json_free(node);
	}
	fail_msg("round %lld attempt %lld is not listed", (long long)round, (long long)attempt);
	return NULL;
}
