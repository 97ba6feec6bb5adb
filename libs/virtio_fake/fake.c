/* fake.c: see fake.h. */
#include "fake.h"

#include <assert.h>
#include <string.h>

void fake_init(struct fake_device *device, uint32_t id, uint64_t features, unsigned queues,
               uint32_t size_max) {
    *device = (struct fake_device){.version = 2, .id = id};
    device->offered = features | VIRTIO_FEATURE_VERSION_1 | VIRTIO_FEATURE_EVENT_IDX;
    for (unsigned i = 0; i < queues; i++) {
        device->queues[i].size_max = size_max;
    }
}

static struct fake_queue *selected(struct fake_device *device) {
    static struct fake_queue none;
    return device->queue_select < FAKE_QUEUES ? &device->queues[device->queue_select] : &none;
}

static uint32_t read_config(struct fake_device *device, uint32_t offset, uint32_t width) {
    uint32_t value = 0;
    assert(offset + width <= sizeof device->config);
    memcpy(&value, device->config + offset, width);
    if (device->config_changes > 0) {
        device->config_changes--;
        device->generation++;
    }
    return value;
}

static uint32_t fake_read(void *context, uint32_t offset, uint32_t width) {
    struct fake_device *device = context;
    if (offset >= VIRTIO_CONFIG) {
        return read_config(device, offset - VIRTIO_CONFIG, width);
    }
    assert(width == 4);
    switch (offset) {
    case VIRTIO_MAGIC: return VIRTIO_MAGIC_VALUE;
    case VIRTIO_VERSION: return device->version;
    case VIRTIO_DEVICE_ID: return device->id;
    case VIRTIO_DEVICE_FEATURES: return (uint32_t)(device->offered >> 32 * device->features_select);
    case VIRTIO_QUEUE_SIZE_MAX: return selected(device)->size_max;
    case VIRTIO_QUEUE_READY: return selected(device)->ready;
    case VIRTIO_INTERRUPT_STATUS: return device->interrupt;
    case VIRTIO_STATUS: return device->stuck ? 0x80 : device->status;
    case VIRTIO_CONFIG_GENERATION: return device->generation;
    }
    assert(!"a register that may be read");
    return 0;
}

static void reset(struct fake_device *device) {
    device->resets++;
    device->accepted = 0;
    device->status = device->interrupt = 0;
    for (unsigned i = 0; i < FAKE_QUEUES; i++) {
        device->queues[i] = (struct fake_queue){.size_max = device->queues[i].size_max};
    }
}

static void write_status(struct fake_device *device, uint32_t value) {
    if (value == 0) {
        reset(device);
        return;
    }
    if ((value & VIRTIO_FEATURES_OK) != 0 && device->refuses_features) {
        value &= ~(uint32_t)VIRTIO_FEATURES_OK;
    }
    device->status = value;
}

static void set_half(uint64_t *address, bool high, uint32_t value) {
    *address =
        high ? (*address & UINT32_MAX) | (uint64_t)value << 32 : (*address & ~(uint64_t)UINT32_MAX) | value;
}

static void write_queue(struct fake_queue *queue, uint32_t offset, uint32_t value) {
    bool high = (offset & 4) != 0;
    switch (offset & ~4u) {
    case VIRTIO_QUEUE_SIZE: queue->size = value; return;
    case VIRTIO_QUEUE_READY & ~4: queue->ready = value; return;
    case VIRTIO_QUEUE_DESCRIPTORS: set_half(&queue->descriptors, high, value); return;
    case VIRTIO_QUEUE_DRIVER: set_half(&queue->available, high, value); return;
    case VIRTIO_QUEUE_DEVICE: set_half(&queue->used, high, value); return;
    }
    assert(!"a register that may be written");
}

static void fake_write(void *context, uint32_t offset, uint32_t value) {
    struct fake_device *device = context;
    switch (offset) {
    case VIRTIO_DEVICE_FEATURES_SELECT: device->features_select = value; return;
    case VIRTIO_DRIVER_FEATURES_SELECT: device->driver_features_select = value; return;
    case VIRTIO_DRIVER_FEATURES:
        set_half(&device->accepted, device->driver_features_select == 1, value);
        return;
    case VIRTIO_QUEUE_SELECT: device->queue_select = value; return;
    case VIRTIO_QUEUE_NOTIFY:
        assert(value < FAKE_QUEUES && (device->status & VIRTIO_DRIVER_OK) != 0);
        device->queues[value].notified++;
        return;
    case VIRTIO_INTERRUPT_ACKNOWLEDGE: device->interrupt &= ~value; return;
    case VIRTIO_STATUS: write_status(device, value); return;
    default: write_queue(selected(device), offset, value);
    }
}

struct virtio_registers fake_registers(struct fake_device *device) {
    return (struct virtio_registers){.context = device, .read = fake_read, .write = fake_write};
}

static void read_chain(const struct fake_queue *queue, struct fake_chain *chain) {
    const struct virtqueue_descriptor *descriptors = (const void *)queue->descriptors;
    uint16_t at = chain->head;
    for (;;) {
        assert(at < queue->size && chain->out + chain->in < FAKE_PIECES);
        struct virtqueue_descriptor descriptor = descriptors[at];
        bool writable = (descriptor.flags & VIRTQUEUE_WRITE) != 0;
        assert(writable || chain->in == 0); /* what the device reads comes first */
        chain->pieces[chain->out + chain->in].data = (uint8_t *)descriptor.address;
        chain->pieces[chain->out + chain->in].length = descriptor.length;
        writable ? chain->in++ : chain->out++;
        if ((descriptor.flags & VIRTQUEUE_NEXT) == 0) {
            return;
        }
        at = descriptor.next;
    }
}

bool fake_take(struct fake_device *device, unsigned number, struct fake_chain *chain) {
    struct fake_queue *queue = &device->queues[number];
    const struct virtqueue_available *available = (const void *)queue->available;
    if (!queue->ready || available->index == queue->taken) {
        return false;
    }
    *chain = (struct fake_chain){.head = available->ring[queue->taken++ % queue->size]};
    read_chain(queue, chain);
    struct virtqueue_used *used = (void *)queue->used;
    *(uint16_t *)&used->ring[queue->size] = queue->taken; /* avail_event: tell me of the next one */
    return true;
}

static void maybe_interrupt(struct fake_device *device, struct fake_queue *queue) {
    const struct virtqueue_available *available = (const void *)queue->available;
    uint16_t event = available->ring[queue->size];
    bool wanted = (device->accepted & VIRTIO_FEATURE_EVENT_IDX) != 0
                      ? (uint16_t)(queue->done - event - 1) < (uint16_t)(queue->done - queue->signalled)
                      : (available->flags & 1) == 0;
    queue->signalled = queue->done;
    if (wanted) {
        device->interrupt |= VIRTIO_USED_BUFFERS;
        device->interrupts++;
    }
}

void fake_use(struct fake_device *device, unsigned number, uint32_t id, uint32_t length) {
    struct fake_queue *queue = &device->queues[number];
    struct virtqueue_used *used = (void *)queue->used;
    used->ring[queue->done++ % queue->size] = (struct virtqueue_used_entry){id, length};
    used->index = queue->done;
    maybe_interrupt(device, queue);
}

void fake_claim(struct fake_device *device, unsigned number, uint16_t count) {
    struct virtqueue_used *used = (void *)device->queues[number].used;
    used->index += count;
}
