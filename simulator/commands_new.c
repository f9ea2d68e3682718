#include "simulator/commands.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/name.h"
#include "protocol/study.h"
#include "simulator/draft.h"
#include "simulator/leaks.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct command_option commands_new_options[] = {
	{"from", "FILE.csv", "a CSV (or .csv.gz) of public data, its first line a header", false},
	{"label", "COLUMN", "the column that is to be predicted", false},
	{"out", "STUDY.yaml", "where the draft goes; default: stdout", false},
	{"name", "NAME", "the study's name; default: after the file", false},
	{"force", NULL, "replace STUDY.yaml if it exists", false},
	{NULL, NULL, NULL, false},
};

const char commands_new_help[] =
	"\nEvery line of the draft is a guess with its reason, to be corrected by a person; as it stands,\n"
	"`cohort-sim run` accepts it. Ranges, levels and counts of FILE.csv stand in it: for public data alone.";

/* After the file: its stem in lower case, other characters replaced by '-'. */
static void name_after_file(char name[NAME_SIZE], const char *path)
{
	const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t len = 0;

	for (; file[len] != '\0' && file[len] != '.' && len < NAME_SIZE - 1; len++) {
		int c = tolower((unsigned char)file[len]);
		name[len] = (char)(c < 128 && isalnum(c) ? c : '-');
	}
	name[len] = '\0';
	if (len == 0)
		memcpy(name, "study", sizeof "study");
}

static enum err check_line(char name[NAME_SIZE], const struct command_line *line, struct diag *why)
{
	const char *from = command_value(line, "from", 0), *given = command_value(line, "name", 0);

	if (!from || !command_value(line, "label", 0))
		return diag_set(why, ERR_USAGE, "give --from FILE.csv and --label COLUMN");
	if (given && !name_is_study(given))
		return diag_set(why, ERR_USAGE, "--name %s: a study's name is 1 to %d of a-z, 0-9 and -", given,
		                NAME_SIZE - 1);
	if (given)
		memcpy(name, given, strlen(given) + 1);
	else
		name_after_file(name, from);
	return OK;
}

/* A draft that the study's reader would not take is ours to repair, and is not written. */
static enum err check_draft(const struct buf *draft, struct diag *why)
{
	struct study study = {0};
	enum err e = draft->failed ? diag_set(why, ERR_LIMIT, "the draft would be larger than %u bytes", YAML_TEXT_MAX)
	                           : study_parse(&study, buf_bytes(draft), "the draft", true, why);

	study_free(&study);
	return e;
}

static enum err put_draft(const struct buf *draft, const struct command_line *line, struct diag *why)
{
	const char *out = command_value(line, "out", 0);

	if (!out) {
		fwrite(draft->ptr, 1, draft->len, stdout);
		return OK;
	}
	if (command_flag(line, "force"))
		return file_replace(out, buf_bytes(draft), 0644, why);
	enum err e = file_create(out, buf_bytes(draft), 0644, why);
	if (e == ERR_CONFLICT)
		return diag_set(why, e, "%s exists already; choose another --out, or say --force to replace it", out);
	return e;
}

static void tell_like_label(const struct roles *r, const bool *like_label)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < r->profile->count; i++)
		count += like_label[i];
	if (count > 0)
		fprintf(stderr,
		        "%u feature%s like the label: take out what is not known when the prediction is wanted\n",
		        count, count == 1 ? " is" : "s are");
}

static void tell(const struct command_line *line, const struct roles *r)
{
	const char *from = command_value(line, "from", 0), *out = command_value(line, "out", 0);
	static const char *const labels[] = {
		[GUESS_NUMERIC] = "numeric", [GUESS_BINARY] = "binary", [GUESS_CATEGORICAL] = "categorical"};

	fprintf(stderr, "%u features, %u columns left out, a %s label; correct the draft before you use it\n",
	        r->features, r->left_out, labels[r->guesses[r->label].kind]);
	fprintf(stderr, "ranges, levels and counts of %s stand in %s now: only for public data\n", from,
	        out ? out : "the draft");
}

int commands_new(const struct command_line *line, struct diag *why)
{
	struct draft_options options = {.file = command_value(line, "from", 0)};
	struct profile profile = {0};
	struct roles roles = {0};
	bool *like_label = NULL;
	struct buf draft;
	char name[NAME_SIZE];

	buf_init(&draft, YAML_TEXT_MAX);
	enum err e = check_line(name, line, why);
	options.name = name;
	if (e == OK)
		e = profile_read(&profile, options.file, why);
	if (e == OK)
		e = roles_find(&roles, &profile, options.file, command_value(line, "label", 0), why);
	if (e == OK) {
		options.like_label = like_label = mem_array(profile.count, sizeof *like_label);
		e = leaks_find(like_label, &roles, options.file, why);
	}
	if (e == OK) {
		draft_write(&draft, &roles, &options);
		e = check_draft(&draft, why);
	}
	if (e == OK)
		e = put_draft(&draft, line, why);
	if (e == OK) {
		tell(line, &roles);
		tell_like_label(&roles, like_label);
	}
	free(like_label);
	roles_free(&roles);
	profile_free(&profile);
	buf_free(&draft);
	return err_exit(e);
}
