$(call library,base)
$(call host_tests,base)
