#include "base/limits.h"
#include "base/parse.h"
#include "simulator/commands.h"
#include "simulator/faults.h"
#include "simulator/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRONG_SIZE 2048 /* names of some thirty cells */

/* "A..B", or "A" for one. */
static enum err read_seeds(struct faults_options *o, const char *text, struct diag *why)
{
	const char *dots = strstr(text, "..");
	size_t len = dots != NULL ? (size_t)(dots - text) : strlen(text);

	if (parse_u64(&o->from, bytes_of(text, len)) && parse_u64(&o->to, bytes_text(dots != NULL ? dots + 2 : text)) &&
	    o->from <= o->to && o->to < INT64_MAX)
		return OK;
	return diag_set(why, ERR_USAGE, "--seeds wants two numbers, the smaller first, as in --seeds 1..2000");
}

static enum err read_jobs(struct faults_options *o, const char *text, struct diag *why)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t jobs = cores > 1 ? (uint64_t)cores : 1;

	if (text == NULL && jobs > FAULTS_JOBS_MAX)
		jobs = FAULTS_JOBS_MAX;
	if (text != NULL && (!parse_u64(&jobs, bytes_text(text)) || jobs < 1 || jobs > FAULTS_JOBS_MAX))
		return diag_set(why, ERR_USAGE, "--jobs wants a number from 1 to %d", FAULTS_JOBS_MAX);
	o->jobs = (unsigned)jobs;
	return OK;
}

/* ---- on the way */

struct watch {
	struct progress progress;
	uint64_t seeds;
};

static void show_progress(void *context, uint64_t done)
{
	struct watch *w = context;
	double seconds = progress_seconds(&w->progress);
	char left[16];

	if (!progress_due(&w->progress))
		return;
	progress_left(left, &w->progress, (double)done, (double)w->seeds);
	progress_show(&w->progress, "seed %" PRIu64 " of %" PRIu64 "   %.0f worlds/s   %s left", done, w->seeds,
	              seconds > 0 ? (double)done / seconds : 0.0, left);
}

/* ---- at the end */

static void print_summary(const struct faults_tally *t, const struct faults_options *o, double seconds)
{
	printf("seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " world%s, %" PRIu64 " studies finished, %" PRIu64
	       " were stopped, %" PRIu64 " lost what may not be asked for again; %" PRIu64 " events, %" PRIu64
	       " world%s run twice; %.1f s, %.0f worlds/s\n\n",
	       o->from, o->to, t->seeds, t->seeds == 1 ? "" : "s", t->finished, t->stopped, t->lost, t->events,
	       t->repeated, t->repeated == 1 ? "" : "s", seconds,
	       seconds > 0 ? (double)(t->seeds + t->repeated) / seconds : 0.0);
	faults_print(stdout, &t->disturbances);
	putchar('\n');
	for (uint32_t i = 0; i < t->violated; i++)
		printf("VIOLATION  seed %" PRIu64 "  %s\n           cohort-sim faults --seeds %" PRIu64 "..%" PRIu64
		       " --trace\n",
		       t->violations[i].seed, t->violations[i].words, t->violations[i].seed, t->violations[i].seed);
	printf("%u violation%s%s\n", t->violated, t->violated == 1 ? "" : "s",
	       t->violated == FAULTS_KEPT_MAX ? ", and no seed was run after them" : "");
}

/* Every cell that can occur has occurred, when there were seeds enough for it, and no other. */
static bool table_is_right(const struct faults_tally *t)
{
	char wrong[WRONG_SIZE];
	uint32_t count = faults_wrong_cells(wrong, sizeof wrong, &t->disturbances);

	if (t->seeds < FAULTS_TABLE_SEEDS || t->violated > 0 || count == 0)
		return true;
	fprintf(stderr, "cohort-sim: %u cell%s of the table stayed empty, or should have: %s\n", count,
	        count == 1 ? "" : "s", wrong);
	return false;
}

static enum err run_many(const struct command_line *line, struct faults_options *o, bool *good, struct diag *why)
{
	struct watch watch = {.seeds = o->to - o->from + 1};
	struct faults_tally *tally = mem_alloc(sizeof *tally);
	double seconds;
	enum err e;

	o->progress = show_progress;
	o->context = &watch;
	progress_begin(&watch.progress);
	e = faults_run(tally, o, why);
	progress_end(&watch.progress);
	seconds = progress_seconds(&watch.progress);
	if (e == OK && command_flag(line, "json")) {
		struct json *node = faults_to_json(tally, o);
		struct buf text;

		buf_init(&text, CONTRACT_MAX);
		json_write(&text, node, false);
		puts(buf_text(&text));
		buf_free(&text);
		json_free(node);
	} else if (e == OK) {
		print_summary(tally, o, seconds);
	}
	*good = e == OK && tally->violated == 0 && table_is_right(tally);
	free(tally);
	return e;
}

static bool run_traced(uint64_t seed)
{
	struct world_result *result = mem_alloc(sizeof *result);
	bool good;

	faults_one(result, seed, stdout);
	good = result->violation[0] == '\0';
	printf("%s, trace %016" PRIx64 "\n", good ? "no violation" : result->violation, result->trace);
	free(result);
	return good;
}

int commands_faults(const struct command_line *line, struct diag *why)
{
	struct faults_options o = {0};
	const char *seeds = command_value(line, "seeds", 0);
	bool good = false;
	enum err e = OK;

	if (seeds == NULL)
		e = diag_set(why, ERR_USAGE, "say which seeds: --seeds 1..2000");
	if (e == OK)
		e = read_seeds(&o, seeds, why);
	if (e == OK)
		e = read_jobs(&o, command_value(line, "jobs", 0), why);
	if (e == OK && command_flag(line, "trace") && o.from != o.to)
		e = diag_set(why, ERR_USAGE, "--trace tells of one seed: --seeds %" PRIu64 "..%" PRIu64, o.from,
		             o.from);
	if (e != OK)
		return err_exit(e);
	if (command_flag(line, "trace"))
		good = run_traced(o.from);
	else
		e = run_many(line, &o, &good, why);
	return e != OK ? err_exit(e) : good ? 0 : 1;
}
