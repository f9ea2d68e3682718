/*
 * Any bytes as a model file of "dense 2, relu, dense 1" on 2 inputs. What is accepted holds finite parameters, and if
 * it is ours it can be written again and then reads as the same.
 */
#include "base/vec.h"
#include "model/checkpoint.h"

#include <string.h>

#define PARAMETERS 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct model_spec *s, const float *parameters, const struct checkpoint *c)
{
	struct diag why;
	struct checkpoint back;
	struct buf first, second;
	float same[PARAMETERS];
	buf_init(&first, MODEL_FILE_MAX);
	buf_init(&second, MODEL_FILE_MAX);
	CHECK(checkpoint_write(&first, s, parameters, &c->about, &why) == OK);
	CHECK(checkpoint_read(same, &back, s, buf_bytes(&first), "itself", &why) == OK);
	CHECK(memcmp(same, parameters, sizeof same) == 0);
	CHECK(checkpoint_write(&second, s, same, &back.about, &why) == OK);
	CHECK(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
	checkpoint_free(&back);
	buf_free(&first);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model_spec s;
	struct diag why = {{0}};
	struct checkpoint c;
	float parameters[PARAMETERS];
	spec_begin(&s, 2);
	CHECK(spec_add_layer(&s, "dense 2", NULL) == OK && spec_add_layer(&s, "relu", NULL) == OK);
	CHECK(spec_add_layer(&s, "dense 1", NULL) == OK && spec_end(&s, LOSS_BINARY_CROSS_ENTROPY, 1, NULL) == OK &&
	      s.parameters == PARAMETERS);
	if (checkpoint_read(parameters, &c, &s, bytes_of(data, size), "the fuzzer", &why) == OK) {
		CHECK(vec_finite(parameters, PARAMETERS));
		if (c.ours)
			again(&s, parameters, &c);
	} else {
		CHECK(why.text[0] != 0);
	}
	checkpoint_free(&c);
	return 0;
}
