/*
 * How the privacy room was built. The sampler's objects hold no floating-point instruction: nothing that reads a vector register or
 * the x87 stack, which is more than is asked, since moves through them compute nothing. No object of the room was built with
 * -ffast-math or a part of it, which would let a compiler take x != x for false and a NaN for a number.
 */
#include "tests/support/program.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* -fno-math-errno, -fno-trapping-math and -ffp-contract=off change no value, and are not here. */
#define FAST_MATH                                                                                                      \
	"-Ofast|-ffast-math|-funsafe-math-optimizations|-ffinite-math-only|-fassociative-math|-freciprocal-math|"      \
	"-fno-signed-zeros|-fno-honor-nans|-fno-honor-infinities|-fapprox-func|-mdaz-ftz|-ffp-model=fast|"             \
	"-ffp-contract=(on|fast)"

static struct program p;

/* ---- instructions */

/* Whether `word` is a letter of `letters` and a number from 0 to 31, and nothing else: v7, q31, d0. */
static bool numbered(const char *word, size_t len, const char *letters)
{
	size_t digits = 0;

	if (len < 2 || len > 3 || !strchr(letters, word[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		digits += isdigit((unsigned char)word[i]) != 0;
	return digits == len - 1;
}

static bool begins(const char *word, size_t len, const char *with)
{
	return len >= strlen(with) && strncmp(word, with, strlen(with)) == 0;
}

/* A register of vectors or of floating-point numbers. */
static bool float_register(const char *word, size_t len, bool arm)
{
	if (arm)
		return numbered(word, len, "bhsdqvz");
	return begins(word, len, "xmm") || begins(word, len, "ymm") || begins(word, len, "zmm") ||
	       begins(word, len, "mm") || (len == 2 && begins(word, len, "st"));
}

/* Of objdump's line "   4:\t48 89 e5 \tmov %rsp,%rbp" the last field; NULL when it is another line. */
static const char *instruction_of(const char *line)
{
	const char *octets = strchr(line, '\t'), *text = octets ? strchr(octets + 1, '\t') : NULL;

	return text ? text + 1 : NULL;
}

/* Words of the operands, but for symbols <...> and the addresses before them, comments and immediate values ($, #). */
static bool float_operand(const char *at, bool arm)
{
	while (*at && strncmp(at, "//", 2) != 0 && strncmp(at, "# ", 2) != 0) {
		size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
		if (len == 0 && *at == '<') {
			at += strcspn(at, ">");
			continue;
		}
		if (len == 0) {
			at++;
			continue;
		}
		bool address = strncmp(at + len, " <", 2) == 0;
		bool immediate = at[-1] == '#' || at[-1] == '$';
		if (!address && !immediate && float_register(at, len, arm))
			return true;
		at += len;
	}
	return false;
}

static bool float_instruction(const char *line, bool arm)
{
	const char *mnemonic = instruction_of(line);

	if (!mnemonic)
		return false;
	if (!arm && mnemonic[0] == 'f') /* x87: fld, fmul, fwait; its operands may be memory alone */
		return true;
	return float_operand(mnemonic + strcspn(mnemonic, " \t"), arm);
}

static bool is_arm(void)
{
	program_shell(&p, "uname -m");
	return strstr(p.out, "aarch64") != NULL;
}

struct counted_lines {
	unsigned instructions, floats;
	char first[200];
};

/* The instructions of an object of the room. */
static struct counted_lines disassemble(const char *name)
{
	struct counted_lines count = {0};
	bool arm = is_arm();
	char command[512], line[4096];

	snprintf(command, sizeof command, "objdump -d '%s/obj/privacy/%s.o'", getenv("COHORT_BUILD"), name);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof line, pipe)) {
		count.instructions += instruction_of(line) != NULL;
		if (!float_instruction(line, arm))
			continue;
		if (count.floats++ == 0)
			snprintf(count.first, sizeof count.first, "%.150s", line);
	}
	assert_int_equal(pclose(pipe), 0);
	return count;
}

static void need(const char *tool)
{
	program_shell(&p, "command -v %s && case $(uname -m) in x86_64|aarch64) ;; *) false ;; esac", tool);
	if (p.exit_code != 0) {
		printf("skipped: needs %s, and x86-64 or arm64\n", tool);
		skip();
	}
}

static void the_sampler_has_no_floats(void **state)
{
	(void)state;
	static const char *const objects[] = {"noise", "chance"};
	need("objdump");
	for (size_t i = 0; i < 2; i++) {
		struct counted_lines count = disassemble(objects[i]);
		assert_true(count.instructions > 20);
		if (count.floats > 0)
			fail_msg("%s.o: %u floating-point instructions, the first: %s", objects[i], count.floats,
			         count.first);
	}
	assert_true(disassemble("quantize").floats > 10); /* which has some: so they are seen */
}

static void floats_are_recognised(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		bool arm, floats;
	} lines[] = {
		{"   4:\t48 89 e5             \tmov    %rsp,%rbp\n", false, false},
		{"   4:\t66 0f ef c0          \tpxor   %xmm0,%xmm0\n", false, true},
		{"   4:\tc5 fd 58 c1          \tvaddpd %ymm1,%ymm0,%ymm0\n", false, true},
		{"   4:\td9 e8                \tfld1\n", false, true},
		{"   4:\tdd 04 24             \tfldl   (%rsp)\n", false, true},
		{"   4:\t0f 77                \temms\n", false, false},
		{"   4:\t0f ef c0             \tpxor   %mm0,%mm0\n", false, true},
		{"  1a:\te8 00 00 00 00       \tcall   1f <xmm0+0x1f>\n", false, false},
		{"  1a:\t64 48 8b 04 25 28 00 \tmov    %fs:0x28,%rax\n", false, false},
		{"  1a:\tb8 d0 00 00 00       \tmov    $0xd0,%eax\n", false, false},
		{"0000000000000000 <noise_draw>:\n", false, false},
		{"   0:\taa0003e0 \tmov\tx0, x0\n", true, false},
		{"   0:\t9e670000 \tfmov\td0, x0\n", true, true},
		{"   0:\t3dc003e0 \tldr\tq0, [sp]\n", true, true},
		{"   0:\t4e080c00 \tdup\tv0.2d, x0\n", true, true},
		{"   0:\t1e212800 \tfadd\ts0, s0, s1\n", true, true},
		{"   0:\t54000081 \tb.ne\td0 <sample+0x10>  // b.any\n", true, false},
		{"   0:\t14000000 \tb\tb0 <d0>\n", true, false},
		{"   0:\t528001a0 \tmov\tw0, #0xd\n", true, false},
		{"   0:\t910003fd \tmov\tx29, sp\n", true, false},
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		if (float_instruction(lines[i].line, lines[i].arm) != lines[i].floats)
			fail_msg("%s", lines[i].line);
}

/* ---- fast mathematics */

/* gcc writes its switches into every object; what other compilers were told stands in the recipe of the folder. */
static void no_fast_math(void **state)
{
	(void)state;
	program_shell(&p, "grep -E -- '%s' Makefile \"$COHORT_BUILD/recipe\"", FAST_MATH);
	if (p.exit_code != 1)
		fail_msg("fast mathematics in the Makefile: %s", p.out);
	program_shell(&p, "grep -nE 'fast-math|FP_CONTRACT|optimize *\\(' privacy/*.[ch]");
	if (p.exit_code != 1)
		fail_msg("fast mathematics in a source: %s", p.out);
#if defined(__GNUC__) && !defined(__clang__)
	need("readelf");
	program_shell(&p, "for object in \"$COHORT_BUILD\"/obj/privacy/*.o; do readelf -p .debug_str \"$object\" | "
	                  "grep -q 'GNU C' || echo \"$object\"; done");
	if (p.out[0])
		fail_msg("objects that do not say how they were built: %s", p.out);
	program_shell(&p, "readelf -p .debug_str \"$COHORT_BUILD\"/obj/privacy/*.o | grep 'GNU C' | grep -E -- '%s'",
	              FAST_MATH);
	if (p.exit_code != 1)
		fail_msg("an object of privacy/ was built with fast mathematics: %s", p.out);
#endif
}

/* Objects built so are found. */
static void fast_math_is_found(void **state)
{
	(void)state;
#if defined(__GNUC__) && !defined(__clang__)
	static const char *const switches[] = {"-ffast-math", "-Ofast", "-fassociative-math", "-ffinite-math-only"};
	need("readelf");
	program_shell(&p, "command -v gcc");
	if (p.exit_code != 0)
		skip();
	for (size_t i = 0; i < 4; i++) {
		program_shell(&p,
		              "object=$(mktemp) && trap 'rm -f \"$object\"' EXIT && "
		              "echo 'double f(double x) { return x; }' | gcc -g %s -x c -c -o \"$object\" - && "
		              "readelf -p .debug_str \"$object\" | grep 'GNU C' | grep -E -- '%s'",
		              switches[i], FAST_MATH);
		if (p.exit_code != 0)
			fail_msg("%s is not found: %s", switches[i], p.err);
	}
#else
	printf("skipped: only gcc writes its switches into objects\n");
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floats_are_recognised),
		cmocka_unit_test(the_sampler_has_no_floats),
		cmocka_unit_test(no_fast_math),
		cmocka_unit_test(fast_math_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
