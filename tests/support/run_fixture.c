#include "tests/support/run_fixture.h"

#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX (8u << 20)

struct run_fixture run_fixture_default(void)
{
	return (struct run_fixture){
		.study = "heart",
		.purpose = "Predict coronary disease from a first visit",
		.seed = 1,
		.strategy = "fedavg",
		.learning_rate = 0.05,
		.rounds = 10,
		.sites = 4,
		.auc = 0.6,
		.rise = 0.03,
		.complete = true,
		.label_type = "binary",
	};
}

static bool classes(const struct run_fixture *f)
{
	return strcmp(f->label_type, "numeric") != 0;
}

/* Figures whose digits are found again on a page. */
static struct json *figures(const struct run_fixture *f, double auc, double rows)
{
	struct json *m = json_new_object();
	bool binary = strcmp(f->label_type, "binary") == 0;

	json_set_real(m, "loss", 0.4321);
	json_set_real(m, "accuracy", classes(f) ? 0.8123 : NAN);
	json_set_real(m, "precision", classes(f) ? 0.7654 : NAN);
	json_set_real(m, "recall", classes(f) ? 0.7912 : NAN);
	json_set_real(m, "f1", classes(f) ? 0.7781 : NAN);
	json_set_real(m, "auc", binary ? auc : NAN);
	json_set_real(m, "brier", classes(f) ? 0.1357 : NAN);
	json_set_real(m, "r2", classes(f) ? NAN : 0.5678);
	json_set_real(m, "rmse", classes(f) ? NAN : 12.34);
	json_set_real(m, "mae", classes(f) ? NAN : 9.876);
	json_set_real(m, "rows", rows);
	return m;
}

static struct json *parsed(const char *fmt, ...) PRINTF_LIKE(1, 2);
static struct json *parsed(const char *fmt, ...)
{
	char text[4096];
	struct json *node = NULL;
	struct diag why = {0};
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (json_parse(&node, bytes_text(text), sizeof text, "fixture", &why) != OK)
		fail_msg("%s in %s", why.text, text);
	return node;
}

static void set_contract(struct json *about, const struct run_fixture *f)
{
	struct json *contract = parsed(
		"{\"cohort\":1,\"revision\":3,\"data\":{\"label\":{\"name\":\"disease\",\"type\":\"%s\"%s}},"
		"\"model\":{\"layers\":[\"dense 16\",\"relu\",\"dense 1\"]},\"training\":{\"strategy\":"
		"\"%s\",\"rounds\":%u,\"local\":{\"epochs\":2,\"batch\":32,\"optimizer\":\"sgd\","
		"\"learning_rate\":%.17g},\"server\":{\"learning_rate\":1}},\"sites\":{\"min\":3}}",
		f->label_type, strcmp(f->label_type, "categorical") == 0 ? ",\"levels\":[\"low\",\"<b>high</b>\"]" : "",
		f->strategy, f->rounds, f->learning_rate);
	json_set_string(contract, "purpose", f->purpose);
	if (f->select != NULL)
		json_set(contract, "evaluation", parsed("{\"select\":\"%s\"}", f->select));
	json_set(about, "contract", contract);
}

static void set_curves(struct json *about, const struct run_fixture *f)
{
	bool binary = strcmp(f->label_type, "binary") == 0;

	json_set(about, "roc", binary ? parsed("[[0,0],[0.1,0.55],[0.3,0.85],[0.6,0.97],[1,1]]") : json_new_null());
	json_set(about, "calibration",
	         binary ? parsed("[{\"predicted\":0.07,\"observed\":0.1,\"rows\":31},{\"predicted\":0.42,\"observed\":"
	                         "0.5,"
	                         "\"rows\":1044},{\"predicted\":0.91,\"observed\":0.87,\"rows\":45}]")
	                : json_new_null());
	json_set(about, "confusion", classes(f) ? parsed("[[111,22],[33,1444]]") : json_new_null());
}

static const char *site_name(const struct run_fixture *f, unsigned i, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "site-%u", i + 1);
	return i == 0 && f->site_name != NULL ? f->site_name : out;
}

static void set_baselines(struct json *about, const struct run_fixture *f)
{
	struct json *baselines = json_new_object(), *local = json_new_array();
	char name[NAME_SIZE];

	json_set(baselines, "pooled", figures(f, 0.9345, 120));
	for (unsigned i = 0; i < f->sites; i++) {
		struct json *entry = json_new_object();
		json_set_string(entry, "site", site_name(f, i, name));
		json_set(entry, "home", figures(f, 0.71 + 0.02 * i, 30));
		json_set(entry, "all", figures(f, 0.66 + 0.01 * i, 120));
		json_add(local, entry);
	}
	json_set(baselines, "local", local);
	json_set(about, "baselines", baselines);
}

static void write_about(struct tempdir *t, const char *name, const struct run_fixture *f)
{
	struct json *about = json_new_object();
	struct buf text = {0};
	char path[PATH_SIZE];

	json_set_string(about, "schema", "cohort/run/1");
	json_set_string(about, "version", "0.1.0");
	json_set_bool(about, "complete", f->complete);
	json_set_string(about, "study", f->study);
	json_set_string(about, "study_sha256", "1111111111111111111111111111111111111111111111111111111111111111");
	json_set_string(about, "study_hash", "2222222222222222222222222222222222222222222222222222222222222222");
	json_set_integer(about, "seed", f->seed);
	json_set_integer(about, "sites", f->sites);
	json_set_integer(about, "rounds", f->rounds);
	json_set_integer(about, "updates", (int64_t)f->rounds * f->sites);
	json_set_real(about, "seconds", 1.25);
	json_set_real(about, "updates_per_second", 3200);
	json_set(about, "metrics", f->unjudged ? json_new_null() : figures(f, f->auc + f->rise * f->rounds, 1120));
	json_set(about, "validation", f->unjudged ? json_new_null() : figures(f, 0.8246, 240));
	if (!f->unjudged)
		set_curves(about, f);
	if (f->baselines)
		set_baselines(about, f);
	else
		json_set(about, "baselines", json_new_null());
	json_set(about, "privacy",
	         f->epsilon ? parsed("{\"mechanism\":\"distributed\",\"unit\":\"patient\",\"epsilon\":2.75,\"delta\":0."
	                             "0001,"
	                             "\"noise_multiplier\":1.312,\"sampling_rate\":0.1,\"releases\":10,\"clip\":0.625,"
	                             "\"signal_to_noise\":4.375,\"holds_against\":\"everybody\","
	                             "\"measured\":{\"clipped\":0.3125,\"signal_to_noise\":1.875},"
	                             "\"noised\":{\"auc\":0.5625},"
	                             "\"evaluation\":{\"release\":\"masked\",\"covered\":false}}")
	                    : parsed("{\"mechanism\":\"none\",\"unit\":\"patient\",\"epsilon\":null,\"delta\":null,"
	                             "\"noise_multiplier\":null,\"sampling_rate\":null,\"releases\":null}"));
	json_set_bool(about, "released", false);
	json_set(about, "excluded", json_new_array());
	json_set(about, "warnings", parsed("[\"site-2: one class among its training rows\"]"));
	json_set(about, "options",
	         parsed("{\"data\":\"it's "
	                "here/heart\",\"site_column\":null,\"partition\":\"dirichlet:0.5\",\"sites\":%u,"
	                "\"synthetic\":null,\"sites_per_round\":%u,\"dropout\":0.1,\"slow\":0,\"threads\":2,\"policy\":"
	                "null,"
	                "\"set\":[\"training.strategy=%s\"]}",
	                f->sites, f->sites_per_round, f->strategy));
	set_contract(about, f);
	json_set_integer(about, "model_step", f->rounds);
	json_set_string(about, "model_sha256", "3333333333333333333333333333333333333333333333333333333333333333");
	buf_init(&text, TEXT_MAX);
	json_write(&text, about, true);
	snprintf(path, sizeof path, "%s/run.json", name);
	tempdir_write_bytes(t, path, buf_bytes(&text));
	buf_free(&text);
	json_free(about);
}

/* Round 1 asks for statistics; each of the others trains a step and judges the model that it began with. */
static void write_rounds(struct tempdir *t, const char *name, const struct run_fixture *f)
{
	struct buf text = {0};
	char path[PATH_SIZE];

	buf_init(&text, TEXT_MAX);
	buf_put_text(&text,
	             "round,attempt,asks,step,outcome,invited,contributed,late,dropped,refused,bytes_up,bytes_down,"
	             "virtual_ms,seconds,training_loss,model_step,validation_rows,validation_loss,"
	             "validation_accuracy,validation_precision,validation_recall,validation_f1,validation_auc,"
	             "validation_brier,validation_r2,validation_rmse,validation_mae,test_rows,test_loss,test_accuracy,"
	             "test_precision,test_recall,test_f1,test_auc,test_brier,test_r2,test_rmse,test_mae,epsilon\n");
	buf_printf(&text, "1,1,statistics,0,closed,%u,%u,0,0,0,1000,500,100,0.01,,,,,,,,,,,,,,,,,,,,,,,,,\n", f->sites,
	           f->sites);
	for (unsigned k = 0; k <= f->rounds; k++) {
		double loss = 0.3 + 0.4 * exp(-(double)k / 4), auc = f->auc + f->rise * k;

		if (f->evaluate_every > 0 && k % f->evaluate_every > 0) {
			buf_printf(&text,
			           "%u,1,train,%u,closed,%u,%u,0,0,0,1000,500,%u,0.01,,,,,,,,,,,,,,,,,,,,,,,,,\n",
			           k + 2, k + 1, f->sites, f->sites, 100 * k);
			continue;
		}
		buf_printf(&text, "%u,1,%s,%u,closed,%u,%u,%u,%u,0,1000,500,%u,0.01,,%u,240,%.6g,", k + 2,
		           k < f->rounds ? "train+evaluate" : "evaluate", k + 1, f->sites, f->sites - k % 2, k % 3 == 1,
		           k % 2, 100 * k, k, loss * 1.05);
		if (classes(f))
			buf_printf(&text, "0.8,0.7,0.7,0.7,%.6g,0.2,,,,1120,%.6g,0.81,0.7,0.7,0.7,%.6g,0.19,,,,",
			           auc - 0.02, loss, auc);
		else
			buf_printf(&text, ",,,,,,%.6g,12,9,1120,%.6g,,,,,,,%.6g,11,8,", auc - 0.02, loss, auc);
		if (f->epsilon)
			buf_printf(&text, "%.6g", 0.5 * sqrt((double)k + 1));
		buf_put_text(&text, "\n");
	}
	snprintf(path, sizeof path, "%s/rounds.csv", name);
	tempdir_write_bytes(t, path, buf_bytes(&text));
	buf_free(&text);
}

static void write_sites(struct tempdir *t, const char *name, const struct run_fixture *f)
{
	struct buf text = {0};
	char path[PATH_SIZE], site[NAME_SIZE];

	buf_init(&text, TEXT_MAX);
	buf_put_text(&text,
	             "site,number,train,validation,test,weight,contributed,late,dropped,refused,bytes_up,bytes_down,"
	             "saturated,rows,loss,accuracy,precision,recall,f1,auc,brier,r2,rmse,mae\n");
	for (unsigned i = 0; i < f->sites; i++) {
		unsigned rows = 7 + (i * 7919u) % 113;

		/* a name may hold what CSV gives a meaning to */
		buf_put_text(&text, "\"");
		for (const char *c = site_name(f, i, site); *c != '\0'; c++)
			buf_printf(&text, *c == '"' ? "\"\"" : "%c", *c);
		buf_printf(&text, "\",%u,%u,%u,%u,%u,%u,%u,0,0,11000,5500,0,%u,0.5,", i + 1, 1500 + i, 60u, rows,
		           1500 + i, f->rounds, i % 2, rows);
		if (!classes(f))
			buf_printf(&text, ",,,,,,%.6g,9.5,7.5\n", 0.4 + 0.0002 * rows);
		else if (i % 17 == 2)
			buf_put_text(&text, "0.9,,,,,0.1,,,\n"); /* one class */
		else
			buf_printf(&text, "0.8,0.7,0.7,0.7,%.6g,0.17,,,\n",
			           0.84 + 0.4 * sin((double)i * 5) / sqrt(rows));
	}
	snprintf(path, sizeof path, "%s/sites.csv", name);
	tempdir_write_bytes(t, path, buf_bytes(&text));
	buf_free(&text);
}

void run_fixture_write(struct tempdir *t, const char *name, const struct run_fixture *f)
{
	tempdir_folder(t, name);
	write_about(t, name, f);
	write_rounds(t, name, f);
	write_sites(t, name, f);
}
