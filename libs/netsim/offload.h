/* offload.h: what a network device does for the engine that asks it to: sums, cutting segments, and merging
 * those that come in. */
#pragma once

#include <net/net.h>

/* Makes of what net_transmit left in `slot` frames as they go over the wire, and hands each to `send`. */
void offload_finish(const struct net_slot *slot,
                    void (*send)(void *context, const uint8_t *frame, size_t length), void *context);

/* Segments that a device has made one of. */
struct merged {
    uint8_t *frame; /* room for 14 + 65535 bytes */
    size_t length;
    uint32_t count;    /* of frames; 0: none yet */
    uint16_t gso_size; /* the first one's payload */
    bool ended;        /* nothing can follow */
};

/* Puts the frame behind those in `merged`, or, if there are none, makes it the first. false: it does not go
 * with them (another connection, a gap, other options …), or is nothing that can be merged at all: not TCP
 * data, or its sums are wrong. */
bool offload_merge(struct merged *merged, const uint8_t *frame, size_t length);
