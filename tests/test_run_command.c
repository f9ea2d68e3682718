/*
 * `cohort-sim run` as a person types it: what goes where, how it ends, and that a refusal is one line and leaves nothing behind.
 */
#include "base/json.h"
#include "tests/support/contracts.h"
#include "tests/support/program.h"
#include "tests/support/small_study.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define SITES 5
#define ENDLESS "--set training.rounds=100000 --set data.split.validation_fraction=0"

struct fixture {
	struct tempdir dir;
	struct program p;
	char data[PATH_SIZE], study[PATH_SIZE];
};

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct tempdir rows;
	struct study study;

	tempdir_make(&f->dir);
	tempdir_make(&rows);
	tempdir_write(&f->dir, "study.yaml", small_study_text);
	tempdir_folder(&f->dir, "data");
	tempdir_folder(&f->dir, "full");
	tempdir_write(&f->dir, "full/note.txt", "somebody's\n");
	tempdir_folder(&f->dir, "mine");
	small_study(&study, NULL);
	for (uint32_t i = 0; i < SITES; i++) {
		struct table t;
		char from[32], to[48];
		size_t len;

		small_table(&t, &rows, &study, i);
		table_free(&t);
		snprintf(from, sizeof from, "site-%u.csv", i);
		snprintf(to, sizeof to, "data/%s", from);
		const char *text = tempdir_read(&rows, from, &len);
		tempdir_write_bytes(&f->dir, to, bytes_of(text, len));
	}
	study_free(&study);
	tempdir_remove(&rows);
	snprintf(f->data, sizeof f->data, "%s", tempdir_path(&f->dir, "data"));
	snprintf(f->study, sizeof f->study, "%s", tempdir_path(&f->dir, "study.yaml"));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

static const char *at(struct fixture *f, const char *name)
{
	return tempdir_path(&f->dir, name);
}

static struct json *parse(const char *text)
{
	struct json *node;
	struct diag why = {{0}};

	if (json_parse(&node, bytes_text(text), PROGRAM_OUTPUT_MAX, "stdout", &why) != OK)
		fail_msg("%s", why.text);
	return node;
}

static void assert_one_line(const char *text)
{
	const char *end = strchr(text, '\n');

	if (end == NULL || end[1] != '\0')
		fail_msg("not one line: %s", text);
}

/* ---- what goes where */

static void test_json(void **state)
{
	struct fixture *f = *state;

	program_run(&f->p, "cohort-sim", "run '%s' --data '%s' --json --seed 3 --threads 2 --baselines", f->study,
	            f->data);
	program_expect(&f->p, EX_OK, "");
	assert_string_equal(f->p.err, "");
	assert_one_line(f->p.out);
	struct json *node = parse(f->p.out);
	assert_string_equal(json_as_string(json_get(node, "schema")), "cohort/run/1");
	assert_int_equal(json_as_integer(json_get(node, "seed")), 3);
	assert_int_equal(json_as_integer(json_get(json_get(node, "options"), "threads")), 2);
	assert_int_equal(json_kind(json_get(node, "model")), JSON_IS_NULL);
	assert_int_equal(json_kind(json_get(node, "baselines")), JSON_IS_OBJECT);
	json_free(node);
	program_run(&f->p, "cohort-sim", "run '%s' --data '%s' --json --out '%s'", f->study, f->data, at(f, "mine"));
	program_expect(&f->p, EX_OK, "");
	node = parse(f->p.out);
	assert_string_equal(json_as_string(json_get(node, "model")), at(f, "mine/model.safetensors"));
	assert_true(tempdir_exists(&f->dir, "mine/model.safetensors"));
	json_free(node);
}

static void test_words(void **state)
{
	struct fixture *f = *state;

	program_run(&f->p, "cohort-sim", "run '%s' --data '%s' --baselines", f->study, f->data);
	program_expect(&f->p, EX_OK, "");
	assert_string_equal(f->p.err, "");
	assert_non_null(strstr(f->p.out, "small: 5 sites, 3 of 3 rounds, 15 site updates in "));
	assert_non_null(strstr(f->p.out, "no hospital took part"));
	assert_non_null(strstr(f->p.out, "pooled training on the same test rows: AUC 0."));
	assert_non_null(strstr(f->p.out, "\nsite-4 "));
	assert_non_null(
		strstr(f->p.out, " contributed        AUC   accuracy         F1       loss        alone, AUC\n"));
	assert_null(strstr(f->p.out, "stopped early"));
	assert_non_null(strstr(f->p.out, "Nothing was written"));
	assert_null(strstr(f->p.out, "nan"));
	assert_null(strchr(f->p.out, '\033'));
}

/* Every figure has a point and four digits behind it, also 1 and 0.5. */
static void test_figures_have_four_decimals(void **state)
{
	struct fixture *f = *state;
	unsigned figures = 0;

	program_run(&f->p, "cohort-sim", "run '%s' --data '%s' --baselines", f->study, f->data);
	program_expect(&f->p, EX_OK, "");
	for (const char *line = strstr(f->p.out, "\nsite-"); line != NULL; line = strstr(line + 1, "\nsite-")) {
		double auc, accuracy, f1, loss, alone;
		char again[128], wanted[128];

		assert_int_equal(
			sscanf(line + 1, "%*s %*u %*u %*u %lf %lf %lf %lf %lf", &auc, &accuracy, &f1, &loss, &alone),
			5);
		snprintf(wanted, sizeof wanted, "  %9.4f  %9.4f  %9.4f  %9.4f  %16.4f\n", auc, accuracy, f1, loss,
		         alone);
		snprintf(again, sizeof again, "%.*s\n", (int)strcspn(line + 49, "\n"), line + 49);
		assert_string_equal(again, wanted);
		figures++;
	}
	assert_int_equal(figures, SITES);
}

static void test_an_early_stop_is_said(void **state)
{
	struct fixture *f = *state;

	/* at such a rate nothing gets better */
	program_run(&f->p, "cohort-sim",
	            "run '%s' --data '%s' --set training.rounds=20 --set training.local.learning_rate=1e-9 "
	            "--set evaluation.patience=5 --set data.split.validation_fraction=0.2 --out '%s'",
	            f->study, f->data, at(f, "mine"));
	program_expect(&f->p, EX_OK, "");
	const char *words = strstr(f->p.out, "\nStopped early after ");
	char line[128];
	unsigned rounds;

	assert_non_null(words);
	assert_int_equal(sscanf(words, "\nStopped early after %u of 20 rounds: ", &rounds), 1);
	assert_true(rounds >= 5 && rounds < 20);
	assert_non_null(strstr(words, " in 5 evaluations.\n"));
	snprintf(line, sizeof line, "<th scope=\"row\">Rounds</th><td>%u</td>", rounds);
	assert_non_null(strstr(tempdir_read(&f->dir, "mine/report.html", NULL), line));
	assert_non_null(strstr(tempdir_read(&f->dir, "mine/report.html", NULL),
	                       "<th scope=\"row\">Why no more rounds</th><td>stopped early: no better "));
}

/* A site that no baseline can be trained for has a dash, and nobody sees "nan". */
static void test_what_is_undefined_is_a_dash(void **state)
{
	struct fixture *f = *state;

	tempdir_write(&f->dir, "data/site-5.csv", "x,y,kind,label\n");
	program_run(&f->p, "cohort-sim", "run '%s' --data '%s' --baselines", f->study, f->data);
	program_expect(&f->p, EX_OK, "site-5: ");
	const char *line = strstr(f->p.out, "\nsite-5 ");
	assert_non_null(line);
	assert_non_null(strstr(line, "               -\n"));
	assert_null(strstr(f->p.out, "nan"));
}

static void test_help(void **state)
{
	struct fixture *f = *state;

	program_run(&f->p, "cohort-sim", "run --help");
	program_expect(&f->p, EX_OK, "");
	assert_non_null(strstr(f->p.out, "--sites-per-round K"));
	assert_non_null(strstr(f->p.out, "exit code 75"));
	program_run(&f->p, "cohort-sim", "--version");
	program_expect(&f->p, EX_OK, "");
	assert_true(strncmp(f->p.out, "cohort-sim ", 11) == 0);
}

/* ---- refusals */

struct refusal_case {
	const char *
		options; /* behind "run STUDY --data DATA --out NEW"; of two values for one option the first is taken off */
	int code;
	const char *words;
};

/* Runs "cohort-sim run `line`", with STUDY, DATA and DIR replaced: the words, the code, one line, and no trace. */
static void assert_refused(struct fixture *f, const char *line, int code, const char *words)
{
	char *before = program_snapshot(at(f, NULL)), *after;

	program_shell(&f->p, "STUDY='%s'; DATA='%s'; DIR='%s'; cd \"$DIR\"; \"$BIN/cohort-sim\" run %s", f->study,
	              f->data, at(f, NULL), line);
	if (f->p.exit_code != code || strstr(f->p.err, words) == NULL)
		fail_msg("run %s: exit %d, not %d; %s", line, f->p.exit_code, code, f->p.err);
	assert_one_line(f->p.err);
	assert_string_equal(f->p.out, "");
	after = program_snapshot(at(f, NULL));
	assert_string_equal(before, after);
	free(before);
	free(after);
}

#define HERE "$STUDY --data $DATA "

static void test_command_lines_that_are_refused(void **state)
{
	static const struct refusal_case cases[] = {
		{"", EX_USAGE, "something is missing"},
		{"$STUDY $STUDY --data $DATA", EX_USAGE, "is too much"},
		{"$STUDY", EX_USAGE, "no data: give --data DIR"},
		{HERE "--dropuot 0.1", EX_USAGE, "no option --dropuot (did you mean --dropout?)"},
		{HERE "--dropout", EX_USAGE, "--dropout needs a value"},
		{HERE "--dropout 0.1x", EX_USAGE, "--dropout 0.1x: must be a number from 0 to 1"},
		{HERE "--dropout 1.5", EX_USAGE, "must be a number from 0 to 1"},
		{HERE "--dropout -0.1", EX_USAGE, "must be a number from 0 to 1"},
		{HERE "--dropout nan", EX_USAGE, "must be a number from 0 to 1"},
		{HERE "--dropout ' 0.1'", EX_USAGE, "must be a number from 0 to 1"},
		{HERE "--dropout ''", EX_USAGE, "must be a number from 0 to 1"},
		{HERE "--slow 1e1", EX_USAGE, "--slow 1e1: must be a number from 0 to 1"},
		{HERE "--threads 0", EX_USAGE, "--threads 0: must be a whole number from 1 to 256"},
		{HERE "--threads 257", EX_USAGE, "from 1 to 256"},
		{HERE "--threads 2x", EX_USAGE, "from 1 to 256"},
		{HERE "--threads 4294967297", EX_USAGE, "from 1 to 256"},
		{HERE "--seed -1", EX_USAGE, "--seed -1: must be a whole number"},
		{HERE "--seed 1.0", EX_USAGE, "must be a whole number"},
		{HERE "--seed 9223372036854775808", EX_USAGE, "must be a whole number"},
		{HERE "--seed 18446744073709551617", EX_USAGE, "must be a whole number"},
		{HERE "--sites-per-round 0", EX_USAGE, "must be a whole number from 1"},
		{HERE "--sites-per-round 4294967298", EX_USAGE, "must be a whole number from 1"},
		{HERE "--sites-per-round 6 --out new", EX_USAGE, "--sites-per-round 6: there are 5 sites"},
		{HERE "--sites 3", EX_USAGE, "--sites belongs to --partition"},
		{HERE "--synthetic 5x5", EX_USAGE, "--synthetic makes rows and sites of its own"},
		{HERE "--seed 1 --seed 2", EX_USAGE, "--seed is given too often"},
		{HERE "--json=yes", EX_USAGE, "--json takes no value"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_refused(*state, cases[i].options, cases[i].code, cases[i].words);
}

static void test_settings_that_are_refused(void **state)
{
	static const struct refusal_case cases[] = {
		{HERE "--set training.ronds=3", EX_DATAERR,
	         "training.ronds is no key of a study; did you mean training.rounds?"},
		{HERE "--set nothing.at.all=3", EX_DATAERR, "nothing.at.all is no key of a study"},
		{HERE "--set training.rounds", EX_USAGE, "is no setting; write KEY=VALUE"},
		{HERE "--set =3", EX_USAGE, "is no setting; write KEY=VALUE"},
		{HERE "--set training.rounds=", EX_DATAERR, "with --set training.rounds=: "},
		{HERE "--set training.rounds=0", EX_DATAERR, "with --set training.rounds=0: "},
		{HERE "--set training.rounds=3x", EX_DATAERR, "with --set training.rounds=3x: "},
		{HERE "--set 'training.rounds=[3'", EX_DATAERR, "with --set training.rounds=[3: "},
		{HERE "--set training..rounds=3", EX_DATAERR,
	         "training..rounds is no key of a study; did you mean training.rounds?"},
		{HERE "--set data.features.z.max=3", EX_DATAERR, "\"z\" is no item of that list"},
		{HERE "--set 'data.features[9].max=3'", EX_DATAERR, "\"[9]\" is no item of that list"},
		{HERE "--set 'data.features[x].max=3'", EX_DATAERR, "\"[x]\" is no item of that list"},
		{HERE "--set sites.min=6 --set sites.max_dropouts=0 --out new", EX_NOPERM,
	         "5 sites can take part and the study's sites.min is 6"},
		{HERE "--sites-per-round 1 --out new", EX_NOPERM,
	         "--sites-per-round 1 is below the study's sites.min, 2"},
		{HERE "--set training.weights.cap=2 --out new", EX_NOPERM, "5 of 5 sites refuse round 1"},
		{HERE "--dropout 1 --out new", EX_DATAERR, "lower --dropout and --slow"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_refused(*state, cases[i].options, cases[i].code, cases[i].words);
}

static void test_files_that_are_refused(void **state)
{
	struct fixture *f = *state;
	char line[2 * PATH_SIZE + 64] = HERE "--out /tmp/";

	tempdir_write(&f->dir, "strict.yaml",
	              "masking: off\nmechanisms: [local]\nevaluation: [masked]\nmin_sites: 2\n");
	tempdir_write(&f->dir, "broken.yaml", "maksing: off\n");
	tempdir_folder(&f->dir, "narrow");
	tempdir_write(&f->dir, "narrow/a.csv", "x,yy,kind,label\n1,2,a,1\n");
	tempdir_folder(&f->dir, "none");
	static const struct refusal_case cases[] = {
		{"nope.yaml --data $DATA --out new", EX_NOINPUT, "nope.yaml: "},
		{"$STUDY --data nowhere --out new", EX_NOINPUT, "nowhere"},
		{"$STUDY --data none --out new", EX_NOINPUT, "none"},
		{"$STUDY --data narrow --out new", EX_DATAERR, "\"y\""},
		{"$STUDY --data narrow --out mine", EX_DATAERR, "\"y\""}, /* a folder that was there stays */
		{HERE "--policy nope.yaml --out new", EX_NOINPUT, "nope.yaml"},
		{HERE "--policy broken.yaml --out new", EX_CONFIG, "did you mean \"masking\"?"},
		{HERE "--policy strict.yaml --out new", EX_NOPERM, "no hospital with this policy takes part"},
		{HERE "--out full", EX_DATAERR, "full: exists and is not empty; name another folder with --out"},
		{HERE "--out study.yaml", EX_DATAERR, "study.yaml: exists and is no folder"},
		{HERE "--out no/where", EX_CANTCREAT, "no/where: cannot be made: No such file or directory"},
		{HERE "--out ''", EX_CANTCREAT, "--out: cannot be made"},
		{HERE "--out /proc/new", EX_CANTCREAT, "/proc/new: cannot be made"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_refused(f, cases[i].options, cases[i].code, cases[i].words);
	for (size_t i = 0; i < 405; i++) /* 4,058 characters: a folder could be made there, and no file in it */
		strcat(line, "./././././");
	strcat(line, "new");
	assert_refused(f, line, EX_CANTCREAT, "the path is too long");
}

/* Found before the work, and not after it. Whoever may do everything becomes nobody for it. */
static void test_a_folder_that_cannot_be_written(void **state)
{
	struct fixture *f = *state;
	const char *become = geteuid() == 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups" : "";

	assert_int_equal(chmod(at(f, NULL), 0755), 0);
	assert_int_equal(chmod(at(f, "data"), 0755), 0);
	for (uint32_t i = 0; i < SITES; i++) {
		char name[32];

		snprintf(name, sizeof name, "data/site-%u.csv", i);
		assert_int_equal(chmod(at(f, name), 0644), 0);
	}
	assert_int_equal(chmod(f->study, 0644), 0);
	assert_int_equal(chmod(at(f, "mine"), 0555), 0);
	program_shell(&f->p, "%s test -x \"$BIN/cohort-sim\"", become);
	if (f->p.exit_code != 0) {
		print_message("skipped: nobody may not run the program from here\n");
		skip();
	}
	program_shell(&f->p, "%s \"$BIN/cohort-sim\" run '%s' --data '%s' " ENDLESS " --out '%s'", become, f->study,
	              f->data, at(f, "mine"));
	program_expect(&f->p, EX_CANTCREAT, "mine: cannot be written: Permission denied");
	assert_one_line(f->p.err);
}

/* ---- disks and pipes */

static void test_stdout_on_a_full_disk(void **state)
{
	struct fixture *f = *state;

	program_shell(&f->p, "\"$BIN/cohort-sim\" run '%s' --data '%s' --json >/dev/full", f->study, f->data);
	program_expect(&f->p, EX_IOERR, "the output could not be written");
	program_shell(&f->p, "\"$BIN/cohort-sim\" run '%s' --data '%s' >/dev/full", f->study, f->data);
	program_expect(&f->p, EX_IOERR, "the output could not be written");
}

/* A file system of a few pages, in a name space of our own. */
static void test_a_full_disk(void **state)
{
	struct fixture *f = *state;

	program_shell(&f->p, "unshare -rm mount -t tmpfs none '%s'", at(f, "mine"));
	if (f->p.exit_code != 0) {
		print_message("skipped: no file system may be mounted here\n");
		skip();
	}
	program_shell(
		&f->p,
		"unshare -rm sh -c \"mount -t tmpfs -o size=8k none '%s' && '$BIN/cohort-sim' run '%s' --data '%s' "
		"--out '%s'; code=\\$?; ls '%s/out'; exit \\$code\"",
		at(f, "mine"), f->study, f->data, at(f, "mine/out"), at(f, "mine"));
	program_expect(&f->p, EX_IOERR, "No space left on device");
	assert_one_line(f->p.err);
	assert_null(strstr(f->p.out, "run.json")); /* the last of the files that others read: no half of one */
	assert_null(strstr(f->p.out, "small: 5 sites"));
}

/* ---- interrupted */

/* Ends a run that would take for ever after `delay` seconds from when its folder is there. */
static void interrupt(struct fixture *f, const char *name, const char *delay, const char *signal)
{
	program_shell(&f->p,
	              "cd '%s'; rm -rf %s; \"$BIN/cohort-sim\" run '%s' --data '%s' " ENDLESS
	              " --out %s --json & i=0; while [ ! -d %s ] && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done; "
	              "sleep %s; kill -%s $!; wait $!",
	              at(f, NULL), name, f->study, f->data, name, name, delay, signal);
	program_expect(&f->p, EX_TEMPFAIL, "interrupted after ");
	assert_non_null(strstr(f->p.err, " of 100000 rounds; what was done is kept"));
}

static void assert_kept(struct fixture *f)
{
	static const char *const files[] = {"stopped/rounds.csv", "stopped/sites.csv", "stopped/report.html"};
	struct json *printed = parse(f->p.out), *kept = parse(tempdir_read(&f->dir, "stopped/run.json", NULL));
	const char *sha256 = json_as_string(json_get(kept, "model_sha256"));

	assert_false(json_as_bool(json_get(kept, "complete")));
	assert_false(json_as_bool(json_get(printed, "complete")));
	assert_string_equal(json_as_string(json_get(printed, "model_sha256")), sha256);
	assert_string_equal(json_as_string(json_get(kept, "model")), "model.safetensors");
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		assert_true(tempdir_exists(&f->dir, files[i]));
	/* the model is a whole one: another run begins with it */
	program_run(&f->p, "cohort-sim",
	            "run '%s' --data '%s' --set 'model.init={file: stopped/model.safetensors, sha256: %s}' --json",
	            f->study, f->data, sha256);
	program_expect(&f->p, EX_OK, "");
	json_free(printed);
	json_free(kept);
}

static void test_interrupted(void **state)
{
	static const char *const delays[] = {"0.3", "1.5", "6"};
	struct fixture *f = *state;
	size_t i = 0;

	do
		interrupt(f, "stopped", delays[i], i == 0 ? "INT" : "TERM");
	while (!tempdir_exists(&f->dir, "stopped/model.safetensors") && ++i < 3); /* on a busy machine, later */
	assert_kept(f);
}

static void test_interrupted_before_anything(void **state)
{
	struct fixture *f = *state;

	interrupt(f, "early", "0", "TERM");
	struct json *node = parse(f->p.out);
	assert_false(json_as_bool(json_get(node, "complete")));
	json_free(node);
}

/* One Ctrl-C may come twice, and what was done is kept all the same; who insists a second later is obeyed, even where nothing
 * looks at the first one: here, in front of a reader that does not read. */
static void test_interrupted_again(void **state)
{
	struct fixture *f = *state;

	program_shell(
		&f->p,
		"cd '%s'; mkfifo pipe; sleep 20 <pipe & reader=$!; \"$BIN/cohort-sim\" run '%s' --synthetic 3000x4 "
		"--set training.rounds=100000 --set sites.max_dropouts=10%% --out again --json >pipe & run=$!; i=0; "
		"while [ ! -d again ] && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done; "
		"kill -INT $run; sleep 0.1; kill -INT $run; i=0; "
		"while [ ! -e again/report.html ] && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done; "
		"sleep 1.1; kill -0 $run && echo waits; kill -INT $run; wait $run; echo $?; kill $reader",
		at(f, NULL), f->study);
	assert_string_equal(f->p.out, "waits\n130\n");
	assert_true(tempdir_exists(&f->dir, "again/run.json"));
}

/* ---- progress */

/* On a terminal one line is written over ten times a second, and cleared at the end; colours there are none. */
static void test_progress_on_a_terminal(void **state)
{
	struct fixture *f = *state;

	program_shell(&f->p,
	              "TERM=xterm timeout --foreground --preserve-status -s INT 30 script -qec \"timeout --foreground "
	              "--preserve-status -s INT 0.8 '$BIN/cohort-sim' run '%s' --data '%s' " ENDLESS " 2>&1 >'%s'\" "
	              "/dev/null",
	              f->study, f->data, at(f, "words"));
	assert_int_equal(f->p.exit_code, EX_TEMPFAIL);
	assert_non_null(strstr(f->p.out, "\r\033[Kround "));
	assert_non_null(strstr(f->p.out, " of 100000"));
	assert_non_null(strstr(f->p.out, " updates/s   "));
	assert_non_null(strstr(f->p.out, " left"));
	assert_non_null(strstr(f->p.out, "\r\033[Kcohort-sim: interrupted after ")); /* cleared before the words */
	for (const char *c = f->p.out; (c = strchr(c, '\033')) != NULL; c++)
		assert_memory_equal(c, "\033[K", 3);
}

/* A log has no use for it, nor a terminal that does not understand. */
static void test_no_progress_elsewhere(void **state)
{
	struct fixture *f = *state;

	program_shell(&f->p, "timeout --preserve-status -s INT 0.8 \"$BIN/cohort-sim\" run '%s' --data '%s' " ENDLESS,
	              f->study, f->data);
	program_expect(&f->p, EX_TEMPFAIL, "interrupted after ");
	assert_one_line(f->p.err);
	program_shell(
		&f->p,
		"TERM=dumb script -qec \"timeout --foreground --preserve-status -s INT 0.5 '$BIN/cohort-sim' run '%s' "
		"--data '%s' " ENDLESS " 2>&1 >/dev/null\" /dev/null",
		f->study, f->data);
	assert_int_equal(f->p.exit_code, EX_TEMPFAIL);
	assert_null(strchr(f->p.out, '\033'));
}

/* ---- what it is made of */

static void test_links_no_network_and_no_database(void **state)
{
	static const char *const absent[] = {"libssl", "libsqlite3", "libevent", "libcurl"};
	struct fixture *f = *state;

	program_shell(&f->p, "readelf -d \"$BIN/cohort-sim\" | grep NEEDED");
	assert_non_null(strstr(f->p.out, "libsodium"));
	for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
		assert_null(strstr(f->p.out, absent[i]));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* Before anything runs, and so also where nothing can. */
static void test_the_promise_comes_first(void **state)
{
	struct fixture *f = *state;
	char *text = contract_text("private.yaml"), *yaml = contract_edited(text, "1.0e-4", "1.0e-3");

	tempdir_write(&f->dir, "private.yaml", yaml);
	program_run(&f->p, "cohort-sim", "run '%s' --synthetic 2x30 --set privacy.epsilon=2", at(f, "private.yaml"));
	program_expect(&f->p, EX_NOPERM, "privacy: distributed: epsilon 2, delta 0.001 for each patient");
	program_expect(&f->p, EX_NOPERM, "private.yaml:15:54: privacy.delta: 0.001 is above a tenth");
	program_expect(&f->p, EX_NOPERM, "Expected signal-to-noise ratio of a step: at most ");
	assert_null(strstr(f->p.err, "WARNING: delta")); /* which was said already */
	assert_true(strstr(f->p.err, "privacy: distributed") < strstr(f->p.err, "the study's sites.min is 3"));
	free(yaml);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_json),
		TEST(test_words),
		TEST(test_figures_have_four_decimals),
		TEST(test_an_early_stop_is_said),
		TEST(test_what_is_undefined_is_a_dash),
		TEST(test_help),
		TEST(test_the_promise_comes_first),
		TEST(test_command_lines_that_are_refused),
		TEST(test_settings_that_are_refused),
		TEST(test_files_that_are_refused),
		TEST(test_a_folder_that_cannot_be_written),
		TEST(test_stdout_on_a_full_disk),
		TEST(test_a_full_disk),
		TEST(test_interrupted),
		TEST(test_interrupted_before_anything),
		TEST(test_interrupted_again),
		TEST(test_progress_on_a_terminal),
		TEST(test_no_progress_elsewhere),
		TEST(test_links_no_network_and_no_database),
	};

	return cmocka_run_group_tests_name("run_command", tests, NULL, NULL);
}
