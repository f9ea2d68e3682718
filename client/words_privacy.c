/* A mechanism of noise in words: what it makes of training, what leaves under it, and the whole promise (protocol/promise.h). */
#include "client/words_inside.h"

#include "protocol/promise.h"

#include <stdlib.h>
#include <string.h>

void words_privacy_training(struct buf *out, const struct study *s)
{
	const struct privacy_plan *p = &s->privacy;
	const char *unit = privacy_unit_name(p->unit);

	if (p->mechanism == PRIVACY_DISTRIBUTED)
		words_say(out,
		          "In each round: every training %s takes part with probability %g, drawn here and told to "
		          "nobody. "
		          "The gradient of each is cut to length %g, they are added, and the sum over all hospitals "
		          "moves the "
		          "model, with learning rate %g.",
		          unit, p->sampling_rate, p->clip, s->local.learning_rate);
	if (p->mechanism == PRIVACY_LOCAL)
		words_say(out,
		          "In each round: %u steps. In each every training %s takes part with probability %g, drawn "
		          "here and "
		          "told to nobody; the gradient of each is cut to length %g, and noise is added to their sum "
		          "before it "
		          "moves the model, with learning rate %g.",
		          s->local.steps, unit, p->sampling_rate, p->clip, s->local.learning_rate);
}

void words_privacy_leaving(struct buf *out, const struct study *s, size_t statistics, size_t training)
{
	const struct privacy_plan *p = &s->privacy;

	words_say(out,
	          "Once (statistics, %zu octets): %u sums over the training %ss of this hospital, each of whom counts "
	          "the "
	          "same and within bounds, with noise: for each number how often it is present, its sum and its sum of "
	          "squares; for each category how many have it; the label.",
	          statistics, schema_statistics_length(&s->schema), privacy_unit_name(p->unit));
	if (p->mechanism == PRIVACY_DISTRIBUTED)
		words_say(out,
		          "In each of %u training rounds (train, %zu octets): the sum of the clipped gradients, %zu "
		          "numbers, "
		          "with this hospital's share of the noise. It leaves whether or not anybody was drawn.",
		          s->rounds, training, s->model.parameters);
	else if (p->mechanism == PRIVACY_SITE)
		words_say(out,
		          "In each of %u training rounds (train, %zu octets): by how much this hospital's training "
		          "changed "
		          "the model's %zu parameters, cut to length %g%s, with this hospital's share of the noise.",
		          s->rounds, training, s->model.parameters, p->clip,
		          p->clip_quantile > 0 ? " (at first), and whether it was shorter" : "");
	else
		words_say(out,
		          "In each of %u training rounds (train, %zu octets): by how much those steps changed the "
		          "model's %zu "
		          "parameters.",
		          s->rounds, training, s->model.parameters);
}

void words_privacy_evaluation(struct buf *out, size_t octets)
{
	words_say(out,
	          "Once, at the end (evaluate, %zu octets): how well the model does on this hospital's test patients, "
	          "with "
	          "noise: their losses and the counts or sums that the figures are made of.",
	          octets);
}

void words_privacy_promise(struct buf *out, const struct study *s)
{
	struct buf text;
	char *line, *rest;

	buf_init(&text, WORDS_MAX);
	promise_words(&text, s);
	promise_warning(&text, s);
	rest = mem_copy_text(buf_text(&text));
	for (char *at = rest; (line = strsep(&at, "\n")) != NULL;)
		if (line[0] != '\0')
			words_paragraph(out, line);
	if (s->privacy.mechanism != PRIVACY_NONE && s->privacy.mechanism != PRIVACY_SITE)
		words_say(out, "A hospital that has more than %u training %ss must not take part.", s->privacy.patients,
		          privacy_unit_name(s->privacy.unit));
	free(rest);
	buf_free(&text);
}

void words_privacy_budget(struct buf *out, const struct study *s, const struct words_place *place)
{
	const struct budget_limit limit = {place->policy->budget_epsilon, place->policy->budget_delta};
	struct diag why = {{0}};

	if (s->privacy.mechanism == PRIVACY_NONE || place->budget == NULL)
		return;
	words_say(out,
	          "Of the privacy budget (epsilon %g at delta %g, over all studies of this hospital) epsilon %.4f was "
	          "spent; "
	          "with all that this study has paid for it would be %.4f. Epsilons do not add; `cohort-client ledger` "
	          "shows "
	          "the account.",
	          limit.epsilon, limit.delta, budget_epsilon(place->budget, limit.delta),
	          budget_forecast(place->budget, s, limit.delta));
	if (budget_judge_study(place->budget, s, &limit, &why) != REFUSAL_NONE)
		words_say(out, "It REFUSES the study (%s): %s.", refusal_name(REFUSAL_BUDGET), why.text);
}
