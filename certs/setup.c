#include "certs/setup.h"

#include "base/name.h"
#include "certs/folder.h"
#include "certs/issue.h"
#include "certs/print.h"
#include "net/pki.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEY_FILE "coordinator.key"
#define CERTIFICATE_FILE "coordinator.pem"
#define FEDERATION_DEFAULT "cohort"
#define FOLDER_MODE 0700

/* ---- init */

int setup_init(const struct command_line *line, struct diag *why)
{
	const char *path = line->operands[0], *federation = command_value(line, "federation", 0);
	struct folder f;

	if (!federation)
		federation = FEDERATION_DEFAULT;
	if (!name_is_federation(federation))
		return err_exit(diag_set(why, ERR_USAGE,
		                         "federation name \"%s\": lower-case letters, digits and '-' only, at most 64",
		                         federation));
	enum err e = folder_init(path, federation, (int64_t)time(NULL), why);
	if (e)
		return err_exit(e);
	e = folder_look(&f, path, (int64_t)time(NULL), why);
	if (!e) {
		char fingerprint[HASH_HEX_SIZE];
		struct json *answer = json_new_object();
		hash_hex(fingerprint, &f.authority.fingerprint);
		json_set_string(answer, "federation", federation);
		json_set_string(answer, "folder", path);
		json_set_string(answer, "fingerprint", fingerprint);
		print_set_moment(answer, "until", f.authority.not_after_s);
		print_answer(answer, command_flag(line, "json"));
		print_next("Keep %s away from the coordinator and in a backup. Next: cohort-ca coordinator %s --host "
		           "NAME",
		           path, path);
	}
	folder_close(&f);
	return err_exit(e);
}

/* ---- coordinator */

static enum err hosts_read(char *hosts[HOSTS_MAX], size_t *count, const struct command_line *line, struct diag *why)
{
	for (const char *host; (host = command_value(line, "host", *count)) != NULL; (*count)++) {
		if (*count == HOSTS_MAX)
			return diag_set(why, ERR_USAGE, "coordinator: more than %d hosts", HOSTS_MAX);
		if (!ca_host_ok(host))
			return diag_set(why, ERR_USAGE, "coordinator: \"%s\" is no host name and no IP address", host);
		hosts[*count] = mem_copy_text(host);
	}
	if (*count == 0)
		return diag_set(why, ERR_USAGE,
		                "coordinator: give the name that sites will connect to: --host cohort.example.org");
	return OK;
}

struct coordinator_place {
	char folder[PATH_SIZE], key[PATH_SIZE], certificate[PATH_SIZE];
};

static enum err coordinator_place(struct coordinator_place *p, const struct folder *f, const char *out,
                                  struct diag *why)
{
	enum err e = OK;

	if (out)
		snprintf(p->folder, sizeof(p->folder), "%s", out);
	else
		e = folder_path(p->folder, f->path, REGISTRY_COORDINATOR_NAME, why);
	if (!e)
		e = folder_path(p->key, p->folder, KEY_FILE, why);
	if (!e)
		e = folder_path(p->certificate, p->folder, CERTIFICATE_FILE, why);
	if (!e)
		e = folder_free_path(p->key, why);
	if (!e)
		e = folder_free_path(p->certificate, why);
	if (!e && mkdir(p->folder, FOLDER_MODE) != 0 && errno != EEXIST)
		e = diag_set(why, ERR_CREATE, "%s: cannot be made: %s", p->folder, strerror(errno));
	return e;
}

static enum err coordinator_issue(struct issue *i, struct folder *f, const struct coordinator_place *place,
                                  char *const *hosts, size_t host_count, struct diag *why)
{
	uint8_t tls_key[ENROL_TLS_KEY_SIZE];
	struct evp_pkey_st *key = pki_key_new_tls();

	enum err e = pki_tls_key(tls_key, key, why);
	if (!e) {
		ca_issue_coordinator(&i->pem, &i->leaf, f->ca, tls_key, hosts, host_count, f->now_s);
		registry_issued(&f->registry, &i->leaf, REGISTRY_COORDINATOR, tls_key, hosts, host_count);
		e = pki_key_write(place->key, key, why);
	}
	if (!e)
		e = issue_write(i, f, REGISTRY_COORDINATOR_NAME, place->certificate, why);
	/* A key without its certificate is of no use and would be in the way. After ERR_CONFLICT it is somebody
	 * else's. */
	if (e && e != ERR_CONFLICT && access(place->certificate, F_OK) != 0)
		unlink(place->key);
	pki_key_free(key);
	return e;
}

int setup_coordinator(const struct command_line *line, struct diag *why)
{
	char *hosts[HOSTS_MAX] = {NULL};
	size_t count = 0;
	struct folder f = {.lock = -1};
	struct issue issue = {0};
	struct coordinator_place place;

	buf_init(&issue.pem, PEM_MAX);
	enum err e = hosts_read(hosts, &count, line, why);
	if (!e)
		e = folder_open(&f, line->operands[0], (int64_t)time(NULL), why);
	if (!e)
		e = coordinator_place(&place, &f, command_value(line, "out", 0), why);
	if (!e)
		e = coordinator_issue(&issue, &f, &place, hosts, count, why);
	if (!e) {
		struct json *answer = issue_answer(&issue, REGISTRY_COORDINATOR_NAME, place.certificate),
			    *list = json_new_array();
		for (size_t i = 0; i < count; i++)
			json_add(list, json_new_string(hosts[i]));
		json_set_string(answer, "key", place.key);
		json_set(answer, "hosts", list);
		print_answer(answer, command_flag(line, "json"));
		print_next("Move both files to the coordinator with a copy of %s/" FOLDER_AUTHORITY ".", f.path);
	}
	for (size_t i = 0; i < count; i++)
		free(hosts[i]);
	buf_free(&issue.pem);
	folder_close(&f);
	return err_exit(e);
}
