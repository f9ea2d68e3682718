#include "simulator/run_directory.h"

#include "base/file.h"
#include "simulator/report_page.h"
#include "simulator/run_json.h"
#include "simulator/run_rounds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define FILE_NAME_MAX 64 /* of what is written here, and a temporary's */
#define MODE 0644 /* a simulation's data are no hospital's; the umask still applies to the folder */

static enum err check_empty(const char *path, struct diag *why)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	bool empty = true;

	if (folder == NULL && errno == ENOTDIR)
		return diag_set(why, ERR_CONFLICT, "%s: exists and is no folder; name another one with --out", path);
	if (folder == NULL)
		return diag_set(why, ERR_CREATE, "%s: cannot be read: %s", path, strerror(errno));
	while (empty && (entry = readdir(folder)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(folder);
	if (!empty)
		return diag_set(why, ERR_CONFLICT,
		                "%s: exists and is not empty; name another folder with --out, or remove it", path);
	if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) != 0)
		return diag_set(why, ERR_CREATE, "%s: cannot be written: %s", path, strerror(errno));
	return OK;
}

enum err run_directory_make(const char *path, bool *made, struct diag *why)
{
	*made = false;
	if (strlen(path) + FILE_NAME_MAX >= PATH_SIZE)
		return diag_set(why, ERR_CREATE, "%.64s...: the path is too long", path);
	*made = mkdir(path, 0777) == 0;
	if (*made)
		return OK;
	if (errno == EEXIST)
		return check_empty(path, why);
	return diag_set(why, ERR_CREATE, "%s: cannot be made: %s", path[0] != '\0' ? path : "--out", strerror(errno));
}

static void path_of(char out[PATH_SIZE], const char *folder, const char *name)
{
	int length = snprintf(out, PATH_SIZE, "%s/%s", folder, name);

	CHECK(length > 0 && length < PATH_SIZE); /* run_directory_make has looked */
}

static enum err write_file(const char *folder, const char *name, const struct buf *content, struct diag *why)
{
	char path[PATH_SIZE];

	path_of(path, folder, name);
	if (content->failed)
		return diag_set(why, ERR_LIMIT, "%s would be larger than %zu MiB and is left out", path,
		                content->max >> 20);
	return file_replace(path, buf_bytes(content), MODE, why);
}

static void put_site(struct buf *out, const struct run *r, uint32_t i)
{
	const struct metrics none = METRICS_NONE;
	const struct engine_site *s = engine_site(r->engine, i);
	const struct table *t = &r->federation.sites[i].table;
	const struct metrics *m = r->test.count == 0 ? &none : &r->test.sites[i];
	const double cells[] = {m->rows, m->loss,  m->accuracy, m->precision, m->recall, m->f1,
	                        m->auc,  m->brier, m->r2,       m->rmse,      m->mae};

	buf_printf(out, "%s,%u,%u,%u,%u,%.9g,%u,%u,%u,%u,%llu,%llu,%llu", r->federation.sites[i].name, i + 1,
	           t->part_rows[PART_TRAIN], t->part_rows[PART_VALIDATION], t->part_rows[PART_TEST],
	           site_rows_weight(&s->rows), s->contributed, s->late, s->dropped, s->refused,
	           (unsigned long long)s->bytes_up, (unsigned long long)s->bytes_down,
	           (unsigned long long)s->saturated);
	for (size_t k = 0; k < sizeof cells / sizeof cells[0]; k++)
		run_rounds_cell(out, cells[k]);
	buf_put_u8(out, '\n');
}

static enum err write_sites(const char *path, const struct run *r, struct diag *why)
{
	struct buf text;
	enum err e;

	buf_init(&text, RUN_TABLE_MAX);
	buf_put_text(&text, "site,number,train,validation,test,weight,contributed,late,dropped,refused,bytes_up,"
	                    "bytes_down,saturated,rows,loss,accuracy,precision,recall,f1,auc,brier,r2,rmse,mae\n");
	for (uint32_t i = 0; i < r->site_count; i++)
		put_site(&text, r, i);
	e = write_file(path, "sites.csv", &text, why);
	buf_free(&text);
	return e;
}

static enum err write_json(const char *path, const struct run *r, const char *model, struct diag *why)
{
	struct json *node = run_json(r, model);
	struct buf text;
	enum err e;

	buf_init(&text, RUN_JSON_MAX);
	json_write(&text, node, true);
	buf_put_u8(&text, '\n');
	e = write_file(path, "run.json", &text, why);
	buf_free(&text);
	json_free(node);
	return e;
}

/* What is too large is left out, and the others follow; on a full disk they do not. */
static enum err then(enum err before, enum err e)
{
	return e == OK ? before : e;
}

enum err run_directory_write(const char *path, const struct run *r, struct diag *why)
{
	struct hash sha256;
	uint32_t step;
	struct bytes model = engine_model(r->engine, &sha256, &step);
	char file[PATH_SIZE];
	enum err e = OK;

	path_of(file, path, "model.safetensors");
	if (model.len > 0)
		e = file_replace(file, model, MODE, why);
	if (e == OK)
		e = write_file(path, "rounds.csv", &r->rounds_csv, why);
	if (e == OK || e == ERR_LIMIT)
		e = then(e, write_sites(path, r, why));
	if (e == OK || e == ERR_LIMIT)
		e = then(e, write_json(path, r, model.len > 0 ? "model.safetensors" : NULL, why));
	return e == OK ? report_page_write(path, why) : e;
}
