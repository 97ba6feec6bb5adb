# rules.mk: from the noted parts to objects, libraries, programs and the kernel image.

.DEFAULT_GOAL := all

# $(call closure,LIBS): these and all that they need, as far as the parts exist.
closure         = $(sort $(1) $(foreach lib,$(1),$(call closure,$(needs_$(lib)))))
target_closure  = $(filter $(libraries),$(call closure,$(1)))
host_closure    = $(filter $(host_libraries),$(call closure,$(1)))
target_archives = $(patsubst %,$(out)/lib/lib%.a,$(call target_closure,$(1)))
host_archives   = $(patsubst %,$(host)/lib/lib%.a,$(call host_closure,$(1)))
# $(call sysroot_closure,LIBS): the sysroot's libraries that these need.
sysroot_closure = $(sort $(foreach lib,$(call closure,$(1)),$(sysroot_of_$(lib))))

target_objects = $(patsubst %,$(out)/obj/%.o,$(basename $(1)))
host_objects   = $(patsubst %,$(host)/obj/%.o,$(basename $(1)))
plain_objects  = $(patsubst %,$(plain)/obj/%.o,$(basename $(1)))
plain_archives = $(patsubst %,$(plain)/lib/lib%.a,$(call host_closure,$(1)))

# --- generated stubs: build/gen/ipc/NAME.h of libs/ipc/NAME.idl

interfaces := $(wildcard libs/ipc/*.idl)
stubs      := $(patsubst libs/ipc/%.idl,$(gen)/ipc/%.h,$(interfaces))
.SECONDARY: $(stubs)

$(gen)/ipc/%.h: libs/ipc/%.idl $(wildcard tools/idl/*.py)
	$(call say,IDL,$@)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/idl/idl.py $< $@

ifeq ($(wildcard tools/idl/*.py),)
stubs :=
endif

# --- sysroot

$(sysroot)/stamp: tools/sysroot tools/debian.py
	$(Q)tools/sysroot $(sysroot)

# --- objects

# Where the compiler's flags come from: other flags, other objects.
flags_from := mk/config.mk mk/rules.mk

$(out)/obj/kernel/%.o: kernel/%.c $(flags_from) | $(stubs) $(sysroot)/stamp
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(kernel_flags) -c $< -o $@

# An assembly file that mentions INIT_ELF embeds the first task with .incbin.
init_elf  := $(out)/programs/init.stripped
embedders := $(call target_objects,$(shell grep -ls INIT_ELF boot/*.S kernel/riscv64/*.S))
$(embedders): $(if $(filter init,$(programs)),$(init_elf))

$(out)/programs/%.stripped: $(out)/programs/%.elf
	$(Q)$(OBJCOPY) --strip-all $< $@

$(out)/obj/kernel/%.o: kernel/%.S $(flags_from) | $(stubs) $(sysroot)/stamp
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(kernel_flags) -DINIT_ELF='"$(init_elf)"' -c $< -o $@

$(out)/obj/boot/%.o: boot/%.S $(flags_from) | $(stubs) $(sysroot)/stamp
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(kernel_flags) -DINIT_ELF='"$(init_elf)"' -c $< -o $@

# `own` is the folder of the part that an object belongs to; set per part below.
$(out)/obj/%.o: %.c $(flags_from) | $(stubs) $(sysroot)/stamp
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(task_flags) -iquote $(own) -c $< -o $@

$(out)/obj/%.o: %.S $(flags_from) | $(stubs) $(sysroot)/stamp
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(task_flags) -iquote $(own) -c $< -o $@

$(host)/obj/%.o: %.c $(flags_from) | $(stubs) $(sysroot)/stamp
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(host_flags) -iquote $(own) -c $< -o $@

$(plain)/obj/%.o: %.c $(flags_from) | $(stubs) $(sysroot)/stamp
	$(call say,PLAIN,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(plain_flags) -iquote $(own) -c $< -o $@

# --- libraries

archive = rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)

define library_rules
$(call target_objects,$(call sources_of,$(folder_$(1)))): own := $(folder_$(1))
$(out)/lib/lib$(1).a: $(call target_objects,$(call sources_of,$(folder_$(1))))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(archive)
endef
$(foreach lib,$(libraries),$(eval $(call library_rules,$(lib))))

# The kernel's host library has kernel/host/ in the place of kernel/riscv64/.
host_sources = $(filter-out %.S,$(if $(filter kernel,$(1)),$(wildcard kernel/*.c kernel/host/*.c), \
               $(call sources_of,$(folder_$(1)))))

define host_library_rules
$(call host_objects,$(call host_sources,$(1))): own := $(folder_$(1)) $(if $(filter kernel,$(1)),-Ikernel -Ikernel/host)
$(host)/lib/lib$(1).a: $(call host_objects,$(call host_sources,$(1)))
	$$(call say,HOSTAR,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(archive)
$(call plain_objects,$(call host_sources,$(1))): own := $(folder_$(1)) $(if $(filter kernel,$(1)),-Ikernel -Ikernel/host)
$(plain)/lib/lib$(1).a: $(call plain_objects,$(call host_sources,$(1)))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(archive)
endef
$(foreach lib,$(sort $(host_libraries)),$(eval $(call host_library_rules,$(lib))))

# --- programs, unstripped; the boot archive holds them stripped, with their symbols beside them

comma := ,
link_flags := $(target_cpu) -nostdlib -static -fuse-ld=lld -Wl,--gc-sections -Wl,-z,noexecstack -Wl,--no-relax \
              -Wl,--build-id=none -Wl,--discard-locals -Wl,-z,max-page-size=4096 -L$(sysroot)/lib
# clang 14 does not tell the linker which ABI to optimise for.
task_link  := $(if $(task_lto),$(task_lto) -Wl$(comma)-mllvm$(comma)-target-abi=lp64d)
# $(call link,LIBS,SYSROOT_LIBS): after the objects, everything else in one group.
link_libs = -Wl,--start-group $(call target_archives,$(1)) $(addprefix -l,$(2) $(call sysroot_closure,$(1)) c gcc) -Wl,--end-group

# stdio asks for read() and write() weakly: with posix, they must be there even if nothing else asks for it.
define program_rules
$(call target_objects,$(call sources_of,$(program_folder_$(1)))): own := $(program_folder_$(1))
$(out)/programs/$(1).elf: $(call target_objects,$(call sources_of,$(program_folder_$(1)))) \
                          $(call target_archives,os $(program_needs_$(1))) boot/task.ld
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(link_flags) $$(task_link) -Wl,-T,boot/task.ld $(if $(filter posix,$(program_needs_$(1))),-Wl$(comma)-u$(comma)read$(comma)-u$(comma)write) $$(filter %.o,$$^) \
	    $$(call link_libs,os $(program_needs_$(1)),$(program_sysroot_$(1))) -o $$@
endef
$(foreach program,$(programs),$(eval $(call program_rules,$(program))))

# --- programs for this machine

define host_program_rules
$(call host_objects,$(call sources_of,$(host_program_folder_$(1)))): own := $(host_program_folder_$(1))
$(host)/bin/$(1): $(call host_objects,$(call sources_of,$(host_program_folder_$(1)))) \
                  $(call host_archives,$(host_program_needs_$(1)))
	$$(call say,HOSTLD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(host_link) -fuse-ld=lld $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
	    -L$$(sysroot)/host/lib $(addprefix -l,$(call sysroot_closure,$(host_program_needs_$(1)))) -o $$@
$(call plain_objects,$(call sources_of,$(host_program_folder_$(1)))): own := $(host_program_folder_$(1))
$(plain)/bin/$(1): $(call plain_objects,$(call sources_of,$(host_program_folder_$(1)))) \
                  $(call plain_archives,$(host_program_needs_$(1)))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -fuse-ld=lld $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
	    -L$$(sysroot)/host/lib $(addprefix -l,$(call sysroot_closure,$(host_program_needs_$(1)))) -o $$@
endef
$(foreach program,$(host_programs),$(eval $(call host_program_rules,$(program))))

# --- kernel

kernel_link    := $(call soft_float,$(link_flags)) -Wl,--discard-locals -Wl,-T,boot/kernel.ld
kernel_objects := $(call target_objects,$(call sources_of,kernel/) $(call sources_of,boot/))

$(out)/minato.elf: $(kernel_objects) $(call target_archives,$(kernel_needs)) $(wildcard boot/kernel.ld)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(kernel_link) $(filter %.o,$^) $(call link_libs,$(kernel_needs),$(kernel_sysroot)) -o $@

# --- what QEMU is given beside the kernel

elfs := $(patsubst %,$(out)/programs/%.elf,$(programs))

$(out)/boot.tar: boot/manifest tools/boot-archive $(elfs) $(kernel_image)
	$(call say,TAR,$@)
	$(Q)tools/boot-archive $@ boot/manifest "$(kernel_image)" $(elfs)

build/disk-template.img: tools/disk-image $(shell find boot/disk 2>/dev/null)
	$(call say,DISK,$@)
	@mkdir -p $(@D)
	$(Q)tools/disk-image $@ boot/disk

-include $(shell find build -name '*.d' 2>/dev/null)
