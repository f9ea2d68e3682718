#include "simulator/sweep_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "/proc/self/exe" /* this very program, wherever it was moved meanwhile */
#define LINE_SIZE DIAG_MAX
#define NUMBER_SIZE 16

/* ---- words for `run` */

struct words {
	char **items; /* owned, ended by NULL */
	size_t count;
};

static void add(struct words *w, const char *text)
{
	w->items = mem_resize(w->items, w->count + 2, sizeof *w->items);
	w->items[w->count++] = mem_copy_text(text);
	w->items[w->count] = NULL;
}

static void add_option(struct words *w, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + sizeof "--=";
	char *word = mem_alloc(size);

	snprintf(word, size, "--%s=%s", name, value);
	add(w, word);
	free(word);
}

static void add_settings(struct words *w, const struct sweep *s, size_t combination)
{
	const struct sweep_request *q = s->request;

	for (size_t i = 0; i < q->setting_count; i++)
		add_option(w, "set", q->settings[i]);
	for (size_t i = 0; i < q->grid->count; i++) {
		const char *key = q->grid->axes[i].key, *value = sweep_grid_value(q->grid, combination, i);
		size_t size = strlen(key) + strlen(value) + sizeof "=";
		char *setting = mem_alloc(size);

		snprintf(setting, size, "%s=%s", key, value);
		add_option(w, "set", setting);
		free(setting);
	}
}

static void make_words(struct words *w, const struct sweep *s, const struct sweep_job *job, const char *path)
{
	const struct sweep_request *q = s->request;
	char seed[NUMBER_SIZE];

	snprintf(seed, sizeof seed, "%u", job->seed);
	add(w, "cohort-sim");
	add(w, "run");
	for (size_t i = 0; i < q->option_count; i++)
		if (q->options[i].value != NULL)
			add_option(w, q->options[i].name, q->options[i].value);
	if (q->baselines)
		add(w, "--baselines");
	add_settings(w, s, job->combination);
	add_option(w, "seed", seed);
	add_option(w, "threads", "1");
	add_option(w, "out", path);
	add(w, "--");
	add(w, q->study);
}

static void free_words(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->items[i]);
	free(w->items);
}

/* ---- the process */

/* In the child. A group of its own keeps a terminal's Ctrl-C away, so that a run hears of it once, from the sweep; and it does
 * not outlive a sweep that is killed. */
static _Noreturn void become(char **words, int words_to, pid_t parent)
{
	sigset_t none;
	int nothing = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (nothing >= 0 && getppid() == parent && dup2(nothing, STDIN_FILENO) >= 0 &&
	    dup2(nothing, STDOUT_FILENO) >= 0 && dup2(words_to, STDERR_FILENO) >= 0)
		execv(PROGRAM, words);
	_exit(127);
}

enum err sweep_start(const struct sweep *s, struct sweep_job *job, struct diag *why)
{
	struct words w = {0};
	char path[PATH_SIZE];
	pid_t parent = getpid();
	enum err e = sweep_path(path, s, job, why);

	if (e != OK)
		return e;
	job->words = tmpfile();
	if (job->words == NULL)
		return diag_errno(why, errno, "a temporary file cannot be made");
	make_words(&w, s, job, path);
	fflush(NULL);
	job->child = fork();
	if (job->child == 0)
		become(w.items, fileno(job->words), parent);
	free_words(&w);
	if (job->child < 0) {
		fclose(job->words);
		job->words = NULL;
		return diag_errno(why, errno, "no more processes can be started; try a smaller -j");
	}
	setpgid(job->child, job->child); /* whichever of the two comes first */
	job->state = SWEEP_RUNNING;
	return OK;
}

/* The last line that it wrote; a warning counts only where there is nothing else. */
static char *last_line(FILE *words, int status)
{
	char line[LINE_SIZE], last[LINE_SIZE] = "";

	rewind(words);
	while (fgets(line, sizeof line, words) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (*line != '\0' && (*last == '\0' || strstr(line, ": warning: ") == NULL))
			snprintf(last, sizeof last, "%s", line);
	}
	if (WIFSIGNALED(status))
		snprintf(last, sizeof last, "ended by signal %d", WTERMSIG(status));
	else if (*last == '\0')
		snprintf(last, sizeof last, "ended with exit code %d and no word", WEXITSTATUS(status));
	return mem_copy_text(strncmp(last, "cohort-sim: ", 12) == 0 ? last + 12 : last);
}

bool sweep_has_ended(struct sweep_job *job)
{
	int status;

	if (waitpid(job->child, &status, WNOHANG) != job->child)
		return false;
	job->state = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? SWEEP_DONE : SWEEP_FAILED;
	if (job->state == SWEEP_FAILED)
		job->reason = last_line(job->words, status);
	fclose(job->words);
	job->words = NULL;
	job->child = 0;
	return true;
}
