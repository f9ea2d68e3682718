/* The operator's file: defaults, paths, and every way to get it wrong. */
#include "coordinator/settings.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char minimal[] = "listen: \":8443\"\n"
			      "credentials: {authority: ca.pem, certificate: c.pem, key: c.key}\n"
			      "roster: roster.signed\n"
			      "state: state/\n";

static struct tempdir dir;

static enum err load(struct settings *s, const char *text, struct diag *why)
{
	tempdir_write(&dir, "coordinator.yaml", text);
	return settings_load(s, tempdir_path(&dir, "coordinator.yaml"), why);
}

static int setup(void **state)
{
	(void)state;
	tempdir_make(&dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tempdir_remove(&dir);
	return 0;
}

static void assert_below(const char *path, const char *name)
{
	assert_string_equal(path, tempdir_path(&dir, name));
}

static void test_defaults(void **state)
{
	struct settings s;
	struct diag why = {{0}};

	(void)state;
	if (load(&s, minimal, &why) != OK)
		fail_msg("%s", why.text);
	assert_string_equal(s.listen, ":8443");
	assert_below(s.authority, "ca.pem");
	assert_below(s.certificate, "c.pem");
	assert_below(s.key, "c.key");
	assert_null(s.revocations);
	assert_below(s.roster, "roster.signed");
	assert_below(s.state, "state/");
	assert_below(s.database, "state/coordinator.db");
	assert_below(s.models, "state/models");
	assert_below(s.staging, "state/staging");
	assert_below(s.lock, "state/lock");
	assert_below(s.control, "state/admin.sock");
	assert_int_equal(s.join_ms, 30000);
	assert_int_equal(s.deadline_ms, 600000);
	assert_int_equal(s.phase_ms, 120000);
	assert_int_equal(s.pause_ms, 10000);
	assert_int_equal(s.uploads, 16);
	assert_int_equal(s.threads, 2);
	assert_int_equal(s.name_count, 0);
	settings_free(&s);
	settings_free(&s); /* a zeroed one */
}

static void test_everything(void **state)
{
	struct settings s;
	struct diag why = {{0}};

	(void)state;
	if (load(&s,
	         "listen: \"[::1]:443\"\n"
	         "names: [a.example, b.example]\n"
	         "credentials: {authority: /etc/ca.pem, certificate: c.pem, key: /run/c.key}\n"
	         "revocation_list: lists/crl.pem\n"
	         "roster: /srv/roster\n"
	         "state: /var/lib/cohort\n"
	         "rounds: {join: 0.5, deadline: 3.25, phase: 0.75, pause: 1}\n"
	         "limits: {uploads: 3, threads: 8}\n"
	         "control: run/control.sock\n",
	         &why) != OK)
		fail_msg("%s", why.text);
	assert_int_equal(s.name_count, 2);
	assert_string_equal(s.names[1], "b.example");
	assert_string_equal(s.authority, "/etc/ca.pem");
	assert_string_equal(s.key, "/run/c.key");
	assert_below(s.revocations, "lists/crl.pem");
	assert_string_equal(s.database, "/var/lib/cohort/coordinator.db");
	assert_below(s.control, "run/control.sock");
	assert_int_equal(s.join_ms, 500);
	assert_int_equal(s.deadline_ms, 3250);
	assert_int_equal(s.phase_ms, 750);
	assert_int_equal(s.pause_ms, 1000);
	assert_int_equal(s.uploads, 3);
	assert_int_equal(s.threads, 8);
	settings_free(&s);
}

static void test_what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
		{"limitz: {uploads: 3}\n", "5:1: unknown key \"limitz\""},
		{"limits: {upload: 3}\n", "did you mean \"uploads\""},
		{"limits: {uploads: 0}\n", "limits.uploads"},
		{"limits: {uploads: 17}\n", "limits.uploads"},
		{"limits: {uploads: three}\n", "limits.uploads"},
		{"limits: {threads: 65}\n", "limits.threads"},
		{"rounds: {join: 700}\n", "rounds.join: is longer than rounds.deadline (600 s)"},
		{"rounds: {deadline: 0}\n", "rounds.deadline"},
		{"rounds: {deadline: 1e9}\n", "rounds.deadline"},
		{"rounds: 5\n", "rounds"},
		{"listen: \":9\"\n", "listen"}, /* twice */
		{"metrics: on\n", "unknown key \"metrics\""},
		{"names: x\n", "names"},
		{"control: \"\"\n", "control"},
		{"x: &a 1\n", "5:"},
		{"\tstate: x\n", "5:"},
	};
	struct settings s;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[1024];
		struct diag why = {{0}};

		snprintf(text, sizeof text, "%s%s", minimal, cases[i].line);
		assert_int_equal(load(&s, text, &why), ERR_CONFIG);
		if (strstr(why.text, cases[i].words) == NULL || strstr(why.text, "coordinator.yaml:") == NULL ||
		    strchr(why.text, '\n') != NULL)
			fail_msg("%s: %s", cases[i].line, why.text);
	}
}

/* Each line of the smallest file is needed, and its absence is named. */
static void test_what_is_missing_is_named(void **state)
{
	static const char *const keys[] = {"listen", "credentials", "roster", "state"};
	struct settings s;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char text[1024] = "";
		struct diag why = {{0}};
		const char *line = minimal;

		for (size_t k = 0; k < 4; k++) {
			size_t len = strcspn(line, "\n") + 1;
			if (k != i)
				strncat(text, line, len);
			line += len;
		}
		assert_int_equal(load(&s, text, &why), ERR_CONFIG);
		if (strstr(why.text, keys[i]) == NULL)
			fail_msg("without %s: %s", keys[i], why.text);
	}
	struct diag why = {{0}};
	assert_int_equal(settings_load(&s, tempdir_path(&dir, "none.yaml"), &why), ERR_NO_INPUT);
	assert_int_equal(load(&s, "", &why), ERR_CONFIG);
}

/* Cut at every byte and each byte flipped: read or refused, never a crash, and what is read can be freed. */
static void test_malformed(void **state)
{
	struct settings s;
	struct diag why = {{0}};
	char text[sizeof minimal];

	(void)state;
	for (size_t at = 0; at < sizeof minimal - 1; at++) {
		memcpy(text, minimal, sizeof minimal);
		text[at] = '\0';
		if (load(&s, text, &why) == OK)
			settings_free(&s);
		for (unsigned bit = 1; bit < 256; bit <<= 1) {
			memcpy(text, minimal, sizeof minimal);
			text[at] = (char)((unsigned char)text[at] ^ bit);
			if (load(&s, text, &why) == OK)
				settings_free(&s);
		}
	}
}

static void test_folders_are_made(void **state)
{
	struct settings s;
	struct diag why = {{0}};
	struct stat st;

	(void)state;
	assert_int_equal(load(&s, minimal, &why), OK);
	assert_int_equal(settings_make_folders(&s, &why), OK);
	assert_int_equal(settings_make_folders(&s, &why), OK); /* they are there */
	assert_int_equal(stat(s.models, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	settings_free(&s);
	tempdir_write(&dir, "blocked", "a file");
	assert_int_equal(load(&s,
	                      "listen: \":1\"\ncredentials: {authority: a, certificate: b, key: c}\nroster: r\n"
	                      "state: blocked/state\n",
	                      &why),
	                 OK);
	assert_int_equal(settings_make_folders(&s, &why), ERR_CREATE);
	assert_non_null(strstr(why.text, "blocked/state: cannot be made"));
	settings_free(&s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_everything),
		TEST(test_what_is_wrong_is_named),
		TEST(test_what_is_missing_is_named),
		TEST(test_malformed),
		TEST(test_folders_are_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
