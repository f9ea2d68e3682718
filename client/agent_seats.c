/* The members of the agent: who begins, who ends, and what systemd is told of them. */
#include "base/log.h"
#include "client/agent_inside.h"
#include "client/models.h"
#include "net/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct seat *find_seat(const struct agent *a, const struct hash *study_hash)
{
	struct seat *s = a->seats;

	while (s != NULL && !hash_equal(&s->approval.study_hash, study_hash))
		s = s->next;
	return s;
}

/* A study that has ended, with its model here, has nothing more for us. */
static bool has_ended(const struct agent *a, const struct hash *study_hash)
{
	struct ledger_ending ending;
	char path[PATH_SIZE];

	if (!ledger_ending(a->ledger, study_hash, &ending))
		return false;
	return hash_is_zero(&ending.model) ||
	       (models_path(path, a->config->state, study_hash, &ending.model, NULL) == OK && access(path, R_OK) == 0);
}

static void begin_seat(struct agent *a, const struct approval *approval)
{
	struct seat *s = mem_alloc(sizeof *s);
	struct member_config config = {
		.client = a->config,
		.ledger = a->ledger,
		.approval = *approval,
		.stop = agent_must_stop,
		.context = a,
	};

	memcpy(config.boot_id, a->boot_id, sizeof config.boot_id);
	s->approval = *approval;
	s->next = a->seats;
	a->seats = s;
	s->state = SEAT_OVER;
	if (has_ended(a, &approval->study_hash))
		return;
	if (member_start(&s->member, &config, &s->trouble) == OK) {
		s->state = SEAT_RUNNING;
		log_notice("study %s revision %u: taking part", approval->study, approval->revision);
	} else {
		log_error("study %s revision %u: %s", approval->study, approval->revision, s->trouble.text);
	}
}

/* ---- the end of a part, in the pool: reading a large file cannot be interrupted, and the loop must not wait for it */

static void stop_member(void *context)
{
	const struct seat *s = context;

	member_leave(s->member);
}

static void is_gone(void *context)
{
	struct seat *s = context;

	s->member = NULL;
	s->state = SEAT_GONE;
}

static void leave(struct agent *a, struct seat *s)
{
	log_notice("study %s revision %u: taking part no longer", s->approval.study, s->approval.revision);
	s->state = SEAT_LEAVING;
	pool_submit(a->leaving, (struct job){stop_member, is_gone, s});
}

/* ---- one look */

static bool still_holds(const struct seat *s, const struct approval *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (hash_equal(&list[i].study_hash, &s->approval.study_hash))
			return hash_equal(&list[i].fingerprint, &s->approval.fingerprint);
	return false;
}

static void look_at(struct agent *a, struct seat *s, bool holds)
{
	struct member_view view;

	if (s->state == SEAT_OVER && !holds)
		s->state = SEAT_GONE;
	if (s->state != SEAT_RUNNING)
		return;
	member_look(s->member, &view);
	if (view.over) { /* its threads have ended: this does not wait */
		member_stop(s->member);
		s->member = NULL;
		s->state = holds ? SEAT_OVER : SEAT_GONE;
	} else if (!holds) {
		leave(a, s);
	}
}

static void remove_gone(struct agent *a)
{
	for (struct seat **at = &a->seats; *at != NULL;) {
		struct seat *s = *at;

		if (s->state == SEAT_GONE) {
			*at = s->next;
			free(s);
		} else {
			at = &s->next;
		}
	}
}

static void tell_systemd(struct agent *a)
{
	struct buf text;

	buf_init(&text, sizeof a->status);
	for (const struct seat *s = a->seats; s != NULL; s = s->next) {
		struct member_view view = {.doing = s->state == SEAT_OVER ? "over" : "leaving"};

		if (s->state == SEAT_RUNNING)
			member_look(s->member, &view);
		buf_printf(&text, "%s%s: %s", text.len > 0 ? "; " : "", s->approval.study, view.doing);
	}
	if (text.len == 0)
		buf_put_text(&text, "no study is approved");
	if (strcmp(buf_text(&text), a->status) != 0) {
		snprintf(a->status, sizeof a->status, "%s", buf_text(&text));
		notify_status("%s", a->status);
	}
	buf_free(&text);
}

void agent_look(struct agent *a)
{
	struct approval *list;
	struct diag trouble;
	uint32_t count;

	approval_list(&list, &count, a->config->state, APPROVAL_GIVEN, &trouble);
	if (strcmp(trouble.text, a->trouble.text) != 0 && trouble.text[0] != '\0')
		log_warning("not taken for an approval: %s", trouble.text);
	a->trouble = trouble;
	for (struct seat *s = a->seats; s != NULL; s = s->next)
		look_at(a, s, still_holds(s, list, count));
	remove_gone(a);
	for (uint32_t i = 0; i < count; i++)
		if (find_seat(a, &list[i].study_hash) == NULL)
			begin_seat(a, &list[i]);
	tell_systemd(a);
	free(list);
}

/* At the end of the agent, when the pool is gone. */
void agent_stop_members(struct agent *a)
{
	for (struct seat *s = a->seats; s != NULL;) {
		struct seat *next = s->next;

		if (s->state == SEAT_RUNNING)
			member_stop(s->member);
		free(s);
		s = next;
	}
	a->seats = NULL;
}
