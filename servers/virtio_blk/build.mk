$(call program,virtio_blk,virtio base)
$(call host_tests,virtio_blk,virtio_fake virtio base,disk.c)
