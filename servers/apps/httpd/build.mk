$(call program,httpd,http posix)
