/* driver.c: see driver.h. Read first: driver_work, driver_sleep. */
#include "driver.h"

#include <string.h>

/* Features [5.1.3]. */
#define FEATURE_CSUM       VIRTIO_FEATURE(0)
#define FEATURE_GUEST_CSUM VIRTIO_FEATURE(1)
#define FEATURE_MTU        VIRTIO_FEATURE(3)
#define FEATURE_MAC        VIRTIO_FEATURE(5)
#define FEATURE_GUEST_TSO4 VIRTIO_FEATURE(7)
#define FEATURE_HOST_TSO4  VIRTIO_FEATURE(11)
#define FEATURE_MRG_RXBUF  VIRTIO_FEATURE(15)
#define FEATURE_STATUS     VIRTIO_FEATURE(16)

enum { RX_QUEUE = 0, TX_QUEUE = 1 };
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_MTU = 10 };

/* The header ahead of each frame [5.1.6]. */
struct net_header {
    uint8_t flags; /* enum header_flag */
    uint8_t gso_type;
    uint16_t header_length;
    uint16_t gso_size;
    uint16_t checksum_start;
    uint16_t checksum_offset;
    uint16_t buffers; /* rx: that this frame is spread over */
};
_Static_assert(sizeof(struct net_header) == 12 && sizeof(struct net_header) <= NETDEV_HEADROOM,
               "fits the headroom");
enum header_flag { HEADER_NEEDS_CHECKSUM = 1, HEADER_DATA_VALID = 2 };
enum { GSO_NONE = 0, GSO_TCPV4 = 1 };

#define PAGE            4096
#define ETHERNET_HEADER 14
#define FRAME_MIN       60 /* a receive buffer shorter than the shortest frame is of no use */
#define LARGE_FRAME_MAX (65535 + ETHERNET_HEADER)
#define MTU_DEFAULT     1500
#define MTU_MIN         68 /* RFC 791 */

#define BASE_FEATURES (FEATURE_MAC | FEATURE_MTU | FEATURE_STATUS | VIRTIO_FEATURE_EVENT_IDX)

/* ---- Opening ---- */

size_t driver_queue_bytes(void) {
    return (virtqueue_bytes(DRIVER_QUEUE_SIZE) + PAGE - 1) / PAGE * PAGE;
}

static uint32_t offloads_of(uint64_t features) {
    uint32_t offloads = 0;
    offloads |= features & FEATURE_CSUM ? OFFLOAD_CHECKSUM_OUT : 0u;
    offloads |= features & FEATURE_GUEST_CSUM ? OFFLOAD_CHECKSUM_IN : 0u;
    offloads |= features & FEATURE_HOST_TSO4 ? OFFLOAD_SEGMENT_OUT : 0u;
    offloads |= features & FEATURE_GUEST_TSO4 ? OFFLOAD_SEGMENT_IN : 0u;
    return offloads;
}

/* The features for these offloads. Segmentation needs the checksum of its direction [5.1.3.1], and large
 * frames come in merged buffers, so that no buffer must hold 64 KiB. */
static uint64_t features_for(uint32_t offloads, uint64_t offered) {
    uint64_t features = BASE_FEATURES;
    if ((offloads & OFFLOAD_CHECKSUM_OUT) != 0) {
        features |= FEATURE_CSUM | (offloads & OFFLOAD_SEGMENT_OUT ? FEATURE_HOST_TSO4 : 0);
    }
    if ((offloads & OFFLOAD_CHECKSUM_IN) != 0) {
        bool merges = (offered & FEATURE_MRG_RXBUF) != 0;
        bool large = (offloads & OFFLOAD_SEGMENT_IN) != 0 && merges;
        features |= FEATURE_GUEST_CSUM | (large ? FEATURE_GUEST_TSO4 | FEATURE_MRG_RXBUF : 0);
    }
    return features;
}

static enum error read_link(struct driver *driver) {
    uint16_t status = 1;
    if (virtio_has(&driver->device, FEATURE_STATUS)) {
        enum error error = virtio_config(&driver->device, CONFIG_STATUS, &status, 2, 1);
        if (error != ERR_NONE) {
            return error;
        }
    }
    driver->link_up = (status & 1) != 0;
    return ERR_NONE;
}

static enum error read_configuration(struct driver *driver) {
    enum error error = ERR_NONE;
    if (virtio_has(&driver->device, FEATURE_MAC)) {
        error = virtio_config(&driver->device, CONFIG_MAC, driver->mac, 1, 6);
    } else {
        memcpy(driver->mac, (const uint8_t[6]){0x52, 0x54, 0, 0x12, 0x34, 0x56}, 6); /* QEMU's own default */
    }
    driver->mtu = MTU_DEFAULT;
    if (error == ERR_NONE && virtio_has(&driver->device, FEATURE_MTU)) {
        error = virtio_config(&driver->device, CONFIG_MTU, &driver->mtu, 2, 1);
        driver->mtu = driver->mtu < MTU_MIN ? MTU_DEFAULT : driver->mtu;
    }
    return error == ERR_NONE ? read_link(driver) : error;
}

enum error driver_init(struct driver *driver, const struct virtio_registers *registers) {
    *driver = (struct driver){0};
    enum error error = virtio_open(&driver->device, registers, VIRTIO_NET);
    if (error == ERR_NONE) {
        error = virtio_negotiate(&driver->device, BASE_FEATURES);
    }
    if (error != ERR_NONE) {
        return error;
    }
    driver->offered = virtio_offered(&driver->device);
    driver->offloads = offloads_of(driver->offered);
    return read_configuration(driver);
}

static void attach_rings(struct driver *driver) {
    struct ring *rings[NETDEV_RINGS] = {
        [NETDEV_RX_FREE] = &driver->rx_free,
        [NETDEV_RX_USED] = &driver->rx_used,
        [NETDEV_TX_PENDING] = &driver->tx_pending,
        [NETDEV_TX_DONE] = &driver->tx_done,
    };
    for (unsigned i = 0; i < NETDEV_RINGS; i++) {
        uint8_t *shared = (uint8_t *)driver->memory.rings + i * netdev_ring_stride();
        ring_attach(rings[i], shared, NETDEV_RING_SIZE, sizeof(struct netdev_descriptor));
    }
}

static enum error set_up(struct driver *driver, uint32_t wanted, const struct dma_memory queues[2]) {
    enum error error = virtio_negotiate(&driver->device, features_for(wanted, driver->offered));
    if (error == ERR_NONE) {
        error = read_configuration(driver);
    }
    if (error == ERR_NONE) {
        error = virtqueue_setup(&driver->rx, &driver->device, RX_QUEUE, DRIVER_QUEUE_SIZE, queues[RX_QUEUE]);
    }
    if (error == ERR_NONE) {
        error = virtqueue_setup(&driver->tx, &driver->device, TX_QUEUE, DRIVER_QUEUE_SIZE, queues[TX_QUEUE]);
    }
    return error == ERR_NONE ? virtio_start(&driver->device) : error;
}

enum error driver_open(struct driver *driver, uint32_t wanted, const struct driver_memory *memory,
                       const struct dma_memory queues[2]) {
    driver->open = false;
    enum error error = set_up(driver, wanted, queues);
    if (error != ERR_NONE) {
        enum error unheard = virtio_reset(&driver->device);
        return unheard == ERR_NONE ? error : unheard;
    }
    driver->memory = *memory;
    driver->offloads = offloads_of(driver->device.features);
    driver->pieces_left = 0;
    attach_rings(driver);
    driver->open = true;
    return ERR_NONE;
}

/* ---- Checks ---- */

/* The frame and its headroom lie in the pool. */
static bool in_pool(const struct driver *driver, const struct netdev_descriptor *descriptor) {
    size_t size = driver->memory.pool.size;
    return descriptor->offset >= NETDEV_HEADROOM && descriptor->offset <= size &&
           descriptor->length <= size - descriptor->offset;
}

static bool checksum_fits(const struct driver *driver, const struct netdev_descriptor *frame) {
    return (driver->offloads & OFFLOAD_CHECKSUM_OUT) != 0 &&
           (uint32_t)frame->checksum_start + frame->checksum_offset + 2 <= frame->length;
}

static bool may_send(const struct driver *driver, const struct netdev_descriptor *frame) {
    uint32_t longest = ETHERNET_HEADER + driver->mtu;
    if ((frame->flags & NETDEV_NEEDS_CHECKSUM) != 0 && !checksum_fits(driver, frame)) {
        return false;
    }
    if (frame->gso_size != 0) {
        longest = LARGE_FRAME_MAX;
        if ((driver->offloads & OFFLOAD_SEGMENT_OUT) == 0 || (frame->flags & NETDEV_NEEDS_CHECKSUM) == 0 ||
            frame->header_length > frame->length) {
            return false;
        }
    }
    return in_pool(driver, frame) && frame->length >= ETHERNET_HEADER && frame->length <= longest;
}

static struct net_header *header_of(const struct driver *driver, uint32_t offset) {
    return (struct net_header *)((uint8_t *)driver->memory.pool.data + offset - sizeof(struct net_header));
}

/* ---- Receive ---- */

/* rx free → device. */
static void give_receive(struct driver *driver) {
    struct netdev_descriptor buffer;
    while (virtqueue_space(&driver->rx) > 0 && ring_take(&driver->rx_free, &buffer)) {
        if (!in_pool(driver, &buffer) || buffer.length < FRAME_MIN) {
            driver->counters.bad_receive_buffer++;
            continue;
        }
        uint64_t physical = driver->memory.pool.physical + buffer.offset - sizeof(struct net_header);
        struct virtqueue_piece piece = {physical, buffer.length + (uint32_t)sizeof(struct net_header)};
        uint16_t chain;
        if (virtqueue_add(&driver->rx, &piece, 0, 1, &chain)) {
            driver->rx_buffers[chain] = buffer;
        }
    }
    virtqueue_publish(&driver->rx);
}

/* Reads the first buffer's header into the descriptor's offload words. Copied out first: it lies in shared
 * memory. */
static void read_header(struct driver *driver, struct netdev_descriptor *frame) {
    struct net_header header;
    memcpy(&header, header_of(driver, frame->offset), sizeof header);
    driver->pieces_left = 1;
    if (virtio_has(&driver->device, FEATURE_MRG_RXBUF) && header.buffers > 1) {
        bool possible = header.buffers <= driver->rx.size;
        driver->pieces_left = possible ? header.buffers : 1;
        driver->counters.bad_frame += !possible;
    }
    if ((driver->offloads & OFFLOAD_CHECKSUM_IN) == 0) {
        return;
    }
    if ((header.flags & (HEADER_NEEDS_CHECKSUM | HEADER_DATA_VALID)) != 0) {
        frame->flags |= NETDEV_CHECKSUM_GOOD;
    }
    if ((header.flags & HEADER_NEEDS_CHECKSUM) != 0) {
        frame->flags |= NETDEV_NEEDS_CHECKSUM;
        frame->checksum_start = header.checksum_start;
        frame->checksum_offset = header.checksum_offset;
    }
    if ((driver->offloads & OFFLOAD_SEGMENT_IN) != 0 && header.gso_type != GSO_NONE) {
        frame->gso_size = header.gso_size;
    }
}

/* What goes into rx used for a buffer that the device filled with `length` bytes. A buffer that holds nothing
 * of use goes back as a frame of length 0, so that the client gets it back. */
static struct netdev_descriptor received(struct driver *driver, uint16_t chain, uint32_t length) {
    struct netdev_descriptor buffer = driver->rx_buffers[chain];
    struct netdev_descriptor frame = {.offset = buffer.offset, .buffer = buffer.buffer};
    if (driver->pieces_left > 0) { /* a later piece: no header */
        frame.offset -= (uint32_t)sizeof(struct net_header);
        frame.length = length;
    } else if (length > sizeof(struct net_header)) {
        read_header(driver, &frame);
        frame.length = length - (uint32_t)sizeof(struct net_header);
        driver->counters.received++;
    } else {
        driver->pieces_left = 1;
        driver->counters.bad_frame++;
    }
    driver->pieces_left--;
    frame.flags |= driver->pieces_left > 0 ? NETDEV_MORE : 0u;
    return frame;
}

/* Device → rx used. */
static void collect_receive(struct driver *driver) {
    uint16_t chain;
    uint32_t length;
    while (ring_space(&driver->rx_used) > 0 && virtqueue_collect(&driver->rx, &chain, &length)) {
        struct netdev_descriptor frame = received(driver, chain, length);
        (void)ring_put(&driver->rx_used, &frame); /* there is space */
    }
}

/* ---- Transmit ---- */

static void write_header(struct driver *driver, const struct netdev_descriptor *frame) {
    struct net_header header = {0};
    if ((frame->flags & NETDEV_NEEDS_CHECKSUM) != 0) {
        header.flags = HEADER_NEEDS_CHECKSUM;
        header.checksum_start = frame->checksum_start;
        header.checksum_offset = frame->checksum_offset;
    }
    if (frame->gso_size != 0) {
        header.gso_type = GSO_TCPV4;
        header.gso_size = frame->gso_size;
        header.header_length = frame->header_length;
    }
    memcpy(header_of(driver, frame->offset), &header, sizeof header);
}

/* tx pending → device. A request that makes no sense goes straight to tx done. */
static void give_transmit(struct driver *driver) {
    struct netdev_descriptor frame;
    while (virtqueue_space(&driver->tx) > 0 && ring_space(&driver->tx_done) > 0 &&
           ring_take(&driver->tx_pending, &frame)) {
        if (!may_send(driver, &frame)) {
            driver->counters.bad_send_request++;
            (void)ring_put(&driver->tx_done, &frame); /* there is space */
            continue;
        }
        write_header(driver, &frame);
        uint64_t physical = driver->memory.pool.physical + frame.offset - sizeof(struct net_header);
        struct virtqueue_piece piece = {physical, frame.length + (uint32_t)sizeof(struct net_header)};
        uint16_t chain;
        if (virtqueue_add(&driver->tx, &piece, 1, 0, &chain)) {
            driver->tx_buffers[chain] = frame;
            driver->counters.sent++;
        }
    }
    virtqueue_publish(&driver->tx);
}

/* Device → tx done. */
static void collect_transmit(struct driver *driver) {
    uint16_t chain;
    uint32_t length;
    while (ring_space(&driver->tx_done) > 0 && virtqueue_collect(&driver->tx, &chain, &length)) {
        (void)ring_put(&driver->tx_done, &driver->tx_buffers[chain]); /* there is space */
    }
}

/* ---- Work and sleep ---- */

uint64_t driver_work(struct driver *driver) {
    if (!driver->open) {
        return 0;
    }
    collect_transmit(driver);
    give_transmit(driver);
    collect_receive(driver);
    give_receive(driver);
    uint64_t signals = ring_publish(&driver->rx_used) ? NETDEV_SIGNAL_RX_USED : 0;
    return signals | (ring_publish(&driver->tx_done) ? NETDEV_SIGNAL_TX_DONE : 0);
}

/* Asks for a transmit interrupt only when the client waits for buffers or half of the queue is in flight: the
 * rest is reclaimed on the next send. */
static bool sleep_transmit(struct driver *driver) {
    uint16_t in_flight = virtqueue_in_flight(&driver->tx);
    if (in_flight == 0 || ring_space(&driver->tx_done) == 0) {
        return true;
    }
    if (ring_wanted(&driver->tx_done)) {
        return virtqueue_sleep(&driver->tx, 1);
    }
    uint16_t many = driver->tx.size / 2;
    return in_flight < many || virtqueue_sleep(&driver->tx, (uint16_t)(in_flight - many / 2));
}

/* Empty buffers are waited for only when the device runs low of them: until then they are fetched with the
 * next frame. */
static bool sleep_refill(struct driver *driver) {
    return virtqueue_in_flight(&driver->rx) >= driver->rx.size / 2 || ring_sleep(&driver->rx_free);
}

/* A ring from which nothing could be taken anyway is not waited for: what makes room wakes us. */
bool driver_sleep(struct driver *driver) {
    if (!driver->open) {
        return true;
    }
    bool may_receive = ring_space(&driver->rx_used) > 0;
    if ((!may_receive || virtqueue_sleep(&driver->rx, 1)) && sleep_transmit(driver) && sleep_refill(driver) &&
        (virtqueue_space(&driver->tx) == 0 || ring_sleep(&driver->tx_pending))) {
        return true;
    }
    driver_awake(driver);
    return false;
}

void driver_awake(struct driver *driver) {
    if (driver->open) {
        virtqueue_quiet(&driver->rx);
        virtqueue_quiet(&driver->tx);
        ring_awake(&driver->rx_free);
        ring_awake(&driver->tx_pending);
    }
}

uint64_t driver_interrupt(struct driver *driver) {
    bool was_up = driver->link_up;
    if ((virtio_interrupts(&driver->device) & VIRTIO_CONFIG_CHANGED) == 0 || read_link(driver) != ERR_NONE) {
        return 0;
    }
    return driver->link_up != was_up ? NETDEV_SIGNAL_LINK : 0;
}
