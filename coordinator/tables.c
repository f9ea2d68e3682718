#include "coordinator/tables.h"

#include "base/limits.h"
#include "protocol/refusal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGE_SIZE 32
#define NUMBER_SIZE 32
#define INTERVAL_SIZE 64
#define LINE_MAX_OCTETS (64u << 20)
#define NAME_COLUMN 24 /* most names of hospitals are shorter; a longer one shifts its line */

/* ---- values; a key that is missing (an older daemon) is shown as "" or "-" */

static const char *text(const struct json *node, const char *key)
{
	const struct json *value = json_get(node, key);

	return value != NULL && json_kind(value) == JSON_IS_STRING ? json_as_string(value) : "";
}

static int64_t integer(const struct json *node, const char *key)
{
	const struct json *value = json_get(node, key);

	return value != NULL && json_kind(value) == JSON_IS_INTEGER ? json_as_integer(value) : 0;
}

static const char *figure(char out[NUMBER_SIZE], const struct json *node, const char *key, int decimals)
{
	const struct json *value = json_get(node, key);

	if (value == NULL || (json_kind(value) != JSON_IS_REAL && json_kind(value) != JSON_IS_INTEGER))
		return "-";
	snprintf(out, NUMBER_SIZE, "%.*f", decimals, json_as_real(value));
	return out;
}

/* Of two figures the one that is defined: the first is of classes, the second of numbers. */
static const char *either(char out[NUMBER_SIZE], const struct json *node, const char *of_classes,
                          const char *of_numbers)
{
	const char *shown = figure(out, node, of_numbers, 3);

	return strcmp(shown, "-") != 0 ? shown : figure(out, node, of_classes, 3);
}

/* What follows a noised figure: " [0.971, 1.000]"; "" of an exact one. */
static const char *interval(char out[INTERVAL_SIZE], const struct json *node, const char *key, int decimals)
{
	const struct json *held = json_get(node, key);

	if (held == NULL || json_count(held) != 2)
		return "";
	snprintf(out, INTERVAL_SIZE, " [%.*f, %.*f]", decimals, json_as_real(json_at(held, 0)), decimals,
	         json_as_real(json_at(held, 1)));
	return out;
}

/* "loss 0.1234, accuracy 0.961, auc 0.987", or of a number r2 and rmse; noised ones with their intervals. */
static void print_figures(const struct json *m)
{
	char number[NUMBER_SIZE], held[INTERVAL_SIZE];
	bool numeric = strcmp(figure(number, m, "rmse", 3), "-") != 0;
	const char *second = numeric ? "r2" : "accuracy", *third = numeric ? "rmse" : "auc";

	printf("loss %s%s", figure(number, m, "loss", 4), interval(held, m, "loss_interval", 4));
	printf(", %s %s%s", second, figure(number, m, second, 3),
	       interval(held, m, numeric ? "r2_interval" : "accuracy_interval", 3));
	printf(", %s %s%s", third, figure(number, m, third, 3),
	       interval(held, m, numeric ? "rmse_interval" : "auc_interval", 3));
}

static const char *age(char out[AGE_SIZE], const struct json *site, int64_t now_ms)
{
	int64_t seen_ms = integer(site, "last_seen_ms");
	int64_t s = (now_ms - seen_ms) / 1000;

	if (seen_ms == 0)
		return "never";
	if (s < 120)
		snprintf(out, AGE_SIZE, "%" PRId64 " s ago", s < 0 ? 0 : s);
	else if (s < 7200)
		snprintf(out, AGE_SIZE, "%" PRId64 " min ago", s / 60);
	else if (s < 172800)
		snprintf(out, AGE_SIZE, "%" PRId64 " h ago", s / 3600);
	else
		snprintf(out, AGE_SIZE, "%" PRId64 " days ago", s / 86400);
	return out;
}

static void moment(char out[AGE_SIZE], int64_t at_ms)
{
	time_t at_s = (time_t)(at_ms / 1000);
	struct tm tm;

	gmtime_r(&at_s, &tm);
	strftime(out, AGE_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
}

/* Why a site is not in the sum, in words where it has said so itself: "budget: the hospital's privacy budget ...". */
static void print_reason(const struct json *site)
{
	enum refusal refusal = REFUSAL_NONE;

	printf("%s", text(site, "reason"));
	if (strcmp(text(site, "state"), "refused") == 0 && refusal_from(&refusal, text(site, "reason")))
		printf(": %s", refusal_text(refusal));
}

/* ---- tables */

static void print_sites(const struct json *sites, int64_t now_ms)
{
	char seen[AGE_SIZE];

	printf("  %-*s %-12s %-12s %s\n", NAME_COLUMN, "hospital", "state", "last seen", "reason");
	for (size_t i = 0; i < json_count(sites); i++) {
		const struct json *s = json_at(sites, i);

		bool at_phase = text(s, "phase")[0] != '\0';
		printf("  %-*s %-12s %-12s ", NAME_COLUMN, text(s, "site"), text(s, "state"), age(seen, s, now_ms));
		if (at_phase)
			printf("phase %s", text(s, "phase"));
		else
			print_reason(s);
		printf("\n");
	}
}

static bool has_epsilon(const struct json *privacy)
{
	const struct json *epsilon = json_get(privacy, "epsilon");

	return epsilon != NULL && json_kind(epsilon) != JSON_IS_NULL;
}

/* Are the study's figures exact, although it promises an epsilon? */
static bool is_uncovered(const struct json *privacy)
{
	return has_epsilon(privacy) && strcmp(text(json_get(privacy, "evaluation"), "release"), "masked") == 0;
}

/* "privacy    distributed: epsilon 3, delta 0.0001 for each patient; figures exact, NOT covered by epsilon". */
static void print_privacy(const struct json *p)
{
	const struct json *epsilon = json_get(p, "epsilon");
	bool noise = has_epsilon(p);

	printf("  privacy    %s", text(p, "mechanism"));
	if (noise)
		printf(": epsilon %g, delta %g for each %s", json_as_real(epsilon), json_as_real(json_get(p, "delta")),
		       text(p, "unit"));
	if (is_uncovered(p))
		printf("; figures are exact, NOT covered by epsilon");
	printf("\n");
	if (noise)
		printf("  spare      %" PRId64 " of %" PRId64 " rounds left\n", integer(p, "spare_left"),
		       integer(p, "spare_left") + integer(p, "lost_rounds"));
}

static void print_study(const struct json *s, int64_t now_ms)
{
	const struct json *metrics = json_get(s, "metrics");

	printf("%s revision %" PRId64 ": %s, round %" PRId64 ", training %" PRId64 " of %" PRId64 " done\n",
	       text(s, "study"), integer(s, "revision"), text(s, "state"), integer(s, "round"), integer(s, "step"),
	       integer(s, "rounds"));
	if (text(s, "waiting_for")[0] != '\0')
		printf("  waits for  %s\n", text(s, "waiting_for"));
	if (text(s, "failure")[0] != '\0')
		printf("  failed     %s\n", text(s, "failure"));
	else if (text(s, "reason")[0] != '\0')
		printf("  reason     %s\n", text(s, "reason"));
	if (metrics != NULL && json_kind(metrics) == JSON_IS_OBJECT) {
		printf("  figures    ");
		print_figures(metrics);
		printf("%s\n", is_uncovered(json_get(s, "privacy")) ? " (exact, NOT covered by epsilon)" : "");
	}
	print_privacy(json_get(s, "privacy"));
	printf("  hash       %s\n", text(s, "study_hash"));
	print_sites(json_get(s, "sites"), now_ms);
}

void tables_status(const struct json *status, int64_t now_ms)
{
	const struct json *studies = json_get(status, "studies");

	if (json_count(studies) == 0)
		printf("no study yet; `cohort-coordinator study add FILE` adds one\n");
	for (size_t i = 0; i < json_count(studies); i++) {
		if (i > 0)
			printf("\n");
		print_study(json_at(studies, i), now_ms);
	}
}

void tables_studies(const struct json *studies)
{
	const struct json *list = json_get(studies, "studies");

	printf("%-*s %8s  %-9s %8s  %-10s  %s\n", NAME_COLUMN, "study", "revision", "state", "approved", "expires",
	       "purpose");
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *s = json_at(list, i);

		printf("%-*s %8" PRId64 "  %-9s %8" PRId64 "  %-10s  %s\n", NAME_COLUMN, text(s, "study"),
		       integer(s, "revision"), text(s, "state"), integer(s, "approved"), text(s, "expires"),
		       text(s, "purpose"));
	}
}

void tables_sites(const struct json *sites, int64_t now_ms)
{
	const struct json *list = json_get(sites, "sites");
	char seen[AGE_SIZE];

	printf("%-*s %8s  %-9s %s\n", NAME_COLUMN, "hospital", "number", "state", "last seen");
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *s = json_at(list, i);

		printf("%-*s %8" PRId64 "  %-9s %s\n", NAME_COLUMN, text(s, "site"), integer(s, "number"),
		       text(s, "state"), age(seen, s, now_ms));
	}
}

void tables_rounds_head(void)
{
	printf("%7s %7s  %-10s %9s %9s %11s %9s %9s  %-9s %s\n", "round", "attempt", "kind", "hospitals", "loss",
	       "accuracy/r2", "auc/rmse", "seconds", "outcome", "not in the sum");
}

void tables_round(const struct json *round)
{
	const struct json *sites = json_get(round, "sites");
	char loss[NUMBER_SIZE], accuracy[NUMBER_SIZE], auc[NUMBER_SIZE], hospitals[NUMBER_SIZE];
	size_t in = 0;

	for (size_t i = 0; i < json_count(sites); i++)
		in += strcmp(text(json_at(sites, i), "state"), "contributed") == 0;
	snprintf(hospitals, sizeof hospitals, "%zu/%zu", in, json_count(sites));
	printf("%7" PRId64 " %7" PRId64 "  %-10s %9s %9s %11s %9s %9.1f  %-9s", integer(round, "round"),
	       integer(round, "attempt"), text(round, "kind"), hospitals, figure(loss, round, "loss", 4),
	       either(accuracy, round, "accuracy", "r2"), either(auc, round, "auc", "rmse"),
	       (double)integer(round, "ms") / 1000.0, text(round, "outcome"));
	for (size_t i = 0; i < json_count(sites); i++) {
		const struct json *s = json_at(sites, i);

		if (strcmp(text(s, "state"), "contributed") == 0)
			continue;
		printf(" %s %s", text(s, "site"), text(s, "state"));
		if (text(s, "reason")[0] != '\0') {
			printf(" (");
			print_reason(s);
			printf(")");
		}
	}
	if (is_uncovered(json_get(round, "privacy")) && strcmp(figure(loss, round, "loss", 4), "-") != 0)
		printf(" (figures exact, NOT covered by epsilon)");
	printf("\n");
	if (json_get(round, "loss_interval") != NULL) {
		printf("%15s  noised: ", "");
		print_figures(round);
		printf("\n");
	}
}

void tables_event(const struct json *event)
{
	char at[AGE_SIZE];

	moment(at, integer(event, "at_ms"));
	printf("%6" PRId64 "  %s  %s%s%s  %s\n", integer(event, "seq"), at, text(event, "study"),
	       text(event, "study")[0] ? " " : "", text(event, "kind"), text(event, "body"));
}

void tables_json_line(const struct json *node)
{
	struct buf out;

	buf_init(&out, LINE_MAX_OCTETS);
	json_write(&out, node, false);
	printf("%s\n", buf_text(&out));
	buf_free(&out);
}
