/*
 * A study of the real programs that stops early: with a learning rate that moves nothing, no evaluation is better than the
 * first. The coordinator says why in every place where an operator looks, and everybody has the best model.
 */
#include "tests/support/federation.h"
#include "tests/support/logistic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SITES 2
#define TRAINING 50
#define PATIENCE 3
#define LIMIT_MS 60000
#define REASON "stopped early: no better accuracy in 3 evaluations"

static const char *const names[SITES] = {"north", "south"};

static char *replaced(char *text, const char *old, const char *new)
{
	char *at = strstr(text, old), *result;

	assert_non_null(at);
	if (asprintf(&result, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old)) < 0)
		mem_exhausted(1, 1);
	free(text);
	return result;
}

static void begin(struct federation *f)
{
	char *yaml = logistic_study(TRAINING, 1), path[64];

	yaml = replaced(yaml, "learning_rate: 0.05", "learning_rate: 1.0e-9");
	yaml = replaced(yaml, "init: zero", "init: he"); /* answers that such steps do not change */
	yaml = replaced(yaml, "select: auc", "select: accuracy, patience: 3");
	federation_make(f, yaml, names, SITES);
	free(yaml);
	for (unsigned i = 0; i < SITES; i++) {
		snprintf(path, sizeof path, "%s/data.csv", names[i]);
		logistic_rows(&f->dir, path, i, 200 + 50 * i);
	}
	federation_begin(f);
	federation_wait(f, "finished", LIMIT_MS);
}

static void expect(struct federation *f, const char *command, const char *words)
{
	const char *said = federation_command(f, "%s", command);

	if (strstr(said, words) == NULL)
		fail_msg("%s does not say \"%s\":\n%s", command, words, said);
}

#define COORDINATOR(command) "\"$BIN/cohort-coordinator\" " command " --config coordinator/coordinator.yaml 2>&1"

static void test_it_stops_and_says_why(void **state)
{
	struct federation f;
	struct json *status, *rounds;
	char best[HASH_HEX_SIZE];

	(void)state;
	begin(&f);
	for (int restarted = 0; restarted <= 1; restarted++) {
		status = federation_status(&f);
		assert_string_equal(federation_text(status, "reason"), REASON);
		assert_string_equal(federation_text(status, "failure"), "");
		assert_int_equal(federation_number(status, "best_step"), 1);
		assert_int_equal(federation_number(status, "step"), 1 + PATIENCE + 1);
		snprintf(best, sizeof best, "%s", federation_text(status, "best_sha256"));
		assert_string_not_equal(best, federation_text(status, "model_sha256"));
		json_free(status);
		expect(&f, COORDINATOR("status"), "  reason     " REASON "\n");
		if (restarted == 0) {
			federation_stop(&f, FEDERATION_COORDINATOR);
			federation_start(&f, FEDERATION_COORDINATOR);
			federation_ready(&f);
		}
	}
	rounds = federation_rounds(&f);
	assert_int_equal(json_count(rounds), 1 + 1 + PATIENCE + 1); /* statistics; training until the third in vain */
	assert_string_equal(federation_text(json_at(rounds, 1), "model_sha256"), best);
	json_free(rounds);
	expect(&f, COORDINATOR("events"), "\"reason\":\"" REASON "\"");
	expect(&f, "cat coordinator/log", "study logistic is finished: " REASON);
	expect(&f, "cat south/log", "study logistic is finished");
	expect(&f, COORDINATOR("export logistic --which best --out best") " && sha256sum best", best);
	expect(&f, "find north/state -type f -exec sha256sum {} +", best);
	for (int who = SITES - 1; who >= FEDERATION_COORDINATOR; who--)
		federation_stop(&f, who);
	federation_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_stops_and_says_why),
	};
	return cmocka_run_group_tests_name("early_stopping", tests, NULL, NULL);
}
