/*
 * What is installed: files and their paths, the units as systemd judges them, and that units, examples and programs agree on
 * where keys and state are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "client/config.h"
#include "coordinator/settings.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#define EXPOSURE_MAX 1.5
#define EXPOSURE_BARE 9.0 /* a unit without any of it has 9.6 */
#define UNIT_MAX 65536

static const char coordinator_unit[] = "packaging/cohort-coordinator.service";
static const char client_unit[] = "packaging/cohort-client.service";
static struct program p;

/* ---- support */

static char *unit_text(const char *path)
{
	struct buf text = {0};
	struct diag why = {0};
	if (file_read(&text, path, UNIT_MAX, &why))
		fail_msg("%s", why.text);
	char *copy = mem_copy_text(buf_text(&text));
	buf_free(&text);
	return copy;
}

/* Everything that the unit gives the key, one value per line ("Key=value" lines only, comments do not count). */
static char *values_of(const char *path, const char *key)
{
	char *text = unit_text(path), *out = mem_alloc(UNIT_MAX);
	size_t length = strlen(key);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, key, length) == 0 && line[length] == '=')
			snprintf(out + strlen(out), UNIT_MAX - strlen(out), "%s\n", line + length + 1);
	free(text);
	return out;
}

/* NULL: the unit must not have the key. */
static void assert_value(const char *path, const char *key, const char *value)
{
	char *found = values_of(path, key), wanted[PATH_SIZE] = "";
	if (value)
		snprintf(wanted, sizeof(wanted), "%s\n", value);
	assert_string_equal(found, wanted);
	free(found);
}

static void need_systemd(void)
{
	program_shell(&p, "command -v systemd-analyze");
	if (p.exit_code) {
		puts("skipped: no systemd-analyze");
		skip();
	}
}

static double exposure(const char *path)
{
	static const char words[] = "Overall exposure level for ";
	program_shell(&p, "systemd-analyze --no-pager security --offline=true '%s'", path);
	const char *at = strstr(p.out, words), *colon = at ? strchr(at, ':') : NULL;
	if (!colon)
		fail_msg("%s: no score; exit %d: %s%s", path, p.exit_code, p.out, p.err);
	return strtod(colon + 1, NULL);
}

static void install(const char *destdir, const char *prefix)
{
	program_shell(&p, "packaging/install '%s' '%s' \"$BIN\"", destdir, prefix);
	program_expect(&p, 0, "");
}

/* ---- the units */

static void exposure_is_low(void **state)
{
	(void)state;
	need_systemd();
	assert_true(exposure(coordinator_unit) <= EXPOSURE_MAX);
	assert_true(exposure(client_unit) <= EXPOSURE_MAX);
}

/* The controls: the score can be bad, and each of these lines counts. */
static void exposure_tells_the_difference(void **state)
{
	(void)state;
	static const char *const lines[] = {"DynamicUser", "CapabilityBoundingSet", "SystemCallFilter",
	                                    "PrivateDevices", "PrivateUsers"};
	struct tempdir t;
	need_systemd();
	tempdir_make(&t);
	tempdir_write(&t, "bare.service", "[Service]\nExecStart=/bin/true\n");
	assert_true(exposure(tempdir_path(&t, "bare.service")) > EXPOSURE_BARE);
	double whole = exposure(client_unit);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		program_shell(&p, "sed '/^%s=/d' %s >'%s'", lines[i], client_unit, tempdir_path(&t, "less.service"));
		if (exposure(tempdir_path(&t, "less.service")) <= whole)
			fail_msg("without %s the score is no worse", lines[i]);
	}
	tempdir_remove(&t);
}

/* As systemd reads them, with the programs where they say. */
static void systemd_finds_nothing_wrong(void **state)
{
	(void)state;
	struct tempdir t;
	need_systemd();
	tempdir_make(&t);
	install("", tempdir_path(&t, NULL));
	tempdir_write(&t, "wrong.service", "[Service]\nExecStart=/nowhere/program\nNoSuchKey=1\n");
	program_shell(&p, "systemd-analyze --no-pager verify '%s'", tempdir_path(&t, "wrong.service"));
	if (!strstr(p.err, "NoSuchKey")) {
		tempdir_remove(&t);
		puts("skipped: systemd-analyze verify does not work here");
		skip();
	}
	program_shell(&p,
	              "systemd-analyze --no-pager verify '%s/cohort-coordinator.service' '%s/cohort-client.service'",
	              tempdir_path(&t, "lib/systemd/system"), tempdir_path(&t, "lib/systemd/system"));
	assert_string_equal(p.err, "");
	assert_int_equal(p.exit_code, 0);
	tempdir_remove(&t);
}

static void units_say_what_the_programs_need(void **state)
{
	(void)state;
	const char *const units[] = {coordinator_unit, client_unit};
	for (size_t i = 0; i < 2; i++) {
		assert_value(units[i], "Type", "notify");
		assert_value(units[i], "DynamicUser", "yes");
		assert_value(units[i], "Restart", "on-failure");
		assert_value(units[i], "StateDirectoryMode", "0700");
	}
	assert_value(coordinator_unit, "ExecStart",
	             "/usr/local/bin/cohort-coordinator serve --config /etc/cohort/coordinator.yaml");
	assert_value(client_unit, "ExecStart", "/usr/local/bin/cohort-client run --config /etc/cohort/client.yaml");
	assert_value(coordinator_unit, "ExecReload", "/bin/kill -HUP $MAINPID");
	assert_value(client_unit, "ExecReload", NULL); /* SIGHUP would end it */
	assert_value(client_unit, "SupplementaryGroups", "cohort-data");
}

static void assert_credential(const char *unit, const char *service, const char *name, const char *path)
{
	char *loaded = values_of(unit, "LoadCredential"), wanted[PATH_SIZE];
	snprintf(wanted, sizeof(wanted), "%s:/etc/cohort/%s\n", name, name);
	assert_non_null(strstr(loaded, wanted));
	snprintf(wanted, sizeof(wanted), "/run/credentials/%s/%s", service, name);
	assert_string_equal(path, wanted);
	free(loaded);
}

static void coordinator_example_fits_its_unit(void **state)
{
	(void)state;
	struct settings s;
	struct diag why = {0};
	if (settings_load(&s, "packaging/coordinator.yaml", &why))
		fail_msg("%s", why.text);
	assert_credential(coordinator_unit, "cohort-coordinator.service", "coordinator.key", s.key);
	assert_value(coordinator_unit, "StateDirectory", strrchr(s.state, '/') + 1);
	assert_string_equal(s.state, "/var/lib/cohort-coordinator");
	settings_free(&s);
}

/* policy.yaml lies beside client.yaml and is read with it; what it writes out are the defaults. */
static void client_example_fits_its_unit(void **state)
{
	(void)state;
	struct client_config c;
	struct diag why = {0};
	if (client_config_load(&c, "packaging/client.yaml", &why))
		fail_msg("%s", why.text);
	assert_credential(client_unit, "cohort-client.service", "site.key", c.tls.key);
	assert_credential(client_unit, "cohort-client.service", "sign.key", c.signing_key);
	assert_value(client_unit, "StateDirectory", strrchr(c.state, '/') + 1);
	assert_string_equal(c.state, "/var/lib/cohort-client");
	assert_string_equal(c.policy_path, "packaging/policy.yaml");
	struct policy strict = policy_strict();
	assert_memory_equal(&c.policy, &strict, sizeof(strict));
	client_config_free(&c);
}

/* A key that is commented out as an example or a default must be one that the program knows. */
static void commented_keys_are_known(void **state)
{
	(void)state;
	struct tempdir t;
	struct settings s;
	struct client_config c;
	struct diag why = {0};
	tempdir_make(&t);
	program_shell(&p, "sed -E 's/^( *)# ( *[a-z_]+:( |$))/\\1\\2/' packaging/coordinator.yaml >'%s'",
	              tempdir_path(&t, "coordinator.yaml"));
	if (settings_load(&s, tempdir_path(&t, "coordinator.yaml"), &why))
		fail_msg("%s", why.text);
	assert_int_equal(s.name_count, 1);
	assert_int_equal(s.join_ms, 30000);
	settings_free(&s);
	program_shell(&p,
	              "sed -E 's/^( *)# ( *[a-z_]+:( |$))/\\1\\2/' packaging/client.yaml >'%s' && cp "
	              "packaging/policy.yaml '%s'",
	              tempdir_path(&t, "client.yaml"), tempdir_path(&t, NULL));
	if (client_config_load(&c, tempdir_path(&t, "client.yaml"), &why))
		fail_msg("%s", why.text);
	assert_string_equal(c.proxy, "http://proxy.hospital.example:3128");
	assert_int_equal(c.sources[0].source.convert_count, 1);
	client_config_free(&c);
	tempdir_remove(&t);
}

/* ---- install */

static const char installed[] = "755 ./usr/bin/cohort-ca\n"
				"755 ./usr/bin/cohort-client\n"
				"755 ./usr/bin/cohort-coordinator\n"
				"755 ./usr/bin/cohort-sim\n"
				"644 ./usr/lib/systemd/system/cohort-client.service\n"
				"644 ./usr/lib/systemd/system/cohort-coordinator.service\n"
				"644 ./usr/lib/sysusers.d/cohort.conf\n"
				"755 ./usr/sbin/cohort-client-service\n";

static void files_are_where_they_belong(void **state)
{
	(void)state;
	struct tempdir t;
	tempdir_make(&t);
	install(tempdir_path(&t, "root"), "/usr");
	program_shell(&p, "cd '%s' && find . -type f -not -path '*/share/doc/*' -printf '%%m %%p\\n' | sort -k 2",
	              tempdir_path(&t, "root"));
	assert_string_equal(p.out, installed);
	program_shell(&p, "cd '%s' && find . \\( -type d -not -perm 755 -o -type f -perm /022 \\)",
	              tempdir_path(&t, "root"));
	assert_string_equal(p.out, "");
	static const char *const pages[] = {"README.md",
	                                    "LICENSE",
	                                    "docs/HOSPITAL.md",
	                                    "docs/OPERATOR.md",
	                                    "packaging/policy.yaml",
	                                    "examples/breast-cancer/study.yaml"};
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		char path[PATH_SIZE];
		snprintf(path, sizeof(path), "root/usr/share/doc/cohort/%s", pages[i]);
		assert_true(tempdir_exists(&t, path));
	}
	tempdir_remove(&t);
}

/* Every path below PREFIX that an installed unit or script names exists there, and none of another prefix is left. */
static void paths_follow_the_prefix(void **state)
{
	(void)state;
	struct tempdir t;
	tempdir_make(&t);
	const char *prefix = tempdir_path(&t, "opt");
	install("", prefix);
	program_shell(&p, "grep -rl /usr/local '%s/lib' '%s/sbin'", prefix, prefix);
	assert_string_equal(p.out, "");
	program_shell(&p,
	              "grep -rhoE '%s/[A-Za-z0-9/._-]+' '%s/lib' '%s/sbin' | sort -u | tee /dev/stderr | "
	              "while read -r path; do [ -e \"$path\" ] || echo \"$path\"; done",
	              prefix, prefix, prefix);
	assert_string_equal(p.out, "");
	assert_non_null(strstr(p.err, "bin/cohort-client\n"));
	assert_non_null(strstr(p.err, "OPERATOR.md\n"));
	tempdir_remove(&t);
}

static void bad_prefixes_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"usr", "", "/", "/opt/#&", "/opt/a b"};
	struct tempdir t;
	tempdir_make(&t);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		program_shell(&p, "packaging/install '%s' '%s' \"$BIN\"", tempdir_path(&t, NULL), bad[i]);
		program_expect(&p, 64, "PREFIX");
	}
	program_shell(&p, "packaging/install '%s' /usr '%s'", tempdir_path(&t, NULL), tempdir_path(&t, NULL));
	program_expect(&p, 66, "make all");
	assert_int_equal(tempdir_count(&t, NULL), 0);
	tempdir_remove(&t);
}

static void make_install_asks_for_this(void **state)
{
	(void)state;
	program_shell(&p,
	              "MAKEFLAGS= make --no-print-directory -n install DESTDIR=/d PREFIX=/p MODE=release | tail -n 1");
	assert_string_equal(p.out, "packaging/install \"/d\" \"/p\" \"build/bin\"\n");
}

/* ---- a command beside the service */

/* With a systemctl and an nsenter of our own: what it would run, and as whom. */
static void beside_the_service(struct tempdir *t, const char *pid, const char *words)
{
	char text[512];
	tempdir_folder(t, "tools");
	snprintf(text, sizeof(text),
	         "#!/bin/sh\ncase $3 in MainPID) echo %s ;; UID) echo 64001 ;; GID) echo 64002 ;; esac\n", pid);
	tempdir_write(t, "tools/systemctl", text);
	tempdir_write(t, "tools/nsenter", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
	tempdir_write(t, "tools/id", "#!/bin/sh\necho 0\n");
	program_shell(&p, "chmod +x '%s'/*", tempdir_path(t, "tools"));
	program_shell(&p, "PATH='%s':$PATH packaging/cohort-client-service %s", tempdir_path(t, "tools"), words);
}

static void command_runs_as_the_service(void **state)
{
	(void)state;
	struct tempdir t;
	tempdir_make(&t);
	beside_the_service(&t, "$PPID", "show 'a b'");
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "--reuid\n64001\n--regid\n64002\n"));
	assert_non_null(strstr(p.out, "CREDENTIALS_DIRECTORY=/run/credentials/cohort-client.service\n"
	                              "/usr/local/bin/cohort-client\nshow\na b\n--config\n/etc/cohort/client.yaml\n"));
	tempdir_remove(&t);
	tempdir_make(&t);
	beside_the_service(&t, "$PPID", "show x --config=other.yaml");
	assert_null(strstr(p.out, "/etc/cohort/client.yaml"));
	tempdir_remove(&t);
	tempdir_make(&t);
	beside_the_service(&t, "0", "show x");
	program_expect(&p, 69, "systemctl start cohort-client.service");
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exposure_is_low),
		cmocka_unit_test(exposure_tells_the_difference),
		cmocka_unit_test(systemd_finds_nothing_wrong),
		cmocka_unit_test(units_say_what_the_programs_need),
		cmocka_unit_test(coordinator_example_fits_its_unit),
		cmocka_unit_test(client_example_fits_its_unit),
		cmocka_unit_test(commented_keys_are_known),
		cmocka_unit_test(files_are_where_they_belong),
		cmocka_unit_test(paths_follow_the_prefix),
		cmocka_unit_test(bad_prefixes_are_refused),
		cmocka_unit_test(make_install_asks_for_this),
		cmocka_unit_test(command_runs_as_the_service),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
