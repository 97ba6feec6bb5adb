$(call program,init,base,fdt)
$(call host_tests,init,base,archive.c image.c manifest.c options.c restart.c symbols.c)
