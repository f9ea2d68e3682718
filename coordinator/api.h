/*
 * The HTTP interface of docs/PROTOCOL.md, section 8, for sites (below /v1, over TLS), and that of this machine's administrator
 * (below /admin, over the local socket; coordinator/admin.h). One table says which function serves which method and path.
 *
 * A handler answers at once or leaves the exchange to a runner. Who asks is in the certificate alone; nothing here reads a name from
 * a path or a body and believes it.
 */
#ifndef COHORT_COORDINATOR_API_H
#define COHORT_COORDINATOR_API_H

#include "coordinator/office.h"
#include "net/server.h"

#define API_SEGMENTS_MAX 8 /* v1/studies/NAME/rounds/R/attempts/A/contribution */

/* One request on its way through its handler. */
struct api_request {
	struct office *office;
	struct exchange *x;
	struct enrolled_site *site; /* who asks */
	char text[256]; /* the path, cut at its slashes */
	const char *segments[API_SEGMENTS_MAX];
	uint32_t segment_count;
	struct course *course; /* of segments[2], for what lies below /v1/studies/NAME: the site is a member */
};

/* server_handler.request. */
void api_request(struct office *o, struct exchange *x);

/* ---- inside: the handlers, by file. Each answers. */

/* api_site.c */
void api_get_roster(struct api_request *q);
void api_get_studies(struct api_request *q);
void api_get_contract(struct api_request *q);
void api_get_inbox(struct api_request *q);
void api_post_answer(struct api_request *q);
void api_get_model(struct api_request *q);

/* api_round.c */
void api_post_refusal(struct api_request *q);
void api_put_contribution(struct api_request *q);
void api_post_phase(struct api_request *q); /* the phase of a masked attempt is the path's last segment */
void api_get_phase(struct api_request *q);

/* The request's session must be its site's active one; a new one takes over. Answers 400 or 409 and returns false otherwise. */
bool api_session(struct api_request *q, struct session_id *out);

/* A number in the query. Answers 400 and returns false when it is missing (without `fallback`), malformed or not in range. */
bool api_number(struct api_request *q, const char *name, const uint64_t *fallback, uint64_t max, uint64_t *out);

#endif
