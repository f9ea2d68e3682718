#include "client/words_inside.h"

#include "protocol/round_plan.h"
#include "protocol/study_robust.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 80 /* characters of a line: a terminal as it opens */
#define INDENT 2
#define EXAMPLE_SITES 10u

/* ---- layout */

void words_head(struct buf *out, const char *title)
{
	buf_printf(out, "\n%s\n", title);
}

/* One paragraph, broken at blanks. */
void words_paragraph(struct buf *out, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t word = strcspn(text, " ");

		if (column > 0 && column + 1 + word > WIDTH) {
			buf_put_text(out, "\n");
			column = 0;
		}
		if (column == 0) {
			buf_printf(out, "%*s", INDENT, "");
			column = INDENT;
		} else {
			buf_put_text(out, " ");
			column++;
		}
		buf_put(out, bytes_of(text, word));
		column += word;
		text += word;
		text += strspn(text, " ");
	}
	buf_put_text(out, "\n");
}

void words_say(struct buf *out, const char *fmt, ...)
{
	struct buf text;
	struct diag line;
	va_list args;

	va_start(args, fmt);
	diag_format(&line, fmt, args);
	va_end(args);
	buf_init(&text, sizeof line.text);
	buf_put_text(&text, line.text);
	words_paragraph(out, buf_text(&text));
	buf_free(&text);
}

/* ---- parts of the text */

static void put_purpose(struct buf *out, const struct study *s)
{
	words_head(out, "Purpose");
	words_paragraph(out, s->purpose);
	if (s->contact[0] != '\0')
		words_say(out, "Contact: %s", s->contact);
	if (s->ethics[0] != '\0')
		words_say(out, "Ethics: %s", s->ethics);
	if (s->results[0] != '\0')
		words_say(out, "Results: %s", s->results);
}

static void put_members(struct buf *out, const struct study *s)
{
	struct buf names;

	if (s->members == NULL) {
		words_say(out, "Every hospital that the federation's authority has enrolled may take part.");
		return;
	}
	buf_init(&names, WORDS_MAX);
	buf_put_text(&names, "These hospitals may take part, and no other:");
	for (uint32_t i = 0; i < s->member_count; i++)
		buf_printf(&names, "%s %s", i > 0 ? "," : "", s->members[i]);
	buf_put_text(&names, ".");
	words_paragraph(out, buf_text(&names));
	buf_free(&names);
}

static void put_sites(struct buf *out, const struct study *s)
{
	const struct sites_rule *r = &s->sites;

	words_head(out, "Who takes part");
	put_members(out, s);
	if (r->masking != MASKING_OFF) /* words_masks says the numbers */
		return;
	words_say(out,
	          "A round begins with at least %u hospitals, and every published sum is over at least %u of them.",
	          r->min, plan_quorum(r, r->min));
	words_say(out,
	          "Of the hospitals invited to a round %u%s may drop out; if more do, the round fails and is tried "
	          "again.",
	          r->max_dropouts, r->dropouts_percent ? " %" : "");
	words_say(out, "For example, with %u hospitals invited a sum is over at least %u.", EXAMPLE_SITES,
	          plan_quorum(r, EXAMPLE_SITES));
}

static void put_columns(struct buf *out, const struct schema *s)
{
	words_head(out, "What is read");
	words_say(out, "These columns of the source `%s`, and no other:", s->source);
	for (uint32_t i = 0; i < s->feature_count; i++) {
		const struct feature *f = &s->features[i];

		if (f->type == COLUMN_NUMERIC)
			words_say(out, "%s (number, %g to %g%s%s)", f->name, f->min, f->max,
			          f->unit[0] != '\0' ? " " : "", f->unit);
		else if (f->type == COLUMN_BINARY)
			words_say(out, "%s (%s or %s)", f->name, f->negative, f->positive);
		else
			words_say(out, "%s (%u levels)", f->name, f->levels.count);
	}
	if (s->label.type == COLUMN_NUMERIC)
		words_say(out, "%s (the label, a number, %g to %g%s%s)", s->label.name, s->label.min, s->label.max,
		          s->label.unit[0] != '\0' ? " " : "", s->label.unit);
	else
		words_say(out, "%s (the label, %s)", s->label.name,
		          s->label.type == COLUMN_BINARY ? "two classes" : "several classes");
	if (s->patient_id != NULL)
		words_say(out, "%s (the patient's number: it keeps a patient's rows together and goes nowhere)",
		          s->patient_id);
	if (s->split.column != NULL)
		words_say(out, "%s (which rows are for training and which for testing)", s->split.column);
	else
		words_say(out,
		          "By chance, but always the same, %g %% of the patients are kept for testing and %g %% for "
		          "validation.",
		          100 * s->split.test_fraction, 100 * s->split.validation_fraction);
}

/* Octets of the contribution that asks this, under masks with its check words; with as many sites as it takes, for they do not
 * change the length. */
static size_t octets_of(const struct study *s, unsigned asks)
{
	struct layout layout;

	if (round_plan_layout(&layout, s, asks, s->sites.min, NULL) != OK)
		return 0;
	return layout_octets(&layout) + (s->sites.masking != MASKING_OFF ? 4 * MASKED_CHECK_WORDS : 0);
}

static void put_evaluation(struct buf *out, const struct study *s)
{
	size_t sums = 2 * spec_counts_length(study_shape(s)); /* validation and test */
	bool numeric = s->schema.label.type == COLUMN_NUMERIC;
	char when[64];

	if (s->evaluation == EVALUATION_NONE) {
		words_say(out, "Evaluation: nothing leaves.");
		return;
	}
	if (s->evaluation == EVALUATION_NOISED) {
		words_privacy_evaluation(out, octets_of(s, ASK_EVALUATE));
		return;
	}
	if (s->evaluate_every == 0)
		snprintf(when, sizeof when, "Once, at the end");
	else if (s->evaluate_every == 1)
		snprintf(when, sizeof when, "After each training round");
	else
		snprintf(when, sizeof when, "After every %u training rounds, and at the end", s->evaluate_every);
	words_say(out,
	          "%s (evaluate, %zu octets): how well the model does on this hospital's validation and test patients: "
	          "the sum of their losses, and %zu %s.",
	          when, octets_of(s, ASK_EVALUATE), sums,
	          numeric ? "sums over patients (how many, their label and its square, the model's error, its square)"
	                  : "counts of patients (by class and by the model's answer)");
}

static const char *source_of_model(const struct study *s)
{
	if (s->privacy.mechanism == PRIVACY_DISTRIBUTED)
		return "sum over all hospitals, divided by a public number,";
	return s->privacy.mechanism == PRIVACY_NONE ? "weighted mean of all hospitals' changes"
	                                            : "mean of all hospitals' changes";
}

static void put_strategy(struct buf *out, const struct study *s)
{
	if (study_is_robust(s))
		words_say(out,
		          "The coordinator compares the %s changes one by one, leaves out those that lie far from the "
		          "others, "
		          "and makes the next model of the rest (strategy %s).",
		          s->sites.masking == MASKING_GROUPS ? "groups'" : "hospitals'",
		          study_strategy_name(s->strategy));
	else
		words_say(out, "From the %s the coordinator makes the next model (strategy %s).", source_of_model(s),
		          study_strategy_name(s->strategy));
}

static void put_sums(struct buf *out, const struct study *s)
{
	words_say(out,
	          "Once (statistics, %zu octets): %u counts and sums over the training patients: for each number how "
	          "often "
	          "it is present, its sum and its sum of squares; for each category how many have it; %s.",
	          octets_of(s, ASK_STATISTICS), schema_statistics_length(&s->schema),
	          s->schema.label.type == COLUMN_NUMERIC ? "the same of the label" : "how many patients of each class");
	words_say(out,
	          "In each of %u training rounds (train, %zu octets): by how much this hospital's training changed the "
	          "model's %zu parameters, times the hospital's weight, and the weight (%s).",
	          s->rounds, octets_of(s, ASK_TRAIN), s->model.parameters,
	          s->weights == WEIGHTS_EQUAL ? "1: all hospitals count the same" : "its number of training patients");
}

static void put_leaving(struct buf *out, const struct study *s)
{
	words_head(out, "What leaves this hospital");
	if (s->privacy.mechanism != PRIVACY_NONE)
		words_privacy_leaving(out, s, octets_of(s, ASK_STATISTICS), octets_of(s, ASK_TRAIN));
	else
		put_sums(out, s);
	put_strategy(out, s);
	put_evaluation(out, s);
	if (s->patience > 0)
		words_say(
			out,
			"Training ends before that when %u evaluation%s in a row found no better %s on the validation "
			"patients of all hospitals.",
			s->patience, s->patience == 1 ? "" : "s", study_select_name(s->select));
	if (s->sites.masking != MASKING_OFF)
		words_masks_leaving(out);
	words_say(out, "Control messages: that a round was joined, or refused for a reason from a closed list, without "
	               "numbers.");
	words_say(out, "No row of a patient leaves, no name and no number of one. No round is answered after %s.",
	          s->expires[0] != '\0' ? s->expires : "the study's end");
}

static void put_protection(struct buf *out, const struct study *s)
{
	words_head(out, "How it is protected");
	if (s->sites.masking != MASKING_OFF)
		words_masks_protection(out, s);
	else
		words_say(out, "masking: off: WARNING: the coordinator can read this hospital's contribution alone, "
		               "not only the "
		               "sum over all hospitals. Against everyone else it is protected by TLS with certificates "
		               "on both "
		               "sides.");
	if (s->privacy.mechanism == PRIVACY_NONE)
		words_say(out,
		          "privacy: none: WARNING: no noise is added. What is published, the model included, can tell "
		          "something about single patients to someone who knows a lot already.");
	else
		words_privacy_promise(out, s);
	if (s->evaluation == EVALUATION_MASKED)
		words_say(out, "evaluation: masked: figures are exact sums over the hospitals%s.",
		          s->sites.masking == MASKING_OFF
		                  ? "; with masking off the coordinator reads this hospital's counts alone, too"
		                  : "");
	words_say(out,
	          "The coordinator shows no count below %u to people; that is no protection against the coordinator "
	          "itself.",
	          s->sites.cell_min);
	if (s->weights == WEIGHTS_BY_PATIENTS)
		words_say(out, "A hospital with more than %.0f training patients must refuse.", s->weight_cap);
}

static void put_policy(struct buf *out, const struct study *s, const struct policy *p, int64_t now_s)
{
	struct diag why = {{0}};
	enum refusal no = policy_judge_study(p, s, now_s, &why);

	words_head(out, "What this hospital's policy says");
	if (no == REFUSAL_NONE)
		words_say(out, "It permits the study.");
	else
		words_say(out, "It REFUSES the study (%s): %s.", refusal_name(no), why.text);
	if (p->known != NULL && s->sites.masking == MASKING_OFF)
		words_say(out,
		          "WARNING: its list of known hospitals (known, min_known) protects nothing in a study without "
		          "masking.");
	if (s->schema.label.type == COLUMN_NUMERIC && p->min_rows > 0)
		words_say(out, "It wants at least %u training rows here; that is judged at approval.", p->min_rows);
	else if (s->schema.label.type != COLUMN_NUMERIC && (p->min_rows > 0 || p->min_positives > 0))
		words_say(out,
		          "It wants at least %u training rows and %u of the rarest class here; that is judged at "
		          "approval.",
		          p->min_rows, p->min_positives);
	words_say(out, p->ask_on_data_change
	                       ? "If the extract changes, this hospital stops taking part until a person approves "
	                         "again."
	                       : "If the extract changes, the new rows are used without asking again.");
}

void words_contract(struct buf *out, const struct study *s, const struct words_place *place)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, &s->hash);
	buf_printf(out, "Study %s, revision %u\n", s->name, s->revision);
	buf_printf(out, "%*scontract %s\n", INDENT, "", hex);
	put_purpose(out, s);
	put_sites(out, s);
	if (s->sites.masking != MASKING_OFF)
		words_masks_numbers(out, s, place);
	put_columns(out, &s->schema);
	words_training(out, s);
	put_leaving(out, s);
	put_protection(out, s);
	put_policy(out, s, place->policy, place->now_s);
	words_privacy_budget(out, s, place);
}
