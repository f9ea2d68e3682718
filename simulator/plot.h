/*
 * Many runs as a few lines: runs of one group differ in their seed, and their mean and its 95 % interval (simulator/spread.h) are
 * what is compared between groups.
 *
 *   run  --points (x, y), ascending--> group --mean at each x--> line
 *
 * Runs of a group may have their points at different x: after an early stop, or with bytes, which chance changes. Then the
 * line has the union of their positions, and a run counts at each of them by linear interpolation between its own points,
 * but never before its first or behind its last. `n` says how many counted; a line is drawn only where all did, since a mean
 * that loses a run on its way jumps without a reason.
 *
 * With a term of the contract as x, a run is one point: the figure of its final model. Runs of a group that have the same value
 * are seeds there, and the line goes from mean to mean.
 */
#ifndef COHORT_SIMULATOR_PLOT_H
#define COHORT_SIMULATOR_PLOT_H

#include "simulator/chart.h"
#include "simulator/past_run.h"

#define PLOT_POSITIONS_MAX 2000 /* of a line; from more, this many are taken at equal distances */

enum plot_x { PLOT_ROUND, PLOT_EPSILON, PLOT_BYTES, PLOT_TERM };

struct plot_run {
	char *group;
	size_t index, first; /* as it was added, and of its group the first */
	double *x, *y; /* ascending, finite, no x twice */
	size_t count;
};

struct plot_line {
	const char *group; /* of a run */
	size_t runs, count;
	double *x, *mean, *low, *high; /* low and high NaN with one run */
	double *drawn; /* the mean where all runs count, elsewhere NaN */
	size_t *n;
};

struct plot {
	enum plot_x x;
	const char *term; /* of PLOT_TERM: a key of run.json (past_run_key); borrowed */
	char column[PAST_RUN_VALUE_SIZE]; /* of rounds.csv: "test_auc" */
	char by[PAST_RUN_VALUE_SIZE]; /* stands before a group that is a number in the legend: "learning rate" */
	struct plot_run *runs;
	size_t run_count, room;
	struct plot_line *lines; /* groups that are numbers ascending, then the others as their first runs came */
	size_t line_count;
};

/* The word of --x: "round", "epsilon", "bytes". False: none of them, a term perhaps. */
bool plot_x_of(enum plot_x *out, const char *word);

/* Reads the run's rounds.csv and takes its points: `figure` is a figure's key, of which `part` ("test", "validation") says the rows,
 * or a column of rounds.csv by its own name. x: rounds of training behind the model; bytes up and down until the figure was
 * known; epsilon spent by then; or the term's value, with figures alone. Of two rows with one x the later counts. ERR_USAGE: no such column, the nearest named;
 * ERR_NOT_FOUND: the column has no value in this run; ERR_DATA. */
enum err plot_add(struct plot *p, struct past_run *run, const char *group, const char *part, const char *figure,
                  struct diag *why) MUST_USE;

void plot_compute(struct plot *p); /* the lines; once, after all runs were added */
void plot_free(struct plot *p); /* accepts a zeroed one */

void plot_draw(struct buf *out, const struct plot *p, const char *part, const char *figure);
void plot_csv(struct buf *out, const struct plot *p); /* by,x,mean,low,high,n; an empty cell where there is none */
struct json *
plot_json(const struct plot *p); /* {"y", "lines": [{"by", "runs", "points": [{x, mean, low, high, n}]}]} */

/* Is there a line that is not drawn to its ends? */
bool plot_is_cut(const struct plot *p);

#endif
