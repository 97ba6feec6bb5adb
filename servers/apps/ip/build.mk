$(call program,ip,posix)
$(call host_tests,ip,base,parse.c show.c)
