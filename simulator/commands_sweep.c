/* cohort-sim sweep: the command line of a sweep. */
#include "base/parse.h"
#include "simulator/commands.h"
#include "simulator/setting.h"
#include "simulator/sweep.h"

#include <unistd.h>

#define FOUND_BAD 1 /* the exit code of "checked and found bad": some runs failed */

const struct command_option commands_sweep_options[] = {
	{"grid", "KEY=A,B,...", "a key of the study and its values; commas inside quotes or [..] separate nothing",
         true},
	{"seeds", "N", "each combination with seeds 1 to N; default 5", false},
	{"j", "CORES", "runs at a time, each with one thread; default: the machine's cores", false},
	{"out", "DIR", "folder for the runs and sweep.csv; a sweep that was interrupted goes on there", false},
	{"data", "PATH", "as in run, like the options below", false},
	{"site-column", "NAME", "the column of the CSV that names each row's site", false},
	{"partition", "HOW", "iid, dirichlet:ALPHA, shards:K, quantity:ALPHA or column:NAME, with --sites", false},
	{"sites", "N", "how many sites a partition makes", false},
	{"synthetic", "SITESxROWS", "rows drawn from the study's own terms, instead of --data", false},
	{"sites-per-round", "K", "each training round asks a random K of the sites; default: all", false},
	{"dropout", "P", "probability that a site stays away from an attempt", false},
	{"slow", "P", "probability that a site's contribution comes too late", false},
	{"policy", "FILE", "every hospital's policy; default: one that permits everything", false},
	{"set", "KEY=VALUE", "change a key of the study in all runs", true},
	{"baselines", NULL, "also train on all rows pooled, and each site alone", false},
	{"json", NULL, "print the result as JSON", false},
	{NULL, NULL, NULL, false},
};

const char commands_sweep_help[] =
	"\nEvery combination of the grids' values with every seed, each a `cohort-sim run` of its own below DIR. "
	"Prints mean and\n"
	"standard deviation over the seeds; DIR/sweep.csv has a row per run. A run that is complete and has the same "
	"contract, seed and\n"
	"options is kept; others are made again. One that fails is reported, and the others go on (exit code 1). "
	"Ctrl-C ends the\n"
	"runs at hand and keeps what was done (75): the same command goes on.\n"
	"  --grid training.local.learning_rate=0.01,0.1 --grid \"model.layers=[dense 1],[dense 8, relu, dense 1]\"";

static enum err read_number(unsigned *out, const struct command_line *line, const char *name, unsigned max,
                            struct diag *why)
{
	const char *text = command_value(line, name, 0);
	uint64_t number;

	if (text == NULL)
		return OK;
	if (!parse_u64(&number, bytes_text(text)) || number < 1 || number > max)
		return diag_set(why, ERR_USAGE, "%s%s %s: must be a whole number from 1 to %u", name[1] ? "--" : "-",
		                name, text, max);
	*out = (unsigned)number;
	return OK;
}

static unsigned machine_cores(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return cores < 1 ? 1 : cores > SWEEP_JOBS_MAX ? SWEEP_JOBS_MAX : (unsigned)cores;
}

static enum err read_request(struct sweep_request *q, struct sweep_grid *grid, const char **settings,
                             const struct command_line *line, struct diag *why)
{
	const char *text;
	enum err e = OK;

	q->study = line->operands[0];
	q->out = command_value(line, "out", 0);
	q->grid = grid;
	q->seeds = 5;
	q->jobs = machine_cores();
	q->settings = settings;
	q->baselines = command_flag(line, "baselines");
	if (q->out == NULL)
		return diag_set(why, ERR_USAGE, "sweep: --out DIR is missing: the folder for its runs");
	e = read_number(&q->seeds, line, "seeds", SWEEP_SEEDS_MAX, why);
	if (e == OK)
		e = read_number(&q->jobs, line, "j", SWEEP_JOBS_MAX, why);
	while ((settings[q->setting_count] = command_value(line, "set", q->setting_count)) != NULL)
		q->setting_count++;
	for (size_t i = 0; e == OK && i < q->setting_count; i++)
		e = setting_check("--set", settings[i], why);
	for (size_t i = 0; e == OK && (text = command_value(line, "grid", i)) != NULL; i++) {
		e = setting_check("--grid", text, why);
		if (e == OK)
			e = sweep_grid_add(grid, text, why);
	}
	return e;
}

static void print(const struct sweep *s, bool as_json)
{
	struct buf text = {0};
	struct json *root;

	if (!as_json) {
		sweep_print(stdout, s);
		return;
	}
	root = sweep_json(s);
	buf_init(&text, RUN_TABLE_MAX);
	json_write(&text, root, true);
	buf_put_text(&text, "\n");
	fwrite(text.ptr, 1, text.len, stdout);
	buf_free(&text);
	json_free(root);
}

static int finish(const struct sweep *s, bool as_json, struct diag *why)
{
	size_t failed = sweep_count(s, SWEEP_FAILED), there = sweep_count(s, SWEEP_DONE) + sweep_count(s, SWEEP_KEPT);
	enum err e = sweep_write_csv(s, why);

	if (e != OK)
		return err_exit(e);
	print(s, as_json);
	fprintf(stderr, "cohort-sim: %s/sweep.csv has the %zu run%s", s->request->out, there, there == 1 ? "" : "s");
	if (sweep_count(s, SWEEP_KEPT) > 0)
		fprintf(stderr, ", %zu of them made before", sweep_count(s, SWEEP_KEPT));
	fprintf(stderr, "\n");
	if (s->interrupted)
		return err_exit(diag_set(why, ERR_CANCELLED,
		                         "interrupted with %zu of %zu runs done; the same command goes on", there,
		                         s->job_count));
	if (failed > 0)
		(void)diag_set(why, ERR_DATA, "%zu of %zu runs failed", failed, s->job_count);
	return failed > 0 ? FOUND_BAD : 0;
}

int commands_sweep(const struct command_line *line, struct diag *why)
{
	static const char *const keys[][2] = {
		{"data", "data"},           {"site-column", "site_column"},
		{"partition", "partition"}, {"sites", "sites"},
		{"synthetic", "synthetic"}, {"sites-per-round", "sites_per_round"},
		{"dropout", "dropout"},     {"slow", "slow"},
		{"policy", "policy"},
	};
	struct sweep_option options[sizeof keys / sizeof *keys];
	const char *settings[COMMAND_OPTIONS_MAX + 1];
	struct sweep_request request = {.options = options, .option_count = sizeof keys / sizeof *keys};
	struct sweep_grid grid = {0};
	struct sweep sweep = {0};
	enum err e;
	int code;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		options[i] = (struct sweep_option){keys[i][0], keys[i][1], command_value(line, keys[i][0], 0)};
	e = read_request(&request, &grid, settings, line, why);
	if (e == OK)
		e = sweep_run(&sweep, &request, why);
	code = e == OK ? finish(&sweep, command_flag(line, "json"), why) : err_exit(e);
	sweep_free(&sweep);
	sweep_grid_free(&grid);
	return code;
}
