$(call host_program,httpd,http)
