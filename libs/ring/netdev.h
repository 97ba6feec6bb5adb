/* netdev.h: what the rings between tcpip and a network driver carry. Read ring/ring.h first.
 *
 * One shared memory of NETDEV_RINGS * netdev_ring_stride() bytes holds the rings, in the order of enum
 * netdev_ring. Neither side trusts the other: every index, offset and length is copied out and checked before
 * use. */
#pragma once

#include <ring/ring.h>

#define NETDEV_RING_SIZE 256 /* entries */

enum netdev_ring {
    NETDEV_RX_FREE,    /* tcpip → driver: empty buffers */
    NETDEV_RX_USED,    /* driver → tcpip: frames */
    NETDEV_TX_PENDING, /* tcpip → driver: frames to send */
    NETDEV_TX_DONE,    /* driver → tcpip: buffers sent */
    NETDEV_RINGS
};

enum netdev_flag {
    NETDEV_NEEDS_CHECKSUM = 1, /* tx: sum from checksum_start, store at + checksum_offset. rx: unfinished */
    NETDEV_CHECKSUM_GOOD = 2,  /* rx: the device vouches for the transport checksum */
    NETDEV_MORE = 4 /* rx, with SEGMENT_IN only: the frame goes on in the next descriptor of rx used */
};

/* Bits of the two events. */
enum netdev_signal {
    NETDEV_SIGNAL_RX_USED = 1, /* driver → tcpip */
    NETDEV_SIGNAL_TX_DONE = 2,
    NETDEV_SIGNAL_LINK = 4,
    NETDEV_SIGNAL_TX_PENDING = 1, /* tcpip → driver */
    NETDEV_SIGNAL_RX_FREE = 2
};

/* 12 bytes ahead of `offset` belong to the buffer too: room for the virtio-net header, so that header and
 * frame are one piece. Later pieces of a large received frame (NETDEV_MORE) carry no header, so they begin in
 * that room. */
#define NETDEV_HEADROOM 16

/* Sent buffers come back when the driver next sends, when half of its queue is in flight, at once if tcpip
 * sleeps on tx done and then signals NETDEV_SIGNAL_TX_PENDING, and otherwise after this time: an interrupt
 * costs more than a buffer. */
#define NETDEV_RECLAIM_TIME 20000000ull /* ns */

/* A received frame of length 0 is a buffer that comes back unused. */
struct netdev_descriptor {
    uint32_t offset; /* of the frame in the pool; NETDEV_HEADROOM bytes before it are the driver's */
    uint32_t length; /* of the frame; in rx free: the capacity */
    uint32_t buffer; /* the pool's buffer number: comes back unchanged */
    uint16_t flags;  /* enum netdev_flag */
    uint16_t checksum_start, checksum_offset;
    uint16_t gso_size, header_length;
    uint16_t zero;
};

/* Bytes from one ring to the next: whole pages. */
static inline size_t netdev_ring_stride(void) {
    return (ring_bytes(NETDEV_RING_SIZE, sizeof(struct netdev_descriptor)) + 4095) & ~(size_t)4095;
}
