/* What tests see of a federation: the daemon's own answers, and what commands print. */
#include "tests/support/federation_inside.h"

#include "net/local.h"
#include "tests/support/program.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define READY_LIMIT_MS 10000 /* a start takes 50 ms; under a sanitizer and load far more */
#define ANSWER_MAX (4u << 20)

/* The study's object, or NULL while no daemon answers or it has no such study. */
static struct json *ask(struct federation *f)
{
	struct json *root = NULL, *found = NULL;
	const struct json *list;
	struct diag why = {{0}};
	struct buf answer;
	unsigned status;

	buf_init(&answer, ANSWER_MAX);
	if (local_call(f->socket, "GET", "/admin/status", (struct bytes){0}, &status, &answer, &why) != OK ||
	    status != 200)
		goto out;
	if (json_parse(&root, buf_bytes(&answer), ANSWER_MAX, "status", &why) != OK)
		federation_fail(f, why.text);
	list = json_get(root, "studies");
	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_as_string(json_get(json_at(list, i), "study")), f->study) == 0)
			found = json_clone(json_at(list, i));
out:
	json_free(root);
	buf_free(&answer);
	return found;
}

void federation_ready(struct federation *f)
{
	int64_t limit = federation_now_ms() + READY_LIMIT_MS;
	struct diag why = {{0}};
	struct buf answer;
	unsigned status;

	buf_init(&answer, ANSWER_MAX);
	while (local_call(f->socket, "GET", "/admin/sites", (struct bytes){0}, &status, &answer, &why) != OK) {
		federation_check_alive(f);
		if (federation_now_ms() > limit)
			federation_fail(f, "the coordinator does not come up");
		federation_pause();
	}
	buf_free(&answer);
}

struct json *federation_status(struct federation *f)
{
	struct json *study = ask(f);

	if (study == NULL)
		federation_fail(f, "the coordinator does not answer");
	return study;
}

static void look_until(struct federation *f, bool (*done)(const struct json *study, const void *context),
                       const void *context, int64_t limit_ms)
{
	int64_t limit = federation_now_ms() + limit_ms;

	for (;;) {
		struct json *study = ask(f);
		bool over = study != NULL && done(study, context);
		char words[512];

		if (!over && (federation_now_ms() > limit ||
		              (study && strcmp(json_as_string(json_get(study, "state")), "failed") == 0))) {
			snprintf(words, sizeof words, "waited in vain: study is %s, round %lld, %s; %s",
			         study ? json_as_string(json_get(study, "state")) : "not to be seen",
			         study ? (long long)json_as_integer(json_get(study, "round")) : 0,
			         study ? json_as_string(json_get(study, "waiting_for")) : "",
			         study ? json_as_string(json_get(study, "failure")) : "");
			json_free(study);
			federation_fail(f, words);
		}
		json_free(study);
		if (over)
			return;
		federation_check_alive(f);
		federation_pause();
	}
}

static bool has_state(const struct json *study, const void *state)
{
	return strcmp(json_as_string(json_get(study, "state")), state) == 0;
}

static bool has_round(const struct json *study, const void *round)
{
	return json_as_integer(json_get(study, "round")) >= *(const int64_t *)round || has_state(study, "finished");
}

struct attempt {
	int64_t round, attempt;
};

static bool has_attempt(const struct json *study, const void *wanted)
{
	const struct attempt *a = wanted;
	int64_t round = json_as_integer(json_get(study, "round"));

	return round > a->round || has_state(study, "finished") ||
	       (round == a->round && json_as_integer(json_get(study, "attempt")) >= a->attempt);
}

void federation_wait_attempt(struct federation *f, int64_t round, int64_t attempt, int64_t limit_ms)
{
	const struct attempt wanted = {round, attempt};

	look_until(f, has_attempt, &wanted, limit_ms);
}

static bool has_approvals(const struct json *study, const void *wanted)
{
	const struct json *sites = json_get(study, "sites");
	uint32_t approved = 0;

	for (size_t i = 0; i < json_count(sites); i++)
		approved += strcmp(json_as_string(json_get(json_at(sites, i), "state")), "approved") == 0;
	return approved >= *(const uint32_t *)wanted;
}

void federation_wait_approved(struct federation *f, uint32_t sites)
{
	look_until(f, has_approvals, &sites, READY_LIMIT_MS);
}

void federation_wait(struct federation *f, const char *state, int64_t limit_ms)
{
	look_until(f, has_state, state, limit_ms);
}

bool federation_wait_round(struct federation *f, int64_t round, int64_t limit_ms)
{
	struct json *study;
	bool running;

	look_until(f, has_round, &round, limit_ms);
	study = ask(f);
	running = study == NULL || !has_state(study, "finished");
	json_free(study);
	return running;
}

void federation_model(struct federation *f, char hex[HASH_HEX_SIZE])
{
	struct json *study = federation_status(f);

	snprintf(hex, HASH_HEX_SIZE, "%s", json_as_string(json_get(study, "model_sha256")));
	json_free(study);
}

struct json *federation_rounds(struct federation *f)
{
	struct json *list = json_new_array(), *one;
	struct diag why = {{0}};
	const char *out;

	/* by way of a file: hundreds of rounds are more than a command's output may have here */
	federation_command(
		f, "\"$BIN/cohort-coordinator\" rounds %s --config coordinator/coordinator.yaml --json >rounds.json",
		f->study);
	out = tempdir_read(&f->dir, "rounds.json", NULL);
	for (const char *at = out; *at != '\0';) {
		size_t len = strcspn(at, "\n");

		if (json_parse(&one, bytes_of(at, len), PROGRAM_OUTPUT_MAX, "rounds", &why) != OK)
			federation_fail(f, why.text);
		json_add(list, one);
		at += len + (at[len] == '\n');
	}
	return list;
}

/* ---- reports */

const char *federation_text(const struct json *node, const char *key)
{
	const struct json *value = json_get(node, key);

	assert_non_null(value);
	return json_kind(value) == JSON_IS_STRING ? json_as_string(value) : "";
}

int64_t federation_number(const struct json *node, const char *key)
{
	return json_as_integer(json_get(node, key));
}

const struct json *federation_site(const struct json *round, const char *name)
{
	const struct json *sites = json_get(round, "sites");
	const struct json *found = NULL;

	for (size_t i = 0; i < json_count(sites); i++) {
		if (strcmp(federation_text(json_at(sites, i), "site"), name) != 0)
			continue;
		assert_null(found); /* each invited site once */
		found = json_at(sites, i);
	}
	assert_non_null(found);
	return found;
}

void federation_expect_site(const struct json *round, const char *name, const char *state, const char *phase,
                            const char *reason)
{
	const struct json *site = federation_site(round, name);

	assert_string_equal(federation_text(site, "state"), state);
	assert_string_equal(federation_text(site, "phase"), phase);
	assert_string_equal(federation_text(site, "reason"), reason);
}

void federation_expect_contributed(const struct json *round, const char *name)
{
	federation_expect_site(round, name, "contributed", "", "");
	assert_true(federation_number(federation_site(round, name), "bytes") > 0);
}
