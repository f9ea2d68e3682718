/*
 * A run as a library has it, and what it tells: the object of run.json, key by key, and the tables beside it, which must agree.
 */
#include "simulator/run_directory.h"
#include "simulator/run_json.h"
#include "tests/support/federate.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES 5
#define NUMBER "data.label={name: label, type: numeric, min: -1, max: 3}", "evaluation={release: masked, select: rmse}"
#define SEVERAL                                                                                                        \
	"data.label={name: kind, type: categorical, levels: [a, b, c]}",                                               \
		"data.features=[{name: x, min: -4, max: 4}, {name: y, min: -4, max: 4}]",                              \
		"model.layers=[dense 3, relu, dense 3]", "evaluation={release: masked, select: accuracy}"

struct fixture {
	struct tempdir dir, data;
	struct run_request request;
	struct run run;
	struct json *json;
	atomic_bool cancel;
	uint32_t cancel_after; /* attempts; 0: never */
	uint32_t attempts;
};

static void note_round(void *context, const struct study *study, const struct engine_round *round, uint64_t updates)
{
	struct fixture *f = context;

	(void)study, (void)round, (void)updates;
	if (++f->attempts == f->cancel_after)
		atomic_store(&f->cancel, true);
}

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct study study;

	tempdir_make(&f->dir);
	tempdir_make(&f->data);
	tempdir_write(&f->dir, "study.yaml", small_study_text);
	small_study(&study, NULL);
	for (uint32_t i = 0; i < SITES; i++) {
		struct table t;

		small_table(&t, &f->data, &study, i);
		table_free(&t);
	}
	study_free(&study);
	f->request = (struct run_request){
		.study = tempdir_path(&f->dir, "study.yaml"),
		.data = {.data = tempdir_path(&f->data, NULL)},
		.threads = 2,
		.cancel = &f->cancel,
		.on_round = note_round,
		.context = f,
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	json_free(f->json);
	run_free(&f->run);
	tempdir_remove(&f->dir);
	tempdir_remove(&f->data);
	free(f);
	return 0;
}

#define WITH(f, ...)                                                                                                   \
	((f)->request.settings = (const char *const[]){__VA_ARGS__},                                                   \
	 (f)->request.setting_count = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void perform(struct fixture *f)
{
	struct diag why = {{0}};

	f->attempts = 0;
	if (run_perform(&f->run, &f->request, &why) != OK)
		fail_msg("%s", why.text);
	f->json = run_json(&f->run, NULL);
}

static void again(struct fixture *f)
{
	json_free(f->json);
	f->json = NULL;
	run_free(&f->run);
	atomic_store(&f->cancel, false);
}

static const struct json *get(const struct json *node, const char *path)
{
	char key[64];

	while (node != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");

		snprintf(key, sizeof key, "%.*s", (int)len, path);
		node = json_get(node, key);
		path += len + (path[len] == '.');
	}
	if (node == NULL)
		fail_msg("no %s", path);
	return node;
}

/* ---- every key of the interface, and its type */

struct key {
	const char *path;
	enum json_kind kind;
};

static void assert_kind(const struct json *node, const char *path, enum json_kind kind)
{
	enum json_kind found = json_kind(get(node, path));

	if (found != kind && !(kind == JSON_IS_REAL && found == JSON_IS_INTEGER))
		fail_msg("%s is of kind %d, not %d", path, found, kind);
}

static const struct key keys[] = {
	{"schema", JSON_IS_STRING},
	{"version", JSON_IS_STRING},
	{"complete", JSON_IS_BOOL},
	{"study", JSON_IS_STRING},
	{"study_sha256", JSON_IS_STRING},
	{"study_hash", JSON_IS_STRING},
	{"seed", JSON_IS_INTEGER},
	{"sites", JSON_IS_INTEGER},
	{"rounds", JSON_IS_INTEGER},
	{"updates", JSON_IS_INTEGER},
	{"seconds", JSON_IS_REAL},
	{"updates_per_second", JSON_IS_REAL},
	{"metrics.loss", JSON_IS_REAL},
	{"metrics.rows", JSON_IS_REAL},
	{"validation.loss", JSON_IS_REAL},
	{"per_site", JSON_IS_ARRAY},
	{"baselines", JSON_IS_OBJECT},
	{"baselines.noise", JSON_IS_BOOL},
	{"baselines.pooled.loss", JSON_IS_REAL},
	{"baselines.local", JSON_IS_ARRAY},
	{"privacy.mechanism", JSON_IS_STRING},
	{"privacy.unit", JSON_IS_STRING},
	{"privacy.epsilon", JSON_IS_NULL},
	{"privacy.delta", JSON_IS_NULL},
	{"privacy.noise_multiplier", JSON_IS_NULL},
	{"privacy.sampling_rate", JSON_IS_NULL},
	{"privacy.releases", JSON_IS_INTEGER},
	{"privacy.measured", JSON_IS_NULL},
	{"privacy.noised", JSON_IS_NULL},
	{"released", JSON_IS_BOOL},
	{"stopped", JSON_IS_NULL},
	{"excluded", JSON_IS_ARRAY},
	{"warnings", JSON_IS_ARRAY},
	{"model", JSON_IS_NULL}, /* no folder was named */
	{"model_step", JSON_IS_INTEGER},
	{"model_sha256", JSON_IS_STRING},
	{"options", JSON_IS_OBJECT},
	{"options.data", JSON_IS_STRING},
	{"options.dropout", JSON_IS_REAL},
	{"options.set", JSON_IS_ARRAY},
	{"contract", JSON_IS_OBJECT},
};

static void assert_keys(const struct json *node)
{
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		assert_kind(node, keys[i].path, keys[i].kind);
	assert_int_equal(json_count(get(node, "per_site")), SITES);
	assert_int_equal(json_count(get(node, "baselines.local")), SITES);
	for (size_t i = 0; i < SITES; i++) {
		const struct json *site = json_at(get(node, "per_site"), i),
				  *alone = json_at(get(node, "baselines.local"), i);

		assert_kind(site, "site", JSON_IS_STRING);
		assert_kind(site, "train", JSON_IS_INTEGER);
		assert_kind(site, "test", JSON_IS_INTEGER);
		assert_kind(site, "metrics.loss", JSON_IS_REAL);
		assert_kind(alone, "site", JSON_IS_STRING);
		assert_kind(alone, "home.loss", JSON_IS_REAL);
		assert_kind(alone, "all.loss", JSON_IS_REAL);
	}
}

/* Which of the figures have a value; the others must be there, and null. */
static void assert_figures(const struct json *node, const char *path, const char *having)
{
	static const char *const names[] = {"loss",  "accuracy", "precision", "recall", "f1",  "auc",
	                                    "brier", "r2",       "rmse",      "mae",    "rows"};
	char wanted[32];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(wanted, sizeof wanted, " %s ", names[i]);
		assert_kind(get(node, path), names[i], strstr(having, wanted) ? JSON_IS_REAL : JSON_IS_NULL);
	}
}

static void test_two_classes(void **state)
{
	struct fixture *f = *state;

	f->request.baselines = true;
	perform(f);
	assert_keys(f->json);
	assert_figures(f->json, "metrics", " loss accuracy precision recall f1 auc brier rows ");
	assert_figures(f->json, "baselines.pooled", " loss accuracy precision recall f1 auc brier rows ");
	assert_kind(f->json, "roc", JSON_IS_ARRAY);
	assert_kind(f->json, "calibration", JSON_IS_ARRAY);
	assert_kind(f->json, "confusion", JSON_IS_NULL);
	assert_string_equal(json_as_string(get(f->json, "schema")), "cohort/run/1");
	assert_true(json_as_bool(get(f->json, "complete")) && json_as_bool(get(f->json, "released")));
	assert_int_equal(json_as_integer(get(f->json, "rounds")), 3);
	assert_int_equal(json_as_integer(get(f->json, "updates")), 3 * SITES);
	assert_int_equal(json_as_integer(get(f->json, "privacy.releases")), 5);
}

static void test_a_number(void **state)
{
	struct fixture *f = *state;

	WITH(f, NUMBER);
	f->request.baselines = true;
	perform(f);
	assert_keys(f->json);
	assert_figures(f->json, "metrics", " loss r2 rmse mae rows ");
	assert_kind(f->json, "roc", JSON_IS_NULL);
	assert_kind(f->json, "calibration", JSON_IS_NULL);
	assert_kind(f->json, "confusion", JSON_IS_NULL);
	assert_int_equal(json_count(get(f->json, "options.set")), 2);
}

static void test_several_classes(void **state)
{
	struct fixture *f = *state;
	int64_t rows = 0, right = 0;

	WITH(f, SEVERAL);
	f->request.baselines = true;
	perform(f);
	assert_keys(f->json);
	assert_kind(f->json, "roc", JSON_IS_NULL);
	const struct json *confusion = get(f->json, "confusion");
	assert_int_equal(json_count(confusion), 3);
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 3; k++) {
			int64_t n = json_as_integer(json_at(json_at(confusion, i), k));

			rows += n;
			right += i == k ? n : 0;
		}
	assert_true((double)rows == json_as_real(get(f->json, "metrics.rows")));
	assert_true((double)right / (double)rows == json_as_real(get(f->json, "metrics.accuracy")));
}

/* The curve from (0,0) to (1,1), and the area under it that the figures name. */
static void test_the_curve_has_the_figure_s_area(void **state)
{
	struct fixture *f = *state;
	double area = 0, x = 0, y = 0;

	WITH(f, "training.rounds=40", "training.server.learning_rate=3");
	perform(f);
	const struct json *roc = get(f->json, "roc");
	for (size_t i = 0; i < json_count(roc); i++) {
		double next_x = json_as_real(json_at(json_at(roc, i), 0)),
		       next_y = json_as_real(json_at(json_at(roc, i), 1));

		assert_true(next_x >= x && next_y >= y);
		area += (next_x - x) * (next_y + y) / 2;
		x = next_x;
		y = next_y;
	}
	assert_true(x == 1 && y == 1);
	assert_true(area > 0.6);
	double auc = json_as_real(get(f->json, "metrics.auc"));
	assert_true(area - auc < 1e-9 && auc - area < 1e-9); /* 16 bins: no point is left out */
}

/* ---- released, excluded, warnings */

static void test_released(void **state)
{
	struct fixture *f = *state;

	WITH(f, "sites.cell_min=1000");
	perform(f);
	assert_false(json_as_bool(get(f->json, "released")));
	again(f);
	WITH(f, "evaluation={release: none}");
	perform(f);
	assert_false(json_as_bool(get(f->json, "released")));
	assert_kind(f->json, "metrics.loss", JSON_IS_REAL); /* the simulator knows all the same */
}

static void test_excluded(void **state)
{
	struct fixture *f = *state;

	tempdir_write(&f->dir, "policy.yaml",
	              "{masking: off, mechanisms: [none], evaluation: [masked], min_rows: 25, min_positives: 0, "
	              "min_sites: 1}\n");
	f->request.policy = tempdir_path(&f->dir, "policy.yaml");
	WITH(f, "sites.min=1", "sites.max_dropouts=0", "sites.members=[site-0, site-1, site-3, site-4]");
	perform(f);
	const struct json *excluded = get(f->json, "excluded");
	assert_int_equal(json_count(excluded), 3);
	assert_string_equal(json_as_string(get(json_at(excluded, 0), "site")), "site-0");
	assert_string_equal(json_as_string(get(json_at(excluded, 0), "reason")),
	                    "fewer than 25 training rows (the policy's min_rows)");
	assert_string_equal(json_as_string(get(json_at(excluded, 1), "site")), "site-1");
	assert_string_equal(json_as_string(get(json_at(excluded, 2), "site")), "site-2");
	assert_string_equal(json_as_string(get(json_at(excluded, 2), "reason")),
	                    "the study does not invite it (sites.members)");
	assert_int_equal(json_as_integer(get(f->json, "updates")), 3 * 2);
}

static void test_warnings(void **state)
{
	struct fixture *f = *state;

	WITH(f, "training.weights.cap=38", "sites.max_dropouts=2");
	perform(f);
	const struct json *warnings = get(f->json, "warnings");
	bool found = false;
	for (size_t i = 0; i < json_count(warnings); i++)
		found |= strcmp(json_as_string(json_at(warnings, i)),
		                "site-4 refused 5 attempts: has 42 training patients; the study's training.weights.cap "
		                "is 38: it needs a new revision with a larger cap") == 0;
	if (!found)
		fail_msg("%s", json_count(warnings) > 0 ? json_as_string(json_at(warnings, 0)) : "no warning");
}

static void test_more_sites_per_round_than_sites(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};

	f->request.sites_per_round = SITES + 1;
	assert_int_equal(run_perform(&f->run, &f->request, &why), ERR_USAGE);
	assert_string_equal(why.text, "--sites-per-round 6: there are 5 sites");
	run_free(&f->run);
	f->request.sites_per_round = SITES;
	perform(f);
}

/* ---- interrupted */

static void test_interrupted(void **state)
{
	struct fixture *f = *state;

	WITH(f, "training.rounds=8");
	f->cancel_after = 4;
	perform(f);
	assert_false(json_as_bool(get(f->json, "complete")));
	assert_int_equal(json_as_integer(get(f->json, "rounds")), 3);
	assert_in_range(json_as_integer(get(f->json, "model_step")), 1, 3);
	assert_kind(f->json, "model_sha256", JSON_IS_STRING);
	assert_kind(f->json, "metrics.auc", JSON_IS_REAL); /* of the model that is kept */
	assert_kind(json_at(get(f->json, "per_site"), 0), "metrics", JSON_IS_OBJECT);
	assert_kind(f->json, "baselines", JSON_IS_NULL);
	assert_kind(f->json, "roc", JSON_IS_ARRAY);
}

static void test_interrupted_before_a_model(void **state)
{
	struct fixture *f = *state;

	atomic_store(&f->cancel, true);
	f->request.baselines = true;
	perform(f);
	assert_false(json_as_bool(get(f->json, "complete")));
	assert_kind(f->json, "metrics", JSON_IS_NULL);
	assert_kind(f->json, "validation", JSON_IS_NULL);
	assert_kind(f->json, "model_sha256", JSON_IS_NULL);
	assert_kind(f->json, "calibration", JSON_IS_NULL);
	assert_false(json_as_bool(get(f->json, "released")));
}

/* All rounds are done, and the baselines that were asked for are not: that is not complete. */
static void test_interrupted_at_the_baselines(void **state)
{
	struct fixture *f = *state;

	f->cancel_after = 5;
	f->request.baselines = true;
	perform(f);
	assert_int_equal(f->attempts, 5);
	assert_false(json_as_bool(get(f->json, "complete")));
	assert_kind(f->json, "metrics.auc", JSON_IS_REAL);
	assert_kind(f->json, "baselines", JSON_IS_NULL);
	again(f);
	f->request.baselines = false; /* nothing is missing then */
	perform(f);
	assert_true(json_as_bool(get(f->json, "complete")));
}

/* ---- the same again */

static void test_threads_and_seeds(void **state)
{
	struct fixture *f = *state;
	struct hash first, other;

	f->request.dropout = 0.1;
	f->request.sites_per_round = 4;
	WITH(f, "training.rounds=6");
	for (uint64_t seed = 0; seed < 3; seed++) {
		f->request.seed = seed;
		for (uint32_t threads = 1; threads <= 3; threads++) {
			f->request.threads = threads;
			perform(f);
			if (threads == 1)
				first = f->run.model_sha256;
			assert_false(hash_is_zero(&first));
			assert_memory_equal(first.b, f->run.model_sha256.b, HASH_SIZE);
			again(f);
		}
		assert_true(seed == 0 || !hash_equal(&first, &other));
		other = first;
	}
}

static void test_seed_0_is_the_federation_s_own(void **state)
{
	struct fixture *f = *state;
	struct federated straight;
	struct federation sites;
	struct study study;
	const char *names[SITES];
	struct table tables[SITES];
	struct diag why = {{0}};

	perform(f);
	small_study(&study, NULL);
	assert_int_equal(federation_load(&sites, &study, &f->request.data, &why), OK);
	for (uint32_t i = 0; i < SITES; i++) {
		names[i] = sites.sites[i].name;
		tables[i] = sites.sites[i].table;
	}
	federate(&straight, &study, tables, names, SITES);
	assert_memory_equal(f->run.model_sha256.b, straight.best_sha256.b, HASH_SIZE);
	buf_free(&straight.model);
	federation_free(&sites);
	study_free(&study);
}

/* A file of first parameters lies beside the study, wherever the program was started. */
static void test_first_parameters_from_a_file(void **state)
{
	struct fixture *f = *state;
	struct hash sha256;
	char hex[HASH_HEX_SIZE], init[160];
	uint32_t step;

	perform(f);
	struct bytes model = engine_model(f->run.engine, &sha256, &step);
	tempdir_write_bytes(&f->dir, "base.safetensors", model);
	hash_hex(hex, &sha256);
	again(f);
	snprintf(init, sizeof init, "model.init={file: base.safetensors, sha256: %s}", hex);
	f->request.settings = (const char *const[]){init};
	f->request.setting_count = 1;
	perform(f);
	assert_true(json_as_bool(get(f->json, "complete")));
	again(f);
	tempdir_write(&f->dir, "base.safetensors", "no model");
	struct diag why = {{0}};
	assert_int_equal(run_perform(&f->run, &f->request, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "base.safetensors"));
}

/* ---- the folder */

/* A table's cells as numbers by column name, over its lines. */
struct lines {
	char *text, *header, *next;
};

static void open_table(struct lines *l, struct fixture *f, const char *name, const char *header)
{
	l->text = mem_copy_text(tempdir_read(&f->dir, name, NULL));
	l->header = strtok_r(l->text, "\n", &l->next);
	assert_string_equal(l->header, header);
}

/* The cell of `column` in a line; NULL when it is empty. All lines have the header's number of cells. */
static const char *cell(const struct lines *l, const char *line, const char *column, char out[64])
{
	const char *name = l->header;
	size_t length = strlen(column);

	for (;;) {
		size_t n = strcspn(name, ","), c = strcspn(line, ",");

		assert_int_equal(name[n] == '\0', line[c] == '\0');
		if (n == length && strncmp(name, column, n) == 0) {
			snprintf(out, 64, "%.*s", (int)c, line);
			return c > 0 ? out : NULL;
		}
		assert_true(name[n] == ',');
		name += n + 1;
		line += c + 1;
	}
}

static double number(const struct lines *l, const char *line, const char *column)
{
	char text[64];
	const char *found = cell(l, line, column, text);

	assert_non_null(found);
	return strtod(found, NULL);
}

#define FIGURES(p)                                                                                                     \
	p "rows," p "loss," p "accuracy," p "precision," p "recall," p "f1," p "auc," p "brier," p "r2," p "rmse," p   \
	  "mae"

static void test_the_tables_agree(void **state)
{
	static const char *const counts[] = {"contributed", "late", "dropped", "refused", "bytes_up", "bytes_down"};
	struct fixture *f = *state;
	struct lines rounds, sites;
	double sums[6] = {0}, trained = 0, saturated = 0;
	struct diag why = {{0}};
	char text[64], *line;
	bool made;

	f->request.dropout = 0.2;
	f->request.slow = 0.1;
	f->request.seed = 4;
	WITH(f, "training.rounds=12", "sites.max_dropouts=2", "training.weights.cap=38", "training.update_range=0.02");
	perform(f);
	assert_int_equal(run_directory_make(tempdir_path(&f->dir, "out"), &made, &why), OK);
	assert_true(made);
	assert_int_equal(run_directory_write(tempdir_path(&f->dir, "out"), &f->run, &why), OK);
	open_table(&rounds, f, "out/rounds.csv",
	           "round,attempt,asks,step,outcome,invited,contributed,late,dropped,refused,bytes_up,bytes_down,"
	           "virtual_ms,seconds,training_loss,model_step," FIGURES("validation_") "," FIGURES(
			   "test_") ",epsilon,clipped,"
	                            "signal_to_noise");
	while ((line = strtok_r(NULL, "\n", &rounds.next)) != NULL) {
		bool done = strcmp(cell(&rounds, line, "outcome", text), "done") == 0;

		for (int i = 0; i < 6; i++)
			sums[i] += number(&rounds, line, counts[i]);
		assert_true(number(&rounds, line, "invited") ==
		            number(&rounds, line, "contributed") + number(&rounds, line, "late") +
		                    number(&rounds, line, "dropped") + number(&rounds, line, "refused"));
		const char *asks = cell(&rounds, line, "asks", text);
		bool trains = strstr(asks, "train") != NULL, evaluates = strstr(asks, "evaluate") != NULL;
		trained += done && trains ? number(&rounds, line, "contributed") : 0;
		assert_true((cell(&rounds, line, "test_loss", text) != NULL) == (done && evaluates));
		assert_true((cell(&rounds, line, "model_step", text) != NULL) == (done && evaluates));
		assert_true(!done || (cell(&rounds, line, "training_loss", text) != NULL) == trains);
		assert_null(cell(&rounds, line, "epsilon", text));
		assert_null(cell(&rounds, line, "clipped", text));
		assert_null(cell(&rounds, line, "signal_to_noise", text));
	}
	open_table(&sites, f, "out/sites.csv",
	           "site,number,train,validation,test,weight,contributed,late,dropped,refused,bytes_up,bytes_down,"
	           "saturated," FIGURES(""));
	for (uint32_t i = 0; i < SITES; i++) {
		line = strtok_r(NULL, "\n", &sites.next);
		assert_non_null(line);
		for (int k = 0; k < 6; k++)
			sums[k] -= number(&sites, line, counts[k]);
		saturated += number(&sites, line, "saturated");
		assert_true(number(&sites, line, "number") == i + 1);
		assert_true(number(&sites, line, "weight") == number(&sites, line, "train")); /* no patients here */
		assert_true(number(&sites, line, "rows") == number(&sites, line, "test"));
	}
	assert_null(strtok_r(NULL, "\n", &sites.next));
	for (int i = 0; i < 6; i++)
		assert_true(sums[i] == 0);
	assert_true(saturated > 0);
	assert_true(trained == (double)json_as_integer(get(f->json, "updates")));
	free(rounds.text);
	free(sites.text);
}

static void test_the_folder(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};
	struct json *read;
	struct hash sha256;
	struct bytes model;
	size_t len;
	bool made;

	perform(f);
	tempdir_folder(&f->dir, "empty");
	assert_int_equal(run_directory_make(tempdir_path(&f->dir, "empty"), &made, &why), OK);
	assert_false(made);
	assert_int_equal(run_directory_write(tempdir_path(&f->dir, "empty"), &f->run, &why), OK);
	const char *text = tempdir_read(&f->dir, "empty/run.json", &len);
	assert_int_equal(json_parse(&read, bytes_of(text, len), RUN_JSON_MAX, "run.json", &why), OK);
	assert_string_equal(json_as_string(get(read, "model")), "model.safetensors");
	model.ptr = (const uint8_t *)tempdir_read(&f->dir, "empty/model.safetensors", &model.len);
	sha256_of(&sha256, model);
	assert_true(hash_equal(&sha256, &f->run.model_sha256));
	json_free(read);
	assert_int_equal(run_directory_make(tempdir_path(&f->dir, "empty"), &made, &why), ERR_CONFLICT);
	assert_non_null(strstr(why.text, "exists and is not empty"));
	assert_int_equal(run_directory_make(tempdir_path(&f->dir, "study.yaml"), &made, &why), ERR_CONFLICT);
	assert_non_null(strstr(why.text, "exists and is no folder"));
	assert_int_equal(run_directory_make(tempdir_path(&f->dir, "no/where"), &made, &why), ERR_CREATE);
	assert_int_equal(run_directory_make("", &made, &why), ERR_CREATE);
	assert_non_null(strstr(why.text, "--out: cannot be made"));
	assert_false(made);
}

/* A path at which the folder could be made, but not the files in it. */
static void test_a_path_that_is_too_long(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};
	char path[PATH_SIZE];
	bool made;
	size_t len = (size_t)snprintf(path, sizeof path, "%s", tempdir_path(&f->dir, NULL));

	while (len < PATH_SIZE - 20)
		len += (size_t)snprintf(path + len, sizeof path - len, "/.");
	assert_int_equal(run_directory_make(path, &made, &why), ERR_CREATE);
	assert_non_null(strstr(why.text, "the path is too long"));
}

/* A table that did not fit is left out and said, never cut; the others are there. */
static void test_a_table_beyond_its_bound(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};
	bool made;

	perform(f);
	f->run.rounds_csv.failed = true;
	assert_int_equal(run_directory_make(tempdir_path(&f->dir, "out"), &made, &why), OK);
	assert_int_equal(run_directory_write(tempdir_path(&f->dir, "out"), &f->run, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "rounds.csv would be larger than 512 MiB and is left out"));
	assert_false(tempdir_exists(&f->dir, "out/rounds.csv"));
	assert_true(tempdir_exists(&f->dir, "out/model.safetensors"));
	assert_true(tempdir_exists(&f->dir, "out/run.json"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_classes),
		TEST(test_a_number),
		TEST(test_several_classes),
		TEST(test_the_curve_has_the_figure_s_area),
		TEST(test_released),
		TEST(test_excluded),
		TEST(test_warnings),
		TEST(test_more_sites_per_round_than_sites),
		TEST(test_interrupted),
		TEST(test_interrupted_before_a_model),
		TEST(test_interrupted_at_the_baselines),
		TEST(test_threads_and_seeds),
		TEST(test_seed_0_is_the_federation_s_own),
		TEST(test_first_parameters_from_a_file),
		TEST(test_the_tables_agree),
		TEST(test_the_folder),
		TEST(test_a_path_that_is_too_long),
		TEST(test_a_table_beyond_its_bound),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
