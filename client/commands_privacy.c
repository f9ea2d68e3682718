/* privacy epsilon, privacy noise: the accountant on a command line. Needs no configuration and no coordinator. */
#include "base/parse.h"
#include "client/commands.h"
#include "client/screen.h"
#include "privacy/account.h"
#include "privacy/calibrate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PARTS_MAX CALIBRATE_FIXED_MAX /* of one composition */

/* ---- reading */

static enum err number(double *out, const struct command_line *line, const char *option, struct diag *why)
{
	const char *text = command_value(line, option, 0);

	if (text == NULL)
		return diag_set(why, ERR_USAGE, "--%s is missing", option);
	if (!parse_f64(out, bytes_text(text), '.'))
		return diag_set(why, ERR_USAGE, "--%s \"%s\": not a number", option, text);
	return OK;
}

static enum err check_part(const struct account_steps *p, struct diag *why)
{
	if (!(p->noise_multiplier > 0))
		return diag_set(why, ERR_USAGE, "noise multiplier %g is not above 0: without noise no epsilon holds",
		                p->noise_multiplier);
	if (!(p->sampling_rate > 0 && p->sampling_rate <= 1))
		return diag_set(why, ERR_USAGE,
		                "sampling rate %g is not in (0, 1]: it is the chance of a unit to be in a step; 1 "
		                "without sampling",
		                p->sampling_rate);
	return OK;
}

static enum err read_steps(uint64_t *out, const char *text, struct diag *why)
{
	if (text == NULL)
		return diag_set(why, ERR_USAGE, "--steps is missing");
	if (!parse_u64(out, bytes_text(text)) || *out == 0)
		return diag_set(why, ERR_USAGE, "steps \"%s\": a whole number from 1 is needed", text);
	return OK;
}

static enum err read_delta(double *out, const struct command_line *line, struct diag *why)
{
	enum err e = number(out, line, "delta", why);

	if (e == OK && !(*out > 0 && *out < 1))
		e = diag_set(why, ERR_USAGE, "--delta %g is not between 0 and 1: take less than 1 / patients", *out);
	return e;
}

static const char part_form[] = "--part \"%s\": RATE,MULTIPLIER,STEPS is needed, such as 0.1,2,500";

static enum err read_part(struct account_steps *out, const char *text, struct diag *why)
{
	const char *second = strchr(text, ','), *third = second != NULL ? strchr(second + 1, ',') : NULL;

	if (third == NULL || !parse_f64(&out->sampling_rate, bytes_of(text, (size_t)(second - text)), '.') ||
	    !parse_f64(&out->noise_multiplier, bytes_of(second + 1, (size_t)(third - second - 1)), '.'))
		return diag_set(why, ERR_USAGE, part_form, text);
	enum err e = read_steps(&out->count, third + 1, why);

	return e ? e : check_part(out, why);
}

static enum err read_parts(struct account_steps parts[PARTS_MAX], size_t *count, const struct command_line *line,
                           struct diag *why)
{
	const char *text;
	enum err e = OK;

	for (size_t i = 0; e == OK && (text = command_value(line, "part", i)) != NULL; i++) {
		if (*count == PARTS_MAX)
			return diag_set(why, ERR_USAGE, "more than %d parts", PARTS_MAX);
		e = read_part(&parts[(*count)++], text, why);
	}
	return e;
}

/* ---- privacy epsilon */

static enum err read_single(struct account_steps *out, const struct command_line *line, struct diag *why)
{
	enum err e = number(&out->noise_multiplier, line, "noise-multiplier", why);

	if (e == OK)
		e = number(&out->sampling_rate, line, "sampling-rate", why);
	if (e == OK)
		e = read_steps(&out->count, command_value(line, "steps", 0), why);
	return e ? e : check_part(out, why);
}

static void print_epsilon(const struct account *a, bool as_json)
{
	if (!as_json) {
		printf("epsilon %.6g at delta %g, adding or removing one unit\n", a->epsilon, a->delta);
		printf("  by privacy loss distributions %.6g, by Renyi divergences %.6g; both are upper bounds\n",
		       a->epsilon_pld, a->epsilon_rdp);
		return;
	}
	struct json *node = json_new_object();

	json_set_real(node, "epsilon", a->epsilon);
	json_set_real(node, "epsilon_rdp", a->epsilon_rdp);
	json_set_real(node, "epsilon_pld", a->epsilon_pld);
	json_set_real(node, "delta", a->delta);
	json_set_string(node, "adjacency", ACCOUNT_ADJACENCY);
	json_set_string(node, "accountant", a->accountant);
	screen_json(node);
}

int commands_privacy_epsilon(const struct command_line *line, struct diag *why)
{
	struct account_steps parts[PARTS_MAX];
	struct account spent;
	size_t count = 0;
	double delta;
	bool single = command_value(line, "noise-multiplier", 0) != NULL || command_value(line, "part", 0) == NULL;
	enum err e = single ? read_single(&parts[count++], line, why) : OK;

	if (e == OK)
		e = read_parts(parts, &count, line, why);
	if (e == OK)
		e = read_delta(&delta, line, why);
	if (e != OK)
		return err_exit(e);
	account_epsilon(&spent, parts, count, delta);
	print_epsilon(&spent, command_flag(line, "json"));
	return 0;
}

/* ---- privacy noise */

int commands_privacy_noise(const struct command_line *line, struct diag *why)
{
	struct account_steps fixed[PARTS_MAX];
	double epsilon, delta, rate;
	uint64_t steps;
	size_t count = 0;
	enum err e = number(&epsilon, line, "epsilon", why);

	if (e == OK && !(epsilon > 0))
		e = diag_set(why, ERR_USAGE, "--epsilon %g is not above 0: no noise promises that; 1 to 3 is common",
		             epsilon);
	if (e == OK)
		e = number(&rate, line, "sampling-rate", why);
	if (e == OK)
		e = check_part(&(struct account_steps){rate, 1, 1}, why);
	if (e == OK)
		e = read_steps(&steps, command_value(line, "steps", 0), why);
	if (e == OK)
		e = read_delta(&delta, line, why);
	if (e == OK)
		e = read_parts(fixed, &count, line, why);
	if (e != OK)
		return err_exit(e);
	double z = calibrate_multiplier(epsilon, delta, rate, steps, fixed, count);
	if (isinf(z))
		return err_exit(diag_set(why, ERR_DATA,
		                         "no noise is enough for epsilon %g at delta %g next to the parts given; ask "
		                         "for a larger epsilon",
		                         epsilon, delta));
	if (!command_flag(line, "json")) {
		printf("noise multiplier %.6g: times the clip, in each of %llu steps\n", z, (unsigned long long)steps);
		return 0;
	}
	struct json *node = json_new_object();

	json_set_real(node, "noise_multiplier", z);
	screen_json(node);
	return 0;
}
