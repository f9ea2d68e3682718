/*
 * Replays a transcript of one attempt of secure aggregation through the two cores, with the transcript's secrets in place of
 * randomness, and compares every octet that leaves either of them: keys, signatures, ciphertexts, masked vectors, answers, and the sum.
 *
 *   secagg_replay FILE.json     0: all agree; 1: a line on stderr for each that does not; 64, 65, 66: usage, bad file, no file
 *
 * The form of a transcript is that of tests/vectors/secagg_*.json: hex unless a number; "sites" are the invited, ascending; "U1", "U2",
 * "U3" list members; "t" is the threshold of the complete graph. Of a site that fell silent the fields from then on are missing; what is
 * there is compared. Optional, for the k-regular graph: "degree", and "share_t", the threshold of the sharing; "model_hash", its SHA-256, in
 * place of "model".
 */
#include "base/file.h"
#include "crypto/bitmap.h"
#include "crypto/mask.h"
#include "crypto/pack.h"
#include "tests/support/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static void obey(struct replay *r)
{
	struct secagg_server_action a;

	while (secagg_server_next(r->server, &a))
		if (a.kind == SECAGG_SERVER_PERSIST)
			secagg_server_persisted(r->server, a.row);
}

static void refused(struct replay *r, const char *who, const struct diag *why)
{
	fprintf(stderr, "secagg_replay: %s refuses: %s\n", who, why->text);
	r->differ++;
}

/* The site's message of this phase reaches the coordinator. */
static void deliver(struct replay *r, struct player *p, enum secagg_phase phase)
{
	struct bytes sent = secagg_client_sent(p->client, phase);
	struct diag why = {{0}};
	enum err e;

	if (phase == SECAGG_INPUT)
		e = secagg_server_input(r->server, p->number, sent, secagg_input_octets(&r->plan), &p->y_hash, &why);
	else
		e = secagg_server_message(r->server, p->number, phase, sent, &why);
	if (e)
		refused(r, "the coordinator", &why);
	obey(r);
}

static void hear(struct replay *r, struct player *p, enum secagg_phase phase)
{
	struct buf said = {0};
	struct diag why = {{0}};

	secagg_server_say(r->server, phase, p->number, &said);
	if (secagg_client_message(p->client, phase, buf_bytes(&said), &why) != OK)
		refused(r, "a site", &why);
	buf_free(&said);
	replay_pump(p);
}

/* A deadline passes when the phase still takes messages: those who are missing in the transcript do not come. */
static void close_phase(struct replay *r, enum secagg_server_state waiting)
{
	if (secagg_server_state(r->server) == waiting)
		secagg_server_close(r->server);
	obey(r);
}

/* In one phase: who hears, what is compared, and whose message counts. */
static void play(struct replay *r, enum secagg_phase phase, const char *hears, const char *counts, const char *has,
                 void (*compare_it)(struct player *p), enum secagg_server_state waiting)
{
	for (uint32_t i = 0; i < r->plan.n; i++) {
		struct player *p = &r->players[i];
		if (!replay_lists(r, hears, p->number) || (has != NULL && json_get(p->site, has) == NULL))
			continue;
		if (phase == SECAGG_KEYS)
			replay_open(r, i);
		else
			hear(r, p, phase);
		if (secagg_client_sent(p->client, phase).len == 0)
			continue;
		if (compare_it != NULL)
			compare_it(p);
	}
	for (uint32_t i = 0; i < r->plan.n; i++) {
		struct player *p = &r->players[i];
		if (replay_lists(r, counts, p->number) && p->client != NULL &&
		    secagg_client_sent(p->client, phase).len > 0)
			deliver(r, p, phase);
	}
	close_phase(r, waiting);
}

static void unmask(struct replay *r)
{
	uint32_t slices = secagg_server_slices(r->server);

	for (uint32_t i = 0; i < r->plan.n; i++)
		if (secagg_server_survives(r->server, r->players[i].number))
			pack_add(r->sum, r->players[i].y, r->plan.words, r->plan.bits);
	for (uint32_t k = 0; k < slices; k++) {
		struct secret masks = {0};
		struct diag why = {{0}};
		uint32_t count;
		enum err e = secagg_server_masks(r->server, k, &masks, &count, &why);
		if (e)
			refused(r, "the coordinator", &why);
		else
			mask_add(r->sum, 0, r->plan.words, (const struct mask *)(const void *)masks.ptr, count);
		secret_free(&masks);
		secagg_server_unmasked(r->server, k, e, &why);
	}
}

static void compare_sum(struct replay *r)
{
	const struct json *sum = replay_member(r->root, "sum");
	bool same = json_count(sum) == r->plan.words;

	if (secagg_server_state(r->server) != SECAGG_SERVER_EXPECT_UNMASKED) {
		fprintf(stderr, "secagg_replay: no sum: %s\n", secagg_server_why(r->server));
		r->differ++;
		return;
	}
	unmask(r);
	for (uint32_t j = 0; j < r->plan.words && same; j++)
		same = json_as_integer(json_at(sum, j)) == pack_signed(r->sum[j], r->plan.bits);
	r->compared++;
	if (!same)
		replay_differs(r, "the coordinator", "sum");
}

static uint8_t *bitmap_of(const struct replay *r, const char *set, size_t *size)
{
	const struct json *u1 = replay_member(r->root, "U1");
	uint8_t *octets = mem_alloc(bitmap_size((uint32_t)json_count(u1)) + 1);

	for (uint32_t i = 0; i < json_count(u1); i++)
		if (replay_lists(r, set, (uint32_t)json_as_integer(json_at(u1, i))))
			bitmap_add(octets, i);
	*size = bitmap_size((uint32_t)json_count(u1));
	return octets;
}

static void compare_contexts(struct replay *r)
{
	struct keys_context context = {.federation = r->attempt.federation,
	                               .study_hash = r->attempt.study,
	                               .round = r->attempt.round,
	                               .attempt = r->attempt.attempt,
	                               .model = r->attempt.model};
	const struct hash *sid = secagg_server_sid(r->server);
	struct hash ctx, u2h;
	struct buf message;
	size_t size;

	keys_plan_hash(&context.plan, r->plan.octets);
	keys_ctx(&ctx, &context);
	replay_compare(r, "all", "ctx", json_get(r->root, "ctx"), bytes_of(ctx.b, HASH_SIZE));
	replay_compare(r, "all", "sid", json_get(r->root, "sid"), bytes_of(sid->b, HASH_SIZE));
	uint8_t *u2 = bitmap_of(r, "U2", &size), *u3 = bitmap_of(r, "U3", &size);
	keys_u2h(&u2h, sid, bytes_of(u2, size));
	replay_compare(r, "all", "u2h", json_get(r->root, "u2h"), bytes_of(u2h.b, HASH_SIZE));
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_survivors(&message, sid, &u2h, bytes_of(u3, size));
	replay_compare(r, "all", "u3_message", json_get(r->root, "u3_message"), buf_bytes(&message));
	buf_free(&message);
	free(u2);
	free(u3);
}

static void free_all(struct replay *r)
{
	for (uint32_t i = 0; i < r->plan.n; i++) {
		secagg_client_free(r->players[i].client);
		free(r->players[i].y);
		buf_free(&r->players[i].script);
	}
	secagg_server_free(r->server);
	free(r->players);
	free(r->invited);
	free(r->sum);
	buf_free(&r->federation);
	buf_free(&r->study);
	buf_free(&r->plan_octets);
}

static void replay(struct replay *r)
{
	struct diag why = {{0}};

	replay_read(r);
	if (secagg_server_open(&r->server, &r->attempt, &r->plan, &why) != OK) {
		fprintf(stderr, "secagg_replay: %s\n", why.text);
		exit(EX_DATAERR);
	}
	play(r, SECAGG_KEYS, "U1", "U1", NULL, NULL, SECAGG_SERVER_EXPECT_KEYS);
	play(r, SECAGG_SHARES, "U1", "U2", "ct", replay_compare_shares, SECAGG_SERVER_EXPECT_SHARES);
	play(r, SECAGG_INPUT, "U2", "U3", "ct", replay_compare_input, SECAGG_SERVER_EXPECT_INPUTS);
	play(r, SECAGG_SURVIVORS, "U3", "U3", "phase3_sig", replay_compare_signature, SECAGG_SERVER_EXPECT_SIGNATURES);
	play(r, SECAGG_OPENING, "U3", "U3", "answer", replay_compare_answer, SECAGG_SERVER_EXPECT_ANSWERS);
	compare_contexts(r);
	for (uint32_t i = 0; i < r->plan.n; i++)
		if (replay_lists(r, "U1", r->players[i].number))
			replay_compare_secrets(r, &r->players[i]);
	compare_sum(r);
}

int main(int argc, char **argv)
{
	struct replay r = {0};
	struct buf text;
	struct json *root = NULL;
	struct diag why = {{0}};
	enum err e;

	secret_init();
	if (argc != 2) {
		fprintf(stderr, "usage: secagg_replay FILE.json\n");
		return EX_USAGE;
	}
	e = file_read(&text, argv[1], TRANSCRIPT_MAX, &why);
	if (!e)
		e = json_parse(&root, buf_bytes(&text), TRANSCRIPT_MAX, argv[1], &why);
	if (e) {
		fprintf(stderr, "secagg_replay: %s\n", why.text);
		buf_free(&text);
		return err_exit(e);
	}
	r.root = root;
	replay(&r);
	printf("%u values compared, %u differ\n", r.compared, r.differ);
	free_all(&r);
	json_free(root);
	buf_free(&text);
	return r.differ == 0 ? EX_OK : 1;
}
