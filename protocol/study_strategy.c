#include "protocol/study_strategy.h"

#include "protocol/study_complete.h"

#include <stdio.h>
#include <string.h>

#define KEYS_MAX 4 /* of one strategy */
#define OWNERS_SIZE 128

/* The keys of training.server in the order of the canonical JSON. */
static const char *const keys[] = {"learning_rate", "momentum", "beta1", "beta2", "tau", "trim", "byzantine", "keep"};
enum { KEYS = sizeof keys / sizeof keys[0] };

/* Defaults: momentum as Hsu et al. and the beta, tau as Reddi et al. mostly use them, mu one of the four that Li et al. tried
 * (coordinator/strategy.h has the papers). An adaptive strategy moves every parameter by about the learning rate, so its default
 * is far below 1. A fifth cut at each end is one of five hospitals; Krum withstands one and takes one unless it is told more. */
static const struct strategy_terms {
	const char *name;
	struct {
		const char *key;
		double fallback;
	} server[KEYS_MAX];
	double proximal; /* default of training.local.proximal; 0: the strategy does not have it */
} strategies[] = {
	[STRATEGY_FEDAVG] = {.name = "fedavg", .server = {{"learning_rate", 1}}},
	[STRATEGY_FEDAVGM] = {.name = "fedavgm", .server = {{"learning_rate", 1}, {"momentum", 0.9}}},
	[STRATEGY_FEDPROX] = {.name = "fedprox", .server = {{"learning_rate", 1}}, .proximal = 0.01},
	[STRATEGY_FEDADAGRAD] = {.name = "fedadagrad", .server = {{"learning_rate", 0.1}, {"beta1", 0}, {"tau", 1e-3}}},
	[STRATEGY_FEDADAM] = {.name = "fedadam",
                              .server = {{"learning_rate", 0.1}, {"beta1", 0.9}, {"beta2", 0.99}, {"tau", 1e-3}}},
	[STRATEGY_FEDYOGI] = {.name = "fedyogi",
                              .server = {{"learning_rate", 0.1}, {"beta1", 0.9}, {"beta2", 0.99}, {"tau", 1e-3}}},
	[STRATEGY_MEDIAN] = {.name = "median", .server = {{"learning_rate", 1}}},
	[STRATEGY_TRIMMED_MEAN] = {.name = "trimmed_mean", .server = {{"learning_rate", 1}, {"trim", 0.2}}},
	[STRATEGY_KRUM] = {.name = "krum", .server = {{"learning_rate", 1}, {"byzantine", 1}, {"keep", 1}}},
};
enum { STRATEGIES = sizeof strategies / sizeof strategies[0] };

const char *study_strategy_name(enum strategy_kind k)
{
	CHECK((size_t)k < STRATEGIES);
	return strategies[k].name;
}

/* The default of a strategy's key; NULL when the strategy does not have it. */
static const double *fallback_of(const struct strategy_terms *t, const char *key)
{
	for (size_t i = 0; i < KEYS_MAX && t->server[i].key; i++)
		if (strcmp(t->server[i].key, key) == 0)
			return &t->server[i].fallback;
	return NULL;
}

static const struct strategy_terms *terms_of(const char *strategy)
{
	size_t i = 0;
	while (strcmp(strategies[i].name, strategy) != 0) {
		i++;
		CHECK(i < STRATEGIES); /* the table of rules has let no other name pass */
	}
	return &strategies[i];
}

double study_default_proximal(const char *strategy)
{
	return terms_of(strategy)->proximal;
}

struct json *study_complete_server(const struct json *written, const char *strategy)
{
	const struct strategy_terms *terms = terms_of(strategy);
	struct json *out = json_new_object();
	for (size_t i = 0; i < KEYS; i++) {
		const double *fallback = fallback_of(terms, keys[i]);
		if (fallback)
			study_carry_number(out, written, keys[i], *fallback);
		else
			study_carry(out, written, keys[i]);
	}
	return out;
}

/* "fedadagrad, fedadam or fedyogi". */
static void owners_of(char out[OWNERS_SIZE], const char *key)
{
	size_t length = 0, last = 0;
	out[0] = '\0';
	for (size_t i = 0; i < STRATEGIES; i++)
		if (fallback_of(&strategies[i], key))
			last = i;
	for (size_t i = 0; i <= last; i++) {
		const char *join = i < last ? ", " : " or ";
		if (fallback_of(&strategies[i], key))
			length += (size_t)snprintf(out + length, OWNERS_SIZE - length, "%s%s", length ? join : "",
			                           strategies[i].name);
	}
}

static void refuse_key(const struct study_section *server, const char *key)
{
	char owners[OWNERS_SIZE];
	owners_of(owners, key);
	study_reject(server, key, "belongs to strategy: %s; leave it out", owners);
}

static void read_server(const struct study_section *server, const struct strategy_terms *terms)
{
	struct server_training *out = &server->reading->out->server;
	double byzantine = 0, keep = 0; /* integers, by the table of rules */
	double *const fields[KEYS] = {&out->learning_rate, &out->momentum, &out->beta1, &out->beta2,
	                              &out->tau,           &out->trim,     &byzantine,  &keep};
	for (size_t i = 0; i < KEYS; i++) {
		if (fallback_of(terms, keys[i]))
			*fields[i] = study_real(server, keys[i]);
		else if (json_get(server->node, keys[i]))
			refuse_key(server, keys[i]);
	}
	out->byzantine = (uint32_t)byzantine;
	out->keep = (uint32_t)keep;
}

/* The proximal term is the whole of FedProx: without it it is FedAvg, and with it FedAvg is FedProx. */
static void check_proximal(const struct study_section *local, const struct strategy_terms *terms)
{
	const struct json *mu = json_get(local->node, "proximal");
	if (mu && terms->proximal == 0)
		study_reject(local, "proximal", "belongs to strategy: fedprox; leave it out");
	else if (terms->proximal > 0 && !(json_as_real(mu) > 0))
		study_reject(local, "proximal",
		             "fedprox without it is fedavg; write a number above 0, or strategy: fedavg");
}

void study_read_strategy(const struct study_section *training)
{
	struct study *out = training->reading->out;
	struct study_section server = {training->reading, json_get(training->node, "server"), "training.server"};
	struct study_section local = {training->reading, json_get(training->node, "local"), "training.local"};
	const char *built[STRATEGIES + 1] = {NULL};
	for (size_t i = 0; i < STRATEGIES; i++)
		built[i] = strategies[i].name;
	out->strategy = (enum strategy_kind)study_choice(training, "strategy", built, "one of those that are");
	read_server(&server, &strategies[out->strategy]);
	check_proximal(&local, &strategies[out->strategy]);
}
