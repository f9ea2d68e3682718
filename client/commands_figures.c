/*
 * figures: this hospital's own figures of a study, round by round. They stay here; and where fewer rows than the policy's cell_min
 * stand behind them, they are not shown here either.
 */
#include "client/commands.h"
#include "client/desk.h"
#include "client/records.h"
#include "client/screen.h"

#include <stdio.h>

/* ---- guarding */

static bool is_small(double rows, uint32_t cell_min)
{
	return rows > 0 && rows < cell_min;
}

/* The figures of a part of the split, or null. */
static struct json *guard_part(const struct json *part, uint32_t cell_min)
{
	if (json_kind(part) == JSON_IS_NULL || is_small(records_real(part, "rows"), cell_min))
		return json_new_null();
	return json_clone(part);
}

static struct json *guard_own(const struct json *release, uint32_t cell_min)
{
	static const char *const copied[] = {"training_rows", "weight", "training_loss", "saturated"};
	const struct json *own = json_get(release, "own");
	struct json *node = json_new_object();
	bool small = is_small(records_real(own, "training_rows"), cell_min);

	json_set_integer(node, "round", records_integer(release, "round"));
	json_set_integer(node, "step", records_integer(release, "step"));
	for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
		json_set(node, copied[i], small ? json_new_null() : json_clone(json_get(own, copied[i])));
	json_set(node, "validation", guard_part(json_get(own, "validation"), cell_min));
	json_set(node, "test", guard_part(json_get(own, "test"), cell_min));
	return node;
}

static struct json *figures_of(const struct client_config *c, const char *study, const struct json *releases)
{
	struct json *root = json_new_object(), *rounds = json_new_array();

	json_set_string(root, "site", c->site);
	json_set_string(root, "study", study);
	json_set_integer(root, "cell_min", c->policy.cell_min);
	for (size_t i = 0; i < json_count(releases); i++)
		if (json_kind(json_get(json_at(releases, i), "own")) == JSON_IS_OBJECT)
			json_add(rounds, guard_own(json_at(releases, i), c->policy.cell_min));
	json_set(root, "rounds", rounds);
	return root;
}

/* ---- the page */

static void cell(struct screen_table *t, const struct json *node, const char *key, int decimals)
{
	const struct json *value = json_kind(node) == JSON_IS_OBJECT ? json_get(node, key) : NULL;

	if (value == NULL || json_kind(value) == JSON_IS_NULL)
		screen_table_cell(t, "%s", "-");
	else
		screen_table_cell(t, "%.*f", decimals, json_as_real(value));
}

/* Of a figure of classes and one of numbers the one that is defined. */
static void either_cell(struct screen_table *t, const struct json *node, const char *of_classes, const char *of_numbers)
{
	const struct json *value = json_kind(node) == JSON_IS_OBJECT ? json_get(node, of_numbers) : NULL;

	cell(t, node, value == NULL || json_kind(value) == JSON_IS_NULL ? of_classes : of_numbers, 4);
}

static void print_round(struct screen_table *t, const struct json *r)
{
	static const char *const parts[] = {"validation", "test"};

	screen_table_cell(t, "%lld", (long long)records_integer(r, "round"));
	screen_table_cell(t, "%lld", (long long)records_integer(r, "step"));
	cell(t, r, "training_rows", 0);
	cell(t, r, "weight", 0);
	cell(t, r, "training_loss", 4);
	for (size_t i = 0; i < 2; i++) {
		const struct json *part = json_get(r, parts[i]);

		cell(t, part, "rows", 0);
		cell(t, part, "loss", 4);
		either_cell(t, part, "accuracy", "r2");
		either_cell(t, part, "auc", "rmse");
	}
}

static void print_figures(const struct json *root)
{
	static const char *const titles[] = {">ROUND",      ">STEP",        ">TRAINING",    ">WEIGHT",   ">LOSS",
	                                     ">VALIDATION", ">LOSS",        ">ACCURACY/R2", ">AUC/RMSE", ">TEST",
	                                     ">LOSS",       ">ACCURACY/R2", ">AUC/RMSE"};
	const struct json *rounds = json_get(root, "rounds");
	struct screen_table t;

	printf("%s, study %s: own figures (stays at the hospital)\n", records_text(root, "site"),
	       records_text(root, "study"));
	printf("Validation and test judge the model that the round began with. Of fewer than %lld rows nothing is "
	       "shown.\n\n",
	       (long long)records_integer(root, "cell_min"));
	screen_table_begin(&t, titles, sizeof titles / sizeof *titles);
	for (size_t i = 0; i < json_count(rounds); i++)
		print_round(&t, json_at(rounds, i));
	screen_table_end(&t);
	if (json_count(rounds) == 0)
		screen_next("There are none yet.");
}

int commands_figures(const struct command_line *line, struct diag *why)
{
	struct client_config config = {0};
	struct json *records = NULL, *root = NULL;
	const char *study;
	enum err e = desk_study(&study, line, why);

	if (e == OK)
		e = desk_config(&config, line, why);
	if (e == OK)
		e = desk_records(&records, &config, study, why);
	if (e == OK) {
		root = figures_of(&config, study, json_get(records, "releases"));
		if (command_flag(line, "json")) {
			screen_json(root);
			root = NULL;
		} else {
			print_figures(root);
		}
	}
	json_free(root);
	json_free(records);
	client_config_free(&config);
	return err_exit(e);
}
