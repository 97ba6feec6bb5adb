$(call program,posix_test,posix)
