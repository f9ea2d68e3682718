/* ledger: what left this hospital, release by release (client/records.h). */
#include "client/commands.h"
#include "client/desk.h"
#include "client/records.h"
#include "client/screen.h"

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
}

static void print_ledger(const struct json *releases)
{
	static const char *const titles[] = {"RELEASED", "STUDY",  ">ROUND", ">STEP",   "WHAT",  ">OCTETS",
	                                     "SHA256",   "MASKED", "SENT",   "OUTCOME", ">SITES"};
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

int commands_ledger(const struct command_line *line, struct diag *why)
{
	struct client_config config = {0};
	struct json *records = NULL;
	enum err e;

	if (command_value(line, "accept-loss", 0) != NULL)
		return commands_ledger_loss(line, why);
	e = desk_config(&config, line, why);
	if (e == OK)
		e = desk_records(&records, &config, command_value(line, "study", 0), why);
	if (e == OK && command_flag(line, "json")) {
		screen_json(records);
		records = NULL;
	} else if (e == OK) {
		print_ledger(json_get(records, "releases"));
		print_losses(json_get(records, "losses"));
	}
	json_free(records);
	client_config_free(&config);
	return err_exit(e);
}
