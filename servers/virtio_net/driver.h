/* driver.h: a virtio network device (virtio 1.2, section 5.1) between two virtqueues and the client's four
 * rings.
 *
 * Four functions move frames: give and collect, for receive and transmit; driver_work calls them once each,
 * and driver_sleep arms every source of new work. The packets stay where they are: the driver touches only
 * the 12 bytes of virtio-net header ahead of each frame. Ring contents and device answers are checked,
 * counted, dropped. */
#pragma once

#include <base/error.h>
#include <ring/netdev.h>
#include <ring/ring.h>
#include <virtio/virtqueue.h>

/* The same bits as in netdev.idl. */
enum driver_offload {
    OFFLOAD_CHECKSUM_OUT = 1,
    OFFLOAD_CHECKSUM_IN = 2,
    OFFLOAD_SEGMENT_OUT = 4,
    OFFLOAD_SEGMENT_IN = 8
};

#define DRIVER_QUEUE_SIZE 256

/* The client's memory. */
struct driver_memory {
    struct dma_memory pool; /* physically contiguous */
    void *rings;            /* NETDEV_RINGS of them, at multiples of netdev_ring_stride() */
};

struct driver_counters {
    uint64_t received, sent;     /* frames */
    uint64_t bad_receive_buffer; /* rx free: outside of the pool, too short */
    uint64_t bad_send_request; /* tx pending: outside of the pool, too long, offload that was not agreed on */
    uint64_t bad_frame;        /* the device's: shorter than its header, pieces that do not come */
};

struct driver {
    struct virtio_device device;
    uint64_t offered; /* features */
    uint8_t mac[6];
    uint16_t mtu;
    uint32_t offloads; /* in force: enum driver_offload */
    bool link_up;
    bool open;

    struct driver_memory memory;
    struct ring rx_free, rx_used, tx_pending, tx_done;
    struct virtqueue rx, tx;
    uint16_t pieces_left; /* of the frame that is being collected, when it came in several buffers */

    /* What is behind each chain in flight, by its number. */
    struct netdev_descriptor rx_buffers[VIRTQUEUE_SIZE_MAX], tx_buffers[VIRTQUEUE_SIZE_MAX];
    struct driver_counters counters;
};

/* Looks at the device and reads what it says of itself. Errors of virtio_open and virtio_negotiate. */
enum error driver_init(struct driver *driver, const struct virtio_registers *registers);

/* Resets the device and starts it on a client's memory; queues: DMA memory for both virtqueues, of
 * driver_queue_bytes() each. wanted: offloads; driver->offloads says which came. ERR_IO, ERR_NOT_SUPPORTED,
 * ERR_NO_MEMORY. After an error the device is reset and the driver closed. */
enum error driver_open(struct driver *driver, uint32_t wanted, const struct driver_memory *memory,
                       const struct dma_memory queues[2]);
size_t driver_queue_bytes(void);

/* Moves all that there is to move. Returns the NETDEV_SIGNAL_* bits by which the client is to be woken. */
uint64_t driver_work(struct driver *driver);

/* Arms rings and interrupts. false: there is more to do (and nothing is armed). driver_awake disarms them. */
bool driver_sleep(struct driver *driver);
void driver_awake(struct driver *driver);

/* Frames that have been sent but whose buffers are still here, perhaps without an interrupt to come. */
static inline bool driver_holds_sent_buffers(const struct driver *driver) {
    return driver->open && virtqueue_in_flight(&driver->tx) > 0;
}

/* Takes the device's interrupt; NETDEV_SIGNAL_LINK if the link has changed. */
uint64_t driver_interrupt(struct driver *driver);
