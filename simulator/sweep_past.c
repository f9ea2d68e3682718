/* Runs of an earlier sweep: which may be kept, and how the others are removed. */
#include "base/parse.h"
#include "base/version.h"
#include "simulator/past_run.h"
#include "simulator/sweep_inside.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* An option as it was typed against run.json: numbers by value, nothing against null or 0. */
static bool same_option(const struct sweep_option *o, const struct json *found)
{
	double number;
	enum json_kind kind = found != NULL ? json_kind(found) : JSON_IS_NULL;

	if (kind == JSON_IS_INTEGER || kind == JSON_IS_REAL) {
		if (o->value == NULL)
			return json_as_real(found) == 0;
		return parse_f64(&number, bytes_text(o->value), '.') && number == json_as_real(found);
	}
	if (kind == JSON_IS_STRING)
		return o->value != NULL && strcmp(o->value, json_as_string(found)) == 0;
	return kind == JSON_IS_NULL && o->value == NULL;
}

static bool is_same(const struct sweep *s, const struct sweep_job *job, const struct past_run *run)
{
	const struct sweep_request *q = s->request;
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, &s->contracts[job->combination]);
	if (!past_run_complete(run) || strcmp(past_run_text(run, "study_sha256"), hex) != 0 ||
	    strcmp(past_run_text(run, "version"), COHORT_VERSION) != 0 || past_run_number(run, "seed") != job->seed ||
	    q->baselines != (past_run_get(run, "baselines") != NULL))
		return false;
	for (size_t i = 0; i < q->option_count; i++)
		if (!same_option(&q->options[i], json_get(json_get(run->about, "options"), q->options[i].key)))
			return false;
	return true;
}

bool sweep_is_there(const struct sweep *s, const struct sweep_job *job)
{
	char path[PATH_SIZE];
	struct past_run run;
	struct diag why = {0};
	bool same = false;

	if (sweep_path(path, s, job, &why) != OK)
		return false;
	if (past_run_open(&run, path, &why) == OK)
		same = is_same(s, job, &run);
	past_run_free(&run);
	return same;
}

/* ---- removing */

/* What a run writes, and what a run that was killed while it wrote leaves (base/file.h). */
static bool is_of_a_run(const char *name)
{
	static const char *const names[] = {"run.json",         "rounds.csv", "sites.csv",  "model.safetensors",
	                                    "report.html",      "auc.svg",    "metric.svg", "loss.svg",
	                                    "participants.svg", "bytes.svg",  "sites.svg",  "roc.svg",
	                                    "calibration.svg"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t length = strlen(names[i]);

		if (strncmp(name, names[i], length) == 0 &&
		    (name[length] == '\0' || strncmp(name + length, ".new-", 5) == 0))
			return true;
	}
	return false;
}

/* First looks through all, so that nothing is removed from a folder that is refused. */
static enum err each_entry(const char *path, DIR *folder, bool remove_them, struct diag *why)
{
	const struct dirent *entry;

	rewinddir(folder);
	while ((entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!is_of_a_run(entry->d_name))
			return diag_set(
				why, ERR_CONFLICT,
				"%s holds %s, which no run wrote; this sweep would remove the folder: move it, or name "
				"another --out",
				path, entry->d_name);
		if (remove_them && unlinkat(dirfd(folder), entry->d_name, 0) != 0)
			return diag_errno(why, errno, "%s/%s cannot be removed", path, entry->d_name);
	}
	return OK;
}

enum err sweep_remove(const struct sweep *s, const struct sweep_job *job, struct diag *why)
{
	char path[PATH_SIZE];
	DIR *folder;
	enum err e = sweep_path(path, s, job, why);

	if (e != OK)
		return e;
	folder = opendir(path);
	if (folder == NULL)
		return errno == ENOENT ? OK : diag_errno(why, errno, "%s", path);
	e = each_entry(path, folder, false, why);
	if (e == OK)
		e = each_entry(path, folder, true, why);
	closedir(folder);
	if (e == OK && rmdir(path) != 0)
		e = diag_errno(why, errno, "%s cannot be removed", path);
	return e;
}
