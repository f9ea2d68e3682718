/*
 * From the survivors' answers to the unmasked sum at the coordinator: the core's secrets from shares and their masks
 * (crypto/secagg_server.h), taken off the sum as the daemon does it (coordinator/masked_sum.h). Thread CPU time. The sum
 * is checked: in its first and its last piece the masks that the survivors made are put in from their own secrets, and
 * nothing but the check words may be left.
 *
 *   unmask_500_complete       500 sites, 150 gone after they dealt shares, 100,000 words, complete graph      goal 8 s
 *   unmask_500_complete_two   how much faster two workers are: one worker's time against the busier one's     goal 1.8
 *   unmask_500_complete_wall  the same on the wall, waiting for locks included; nothing else should run then
 *   unmask_500_graph          the same load with 58 neighbours and t = 20, the rule against a coordinator that follows
 *                             the protocol, 5 % colluders: for comparison, masked rounds use the other rule   goal 1.5 s
 *   unmask_1000_graph         1,000 sites, 100 gone, 1,000,000 words, 5 % colluders, the rule of masked rounds, against
 *                             the streams alone: as many octets of ChaCha20 at the speed of one tile in the cache, which
 *                             is measured after each slice, since a machine's speed changes within seconds    goal 1.15
 */
#include "base/random.h"
#include "base/vec.h"
#include "coordinator/masked_sum.h"
#include "crypto/graph.h"
#include "protocol/masked_plan.h"
#include "tests/bench/figure.h"
#include "tests/support/unmasking.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WORKERS_MAX 2
#define GRAPH_RUNS 3
#define GOAL_COMPLETE_S 8
#define GOAL_TWO 1.8
#define GOAL_GRAPH_S 1.5
#define STREAM_PIECE 4096 /* words */
#define STREAM_PIECES 1024 /* after each slice */

/* Streams into one tile, nothing else. */
struct streams {
	EVP_CIPHER_CTX *context;
	uint8_t zeros[4 * STREAM_PIECE], stream[4 * STREAM_PIECE];
	uint32_t tile[STREAM_PIECE];
	double seconds, octets; /* so far */
};

struct load {
	struct unmasking u;
	struct layout layout;
	uint32_t mask_count;
	struct masked_sum *sum;
	uint32_t *first, *last; /* the masks in the first and the last piece of the survivors' sum */
	double answer; /* seconds of the last answer: everything that is prepared once */
	atomic_uint next_slice;
	struct streams *streams; /* NULL: not in this load */
};

static double wall_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the load */

static uint32_t last_piece_at(const struct load *l)
{
	return (masked_sum_pieces(l->sum) - 1) * MASKED_SUM_PIECE;
}

static void load_init(struct load *l, const struct unmasking_shape *shape)
{
	*l = (struct load){0};
	unmasking_init(&l->u, shape);
	layout_begin(&l->layout, shape->n);
	CHECK(layout_add(&l->layout, SEGMENT_UPDATE, CODING_NARROW, shape->words - MASKED_CHECK_WORDS, 8, NULL) == OK);
	l->sum = masked_sum_new(&l->layout, 32);
	struct mask *masks = unmasking_masks(&l->u, &l->mask_count);
	uint32_t at = last_piece_at(l);
	l->first = vec_u32(MASKED_SUM_PIECE);
	l->last = vec_u32(MASKED_SUM_PIECE);
	mask_add(l->first, 0, MASKED_SUM_PIECE, masks, l->mask_count);
	mask_add(l->last, at, shape->words - at, masks, l->mask_count);
	l->last[l->layout.words - at] += shape->n - shape->lost; /* everyone's first check word */
	free(masks);
	double start = thread_seconds();
	unmasking_answer(&l->u);
	l->answer = thread_seconds() - start;
}

static void load_free(struct load *l)
{
	masked_sum_free(l->sum);
	free(l->first);
	free(l->last);
	unmasking_free(&l->u);
}

static void begin_sum(struct load *l)
{
	masked_sum_free(l->sum);
	l->sum = masked_sum_new(&l->layout, 32);
	uint32_t at = last_piece_at(l);
	masked_sum_add(l->sum, (const uint8_t *)l->first, 0, MASKED_SUM_PIECE);
	masked_sum_add(l->sum, (const uint8_t *)l->last, at, masked_sum_words(l->sum) - at);
	atomic_store(&l->next_slice, 0);
}

static void check_sum(const struct load *l)
{
	struct aggregate all = {0};
	struct diag why = {0};
	aggregate_begin(&all, &l->layout);
	enum err e = masked_sum_finish(&all, l->sum, l->u.shape.n - l->u.shape.lost, &why);
	if (e)
		fprintf(stderr, "%s\n", why.text);
	CHECK(e == OK);
	for (uint32_t i = 0; i < MASKED_SUM_PIECE; i++)
		CHECK(all.sums[i] == 0);
	for (uint32_t i = last_piece_at(l); i < l->layout.words; i++)
		CHECK(all.sums[i] == 0);
	aggregate_free(&all);
}

/* ---- work */

static void run_streams(struct streams *s)
{
	const uint8_t key[KEYS_SIZE] = {1}, counter[16] = {0};
	int made;
	double start = thread_seconds();
	CHECK(EVP_EncryptInit_ex2(s->context, NULL, key, counter, NULL) == 1);
	for (int i = 0; i < STREAM_PIECES; i++) {
		CHECK(EVP_EncryptUpdate(s->context, s->stream, &made, s->zeros, sizeof s->zeros) == 1);
		vec_add_octets(s->tile, s->stream, STREAM_PIECE);
	}
	s->seconds += thread_seconds() - start;
	s->octets += 4.0 * STREAM_PIECE * STREAM_PIECES;
}

static void work(struct load *l)
{
	const struct secagg_server *server = l->u.server;
	uint32_t pieces = masked_sum_pieces(l->sum);

	for (;;) {
		uint32_t slice = atomic_fetch_add(&l->next_slice, 1), count;
		struct secret masks = {0};
		if (slice >= secagg_server_slices(server))
			return;
		CHECK(secagg_server_masks(server, slice, &masks, &count, NULL) == OK);
		for (uint32_t i = 0; i < pieces;
		     i++) /* each slice begins at another piece, so that workers seldom meet */
			masked_sum_unmask(l->sum, (slice + i) % pieces, (const struct mask *)(const void *)masks.ptr,
			                  count);
		secret_free(&masks);
		if (l->streams != NULL)
			run_streams(l->streams);
	}
}

struct worker {
	struct load *load;
	pthread_t thread;
	double seconds; /* of its CPU time */
};

static void *run_worker(void *context)
{
	struct worker *w = context;
	double start = thread_seconds();
	work(w->load);
	w->seconds = thread_seconds() - start;
	return NULL;
}

/* From the answers to the sum. */
struct pass {
	double cpu; /* of the busiest worker */
	double wall;
};

static struct pass unmask(struct load *l, uint32_t workers)
{
	struct worker w[WORKERS_MAX];
	struct pass pass = {0};
	begin_sum(l);
	double start = wall_seconds();
	for (uint32_t i = 0; i < workers; i++) {
		w[i].load = l;
		CHECK(pthread_create(&w[i].thread, NULL, run_worker, &w[i]) == 0);
	}
	for (uint32_t i = 0; i < workers; i++) {
		CHECK(pthread_join(w[i].thread, NULL) == 0);
		pass.cpu = fmax(pass.cpu, w[i].seconds);
	}
	pass.wall = wall_seconds() - start;
	check_sum(l);
	return pass;
}

static void complete_graph(const struct unmasking_shape *shape)
{
	struct load l;
	load_init(&l, shape);
	struct pass one = unmask(&l, 1), two = unmask(&l, 2);
	figure("unmask_500_complete", l.answer + one.cpu, "s", GOAL_COMPLETE_S);
	figure("unmask_500_complete_two", one.cpu / two.cpu, "times", GOAL_TWO);
	figure("unmask_500_complete_wall", one.wall / two.wall, "times", NAN);
	load_free(&l);
}

static void small_graph(struct unmasking_shape shape)
{
	struct load l;
	double best = INFINITY;
	shape.degree = 58;
	shape.share_threshold = 20;
	load_init(&l, &shape);
	for (int i = 0; i < GRAPH_RUNS; i++)
		best = fmin(best, unmask(&l, 1).cpu);
	figure("unmask_500_graph", l.answer + best, "s", GOAL_GRAPH_S);
	load_free(&l);
}

static void large_graph(struct unmasking_shape shape)
{
	static struct streams streams;
	struct graph_rule rule;
	struct load l;
	CHECK(graph_rule_find(&rule, shape.n, shape.colluders, shape.lost, MASKED_SECURITY_BITS, GRAPH_ACTIVE, NULL) ==
	      OK);
	shape.degree = rule.k;
	shape.share_threshold = rule.t;
	streams.context = EVP_CIPHER_CTX_new();
	CHECK(streams.context && EVP_EncryptInit_ex2(streams.context, EVP_chacha20(), NULL, NULL, NULL) == 1);
	load_init(&l, &shape);
	l.streams = &streams;
	double both = l.answer + unmask(&l, 1).cpu, octets = 4.0 * shape.words * l.mask_count;
	figure("unmask_1000_graph", both - streams.seconds, "s", octets * streams.seconds / streams.octets);
	load_free(&l);
	EVP_CIPHER_CTX_free(streams.context);
}

int main(void)
{
	static const struct unmasking_shape five_hundred = {.n = 500, .lost = 150, .colluders = 25, .words = 100000};
	static const struct unmasking_shape thousand = {.n = 1000, .lost = 100, .colluders = 50, .words = 1000000};

	secret_init();
	complete_graph(&five_hundred);
	small_graph(five_hundred);
	large_graph(thousand);
	return 0;
}
