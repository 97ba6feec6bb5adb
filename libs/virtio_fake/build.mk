$(call host_library,virtio_fake,virtio)
