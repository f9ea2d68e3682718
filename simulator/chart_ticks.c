#include "simulator/chart_ticks.h"

#include "base/err.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SLACK 1e-9 /* of a step: a mark on the axis' end belongs to it although 3 * 0.1 is not 0.3 */
#define DECIMALS_MAX 6 /* finer steps are written with an exponent */
#define DIGITS_MAX 14 /* of a double, without the last, which is noise */

/* Multiples of `step` within the axis. */
static double first_of(double min, double step)
{
	return ceil(min / step - SLACK);
}

static double last_of(double max, double step)
{
	return floor(max / step + SLACK);
}

static double step_of(double min, double max, size_t wanted, bool whole)
{
	static const double multiples[] = {1, 2, 5};
	double power = floor(log10((max - min) / (double)wanted));

	for (;; power++)
		for (size_t i = 0; i < 3; i++) {
			double step = multiples[i] * pow(10, power);

			if (whole && step < 1)
				continue;
			if (last_of(max, step) - first_of(min, step) + 1 <= (double)wanted)
				return step;
		}
}

static void write_label(char *out, double value, double step, double largest)
{
	static const struct {
		double size;
		const char *sign;
	} units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
	const char *sign = "";
	int decimals;

	if (largest >= 1e4 && largest < 1e13)
		for (size_t i = 0; i < 3; i++)
			if (largest >= units[i].size) {
				value /= units[i].size;
				step /= units[i].size;
				sign = units[i].sign;
				break;
			}
	if (value == 0 && *sign != '\0')
		step = 1; /* "0", not "0.0M" */
	decimals = step < 1 ? (int)ceil(-log10(step) - SLACK) : 0;
	if (decimals > DECIMALS_MAX || largest >= 1e13) /* as many digits as tell two marks apart */
		snprintf(out, CHART_LABEL_SIZE, "%.*g", (int)fmin(ceil(log10(largest / step)) + 1, DIGITS_MAX), value);
	else
		snprintf(out, CHART_LABEL_SIZE, "%.*f%s", decimals, value, value == 0 ? "" : sign);
}

void chart_ticks_linear(struct chart_ticks *t, double min, double max, size_t wanted, bool whole)
{
	double step, first, last;

	CHECK(isfinite(min) && isfinite(max) && min < max && wanted >= 1 && wanted <= CHART_TICKS_MAX);
	step = step_of(min, max, wanted, whole);
	first = first_of(min, step);
	last = last_of(max, step);
	*t = (struct chart_ticks){0};
	for (double i = first; i <= last; i++) {
		double at = i == 0 ? 0 : i * step; /* never "-0" */

		t->at[t->count] = at;
		write_label(t->label[t->count++], at, step, fmax(fabs(min), fabs(max)));
	}
}

void chart_ticks_log(struct chart_ticks *t, double min, double max, size_t wanted)
{
	static const double multiples[] = {1, 2, 5};
	double from = floor(log10(min)), until = ceil(log10(max));
	double decades = log10(max / min);
	size_t each = 3 * decades <= (double)wanted ? 3 : 1;
	double stride = each == 1 ? ceil(decades / (double)wanted) : 1;

	CHECK(min > 0 && min < max && wanted >= 1 && wanted <= CHART_TICKS_MAX);
	*t = (struct chart_ticks){0};
	for (double power = from; power <= until; power++)
		for (size_t i = 0; i < each && fmod(power, stride) == 0; i++) {
			double at = multiples[i] * pow(10, power);

			if (at < min * (1 - SLACK) || at > max * (1 + SLACK) || t->count == CHART_TICKS_MAX)
				continue;
			t->at[t->count] = at;
			write_label(t->label[t->count++], at, at, at);
		}
	if (t->count < 2)
		chart_ticks_linear(t, min, max, wanted, false);
}
