#include "simulator/sweep_inside.h"

#include "protocol/study.h"
#include "simulator/progress.h"
#include "simulator/setting.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TURN_S 1 /* SIGCHLD usually comes earlier; several of them may come as one */

enum err sweep_path(char out[PATH_SIZE], const struct sweep *s, const struct sweep_job *job, struct diag *why)
{
	char name[SWEEP_NAME_SIZE];
	const struct sweep_request *q = s->request;

	if (snprintf(out, PATH_SIZE, "%s/%s/seed-%u", q->out, sweep_grid_name(name, q->grid, job->combination),
	             job->seed) >= PATH_SIZE)
		return diag_set(why, ERR_USAGE, "--out %s: this path is too long", q->out);
	return OK;
}

size_t sweep_count(const struct sweep *s, enum sweep_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < s->job_count; i++)
		count += s->jobs[i].state == state;
	return count;
}

/* ---- the plan */

static enum err make_folder(const char *path, struct diag *why)
{
	if (mkdir(path, 0777) == 0 || errno == EEXIST)
		return OK;
	(void)diag_errno(why, errno, "%s: cannot be made", path);
	return ERR_CREATE;
}

static enum err make_folders(const struct sweep *s, struct diag *why)
{
	const struct sweep_request *q = s->request;
	enum err e = make_folder(q->out, why);

	/* none for a combination that has no contract */
	for (size_t c = 0; c < sweep_grid_combinations(q->grid) && e == OK; c++) {
		char path[PATH_SIZE], name[SWEEP_NAME_SIZE];

		if (snprintf(path, sizeof path, "%s/%s", q->out, sweep_grid_name(name, q->grid, c)) >= (int)sizeof path)
			return diag_set(why, ERR_USAGE, "--out %s: this path is too long", q->out);
		if (!hash_is_zero(&s->contracts[c]))
			e = make_folder(path, why);
	}
	return e;
}

/* What a setting of the grid makes of the study, before any process is started for it. */
static enum err read_contract(struct sweep *s, size_t combination, struct diag *why)
{
	const struct sweep_request *q = s->request;
	size_t count = q->setting_count + q->grid->count;
	char **settings = mem_array(count + 1, sizeof *settings);
	const char **borrowed = mem_array(count + 1, sizeof *borrowed);
	struct study study = {0};
	enum err e;

	for (size_t i = 0; i < count; i++) {
		size_t axis = i - q->setting_count, size = 2;
		const char *value = NULL;

		if (i < q->setting_count) {
			borrowed[i] = q->settings[i];
			continue;
		}
		value = sweep_grid_value(q->grid, combination, axis);
		size += strlen(q->grid->axes[axis].key) + strlen(value);
		borrowed[i] = settings[i] = mem_alloc(size);
		snprintf(settings[i], size, "%s=%s", q->grid->axes[axis].key, value);
	}
	e = study_load_set(&study, q->study, borrowed, count, why);
	if (e == OK)
		s->contracts[combination] = study.sha256;
	e = setting_blame(why, e, "--grid", borrowed + q->setting_count, q->grid->count);
	e = setting_blame(why, e, "--set", borrowed, q->setting_count);
	study_free(&study);
	for (size_t i = 0; i < count; i++)
		free(settings[i]);
	free(settings);
	free(borrowed);
	return e;
}

static void fail_combination(struct sweep *s, size_t combination, const char *reason)
{
	for (unsigned k = 0; k < s->request->seeds; k++) {
		struct sweep_job *job = &s->jobs[combination * s->request->seeds + k];

		job->state = SWEEP_FAILED;
		job->reason = mem_copy_text(reason);
	}
}

/* A combination without a contract stops no other; when none has one, the first one's words are the sweep's. */
static enum err plan(struct sweep *s, struct diag *why)
{
	const struct sweep_request *q = s->request;
	size_t combinations = sweep_grid_combinations(q->grid), failed = 0;
	struct diag words = {0};
	enum err e = OK;

	s->job_count = combinations * q->seeds;
	s->jobs = mem_array(s->job_count, sizeof *s->jobs);
	s->contracts = mem_array(combinations, sizeof *s->contracts);
	for (size_t i = 0; i < s->job_count; i++) {
		s->jobs[i].combination = i / q->seeds;
		s->jobs[i].seed = 1 + (unsigned)(i % q->seeds);
	}
	for (size_t c = 0; c < combinations; c++) {
		enum err its = read_contract(s, c, &words);

		if (its == OK)
			continue;
		fail_combination(s, c, words.text);
		if (failed++ == 0)
			e = diag_set(why, its, "%s", words.text);
	}
	if (failed == combinations)
		return e;
	if (failed > 0 && why != NULL)
		why->text[0] = '\0';
	for (size_t i = 0; i < s->job_count; i++)
		if (s->jobs[i].state == SWEEP_WAITING && sweep_is_there(s, &s->jobs[i]))
			s->jobs[i].state = SWEEP_KEPT;
	return OK;
}

/* ---- running */

static void say_failure(const struct sweep *s, const struct sweep_job *job)
{
	char name[SWEEP_NAME_SIZE];

	fprintf(stderr, "cohort-sim: %s, seed %u: %s\n", sweep_grid_name(name, s->request->grid, job->combination),
	        job->seed, job->reason);
}

/* Takes in who has ended. How many are still running. */
static size_t collect(struct sweep *s, struct progress *p)
{
	size_t running = 0;

	for (size_t i = 0; i < s->job_count; i++) {
		if (s->jobs[i].state != SWEEP_RUNNING)
			continue;
		if (!sweep_has_ended(&s->jobs[i])) {
			running++;
		} else if (s->jobs[i].state == SWEEP_FAILED && s->interrupted) {
			s->jobs[i].state = SWEEP_WAITING; /* it was we who ended it */
			free(s->jobs[i].reason);
			s->jobs[i].reason = NULL;
		} else if (s->jobs[i].state == SWEEP_FAILED) {
			progress_end(p);
			say_failure(s, &s->jobs[i]);
		}
	}
	return running;
}

static enum err fill(struct sweep *s, size_t running, struct diag *why)
{
	enum err e = OK;

	for (size_t i = 0; i < s->job_count && running < s->request->jobs && e == OK; i++) {
		if (s->jobs[i].state != SWEEP_WAITING)
			continue;
		e = sweep_remove(s, &s->jobs[i], why);
		if (e == OK)
			e = sweep_start(s, &s->jobs[i], why);
		running += e == OK;
	}
	return e;
}

static void end_children(const struct sweep *s, int signal_number)
{
	for (size_t i = 0; i < s->job_count; i++)
		if (s->jobs[i].state == SWEEP_RUNNING)
			kill(s->jobs[i].child, signal_number);
}

static void show(const struct sweep *s, struct progress *p, size_t at_first)
{
	size_t ended = s->job_count - sweep_count(s, SWEEP_WAITING) - sweep_count(s, SWEEP_RUNNING);
	char left[16];

	if (!progress_due(p))
		return;
	progress_left(left, p, (double)(ended - at_first), (double)(s->job_count - at_first));
	progress_show(p, "%zu of %zu runs, %zu failed%s%s%s", ended, s->job_count, sweep_count(s, SWEEP_FAILED),
	              *left != '\0' ? "   " : "", left, *left != '\0' ? " left" : "");
}

static enum err run_all(struct sweep *s, const sigset_t *signals, struct diag *why)
{
	struct progress p;
	size_t at_first = s->job_count - sweep_count(s, SWEEP_WAITING), running = 0;
	enum err e = OK;

	progress_begin(&p);
	for (;;) {
		if (e == OK && !s->interrupted)
			e = fill(s, running, why);
		if (e != OK)
			end_children(s, SIGTERM);
		running = collect(s, &p);
		if (running == 0 && (e != OK || s->interrupted || sweep_count(s, SWEEP_WAITING) == 0))
			break;
		if (running == 0)
			continue;
		int number = sigtimedwait(signals, NULL, &(struct timespec){.tv_sec = TURN_S});
		if (number == SIGINT || number == SIGTERM) {
			end_children(s, s->interrupted ? SIGKILL : SIGTERM);
			s->interrupted = true;
		}
		running = collect(s, &p);
		show(s, &p, at_first);
	}
	progress_end(&p);
	return e;
}

enum err sweep_run(struct sweep *s, const struct sweep_request *request, struct diag *why)
{
	sigset_t signals, before;
	enum err e;

	*s = (struct sweep){.request = request};
	e = plan(s, why);
	if (e == OK)
		e = make_folders(s, why);
	if (e != OK)
		return e;
	for (size_t i = 0; i < s->job_count; i += request->seeds)
		if (s->jobs[i].state == SWEEP_FAILED)
			say_failure(s, &s->jobs[i]);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &before);
	e = run_all(s, &signals, why);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return e;
}

void sweep_free(struct sweep *s)
{
	for (size_t i = 0; i < s->job_count; i++)
		free(s->jobs[i].reason);
	free(s->jobs);
	free(s->contracts);
	*s = (struct sweep){0};
}
