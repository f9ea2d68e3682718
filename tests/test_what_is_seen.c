/*
 * The closed list of what the coordinator sees of one site, in docs/PROTOCOL.md, section 11: a new request, parameter, field of a message, column of
 * a table, key of an event or member of a site's struct that is not on it fails (tests/what_is_seen.py compares). And the
 * comparison looks: with one thing more on either side it fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/store.h"
#include "crypto/secagg.h"
#include "protocol/message.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#define PAGE "docs/PROTOCOL.md"
#define WORDS_MAX (64u << 10)

static struct program p;
static struct tempdir dir;

static void put_fields(struct buf *words, const struct message *m)
{
	struct json *object = message_to_json(m);
	const struct json *value;
	for (const char *key = NULL; (key = json_key_after(object, key, &value)) != NULL;)
		buf_printf(words, "%s.%s\n", message_type_name(m->type), key);
	json_free(object);
}

/* What only the code itself knows: the fields of a site's messages, and its messages of a masked attempt. */
static void write_words(void)
{
	struct buf words;
	struct message m = {.study = "heart", .type = MESSAGE_ANSWER};
	m.plan = (struct round_plan){.round = 4, .attempt = 1};
	memset(m.plan.study_hash.b, 7, HASH_SIZE);
	buf_init(&words, WORDS_MAX);
	put_fields(&words, &m);
	m.type = MESSAGE_REFUSAL;
	m.refusal = REFUSAL_PLAN;
	put_fields(&words, &m);
	for (int t = 0; t < MESSAGE_TYPE_COUNT; t++)
		if (!message_from_coordinator((enum message_type)t) && t != MESSAGE_ANSWER && t != MESSAGE_REFUSAL)
			fail_msg("message type %s of a site is not looked at", message_type_name((enum message_type)t));
	for (int phase = 0; phase < SECAGG_PHASE_COUNT; phase++)
		buf_printf(&words, "octets %s\n", secagg_phase_name((enum secagg_phase)phase));
	tempdir_write_bytes(&dir, "words", buf_bytes(&words));
	buf_free(&words);
}

static int make_evidence(void **state)
{
	(void)state;
	struct store *store;
	struct diag why;
	tempdir_make(&dir);
	if (store_open(&store, tempdir_path(&dir, "store"), &why))
		fail_msg("%s", why.text);
	store_close(store);
	write_words();
	return 0;
}

static int remove_evidence(void **state)
{
	(void)state;
	tempdir_remove(&dir);
	return 0;
}

static void compare(const char *page, const char *sources, const char *database)
{
	program_shell(&p, "python3 tests/what_is_seen.py '%s' '%s' '%s' '%s'", page, sources, database,
	              tempdir_path(&dir, "words"));
}

static void the_list_is_closed(void **state)
{
	(void)state;
	compare(PAGE, ".", tempdir_path(&dir, "store"));
	if (p.exit_code != 0) {
		fputs(p.out, stderr); /* may be long */
		fail_msg("%s and the code differ %s", PAGE, p.err);
	}
	assert_true(atoi(p.out) > 60); /* "N names": it found them */
}

/* ---- the comparison looks */

static void expect_found(const char *words)
{
	assert_int_equal(p.exit_code, 1);
	if (!strstr(p.out, words))
		fail_msg("\"%s\" is not said: %s%s", words, p.out, p.err);
}

static void a_name_less_on_the_page(void **state)
{
	(void)state;
	program_shell(&p, "sed 's/`participants.octets`, //; s/`header Cohort-Session`/the session/' " PAGE " >'%s'",
	              tempdir_path(&dir, "page"));
	compare(tempdir_path(&dir, "page"), ".", tempdir_path(&dir, "store"));
	expect_found("participants.octets is seen of a site");
	expect_found("header Cohort-Session is seen of a site");
}

static void a_name_more_on_the_page(void **state)
{
	(void)state;
	program_shell(&p, "sed 's/`participants.octets`/&, `participants.loss`, `participants.site`/' " PAGE " >'%s'",
	              tempdir_path(&dir, "page"));
	compare(tempdir_path(&dir, "page"), ".", tempdir_path(&dir, "store"));
	expect_found("participants.loss is on the list");
	expect_found("participants.site stands twice");
}

static void a_column_more(void **state)
{
	(void)state;
	program_shell(&p,
	              "cp '%s' '%s' && python3 -c \"import sqlite3, sys; b = sqlite3.connect(sys.argv[1]); "
	              "b.execute('ALTER TABLE participants ADD COLUMN loss REAL'); "
	              "b.execute('CREATE TABLE updates (site INTEGER, norm REAL)'); b.commit()\" '%s'",
	              tempdir_path(&dir, "store"), tempdir_path(&dir, "changed"), tempdir_path(&dir, "changed"));
	program_expect(&p, 0, "");
	compare(PAGE, ".", tempdir_path(&dir, "changed"));
	expect_found("participants.loss is seen of a site");
	expect_found("updates.norm is seen of a site");
}

/* A route, a parameter, a key of an event, a member of a struct. */
static void a_line_more_in_the_sources(void **state)
{
	(void)state;
	const char *folder = tempdir_path(&dir, "sources");
	program_shell(
		&p,
		"mkdir -p '%s' && cp -r coordinator crypto '%s/' && cd '%s/coordinator' && "
		"sed -i 's|^\t{HTTP_GET, \"v1/roster\"|\t{HTTP_POST, \"v1/loss\", api_post_answer},\\n&|' api.c && "
		"sed -i 's|server_parameter(q->x, \"sha256\")|server_parameter(q->x, \"norm\"), &|' api_round.c && "
		"sed -i 's|json_set_string(body, \"answer\"|json_set_real(body, \"loss\", 0);\\n&|' events.c && "
		"echo 'void api_more(struct api_request *q) { server_header(q->x, \"Cohort-Rows\"); }' >api_more.c && "
		"sed -i 's|^struct round_site {|&\\n\tdouble norms[4], weight;|' round.h",
		folder, folder, folder);
	program_expect(&p, 0, "");
	compare(PAGE, folder, tempdir_path(&dir, "store"));
	expect_found("POST v1/loss is seen of a site");
	expect_found("?norm is seen of a site");
	expect_found("header Cohort-Rows is seen of a site");
	expect_found("event.loss is seen of a site");
	expect_found("memory round_site.norms is seen of a site");
	expect_found("memory round_site.weight is seen of a site");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_closed),         cmocka_unit_test(a_name_less_on_the_page),
		cmocka_unit_test(a_name_more_on_the_page),    cmocka_unit_test(a_column_more),
		cmocka_unit_test(a_line_more_in_the_sources),
	};
	return cmocka_run_group_tests(tests, make_evidence, remove_evidence);
}
