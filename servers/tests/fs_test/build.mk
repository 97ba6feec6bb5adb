$(call program,fs_test,posix)
