/*
 * Any bytes as a person's study and as a received contract. What a file makes must be a contract that is accepted when it
 * is received, with the same hash; what is accepted when received holds its own bytes and can be laid out as a round.
 */
#include "base/json.h"
#include "protocol/round_plan.h"
#include "protocol/study.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_terms(const struct study *s)
{
	struct layout layout;
	CHECK(s->name[0] && s->schema.feature_count > 0 && s->model.parameters > 0);
	CHECK((s->local.epochs == 0) != (s->local.steps == 0));
	CHECK(study_expires_s(s) > 0);
	CHECK(study_invites(s, s->members ? s->members[0] : "any"));
	CHECK(round_plan_layout(&layout, s, ASK_STATISTICS | ASK_TRAIN, s->members ? s->member_count : s->sites.min,
	                        NULL) == OK);
}

static void check_received(struct bytes text, const struct study *written)
{
	struct study s;
	struct diag why = {{0}};
	enum err e = study_from_canonical(&s, text, &why);
	CHECK((e == OK) == (s.tree != NULL) && (e == OK || why.text[0]));
	CHECK(!written || (e == OK && hash_equal(&s.hash, &written->hash)));
	if (e != OK)
		return;
	CHECK(bytes_equal(buf_bytes(&s.canonical), text));
	check_terms(&s);
	study_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct study s;
	struct diag why = {{0}};
	struct bytes text = bytes_of(data, size);
	enum err e = study_parse(&s, text, "study.yaml", true, &why);
	CHECK((e == OK) == (s.tree != NULL));
	CHECK(e == OK || strncmp(why.text, "study.yaml:", 11) == 0);
	if (e == OK) {
		check_terms(&s);
		check_received(buf_bytes(&s.canonical), &s);
		study_free(&s);
	}
	check_received(text, NULL);
	return 0;
}
