$(call program,fs,base)
$(call host_tests,fs,base,$(addprefix fat/,cache.c date.c directory.c file.c name.c path.c table.c volume.c))
