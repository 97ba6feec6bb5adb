$(call program,net_ipc_test,posix)
