/* cohort-sim plot: which runs, in which groups, to which file. */
#include "base/file.h"
#include "base/nearest.h"
#include "simulator/commands.h"
#include "simulator/figure.h"
#include "simulator/plot.h"
#include "simulator/run_folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLOT_MODE 0644
#define KEYS_MAX (4u << 20) /* names of all terms: a contract has at most CONTRACT_MAX bytes */
#define BY_MAX 8
#define NEAREST_SIZE 64

const struct command_option commands_plot_options[] = {
	{"y", "FIGURE",
         "auc, accuracy, precision, recall, f1, loss, brier, r2, rmse, mae, or a column of rounds.csv; default: what "
         "the study selects its model by",
         false},
	{"x", "WHAT",
         "round (training rounds; the default), bytes (up and down until then), epsilon (spent by then), or a term of "
         "the "
         "contract such as privacy.epsilon: each run is then a point, its final model's figure",
         false},
	{"by", "KEY",
         "what distinguishes the lines: a term of the contract such as training.strategy, an option such as partition, "
         "seed, run",
         true},
	{"part", "PART", "test (the default) or validation", false},
	{"o", "FILE.svg|.csv", "where to; without it the table goes to stdout", false},
	{"json", NULL, "the table as JSON on stdout", false},
	{NULL, NULL, NULL, false},
};

const char commands_plot_help[] =
	"\nRUN is a run's folder, or a folder with runs somewhere below it, such as a sweep. Runs of one group are "
	"taken for seeds of\n"
	"the same thing: a line is their mean, the band its 95 % interval (Student's t over the runs). Without --by, "
	"runs in folders\n"
	"seed-K beside one another are a group. Runs whose points have different x are interpolated between their own "
	"points; the\n"
	"line ends where one of them ends, and the table says at each x how many counted (by,x,mean,low,high,n).";

struct plotting {
	const char *y, *part, *file, *by[BY_MAX];
	size_t by_count;
	bool json, one_operand;
	size_t left_out; /* runs without a value, and what was said of the first */
	char first_left_out[sizeof((struct diag){0}).text];
	struct plot plot;
	struct run_folders folders;
	struct diag *why;
};

/* ---- groups */

/* "training.local.learning_rate" -> "learning rate" */
static void last_words(char out[PAST_RUN_VALUE_SIZE], const char *key)
{
	const char *dot = strrchr(key, '.');

	snprintf(out, PAST_RUN_VALUE_SIZE, "%s", dot != NULL ? dot + 1 : key);
	for (char *c = out; *c != '\0'; c++)
		*c = *c == '_' ? ' ' : *c;
}

/* The folder that seeds lie in, or the run; of one operand alone what is below it, or its own last part. */
static void name_by_folder(char out[PATH_SIZE], const struct plotting *p, const char *path, const char *operand)
{
	size_t length = strlen(operand);
	const char *name = path;
	char *slash;

	while (length > 1 && operand[length - 1] == '/')
		length--;
	if (p->one_operand && path[length] == '/')
		name = path + length + 1;
	else if (p->one_operand && strrchr(path, '/') != NULL)
		name = strrchr(path, '/') + 1;
	snprintf(out, PATH_SIZE, "%s", name);
	slash = strrchr(out, '/');
	if (slash != NULL && strncmp(slash + 1, "seed-", 5) == 0)
		*slash = '\0';
	else if (strncmp(out, "seed-", 5) == 0)
		snprintf(out, PATH_SIZE, "%.*s", (int)length, operand); /* the operand is that folder */
}

/* A sweep is a line: its folder's own name. */
static void name_by_operand(char out[PATH_SIZE], const char *operand)
{
	snprintf(out, PATH_SIZE, "%s", operand);
	for (char *slash; (slash = strrchr(out, '/')) != NULL;) {
		bool ends = slash[1] == '\0';

		if (!ends) {
			memmove(out, slash + 1, strlen(slash + 1) + 1);
			break;
		}
		*slash = '\0';
	}
}

static void name_by_keys(char out[PATH_SIZE], const struct plotting *p, const struct past_run *run)
{
	size_t length = 0;

	for (size_t i = 0; i < p->by_count && length < PATH_SIZE; i++) {
		char value[PAST_RUN_VALUE_SIZE] = "-", words[PAST_RUN_VALUE_SIZE] = "";

		if (strcmp(p->by[i], "run") == 0)
			snprintf(value, sizeof value, "%s", run->path);
		else if (!past_run_say(value, past_run_key(run, p->by[i])))
			snprintf(value, sizeof value, "-");
		if (p->by_count > 1) /* of several values each needs its name */
			last_words(words, p->by[i]);
		length += (size_t)snprintf(out + length, PATH_SIZE - length, "%s%s%s%s", i > 0 ? ", " : "", words,
		                           *words ? " " : "", value);
	}
}

static enum err check_key(const struct plotting *p, const char *option, const char *key, const struct past_run *runs,
                          size_t count)
{
	bool found = strcmp(key, "run") == 0 && strcmp(option, "by") == 0;
	struct buf keys = {0};
	char near[NEAREST_SIZE], hint[NEAREST_SIZE + 32] = "";

	for (size_t k = 0; k < count && !found; k++)
		found = past_run_key(&runs[k], key) != NULL;
	if (found)
		return OK;
	buf_init(&keys, KEYS_MAX);
	past_run_keys(&runs[0], &keys);
	if (nearest_word(near, sizeof near, key, buf_text(&keys)) != NULL)
		snprintf(hint, sizeof hint, " (did you mean %s?)", near);
	buf_free(&keys);
	return diag_set(p->why, ERR_USAGE,
	                "--%s %s: no run has this term or option%s; run.json has them below \"contract\" and "
	                "\"options\"",
	                option, key, hint);
}

static enum err check_keys(const struct plotting *p, const struct past_run *runs, size_t count)
{
	enum err e = p->plot.x == PLOT_TERM ? check_key(p, "x", p->plot.term, runs, count) : OK;

	for (size_t i = 0; i < p->by_count && e == OK; i++)
		e = check_key(p, "by", p->by[i], runs, count);
	return e;
}

/* ---- runs */

static enum err add_run(struct plotting *p, struct past_run *run, const char *operand)
{
	char group[PATH_SIZE] = "";
	enum err e;

	if (!past_run_complete(run))
		fprintf(stderr, "cohort-sim: %s did not come to its end; it counts as far as it went\n", run->path);
	if (p->by_count > 0)
		name_by_keys(group, p, run);
	else if (p->plot.x == PLOT_TERM)
		name_by_operand(group, operand);
	else
		name_by_folder(group, p, run->path, operand);
	e = plot_add(&p->plot, run, group, p->part, p->y, p->why);
	if (e != ERR_NOT_FOUND)
		return e;
	if (p->left_out++ == 0)
		snprintf(p->first_left_out, sizeof p->first_left_out, "%s", p->why->text);
	p->why->text[0] = '\0';
	return OK;
}

/* One line, however many runs a sweep has. */
static enum err say_left_out(const struct plotting *p, size_t opened)
{
	if (p->plot.run_count == 0)
		return diag_set(p->why, ERR_NOT_FOUND,
		                "none of the %zu runs can be drawn: %s; --y and --part name other figures", opened,
		                p->first_left_out);
	if (p->left_out > 0)
		fprintf(stderr, "cohort-sim: %zu of %zu runs left out: %s%s\n", p->left_out, opened, p->first_left_out,
		        p->left_out > 1 ? ", nor have the others" : "");
	return OK;
}

/* What the first run's study judges its models by, unless it says nothing of it. */
static void choose_y(struct plotting *p, const struct past_run *runs)
{
	const struct figure *selected = figure_find(past_run_text(&runs[0], "contract.evaluation.select"));

	p->y = selected != NULL ? selected->key : "auc";
}

/* Opens all runs first: whether a key exists is asked of all of them. */
static enum err add_runs(struct plotting *p, const struct command_line *line)
{
	size_t *operand_of = NULL, opened = 0;
	struct past_run *runs;
	enum err e = OK;

	for (size_t i = 0; i < line->operand_count && e == OK; i++) {
		size_t before = p->folders.count;

		e = run_folders_add(&p->folders, line->operands[i], p->why);
		operand_of = mem_resize(operand_of, p->folders.count + 1, sizeof *operand_of);
		for (size_t k = before; k < p->folders.count; k++)
			operand_of[k] = i;
	}
	runs = mem_array(p->folders.count + 1, sizeof *runs);
	for (; opened < p->folders.count && e == OK; opened++)
		e = past_run_open(&runs[opened], p->folders.paths[opened], p->why);
	if (e == OK)
		e = check_keys(p, runs, opened);
	if (e == OK && p->y == NULL)
		choose_y(p, runs);
	for (size_t i = 0; i < opened; i++) {
		if (e == OK)
			e = add_run(p, &runs[i], line->operands[operand_of[i]]);
		past_run_free(&runs[i]);
	}
	if (e == OK)
		e = say_left_out(p, opened);
	free(runs);
	free(operand_of);
	return e;
}

/* ---- output */

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), wanted = strlen(end);

	return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static enum err write_out(const struct plotting *p)
{
	struct buf out = {0};
	enum err e = OK;

	buf_init(&out, RUN_TABLE_MAX);
	if (p->json) {
		struct json *root = plot_json(&p->plot);
		json_write(&out, root, true);
		buf_put_text(&out, "\n");
		json_free(root);
	} else if (p->file != NULL && ends_with(p->file, ".svg")) {
		plot_draw(&out, &p->plot, p->part, p->y);
	} else {
		plot_csv(&out, &p->plot);
	}
	if (out.failed)
		e = diag_set(p->why, ERR_LIMIT, "the plot would be larger than %u MiB; name fewer runs",
		             RUN_TABLE_MAX >> 20);
	else if (p->file != NULL)
		e = file_replace(p->file, buf_bytes(&out), PLOT_MODE, p->why);
	else
		fwrite(out.ptr, 1, out.len, stdout);
	buf_free(&out);
	return e;
}

static enum err read_options(struct plotting *p, const struct command_line *line)
{
	const char *x = command_value(line, "x", 0), *by;

	p->y = command_value(line, "y", 0);
	p->part = command_value(line, "part", 0) != NULL ? command_value(line, "part", 0) : "test";
	p->file = command_value(line, "o", 0);
	p->json = command_flag(line, "json");
	p->one_operand = line->operand_count == 1;
	if (x != NULL && !plot_x_of(&p->plot.x, x)) {
		if (strchr(x, '.') == NULL)
			return diag_set(p->why, ERR_USAGE,
			                "--x %s: it is one of round, bytes, epsilon, or a term such as privacy.epsilon",
			                x);
		p->plot.x = PLOT_TERM;
		p->plot.term = x;
	}
	if (strcmp(p->part, "test") != 0 && strcmp(p->part, "validation") != 0)
		return diag_set(p->why, ERR_USAGE, "--part %s: it is test or validation", p->part);
	if (p->file != NULL && !ends_with(p->file, ".svg") && !ends_with(p->file, ".csv"))
		return diag_set(p->why, ERR_USAGE, "-o %s: its name ends in .svg (a picture) or .csv (a table)",
		                p->file);
	if (p->file != NULL && p->json)
		return diag_set(p->why, ERR_USAGE, "--json goes to stdout; leave out -o %s, or --json", p->file);
	while ((by = command_value(line, "by", p->by_count)) != NULL) {
		if (p->by_count == BY_MAX)
			return diag_set(p->why, ERR_USAGE, "--by is given more than %d times", BY_MAX);
		p->by[p->by_count++] = by;
	}
	if (p->by_count == 1)
		last_words(p->plot.by, p->by[0]);
	return OK;
}

int commands_plot(const struct command_line *line, struct diag *why)
{
	struct plotting p = {.why = why};
	enum err e = read_options(&p, line);

	if (e == OK)
		e = add_runs(&p, line);
	if (e == OK) {
		plot_compute(&p.plot);
		if (plot_is_cut(&p.plot))
			fprintf(stderr, "cohort-sim: not every run has a value at every x; a line is drawn where all "
			                "of its runs have "
			                "one, and the table's n says how many do\n");
		e = write_out(&p);
	}
	plot_free(&p.plot);
	run_folders_free(&p.folders);
	return err_exit(e);
}
