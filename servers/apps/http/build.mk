$(call program,http,http posix)
