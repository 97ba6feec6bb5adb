$(call program,http,http posix)
$(call host_program,http,http)
