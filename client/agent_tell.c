/*
 * Rejections: the coordinator hears of each one, once, so that it need not wait for this hospital. It is told from a thread of its own,
 * for the coordinator may be away; the file remembers whether it knows (approval.h), so that a restart forgets nothing.
 */
#include "base/log.h"
#include "client/agent_inside.h"
#include "client/wire.h"

#include <stdlib.h>

#define TELL_AGAIN_MS 60000 /* a coordinator that is away hears of it within a minute of its return */

struct telling {
	struct agent *agent;
	struct approval rejection;
	enum err result;
	struct diag why;
};

static void tell(void *context)
{
	struct telling *t = context;
	const struct approval *r = &t->rejection;

	t->result = wire_answer(t->agent->teller, r->study, &r->study_hash,
	                        r->withdrawn ? ANSWER_WITHDRAWN : ANSWER_REJECTED, &t->why);
}

/* A study that is not there any more, or has another contract by now, needs no answer to this one. */
static bool is_settled(enum err e)
{
	return e == OK || e == ERR_NOT_FOUND || e == ERR_CONFLICT;
}

static void told(void *context)
{
	struct telling *t = context;
	struct agent *a = t->agent;

	a->is_telling = false;
	if (!is_settled(t->result)) {
		a->tell_again_ms = loop_now_ms(a->loop) + TELL_AGAIN_MS;
		if (t->result != ERR_CANCELLED)
			log_warning("study %s: the coordinator does not know of the rejection yet: %s",
			            t->rejection.study, t->why.text);
	} else if (approval_told(a->config->state, &t->rejection.study_hash, &t->why) != OK) {
		log_warning("%s", t->why.text);
		a->tell_again_ms = loop_now_ms(a->loop) + TELL_AGAIN_MS;
	} else {
		log_notice("study %s: the coordinator knows that this hospital takes no part", t->rejection.study);
	}
	free(t);
}

void agent_tell_rejections(struct agent *a)
{
	struct approval *list;
	struct telling *t;
	uint32_t count;

	if (a->is_telling || loop_now_ms(a->loop) < a->tell_again_ms)
		return;
	approval_list(&list, &count, a->config->state, APPROVAL_REJECTED, NULL);
	for (uint32_t i = 0; i < count && !a->is_telling; i++) {
		if (list[i].told)
			continue;
		t = mem_alloc(sizeof *t);
		t->agent = a;
		t->rejection = list[i];
		a->is_telling = true;
		pool_submit(a->telling, (struct job){tell, told, t});
	}
	free(list);
}
