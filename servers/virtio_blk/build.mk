$(call host_tests,virtio_blk,virtio_fake virtio base,disk.c)
