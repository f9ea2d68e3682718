#include "tests/support/unmasking.h"

#include "crypto/bitmap.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void fill(void *context, uint8_t *out, size_t len)
{
	rng_octets(context, out, len);
}

static struct entropy draws(struct unmasking *u)
{
	return (struct entropy){fill, &u->r};
}

static bool peers(const struct unmasking *u, uint32_t a, uint32_t b)
{
	return graph_adjacent(&u->graph, a, b);
}

static bool holds(const struct unmasking *u, uint32_t holder, uint32_t dealer)
{
	return peers(u, holder, dealer) || (holder == dealer && u->shape.degree == 0);
}

struct secagg_attempt unmasking_attempt(void)
{
	return (struct secagg_attempt){
		.federation = bytes_text("fed"), .study = bytes_text("a study's hash"), .round = 3, .attempt = 1};
}

struct secagg_plan unmasking_plan(const struct unmasking_shape *shape, const struct secagg_site *invited)
{
	struct secagg_plan plan = {.octets = bytes_text("plan"),
	                           .sites = invited,
	                           .n = shape->n,
	                           .max_colluders = shape->colluders,
	                           .words = shape->words,
	                           .bits = 32,
	                           .degree = shape->degree,
	                           .share_threshold = shape->share_threshold};

	plan.quorum = secagg_threshold(&plan);
	CHECK(plan.quorum <= shape->n - shape->lost);
	return plan;
}

static void make_sites(struct unmasking *u)
{
	const uint32_t n = u->shape.n, lost = u->shape.lost;

	u->invited = mem_array(n, sizeof *u->invited);
	u->sites = mem_array(n, sizeof *u->sites);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t seed[32];
		rng_octets(&u->r, seed, sizeof seed);
		u->invited[i].number = 11 + 7 * i;
		crypto_sign_seed_keypair(u->invited[i].identity, u->sites[i].identity, seed);
		u->sites[i].lost = (uint64_t)(i + 1) * lost / n > (uint64_t)i * lost / n;
	}
}

/* ---- messages */

static void drain(struct unmasking *u)
{
	struct secagg_server_action a;

	while (secagg_server_next(u->server, &a))
		if (a.kind == SECAGG_SERVER_PERSIST)
			secagg_server_persisted(u->server, a.row);
}

static void send(struct unmasking *u, uint32_t i, enum secagg_phase phase, struct bytes octets)
{
	struct diag why = {0};
	struct hash y = {0};
	enum err e;

	if (phase == SECAGG_INPUT) {
		memcpy(y.b, octets.ptr, HASH_SIZE);
		e = secagg_server_input(u->server, u->invited[i].number, octets, secagg_input_octets(&u->plan), &y,
		                        &why);
	} else {
		e = secagg_server_message(u->server, u->invited[i].number, phase, octets, &why);
	}
	CHECK(e == OK);
	if (u->tap != NULL)
		u->tap(u->tap_context, u->invited[i].number, phase, octets);
	drain(u);
}

static void put_signature(struct buf *out, const struct unmasking *u, uint32_t i, const struct buf *message)
{
	uint8_t signature[KEYS_SIGNATURE_SIZE];

	keys_sign(signature, u->sites[i].identity, buf_bytes(message));
	buf_put(out, bytes_of(signature, sizeof signature));
}

static void send_keys(struct unmasking *u, struct buf *out, struct buf *message)
{
	const struct secagg_attempt about = unmasking_attempt();
	struct entropy e = draws(u);
	struct keys_context c = {.federation = about.federation,
	                         .study_hash = about.study,
	                         .round = about.round,
	                         .attempt = about.attempt,
	                         .model = about.model};
	struct hash ctx;

	keys_plan_hash(&c.plan, u->plan.octets);
	keys_ctx(&ctx, &c);
	for (uint32_t i = 0; i < u->shape.n; i++) {
		struct unmasking_site *site = &u->sites[i];
		buf_clear(out);
		keys_draw(&site->secrets, &site->adv.adv, &ctx, u->invited[i].number, &e);
		keys_message_adv(message, &ctx, &site->adv.adv);
		buf_put(out, bytes_of(site->adv.adv.b, KEYS_ADV_SIZE));
		put_signature(out, u, i, message);
		send(u, i, SECAGG_KEYS, buf_bytes(out));
	}
}

static void put_sealed(struct buf *list, struct unmasking *u, uint32_t i)
{
	uint8_t ct[SEAL_SIZE];

	buf_clear(list);
	for (uint32_t v = 0; v < u->shape.n; v++) {
		if (!peers(u, i, v))
			continue;
		rng_octets(&u->r, ct, sizeof ct);
		buf_put_u32(list, u->invited[v].number);
		buf_put(list, bytes_of(ct, sizeof ct));
	}
}

static void send_shares(struct unmasking *u, struct buf *out, struct buf *message)
{
	const struct hash *sid = secagg_server_sid(u->server);
	struct hash cmt, content;
	struct buf list;

	buf_init(&list, secagg_message_max(u->shape.n, SECAGG_SHARES));
	for (uint32_t i = 0; i < u->shape.n; i++) {
		put_sealed(&list, u, i);
		keys_commitment(&cmt, sid, &u->sites[i].secrets.beta);
		sha256_of(&content, buf_bytes(&list));
		keys_message_shares(message, sid, u->invited[i].number, &cmt, &content);
		buf_clear(out);
		buf_put(out, bytes_of(cmt.b, HASH_SIZE));
		put_signature(out, u, i, message);
		buf_put(out, buf_bytes(&list));
		send(u, i, SECAGG_SHARES, buf_bytes(out));
	}
	buf_free(&list);
}

static void send_inputs(struct unmasking *u, struct buf *out, struct buf *message)
{
	const struct hash y = {{1}};

	for (uint32_t i = 0; i < u->shape.n; i++) {
		if (u->sites[i].lost)
			continue;
		keys_message_input(message, secagg_server_sid(u->server), &u->u2h, u->invited[i].number, &y);
		buf_clear(out);
		buf_put(out, bytes_of(y.b, HASH_SIZE));
		put_signature(out, u, i, message);
		send(u, i, SECAGG_INPUT, buf_bytes(out));
	}
	secagg_server_close(u->server);
	drain(u);
}

static void send_signatures(struct unmasking *u, struct buf *out, struct buf *message)
{
	uint8_t *u3 = mem_alloc(bitmap_size(u->shape.n));

	for (uint32_t i = 0; i < u->shape.n; i++)
		if (!u->sites[i].lost)
			bitmap_add(u3, i);
	keys_message_survivors(message, secagg_server_sid(u->server), &u->u2h, bytes_of(u3, bitmap_size(u->shape.n)));
	for (uint32_t i = 0; i < u->shape.n; i++) {
		if (u->sites[i].lost)
			continue;
		buf_clear(out);
		put_signature(out, u, i, message);
		send(u, i, SECAGG_SURVIVORS, buf_bytes(out));
	}
	free(u3);
}

static void draw_polynomials(struct unmasking *u)
{
	uint32_t t = secagg_share_threshold(&u->plan);
	struct entropy e = draws(u);

	for (uint32_t i = 0; i < u->shape.n; i++) {
		u->sites[i].a = mem_array(t, sizeof *u->sites[i].a);
		for (uint32_t j = 0; j + 1 < t; j++)
			shamir_random(&u->sites[i].a[j], &e);
	}
}

static void put_answer(struct buf *out, const struct unmasking *u, uint32_t i)
{
	uint32_t t = secagg_share_threshold(&u->plan);
	struct scalar share;

	buf_clear(out);
	for (uint32_t v = 0; v < u->shape.n; v++) {
		const struct unmasking_site *dealer = &u->sites[v];
		if (!holds(u, i, v))
			continue;
		shamir_share(&share, dealer->lost ? &dealer->secrets.sigma : &dealer->secrets.beta, dealer->a, t,
		             i + 1);
		buf_put_u32(out, u->invited[v].number);
		buf_put(out, bytes_of(share.b, sizeof share.b));
	}
}

static void send_answers(struct unmasking *u)
{
	bool any = false;

	buf_init(&u->last, secagg_message_max(u->shape.n, SECAGG_OPENING));
	draw_polynomials(u);
	for (uint32_t i = 0; i < u->shape.n; i++) {
		if (u->sites[i].lost)
			continue;
		if (any)
			send(u, u->last_site, SECAGG_OPENING, buf_bytes(&u->last));
		put_answer(&u->last, u, i);
		u->last_site = i;
		any = true;
	}
}

void unmasking_init(struct unmasking *u, const struct unmasking_shape *shape)
{
	const struct secagg_attempt about = unmasking_attempt();
	uint8_t *all = mem_alloc(bitmap_size(shape->n));
	struct buf out, message;

	u->shape = *shape;
	rng_seeded(&u->r, shape->n, "unmasking");
	buf_init(&out, secagg_message_max(shape->n, SECAGG_SHARES));
	buf_init(&message, KEYS_MESSAGE_MAX);
	make_sites(u);
	u->plan = unmasking_plan(shape, u->invited);
	CHECK(secagg_server_open(&u->server, &about, &u->plan, NULL) == OK);
	send_keys(u, &out, &message);
	graph_init(&u->graph, shape->n, shape->degree > 0 ? shape->degree : shape->n, secagg_server_sid(u->server));
	for (uint32_t i = 0; i < shape->n; i++)
		bitmap_add(all, i);
	keys_u2h(&u->u2h, secagg_server_sid(u->server), bytes_of(all, bitmap_size(shape->n)));
	send_shares(u, &out, &message);
	send_inputs(u, &out, &message);
	send_signatures(u, &out, &message);
	send_answers(u);
	CHECK(secagg_server_state(u->server) == SECAGG_SERVER_EXPECT_ANSWERS);
	buf_free(&message);
	buf_free(&out);
	free(all);
}

void unmasking_answer(struct unmasking *u)
{
	CHECK(secagg_server_message(u->server, u->invited[u->last_site].number, SECAGG_OPENING, buf_bytes(&u->last),
	                            NULL) == OK);
	CHECK(secagg_server_state(u->server) == SECAGG_SERVER_EXPECT_UNMASKED);
}

struct mask *unmasking_masks(const struct unmasking *u, uint32_t *count)
{
	const struct hash *sid = secagg_server_sid(u->server);
	uint32_t survivors = u->shape.n - u->shape.lost;
	struct mask *masks = mem_array(survivors * (size_t)(graph_degree(&u->graph) + 1), sizeof *masks);

	*count = 0;
	for (uint32_t i = 0; i < u->shape.n; i++) {
		const struct unmasking_site *site = &u->sites[i];
		if (site->lost)
			continue;
		keys_self_mask(masks[(*count)++].key, &site->secrets.beta, u->invited[i].number, sid, &u->u2h);
		for (uint32_t v = 0; v < u->shape.n; v++) {
			if (!u->sites[v].lost || !peers(u, i, v))
				continue;
			struct mask *m = &masks[(*count)++];
			CHECK(keys_pair_mask(m->key, site->secrets.s_sk, &site->adv.adv, &u->sites[v].adv.adv, sid,
			                     &u->u2h) == OK);
			m->subtract = v > i;
		}
	}
	return masks;
}

void unmasking_free(struct unmasking *u)
{
	for (uint32_t i = 0; i < u->shape.n; i++)
		free(u->sites[i].a);
	secagg_server_free(u->server);
	graph_free(&u->graph);
	buf_free(&u->last);
	free(u->invited);
	free(u->sites);
}
