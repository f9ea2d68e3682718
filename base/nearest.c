/*
 * Restricted Damerau-Levenshtein distance (optimal string alignment): three rows of the usual table are enough.
 * G. Navarro, A guided tour to approximate string matching, ACM Computing Surveys 33(1), 2001, section 3.2.1.
 */
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 64 /* keys, choices and commands are far shorter */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];
	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	memcpy(before, last, sizeof rows[0]);
	for (size_t i = 1; i <= a_len; i++) {
		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t replaced = last[j - 1] + !same(a[i - 1], b[j - 1]);
			now[j] = least(replaced, least(last[j], now[j - 1]) + 1);
			bool swapped = i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]);
			if (swapped)
				now[j] = least(now[j], before[j - 2] + 1);
		}
		size_t *oldest = before;
		before = last;
		last = now;
		now = oldest;
	}
	return last[b_len];
}

const char *nearest_word(char *out, size_t out_size, const char *word, const char *known)
{
	size_t word_len = strlen(word), best = WORD_MAX;
	const char *best_at = NULL;
	size_t best_len = 0;
	if (word_len == 0 || word_len > WORD_MAX)
		return NULL;
	for (const char *at = known; *at;) {
		size_t len = strcspn(at, "|");
		size_t longer = len > word_len ? len : word_len;
		if (len > 0 && len <= WORD_MAX) {
			size_t edits = distance(word, word_len, at, len);
			if (edits <= longer / 3 && edits < best) {
				best = edits;
				best_at = at;
				best_len = len;
			}
		}
		at += len + (at[len] == '|');
	}
	if (!best_at)
		return NULL;
	snprintf(out, out_size, "%.*s", (int)best_len, best_at);
	return out;
}
