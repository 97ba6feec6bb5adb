$(call program,console)
$(call host_tests,console,,uart.c)
