/* What was simulated, in words: facts, privacy, warnings, and how to do it again. */
#include "simulator/report_inside.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The term as text, and nothing when it is not there. */
static void term(struct report *r, const char *name, const char *path)
{
	char value[PAST_RUN_VALUE_SIZE];

	if (past_run_say(value, past_run_get(r->run, path)))
		report_row(r, name, "%s", value);
}

static void count_row(struct report *r, const char *name, const char *path)
{
	char text[MARKUP_NUMBER_SIZE];
	double value = past_run_number(r->run, path);

	if (isfinite(value))
		report_row(r, name, "%s", markup_count(text, value));
}

static void sum_row(struct report *r, const char *name, const char *column)
{
	char text[MARKUP_NUMBER_SIZE];
	double sum = 0;

	for (size_t i = 0; i < r->run->sites.rows; i++) {
		uint32_t at;
		double v = sheet_find(&r->run->sites, column, &at) ? sheet_number(&r->run->sites, i, at) : NAN;
		sum += isfinite(v) ? v : 0;
	}
	report_row(r, name, "%s", markup_count(text, sum));
}

static void options(struct report *r)
{
	static const char *const names[][2] = {
		{"data", "Data"},
		{"site_column", "Sites from column"},
		{"partition", "Sites by partition"},
		{"synthetic", "Synthetic sites"},
		{"sites_per_round", "Sites per round"},
		{"dropout", "Sites drop out with probability"},
		{"slow", "Sites are late with probability"},
		{"policy", "Hospitals' policy"},
		{"set", "Terms set for this run"},
	};
	char path[64];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct json *node;

		snprintf(path, sizeof path, "options.%s", names[i][0]);
		node = past_run_get(r->run, path);
		if ((node != NULL && json_kind(node) == JSON_IS_ARRAY && json_count(node) == 0) ||
		    past_run_number(r->run, path) == 0)
			continue; /* was not asked for */
		term(r, names[i][1], path);
	}
}

void report_facts(struct report *r)
{
	report_heading(r, "run", "What was simulated");
	buf_put_text(r->out, "<table class=\"facts\">\n");
	count_row(r, "Sites", "sites");
	sum_row(r, "Training rows", "train");
	sum_row(r, "Validation rows", "validation");
	sum_row(r, "Test rows", "test");
	count_row(r, "Rounds", "rounds");
	term(r, "Why no more rounds", "stopped");
	count_row(r, "Updates computed", "updates");
	term(r, "Seed", "seed");
	term(r, "Layers", "contract.model.layers");
	term(r, "Strategy", "contract.training.strategy");
	term(r, "Server learning rate", "contract.training.server.learning_rate");
	term(r, "Optimizer at the sites", "contract.training.local.optimizer");
	term(r, "Learning rate", "contract.training.local.learning_rate");
	term(r, "Epochs in a round", "contract.training.local.epochs");
	term(r, "Steps in a round", "contract.training.local.steps");
	term(r, "Batch", "contract.training.local.batch");
	options(r);
	term(r, "Seconds", "seconds");
	term(r, "Updates per second", "updates_per_second");
	term(r, "cohort-sim", "version");
	term(r, "Study, revision", "contract.revision");
	term(r, "Study, SHA-256 of the contract", "study_sha256");
	term(r, "Study, hash that a hospital approves", "study_hash");
	term(r, "Model, SHA-256", "model_sha256");
	buf_put_text(r->out, "</table>\n");
}

/* ---- privacy */

static void percent_row(struct report *r, const char *name, const char *path)
{
	double share = past_run_number(r->run, path);

	if (isfinite(share))
		report_row(r, name, "%.1f %%", 100 * share);
}

void report_privacy(struct report *r)
{
	const char *mechanism = past_run_text(r->run, "privacy.mechanism");
	const char *unit = past_run_text(r->run, "privacy.unit");
	double epsilon = past_run_number(r->run, "privacy.epsilon"), delta = past_run_number(r->run, "privacy.delta");

	report_heading(r, "privacy", "Privacy");
	if (*mechanism == '\0' || strcmp(mechanism, "none") == 0 || !isfinite(epsilon)) {
		report_paragraph(
			r, "Mechanism: none. No noise was added, and no bound holds on what this model tells about the "
			   "patients it was trained on. Whoever has the model, or a round's update, may be able to "
			   "infer things about single patients. It is no less personal than the data, and should "
			   "go no further than they may.");
		return;
	}
	char e[MARKUP_NUMBER_SIZE], d[MARKUP_NUMBER_SIZE];
	report_paragraph(
		r,
		"Mechanism: %s. The study as hospitals would run it is (epsilon, delta)-differentially private for "
		"each %s, with epsilon = %s and delta = %s.",
		mechanism, *unit ? unit : "row", markup_number(e, epsilon, 4), markup_number(d, delta, 4));
	if (strcmp(past_run_text(r->run, "privacy.evaluation.release"), "masked") == 0)
		report_paragraph(r, "Epsilon does not cover the figures that such a study releases: they are exact.");
	buf_put_text(r->out, "<table class=\"facts\">\n");
	term(r, "Noise multiplier", "privacy.noise_multiplier");
	term(r, "Sampling rate", "privacy.sampling_rate");
	term(r, "Clip", "privacy.clip");
	term(r, "Signal-to-noise ratio of a step, at most", "privacy.signal_to_noise");
	term(r, "Holds against", "privacy.holds_against");
	term(r, "Releases", "privacy.releases");
	term(r, "AUC that such a study releases, with noise", "privacy.noised.auc");
	percent_row(r, "Share of contributions that were clipped, measured here and never released",
	            "privacy.measured.clipped");
	term(r, "Signal-to-noise ratio of a step, measured here and never released",
	     "privacy.measured.signal_to_noise");
	buf_put_text(r->out, "</table>\n");
	report_paragraph(r, "This run's model is not private all the same: its noise follows from the study and the "
	                    "seed, and whoever knows them can take it off. Only a federation of hospitals, each with "
	                    "noise of its own, keeps the promise above.");
}

/* ---- warnings */

/* "excluded" and "warnings" hold texts, or objects of texts. */
static void say_entry(struct report *r, const struct json *node)
{
	char text[PAST_RUN_VALUE_SIZE];
	const struct json *value;
	bool first = true;

	if (json_kind(node) == JSON_IS_STRING) {
		report_text(r, json_as_string(node));
	} else if (past_run_say(text, node)) {
		report_text(r, text);
	} else {
		for (const char *key = NULL; (key = json_key_after(node, key, &value)) != NULL; first = false) {
			if (!past_run_say(text, value))
				continue;
			report_text(r, first ? "" : ", ");
			report_text(r, key);
			report_text(r, ": ");
			report_text(r, text);
		}
	}
}

static void say_entries(struct report *r, const char *path, const char *before)
{
	const struct json *list = past_run_get(r->run, path);

	for (size_t i = 0; list != NULL && json_kind(list) == JSON_IS_ARRAY && i < json_count(list); i++) {
		buf_put_text(r->out, "<p class=\"warning\">");
		report_text(r, before);
		say_entry(r, json_at(list, i));
		buf_put_text(r->out, "</p>\n");
	}
}

void report_warnings(struct report *r)
{
	say_entries(r, "warnings", "");
	say_entries(r, "excluded", "Excluded: ");
}

/* ---- how to do it again */

/* As a shell takes it: in single quotes unless it is plain. */
static void put_word(struct report *r, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:=@%+,";
	if (*word != '\0' && word[strspn(word, plain)] == '\0') {
		report_text(r, word);
		return;
	}
	report_text(r, "'");
	for (const char *c = word; *c != '\0';) {
		size_t length = strcspn(c, "'");
		char piece[PATH_SIZE];

		length = length < sizeof piece ? length : sizeof piece - 1;
		snprintf(piece, sizeof piece, "%.*s", (int)length, c);
		report_text(r, piece);
		c += length;
		if (*c == '\'') {
			report_text(r, "'\\''");
			c++;
		}
	}
	report_text(r, "'");
}

static void put_option(struct report *r, const char *option, const struct json *value)
{
	char text[PAST_RUN_VALUE_SIZE];

	if (value == NULL || (json_kind(value) == JSON_IS_INTEGER && json_as_integer(value) == 0) ||
	    (json_kind(value) == JSON_IS_REAL && json_as_real(value) == 0))
		return;
	buf_printf(r->out, " \\\n  --%s ", option);
	if (json_kind(value) == JSON_IS_STRING)
		put_word(r, json_as_string(value));
	else if (json_kind(value) == JSON_IS_REAL) {
		char exact[MARKUP_NUMBER_SIZE];
		put_word(r, markup_number(exact, json_as_real(value), 15));
	} else if (past_run_say(text, value))
		put_word(r, text);
}

void report_reproduce(struct report *r)
{
	static const char *const names[][2] = {
		{"data", "data"},           {"site_column", "site-column"},
		{"partition", "partition"}, {"sites", "sites"},
		{"synthetic", "synthetic"}, {"sites_per_round", "sites-per-round"},
		{"dropout", "dropout"},     {"slow", "slow"},
		{"policy", "policy"},
	};
	const struct json *set = past_run_get(r->run, "options.set");
	char path[64], seed[PAST_RUN_VALUE_SIZE] = "";

	report_heading(r, "again", "How to reproduce it");
	buf_put_text(r->out, "<pre>cohort-sim run STUDY.yaml");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "options.%s", names[i][0]);
		put_option(r, names[i][1], past_run_get(r->run, path));
	}
	for (size_t i = 0; set != NULL && i < json_count(set); i++)
		put_option(r, "set", json_at(set, i));
	if (past_run_say(seed, past_run_get(r->run, "seed")))
		buf_printf(r->out, " \\\n  --seed %s", seed);
	buf_put_text(r->out, " --out RUNDIR</pre>\n");
	report_paragraph(r, "STUDY.yaml is the study whose contract is in run.json and has the SHA-256 above. The same "
	                    "study, data, "
	                    "options and seed give the same model_sha256, whatever the number of threads.");
}
