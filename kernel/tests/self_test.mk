# self_test.mk: the kernel with the self-test as its first task, and what runs it. Goals: kernel-selftest, kernel-bench.

selftest       := $(out)/selftest
selftest_flags  = $(target_flags) -ffreestanding -fno-builtin -Ikernel/tests/boot
selftest_run    = timeout 60 qemu-system-riscv64 -machine virt -m 128 -display none -serial stdio -monitor none -no-reboot \
                  -kernel $(selftest)/minato.elf

.PHONY: kernel-selftest kernel-selftest-image kernel-bench

$(selftest)/first_task: $(wildcard kernel/tests/boot/*) boot/task.ld libs/ipc/abi.h
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(selftest_flags) -MF $@.d $(link_flags) -Wl,-T,boot/task.ld $(filter %.c %.S,$^) -o $@.elf
	$(Q)$(OBJCOPY) --strip-all $@.elf $@

# The kernel's objects, but for the one that carries the first task.
kernel-selftest-image: $(selftest)/first_task
	$(Q)$(MAKE) -s $(patsubst %,$(out)/obj/%.o,$(basename $(filter-out boot/embed.S,$(wildcard \
	    kernel/*.c kernel/riscv64/*.c kernel/riscv64/*.S boot/*.S))))
	$(Q)$(CC) $(kernel_flags) -DINIT_ELF='"$<"' -c boot/embed.S -o $(selftest)/embed.o
	$(Q)$(CC) $(kernel_link) $(selftest)/embed.o $(filter-out %/embed.o,$(kernel_objects)) \
	    -o $(selftest)/minato.elf

kernel-selftest: kernel-selftest-image ## tests the kernel inside QEMU, without servers, with one and two harts
	$(Q)for harts in 1 2; do $(selftest_run) -smp $$harts </dev/null | sed -n '/^ok\|^FAIL\|passed,/p'; done

kernel-bench: kernel-selftest-image ## counts what an IPC round trip costs
	$(Q)timeout 120 kernel/tests/measure.py $(selftest)/minato.elf
