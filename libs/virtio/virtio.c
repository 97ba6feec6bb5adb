/* virtio.c: see virtio.h. */
#include "virtio.h"

#define PATIENCE 1000 /* times that we look again before a device counts as dead */

static uint32_t get(const struct virtio_device *device, uint32_t offset) {
    return device->registers.read(device->registers.context, offset, 4);
}

static void set(const struct virtio_device *device, uint32_t offset, uint32_t value) {
    device->registers.write(device->registers.context, offset, value);
}

static void add_status(const struct virtio_device *device, uint32_t bits) {
    set(device, VIRTIO_STATUS, get(device, VIRTIO_STATUS) | bits);
}

enum error virtio_open(struct virtio_device *device, const struct virtio_registers *registers, uint32_t id) {
    *device = (struct virtio_device){.registers = *registers};
    if (get(device, VIRTIO_MAGIC) != VIRTIO_MAGIC_VALUE || get(device, VIRTIO_DEVICE_ID) != id) {
        return ERR_NOT_FOUND;
    }
    return get(device, VIRTIO_VERSION) == 2 ? ERR_NONE : ERR_NOT_SUPPORTED;
}

enum error virtio_reset(struct virtio_device *device) {
    device->features = 0;
    set(device, VIRTIO_STATUS, 0);
    for (int i = 0; i < PATIENCE; i++) {
        if (get(device, VIRTIO_STATUS) == 0) { /* [4.2.3.1.1] reset is over once it reads as 0 */
            return ERR_NONE;
        }
    }
    return ERR_IO;
}

uint64_t virtio_offered(const struct virtio_device *device) {
    set(device, VIRTIO_DEVICE_FEATURES_SELECT, 0);
    uint64_t low = get(device, VIRTIO_DEVICE_FEATURES);
    set(device, VIRTIO_DEVICE_FEATURES_SELECT, 1);
    return low | (uint64_t)get(device, VIRTIO_DEVICE_FEATURES) << 32;
}

static enum error give_up(const struct virtio_device *device, enum error error) {
    add_status(device, VIRTIO_FAILED);
    return error;
}

enum error virtio_negotiate(struct virtio_device *device, uint64_t allowed) {
    enum error error = virtio_reset(device);
    if (error != ERR_NONE) {
        return error;
    }
    add_status(device, VIRTIO_ACKNOWLEDGE);
    add_status(device, VIRTIO_DRIVER);
    uint64_t features = virtio_offered(device) & (allowed | VIRTIO_FEATURE_VERSION_1);
    if ((features & VIRTIO_FEATURE_VERSION_1) == 0) {
        return give_up(device, ERR_NOT_SUPPORTED);
    }
    set(device, VIRTIO_DRIVER_FEATURES_SELECT, 0);
    set(device, VIRTIO_DRIVER_FEATURES, (uint32_t)features);
    set(device, VIRTIO_DRIVER_FEATURES_SELECT, 1);
    set(device, VIRTIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
    add_status(device, VIRTIO_FEATURES_OK);
    if ((get(device, VIRTIO_STATUS) & VIRTIO_FEATURES_OK) == 0) {
        return give_up(device, ERR_NOT_SUPPORTED);
    }
    device->features = features;
    return ERR_NONE;
}

enum error virtio_start(struct virtio_device *device) {
    add_status(device, VIRTIO_DRIVER_OK);
    return virtio_failed(device) ? ERR_IO : ERR_NONE;
}

static void read_fields(const struct virtio_device *device, uint32_t offset, void *fields, uint32_t width,
                        uint32_t count) {
    uint8_t *to = fields;
    for (uint32_t i = 0; i < count * width; i += width) {
        uint32_t value = device->registers.read(device->registers.context, VIRTIO_CONFIG + offset + i, width);
        for (uint32_t byte = 0; byte < width; byte++) {
            to[i + byte] = (uint8_t)(value >> 8 * byte); /* little-endian, as the fields */
        }
    }
}

enum error virtio_config(const struct virtio_device *device, uint32_t offset, void *fields, uint32_t width,
                         uint32_t count) {
    for (int i = 0; i < PATIENCE; i++) {
        uint32_t generation = get(device, VIRTIO_CONFIG_GENERATION);
        read_fields(device, offset, fields, width, count);
        if (get(device, VIRTIO_CONFIG_GENERATION) == generation) {
            return ERR_NONE;
        }
    }
    return ERR_IO;
}

uint32_t virtio_interrupts(const struct virtio_device *device) {
    uint32_t reasons = get(device, VIRTIO_INTERRUPT_STATUS) & (VIRTIO_USED_BUFFERS | VIRTIO_CONFIG_CHANGED);
    if (reasons != 0) {
        set(device, VIRTIO_INTERRUPT_ACKNOWLEDGE, reasons);
    }
    return reasons;
}

bool virtio_failed(const struct virtio_device *device) {
    return (get(device, VIRTIO_STATUS) & (VIRTIO_NEEDS_RESET | VIRTIO_FAILED)) != 0;
}
