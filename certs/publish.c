/*
 * A revocation is worth nothing until the coordinator has it, so `revoke` writes both lists at once; when it is cut
 * off in between, running it again finishes the work.
 */
#include "certs/publish.h"

#include "base/name.h"
#include "certs/folder.h"
#include "certs/print.h"

#include <stdlib.h>
#include <time.h>

static enum err revoke_whom(uint32_t *site, const struct folder *f, const char *name, struct diag *why)
{
	const struct registry_site *last = registry_last(&f->registry, name);

	*site = last ? last->number : REGISTRY_COORDINATOR;
	if (last)
		return OK;
	if (name_compare(name, REGISTRY_COORDINATOR_NAME) != 0)
		return diag_set(why, ERR_NOT_FOUND, "%s: is not enrolled; cohort-ca list %s shows the sites", name,
		                f->path);
	for (size_t i = 0; i < f->registry.certificate_count; i++)
		if (f->registry.certificates[i].site == REGISTRY_COORDINATOR)
			return OK;
	return diag_set(why, ERR_NOT_FOUND, "%s: the coordinator has no certificate", f->path);
}

static struct json *lists_answer(const struct folder *f, bool crl, bool roster)
{
	char path[PATH_SIZE];
	struct json *answer = json_new_object();
	struct ca_revoked *revoked = NULL;

	if (crl && !folder_path(path, f->path, FOLDER_CRL, NULL)) {
		json_set_string(answer, "crl", path);
		json_set_integer(answer, "crl_number", f->registry.crl_number);
		json_set_integer(answer, "revoked", (int64_t)registry_revoked(&f->registry, &revoked));
		print_set_moment(answer, "crl_until", f->now_s + (int64_t)CA_CRL_DAYS * 86400);
		free(revoked);
	}
	if (roster && !folder_path(path, f->path, FOLDER_ROSTER, NULL)) {
		struct roster listed;
		registry_roster(&f->registry, &listed);
		json_set_string(answer, "roster", path);
		json_set_integer(answer, "version", f->registry.roster_version);
		json_set_integer(answer, "sites", listed.count);
		roster_free(&listed);
	}
	return answer;
}

int publish_revoke(const struct command_line *line, struct diag *why)
{
	struct folder f = {.lock = -1};
	uint32_t site = 0;

	enum err e = folder_open(&f, line->operands[0], (int64_t)time(NULL), why);
	if (!e)
		e = revoke_whom(&site, &f, line->operands[1], why);
	if (!e) {
		size_t count = registry_revoke(&f.registry, site, f.now_s);
		e = folder_save(&f, why);
		if (!e && count == 0)
			print_next("%s: was revoked before; the lists are written again.", line->operands[1]);
	}
	if (!e)
		e = folder_write_crl(&f, why);
	if (!e)
		e = folder_write_roster(&f, why);
	if (!e) {
		print_answer(lists_answer(&f, true, true), command_flag(line, "json"));
		print_next("Copy both files to the coordinator now: until then %s can connect.", line->operands[1]);
	}
	folder_close(&f);
	return err_exit(e);
}

int publish_crl(const struct command_line *line, struct diag *why)
{
	struct folder f = {.lock = -1};

	enum err e = folder_open(&f, line->operands[0], (int64_t)time(NULL), why);
	if (!e)
		e = folder_write_crl(&f, why);
	if (!e) {
		print_answer(lists_answer(&f, true, false), command_flag(line, "json"));
		print_next("Copy it to the coordinator, and a new one before its date.");
	}
	folder_close(&f);
	return err_exit(e);
}

int publish_roster(const struct command_line *line, struct diag *why)
{
	struct folder f = {.lock = -1};

	enum err e = folder_open(&f, line->operands[0], (int64_t)time(NULL), why);
	if (!e)
		e = folder_write_roster(&f, why);
	if (!e) {
		print_answer(lists_answer(&f, false, true), command_flag(line, "json"));
		print_next("Copy it to the coordinator; the sites receive it from there and verify it.");
	}
	folder_close(&f);
	return err_exit(e);
}
