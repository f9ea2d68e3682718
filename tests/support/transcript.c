/* Everything is read strictly: a key that is missing, of another length, or not hexadecimal fails the test. */
#include "tests/support/transcript.h"

#include "base/file.h"
#include "base/json.h"
#include "crypto/bitmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_MAX (1u << 20)

static const struct json *member(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);
	if (!value)
		fail_msg("the transcript has no \"%s\"", key);
	return value;
}

static void hex(uint8_t *out, size_t n, const struct json *text, const char *key)
{
	if (!hex_decode(out, n, json_as_string(text)))
		fail_msg("\"%s\" of the transcript is not hexadecimal of %zu octets", key, n);
}

static void take(uint8_t *out, size_t n, const struct json *object, const char *key)
{
	hex(out, n, member(object, key), key);
}

static void take_buf(struct buf *out, const struct json *object, const char *key)
{
	size_t n = strlen(json_as_string(member(object, key))) / 2;
	buf_init(out, FILE_MAX);
	take(buf_extend(out, n), n, object, key);
}

static uint32_t number(const struct json *object, const char *key)
{
	return (uint32_t)json_as_integer(member(object, key));
}

static uint32_t rank_of(const struct transcript *t, int64_t site)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->sites[i].site == site)
			return i;
	fail_msg("the transcript names site %lld, which is not in U1", (long long)site);
	return 0;
}

static void take_set(const struct transcript *t, uint8_t *set, const struct json *root, const char *key)
{
	const struct json *list = member(root, key);
	for (size_t i = 0; i < json_count(list); i++)
		bitmap_add(set, rank_of(t, json_as_integer(json_at(list, i))));
}

static void take_words(const struct transcript *t, int32_t *out, const struct json *object, const char *key)
{
	const struct json *list = member(object, key);
	assert_int_equal(json_count(list), t->words);
	for (uint32_t i = 0; i < t->words; i++)
		out[i] = (int32_t)json_as_integer(json_at(list, i));
}

static void take_coefficients(const struct transcript *t, struct transcript_site *s, const struct json *object)
{
	const struct json *list = member(object, "coefficients");
	uint32_t each = t->t - 1;
	assert_int_equal(json_count(list), 2 * each);
	for (uint32_t i = 0; i < each; i++) {
		hex(s->a_sigma[i].b, SHAMIR_SCALAR_SIZE, json_at(list, i), "coefficients");
		hex(s->a_beta[i].b, SHAMIR_SCALAR_SIZE, json_at(list, each + i), "coefficients");
	}
}

static void take_ciphertexts(const struct transcript *t, struct transcript_site *s, const struct json *object)
{
	const struct json *list = member(object, "ct"), *value;
	assert_int_equal(json_count(list), t->count - 1);
	for (const char *key = NULL; (key = json_key_after(list, key, &value));)
		hex(s->ct[rank_of(t, atoll(key))], SEAL_SIZE, value, "ct");
}

static void take_answers(const struct transcript *t, struct transcript_site *s, const struct json *object)
{
	const struct json *list = member(object, "answer"), *value;
	for (const char *key = NULL; (key = json_key_after(list, key, &value));) {
		struct transcript_answer *a = &s->answers[rank_of(t, atoll(key))];
		a->given = true;
		a->is_beta = strcmp(json_as_string(member(value, "kind")), "beta") == 0;
		take(a->share.b, SHAMIR_SCALAR_SIZE, value, "share");
	}
}

static void take_site(const struct transcript *t, struct transcript_site *s, const struct json *object)
{
	take(s->identity, 32, object, "identity_seed");
	take(s->identity_pk, sizeof s->identity_pk, object, "identity_pk");
	memcpy(s->identity + 32, s->identity_pk, sizeof s->identity_pk);
	take(s->secrets.c_sk, KEYS_SIZE, object, "c_sk");
	take(s->secrets.sigma.b, SHAMIR_SCALAR_SIZE, object, "sigma");
	take(s->secrets.beta.b, SHAMIR_SCALAR_SIZE, object, "beta");
	take(s->secrets.s_sk, KEYS_SIZE, object, "s_sk");
	take(s->adv.adv.b, KEYS_ADV_SIZE, object, "adv");
	take(s->adv.signature, KEYS_SIGNATURE_SIZE, object, "adv_sig");
	take_coefficients(t, s, object);
	take_words(t, (int32_t *)s->x, object, "x");
	take_ciphertexts(t, s, object);
	take(s->cmt.b, HASH_SIZE, object, "cmt");
	take(s->phase1, KEYS_SIGNATURE_SIZE, object, "phase1_sig");
	s->in_u3 = json_get(object, "y") != NULL;
	if (!s->in_u3)
		return;
	s->y_size = ((size_t)t->words * t->bits + 7) / 8;
	take(s->y, s->y_size, object, "y");
	take(s->y_hash.b, HASH_SIZE, object, "y_hash");
	take(s->phase2, KEYS_SIGNATURE_SIZE, object, "phase2_sig");
	take(s->phase3, KEYS_SIGNATURE_SIZE, object, "phase3_sig");
	take_answers(t, s, object);
}

static void take_head(struct transcript *t, const struct json *root)
{
	take_buf(&t->federation, root, "federation");
	take_buf(&t->study_hash, root, "study_hash");
	take_buf(&t->model, root, "model");
	take_buf(&t->plan, root, "plan");
	take_buf(&t->u3_message, root, "u3_message");
	t->round = number(root, "round");
	t->attempt = number(root, "attempt");
	t->words = number(root, "d");
	t->bits = number(root, "k");
	t->colluders = number(root, "n_C");
	t->t = number(root, "t");
	t->quorum = number(root, "quorum");
	take(t->ctx.b, HASH_SIZE, root, "ctx");
	take(t->sid.b, HASH_SIZE, root, "sid");
	take(t->u2h.b, HASH_SIZE, root, "u2h");
	assert_true(t->words <= TRANSCRIPT_WORDS_MAX && t->bits >= 1 && t->bits <= 32 && t->t >= 1);
}

struct transcript *transcript_read(const char *path)
{
	struct transcript *t = mem_alloc(sizeof *t);
	struct buf text;
	struct json *root;
	struct diag why = {0};

	buf_init(&text, FILE_MAX);
	if (file_read(&text, path, FILE_MAX, &why) || json_parse(&root, buf_bytes(&text), FILE_MAX, path, &why))
		fail_msg("%s", why.text);
	take_head(t, root);
	const struct json *sites = member(root, "sites");
	t->count = (uint32_t)json_count(sites);
	assert_true(t->count <= TRANSCRIPT_SITES_MAX && t->t <= t->count);
	for (uint32_t i = 0; i < t->count; i++)
		t->sites[i].site = number(json_at(sites, i), "site");
	for (uint32_t i = 0; i < t->count; i++)
		take_site(t, &t->sites[i], json_at(sites, i));
	take_set(t, t->u2, root, "U2");
	take_set(t, t->u3, root, "U3");
	take_words(t, t->sum, root, "sum");
	json_free(root);
	buf_free(&text);
	return t;
}

void transcript_free(struct transcript *t)
{
	buf_free(&t->federation);
	buf_free(&t->study_hash);
	buf_free(&t->model);
	buf_free(&t->plan);
	buf_free(&t->u3_message);
	free(t);
}
