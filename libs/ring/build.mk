$(call library,ring,base)
$(call host_tests,ring,base)
