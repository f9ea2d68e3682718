# Cohort. `make help` lists the targets; MODE=release|debug|asan|tsan|cov picks the build.
MODE ?= release
CC ?= cc
PREFIX ?= /usr/local
DESTDIR ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
comma := ,

# ---- where things go: release in build/, other modes beside it
O := $(if $(filter release,$(MODE)),build,build/$(MODE))$(if $(MPI),/mpi)
BIN := $(O)/bin
VERSION := $(shell sed -n 's/^\#define COHORT_VERSION "\(.*\)"/\1/p' base/version.h 2>/dev/null)

# ---- flags
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wimplicit-fallthrough
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
# clang before 16 offers zeroed locals only behind an experimental switch
HARDEN += $(shell $(CC) -ftrivial-auto-var-init=zero -x c -fsyntax-only /dev/null 2>/dev/null && echo -ftrivial-auto-var-init=zero)
ifeq ($(shell uname -m),x86_64)
HARDEN += -fcf-protection=full
endif
CPPFLAGS_ALL := -I. -I$(O) -D_GNU_SOURCE $(CPPFLAGS)
# -ffp-contract=off: no fused multiply-add behind our back, so gcc and clang round alike
# -fno-math-errno, -fno-trapping-math: change no value, but let square roots and selections in loops become vector code
CFLAGS_ALL := -std=c17 -g -fPIE -ffp-contract=off -fno-math-errno -fno-trapping-math $(WARNINGS) $(if $(WERROR),-Werror)
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
ifeq ($(MODE),release)
CFLAGS_ALL += -O2 -ftree-vectorize $(HARDEN)
else ifeq ($(MODE),debug)
CFLAGS_ALL += -O0
else ifeq ($(MODE),asan)
CFLAGS_ALL += -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS_ALL += -fsanitize=address,undefined
else ifeq ($(MODE),tsan)
CFLAGS_ALL += -O1 -fsanitize=thread
LDFLAGS_ALL += -fsanitize=thread
else ifeq ($(MODE),cov)
CFLAGS_ALL += -O0 --coverage
LDFLAGS_ALL += --coverage
else ifeq ($(MODE),fuzz)
CFLAGS_ALL += -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LDFLAGS_ALL += -fsanitize=fuzzer,address,undefined
CC := clang
else
$(error MODE must be release, debug, asan, tsan, cov or fuzz)
endif
# MPI=1: cohort-sim over several processes (simulator/ranks.c); OpenMPI's headers are not ours to warn about
ifdef MPI
CPPFLAGS_ALL += -DCOHORT_MPI $(patsubst -I%,-isystem %,$(shell mpicc --showme:compile))
endif
CFLAGS_ALL += $(CFLAGS)
LDFLAGS_ALL += $(LDFLAGS)

# ---- rooms: every .c but the programs' main.c goes into its floor's archive
ROOMS := base crypto privacy model data net protocol coordinator client certs simulator
room_sources = $(filter-out $(1)/main.c,$(wildcard $(1)/*.c))
room_objects = $(patsubst %.c,$(O)/obj/%.o,$(call room_sources,$(1)))
archive = $(O)/lib/lib$(1).a
archives = $(foreach r,$(1),$(if $(call room_sources,$(r)),$(call archive,$(r))))

LIBS_BASE := -ljansson -lyaml -lsodium -lcrypto -lpthread -lm
LIBS_NET := -levent -levent_openssl -levent_pthreads -lssl -lcurl
LIBS_MODEL := -lopenblas
LIBS_DATA := -lz
LIBS_STORE := -lsqlite3

# What each program is made of. The coordinator never links OpenBLAS (a test reads its dynamic section).
PROGRAMS := $(foreach p,coordinator:cohort-coordinator client:cohort-client certs:cohort-ca simulator:cohort-sim,\
	$(if $(wildcard $(firstword $(subst :, ,$(p)))/main.c),$(BIN)/$(lastword $(subst :, ,$(p)))))
coordinator_ROOMS := coordinator protocol net data model privacy crypto base
coordinator_LIBS := -levent -levent_openssl -levent_pthreads -lssl $(LIBS_STORE) $(LIBS_BASE)
client_ROOMS := client protocol net data model privacy crypto base
client_LIBS := $(LIBS_NET) $(LIBS_MODEL) $(LIBS_DATA) $(LIBS_STORE) $(LIBS_BASE)
certs_ROOMS := certs net protocol data model privacy crypto base
certs_LIBS := -lssl $(LIBS_BASE)
# The cores of both sides, of which the linker takes no shell: neither sockets nor SQLite (a test reads its dynamic section).
simulator_ROOMS := simulator coordinator client protocol data model privacy crypto base
simulator_LIBS := $(LIBS_MODEL) $(LIBS_DATA) $(LIBS_BASE) $(if $(MPI),$(shell mpicc --showme:link))
ALL_LIBS := $(LIBS_NET) $(LIBS_MODEL) $(LIBS_DATA) $(LIBS_STORE) $(LIBS_BASE)

TESTS := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/test_*.c))
TEST_ROOMS := simulator coordinator client certs protocol net data model privacy crypto base
# An archive, so that a test links the helpers it uses and not those of every room.
TEST_SUPPORT := $(if $(wildcard tests/support/*.c),$(O)/lib/libsupport.a)
TEST_PROGRAMS := $(BIN)/secagg_replay $(O)/test/cohort-client $(O)/test/cohort-coordinator
BENCHES := $(patsubst tests/bench/%.c,$(O)/bench/%,$(wildcard tests/bench/bench_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FORMATTED := $(wildcard $(addsuffix /*.[ch],$(ROOMS) tests tests/support tests/bench tests/fuzz))

.PHONY: all test check demo bench bench-large soak evil evil-secagg evil-privacy fuzz ranks layers format format-check install clean help deps
.DELETE_ON_ERROR:

all: $(PROGRAMS) ## build the programs into build/bin

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | sort | awk -F '|' '{ printf "%-18s %s\n", $$1, $$2 }'

deps: ## install what is missing from Debian's packages
	$(Q)packaging/deps

test: deps ## install what is missing, build, run every test
	$(Q)$(MAKE) --no-print-directory check

check: $(PROGRAMS) $(TEST_PROGRAMS) $(TESTS) ## build and run every test, nothing is installed
	$(Q)tests/run $(O)

# `make check-NAME` runs tests/test_NAME.c alone
check-%: $(O)/tests/test_% $(PROGRAMS) $(TEST_PROGRAMS)
	$(Q)COHORT_BUILD=$(O) $<

demo: deps ## five hospitals train one model over mutual TLS on this machine
	$(Q)$(MAKE) --no-print-directory all
	$(Q)examples/breast-cancer/demo

bench: deps ## measure; writes build/bench.json (without bench-large)
	$(Q)$(MAKE) --no-print-directory bench-run

bench-run: $(PROGRAMS) $(BENCHES)
	$(Q)tests/bench/run $(O)

# minutes, so `make bench` does without
bench-large: $(BIN)/cohort-sim ## 10,000 simulated hospitals in a masked round; some minutes
	$(Q)tests/bench/large $(O)

soak: $(BIN)/cohort-sim $(O)/tests/test_noise ## run 100,000 disturbed worlds, and draw 10^8 samples of noise; some minutes
	$(Q)COHORT_BUILD=$(O) NOISE_DRAWS=100000000 $(O)/tests/test_noise
	$(Q)$(BIN)/cohort-sim faults --seeds 1..100000

evil: evil-secagg evil-privacy $(BIN)/cohort-sim ## plant bugs in the cores, and see that the disturbed worlds find each
	$(Q)COMPILE='$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)' LINK='$(CC) $(LDFLAGS_ALL)' \
		ARCHIVES='$(call archives,$(simulator_ROOMS))' LIBS='$(simulator_LIBS)' tests/evil/run $(O)

# guards taken out of secure aggregation: the attack that each stops must then succeed
evil-secagg: $(O)/tests/test_secagg_attacks $(O)/tests/test_secagg_found
	$(Q)COMPILE='$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)' LINK='$(CC) $(LDFLAGS_ALL)' \
		ARCHIVES='$(TEST_SUPPORT) $(call archives,crypto base)' LIBS='$(LIBS_BASE) -lcmocka' tests/evil/secagg/run $(O)

# privacy done otherwise than promised: the test that each patch names must notice
EVIL_PRIVACY := $(shell sed -n 's/^caught: \([^ ]*\) .*/\1/p' tests/evil/privacy/[0-9]*.patch | sort -u)
evil-privacy: $(addprefix $(O)/tests/,$(EVIL_PRIVACY))
	$(Q)COMPILE='$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)' LINK='$(CC) $(LDFLAGS_ALL)' \
		ARCHIVES='$(TEST_SUPPORT) $(call archives,$(TEST_ROOMS))' LIBS='$(ALL_LIBS) -lcmocka' tests/evil/privacy/run $(O)

fuzz: ## run every fuzzer for FUZZ_SECONDS (30) each, two at a time
	$(Q)$(MAKE) --no-print-directory MODE=fuzz fuzz-run

fuzz-run: $(FUZZERS)
	$(Q)tests/fuzz/run $(O)

ranks: ## build cohort-sim with OpenMPI and hold two processes against one
	$(Q)$(MAKE) --no-print-directory MPI=1 build/mpi/bin/cohort-sim
	$(Q)tests/ranks build/mpi

layers: ## check that includes point down and third-party headers stay in their rooms
	$(Q)tests/layers

format: ## lay the code out by .clang-format
	$(Q)clang-format -i $(FORMATTED)

format-check:
	$(Q)clang-format --dry-run -Werror $(FORMATTED)

install: all ## install programs, units, manual and examples; DESTDIR= and PREFIX= are honoured
	$(Q)packaging/install "$(DESTDIR)" "$(PREFIX)" "$(BIN)"

clean: ## remove build/
	$(Q)rm -rf build

# ---- how things are made
# Another compiler or other flags in the same folder: everything is made again, instead of mixing the two.
RECIPE := $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL)
ifneq ($(shell cat $(O)/recipe 2>/dev/null),$(RECIPE))
$(shell mkdir -p $(O) && echo '$(RECIPE)' >$(O)/recipe)
endif

$(O)/obj/%.o: %.c $(O)/recipe
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The sampler of privacy noise: the compiler takes no floating-point number there, and no vector register.
ifneq ($(filter x86_64 aarch64,$(shell uname -m)),)
$(O)/obj/privacy/noise.o $(O)/obj/privacy/chance.o: CFLAGS_ALL += -mgeneral-regs-only
endif

define archive_rule
$(call archive,$(1)): $(call room_objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$(if $(Q),@echo "  AR    $$@")
	$(Q)ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call archive_rule,$(r))))

$(O)/lib/libsupport.a: $(patsubst %.c,$(O)/obj/%.o,$(wildcard tests/support/*.c))
	@mkdir -p $(@D)
	@rm -f $@
	$(if $(Q),@echo "  AR    $@")
	$(Q)ar rcs $@ $^

define program_rule
$(BIN)/$(2): $(O)/obj/$(1)/main.o $(call archives,$($(1)_ROOMS))
	@mkdir -p $$(@D)
	$(if $(Q),@echo "  LD    $$@")
	$(Q)$(CC) $(LDFLAGS_ALL) -o $$@ $$^ $($(1)_LIBS)
endef
$(eval $(call program_rule,coordinator,cohort-coordinator))
$(eval $(call program_rule,client,cohort-client))
$(eval $(call program_rule,certs,cohort-ca))
$(eval $(call program_rule,simulator,cohort-sim))

$(O)/tests/test_%: $(O)/obj/tests/test_%.o $(TEST_SUPPORT) $(call archives,$(TEST_ROOMS))
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(ALL_LIBS) -lcmocka

# a program for tests, which is not installed: replays transcripts of secure aggregation
$(BIN)/secagg_replay: $(O)/obj/tests/secagg_replay.o $(TEST_SUPPORT) $(call archives,crypto base)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_BASE)

# programs that write down their secrets, for tests, and are not installed: the same objects, the cores' functions wrapped at the link
wraps = $(addprefix -Wl$(comma)--wrap=,$(1))
$(O)/test/cohort-client: $(O)/obj/client/main.o $(O)/obj/tests/secret_log.o $(call archives,$(client_ROOMS))
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(LDFLAGS_ALL) $(call wraps,secagg_client_open secagg_client_message secagg_client_masked mask_input keys_sign) \
		-o $@ $^ $(client_LIBS)
$(O)/test/cohort-coordinator: $(O)/obj/coordinator/main.o $(O)/obj/tests/sum_log.o $(call archives,$(coordinator_ROOMS))
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(LDFLAGS_ALL) $(call wraps,masked_sum_finish) -o $@ $^ $(coordinator_LIBS)

$(O)/bench/bench_%: $(O)/obj/tests/bench/bench_%.o $(TEST_SUPPORT) $(call archives,$(TEST_ROOMS))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(ALL_LIBS) -lcmocka

# a disk that is slower than this machine's, for programs that are measured
$(O)/bench/bench_masked_round: | $(O)/bench/slow_sync.so
$(O)/bench/slow_sync.so: tests/bench/slow_sync.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -fPIC -shared -o $@ $<

$(O)/fuzz/fuzz_%: $(O)/obj/tests/fuzz/fuzz_%.o $(TEST_SUPPORT) $(call archives,$(TEST_ROOMS))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(ALL_LIBS)

.SECONDARY:
-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
