#include "coordinator/api.h"

#include "base/log.h"
#include "base/parse.h"
#include "coordinator/admin.h"
#include "coordinator/answers.h"
#include "coordinator/runner.h"

#include <stdio.h>
#include <string.h>

static const struct route {
	enum http_method method;
	const char *path; /* "*" is any one segment */
	void (*serve)(struct api_request *q);
} routes[] = {
	{HTTP_GET, "v1/roster", api_get_roster},
	{HTTP_GET, "v1/studies", api_get_studies},
	{HTTP_GET, "v1/studies/*/contract", api_get_contract},
	{HTTP_GET, "v1/studies/*/inbox", api_get_inbox},
	{HTTP_POST, "v1/studies/*/answer", api_post_answer},
	{HTTP_POST, "v1/studies/*/rounds/*/attempts/*/refusal", api_post_refusal},
	{HTTP_PUT, "v1/studies/*/rounds/*/attempts/*/contribution", api_put_contribution},
	{HTTP_POST, "v1/studies/*/rounds/*/attempts/*/keys", api_post_phase},
	{HTTP_GET, "v1/studies/*/rounds/*/attempts/*/shares", api_get_phase},
	{HTTP_POST, "v1/studies/*/rounds/*/attempts/*/shares", api_post_phase},
	{HTTP_GET, "v1/studies/*/rounds/*/attempts/*/input", api_get_phase},
	{HTTP_GET, "v1/studies/*/rounds/*/attempts/*/survivors", api_get_phase},
	{HTTP_POST, "v1/studies/*/rounds/*/attempts/*/survivors", api_post_phase},
	{HTTP_GET, "v1/studies/*/rounds/*/attempts/*/opening", api_get_phase},
	{HTTP_POST, "v1/studies/*/rounds/*/attempts/*/opening", api_post_phase},
	{HTTP_GET, "v1/models/*", api_get_model},
};

/* ---- paths */

static bool split(struct api_request *q, const char *path)
{
	char *rest = q->text;

	if (strlen(path) >= sizeof q->text)
		return false;
	snprintf(q->text, sizeof q->text, "%s", path + 1);
	while (rest != NULL && q->segment_count < API_SEGMENTS_MAX)
		q->segments[q->segment_count++] = strsep(&rest, "/");
	return rest == NULL;
}

static bool matches(const struct api_request *q, const char *pattern)
{
	for (uint32_t i = 0; i < q->segment_count; i++) {
		size_t n = strcspn(pattern, "/");
		bool any = n == 1 && pattern[0] == '*';

		if (n == 0 || (!any && (strlen(q->segments[i]) != n || memcmp(pattern, q->segments[i], n) != 0)))
			return false;
		pattern += n + (pattern[n] == '/');
	}
	return pattern[0] == '\0';
}

static const struct route *find_route(const struct api_request *q, bool *path_known)
{
	*path_known = false;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (!matches(q, routes[i].path))
			continue;
		*path_known = true;
		if (routes[i].method == q->x->method)
			return &routes[i];
	}
	return NULL;
}

/* ---- who asks */

static bool identify(struct api_request *q)
{
	const struct identity *peer = q->x->peer;
	struct diag why = {{0}};

	if (enrolled_identify(&q->site, &q->office->enrolled, peer->name, peer->signing_key, &why) != OK) {
		answer_error(q->x, 403, 0, "%s", why.text);
		return false;
	}
	q->site->last_seen_ms = q->office->world.wall_ms;
	if (strcmp(q->site->serial, peer->serial) != 0) { /* a renewed certificate: TLS has found it good */
		snprintf(q->site->serial, sizeof q->site->serial, "%s", peer->serial);
		q->site->revoked = q->site->told = false;
		store_site(q->office->store, q->site->number, q->site->name, q->site->serial, q->site->last_seen_ms);
	}
	return true;
}

/* A study that the path names must exist and want this site. */
static bool find_course(struct api_request *q)
{
	if (q->segment_count < 3 || strcmp(q->segments[1], "studies") != 0)
		return true;
	q->course = office_course(q->office, q->segments[2]);
	if (q->course == NULL) {
		answer_error(q->x, 404, 0, "there is no study %s here", q->segments[2]);
		return false;
	}
	if (!study_invites(q->course->study, q->site->name)) {
		answer_error(q->x, 403, 0, "%s is not a member of study %s", q->site->name, q->segments[2]);
		return false;
	}
	return true;
}

void api_request(struct office *o, struct exchange *x)
{
	struct api_request q = {.office = o, .x = x};
	const struct route *route = NULL;
	bool path_known = false;

	if (x->peer == NULL) {
		admin_request(o, x);
		return;
	}
	if (split(&q, x->path))
		route = find_route(&q, &path_known);
	if (route == NULL)
		answer_error(x, path_known ? 405 : 404, 0, path_known ? "no such method here" : "no such path");
	else if (identify(&q) && find_course(&q))
		route->serve(&q);
}

/* ---- what several handlers ask */

bool api_session(struct api_request *q, struct session_id *out)
{
	const char *hex = server_header(q->x, "Cohort-Session");

	if (!session_id_from(out, hex)) {
		answer_error(q->x, 400, 0, "the header Cohort-Session must hold 32 hexadecimal digits");
		return false;
	}
	switch (enrolled_session(q->site, out)) {
	case SESSION_OLD:
		answer_error(q->x, 409, 0, "a newer client of %s is running; this one must stop", q->site->name);
		return false;
	case SESSION_NEW:
		if (q->site->old_count > 0)
			log_notice("%s has started another client; the older one is told to stop", q->site->name);
		for (uint32_t i = 0; i < q->office->count; i++)
			runner_supersede(q->office->courses[i]->runner, q->site->number, out);
		return true;
	case SESSION_ACTIVE:
		return true;
	}
	return false;
}

bool api_number(struct api_request *q, const char *name, const uint64_t *fallback, uint64_t max, uint64_t *out)
{
	const char *text = server_parameter(q->x, name);

	if (text == NULL && fallback != NULL) {
		*out = *fallback;
		return true;
	}
	if (text != NULL && parse_u64(out, bytes_text(text)) && *out <= max)
		return true;
	answer_error(q->x, 400, 0, "the parameter %s must be a whole number from 0 to %llu", name,
	             (unsigned long long)max);
	return false;
}
