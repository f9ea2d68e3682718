/*
 * The hospital's configuration: client.yaml. Paths are relative to the folder that the file lies in, so that a command means the
 * same from everywhere. docs/HOSPITAL.md explains every key.
 *
 *   client.yaml   site, coordinator, credentials, state, proxy, extra_authority, policy, sources
 *   policy.yaml   beside it, or where the key `policy` says; without it the strict defaults of client/policy.h hold
 *   known sites   where the policy's key `known` says, seen from the policy's folder (client/known_sites.h)
 *
 * The document is kept, so that what does not fit a study (source_check) is still told with line and column.
 */
#ifndef COHORT_CLIENT_CONFIG_H
#define COHORT_CLIENT_CONFIG_H

#include "base/yaml.h"
#include "client/config_source.h"
#include "client/policy.h"
#include "net/request.h"

#define CLIENT_CONFIG_FILE "client.yaml" /* of the current folder, when a command is not told another */

struct client_config {
	struct yaml_document *document; /* owns every text below that is not in `paths` */
	char *path; /* of client.yaml, as it was given; owned */
	const char *site;
	const char *coordinator; /* https://host:port */
	struct tls_files tls;
	const char *signing_key;
	const char *state; /* folder */
	const char *proxy; /* NULL: the environment's; "": none */
	const char *proxy_user, *proxy_password_file; /* NULL when not given */
	struct config_source *sources; /* owned */
	uint32_t source_count;
	struct policy policy;
	const char *policy_path; /* NULL: there is none, the strict defaults hold */
	struct known_sites *known; /* NULL: no list; owned, policy.known is this */
	char **paths; /* made from the folder and what was written; owned */
	uint32_t path_count;
};

/* Reads all files. ERR_NO_INPUT, ERR_CONFIG with file, line and column. Sources are not held against a study here. On failure
 * `out` is zeroed. */
enum err client_config_load(struct client_config *out, const char *path, struct diag *why) MUST_USE;
void client_config_free(struct client_config *c); /* accepts a zeroed one */

/* The source that a study names, held against the study. ERR_CONFIG names the sources that exist and the lines to add, or the
 * place of what does not fit. */
enum err client_config_source(const struct source **out, const struct client_config *c, const struct study *s,
                              struct diag *why) MUST_USE;

/* What request_open needs; borrows from the configuration. */
struct request_config client_config_request(const struct client_config *c);

#endif
