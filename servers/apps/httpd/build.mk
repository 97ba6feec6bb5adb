$(call host_program,httpd,http)
$(call program,httpd,http posix)
