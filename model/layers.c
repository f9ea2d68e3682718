/*
 * Dense layers are three matrix products; what surrounds them (bias, relu, column sums) runs over the result while it
 * is still in the cache. A product with one output column is a matrix times a vector: for that sgemm would pack
 * panels of which it uses a sliver.
 */
#include "model/layers.h"

#include "base/vec.h"
#include "model/transpose.h"

#include <cblas.h>
#include <endian.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#ifdef MODEL_FLOAT64
#define GEMM cblas_dgemm
#define GEMV cblas_dgemv
#else
#define GEMM cblas_sgemm
#define GEMV cblas_sgemv
#endif

static void one_thread(void)
{
	openblas_set_num_threads(1);
}

/* Once, because sites train in several threads and the setting is a global of the library. */
void layers_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, one_thread);
}

/* x w^T multiplies rows by rows, for which OpenBLAS's kernels for small products are a third slower than for rows by
 * columns (71 against 108 GFLOP/s at 32 rows on a Zen 4, and twice as slow where the inputs are no multiple of 16, since
 * their rests are masked). Transposing w first pays from about 12 rows on, or where there is such a rest; w must stay in
 * the first two caches. */
#define TRANSPOSED_ROWS 12
#define TRANSPOSED_WEIGHTS 16384 /* 64 KiB for each thread that trains */
#define BLAS_LANES 16

static bool transposing_pays(struct dense_shape s)
{
	return (size_t)s.inputs * s.outputs <= TRANSPOSED_WEIGHTS &&
	       (s.rows >= TRANSPOSED_ROWS || s.inputs % BLAS_LANES != 0);
}

static void product_forward(real *y, const real *x, const real *w, struct dense_shape s)
{
	static _Thread_local real transposed[TRANSPOSED_WEIGHTS];
	int rows = (int)s.rows, inputs = (int)s.inputs, outputs = (int)s.outputs;
	if (outputs == 1) {
		GEMV(CblasRowMajor, CblasNoTrans, rows, inputs, 1, x, inputs, w, 1, 0, y, 1);
	} else if (transposing_pays(s)) {
		transpose(transposed, w, s.outputs, s.inputs);
		GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, outputs, inputs, 1, x, inputs, transposed,
		     outputs, 0, y, outputs);
	} else {
		GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, rows, outputs, inputs, 1, x, inputs, w, inputs, 0, y,
		     outputs);
	}
}

/* Written so that NaN passes: a relu that turns it into 0 would hide a diverged model. */
static inline real relu(real x)
{
	return x < 0 ? 0 : x;
}

VEC_WIDE static void add_bias(real *y, const real *b, struct dense_shape s)
{
	for (size_t r = 0; r < s.rows; r++)
		for (size_t o = 0; o < s.outputs; o++)
			y[r * s.outputs + o] += b[o];
}

VEC_WIDE static void add_bias_relu(real *y, const real *b, struct dense_shape s)
{
	for (size_t r = 0; r < s.rows; r++)
		for (size_t o = 0; o < s.outputs; o++)
			y[r * s.outputs + o] = relu(y[r * s.outputs + o] + b[o]);
}

void layers_dense_forward(real *y, const real *x, const real *w, const real *b, struct dense_shape s)
{
	product_forward(y, x, w, s);
	add_bias(y, b, s);
}

void layers_dense_relu_forward(real *y, const real *x, const real *w, const real *b, struct dense_shape s)
{
	product_forward(y, x, w, s);
	add_bias_relu(y, b, s);
}

void layers_dense_backward(real *dx, const real *dy, const real *w, struct dense_shape s)
{
	int rows = (int)s.rows, inputs = (int)s.inputs, outputs = (int)s.outputs;
	if (outputs > 1) {
		GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, inputs, outputs, 1, dy, outputs, w, inputs, 0, dx,
		     inputs);
		return;
	}
	for (size_t r = 0; r < s.rows; r++)
		for (size_t i = 0; i < s.inputs; i++)
			dx[r * s.inputs + i] = dy[r] * w[i];
}

VEC_WIDE static void bias_gradient(real *db, const real *dy, struct dense_shape s, real alpha, real beta)
{
	if (beta == 0)
		memset(db, 0, s.outputs * sizeof *db);
	else if (beta != 1)
		for (size_t o = 0; o < s.outputs; o++)
			db[o] *= beta;
	for (size_t r = 0; r < s.rows; r++)
		for (size_t o = 0; o < s.outputs; o++)
			db[o] += alpha * dy[r * s.outputs + o];
}

void layers_dense_gradient(real *dw, real *db, const real *dy, const real *x, struct dense_shape s, real alpha,
                           real beta)
{
	int rows = (int)s.rows, inputs = (int)s.inputs, outputs = (int)s.outputs;
	if (outputs == 1)
		GEMV(CblasRowMajor, CblasTrans, rows, inputs, alpha, x, inputs, dy, 1, beta, dw, 1);
	else
		GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, outputs, inputs, rows, alpha, dy, outputs, x, inputs,
		     beta, dw, inputs);
	bias_gradient(db, dy, s, alpha, beta);
}

VEC_WIDE static void add_columns(double *db, const double *dy, struct dense_shape s)
{
	for (size_t r = 0; r < s.rows; r++)
		for (size_t o = 0; o < s.outputs; o++)
			db[o] += dy[r * s.outputs + o];
}

void layers_dense_gradient_double(double *dw, double *db, const double *dy, const double *x, struct dense_shape s)
{
	int rows = (int)s.rows, inputs = (int)s.inputs, outputs = (int)s.outputs;
	if (outputs == 1)
		cblas_dgemv(CblasRowMajor, CblasTrans, rows, inputs, 1, x, inputs, dy, 1, 1, dw, 1);
	else
		cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, outputs, inputs, rows, 1, dy, outputs, x, inputs,
		            1, dw, inputs);
	add_columns(db, dy, s);
}

VEC_WIDE void layers_relu_forward(real *y, const real *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = relu(x[i]);
}

VEC_WIDE void layers_relu_backward(real *dx, const real *dy, const real *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dx[i] = y[i] > 0 ? dy[i] : 0;
}

#ifdef MODEL_FLOAT64
static inline double exp_negative(double t)
{
	return exp(t);
}

static inline double expm1_negative(double t)
{
	return expm1(t);
}
#else
/* exp(t) for t <= 0: t = k log 2 + r with |r| <= log(2) / 2, the series of exp(r) to r^7 (what is left out is below
 * 6e-9), times 2^k through the exponent's bits. Plain arithmetic, so a loop of it vectorises. log 2 is taken in two
 * parts, the first of so few bits that k times it is exact. Below -87 the result would be subnormal: it is 2e-38. The
 * bits of negative numbers, -0 among them, grow as the numbers fall, so the bound is a minimum of integers, which NaN
 * meets, too; comparing floats there would leave a branch in the loop. Returns exp(r) - 1, whose digits near 0 the sum
 * with 1 would lose. */
static inline float exp_parts(float *power, float t)
{
	const uint32_t lowest = 0xc2ae0000u; /* -87 */
	uint32_t bits;
	memcpy(&bits, &t, sizeof bits);
	bits |= 0x80000000u; /* a NaN of either sign */
	bits = bits < lowest ? bits : lowest;
	memcpy(&t, &bits, sizeof bits);
	int32_t k = (int32_t)(t * 1.44269504f - 0.5f);
	float r = (t - (float)k * 0.693359375f) + (float)k * 2.12194440e-4f;
	float p = 1 / 5040.0f;
	p = p * r + 1 / 720.0f;
	p = p * r + 1 / 120.0f;
	p = p * r + 1 / 24.0f;
	p = p * r + 1 / 6.0f;
	p = p * r + 1 / 2.0f;
	p = p * r + 1;
	bits = (uint32_t)(k + 127) << 23;
	memcpy(power, &bits, sizeof bits);
	return p * r;
}

static inline float exp_negative(float t)
{
	float power, rest = exp_parts(&power, t);
	return (rest + 1) * power;
}

static inline float expm1_negative(float t)
{
	float power, rest = exp_parts(&power, t);
	return rest * power + (power - 1);
}
#endif

VEC_WIDE void layers_sigmoid_forward(real *y, const real *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		real v = x[i], e = exp_negative(-(real)fabs(v)), s = (v < 0 ? e : 1) / (1 + e);
		y[i] = v == v ? s : v;
	}
}

VEC_WIDE void layers_sigmoid_backward(real *dx, const real *dy, const real *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dx[i] = dy[i] * (y[i] * (1 - y[i]));
}

/* tanh|x| = -e / (2 + e) with e = exp(-2|x|) - 1: nothing overflows, and small x keep their digits. */
VEC_WIDE void layers_tanh_forward(real *y, const real *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		real v = x[i], e = expm1_negative(-2 * (real)fabs(v)), t = e / (2 + e);
		t = v < 0 ? t : -t;
		y[i] = v == v ? t : v;
	}
}

VEC_WIDE void layers_tanh_backward(real *dx, const real *dy, const real *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dx[i] = dy[i] * (1 - y[i] * y[i]);
}

VEC_WIDE static void apply_mask(real *y, const real *x, const uint16_t *draws, uint32_t dropped, real kept, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = x[i] * (le16toh(draws[i]) < dropped ? 0 : kept);
}

void layers_dropout(real *y, const real *x, const uint16_t *draws, double share, size_t n)
{
	uint32_t dropped = (uint32_t)(share * 65536 + 0.5);
	apply_mask(y, x, draws, dropped, (real)(65536.0 / (65536 - dropped)), n);
}
