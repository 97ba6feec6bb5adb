$(call host_program,relay,netsim net base)
$(call host_tests,relay,netsim net base,way.c words.c)
