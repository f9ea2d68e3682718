/*
 * Private studies with the real programs: hospitals as processes that draw their own noise, a coordinator that reads sums, ledgers that
 * pay. Mechanism by mechanism: the study ends with a model of finite numbers, every release is one entry of each ledger with its
 * cost, however often a hospital died meanwhile, and what the coordinator shows are noised figures.
 */
#include "model/layers.h"
#include "tests/support/contracts.h"
#include "tests/support/federation.h"
#include "tests/support/program.h"
#include "tests/support/small_study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SITES 5
#define LIMIT_MS 60000
#define ROUNDS 5 /* statistics, three of training, the last evaluation */
#define QUICK "rounds: {join: 2, deadline: 3, phase: 2, pause: 0.3}\n"

static const char *const names[SITES] = {"st-mary", "Lakeview", "north.2", "hilltop", "eastgate"};

static const char contract_format[] = "cohort: 1\n"
				      "study: small\n"
				      "purpose: A made-up question on made-up rows\n"
				      "expires: 2199-12-31\n"
				      "data:\n"
				      "  features:\n"
				      "    - {name: x, min: -4, max: 4}\n"
				      "    - {name: y, min: -4, max: 4}\n"
				      "    - {name: kind, levels: [a, b, c]}\n"
				      "  label: {name: label, type: binary, positive: \"1\"}\n"
				      "  split: {test_fraction: 0.3, seed: 7}\n"
				      "model: {layers: [dense 3, tanh, dense 1]}\n"
				      "training: {rounds: 3, %s}\n"
				      "evaluation: {release: noised, bins: 16}\n"
				      "sites: {min: 4, max_dropouts: 1, max_colluders: 1, cell_min: 1}\n"
				      "masking: %s\n"
				      "privacy: {epsilon: 8, delta: 1.0e-4, clip: 1, spare_rounds: 4, %s}\n";

struct world {
	struct federation f;
	struct study study;
};

static void make(struct world *w, const char *training, const char *masking, const char *privacy)
{
	char text[2048], path[NAME_SIZE + 16];
	struct diag why = {{0}};

	snprintf(text, sizeof text, contract_format, training, masking, privacy);
	if (study_parse(&w->study, bytes_text(text), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	federation_make(&w->f, text, names, SITES);
	federation_settings(&w->f, QUICK);
	for (uint32_t i = 0; i < SITES; i++) {
		struct table t;

		small_table(&t, &w->f.dir, &w->study, i);
		table_free(&t);
		snprintf(path, sizeof path, "site-%u.csv", i);
		federation_command(&w->f, "mv %s %s/data.csv", path, names[i]);
		snprintf(path, sizeof path, "%s/policy.yaml", names[i]);
		snprintf(text, sizeof text,
		         "masking: %s\nmechanisms: [distributed, local, site]\nevaluation: [noised]\nmin_sites: "
		         "3\nmin_rows: 0\nmin_positives: 0\ncell_min: 0\nepsilon_per_study: 8\nbudget: {epsilon: 20, "
		         "delta: "
		         "1.0e-4}\n",
		         masking);
		tempdir_write(&w->f.dir, path, text);
	}
}

static void remove_world(struct world *w)
{
	study_free(&w->study);
	federation_remove(&w->f);
}

/* What one hospital's ledger and pages say, judged in Python: `releases` (oldest first) with `noise` beside each, and `rounds` of the
 * coordinator. */
static void judge(struct world *w, const char *site, const char *checks)
{
	tempdir_write(&w->f.dir, "checks.py", checks);
	federation_command(
		&w->f,
		"\"$BIN/cohort-client\" show-outbound small --json --config %s/client.yaml >outbound.json && "
		"\"$BIN/cohort-coordinator\" rounds small --json --config coordinator/coordinator.yaml "
		">rounds.json && python3 -c '\n"
		"import json\n"
		"releases = sorted(json.load(open(\"outbound.json\"))[\"outbound\"], key=lambda r: r[\"round\"])\n"
		"rounds = [json.loads(line) for line in open(\"rounds.json\")]\n"
		"exec(open(\"checks.py\").read())'",
		site);
}

/* Of every study here: one entry for each round, with its mechanism, all of it covered; and the end is noised figures. */
#define ONCE                                                                                                           \
	"numbers = [r['round'] for r in releases]\n"                                                                   \
	"assert len(set(numbers)) == len(numbers), numbers\n"                                                          \
	"assert all(r['mechanism'] == mechanism and r['unit'] == unit for r in releases)\n"                            \
	"assert all(s['covered'] for r in releases for s in r['segments'])\n"
#define COMMON                                                                                                         \
	ONCE "last = [r for r in rounds if r['kind'] == 'evaluate' and r['outcome'] == 'done'][-1]\n"                  \
	     "assert last['test']['rows_interval'][0] <= last['test']['rows_interval'][1]\n"                           \
	     "noise = {r['kind']: s['noise'] for r in releases for s in r['segments'] if s['noise']}\n"                \
	     "assert noise['statistics']['times'] == 1 and noise['evaluation']['variance'] >= 16\n"

static void play(struct world *w)
{
	federation_begin(&w->f);
	federation_wait(&w->f, "finished", LIMIT_MS);
}

/* A hospital dies in a round of training and comes back: what was final is sent again, and paid for once. */
static void test_distributed(void **state)
{
	struct world w;

	(void)state;
	make(&w, "local: {learning_rate: 0.5}", "required",
	     "mechanism: distributed, sampling_rate: 0.5, patients: 150");
	federation_begin(&w.f);
	federation_wait_round(&w.f, 2, LIMIT_MS);
	federation_kill(&w.f, 4);
	federation_start(&w.f, 4);
	federation_wait(&w.f, "finished", LIMIT_MS);
	judge(&w, "eastgate", "mechanism, unit = 'distributed', 'patient'\n" ONCE "assert len(releases) >= 1\n");
	for (uint32_t i = 0; i < 4; i++)
		judge(&w, names[i],
		      "mechanism, unit = 'distributed', 'patient'\n" COMMON
		      "training = [r for r in releases if r['kind'] == 'training']\n"
		      "assert len(training) >= 2\n"
		      "assert all(r['cost'][0]['q'] == 0.5 and r['cost'][0]['count'] == 1 for r in training)\n"
		      "assert all(s['segment'] == 'gradient' and s['values'] == 28 for r in training for s in "
		      "r['segments'])\n"
		      "assert all(r['sha256'] != r['masked_sha256'] for r in releases)\n");
	remove_world(&w);
}

static void test_local_in_the_clear(void **state)
{
	struct world w;

	(void)state;
	make(&w, "local: {steps: 6, optimizer: adam, learning_rate: 0.05}", "off",
	     "mechanism: local, sampling_rate: 0.5, patients: 150");
	play(&w);
	judge(&w, "hilltop",
	      "mechanism, unit = 'local', 'patient'\n" COMMON "assert noise['training']['times'] == 6\n"
	      "assert [r['kind'] for r in releases] == ['statistics'] + 3 * ['training'] + ['evaluation']\n"
	      "assert all(r['cost'][0]['count'] == 6 for r in releases if r['kind'] == 'training')\n");
	remove_world(&w);
}

static void test_sites_with_a_clip_that_follows(void **state)
{
	struct world w;

	(void)state;
	make(&w, "local: {epochs: 1, batch: 8, learning_rate: 0.1}", "required",
	     "mechanism: site, unit: site, clip_quantile: 0.5");
	play(&w);
	judge(&w, "st-mary",
	      "mechanism, unit = 'site', 'site'\n" COMMON
	      "clips = [r['clip'] for r in releases if r['kind'] == 'training']\n"
	      "assert clips[0] == 1 and clips[1] != clips[0] and clips[2] != clips[1], clips\n"
	      "assert all([s['segment'] for s in r['segments']] == ['update', 'within'] for r in releases if r['kind'] "
	      "== "
	      "'training')\n");
	remove_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distributed),
		cmocka_unit_test(test_local_in_the_clear),
		cmocka_unit_test(test_sites_with_a_clip_that_follows),
	};
	layers_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
