/*
 * The coordinator's HTTP interface, asked by real sites over TLS, with the program as a process: every endpoint, every status of
 * docs/PROTOCOL.md, and what a kill in the middle leaves.
 */
#include "coordinator/enrolled.h"
#include "tests/support/hospital.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SITES 3
#define QUICK "rounds: {join: 5, deadline: 60, pause: 0.05}\n"
#define ONES64 "1111111111111111111111111111111111111111111111111111111111111111"

struct fixture {
	struct coordinating c;
	struct hospital h[SITES];
	struct program p;
};

static void begin(struct fixture *f, const char *line, const char *settings)
{
	coordinating_make(&f->c, SITES, line, settings);
	coordinating_start(&f->c);
	coordinating_must(&f->c, "study add '%s'", tempdir_path(&f->c.dir, "study.yaml"));
	for (uint32_t i = 0; i < SITES; i++)
		hospital_open(&f->h[i], &f->c, i);
}

static struct fixture *setup(const char *line, const char *settings)
{
	struct fixture *f = mem_alloc(sizeof *f);

	begin(f, line, settings);
	return f;
}

static void teardown(struct fixture *f)
{
	for (uint32_t i = 0; i < SITES; i++)
		hospital_close(&f->h[i]);
	coordinating_remove(&f->c);
	free(f);
}

static void assert_error(const struct caller *s, const char *words)
{
	const struct json *error = json_get(s->json, "error");

	assert_non_null(error);
	if (strstr(json_as_string(error), words) == NULL)
		fail_msg("\"%s\" does not speak of \"%s\"", json_as_string(error), words);
}

/* All approve before the study starts: it opens a round as soon as enough hospitals do. Then all poll until all have it. */
static void all_join(struct fixture *f)
{
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(hospital_poll(&f->h[i], 0), 200);
	coordinating_must(&f->c, "study start small");
	for (int turn = 0; turn < 200; turn++) {
		uint32_t in = 0;

		for (uint32_t i = 0; i < SITES; i++) {
			hospital_poll(&f->h[i], 0);
			in += f->h[i].has_round;
		}
		if (in == SITES)
			return;
		nanosleep(&(struct timespec){0, 5000000}, NULL);
	}
	fail_msg("no round opens");
}

/* ---- a whole study */

static struct json *status(struct fixture *f)
{
	struct json *node;
	struct diag why = {{0}};

	coordinating_command(&f->c, &f->p, "status --json");
	program_expect(&f->p, 0, "");
	assert_int_equal(json_parse(&node, bytes_text(f->p.out), PROGRAM_OUTPUT_MAX, "status", &why), OK);
	return node;
}

static const char *study_state(const struct json *status)
{
	return json_as_string(json_get(json_at(json_get(status, "studies"), 0), "state"));
}

/* One object per line: round `n` (from 0). */
static struct json *round_line(struct fixture *f, uint32_t n)
{
	struct json *node;
	struct diag why = {{0}};
	const char *line = f->p.out;

	while (n-- > 0)
		line = strchr(line, '\n') + 1;
	assert_int_equal(json_parse(&node, bytes_of(line, strcspn(line, "\n")), PROGRAM_OUTPUT_MAX, "round", &why), OK);
	return node;
}

static void check_rounds(struct fixture *f)
{
	static const char *const kinds[] = {"statistics", "train", "train", "train", "evaluate"};

	coordinating_command(&f->c, &f->p, "rounds small --json");
	program_expect(&f->p, 0, "");
	for (uint32_t i = 0; i < 5; i++) {
		struct json *r = round_line(f, i);
		const struct json *sites = json_get(r, "sites");

		assert_int_equal(json_as_integer(json_get(r, "round")), i + 1);
		assert_int_equal(json_as_integer(json_get(r, "attempt")), 1);
		assert_string_equal(json_as_string(json_get(r, "kind")), kinds[i]);
		assert_string_equal(json_as_string(json_get(r, "outcome")), "done");
		assert_int_equal(json_count(sites), SITES);
		for (uint32_t k = 0; k < SITES; k++)
			assert_string_equal(json_as_string(json_get(json_at(sites, k), "state")), "contributed");
		assert_int_equal(json_kind(json_get(r, "model_sha256")) == JSON_IS_STRING, i < 4);
		assert_int_equal(json_kind(json_get(r, "auc")) == JSON_IS_NULL, i < 2);
		assert_true(json_as_integer(json_get(r, "bytes")) > 0);
		json_free(r);
	}
}

static void test_a_study_from_start_to_end(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct json *s;
	size_t octets;

	(void)state;
	s = status(f);
	assert_string_equal(study_state(s), "ready");
	json_free(s);
	all_join(f);
	for (uint32_t i = 0; i < SITES; i++)
		f->h[i].requests = 1; /* the poll that told of the first round */
	hospital_play(f->h, SITES);
	for (uint32_t i = 0; i < SITES; i++) {
		assert_true(f->h[i].finished.complete);
		assert_true(f->h[i].requests <= 4 * 5); /* five rounds: poll, model, upload, poll */
	}
	s = status(f);
	assert_string_equal(study_state(s), "finished");
	assert_int_equal(json_as_integer(json_get(json_at(json_get(s, "studies"), 0), "step")), 3);
	json_free(s);
	check_rounds(f);
	coordinating_must(&f->c, "export small --out '%s'", tempdir_path(&f->c.dir, "best.safetensors"));
	const char *file = tempdir_read(&f->c.dir, "best.safetensors", &octets);
	struct hash found;
	sha256_of(&found, bytes_of(file, octets));
	assert_true(hash_equal(&found, &f->h[0].finished.model));
	/* newest and best, no more */
	assert_true(tempdir_count(&f->c.dir, "state/models") <= 2);
	assert_int_equal(tempdir_count(&f->c.dir, "state/staging"), 0);
	assert_true(coordinating_logged(&f->c, "study small round 5 (last evaluation): 3 of 3 hospitals, loss ", 0));
	coordinating_command(&f->c, &f->p, "events");
	program_expect(&f->p, 0, "holds");
	assert_int_equal(coordinating_end(&f->c, SIGTERM), 0);
	coordinating_command(&f->c, &f->p, "events");
	program_expect(&f->p, 0, "holds");
	coordinating_command(&f->c, &f->p, "status");
	program_expect(&f->p, 0, "");
	assert_non_null(strstr(f->p.out, "small revision 1: finished"));
	teardown(f);
}

/* ---- looking */

static void test_studies_contract_roster(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct caller *s = &f->h[0].caller;
	const struct json *item;

	(void)state;
	assert_int_equal(caller_ask(s, "GET", "/v1/studies"), 200);
	item = json_at(json_get(s->json, "studies"), 0);
	assert_string_equal(json_as_string(json_get(item, "study")), "small");
	assert_string_equal(json_as_string(json_get(item, "state")), "ready");
	assert_string_equal(json_as_string(json_get(item, "study_hash")), f->h[0].hash);
	assert_string_equal(json_as_string(json_get(item, "expires")), "2199-12-31");
	assert_int_equal(json_as_integer(json_get(item, "revision")), 1);
	assert_int_equal(json_count(item), 6);
	assert_int_equal(caller_ask(s, "GET", "/v1/roster"), 200);
	assert_string_equal(buf_text(&s->body), tempdir_read(&f->c.dir, "roster.signed", NULL));
	assert_int_equal(strlen(s->response.tag), 64);
	teardown(f);
}

static void test_who_is_no_member_sees_nothing(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct caller s;

	(void)state;
	coordinating_make(&f->c, SITES, "sites: {min: 1, max_dropouts: 0, cell_min: 1, members: [site-0]}", QUICK);
	coordinating_start(&f->c);
	coordinating_must(&f->c, "study add '%s'", tempdir_path(&f->c.dir, "study.yaml"));
	caller_open(&s, &f->c, 1);
	assert_int_equal(caller_ask(&s, "GET", "/v1/studies"), 200);
	assert_int_equal(json_count(json_get(s.json, "studies")), 0);
	assert_int_equal(caller_ask(&s, "GET", "/v1/studies/small/contract"), 403);
	assert_error(&s, "not a member");
	assert_int_equal(caller_ask(&s, "GET", "/v1/studies/small/inbox?after=0"), 403);
	caller_close(&s);
	teardown(f);
}

/* A model is for the sites of its study alone: for others it does not exist. */
static void test_models_are_for_members(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct hospital *h = f->h;
	struct caller outsider;
	char hex[HASH_HEX_SIZE];

	(void)state;
	coordinating_make(&f->c, SITES, "sites: {min: 2, max_dropouts: 0, cell_min: 1, members: [site-0, site-1]}",
	                  QUICK);
	coordinating_start(&f->c);
	coordinating_must(&f->c, "study add '%s'", tempdir_path(&f->c.dir, "study.yaml"));
	for (uint32_t i = 0; i < 2; i++) {
		hospital_open(&h[i], &f->c, i);
		assert_int_equal(hospital_poll(&h[i], 0), 200);
	}
	coordinating_must(&f->c, "study start small");
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(hospital_poll(&h[i], 10), 200);
		hospital_compute(&h[i]);
		assert_int_equal(hospital_upload(&h[i]), 200);
	}
	h->has_round = false;
	assert_int_equal(hospital_poll(h, 10), 200);
	hash_hex(hex, &h->round.plan.model);
	assert_int_equal(caller_ask(&h->caller, "GET", "/v1/models/%s", hex), 200);
	caller_open(&outsider, &f->c, 2);
	assert_int_equal(caller_ask(&outsider, "GET", "/v1/models/%s", hex), 404);
	caller_close(&outsider);
	teardown(f);
}

static void test_what_is_malformed(void **state)
{
	static const struct {
		const char *method, *target;
		unsigned status;
	} cases[] = {
		{"GET", "/", 404},
		{"GET", "/v1", 404},
		{"GET", "/v2/studies", 404},
		{"GET", "/admin/status", 404},
		{"GET", "/v1/studies/", 400},
		{"GET", "/v1/../admin/status", 400},
		{"GET", "/v1/studies/other/contract", 404},
		{"GET", "/v1/studies/small", 404},
		{"GET", "/v1/studies/small/contract/more", 404},
		{"POST", "/v1/studies", 405},
		{"DELETE", "/v1/studies/small/contract", 405},
		{"GET", "/v1/studies/small/answer", 405},
		{"GET", "/v1/models/" ONES64, 404},
		{"GET", "/v1/models/abc", 404},
		{"GET", "/v1/studies/small/inbox?after=-1", 400},
		{"GET", "/v1/studies/small/inbox?after=1x", 400},
		{"GET", "/v1/studies/small/inbox?after=99999999999999999999", 400},
		{"GET", "/v1/studies/small/inbox?after=0&wait=26", 400},
		{"GET", "/v1/studies/small/inbox?after=0&approved=12", 400},
		{"GET", "/v1/studies/small/inbox?after=0&approved=" ONES64, 409},
		{"GET", "/v1/studies/small/inbox?after=0&after=1", 400},
		{"PUT", "/v1/studies/small/rounds/0/attempts/1/contribution?offset=0&octets=4&sha256=" ONES64, 400},
		{"PUT", "/v1/studies/small/rounds/x/attempts/1/contribution?offset=0&octets=4&sha256=" ONES64, 400},
		{"PUT", "/v1/studies/small/rounds/1/attempts/17/contribution?offset=0&octets=4&sha256=" ONES64, 400},
		{"PUT", "/v1/studies/small/rounds/1/attempts/1/contribution?offset=0&octets=4&sha256=no", 400},
		{"PUT", "/v1/studies/small/rounds/1/attempts/1/contribution?offset=0&octets=4", 400},
		{"PUT", "/v1/studies/small/rounds/1/attempts/1/contribution?octets=4&sha256=" ONES64, 400},
		{"PUT", "/v1/studies/small/rounds/1/attempts/1/contribution?offset=0&sha256=" ONES64, 400},
		{"PUT", "/v1/studies/small/rounds/9/attempts/1/contribution?offset=0&octets=4&sha256=" ONES64, 403},
		{"POST", "/v1/studies/small/answer", 400},
		{"POST", "/v1/studies/small/rounds/1/attempts/1/refusal", 400},
	};
	struct fixture *f = setup(NULL, QUICK);
	struct caller *s = &f->h[0].caller;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bytes body = cases[i].method[0] == 'P' ? bytes_text("{}\n\n") : bytes_of(NULL, 0);
		unsigned got = caller_send(s, cases[i].method, body, "%s", cases[i].target);

		if (got != cases[i].status)
			fail_msg("%s %s: %u, expected %u", cases[i].method, cases[i].target, got, cases[i].status);
	}
	/* and after all that it still serves */
	assert_int_equal(caller_ask(s, "GET", "/v1/studies"), 200);
	teardown(f);
}

static void test_models_have_ranges(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;
	struct hash found;
	struct diag why = {{0}};
	char target[128], hex[HASH_HEX_SIZE];

	(void)state;
	all_join(f);
	for (uint32_t i = 0; i < SITES; i++) {
		hospital_compute(&h[i]);
		assert_int_equal(hospital_upload(&h[i]), 200);
	}
	h->has_round = false;
	assert_int_equal(hospital_poll(h, 10), 200);
	assert_true(h->has_round);
	hash_hex(hex, &h->round.plan.model);
	snprintf(target, sizeof target, "/v1/models/%s", hex);
	const char *path = tempdir_path(&f->c.dir, "fetched");
	assert_int_equal(caller_ask(&h->caller, "GET", "%s", target), 200);
	/* a part that is there already is resumed with Range */
	tempdir_write_bytes(&f->c.dir, "fetched.part", bytes_of(h->caller.body.ptr, h->caller.body.len / 2));
	assert_int_equal(request_download(h->caller.requester, target, path, 1 << 20, &h->round.plan.model, 1000,
	                                  &h->caller.response, &why),
	                 OK);
	assert_int_equal(h->caller.response.status, 206);
	assert_int_equal(sha256_file(&found, path, &why), OK);
	assert_true(hash_equal(&found, &h->round.plan.model));
	teardown(f);
}

/* ---- sessions, answers, refusals */

static void test_the_newest_session_wins(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;
	struct caller second;

	(void)state;
	assert_int_equal(hospital_poll(h, 0), 200);
	caller_open(&second, &f->c, 0);
	assert_int_equal(caller_ask(&second, "GET", "/v1/studies/small/inbox?after=0"), 200);
	assert_int_equal(hospital_poll(h, 0), 409);
	assert_error(&h->caller, "newer client");
	assert_int_equal(hospital_poll(h, 0), 409); /* for good */
	assert_int_equal(caller_ask(&second, "GET", "/v1/studies/small/inbox?after=0"), 200);
	assert_int_equal(caller_ask(&h->caller, "GET", "/v1/studies"), 200); /* looking needs no session */
	caller_close(&second);
	request_set_header(h->caller.requester, "Cohort-Session", "0123");
	assert_int_equal(hospital_poll(h, 0), 400);
	assert_error(&h->caller, "Cohort-Session");
	/* another site's sessions are its own */
	assert_int_equal(hospital_poll(&f->h[1], 0), 200);
	teardown(f);
}

static unsigned send_answer(struct hospital *h, const char *hash, const char *answer)
{
	char body[256];

	snprintf(body, sizeof body, "{\"type\":\"answer\",\"study\":\"small\",\"study_hash\":\"%s\",\"answer\":\"%s\"}",
	         hash, answer);
	return caller_send(&h->caller, "POST", bytes_text(body), "/v1/studies/small/answer");
}

static unsigned send_refusal(struct hospital *h, unsigned round, unsigned path_round)
{
	char body[256];

	snprintf(body, sizeof body,
	         "{\"type\":\"refusal\",\"study\":\"small\",\"study_hash\":\"%s\",\"round\":%u,\"attempt\":1,"
	         "\"refusal\":\"data_changed\"}",
	         h->hash, round);
	return caller_send(&h->caller, "POST", bytes_text(body), "/v1/studies/small/rounds/%u/attempts/1/refusal",
	                   path_round);
}

static void test_answers(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;
	struct json *s;

	(void)state;
	assert_int_equal(send_answer(h, h->hash, "rejected"), 204);
	assert_int_equal(send_answer(h, ONES64, "approved"), 409);
	assert_int_equal(send_answer(h, h->hash, "perhaps"), 400);
	assert_int_equal(send_answer(&h[1], h->hash, "approved"), 204);
	/* an answer lasts: killed and started again, it is still known */
	coordinating_end(&f->c, SIGKILL);
	s = status(f);
	const struct json *sites = json_get(json_at(json_get(s, "studies"), 0), "sites");
	assert_string_equal(json_as_string(json_get(json_at(sites, 0), "state")), "rejected");
	assert_string_equal(json_as_string(json_get(json_at(sites, 1), "state")), "approved");
	assert_string_equal(json_as_string(json_get(json_at(sites, 2), "state")), "invited");
	json_free(s);
	teardown(f);
}

/* Each change is an event that is kept for ever: one site must not fill the disk of all. */
static void test_changes_of_mind_are_rationed(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;

	(void)state;
	for (unsigned i = 0; i < ANSWERS_PER_HOUR_MAX; i++)
		assert_int_equal(send_answer(h, h->hash, i % 2 == 0 ? "approved" : "withdrawn"), 204);
	assert_int_equal(send_answer(h, h->hash, "approved"), 429);
	assert_int_equal(caller_ask(&h->caller, "GET", "/v1/studies/small/inbox?approved=%s", h->hash), 429);
	assert_true(h->caller.response.retry_after_ms > 0);
	assert_int_equal(send_answer(h, h->hash, "withdrawn"), 204); /* a repeat */
	assert_int_equal(caller_ask(&h->caller, "GET", "/v1/studies/small/inbox"), 200);
	assert_int_equal(send_answer(&h[1], h->hash, "approved"), 204); /* nobody else is concerned */
	teardown(f);
}

static void test_refusals(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;
	const struct json *site;

	(void)state;
	all_join(f);
	assert_int_equal(h->round.plan.round, 1);
	assert_int_equal(h->round.plan.site_count, SITES);
	assert_int_equal(send_refusal(h, 2, 1), 400);
	assert_int_equal(send_refusal(h, 2, 2), 410);
	assert_int_equal(send_refusal(h, 1, 1), 204);
	assert_int_equal(send_refusal(h, 1, 1), 204); /* a repeat */
	hospital_compute(h);
	assert_int_equal(hospital_upload(h), 403); /* who refused takes no part */
	hospital_compute(&h[1]);
	assert_int_equal(hospital_upload(&h[1]), 200);
	assert_int_equal(send_refusal(&h[1], 1, 1), 409); /* who contributed cannot refuse */
	coordinating_command(&f->c, &f->p, "rounds small --json");
	struct json *r = round_line(f, 0);
	site = json_at(json_get(r, "sites"), 0);
	assert_string_equal(json_as_string(json_get(site, "state")), "refused");
	assert_string_equal(json_as_string(json_get(site, "reason")), "data_changed");
	json_free(r);
	teardown(f);
}

/* ---- uploads */

static void test_upload_in_parts(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;

	(void)state;
	all_join(f);
	hospital_compute(h);
	size_t n = h->contribution.len;
	assert_true(n > 40);
	assert_int_equal(hospital_part(h, 10, 5), 200); /* not from the beginning */
	assert_int_equal(hospital_offset(h), 0);
	assert_int_equal(hospital_part(h, 0, 10), 200); /* words may be cut by a part's end */
	assert_int_equal(hospital_offset(h), 10);
	assert_int_equal(hospital_part(h, 0, 10), 200); /* a repeat */
	assert_int_equal(hospital_offset(h), 10);
	assert_int_equal(hospital_part(h, 20, 4), 200); /* misplaced */
	assert_int_equal(hospital_offset(h), 10);
	assert_int_equal(hospital_part(h, 10, 1), 200);
	assert_int_equal(hospital_part(h, 11, 1), 200);
	assert_int_equal(hospital_part(h, 12, 1), 200);
	assert_int_equal(hospital_offset(h), 13);
	assert_int_equal(hospital_part(h, 13, n - 13), 200);
	assert_true(hospital_accepted(h));
	assert_int_equal(hospital_upload(h), 200); /* all of it again */
	assert_true(hospital_accepted(h));
	teardown(f);
}

static void test_uploads_that_are_refused(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;
	const uint8_t extreme[4] = {0, 0, 0, 0x80};

	(void)state;
	all_join(f);
	hospital_compute(h);
	size_t n = h->contribution.len;
	/* another length than the plan's */
	h->contribution.len = n - 4;
	assert_int_equal(hospital_part(h, 0, 8), 400);
	assert_error(&h->caller, "octets");
	h->contribution.len = n;
	/* a part beyond the end */
	assert_int_equal(caller_send(&h->caller, "PUT", bytes_of(h->contribution.ptr, 8),
	                             "/v1/studies/small/rounds/1/attempts/1/contribution?offset=%zu&octets=%zu"
	                             "&sha256=" ONES64,
	                             n - 4, n),
	                 400);
	/* another hash than announced: nothing is kept of it */
	h->content.b[0] ^= 1;
	assert_int_equal(hospital_upload(h), 400);
	assert_error(&h->caller, "SHA-256");
	assert_int_equal(hospital_part(h, 8, 8), 200);
	assert_int_equal(hospital_offset(h), 0);
	/* a word that no honest site sends */
	memcpy(h->contribution.ptr + n - 4, extreme, 4);
	sha256_of(&h->content, buf_bytes(&h->contribution));
	assert_int_equal(hospital_upload(h), 400);
	/* statistics that no rows give, in words that are allowed: a count of -1 in the high digit */
	hospital_compute(h);
	memset(h->contribution.ptr + n - 4, 0xff, 4);
	sha256_of(&h->content, buf_bytes(&h->contribution));
	assert_int_equal(hospital_upload(h), 400);
	assert_error(&h->caller, "a negative number of rows");
	/* the right one is still welcome */
	hospital_compute(h);
	assert_int_equal(hospital_upload(h), 200);
	assert_true(hospital_accepted(h));
	/* and then no other */
	h->contribution.ptr[0] ^= 1;
	sha256_of(&h->content, buf_bytes(&h->contribution));
	assert_int_equal(hospital_upload(h), 409);
	teardown(f);
}

/* A study that is not masked has no phases, and its contributions no signature. */
static void test_no_masks_in_a_clear_study(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = &f->h[0];
	char hex[HASH_HEX_SIZE];

	(void)state;
	all_join(f);
	hospital_compute(h);
	assert_int_equal(
		caller_send(&h->caller, "POST", bytes_text("keys"), "/v1/studies/small/rounds/1/attempts/1/keys"), 404);
	assert_error(&h->caller, "is not masked");
	assert_int_equal(caller_ask(&h->caller, "GET", "/v1/studies/small/rounds/1/attempts/1/shares"), 404);
	hash_hex(hex, &h->content);
	assert_int_equal(caller_send(&h->caller, "PUT", buf_bytes(&h->contribution),
	                             "/v1/studies/small/rounds/1/attempts/1/contribution?offset=0&octets=%zu&sha256=%s"
	                             "&signature=%0128d",
	                             h->contribution.len, hex, 0),
	                 400);
	assert_error(&h->caller, "must be left out");
	assert_int_equal(hospital_upload(h), 200);
	teardown(f);
}

static void test_grants_are_few(void **state)
{
	struct fixture *f = setup(NULL, QUICK "limits: {uploads: 1}\n");
	struct hospital *h = f->h;

	(void)state;
	all_join(f);
	for (uint32_t i = 0; i < SITES; i++)
		hospital_compute(&h[i]);
	assert_int_equal(hospital_part(&h[0], 0, 8), 200);
	assert_int_equal(hospital_part(&h[1], 0, 8), 503);
	assert_true(h[1].caller.response.retry_after_ms > 0);
	assert_error(&h[1].caller, "under way");
	assert_int_equal(hospital_upload(&h[2]), 200); /* one part needs no grant */
	assert_true(hospital_accepted(&h[2]));
	assert_int_equal(hospital_part(&h[0], 8, h[0].contribution.len - 8), 200);
	assert_true(hospital_accepted(&h[0]));
	assert_int_equal(hospital_part(&h[1], 0, 8), 200); /* its turn */
	assert_int_equal(hospital_offset(&h[1]), 8);
	teardown(f);
}

static void test_late_contributions_are_recorded(void **state)
{
	struct fixture *f = setup(NULL, "rounds: {join: 0.3, deadline: 60, pause: 0.05}\n");
	struct hospital *h = f->h;
	const struct json *site;

	(void)state;
	all_join(f);
	for (uint32_t i = 0; i < SITES; i++)
		hospital_compute(&h[i]);
	assert_int_equal(hospital_upload(&h[0]), 200);
	assert_int_equal(hospital_upload(&h[1]), 200);
	assert_int_equal(send_answer(&h[2], h[2].hash, "withdrawn"), 204); /* it is dropped: the round closes */
	h[0].has_round = false;
	assert_int_equal(hospital_poll(&h[0], 10), 200);
	assert_int_equal(h[0].closed.participant_count, 2);
	assert_int_equal(h[0].round.plan.site_count, 2);
	/* the next round, without site 1 */
	hospital_compute(&h[0]);
	assert_int_equal(hospital_poll(&h[1], 0), 200);
	hospital_compute(&h[1]);
	assert_int_equal(hospital_upload(&h[0]), 200);
	assert_int_equal(hospital_upload(&h[1]), 200);
	h[0].has_round = false;
	assert_int_equal(hospital_poll(&h[0], 10), 200);
	assert_int_equal(h[0].closed.plan.round, 2);
	h[1].round.plan.round = 1; /* somebody who sleeps */
	h[1].contribution.ptr[0] ^= 1;
	sha256_of(&h[1].content, buf_bytes(&h[1].contribution));
	assert_int_equal(hospital_upload(&h[1]), 410);
	assert_string_equal(buf_text(&h[1].caller.body), "{\"outcome\":\"late\"}");
	coordinating_command(&f->c, &f->p, "rounds small --json");
	struct json *r = round_line(f, 0);
	site = json_at(json_get(r, "sites"), 2);
	assert_string_equal(json_as_string(json_get(site, "state")), "dropped");
	assert_string_equal(json_as_string(json_get(site, "reason")), "withdrawn");
	/* who contributed stays so, whatever comes late */
	assert_string_equal(json_as_string(json_get(json_at(json_get(r, "sites"), 1), "state")), "contributed");
	json_free(r);
	teardown(f);
}

static void test_a_site_that_comes_too_late(void **state)
{
	struct fixture *f = setup(NULL, "rounds: {join: 0.2, deadline: 60, pause: 0.05}\n");
	struct hospital *h = f->h;
	const struct json *site;

	(void)state;
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(hospital_poll(&h[i], 0), 200);
	coordinating_must(&f->c, "study start small");
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(hospital_poll(&h[i], 5), 200);
		hospital_compute(&h[i]);
		assert_int_equal(hospital_upload(&h[i]), 200);
	}
	/* site 2 does not join in time: the round closes without it, and it is told with its late upload */
	h[0].has_round = false;
	assert_int_equal(hospital_poll(&h[0], 10), 200);
	assert_int_equal(h[0].closed.participant_count, 2);
	h[2].round = h[1].round;
	h[2].round.plan.sites = NULL;
	round_plan_copy(&h[2].round.plan, &h[1].round.plan);
	h[2].has_round = true;
	hospital_compute(&h[2]);
	assert_int_equal(hospital_upload(&h[2]), 410);
	assert_int_equal(hospital_upload(&h[2]), 410);
	coordinating_command(&f->c, &f->p, "rounds small --json");
	struct json *r = round_line(f, 0);
	site = json_at(json_get(r, "sites"), 2);
	assert_string_equal(json_as_string(json_get(site, "state")), "late");
	json_free(r);
	teardown(f);
}

static void test_a_round_without_quorum_is_tried_again(void **state)
{
	struct fixture *f = setup(NULL, "rounds: {join: 0.1, deadline: 0.3, pause: 0.05}\n");
	struct hospital *h = f->h;

	(void)state;
	all_join(f);
	assert_int_equal(h->round.plan.attempt, 1);
	h->has_round = false;
	for (int i = 0; i < 10 && h->round.plan.attempt == 1; i++)
		hospital_poll(h, 5);
	assert_int_equal(h->closed.outcome, OUTCOME_FAILED);
	assert_int_equal(h->round.plan.round, 1);
	assert_true(h->round.plan.attempt > 1);
	assert_true(coordinating_logged(&f->c, "failed (2 are needed), 0 of 3 hospitals", 1000));
	teardown(f);
}

static void test_a_held_poll_is_answered_by_what_happens(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;
	struct timespec before, after;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(hospital_poll(h, 1), 200);
	clock_gettime(CLOCK_MONOTONIC, &after);
	double held_s = (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
	assert_true(held_s > 0.9 && held_s < 5);
	assert_false(h->has_round);
	/* an old `after` that is no longer kept: 410 with what there is now */
	all_join(f);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < SITES; i++) {
			hospital_compute(&h[i]);
			assert_int_equal(hospital_upload(&h[i]), 200);
			h[i].has_round = false;
		}
		for (uint32_t i = 0; i < SITES; i++)
			assert_int_equal(hospital_poll(&h[i], 10), 200);
	}
	h->seq = 1;
	assert_int_equal(hospital_poll(h, 0), 410);
	assert_int_equal(h->round.plan.round, 3);
	teardown(f);
}

/* ---- kills */

static void test_killed_in_the_middle_of_a_round(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;

	(void)state;
	all_join(f);
	for (uint32_t i = 0; i < SITES; i++)
		hospital_compute(&h[i]);
	assert_int_equal(hospital_upload(&h[0]), 200);
	assert_true(hospital_accepted(&h[0]));
	assert_int_equal(hospital_part(&h[1], 0, 12), 200);
	coordinating_end(&f->c, SIGKILL);
	coordinating_start(&f->c);
	for (uint32_t i = 0; i < SITES; i++)
		hospital_reconnect(&h[i], &f->c, i);
	/* what was acknowledged counts; what was under way begins anew; the round is the same */
	assert_int_equal(hospital_upload(&h[0]), 200);
	assert_true(hospital_accepted(&h[0]));
	assert_int_equal(hospital_part(&h[1], 12, 4), 200);
	assert_int_equal(hospital_offset(&h[1]), 0);
	assert_int_equal(hospital_upload(&h[1]), 200);
	assert_int_equal(hospital_upload(&h[2]), 200);
	for (uint32_t i = 0; i < SITES; i++)
		h[i].has_round = false;
	hospital_play(h, SITES);
	check_rounds(f);
	teardown(f);
}

static void test_a_staged_upload_that_the_disk_lost(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;
	const struct json *site;

	(void)state;
	all_join(f);
	hospital_compute(h);
	assert_int_equal(hospital_upload(h), 200);
	coordinating_end(&f->c, SIGKILL);
	tempdir_write(&f->c.dir, "state/staging/small.1.1.1", "something else");
	coordinating_start(&f->c);
	assert_true(coordinating_logged(&f->c, "the contribution of site-0 is not on the disk any more", 1000));
	coordinating_command(&f->c, &f->p, "rounds small --json");
	struct json *r = round_line(f, 0);
	site = json_at(json_get(r, "sites"), 0);
	assert_string_equal(json_as_string(json_get(site, "state")), "dropped");
	assert_string_equal(json_as_string(json_get(site, "reason")), "unreadable");
	json_free(r);
	teardown(f);
}

/* ---- who is not trusted any more */

static void test_a_site_that_left_the_roster(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;

	(void)state;
	all_join(f);
	coordinating_roster(&f->c, 2, 0);
	assert_true(coordinating_logged(&f->c, "roster version 2: 2 hospitals", 5000));
	assert_int_equal(hospital_poll(h, 0), 403);
	assert_error(&h->caller, "not on the roster");
	hospital_compute(&h[1]);
	assert_int_equal(hospital_upload(&h[1]), 200);
	/* an older roster is refused, the one in force stays */
	coordinating_roster(&f->c, 1, UINT32_MAX);
	assert_true(coordinating_logged(&f->c, "older than the one in force", 5000));
	assert_int_equal(hospital_poll(h, 0), 403);
	/* also after a restart */
	coordinating_end(&f->c, SIGKILL);
	coordinating_roster(&f->c, 3, 0);
	coordinating_start(&f->c);
	hospital_reconnect(h, &f->c, 0);
	assert_int_equal(hospital_poll(h, 0), 403);
	teardown(f);
}

static void test_a_revoked_certificate_is_cut_within_seconds(void **state)
{
	struct fixture *f = setup(NULL, QUICK);
	struct hospital *h = f->h;
	const struct json *site;

	(void)state;
	all_join(f);
	credential_revocations(&f->c.dir, "crl", &f->c.authority, &f->c.site_certificates[0], 3600);
	assert_true(coordinating_logged(&f->c, "site-0: certificate revoked", 5000));
	assert_int_equal(caller_ask(&h->caller, "GET", "/v1/studies"), 0); /* not even a connection */
	coordinating_command(&f->c, &f->p, "rounds small --json");
	struct json *r = round_line(f, 0);
	site = json_at(json_get(r, "sites"), 0);
	assert_string_equal(json_as_string(json_get(site, "state")), "dropped");
	assert_string_equal(json_as_string(json_get(site, "reason")), "revoked");
	json_free(r);
	assert_int_equal(hospital_poll(&h[1], 0), 200); /* the others go on */
	teardown(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_study_from_start_to_end),
		cmocka_unit_test(test_studies_contract_roster),
		cmocka_unit_test(test_who_is_no_member_sees_nothing),
		cmocka_unit_test(test_models_are_for_members),
		cmocka_unit_test(test_what_is_malformed),
		cmocka_unit_test(test_models_have_ranges),
		cmocka_unit_test(test_the_newest_session_wins),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_changes_of_mind_are_rationed),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_upload_in_parts),
		cmocka_unit_test(test_uploads_that_are_refused),
		cmocka_unit_test(test_no_masks_in_a_clear_study),
		cmocka_unit_test(test_grants_are_few),
		cmocka_unit_test(test_late_contributions_are_recorded),
		cmocka_unit_test(test_a_site_that_comes_too_late),
		cmocka_unit_test(test_a_round_without_quorum_is_tried_again),
		cmocka_unit_test(test_a_held_poll_is_answered_by_what_happens),
		cmocka_unit_test(test_killed_in_the_middle_of_a_round),
		cmocka_unit_test(test_a_staged_upload_that_the_disk_lost),
		cmocka_unit_test(test_a_site_that_left_the_roster),
		cmocka_unit_test(test_a_revoked_certificate_is_cut_within_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
