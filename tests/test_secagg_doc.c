/*
 * docs/SECURE-AGGREGATION.md against the code: the worked example is made again by both cores from the transcript's secrets, its Python is
 * run, every number in its tables is computed, and every test and every guard that it names exists.
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
#include "base/limits.h"
#include "crypto/graph.h"
#include "crypto/plan.h"
#include "tests/support/page.h"
#include "tests/support/replay.h"
#include "tests/support/tempdir.h"

#define VECTORS "tests/vectors/secagg_n4_one_drop.json"
#define SITES 4
#define LOST 1 /* rank of site 18 */
#define SOURCE_MAX (1u << 20)

static struct page page;
static struct diag why;

/* ---- the worked example, by both cores */

static struct replay played;
static struct json *root;
static struct buf heard[SECAGG_PHASE_COUNT]; /* what site 11 is told */

static void drain(void)
{
	struct secagg_server_action a;
	while (secagg_server_next(played.server, &a))
		if (a.kind == SECAGG_SERVER_PERSIST)
			secagg_server_persisted(played.server, a.row);
}

static void send(uint32_t i, enum secagg_phase phase)
{
	struct player *p = &played.players[i];
	struct bytes sent = secagg_client_sent(p->client, phase);
	enum err e = phase == SECAGG_INPUT ? secagg_server_input(played.server, p->number, sent,
	                                                         secagg_input_octets(&played.plan), &p->y_hash, &why)
	                                   : secagg_server_message(played.server, p->number, phase, sent, &why);
	assert_int_equal(e, OK);
	drain();
}

static void hear(uint32_t i, enum secagg_phase phase)
{
	struct buf said = {0};
	secagg_server_say(played.server, phase, played.players[i].number, &said);
	assert_int_equal(secagg_client_message(played.players[i].client, phase, buf_bytes(&said), &why), OK);
	replay_pump(&played.players[i]);
	if (i == 0)
		heard[phase] = said;
	else
		buf_free(&said);
}

/* Site 18 is lost from INPUT on. */
static void play(enum secagg_phase phase)
{
	uint32_t lost = phase >= SECAGG_INPUT ? 1u << LOST : 0;
	for (uint32_t i = 0; i < SITES; i++)
		if (!(lost >> i & 1) && phase != SECAGG_KEYS)
			hear(i, phase);
		else if (phase == SECAGG_KEYS)
			replay_open(&played, i);
	for (uint32_t i = 0; i < SITES; i++)
		if (!(lost >> i & 1))
			send(i, phase);
	if (phase == SECAGG_INPUT)
		secagg_server_close(played.server);
	drain();
}

static void unmask(void)
{
	assert_int_equal(secagg_server_state(played.server), SECAGG_SERVER_EXPECT_UNMASKED);
	for (uint32_t i = 0; i < SITES; i++)
		if (i != LOST)
			pack_add(played.sum, played.players[i].y, played.plan.words, played.plan.bits);
	for (uint32_t k = 0; k < secagg_server_slices(played.server); k++) {
		struct secret masks = {0};
		uint32_t count;
		assert_int_equal(secagg_server_masks(played.server, k, &masks, &count, &why), OK);
		mask_add(played.sum, 0, played.plan.words, (const struct mask *)(const void *)masks.ptr, count);
		secret_free(&masks);
		secagg_server_unmasked(played.server, k, OK, NULL);
	}
	assert_int_equal(secagg_server_state(played.server), SECAGG_SERVER_DONE);
}

static int play_transcript(void **state)
{
	(void)state;
	struct buf text;
	secret_init();
	page_open(&page, "docs/SECURE-AGGREGATION.md");
	assert_int_equal(file_read(&text, VECTORS, SOURCE_MAX, &why), OK);
	assert_int_equal(json_parse(&root, buf_bytes(&text), SOURCE_MAX, VECTORS, &why), OK);
	buf_free(&text);
	played.root = root;
	replay_read(&played);
	assert_int_equal(played.plan.n, SITES);
	assert_int_equal(secagg_server_open(&played.server, &played.attempt, &played.plan, &why), OK);
	for (int phase = SECAGG_KEYS; phase <= SECAGG_INPUT; phase++)
		play((enum secagg_phase)phase);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SITES; i++) {
		secagg_client_free(played.players[i].client);
		free(played.players[i].y);
		buf_free(&played.players[i].script);
	}
	for (int phase = 0; phase < SECAGG_PHASE_COUNT; phase++)
		buf_free(&heard[phase]);
	secagg_server_free(played.server);
	free(played.players);
	free(played.invited);
	free(played.sum);
	buf_free(&played.federation);
	buf_free(&played.study);
	buf_free(&played.plan_octets);
	json_free(root);
	page_close(&page);
	return 0;
}

static struct bytes sent(enum secagg_phase phase)
{
	return secagg_client_sent(played.players[0].client, phase);
}

static void example_numbers(const char *info, const int32_t *numbers, uint32_t count)
{
	char *block = page_block(&page, info, 0), *at = block;
	assert_non_null(block);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(strtol(at, &at, 10), numbers[i]);
	assert_int_equal(at[strspn(at, " \n")], 0);
	free(block);
}

static void example_context(void)
{
	struct keys_context c = {.federation = played.attempt.federation,
	                         .study_hash = played.attempt.study,
	                         .round = played.attempt.round,
	                         .attempt = played.attempt.attempt,
	                         .model = played.attempt.model};
	struct hash ctx;
	keys_plan_hash(&c.plan, played.plan.octets);
	keys_ctx(&ctx, &c);
	page_expect_octets(&page, "hex example plan", played.plan.octets);
	page_expect_octets(&page, "hex example ctx", bytes_of(ctx.b, HASH_SIZE));
}

static void example_up_to_the_vector(void **state)
{
	(void)state;
	const struct hash *sid = secagg_client_sid(played.players[0].client);
	const uint8_t u2 = 0x0f;
	struct hash u2h;
	int32_t x[64];
	example_context();
	page_expect_octets(&page, "hex example keys", sent(SECAGG_KEYS));
	page_expect_octets(&page, "hex example sid", bytes_of(sid->b, HASH_SIZE));
	page_expect_octets(&page, "hex example shares", sent(SECAGG_SHARES));
	page_expect_octets(&page, "hex example u2", bytes_of(heard[SECAGG_INPUT].ptr, 33));
	keys_u2h(&u2h, sid, bytes_of(&u2, 1));
	page_expect_octets(&page, "hex example u2h", bytes_of(u2h.b, HASH_SIZE));
	const struct json *list = replay_member(played.players[0].site, "x");
	for (uint32_t i = 0; i < played.plan.words; i++)
		x[i] = (int32_t)json_as_integer(json_at(list, i));
	example_numbers("text example x", x, played.plan.words);
	page_expect_octets(&page, "hex example y", bytes_of(played.players[0].y, secagg_input_octets(&played.plan)));
	page_expect_octets(&page, "hex example input", sent(SECAGG_INPUT));
}

/* Peers in order, then its own, as the core holds them until U3 is signed. */
static void example_masks(void **state)
{
	(void)state;
	uint32_t count;
	const struct mask *masks = secagg_client_masks(played.players[0].client, &count);
	uint8_t keys[SITES * KEYS_SIZE];
	assert_int_equal(count, SITES);
	for (uint32_t i = 0; i < SITES; i++) {
		memcpy(keys + i * KEYS_SIZE, masks[i].key, KEYS_SIZE);
		assert_true(masks[i].subtract == (i < SITES - 1)); /* as the page says */
	}
	page_expect_octets(&page, "hex example masks", bytes_of(keys, sizeof keys));
}

static void example_to_the_sum(void **state)
{
	(void)state;
	const struct hash *sid = secagg_client_sid(played.players[0].client);
	const uint8_t u2 = 0x0f, u3 = 0x0d;
	struct hash u2h;
	struct buf message;
	int32_t sum[64];
	play(SECAGG_SURVIVORS);
	play(SECAGG_OPENING);
	unmask();
	keys_u2h(&u2h, sid, bytes_of(&u2, 1));
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_survivors(&message, sid, &u2h, bytes_of(&u3, 1));
	page_expect_octets(&page, "hex example signed", buf_bytes(&message));
	buf_free(&message);
	assert_true(heard[SECAGG_SURVIVORS].len == 1 && heard[SECAGG_SURVIVORS].ptr[0] == u3);
	page_expect_octets(&page, "hex example survivors", sent(SECAGG_SURVIVORS));
	page_expect_octets(&page, "hex example opening", sent(SECAGG_OPENING));
	for (uint32_t i = 0; i < played.plan.words; i++)
		sum[i] = pack_signed(played.sum[i], played.plan.bits);
	example_numbers("text example sum", sum, played.plan.words);
}

/* ---- the Python of the page, on the example */

static void expect_line(FILE *from, struct bytes octets)
{
	char line[1024] = "", hex[2 * KEYS_SIZE + 1];
	hex_encode(hex, octets);
	assert_non_null(fgets(line, sizeof line, from));
	line[strcspn(line, "\n")] = 0;
	assert_string_equal(line, hex);
}

static void put_hex(struct buf *out, const char *before, struct bytes octets, const char *after)
{
	char *hex = mem_alloc(2 * octets.len + 1);
	hex_encode(hex, octets);
	buf_put_text(out, before);
	buf_put_text(out, hex);
	buf_put_text(out, after);
	free(hex);
}

static void write_program(struct buf *out)
{
	char *code = page_block(&page, "python", 0);
	buf_init(out, SOURCE_MAX);
	assert_non_null(code);
	buf_put_text(out, code);
	put_hex(out, "\nctx = context(b'fed', b'study', 3, 2, hashlib.sha256(b'model').digest(), bytes.fromhex('",
	        played.plan.octets, "'))\n");
	buf_put_text(out, "u1 = [bytes.fromhex(m) for m in (\n");
	for (uint32_t i = 0; i < SITES; i++)
		put_hex(out, "'", secagg_client_sent(played.players[i].client, SECAGG_KEYS), "',\n");
	buf_put_text(out, ")]\nsid = session(ctx, u1)\nprint(ctx.hex())\nprint(sid.hex())\n"
	                  "print(H(b'COHRTu2h', sid, bitmap({11, 18, 25, 32}, [11, 18, 25, 32])).hex())\n"
	                  "print(bitmap({11, 25, 32}, [11, 18, 25, 32]).hex())\n"
	                  "print(KD(bytes(32), b'COHRTssk', ctx).hex())\n");
	free(code);
}

static void python_agrees(void **state)
{
	(void)state;
	struct tempdir dir;
	struct buf program;
	char command[PATH_SIZE + 32];
	const struct hash *sid = secagg_client_sid(played.players[0].client);
	const uint8_t u2 = 0x0f, u3 = 0x0d, zeros[KEYS_SIZE] = {0};
	struct hash u2h, derived, ctx;
	struct buf hex;
	write_program(&program);
	tempdir_make(&dir);
	tempdir_write(&dir, "page.py", buf_text(&program));
	buf_free(&program);
	snprintf(command, sizeof command, "python3 '%s'", tempdir_path(&dir, "page.py"));
	FILE *from = popen(command, "r");
	assert_non_null(from);
	buf_init(&hex, HASH_SIZE);
	replay_append(&hex, played.root, "ctx");
	memcpy(ctx.b, hex.ptr, HASH_SIZE);
	buf_free(&hex);
	keys_u2h(&u2h, sid, bytes_of(&u2, 1));
	const struct bytes field = bytes_of(ctx.b, HASH_SIZE);
	hash_fields(&derived, zeros, "COHRTssk", &field, 1);
	expect_line(from, bytes_of(ctx.b, HASH_SIZE));
	expect_line(from, bytes_of(sid->b, HASH_SIZE));
	expect_line(from, bytes_of(u2h.b, HASH_SIZE));
	expect_line(from, bytes_of(&u3, 1));
	expect_line(from, bytes_of(derived.b, HASH_SIZE));
	assert_int_equal(pclose(from), 0);
	tempdir_remove(&dir);
}

/* ---- tables of numbers */

/* Calls `check` with the whole numbers of each row of the section that has exactly `count` of them and nothing else; how many. */
static unsigned rows_of_numbers(const char *title, unsigned count, void (*check)(const long *v))
{
	char *section = page_section(&page, title), *rest = NULL;
	unsigned rows = 0;
	for (char *line = strtok_r(section, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		long v[16];
		unsigned found = 0;
		if (strncmp(line, "| ", 2) != 0 || line[strspn(line, "0123456789 ,|")] != 0)
			continue;
		for (char *at = line; *(at += strcspn(at, "0123456789")) && found < 16;)
			v[found++] = strtol(at, &at, 10);
		if (found != count)
			fail_msg("%s: a row of %u numbers: %s", title, found, line);
		check(v);
		rows++;
	}
	free(section);
	return rows;
}

static void check_quorum(const long *v)
{
	const uint32_t n = (uint32_t)v[0];
	const struct sites_rule rule = {.max_colluders = (uint32_t)v[1],
	                                .min = (uint32_t)v[2],
	                                .max_dropouts = (uint32_t)v[3],
	                                .masking = MASKING_REQUIRED};
	const struct secagg_plan plan = {.n = n, .max_colluders = rule.max_colluders};
	if (plan_check_masks(&rule, n, &why))
		fail_msg("n = %u: %s", n, why.text);
	assert_int_equal(v[4], plan_threshold(&rule, n));
	assert_int_equal(v[4], secagg_threshold(&plan));
	assert_int_equal(v[5], plan_quorum(&rule, n));
	assert_int_equal(v[6], v[0] - v[5]);
	assert_int_equal(v[7], v[5] - v[1]);
}

static void quorums_agree(void **state)
{
	(void)state;
	assert_true(rows_of_numbers("8. Threshold and quorum", 8, check_quorum) >= 8);
	/* the sentence below the table */
	const struct sites_rule three = {.min = 3, .max_dropouts = 1, .max_colluders = 1, .masking = MASKING_REQUIRED};
	assert_int_equal(plan_check_masks(&three, 3, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "leave 2"));
	assert_non_null(strstr(why.text, "need 3"));
}

static void check_degree(const long *v)
{
	struct graph_rule rule;
	assert_int_equal(graph_rule_find(&rule, (uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2], (uint32_t)v[3],
	                                 GRAPH_ACTIVE, &why),
	                 OK);
	assert_int_equal(rule.k, v[4]);
	assert_int_equal(rule.t, v[5]);
}

static void degrees_agree(void **state)
{
	(void)state;
	assert_true(rows_of_numbers("9. More than 256 sites: the graph", 6, check_degree) >= 8);
	assert_int_equal(GRAPH_COMPLETE_MAX, 256);
	assert_int_equal(KEYS_FLAT_MAX, 256);
}

static void check_sizes(const long *v)
{
	const long n = v[0];
	assert_int_equal(v[1], SECAGG_KEYS_SIZE);
	assert_int_equal(v[2], n * SECAGG_KEYS_SIZE);
	assert_int_equal(v[3], SECAGG_SHARES_HEAD + (n - 1) * SECAGG_CT_ITEM);
	assert_int_equal(v[4], (n + 7) / 8 + (n - 1) * SECAGG_CT_ITEM);
	assert_int_equal(v[5], SECAGG_INPUT_SIZE);
	assert_int_equal(v[6], (n + 7) / 8);
	assert_int_equal(v[7], KEYS_SIGNATURE_SIZE);
	assert_int_equal(v[8], secagg_threshold(&(struct secagg_plan){.n = (uint32_t)n}) * SECAGG_SIGNER_ITEM);
	assert_int_equal(v[9], n * SECAGG_ANSWER_ITEM);
}

static void sizes_agree(void **state)
{
	(void)state;
	assert_int_equal(rows_of_numbers("15. What it costs", 10, check_sizes), 5);
	assert_int_equal(sent(SECAGG_KEYS).len, SECAGG_KEYS_SIZE);
	assert_int_equal(sent(SECAGG_SHARES).len, SECAGG_SHARES_HEAD + 3 * SECAGG_CT_ITEM);
	assert_int_equal(SECAGG_OCTETS_PER_SITE, 176);
}

/* The lengths of what is signed, in section 4. */
static void expect_length(const char *tag, size_t length)
{
	char *section = page_section(&page, "4. Keys and contexts"), text[32];
	const char *row = strstr(section, "| over | octets |");
	snprintf(text, sizeof text, "\n| `\"%s\" ", tag);
	row = row ? strstr(row, text) : NULL;
	if (!row)
		fail_msg("the table of signatures has no %s", tag);
	snprintf(text, sizeof text, "` | %zu ", length);
	const char *cell = strstr(row + 1, text), *end = strchr(row + 1, '\n');
	if (!cell || cell > end)
		fail_msg("what %s signs has %zu octets", tag, length);
	free(section);
}

static void lengths_agree(void **state)
{
	(void)state;
	const struct hash h = {{1}};
	const struct adv adv = {{1}};
	struct buf message;
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_adv(&message, &h, &adv);
	expect_length("COHRTadv", message.len);
	keys_message_shares(&message, &h, 1, &h, &h);
	expect_length("COHRTps1", message.len);
	keys_message_input(&message, &h, &h, 1, &h);
	expect_length("COHRTinp", message.len);
	keys_message_survivors(&message, &h, &h, bytes_of(NULL, 0));
	expect_length("COHRTu3s", message.len);
	buf_free(&message);
}

/* ---- what the page names */

static char *read_source(const char *path)
{
	struct buf text = {0};
	if (file_read(&text, path, SOURCE_MAX, &why))
		fail_msg("%s", why.text);
	char *copy = mem_copy_text(buf_text(&text));
	buf_free(&text);
	return copy;
}

/* "test_secagg_client: test_u1_keys, test_known_sites", from behind its first backtick: each is a test of that file. */
static unsigned check_tests(const char *at)
{
	char path[128], name[128];
	unsigned count = 0;
	size_t length = strcspn(at, ":`");
	snprintf(path, sizeof path, "tests/%.*s.c", (int)length, at);
	char *source = read_source(path);
	for (at += length; *at == ':' || *at == ','; at += length, count++) {
		at += 2;
		length = strcspn(at, ",`");
		snprintf(name, sizeof name, "cmocka_unit_test(%.*s)", (int)length, at);
		if (!strstr(source, name))
			fail_msg("%s has no test %.*s", path, (int)length, at);
	}
	free(source);
	return count;
}

static void every_test_exists(void **state)
{
	(void)state;
	char *section = page_section(&page, "13. What is guaranteed");
	unsigned count = 0;
	for (const char *at = section; (at = strstr(at, "`test_")); at += 2)
		count += check_tests(at + 1);
	assert_true(count >= 30);
	free(section);
}

/* Row by row: a guard's patch says which attack it lets through, and that test stands in the same row. */
static void every_guard_is_named(void **state)
{
	(void)state;
	glob_t patches;
	char *section = page_section(&page, "13. What is guaranteed");
	assert_int_equal(glob("tests/evil/secagg/[0-9]*.patch", 0, NULL, &patches), 0);
	for (size_t i = 0; i < patches.gl_pathc; i++) {
		char *patch = read_source(patches.gl_pathv[i]), *attack = strstr(patch, "\nattack: ");
		assert_non_null(attack);
		attack += strlen("\nattack: ");
		attack[strcspn(attack, "\n")] = 0;
		attack = strrchr(attack, ' ') ? strrchr(attack, ' ') + 1
		                              : attack; /* behind the file's name, if there is one */
		const char *test = strstr(section, attack);
		const char *number = strstr(patches.gl_pathv[i], "secagg/") + strlen("secagg/");
		if (!test)
			fail_msg("no claim is shown by %s", attack);
		const char *end = strchr(test, '\n');
		const char *cell = end - 1;
		while (cell[-1] != '|')
			cell--;
		const char *at = strstr(cell, (char[]){number[0], number[1], 0});
		if (!at || at > end)
			fail_msg("the row of %s does not name guard %.2s", attack, number);
		free(patch);
	}
	assert_true(patches.gl_pathc >= 15);
	globfree(&patches);
	free(section);
}

/* Every tag of the cores is explained here. */
static void every_tag_is_explained(void **state)
{
	(void)state;
	glob_t files;
	unsigned seen = 0;
	assert_int_equal(glob("crypto/*.c", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *source = read_source(files.gl_pathv[i]);
		for (const char *at = strstr(source, "\"COHRT"); at; at = strstr(at + 1, "\"COHRT"), seen++) {
			char quoted[16];
			snprintf(quoted, sizeof quoted, "%.10s", at);
			if (!strstr(buf_text(&page.text), quoted))
				fail_msg("%s: %s is not on the page", files.gl_pathv[i], quoted);
		}
		free(source);
	}
	globfree(&files);
	assert_true(seen >= 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_up_to_the_vector),
		cmocka_unit_test(example_masks), /* before U3 is signed: the keys go then */
		cmocka_unit_test(example_to_the_sum),
		cmocka_unit_test(python_agrees),
		cmocka_unit_test(quorums_agree),
		cmocka_unit_test(degrees_agree),
		cmocka_unit_test(sizes_agree),
		cmocka_unit_test(lengths_agree),
		cmocka_unit_test(every_test_exists),
		cmocka_unit_test(every_guard_is_named),
		cmocka_unit_test(every_tag_is_explained),
	};
	return cmocka_run_group_tests(tests, play_transcript, free_all);
}
