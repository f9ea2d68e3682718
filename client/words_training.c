/* What the contract trains, in words: the model, and the training at a hospital. */
#include "client/words_inside.h"

static void put_model(struct buf *out, const struct model_spec *m)
{
	struct buf text;

	buf_init(&text, WORDS_MAX);
	buf_printf(&text, "A network with %zu parameters on %u inputs. Its layers:", m->parameters, m->inputs);
	for (uint32_t i = 0; i < m->layer_count; i++) {
		char layer[SPEC_LAYER_SIZE];

		spec_layer_text(layer, &m->layers[i]);
		buf_printf(&text, "%s %s", i > 0 ? "," : "", layer);
	}
	buf_put_text(&text, ".");
	words_paragraph(out, buf_text(&text));
	buf_free(&text);
}

static void put_schedule(struct buf *out, const struct rate_schedule *r)
{
	if (r->warmup > 0)
		words_say(out, "The learning rate rises to it over the first %u rounds.", r->warmup);
	if (r->kind == SCHEDULE_STEP)
		words_say(out, "The learning rate is multiplied by %g every %u rounds.", r->factor, r->every);
	if (r->kind == SCHEDULE_COSINE)
		words_say(out, "The learning rate falls as a cosine towards %g of it.", r->floor);
}

static void put_local(struct buf *out, const struct study *s, const char *optimizer)
{
	const struct local_training *l = &s->local;
	bool epochs = l->epochs > 0;
	uint32_t count = epochs ? l->epochs : l->steps;

	words_say(out, "In each round: %u %s of %u rows%s, by %s with learning rate %g.", count,
	          epochs ? (count == 1 ? "pass over the training rows in batches"
	                               : "passes over the training rows in batches")
	                 : (count == 1 ? "batch" : "batches"),
	          l->batch, epochs ? "" : " of the training rows", optimizer, l->learning_rate);
}

void words_training(struct buf *out, const struct study *s)
{
	static const char *const optimizers[] = {[OPTIMIZER_SGD] = "gradient descent",
	                                         [OPTIMIZER_MOMENTUM] = "gradient descent with momentum",
	                                         [OPTIMIZER_ADAM] = "Adam",
	                                         [OPTIMIZER_NESTEROV] = "gradient descent with Nesterov momentum",
	                                         [OPTIMIZER_ADAMW] = "AdamW"};
	const struct local_training *l = &s->local;

	words_head(out, "What is trained");
	put_model(out, &s->model);
	if (s->privacy.mechanism == PRIVACY_DISTRIBUTED || s->privacy.mechanism == PRIVACY_LOCAL)
		words_privacy_training(out, s);
	else
		put_local(out, s, optimizers[l->optimizer]);
	put_schedule(out, &l->schedule);
	if (l->weight_decay > 0 || l->l1 > 0)
		words_say(out, "Large parameters cost: weight decay (L2) %g, L1 %g.", l->weight_decay, l->l1);
	if (l->label_smoothing > 0)
		words_say(out, "The training loss takes %g of each label's certainty (label smoothing).",
		          l->label_smoothing);
	if (l->proximal > 0)
		words_say(out, "Training is held near the round's model (FedProx, mu %g).", l->proximal);
}
