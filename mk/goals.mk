# goals.mk: what one asks make for.

.PHONY: all kernel libs programs host-programs host-libs plain-libs plain-programs sim goodput goodput-check image setup run test host-test-programs host-tests test-host lint house \
        kernel-selftest-image format-check format tidy cppcheck fuzz fuzz-programs fuzz-seeds bench fresh-root-test gdb clean help

all: kernel libs programs image ## everything that `make run` boots (the default)
kernel: $(kernel_image) ## the kernel image
libs: $(patsubst %,$(out)/lib/lib%.a,$(libraries)) ## every library for Minato; host-libs: for this machine
host-libs: $(patsubst %,$(host)/lib/lib%.a,$(sort $(host_libraries)))
plain-libs: $(patsubst %,$(plain)/lib/lib%.a,$(sort $(host_libraries))) ## the same for this machine without sanitizers: build/plain/lib
programs: $(patsubst %,$(out)/programs/%.elf,$(programs)) ## every task
host-programs: $(patsubst %,$(host)/bin/%,$(host_programs)) ## the programs that also run on this machine
plain-programs: $(patsubst %,$(plain)/bin/%,$(host_programs)) ## the same without sanitizers: build/plain/bin
image: $(if $(wildcard boot/manifest),$(out)/boot.tar) $(if $(wildcard boot/disk),build/disk-template.img) ## boot archive and disk

# Every C file; generated ones are not kept.
c_files := $(sort $(shell find kernel boot libs servers -name '*.[ch]' 2>/dev/null))

setup: ## installs the packages that `make run` and `make test` need (they do it themselves)
	@tools/setup run test

# What the environment of tools/run may say.
export BUILD CPUS MEM PORT NET TAP DGRAM NET2 TAP2 DGRAM2 RELAY SEED PCAP GDB RUN APPEND

run: ## boots to the shell; see the variables below
	@tools/setup run
	@$(MAKE) --no-print-directory all $(if $(filter relay,$(NET)),$(plain)/bin/relay)
	@exec tools/run

test: ## every test, in debug and release builds
	@tools/setup run test
	@$(MAKE) --no-print-directory BUILD=debug all
	@$(MAKE) --no-print-directory BUILD=debug kernel-selftest-image
	@$(MAKE) --no-print-directory BUILD=release all host-test-programs host-programs fuzz-programs plain-programs plain-libs
	@$(MAKE) --no-print-directory BUILD=release kernel-selftest-image
	@$(PYTHON) -B -m pytest -p no:cacheprovider -q tools/tests

host-test-programs: $(test_programs)
host-tests test-host: $(test_programs) ## unit tests on this machine; host-test-NAME: one part's
	@tools/run-host-tests $^

lint: ## clang-format, clang-tidy, cppcheck and the rules of the house
	@tools/setup run lint
	@$(MAKE) --no-print-directory BUILD=release libs
	@$(MAKE) --no-print-directory -k house format-check tidy cppcheck

house: ## only the rules of the house: layers, lengths, writable data, names in documents
	@tools/lint/house.py

format-check:
	$(call say,FORMAT,check)
	$(Q)clang-format --dry-run -Werror $(c_files)

format: ## lets clang-format loose
	@tools/setup lint
	clang-format -i $(c_files)

tidy: $(patsubst %,build/tidy/%.ok,$(filter %.c,$(c_files)))

# What is suppressed is wrong here again and again; the analyser of clang-tidy does it better.
cppcheck:
	$(call say,CHECK,all)
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability --library=posix \
	    --suppress=missingInclude --suppress=unknownMacro --suppress=duplicateAssignExpression --suppress=constStatement \
	    --suppress=readdirCalled --suppress=uninitvar --suppress=uninitStructMember --suppress=arrayIndexOutOfBoundsCond --suppress=constStatement:libs/os/syscall.h -D__riscv=1 -Ilibs -I$(gen) \
	    -i servers/tests -i kernel/tests kernel libs servers

fuzz: $(fuzzers) ## feeds hostile bytes to the parsers and the engine, on all cores, SECONDS= each
	@for fuzzer in $^; do tools/run-fuzzer $$fuzzer $(SECONDS); done

fuzz-programs: $(fuzzers)

fuzz-seeds: $(fuzzers) ## keeps the best of what fuzzing found, as the seeds that every test run replays
	@for fuzzer in $^; do tools/merge-seeds $$fuzzer; done

# One seed with sanitizers and, if it fails, its last frames; many of them as fast as it goes.
SEEDS := 0..9999
sim: $(if $(SEED),$(host),$(plain))/bin/simulate ## worlds of two or three engines over bad links: SEEDS=0..9999, or one SEED=
	@$< $(or $(SEED),$(SEEDS))

goodput: $(plain)/bin/simulate ## writes the kept table of goodput and fairness anew
	@tools/goodput renew
	@git --no-pager diff --stat -- libs/netsim/tests/goodput.table

# Whoever tests the simulator sees what a change does to the speed of connections.
goodput-check: $(plain)/bin/simulate
	@tools/goodput check
host-test-netsim: goodput-check

.PHONY: coverage coverage-report
coverage: ## which lines of libs/net no unit test, simulation or seed of a fuzzer reaches
	@tools/setup run test
	@$(MAKE) --no-print-directory host=build/coverage/host fuzz=build/coverage/fuzz host_flags='$(coverage_flags)' \
	    fuzz_flags='$(coverage_flags)' host_link='$(coverage_link)' coverage-report

coverage-report: $(coverage_programs)
	@tools/coverage $^

bench: ## Minato's figures beside a Linux guest's in the same QEMU
	@tools/setup run bench
	@$(MAKE) --no-print-directory BUILD=release all $(plain)/bin/relay
	@tools/bench/bench

fresh-root-test: ## tries both commands in an empty Debian (root only, slow)
	@tools/fresh-root

gdb: ## connects a debugger to `make run GDB=1`
	@tools/setup gdb
	gdb-multiarch -q -ex 'target remote :1234' $(kernel_image)

clean: ## removes build/, the disk in it too; the download cache stays
	rm -rf build

help: ## this list
	@echo 'Goals:'
	@sed -nE 's/^([a-z-]+)[^#=]*##[ ]*(.*)/  \1\t\2/p' mk/goals.mk | expand -t 16
	@echo 'Variables:'
	@sed -nE 's/^    ([A-Z].*)/  \1/p' tools/run
	@printf '  %s\n' 'BUILD=release|debug   V=1: shows the commands   SECONDS=10: how long `make fuzz` tries each target   SEED=, SEEDS=: which worlds `make sim` runs'
