#include "certs/list.h"

#include "base/file.h"
#include "certs/folder.h"
#include "certs/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RENEW_SOON_S (21 * 86400) /* three weeks: a request travels by mail and a holiday lies between */

static const char *certificate_state(const struct registry_certificate *c, int64_t now_s)
{
	if (c->revoked_s)
		return "revoked";
	if (now_s > c->leaf.not_after_s)
		return "expired";
	return c->leaf.not_after_s - now_s < RENEW_SOON_S ? "renew soon" : "valid";
}

/* ---- --json */

static struct json *certificates_json(const struct folder *f, uint32_t site)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < f->registry.certificate_count; i++) {
		const struct registry_certificate *c = &f->registry.certificates[i];
		if (c->site != site)
			continue;
		struct json *object = json_new_object(), *hosts = json_new_array();
		for (size_t h = 0; h < c->host_count; h++)
			json_add(hosts, json_new_string(c->hosts[h]));
		json_set_string(object, "serial", c->leaf.serial);
		json_set_string(object, "state", certificate_state(c, f->now_s));
		json_set_integer(object, "not_before_s", c->leaf.not_before_s);
		json_set_integer(object, "not_after_s", c->leaf.not_after_s);
		json_set(object, "revoked_s", c->revoked_s ? json_new_integer(c->revoked_s) : json_new_null());
		json_set(object, "hosts", hosts);
		json_add(list, object);
	}
	return list;
}

static struct json *site_json(const struct folder *f, const struct registry_site *s)
{
	char words[IDENTITY_FINGERPRINT_SIZE], key[2 * IDENTITY_KEY_SIZE + 1];
	struct json *object = json_new_object();

	identity_fingerprint(words, s->key);
	hex_encode(key, bytes_of(s->key, sizeof(s->key)));
	json_set_integer(object, "number", s->number);
	json_set_string(object, "name", s->name);
	json_set_string(object, "state", s->revoked_s ? "revoked" : "enrolled");
	json_set_string(object, "fingerprint", words);
	json_set_string(object, "key", key);
	json_set_integer(object, "enrolled_s", s->enrolled_s);
	json_set(object, "revoked_s", s->revoked_s ? json_new_integer(s->revoked_s) : json_new_null());
	json_set(object, "certificates", certificates_json(f, s->number));
	return object;
}

static struct json *folder_json(const struct folder *f)
{
	char fingerprint[HASH_HEX_SIZE];
	struct json *root = json_new_object(), *authority = json_new_object(), *sites = json_new_array();

	hash_hex(fingerprint, &f->authority.fingerprint);
	json_set_string(authority, "fingerprint", fingerprint);
	json_set_integer(authority, "not_before_s", f->authority.not_before_s);
	json_set_integer(authority, "not_after_s", f->authority.not_after_s);
	for (size_t i = 0; i < f->registry.site_count; i++)
		json_add(sites, site_json(f, &f->registry.sites[i]));
	json_set_string(root, "federation", f->registry.federation);
	json_set_integer(root, "roster_version", f->registry.roster_version);
	json_set_integer(root, "crl_number", f->registry.crl_number);
	json_set(root, "authority", authority);
	json_set(root, "coordinator", certificates_json(f, REGISTRY_COORDINATOR));
	json_set(root, "sites", sites);
	return root;
}

/* ---- words */

static const struct registry_certificate *last_certificate(const struct folder *f, uint32_t site)
{
	const struct registry_certificate *last = NULL;
	for (size_t i = 0; i < f->registry.certificate_count; i++)
		if (f->registry.certificates[i].site == site)
			last = &f->registry.certificates[i];
	return last;
}

static void print_row(const struct folder *f, uint32_t number, const char *name, const char *fingerprint, int width)
{
	char moment[IDENTITY_MOMENT_SIZE] = "-", shown[16] = "-";
	const struct registry_certificate *c = last_certificate(f, number);

	if (c)
		identity_moment(moment, c->leaf.not_after_s);
	if (number != REGISTRY_COORDINATOR)
		snprintf(shown, sizeof(shown), "%u", number);
	printf("%-6s  %-*s  %-*s  %-10s  %s\n", shown, width, name, IDENTITY_FINGERPRINT_SIZE - 1, fingerprint,
	       c ? certificate_state(c, f->now_s) : "-", moment);
}

static void print_table(const struct folder *f)
{
	char until[IDENTITY_MOMENT_SIZE], words[IDENTITY_FINGERPRINT_SIZE];
	size_t width = strlen(REGISTRY_COORDINATOR_NAME);

	for (size_t i = 0; i < f->registry.site_count; i++)
		if (strlen(f->registry.sites[i].name) > width)
			width = strlen(f->registry.sites[i].name);
	identity_moment(until, f->authority.not_after_s);
	printf("federation %s, authority until %s, roster version %u, CRL number %u\n\n", f->registry.federation, until,
	       f->registry.roster_version, f->registry.crl_number);
	printf("%-6s  %-*s  %-*s  %-10s  %s\n", "number", (int)width, "name", IDENTITY_FINGERPRINT_SIZE - 1,
	       "fingerprint", "state", "last certificate until");
	print_row(f, REGISTRY_COORDINATOR, REGISTRY_COORDINATOR_NAME, "-", (int)width);
	for (size_t i = 0; i < f->registry.site_count; i++) {
		identity_fingerprint(words, f->registry.sites[i].key);
		print_row(f, f->registry.sites[i].number, f->registry.sites[i].name, words, (int)width);
	}
}

int list_sites(const struct command_line *line, struct diag *why)
{
	struct folder f;

	enum err e = folder_look(&f, line->operands[0], (int64_t)time(NULL), why);
	if (!e && command_flag(line, "json"))
		print_json(folder_json(&f));
	else if (!e)
		print_table(&f);
	folder_close(&f);
	return err_exit(e);
}

int list_request(const struct command_line *line, struct diag *why)
{
	char words[IDENTITY_FINGERPRINT_SIZE];
	struct enrol_request q;
	struct buf pem;

	enum err e = file_read(&pem, line->operands[0], PEM_MAX, why);
	if (!e) {
		e = enrol_read(&q, buf_bytes(&pem), why);
		if (e)
			e = diag_prefix(why, e, "%s", line->operands[0]);
	}
	if (!e) {
		struct json *answer = json_new_object();
		identity_fingerprint(words, q.signing_key);
		json_set_string(answer, "name", q.name);
		json_set_string(answer, "fingerprint", words);
		print_answer(answer, command_flag(line, "json"));
	}
	buf_free(&pem);
	return err_exit(e);
}
