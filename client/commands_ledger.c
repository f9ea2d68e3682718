/* ledger: what left this hospital, release by release (client/records.h), and what it has cost in privacy (client/balance.h). */
#include "base/name.h"
#include "client/balance.h"
#include "client/commands.h"
#include "client/cost_json.h"
#include "client/desk.h"
#include "client/records.h"
#include "client/screen.h"

#include <stdio.h>
#include <string.h>

/* ---- releases */

static void cost_cell(struct screen_table *t, const struct json *r)
{
	struct budget_debit d = {0};
	char text[128] = "";
	size_t used = 0;

	(void)cost_json_read(&d, json_get(r, "cost"));
	for (uint32_t i = 0; i < d.part_count; i++) {
		const struct account_steps *part = &d.parts[i];

		used += (size_t)snprintf(text + used, sizeof text - used, "%sq %.4g, z %.4g", i > 0 ? "; " : "",
		                         part->sampling_rate, part->noise_multiplier);
		if (part->count > 1)
			used += (size_t)snprintf(text + used, sizeof text - used, ", %llu times",
			                         (unsigned long long)part->count);
	}
	screen_table_cell(t, "%s", d.part_count > 0 ? text : "no epsilon");
}

static void print_release(struct screen_table *t, const struct json *r)
{
	int64_t participants = records_integer(r, "participants");
	char asks[RECORDS_ASKS_SIZE];

	screen_table_cell(t, "%s", records_text(r, "released"));
	screen_table_cell(t, "%s", records_text(r, "study"));
	screen_table_cell(t, "%lld", (long long)records_integer(r, "round"));
	screen_table_cell(t, "%lld", (long long)records_integer(r, "step"));
	screen_table_cell(t, "%s", records_asks_text(asks, records_asks(r)));
	screen_table_cell(t, "%lld", (long long)records_integer(r, "octets"));
	screen_table_cell(t, "%.12s", records_text(r, "sha256"));
	screen_table_cell(t, "%.12s", records_text(r, "masked_sha256"));
	screen_table_cell(t, "%s", records_text(r, "sent"));
	screen_table_cell(t, "%s", records_text(r, "outcome"));
	if (participants > 0)
		screen_table_cell(t, "%lld of %lld", (long long)participants, (long long)records_integer(r, "sites"));
	else
		screen_table_cell(t, "%s", "-");
	screen_table_cell(t, "%s", records_text(r, "mechanism"));
	cost_cell(t, r);
}

static void print_releases(const struct json *releases)
{
	static const char *const titles[] = {"RELEASED", "STUDY", ">ROUND",  ">STEP",  "WHAT",      ">OCTETS", "SHA256",
	                                     "MASKED",   "SENT",  "OUTCOME", ">SITES", "MECHANISM", "COST"};
	struct screen_table t;

	screen_table_begin(&t, titles, sizeof titles / sizeof *titles);
	for (size_t i = 0; i < json_count(releases); i++)
		print_release(&t, json_at(releases, i));
	screen_table_end(&t);
	if (json_count(releases) == 0)
		screen_next("Nothing was ever released.");
}

static void print_losses(const struct json *losses)
{
	for (size_t i = 0; losses != NULL && i < json_count(losses); i++) {
		const struct json *l = json_at(losses, i);

		screen_next("Entry %lld, %s: a person stated that the entries from %lld to %lld are lost.",
		            (long long)records_integer(l, "entry"), records_text(l, "stated"),
		            (long long)records_integer(l, "had") + 1, (long long)records_integer(l, "entry") - 1);
	}
}

/* ---- what they cost */

#define EPSILON_SIZE 32

static const char *epsilon_text(char out[EPSILON_SIZE], const struct json *node, const char *key)
{
	const struct json *value = json_kind(node) == JSON_IS_OBJECT ? json_get(node, key) : NULL;

	if (json_kind(node) != JSON_IS_OBJECT)
		return "-";
	if (value == NULL || json_kind(value) == JSON_IS_NULL)
		return "no bound";
	snprintf(out, EPSILON_SIZE, "%.4f", json_as_real(value));
	return out;
}

/* "2.4127 of 3" */
static void people_cells(struct screen_table *t, const struct json *study, const char *people, const char *promise)
{
	const struct json *promised = json_get(study, "promised"), *node = json_get(study, people), *of = NULL;
	char text[EPSILON_SIZE];

	if (json_kind(promised) == JSON_IS_OBJECT)
		of = json_get(promised, promise);
	if (of != NULL && json_kind(of) != JSON_IS_NULL && json_kind(node) == JSON_IS_OBJECT)
		screen_table_cell(t, "%s of %g", epsilon_text(text, node, "epsilon"), json_as_real(of));
	else
		screen_table_cell(t, "%s", epsilon_text(text, node, "epsilon"));
	screen_table_cell(t, "%s", epsilon_text(text, node, "renyi"));
}

static void print_study(struct screen_table *t, const struct json *s)
{
	screen_table_cell(t, "%s", records_text(s, "study"));
	screen_table_cell(t, "%s", records_text(s, "unit"));
	screen_table_cell(t, "%lld + %lld + %lld", (long long)records_integer(s, "statistics"),
	                  (long long)records_integer(s, "training"), (long long)records_integer(s, "evaluation"));
	screen_table_cell(t, "%g", json_as_real(json_get(s, "delta")));
	people_cells(t, s, "training_patients", "epsilon");
	people_cells(t, s, "evaluation_patients", "evaluation_epsilon");
}

static void print_studies(const struct json *studies)
{
	static const char *const titles[] = {"STUDY",    "UNIT",           ">RELEASES", ">DELTA", ">TRAINING PATIENTS",
	                                     ">(RENYI)", ">TEST PATIENTS", ">(RENYI)"};
	struct screen_table t;

	printf("\nPrivacy spent by each study, as epsilon of one unit\n\n");
	screen_table_begin(&t, titles, sizeof titles / sizeof *titles);
	for (size_t i = 0; i < json_count(studies); i++)
		print_study(&t, json_at(studies, i));
	screen_table_end(&t);
	printf("\nRELEASES: statistics + training + evaluation, noised ones. Test patients are other people than "
	       "training\n"
	       "patients of the same study, so it costs a patient the larger of the two and not the sum. (RENYI) is "
	       "the\n"
	       "bound that adds up over studies; epsilons do not.\n");
}

/* Nothing is claimed across units: the sum is an upper bound for each of them. */
static bool units_differ(const struct json *studies)
{
	for (size_t i = 1; i < json_count(studies); i++)
		if (strcmp(records_text(json_at(studies, i), "unit"), records_text(json_at(studies, 0), "unit")) != 0)
			return true;
	return false;
}

static void print_balance(const struct json *balance)
{
	const struct json *limit = json_get(balance, "limit"), *studies = json_get(balance, "studies");
	char text[EPSILON_SIZE];

	if (json_as_bool(json_get(balance, "lost")))
		printf("\nEntries are lost, and with them what they have spent: nothing remains of the privacy "
		       "budget.\n");
	if (json_count(studies) == 0) {
		printf("\nNone of it has spent any of the privacy budget: no noise was added, and no epsilon covers "
		       "it.\n");
		return;
	}
	print_studies(studies);
	printf("\nAll studies together: epsilon %s", epsilon_text(text, balance, "spent"));
	printf(" of %g spent at delta %g", json_as_real(json_get(limit, "epsilon")),
	       json_as_real(json_get(limit, "delta")));
	printf(", %s remains (budget in policy.yaml).\n", epsilon_text(text, balance, "remains"));
	printf("That is the sum of Renyi divergences, which holds though each study was chosen knowing the last; for "
	       "studies\n"
	       "fixed in advance it would be %s.\n",
	       epsilon_text(text, balance, "spent_pld"));
	if (units_differ(studies))
		printf("The studies' units differ: the sum holds for each unit with the studies that have it.\n");
}

/* ---- the command */

/* The releases of one study; its costs are among those of all. */
static struct json *select_study(const struct json *releases, const char *study)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < json_count(releases); i++)
		if (study == NULL || strcmp(records_text(json_at(releases, i), "study"), study) == 0)
			json_add(list, json_clone(json_at(releases, i)));
	return list;
}

int commands_ledger(const struct command_line *line, struct diag *why)
{
	const char *study = command_value(line, "study", 0);
	struct client_config config = {0};
	struct json *records = NULL, *balance;
	enum err e;

	if (command_value(line, "accept-loss", 0) != NULL)
		return commands_ledger_loss(line, why);
	e = desk_config(&config, line, why);
	if (e == OK && study != NULL && !name_is_study(study))
		e = diag_set(why, ERR_USAGE, "\"%s\" is no study's name", study);
	if (e == OK)
		e = desk_records(&records, &config, NULL, why);
	if (e == OK) {
		balance = balance_of(records, &config.policy, config.state);
		json_set(records, "releases", select_study(json_get(records, "releases"), study));
		json_set(records, "privacy", balance);
	}
	if (e == OK && command_flag(line, "json")) {
		screen_json(records);
		records = NULL;
	} else if (e == OK) {
		print_releases(json_get(records, "releases"));
		print_losses(json_get(records, "losses"));
		print_balance(json_get(records, "privacy"));
	}
	json_free(records);
	client_config_free(&config);
	return err_exit(e);
}
