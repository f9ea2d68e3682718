/*
 * The simulator's engine on made-up rows: client updates per second of whole rounds, with everything a round has (the campaign,
 * the judgement of its plan, the model's file), beside the loops that researchers write (reference_torch.py, reference_numpy.py,
 * which say what they do; null where Debian's python3-torch or python3-numpy is missing).
 *
 *   simulator_mlp_57_rows          network 30-128-64-1, 100 sites of 57 training rows, 10 per round, batch 32    PyTorch
 *   simulator_mlp_6_rows           the same with 6 rows                                                          PyTorch
 *   simulator_mlp_6_rows_all       the same, all 100 sites in each round                                         PyTorch
 *   simulator_logistic_57_rows     logistic regression on 30 inputs, 57 rows, 100 sites, all in each round       NumPy
 *   simulator_private_logistic     the same logistic regression under mechanism distributed, 10 patients of 57 a step; reference:
 *                                  without privacy, one step on a batch of 10
 *   simulator_private_mlp          the network likewise, 12,289 parameters: their noise is most of the work
 *   simulator_10000_sites          the network, 10,000 sites of 57 rows, 100 per round; reference: 100 of 100 sites
 *   simulator_site_octets          memory that one more site takes beside its rows; reference: the bound, 1 KiB
 *   simulator_two_workers          100 of 100 sites with two workers, by the wall; reference: with one
 *   simulator_two_workers_core     the same per second of processor time; reference: with one
 *
 * With one worker the clock is the thread's own, so what else runs on the machine does not count. Two workers by the wall need a
 * quiet machine; what they lose to each other shows in processor time on any. Every figure is the best of many windows of
 * rounds.
 */
#include "base/secret.h"
#include "simulator/engine.h"
#include "tests/bench/figure.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define INPUTS 30
#define WINDOW_UPDATES 400 /* a window has at least so many */
#define MANY 10000 /* sites */

struct load {
	const char *layers;
	uint32_t sites, rows, sites_per_round; /* training rows */
	uint32_t rounds, workers;
	uint32_t step; /* 0: an epoch in batches of 32; else one step of about so many rows */
	bool is_private;
};

/* ---- the study */

static void write_study(struct buf *out, const struct load *l)
{
	buf_put_text(out, "cohort: 1\nstudy: bench\nrevision: 1\npurpose: Measure\nexpires: 2199-12-31\n"
	                  "data:\n  features:\n");
	for (int i = 0; i < INPUTS; i++)
		buf_printf(out, "    - {name: x%d, min: -4, max: 4}\n", i);
	buf_printf(out,
	           "  label: {name: y, type: binary, positive: \"1\"}\n"
	           "  fill: mean\n" /* no flags of what is missing: as many inputs as features */
	           "  split: {test_fraction: 0, validation_fraction: 0, seed: 1}\n"
	           "model: {layers: [%s]}\n"
	           "training: {rounds: %u, evaluate_every: 0, local: {",
	           l->layers, l->rounds);
	if (l->step == 0)
		buf_put_text(out, "epochs: 1, batch: 32, optimizer: sgd, ");
	else if (!l->is_private)
		buf_printf(out, "steps: 1, batch: %u, ", l->step);
	buf_printf(out,
	           "learning_rate: 0.05}}\n"
	           "evaluation: {release: none}\n"
	           "sites: {min: 2, max_dropouts: 0, cell_min: 1}\n"
	           "masking: %s\n",
	           l->is_private ? "required" : "off");
	if (l->is_private)
		buf_printf(out,
		           "privacy: {mechanism: distributed, epsilon: 3, delta: 1.0e-5, clip: 1, sampling_rate: %g, "
		           "patients: %u, spare_rounds: 0}\n",
		           (double)l->step / l->rows, l->sites * l->rows);
	else
		buf_put_text(out, "privacy: {mechanism: none}\n");
}

/* ---- one run */

struct run {
	const struct load *load;
	uint64_t updates; /* of the window */
	double wall, processor; /* when it began */
	double best_wall, best_processor; /* updates per second of either, over whole windows */
	double octets; /* memory taken beside the rows that the first layer reads */
};

static double seconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void on_round(void *context, const struct engine_round *round)
{
	struct run *r = context;
	bool trains = round->report->plan->asks & ASK_TRAIN;
	CHECK(!trains || round->contributed == r->load->sites_per_round);
	r->updates += trains ? round->contributed : 0;
	if (trains && r->updates < WINDOW_UPDATES)
		return;
	double wall = seconds(CLOCK_MONOTONIC), processor = seconds(CLOCK_PROCESS_CPUTIME_ID);
	if (trains) {
		r->best_wall = fmax(r->best_wall, (double)r->updates / (wall - r->wall));
		r->best_processor = fmax(r->best_processor, (double)r->updates / (processor - r->processor));
	}
	r->updates = 0;
	r->wall = wall;
	r->processor = processor;
}

static double octets_taken(void)
{
	struct mallinfo2 m = mallinfo2();
	return (double)m.uordblks + (double)m.hblkhd;
}

static struct run measure(struct load load)
{
	struct buf text;
	struct diag why = {{0}};
	struct study study;
	struct federation federation;
	struct engine *engine;
	struct engine_options options = {.sites_per_round = load.sites_per_round, .threads = load.workers};
	struct run run = {.load = &load};
	char synthetic[32];
	snprintf(synthetic, sizeof synthetic, "%ux%u", load.sites, load.rows);
	struct federation_options from = {.synthetic = synthetic, .seed = 1};
	buf_init(&text, YAML_TEXT_MAX);
	write_study(&text, &load);
	double before = octets_taken();
	if (study_parse(&study, buf_bytes(&text), "study.yaml", true, &why) != OK ||
	    federation_load(&federation, &study, &from, &why) != OK ||
	    engine_new(&engine, &study, &federation, &options, &why) != OK ||
	    engine_run(engine, on_round, &run, &why) != OK) {
		fprintf(stderr, "%s\n", why.text);
		exit(1);
	}
	double row = INPUTS * sizeof(float) + sizeof(union label_value);
	run.octets = octets_taken() - before - row * load.rows * load.sites;
	run.load = NULL;
	engine_free(engine);
	federation_free(&federation);
	study_free(&study);
	buf_free(&text);
	return run;
}

/* ---- the references */

/* What the script prints; NAN when it cannot run here. */
static double reference(const char *script, const char *arguments)
{
	char command[256], line[256] = "";
	double value = NAN;
	snprintf(command, sizeof command, "/usr/bin/python3 tests/bench/%s %s", script, arguments);
	FILE *p = popen(command, "r");
	CHECK(p != NULL);
	if (fgets(line, sizeof line, p) && sscanf(line, "{\"updates_per_second\": %lf}", &value) != 1)
		value = NAN;
	if (pclose(p) != 0)
		value = NAN;
	return value;
}

#define MLP "dense 128, relu, dense 64, relu, dense 1"

int main(void)
{
	const struct load mlp_57 = {MLP, 100, 57, 10, 800, 1, 0, false}, mlp_6 = {MLP, 100, 6, 10, 2000, 1, 0, false},
			  mlp_6_all = {MLP, 100, 6, 100, 200, 1, 0, false},
			  logistic = {"dense 1", 100, 57, 100, 2000, 1, 0, false};
	struct load all = {MLP, 100, 57, 100, 80, 1, 0, false};
	secret_init();
	figure("simulator_mlp_57_rows", measure(mlp_57).best_processor, "updates/s",
	       reference("reference_torch.py", "mlp 57"));
	double torch = reference("reference_torch.py", "mlp 6");
	figure("simulator_mlp_6_rows", measure(mlp_6).best_processor, "updates/s", torch);
	figure("simulator_mlp_6_rows_all", measure(mlp_6_all).best_processor, "updates/s", torch);
	figure("simulator_logistic_57_rows", measure(logistic).best_processor, "updates/s",
	       reference("reference_numpy.py", "57"));
	struct load step = {"dense 1", 100, 57, 100, 200, 1, 10, false},
		    mlp_step = {MLP, 10, 57, 10, 200, 1, 10, false};
	double plain = measure(step).best_processor, mlp_plain = measure(mlp_step).best_processor;
	step.is_private = mlp_step.is_private = true;
	figure("simulator_private_logistic", measure(step).best_processor, "updates/s", plain);
	figure("simulator_private_mlp", measure(mlp_step).best_processor, "updates/s", mlp_plain);
	struct run hundred = measure(all);
	all.workers = 2;
	struct run pair = measure(all);
	figure("simulator_two_workers", pair.best_wall, "updates/s", hundred.best_wall);
	figure("simulator_two_workers_core", pair.best_processor, "updates/s", hundred.best_processor);
	all.workers = 1;
	all.sites = MANY;
	struct run many = measure(all);
	figure("simulator_10000_sites", many.best_processor, "updates/s", hundred.best_processor);
	figure("simulator_site_octets", (many.octets - hundred.octets) / (MANY - 100), "octets", 1024);
	return 0;
}
