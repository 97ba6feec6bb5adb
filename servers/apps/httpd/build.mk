$(call program,httpd,http posix)
$(call host_program,httpd,http)
