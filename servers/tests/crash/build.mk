$(call program,crash,posix)
