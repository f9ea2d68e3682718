#include "tests/support/masked.h"

#include "crypto/bitmap.h"
#include "crypto/mask.h"
#include "crypto/pack.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void fill_from_rng(void *context, uint8_t *out, size_t len)
{
	rng_octets(context, out, len);
}

static void sign_with(void *context, uint8_t signature[KEYS_SIGNATURE_SIZE], struct bytes message)
{
	const struct masked_site *s = context;

	keys_sign(signature, s->identity_secret, message);
}

static void make_site(struct masked *w, uint32_t i)
{
	struct masked_site *s = &w->sites[i];
	uint8_t seed[32];
	struct rng r;

	s->world = w;
	s->number = 11 + 7 * i;
	s->lasts = SECAGG_PHASE_COUNT;
	rng_seeded(&r, w->seed * 1000 + i, "site");
	rng_octets(&r, seed, sizeof seed);
	w->invited[i].number = s->number;
	crypto_sign_seed_keypair(w->invited[i].identity, s->identity_secret, seed);
	s->x = mem_array(w->words, sizeof *s->x);
	for (uint32_t j = 0; j < w->words; j++)
		s->x[j] = rng_u32(&r);
	buf_init(&s->disk, 1u << 20);
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
		buf_init(&s->outbox[p], 1u << 20);
}

/* Keys, shares and input of each site, and three sets. */
static uint32_t rows_max(const struct masked *w)
{
	return 3 * w->n + 3;
}

void masked_init(struct masked *w, uint64_t seed, uint32_t n, uint32_t colluders, uint32_t quorum, uint32_t words,
                 uint32_t bits)
{
	secret_init();
	memset(w, 0, sizeof *w);
	w->seed = seed;
	w->n = n;
	w->words = words;
	w->invited = mem_array(n, sizeof *w->invited);
	w->sites = mem_array(n, sizeof *w->sites);
	w->known = mem_array(n, sizeof *w->known);
	w->rows = mem_array(rows_max(w), sizeof *w->rows);
	w->row_heads = mem_array(rows_max(w), sizeof *w->row_heads);
	for (uint32_t i = 0; i < n; i++)
		make_site(w, i);
	w->plan = (struct secagg_plan){
		.sites = w->invited, .n = n, .max_colluders = colluders, .words = words, .bits = bits};
	w->plan.quorum = secagg_threshold(&w->plan);
	if (w->plan.quorum < colluders + 2)
		w->plan.quorum = colluders + 2;
	if (quorum > w->plan.quorum)
		w->plan.quorum = quorum;
	memset(w->plan_octets, 0x5a, sizeof w->plan_octets);
	w->plan.octets = bytes_of(w->plan_octets, sizeof w->plan_octets);
	w->attempt = (struct secagg_attempt){
		.federation = bytes_text("fed"), .study = bytes_text("a study's hash"), .round = 3, .attempt = 1};
	sha256_of(&w->attempt.model, bytes_text("model"));
}

static void free_site(struct masked_site *s)
{
	secagg_client_free(s->client);
	free(s->x);
	free(s->y);
	buf_free(&s->disk);
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
		buf_free(&s->outbox[p]);
}

void masked_free(struct masked *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		free_site(&w->sites[i]);
	secagg_server_free(w->server);
	for (uint32_t i = 0; i < w->row_count; i++)
		buf_free(&w->rows[i]);
	free(w->rows);
	free(w->row_heads);
	free(w->sum);
	free(w->invited);
	free(w->sites);
	free(w->known);
}

struct secagg_client_config masked_config(struct masked *w, uint32_t i)
{
	return (struct secagg_client_config){.attempt = w->attempt,
	                                     .plan = w->plan,
	                                     .offered = w->plan.octets,
	                                     .self = w->sites[i].number,
	                                     .known = w->known,
	                                     .min_known = w->min_known,
	                                     .statistics = w->statistics,
	                                     .shared = w->shared,
	                                     .signer = {sign_with, &w->sites[i]},
	                                     .entropy = {fill_from_rng, &w->sites[i].draws}};
}

uint64_t masked_draws_seed(const struct masked *w, uint32_t i)
{
	uint64_t attempt = w->keep_entropy ? 0 : w->attempt.attempt + 1000 * w->attempt.round;

	return (w->seed * 4096 + i) * 65536 + attempt;
}

enum err masked_open(struct masked *w, uint32_t i, struct diag *why)
{
	struct masked_site *s = &w->sites[i];
	struct secagg_client_config config = masked_config(w, i);

	rng_seeded(&s->draws, masked_draws_seed(w, i), "draws");
	secagg_client_free(s->client);
	free(s->y);
	s->y = NULL;
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++) {
		buf_clear(&s->outbox[p]);
		s->sends[p] = 0;
	}
	enum err e = secagg_client_open(&s->client, &config, buf_bytes(&s->disk), why);
	if (!e)
		masked_pump(s);
	return e;
}

/* True when the write was made; the process is dead when it was not, or right after it. */
static bool write_of_site(struct masked_site *s, struct bytes record)
{
	struct masked *w = s->world;
	bool dies = ++w->writes == w->kill_at;

	if (!dies || !w->kill_before) {
		buf_clear(&s->disk);
		buf_put(&s->disk, record);
	}
	if (dies) {
		secagg_client_free(s->client);
		s->client = NULL;
	}
	return !dies;
}

static void mask(struct masked_site *s)
{
	struct masked *w = s->world;
	uint32_t count;
	const struct mask *masks = secagg_client_masks(s->client, &count);
	size_t size = pack_size(w->words, w->plan.bits);

	free(s->y);
	s->y = mem_alloc(size);
	mask_input(s->y, s->x, 0, w->words, w->plan.bits, masks, count);
	sha256_of(&s->y_hash, bytes_of(s->y, size));
	s->error = secagg_client_masked(s->client, &s->y_hash, &s->why);
}

void masked_pump(struct masked_site *s)
{
	struct secagg_client_action a;

	while (s->client != NULL && secagg_client_next(s->client, &a)) {
		if (a.kind == SECAGG_CLIENT_PERSIST) {
			if (write_of_site(s, secagg_client_record(s->client)))
				secagg_client_persisted(s->client);
		} else if (a.kind == SECAGG_CLIENT_MASK) {
			mask(s);
		} else {
			struct bytes said = secagg_client_sent(s->client, a.phase);
			if (s->outbox[a.phase].len > 0 && !bytes_equal(buf_bytes(&s->outbox[a.phase]), said))
				s->contradicted = true;
			buf_clear(&s->outbox[a.phase]);
			buf_put(&s->outbox[a.phase], said);
			s->sends[a.phase]++;
		}
	}
}

void masked_restart(struct masked *w, uint32_t i)
{
	struct masked_site *s = &w->sites[i];
	struct secagg_client_config config = masked_config(w, i);

	secagg_client_free(s->client);
	s->client = NULL;
	s->error = secagg_client_resume(&s->client, &config, buf_bytes(&s->disk), &s->why);
	if (!s->error)
		masked_pump(s);
}

enum err masked_tell(struct masked *w, uint32_t i, enum secagg_phase phase, struct bytes octets)
{
	struct masked_site *s = &w->sites[i];

	if (s->client == NULL)
		return ERR_UNREACHABLE;
	enum err e = secagg_client_message(s->client, phase, octets, &s->why);
	if (e)
		s->error = e;
	masked_pump(s);
	return e;
}

/* ---- the honest coordinator */

void masked_server(struct masked *w)
{
	secagg_server_free(w->server);
	CHECK(secagg_server_open(&w->server, &w->attempt, &w->plan, NULL) == OK);
}

void masked_begin(struct masked *w, uint32_t attempt)
{
	w->attempt.attempt = attempt;
	for (uint32_t i = 0; i < w->row_count; i++)
		buf_free(&w->rows[i]);
	w->row_count = 0;
	free(w->sum);
	w->sum = NULL;
	masked_server(w);
	for (uint32_t i = 0; i < w->n; i++)
		if (!w->sites[i].silent)
			w->sites[i].error = masked_open(w, i, &w->sites[i].why);
}

static bool write_of_server(struct masked *w, const struct secagg_row *row)
{
	bool dies = ++w->writes == w->kill_at;

	if (!dies || !w->kill_before) {
		CHECK(w->row_count < rows_max(w));
		buf_init(&w->rows[w->row_count], 1u << 20);
		buf_put(&w->rows[w->row_count], row->octets);
		w->row_heads[w->row_count] = *row;
		w->row_heads[w->row_count].octets = buf_bytes(&w->rows[w->row_count]);
		w->row_count++;
	}
	if (dies) {
		secagg_server_free(w->server);
		w->server = NULL;
	}
	return !dies;
}

static void add_up(struct masked *w)
{
	free(w->sum);
	w->sum = mem_array(w->words, sizeof *w->sum);
	for (uint32_t i = 0; i < w->n; i++)
		if (secagg_server_survives(w->server, w->sites[i].number))
			pack_add(w->sum, w->sites[i].y, w->words, w->plan.bits);
}

void masked_unmask(struct masked *w)
{
	uint32_t slices = secagg_server_slices(w->server);

	add_up(w);
	for (uint32_t k = slices; k-- > 0;) { /* in any order */
		struct secret masks = {0};
		uint32_t count;
		struct diag why = {0};
		enum err e = secagg_server_masks(w->server, k, &masks, &count, &why);
		if (!e)
			mask_add(w->sum, 0, w->words, (const struct mask *)(const void *)masks.ptr, count);
		secret_free(&masks);
		secagg_server_unmasked(w->server, k, e, &why);
		if (e)
			return;
	}
}

static void send_to_all(struct masked *w, enum secagg_phase phase)
{
	struct buf said = {0};

	for (uint32_t i = 0; i < w->n; i++) {
		secagg_server_say(w->server, phase, w->sites[i].number, &said);
		if (said.len > 0 && !w->sites[i].silent)
			(void)masked_tell(w, i, phase, buf_bytes(&said));
	}
	buf_free(&said);
}

static void obey(struct masked *w, const struct secagg_server_action *a)
{
	if (a->kind == SECAGG_SERVER_PERSIST) {
		const struct secagg_row *row = secagg_server_row(w->server, a->row);
		if (row != NULL && write_of_server(w, row)) /* NULL: a later row's answer took it along */
			secagg_server_persisted(w->server, a->row);
	} else if (a->kind == SECAGG_SERVER_SEND) {
		send_to_all(w, a->phase);
	} else if (a->kind == SECAGG_SERVER_UNMASK) {
		masked_unmask(w);
	} else if (a->kind == SECAGG_SERVER_ACKNOWLEDGE) {
		for (uint32_t i = 0; i < w->n; i++)
			if (w->sites[i].number == a->site && w->sites[i].client != NULL)
				secagg_client_acknowledged(w->sites[i].client);
	}
}

/* What a site sent reaches the coordinator; what was sent before is a repeat. */
static bool deliver(struct masked *w, uint32_t i)
{
	struct masked_site *s = &w->sites[i];
	bool any = false;

	for (int p = 0; p < SECAGG_PHASE_COUNT && w->server != NULL; p++) {
		if (s->sends[p] == 0 || s->silent)
			continue;
		s->sends[p] = 0;
		any = true;
		if ((uint32_t)p >= s->lasts) {
			s->silent = true;
			break;
		}
		if (p == SECAGG_INPUT)
			s->error = secagg_server_input(w->server, s->number, buf_bytes(&s->outbox[p]),
			                               pack_size(w->words, w->plan.bits), &s->y_hash, &s->why);
		else
			s->error = secagg_server_message(w->server, s->number, (enum secagg_phase)p,
			                                 buf_bytes(&s->outbox[p]), &s->why);
	}
	return any;
}

void masked_step(struct masked *w)
{
	bool again = true;

	while (again && w->server != NULL) {
		struct secagg_server_action a;
		again = false;
		for (uint32_t i = 0; i < w->n; i++)
			again |= deliver(w, i);
		while (w->server != NULL && secagg_server_next(w->server, &a)) {
			again = true;
			obey(w, &a);
		}
	}
}

void masked_run(struct masked *w)
{
	do
		masked_step(w);
	while (masked_revive(w));
	while (secagg_server_state(w->server) < SECAGG_SERVER_DONE) {
		secagg_server_close(w->server);
		do
			masked_step(w);
		while (masked_revive(w));
	}
}

void masked_restart_server(struct masked *w)
{
	masked_server(w);
	for (uint32_t i = 0; i < w->row_count; i++)
		CHECK(secagg_server_restore(w->server, &w->row_heads[i], NULL) == OK);
	secagg_server_resume(w->server);
	for (uint32_t i = 0; i < w->n; i++) /* their request got no answer: they make it again */
		w->sites[i].sends[SECAGG_KEYS] = w->sites[i].outbox[SECAGG_KEYS].len > 0;
}

bool masked_revive(struct masked *w)
{
	bool any = w->server == NULL;

	if (any)
		masked_restart_server(w);
	for (uint32_t i = 0; i < w->n; i++) {
		struct masked_site *s = &w->sites[i];
		if (s->client != NULL || s->silent)
			continue;
		any = true;
		masked_restart(w, i);
		s->silent = s->error != OK;
	}
	return any;
}

bool masked_exact(const struct masked *w)
{
	uint32_t low = w->plan.bits == 32 ? UINT32_MAX : (1u << w->plan.bits) - 1;

	if (secagg_server_state(w->server) != SECAGG_SERVER_DONE)
		return false;
	for (uint32_t j = 0; j < w->words; j++) {
		uint32_t sum = 0;
		for (uint32_t i = 0; i < w->n; i++)
			if (secagg_server_survives(w->server, w->sites[i].number))
				sum += w->sites[i].x[j];
		if ((sum & low) != (w->sum[j] & low))
			return false;
	}
	return true;
}

/* ---- lists made by hand */

void masked_u1(struct buf *out, const struct masked *w, uint64_t members)
{
	CHECK(w->n <= MASKED_SITES_MAX);
	buf_clear(out);
	for (uint32_t i = 0; i < w->n; i++)
		if (members >> i & 1)
			buf_put(out, buf_bytes(&w->sites[i].outbox[SECAGG_KEYS]));
}

void masked_set(struct buf *out, uint64_t u1, uint64_t set)
{
	uint32_t count = (uint32_t)__builtin_popcountll(u1), rank = 0;
	uint8_t octets[MASKED_SITES_MAX / 8] = {0};

	for (uint32_t i = 0; i < MASKED_SITES_MAX; i++)
		if (u1 >> i & 1) {
			if (set >> i & 1)
				bitmap_add(octets, rank);
			rank++;
		}
	buf_put(out, bytes_of(octets, bitmap_size(count)));
}

static void put_sealed(struct buf *out, const struct masked *w, uint32_t from, uint32_t to)
{
	struct reader r = reader_of(buf_bytes(&w->sites[from].outbox[SECAGG_SHARES]));

	(void)read_bytes(&r, SECAGG_SHARES_HEAD);
	while (r.rest.len > 0) {
		uint32_t number = read_u32(&r);
		struct bytes ct = read_bytes(&r, SEAL_SIZE);
		if (number == w->sites[to].number) {
			buf_put_u32(out, w->sites[from].number);
			buf_put(out, ct);
		}
	}
}

void masked_u2(struct buf *out, const struct masked *w, uint64_t u1, uint64_t u2, uint32_t to)
{
	CHECK(w->n <= MASKED_SITES_MAX);
	buf_clear(out);
	masked_set(out, u1, u2);
	for (uint32_t i = 0; i < w->n; i++)
		if ((u2 >> i & 1) && i != to)
			put_sealed(out, w, i, to);
}

void masked_signatures(struct buf *out, const struct masked *w, uint64_t signers)
{
	CHECK(w->n <= MASKED_SITES_MAX);
	buf_clear(out);
	for (uint32_t i = 0; i < w->n; i++)
		if (signers >> i & 1) {
			buf_put_u32(out, w->sites[i].number);
			buf_put(out, buf_bytes(&w->sites[i].outbox[SECAGG_SURVIVORS]));
		}
}
