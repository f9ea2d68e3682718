#include "tests/support/studies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/support/contracts.h"
#include "tests/support/shared.h"

#define TEXT_MAX (1u << 20) /* of a data file that is written */

void studies_load(struct study *out, const char *name, const char *old, const char *new)
{
	char path[PATH_SIZE];
	struct buf text;
	struct diag why = {{0}};

	snprintf(path, sizeof path, "tests/studies/%s.yaml", name);
	if (file_read(&text, path, CONTRACT_MAX, &why) != OK)
		fail_msg("%s", why.text);
	char *edited = old ? contract_edited(buf_text(&text), old, new) : mem_copy_text(buf_text(&text));
	if (study_parse(out, bytes_text(edited), path, true, &why) != OK)
		fail_msg("%s", why.text);
	free(edited);
	buf_free(&text);
}

void studies_heart(struct tempdir *dir)
{
	static const char *const files[] = {"cleveland.csv", "hungarian.csv", "switzerland.csv", "va.csv"};
	char name[64], path[PATH_MAX];

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(name, sizeof name, "heart/%s", files[i]);
		assert_non_null(realpath(shared_data(name), path));
		assert_int_equal(symlink(path, tempdir_path(dir, files[i])), 0);
	}
}

static void put_record(struct buf *out, const struct csv_reader *csv)
{
	for (uint32_t i = 0; i < csv_count(csv); i++) {
		buf_put_text(out, i > 0 ? "," : "");
		buf_put(out, csv_cell(csv, i));
	}
	buf_put_text(out, "\n");
}

/* The study's header, then all records of a file that has none. */
static const char *write_with_header(struct tempdir *dir, const char *study, const char *path)
{
	struct csv_format format = {.delimiter = ','};
	struct csv_reader *csv;
	struct diag why = {{0}};
	struct study s;
	struct buf text;
	bool more = true;
	char name[64];

	buf_init(&text, TEXT_MAX);
	studies_load(&s, study, NULL, NULL);
	for (uint32_t i = 0; i < s.schema.feature_count; i++)
		buf_printf(&text, "%s,", s.schema.features[i].column);
	buf_printf(&text, "%s\n", s.schema.label.column);
	study_free(&s);
	if (csv_open(&csv, path, format, &why) != OK)
		fail_msg("%s", why.text);
	put_record(&text, csv);
	while (csv_next(csv, &more, &why) == OK && more)
		put_record(&text, csv);
	assert_string_equal(why.text, "");
	csv_close(csv);
	snprintf(name, sizeof name, "%s.csv", study);
	tempdir_write_bytes(dir, name, buf_bytes(&text));
	buf_free(&text);
	return tempdir_path(dir, name);
}

const char *studies_digits(struct tempdir *dir)
{
	return write_with_header(dir, "digits", shared_data("digits.csv.gz"));
}

/* The first line tells numbers of rows and columns, and the classes' names; it has four cells. */
const char *studies_wdbc(struct tempdir *dir)
{
	struct buf text;
	struct diag why = {{0}};

	if (file_read(&text, shared_data("wdbc_sklearn.csv"), TEXT_MAX, &why) != OK)
		fail_msg("%s", why.text);
	tempdir_write(dir, "wdbc.rows", strchr(buf_text(&text), '\n') + 1);
	buf_free(&text);
	return write_with_header(dir, "wdbc", tempdir_path(dir, "wdbc.rows"));
}

void studies_sites(struct federation *out, const struct study *s, const struct federation_options *options)
{
	struct diag why = {{0}};

	if (federation_load(out, s, options, &why) != OK)
		fail_msg("%s", why.text);
}
