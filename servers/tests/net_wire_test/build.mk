$(call program,net_wire_test,net ring ipc base)
