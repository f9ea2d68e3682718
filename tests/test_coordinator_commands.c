/*
 * cohort-coordinator as its operator types it: with a daemon and without one, right and wrong; what it refuses costs one line, a
 * sysexits code, and changes nothing.
 */
#include "tests/support/contracts.h"
#include "tests/support/hospital.h"
#include "tests/support/small_study.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SITES 3
#define RSS_MAX_KIB 16384
#define EX_USAGE 64
#define EX_DATA 65
#define EX_NOINPUT 66
#define EX_AGAIN 75
#define EX_NOPERM 77
#define EX_CONFIG 78

struct fixture {
	struct coordinating c;
	struct program p;
};

static struct fixture *setup(void)
{
	struct fixture *f = mem_alloc(sizeof *f);

	coordinating_make(&f->c, SITES, NULL, "");
	return f;
}

static void teardown(struct fixture *f)
{
	coordinating_remove(&f->c);
	free(f);
}

/* A command that must end with `code`, one line on stderr that holds `words`, and nothing on stdout. */
PRINTF_LIKE(4, 5) static void refused(struct fixture *f, int code, const char *words, const char *fmt, ...)
{
	char command[PATH_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof command, fmt, args);
	va_end(args);
	coordinating_command(&f->c, &f->p, "%s", command);
	program_expect(&f->p, code, words);
	if (strchr(f->p.err, '\n') != strrchr(f->p.err, '\n'))
		fail_msg("%s: more than one line: %s", command, f->p.err);
	if (strncmp(command, "rounds", 6) != 0)
		assert_string_equal(f->p.out, "");
}

static const char *study_file(struct fixture *f)
{
	return tempdir_path(&f->c.dir, "study.yaml");
}

/* Another study file with some text of it replaced. */
static const char *study_with(struct fixture *f, const char *name, const char *from, const char *to)
{
	const char *text = tempdir_read(&f->c.dir, "study.yaml", NULL), *at = strstr(text, from);
	struct buf changed;

	assert_non_null(at);
	buf_init(&changed, YAML_TEXT_MAX);
	buf_put(&changed, bytes_of(text, (size_t)(at - text)));
	buf_put_text(&changed, to);
	buf_put_text(&changed, at + strlen(from));
	tempdir_write_bytes(&f->c.dir, name, buf_bytes(&changed));
	buf_free(&changed);
	return tempdir_path(&f->c.dir, name);
}

/* ---- help */

static void test_help_and_version(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);

	(void)state;
	program_run(&f->p, "cohort-coordinator", "--version");
	program_expect(&f->p, 0, "");
	assert_non_null(strstr(f->p.out, "cohort-coordinator 0."));
	program_run(&f->p, "cohort-coordinator", "--help");
	program_expect(&f->p, 0, "");
	static const char *const words[] = {"serve",       "study add",    "study list", "study start",
	                                    "study pause", "study resume", "study stop", "sites",
	                                    "status",      "rounds",       "events",     "export"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		assert_non_null(strstr(f->p.out, words[i]));
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		program_run(&f->p, "cohort-coordinator", "%s --help", words[i]);
		program_expect(&f->p, 0, "");
		assert_non_null(strstr(f->p.out, "--config FILE"));
	}
	program_run(&f->p, "cohort-coordinator", "stauts");
	program_expect(&f->p, EX_USAGE, "did you mean status");
	program_run(&f->p, "cohort-coordinator", "status --jsn");
	program_expect(&f->p, EX_USAGE, "--json");
	program_run(&f->p, "cohort-coordinator", "study start");
	program_expect(&f->p, EX_USAGE, "NAME");
	program_run(&f->p, "cohort-coordinator", "%s", "");
	program_expect(&f->p, EX_USAGE, "which command");
	free(f);
}

/* ---- serve */

static void test_check_config(void **state)
{
	struct fixture *f = setup();

	(void)state;
	coordinating_command(&f->c, &f->p, "serve --check-config");
	program_expect(&f->p, 0, "");
	assert_non_null(strstr(f->p.out, "coordinator.yaml: good"));
	assert_false(tempdir_exists(&f->c.dir, "state")); /* nothing was made */
	tempdir_write(&f->c.dir, "roster.signed", "cohort-roster 1\n{}\n00\n");
	refused(f, EX_NOPERM, "roster.signed", "serve --check-config");
	coordinating_roster(&f->c, 1, UINT32_MAX);
	char *roster = strdup(tempdir_read(&f->c.dir, "roster.signed", NULL));
	*strstr(roster, "site-1") = 'S'; /* the signature is another text's */
	tempdir_write(&f->c.dir, "roster.signed", roster);
	free(roster);
	refused(f, EX_NOPERM, "roster.signed", "serve --check-config");
	coordinating_roster(&f->c, 1, UINT32_MAX);
	const char *yaml = tempdir_read(&f->c.dir, "coordinator.yaml", NULL);
	char text[2048];
	snprintf(text, sizeof text, "%snames: [localhost, elsewhere.example]\n", yaml);
	tempdir_write(&f->c.dir, "coordinator.yaml", text);
	refused(f, EX_CONFIG, "does not name elsewhere.example", "serve --check-config");
	snprintf(text, sizeof text, "%snames: [localhost, 127.0.0.1]\n", yaml);
	tempdir_write(&f->c.dir, "coordinator.yaml", text);
	coordinating_command(&f->c, &f->p, "serve --check-config");
	program_expect(&f->p, 0, "");
	tempdir_write(&f->c.dir, "coordinator.yaml", "listen: x\n");
	refused(f, EX_CONFIG, "coordinator.yaml:", "serve --check-config");
	program_run(&f->p, "cohort-coordinator", "serve --check-config --config /nowhere.yaml");
	program_expect(&f->p, EX_NOINPUT, "/nowhere.yaml");
	teardown(f);
}

static void test_a_second_daemon(void **state)
{
	struct fixture *f = setup();
	char words[64];

	(void)state;
	coordinating_start(&f->c);
	snprintf(words, sizeof words, "process id %d works on this state directory", (int)f->c.pid);
	coordinating_command(&f->c, &f->p, "serve");
	program_expect(&f->p, EX_AGAIN, words);
	coordinating_command(&f->c, &f->p, "status"); /* the first one is as well as before */
	program_expect(&f->p, 0, "");
	teardown(f);
}

static void test_a_taken_port(void **state)
{
	struct fixture *f = setup();
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	char text[4096], listen_line[64];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	snprintf(listen_line, sizeof listen_line, "listen: \"127.0.0.1:%u\"\n", ntohs(at.sin_port));
	const char *yaml = strchr(tempdir_read(&f->c.dir, "coordinator.yaml", NULL), '\n') + 1;
	snprintf(text, sizeof text, "%s%s", listen_line, yaml);
	tempdir_write(&f->c.dir, "coordinator.yaml", text);
	coordinating_command(&f->c, &f->p, "serve");
	program_expect(&f->p, EX_AGAIN, "is taken");
	close(fd);
	teardown(f);
}

static void test_a_database_of_a_newer_version(void **state)
{
	struct fixture *f = setup();
	sqlite3 *db;

	(void)state;
	coordinating_must(&f->c, "status");
	assert_int_equal(sqlite3_open(tempdir_path(&f->c.dir, "state/coordinator.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1000", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	char *before = program_snapshot(tempdir_path(&f->c.dir, "state"));
	refused(f, EX_DATA, "made by a newer version", "status");
	refused(f, EX_DATA, "made by a newer version", "study add '%s'", study_file(f));
	coordinating_command(&f->c, &f->p, "serve");
	program_expect(&f->p, EX_DATA, "made by a newer version");
	char *after = program_snapshot(tempdir_path(&f->c.dir, "state"));
	/* the lock holds another process id */
	assert_int_equal(strlen(before), strlen(after));
	free(before);
	free(after);
	teardown(f);
}

/* The program links neither OpenBLAS nor libcurl, and is small when it listens. */
static void test_what_it_links_and_takes(void **state)
{
	struct fixture *f = setup();
	char path[64], line[256];
	long kib = 0;

	(void)state;
	program_shell(&f->p, "readelf -d \"$BIN/cohort-coordinator\" | grep NEEDED");
	program_expect(&f->p, 0, "");
	assert_null(strstr(f->p.out, "blas"));
	assert_null(strstr(f->p.out, "curl"));
	assert_non_null(strstr(f->p.out, "libsqlite3"));
	program_shell(&f->p, "nm -D \"$BIN/cohort-coordinator\" | grep -q __asan_init");
	bool sanitized = f->p.exit_code == 0;
	coordinating_start(&f->c);
	snprintf(path, sizeof path, "/proc/%d/status", (int)f->c.pid);
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file))
		sscanf(line, "VmRSS: %ld", &kib);
	if (file)
		fclose(file);
	assert_true(kib > 0 && (kib <= RSS_MAX_KIB || sanitized));
	teardown(f);
}

/* ---- studies, with a daemon and without */

static struct json *answer_of(struct fixture *f)
{
	struct json *node;
	struct diag why = {{0}};

	if (json_parse(&node, bytes_text(f->p.out), PROGRAM_OUTPUT_MAX, "answer", &why) != OK)
		fail_msg("%s: %s", why.text, f->p.out);
	return node;
}

static void expect_state(struct fixture *f, const char *state)
{
	coordinating_command(&f->c, &f->p, "study list --json");
	program_expect(&f->p, 0, "");
	struct json *node = answer_of(f);
	assert_string_equal(json_as_string(json_get(json_at(json_get(node, "studies"), 0), "state")), state);
	json_free(node);
}

static void study_life(struct fixture *f)
{
	struct study study;

	small_study(&study, NULL);
	coordinating_command(&f->c, &f->p, "study add '%s'", study_file(f));
	program_expect(&f->p, 0, "Tell the hospitals this hash");
	char hex[HASH_HEX_SIZE + 1];
	hash_hex(hex, &study.hash);
	strcat(hex, "\n");
	assert_string_equal(f->p.out, hex); /* stdout holds the hash alone */
	study_free(&study);
	coordinating_command(&f->c, &f->p, "study add '%s'", study_file(f));
	program_expect(&f->p, 0, "was here already");
	expect_state(f, "ready");
	refused(f, EX_DATA, "it is ready", "study pause small");
	coordinating_command(&f->c, &f->p, "study start small");
	assert_string_equal(f->p.out, "small: waiting\n");
	refused(f, EX_DATA, "started already", "study start small");
	coordinating_must(&f->c, "study pause small");
	expect_state(f, "paused");
	/* other terms under the same revision; an older and a newer revision while it is under way */
	refused(f, EX_DATA, "with other terms", "study add '%s'",
	        study_with(f, "other.yaml", "purpose: A", "purpose: Another"));
	refused(f, EX_DATA, "study stop small", "study add '%s'",
	        study_with(f, "newer.yaml", "revision: 1", "revision: 5"));
	coordinating_must(&f->c, "study resume small");
	expect_state(f, "waiting");
	coordinating_must(&f->c, "study stop small");
	expect_state(f, "stopped");
	refused(f, EX_DATA, "is over", "study stop small");
	coordinating_must(&f->c, "study add '%s'", tempdir_path(&f->c.dir, "newer.yaml"));
	expect_state(f, "ready");
	refused(f, EX_DATA, "is older", "study add '%s'", study_file(f));
	refused(f, EX_NOINPUT, "there is no study other", "study start other");
	refused(f, EX_USAGE, "no name of a study", "study start 'Not A Name'");
	refused(f, EX_NOINPUT, "has no model yet", "export small --out '%s'", tempdir_path(&f->c.dir, "m"));
	assert_false(tempdir_exists(&f->c.dir, "m"));
}

static void test_the_life_of_a_study_with_a_daemon(void **state)
{
	struct fixture *f = setup();

	(void)state;
	coordinating_start(&f->c);
	study_life(f);
	coordinating_end(&f->c, SIGKILL);
	expect_state(f, "ready"); /* all of it was on disk */
	teardown(f);
}

static void test_the_life_of_a_study_without_one(void **state)
{
	struct fixture *f = setup();

	(void)state;
	study_life(f);
	coordinating_start(&f->c);
	expect_state(f, "ready");
	teardown(f);
}

/* A daemon that was killed has left its socket: commands find out and work on the state themselves. */
static void test_a_stale_socket(void **state)
{
	struct fixture *f = setup();

	(void)state;
	coordinating_start(&f->c);
	coordinating_end(&f->c, SIGKILL);
	assert_true(tempdir_exists(&f->c.dir, "state/admin.sock"));
	coordinating_must(&f->c, "study add '%s'", study_file(f));
	coordinating_start(&f->c);
	expect_state(f, "ready");
	teardown(f);
}

static void test_wrong_studies(void **state)
{
	struct fixture *f = setup();

	(void)state;
	refused(f, EX_NOINPUT, "/nowhere.yaml", "study add /nowhere.yaml");
	refused(f, EX_DATA, "wrong.yaml:16:", "study add '%s'",
	        study_with(f, "wrong.yaml", "evaluation:", "evaluations:"));
	coordinating_command(&f->c, &f->p, "study list");
	assert_null(strstr(f->p.out, "small"));
	/* its last day has passed: it can be read, and shown, but not started */
	coordinating_must(&f->c, "study add '%s'",
	                  study_with(f, "old.yaml", "expires: 2199-12-31", "expires: 2020-02-29"));
	refused(f, EX_NOPERM, "last day was 2020-02-29", "study start small");
	teardown(f);
}

/* ---- a study that has trained */

static void train(struct fixture *f)
{
	struct hospital h[SITES];

	coordinating_start(&f->c);
	coordinating_must(&f->c, "study add '%s'", study_file(f));
	for (uint32_t i = 0; i < SITES; i++) {
		hospital_open(&h[i], &f->c, i);
		assert_int_equal(hospital_poll(&h[i], 0), 200);
	}
	coordinating_must(&f->c, "study start small");
	hospital_play(h, SITES);
	for (uint32_t i = 0; i < SITES; i++)
		hospital_close(&h[i]);
}

static void look_at_everything(struct fixture *f)
{
	coordinating_command(&f->c, &f->p, "status");
	program_expect(&f->p, 0, "");
	assert_non_null(strstr(f->p.out, "small revision 1: finished, round 5, training 3 of 3 done"));
	assert_non_null(strstr(f->p.out, "figures    loss 0."));
	assert_non_null(strstr(f->p.out, "site-2 "));
	coordinating_command(&f->c, &f->p, "status --json");
	struct json *node = answer_of(f);
	const struct json *s = json_at(json_get(node, "studies"), 0);
	static const char *const keys[] = {"study",  "revision", "state",   "waiting_for", "round",
	                                   "rounds", "sites",    "metrics", "privacy"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		assert_non_null(json_get(s, keys[i]));
	}
	assert_true(json_as_real(json_get(json_get(s, "metrics"), "accuracy")) > 0);
	const struct json *site = json_at(json_get(s, "sites"), 1);
	assert_string_equal(json_as_string(json_get(site, "site")), "site-1");
	assert_true(json_as_integer(json_get(site, "last_seen_ms")) > 1600000000000);
	json_free(node);
	coordinating_command(&f->c, &f->p, "rounds small");
	program_expect(&f->p, 0, "");
	assert_non_null(strstr(f->p.out, "evaluate"));
	assert_non_null(strstr(f->p.out, "3/3"));
	coordinating_command(&f->c, &f->p, "sites --json");
	node = answer_of(f);
	assert_int_equal(json_count(json_get(node, "sites")), SITES);
	json_free(node);
	coordinating_command(&f->c, &f->p, "sites");
	assert_non_null(strstr(f->p.out, "enrolled"));
	coordinating_command(&f->c, &f->p, "events --json");
	program_expect(&f->p, 0, "holds");
	assert_non_null(strstr(f->p.out, "\"kind\":\"round closed\""));
	refused(f, EX_NOINPUT, "no study other", "rounds other");
	refused(f, EX_USAGE, "no name", "rounds 'a/b'");
}

static void test_looking(void **state)
{
	struct fixture *f = setup();
	sqlite3 *db;

	(void)state;
	train(f);
	look_at_everything(f);
	assert_int_equal(coordinating_end(&f->c, SIGTERM), 0);
	look_at_everything(f);
	/* an insider's edit is found by the same command */
	assert_int_equal(sqlite3_open(tempdir_path(&f->c.dir, "state/coordinator.db"), &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE events SET body = '{}' WHERE kind = 'round closed'", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	coordinating_command(&f->c, &f->p, "events");
	program_expect(&f->p, 1, "is not what was written");
	teardown(f);
}

static void test_export(void **state)
{
	struct fixture *f = setup();
	const char *out = tempdir_path(&f->c.dir, "out.safetensors");
	struct hash found;

	(void)state;
	train(f);
	refused(f, EX_USAGE, "--out", "export small");
	refused(f, EX_USAGE, "best or final", "export small --which worst --out '%s'", out);
	coordinating_must(&f->c, "export small --out '%s' --which final", out);
	refused(f, EX_DATA, "exists already", "export small --out '%s'", out);
	assert_int_equal(unlink(out), 0);
	coordinating_command(&f->c, &f->p, "export small --out '%s' --json", out);
	program_expect(&f->p, 0, "");
	struct json *node = answer_of(f);
	assert_int_equal(sha256_file(&found, out, NULL), OK);
	char hex[HASH_HEX_SIZE];
	hash_hex(hex, &found);
	assert_string_equal(json_as_string(json_get(node, "sha256")), hex);
	json_free(node);
	refused(f, 73, "cannot be created", "export small --out '%s'", tempdir_path(&f->c.dir, "no/where"));
	/* a model that was damaged on the disk is not handed out */
	char name[128];
	snprintf(name, sizeof name, "state/models/%s.safetensors", hex);
	tempdir_write(&f->c.dir, name, "damaged");
	assert_int_equal(unlink(out), 0);
	refused(f, 74, "damaged", "export small --out '%s'", out);
	assert_false(tempdir_exists(&f->c.dir, "out.safetensors"));
	teardown(f);
}

/* A second revision starts from the model that the first one made: the file goes to the coordinator with the study. */
static void test_a_study_that_starts_from_a_file(void **state)
{
	struct fixture *f = setup();
	struct hash sha256;
	char hex[HASH_HEX_SIZE], line[256];

	(void)state;
	train(f);
	coordinating_must(&f->c, "export small --out '%s'", tempdir_path(&f->c.dir, "base.safetensors"));
	assert_int_equal(sha256_file(&sha256, tempdir_path(&f->c.dir, "base.safetensors"), NULL), OK);
	hash_hex(hex, &sha256);
	snprintf(line, sizeof line, "dense 1], init: {file: base.safetensors, sha256: %s}}", hex);
	const char *text = study_with(f, "second.yaml", "dense 1]}", line);
	tempdir_write(&f->c.dir, "study.yaml", tempdir_read(&f->c.dir, "second.yaml", NULL));
	text = study_with(f, "second.yaml", "revision: 1", "revision: 2");
	coordinating_end(&f->c, SIGTERM);
	coordinating_start(&f->c);
	coordinating_must(&f->c, "study add '%s'", text);
	struct hospital h[SITES];
	for (uint32_t i = 0; i < SITES; i++) {
		hospital_open(&h[i], &f->c, i);
		assert_int_equal(hospital_poll(&h[i], 0), 200);
	}
	coordinating_must(&f->c, "study start small");
	hospital_play(h, SITES);
	for (uint32_t i = 0; i < SITES; i++) {
		assert_true(h[i].finished.complete);
		hospital_close(&h[i]);
	}
	/* a file that is another one than the contract names is refused */
	tempdir_write(&f->c.dir, "base.safetensors", "another file");
	tempdir_write(&f->c.dir, "study.yaml", tempdir_read(&f->c.dir, "second.yaml", NULL));
	text = study_with(f, "third.yaml", "revision: 2", "revision: 3");
	coordinating_command(&f->c, &f->p, "study add '%s'", text);
	assert_int_not_equal(f->p.exit_code, 0);
	teardown(f);
}

/* What it promises is said before anybody approves it: at once, and wherever the study is shown. */
static void test_a_private_study(void **state)
{
	(void)state;
	struct fixture *f = setup();
	char *text = contract_text("private.yaml"), *yaml = contract_edited(text, "1.0e-4", "1.0e-3");
	tempdir_write(&f->c.dir, "private.yaml", yaml);
	coordinating_start(&f->c);
	coordinating_command(&f->c, &f->p, "study add '%s'", tempdir_path(&f->c.dir, "private.yaml"));
	program_expect(&f->p, 0, "privacy: distributed: epsilon 3, delta 0.001 for each patient");
	program_expect(&f->p, 0, "private.yaml:15:54: privacy.delta: 0.001 is above a tenth");
	program_expect(&f->p, 0, "noise multiplier z = ");
	program_expect(&f->p, 0, "Expected signal-to-noise ratio of a step: at most ");
	coordinating_command(&f->c, &f->p, "study add '%s' --json", tempdir_path(&f->c.dir, "private.yaml"));
	struct json *node = answer_of(f);
	assert_true(json_as_real(json_get(json_get(node, "privacy"), "epsilon")) == 3);
	assert_int_equal(json_count(json_get(node, "warnings")), 1);
	json_free(node);
	coordinating_command(&f->c, &f->p, "study list --json");
	node = answer_of(f);
	const struct json *listed = json_at(json_get(node, "studies"), 0);
	assert_string_equal(json_as_string(json_get(json_get(listed, "privacy"), "mechanism")), "distributed");
	json_free(node);
	coordinating_command(&f->c, &f->p, "status");
	assert_non_null(strstr(f->p.out, "privacy    distributed: epsilon 3, delta 0.001 for each patient\n"));
	coordinating_command(&f->c, &f->p, "status --json");
	node = answer_of(f);
	listed = json_get(json_at(json_get(node, "studies"), 0), "privacy");
	assert_true(json_as_real(json_get(listed, "noise_multiplier")) > 1);
	assert_true(json_as_bool(json_get(json_get(listed, "evaluation"), "covered")));
	json_free(node);
	free(text);
	free(yaml);
	teardown(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help_and_version),
		cmocka_unit_test(test_check_config),
		cmocka_unit_test(test_a_second_daemon),
		cmocka_unit_test(test_a_taken_port),
		cmocka_unit_test(test_a_database_of_a_newer_version),
		cmocka_unit_test(test_what_it_links_and_takes),
		cmocka_unit_test(test_the_life_of_a_study_with_a_daemon),
		cmocka_unit_test(test_the_life_of_a_study_without_one),
		cmocka_unit_test(test_a_stale_socket),
		cmocka_unit_test(test_wrong_studies),
		cmocka_unit_test(test_a_private_study),
		cmocka_unit_test(test_looking),
		cmocka_unit_test(test_export),
		cmocka_unit_test(test_a_study_that_starts_from_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
