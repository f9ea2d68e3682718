/*
 * What a masked round takes from end to end: five hospitals and the coordinator as the real programs, over mutual TLS on loopback,
 * each record, row and upload on disk before anybody relies on it. 12,025 parameters and hardly any rows, so what is measured is
 * the way and not the training. Time on the wall: leave the machine alone.
 *
 *   masked_round_ms           on a disk that takes 4 ms to sync (slow_sync.c): median, as `rounds --json` gives it    goal 120
 *   masked_rounds_300_s       so many rounds there, from the first one's opening to the last one's end                goal 40
 *   masked_round_here_ms      on the disk of this machine, against a clear round of the same study
 *   masked_round_fdatasync_ms 4 KiB appended and synced on that disk, the median before those rounds, against 4 ms
 */
#include "protocol/study.h"
#include "tests/bench/figure.h"
#include "tests/support/federation.h"
#include "tests/support/small_study.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITES 5
#define ROUNDS 300
#define SYNCS 100
#define LIMIT_MS 300000
#define GOAL_MS 120
#define GOAL_300_S 40
#define SLOW_DISK_MS 4 /* slow_sync.c */

static const char study_text[] =
	"cohort: 1\nstudy: small\npurpose: A figure\nexpires: 2199-12-31\n"
	"data:\n"
	"  features:\n"
	"    - {name: x, min: -4, max: 4}\n"
	"    - {name: y, min: -4, max: 4}\n"
	"    - {name: kind, levels: [a, b, c]}\n"
	"  label: {name: label, type: binary, positive: \"1\"}\n"
	"  scale: none\n"
	"model: {layers: [dense 100, relu, dense 112, relu, dense 1]}\n"
	"training: {rounds: %d, evaluate_every: 0, local: {epochs: 1, batch: 32, optimizer: sgd}}\n"
	"evaluation: {release: none}\n"
	"sites: {min: 4, max_dropouts: 1, max_colluders: 1, cell_min: 1}\n"
	"masking: %s\nprivacy: {mechanism: none}\n";

static const char *const names[SITES] = {"north", "east", "south", "west", "middle"};

struct times {
	double median_ms, total_s; /* of one round; of all, gaps included */
	double sync_ms;
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench_masked_round: %s\n", what);
	exit(1);
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, ascending);
	return values[count / 2];
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* In the folder in which the programs keep theirs. */
static double sync_ms(struct tempdir *dir)
{
	static const char octets[4096];
	double took[SYNCS];
	int fd = open(tempdir_path(dir, "synced"), O_WRONLY | O_CREAT | O_APPEND, 0600);

	for (int i = 0; i < SYNCS; i++) {
		double began = now_ms();

		must(write(fd, octets, sizeof octets) == (ssize_t)sizeof octets && fdatasync(fd) == 0, "fdatasync");
		took[i] = now_ms() - began;
	}
	close(fd);
	return median(took, SYNCS);
}

static void make_data(struct federation *f, const char *yaml)
{
	char path[NAME_SIZE + 16];
	struct study study;
	struct table table;
	struct diag why = {{0}};

	must(study_parse(&study, bytes_text(yaml), "study.yaml", false, &why) == OK, why.text);
	for (uint32_t i = 0; i < SITES; i++) {
		small_table(&table, &f->dir, &study, i);
		table_free(&table);
		snprintf(path, sizeof path, "site-%u.csv", i);
		federation_command(f, "mv %s %s/data.csv", path, names[i]);
	}
	study_free(&study);
}

/* The training rounds: they come last. */
static void read_rounds(struct times *out, struct federation *f)
{
	struct json *rounds = federation_rounds(f);
	size_t before = json_count(rounds) - ROUNDS;
	double took[ROUNDS];
	int64_t began, ended = 0;

	must(json_count(rounds) >= ROUNDS, "fewer rounds than the study has");
	began = federation_number(json_at(rounds, before), "opened_ms");
	for (size_t i = 0; i < ROUNDS; i++) {
		const struct json *round = json_at(rounds, before + i);

		for (uint32_t k = 0; k < SITES; k++)
			federation_expect_contributed(round, names[k]);
		took[i] = (double)federation_number(round, "ms");
		ended = federation_number(round, "opened_ms") + federation_number(round, "ms");
	}
	out->total_s = 1e-3 * (double)(ended - began);
	out->median_ms = median(took, ROUNDS);
	json_free(rounds);
}

static struct times run(const char *masking)
{
	struct federation f;
	struct times t;
	char yaml[2048];

	snprintf(yaml, sizeof yaml, study_text, ROUNDS, masking);
	federation_make(&f, yaml, names, SITES);
	make_data(&f, yaml);
	t.sync_ms = sync_ms(&f.dir);
	federation_begin(&f);
	federation_wait(&f, "finished", LIMIT_MS);
	read_rounds(&t, &f);
	federation_remove(&f);
	return t;
}

/* The programs that are started from here on have the slow disk. A file that is not there the loader would only complain of. */
static void slow_down(void)
{
	char path[PATH_SIZE], whole[PATH_MAX];

	snprintf(path, sizeof path, "%s/bench/slow_sync.so", getenv("COHORT_BUILD"));
	must(realpath(path, whole) != NULL, "bench/slow_sync.so is missing: run `make bench`");
	setenv("LD_PRELOAD", whole, 1);
}

int main(void)
{
	struct times clear = run("off"), here = run("required"), slow;

	slow_down();
	slow = run("required");
	figure("masked_round_ms", slow.median_ms, "ms", GOAL_MS);
	figure("masked_rounds_300_s", slow.total_s, "s", GOAL_300_S);
	figure("masked_round_here_ms", here.median_ms, "ms", clear.median_ms);
	figure("masked_round_fdatasync_ms", here.sync_ms, "ms", SLOW_DISK_MS);
	return 0;
}
