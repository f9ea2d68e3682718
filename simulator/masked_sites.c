/* What a site's core needs each time it is made again, and the four ways to bring it to where it was. */
#include "simulator/masked_sites.h"

#include "crypto/mask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct site {
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE];
	struct buf past; /* the record of before this attempt */
	struct buf record; /* the newest of this attempt */
	struct hash y;
	uint32_t group;
};

struct masked_sites {
	const struct study *study;
	struct roster roster;
	struct site *sites; /* roster.count */
	struct round_plan plan; /* of the attempt in hand */
	struct masked_plan *groups;
	struct secagg_shared **shared; /* one per group */
	uint32_t group_count;
};

#define RECORD_MAX                                                                                                     \
	(64u << 20) /* a complete graph of GRAPH_COMPLETE_MAX sites takes some 40 KiB, one of thousands less */

/* Everything that is drawn here: identities (`purpose` empty, numbered by site), and a site's draws in an attempt. */
static void draws_of(struct rng *r, const struct study *s, struct bytes purpose, uint64_t number)
{
	const struct bytes fields[] = {bytes_of(s->draws.b, HASH_SIZE), purpose};
	struct hash key;

	hash_fields(&key, NULL, "COHRTsmk", fields, 2);
	rng_numbered(r, key.b, number);
}

/* ---- birth and end */

static void draw_identity(struct masked_sites *m, uint32_t index)
{
	struct rng r;
	uint8_t seed[KEYS_SIZE];

	draws_of(&r, m->study, bytes_of(NULL, 0), index);
	rng_octets(&r, seed, sizeof seed);
	keys_identity(m->roster.sites[index].key, m->sites[index].identity, seed);
}

struct masked_sites *masked_sites_new(const struct study *study, const char *const *names, uint32_t count)
{
	struct masked_sites *m = mem_alloc(sizeof *m);

	m->study = study;
	m->sites = mem_array(count, sizeof *m->sites);
	m->roster = (struct roster){.version = 1, .count = count};
	snprintf(m->roster.federation, sizeof m->roster.federation, "%s", study->name);
	m->roster.sites = mem_array(count, sizeof *m->roster.sites);
	for (uint32_t i = 0; i < count; i++) {
		m->roster.sites[i].number = i + 1;
		snprintf(m->roster.sites[i].name, sizeof m->roster.sites[i].name, "%s", names[i]);
		draw_identity(m, i);
		buf_init(&m->sites[i].past, RECORD_MAX);
		buf_init(&m->sites[i].record, RECORD_MAX);
	}
	sha256_of(&m->roster.content, bytes_of(m->roster.sites, count * sizeof *m->roster.sites));
	return m;
}

static void forget_attempt(struct masked_sites *m)
{
	for (uint32_t g = 0; g < m->group_count; g++) {
		masked_plan_free(&m->groups[g]);
		secagg_shared_free(m->shared[g]);
	}
	free(m->groups);
	free(m->shared);
	m->groups = NULL;
	m->shared = NULL;
	m->group_count = 0;
}

void masked_sites_free(struct masked_sites *m)
{
	if (m == NULL)
		return;
	forget_attempt(m);
	for (uint32_t i = 0; i < m->roster.count; i++) {
		secret_wipe(m->sites[i].record.ptr, m->sites[i].record.len);
		buf_free(&m->sites[i].record);
		buf_free(&m->sites[i].past);
	}
	round_plan_free(&m->plan);
	roster_free(&m->roster);
	free(m->sites);
	free(m);
}

const struct roster *masked_sites_roster(const struct masked_sites *m)
{
	return &m->roster;
}

/* ---- attempts */

enum err masked_sites_begin(struct masked_sites *m, const struct round_plan *plan, const struct layout *layout,
                            struct diag *why)
{
	uint32_t count = masked_plan_groups(m->study, plan->site_count);
	enum err e = OK;

	forget_attempt(m);
	round_plan_copy(&m->plan, plan);
	m->groups = mem_array(count, sizeof *m->groups);
	m->shared = mem_array(count, sizeof *m->shared);
	for (; m->group_count < count && e == OK; m->group_count++) {
		struct masked_plan *g = &m->groups[m->group_count];

		m->shared[m->group_count] = secagg_shared_new();
		e = masked_plan_make(g, plan, m->study, layout, &m->roster, m->group_count, why);
		for (uint32_t i = 0; e == OK && i < g->plan.n; i++) {
			m->sites[g->sites[i].number - 1].group = m->group_count;
			m->sites[g->sites[i].number - 1].y = (struct hash){{0}};
		}
	}
	return e;
}

uint32_t masked_sites_words(const struct masked_sites *m)
{
	return m->groups[0].plan.words;
}

const struct hash *masked_sites_content(const struct masked_sites *m, uint32_t number)
{
	return &m->sites[number - 1].y;
}

/* ---- one site's core, for as long as it answers */

struct turn {
	const struct masked_sites *all;
	struct site *site;
	struct rng draws;
	struct secagg_client *client;
};

static void sign(void *context, uint8_t signature[KEYS_SIGNATURE_SIZE], struct bytes message)
{
	keys_sign(signature, ((const struct site *)context)->identity, message);
}

struct secagg_signer masked_sites_signer(const struct masked_sites *m, uint32_t number)
{
	return (struct secagg_signer){sign, &m->sites[number - 1]};
}

static void fill(void *context, uint8_t *out, size_t len)
{
	rng_octets(&((struct turn *)context)->draws, out, len);
}

static struct secagg_client_config configure(struct turn *t, uint32_t number)
{
	const struct masked_sites *m = t->all;
	const struct masked_plan *g = &m->groups[t->site->group];

	return (struct secagg_client_config){
		.attempt = {.federation = bytes_text(m->roster.federation),
	                    .study = bytes_of(m->study->hash.b, HASH_SIZE),
	                    .round = m->plan.round,
	                    .attempt = m->plan.attempt,
	                    .model = m->plan.model},
		.plan = g->plan,
		.offered = g->plan.octets,
		.self = number,
		.statistics = (m->plan.asks & ASK_STATISTICS) != 0,
		.signer = {sign, t->site},
		.entropy = {fill, t},
		.shared = m->shared[t->site->group],
	};
}

/* The draws of this site in this attempt, from their beginning. */
static void begin_draws(struct turn *t, uint32_t number)
{
	uint8_t attempt[12];

	store_u64(attempt, t->all->plan.round);
	store_u32(attempt + 8, t->all->plan.attempt);
	draws_of(&t->draws, t->all->study, bytes_of(attempt, sizeof attempt), number);
}

/* Does what the core asks, but for masking. */
static void drain(struct turn *t)
{
	struct secagg_client_action a;
	struct bytes record;

	while (secagg_client_next(t->client, &a)) {
		if (a.kind != SECAGG_CLIENT_PERSIST)
			continue;
		record = secagg_client_record(t->client);
		buf_clear(&t->site->record);
		buf_put(&t->site->record, record);
		secagg_client_persisted(t->client);
	}
}

static enum err hear(struct turn *t, enum secagg_phase phase, struct bytes octets, struct diag *why)
{
	enum err e = secagg_client_message(t->client, phase, octets, why);

	drain(t);
	return e;
}

static enum err open_core(struct turn *t, struct masked_sites *m, uint32_t number, struct diag *why)
{
	*t = (struct turn){.all = m, .site = &m->sites[number - 1]};
	struct secagg_client_config config = configure(t, number);

	begin_draws(t, number);
	enum err e = secagg_client_open(&t->client, &config, buf_bytes(&t->site->past), why);
	if (e == OK)
		drain(t);
	return e;
}

/* After its vector was masked. That it would mask the same again, the core may believe: the vector and the draws are the same. */
static enum err resume_core(struct turn *t, struct masked_sites *m, uint32_t number, struct diag *why)
{
	*t = (struct turn){.all = m, .site = &m->sites[number - 1]};
	struct secagg_client_config config = configure(t, number);
	enum err e = secagg_client_resume(&t->client, &config, buf_bytes(&t->site->record), why);

	if (e == OK && secagg_client_state(t->client) == SECAGG_CLIENT_EXPECT_INPUT)
		e = secagg_client_masked(t->client, &t->site->y, why);
	if (e == OK)
		drain(t);
	return e;
}

enum err masked_sites_answer(struct masked_sites *m, uint32_t number, enum secagg_phase phase, struct bytes heard,
                             struct buf *out, struct diag *why)
{
	struct turn t;
	enum err e = phase < SECAGG_INPUT ? open_core(&t, m, number, why) : resume_core(&t, m, number, why);

	CHECK(phase != SECAGG_INPUT);
	if (e == OK && phase != SECAGG_KEYS)
		e = hear(&t, phase, heard, why);
	buf_clear(out);
	if (e == OK)
		buf_put(out, secagg_client_sent(t.client, phase));
	secagg_client_free(t.client);
	return e;
}

enum err masked_sites_input(struct masked_sites *m, uint32_t number, struct bytes u1, struct bytes u2,
                            const uint32_t *x, uint8_t *y, struct buf *out, struct diag *why)
{
	const uint32_t words = masked_sites_words(m), bits = m->groups[0].plan.bits;
	struct turn t;
	enum err e = open_core(&t, m, number, why);

	if (e == OK)
		e = hear(&t, SECAGG_SHARES, u1, why);
	if (e == OK)
		e = hear(&t, SECAGG_INPUT, u2, why);
	buf_clear(out);
	if (e == OK) {
		uint32_t count;
		const struct mask *masks = secagg_client_masks(t.client, &count);

		mask_input(y, x, 0, words, bits, masks, count);
		sha256_of(&t.site->y, bytes_of(y, pack_size(words, bits)));
		e = secagg_client_masked(t.client, &t.site->y, why);
		drain(&t);
		buf_put(out, secagg_client_sent(t.client, SECAGG_INPUT));
	}
	secagg_client_free(t.client);
	return e;
}

/* What a hospital does when the round has closed. A record from before the vector was masked has nothing to wipe. */
static void close_site(struct masked_sites *m, uint32_t number)
{
	struct site *s = &m->sites[number - 1];
	struct diag why;
	struct turn t;

	if (s->record.len == 0)
		return;
	if (!hash_is_zero(&s->y) && resume_core(&t, m, number, &why) == OK) {
		secagg_client_closed(t.client);
		drain(&t);
		secagg_client_free(t.client);
	}
	buf_clear(&s->past);
	buf_put(&s->past, buf_bytes(&s->record));
	secret_wipe(s->record.ptr, s->record.len);
	buf_clear(&s->record);
}

void masked_sites_end(struct masked_sites *m)
{
	for (uint32_t g = 0; g < m->group_count; g++)
		for (uint32_t i = 0; i < m->groups[g].plan.n; i++)
			close_site(m, m->groups[g].sites[i].number);
	forget_attempt(m);
}
