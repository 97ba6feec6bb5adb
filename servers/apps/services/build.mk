$(call program,services,posix)
$(call host_program,services)
