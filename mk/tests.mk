# tests.mk: the host tests. build/host/tests/PART/... holds one program for each tests/test_*.c.

tests_of   = $(foreach f,$(call in_folder,$(test_folder_$(1))),$(if $(findstring /tests/test_,$(f)),$(f)))
test_name  = $(patsubst $(test_folder_$(1))%,%,$(subst /tests/test_,/test_,$(subst $(test_folder_$(1))tests/,$(test_folder_$(1)),$(2))))
test_path  = $(host)/tests/$(1)/$(basename $(call test_name,$(1),$(2)))
# The other files of a tests/ folder help every test in it.
helpers_of = $(filter-out $(dir $(1))test_%,$(wildcard $(dir $(1))*.c))

define test_rules
$(call host_objects,$(2) $(call helpers_of,$(2))): own := $(test_folder_$(1)) -iquote $(dir $(2)) $(if $(filter kernel,$(1)),-Ikernel -Ikernel/host)
$(call test_path,$(1),$(2)): $(call host_objects,$(2) $(call helpers_of,$(2)) $(test_sources_$(1))) \
                             $(call host_archives,$(1) $(test_needs_$(1)))
	$$(call say,HOSTLD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -fsanitize=address,undefined -fuse-ld=lld $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
	    -L$$(sysroot)/host/lib $(addprefix -l,$(call sysroot_closure,$(1) $(test_needs_$(1)))) -lcmocka -lm -o $$@
endef

define test_part_rules
$(if $(test_sources_$(1)),$(call host_objects,$(test_sources_$(1))): own := $(test_folder_$(1)))
test_programs_$(1) := $(foreach f,$(call tests_of,$(1)),$(call test_path,$(1),$(f)))
.PHONY: host-test-$(1)
host-test-$(1): $(foreach f,$(call tests_of,$(1)),$(call test_path,$(1),$(f)))
	@tools/run-host-tests $$^
endef
$(foreach part,$(test_parts),$(foreach f,$(call tests_of,$(part)),$(eval $(call test_rules,$(part),$(f)))))
$(foreach part,$(test_parts),$(eval $(call test_part_rules,$(part))))

test_programs := $(foreach part,$(test_parts),$(test_programs_$(part)))
