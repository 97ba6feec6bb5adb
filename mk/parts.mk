# parts.mk: what a build.mk may say. Each call only notes the part; mk/rules.mk makes the rules of it.
#
#   $(call library,NAME,DEPS,SYSROOT_LIBS)   for Minato and, except os and posix, for the host with sanitizers
#   $(call host_library,NAME,DEPS)           for the host only (these two also without, in build/plain/lib)
#   $(call program,NAME,LIBS,SYSROOT_LIBS)   a task; os and the C library come by themselves
#   $(call host_program,NAME,LIBS)           the same folder's program for this machine: build/host/bin/NAME, with
#                                            sanitizers, and build/plain/bin/NAME, without; for programs that use
#                                            nothing but POSIX names
#   $(call kernel,LIBS,SYSROOT_LIBS)         the kernel image (kernel/build.mk)
#   $(call host_tests,NAME,DEPS,SOURCES)     every tests/test_*.c below the folder is one cmocka program, linked with
#                                            NAME and DEPS and with the other files of its tests/ folder; where NAME
#                                            is no library, SOURCES names the files of the folder to be tested
#   wraps_NAME := FUNCTIONS                  tests and fuzzers of NAME put their own in the place of these (--wrap)
#
# All *.c and *.S of a part's folder belong to it, but not those below tests/, host/ and fuzz/.

libraries      :=
host_libraries :=
programs       :=
host_programs  :=
test_parts     :=
kernel_image   :=
target_only    := os posix

# The folder of the build.mk being read, with a slash at its end.
here = $(dir $(lastword $(MAKEFILE_LIST)))

all_sources := $(sort $(shell find kernel boot libs servers -name '*.c' -o -name '*.S' 2>/dev/null))

# $(call sources_of,FOLDER/): the files that belong to the part in that folder.
in_folder  = $(filter $(1)%,$(all_sources))
kept_apart = $(findstring /tests/,$(1))$(findstring /host/,$(1))$(findstring /fuzz/,$(1))
sources_of = $(foreach f,$(in_folder),$(if $(call kept_apart,/$(f:$(1)%=%)),,$(f)))

define note_library
libraries += $(1)
folder_$(1) := $(here)
needs_$(1) := $(2)
sysroot_of_$(1) := $(3)
host_libraries += $(filter-out $(target_only),$(1))
endef
library = $(eval $(call note_library,$(strip $(1)),$(2),$(3)))

define note_host_library
host_libraries += $(1)
folder_$(1) := $(here)
needs_$(1) := $(2)
endef
host_library = $(eval $(call note_host_library,$(strip $(1)),$(2)))

define note_program
programs += $(1)
program_folder_$(1) := $(here)
program_needs_$(1) := $(2)
program_sysroot_$(1) := $(3)
endef
program = $(eval $(call note_program,$(strip $(1)),$(2),$(3)))

define note_host_program
host_programs += $(1)
host_program_folder_$(1) := $(here)
host_program_needs_$(1) := $(2)
endef
host_program = $(eval $(call note_host_program,$(strip $(1)),$(2)))

define note_kernel
kernel_image := $(out)/minato.elf
kernel_needs := $(1)
kernel_sysroot := $(2)
host_libraries += kernel
folder_kernel := kernel/
needs_kernel := $(1)
endef
kernel = $(eval $(call note_kernel,$(1),$(2)))

define note_host_tests
test_parts += $(1)
test_folder_$(1) := $(here)
test_needs_$(1) := $(2)
test_sources_$(1) := $(addprefix $(here),$(3))
endef
host_tests = $(eval $(call note_host_tests,$(strip $(1)),$(2),$(3)))
