$(call program,tcpip,net ring ipc base)
