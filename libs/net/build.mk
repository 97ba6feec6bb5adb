$(call library,net,base)
$(call host_tests,net,base)
