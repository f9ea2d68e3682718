/*
 * index.json, both ways. Reading is strict: the rules of certs/registry.h are all checked, because an edited book
 * could give a number twice or bring a revoked site back.
 */
#include "certs/registry.h"

#include "base/file.h"
#include "base/json.h"
#include "base/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define INDEX_MODE 0600
#define CERTIFICATES_MAX (REGISTRY_MAX / 256) /* an entry has at least that many bytes */
#define TIME_MAX 253402300799 /* 9999-12-31 23:59:59 UTC, the last moment of a certificate (RFC 5280, 4.1.2.5) */
#define PLACE_SIZE 48

/* ---- writing */

static void set_hex(struct json *object, const char *key, const uint8_t *data, size_t length)
{
	char hex[2 * ENROL_TLS_KEY_SIZE + 1];

	CHECK(length <= ENROL_TLS_KEY_SIZE);
	hex_encode(hex, bytes_of(data, length));
	json_set_string(object, key, hex);
}

static void set_time(struct json *object, const char *key, int64_t moment_s)
{
	json_set(object, key, moment_s ? json_new_integer(moment_s) : json_new_null());
}

static struct json *site_json(const struct registry_site *s)
{
	struct json *object = json_new_object();

	json_set_integer(object, "number", s->number);
	json_set_string(object, "name", s->name);
	set_hex(object, "key", s->key, sizeof(s->key));
	json_set_integer(object, "enrolled_s", s->enrolled_s);
	set_time(object, "revoked_s", s->revoked_s);
	return object;
}

static struct json *certificate_json(const struct registry_certificate *c)
{
	struct json *object = json_new_object(), *hosts = json_new_array();

	json_set_string(object, "serial", c->leaf.serial);
	json_set_integer(object, "site", c->site);
	set_hex(object, "tls_key", c->tls_key, sizeof(c->tls_key));
	json_set_integer(object, "not_before_s", c->leaf.not_before_s);
	json_set_integer(object, "not_after_s", c->leaf.not_after_s);
	set_time(object, "revoked_s", c->revoked_s);
	for (size_t i = 0; i < c->host_count; i++)
		json_add(hosts, json_new_string(c->hosts[i]));
	json_set(object, "hosts", hosts);
	return object;
}

enum err registry_save(const struct registry *r, const char *path, struct diag *why)
{
	struct json *root = json_new_object(), *sites = json_new_array(), *certificates = json_new_array();
	struct buf text;

	for (size_t i = 0; i < r->site_count; i++)
		json_add(sites, site_json(&r->sites[i]));
	for (size_t i = 0; i < r->certificate_count; i++)
		json_add(certificates, certificate_json(&r->certificates[i]));
	json_set_integer(root, "format", FORMAT);
	json_set_string(root, "federation", r->federation);
	json_set_integer(root, "roster_version", r->roster_version);
	json_set_integer(root, "crl_number", r->crl_number);
	json_set(root, "sites", sites);
	json_set(root, "certificates", certificates);
	buf_init(&text, REGISTRY_MAX);
	json_write(&text, root, true);
	buf_put_text(&text, "\n");
	json_free(root);
	enum err e = OK;
	if (text.failed)
		e = diag_set(why, ERR_LIMIT, "%s: would pass %u bytes; start a new authority", path, REGISTRY_MAX);
	else
		e = file_replace(path, buf_bytes(&text), INDEX_MODE, why);
	buf_free(&text);
	return e;
}

/* ---- reading */

static int64_t read_time(struct json_reader *r, const char *key)
{
	if (json_has(r, key))
		return json_read_integer(r, key, 1, TIME_MAX);
	json_read_null(r, key);
	return 0;
}

/* Exactly `length` bytes; the first text that is none is remembered in `bad`. */
static void read_hex(struct json_reader *r, uint8_t *out, size_t length, const char *key, const char **bad)
{
	const char *text = json_read_string(r, key, 2 * length);
	if (!hex_decode(out, length, text) && !*bad)
		*bad = key;
}

static enum err read_end(struct json_reader *r, const char *bad, struct diag *why)
{
	enum err e = json_read_end(r);
	if (!e && bad)
		e = diag_set(why, ERR_DATA, "%s: \"%s\" is not hexadecimal of the right length", r->what, bad);
	return e;
}

static enum err read_site(struct registry *out, const struct json *node, struct diag *why)
{
	struct json_reader r;
	char what[PLACE_SIZE];
	const char *bad = NULL;
	struct registry_site s = {0};

	snprintf(what, sizeof(what), "sites[%zu]", out->site_count);
	json_read_begin(&r, node, what, why);
	s.number = (uint32_t)json_read_integer(&r, "number", 1, UINT32_MAX);
	const char *name = json_read_string(&r, "name", NAME_SIZE - 1);
	memcpy(s.name, name, strlen(name) + 1);
	read_hex(&r, s.key, sizeof(s.key), "key", &bad);
	s.enrolled_s = json_read_integer(&r, "enrolled_s", 1, TIME_MAX);
	s.revoked_s = read_time(&r, "revoked_s");
	enum err e = read_end(&r, bad, why);
	if (e)
		return e;
	if (s.number != out->site_count + 1)
		return diag_set(why, ERR_DATA, "%s: number %u stands where %zu belongs", what, s.number,
		                out->site_count + 1);
	if (!name_is_site(s.name))
		return diag_set(why, ERR_DATA, "%s: \"%s\" is no site name", what, s.name);
	if (registry_enrolled(out, s.name))
		return diag_set(why, ERR_DATA, "%s: %s is enrolled twice", what, s.name);
	if (registry_key(out, s.key))
		return diag_set(why, ERR_DATA, "%s: the key of %s stands twice", what, s.name);
	out->sites[out->site_count++] = s;
	return OK;
}

static enum err read_hosts(struct registry_certificate *c, const struct json *hosts, const char *what, struct diag *why)
{
	for (size_t i = 0; i < json_count(hosts); i++) {
		const struct json *host = json_at(hosts, i);
		if (json_kind(host) != JSON_IS_STRING || !ca_host_ok(json_as_string(host)))
			return diag_set(why, ERR_DATA, "%s: hosts[%zu] is no host name", what, i);
		c->hosts[c->host_count++] = mem_copy_text(json_as_string(host));
	}
	return OK;
}

static bool serial_ok(const char *serial)
{
	uint8_t bytes[CA_SERIAL_BYTES];
	return hex_decode(bytes, sizeof(bytes), serial);
}

static enum err read_certificate(struct registry *out, const struct json *node, struct diag *why)
{
	struct json_reader r;
	char what[PLACE_SIZE];
	const char *bad = NULL;

	snprintf(what, sizeof(what), "certificates[%zu]", out->certificate_count);
	/* Counted at once, so that registry_free finds the hosts after a failure. */
	struct registry_certificate *c = &out->certificates[out->certificate_count++];
	json_read_begin(&r, node, what, why);
	const char *serial = json_read_string(&r, "serial", CA_SERIAL_SIZE - 1);
	memcpy(c->leaf.serial, serial, strlen(serial) + 1);
	c->site = (uint32_t)json_read_integer(&r, "site", 0, (int64_t)out->site_count);
	read_hex(&r, c->tls_key, sizeof(c->tls_key), "tls_key", &bad);
	c->leaf.not_before_s = json_read_integer(&r, "not_before_s", 1, TIME_MAX);
	c->leaf.not_after_s = json_read_integer(&r, "not_after_s", 1, TIME_MAX);
	c->revoked_s = read_time(&r, "revoked_s");
	const struct json *hosts = json_read_array(&r, "hosts", HOSTS_MAX);
	enum err e = read_end(&r, bad, why);
	if (e)
		return e;
	if (!serial_ok(c->leaf.serial))
		return diag_set(why, ERR_DATA, "%s: \"serial\" must have %d hexadecimal digits", what,
		                CA_SERIAL_SIZE - 1);
	if (c->site != REGISTRY_COORDINATOR && out->sites[c->site - 1].revoked_s != 0 && c->revoked_s == 0)
		return diag_set(why, ERR_DATA, "%s: is not revoked, but its site %s is", what,
		                out->sites[c->site - 1].name);
	return read_hosts(c, hosts, what, why);
}

static enum err read_lists(struct registry *out, const struct json *sites, const struct json *certificates,
                           struct diag *why)
{
	enum err e = OK;

	out->sites = mem_array(json_count(sites) + 1, sizeof(*out->sites));
	out->certificates = mem_array(json_count(certificates) + 1, sizeof(*out->certificates));
	for (size_t i = 0; !e && i < json_count(sites); i++)
		e = read_site(out, json_at(sites, i), why);
	for (size_t i = 0; !e && i < json_count(certificates); i++)
		e = read_certificate(out, json_at(certificates, i), why);
	return e;
}

static enum err read_root(struct registry *out, const struct json *root, struct diag *why)
{
	struct json_reader r;

	json_read_begin(&r, root, "index", why);
	int64_t format = json_read_integer(&r, "format", 1, UINT32_MAX);
	if (!r.failed && format != FORMAT)
		return diag_set(why, ERR_DATA, "format %lld, this version reads %d: use a newer cohort-ca",
		                (long long)format, FORMAT);
	const char *federation = json_read_string(&r, "federation", NAME_SIZE - 1);
	memcpy(out->federation, federation, strlen(federation) + 1);
	out->roster_version = (uint32_t)json_read_integer(&r, "roster_version", 1, UINT32_MAX);
	out->crl_number = (uint32_t)json_read_integer(&r, "crl_number", 0, UINT32_MAX);
	const struct json *sites = json_read_array(&r, "sites", CERTIFICATES_MAX);
	const struct json *certificates = json_read_array(&r, "certificates", CERTIFICATES_MAX);
	enum err e = json_read_end(&r);
	if (!e && !name_is_federation(out->federation))
		e = diag_set(why, ERR_DATA, "\"%s\" is no federation name", out->federation);
	return e ? e : read_lists(out, sites, certificates, why);
}

enum err registry_load(struct registry *out, const char *path, struct diag *why)
{
	struct buf text;
	struct json *root = NULL;

	*out = (struct registry){0};
	enum err e = file_read(&text, path, REGISTRY_MAX, why);
	if (!e)
		e = json_parse(&root, buf_bytes(&text), REGISTRY_MAX, path, why);
	if (!e) {
		e = read_root(out, root, why);
		if (e)
			e = diag_prefix(why, e, "%s", path);
	}
	if (e)
		registry_free(out);
	json_free(root);
	buf_free(&text);
	return e;
}
