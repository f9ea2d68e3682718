/*
 * One site's update, part by part: where a round's time goes. One thread, sites one after another on one set of buffers.
 *
 *   order      the epoch's order of rows           network   forward, loss, backward, gradient (plain SGD's step) of batches
 *   gather     rows into batches                   encode    difference to the global parameters, as fixed-point words
 *   copy       of the global parameters            add       the words to a sum
 *
 * Each part runs alone over and over, and the whole (`update`) as the product runs it, so that the parts' sum can be held
 * against it. The best of many short runs: what else the machine does hits some of them, never all. The reference of a
 * whole is the goal that the simulator was built for.
 */
#include "base/random.h"
#include "base/secret.h"
#include "base/vec.h"
#include "data/batches.h"
#include "model/init.h"
#include "model/loss.h"
#include "model/train.h"
#include "protocol/vector.h"
#include "tests/bench/figure.h"

#include <stdlib.h>
#include <string.h>

#define SITES 100 /* as in the load of the goal: their rows do not stay in the first cache */
#define RUNS 60 /* of about RUN_SECONDS each */
#define RUN_SECONDS 0.005

struct load {
	const char *name;
	const char *layers[6];
	uint32_t rows;
	double goal; /* updates per second and core */
};

#define INPUTS 30
#define BATCH 32

struct bench {
	const struct load *load;
	struct model_spec spec;
	struct trainer trainer;
	struct layout layout;
	struct batches batches;
	struct hash keys[SITES];
	float *x[SITES]; /* [rows, INPUTS] */
	union label_value *labels[SITES];
	float *global, *local, *batch_x;
	union label_value *batch_labels;
	uint8_t *octets;
	uint32_t *sum; /* a worker's part (coordinator/aggregate.h) */
	uint32_t site, round;
	uint64_t next, end; /* batches of the site's round */
	const uint32_t *rows;
	uint64_t saturated;
};

static void begin_site(struct bench *b)
{
	batches_begin(&b->batches, &b->keys[b->site], b->load->rows, BATCH);
	struct batch_range range = batches_of_round(&b->batches, b->round, 1, 0);
	b->next = range.first;
	b->end = range.first + range.count;
}

static void next_site(struct bench *b)
{
	b->site = (b->site + 1) % SITES;
	b->round += b->site == 0;
}

static uint32_t begin(void *context)
{
	struct bench *b = context;
	uint32_t count;
	if (b->next == b->end)
		return 0;
	b->rows = batches_rows(&b->batches, b->next++, &count);
	return count;
}

static void fill(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows)
{
	const struct bench *b = context;
	batches_gather(x, b->x[b->site], INPUTS, b->rows + first, rows);
	batches_gather_labels(labels, b->labels[b->site], b->rows + first, rows);
}

/* ---- the parts */

static void part_order(struct bench *b)
{
	uint32_t count;
	begin_site(b);
	batches_rows(&b->batches, b->next, &count);
	next_site(b);
}

/* In the order that part_order left. */
static void part_gather(struct bench *b)
{
	uint64_t per_epoch = batches_per_epoch(&b->batches), k = b->batches.epoch * per_epoch;
	for (uint64_t end = k + per_epoch; k < end; k++) {
		uint32_t count;
		b->rows = batches_rows(&b->batches, k, &count);
		fill(b, b->batch_x, b->batch_labels, 0, count);
	}
	b->site = (b->site + 1) % SITES;
}

static void part_copy(struct bench *b)
{
	vec_copy(b->local, b->global, b->spec.parameters);
}

/* Runs `what` on the sizes of a site's batches. */
static void on_batches(struct bench *b, void (*what)(struct bench *b, uint32_t rows))
{
	for (uint32_t rows = b->load->rows; rows > 0; rows -= rows < BATCH ? rows : BATCH)
		what(b, rows < BATCH ? rows : BATCH);
}

static void forward(struct bench *b, uint32_t rows)
{
	network_forward(&b->trainer.network, b->global, b->batch_x, rows);
}

static void loss(struct bench *b, uint32_t rows)
{
	struct network *n = &b->trainer.network;
	const float *logits = n->outputs[n->spec.layer_count - 1];
	loss_backward(network_logit_gradient(n), n->spec.loss, logits, n->spec.outputs, b->batch_labels, rows);
}

static void backward(struct bench *b, uint32_t rows)
{
	b->trainer.network.rows = rows;
	network_backward(&b->trainer.network, b->global);
}

static void gradient(struct bench *b, uint32_t rows)
{
	b->trainer.network.rows = rows;
	network_gradient(&b->trainer.network, b->local, -1e-9f / (float)rows, 1);
}

static void part_forward(struct bench *b)
{
	on_batches(b, forward);
}

static void part_loss(struct bench *b)
{
	on_batches(b, loss);
}

static void part_backward(struct bench *b)
{
	on_batches(b, backward);
}

static void part_gradient(struct bench *b)
{
	on_batches(b, gradient);
}

static void part_encode(struct bench *b)
{
	CHECK(segment_encode_update(b->octets, &b->layout.segments[0], &b->layout, b->local, b->global, 0.57,
	                            &b->saturated, NULL) == OK);
}

static void part_add(struct bench *b)
{
	vec_add_octets(b->sum, b->octets, b->layout.words);
}

static void part_update(struct bench *b)
{
	struct row_source source = {.begin = begin, .fill = fill, .context = b};
	struct train_run run = {.round = 1, .rounds = 1, .anchor = b->global};
	begin_site(b);
	part_copy(b);
	CHECK(trainer_run(&b->trainer, b->local, NULL, source, run, NULL, NULL) == OK);
	part_encode(b);
	part_add(b);
	next_site(b);
}

/* ---- the whole */

/* Seconds of one call: the best of RUNS runs. */
static double seconds_of(struct bench *b, void (*part)(struct bench *b))
{
	double best = INFINITY;
	uint32_t calls = 1;
	for (int run = 0; run < RUNS;) {
		double start = thread_seconds();
		for (uint32_t i = 0; i < calls; i++)
			part(b);
		double seconds = thread_seconds() - start;
		if (seconds < RUN_SECONDS / 2) {
			calls *= 2;
			continue;
		}
		best = fmin(best, seconds / calls);
		run++;
	}
	return best;
}

static void bench_init(struct bench *b, const struct load *load)
{
	struct local_training settings = {
		.epochs = 1, .batch = BATCH, .optimizer = OPTIMIZER_SGD, .learning_rate = 0.05};
	struct rng r;
	*b = (struct bench){.load = load, .round = 1};
	rng_seeded(&r, 1, "bench");
	spec_begin(&b->spec, INPUTS);
	for (size_t i = 0; load->layers[i]; i++)
		CHECK(spec_add_layer(&b->spec, load->layers[i], NULL) == OK);
	CHECK(spec_end(&b->spec, LOSS_BINARY_CROSS_ENTROPY, 1, NULL) == OK);
	trainer_init(&b->trainer, &b->spec, &settings);
	layout_begin(&b->layout, SITES);
	CHECK(layout_add(&b->layout, SEGMENT_UPDATE, CODING_NARROW, (uint32_t)b->spec.parameters, 1, NULL) == OK);
	for (uint32_t s = 0; s < SITES; s++) {
		store_u32(b->keys[s].b, s);
		b->x[s] = vec_f32((size_t)load->rows * INPUTS);
		b->labels[s] = mem_array(load->rows, sizeof *b->labels[s]);
		for (uint32_t i = 0; i < load->rows; i++) {
			uint32_t class = (uint32_t)rng_below(&r, 2);
			b->labels[s][i].class = class;
			for (uint32_t j = 0; j < INPUTS; j++)
				b->x[s][i * INPUTS + j] = (float)rng_normal(&r) + (float)(class * (j % 3));
		}
	}
	b->global = vec_f32(b->spec.parameters);
	b->local = vec_f32(b->spec.parameters);
	b->batch_x = vec_f32((size_t)BATCH * INPUTS);
	b->batch_labels = mem_array(BATCH, sizeof *b->batch_labels);
	b->octets = (uint8_t *)vec_u32(b->layout.words);
	b->sum = vec_u32(b->layout.words);
	init_he(b->global, &b->spec, &r);
}

static void bench_free(struct bench *b)
{
	void *all[] = {b->global, b->local, b->batch_x, b->batch_labels, b->octets, b->sum};
	for (uint32_t s = 0; s < SITES; s++) {
		free(b->x[s]);
		free(b->labels[s]);
	}
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		free(all[i]);
	batches_free(&b->batches);
	trainer_free(&b->trainer);
}

static void measure(const struct load *load)
{
	static const struct {
		const char *name;
		void (*run)(struct bench *b);
	} parts[] = {{"order", part_order},       {"gather", part_gather}, {"copy", part_copy},
	             {"forward", part_forward},   {"loss", part_loss},     {"backward", part_backward},
	             {"gradient", part_gradient}, {"encode", part_encode}, {"add", part_add}};
	struct bench b;
	char name[64];
	bench_init(&b, load);
	for (uint32_t s = 0; s < SITES; s++) /* every buffer holds what training leaves in it */
		part_update(&b);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		snprintf(name, sizeof name, "update_%s_%s", load->name, parts[i].name);
		figure(name, 1e6 * seconds_of(&b, parts[i].run), "us", NAN);
	}
	b.site = 0;
	b.round++;
	snprintf(name, sizeof name, "update_%s", load->name);
	figure(name, 1 / seconds_of(&b, part_update), "updates/s", load->goal);
	bench_free(&b);
}

int main(void)
{
	static const struct load loads[] = {
		{.name = "mlp_57_rows",
	         .layers = {"dense 128", "relu", "dense 64", "relu", "dense 1"},
	         .rows = 57,
	         .goal = 16000},
		{.name = "mlp_6_rows",
	         .layers = {"dense 128", "relu", "dense 64", "relu", "dense 1"},
	         .rows = 6,
	         .goal = 100000},
		{.name = "logistic_57_rows", .layers = {"dense 1"}, .rows = 57, .goal = 400000},
	};
	secret_init(); /* as the programs do: libsodium takes this machine's ChaCha20 */
	for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++)
		measure(&loads[i]);
	return 0;
}
