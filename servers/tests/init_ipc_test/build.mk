$(call program,init_ipc_test,posix)
