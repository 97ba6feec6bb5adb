$(call program,virtio_net,virtio ring base)
$(call host_tests,virtio_net,virtio_fake virtio ring base,driver.c)
