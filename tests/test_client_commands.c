/*
 * cohort-client as a person meets it at the prompt: its command line, its refusals with their exit codes and nothing written, and
 * the keys that it makes. What it does with a coordinator is in test_client_story.c.
 */
#include "base/json.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char *const commands[] = {
	"request", "studies", "fetch",  "show",          "check",   "approve", "reject",
	"run",     "status",  "ledger", "show-outbound", "figures", "export",
};

static struct program p;
static struct tempdir t;

static int setup(void **state)
{
	(void)state;
	tempdir_make(&t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tempdir_remove(&t);
	return 0;
}

/* In the temporary folder. */
static void client(const char *words)
{
	program_shell(&p, "cd '%s' && exec \"$BIN/cohort-client\" %s", t.path, words);
}

static void expect(const char *words, int exit_code, const char *said)
{
	client(words);
	program_expect(&p, exit_code, said);
	if (exit_code != 0) {
		assert_string_equal(p.out, ""); /* data on stdout, and there is none */
		assert_ptr_equal(strchr(p.err, '\n'), p.err + strlen(p.err) - 1); /* one line */
	}
}

static void test_help(void **state)
{
	(void)state;
	client("--help");
	program_expect(&p, 0, "");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		char words[64];

		snprintf(words, sizeof words, "\n  %s ", commands[i]);
		client("--help");
		assert_non_null(strstr(p.out, words));
		snprintf(words, sizeof words, "%s --help", commands[i]);
		client(words);
		program_expect(&p, 0, "");
		snprintf(words, sizeof words, "cohort-client %s", commands[i]);
		assert_ptr_equal(strstr(p.out, words), p.out);
	}
	client("--version");
	assert_ptr_equal(strstr(p.out, "cohort-client "), p.out);
	assert_int_equal(tempdir_count(&t, NULL), 0);
}

static void test_a_wrong_command_line(void **state)
{
	static const struct {
		const char *words, *said;
	} cases[] = {
		{"", "which command?"},
		{"aprove x", "no command \"aprove\" (did you mean approve?)"},
		{"privacy epsilon", "--noise-multiplier is missing"},
		{"privacy", "no command \"privacy\""},
		{"approve", "approve: something is missing"},
		{"approve x", "approve: --hash is needed"},
		{"approve x --hsh 7", "no option --hsh (did you mean --hash?)"},
		{"show x y", "show: \"y\" is too much"},
		{"show 'Heart Study'", "\"Heart Study\" is no study's name"},
		{"fetch ../../etc", "\"../../etc\" is no study's name"},
		{"show-outbound --round 0", "--round: \"0\" is no round"},
		{"show-outbound --round 3x", "--round: \"3x\" is no round"},
		{"request --site a", "--out DIR and --site NAME are needed"},
		{"request --out keys --site 'a b'", "site name \"a b\": letters"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect(cases[i].words, 64, cases[i].said);
	assert_int_equal(tempdir_count(&t, NULL), 0);
}

static void test_no_configuration(void **state)
{
	static const char *const asking[] = {"studies", "fetch x", "show x",        "check x",   "reject x", "run",
	                                     "status",  "ledger",  "show-outbound", "figures x", "export x"};

	(void)state;
	for (size_t i = 0; i < sizeof asking / sizeof *asking; i++)
		expect(asking[i], 66, "no client.yaml in this folder; go to it, or name it: --config FILE");
	expect("status --config elsewhere.yaml", 66, "elsewhere.yaml: cannot be opened");
	assert_int_equal(tempdir_count(&t, NULL), 0);
}

static void test_a_wrong_configuration(void **state)
{
	(void)state;
	tempdir_write(&t, "client.yaml", "site: a\ncoordinator: https://c\nsouces: {}\n");
	expect("status", 78, "client.yaml:3:1: unknown key \"souces\"; did you mean \"sources\"?");
	tempdir_write(&t, "client.yaml", "site: a\ncoordinator: https://c\n");
	tempdir_write(&t, "policy.yaml", "masking: of\n");
	expect("run", 78, "policy.yaml:1:10: masking: \"of\" is not one of required, off");
	assert_int_equal(tempdir_count(&t, NULL), 2); /* no state folder was made */
}

static void test_no_credentials(void **state)
{
	(void)state;
	tempdir_write(&t, "client.yaml", "site: a\ncoordinator: https://localhost:1\nproxy: none\n");
	expect("studies", 66, "site.key: cannot be opened");
	expect("fetch x", 66, "site.key: cannot be opened");
	assert_int_equal(tempdir_count(&t, NULL), 1);
}

/* A hospital that has done nothing yet is not told of errors, but of nothing. */
static void test_nothing_yet(void **state)
{
	struct json *root = NULL;

	(void)state;
	tempdir_write(&t, "client.yaml", "site: a\ncoordinator: https://localhost:1\n");
	client("ledger");
	program_expect(&p, 0, "Nothing was ever released.");
	client("show-outbound");
	program_expect(&p, 0, "Nothing of the kind left this hospital.");
	client("figures x");
	program_expect(&p, 0, "There are none yet.");
	client("ledger --json");
	assert_int_equal(json_parse(&root, bytes_text(p.out), PROGRAM_OUTPUT_MAX, "out", NULL), OK);
	assert_int_equal(json_count(json_get(root, "releases")), 0);
	json_free(root);
	client("status");
	program_expect(&p, 1, "No contract was fetched yet"); /* 1: there is no certificate */
	assert_non_null(strstr(p.out, "certificate  TROUBLE: "));
	expect("show x", 66, "no contract of a study x was fetched; run: cohort-client fetch x");
	expect("export x", 66, "no contract of a study x was fetched");
	assert_int_equal(tempdir_count(&t, NULL), 1); /* and looking writes nothing */
}

static unsigned mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(tempdir_path(&t, name), &st), 0);
	return st.st_mode & 0777;
}

static void test_request(void **state)
{
	char fingerprint[64];
	struct json *root = NULL;
	char *before, *after;

	(void)state;
	client("request --out keys --site st-mary");
	program_expect(&p, 0,
	               "Send keys/site.csr to the federation's authority, and compare the fingerprint by telephone.");
	assert_int_equal(mode_of("keys"), 0700);
	assert_int_equal(mode_of("keys/site.key"), 0600);
	assert_int_equal(mode_of("keys/sign.key"), 0600);
	assert_int_equal(sscanf(strstr(p.out, "fingerprint"), "fingerprint %63s", fingerprint), 1);
	program_run(&p, "cohort-ca", "show '%s' --json", tempdir_path(&t, "keys/site.csr"));
	assert_non_null(strstr(p.out, fingerprint)); /* the authority reads the same words */

	before = program_snapshot(t.path);
	expect("request --out keys --site st-mary", 65, "exists already");
	after = program_snapshot(t.path);
	assert_string_equal(before, after);
	free(before);
	free(after);

	client("request --out renewed --site st-mary --signing-key keys/sign.key --json");
	program_expect(&p, 0, "");
	assert_int_equal(json_parse(&root, bytes_text(p.out), PROGRAM_OUTPUT_MAX, "out", NULL), OK);
	assert_string_equal(json_as_string(json_get(root, "fingerprint")), fingerprint); /* the lasting identity */
	json_free(root);
}

static void test_output_that_is_not_taken(void **state)
{
	(void)state;
	program_shell(&p, "\"$BIN/cohort-client\" --help >/dev/full");
	program_expect(&p, 74, "the output could not be written");
	program_shell(&p, "\"$BIN/cohort-client\" --help | true");
	assert_int_equal(p.exit_code, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_help),
		CASE(test_a_wrong_command_line),
		CASE(test_no_configuration),
		CASE(test_a_wrong_configuration),
		CASE(test_no_credentials),
		CASE(test_nothing_yet),
		CASE(test_request),
		CASE(test_output_that_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
