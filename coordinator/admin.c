#include "coordinator/admin.h"

#include "base/parse.h"
#include "coordinator/answers.h"
#include "coordinator/report.h"

#include <stdio.h>
#include <string.h>

const char *admin_parameter(const struct admin_call *call, const char *name)
{
	for (size_t i = 0; i < call->parameter_count; i++)
		if (strcmp(call->parameters[i].name, name) == 0)
			return call->parameters[i].value;
	return NULL;
}

enum err admin_course(struct course **out, const struct admin_call *call, struct diag *why)
{
	const char *study = admin_parameter(call, "study");

	*out = study != NULL ? office_course(call->office, study) : NULL;
	if (*out == NULL)
		return diag_set(why, ERR_NOT_FOUND,
		                "there is no study %s; `cohort-coordinator study list` shows those that are here",
		                study != NULL ? study : "without a name");
	return OK;
}

enum err admin_number(uint64_t *out, const struct admin_call *call, const char *name, struct diag *why)
{
	const char *text = admin_parameter(call, name);

	if (text == NULL || !parse_u64(out, bytes_text(text)))
		return diag_set(why, ERR_USAGE, "%s must be a whole number", name);
	return OK;
}

/* ---- looking */

static enum err get_status(struct admin_call *call, struct diag *why)
{
	return report_status(&call->answer, call->office, why);
}

static enum err get_sites(struct admin_call *call, struct diag *why)
{
	(void)why;
	call->answer = report_sites(call->office);
	return OK;
}

static enum err get_studies(struct admin_call *call, struct diag *why)
{
	(void)why;
	call->answer = report_studies(call->office);
	return OK;
}

static enum err get_rounds(struct admin_call *call, struct diag *why)
{
	uint64_t after = 0, attempt = 0;
	struct course *c;
	enum err e = admin_course(&c, call, why);

	if (e == OK)
		e = admin_number(&after, call, "after", why);
	if (e == OK)
		e = admin_number(&attempt, call, "attempt", why);
	return e != OK ? e : report_rounds(&call->answer, call->office, c, after, (uint32_t)attempt, why);
}

static enum err get_events(struct admin_call *call, struct diag *why)
{
	uint64_t after;
	enum err e = admin_number(&after, call, "after", why);

	return e != OK ? e : report_events(&call->answer, call->office, after, why);
}

static enum err get_verify(struct admin_call *call, struct diag *why)
{
	uint64_t events;
	struct hash head;
	enum err e = store_verify(call->office->store, &events, &head, why);

	if (e != OK)
		return e;
	call->answer = json_new_object();
	json_set_integer(call->answer, "events", (int64_t)events);
	json_set_hash(call->answer, "head", &head);
	return OK;
}

/* ---- the table */

static const struct {
	enum http_method method;
	const char *path;
	enum err (*serve)(struct admin_call *call, struct diag *why);
	bool changes;
} routes[] = {
	{HTTP_GET, "/admin/status", get_status, false},      {HTTP_GET, "/admin/sites", get_sites, false},
	{HTTP_GET, "/admin/studies", get_studies, false},    {HTTP_GET, "/admin/rounds", get_rounds, false},
	{HTTP_GET, "/admin/events", get_events, false},      {HTTP_GET, "/admin/verify", get_verify, false},
	{HTTP_GET, "/admin/model", admin_get_model, false},  {HTTP_POST, "/admin/studies", admin_add_study, true},
	{HTTP_POST, "/admin/start", admin_start, true},      {HTTP_POST, "/admin/pause", admin_pause, true},
	{HTTP_POST, "/admin/resume", admin_resume, true},    {HTTP_POST, "/admin/stop", admin_stop, true},
	{HTTP_PUT, "/admin/models", admin_put_model, false},
};

static unsigned status_of(enum err e)
{
	switch (e) {
	case OK:
		return 200;
	case ERR_NOT_FOUND:
		return 404;
	case ERR_CONFLICT:
		return 409;
	case ERR_AGAIN:
		return 503;
	case ERR_REFUSED:
		return 403;
	case ERR_USAGE:
	case ERR_DATA:
	case ERR_LIMIT:
		return 400;
	case ERR_FULL:
		return 507;
	default:
		return 500;
	}
}

void admin_call(struct admin_call *call)
{
	struct diag why = {{0}};
	enum err e = diag_set(&why, ERR_NOT_FOUND, "this version's daemon does not serve %s", call->path);

	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (routes[i].method != call->method || strcmp(routes[i].path, call->path) != 0)
			continue;
		why.text[0] = '\0';
		e = routes[i].serve(call, &why);
		call->changes = e == OK && routes[i].changes;
		break;
	}
	call->status = status_of(e);
	if (e == OK)
		return;
	call->answer = json_new_object();
	json_set_string(call->answer, "error", why.text);
	json_set_string(call->answer, "code", err_name(e));
}

void admin_request(struct office *o, struct exchange *x)
{
	struct admin_call call = {
		.office = o,
		.method = x->method,
		.path = x->path,
		.parameters = x->parameters,
		.parameter_count = x->parameter_count,
		.body = server_body(x),
	};

	admin_call(&call);
	answer_json(x, call.status, call.answer);
}
