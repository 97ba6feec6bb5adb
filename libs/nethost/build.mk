$(call host_library,nethost,net base)
$(call host_tests,nethost,net base)
