#include "base/columns.h"

#include "base/vec.h"

#define STRIP_OCTETS (256u << 10) /* a strip of all rows: half of a usual core's own cache */
#define STRIP_MIN 64 /* columns: below it the loops cost more than what is in them */
#define LANES 8 /* partial sums, as many as the widest register has doubles */

/* The strip of columns that begins at `first`. */
static struct columns strip_of(struct columns c, size_t first)
{
	size_t width = STRIP_OCTETS / (c.rows * sizeof *c.x);

	width = width < STRIP_MIN ? STRIP_MIN : width / LANES * LANES;
	if (width > c.width - first)
		width = c.width - first;
	return (struct columns){c.x + first, c.rows, width, c.stride};
}

/* ---- sorting */

VEC_WIDE static void exchange(double *restrict a, double *restrict b, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		double low = a[k] < b[k] ? a[k] : b[k], high = a[k] < b[k] ? b[k] : a[k];

		a[k] = low;
		b[k] = high;
	}
}

/* One pass of the algorithm: rows whose numbers have bit `p` as in `r` are compared with those `d` further. */
static void sort_pass(struct columns c, size_t p, size_t r, size_t d)
{
	for (size_t i = 0; i + d < c.rows; i++)
		if ((i & p) == r)
			exchange(c.x + i * c.stride, c.x + (i + d) * c.stride, c.width);
}

static void sort_strip(struct columns c)
{
	size_t top = 1;

	while (2 * top < c.rows)
		top *= 2;
	for (size_t p = top; p > 0; p /= 2) {
		size_t r = 0, d = p;

		for (size_t q = top;; q /= 2) {
			sort_pass(c, p, r, d);
			if (q == p)
				break;
			d = q - p;
			r = p;
		}
	}
}

void columns_sort(struct columns c)
{
	CHECK(c.rows > 0 && c.width <= c.stride);
	for (size_t first = 0; first < c.width; first += strip_of(c, first).width)
		sort_strip(strip_of(c, first));
}

/* ---- means */

VEC_WIDE static void add(double *restrict sum, const double *restrict x, size_t n)
{
	for (size_t k = 0; k < n; k++)
		sum[k] += x[k];
}

VEC_WIDE static void divide(double *x, double by, size_t n)
{
	for (size_t k = 0; k < n; k++)
		x[k] /= by;
}

void columns_mean(double *out, struct columns c, size_t low, size_t high)
{
	CHECK(low < high && high <= c.rows && c.width <= c.stride);
	for (size_t k = 0; k < c.width; k++)
		out[k] = c.x[low * c.stride + k];
	for (size_t r = low + 1; r < high; r++)
		add(out, c.x + r * c.stride, c.width);
	divide(out, (double)(high - low), c.width);
}

/* ---- distances */

VEC_WIDE static double distance(const double *restrict a, const double *restrict b, size_t n)
{
	double lane[LANES] = {0}, sum = 0;
	size_t k = 0;

	for (; k + LANES <= n; k += LANES)
		for (size_t i = 0; i < LANES; i++)
			lane[i] += (a[k + i] - b[k + i]) * (a[k + i] - b[k + i]);
	for (size_t i = 0; k < n; k++, i++)
		lane[i] += (a[k] - b[k]) * (a[k] - b[k]);
	for (size_t i = 0; i < LANES; i++)
		sum += lane[i];
	return sum;
}

void columns_distances(double *pairs, struct columns c)
{
	CHECK(c.rows > 0 && c.width <= c.stride);
	for (size_t first = 0; first < c.width; first += strip_of(c, first).width) {
		struct columns s = strip_of(c, first);
		double *pair = pairs;

		for (size_t i = 0; i < s.rows; i++)
			for (size_t j = 0; j < i; j++)
				*pair++ += distance(s.x + i * s.stride, s.x + j * s.stride, s.width);
	}
}
