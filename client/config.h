/*
 * The hospital's configuration: client.yaml. Paths are relative to the folder that the file lies in. docs/HOSPITAL.md explains
 * every key.
 */
#ifndef COHORT_CLIENT_CONFIG_H
#define COHORT_CLIENT_CONFIG_H

#include "client/policy.h"
#include "data/source.h"
#include "net/request.h"

struct client_config {
	struct json *tree; /* owns every text below that is not owned otherwise */
	char *folder; /* where the file lies; owned */
	const char *site;
	const char *coordinator; /* https://host:port */
	struct tls_files tls; /* paths made absolute; owned in `paths` */
	char *signing_key;
	char *state; /* folder; owned */
	const char *proxy, *proxy_user; /* NULL when not given */
	char *proxy_password_file; /* owned, or NULL */
	struct source *sources; /* owned, with all they point to */
	uint32_t source_count;
	struct policy policy; /* from policy.yaml beside it, or policy_strict() */
	bool policy_given;
	char **paths; /* owned */
	uint32_t path_count;
};

/* ERR_NO_INPUT, ERR_CONFIG with file, line and column. Sources are not held against a study here (source_check does). */
enum err client_config_load(struct client_config *out, const char *path, struct diag *why) MUST_USE;
void client_config_free(struct client_config *c); /* accepts a zeroed one */

/* The source that a study names; ERR_CONFIG names the ones that exist and the lines to add. */
enum err client_config_source(const struct source **out, const struct client_config *c, const struct study *s,
                              struct diag *why) MUST_USE;

/* What request_open needs. */
struct request_config client_config_request(const struct client_config *c);

#endif
