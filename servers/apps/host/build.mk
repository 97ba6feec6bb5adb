$(call program,host,posix)
