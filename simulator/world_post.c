/*
 * The post: requests and answers in flight. Each has its own time, so they overtake each other; each may be lost, come twice, come
 * late, or come damaged; and a site's line may be cut, both ways or one way.
 */
#include "simulator/truth.h"

#include <stdlib.h>

#define NEAR_MS 4 /* 0 to 3 ms: no line is as even as a clock */
#define PASSED_MS 60 /* who is held up so long is passed by whole exchanges */
#define COPY_MS 6000 /* a copy may come when its round is long over */
#define CUT_MS 6000 /* a line is cut so long at most; most polls are given up meanwhile */

/* Their wrong clocks, in seconds. */
#define DAYS_S (10 * 86400) /* a clock that was set by hand */
#define CENTURIES_S (INT64_C(250) * 365 * 86400) /* beyond any study's last day; back: before 1970 */

struct letter *post_letter(struct world *w, uint32_t site, enum letter_kind kind)
{
	struct letter *l = mem_alloc(sizeof *l);

	l->number = ++w->letters;
	l->site = site;
	l->kind = kind;
	buf_init(&l->body, MODEL_FILE_MAX);
	return l;
}

void post_free(struct letter *l)
{
	if (l == NULL)
		return;
	buf_free(&l->body);
	free(l);
}

static struct letter *copy_of(const struct letter *l)
{
	struct letter *copy = mem_alloc(sizeof *copy);

	*copy = *l;
	copy->copied = true;
	buf_init(&copy->body, l->body.max);
	buf_put(&copy->body, buf_bytes(&l->body));
	return copy;
}

static bool is_request(const struct letter *l)
{
	return l->reply == REPLY_NONE;
}

/* ---- what befalls a letter */

void post_broken(struct world *w, uint32_t site, uint64_t request)
{
	struct event e = world_event(w, EVENT_SILENCE, site, 1 + (int64_t)world_below(w, BROKEN_MS));

	e.number = request;
	if (!w->plan->silent)
		agenda_add(&w->agenda, &e);
}

static void lose(struct world *w, struct letter *l)
{
	world_note(w, l->site, "lost", l->number, l->request, 0);
	post_broken(w, l->site, l->request);
	post_free(l);
}

static bool is_cut(const struct world *w, const struct letter *l)
{
	return w->hosts[l->site].deaf_until_ms[is_request(l) ? SIDE_SITE : SIDE_COORDINATOR] > w->now_ms;
}

/* One octet changed, or the end cut off. */
static void damage(struct world *w, struct letter *l)
{
	size_t at = (size_t)world_below(w, l->body.len);

	l->damaged = true;
	if (world_below(w, 3) == 0)
		l->body.len = at;
	else
		l->body.ptr[at] ^= (uint8_t)(1 + world_below(w, 255));
}

static void deliver(struct world *w, struct letter *l, int64_t after_ms)
{
	struct event e = world_event(w, EVENT_LETTER, l->site, after_ms);

	struct host *h = &w->hosts[l->site];
	uint32_t *count = &h->flying_count[is_request(l)];

	e.letter = l;
	CHECK(*count < FLYING_MAX);
	h->flying[is_request(l)][(*count)++] = l;
	agenda_add(&w->agenda, &e);
}

void post_send(struct world *w, struct letter *l)
{
	enum side from = is_request(l) ? SIDE_SITE : SIDE_COORDINATOR;
	int64_t after_ms = (int64_t)world_below(w, NEAR_MS);

	if (from == SIDE_SITE)
		world_note_size(w, l);
	l->during = from == SIDE_COORDINATOR ? office_during(w) : host_during(&w->hosts[l->site]);
	if (is_cut(w, l) || world_befalls(w, FAULT_LOSS, from, l->site)) {
		lose(w, l);
		return;
	}
	if (world_befalls(w, FAULT_COPY, from, l->site))
		deliver(w, copy_of(l), 1 + (int64_t)world_below(w, COPY_MS));
	if (l->body.len > 0 && world_befalls(w, FAULT_DAMAGE, from, l->site))
		damage(w, l);
	if (world_befalls(w, FAULT_DELAY, from, l->site))
		after_ms += GIVE_UP_MS + (int64_t)world_below(w, HOLD_MS);
	else if (world_draws(w, FAULT_OVERTAKEN, from, l->site))
		after_ms += (int64_t)world_below(w, PASSED_MS);
	deliver(w, l, after_ms);
}

/* It has landed; whoever set out earlier and still flies was overtaken. */
static void land(struct world *w, const struct letter *l)
{
	struct host *h = &w->hosts[l->site];
	bool request = is_request(l);
	struct letter **flying = h->flying[request];
	uint32_t *count = &h->flying_count[request], at = 0;

	for (uint32_t i = 0; i < *count; i++) {
		struct letter *other = flying[i];

		if (other == l)
			at = i;
		else if (!w->calm && !other->copied && !other->overtaken && other->number < l->number) {
			other->overtaken = true;
			world_count_during(w, FAULT_OVERTAKEN, request ? SIDE_SITE : SIDE_COORDINATOR, l->site,
			                   other->during);
		}
	}
	flying[at] = flying[--*count];
}

void post_arrives(struct world *w, struct letter *l)
{
	struct host *h = &w->hosts[l->site];

	land(w, l);
	if (is_request(l)) {
		desk_receive(w, l);
		return;
	}
	if (h->up)
		wire_answered(w, h, l);
	post_free(l);
}

/* ---- lines and clocks */

static void cut(struct world *w, struct host *h, enum side from)
{
	h->deaf_until_ms[from] = w->now_ms + 1 + (int64_t)world_below(w, CUT_MS);
}

void post_cut(struct world *w, enum fault f, enum side s)
{
	uint32_t n = w->setting->site_count, site = (uint32_t)world_below(w, n);

	if (f == FAULT_DEAF) {
		world_count(w, f, s, site);
		cut(w, &w->hosts[site], s);
		return;
	}
	if (s == SIDE_COORDINATOR) { /* its own line: nobody reaches it */
		world_count(w, f, s, site);
		for (uint32_t i = 0; i < n; i++)
			for (int from = 0; from < SIDE_COUNT; from++)
				cut(w, &w->hosts[i], (enum side)from);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (i != site && world_below(w, 3) > 0)
			continue;
		world_count(w, f, s, i);
		cut(w, &w->hosts[i], SIDE_SITE);
		w->hosts[i].deaf_until_ms[SIDE_COORDINATOR] = w->hosts[i].deaf_until_ms[SIDE_SITE];
	}
}

void post_clock(struct world *w, enum fault f, enum side s)
{
	uint32_t site = (uint32_t)world_below(w, w->setting->site_count);
	bool far = world_below(w, 2) == 0 && (s == SIDE_SITE || f == FAULT_BACKWARD || w->plan->expires);
	int64_t by_s = far ? CENTURIES_S : 1 + (int64_t)world_below(w, DAYS_S);

	world_count(w, f, s, site);
	if (f == FAULT_BACKWARD)
		by_s = -by_s;
	if (s == SIDE_COORDINATOR)
		w->office.wall_s = by_s;
	else
		w->hosts[site].clock_s = by_s;
}
