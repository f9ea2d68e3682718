/*
 * docs/PROTOCOL.md against the code: every example is made again, every message is read, every bound, refusal and hash tag
 * is compared, and the Python on the page is run. A client of another language is written from that page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/split.h"
#include "protocol/inbox.h"
#include "protocol/masked_plan.h"
#include "protocol/roster.h"
#include "tests/support/contracts.h"
#include "tests/support/page.h"
#include "tests/support/tempdir.h"

#define DOCUMENT_MAX (1u << 20)

static struct page page;
static struct diag why;

static const char *text(void)
{
	return buf_text(&page.text);
}

static char *block(const char *info, unsigned n)
{
	return page_block(&page, info, n);
}

static void assert_hex_block(const char *info, struct bytes octets)
{
	page_expect_octets(&page, info, octets);
}

/* ---- the vectors of section 4 */

static struct feature features[] = {
	{.name = "age", .type = COLUMN_NUMERIC, .min = 18, .max = 110},
	{.name = "sex", .type = COLUMN_BINARY},
};

static void a_study(struct study *s)
{
	*s = (struct study){.rounds = 4, .weights = WEIGHTS_BY_PATIENTS, .weight_cap = 5000, .update_range = 8};
	s->schema = (struct schema){.features = features, .feature_count = 2, .label = {.type = COLUMN_BINARY}};
	s->evaluate_every = 1;
	s->bins = 2;
	memset(s->hash.b, 7, HASH_SIZE);
	spec_begin(&s->model, schema_inputs(&s->schema));
	assert_int_equal(spec_add_layer(&s->model, "dense 1", &why), OK);
	assert_int_equal(spec_end(&s->model, LOSS_BINARY_CROSS_ENTROPY, 1, &why), OK);
}

static void encode(uint8_t *octets, const struct layout *l, enum segment_kind kind, const double *values)
{
	uint64_t saturated = 0;
	assert_int_equal(segment_encode(octets, layout_find(l, kind), l, values, &saturated, &why), OK);
}

static void statistics_example(void **state)
{
	(void)state;
	struct study s;
	struct layout l;
	uint8_t octets[64];
	a_study(&s);
	s.schema.fill = FILL_MEAN;
	assert_int_equal(round_plan_layout(&l, &s, ASK_STATISTICS, 3, &why), OK);
	assert_int_equal(layout_octets(&l), sizeof(octets));
	assert_true(l.segments[0].grid == 0x1p-42);
	encode(octets, &l, SEGMENT_STATISTICS, (const double[]){4, 0.1, 1.25, 1, 3, 0, 3, 1});
	assert_hex_block("hex statistics", bytes_of(octets, sizeof(octets)));
}

static void train_evaluate_example(void **state)
{
	(void)state;
	struct study s;
	struct layout l;
	uint8_t octets[64];
	uint64_t saturated = 0;
	a_study(&s);
	assert_int_equal(round_plan_layout(&l, &s, round_plan_asks(&s, 2), 3, &why), OK);
	assert_int_equal(layout_octets(&l), sizeof(octets));
	assert_true(layout_find(&l, SEGMENT_UPDATE)->grid == 0x1p-26);
	assert_true(layout_find(&l, SEGMENT_LOSS)->grid == 0x1p-37);
	const float global[] = {1, 0.5f, -1}, local[] = {1.5f, 0.25f, 8};
	assert_int_equal(segment_encode_update(octets, layout_find(&l, SEGMENT_UPDATE), &l, local, global, 120.0 / 5000,
	                                       &saturated, &why),
	                 OK);
	assert_int_equal(saturated, 1);
	encode(octets, &l, SEGMENT_WEIGHT, (const double[]){120});
	encode(octets, &l, SEGMENT_LOSS, (const double[]){0, 12.75});
	encode(octets, &l, SEGMENT_COUNTS, (const double[]){0, 0, 0, 0, 20, 3, 2, 15});
	assert_hex_block("hex train_evaluate", bytes_of(octets, sizeof(octets)));
}

static void plan_hash_example(void **state)
{
	(void)state;
	uint32_t sites[] = {3, 11, 18, 25, 40};
	struct round_plan p = {.round = 4, .attempt = 1, .step = 2, .asks = ASK_TRAIN | ASK_EVALUATE};
	struct hash h;
	memset(p.study_hash.b, 7, HASH_SIZE);
	memset(p.model.b, 9, HASH_SIZE);
	p.model_octets = 1000;
	p.sites = sites;
	p.site_count = 5;
	round_plan_hash(&h, &p);
	assert_hex_block("hex plan_hash", bytes_of(h.b, HASH_SIZE));
}

/* The study of section 4, masked: five sites, of which one may drop out and one may collude. */
static void masked_plan_example(void **state)
{
	(void)state;
	uint32_t sites[] = {3, 11, 18, 25, 40};
	struct roster_site listed[5] = {{0}};
	struct roster roster = {.version = 1, .sites = listed, .count = 5};
	struct round_plan p = {.round = 2, .attempt = 1, .step = 1, .asks = ASK_TRAIN, .model_octets = 1000};
	struct layout l;
	struct masked_plan m;
	struct study s;
	a_study(&s);
	s.sites = (struct sites_rule){.min = 3, .max_dropouts = 1, .max_colluders = 1, .masking = MASKING_REQUIRED};
	for (uint32_t i = 0; i < 5; i++)
		listed[i].number = sites[i];
	memset(roster.content.b, 5, HASH_SIZE);
	p.roster = roster.content;
	p.sites = sites;
	p.site_count = 5;
	assert_int_equal(round_plan_layout(&l, &s, ASK_TRAIN, 5, &why), OK);
	assert_int_equal(masked_plan_make(&m, &p, &s, &l, &roster, 0, &why), OK);
	assert_hex_block("hex masked_plan", buf_bytes(&m.octets));
	masked_plan_free(&m);
}

static void split_example(void **state)
{
	(void)state;
	static const char *const names[] = {"train", "validation", "test"};
	struct split split = {.test_fraction = 0.3, .validation_fraction = 0.3, .seed = 6};
	char line[128] = "";
	for (int i = 1; i <= 8; i++) {
		char id[8];
		struct hash h;
		snprintf(id, sizeof(id), "%d", i);
		split_hash(&h, split.seed, bytes_text(id));
		strcat(strcat(line, i > 1 ? " " : ""), names[split_by_hash(&split, &h)]);
	}
	char *wanted = block("text split", 0);
	assert_string_equal(line, wanted);
	free(wanted);
}

/* ---- the Python of the page, run on the page's own examples */

static const char python_end[] =
	"\nstatistics = Layout(3)\n"
	"statistics.add('statistics', 'wide', 8, 5000.0)\n"
	"print(statistics.encode({'statistics': [4, .1, 1.25, 1, 3, 0, 3, 1]}).hex())\n"
	"both = Layout(3)\n"
	"both.add('update', 'narrow', 3, 8.0)\n"
	"both.add('weight', 'count', 1, 5000.0)\n"
	"both.add('loss', 'wide', 2, 160000.0)\n"
	"both.add('counts', 'count', 8, 5000.0)\n"
	"share = 120 / 5000\n"
	"update = [max(-8.0, min(8.0, x)) * share for x in (.5, -.25, 9)]\n"
	"values = {'update': update, 'weight': [120], 'loss': [0, 12.75], 'counts': [0, 0, 0, 0, 20, 3, 2, 15]}\n"
	"print(both.encode(values).hex())\n"
	"print(*[part(6, b'%d' % i, .3, .3) for i in range(1, 9)])\n"
	"five = Layout(5)\n"
	"five.add('update', 'narrow', 3, 8.0)\n"
	"five.add('weight', 'count', 1, 5000.0)\n"
	"sites = [3, 11, 18, 25, 40]\n"
	"print(masked_plan(bytes([5]) * 32, sites, 0, 1, sites, five, (8.0, 5000.0, 0), 4, 1, 0, 0, 1, 2, "
	"1000).hex())\n"
	"for n in (1, 2, 3, 5, 64, 100, 4096):\n"
	"    for bound in (.1, 8.0, 5000.0):\n"
	"        grids = Layout(n)\n"
	"        grids.add('narrow', 'narrow', 1, bound)\n"
	"        grids.add('wide', 'wide', 1, bound)\n"
	"        print(n, bound, *[segment[4].hex() for segment in grids.segments])\n";

static void expect_line(FILE *from, const char *wanted)
{
	char line[1024] = "";
	assert_non_null(fgets(line, sizeof(line), from));
	line[strcspn(line, "\n")] = 0;
	assert_string_equal(line, wanted);
}

static void expect_block(FILE *from, const char *info)
{
	char *wanted = block(info, 0), *to = wanted;
	for (const char *c = wanted; *c; c++)
		if (strncmp(info, "hex", 3) != 0 || (*c != ' ' && *c != '\n'))
			*to++ = *c;
	*to = 0;
	expect_line(from, wanted);
	free(wanted);
}

static void expect_grids(FILE *from)
{
	const uint32_t sites[] = {1, 2, 3, 5, 64, 100, 4096};
	const double bounds[] = {.1, 8, 5000};
	for (size_t k = 0; k < 21; k++) {
		struct layout l;
		unsigned n;
		double bound, narrow, wide;
		layout_begin(&l, sites[k / 3]);
		assert_int_equal(layout_add(&l, SEGMENT_UPDATE, CODING_NARROW, 1, bounds[k % 3], &why), OK);
		assert_int_equal(layout_add(&l, SEGMENT_LOSS, CODING_WIDE, 1, bounds[k % 3], &why), OK);
		assert_int_equal(fscanf(from, "%u %lf %la %la", &n, &bound, &narrow, &wide), 4);
		assert_true(n == sites[k / 3] && bound == bounds[k % 3]);
		assert_true(narrow == l.segments[0].grid && wide == l.segments[1].grid);
	}
}

static void python_agrees(void **state)
{
	(void)state;
	struct tempdir dir;
	struct buf program;
	char command[PATH_SIZE + 32], *code;
	tempdir_make(&dir);
	buf_init(&program, DOCUMENT_MAX);
	for (unsigned i = 0; (code = block("python", i)) != NULL; i++) {
		buf_put_text(&program, code);
		buf_put_text(&program, "\n\n");
		free(code);
	}
	buf_put_text(&program, python_end);
	tempdir_write(&dir, "page.py", buf_text(&program));
	buf_free(&program);
	snprintf(command, sizeof(command), "python3 '%s'", tempdir_path(&dir, "page.py"));
	FILE *from = popen(command, "r");
	assert_non_null(from);
	expect_block(from, "hex statistics");
	expect_block(from, "hex train_evaluate");
	expect_block(from, "text split");
	expect_block(from, "hex masked_plan");
	expect_grids(from);
	assert_int_equal(pclose(from), 0);
	tempdir_remove(&dir);
}

/* ---- messages, words, numbers */

static void expect_message(const char *info, enum message_type type, bool masked)
{
	char *wanted = block(info, 0);
	struct message m;
	struct buf again;
	assert_non_null(wanted);
	assert_int_equal(message_parse(&m, bytes_text(wanted), "the page", &why), OK);
	assert_int_equal(m.type, type);
	assert_int_equal(!hash_is_zero(&m.plan.roster), masked);
	buf_init(&again, MESSAGE_MAX);
	message_write(&again, &m);
	assert_string_equal(buf_text(&again), wanted);
	buf_free(&again);
	message_free(&m);
	free(wanted);
}

static void messages_are_read(void **state)
{
	(void)state;
	for (int t = 0; t < MESSAGE_TYPE_COUNT; t++) {
		char info[32];
		snprintf(info, sizeof(info), "json %s", message_type_name((enum message_type)t));
		expect_message(info, (enum message_type)t, false);
	}
	expect_message("json masked", MESSAGE_ROUND, true);
	char *inbox = block("json inbox", 0), *studies = block("json studies", 0);
	struct message *messages;
	struct json *node;
	uint32_t count;
	assert_int_equal(inbox_parse(&messages, &count, bytes_text(inbox), "the page", &why), OK);
	assert_int_equal(count, 2);
	for (uint32_t i = 0; i < count; i++)
		message_free(&messages[i]);
	free(messages);
	assert_int_equal(json_parse(&node, bytes_text(studies), DOCUMENT_MAX, "the page", &why), OK);
	json_free(node);
	free(inbox);
	free(studies);
}

/* The entries of features, as the coordinator writes them: a contract with these holds exactly this text. */
static void features_are_a_contracts(void **state)
{
	(void)state;
	char *entries = block("json features", 0), *minimal = contract_text("minimal.yaml"), *yaml;
	char *feature_lines = strstr(minimal, "  features:\n"), *label = strstr(minimal, "  label:");
	struct study s;
	assert_true(entries && feature_lines && label && feature_lines < label);
	assert_true(asprintf(&yaml, "%.*s  features: %s\n%s", (int)(feature_lines - minimal), minimal, entries, label) >
	            0);
	contract_parse(&s, yaml);
	assert_non_null(memmem(s.canonical.ptr, s.canonical.len, entries, strlen(entries)));
	study_free(&s);
	free(yaml);
	free(minimal);
	free(entries);
}

static void roster_is_read(void **state)
{
	(void)state;
	char *body = block("json roster", 0);
	struct roster r;
	struct buf again;
	assert_int_equal(roster_parse(&r, bytes_text(body), &why), OK);
	buf_init(&again, ROSTER_MAX);
	assert_int_equal(roster_build(&again, &r, &why), OK);
	assert_string_equal(buf_text(&again), body);
	buf_free(&again);
	roster_free(&r);
	free(body);
}

/* Between the two headings: how often a line begins with "| `WORD` |", for any word. */
static unsigned rows_between(const char *from, const char *to)
{
	const char *begin = strstr(text(), from), *end = strstr(text(), to);
	unsigned rows = 0;
	assert_true(begin && end && begin < end);
	for (const char *at = strstr(begin, "\n| `"); at && at < end; at = strstr(at + 1, "\n| `"))
		rows++;
	return rows;
}

static void every_refusal_is_listed(void **state)
{
	(void)state;
	for (unsigned r = REFUSAL_NONE + 1; r < REFUSAL_COUNT; r++) {
		char row[64];
		snprintf(row, sizeof(row), "\n| `%s` | ", refusal_name((enum refusal)r));
		assert_non_null(strstr(text(), row));
	}
	assert_int_equal(rows_between("\nRefusals are a closed list", "\n### From the coordinator"), REFUSAL_COUNT - 1);
}

/* Every tag that a source file hashes or signs with is on the page. */
static void every_tag_is_listed(void **state)
{
	(void)state;
	glob_t files;
	unsigned seen = 0;
	assert_int_equal(glob("[a-z]*/*.[ch]", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct buf source;
		if (strncmp(files.gl_pathv[i], "tests/", 6) == 0 || strncmp(files.gl_pathv[i], "build/", 6) == 0)
			continue;
		assert_int_equal(file_read(&source, files.gl_pathv[i], DOCUMENT_MAX, &why), OK);
		for (const char *at = strstr(buf_text(&source), "\"COHRT"); at; at = strstr(at + 1, "\"COHRT")) {
			char cell[32];
			snprintf(cell, sizeof(cell), "| `%.8s` |", at + 1);
			if (!strstr(text(), cell))
				fail_msg("%s: tag %.8s is not on the page", files.gl_pathv[i], at + 1);
			seen++;
		}
		buf_free(&source);
	}
	globfree(&files);
	assert_true(seen >= 5);
}

#define BOUND(name)                                                                                                    \
	{                                                                                                              \
#name, (double)(name)                                                                                  \
	}

static void every_bound_agrees(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		double value;
	} bounds[] = {
		BOUND(NAME_SIZE),
		BOUND(SITES_MAX),
		BOUND(ROUNDS_MAX),
		BOUND(ATTEMPTS_MAX),
		BOUND(WEIGHT_CAP_MAX),
		BOUND(ROWS_PER_PATIENT_MAX),
		BOUND(CSV_ROWS_MAX),
		BOUND(LOSS_PER_ROW_MAX),
		BOUND(MODEL_FILE_MAX),
		BOUND(MODEL_PARAMETERS_MAX),
		BOUND(MESSAGE_MAX),
		BOUND(INBOX_BATCH_MAX),
		BOUND(INBOX_WAIT_MAX_S),
		BOUND(CONTRACT_MAX),
		BOUND(ROSTER_MAX),
		BOUND(PART_MAX),
		BOUND(GRANT_PART_MAX),
		BOUND(HEADERS_MAX),
		BOUND(UPLOADS_IN_FLIGHT_MAX),
		BOUND(BODY_RATE_MIN),
		BOUND(CONNECTIONS_PER_SITE_MAX),
		BOUND(IDLE_DEADLINE_MS),
		BOUND(HANDSHAKE_DEADLINE_MS),
		BOUND(BODY_DEADLINE_MS),
		BOUND(HEADERS_DEADLINE_MS),
	};
	size_t count = sizeof(bounds) / sizeof(bounds[0]);
	for (size_t i = 0; i < count; i++) {
		char row[64];
		snprintf(row, sizeof(row), "\n| `%s` | %.0f | ", bounds[i].name, bounds[i].value);
		if (!strstr(text(), row))
			fail_msg("the page does not have this row: %s", row + 1);
	}
	assert_int_equal(rows_between("\n## 12. Bounds", "\n| `IDLE_DEADLINE_MS`"), count - 1);
}

static int read_page(void **state)
{
	(void)state;
	page_open(&page, "docs/PROTOCOL.md");
	return 0;
}

static int free_page(void **state)
{
	(void)state;
	page_close(&page);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statistics_example),  cmocka_unit_test(train_evaluate_example),
		cmocka_unit_test(plan_hash_example),   cmocka_unit_test(masked_plan_example),
		cmocka_unit_test(split_example),       cmocka_unit_test(python_agrees),
		cmocka_unit_test(messages_are_read),   cmocka_unit_test(features_are_a_contracts),
		cmocka_unit_test(roster_is_read),      cmocka_unit_test(every_refusal_is_listed),
		cmocka_unit_test(every_tag_is_listed), cmocka_unit_test(every_bound_agrees),
	};
	return cmocka_run_group_tests(tests, read_page, free_page);
}
