/* What the files of the world share. Nobody else includes this. */
#ifndef COHORT_SIMULATOR_WORLD_INSIDE_H
#define COHORT_SIMULATOR_WORLD_INSIDE_H

#include "base/queue.h"
#include "coordinator/masked_sum.h"
#include "simulator/agenda.h"
#include "simulator/world.h"

#define COORDINATOR WORLD_SITES_MAX /* as `who`; sites are their index */
#define MODELS_MAX 128
#define TOLD_MAX 2048 /* sequence numbers whose messages are remembered */
#define HELD_MAX 32 /* requests that the coordinator holds; with more it closes the connection */
#define FLYING_MAX 64 /* letters of one direction that are kept an eye on */
#define SAID_MAX 8 /* a site's newest refusals */

/* Virtual milliseconds. The same proportions as in the programs, but shorter. */
#define HOLD_MS 2500 /* a poll without news is answered then */
#define GIVE_UP_MS 1000 /* a request without an answer is given up then; a poll HOLD_MS later */
#define BACKOFF_MS 10 /* before asking again: at most that at first, */
#define BACKOFF_MAX_MS 400 /* and that at last */
#define BROKEN_MS 20 /* a broken connection is noticed within it */
#define DOWN_MS 40 /* a program that died is back within it; see plan.silent */

/* ---- letters */

enum letter_kind {
	LETTER_POLL,
	LETTER_MODEL,
	LETTER_UPLOAD,
	LETTER_REFUSAL,
	LETTER_ANSWER,
	LETTER_ROSTER,
	LETTER_SAY,
	LETTER_LISTEN,
	LETTER_KIND_COUNT
};

enum reply {
	REPLY_NONE, /* it is a request */
	REPLY_INBOX, /* 200: body */
	REPLY_MISSED, /* 410: body */
	REPLY_MODEL, /* 200: body */
	REPLY_ACCEPTED, /* 200 {"accepted": true} */
	REPLY_OFFSET, /* 200 {"offset": 0}: send it again */
	REPLY_BUSY, /* 507: ask again later */
	REPLY_LATE, /* 410 to an upload */
	REPLY_DONE, /* 204 */
	REPLY_SAID, /* 200 to LISTEN: body */
	REPLY_NOTHING, /* 204 to LISTEN */
	REPLY_AGAIN, /* 425: what the phase before has is missing */
	REPLY_DROPPED, /* 403 to SAY and LISTEN */
	REPLY_REFUSED, /* any 4xx */
	REPLY_COUNT
};

struct letter {
	uint64_t number; /* in the order of sending */
	uint64_t request; /* that it is, or answers */
	uint32_t site; /* who asked: its index */
	enum letter_kind kind;
	enum reply reply;
	uint64_t after; /* POLL */
	uint64_t round; /* UPLOAD, REFUSAL, SAY, LISTEN: as in their paths */
	uint32_t attempt;
	enum secagg_phase phase; /* SAY, LISTEN */
	uint8_t signature[KEYS_SIGNATURE_SIZE]; /* UPLOAD under masks */
	struct ledger_mark mark; /* of a private study: UPLOAD: of the sender's books; to POLL: the newest known */
	uint64_t octets; /* UPLOAD: as the request says, and so */
	struct hash content; /* is this; MODEL: which one */
	struct buf body;
	bool damaged, copied, overtaken;
	enum during during; /* what its sender was doing */
};

/* ---- a hospital */

enum lane_name { LANE_POLL, LANE_WORK, LANE_COUNT };

struct lane { /* one request at a time */
	uint64_t request; /* that is waited for; 0: none */
	uint64_t given_up; /* cancelled: an answer may still come */
	uint64_t given_up_work;
	enum letter_kind given_up_kind;
	uint32_t tries;
};

struct chore { /* what the session asked for last; its plan is copied when all is drained */
	struct session_action action; /* kind POLL: none */
	bool bare;
	struct round_plan plan;
	struct release_record content; /* SEND */
	uint8_t signature[KEYS_SIGNATURE_SIZE]; /* SEND under masks */
	struct buf say; /* SAY */
};

/* The truth about one masked attempt at one site: what it ever sent, over all boots. Zero: not yet. */
struct sent_masked {
	uint64_t round;
	uint32_t attempt;
	struct hash said[SECAGG_PHASE_COUNT]; /* of INPUT: y */
	uint8_t c_pk[KEYS_SIZE];
	bool statistics;
};

struct ledger_copy { /* of a hospital's state */
	bool has_record;
	struct release_record record;
	uint64_t entries;
	struct budget budget;
	struct buf vector, record_of_masks;
};

struct said { /* a refusal */
	uint64_t round;
	uint32_t attempt;
	enum refusal refusal;
};

struct host {
	uint32_t number, index;
	char name[16];
	struct policy policy;
	int64_t clock_s; /* what its wall clock is wrong by */
	bool up;
	uint32_t boot;
	struct letter *flying[2][FLYING_MAX]; /* answers to it, requests of it, in no order */
	uint32_t flying_count[2];
	/* memory */
	struct session *session;
	struct contributor contributor;
	struct lane lanes[LANE_COUNT];
	struct chore chore;
	uint64_t computing, computing_given_up; /* job numbers */
	uint64_t computing_given_up_work;
	struct buf staged;
	/* disk */
	bool has_record;
	struct release_record record;
	struct budget budget; /* as in the ledger: what was stored has paid */
	struct buf vector;
	struct buf model;
	struct hash model_sha256; /* zero: none */
	struct buf record_of_masks;
	bool knows_roster; /* and has it when it starts */
	uint64_t entries; /* of its ledger, in a private study */
	struct ledger_copy older, newest; /* a copy that was made; what it is set back from */
	bool has_older, set_back;
	/* under masks */
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE];
	struct rng draws;
	struct buf masked; /* y, in memory */
	struct sent_masked *sent; /* the truth; owned */
	uint32_t sent_count;
	bool joined, leaving, left, over, done; /* over: it has heard the end; done: and has the study's model */
	/* the truth */
	bool has_truth[WORLD_ROUNDS_MAX];
	struct hash truth[WORLD_ROUNDS_MAX];
	uint64_t truth_round; /* newest */
	struct buf truth_vector; /* of it */
	struct hash heads[WORLD_ROUNDS_MAX]; /* of the ledger's chain, by entry */
	struct rng noise;
	uint64_t drawn; /* octets, over all boots */
	uint64_t computed_round; /* newest */
	struct hash computed;
	uint32_t releases[BUDGET_WHATS]; /* final ones that spend */
	double cost, evaluation_cost; /* theirs, at order 1 */
	uint64_t accepted_round; /* newest acknowledged upload; 0: none */
	uint32_t accepted_attempt;
	struct said said[SAID_MAX];
	uint32_t said_count;
	bool revoked;
	int64_t deaf_until_ms[SIDE_COUNT]; /* what this side sends is lost */
};

/* ---- the coordinator */

struct slot { /* of a site in the open attempt's staging file */
	struct buf octets;
	struct hash content;
	bool complete;
};

struct server_moments { /* coordinator/moments.h */
	float *values; /* NULL: none */
	struct hash model; /* that they belong to */
};

struct office_disk { /* one transaction's worth */
	struct json *record; /* owned by whoever points to it alone, as are the moments */
	struct server_moments moments;
	enum site_answer answers[WORLD_SITES_MAX]; /* ANSWER_COUNT: none */
	struct round_site rows[WORLD_SITES_MAX]; /* of the attempt below */
	bool has_row[WORLD_SITES_MAX];
	struct ledger_mark marks[WORLD_SITES_MAX]; /* newest of each site's books */
	uint32_t masked_begin, masked_end; /* its rows under masks, of office.masked_rows */
	uint64_t rows_round;
	uint32_t rows_attempt;
};

struct stored_model {
	struct hash sha256;
	struct buf bytes;
};

enum office_job_kind { JOB_SYNC, JOB_ADD, JOB_COMPUTE, JOB_UNMASK, JOB_KIND_COUNT };

struct office_job {
	uint64_t number; /* 0: none is under way */
	uint32_t staging; /* the attempt that it is for */
	uint32_t sites[WORLD_SITES_MAX], count; /* indices; UNMASK: groups */
	struct round_plan plan; /* COMPUTE */
};

struct held { /* what it waits for follows from its kind: news, a commit, words */
	struct letter *letter;
};

struct masked_row { /* of a masked attempt, once it is written */
	uint32_t group;
	struct secagg_row row; /* octets are `octets` */
	struct buf octets;
};

struct row_waiting { /* for those before it, and with a vector for a sync */
	uint32_t group;
	uint64_t row;
	uint32_t index; /* of the site */
	bool vector;
};

#define ROWS_WAITING_MAX 128 /* three messages of each site, three sets of each group */

struct office {
	bool up;
	uint32_t boot;
	int64_t clock_ms; /* what its monotonic clock shows beyond the world's */
	int64_t wall_s; /* what its wall clock is wrong by */
	/* memory */
	struct campaign *campaign;
	struct aggregate sum;
	struct summands summands; /* its contributions, for a strategy that looks at them one by one */
	struct server_moments moments; /* of the newest model that was made; not on disk before its record */
	uint32_t staging; /* counts attempts that began */
	struct slot slots[WORLD_SITES_MAX]; /* written, not necessarily synced */
	struct office_job jobs[JOB_KIND_COUNT];
	struct queue to_sync, to_add; /* indices of sites */
	struct queue to_unmask; /* groups */
	struct row_waiting waiting[ROWS_WAITING_MAX];
	uint32_t waiting_count;
	struct masked_sum *masked[WORLD_SITES_MAX]; /* per group */
	struct aggregate group_sums[WORLD_SITES_MAX];
	uint32_t group_sum_count;
	uint32_t roster_told; /* version that the campaign has heard of */
	bool to_compute;
	struct held held[HELD_MAX];
	uint32_t held_count;
	struct letter *arrived[HELD_MAX], *leaving[2 * HELD_MAX];
	uint32_t arrived_count, leaving_count;
	bool turn_is_due;
	int64_t deadline_ms; /* for which a turn is noted down */
	int64_t acted_ms; /* its last step */
	bool ordered; /* the operator waits for the next order's record */
	bool end_stored; /* the campaign's report is on disk, and the campaign has not heard of it yet */
	struct office_disk cache; /* the disk as the program sees it: with what is not committed */
	bool dirty;
	uint64_t token;
	struct queue told; /* indices of sites whose rows are written, not committed */
	struct queue rows_told; /* positions in masked_rows, the same */
	struct masked_row *masked_rows; /* all that were ever written and not lost; owned */
	uint64_t told_round; /* the attempt that those are of */
	uint32_t told_attempt;
	bool obeyed; /* an order is in what is written */
	bool has_end;
	struct world_end end; /* written, not committed */
	/* disk */
	struct office_disk disk;
	struct slot synced[WORLD_SITES_MAX];
	struct stored_model models[MODELS_MAX];
	uint32_t model_count;
	bool revoked[WORLD_SITES_MAX]; /* the authority's list */
	/* the truth */
	bool joined[WORLD_SITES_MAX]; /* a poll of it was counted since the open attempt began, */
	bool awaited[WORLD_SITES_MAX]; /* and while contributions were taken */
	bool past_joining; /* who takes part in it was on disk by then: it went on after a restart */
	int64_t opened_ms; /* when it did, on the world's clock */
	bool expired; /* the wall clock passed the last day */
	enum during was; /* what it was doing when it died */
};

/* ---- the world */

struct world {
	const struct world_setting *setting;
	const struct world_plan *plan;
	struct world_result *out;
	struct rng rng;
	int64_t now_ms;
	bool calm;
	struct agenda agenda;
	uint64_t letters, requests, jobs; /* numbers given */
	struct office office;
	struct host hosts[WORLD_SITES_MAX];
	struct roster roster; /* in force; its sites are owned */
	bool crashed[WORLD_CRASHES_MAX];
	/* the truth */
	struct buf told_texts[MESSAGE_TYPE_COUNT]; /* of the record on disk, by type; empty: null */
	uint64_t told[TOLD_MAX]; /* hash of the message with this sequence number; 0: not told yet */
	struct hash plans[WORLD_ROUNDS_MAX]; /* round_plan_hash of what was told; zero: not told yet */
	unsigned asks[WORLD_ROUNDS_MAX]; /* what was told, of a private study */
	struct world_end made; /* the attempt whose sum was last found right */
	struct hash made_model; /* and the model that was made of it; zero: none */
	float *made_moments;
	double made_clip, published_clip; /* of the next round; 0: the contract's */
	struct hash published_model;
	float *published_moments; /* of it; NULL: none */
	int64_t progress_ms; /* since when it must go on */
	int64_t before_ms; /* the step before */
};

/* world.c, world_dice.c */
struct campaign_config world_config(const struct world *w);
void world_put(struct buf *to, struct bytes from);
struct host *world_host(struct world *w, uint32_t number);
uint64_t world_below(struct world *w, uint64_t bound); /* uniform */
bool world_draws(struct world *w, enum fault f, enum side s, uint32_t site); /* does it come now? */
void world_count(struct world *w, enum fault f, enum side s, uint32_t site); /* it did */
void world_count_during(struct world *w, enum fault f, enum side s, uint32_t site, enum during d);
bool world_befalls(struct world *w, enum fault f, enum side s, uint32_t site); /* both */
bool world_crashes(struct world *w, enum side s, uint32_t site, uint32_t step, enum crash_when when);
void world_disturb_again(struct world *w); /* the study has ended: its last words are favoured, too */
void world_note(struct world *w, uint32_t who, const char *what, uint64_t a, uint64_t b, uint64_t content);
uint64_t world_digest(struct bytes content); /* for notes */
void world_note_size(struct world *w, const struct letter *l); /* what a site sends */
struct event world_event(const struct world *w, enum event_kind kind, uint32_t who, int64_t after_ms);
int64_t world_wall_s(const struct world *w, int64_t wrong_s); /* Unix time */
int64_t world_wait_ms(const struct world *w); /* the longest that a calm round takes */

bool world_masked(const struct world *w); /* the study's rounds are */

/* world_post.c */
struct letter *post_letter(struct world *w, uint32_t site, enum letter_kind kind);
void post_free(struct letter *l); /* accepts NULL */
void post_send(struct world *w, struct letter *l); /* takes it */
void post_arrives(struct world *w, struct letter *l); /* takes it */
void post_broken(struct world *w, uint32_t site, uint64_t request); /* its sender notices */
void post_cut(struct world *w, enum fault f, enum side s);
void post_clock(struct world *w, enum fault f, enum side s);

/* world_office.c */
int64_t office_now_ms(const struct world *w);
enum during office_during(const struct world *w);
void office_start(struct world *w);
void office_crash(struct world *w, bool survives); /* what was not committed */
bool office_dies(struct world *w, uint32_t step, enum crash_when when); /* by plan or odds */
void office_wants_turn(struct world *w, int64_t after_ms);
void office_turn(struct world *w);
struct bytes office_model(const struct world *w, const struct hash *sha256); /* empty: not there */
void office_free(struct world *w);

/* world_pool.c */
void pool_start_jobs(struct world *w);
void pool_job_ends(struct world *w, uint64_t number);

/* world_people.c */
void people_act(struct world *w); /* at the coordinator, in each turn */
void people_come_or_go(struct world *w); /* after each commit */
void people_leave(struct world *w, struct host *h);

/* world_disk.c: all are false when the program has died of it */
bool disk_can_fail(const struct world *w, enum fault f); /* does it write anything now that the odds are about? */
bool disk_commit(struct world *w);
void disk_store_record(struct world *w, uint64_t token);
void disk_store_row(struct world *w, uint32_t index);
bool disk_sync(struct world *w, const uint32_t *sites, uint32_t count);
bool disk_keep_model(struct world *w, const struct outcome *o);
void disk_take_moments(struct world *w, struct outcome *o); /* in memory, until their record is written */
const float *disk_moments(const struct world *w, const struct hash *model);
void disk_free(struct world *w);
void disk_store_masked_row(struct world *w, uint32_t group, uint64_t number);
void disk_restore(struct world *w); /* what the next start finds */
void disk_lose(struct world *w, bool survives); /* a crash: what was not committed is gone, or is not */

/* world_desk.c */
void desk_receive(struct world *w, struct letter *l); /* takes it */
void desk_handle(struct world *w, struct letter *l); /* takes it */
void desk_wake(struct world *w); /* polls that have news now */
void desk_told(struct world *w); /* uploads and messages that waited for a commit */
void desk_tell(struct world *w); /* sites that listen */
struct letter *desk_reply(struct world *w, struct letter *request, enum reply how); /* takes the request */
void desk_hold(struct world *w, struct letter *l);
struct letter *desk_let_go(struct office *c, uint32_t held);
void desk_close_one(struct world *w, struct letter *l, bool broken);
void desk_expire(struct world *w, uint64_t request);
void desk_answer(struct world *w); /* what was decided in this turn leaves */
void desk_close(struct world *w, bool broken); /* all that is held or on its way out */

/* world_phases.c: each takes the letter */
void phases_say(struct world *w, struct letter *l);
void phases_listen(struct world *w, struct letter *l);
void phases_give_roster(struct world *w, struct letter *l);
void phases_settle(struct world *w, struct letter *l, enum upload_verdict verdict); /* of a message that was held */

/* world_host.c */
enum during host_during(const struct host *h);
bool host_takes_part(const struct world *w, const struct host *h); /* it polls, until it has heard the end */
void host_start(struct world *w, struct host *h);
void host_crash(struct world *w, struct host *h);
void host_drain(struct world *w, struct host *h);
bool host_dies(struct world *w, struct host *h); /* at this moment, by the odds */
void host_computed(struct world *w, struct host *h, uint64_t number);
void host_stop(struct host *h); /* the program ends; its memory is gone */
void host_free(struct host *h);

/* world_secrets.c: a hospital under masks */
void secrets_begin(struct world *w, struct host *h);
void secrets_free(struct host *h);
void secrets_configure(struct world *w, struct host *h, struct session_config *config);
bool secrets_persist(struct world *w, struct host *h, enum refusal *refusal); /* false: the program has died of it */
void secrets_mask(struct world *w, struct host *h); /* y is made */
void secrets_renew_roster(struct world *w); /* without those who are revoked */

/* world_books.c: a hospital's ledger in a private study */
bool world_private(const struct world *w);
void books_begin(struct world *w, struct host *h);
void books_configure(struct world *w, struct host *h); /* the contributor's draws */
void books_free(struct host *h);
void books_enter(struct world *w, struct host *h, const struct release_record *r);
void books_sign(struct world *w, struct host *h, struct ledger_mark *out);
void books_hear(struct world *w, struct host *h, const struct ledger_mark *told);
void books_take(struct world *w, const struct letter *l); /* at the coordinator */
bool books_set_back(struct world *w, struct host *h); /* by the odds, if it has a copy that is older than its mark */
void books_put_back(struct world *w, struct host *h);

/* world_sums.c: the coordinator's rows and sums under masks */
void sums_begin(struct world *w);
void sums_end(struct world *w);
void sums_persist_row(struct world *w, uint32_t group, uint64_t row);
void sums_write_rows(struct world *w, uint32_t synced); /* as far as their order and `synced` vectors allow */
bool sums_take_vectors(struct world *w, struct office_job *job); /* sites whose vectors a sync is for */
void sums_add(struct world *w, uint32_t index);
void sums_unmask(struct world *w, uint32_t group);
enum err sums_finish(struct world *w, struct diag *why);
void sums_tell(struct world *w); /* rows are durable */
void sums_restore(struct world *w);

/* world_wire.c */
void wire_poll(struct world *w, struct host *h);
void wire_work(struct world *w, struct host *h); /* begins the chore */
void wire_cancel(struct host *h); /* of the working lane */
void wire_retry(struct world *w, struct host *h, enum lane_name lane);
void wire_silence(struct world *w, struct host *h, uint64_t request);
void wire_answered(struct world *w, struct host *h, struct letter *l); /* borrows it */

#endif
