/*
 * CSV files: what RFC 4180 permits is read, all else is refused with its place, whatever is cut off or flipped.
 * A file is shown as text, "[cell][cell]\n" for each record, so that a case is one line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/random.h"
#include "base/utf8.h"
#include "data/csv.h"
#include "tests/support/tempdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define SHOWN_MAX (1u << 20)

static void show_record(struct buf *out, const struct csv_reader *r)
{
	for (uint32_t i = 0; i < csv_count(r); i++) {
		buf_put_text(out, "[");
		buf_put(out, csv_cell(r, i));
		buf_put_text(out, "]");
	}
	buf_put_text(out, "\n");
}

/* Reads all of it. On failure `why` says why, and `out` holds what came before. */
static enum err show_file(struct buf *out, const char *path, struct csv_format format, struct diag *why)
{
	struct csv_reader *r = NULL;
	bool more = false;

	*why = (struct diag){0};
	enum err e = csv_open(&r, path, format, why);
	if (e == OK)
		show_record(out, r);
	while (e == OK) {
		e = csv_next(r, &more, why);
		if (e != OK || !more)
			break;
		show_record(out, r);
	}
	csv_close(r);
	return e;
}

static enum err show_bytes(struct buf *out, struct tempdir *dir, struct bytes file, struct csv_format format,
                           struct diag *why)
{
	tempdir_write_bytes(dir, "t.csv", file);
	buf_clear(out);
	return show_file(out, tempdir_path(dir, "t.csv"), format, why);
}

static const struct csv_format comma = {.delimiter = ','};
static const struct csv_format semicolon_latin1 = {.delimiter = ';', .encoding = CSV_LATIN1};

struct world {
	struct tempdir dir;
	struct buf shown;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	tempdir_make(&w->dir);
	buf_init(&w->shown, SHOWN_MAX);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	tempdir_remove(&w->dir);
	buf_free(&w->shown);
	free(w);
	return 0;
}

/* ---- what is read */

static void assert_reads(struct world *w, const char *text, struct csv_format format, const char *expected)
{
	struct diag why;
	enum err e = show_bytes(&w->shown, &w->dir, bytes_text(text), format, &why);

	if (e != OK)
		fail_msg("\"%s\": %s", text, why.text);
	assert_string_equal(buf_text(&w->shown), expected);
}

static void test_reads_what_rfc_4180_permits(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"a,b\n1,2\n", "[a][b]\n[1][2]\n"},
		{"a,b\r\n1,2\r\n", "[a][b]\n[1][2]\n"},
		{"a,b\n1,2", "[a][b]\n[1][2]\n"}, /* the last line end may be left out */
		{"a,b\n", "[a][b]\n"}, /* a header and no row */
		{"a,b", "[a][b]\n"},
		{"a,b\n,\n", "[a][b]\n[][]\n"},
		{"a,b\n1,", "[a][b]\n[1][]\n"},
		{"a,b\n 1 ,\t2\n", "[a][b]\n[ 1 ][\t2]\n"}, /* blanks belong to the cell */
		{"\"a\",\"b\"\n\"1\",\"2\"\n", "[a][b]\n[1][2]\n"},
		{"a,b\n\"x,y\",\"x\ny\"\n", "[a][b]\n[x,y][x\ny]\n"},
		{"a,b\n\"x\r\ny\",\"\r\"\n", "[a][b]\n[x\r\ny][\r]\n"},
		{"a,b\n\"say \"\"hi\"\"\",\"\"\"\"\n", "[a][b]\n[say \"hi\"][\"]\n"},
		{"a,b\n\"\",\"\"", "[a][b]\n[][]\n"},
		{"a\n\"\"\n\n1\n", "[a]\n[]\n[1]\n"}, /* a quoted nothing is a cell, an empty line is none */
		{"\n\r\na,b\n\n\n1,2\n\r\n\n", "[a][b]\n[1][2]\n"},
		{"\xef\xbb\xbf"
	         "a,b\n1,2\n",
	         "[a][b]\n[1][2]\n"},
		{"\xef\xbb\xbf\"a\",b\n1,2\n", "[a][b]\n[1][2]\n"},
		{"a;b,c\n1,2\n", "[a;b][c]\n[1][2]\n"},
		{"gr\xc3\xb6\xc3\x9f"
	         "e,b\n\xe2\x82\xac,\xf0\x9f\x8f\xa5\n",
	         "[gr\xc3\xb6\xc3\x9f"
	         "e][b]\n[\xe2\x82\xac][\xf0\x9f\x8f\xa5]\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_reads(*state, cases[i].text, comma, cases[i].expected);
}

static void test_reads_the_hospitals_own_dialect(void **state)
{
	assert_reads(*state, "a;b\n1,5;2\n", (struct csv_format){.delimiter = ';'}, "[a][b]\n[1,5][2]\n");
	assert_reads(*state, "a\tb\n1\t2\n", (struct csv_format){.delimiter = '\t'}, "[a][b]\n[1][2]\n");
	assert_reads(*state,
	             "Gr\xf6\xdf"
	             "e;\"\xc4\xff\"\n1;2\n",
	             semicolon_latin1,
	             "[Gr\xc3\xb6\xc3\x9f"
	             "e][\xc3\x84\xc3\xbf]\n[1][2]\n");
}

static void test_counts_rows_and_names_places(void **state)
{
	struct world *w = *state;
	struct csv_reader *r;
	struct diag why;
	bool more;

	tempdir_write(&w->dir, "t.csv", "a,b\n\n\"x\ny\",\"z\"\n1,2\n");
	const char *path = tempdir_path(&w->dir, "t.csv");
	assert_int_equal(csv_open(&r, path, comma, &why), OK);
	assert_int_equal(csv_rows(r), 0);
	assert_int_equal(csv_next(r, &more, &why), OK);
	assert_int_equal(csv_rows(r), 1);
	assert_int_equal(csv_complain(r, &why, ERR_DATA, 1, "%s", "words"), ERR_DATA);
	assert_string_equal(why.text + strlen(path), ":4:2: words"); /* where the cell begins, not the record */
	assert_int_equal(csv_next(r, &more, &why), OK);
	csv_complain(r, &why, ERR_DATA, 0, "words");
	assert_string_equal(why.text + strlen(path), ":5:1: words");
	assert_int_equal(csv_next(r, &more, &why), OK);
	assert_false(more);
	csv_close(r);
}

/* ---- what is refused */

static void assert_refuses(struct world *w, struct bytes file, struct csv_format format, enum err expected,
                           const char *words)
{
	struct diag why;
	size_t path = strlen(tempdir_path(&w->dir, "t.csv"));

	assert_int_equal(show_bytes(&w->shown, &w->dir, file, format, &why), expected);
	if (strncmp(why.text + path, words, strlen(words)) != 0)
		fail_msg("expected \"%s\", got \"%s\"", words, why.text + path);
}

static void test_refuses_with_line_and_column(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"", ":1:1: the file is empty"},
		{"\n\n", ":1:1: the file is empty"},
		{"\xef\xbb\xbf", ":1:1: the file is empty"},
		{"a,b\n1\n", ":2:1: the row has 1 cell, the header 2"},
		{"a,b\n1,2\n1,2,3,4\n", ":3:3: the row has 4 cells, the header 2"},
		{"a,b\n1,\"2\n3,4\n", ":2:2: the quote that opens here is never closed"},
		{"a,b\n\"x\ny\",\"2\n3,4\n", ":3:2: the quote that opens here is never closed"},
		{"a,b\n1,2\"\n", ":2:2: a quote inside an unquoted cell"},
		{"a,b\n1,\"2\"3\n", ":2:2: text after the closing quote"},
		{"a,b\n1,\"2\" \n", ":2:2: text after the closing quote"},
		{"a,b\r1,2\r", ":1:2: a carriage return without a line feed"},
		{"a,b\n1,2\r", ":2:2: a carriage return without a line feed"},
		{"a,b\n\xf6,2\n", ":2:1: the cell is not UTF-8; if the file is Latin-1, say `encoding: latin1`"},
		{"a,b\n1,\"\xc3\"\n", ":2:2: the cell is not UTF-8"},
		{"\xff\xfe"
	         "a",
	         ":1:1: the file is UTF-16"},
		{"\xfe\xff"
	         "a",
	         ":1:1: the file is UTF-16"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_refuses(*state, bytes_text(cases[i].text), comma, ERR_DATA, cases[i].words);
	assert_refuses(*state, bytes_of("a,b\n1,\0\n", 8), comma, ERR_DATA, ":2:2: a NUL byte");
	assert_refuses(*state, bytes_of("a,b\n1,\"\0\"\n", 10), comma, ERR_DATA, ":2:2: a NUL byte");
	assert_refuses(*state,
	               bytes_text("\xef\xbb\xbf"
	                          "a;b\n"),
	               semicolon_latin1, ERR_DATA, ":1:1: the file begins with UTF-8's byte order mark");
}

static void test_refuses_what_is_no_file(void **state)
{
	struct world *w = *state;
	struct csv_reader *r;
	struct diag why;

	assert_int_equal(csv_open(&r, tempdir_path(&w->dir, "none.csv"), comma, &why), ERR_NO_INPUT);
	assert_null(r);
	assert_int_equal(csv_open(&r, tempdir_path(&w->dir, NULL), comma, &why), ERR_NO_INPUT);
	assert_non_null(strstr(why.text, "not a regular file"));
	assert_int_equal(mkfifo(tempdir_path(&w->dir, "pipe.csv"), 0600), 0);
	assert_int_equal(csv_open(&r, tempdir_path(&w->dir, "pipe.csv"), comma, &why), ERR_NO_INPUT);
}

/* ---- bounds */

static char *repeated(char c, size_t count)
{
	char *text = malloc(count + 1);

	memset(text, c, count);
	text[count] = '\0';
	return text;
}

static void test_a_cell_is_bounded(void **state)
{
	struct world *w = *state;
	char *cell = repeated('x', CELL_MAX + 1);
	struct buf file;
	struct diag why;

	buf_init(&file, SHOWN_MAX);
	buf_printf(&file, "a,b\n1,%.*s\n", CELL_MAX, cell);
	assert_int_equal(show_bytes(&w->shown, &w->dir, buf_bytes(&file), comma, &why), OK);
	buf_clear(&file);
	buf_printf(&file, "a,b\n1,%s\n", cell);
	assert_refuses(w, buf_bytes(&file), comma, ERR_LIMIT, ":2:2: the cell is longer than 65536 bytes; is this");
	buf_clear(&file);
	buf_printf(&file, "a,b\n1,\"%s\n", cell);
	assert_refuses(w, buf_bytes(&file), comma, ERR_LIMIT,
	               ":2:2: the cell is longer than 65536 bytes; is the quote");
	buf_free(&file);
	free(cell);
}

static void test_columns_are_bounded(void **state)
{
	struct world *w = *state;
	char *file = repeated(',', CSV_COLUMNS_MAX);
	struct diag why;

	assert_refuses(w, bytes_text(file), comma, ERR_LIMIT, ":1:16385: more than 16384 columns");
	assert_int_equal(show_bytes(&w->shown, &w->dir, bytes_of(file, CSV_COLUMNS_MAX - 1), comma, &why), OK);
	free(file);
}

static void test_a_row_is_bounded(void **state)
{
	size_t cells = CSV_RECORD_MAX / CELL_MAX + 1;
	size_t len = cells * (CELL_MAX + 1);
	char *file = repeated('x', len);

	for (size_t i = CELL_MAX; i < len; i += CELL_MAX + 1)
		file[i] = ',';
	assert_refuses(*state, bytes_of(file, len), comma, ERR_LIMIT, ":1:257: the row is longer than 16777216 bytes");
	free(file);
}

static void test_the_file_is_bounded(void **state)
{
	struct csv_format format = {.delimiter = ',', .bytes_max = 8};

	assert_reads(*state, "a,b\n1,2\n", format, "[a][b]\n[1][2]\n");
	assert_refuses(*state, bytes_text("a,b\n1,2\n\n"), format, ERR_LIMIT, ":1:1: more than 8 bytes");
}

/* ---- gzip */

/* Compresses `text` as one more member of the file. */
static void write_gzip(struct world *w, const char *name, const char *mode, struct bytes text)
{
	gzFile f = gzopen(tempdir_path(&w->dir, name), mode);

	assert_non_null(f);
	assert_int_equal(gzwrite(f, text.ptr, (unsigned)text.len), text.len);
	assert_int_equal(gzclose(f), Z_OK);
}

static const char sample[] = "age;sex;note\n63;m;\"a \"\"b\"\"\nc\"\n37;w;\n41;w;x\n";
static const char sample_shown[] = "[age][sex][note]\n[63][m][a \"b\"\nc]\n[37][w][]\n[41][w][x]\n";
static const struct csv_format semicolon = {.delimiter = ';'};

static void test_reads_gzip_by_content(void **state)
{
	struct world *w = *state;
	struct diag why;

	write_gzip(w, "named.csv", "wb", bytes_of(sample, 20));
	write_gzip(w, "named.csv", "ab",
	           bytes_of(sample + 20, strlen(sample) - 20)); /* two members, as `cat a.gz b.gz` */
	assert_int_equal(show_file(&w->shown, tempdir_path(&w->dir, "named.csv"), semicolon, &why), OK);
	assert_string_equal(buf_text(&w->shown), sample_shown);
}

static void test_refuses_gzip_cut_or_flipped_anywhere(void **state)
{
	struct world *w = *state;
	struct diag why;
	size_t len, unharmed = 0;

	write_gzip(w, "s.gz", "wb", bytes_text(sample));
	const char *file = tempdir_read(&w->dir, "s.gz", &len);
	uint8_t *copy = malloc(len);
	for (size_t cut = 2; cut < len; cut++) /* one byte is a (strange) header of one column */
		assert_int_not_equal(show_bytes(&w->shown, &w->dir, bytes_of(file, cut), semicolon, &why), OK);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		memcpy(copy, file, len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (show_bytes(&w->shown, &w->dir, bytes_of(copy, len), semicolon, &why) != OK)
			continue;
		assert_string_equal(buf_text(&w->shown), sample_shown); /* a date or a flag of gzip's header */
		unharmed++;
	}
	assert_true(unharmed <= 8 * 10); /* the header has 10 bytes */
	free(copy);
}

/* More rows than permitted, in a file of 39 KiB: refused at the bound, with the memory of one record. */
static void test_a_gzip_bomb_ends_at_the_bound(void **state)
{
	struct world *w = *state;
	static char block[1 << 20];
	struct csv_reader *r;
	struct diag why;
	bool more;

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = i % 2 ? '\n' : '1';
	gzFile f = gzopen(tempdir_path(&w->dir, "bomb.csv.gz"), "wb1");
	for (size_t rows = 0; rows <= CSV_ROWS_MAX + 1; rows += sizeof block / 2)
		assert_int_equal(gzwrite(f, block, sizeof block), sizeof block);
	assert_int_equal(gzclose(f), Z_OK);
	assert_int_equal(csv_open(&r, tempdir_path(&w->dir, "bomb.csv.gz"), comma, &why), OK);
	enum err e;
	do
		e = csv_next(r, &more, &why);
	while (e == OK && more);
	assert_int_equal(e, ERR_LIMIT);
	assert_non_null(strstr(why.text, ":20000002:1: more than 20000000 rows"));
	csv_close(r);
}

/* ---- damage */

/* Whatever is in the file: either a message with the file's name, or only cells that are UTF-8 in rows of one width. */
static void assert_survives(struct world *w, struct bytes file, struct csv_format format)
{
	struct diag why;
	const char *path = tempdir_path(&w->dir, "t.csv");

	if (show_bytes(&w->shown, &w->dir, file, format, &why) != OK)
		assert_memory_equal(why.text, path, strlen(path));
	else
		assert_string_equal(why.text, "");
	assert_int_equal(utf8_valid(buf_bytes(&w->shown)), w->shown.len);
}

static void test_survives_every_cut_and_every_flipped_bit(void **state)
{
	static const char text[] = "\xef\xbb\xbf"
				   "alter;gr\xc3\xb6\xc3\x9f"
				   "e;note\r\n63;\"1,80\";\"a \"\"b\"\"\r\nc\"\r\n;;x";
	uint8_t copy[sizeof text];

	for (size_t cut = 0; cut < sizeof text; cut++)
		assert_survives(*state, bytes_of(text, cut), semicolon);
	for (size_t bit = 0; bit < 8 * (sizeof text - 1); bit++) {
		memcpy(copy, text, sizeof text);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_survives(*state, bytes_of(copy, sizeof text - 1), semicolon);
		assert_survives(*state, bytes_of(copy, sizeof text - 1), semicolon_latin1);
	}
}

/* ---- round trip: a random table, written by the rules in random style, is read back cell by cell */

static void put_cell(struct buf *file, struct buf *shown, struct rng *rng, char delimiter, bool alone)
{
	static const char letters[] = "ab1 ,;\"\n\r\t";
	char cell[8];
	size_t len = rng_below(rng, sizeof cell);
	bool quoted = alone || rng_below(rng, 2);

	for (size_t i = 0; i < len; i++) {
		cell[i] = letters[rng_below(rng, sizeof letters - 1)];
		quoted |= cell[i] == delimiter || strchr("\"\n\r", cell[i]) != NULL;
	}
	buf_printf(shown, "[%.*s]", (int)len, cell);
	if (!quoted) {
		buf_put(file, bytes_of(cell, len));
		return;
	}
	buf_put_text(file, "\"");
	for (size_t i = 0; i < len; i++)
		buf_printf(file, cell[i] == '"' ? "\"\"" : "%c", cell[i]);
	buf_put_text(file, "\"");
}

static void test_reads_back_random_tables(void **state)
{
	struct world *w = *state;
	struct buf file, expected;
	struct rng rng;
	struct diag why;

	buf_init(&file, SHOWN_MAX);
	buf_init(&expected, SHOWN_MAX);
	rng_seeded(&rng, 1, "csv");
	for (int trial = 0; trial < 500; trial++) {
		struct csv_format format = {.delimiter = ",;\t"[rng_below(&rng, 3)]};
		uint64_t columns = 1 + rng_below(&rng, 4), rows = 1 + rng_below(&rng, 6);
		buf_clear(&file);
		buf_clear(&expected);
		for (uint64_t i = 0; i < rows; i++) {
			for (uint64_t j = 0; j < columns; j++) {
				if (j > 0)
					buf_printf(&file, "%c", format.delimiter);
				put_cell(&file, &expected, &rng, format.delimiter, columns == 1);
			}
			buf_put_text(&file, i + 1 == rows && rng_below(&rng, 2) ? ""
			                    : rng_below(&rng, 2)                ? "\n"
			                                                        : "\r\n");
			buf_put_text(&expected, "\n");
		}
		enum err e = show_bytes(&w->shown, &w->dir, buf_bytes(&file), format, &why);
		if (e != OK)
			fail_msg("trial %d: %s", trial, why.text);
		assert_string_equal(buf_text(&w->shown), buf_text(&expected));
	}
	buf_free(&file);
	buf_free(&expected);
}

static void test_shows_a_cell_in_a_message(void **state)
{
	char out[CSV_QUOTE_SIZE];

	(void)state;
	assert_string_equal(csv_quote(out, bytes_text("abc")), "\"abc\"");
	assert_string_equal(csv_quote(out, bytes_of(NULL, 0)), "\"\"");
	assert_string_equal(csv_quote(out, bytes_text("1234567890123456789012345678901234567890")),
	                    "\"1234567890123456789012345678901234567890\"");
	assert_string_equal(csv_quote(out, bytes_text("12345678901234567890123456789012345678901")),
	                    "\"1234567890123456789012345678901234567890\"...");
	assert_string_equal(csv_quote(out, bytes_text("123456789012345678901234567890123456789\xe2\x82\xac"
	                                              "5")),
	                    "\"123456789012345678901234567890123456789\"...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_rfc_4180_permits),
		cmocka_unit_test(test_reads_the_hospitals_own_dialect),
		cmocka_unit_test(test_counts_rows_and_names_places),
		cmocka_unit_test(test_refuses_with_line_and_column),
		cmocka_unit_test(test_refuses_what_is_no_file),
		cmocka_unit_test(test_a_cell_is_bounded),
		cmocka_unit_test(test_columns_are_bounded),
		cmocka_unit_test(test_a_row_is_bounded),
		cmocka_unit_test(test_the_file_is_bounded),
		cmocka_unit_test(test_reads_gzip_by_content),
		cmocka_unit_test(test_refuses_gzip_cut_or_flipped_anywhere),
		cmocka_unit_test(test_a_gzip_bomb_ends_at_the_bound),
		cmocka_unit_test(test_survives_every_cut_and_every_flipped_bit),
		cmocka_unit_test(test_reads_back_random_tables),
		cmocka_unit_test(test_shows_a_cell_in_a_message),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
