/*
 * Who gets a certificate. Three things are taken from a request, the name and the two keys, after both proofs were
 * checked (net/enrol.h). A name and a signing key belong together for good; a TLS key belongs to one site for good.
 */
#include "certs/sites.h"

#include "base/file.h"
#include "base/name.h"
#include "certs/folder.h"
#include "certs/issue.h"
#include "certs/print.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- sign */

static enum err request_read(struct enrol_request *out, const char *path, struct diag *why)
{
	struct buf pem;

	*out = (struct enrol_request){0};
	enum err e = file_read(&pem, path, PEM_MAX, why);
	if (!e) {
		e = enrol_read(out, buf_bytes(&pem), why);
		if (e)
			e = diag_prefix(why, e, "%s", path);
	}
	buf_free(&pem);
	return e;
}

/* The words that were told by telephone, if given on the command line, must be those of the request. */
static enum err check_told(const struct command_line *line, const struct enrol_request *q, struct diag *why)
{
	char words[IDENTITY_FINGERPRINT_SIZE];
	const char *told = command_value(line, "fingerprint", 0);

	identity_fingerprint(words, q->signing_key);
	if (!told || name_compare(told, words) == 0)
		return OK;
	return diag_set(why, ERR_REFUSED, "%s: its fingerprint is %s, not %s: do not sign; ask %s to send it again",
	                line->operands[1], words, told, q->name);
}

/* A TLS key belongs to one site for good: nobody may appear under a key that another holds or that was revoked. */
static enum err check_tls_key(const struct folder *f, const struct enrol_request *q, uint32_t site, const char *path,
                              struct diag *why)
{
	const struct registry_certificate *c = registry_tls_key(&f->registry, q->tls_key);

	if (c && (c->site != site || c->revoked_s != 0))
		return diag_set(why, ERR_REFUSED, "%s: its TLS key %s %s; make a request with new keys", path,
		                c->revoked_s ? "was revoked with a certificate of" : "belongs to",
		                registry_owner(&f->registry, c));
	return OK;
}

static enum err check_new_site(const struct folder *f, const struct enrol_request *q, const char *path,
                               struct diag *why)
{
	const struct registry_site *named = registry_enrolled(&f->registry, q->name);
	const struct registry_site *keyed = registry_key(&f->registry, q->signing_key);
	struct roster roster;

	if (name_compare(q->name, REGISTRY_COORDINATOR_NAME) == 0)
		return diag_set(why, ERR_REFUSED, "%s: no site may be named %s", path, q->name);
	if (named && named == keyed && strcmp(named->name, q->name) == 0)
		return diag_set(
			why, ERR_CONFLICT,
			"%s: %s is enrolled already as number %u; for another certificate: cohort-ca renew %s %s", path,
			named->name, named->number, f->path, path);
	if (named)
		return diag_set(why, ERR_REFUSED,
		                "%s: a site %s is enrolled with another signing key; if that key is lost or stolen, "
		                "revoke it first: cohort-ca revoke %s %s",
		                path, named->name, f->path, named->name);
	if (keyed)
		return diag_set(why, ERR_REFUSED, "%s: its signing key %s %s; make a request with new keys", path,
		                keyed->revoked_s ? "was revoked with" : "belongs to", keyed->name);
	registry_roster(&f->registry, &roster);
	bool full = roster.count >= SITES_MAX;
	roster_free(&roster);
	if (full)
		return diag_set(why, ERR_LIMIT, "%s: %d sites are enrolled, more are not possible", f->path, SITES_MAX);
	return check_tls_key(f, q, 0, path, why);
}

static enum err sign_request(struct issue *i, struct folder *f, const struct enrol_request *q, const char *out,
                             uint32_t *number, struct diag *why)
{
	ca_issue_site(&i->pem, &i->leaf, f->ca, q, f->now_s);
	*number = registry_enrol(&f->registry, q, f->now_s)->number;
	registry_issued(&f->registry, &i->leaf, *number, q->tls_key, NULL, 0);
	return issue_write(i, f, q->name, out, why);
}

int sites_sign(const struct command_line *line, struct diag *why)
{
	const char *out = command_value(line, "out", 0), *path = line->operands[1];
	struct folder f = {.lock = -1};
	struct issue issue = {0};
	struct enrol_request q;
	uint32_t number = 0;

	buf_init(&issue.pem, PEM_MAX);
	enum err e = request_read(&q, path, why);
	if (!e)
		e = check_told(line, &q, why);
	if (!e)
		e = folder_open(&f, line->operands[0], (int64_t)time(NULL), why);
	if (!e)
		e = check_new_site(&f, &q, path, why);
	if (!e && out)
		e = folder_free_path(out, why);
	if (!e)
		e = sign_request(&issue, &f, &q, out, &number, why);
	if (!e) {
		struct json *answer = issue_answer(&issue, q.name, out);
		json_set_integer(answer, "number", number);
		issue_answer_fingerprint(answer, q.signing_key);
		print_answer(answer, command_flag(line, "json"));
		if (!command_value(line, "fingerprint", 0))
			print_next("Compare the fingerprint with %s by telephone before you send the certificate; if "
			           "it differs: cohort-ca revoke %s %s",
			           q.name, f.path, q.name);
		print_next("When all sites are signed: cohort-ca roster %s", f.path);
	}
	buf_free(&issue.pem);
	folder_close(&f);
	return err_exit(e);
}

/* ---- renew */

static bool is_file(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* SITE or REQUEST? A name that is also a file here could mean either. */
static enum err renew_what(bool *request, const struct folder *f, const char *what, struct diag *why)
{
	bool name = name_compare(what, REGISTRY_COORDINATOR_NAME) == 0 || registry_last(&f->registry, what);

	*request = strchr(what, '/') != NULL || !name;
	if (name && is_file(what))
		return diag_set(why, ERR_USAGE, "%s: is a name in %s and a file here; for the file write ./%s", what,
		                f->path, what);
	if (*request && !is_file(what))
		return diag_set(why, ERR_NOT_FOUND,
		                "%s: neither a site of this federation nor a file; cohort-ca list %s shows the sites",
		                what, f->path);
	return OK;
}

static enum err check_enrolled(const struct registry_site **out, const struct folder *f, const char *name,
                               struct diag *why)
{
	char moment[IDENTITY_MOMENT_SIZE];
	const struct registry_site *last = registry_last(&f->registry, name);

	*out = registry_enrolled(&f->registry, name);
	if (*out)
		return OK;
	if (!last)
		return diag_set(why, ERR_NOT_FOUND, "%s: is not enrolled; to enrol it: cohort-ca sign %s REQUEST", name,
		                f->path);
	identity_moment(moment, last->revoked_s);
	return diag_set(why, ERR_REFUSED, "%s: was revoked on %s; it must make new keys and be enrolled anew",
	                last->name, moment);
}

/* The site's own last keys, or those of its new request. */
static enum err renew_site(struct enrol_request *q, const struct registry_site **site, const struct folder *f,
                           const char *what, bool request, struct diag *why)
{
	enum err e = request ? request_read(q, what, why) : OK;
	if (e)
		return e;
	e = check_enrolled(site, f, request ? q->name : what, why);
	if (e)
		return request ? diag_prefix(why, e, "%s", what) : e;
	const struct registry_site *s = *site;
	if (!request) {
		const struct registry_certificate *newest = registry_newest(&f->registry, s->number);
		CHECK(newest); /* an enrolled site has one: they are revoked together */
		memcpy(q->name, s->name, sizeof(q->name));
		memcpy(q->signing_key, s->key, sizeof(q->signing_key));
		memcpy(q->tls_key, newest->tls_key, sizeof(q->tls_key));
		return OK;
	}
	if (strcmp(q->name, s->name) != 0 || memcmp(q->signing_key, s->key, sizeof(s->key)) != 0)
		return diag_set(why, ERR_REFUSED,
		                "%s: is not by the signing key with which %s was enrolled; a renewal keeps it: "
		                "cohort-client request --signing-key sign.key",
		                what, s->name);
	return check_tls_key(f, q, s->number, what, why);
}

static enum err renew_coordinator(struct issue *i, struct folder *f, const char *out, struct diag *why)
{
	const struct registry_certificate *newest = registry_newest(&f->registry, REGISTRY_COORDINATOR);

	if (!newest)
		return diag_set(why, ERR_NOT_FOUND,
		                "%s: the coordinator has no certificate; make one: cohort-ca "
		                "coordinator %s --host NAME",
		                f->path, f->path);
	struct registry_certificate last = *newest; /* the list may move */
	ca_issue_coordinator(&i->pem, &i->leaf, f->ca, last.tls_key, last.hosts, last.host_count, f->now_s);
	registry_issued(&f->registry, &i->leaf, REGISTRY_COORDINATOR, last.tls_key, last.hosts, last.host_count);
	return issue_write(i, f, REGISTRY_COORDINATOR_NAME, out, why);
}

static enum err renew_any(struct issue *i, struct enrol_request *q, struct folder *f, const char *what, const char *out,
                          struct diag *why)
{
	const struct registry_site *site = NULL;
	bool request = false;

	enum err e = renew_what(&request, f, what, why);
	if (!e && out)
		e = folder_free_path(out, why);
	if (e)
		return e;
	if (!request && name_compare(what, REGISTRY_COORDINATOR_NAME) == 0)
		return renew_coordinator(i, f, out, why);
	e = renew_site(q, &site, f, what, request, why);
	if (e)
		return e;
	ca_issue_site(&i->pem, &i->leaf, f->ca, q, f->now_s);
	registry_issued(&f->registry, &i->leaf, site->number, q->tls_key, NULL, 0);
	return issue_write(i, f, q->name, out, why);
}

int sites_renew(const struct command_line *line, struct diag *why)
{
	const char *out = command_value(line, "out", 0);
	struct folder f = {.lock = -1};
	struct issue issue = {0};
	struct enrol_request q = {0};

	buf_init(&issue.pem, PEM_MAX);
	enum err e = folder_open(&f, line->operands[0], (int64_t)time(NULL), why);
	if (!e)
		e = renew_any(&issue, &q, &f, line->operands[1], out, why);
	if (!e) {
		bool site = q.name[0] != '\0';
		struct json *answer = issue_answer(&issue, site ? q.name : REGISTRY_COORDINATOR_NAME, out);
		if (site)
			issue_answer_fingerprint(answer, q.signing_key);
		print_answer(answer, command_flag(line, "json"));
		print_next("The former certificate stays valid until its own end.");
	}
	buf_free(&issue.pem);
	folder_close(&f);
	return err_exit(e);
}
