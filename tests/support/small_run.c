#include "tests/support/small_run.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void replace(struct buf *text, const char *from, const char *to)
{
	char *copy = mem_copy_text(buf_text(text)), *at = strstr(copy, from);

	if (at == NULL)
		fail_msg("the small study has no \"%s\"", from);
	buf_clear(text);
	buf_put(text, bytes_of(copy, (size_t)(at - copy)));
	buf_put_text(text, to);
	buf_put_text(text, at + strlen(from));
	free(copy);
}

void small_run_study(struct study *out, const char *const (*changes)[2], size_t count)
{
	struct diag why = {{0}};
	struct buf text;

	buf_init(&text, YAML_TEXT_MAX);
	buf_put_text(&text, small_study_text);
	for (size_t i = 0; i < count; i++)
		replace(&text, changes[i][0], changes[i][1]);
	if (study_parse(out, buf_bytes(&text), "study.yaml", true, &why) != OK)
		fail_msg("%s", why.text);
	buf_free(&text);
}

void small_run_sites(struct federation *out, const struct study *study)
{
	struct tempdir dir;

	tempdir_make(&dir);
	*out = (struct federation){.study = study, .count = SMALL_RUN_SITES, .capacity = SMALL_RUN_SITES};
	out->sites = mem_array(SMALL_RUN_SITES, sizeof *out->sites);
	for (uint32_t i = 0; i < SMALL_RUN_SITES; i++) {
		snprintf(out->sites[i].name, NAME_SIZE, "site-%u", i);
		small_table(&out->sites[i].table, &dir, study, i);
	}
	tempdir_remove(&dir);
}

static void count_round(void *context, const struct engine_round *r)
{
	struct small_run *s = context;

	s->attempts++;
	s->done += r->report->outcome == OUTCOME_DONE;
	s->contributed += r->contributed;
	s->late += r->late;
	s->dropped += r->dropped;
	s->refused += r->refused;
	assert_int_equal(r->invited, r->contributed + r->late + r->dropped + r->refused);
	if (s->on_round != NULL)
		s->on_round(s, r);
}

void small_run_read(struct small_run *s, const char *const (*changes)[2], size_t count, uint64_t seed)
{
	*s = (struct small_run){0};
	small_run_study(&s->study, changes, count);
	study_seed(&s->study, seed);
	small_run_sites(&s->federation, &s->study);
}

enum err small_run_run(struct small_run *s, const struct engine_options *options)
{
	if (engine_new(&s->engine, &s->study, &s->federation, options, &s->why) != OK)
		fail_msg("%s", s->why.text);
	return engine_run(s->engine, count_round, s, &s->why);
}

void small_run_play(struct small_run *s, const char *const (*changes)[2], size_t count, uint64_t seed,
                    const struct engine_options *options)
{
	small_run_read(s, changes, count, seed);
	if (small_run_run(s, options) != OK)
		fail_msg("%s", s->why.text);
}

void small_run_end(struct small_run *s)
{
	engine_free(s->engine);
	federation_free(&s->federation);
	study_free(&s->study);
}

struct hash small_run_model(const struct small_run *s)
{
	struct hash sha256, named;
	uint32_t step;

	sha256_of(&sha256, engine_model(s->engine, &named, &step));
	assert_true(hash_equal(&sha256, &named));
	return sha256;
}
