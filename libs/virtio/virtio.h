/* virtio.h: a modern virtio device behind the memory-mapped transport (virtio 1.2, sections in brackets).
 *
 * Order of use: virtio_open, virtio_negotiate, configuration reads, virtqueue_setup for each queue
 * (virtqueue.h), virtio_start. To begin anew, go back to virtio_negotiate: it resets. The device is not
 * trusted: its answers are checked where they decide anything, and every wait for it is bounded. */
#pragma once

#include <base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How registers are reached, so that a test can play the device. width: 1, 2 or 4 bytes. */
struct virtio_registers {
    void *context;
    uint32_t (*read)(void *context, uint32_t offset, uint32_t width);
    void (*write)(void *context, uint32_t offset, uint32_t value); /* 4 bytes, after all earlier stores */
};

/* Registers [4.2.2]. */
enum virtio_register {
    VIRTIO_MAGIC = 0x00,
    VIRTIO_VERSION = 0x04,
    VIRTIO_DEVICE_ID = 0x08,
    VIRTIO_DEVICE_FEATURES = 0x10,
    VIRTIO_DEVICE_FEATURES_SELECT = 0x14,
    VIRTIO_DRIVER_FEATURES = 0x20,
    VIRTIO_DRIVER_FEATURES_SELECT = 0x24,
    VIRTIO_QUEUE_SELECT = 0x30,
    VIRTIO_QUEUE_SIZE_MAX = 0x34,
    VIRTIO_QUEUE_SIZE = 0x38,
    VIRTIO_QUEUE_READY = 0x44,
    VIRTIO_QUEUE_NOTIFY = 0x50,
    VIRTIO_INTERRUPT_STATUS = 0x60,
    VIRTIO_INTERRUPT_ACKNOWLEDGE = 0x64,
    VIRTIO_STATUS = 0x70,
    VIRTIO_QUEUE_DESCRIPTORS = 0x80, /* each of the three: low half, then high half */
    VIRTIO_QUEUE_DRIVER = 0x90,
    VIRTIO_QUEUE_DEVICE = 0xa0,
    VIRTIO_CONFIG_GENERATION = 0xfc,
    VIRTIO_CONFIG = 0x100
};

#define VIRTIO_MAGIC_VALUE 0x74726976u /* "virt" */

/* Device status [2.1]. */
enum virtio_status {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED = 128
};

/* What an interrupt was about [4.2.2]. */
enum virtio_interrupt { VIRTIO_USED_BUFFERS = 1, VIRTIO_CONFIG_CHANGED = 2 };

enum virtio_device_id { VIRTIO_NONE = 0, VIRTIO_NET = 1, VIRTIO_BLOCK = 2 };

/* Features of every device [6]. */
#define VIRTIO_FEATURE(bit)      (1ull << (bit))
#define VIRTIO_FEATURE_EVENT_IDX VIRTIO_FEATURE(29)
#define VIRTIO_FEATURE_VERSION_1 VIRTIO_FEATURE(32)

struct virtio_device {
    struct virtio_registers registers;
    uint64_t features; /* in force since virtio_negotiate */
};

/* Looks who is there. ERR_NOT_FOUND: no virtio device, or not of the kind `id`; ERR_NOT_SUPPORTED: one of
 * before virtio 1.0 (QEMU offers a modern one with -global virtio-mmio.force-legacy=false). */
enum error virtio_open(struct virtio_device *device, const struct virtio_registers *registers, uint32_t id);

/* Resets the device and agrees on features: those of `allowed` that it offers, VERSION_1 by force [3.1.1,
 * steps 1 to 6]. ERR_NOT_SUPPORTED: it does without VERSION_1, or refuses the choice; ERR_IO: it does not
 * come out of reset. */
enum error virtio_negotiate(struct virtio_device *device, uint64_t allowed);

/* After a reset nothing that the device was given before is touched by it any more. ERR_IO: it does not
 * answer. */
enum error virtio_reset(struct virtio_device *device);

/* Queues are set up: the device may work [3.1.1, step 8]. ERR_IO: it has already failed. */
enum error virtio_start(struct virtio_device *device);

static inline bool virtio_has(const struct virtio_device *device, uint64_t feature) {
    return (device->features & feature) != 0;
}

/* The features that the device offers. */
uint64_t virtio_offered(const struct virtio_device *device);

/* Copies fields out of the configuration space, all of one generation [2.5.1]; width is theirs: 1, 2 or 4.
 * ERR_IO: the device changes it faster than it can be read. */
enum error virtio_config(const struct virtio_device *device, uint32_t offset, void *fields, uint32_t width,
                         uint32_t count);

/* Takes the reasons of an interrupt (enum virtio_interrupt) and acknowledges them to the device. */
uint32_t virtio_interrupts(const struct virtio_device *device);

/* The device has given up and wants virtio_negotiate [2.1.1]. */
bool virtio_failed(const struct virtio_device *device);
