/*
 * A page of docs/ as its tests see it: sections by heading, and the tables in them.
 *
 *   struct page page;
 *   page_open(&page, "docs/HOSPITAL.md");
 *   page_words(&page, "policy.yaml", tell, context);          each `word` in the first cells of that section's tables
 *   page_close(&page);
 */
#ifndef COHORT_TESTS_SUPPORT_PAGE_H
#define COHORT_TESTS_SUPPORT_PAGE_H

#include "base/bytes.h"

struct page {
	const char *path;
	struct buf text;
};

/* Whatever fails here fails the test. */
void page_open(struct page *p, const char *path);
void page_close(struct page *p);

/* From the heading "## TITLE" to the next heading of that level or the end; NULL as title: the whole page. Owned by the caller. */
char *page_section(struct page *p, const char *title);

typedef void page_word_fn(void *context, const char *word);

/* Tells each text between backticks in the first cell of each row of a section's tables; how many there were. */
unsigned page_words(struct page *p, const char *title, page_word_fn *tell, void *context);

/* The n-th fenced block (from 0) that begins with "```INFO", without its fences; NULL when there is none. Owned by the caller. */
char *page_block(struct page *p, const char *info, unsigned n);

/* The first block of that name holds these octets in hexadecimal, whatever the blanks. */
void page_expect_octets(struct page *p, const char *info, struct bytes octets);

/* Is there a table row in the page that begins with this text? */
bool page_has_row(struct page *p, const char *begin);

#endif
