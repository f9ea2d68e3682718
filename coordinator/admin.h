/*
 * The administrator's interface, the same over the local socket of a daemon and without one: a command asks the daemon, or, when
 * none runs, opens the office and calls admin_call itself. All bodies and answers are JSON.
 *
 *     GET  /admin/status                                         status.json of docs: studies, their sites and figures
 *     GET  /admin/sites                                          {"sites": [...]}
 *     GET  /admin/studies                                        {"studies": [...]}, in short
 *     GET  /admin/rounds?study=NAME&after=R&attempt=A            {"rounds": [...]}, a page; empty at the end
 *     GET  /admin/events?after=SEQ                               {"events": [...]}, a page; empty at the end
 *     GET  /admin/verify                                         {"events": N, "head": HASH}, or an error
 *     GET  /admin/model?study=NAME&which=best|final              {"sha256", "octets", "step"}
 *     POST /admin/studies                                        body: a contract's canonical bytes
 *     POST /admin/start?study=NAME                               likewise pause, resume, stop
 *     PUT  /admin/models?sha256=HEX&offset=O&octets=TOTAL        a part of the file that a study starts from; {"offset": NEXT}
 *
 * Errors are {"error": "one line", "code": "ERR_CONFLICT"}: the command ends with the exit code of that error.
 */
#ifndef COHORT_COORDINATOR_ADMIN_H
#define COHORT_COORDINATOR_ADMIN_H

#include "coordinator/office.h"
#include "net/http.h"
#include "net/server.h"

struct admin_call {
	struct office *office;
	enum http_method method;
	const char *path;
	const struct http_pair *parameters;
	size_t parameter_count;
	struct bytes body;
	/* the answer */
	unsigned status;
	struct json *answer; /* owned by the caller */
	bool changes; /* the office has changed: commit before the answer leaves */
};

/* Never fails: an error is an answer too. */
void admin_call(struct admin_call *call);

/* The daemon's end: an exchange on the local socket. */
void admin_request(struct office *o, struct exchange *x);

/* ---- inside: admin_study.c */
enum err admin_add_study(struct admin_call *call, struct diag *why) MUST_USE;
enum err admin_start(struct admin_call *call, struct diag *why) MUST_USE;
enum err admin_pause(struct admin_call *call, struct diag *why) MUST_USE;
enum err admin_resume(struct admin_call *call, struct diag *why) MUST_USE;
enum err admin_stop(struct admin_call *call, struct diag *why) MUST_USE;
enum err admin_put_model(struct admin_call *call, struct diag *why) MUST_USE;
enum err admin_get_model(struct admin_call *call, struct diag *why) MUST_USE;

const char *admin_parameter(const struct admin_call *call, const char *name); /* NULL when absent */
enum err admin_course(struct course **out, const struct admin_call *call, struct diag *why) MUST_USE; /* ?study=NAME */
enum err admin_number(uint64_t *out, const struct admin_call *call, const char *name, struct diag *why) MUST_USE;

#endif
