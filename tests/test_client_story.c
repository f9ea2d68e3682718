/*
 * A hospital's way with the real programs, as its people go it: look, refuse, approve, take part, look again, withdraw. One federation
 * of three on loopback for the whole story; each test is a chapter and stands on those before.
 */
#include "base/json.h"
#include "tests/support/federation.h"
#include "tests/support/program.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LIMIT_MS 60000

static const char *const names[] = {"north", "south", "east"};

static struct federation f;
static struct program p;
static struct json *root; /* of the last expect_json */

static const char strict_policy[] =
	"mechanisms: [none]\nevaluation: [masked]\nmin_sites: 2\nmin_rows: 5\nmin_positives: 2\n";
static const char good_policy[] = "masking: off\nmechanisms: [none]\nevaluation: [masked]\nmin_sites: 2\nmin_rows: "
				  "5\nmin_positives: 2\ncell_min: 11\n";

/* ---- at north's desk */

static void north(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void north(const char *fmt, ...)
{
	char words[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(words, sizeof words, fmt, args);
	va_end(args);
	program_shell(&p, "cd '%s' && exec \"$BIN/cohort-client\" %s", tempdir_path(&f.dir, "north"), words);
}

static void expect_json(void)
{
	struct diag why = {{0}};

	program_expect(&p, 0, "");
	json_free(root);
	if (json_parse(&root, bytes_text(p.out), PROGRAM_OUTPUT_MAX, "out", &why) != OK)
		fail_msg("%s", why.text);
}

/* Refused, in one line, with nothing written. */
static void expect_refusal(int exit_code, const char *said, const char *command)
{
	char *before = program_snapshot(tempdir_path(&f.dir, "north")), *after;

	north("%s", command);
	program_expect(&p, exit_code, said);
	assert_string_equal(p.out, "");
	assert_ptr_equal(strchr(p.err, '\n'), p.err + strlen(p.err) - 1);
	after = program_snapshot(tempdir_path(&f.dir, "north"));
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static const char *approve_with(const char *hash)
{
	static char command[256];

	snprintf(command, sizeof command, "approve small --hash %s", hash);
	return command;
}

static const char *text_at(const char *list, size_t index, const char *key)
{
	return json_as_string(json_get(json_at(json_get(root, list), index), key));
}

static int begin(void **state)
{
	struct study study;
	struct table rows;
	struct buf yaml;

	(void)state;
	buf_init(&yaml, YAML_TEXT_MAX);
	small_study_yaml(&yaml, NULL);
	federation_make(&f, buf_text(&yaml), names, 3);
	buf_free(&yaml);
	small_study(&study, NULL);
	for (uint32_t i = 0; i < 3; i++) {
		small_table(&rows, &f.dir, &study, i);
		table_free(&rows);
		federation_command(&f, "mv site-%u.csv %s/data.csv", i, names[i]);
	}
	study_free(&study);
	federation_start(&f, FEDERATION_COORDINATOR);
	federation_ready(&f);
	federation_add_study(&f);
	return 0;
}

static int end(void **state)
{
	(void)state;
	json_free(root);
	federation_remove(&f);
	return 0;
}

/* ---- looking */

static void test_studies_and_fetch(void **state)
{
	(void)state;
	north("studies --json");
	expect_json();
	assert_string_equal(text_at("studies", 0, "study"), "small");
	assert_string_equal(text_at("studies", 0, "here"), "new");
	expect_refusal(66, "there is no study tiny here", "fetch tiny");
	north("fetch small");
	program_expect(&p, 0, "Read it:");
	assert_non_null(strstr(p.out, f.study_hash));
	north("fetch small --json"); /* again is fine */
	expect_json();
	assert_string_equal(json_as_string(json_get(root, "study_hash")), f.study_hash);
	north("studies");
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "fetched"));
}

static void test_show(void **state)
{
	(void)state;
	north("show small");
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, f.study_hash));
	assert_non_null(strstr(p.out, "A made-up question on made-up rows"));
	assert_non_null(strstr(p.out, "masking: off: WARNING: the coordinator can read this hospital's contribution"));
	assert_non_null(strstr(p.out, "privacy: none: WARNING"));
	assert_non_null(strstr(p.out, "It permits the study."));
	north("show small --json | b2sum -l 256"); /* the very bytes that are hashed */
	program_expect(&p, 0, "");
	assert_memory_equal(p.out, f.study_hash, 64);
	north("show small --hash %s --json", f.study_hash);
	expect_json();
	assert_string_equal(json_as_string(json_get(root, "study")), "small");
}

static void test_check(void **state)
{
	char *before = program_snapshot(tempdir_path(&f.dir, "north")), *after;
	int64_t rows;

	(void)state;
	north("check small --json");
	expect_json();
	assert_int_equal(json_as_integer(json_get(root, "rows")), 30);
	rows = json_as_integer(json_get(json_at(json_get(root, "parts"), 0), "rows"));
	assert_in_range(rows, 11, 30);
	assert_true(json_as_bool(json_get(root, "permitted")));
	after = program_snapshot(tempdir_path(&f.dir, "north"));
	assert_string_equal(before, after);
	free(before);
	free(after);

	tempdir_write(&f.dir, "north/policy.yaml", good_policy);
	north("check small"); /* cell_min 11 now: 30 rows in three parts and two classes have smaller cells */
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "<11"));
	assert_non_null(strstr(p.out, "This hospital can take part with these rows."));
	tempdir_write(&f.dir, "north/policy.yaml",
	              "masking: off\nmechanisms: [none]\nevaluation: [masked]\nmin_sites: 2\n");
	north("check small");
	program_expect(&p, 1, ""); /* checked, and found bad */
	assert_non_null(strstr(p.out, "CANNOT take part (data_small): fewer than 50 training rows"));
}

/* ---- refusing */

static void test_approvals_that_are_refused(void **state)
{
	char other[65], half[33];

	(void)state;
	memset(other, 'a', 64);
	other[64] = '\0';
	memcpy(half, f.study_hash, 32); /* 128 bits of it */
	half[32] = '\0';
	expect_refusal(64, "--hash: all 64 digits", approve_with(half));
	expect_refusal(66, "no contract aaaaaaaaaa", approve_with(other));
	expect_refusal(77, "small: refused (data_small): fewer than 50 training rows (the policy's min_rows)",
	               approve_with(f.study_hash));
	tempdir_write(&f.dir, "north/policy.yaml", strict_policy);
	expect_refusal(77, "small: refused (policy_masking): the study sends this hospital's numbers unmasked",
	               approve_with(f.study_hash));
	tempdir_write(&f.dir, "north/policy.yaml", good_policy);
	federation_command(&f, "mv north/data.csv north/kept.csv; sed '3s/^[^,]*/abc/' north/kept.csv >north/data.csv");
	expect_refusal(65, "data.csv:3:1: x \"abc\" is not a number", approve_with(f.study_hash));
	federation_command(&f, "mv north/data.csv north/bad.csv");
	expect_refusal(66, "data.csv", approve_with(f.study_hash));
	federation_command(&f, "mv north/kept.csv north/data.csv; rm north/bad.csv");
}

/* ---- taking part */

static void test_approve_works_offline(void **state)
{
	(void)state;
	federation_stop(&f, FEDERATION_COORDINATOR);
	north("%s", approve_with(f.study_hash));
	program_expect(&p, 0, "takes part from now on");
	assert_non_null(strstr(p.out, "What leaves this hospital")); /* in words, once more */
	assert_non_null(strstr(p.out, "\nApproved on 20"));
	north("%s --json", approve_with(f.study_hash));
	expect_json();
	assert_string_equal(json_as_string(json_get(root, "study_hash")), f.study_hash);
	assert_int_equal(tempdir_count(&f.dir, "north/state/approved"), 1);
	north("status --json");
	expect_json();
	assert_string_equal(text_at("studies", 0, "here"), "approved");
	assert_true(json_kind(json_get(root, "process")) == JSON_IS_NULL);
	federation_start(&f, FEDERATION_COORDINATOR);
	federation_ready(&f);
}

static void test_run(void **state)
{
	(void)state;
	federation_start(&f, 0);
	federation_wait_approved(&f, 1);
	north("status --json");
	expect_json();
	assert_int_equal(json_as_integer(json_get(root, "process")), f.sites[0]);
	assert_string_equal(text_at("studies", 0, "here"), "running");
	assert_true(json_as_integer(json_get(json_get(root, "certificate"), "days_left")) > 80);
	expect_refusal(75, "is in use by process", "run");
	for (int i = 1; i < 3; i++) {
		federation_approve(&f, i);
		federation_start(&f, i);
	}
	federation_wait_approved(&f, 3);
	federation_start_study(&f);
	federation_wait(&f, "finished", LIMIT_MS);
}

/* Until north's daemon answers: from then on it writes nothing unasked. */
static void wait_for_daemon(void)
{
	for (int i = 0; i < 500; i++) {
		north("status --json");
		expect_json();
		if (json_kind(json_get(root, "process")) == JSON_IS_INTEGER)
			return;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	fail_msg("north's cohort-client does not answer");
}

/* ---- looking again: a running daemon and the files of a stopped one say the same */

static void save_and_expect_same(char **kept, const char *command)
{
	north("%s", command);
	program_expect(&p, 0, "");
	if (*kept == NULL)
		*kept = strdup(p.out);
	else
		assert_string_equal(p.out, *kept);
}

static void check_ledger(void)
{
	const struct json *last;
	size_t rounds = 5; /* statistics, three of training, the last evaluation */

	north("ledger --json");
	expect_json();
	assert_int_equal(json_count(json_get(root, "releases")), rounds);
	for (size_t i = 0; i < rounds; i++) {
		assert_string_equal(text_at("releases", i, "sent"), "accepted");
		assert_string_equal(text_at("releases", i, "outcome"), "done");
		assert_int_equal(json_as_integer(json_get(json_at(json_get(root, "releases"), i), "participants")), 3);
	}
	last = json_at(json_get(root, "releases"), rounds - 1);
	assert_int_equal(json_count(json_get(last, "asks")), 1);
	assert_string_equal(text_at("endings", 0, "study"), "small");
}

static void test_what_left(void **state)
{
	static const char *const looks[] = {"ledger", "show-outbound", "figures small",
	                                    "show-outbound --round 2 --json"};
	char *kept[4] = {NULL};

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		check_ledger();
		for (size_t i = 0; i < 4; i++)
			save_and_expect_same(&kept[i], looks[i]);
		if (turn == 0)
			federation_stop(&f, 0);
	}
	federation_start(&f, 0);
	wait_for_daemon();
	for (size_t i = 0; i < 4; i++)
		free(kept[i]);
}

static void test_show_outbound(void **state)
{
	const struct json *release, *segments;
	int64_t octets = 0;

	(void)state;
	north("show-outbound --study small --round 3 --json");
	expect_json();
	assert_int_equal(json_count(json_get(root, "outbound")), 1);
	release = json_at(json_get(root, "outbound"), 0);
	segments = json_get(release, "segments");
	assert_int_equal(json_count(segments), 4); /* update, weight, loss, counts */
	for (size_t i = 0; i < json_count(segments); i++)
		octets += json_as_integer(json_get(json_at(segments, i), "octets"));
	assert_int_equal(octets, json_as_integer(json_get(release, "octets")));
	assert_null(json_get(release, "own"));
	assert_non_null(strstr(json_as_string(json_get(release, "allowed")), "masking: off; mechanisms: none"));
	north("show-outbound --round 77");
	program_expect(&p, 0, "Nothing of the kind left this hospital.");
}

static void test_figures(void **state)
{
	const struct json *last;

	(void)state;
	north("figures small");
	program_expect(&p, 0, "");
	assert_ptr_equal(strstr(p.out, "north, study small: own figures (stays at the hospital)\n"), p.out);
	north("figures small --json");
	expect_json();
	assert_int_equal(json_as_integer(json_get(root, "cell_min")), 11);
	assert_int_equal(json_count(json_get(root, "rounds")), 5);
	last = json_at(json_get(root, "rounds"), 4);
	assert_true(json_kind(json_get(last, "test")) == JSON_IS_NULL); /* north's test part has fewer than 11 rows */
	assert_true(json_as_real(json_get(last, "training_rows")) >= 11);
}

static void test_export(void **state)
{
	char hex[HASH_HEX_SIZE];

	(void)state;
	federation_model(&f, hex);
	north("export small --out model.safetensors --json");
	expect_json();
	assert_string_equal(json_as_string(json_get(root, "model_sha256")), hex);
	assert_true(json_as_bool(json_get(root, "final")));
	assert_non_null(strstr(federation_command(&f, "sha256sum north/model.safetensors"), hex));
	expect_refusal(65, "model.safetensors: exists already", "export small --out model.safetensors");
	federation_command(&f, "rm north/state/models/*"); /* it is fetched again */
	north("export small");
	program_expect(&p, 0, "");
	assert_non_null(strstr(federation_command(&f, "sha256sum north/small.safetensors"), hex));
}

/* ---- withdrawing */

static void test_reject(void **state)
{
	(void)state;
	north("reject small --json");
	expect_json();
	assert_non_null(json_get(root, "withdrawn"));
	assert_non_null(strstr(p.err, "stops taking part within two seconds and tells the coordinator"));
	north("status --json");
	expect_json();
	assert_int_equal(tempdir_count(&f.dir, "north/state/approved"), 0);

	/* south has no daemon: the command tells the coordinator itself */
	federation_stop(&f, 1);
	program_shell(&p, "cd '%s' && exec \"$BIN/cohort-client\" reject small", tempdir_path(&f.dir, "south"));
	program_expect(&p, 0, "The coordinator knows.");
	assert_non_null(strstr(p.out, "small revision 1: withdrawn on 20"));

	/* and east's line is down: the rejection holds, and waits to be told */
	federation_stop(&f, 2);
	federation_stop(&f, FEDERATION_COORDINATOR);
	program_shell(&p, "cd '%s' && exec \"$BIN/cohort-client\" reject small", tempdir_path(&f.dir, "east"));
	program_expect(&p, 0, "The coordinator does not know yet");
	assert_int_equal(tempdir_count(&f.dir, "east/state/approved"), 0);
}

static void test_no_coordinator(void **state)
{
	(void)state;
	north("studies");
	program_expect(&p, 69, "is the coordinator running?");
	assert_string_equal(p.out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_studies_and_fetch),
		cmocka_unit_test(test_show),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_approvals_that_are_refused),
		cmocka_unit_test(test_approve_works_offline),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_what_left),
		cmocka_unit_test(test_show_outbound),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_export),
		cmocka_unit_test(test_reject),
		cmocka_unit_test(test_no_coordinator),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
