/* One lock around everything: who finds what is sought holds it for one comparison. */
#include "crypto/secagg_shared.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct secagg_shared {
	pthread_mutex_t mutex;
	struct hash ctx;
	uint8_t *u1; /* as it came; NULL: none yet */
	size_t u1_octets;
	struct secagg_members members;
	struct hash message, list; /* SHA-256 of what was verified last; zero: nothing yet */
};

struct secagg_shared *secagg_shared_new(void)
{
	struct secagg_shared *s = mem_alloc(sizeof *s);

	pthread_mutex_init(&s->mutex, NULL);
	return s;
}

void secagg_shared_free(struct secagg_shared *s)
{
	if (s == NULL)
		return;
	secagg_members_free(&s->members);
	free(s->u1);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

/* ---- U1 */

static bool is_known(const struct secagg_shared *s, const struct hash *ctx, struct bytes octets)
{
	return s->u1 != NULL && hash_equal(&s->ctx, ctx) && bytes_equal(octets, bytes_of(s->u1, s->u1_octets));
}

static enum err judge(struct secagg_shared *s, const struct secagg_plan *plan, const struct hash *ctx,
                      struct bytes octets, struct diag *why)
{
	struct secagg_members found = {0};
	enum err e = secagg_members_take(&found, plan, ctx, octets, why);

	if (e != OK) {
		secagg_members_free(&found);
		return e;
	}
	secagg_members_free(&s->members);
	free(s->u1);
	s->members = found;
	s->ctx = *ctx;
	s->u1 = mem_alloc(octets.len);
	memcpy(s->u1, octets.ptr, octets.len);
	s->u1_octets = octets.len;
	return OK;
}

enum err secagg_shared_take(struct secagg_shared *s, struct secagg_members *m, const struct secagg_plan *plan,
                            const struct hash *ctx, struct bytes octets, struct diag *why)
{
	enum err e = OK;

	if (s == NULL)
		return secagg_members_take(m, plan, ctx, octets, why);
	pthread_mutex_lock(&s->mutex);
	if (!is_known(s, ctx, octets))
		e = judge(s, plan, ctx, octets, why);
	if (e == OK) {
		*m = s->members;
		m->borrowed = true;
	}
	pthread_mutex_unlock(&s->mutex);
	return e;
}

/* ---- signatures */

bool secagg_shared_verified(struct secagg_shared *s, struct bytes message, struct bytes list)
{
	struct hash of_message, of_list;
	bool found;

	if (s == NULL)
		return false;
	sha256_of(&of_message, message);
	sha256_of(&of_list, list);
	pthread_mutex_lock(&s->mutex);
	found = hash_equal(&s->message, &of_message) && hash_equal(&s->list, &of_list);
	pthread_mutex_unlock(&s->mutex);
	return found;
}

void secagg_shared_note(struct secagg_shared *s, struct bytes message, struct bytes list)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->mutex);
	sha256_of(&s->message, message);
	sha256_of(&s->list, list);
	pthread_mutex_unlock(&s->mutex);
}
