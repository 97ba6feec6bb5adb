/* way.h: one direction of the relay: frames that come in at one end are carried by a bad link (netsim/link.h)
 * and wait here until they have arrived at the other. Time is an argument; the ends are functions. */
#pragma once

#include <netsim/link.h>

/* Frames that wait take at most so much memory; what comes beyond that is dropped and counted. */
#define WAY_BYTES_MAX (64u << 20)

struct flight; /* a frame on its way */

struct way {
    struct link link;
    bool cut;                /* the cable is pulled out: nothing goes in, what is under way arrives */
    bool full;               /* the far end takes no more for now */
    struct flight **flights; /* from `first` to before `end`: the next to arrive first */
    uint32_t first, end, capacity;
    uint64_t bytes;                                                                    /* of them */
    uint64_t taken, doubled, damaged, marked, cut_off, overflowed, delivered, refused; /* frames */
    net_time latest; /* by how much a frame was delivered too late, at most */
};

enum way_result {
    WAY_SENT,
    WAY_FULL,   /* to be tried again later */
    WAY_REFUSED /* nobody is there */
};
typedef enum way_result way_send(void *context, const uint8_t *frame, size_t length);

void way_init(struct way *way, const struct link_config *config, uint64_t seed);
void way_free(struct way *way);
/* A frame has come. */
void way_take(struct way *way, const uint8_t *frame, size_t length, net_time now);
/* When the next frame arrives; NET_NEVER: none is under way. */
net_time way_next(const struct way *way);
/* Sends what has arrived, in order, as far as the end takes it. */
void way_deliver(struct way *way, way_send *send, void *context, net_time now);
