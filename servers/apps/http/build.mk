$(call host_program,http,http)
