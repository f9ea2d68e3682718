/*
 * Texts are compared first: most cells are written as their code is.
 */
#include "data/codes.h"

#include "base/parse.h"

#include <stdlib.h>

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct bytes token_trim(struct bytes text)
{
	while (text.len > 0 && is_blank(text.ptr[0]))
		text = bytes_of(text.ptr + 1, text.len - 1);
	while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

struct token token_of(struct bytes text, char decimal)
{
	struct token t = {.text = token_trim(text)};

	t.is_number = parse_f64(&t.number, t.text, decimal);
	return t;
}

bool token_matches(const struct token *a, const struct token *b)
{
	return bytes_equal(a->text, b->text) || (a->is_number && b->is_number && a->number == b->number);
}

void codes_add(struct codes *c, const char *code, char decimal)
{
	c->items = mem_resize(c->items, (size_t)c->count + 1, sizeof c->items[0]);
	c->items[c->count++] = token_of(bytes_text(code), decimal);
}

void codes_add_list(struct codes *c, struct text_list list, char decimal)
{
	for (uint32_t i = 0; i < list.count; i++)
		codes_add(c, list.items[i], decimal);
}

void codes_free(struct codes *c)
{
	free(c->items);
	*c = (struct codes){0};
}

uint32_t codes_find(const struct codes *c, const struct token *cell)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (token_matches(&c->items[i], cell))
			return i;
	return CODES_NONE;
}
