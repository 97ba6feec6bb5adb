$(call library,virtio,base)
$(call host_tests,virtio,virtio_fake base)
