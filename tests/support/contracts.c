/* Studies for tests, read from the fuzzer's corpus. */
#include "tests/support/contracts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define FOLDER "tests/fuzz/corpus/study/"

char *contract_text(const char *name)
{
	char path[PATH_SIZE];
	struct buf text;
	struct diag why = {{0}};
	snprintf(path, sizeof path, FOLDER "%s", name);
	if (file_read(&text, path, CONTRACT_MAX, &why) != OK)
		fail_msg("%s", why.text);
	char *out = mem_copy_text(buf_text(&text));
	buf_free(&text);
	return out;
}

char *contract_edited(const char *text, const char *old, const char *new)
{
	const char *at = strstr(text, old);
	if (!at || strstr(at + 1, old))
		fail_msg("\"%s\" must occur once in the study", old);
	char *out = mem_alloc(strlen(text) + strlen(new) + 1);
	sprintf(out, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
	return out;
}

void contract_parse(struct study *s, const char *yaml)
{
	struct diag why = {{0}};
	if (study_parse(s, bytes_text(yaml), "study.yaml", false, &why) != OK)
		fail_msg("%s\n%s", why.text, yaml);
}

void contract_refused(const char *yaml, const char *expected)
{
	struct study s;
	struct diag why = {{0}};
	enum err e = study_parse(&s, bytes_text(yaml), "study.yaml", false, &why);
	if (e == OK || strcmp(why.text, expected) != 0)
		fail_msg("%s\nexpected \"%s\"\ngot      \"%s\"", yaml, expected, why.text);
	assert_null(s.tree);
}

void contract_refusals_of(const char *base, const struct contract_refusal *cases, size_t count)
{
	char expected[DIAG_MAX];
	char *whole = contract_text(base);
	for (size_t i = 0; i < count; i++) {
		char *text = contract_edited(whole, cases[i].old, cases[i].new);
		snprintf(expected, sizeof expected, "study.yaml:%s", cases[i].expected);
		contract_refused(text, expected);
		free(text);
	}
	free(whole);
}

void contract_refusals(const struct contract_refusal *cases, size_t count)
{
	contract_refusals_of("minimal.yaml", cases, count);
}
