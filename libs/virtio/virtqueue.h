/* virtqueue.h: split virtqueues (virtio 1.2, 2.7), with EVENT_IDX where the device has it. Read virtio.h
 * first.
 *
 * A chain of pieces is added, published and, when the device wants it, notified; later it is collected under
 * the same number. Interrupts are off until virtqueue_sleep asks for one. What the device writes is checked:
 * a chain comes back once, only if it was given, and with no more bytes than it had room for; lies are
 * counted in `broken`. */
#pragma once

#include <virtio/virtio.h>

#define VIRTQUEUE_SIZE_MAX 256

/* The shared layouts [2.7.5 to 2.7.8]. */
struct virtqueue_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};
enum virtqueue_descriptor_flag { VIRTQUEUE_NEXT = 1, VIRTQUEUE_WRITE = 2 };

struct virtqueue_available {
    uint16_t flags; /* 1: no interrupts, please; without EVENT_IDX */
    uint16_t index;
    uint16_t ring[]; /* `size` entries, then used_event */
};

struct virtqueue_used_entry {
    uint32_t id;
    uint32_t length;
};

struct virtqueue_used {
    uint16_t flags; /* 1: no notifications, please; without EVENT_IDX */
    uint16_t index;
    struct virtqueue_used_entry ring[]; /* `size` entries, then avail_event */
};

/* Memory that the device reads and writes: physically contiguous. */
struct dma_memory {
    void *data;
    uint64_t physical;
    size_t size;
};

struct virtqueue_piece {
    uint64_t physical;
    uint32_t length;
};

struct virtqueue_slot {
    uint16_t next;     /* of the chain, or of the free list */
    uint16_t count;    /* descriptors of the chain that begins here; 0: none does */
    uint32_t writable; /* bytes that the device may write into that chain */
};

struct virtqueue {
    const struct virtio_device *device;
    uint16_t number, size;
    bool event_idx;

    /* Shared with the device. */
    struct virtqueue_descriptor *descriptors;
    struct virtqueue_available *available;
    struct virtqueue_used *used;

    /* Ours alone: nothing in it is ever read back from shared memory. */
    struct virtqueue_slot slots[VIRTQUEUE_SIZE_MAX];
    uint16_t free_head, free_count;
    uint16_t added;     /* chains ever added */
    uint16_t published; /* of those, made visible */
    uint16_t collected; /* chains ever taken back */
    uint32_t broken;    /* lies of the device */
};

/* Bytes of DMA memory that a queue of `size` entries needs. */
size_t virtqueue_bytes(uint16_t size);

/* Sets up queue `number` with at most `size` entries (a power of two) in `memory`, which is zeroed. Between
 * virtio_negotiate and virtio_start [4.2.3.2]. ERR_NOT_FOUND: the device has no such queue; ERR_NO_MEMORY:
 * too small. */
enum error virtqueue_setup(struct virtqueue *queue, const struct virtio_device *device, uint16_t number,
                           uint16_t size, struct dma_memory memory);

/* Descriptors that are free. */
static inline uint16_t virtqueue_space(const struct virtqueue *queue) {
    return queue->free_count;
}

/* Chains that the device has. */
static inline uint16_t virtqueue_in_flight(const struct virtqueue *queue) {
    return (uint16_t)(queue->added - queue->collected);
}

/* Adds one chain: first `out` pieces that the device reads, then `in` pieces that it writes. *chain: its
 * number, below the queue's size and unique among those in flight. false: not enough free descriptors. Not
 * visible before virtqueue_publish. */
bool virtqueue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces, unsigned out, unsigned in,
                   uint16_t *chain);

/* Makes all that was added visible, and notifies the device if it wants to hear of it: once a batch. */
void virtqueue_publish(struct virtqueue *queue);

/* Takes back one chain that the device is done with. *length: bytes that it wrote. false: none there. */
bool virtqueue_collect(struct virtqueue *queue, uint16_t *chain, uint32_t *length);

/* Asks for an interrupt once `batch` (at least 1) more chains are done. false: so many are there already, and
 * no interrupt comes. virtqueue_quiet takes the wish back. */
bool virtqueue_sleep(struct virtqueue *queue, uint16_t batch);
void virtqueue_quiet(struct virtqueue *queue);
