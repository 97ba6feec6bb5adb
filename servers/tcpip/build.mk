$(call program,tcpip,net ring ipc base)
$(call host_tests,tcpip,net ring base,admin.c batch.c calls.c config.c device.c parked.c report.c session.c transfer.c ../../libs/os/stub_server.c)
