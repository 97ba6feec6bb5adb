# tests.mk: the host tests, the fuzzers and clang-tidy.
# build/host/tests/PART/... holds one program for each tests/test_*.c, build/fuzz/PART/... for each fuzz/fuzz_*.c.

tests_of   = $(foreach f,$(call in_folder,$(test_folder_$(1))),$(if $(findstring /tests/test_,$(f)),$(f)))
test_name  = $(patsubst $(test_folder_$(1))%,%,$(subst /tests/test_,/test_,$(subst $(test_folder_$(1))tests/,$(test_folder_$(1)),$(2))))
test_path  = $(host)/tests/$(1)/$(basename $(call test_name,$(1),$(2)))
# The other files of a tests/ folder help every test in it.
helpers_of = $(filter-out $(dir $(1))test_%,$(wildcard $(dir $(1))*.c))

# Functions that a part's tests and fuzzers stand in front of.
wrap_flags = $(foreach f,$(wraps_$(1)),-Wl$(comma)--wrap=$(f))

define test_rules
$(call host_objects,$(2) $(call helpers_of,$(2))): own := $(test_folder_$(1)) -iquote $(dir $(2)) $(if $(filter kernel,$(1)),-Ikernel -Ikernel/host)
$(call test_path,$(1),$(2)): $(call host_objects,$(2) $(call helpers_of,$(2)) $(test_sources_$(1))) \
                             $(call host_archives,$(1) $(test_needs_$(1)))
	$$(call say,HOSTLD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(host_link) -fuse-ld=lld $(call wrap_flags,$(1)) $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
	    -L$$(sysroot)/host/lib $(addprefix -l,$(call sysroot_closure,$(1) $(test_needs_$(1)))) -lcmocka -lm -o $$@
endef

define test_part_rules
$(if $(test_sources_$(1)),$(call host_objects,$(test_sources_$(1))): own := $(test_folder_$(1)))
test_programs_$(1) := $(foreach f,$(call tests_of,$(1)),$(call test_path,$(1),$(f)))
.PHONY: host-test-$(1)
host-test-$(1): $(foreach f,$(call tests_of,$(1)),$(call test_path,$(1),$(f)))
	@tools/run-host-tests $$(filter $(host)/%,$$^)
endef
$(foreach part,$(test_parts),$(foreach f,$(call tests_of,$(part)),$(eval $(call test_rules,$(part),$(f)))))
$(foreach part,$(test_parts),$(eval $(call test_part_rules,$(part))))

test_programs := $(foreach part,$(test_parts),$(test_programs_$(part)))

# --- fuzzers: the part's library and all that it needs, compiled once more with libFuzzer's counters

SECONDS      := 10
fuzz         := build/fuzz
fuzz_flags   := $(host_flags) -fsanitize=fuzzer-no-link
fuzz_link    := $(host_link)
fuzz_of      = $(filter $(folder_$(1))fuzz/fuzz_%.c,$(all_sources))
fuzz_path    = $(fuzz)/$(1)/$(basename $(notdir $(2)))
fuzz_objects = $(patsubst %.c,$(fuzz)/obj/$(1)/%.o,$(2))
fuzz_parts   := $(foreach lib,$(sort $(host_libraries)),$(if $(call fuzz_of,$(lib)),$(lib)))
fuzzers      := $(foreach part,$(fuzz_parts),$(foreach f,$(call fuzz_of,$(part)),$(call fuzz_path,$(part),$(f))))

# What a script compares says nothing about its bytes: the engine runs twice as fast when nobody listens to that.
fuzz_flags_netsim := -fno-sanitize-coverage=trace-cmp

define fuzz_object_rules
$(fuzz)/obj/$(1)/%.o: %.c $(flags_from) | $(stubs) $(sysroot)/stamp
	$$(call say,FUZZCC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(fuzz_flags) $$(fuzz_flags_$(1)) -iquote $$(dir $$<) -c $$< -o $$@
endef
$(foreach part,$(fuzz_parts),$(eval $(call fuzz_object_rules,$(part))))

define fuzz_rules
$(call fuzz_path,$(1),$(2)): $(call fuzz_objects,$(1),$(2) $(filter-out $(dir $(2))fuzz_%,$(wildcard $(dir $(2))*.c)) \
        $(foreach lib,$(call host_closure,$(1)),$(call host_sources,$(lib))))
	$$(call say,FUZZLD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(fuzz_link) -fsanitize=fuzzer -fuse-ld=lld $(call wrap_flags,$(1)) $$^ -L$$(sysroot)/host/lib \
	    $(addprefix -l,$(call sysroot_closure,$(1))) -o $$@
endef
$(foreach part,$(fuzz_parts),$(foreach f,$(call fuzz_of,$(part)),$(eval $(call fuzz_rules,$(part),$(f)))))

# --- coverage: what runs the engine, built once more with counters in build/coverage

coverage_programs := $(foreach part,base net netsim,$(test_programs_$(part))) \
                     $(foreach part,net netsim,$(filter $(fuzz)/$(part)/%,$(fuzzers)))

# --- clang-tidy, with the flags that the file is compiled with

# The tasks below servers/tests run in Minato like any other, and so does the kernel's self-test.
tidy_flags = $(if $(findstring /tests/,$(filter-out kernel/tests/boot/%,$(patsubst servers/tests/%,%,$<)))$(findstring /host/,$<)$(findstring /fuzz/,$<)$(filter libs/netsim/% libs/relay/% libs/simulate/% libs/nethost/% libs/nettap/%,$<),$(host_flags) \
             -iquote $(dir $<) -iquote $(dir $<).. $(if $(filter kernel/%,$<),-Ikernel -Ikernel/host),$(if $(filter kernel/%,$<),$(kernel_flags),$(task_flags)))

build/tidy/%.c.ok: %.c .clang-tidy | $(stubs) $(sysroot)/stamp
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $< -- $(filter-out -MMD -MP,$(tidy_flags)) 2>/dev/null
	@touch $@
