#include "tests/support/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"

#define DOCUMENT_MAX (1u << 20)
#define HEADING "\n## "

void page_open(struct page *p, const char *path)
{
	struct diag why = {0};
	*p = (struct page){.path = path};
	if (file_read(&p->text, path, DOCUMENT_MAX, &why))
		fail_msg("%s", why.text);
}

void page_close(struct page *p)
{
	buf_free(&p->text);
}

char *page_section(struct page *p, const char *title)
{
	const char *text = buf_text(&p->text);
	if (!title)
		return mem_copy_text(text);
	char heading[256];
	snprintf(heading, sizeof(heading), HEADING "%s\n", title);
	const char *begin = strstr(text, heading);
	if (!begin)
		fail_msg("%s has no section \"%s\"", p->path, title);
	begin += strlen(heading);
	const char *end = strstr(begin, HEADING);
	char *copy = mem_copy_text(begin);
	if (end)
		copy[end - begin] = '\0';
	return copy;
}

/* The words between backticks from `at` up to the end of its cell. */
static unsigned words_of_cell(char *at, page_word_fn *tell, void *context)
{
	unsigned count = 0;
	for (bool inside = false; *at && *at != '|'; inside = !inside) {
		size_t length = strcspn(at, inside ? "`" : "`|");
		char after = at[length];
		if (inside) {
			at[length] = '\0';
			tell(context, at);
			at[length] = after;
			count++;
		}
		at += length + (after == '`');
		if (after != '`')
			break;
	}
	return count;
}

unsigned page_words(struct page *p, const char *title, page_word_fn *tell, void *context)
{
	char *section = page_section(p, title), *rest = NULL;
	unsigned count = 0;
	for (char *line = strtok_r(section, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (line[0] == '|')
			count += words_of_cell(line + 1, tell, context);
	free(section);
	return count;
}

char *page_block(struct page *p, const char *info, unsigned n)
{
	char fence[64];
	snprintf(fence, sizeof(fence), "\n```%s\n", info);
	const char *at = buf_text(&p->text);
	for (unsigned i = 0; i <= n; i++) {
		at = strstr(at, fence);
		if (!at)
			return NULL;
		at += strlen(fence);
	}
	const char *end = strstr(at, "\n```");
	if (!end)
		fail_msg("%s: the block %s does not end", p->path, info);
	char *copy = mem_alloc((size_t)(end - at) + 1);
	memcpy(copy, at, (size_t)(end - at));
	return copy;
}

void page_expect_octets(struct page *p, const char *info, struct bytes octets)
{
	char *wanted = page_block(p, info, 0), *hex = mem_alloc(2 * octets.len + 1), *to = wanted;
	if (!wanted)
		fail_msg("%s has no block %s", p->path, info);
	for (const char *c = wanted; *c; c++)
		if (*c != ' ' && *c != '\n')
			*to++ = *c;
	*to = 0;
	hex_encode(hex, octets);
	assert_string_equal(hex, wanted);
	free(hex);
	free(wanted);
}

bool page_has_row(struct page *p, const char *begin)
{
	const char *text = buf_text(&p->text);
	size_t length = strlen(begin);
	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += at != text;
		if (strncmp(at, begin, length) == 0)
			return true;
	}
	return false;
}
