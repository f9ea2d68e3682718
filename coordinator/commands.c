/* What all commands share, and those that look. */
#include "coordinator/commands.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/name.h"
#include "coordinator/daemon.h"
#include "coordinator/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t commands_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static enum err load_settings(struct settings *out, const struct command_line *line, struct diag *why)
{
	const char *path = command_value(line, "config", 0);
	enum err e = settings_load(out, path != NULL ? path : COMMANDS_CONFIG, why);

	if (e == ERR_NO_INPUT && path == NULL)
		(void)diag_prefix(why, e, "no --config FILE was given");
	return e;
}

enum err commands_ask(struct commands_state *s, const struct command_line *line, struct json **answer,
                      enum http_method method, struct bytes body, struct diag *why, const char *target, ...)
{
	enum err e = OK;
	char *text;
	va_list args;

	*answer = NULL;
	if (s->inquiry.settings == NULL) {
		log_init("cohort-coordinator", LOG_LEVEL_WARNING); /* a command's own words are enough */
		e = load_settings(&s->settings, line, why);
		s->inquiry.settings = &s->settings;
	}
	if (e != OK)
		return e;
	va_start(args, target);
	if (vasprintf(&text, target, args) < 0)
		mem_exhausted(1, PATH_SIZE);
	va_end(args);
	e = inquiry_ask(&s->inquiry, answer, method, text, body, why);
	free(text);
	return e;
}

int commands_done(struct commands_state *s, enum err e)
{
	inquiry_close(&s->inquiry);
	settings_free(&s->settings);
	return err_exit(e);
}

/* ---- serve */

int commands_serve(const struct command_line *line, struct diag *why)
{
	struct settings settings = {0};
	enum err e = load_settings(&settings, line, why);

	if (e == OK && command_flag(line, "check-config")) {
		e = daemon_check(&settings, why);
		if (e == OK)
			printf("%s: good\n", settings.file);
	} else if (e == OK) {
		log_init("cohort-coordinator", command_flag(line, "debug") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
		e = daemon_run(&settings, why);
	}
	settings_free(&settings);
	return err_exit(e);
}

/* ---- looking */

int commands_status(const struct command_line *line, struct diag *why)
{
	struct commands_state s = {0};
	struct json *answer;
	enum err e = commands_ask(&s, line, &answer, HTTP_GET, bytes_of(NULL, 0), why, "/admin/status");

	if (e == OK && command_flag(line, "json"))
		tables_json_line(answer);
	else if (e == OK)
		tables_status(answer, commands_now_ms());
	json_free(answer);
	return commands_done(&s, e);
}

int commands_sites(const struct command_line *line, struct diag *why)
{
	struct commands_state s = {0};
	struct json *answer;
	enum err e = commands_ask(&s, line, &answer, HTTP_GET, bytes_of(NULL, 0), why, "/admin/sites");

	if (e == OK && command_flag(line, "json"))
		tables_json_line(answer);
	else if (e == OK)
		tables_sites(answer, commands_now_ms());
	json_free(answer);
	return commands_done(&s, e);
}

int commands_study_list(const struct command_line *line, struct diag *why)
{
	struct commands_state s = {0};
	struct json *answer;
	enum err e = commands_ask(&s, line, &answer, HTTP_GET, bytes_of(NULL, 0), why, "/admin/studies");

	if (e == OK && command_flag(line, "json"))
		tables_json_line(answer);
	else if (e == OK)
		tables_studies(answer);
	json_free(answer);
	return commands_done(&s, e);
}

/* Prints one page of rounds and moves (round, attempt) behind it; false when it was empty. */
static bool print_page(const struct json *page, bool as_json, int64_t *round, int64_t *attempt)
{
	const struct json *list = json_get(page, "rounds");

	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *r = json_at(list, i);

		if (as_json)
			tables_json_line(r);
		else
			tables_round(r);
		*round = json_as_integer(json_get(r, "round"));
		*attempt = json_as_integer(json_get(r, "attempt"));
	}
	return json_count(list) > 0;
}

int commands_rounds(const struct command_line *line, struct diag *why)
{
	struct commands_state s = {0};
	bool as_json = command_flag(line, "json"), more = name_is_study(line->operands[0]);
	int64_t round = 0, attempt = 0;
	struct json *page;
	enum err e = OK;

	if (!more)
		e = diag_set(why, ERR_USAGE, "\"%s\" is no name of a study", line->operands[0]);
	if (e == OK && !as_json)
		tables_rounds_head();
	while (e == OK && more) {
		e = commands_ask(&s, line, &page, HTTP_GET, bytes_of(NULL, 0), why,
		                 "/admin/rounds?study=%s&after=%" PRId64 "&attempt=%" PRId64, line->operands[0], round,
		                 attempt);
		more = e == OK && print_page(page, as_json, &round, &attempt);
		json_free(page);
	}
	return commands_done(&s, e);
}

int commands_events(const struct command_line *line, struct diag *why)
{
	struct commands_state s = {0};
	struct json *page, *verdict = NULL;
	bool as_json = command_flag(line, "json"), more = true;
	int64_t seq = 0;
	enum err e = OK;

	while (e == OK && more) {
		e = commands_ask(&s, line, &page, HTTP_GET, bytes_of(NULL, 0), why, "/admin/events?after=%" PRId64,
		                 seq);
		const struct json *list = json_get(page, "events");
		for (size_t i = 0; i < json_count(list); i++) {
			if (as_json)
				tables_json_line(json_at(list, i));
			else
				tables_event(json_at(list, i));
			seq = json_as_integer(json_get(json_at(list, i), "seq"));
		}
		more = json_count(list) > 0;
		json_free(page);
	}
	if (e == OK)
		e = commands_ask(&s, line, &verdict, HTTP_GET, bytes_of(NULL, 0), why, "/admin/verify");
	if (e == OK)
		fprintf(stderr, "the chain of %" PRId64 " events holds; its head is %s\n",
		        json_as_integer(json_get(verdict, "events")), json_as_string(json_get(verdict, "head")));
	json_free(verdict);
	int code = commands_done(&s, e);
	return e == ERR_DATA ? COMMANDS_FOUND_BAD : code;
}
