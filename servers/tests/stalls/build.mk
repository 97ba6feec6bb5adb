$(call program,stalls,posix)
