#include "simulator/faults.h"

#include "simulator/fault_field.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REPEAT_EVERY 16 /* one seed in so many is run twice */
#define LOOK_MS 20 /* between two looks at the workers */

/* One process's: written by it, read by the one that started it. */
struct worker {
	_Atomic uint64_t seed; /* in hand */
	atomic_bool over; /* it has come to the end */
	pid_t pid; /* 0: none */
	struct faults_tally tally;
};

struct shared {
	atomic_bool stop;
	struct worker workers[FAULTS_JOBS_MAX];
};

/* ---- one seed */

static void run_seed(struct world_result *out, const struct fault_field *field, uint64_t seed, FILE *trace)
{
	struct world_setting setting;
	struct world_plan plan;

	fault_field_draw(&setting, &plan, field, seed);
	plan.trace = trace;
	world_run(out, &setting, &plan);
}

void faults_one(struct world_result *out, uint64_t seed, FILE *trace)
{
	struct fault_field *field = mem_alloc(sizeof *field);

	fault_field_make(field);
	run_seed(out, field, seed, trace);
	fault_field_free(field);
	free(field);
}

/* ---- tallies */

static int compare_seed(const void *a, const void *b)
{
	uint64_t x = ((const struct faults_violation *)a)->seed, y = ((const struct faults_violation *)b)->seed;

	return (x > y) - (x < y);
}

static void violate(struct faults_tally *t, uint64_t seed, const char *words)
{
	struct faults_violation *v = &t->violations[t->violated];

	if (t->violated == FAULTS_KEPT_MAX)
		return;
	v->seed = seed;
	snprintf(v->words, sizeof v->words, "%s", words);
	t->violated++;
}

static void take_in(struct faults_tally *t, uint64_t seed, const struct world_result *r)
{
	t->seeds++;
	t->finished += r->state == CAMPAIGN_FINISHED && r->violation[0] == '\0';
	t->stopped += r->state == CAMPAIGN_STOPPED && r->violation[0] == '\0';
	t->lost += r->state == CAMPAIGN_FAILED && r->violation[0] == '\0';
	t->events += r->events;
	disturbances_add(&t->disturbances, &r->disturbances);
	if (r->violation[0] != '\0')
		violate(t, seed, r->violation);
}

static void add(struct faults_tally *to, const struct faults_tally *from)
{
	to->seeds += from->seeds;
	to->finished += from->finished;
	to->stopped += from->stopped;
	to->lost += from->lost;
	to->events += from->events;
	to->repeated += from->repeated;
	disturbances_add(&to->disturbances, &from->disturbances);
	for (uint32_t i = 0; i < from->violated; i++)
		violate(to, from->violations[i].seed, from->violations[i].words);
}

/* ---- a worker: every jobs-th seed */

static void run_twice(struct faults_tally *t, const struct fault_field *field, uint64_t seed,
                      const struct world_result *first, struct world_result *second)
{
	run_seed(second, field, seed, NULL);
	t->repeated++;
	if (second->trace != first->trace)
		violate(t, seed, "trace: the same seed went another way the second time");
}

/* Another patient with other values: nobody may tell by what happens. */
static void run_twin(struct faults_tally *t, const struct fault_field *field, uint64_t seed,
                     const struct world_result *first, struct world_result *second)
{
	struct world_setting setting;
	struct world_plan plan;

	fault_field_draw(&setting, &plan, field, seed);
	if (setting.study->privacy.mechanism == PRIVACY_NONE)
		return;
	setting.tables = field->twins[setting.study - field->studies];
	world_run(second, &setting, &plan);
	t->repeated++;
	if (second->conduct != first->conduct)
		violate(t, seed, "blind: the same seed went another way with another patient");
}

static void work(struct shared *s, struct worker *w, const struct faults_options *o, uint64_t from)
{
	struct fault_field *field = mem_alloc(sizeof *field);
	struct world_result *results = mem_array(2, sizeof *results);

	fault_field_make(field);
	for (uint64_t seed = from; seed <= o->to && !atomic_load(&s->stop); seed += o->jobs) {
		atomic_store(&w->seed, seed);
		run_seed(&results[0], field, seed, NULL);
		if (seed % REPEAT_EVERY == 0)
			run_twice(&w->tally, field, seed, &results[0], &results[1]);
		if (seed % REPEAT_EVERY == REPEAT_EVERY / 2)
			run_twin(&w->tally, field, seed, &results[0], &results[1]);
		take_in(&w->tally, seed, &results[0]);
		if (w->tally.violated == FAULTS_KEPT_MAX)
			break;
	}
	atomic_store(&w->over, true);
	fault_field_free(field);
	free(field);
	free(results);
}

/* ---- the one that started them */

static enum err start(struct shared *s, struct worker *w, const struct faults_options *o, uint64_t from,
                      struct diag *why)
{
	pid_t pid;

	fflush(NULL); /* what is waiting in a buffer would be written twice */
	pid = fork();
	if (pid < 0)
		return diag_errno(why, errno, "no process for the faults");
	if (pid == 0) {
		work(s, w, o, from);
		_exit(0);
	}
	w->pid = pid;
	return OK;
}

/* A worker has ended; if not by itself, the seed in its hand is to blame, and another goes on behind it. */
static enum err bury(struct shared *s, struct worker *w, const struct faults_options *o, int status, struct diag *why)
{
	uint64_t seed = atomic_load(&w->seed);
	char words[128];

	w->pid = 0;
	if (atomic_load(&w->over) && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return OK;
	if (WIFSIGNALED(status))
		snprintf(words, sizeof words, "death: the process ended by signal %d", WTERMSIG(status));
	else
		snprintf(words, sizeof words, "death: the process ended with status %d", WEXITSTATUS(status));
	w->tally.seeds++;
	violate(&w->tally, seed, words);
	if (seed + o->jobs <= o->to && w->tally.violated < FAULTS_KEPT_MAX && !atomic_load(&s->stop))
		return start(s, w, o, seed + o->jobs, why);
	return OK;
}

static uint32_t violations(const struct shared *s, const struct faults_options *o)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < o->jobs; i++)
		n += s->workers[i].tally.violated;
	return n;
}

static enum err watch(struct shared *s, const struct faults_options *o, struct diag *why)
{
	const struct timespec pause = {0, LOOK_MS * 1000000L};
	unsigned running = o->jobs;
	enum err e = OK;

	while (running > 0) {
		uint64_t done = 0;

		running = 0;
		for (unsigned i = 0; i < o->jobs; i++) {
			struct worker *w = &s->workers[i];
			int status;

			if (w->pid > 0 && waitpid(w->pid, &status, WNOHANG) == w->pid) {
				enum err buried = bury(s, w, o, status, why);

				e = e == OK ? buried : e;
			}
			running += w->pid > 0;
			done += w->tally.seeds;
		}
		if (violations(s, o) >= FAULTS_KEPT_MAX || e != OK)
			atomic_store(&s->stop, true);
		if (o->progress != NULL)
			o->progress(o->context, done);
		if (running > 0)
			nanosleep(&pause, NULL);
	}
	return e;
}

enum err faults_run(struct faults_tally *out, const struct faults_options *o, struct diag *why)
{
	struct shared *s;
	enum err e = OK;

	CHECK(o->jobs >= 1 && o->jobs <= FAULTS_JOBS_MAX && o->from <= o->to);
	memset(out, 0, sizeof *out);
	s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return diag_errno(why, errno, "no memory for the faults");
	for (unsigned i = 0; i < o->jobs && e == OK; i++)
		if (o->from + i <= o->to)
			e = start(s, &s->workers[i], o, o->from + i, why);
	if (e != OK)
		atomic_store(&s->stop, true);
	{
		enum err watched = watch(s, o, e == OK ? why : NULL);

		e = e == OK ? watched : e;
	}
	for (unsigned i = 0; i < o->jobs; i++)
		add(out, &s->workers[i].tally);
	qsort(out->violations, out->violated, sizeof *out->violations, compare_seed);
	munmap(s, sizeof *s);
	return e;
}
