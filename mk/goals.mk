# goals.mk: what one asks make for.

.PHONY: all kernel libs programs host-libs host-test-programs host-tests test-host clean help

all: kernel libs programs ## everything that runs in Minato (the default)
kernel: $(kernel_image) ## the kernel image
libs: $(patsubst %,$(out)/lib/lib%.a,$(libraries)) host-libs ## every library, for Minato and for the host
host-libs: $(patsubst %,$(host)/lib/lib%.a,$(sort $(host_libraries)))
programs: $(patsubst %,$(out)/bin/%,$(programs)) ## every task
host-test-programs: $(test_programs)
host-tests test-host: $(test_programs) ## unit tests on this machine; host-test-NAME runs one part's
	@tools/run-host-tests $^

clean: ## removes build/ (the download cache stays)
	rm -rf build

help: ## this list
	@sed -nE 's/^([a-z-]+)[^#=]*##[ ]*(.*)/  \1\t\2/p' mk/goals.mk | expand -t 24
