# config.mk: variables that a user may set, the tools, and the flags of the three kinds of build.

BUILD ?= release
ifeq ($(filter $(BUILD),release debug),)
$(error BUILD is "$(BUILD)": it must be release or debug)
endif

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

Q := $(if $(filter-out 0,$(V)),,@)
say = @$(if $(filter-out 0,$(V)),:,printf '  %-6s %s\n' $(1) $(2))

PYTHON  := /usr/bin/python3
CC      := clang
AR      := llvm-ar
OBJCOPY := llvm-objcopy
NM      := llvm-nm

out     := build/$(BUILD)
host    := build/host
plain   := build/plain
gen     := build/gen
sysroot := build/sysroot

warnings := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter
common   := -std=gnu2x -g -fno-omit-frame-pointer -fno-common $(warnings) -MMD -MP -Ilibs -I$(gen)

# Everything that runs under QEMU shares Debian's riscv64 ABI (lp64d), because its libraries are linked in.
# Sections per function let the linker drop what a program does not use.
target_optimise := $(if $(filter debug,$(BUILD)),-O1 -DDEBUG=1,-O2)
target_cpu      := --target=riscv64-unknown-elf -march=rv64gc -mabi=lp64d -mcmodel=medany -mno-relax
target_flags    := $(target_cpu) $(common) $(target_optimise) -nostdlibinc -isystem $(sysroot)/include \
                   -ffunction-sections -fdata-sections -fno-pic -fno-stack-protector
# A task is optimised as one program too: a call to another page costs QEMU more than most functions do. The debug build
# keeps every function, for the debugger and for backtraces.
task_lto        := $(if $(filter debug,$(BUILD)),,-flto)
task_flags      := $(target_flags) $(task_lto) -Ilibs/posix/include

# The kernel is optimised as one program, for each call across files costs it more than the work done there. It uses no
# floating point, and its ABI is the one without.
soft_float      = $(subst -mabi=lp64d,-mabi=lp64,$(1)) -flto
kernel_flags    := $(call soft_float,$(target_flags)) -fomit-frame-pointer -ffreestanding -Ikernel -Ikernel/riscv64 -DKERNEL=1

# For this machine twice: with sanitizers in build/host, for tests; as a product, and where speed counts, in build/plain.
host_flags := $(common) -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fsanitize-address-use-after-scope \
              -D_GNU_SOURCE -isystem $(sysroot)/host/include
host_link  := -fsanitize=address,undefined
plain_flags := $(common) -O2 -fPIC -D_GNU_SOURCE -isystem $(sysroot)/host/include

# And a third time for `make coverage`, in build/coverage: which lines run?
coverage_flags := $(common) -O1 -D_GNU_SOURCE -isystem $(sysroot)/host/include -fprofile-instr-generate -fcoverage-mapping
coverage_link  := -fprofile-instr-generate

ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell mkdir -p build 2>/dev/null && test -w build && echo yes),yes)
$(error cannot write to $(CURDIR)/build)
endif
endif

# Goals that build nothing themselves do not need the compiler: the setup that they start brings it.
needs_compiler := $(filter-out help clean setup run test fetch format lint fresh-root-test,$(or $(MAKECMDGOALS),all))
ifneq ($(needs_compiler),)
missing := $(shell for tool in $(CC) ld.lld $(AR) $(OBJCOPY) $(NM) $(PYTHON); do command -v $$tool >/dev/null || echo $$tool; done)
ifneq ($(missing),)
$(error missing: $(missing). `make setup` installs what Minato needs)
endif
endif
