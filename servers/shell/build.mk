$(call program,shell,posix)
$(call host_tests,shell,base,line.c words.c)
