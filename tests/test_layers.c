/*
 * tests/layers: holds for this repository, and names each violation planted into a copy of it. A check of the architecture
 * that cannot fail would be worse than none.
 */
#include "base/bytes.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define OUTPUT_MAX 65536

/* Runs a shell command; its output (stdout and stderr) goes to `out`, its exit code is returned. */
static int run(struct buf *out, const char *command)
{
	FILE *pipe = popen(command, "r");
	char chunk[4096];
	size_t n;

	assert_non_null(pipe);
	buf_clear(out);
	while ((n = fread(chunk, 1, sizeof chunk, pipe)) > 0)
		buf_put(out, bytes_of(chunk, n));
	int status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int run_layers(struct buf *out, const char *folder)
{
	char command[PATH_SIZE + 64];

	snprintf(command, sizeof command, "tests/layers '%s' 2>&1", folder);
	return run(out, command);
}

/* Copies the rooms, as far as they are there, so that the check runs on real code. */
static void copy_rooms(struct tempdir *t)
{
	char command[PATH_SIZE + 256];
	struct buf out;

	buf_init(&out, OUTPUT_MAX);
	snprintf(command, sizeof command,
	         "for room in base crypto privacy model data net protocol coordinator client certs simulator; do "
	         "[ ! -d $room ] || cp -r $room '%s' || exit 1; done 2>&1",
	         t->path);
	if (run(&out, command) != 0)
		fail_msg("%s", buf_text(&out));
	buf_free(&out);
}

static void test_repository(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, OUTPUT_MAX);
	if (run(&out, "tests/layers 2>&1") != 0)
		fail_msg("%s", buf_text(&out));
	assert_non_null(strstr(buf_text(&out), "all point down"));
	buf_free(&out);
}

/* The same for a copy: what fails below fails by what was planted. */
static void test_copy(void **state)
{
	struct tempdir t;
	struct buf out;

	(void)state;
	tempdir_make(&t);
	buf_init(&out, OUTPUT_MAX);
	copy_rooms(&t);
	assert_int_equal(run_layers(&out, t.path), 0);
	buf_free(&out);
	tempdir_remove(&t);
}

struct planted {
	const char *file; /* it exists or is made; the line becomes its last */
	const char *line;
	const char *named; /* what the complaint says after "file:number: " */
};

static const struct planted violations[] = {
	/* upward */
	{"base/log.h", "#include \"net/tls.h\"", "may not include net/tls.h"},
	{"base/vec.c", "  #  include \"protocol/study.h\" /* why not */", "may not include protocol/study.h"},
	{"protocol/vector.h", "#include \"coordinator/round.h\"", "may not include coordinator/round.h"},
	{"data/schema.h", "#include <client/policy.h>", "may not include client/policy.h"},
	/* sideways */
	{"crypto/plan.h", "#include \"model/spec.h\"", "may not include model/spec.h"},
	{"model/spec.h", "#include \"privacy/plan.h\"", "may not include privacy/plan.h"},
	{"net/request.h", "#include \"data/csv.h\"", "may not include data/csv.h"},
	{"protocol/study.h", "#include \"data/csv.h\"", "may not include data/csv.h"},
	{"client/agent.c", "#include \"coordinator/round.h\"", "may not include coordinator/round.h"},
	{"coordinator/api.c", "#include \"client/session.h\"", "may not include client/session.h"},
	/* a core that reaches for the network, the database or its own shell */
	{"coordinator/round.c", "#include \"net/server.h\"", "may not include net/server.h"},
	{"coordinator/round.c", "#include \"coordinator/store.h\"", "may not include coordinator/store.h"},
	{"client/release.c", "#include \"client/ledger.h\"", "may not include client/ledger.h"},
	{"client/release.c", "#include <sqlite3.h>", "may not include sqlite3.h"},
	{"client/session.h", "#include \"net/request.h\"", "may not include net/request.h"},
	/* third-party headers outside their file */
	{"base/log.c", "#include <jansson.h>", "may not include jansson.h"},
	{"base/pool.h", "#include <sodium.h>", "may not include sodium.h"},
	{"crypto/plan.h", "#include <openssl/evp.h>", "may not include openssl/evp.h"},
	{"model/loss.c", "#include <cblas.h>", "may not include cblas.h"},
	{"net/request.h", "#include <curl/curl.h>", "may not include curl/curl.h"},
	{"net/tls.h", "#include <event2/event.h>", "may not include event2/event.h"},
	{"data/table.c", "#include <zlib.h>", "may not include zlib.h"},
	{"coordinator/api.c", "#include <sqlite3.h>", "may not include sqlite3.h"},
	{"protocol/study.c", "#include <yaml.h>", "may not include yaml.h"},
	/* ways around the check */
	{"base/vec.c", "#include HIDDEN", "may not hide an include behind a macro"},
	{"base/vec.c", "#include \"err.h\"", "may not include err.h"},
	{"base/vec.c", "#include \"../net/tls.h\"", "may not include ../net/tls.h"},
	{"base/deep/er/x.h", "#include \"net/tls.h\"", "may not include net/tls.h"},
	{"base/vec.c", "#include \"tests/support/tempdir.h\"", "may not include tests/support/tempdir.h"},
	{"base/vec.h", "#include \"base/vec.h\"", "includes itself"},
};

/* Appends the line; returns its number. */
static int plant(const char *path, const char *line)
{
	char command[2 * PATH_SIZE];
	int number = 1, c;

	snprintf(command, sizeof command, "mkdir -p \"$(dirname '%s')\"", path);
	assert_int_equal(system(command), 0);
	FILE *f = fopen(path, "a+");
	assert_non_null(f);
	rewind(f);
	while ((c = fgetc(f)) != EOF)
		number += c == '\n';
	fprintf(f, "%s\n", line);
	fclose(f);
	return number;
}

/* The complaint is the expected line. An upward header may also close a circle with headers that include it. */
static void assert_complaint(const char *text, const char *expected)
{
	size_t len = strlen(expected);

	if (strncmp(text, expected, len) != 0)
		assert_string_equal(text, expected);
	for (const char *line = text + len; *line; line = strchr(line, '\n') + 1)
		assert_int_equal(strncmp(line, "circle: ", 8), 0);
}

/* Each violation alone: the check fails and names file, line and header, and complains of nothing else. */
static void test_violations(void **state)
{
	struct tempdir t;
	struct buf out;
	char expected[256];

	(void)state;
	tempdir_make(&t);
	buf_init(&out, OUTPUT_MAX);
	copy_rooms(&t);
	for (size_t i = 0; i < sizeof violations / sizeof *violations; i++) {
		const struct planted *p = &violations[i];
		const char *path = tempdir_path(&t, p->file);
		bool existed = tempdir_exists(&t, p->file);
		size_t len = 0;
		const char *original = existed ? tempdir_read(&t, p->file, &len) : NULL;
		int number = plant(path, p->line);
		snprintf(expected, sizeof expected, "%s:%d: %s\n", p->file, number, p->named);
		assert_int_equal(run_layers(&out, t.path), 1);
		assert_complaint(buf_text(&out), expected);
		if (existed)
			tempdir_write_bytes(&t, p->file, bytes_of(original, len));
		else
			assert_int_equal(remove(path), 0);
	}
	assert_int_equal(run_layers(&out, t.path), 0);
	buf_free(&out);
	tempdir_remove(&t);
}

/* Two circles at once: each is a line that names its members. */
static void test_circles(void **state)
{
	struct tempdir t;
	struct buf out;

	(void)state;
	tempdir_make(&t);
	buf_init(&out, OUTPUT_MAX);
	copy_rooms(&t);
	plant(tempdir_path(&t, "base/err.h"), "#include \"base/pool.h\""); /* pool.h includes err.h */
	plant(tempdir_path(&t, "crypto/one.h"), "#include \"crypto/two.h\"");
	plant(tempdir_path(&t, "crypto/two.h"), "#include \"crypto/three.h\"");
	plant(tempdir_path(&t, "crypto/three.h"), "#include \"crypto/one.h\"");
	assert_int_equal(run_layers(&out, t.path), 1);
	const char *text = buf_text(&out);
	const char *first = strstr(text, "circle:"), *second = first ? strstr(first + 1, "circle:") : NULL;
	assert_non_null(second);
	assert_null(strstr(second + 1, "circle:"));
	static const char *const members[] = {" base/err.h", " base/pool.h", " crypto/one.h", " crypto/two.h",
	                                      " crypto/three.h"};
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		assert_non_null(strstr(text, members[i]));
	buf_free(&out);
	tempdir_remove(&t);
}

/* A wrong folder must not pass as a clean one. */
static void test_nothing_to_check(void **state)
{
	struct tempdir t;
	struct buf out;

	(void)state;
	tempdir_make(&t);
	buf_init(&out, OUTPUT_MAX);
	assert_int_equal(run_layers(&out, t.path), 1);
	assert_int_equal(run_layers(&out, tempdir_path(&t, "missing")), 1);
	buf_free(&out);
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repository),       cmocka_unit_test(test_copy),
		cmocka_unit_test(test_violations),       cmocka_unit_test(test_circles),
		cmocka_unit_test(test_nothing_to_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
