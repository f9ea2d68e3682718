/*
 * Any octets as the authority's roster, as its container and as its body, and as a hospital's list of known sites. What is accepted is
 * written again, and read the same: a body has one spelling, a list one meaning.
 */
#include "client/known_sites.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_body(struct bytes body)
{
	struct roster roster;
	struct diag why = {{0}};
	struct buf again;

	if (roster_parse(&roster, body, &why) != OK) {
		CHECK(why.text[0] != 0 && roster.sites == NULL && roster.count == 0);
		return;
	}
	buf_init(&again, ROSTER_MAX);
	CHECK(roster_build(&again, &roster, &why) == OK);
	CHECK(bytes_equal(buf_bytes(&again), body));
	for (uint32_t i = 0; i < roster.count; i++) {
		CHECK(i == 0 || roster.sites[i - 1].number < roster.sites[i].number);
		CHECK(roster_find(&roster, roster.sites[i].name) == &roster.sites[i]);
		CHECK(roster_number(&roster, roster.sites[i].number) == &roster.sites[i]);
	}
	buf_free(&again);
	roster_free(&roster);
}

static void check_container(struct bytes file)
{
	struct roster_parts parts;
	struct diag why = {{0}};
	struct buf again;

	if (roster_split(&parts, file, &why) != OK) {
		CHECK(why.text[0] != 0);
		return;
	}
	buf_init(&again, ROSTER_MAX);
	roster_join(&again, parts.body, bytes_of(parts.signature, parts.signature_len));
	CHECK(bytes_equal(buf_bytes(&again), file));
	check_body(parts.body);
	buf_free(&again);
}

static void write_list(struct buf *out, const struct known_sites *k)
{
	for (uint32_t i = 0; i < k->count; i++) {
		buf_printf(out, "%s ", k->sites[i].name);
		for (uint32_t j = 0; j < KNOWN_FINGERPRINT_SIZE; j++)
			buf_printf(out, "%s%02x", j > 0 && j % 2 == 0 ? "-" : "", k->sites[i].fingerprint[j]);
		buf_put_text(out, "\n");
	}
}

static void check_list(struct bytes text)
{
	struct known_sites k, same;
	struct diag why = {{0}};
	struct buf again;

	if (known_sites_parse(&k, text, "known.txt", &why) != OK) {
		CHECK(strncmp(why.text, "known.txt", 9) == 0 && k.sites == NULL && k.count == 0);
		return;
	}
	buf_init(&again, KNOWN_TEXT_MAX);
	write_list(&again, &k);
	CHECK(known_sites_parse(&same, buf_bytes(&again), "again", &why) == OK && same.count == k.count);
	for (uint32_t i = 0; i < k.count; i++) {
		CHECK(strcmp(k.sites[i].name, same.sites[i].name) == 0);
		CHECK(memcmp(k.sites[i].fingerprint, same.sites[i].fingerprint, KNOWN_FINGERPRINT_SIZE) == 0);
		CHECK(known_sites_find(&k, k.sites[i].name) == &k.sites[i]);
	}
	known_sites_free(&same);
	known_sites_free(&k);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_container(bytes_of(data, size));
	check_body(bytes_of(data, size));
	check_list(bytes_of(data, size));
	return 0;
}
