$(call host_library,netsim,net base)
$(call host_tests,netsim,net base)
