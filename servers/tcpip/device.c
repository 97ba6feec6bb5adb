/* device.c: see device.h. */
#include "device.h"
#include <os/os.h>
#include <string.h>

#define FRAME_SPACE   2048u         /* of a buffer for frames of up to about 2,000 bytes */
#define SEGMENT_SPACE (68u * 1024)  /* of a buffer for a frame that the device cuts up */
#define LARGE_FRAME   (14u + 65535) /* the largest frame that there is */
#define RECEIVE_COUNT NETDEV_RING_SIZE
#define SEND_COUNT    NETDEV_RING_SIZE
#define LARGE_COUNT   24u
#define PATIENCE      2000000000ull /* ns without a driver until frames go nowhere */
#define WANTED        (NETDEV_CHECKSUM_OUT | NETDEV_CHECKSUM_IN | NETDEV_SEGMENT_OUT | NETDEV_SEGMENT_IN)

_Static_assert(RECEIVE_COUNT + SEND_COUNT <= DEVICE_BUFFERS, "numbers of buffers");

/* ---- The pool ---- */

static uint32_t buffer_offset(const struct pool *pool, uint32_t buffer) {
    if (buffer < pool->receive_count) {
        return buffer * pool->receive_size;
    }
    return pool->receive_count * pool->receive_size + (buffer - pool->receive_count) * pool->send_size;
}

static enum error make_memory(struct pool *pool, uint32_t send_count, uint32_t send_size) {
    void *base;
    size_t size = (size_t)RECEIVE_COUNT * FRAME_SPACE + (size_t)send_count * send_size;
    enum error error = memory_make(size, true, &pool->memory, &base);
    if (error == ERR_NONE) {
        pool->base = base;
        pool->receive_count = RECEIVE_COUNT;
        pool->receive_size = FRAME_SPACE;
        pool->send_count = send_count;
        pool->send_size = send_size;
    }
    return error;
}

/* Large buffers where the device cuts segments, as far as there is memory in one piece for them. */
static enum error pool_make(struct pool *pool, uint32_t offloads) {
    if (pool->base != NULL) {
        return ERR_NONE;
    }
    bool large = (offloads & NETDEV_SEGMENT_OUT) != 0;
    if (large && make_memory(pool, LARGE_COUNT, SEGMENT_SPACE) == ERR_NONE) {
        return ERR_NONE;
    }
    return make_memory(pool, SEND_COUNT, FRAME_SPACE);
}

/* All buffers are ours again. */
static void pool_reset(struct pool *pool) {
    memset(pool->lent, 0, sizeof pool->lent);
    pool->back_count = 0;
    pool->free_count = pool->send_count;
    for (uint32_t i = 0; i < pool->send_count; i++) {
        pool->free_send[i] = (uint16_t)(pool->receive_count + i);
    }
}

/* ---- Opening ---- */

static void *ring_at(const struct device *device, enum netdev_ring ring) {
    return device->rings + (size_t)ring * netdev_ring_stride();
}

static void lend(struct device *device, uint32_t buffer) {
    struct pool *pool = &device->pool;
    struct netdev_descriptor empty = {.offset = buffer_offset(pool, buffer) + NETDEV_HEADROOM,
                                      .length = pool->receive_size - NETDEV_HEADROOM,
                                      .buffer = buffer};
    /* There is always room: the ring has a place for each of these buffers. */
    pool->lent[buffer] = ring_put(&device->ring[NETDEV_RX_FREE], &empty);
}

static void lend_all(struct device *device) {
    for (uint32_t i = 0; i < device->pool.receive_count; i++) {
        lend(device, i);
    }
}

enum error device_init(struct device *device, unsigned number, const char *name, handle_t event) {
    device->name = name;
    enum error error = handle_duplicate(event, RIGHT_SIGNAL | RIGHT_PASS, 0, &device->event);
    return error == ERR_NONE ? name_watch(name, event, DEVICE_SIGNAL_PUBLISHED(number)) : error;
}

/* Once; a device that never comes costs nothing. */
static enum error make_rings(struct device *device) {
    void *memory;
    enum error error = ERR_NONE;
    if (device->rings == NULL) {
        error = memory_make(NETDEV_RINGS * netdev_ring_stride(), false, &device->rings_memory, &memory);
        device->rings = error == ERR_NONE ? memory : NULL;
    }
    if (error == ERR_NONE && device->assembly == NULL) {
        error = memory_make(SEGMENT_SPACE, false, NULL, &memory);
        device->assembly = error == ERR_NONE ? memory : NULL;
    }
    return error;
}

static void lose(struct device *device) {
    if (device->open || device->lost_at == 0) {
        device->lost_at = clock_now();
    }
    if (device->driver != HANDLE_NONE) {
        (void)!handle_close(device->driver);
    }
    if (device->kick != HANDLE_NONE) {
        (void)!handle_close(device->kick);
    }
    device->driver = device->kick = HANDLE_NONE;
    device->open = false;
}

/* Offloads that the buffers can serve. */
static uint32_t wanted(const struct device *device) {
    uint32_t without = device->unmerged ? NETDEV_SEGMENT_IN : 0;
    bool large = device->pool.send_size >= SEGMENT_SPACE;
    return WANTED & ~(without | (large ? 0 : NETDEV_SEGMENT_OUT));
}

static enum error open_driver(struct device *device) {
    enum error error = netdev_info(device->driver, &device->info);
    if (error == ERR_NONE) {
        error = make_rings(device);
    }
    if (error == ERR_NONE) {
        error = pool_make(&device->pool, device->info.offloads);
    }
    if (error != ERR_NONE) {
        return error;
    }
    memset(device->rings, 0, NETDEV_RINGS * netdev_ring_stride());
    error = netdev_open(device->driver, wanted(device), device->pool.memory, device->rings_memory,
                        device->event, &device->kick, &device->info);
    if (error != ERR_NONE) {
        return error;
    }
    for (int i = 0; i < NETDEV_RINGS; i++) {
        ring_attach(&device->ring[i], ring_at(device, i), NETDEV_RING_SIZE, sizeof(struct netdev_descriptor));
    }
    pool_reset(&device->pool);
    lend_all(device);
    return ERR_NONE;
}

/* Opens the driver that was found, once more perhaps. */
static bool open_anew(struct device *device) {
    enum error error = open_driver(device);
    if (error != ERR_NONE) {
        log_line("%s does not open: %s", device->name, error_text(error));
        lose(device);
        return false;
    }
    device->open = true;
    device->starved = false;
    device->full_since = 0;
    device->counters.opens++;
    device_flush(device);
    return true;
}

bool device_connect(struct device *device) {
    lose(device);
    return name_try(device->name, &device->driver) == ERR_NONE && open_anew(device);
}

bool device_set_unmerged(struct device *device, bool unmerged) {
    bool change = device->unmerged != unmerged && device->open;
    device->unmerged = unmerged;
    return change && open_anew(device);
}

void device_refresh(struct device *device) {
    if (device->open && netdev_info(device->driver, &device->info) == ERR_DEAD) {
        lose(device);
    }
}

/* ---- Receiving ---- */

/* Takes a buffer back from the driver. False: it never had it, or the frame does not lie in it. */
static bool take_back(struct device *device, const struct netdev_descriptor *descriptor, bool sent) {
    struct pool *pool = &device->pool;
    uint32_t buffer = descriptor->buffer;
    uint32_t first = sent ? pool->receive_count : 0;
    uint32_t count = sent ? pool->send_count : pool->receive_count;
    if (buffer < first || buffer - first >= count || !pool->lent[buffer]) {
        device->counters.bad_descriptors++;
        return false;
    }
    pool->lent[buffer] = false;
    if (sent) {
        return true;
    }
    pool->back[pool->back_count++] = (uint16_t)buffer;
    uint32_t start = buffer_offset(pool, buffer), size = pool->receive_size;
    bool inside = descriptor->offset >= start && descriptor->offset - start <= size &&
                  descriptor->length <= size - (descriptor->offset - start);
    device->counters.bad_descriptors += !inside;
    return inside;
}

/* The next piece of a frame that lies where it should; false: none. */
static bool next_piece(struct device *device, struct netdev_descriptor *piece) {
    while (ring_take(&device->ring[NETDEV_RX_USED], piece)) {
        if (take_back(device, piece, false) && piece->length != 0) {
            return true;
        }
    }
    return false;
}

/* Joins the pieces of a large frame. False: it has no end, or is longer than frames are. */
static bool assemble(struct device *device, const struct netdev_descriptor *first, size_t *length) {
    struct netdev_descriptor piece = *first;
    bool fits = true;
    *length = 0;
    for (;;) {
        fits = fits && piece.length <= LARGE_FRAME - *length;
        if (fits) {
            memcpy(device->assembly + *length, device->pool.base + piece.offset, piece.length);
            *length += piece.length;
        }
        if ((piece.flags & NETDEV_MORE) == 0) {
            return fits;
        }
        if (!next_piece(device, &piece)) {
            return false;
        }
    }
}

bool device_receive(struct device *device, struct net_frame *frame) {
    struct netdev_descriptor first;
    while (device->open && next_piece(device, &first)) {
        *frame = (struct net_frame){.data = device->pool.base + first.offset,
                                    .length = first.length,
                                    .checksum_good =
                                        (first.flags & (NETDEV_CHECKSUM_GOOD | NETDEV_NEEDS_CHECKSUM)) != 0,
                                    .gso_size = first.gso_size};
        if ((first.flags & NETDEV_MORE) != 0) {
            frame->data = device->assembly;
            if (!assemble(device, &first, &frame->length)) {
                device->counters.bad_descriptors++;
                continue;
            }
        }
        device->counters.frames_in++;
        return true;
    }
    return false;
}

void device_refill(struct device *device) {
    struct pool *pool = &device->pool;
    while (device->open && pool->back_count != 0) {
        lend(device, pool->back[--pool->back_count]);
    }
}

/* ---- Sending ---- */

static void reclaim(struct device *device) {
    struct pool *pool = &device->pool;
    struct netdev_descriptor done;
    while (ring_take(&device->ring[NETDEV_TX_DONE], &done)) {
        if (take_back(device, &done, true)) {
            pool->free_send[pool->free_count++] = (uint16_t)done.buffer;
        }
    }
}

/* A wire that is cut: what is sent goes nowhere. */
static bool slot_nowhere(struct device *device, struct net_slot *slot) {
    if (clock_now() - device->lost_at < PATIENCE) {
        return false;
    }
    *slot = (struct net_slot){.data = device->assembly, .capacity = LARGE_FRAME};
    return true;
}

static bool has_buffer(struct device *device) {
    const struct pool *pool = &device->pool;
    if (pool->free_count == 0 || ring_space(&device->ring[NETDEV_TX_PENDING]) == 0) {
        reclaim(device);
    }
    bool has = pool->free_count != 0 && ring_space(&device->ring[NETDEV_TX_PENDING]) != 0;
    device->starved |= !has;
    device->counters.starved += !has;
    return has;
}

static struct net_slot next_slot(const struct device *device) {
    const struct pool *pool = &device->pool;
    uint32_t buffer = pool->free_send[pool->free_count - 1];
    return (struct net_slot){.data = pool->base + buffer_offset(pool, buffer) + NETDEV_HEADROOM,
                             .capacity = pool->send_size - NETDEV_HEADROOM};
}

bool device_slot(struct device *device, struct net_slot *slot) {
    if (!device->open) {
        return slot_nowhere(device, slot);
    }
    bool has = has_buffer(device);
    if (has) {
        *slot = next_slot(device);
    }
    return has;
}

bool device_has_room(struct device *device) {
    if (!device->open || has_buffer(device)) {
        device->full_since = 0;
        return true;
    }
    uint64_t now = clock_now();
    device->full_since = device->full_since == 0 ? now : device->full_since;
    return now - device->full_since >= PATIENCE;
}

void device_send(struct device *device, const struct net_slot *slot) {
    struct pool *pool = &device->pool;
    if (!device->open) {
        device->counters.frames_lost++;
        return;
    }
    uint32_t buffer = pool->free_send[--pool->free_count];
    bool unsummed = slot->checksum_start != 0;
    struct netdev_descriptor frame = {.offset = (uint32_t)(slot->data - pool->base),
                                      .length = (uint32_t)slot->length,
                                      .buffer = buffer,
                                      .flags = unsummed ? NETDEV_NEEDS_CHECKSUM : 0,
                                      .checksum_start = slot->checksum_start,
                                      .checksum_offset = slot->checksum_offset,
                                      .gso_size = slot->gso_size,
                                      .header_length = slot->header_length};
    pool->lent[buffer] = true;
    (void)ring_put(&device->ring[NETDEV_TX_PENDING], &frame); /* device_slot has seen room */
    device->counters.frames_out++;
}

void device_copy(struct device *device, const struct net_slot *slot) {
    struct net_slot own = *slot;
    if (device->open) {
        if (!has_buffer(device) || slot->length > device->pool.send_size - NETDEV_HEADROOM) {
            device->counters.frames_lost++;
            return;
        }
        own.data = next_slot(device).data;
        memcpy(own.data, slot->data, slot->length);
    }
    device_send(device, &own);
}

void device_flush(struct device *device) {
    uint64_t bits = 0;
    if (!device->open) {
        return;
    }
    if (ring_publish(&device->ring[NETDEV_TX_PENDING])) {
        bits |= NETDEV_SIGNAL_TX_PENDING;
    }
    if (ring_publish(&device->ring[NETDEV_RX_FREE])) {
        bits |= NETDEV_SIGNAL_RX_FREE;
    }
    if (bits != 0 && event_signal(device->kick, bits) != ERR_NONE) {
        lose(device);
    }
}

/* ---- Sleeping ---- */

void device_awake(struct device *device) {
    if (device->open) {
        ring_awake(&device->ring[NETDEV_RX_USED]);
        ring_awake(&device->ring[NETDEV_TX_DONE]);
    }
    device->starved = false;
}

bool device_sleep(struct device *device) {
    if (!device->open) {
        return true;
    }
    if (device->starved) {
        if (!ring_sleep(&device->ring[NETDEV_TX_DONE])) {
            return false;
        }
        /* The driver looks at its sent buffers at once only if it is told that somebody waits for them. */
        (void)!event_signal(device->kick, NETDEV_SIGNAL_TX_PENDING);
    }
    return ring_sleep(&device->ring[NETDEV_RX_USED]);
}
