/*
 * What goes wrong at one hospital, with the real programs: the study goes on without it, and every round says who was missing and why.
 */
#include "net/request.h"
#include "tests/support/contracts.h"
#include "tests/support/federation.h"
#include "tests/support/program.h"
#include "tests/support/small_study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SITES 3
#define LIMIT_MS 60000 /* a study here takes under a second; under a sanitizer and load far more */

static struct program said; /* too large for a stack */
static const char *const names[SITES] = {"st-mary", "Lakeview", "north.2"};

static void make(struct federation *f, const char *yaml)
{
	char path[NAME_SIZE + 16];
	struct study study;
	struct table rows;

	small_study(&study, NULL);
	federation_make(f, yaml, names, SITES);
	for (uint32_t i = 0; i < SITES; i++) {
		small_table(&rows, &f->dir, &study, i);
		table_free(&rows);
		snprintf(path, sizeof path, "site-%u.csv", i);
		federation_command(f, "mv %s %s/data.csv", path, names[i]);
	}
	study_free(&study);
}

/* Everybody has approved; the study is not started, and no hospital runs. */
static void approve_all(struct federation *f, const char *settings)
{
	federation_settings(f, settings);
	federation_start(f, FEDERATION_COORDINATOR);
	federation_ready(f);
	federation_add_study(f);
	for (int i = 0; i < SITES; i++)
		federation_approve(f, i);
}

static void make_approved(struct federation *f, const char *settings)
{
	make(f, small_study_text);
	approve_all(f, settings);
}

static void start_study_with_all(struct federation *f)
{
	for (int i = 0; i < SITES; i++)
		federation_start(f, i);
	federation_wait_approved(f, SITES);
	federation_start_study(f);
}

/* Every round names `name` with its reason, and has the others' contributions. */
static void expect_refused_throughout(struct federation *f, const char *name, const char *reason)
{
	struct json *rounds = federation_rounds(f);

	assert_int_equal(json_count(rounds), 5);
	for (size_t i = 0; i < json_count(rounds); i++)
		for (uint32_t site = 0; site < SITES; site++)
			if (strcmp(names[site], name) == 0)
				federation_expect_site(json_at(rounds, i), name, "refused", "", reason);
			else
				federation_expect_contributed(json_at(rounds, i), names[site]);
	json_free(rounds);
}

/* The last round asks for exact figures, which cost nothing: there it takes part. */
static void expect_budget_refused(struct federation *f, const char *name)
{
	struct json *rounds = federation_rounds(f);
	size_t count = json_count(rounds);

	assert_int_equal(count, 5);
	for (size_t i = 0; i + 1 < count; i++)
		federation_expect_site(json_at(rounds, i), name, "refused", "", "budget");
	federation_expect_contributed(json_at(rounds, count - 1), name);
	json_free(rounds);
}

/* And on the page for people in words. */
static void expect_words(struct federation *f, const char *words)
{
	const char *page =
		federation_command(f, "\"$BIN/cohort-coordinator\" rounds small --config coordinator/coordinator.yaml");

	assert_non_null(strstr(page, words));
}

/* A policy that became stricter after the approval. */
static void test_refusal_by_policy_is_named_in_every_round(void **state)
{
	struct federation f;

	(void)state;
	make_approved(&f, "");
	tempdir_write(&f.dir, "Lakeview/policy.yaml",
	              "masking: off\nmechanisms: [none]\nevaluation: [masked]\nmin_sites: 4\n");
	start_study_with_all(&f);
	federation_wait(&f, "finished", LIMIT_MS);
	expect_refused_throughout(&f, "Lakeview", "policy_sites");
	expect_words(&f,
	             "Lakeview refused (policy_sites: fewer sites, or fewer that it knows, than the hospital's policy "
	             "wants)");
	federation_remove(&f);
}

static const char noise_policy[] =
	"masking: off\nmechanisms: [local]\nevaluation: [masked]\nmin_sites: 2\nmin_rows: 1\n"
	"min_positives: 0\ncell_min: 1\n";

/* Three hospitals, noise in their local steps. */
static void make_private(struct federation *f)
{
	char *training = contract_edited(small_study_text, "{epochs: 1, batch: 8, optimizer: sgd, learning_rate: 0.1}",
	                                 "{steps: 5, learning_rate: 0.1}");
	char *text = contract_edited(training, "{mechanism: none}",
	                             "{mechanism: local, unit: record, epsilon: 2, delta: 1.0e-3, clip: 1, "
	                             "sampling_rate: 0.2, patients: 90}");
	char path[NAME_SIZE + 16];

	make(f, text);
	for (int i = 0; i < SITES; i++) {
		snprintf(path, sizeof path, "%s/policy.yaml", names[i]);
		tempdir_write(&f->dir, path, noise_policy);
	}
	free(text);
	free(training);
}

/* A hospital whose budget has become too small since it approved: it says so in each round, and the others go on. */
static void test_refusal_by_budget_is_named_in_every_round(void **state)
{
	struct federation f;
	char policy[512];
	const char *log;

	(void)state;
	make_private(&f);
	approve_all(&f, "");
	snprintf(policy, sizeof policy, "%sbudget: {epsilon: 0.02}\n", noise_policy);
	tempdir_write(&f.dir, "Lakeview/policy.yaml", policy);
	start_study_with_all(&f);
	federation_wait(&f, "finished", LIMIT_MS);
	expect_budget_refused(&f, "Lakeview");
	expect_words(&f, "Lakeview refused (budget: the hospital's privacy budget does not allow it)");
	log = federation_command(&f, "cat Lakeview/log");
	assert_non_null(
		strstr(log, "refused (budget): study small round 2: this hospital's privacy budget: all its studies"));
	federation_remove(&f);
}

static void test_refusal_for_changed_data_is_named_in_every_round(void **state)
{
	struct federation f;

	(void)state;
	make_approved(&f, "");
	federation_command(&f, "echo '0.5,0.5,a,1' >>north.2/data.csv");
	start_study_with_all(&f);
	federation_wait(&f, "finished", LIMIT_MS);
	expect_refused_throughout(&f, "north.2", "data_changed");
	federation_remove(&f);
}

/* An expired study: the operator cannot start it, a hospital cannot approve it. */
static void test_expired_study_goes_nowhere(void **state)
{
	struct federation f;
	char *yaml = contract_edited(small_study_text, "2199-12-31", "2026-01-31");

	(void)state;
	make(&f, yaml);
	federation_start(&f, FEDERATION_COORDINATOR);
	federation_ready(&f);
	federation_add_study(&f);
	federation_command(&f, "\"$BIN/cohort-client\" fetch small --config st-mary/client.yaml");
	program_shell(&said, "cd '%s' && \"$BIN/cohort-client\" approve small --hash %s --config st-mary/client.yaml",
	              f.dir.path, f.study_hash);
	program_expect(&said, 77, "expired");
	program_shell(&said,
	              "cd '%s' && \"$BIN/cohort-coordinator\" study start small --config coordinator/coordinator.yaml",
	              f.dir.path);
	program_expect(&said, 77, "2026-01-31");
	assert_false(tempdir_exists(&f.dir, "st-mary/state/approved") &&
	             tempdir_count(&f.dir, "st-mary/state/approved"));
	free(yaml);
	federation_remove(&f);
}

/* A hospital that has approved and does not run is waited for until the join deadline, then named. */
static void test_absent_hospital_is_named(void **state)
{
	struct federation f;
	struct json *rounds;

	(void)state;
	make_approved(&f, "rounds: {join: 0.3, deadline: 60, pause: 0.1}\n");
	for (int i = 0; i < SITES; i++)
		federation_start(&f, i);
	federation_wait_approved(&f, SITES);
	federation_stop(&f, 2);
	federation_start_study(&f);
	federation_wait(&f, "finished", LIMIT_MS);
	rounds = federation_rounds(&f);
	for (size_t i = 0; i < json_count(rounds); i++) {
		federation_expect_contributed(json_at(rounds, i), "st-mary");
		federation_expect_contributed(json_at(rounds, i), "Lakeview");
		federation_expect_site(json_at(rounds, i), "north.2", "dropped", "join", "not seen in this round");
	}
	json_free(rounds);
	federation_remove(&f);
}

/* Two are needed and one is there: the attempt fails at its deadline and names the absent; when they are back the next attempt of
 * the same round is done, with the octets that the first had sent. */
static void test_failed_attempt_is_tried_again(void **state)
{
	struct federation f;
	struct json *rounds;
	const struct json *first, *second = NULL;

	(void)state;
	make_approved(&f, "rounds: {join: 0.3, deadline: 2, pause: 0.1}\n");
	for (int i = 0; i < SITES; i++)
		federation_start(&f, i);
	federation_wait_approved(&f, SITES);
	federation_stop(&f, 1);
	federation_stop(&f, 2);
	federation_start_study(&f);
	federation_wait_attempt(&f, 1, 2, LIMIT_MS);
	federation_start(&f, 1);
	federation_start(&f, 2);
	federation_wait(&f, "finished", LIMIT_MS);
	rounds = federation_rounds(&f);
	first = json_at(rounds, 0);
	assert_string_equal(federation_text(first, "outcome"), "failed");
	federation_expect_contributed(first, "st-mary");
	federation_expect_site(first, "Lakeview", "dropped", "join", "not seen in this round");
	federation_expect_site(first, "north.2", "dropped", "join", "not seen in this round");
	for (size_t i = 1; i < json_count(rounds); i++) {
		second = json_at(rounds, i);
		assert_string_equal(federation_text(federation_site(second, "st-mary"), "sha256"),
		                    federation_text(federation_site(first, "st-mary"), "sha256"));
		if (strcmp(federation_text(second, "outcome"), "done") == 0)
			break;
	}
	assert_string_equal(federation_text(second, "outcome"), "done");
	assert_int_equal(federation_number(second, "round"), 1);
	json_free(rounds);
	federation_remove(&f);
}

/* ---- a hospital too late: a hand-made one joins, and sends when the round has closed without it */

struct visitor {
	struct requester *requester;
	struct buf body;
};

static unsigned ask(struct visitor *v, const char *method, const char *target, struct bytes body)
{
	const struct request q = {.method = method,
	                          .target = target,
	                          .content_type = body.len > 0 ? "application/octet-stream" : NULL,
	                          .body = body};
	struct response response;
	struct diag why = {{0}};

	if (request_send(v->requester, &q, &response, &v->body, &why) != OK)
		fail_msg("%s", why.text);
	return response.status;
}

static void visit(struct visitor *v, struct federation *f, const char *name)
{
	char folder[NAME_SIZE + 16], url[64];
	struct diag why = {{0}};
	struct request_config config = {.url = url, .proxy = ""};

	snprintf(url, sizeof url, "https://127.0.0.1:%u", f->port);
	snprintf(folder, sizeof folder, "%s/ca.pem", name);
	config.tls.authority = tempdir_path(&f->dir, folder);
	snprintf(folder, sizeof folder, "%s/site.pem", name);
	config.tls.certificate = tempdir_path(&f->dir, folder);
	snprintf(folder, sizeof folder, "%s/site.key", name);
	config.tls.key = tempdir_path(&f->dir, folder);
	if (request_open(&v->requester, &config, &why) != OK)
		fail_msg("%s", why.text);
	request_set_header(v->requester, "Cohort-Session", "00112233445566778899aabbccddeeff");
	buf_init(&v->body, MESSAGE_MAX);
}

static void test_late_contribution_is_named_and_not_counted(void **state)
{
	struct federation f;
	struct visitor v;
	struct json *rounds;
	struct hash content;
	char target[512], hex[HASH_HEX_SIZE], poll[256];
	static const uint8_t octets[4 * 2 * (3 + 3 + 4 + 2)]; /* the statistics' layout, all zero */

	(void)state;
	make_approved(&f, "rounds: {join: 0.3, deadline: 3, pause: 0.1}\n");
	visit(&v, &f, "north.2");
	snprintf(poll, sizeof poll, "/v1/studies/small/inbox?after=0&wait=10&approved=%s", f.study_hash);
	assert_int_equal(ask(&v, "GET", "/v1/studies/small/inbox?after=0&wait=0", (struct bytes){0}), 200);
	snprintf(target, sizeof target,
	         "{\"type\":\"answer\",\"study\":\"small\",\"study_hash\":\"%s\",\"answer\":\"approved\"}",
	         f.study_hash);
	assert_int_equal(ask(&v, "POST", "/v1/studies/small/answer", bytes_text(target)), 204);
	federation_start(&f, 0);
	federation_start(&f, 1);
	federation_wait_approved(&f, SITES);
	federation_start_study(&f);
	assert_int_equal(ask(&v, "GET", poll, (struct bytes){0}), 200); /* joins */
	assert_non_null(strstr(buf_text(&v.body), "\"statistics\""));
	federation_wait_attempt(&f, 2, 1, LIMIT_MS);

	sha256_of(&content, bytes_of(octets, sizeof octets));
	hash_hex(hex, &content);
	snprintf(target, sizeof target,
	         "/v1/studies/small/rounds/1/attempts/1/contribution?offset=0&octets=%zu&sha256=%s", sizeof octets,
	         hex);
	assert_int_equal(ask(&v, "PUT", target, bytes_of(octets, sizeof octets)), 410);
	assert_string_equal(buf_text(&v.body), "{\"outcome\":\"late\"}");
	federation_wait(&f, "finished", LIMIT_MS);
	rounds = federation_rounds(&f);
	assert_string_equal(federation_text(json_at(rounds, 0), "outcome"), "done");
	assert_string_equal(federation_text(federation_site(json_at(rounds, 0), "north.2"), "state"), "late");
	federation_expect_site(json_at(rounds, 1), "north.2", "dropped", "join", "not seen in this round");
	json_free(rounds);
	request_close(v.requester);
	buf_free(&v.body);
	federation_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusal_by_policy_is_named_in_every_round),
		cmocka_unit_test(test_refusal_by_budget_is_named_in_every_round),
		cmocka_unit_test(test_refusal_for_changed_data_is_named_in_every_round),
		cmocka_unit_test(test_expired_study_goes_nowhere),
		cmocka_unit_test(test_absent_hospital_is_named),
		cmocka_unit_test(test_failed_attempt_is_tried_again),
		cmocka_unit_test(test_late_contribution_is_named_and_not_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
