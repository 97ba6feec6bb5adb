$(call library,http,base,llhttp)
$(call host_tests,http,base)
