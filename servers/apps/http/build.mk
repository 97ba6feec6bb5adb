$(call host_program,http,http)
$(call program,http,http posix)
