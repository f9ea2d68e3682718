/* run: one simulated study. */
#include "base/clock.h"
#include "base/parse.h"
#include "protocol/promise.h"
#include "simulator/commands.h"
#include "simulator/progress.h"
#include "simulator/ranks.h"
#include "simulator/run_directory.h"
#include "simulator/run_json.h"
#include "simulator/run_print.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GRACE_MS 1000 /* one Ctrl-C may come as two signals: to the process, and to its group */

static atomic_bool interrupted;
static atomic_llong interrupted_ms;

/* The first Ctrl-C ends the run at the next step and keeps what was done; one that comes later ends the process. */
static void interrupt(int number)
{
	int64_t now = clock_monotonic_ms();

	if (!atomic_load(&interrupted)) {
		atomic_store(&interrupted_ms, now);
		atomic_store(&interrupted, true);
	} else if (now - atomic_load(&interrupted_ms) >= GRACE_MS) {
		signal(number, SIG_DFL);
		raise(number);
	}
}

static void listen_for_interrupts(void)
{
	struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};

	sigaddset(&action.sa_mask, SIGINT);
	sigaddset(&action.sa_mask, SIGTERM);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* ---- options */

static enum err read_count(uint64_t *out, const struct command_line *line, const char *name, uint64_t min, uint64_t max,
                           struct diag *why)
{
	const char *text = command_value(line, name, 0);

	if (text == NULL)
		return OK;
	if (parse_u64(out, bytes_text(text)) && *out >= min && *out <= max)
		return OK;
	return diag_set(why, ERR_USAGE, "--%s %s: must be a whole number from %llu to %llu", name, text,
	                (unsigned long long)min, (unsigned long long)max);
}

static enum err read_probability(double *out, const struct command_line *line, const char *name, struct diag *why)
{
	const char *text = command_value(line, name, 0);

	if (text == NULL || (parse_f64(out, bytes_text(text), '.') && *out >= 0 && *out <= 1))
		return OK;
	return diag_set(why, ERR_USAGE, "--%s %s: must be a number from 0 to 1", name, text);
}

static uint64_t machine_threads(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN) / (long)ranks_count(); /* which may all be on this machine */

	return cores < 1 ? 1 : cores > CREW_MAX ? CREW_MAX : (uint64_t)cores;
}

static enum err read_request(struct run_request *q, const char *settings[COMMAND_OPTIONS_MAX],
                             const struct command_line *line, struct diag *why)
{
	uint64_t sites = 0, per_round = 0, threads = machine_threads();
	enum err e = read_count(&q->seed, line, "seed", 0, INT64_MAX, why);

	q->study = line->operands[0];
	q->data.data = command_value(line, "data", 0);
	q->data.site_column = command_value(line, "site-column", 0);
	q->data.partition = command_value(line, "partition", 0);
	q->data.synthetic = command_value(line, "synthetic", 0);
	q->policy = command_value(line, "policy", 0);
	q->baselines = command_flag(line, "baselines");
	q->masks = command_flag(line, "masks");
	while ((settings[q->setting_count] = command_value(line, "set", q->setting_count)) != NULL)
		q->setting_count++;
	q->settings = settings;
	if (e == OK)
		e = read_count(&sites, line, "sites", 1, VECTOR_SITES_MAX, why);
	if (e == OK)
		e = read_count(&per_round, line, "sites-per-round", 1, VECTOR_SITES_MAX, why);
	if (e == OK)
		e = read_count(&threads, line, "threads", 1, CREW_MAX, why);
	if (e == OK)
		e = read_probability(&q->dropout, line, "dropout", why);
	if (e == OK)
		e = read_probability(&q->slow, line, "slow", why);
	q->data.sites = (uint32_t)sites;
	q->sites_per_round = (uint32_t)per_round;
	q->threads = (uint32_t)threads;
	return e;
}

/* ---- progress */

static const char *figure_shown(double *out, const struct study *s, const struct metrics *m)
{
	enum column_type type = s->schema.label.type;

	*out = type == COLUMN_NUMERIC ? m->rmse : type == COLUMN_BINARY ? m->auc : m->accuracy;
	return type == COLUMN_NUMERIC ? "rmse" : type == COLUMN_BINARY ? "auc" : "accuracy";
}

/* What a hospital would be asked to believe, before anything runs; without noise, nothing. */
static void show_promise(void *context, const struct study *study)
{
	struct buf words;

	(void)context;
	fwrite(study->warnings.ptr, 1, study->warnings.len, stderr);
	if (study->privacy.mechanism == PRIVACY_NONE)
		return;
	buf_init(&words, PROMISE_WORDS_MAX);
	promise_words(&words, study);
	fputs(buf_text(&words), stderr);
	buf_free(&words);
}

static void show_round(void *context, const struct study *study, const struct engine_round *round, uint64_t updates)
{
	struct progress *p = context;
	uint32_t step = round->report->plan->step, rounds = study->rounds;
	double figure, seconds = progress_seconds(p);
	char left[16], shown[48] = "";

	if (!progress_due(p))
		return;
	step = step < rounds ? step : rounds; /* the last evaluation trains nothing */
	if (round->report->evaluated) {
		const char *name = figure_shown(&figure, study, &round->report->test);

		if (!isnan(figure))
			snprintf(shown, sizeof shown, "   %s %.4g", name, figure);
	}
	progress_left(left, p, step, rounds);
	progress_show(p, "round %u of %u%s   %.0f updates/s%s%s%s", step, rounds, shown,
	              seconds > 0 ? (double)updates / seconds : 0, left[0] != '\0' ? "   " : "", left,
	              left[0] != '\0' ? " left" : "");
}

/* ---- the command */

static enum err print_json(const struct run *r, const char *directory, struct diag *why)
{
	char model[PATH_SIZE];
	struct json *node;
	struct buf text;
	bool failed;

	snprintf(model, sizeof model, "%s/model.safetensors", directory != NULL ? directory : "");
	node = run_json(r, directory != NULL && !hash_is_zero(&r->model_sha256) ? model : NULL);
	buf_init(&text, RUN_JSON_MAX);
	json_write(&text, node, false);
	buf_put_u8(&text, '\n');
	failed = text.failed;
	if (!failed)
		fwrite(text.ptr, 1, text.len, stdout);
	buf_free(&text);
	json_free(node);
	return failed ? diag_set(why, ERR_LIMIT, "the run's JSON would be larger than %u MiB and is not printed",
	                         RUN_JSON_MAX >> 20)
	              : OK;
}

static void print_warnings(const struct run *r)
{
	for (uint32_t i = 0; i < r->federation.warning_count; i++)
		fprintf(stderr, "cohort-sim: warning: %s\n", r->federation.warnings[i]);
	if (r->federation.warnings_left_out > 0)
		fprintf(stderr, "cohort-sim: warning: and %u more of these\n", r->federation.warnings_left_out);
}

static enum err interrupted_words(const struct run *r, struct diag *why)
{
	if (r->rounds < r->study.rounds)
		return diag_set(why, ERR_CANCELLED, "interrupted after %u of %u rounds; what was done is kept",
		                r->rounds, r->study.rounds);
	return diag_set(why, ERR_CANCELLED, "interrupted after the last round; what was done is kept");
}

/* What there is to tell. A rank that does not lead leaves it to the one that does. */
static enum err tell(const struct command_line *line, const struct run *run, const char *out, enum err e,
                     struct diag *why)
{
	print_warnings(run);
	if (e == OK && out != NULL)
		e = run_directory_write(out, run, why);
	if (e == OK && command_flag(line, "json"))
		e = print_json(run, out, why);
	else if (e == OK)
		run_print(stdout, run, out);
	return e == OK && !run->complete ? interrupted_words(run, why) : e;
}

/* The folder is made before the work, by the rank that leads. */
static enum err begin(const struct command_line *line, const char *out, bool *made, struct diag *why)
{
	enum err e = OK;

	if (command_flag(line, "baselines") && ranks_count() > 1)
		return diag_set(why, ERR_USAGE, "--baselines needs everybody's rows in one process; leave mpirun out");
	if (command_flag(line, "masks") && ranks_count() > 1)
		return diag_set(why, ERR_USAGE, "--masks needs all sites in one process; leave mpirun out");
	if (out != NULL && ranks_leads())
		e = run_directory_make(out, made, why);
	return ranks_any(e != OK) && e == OK ? ERR_CREATE : e;
}

int commands_run(const struct command_line *line, struct diag *why)
{
	const char *settings[COMMAND_OPTIONS_MAX + 1], *out = command_value(line, "out", 0);
	struct progress progress;
	struct run_request request = {.cancel = &interrupted, .context = &progress};
	struct run run = {0};
	bool made = false;
	enum err e = read_request(&request, settings, line, why);

	listen_for_interrupts();
	if (e == OK)
		e = begin(line, out, &made, why);
	if (e != OK)
		return err_exit(e);
	request.on_study = ranks_leads() ? show_promise : NULL;
	request.on_round = ranks_leads() ? show_round : NULL;
	progress_begin(&progress);
	e = run_perform(&run, &request, why);
	progress_end(&progress);
	if (ranks_leads()) {
		e = tell(line, &run, out, e, why);
	} else {
		e = e == OK && !run.complete ? ERR_CANCELLED : e;
		*why = (struct diag){{0}};
	}
	if (e != OK && made)
		rmdir(out); /* succeeds only when nothing was written */
	run_free(&run);
	return err_exit(e);
}
