/* client.yaml: every key, every way to write it wrong, and sources held against a study with the place of what does not fit. */
#include "client/config.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char full_text[] = "site: st-mary\n"
				"coordinator: https://cohort.uni.example:443\n"
				"credentials: {authority: pki/ca.pem, certificate: /etc/site.pem, key: site.key, "
				"signing_key: s.key, revocations: crl.pem}\n"
				"state: state/\n"
				"proxy: {url: \"http://proxy:3128\", user: x, password_file: p}\n"
				"extra_authority: root.pem\n"
				"sources:\n"
				"  small:\n"
				"    csv: data/small.csv\n"
				"    delimiter: \";\"\n"
				"    decimal: \",\"\n"
				"    encoding: latin1\n"
				"    columns: {x: ALTER, label: DIAG}\n"
				"    recode: {kind: {m: a, w: b}, label: {\"ja\": \"1\"}}\n"
				"    convert: {x: {times: 38.67}, y: {times: 2, plus: -1.5}}\n"
				"    missing: {x: [\"-9\", \"99\"], kind: [\"?\"]}\n"
				"  other: {csv: /srv/other.csv}\n";

static const char least_text[] = "site: st-mary\ncoordinator: https://c:1\n";

/* The file `text` as client.yaml of the folder. */
static enum err load(struct client_config *c, struct tempdir *t, const char *text, struct diag *why)
{
	tempdir_write(t, "client.yaml", text);
	return client_config_load(c, tempdir_path(t, "client.yaml"), why);
}

static void load_good(struct client_config *c, struct tempdir *t, const char *text)
{
	struct diag why = {{0}};

	if (load(c, t, text, &why) != OK)
		fail_msg("%s", why.text);
}

/* The path must be `name` in the configuration's folder. */
static void assert_inside(struct tempdir *t, const char *path, const char *name)
{
	assert_string_equal(path, tempdir_path(t, name));
}

static void test_every_key_is_read(void **state)
{
	struct client_config c;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	load_good(&c, &t, full_text);
	assert_string_equal(c.site, "st-mary");
	assert_string_equal(c.coordinator, "https://cohort.uni.example:443");
	assert_inside(&t, c.tls.authority, "pki/ca.pem");
	assert_string_equal(c.tls.certificate, "/etc/site.pem");
	assert_inside(&t, c.tls.key, "site.key");
	assert_inside(&t, c.tls.revocations, "crl.pem");
	assert_inside(&t, c.tls.extra_authority, "root.pem");
	assert_inside(&t, c.signing_key, "s.key");
	assert_inside(&t, c.state, "state/");
	assert_string_equal(c.proxy, "http://proxy:3128");
	assert_string_equal(c.proxy_user, "x");
	assert_inside(&t, c.proxy_password_file, "p");
	assert_int_equal(c.source_count, 2);
	assert_null(c.policy_path);
	assert_true(c.policy.masking_required); /* no policy.yaml: the strict one */
	client_config_free(&c);
	client_config_free(&c); /* twice is fine */
	tempdir_remove(&t);
}

static void test_a_source_in_full(void **state)
{
	struct client_config c;
	const struct source *s;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	load_good(&c, &t, full_text);
	s = &c.sources[0].source;
	assert_string_equal(s->name, "small");
	assert_inside(&t, s->path, "data/small.csv");
	assert_true(s->delimiter == ';' && s->decimal == ',' && s->encoding == CSV_LATIN1);
	assert_int_equal(s->column_count, 2);
	assert_string_equal(s->columns[1].name, "label");
	assert_string_equal(s->columns[1].column, "DIAG");
	assert_int_equal(s->recode_count, 3);
	assert_string_equal(s->recodes[1].name, "kind");
	assert_string_equal(s->recodes[1].from, "w");
	assert_string_equal(s->recodes[1].to, "b");
	assert_string_equal(s->recodes[2].name, "label");
	assert_int_equal(s->convert_count, 2);
	assert_true(s->converts[0].times == 38.67 && s->converts[0].plus == 0);
	assert_true(s->converts[1].times == 2 && s->converts[1].plus == -1.5);
	assert_int_equal(s->missing_count, 2);
	assert_string_equal(s->missings[0].name, "x");
	assert_int_equal(s->missings[0].codes.count, 2);
	assert_string_equal(s->missings[0].codes.items[1], "99");
	s = &c.sources[1].source;
	assert_string_equal(s->path, "/srv/other.csv");
	assert_true(s->delimiter == ',' && s->decimal == '.' && s->encoding == CSV_UTF8);
	assert_true(s->column_count == 0 && s->recode_count == 0 && s->convert_count == 0 && s->missing_count == 0);
	client_config_free(&c);
	tempdir_remove(&t);
}

static void test_defaults(void **state)
{
	struct request_config r;
	struct client_config c;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	load_good(&c, &t, least_text);
	assert_inside(&t, c.tls.authority, "ca.pem");
	assert_inside(&t, c.tls.certificate, "site.pem");
	assert_inside(&t, c.tls.key, "site.key");
	assert_inside(&t, c.signing_key, "sign.key");
	assert_inside(&t, c.state, "state");
	assert_null(c.tls.revocations);
	assert_null(c.tls.extra_authority);
	assert_null(c.proxy); /* the environment's */
	assert_int_equal(c.source_count, 0);
	r = client_config_request(&c);
	assert_string_equal(r.url, "https://c:1");
	assert_ptr_equal(r.tls.key, c.tls.key);
	assert_null(r.proxy);
	client_config_free(&c);
	load_good(&c, &t, "site: a\ncoordinator: https://c\nproxy: none\n");
	assert_string_equal(c.proxy, ""); /* not even the environment's */
	client_config_free(&c);
	tempdir_remove(&t);
}

static void test_policies(void **state)
{
	struct client_config c;
	struct diag why = {{0}};
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	tempdir_write(&t, "policy.yaml", "min_rows: 7\n");
	load_good(&c, &t, least_text);
	assert_int_equal(c.policy.min_rows, 7); /* the one beside it */
	assert_inside(&t, c.policy_path, "policy.yaml");
	client_config_free(&c);

	tempdir_folder(&t, "house");
	tempdir_write(&t, "house/rules.yaml", "min_rows: 8\n");
	load_good(&c, &t, "site: a\ncoordinator: https://c\npolicy: house/rules.yaml\n");
	assert_int_equal(c.policy.min_rows, 8); /* the one named, not the one beside it */
	client_config_free(&c);

	assert_int_equal(load(&c, &t, "site: a\ncoordinator: https://c\npolicy: gone.yaml\n", &why), ERR_NO_INPUT);
	assert_non_null(strstr(why.text, "gone.yaml: cannot be opened"));
	tempdir_write(&t, "policy.yaml", "min_rows: many\n");
	assert_int_equal(load(&c, &t, least_text, &why), ERR_CONFIG); /* a broken policy is never taken for none */
	assert_non_null(strstr(why.text, "policy.yaml:1:11: min_rows: \"many\" is not an integer"));
	assert_null(c.document); /* zeroed */
	tempdir_remove(&t);
}

#define FINGERPRINT "3f2a-90c1-77de-0b14-a6c8-5d12-e990-41fb"

/* Beside the policy, wherever that lies; a list with a wrong line, or none where one is named, stops everything. */
static void test_known_hospitals(void **state)
{
	struct client_config c;
	struct diag why = {{0}};
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	tempdir_folder(&t, "house");
	tempdir_write(&t, "house/rules.yaml", "known: known-sites.txt\nmin_known: 2\n");
	tempdir_write(&t, "house/known-sites.txt", "st-anna " FINGERPRINT "\n");
	load_good(&c, &t, "site: a\ncoordinator: https://c\npolicy: house/rules.yaml\n");
	assert_ptr_equal(c.policy.known, c.known);
	assert_int_equal(c.policy.known->count, 1);
	assert_string_equal(c.policy.known->sites[0].name, "st-anna");
	assert_int_equal(c.policy.min_known, 2);
	client_config_free(&c);

	assert_int_equal(load(&c, &t, "site: St-Anna\ncoordinator: https://c\npolicy: house/rules.yaml\n", &why),
	                 ERR_CONFIG);
	assert_non_null(strstr(why.text, "rules.yaml: min_known: 2 can never be known"));
	tempdir_write(&t, "house/known-sites.txt", "st-anna " FINGERPRINT "\nst-b 3f2a\n");
	assert_int_equal(load(&c, &t, "site: a\ncoordinator: https://c\npolicy: house/rules.yaml\n", &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, "house/known-sites.txt:2:6: a fingerprint is"));
	assert_null(c.known);
	tempdir_write(&t, "policy.yaml", "known: gone.txt\nmin_known: 2\n");
	assert_int_equal(load(&c, &t, least_text, &why), ERR_NO_INPUT);
	assert_non_null(strstr(why.text, "gone.txt: cannot be opened"));
	tempdir_remove(&t);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"coordinator: https://c\n", ":1:1: \"site\" is missing"},
		{"site: a\n", ":1:1: \"coordinator\" is missing"},
		{"site: a b\ncoordinator: https://c\n", ":1:7: site: no site name"},
		{"site: -a\ncoordinator: https://c\n", ":1:7: site: no site name"},
		{"site: a\ncoordinator: http://c\n", ":2:14: coordinator: write it as https://HOST:PORT"},
		{"site: a\ncoordinator: cohort.example\n", ":2:14: coordinator: write it as https://HOST:PORT"},
		{"site: a\ncoordinator: https://\n", ":2:14: coordinator: only scheme, host and port"},
		{"site: a\ncoordinator: https://c/v1\n", ":2:14: coordinator: only scheme, host and port"},
		{"site: a\ncoordinator: https://u@c\n", ":2:14: coordinator: only scheme, host and port"},
		{"site: a\ncoordinator: https://c\nproxy: ftp\n", ":3:8: proxy: \"ftp\" is not one of none"},
		{"site: a\ncoordinator: https://c\nproxy: {user: x}\n", ":3:8: proxy: \"url\" is missing"},
		{"site: a\ncoordinator: https://c\nproxy: {url: socks://p}\n",
	         ":3:14: proxy.url: write it as http://HOST:PORT"},
		{"site: a\ncoordinator: https://c\nproxy: {url: \"http://p\", user: x}\n",
	         ":3:8: proxy: user and password_file belong together"},
		{"site: a\ncoordinator: https://c\nsouces: {}\n",
	         ":3:1: unknown key \"souces\"; did you mean \"sources\"?"},
		{"site: a\ncoordinator: https://c\nsources: {h: {}}\n", ":3:14: sources.h: \"csv\" is missing"},
		{"site: a\ncoordinator: https://c\nsources: {h: {csv: f, colums: {}}}\n",
	         ":3:23: unknown key \"colums\" in sources.h; did you mean \"columns\"?"},
		{"site: a\ncoordinator: https://c\nsources: {h: {csv: f, delimiter: tab}}\n",
	         ":3:34: sources.h.delimiter: "},
		{"site: a\ncoordinator: https://c\nsources: {h: {csv: f, decimal: \";\"}}\n",
	         ":3:32: sources.h.decimal: \";\" is not one of ., ,"},
		{"site: a\ncoordinator: https://c\nsources: {h: {csv: f, encoding: utf-16}}\n",
	         ":3:33: sources.h.encoding: \"utf-16\" is not one of utf-8, latin1"},
		{"site: a\ncoordinator: https://c\nsources: {h: {csv: f, convert: {x: {times: 1e999}}}}\n",
	         ":3:44: sources.h.convert.x.times: \"1e999\" is not a number"},
		{"site: a\ncoordinator: https://c\nsources: {h: {csv: f, missing: {x: -9}}}\n",
	         ":3:36: sources.h.missing.x: \"-9\" is not a list"},
		{"site: a\ncoordinator: https://c\nsources: {h: {csv: f}, h: {csv: g}}\n", ":3:24: "},
	};
	struct client_config c;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct diag why = {{0}};

		assert_int_equal(load(&c, &t, cases[i].text, &why), ERR_CONFIG);
		if (strstr(why.text, cases[i].words) == NULL)
			fail_msg("%s   got %s\nwanted %s", cases[i].text, why.text, cases[i].words);
		assert_null(c.document);
	}
	tempdir_remove(&t);
}

static void test_no_file(void **state)
{
	struct client_config c;
	struct diag why = {{0}};
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	assert_int_equal(client_config_load(&c, tempdir_path(&t, "client.yaml"), &why), ERR_NO_INPUT);
	assert_non_null(strstr(why.text, "client.yaml: cannot be opened"));
	assert_int_equal(client_config_load(&c, tempdir_path(&t, NULL), &why), ERR_NO_INPUT);
	assert_non_null(strstr(why.text, "is not a regular file"));
	tempdir_remove(&t);
}

static void test_sources_of_a_study(void **state)
{
	static const struct {
		const char *sources, *words; /* NULL: it fits */
	} cases[] = {
		{"  small: {csv: f}\n", NULL},
		{"  small:\n    csv: f\n    columns: {x: ALTER}\n", NULL},
		{"  other: {csv: f}\n",
	         ":4:3: sources: study small reads a source named small; add below sources: `small: {csv: FILE.csv}` "
	         "(there is: other)"},
		{"  small:\n    csv: f\n    columns: {label: d, agee: ALTER}\n",
	         ":6:31: sources.small.columns.agee: the study has no feature \"agee\""},
		{"  small:\n    csv: f\n    recode:\n      kin: {m: a}\n",
	         ":7:12: sources.small.recode.kin: the study has no \"kin\"; did you mean \"kind\"?"},
		{"  small: {csv: f, convert: {kind: {times: 2}}}\n",
	         ":4:35: sources.small.convert.kind: \"kind\" is no numeric feature; use recode"},
		{"  small: {csv: f, convert: {x: {times: 0}}}\n", ":4:32: sources.small.convert.x: times 0 and plus 0"},
		{"  small: {csv: f, decimal: \",\"}\n", ":4:28: sources.small.decimal: \",\" is the delimiter already"},
	};
	struct client_config c;
	struct tempdir t;
	struct study s;

	(void)state;
	tempdir_make(&t);
	small_study(&s, NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct source *source = NULL;
		struct diag why = {{0}};
		char text[512];

		snprintf(text, sizeof text, "site: a\ncoordinator: https://c\nsources:\n%s", cases[i].sources);
		load_good(&c, &t, text);
		assert_int_equal(client_config_source(&source, &c, &s, &why), cases[i].words != NULL ? ERR_CONFIG : OK);
		if (cases[i].words == NULL)
			assert_ptr_equal(source, &c.sources[0].source);
		else if (strstr(why.text, cases[i].words) == NULL)
			fail_msg("%s   got %s\nwanted %s", cases[i].sources, why.text, cases[i].words);
		client_config_free(&c);
	}
	study_free(&s);
	tempdir_remove(&t);
}

/* Whatever a disk or a hand makes of the file: a configuration or a refusal with words. */
static void judge_text(struct tempdir *t, struct bytes text)
{
	struct client_config c;
	struct diag why = {{0}};
	enum err e;

	tempdir_write_bytes(t, "client.yaml", text);
	e = client_config_load(&c, tempdir_path(t, "client.yaml"), &why);
	if (e != OK) {
		assert_true(e == ERR_CONFIG || e == ERR_LIMIT || e == ERR_NO_INPUT);
		assert_true(why.text[0] != '\0');
	}
	client_config_free(&c);
}

static void test_damaged_files(void **state)
{
	size_t len = sizeof full_text - 1;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	for (size_t cut = 0; cut < len; cut++)
		judge_text(&t, bytes_of(full_text, cut));
	for (size_t at = 0; at < len; at++) {
		char copy[sizeof full_text];

		memcpy(copy, full_text, sizeof full_text);
		copy[at] = (char)(copy[at] ^ (1 << at % 8));
		judge_text(&t, bytes_of(copy, len));
		copy[at] = (char)0xff;
		judge_text(&t, bytes_of(copy, len));
	}
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key_is_read), cmocka_unit_test(test_a_source_in_full),
		cmocka_unit_test(test_defaults),          cmocka_unit_test(test_policies),
		cmocka_unit_test(test_known_hospitals),   cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_file),           cmocka_unit_test(test_sources_of_a_study),
		cmocka_unit_test(test_damaged_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
