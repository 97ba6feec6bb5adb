/* virtqueue.c: see virtqueue.h. Read first: virtqueue_publish and virtqueue_collect.
 *
 * All indices run freely through 16 bits; only array accesses mask them. */
#include "virtqueue.h"

#include <string.h>

#define NO_NOTIFY    1 /* virtqueue_used.flags */
#define NO_INTERRUPT 1 /* virtqueue_available.flags */

static size_t available_at(uint16_t size) {
    return size * sizeof(struct virtqueue_descriptor);
}

static size_t used_at(uint16_t size) {
    size_t end = available_at(size) + sizeof(struct virtqueue_available) + (size + 1u) * sizeof(uint16_t);
    return (end + 63) & ~(size_t)63; /* the device writes on cache lines of its own */
}

size_t virtqueue_bytes(uint16_t size) {
    return used_at(size) + sizeof(struct virtqueue_used) + size * sizeof(struct virtqueue_used_entry) +
           sizeof(uint16_t);
}

/* used_event and avail_event lie behind the two rings [2.7.7, 2.7.10]. */
static uint16_t *used_event(struct virtqueue *queue) {
    return &queue->available->ring[queue->size];
}

static const uint16_t *avail_event(const struct virtqueue *queue) {
    return (const uint16_t *)&queue->used->ring[queue->size];
}

static uint16_t load(const uint16_t *word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(uint16_t *word, uint16_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void full_fence(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void set(const struct virtqueue *queue, uint32_t offset, uint32_t value) {
    queue->device->registers.write(queue->device->registers.context, offset, value);
}

static uint32_t get(const struct virtqueue *queue, uint32_t offset) {
    return queue->device->registers.read(queue->device->registers.context, offset, 4);
}

static void set_address(const struct virtqueue *queue, uint32_t offset, uint64_t physical) {
    set(queue, offset, (uint32_t)physical);
    set(queue, offset + 4, (uint32_t)(physical >> 32));
}

static void lay_out(struct virtqueue *queue, struct dma_memory memory) {
    uint8_t *base = memory.data;
    memset(base, 0, virtqueue_bytes(queue->size));
    queue->descriptors = (struct virtqueue_descriptor *)base;
    queue->available = (struct virtqueue_available *)(base + available_at(queue->size));
    queue->used = (struct virtqueue_used *)(base + used_at(queue->size));
    for (uint16_t i = 0; i < queue->size; i++) {
        queue->slots[i].next = (uint16_t)(i + 1);
    }
    queue->free_count = queue->size;
    virtqueue_quiet(queue);
}

enum error virtqueue_setup(struct virtqueue *queue, const struct virtio_device *device, uint16_t number,
                           uint16_t size, struct dma_memory memory) {
    *queue = (struct virtqueue){.device = device, .number = number};
    queue->event_idx = virtio_has(device, VIRTIO_FEATURE_EVENT_IDX);
    set(queue, VIRTIO_QUEUE_SELECT, number);
    uint32_t most = get(queue, VIRTIO_QUEUE_SIZE_MAX);
    if (most == 0 || get(queue, VIRTIO_QUEUE_READY) != 0) {
        return ERR_NOT_FOUND;
    }
    queue->size = size <= VIRTQUEUE_SIZE_MAX ? size : VIRTQUEUE_SIZE_MAX;
    while (queue->size > most) {
        queue->size /= 2;
    }
    if (virtqueue_bytes(queue->size) > memory.size) {
        return ERR_NO_MEMORY;
    }
    lay_out(queue, memory);
    set(queue, VIRTIO_QUEUE_SIZE, queue->size);
    set_address(queue, VIRTIO_QUEUE_DESCRIPTORS, memory.physical);
    set_address(queue, VIRTIO_QUEUE_DRIVER, memory.physical + available_at(queue->size));
    set_address(queue, VIRTIO_QUEUE_DEVICE, memory.physical + used_at(queue->size));
    set(queue, VIRTIO_QUEUE_READY, 1);
    return ERR_NONE;
}

bool virtqueue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces, unsigned out, unsigned in,
                   uint16_t *chain) {
    unsigned count = out + in;
    if (count == 0 || count > queue->free_count) {
        return false;
    }
    uint16_t at = queue->free_head;
    uint32_t writable = 0;
    *chain = at;
    for (unsigned i = 0; i < count; i++) {
        unsigned flags = (i + 1 < count ? VIRTQUEUE_NEXT : 0u) | (i >= out ? VIRTQUEUE_WRITE : 0u);
        queue->descriptors[at] = (struct virtqueue_descriptor){pieces[i].physical, pieces[i].length,
                                                               (uint16_t)flags, queue->slots[at].next};
        writable += i >= out ? pieces[i].length : 0;
        at = queue->slots[at].next;
    }
    queue->free_head = at;
    queue->free_count -= (uint16_t)count;
    queue->slots[*chain].count = (uint16_t)count;
    queue->slots[*chain].writable = writable;
    queue->available->ring[queue->added % queue->size] = *chain;
    queue->added++;
    return true;
}

/* Whether an index that went from `old` to `now` has passed the one that is waited for [2.7.10.1]. */
static bool passed(uint16_t event, uint16_t now, uint16_t old) {
    return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

void virtqueue_publish(struct virtqueue *queue) {
    uint16_t old = queue->published;
    if (queue->added == old) {
        return;
    }
    queue->published = queue->added;
    store(&queue->available->index, queue->published);
    full_fence(); /* [2.7.13.4.1] the index is out before we look whether the device wants a notification */
    bool wanted = queue->event_idx ? passed(load(avail_event(queue)), queue->published, old)
                                   : (load(&queue->used->flags) & NO_NOTIFY) == 0;
    if (wanted) {
        set(queue, VIRTIO_QUEUE_NOTIFY, queue->number);
    }
}

static void free_chain(struct virtqueue *queue, uint16_t chain) {
    uint16_t last = chain;
    for (uint16_t i = 1; i < queue->slots[chain].count; i++) {
        last = queue->slots[last].next;
    }
    queue->slots[last].next = queue->free_head;
    queue->free_head = chain;
    queue->free_count += queue->slots[chain].count;
    queue->slots[chain].count = 0;
}

/* Used entries that we have not taken yet; 0 when the device claims more than it was given. */
static uint16_t used_waiting(struct virtqueue *queue) {
    uint16_t waiting = (uint16_t)(load(&queue->used->index) - queue->collected);
    if (waiting > (uint16_t)(queue->published - queue->collected)) {
        queue->broken++;
        return 0;
    }
    return waiting;
}

bool virtqueue_collect(struct virtqueue *queue, uint16_t *chain, uint32_t *length) {
    while (used_waiting(queue) > 0) {
        struct virtqueue_used_entry entry = queue->used->ring[queue->collected % queue->size];
        queue->collected++;
        if (entry.id >= queue->size || queue->slots[entry.id].count == 0) {
            queue->broken++; /* never given, or given back before */
            continue;
        }
        *chain = (uint16_t)entry.id;
        *length = entry.length;
        if (entry.length > queue->slots[entry.id].writable) {
            queue->broken++;
            *length = queue->slots[entry.id].writable;
        }
        free_chain(queue, *chain);
        return true;
    }
    return false;
}

bool virtqueue_sleep(struct virtqueue *queue, uint16_t batch) {
    if (queue->event_idx) {
        store(used_event(queue), (uint16_t)(queue->collected + batch - 1));
    } else {
        store(&queue->available->flags, 0);
    }
    full_fence(); /* the wish is out before the second look [2.7.14] */
    if (used_waiting(queue) < batch) {
        return true;
    }
    virtqueue_quiet(queue);
    return false;
}

void virtqueue_quiet(struct virtqueue *queue) {
    if (queue->event_idx) {
        store(used_event(queue), (uint16_t)(queue->collected - 1)); /* an index that has passed */
    } else {
        store(&queue->available->flags, NO_INTERRUPT);
    }
}
