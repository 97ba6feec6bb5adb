$(call program,netstat,posix)
