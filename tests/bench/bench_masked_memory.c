/*
 * The most resident memory of a coordinator's part in a masked round of 1,000,000 words, for 50 sites and for 500: the
 * core and the sum, in a process of their own that is told by a file what the sites send, so that nothing of the sites is
 * in it. 5 % of the sites are gone after they dealt shares. Vectors are added piece by piece, as from staged files.
 *
 *   masked_memory_50_sites    complete graph                                  reference: the sum itself
 *   masked_memory_500_sites   neighbours by the rule                          goal: as with 50, but for the messages kept
 *   masked_memory_per_site    what each of the other 450 adds: its messages, most of them ciphertexts and shares
 *                             reference: docs/SECURE-AGGREGATION.md, 260 + 152 p octets
 */
#include "coordinator/masked_sum.h"
#include "crypto/graph.h"
#include "protocol/masked_plan.h"
#include "tests/bench/figure.h"
#include "tests/support/unmasking.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 1000000
#define FEW 50
#define MANY 500
#define KIB_IN_MIB 1024.0

struct frame {
	uint32_t site, phase, octets; /* and as many follow */
};

/* ---- the coordinator: a shape, the invited sites, then frames */

struct coordinator {
	struct secagg_server *server;
	struct masked_sum *sum;
	uint8_t piece[4 * MASKED_SUM_PIECE]; /* of any vector */
};

static void drain(struct coordinator *c)
{
	struct secagg_server_action a;
	while (secagg_server_next(c->server, &a))
		if (a.kind == SECAGG_SERVER_PERSIST)
			secagg_server_persisted(c->server, a.row);
}

static void add_vector(struct coordinator *c)
{
	uint32_t words = masked_sum_words(c->sum);
	for (uint32_t at = 0; at < words; at += MASKED_SUM_PIECE)
		masked_sum_add(c->sum, c->piece, at, words - at < MASKED_SUM_PIECE ? words - at : MASKED_SUM_PIECE);
}

static void take(struct coordinator *c, const struct frame *f, struct bytes octets)
{
	struct hash content;
	enum err e;
	if (f->phase == SECAGG_INPUT) {
		memcpy(content.b, octets.ptr, HASH_SIZE);
		e = secagg_server_input(c->server, f->site, octets, 4ull * WORDS, &content, NULL);
		add_vector(c);
	} else {
		if (f->phase == SECAGG_SURVIVORS && secagg_server_state(c->server) == SECAGG_SERVER_EXPECT_INPUTS) {
			secagg_server_close(c->server);
			drain(c);
		}
		e = secagg_server_message(c->server, f->site, (enum secagg_phase)f->phase, octets, NULL);
	}
	CHECK(e == OK);
	drain(c);
}

static void unmask(struct coordinator *c)
{
	CHECK(secagg_server_state(c->server) == SECAGG_SERVER_EXPECT_UNMASKED);
	for (uint32_t slice = 0; slice < secagg_server_slices(c->server); slice++) {
		struct secret masks = {0};
		uint32_t count;
		CHECK(secagg_server_masks(c->server, slice, &masks, &count, NULL) == OK);
		for (uint32_t i = 0; i < masked_sum_pieces(c->sum); i++)
			masked_sum_unmask(c->sum, i, (const struct mask *)(const void *)masks.ptr, count);
		secret_free(&masks);
	}
}

/* Of this program, not of the one that became it (getrusage counts both). */
static long most_resident_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;
	CHECK(f != NULL);
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	fclose(f);
	CHECK(kib > 0);
	return kib;
}

static void coordinate(FILE *in)
{
	static struct coordinator c;
	struct unmasking_shape shape;
	struct layout layout;
	struct frame f;
	CHECK(fread(&shape, sizeof shape, 1, in) == 1);
	struct secagg_site *invited = mem_array(shape.n, sizeof *invited);
	CHECK(fread(invited, sizeof *invited, shape.n, in) == shape.n);
	struct secagg_plan plan = unmasking_plan(&shape, invited);
	struct secagg_attempt about = unmasking_attempt();
	CHECK(secagg_server_open(&c.server, &about, &plan, NULL) == OK);
	layout_begin(&layout, shape.n);
	CHECK(layout_add(&layout, SEGMENT_UPDATE, CODING_NARROW, WORDS - MASKED_CHECK_WORDS, 8, NULL) == OK);
	c.sum = masked_sum_new(&layout, 32);
	uint8_t *octets = mem_alloc(secagg_message_max(shape.n, SECAGG_SHARES));
	while (fread(&f, sizeof f, 1, in) == 1) {
		CHECK(f.octets <= secagg_message_max(shape.n, SECAGG_SHARES) &&
		      fread(octets, 1, f.octets, in) == f.octets);
		take(&c, &f, bytes_of(octets, f.octets));
	}
	unmask(&c);
	printf("%ld\n", most_resident_kib());
	masked_sum_free(c.sum);
	secagg_server_free(c.server);
	free(octets);
	free(invited);
}

/* ---- the sites */

struct attempt {
	struct unmasking u;
	FILE *to;
	bool begun;
};

static void tell(void *context, uint32_t site, enum secagg_phase phase, struct bytes octets)
{
	struct attempt *a = context;
	const struct frame f = {site, (uint32_t)phase, (uint32_t)octets.len};
	if (!a->begun) {
		CHECK(fwrite(&a->u.shape, sizeof a->u.shape, 1, a->to) == 1);
		CHECK(fwrite(a->u.invited, sizeof *a->u.invited, a->u.shape.n, a->to) == a->u.shape.n);
		a->begun = true;
	}
	CHECK(fwrite(&f, sizeof f, 1, a->to) == 1 && fwrite(octets.ptr, 1, octets.len, a->to) == octets.len);
}

static FILE *write_attempt(const struct unmasking_shape *shape)
{
	struct attempt a = {.u.tap = tell, .to = tmpfile()};
	CHECK(a.to != NULL);
	a.u.tap_context = &a;
	unmasking_init(&a.u, shape);
	tell(&a, a.u.invited[a.u.last_site].number, SECAGG_OPENING, buf_bytes(&a.u.last));
	unmasking_free(&a.u);
	rewind(a.to);
	return a.to;
}

/* In KiB: this program again, as a coordinator. */
static long coordinator_memory(const struct unmasking_shape *shape)
{
	FILE *attempt = write_attempt(shape);
	int ends[2], status;
	long kib = 0;
	char line[32] = "";
	CHECK(pipe(ends) == 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		dup2(fileno(attempt), STDIN_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		execl("/proc/self/exe", "bench_masked_memory", "coordinator", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	CHECK(read(ends[0], line, sizeof line - 1) > 0);
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(sscanf(line, "%ld", &kib) == 1);
	close(ends[0]);
	fclose(attempt);
	return kib;
}

int main(int argc, char **argv)
{
	struct unmasking_shape few = {.n = FEW, .lost = FEW / 20, .colluders = FEW / 20, .words = WORDS};
	struct unmasking_shape many = {.n = MANY, .lost = MANY / 20, .colluders = MANY / 20, .words = WORDS};
	struct graph_rule rule;
	secret_init();
	if (argc == 2 && strcmp(argv[1], "coordinator") == 0) {
		coordinate(stdin);
		return 0;
	}
	CHECK(graph_rule_find(&rule, MANY, many.colluders, many.lost, MASKED_SECURITY_BITS, GRAPH_ACTIVE, NULL) == OK);
	many.degree = rule.k;
	many.share_threshold = rule.t;
	double with_few = (double)coordinator_memory(&few), with_many = (double)coordinator_memory(&many);
	figure("masked_memory_50_sites", with_few / KIB_IN_MIB, "MiB", 4.0 * WORDS / KIB_IN_MIB / KIB_IN_MIB);
	figure("masked_memory_500_sites", with_many / KIB_IN_MIB, "MiB", with_few / KIB_IN_MIB);
	figure("masked_memory_per_site", KIB_IN_MIB * (with_many - with_few) / (MANY - FEW), "octets",
	       260 + 152.0 * rule.k);
	return 0;
}
