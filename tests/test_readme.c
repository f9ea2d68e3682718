/*
 * The README's commands by hand, typed as they are printed (tests/readme.py); and the links of every page lead somewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#define DOCUMENT_MAX (1u << 20)

static struct program p;

/* A folder that looks like the project's, so that nothing is made in this one. */
static void make_project(struct tempdir *t)
{
	tempdir_make(t);
	tempdir_folder(t, "build");
	program_shell(&p, "ln -s \"$BIN\" '%s' && ln -s \"$PWD/examples\" '%s'", tempdir_path(t, "build/bin"),
	              tempdir_path(t, "examples"));
	program_expect(&p, 0, "");
}

static void commands_work_as_printed(void **state)
{
	(void)state;
	struct tempdir t;
	make_project(&t);
	program_shell(&p, "python3 tests/readme.py README.md '%s'", tempdir_path(&t, NULL));
	program_expect(&p, 0, "");
	tempdir_remove(&t);
}

/* The control: a page with a command that cannot work is found out. */
static void wrong_command_is_noticed(void **state)
{
	(void)state;
	struct tempdir t;
	make_project(&t);
	program_shell(&p, "sed 's/^cohort-ca init ca/cohort-ca init --no-such ca/' README.md >'%s'",
	              tempdir_path(&t, "page.md"));
	program_shell(&p, "python3 tests/readme.py '%s' '%s'", tempdir_path(&t, "page.md"), tempdir_path(&t, NULL));
	program_expect(&p, 1, "no option --no-such");
	tempdir_remove(&t);
}

/* "](target)" of a page in `folder`: files and the anchors of their headings. */
static void check_link(const char *page, const char *folder, const char *target)
{
	char path[PATH_SIZE];
	const char *hash = strchr(target, '#');
	if (strncmp(target, "http", 4) == 0 || hash == target)
		return;
	snprintf(path, sizeof(path), "%s%.*s", folder, hash ? (int)(hash - target) : (int)strlen(target), target);
	if (access(path, R_OK) != 0)
		fail_msg("%s links to %s, which is not there", page, target);
}

static unsigned check_page(const char *page)
{
	struct buf text = {0};
	struct diag why = {0};
	unsigned links = 0;
	char folder[PATH_SIZE] = "", target[PATH_SIZE];
	if (file_read(&text, page, DOCUMENT_MAX, &why))
		fail_msg("%s", why.text);
	if (strrchr(page, '/'))
		snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(page, '/') - page) + 1, page);
	for (const char *at = buf_text(&text); (at = strstr(at, "](")); links++) {
		at += 2;
		snprintf(target, sizeof(target), "%.*s", (int)strcspn(at, ")\n"), at);
		check_link(page, folder, target);
	}
	buf_free(&text);
	return links;
}

static void links_lead_somewhere(void **state)
{
	(void)state;
	unsigned links = 0;
	program_shell(&p, "ls *.md docs/*.md examples/*/*.md");
	for (char *page = strtok(p.out, "\n"); page; page = strtok(NULL, "\n"))
		links += check_page(page);
	assert_true(links > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_work_as_printed),
		cmocka_unit_test(wrong_command_is_noticed),
		cmocka_unit_test(links_lead_somewhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
