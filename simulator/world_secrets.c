/*
 * A hospital under masks: its identity, its draws, the record of its study on its disk, and its masked vector in memory. What it draws
 * follows from the world's seed and goes on over its boots, as a machine's randomness does: nothing is drawn twice.
 */
#include "simulator/truth.h"

#include "crypto/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- identity, and who is on the roster */

void secrets_begin(struct world *w, struct host *h)
{
	uint8_t seed[KEYS_SIZE], public_key[KEYS_IDENTITY_PUBLIC_SIZE];

	rng_seeded(&h->draws, w->plan->seed * WORLD_SITES_MAX + h->index, "masks");
	rng_octets(&h->draws, seed, sizeof seed);
	keys_identity(public_key, h->identity, seed);
	buf_init(&h->record_of_masks, MODEL_FILE_MAX);
	buf_init(&h->masked, MODEL_FILE_MAX);
	buf_init(&h->chore.say, MODEL_FILE_MAX);
}

void secrets_free(struct host *h)
{
	buf_free(&h->record_of_masks);
	buf_free(&h->masked);
	free(h->sent);
}

void secrets_renew_roster(struct world *w)
{
	struct roster *r = &w->roster;
	uint32_t version = r->version + 1;

	roster_free(r);
	r->version = version;
	snprintf(r->federation, sizeof r->federation, "world");
	r->sites = mem_array(WORLD_SITES_MAX, sizeof *r->sites);
	for (uint32_t i = 0; i < w->setting->site_count; i++) {
		struct roster_site *site = &r->sites[r->count];

		if (w->office.revoked[i])
			continue;
		site->number = world_number(i);
		snprintf(site->name, sizeof site->name, "site-%u", i);
		memcpy(site->key, w->hosts[i].identity + KEYS_SIZE, ROSTER_KEY_SIZE); /* seed || public key */
		r->count++;
	}
	sha256_of(&r->content, bytes_of(&r->version, sizeof r->version));
	world_note(w, COORDINATOR, "has a new roster", r->version, r->count, 0);
}

/* ---- the session's surroundings */

static void sign(void *context, uint8_t signature[KEYS_SIGNATURE_SIZE], struct bytes message)
{
	keys_sign(signature, ((const struct host *)context)->identity, message);
}

static void fill(void *context, uint8_t *out, size_t len)
{
	rng_octets(&((struct host *)context)->draws, out, len);
}

void secrets_configure(struct world *w, struct host *h, struct session_config *config)
{
	config->roster = h->knows_roster ? &w->roster : NULL;
	config->signer = (struct secagg_signer){sign, h};
	config->entropy = (struct entropy){fill, h};
}

/* ---- the record */

static void store(struct host *h)
{
	world_put(&h->record_of_masks, session_masks_record(h->session));
}

/* Also when it is written to forget secrets, while the session does something else already. */
static bool befalls(struct world *w, struct host *h, enum fault f)
{
	if (!world_draws(w, f, SIDE_SITE, h->index))
		return false;
	world_count_during(w, f, SIDE_SITE, h->index, DURING_RECORDING);
	return true;
}

bool secrets_persist(struct world *w, struct host *h, enum refusal *refusal)
{
	*refusal = REFUSAL_NONE;
	if (befalls(w, h, FAULT_FULL)) {
		*refusal = REFUSAL_INTERNAL;
		return true;
	}
	if (befalls(w, h, FAULT_SYNC)) {
		if (world_below(w, 2) == 0)
			store(h);
		host_crash(w, h);
		return false;
	}
	store(h);
	return true;
}

/* ---- masking */

void secrets_mask(struct world *w, struct host *h)
{
	const struct secagg_plan *plan = session_masked_plan(h->session);
	uint64_t work = h->chore.action.work;
	uint32_t count, vector = (uint32_t)(h->vector.len / 4);
	const struct mask *masks = session_masks(h->session, &count);
	struct hash y = {{0}};

	if (h->vector.len == 0) { /* discarded: its round was closed */
		session_masked(h->session, work, &y, REFUSAL_INTERNAL);
		host_drain(w, h);
		return;
	}
	CHECK(plan != NULL && masks != NULL && plan->words == vector + MASKED_CHECK_WORDS);
	uint32_t *x = mem_array(plan->words, sizeof *x);
	for (uint32_t i = 0; i < vector; i++)
		x[i] = load_u32(h->vector.ptr + 4 * (size_t)i);
	masked_plan_check_words(x + vector);
	buf_clear(&h->masked);
	mask_input(buf_extend(&h->masked, pack_size(plan->words, plan->bits)), x, 0, plan->words, plan->bits, masks,
	           count);
	free(x);
	sha256_of(&y, buf_bytes(&h->masked));
	session_masked(h->session, work, &y, REFUSAL_NONE);
	host_drain(w, h);
}
