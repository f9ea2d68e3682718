/* status: how this hospital stands. Asks the daemon when one runs, and never the coordinator. */
#include "base/file.h"
#include "client/commands.h"
#include "client/contract.h"
#include "client/desk.h"
#include "client/records.h"
#include "client/screen.h"

#include <stdio.h>
#include <time.h>

#define FOUND_BAD 1 /* exit code: the certificate does not hold */
#define DAY_S 86400

struct overview {
	const struct client_config *config;
	const struct json *records, *daemon;
	struct json *studies;
};

/* ---- building */

static bool set_certificate(struct json *root, const struct client_config *c)
{
	int64_t now_s = (int64_t)time(NULL);
	struct json *node = json_new_object();
	char until[IDENTITY_MOMENT_SIZE];
	struct diag why = {{0}};
	struct identity self;
	struct buf pem = {0};
	enum err e = file_read(&pem, c->tls.certificate, PEM_MAX, &why);

	if (e == OK)
		e = identity_from_pem(&self, buf_bytes(&pem), &why);
	if (e == OK) {
		identity_moment(until, self.not_after_s);
		json_set_string(node, "site", self.name);
		json_set_string(node, "until", until);
		json_set_integer(node, "days_left", (self.not_after_s - now_s) / DAY_S);
		e = tls_check_own(TLS_CLIENT, &c->tls, now_s, &why);
	}
	json_set_string(node, "trouble", e != OK ? why.text : NULL);
	json_set(root, "certificate", node);
	buf_free(&pem);
	return e == OK;
}

static void add_study(void *context, const struct study *s)
{
	struct overview *o = context;
	const struct json *member = desk_entry(o->daemon, "members", &s->hash), *trouble;
	struct json *node = json_new_object();

	json_set_string(node, "study", s->name);
	json_set_integer(node, "revision", s->revision);
	json_set_hash(node, "study_hash", &s->hash);
	json_set_string(node, "here", desk_standing(o->config, o->records, o->daemon, &s->hash));
	json_set_string(node, "expires", s->expires);
	json_set_integer(node, "rounds", s->rounds);
	json_set_string(node, "doing", member != NULL ? records_text(member, "doing") : NULL);
	json_set_integer(node, "round", member != NULL ? records_integer(member, "round") : 0);
	json_set_integer(node, "step", member != NULL ? records_integer(member, "step") : 0);
	trouble = member != NULL ? json_get(member, "trouble") : NULL;
	json_set(node, "trouble", trouble != NULL ? json_clone(trouble) : json_new_null());
	json_add(o->studies, node);
}

static enum err overview_of(struct json **out, bool *good, const struct client_config *c, struct diag *why)
{
	struct json *root = json_new_object(), *records = NULL, *daemon = NULL;
	struct overview o = {.config = c, .studies = json_new_array()};
	enum err e = desk_records(&records, c, NULL, why);

	if (e == OK)
		e = desk_daemon(&daemon, c, why);
	o.records = records;
	o.daemon = daemon;
	json_set_string(root, "site", c->site);
	json_set_string(root, "coordinator", c->coordinator);
	json_set_string(root, "config", c->path);
	json_set_string(root, "policy", c->policy_path);
	json_set_string(root, "state", c->state);
	json_set(root, "process", daemon != NULL ? json_clone(json_get(daemon, "process")) : json_new_null());
	*good = set_certificate(root, c);
	if (e == OK)
		contract_each(c->state, add_study, &o);
	json_set(root, "studies", o.studies);
	json_free(records);
	json_free(daemon);
	*out = root;
	return e;
}

/* ---- the page */

static void print_studies(const struct json *studies)
{
	static const char *const titles[] = {"STUDY",  ">REVISION", "HERE",    "DOING",
	                                     ">ROUND", ">STEP",     "EXPIRES", "TROUBLE"};
	struct screen_table t;

	screen_table_begin(&t, titles, sizeof titles / sizeof *titles);
	for (size_t i = 0; i < json_count(studies); i++) {
		const struct json *s = json_at(studies, i);

		screen_table_cell(&t, "%s", records_text(s, "study"));
		screen_table_cell(&t, "%lld", (long long)records_integer(s, "revision"));
		screen_table_cell(&t, "%s", records_text(s, "here"));
		screen_table_cell(&t, "%s", records_text(s, "doing"));
		screen_table_cell(&t, "%lld", (long long)records_integer(s, "round"));
		screen_table_cell(&t, "%lld of %lld", (long long)records_integer(s, "step"),
		                  (long long)records_integer(s, "rounds"));
		screen_table_cell(&t, "%s", records_text(s, "expires"));
		screen_table_cell(&t, "%s", records_text(s, "trouble"));
	}
	screen_table_end(&t);
	if (json_count(studies) == 0)
		screen_next("No contract was fetched yet; `cohort-client studies` lists what there is.");
}

static void print_overview(const struct json *root)
{
	const struct json *certificate = json_get(root, "certificate");
	int64_t process = records_integer(root, "process");

	printf("site         %s\n", records_text(root, "site"));
	printf("coordinator  %s\n", records_text(root, "coordinator"));
	if (json_kind(json_get(root, "policy")) == JSON_IS_STRING)
		printf("policy       %s\n", records_text(root, "policy"));
	else
		printf("policy       none is written: the strict defaults hold\n");
	if (json_kind(json_get(certificate, "trouble")) == JSON_IS_STRING)
		printf("certificate  TROUBLE: %s\n", records_text(certificate, "trouble"));
	else
		printf("certificate  until %s (%lld days)\n", records_text(certificate, "until"),
		       (long long)records_integer(certificate, "days_left"));
	if (process > 0)
		printf("run          process %lld\n\n", (long long)process);
	else
		printf("run          not running: `cohort-client run`\n\n");
	print_studies(json_get(root, "studies"));
}

int commands_status(const struct command_line *line, struct diag *why)
{
	struct client_config config = {0};
	struct json *root = NULL;
	bool good = true;
	enum err e = desk_config(&config, line, why);

	if (e == OK)
		e = overview_of(&root, &good, &config, why);
	if (e == OK && command_flag(line, "json")) {
		screen_json(root);
		root = NULL;
	} else if (e == OK) {
		print_overview(root);
	}
	json_free(root);
	client_config_free(&config);
	return e == OK && !good ? FOUND_BAD : err_exit(e);
}
