/* What the operator does with studies. */
#include "coordinator/admin.h"

#include "base/file.h"
#include "coordinator/fatal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* {"study", "revision", "study_hash", "state"}: what every change answers. */
static void describe(struct admin_call *call, const struct course *c)
{
	call->answer = json_new_object();
	json_set_string(call->answer, "study", c->study->name);
	json_set_integer(call->answer, "revision", c->study->revision);
	json_set_hash(call->answer, "study_hash", &c->study->hash);
	json_set_string(call->answer, "state", campaign_state_name(c->campaign));
}

/* A study that starts from a file needs that file here, under its hash. */
static enum err check_first_model(const struct office *o, struct bytes canonical, struct diag *why)
{
	struct study s = {0};
	enum err e = study_from_canonical(&s, canonical, why);

	if (e == OK && s.init == INIT_FILE) {
		char *path = course_first_model(&o->world, &s.init_sha256);

		if (access(path, R_OK) != 0)
			e = diag_set(why, ERR_NOT_FOUND, "the file that study %s starts from was not sent before it",
			             s.name);
		free(path);
	}
	study_free(&s);
	return e;
}

enum err admin_add_study(struct admin_call *call, struct diag *why)
{
	struct course *c;
	bool fresh;
	enum err e = check_first_model(call->office, call->body, why);

	if (e == OK)
		e = office_add_study(call->office, call->body, &c, &fresh, why);
	if (e != OK)
		return e;
	describe(call, c);
	json_set_bool(call->answer, "added", fresh);
	return OK;
}

enum err admin_start(struct admin_call *call, struct diag *why)
{
	struct course *c;
	enum err e = admin_course(&c, call, why);

	if (e == OK && course_expired(c))
		e = diag_set(why, ERR_REFUSED,
		             "study %s: its last day was %s, no hospital would answer; add a new revision with a "
		             "later `expires`",
		             c->study->name, c->study->expires);
	if (e == OK)
		e = campaign_start(c->campaign, call->office->world.now_ms, why);
	if (e == OK)
		describe(call, c);
	return e;
}

enum err admin_pause(struct admin_call *call, struct diag *why)
{
	struct course *c;
	enum err e = admin_course(&c, call, why);

	if (e == OK)
		e = campaign_pause(c->campaign, why);
	if (e == OK)
		describe(call, c);
	return e;
}

enum err admin_resume(struct admin_call *call, struct diag *why)
{
	struct course *c;
	enum err e = admin_course(&c, call, why);

	if (e == OK)
		e = campaign_unpause(c->campaign, call->office->world.now_ms, why);
	if (e == OK)
		describe(call, c);
	return e;
}

enum err admin_stop(struct admin_call *call, struct diag *why)
{
	struct course *c;
	enum err e = admin_course(&c, call, why);

	if (e == OK)
		e = campaign_stop(c->campaign, call->office->world.now_ms, why);
	if (e == OK)
		describe(call, c);
	return e;
}

/* ---- models */

enum err admin_get_model(struct admin_call *call, struct diag *why)
{
	const char *which = admin_parameter(call, "which");
	struct course *c;
	struct hash sha256;
	uint64_t octets;
	uint32_t step;
	enum err e = admin_course(&c, call, why);

	if (e != OK)
		return e;
	if (which != NULL && strcmp(which, "final") == 0) {
		sha256 = campaign_model(c->campaign, &octets);
		step = campaign_step(c->campaign);
	} else if (which != NULL && strcmp(which, "best") == 0) {
		sha256 = campaign_best(c->campaign, &octets, &step);
	} else {
		return diag_set(why, ERR_USAGE, "which model? best or final");
	}
	if (hash_is_zero(&sha256))
		return diag_set(why, ERR_NOT_FOUND, "study %s has no model yet; it is %s", c->study->name,
		                campaign_state_name(c->campaign));
	describe(call, c);
	json_set_hash(call->answer, "sha256", &sha256);
	json_set_integer(call->answer, "octets", (int64_t)octets);
	json_set_integer(call->answer, "step", step);
	return OK;
}

/* Octets `offset` ... of the file; returns where it stands. A part that does not continue it changes nothing. */
static enum err append_part(const char *path, uint64_t offset, struct bytes octets, uint64_t *next, struct diag *why)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (offset == 0 ? O_TRUNC : 0), 0600);

	if (fd < 0 || fstat(fd, &st) != 0) {
		enum err e = diag_errno(why, errno, "%s: cannot be opened", path);
		if (fd >= 0)
			close(fd);
		return e;
	}
	enum err e = OK;
	*next = (uint64_t)st.st_size;
	if (*next == offset) {
		if (pwrite(fd, octets.ptr, octets.len, (off_t)offset) == (ssize_t)octets.len)
			*next += octets.len;
		else
			e = diag_errno(why, errno, "%s: cannot be written", path);
	}
	if (close(fd) != 0 && e == OK)
		e = diag_errno(why, errno, "%s: cannot be written", path);
	return e;
}

/* The whole file is there: is it what its name will say? */
static enum err place_model(const struct office *o, const char *part, const struct hash *sha256, struct diag *why)
{
	char *path = course_first_model(&o->world, sha256);
	struct hash found;
	enum err e = sha256_file(&found, part, why);

	if (e == OK && !hash_equal(&found, sha256))
		e = diag_set(why, ERR_DATA,
		             "the file that the study starts from has another SHA-256 than the study says");
	if (e != OK) {
		unlink(part);
	} else {
		if (file_sync(part, why) != OK)
			fatal(why);
		if (rename(part, path) != 0)
			e = diag_errno(why, errno, "%s: cannot be put in place", path);
		else if (file_sync_folder_of(path, why) != OK)
			fatal(why);
	}
	free(path);
	return e;
}

enum err admin_put_model(struct admin_call *call, struct diag *why)
{
	const char *hex = admin_parameter(call, "sha256");
	char part[PATH_SIZE + 8];
	struct hash sha256;
	uint64_t offset, octets, next = 0;
	enum err e = admin_number(&offset, call, "offset", why);

	if (e == OK)
		e = admin_number(&octets, call, "octets", why);
	if (e == OK && (hex == NULL || !hash_from_hex(&sha256, hex)))
		e = diag_set(why, ERR_USAGE, "sha256 must hold 64 hexadecimal digits");
	if (e == OK && (octets > MODEL_FILE_MAX || offset + call->body.len > octets))
		e = diag_set(why, ERR_LIMIT, "a model's file has at most %llu octets",
		             (unsigned long long)MODEL_FILE_MAX);
	if (e != OK)
		return e;
	snprintf(part, sizeof part, "%s/%s.part", call->office->settings->models, hex);
	e = append_part(part, offset, call->body, &next, why);
	if (e == OK && next == octets)
		e = place_model(call->office, part, &sha256, why);
	if (e != OK)
		return e;
	call->answer = json_new_object();
	json_set_integer(call->answer, "offset", (int64_t)next);
	return OK;
}
