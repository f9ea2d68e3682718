#include "client/known_sites.h"

#include "base/name.h"

#include <stdlib.h>
#include <string.h>

#define GROUP 4 /* digits between two dashes */
#define GROUPS (2 * KNOWN_FINGERPRINT_SIZE / GROUP)
#define WORDS_SIZE (GROUPS * (GROUP + 1)) /* the last dash is the NUL */

/* ---- fingerprints */

static bool read_fingerprint(uint8_t out[KNOWN_FINGERPRINT_SIZE], struct bytes text)
{
	char digits[2 * KNOWN_FINGERPRINT_SIZE + 1];
	size_t used = 0;

	if (text.len != WORDS_SIZE - 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (i % (GROUP + 1) != GROUP)
			digits[used++] = (char)text.ptr[i];
		else if (text.ptr[i] != '-')
			return false;
	}
	digits[used] = '\0';
	return hex_decode(out, KNOWN_FINGERPRINT_SIZE, digits);
}

static void write_fingerprint(char out[WORDS_SIZE], const uint8_t fingerprint[KNOWN_FINGERPRINT_SIZE])
{
	char digits[2 * KNOWN_FINGERPRINT_SIZE + 1];

	hex_encode(digits, bytes_of(fingerprint, KNOWN_FINGERPRINT_SIZE));
	for (size_t g = 0; g < GROUPS; g++) {
		memcpy(out + g * (GROUP + 1), digits + g * GROUP, GROUP);
		out[g * (GROUP + 1) + GROUP] = g + 1 < GROUPS ? '-' : '\0';
	}
}

static void fingerprint_of(uint8_t out[KNOWN_FINGERPRINT_SIZE], const uint8_t key[ROSTER_KEY_SIZE])
{
	struct hash whole;

	sha256_of(&whole, bytes_of(key, ROSTER_KEY_SIZE));
	memcpy(out, whole.b, KNOWN_FINGERPRINT_SIZE);
}

/* ---- the file */

struct place {
	const char *file;
	uint32_t line;
	const uint8_t *begin; /* of the line */
	struct diag *why;
};

static enum err complain(const struct place *p, const uint8_t *at, const char *words)
{
	return diag_set(p->why, ERR_CONFIG, "%s:%u:%zu: %s", p->file, p->line, (size_t)(at - p->begin) + 1, words);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* The next word of `rest`, which then begins behind it; empty at the end. */
static struct bytes take_word(struct bytes *rest)
{
	struct bytes word;

	while (rest->len > 0 && is_blank(*rest->ptr))
		*rest = bytes_of(rest->ptr + 1, rest->len - 1);
	word = bytes_of(rest->ptr, 0);
	while (word.len < rest->len && !is_blank(word.ptr[word.len]))
		word.len++;
	*rest = bytes_of(rest->ptr + word.len, rest->len - word.len);
	return word;
}

static enum err read_name(struct known_site *site, const struct place *p, struct bytes word)
{
	if (word.len < NAME_SIZE && memchr(word.ptr, '\0', word.len) == NULL) {
		memcpy(site->name, word.ptr, word.len);
		site->name[word.len] = '\0';
		if (name_is_site(site->name))
			return OK;
	}
	return complain(p, word.ptr, "is not the name of a hospital; write NAME FINGERPRINT, as in its certificate");
}

static enum err check_unique(const struct known_sites *k, const struct known_site *site, const struct place *p,
                             struct bytes name, struct bytes fingerprint)
{
	for (uint32_t i = 0; i < k->count; i++) {
		const struct known_site *other = &k->sites[i];
		struct diag words;

		if (name_compare(other->name, site->name) == 0) {
			diag_set(&words, OK, "%s stands in line %u already", site->name, other->line);
			return complain(p, name.ptr, words.text);
		}
		if (memcmp(other->fingerprint, site->fingerprint, KNOWN_FINGERPRINT_SIZE) == 0) {
			diag_set(&words, OK, "is the fingerprint of %s in line %u: two hospitals have two keys",
			         other->name, other->line);
			return complain(p, fingerprint.ptr, words.text);
		}
	}
	return OK;
}

/* What stands before a comment. */
static enum err read_line(struct known_sites *out, const struct place *p, struct bytes line)
{
	struct known_site site = {.line = p->line};
	struct bytes name = take_word(&line), fingerprint = take_word(&line), more = take_word(&line);
	enum err e;

	if (name.len == 0)
		return OK;
	e = read_name(&site, p, name);
	if (e == OK && !read_fingerprint(site.fingerprint, fingerprint))
		e = complain(p, fingerprint.ptr,
		             "a fingerprint is eight groups of four digits 0-9 a-f, as "
		             "3f2a-90c1-77de-0b14-a6c8-5d12-e990-41fb");
	if (e == OK && more.len > 0)
		e = complain(p, more.ptr, "one hospital a line: nothing comes after the fingerprint but a comment, #");
	if (e == OK)
		e = check_unique(out, &site, p, name, fingerprint);
	if (e == OK && out->count == SITES_MAX)
		e = diag_set(p->why, ERR_LIMIT, "%s:%u: more than %d hospitals", p->file, p->line, SITES_MAX);
	if (e != OK)
		return e;
	out->sites = mem_resize(out->sites, out->count + 1, sizeof *out->sites);
	out->sites[out->count++] = site;
	return OK;
}

enum err known_sites_parse(struct known_sites *out, struct bytes text, const char *file, struct diag *why)
{
	struct place p = {.file = file, .why = why};
	enum err e = OK;

	*out = (struct known_sites){0};
	while (e == OK && text.len > 0) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len), *comment;
		size_t whole = end != NULL ? (size_t)(end - text.ptr) + 1 : text.len;
		struct bytes line = bytes_of(text.ptr, end != NULL ? whole - 1 : whole);

		p.line++;
		p.begin = line.ptr;
		comment = memchr(line.ptr, '#', line.len);
		if (end != NULL && comment == NULL && line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--; /* as some editors end lines */
		if (comment != NULL)
			line.len = (size_t)(comment - line.ptr);
		e = read_line(out, &p, line);
		text = bytes_of(text.ptr + whole, text.len - whole);
	}
	if (e != OK)
		known_sites_free(out);
	return e;
}

void known_sites_free(struct known_sites *k)
{
	free(k->sites);
	*k = (struct known_sites){0};
}

/* ---- matching */

const struct known_site *known_sites_find(const struct known_sites *k, const char *name)
{
	for (uint32_t i = 0; i < k->count; i++)
		if (name_compare(k->sites[i].name, name) == 0)
			return &k->sites[i];
	return NULL;
}

bool known_sites_has(const struct known_sites *k, const struct roster_site *site)
{
	const struct known_site *entry = known_sites_find(k, site->name);
	uint8_t fingerprint[KNOWN_FINGERPRINT_SIZE];

	fingerprint_of(fingerprint, site->key);
	return entry != NULL && memcmp(entry->fingerprint, fingerprint, KNOWN_FINGERPRINT_SIZE) == 0;
}

const struct roster_site *known_sites_impostor(const struct known_sites *k, const struct roster *roster,
                                               struct diag *words)
{
	for (uint32_t i = 0; i < roster->count; i++) {
		const struct roster_site *site = &roster->sites[i];
		const struct known_site *entry = known_sites_find(k, site->name);
		uint8_t fingerprint[KNOWN_FINGERPRINT_SIZE];
		char told[WORDS_SIZE], shown[WORDS_SIZE];

		if (entry == NULL || known_sites_has(k, site))
			continue;
		fingerprint_of(fingerprint, site->key);
		write_fingerprint(told, entry->fingerprint);
		write_fingerprint(shown, fingerprint);
		diag_set(words, OK,
		         "ALARM: roster %u gives %s the key %s, but the list of known hospitals has %s: telephone it; "
		         "it has a new key, or somebody stands in its place",
		         roster->version, site->name, shown, told);
		return site;
	}
	return NULL;
}
