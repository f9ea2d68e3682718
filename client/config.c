#include "client/config.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLICY_FILE "policy.yaml" /* beside client.yaml, when the key `policy` does not name another */
#define COLUMN_MAX 1024 /* bytes of a CSV header, as in a study */
#define CODE_MAX 256 /* bytes of a code, as in a study */
#define SOURCES_MAX 1024 /* extracts of one hospital */
#define URL_MAX 512 /* scheme, host name of 253 characters, port */
#define PATH_BYTES (PATH_SIZE - 1)

static const struct yaml_rule rules[] = {
	{.path = "site", .types = YAML_TEXT, .required = true, .min = 1, .max = NAME_SIZE - 1},
	{.path = "coordinator", .types = YAML_TEXT, .required = true, .min = 1, .max = URL_MAX},
	{.path = "credentials", .types = YAML_MAP, .fallback = "{}"},
	{.path = "credentials.authority", .types = YAML_TEXT, .min = 1, .max = PATH_BYTES, .fallback = "ca.pem"},
	{.path = "credentials.certificate", .types = YAML_TEXT, .min = 1, .max = PATH_BYTES, .fallback = "site.pem"},
	{.path = "credentials.key", .types = YAML_TEXT, .min = 1, .max = PATH_BYTES, .fallback = "site.key"},
	{.path = "credentials.signing_key", .types = YAML_TEXT, .min = 1, .max = PATH_BYTES, .fallback = "sign.key"},
	{.path = "credentials.revocations", .types = YAML_TEXT, .min = 1, .max = PATH_BYTES},
	{.path = "state", .types = YAML_TEXT, .min = 1, .max = PATH_BYTES, .fallback = "state"},
	{.path = "policy", .types = YAML_TEXT, .min = 1, .max = PATH_BYTES},
	{.path = "proxy", .types = YAML_MAP | YAML_TEXT, .choices = "none"},
	{.path = "proxy.url", .types = YAML_TEXT, .required = true, .min = 1, .max = URL_MAX},
	{.path = "proxy.user", .types = YAML_TEXT, .min = 1, .max = TEXT_LINE_MAX},
	{.path = "proxy.password_file", .types = YAML_TEXT, .min = 1, .max = PATH_BYTES},
	{.path = "extra_authority", .types = YAML_TEXT, .min = 1, .max = PATH_BYTES},
	{.path = "sources", .types = YAML_NAMES, .max = SOURCES_MAX, .fallback = "{}"},
	{.path = "sources{}", .types = YAML_MAP},
	{.path = "sources{}.csv", .types = YAML_TEXT, .required = true, .min = 1, .max = PATH_BYTES},
	{.path = "sources{}.delimiter", .types = YAML_TEXT, .min = 1, .max = 1, .fallback = "','"},
	{.path = "sources{}.decimal", .types = YAML_TEXT, .choices = ".|,", .fallback = "'.'"},
	{.path = "sources{}.encoding", .types = YAML_TEXT, .choices = "utf-8|latin1", .fallback = "utf-8"},
	{.path = "sources{}.columns", .types = YAML_NAMES, .max = CSV_COLUMNS_MAX, .fallback = "{}"},
	{.path = "sources{}.columns{}", .types = YAML_TEXT, .min = 1, .max = COLUMN_MAX},
	{.path = "sources{}.recode", .types = YAML_NAMES, .max = FEATURES_MAX, .fallback = "{}"},
	{.path = "sources{}.recode{}", .types = YAML_NAMES, .min = 1, .max = LEVELS_MAX},
	{.path = "sources{}.recode{}{}", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "sources{}.convert", .types = YAML_NAMES, .max = FEATURES_MAX, .fallback = "{}"},
	{.path = "sources{}.convert{}", .types = YAML_MAP},
	{.path = "sources{}.convert{}.times", .types = YAML_REAL, .fallback = "1"},
	{.path = "sources{}.convert{}.plus", .types = YAML_REAL, .fallback = "0"},
	{.path = "sources{}.missing", .types = YAML_NAMES, .max = FEATURES_MAX, .fallback = "{}"},
	{.path = "sources{}.missing{}", .types = YAML_LIST, .min = 1, .max = CODES_MAX},
	{.path = "sources{}.missing{}[]", .types = YAML_TEXT, .max = CODE_MAX},
};

/* ---- texts and paths */

static const char *text_of(const struct json *node, const char *key)
{
	const struct json *value = json_get(node, key);

	return value != NULL && json_kind(value) == JSON_IS_STRING ? json_as_string(value) : NULL;
}

/* What was written in `file`, seen from its folder. */
static const char *resolve_in(struct client_config *c, const char *file, const char *written)
{
	const char *slash = strrchr(file, '/');
	size_t folder = slash != NULL ? (size_t)(slash - file) + 1 : 0;
	char *path;

	if (written == NULL)
		return NULL;
	if (written[0] == '/')
		folder = 0;
	path = mem_alloc(folder + strlen(written) + 1);
	memcpy(path, file, folder);
	strcpy(path + folder, written);
	c->paths = mem_resize(c->paths, c->path_count + 1, sizeof *c->paths);
	c->paths[c->path_count++] = path;
	return path;
}

static const char *resolve(struct client_config *c, const char *written)
{
	return resolve_in(c, c->path, written);
}

/* ---- meaning */

static enum err complain(const struct client_config *c, struct diag *why, const char *path, const char *words)
{
	return yaml_complain(c->document, why, ERR_CONFIG, path, "%s", words);
}

static enum err check_url(const struct client_config *c, const char *key, const char *url, bool plain_too,
                          struct diag *why)
{
	const char *host = NULL;

	if (strncmp(url, "https://", strlen("https://")) == 0)
		host = url + strlen("https://");
	else if (plain_too && strncmp(url, "http://", strlen("http://")) == 0)
		host = url + strlen("http://");
	if (host == NULL)
		return complain(c, why, key,
		                plain_too ? "write it as http://HOST:PORT" : "write it as https://HOST:PORT");
	if (*host == '\0' || strpbrk(host, "/?#@ ") != NULL)
		return complain(c, why, key, "only scheme, host and port belong here, such as https://HOST:PORT");
	return OK;
}

static enum err check_meaning(const struct client_config *c, struct diag *why)
{
	enum err e = OK;

	if (!name_is_site(c->site))
		e = complain(c, why, "site",
		             "no site name: letters, digits, '.', '_' and '-', at most 64, the first a "
		             "letter or digit");
	if (e == OK)
		e = check_url(c, "coordinator", c->coordinator, false, why);
	if (e == OK && c->proxy != NULL && c->proxy[0] != '\0')
		e = check_url(c, "proxy.url", c->proxy, true, why);
	if (e == OK && (c->proxy_user == NULL) != (c->proxy_password_file == NULL))
		e = complain(c, why, "proxy", "user and password_file belong together");
	return e;
}

/* ---- reading */

static void read_credentials(struct client_config *c, const struct json *tree)
{
	const struct json *credentials = json_get(tree, "credentials");

	c->tls.authority = resolve(c, text_of(credentials, "authority"));
	c->tls.certificate = resolve(c, text_of(credentials, "certificate"));
	c->tls.key = resolve(c, text_of(credentials, "key"));
	c->tls.revocations = resolve(c, text_of(credentials, "revocations"));
	c->tls.extra_authority = resolve(c, text_of(tree, "extra_authority"));
	c->signing_key = resolve(c, text_of(credentials, "signing_key"));
}

static void read_proxy(struct client_config *c, const struct json *proxy)
{
	if (proxy == NULL)
		return;
	if (json_kind(proxy) == JSON_IS_STRING) { /* `none`, the only choice */
		c->proxy = "";
		return;
	}
	c->proxy = text_of(proxy, "url");
	c->proxy_user = text_of(proxy, "user");
	c->proxy_password_file = resolve(c, text_of(proxy, "password_file"));
}

static void read_sources(struct client_config *c, const struct json *sources)
{
	const struct json *node;

	c->sources = mem_array(json_count(sources), sizeof *c->sources);
	for (const char *name = json_key_after(sources, NULL, &node); name != NULL;
	     name = json_key_after(sources, name, &node))
		config_source_read(&c->sources[c->source_count++], name, resolve(c, text_of(node, "csv")), node);
}

/* The list that the policy names. */
static enum err read_known(struct client_config *c, const char *named, struct diag *why)
{
	const char *path = resolve_in(c, c->policy_path, named);
	struct buf text = {0};
	enum err e = file_read(&text, path, KNOWN_TEXT_MAX, why);

	c->known = mem_alloc(sizeof *c->known);
	c->policy.known = c->known;
	if (e == OK)
		e = known_sites_parse(c->known, buf_bytes(&text), path, why);
	buf_free(&text);
	return e == OK ? policy_check_known(&c->policy, c->site, c->policy_path, why) : e;
}

/* No policy beside the configuration is fine; one that is named, or cannot be read, is not. */
static enum err read_policy(struct client_config *c, const char *named, struct diag *why)
{
	const char *path = resolve(c, named != NULL ? named : POLICY_FILE);
	char known[PATH_SIZE] = "";
	struct buf text = {0};
	enum err e;

	c->policy = policy_strict();
	if (named == NULL && access(path, F_OK) != 0)
		return OK;
	e = file_read(&text, path, YAML_TEXT_MAX, why);
	if (e == OK)
		e = policy_parse_hospital(&c->policy, known, buf_bytes(&text), path, why);
	c->policy_path = path;
	buf_free(&text);
	return e == OK && known[0] != '\0' ? read_known(c, known, why) : e;
}

static enum err read_document(struct client_config *c, struct diag *why)
{
	const struct json *tree = yaml_tree(c->document);
	enum err e;

	c->site = text_of(tree, "site");
	c->coordinator = text_of(tree, "coordinator");
	c->state = resolve(c, text_of(tree, "state"));
	read_credentials(c, tree);
	read_proxy(c, json_get(tree, "proxy"));
	read_sources(c, json_get(tree, "sources"));
	e = check_meaning(c, why);
	return e == OK ? read_policy(c, text_of(tree, "policy"), why) : e;
}

enum err client_config_load(struct client_config *out, const char *path, struct diag *why)
{
	struct buf text = {0};
	enum err e = file_read(&text, path, YAML_TEXT_MAX, why);

	memset(out, 0, sizeof *out);
	out->path = mem_copy_text(path);
	if (e == OK) {
		e = yaml_parse(&out->document, buf_bytes(&text), path, rules, sizeof rules / sizeof *rules, why);
		e = e == ERR_DATA ? ERR_CONFIG : e;
	}
	if (e == OK)
		e = read_document(out, why);
	buf_free(&text);
	if (e != OK)
		client_config_free(out);
	return e;
}

void client_config_free(struct client_config *c)
{
	for (uint32_t i = 0; i < c->source_count; i++)
		config_source_free(&c->sources[i]);
	for (uint32_t i = 0; i < c->path_count; i++)
		free(c->paths[i]);
	if (c->known != NULL)
		known_sites_free(c->known);
	free(c->known);
	free(c->sources);
	free(c->paths);
	free(c->path);
	yaml_close(c->document);
	memset(c, 0, sizeof *c);
}

/* ---- for a study */

static enum err no_source(const struct client_config *c, const struct study *s, struct diag *why)
{
	struct buf known;
	enum err e;

	buf_init(&known, TEXT_LINE_MAX);
	for (uint32_t i = 0; i < c->source_count; i++)
		buf_printf(&known, "%s%s", i > 0 ? ", " : "", c->sources[i].source.name);
	e = yaml_complain(c->document, why, ERR_CONFIG, "sources",
	                  "study %s reads a source named %s; add below sources: `%s: {csv: FILE.csv}` (there is: %s)",
	                  s->name, s->schema.source, s->schema.source, known.len > 0 ? buf_text(&known) : "none");
	buf_free(&known);
	return e;
}

enum err client_config_source(const struct source **out, const struct client_config *c, const struct study *s,
                              struct diag *why)
{
	char field[PATH_SIZE] = "";
	struct diag words = {{0}};

	for (uint32_t i = 0; i < c->source_count; i++) {
		const struct source *source = &c->sources[i].source;

		if (strcmp(source->name, s->schema.source) != 0)
			continue;
		*out = source;
		if (source_check(source, &s->schema, field, sizeof field, &words) != OK)
			return yaml_complain(c->document, why, ERR_CONFIG, field, "%s", words.text);
		return OK;
	}
	return no_source(c, s, why);
}

struct request_config client_config_request(const struct client_config *c)
{
	return (struct request_config){
		.url = c->coordinator,
		.tls = c->tls,
		.proxy = c->proxy,
		.proxy_user = c->proxy_user,
		.proxy_password_file = c->proxy_password_file,
	};
}
