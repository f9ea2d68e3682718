/*
 * A hospital's file of any bytes, plain or gzip, read in two dialects and as the table of a small study. Besides what
 * the sanitizers see: what is read is UTF-8 in rows of one width, a failure says why, and a table's counts agree.
 *
 * The file is one in memory (memfd_create), opened again by its name below /proc.
 */
#include "base/utf8.h"
#include "data/table.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *missing_codes[] = {"", "NA"};
static const char *levels[] = {"1", "2", "3"};
static struct feature features[] = {
	{.name = "age", .column = "age", .type = COLUMN_NUMERIC, .min = 18, .max = 110},
	{.name = "sex", .column = "sex", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	{.name = "cp", .column = "cp", .type = COLUMN_CATEGORICAL, .levels = {levels, 3}},
};
static const struct schema schema = {
	.features = features,
	.feature_count = sizeof features / sizeof features[0],
	.label = {.name = "ill", .column = "ill", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	.patient_id = "patient",
	.missing = {missing_codes, 2},
	.outside = OUTSIDE_MISSING,
	.fill = FILL_MEAN_AND_FLAG,
	.split = {.test_fraction = 0.3, .seed = 42},
};

static void read_csv(const char *path, struct csv_format format)
{
	struct csv_reader *r;
	struct diag why = {0};
	bool more = true;
	enum err e = csv_open(&r, path, format, &why);

	while (e == OK && more) {
		for (uint32_t i = 0; i < csv_count(r); i++)
			CHECK(utf8_valid(csv_cell(r, i)) == csv_cell(r, i).len);
		e = csv_next(r, &more, &why);
		if (e == OK && !more)
			break;
	}
	CHECK(e == OK || why.text[0] != '\0');
	csv_close(r);
}

static void read_table(const char *path)
{
	struct source source = source_default("fuzz", path);
	struct diag why = {0};
	struct table t;
	uint64_t rows = 0;

	if (table_load(&t, &schema, &source, &why) != OK) {
		CHECK(why.text[0] != '\0' && t.rows == 0 && t.cells == NULL);
		return;
	}
	for (int i = 0; i < DROPPED_COUNT; i++)
		rows += t.dictionary.dropped[i];
	CHECK(rows + t.rows == t.dictionary.rows && dictionary_kept(&t.dictionary) == t.rows);
	for (uint32_t i = 0; i < t.rows; i++)
		CHECK(t.patients[i] < dictionary_patients(&t.dictionary) && t.classes[i] < 2);
	table_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t bytes_max = 1u << 24; /* a small bomb is a bomb already */
	char path[64];
	int fd = memfd_create("fuzz.csv", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	read_csv(path, (struct csv_format){',', CSV_UTF8, bytes_max});
	read_csv(path, (struct csv_format){';', CSV_LATIN1, bytes_max});
	read_table(path);
	close(fd);
	return 0;
}
