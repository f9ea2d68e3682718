/*
 * Secure aggregation in words: what the contract's numbers come to with the hospitals that there are now. The arithmetic is that of the
 * round (crypto/plan.h), so what is said here is what the rounds do.
 *
 *   honest hospitals in any published sum  >=  min(m, min_known) - n_C      of those on this hospital's list
 *                                          >=  m - n_C                      without a list, if every hospital exists
 */
#include "client/words_inside.h"
#include "crypto/plan.h"

#include <stdlib.h>

/* Hospitals on the roster that may take part, and how many of them are known here. */
struct members {
	uint32_t count, known;
};

static struct members count_members(const struct study *s, const struct words_place *place)
{
	const struct roster *r = place->roster;
	const struct roster_site *self = roster_find(r, place->site);
	uint32_t *numbers = mem_array(r->count, sizeof *numbers);
	bool *known = mem_array(r->count, sizeof *known);
	struct members m = {0};

	for (uint32_t i = 0; i < r->count; i++)
		if (study_invites(s, r->sites[i].name))
			numbers[m.count++] = r->sites[i].number;
	m.known = policy_known(place->policy, known, r, numbers, m.count, self != NULL ? self->number : 0);
	free(numbers);
	free(known);
	return m;
}

static const char *plural(uint32_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

/* What n hospitals of one sum come to, in a round that can be. */
static void put_rule(struct buf *out, const struct sites_rule *r, uint32_t n, const char *where)
{
	uint32_t m = plan_quorum(r, n);

	words_say(out,
	          "With %u hospitals%s, up to %u may drop out of a round at any moment, and it goes on; a sum is made "
	          "of at "
	          "least %u (the quorum) or not at all.",
	          n, where, n - m, m);
	if (r->max_colluders == 0)
		words_say(
			out,
			"No hospital may work together with the coordinator (max_colluders: 0): one that does, or one "
			"that was broken into, may learn more than the sum.");
	else
		words_say(out,
		          "Up to %u %s may work together with the coordinator (max_colluders) and pool all they know: "
		          "they still "
		          "learn nothing but the sum of the others.",
		          r->max_colluders, plural(r->max_colluders, "hospital", "hospitals"));
}

static uint32_t less(uint32_t a, uint32_t b)
{
	return a > b ? a - b : 0;
}

/* The fewest honest hospitals, by the list that this hospital keeps or does not. */
static void put_honest(struct buf *out, const struct sites_rule *r, uint32_t n, const struct policy *p)
{
	uint32_t m = plan_quorum(r, n), sure = p->known != NULL && p->min_known < m ? p->min_known : m;
	uint32_t honest = less(sure, r->max_colluders);

	if (p->known == NULL) {
		words_say(out,
		          "Fewest honest hospitals in any published sum: %u, if every hospital of the roster exists. "
		          "Whoever "
		          "controls the federation's authority could enrol hospitals that do not, and take their "
		          "numbers off "
		          "the sum.",
		          honest);
		words_say(out,
		          "Against that, this hospital can keep a list of hospitals that it has telephoned (known, "
		          "min_known in policy.yaml). It keeps none.");
		return;
	}
	words_say(out,
	          "Fewest honest hospitals in any published sum: %u: this hospital takes part only in sums with at "
	          "least %u that "
	          "it knows by name and key (min_known), itself counted, of which at most %u may collude.",
	          honest, p->min_known, r->max_colluders);
	words_say(
		out,
		"So hospitals that do not exist, which whoever controls the federation's authority could enrol, do not "
		"count.");
}

static void put_honest_warning(struct buf *out, const struct sites_rule *r, uint32_t n, const struct policy *p)
{
	uint32_t m = plan_quorum(r, n), sure = p->known != NULL && p->min_known < m ? p->min_known : m;

	if (less(sure, r->max_colluders) < 2)
		words_say(
			out,
			"WARNING: a sum with one honest hospital is that hospital's own numbers to those who collude; "
			"raise min_known, or ask for a lower max_colluders.");
}

/* Of n hospitals in a round; under groups n is the smallest group's. */
static void put_numbers(struct buf *out, const struct study *s, uint32_t n, const struct policy *p)
{
	const struct sites_rule *r = &s->sites;
	struct diag why = {{0}};

	if (plan_check_masks(r, n, &why) != OK) {
		words_say(out, "With %u %s no round can be: %s.", n, plural(n, "hospital", "hospitals"), why.text);
		return;
	}
	if (r->masking == MASKING_GROUPS) {
		n /= plan_group_count(r, n);
		words_say(out,
		          "They are divided into fixed groups of %u or more, and each group makes a sum of its own: "
		          "what follows "
		          "is about one group.",
		          r->group);
	}
	put_rule(out, r, n, r->masking == MASKING_GROUPS ? " in a group" : "");
	put_honest(out, r, n, p);
	put_honest_warning(out, r, n, p);
}

void words_masks_numbers(struct buf *out, const struct study *s, const struct words_place *place)
{
	const struct policy *p = place->policy;
	struct members m;
	uint32_t least = s->sites.min;

	words_head(out, "What the numbers mean here");
	if (place->roster == NULL) {
		while (least < SITES_MAX && plan_check_masks(&s->sites, least, NULL) != OK)
			least++;
		words_say(out,
		          "How many hospitals there are, `cohort-client fetch %s` asks. A round needs at least %u.",
		          s->name, least);
		put_numbers(out, s, least, p);
		return;
	}
	m = count_members(s, place);
	words_say(out, "Hospitals that may take part now, by roster %u: %u.", place->roster->version, m.count);
	if (p->known != NULL)
		words_say(
			out, "This hospital knows %u of them, itself counted%s", m.known,
			m.known < p->min_known
				? ": too few for its policy, so it will REFUSE rounds until it knows more, or more of "
				  "those that it knows take part."
			: s->sites.masking == MASKING_GROUPS ? "; its policy counts those in its own group."
							     : ".");
	put_numbers(out, s, m.count, p);
}

void words_masks_leaving(struct buf *out)
{
	words_say(out, "These numbers leave under masks and in no other form: random numbers are added to each of "
	               "them, and cancel only in "
	               "the sum over the hospitals of the round.");
	words_say(
		out,
		"In each attempt of a round also leave: public keys made for this attempt; shares of the secrets "
		"behind "
		"the masks, sealed for the other hospitals; a signature on who is in the sum; and, once enough others "
		"have signed the same, shares of what takes the masks off that one sum.");
}

void words_masks_protection(struct buf *out, const struct study *s)
{
	words_say(out,
	          "masking: %s: the coordinator reads the sum over the hospitals%s and no hospital's own counts, "
	          "losses, weight or "
	          "changes of the model, also when it lies or hospitals drop out; up to the number of colluders above.",
	          s->sites.masking == MASKING_GROUPS ? "groups" : "required",
	          s->sites.masking == MASKING_GROUPS ? " of each group" : "");
	words_say(
		out,
		"Who took part in a sum is public. Two sums over hospitals that differ by one show that one's numbers "
		"by "
		"subtraction, whatever the masks: only noise is against that. Statistics are therefore answered once.");
}
