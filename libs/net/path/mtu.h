/* mtu.h: what is known about the MTU of the way to each destination (RFC 1191), a bounded number of them.
 *
 * Only what is less than the link's MTU is remembered, for ten minutes, and never less than 552 bytes: who
 * says that a path carries less is not believed, but then DF is left off, so that a router may cut what we
 * send (as Linux). */
#pragma once

#include <net/types.h>

#define MTU_PATHS_MAX 64
#define MTU_LEAST     552
#define MTU_LIFE      (600 * NET_SECOND)

struct path_mtu {
    uint32_t destination;
    uint16_t mtu;
    bool locked; /* the path carries less than this: no DF */
    net_time expires;
};

struct path_mtus {
    uint32_t count;
    struct path_mtu path[MTU_PATHS_MAX];
};

/* What to assume when a router does not say what fits: the plateau below `length`, that of the packet that
 * did not (RFC 1191 7). */
uint16_t mtu_plateau(uint16_t length);
/* A packet to `destination` did not fit into `mtu` bytes. Returns what counts from now on; the one that would
 * expire first gives way when there are too many. */
uint16_t mtu_learn(struct path_mtus *mtus, uint32_t destination, uint16_t mtu, net_time now);
/* What fits on the way to `destination` over a link of `link` bytes. *locked: see above. */
uint16_t mtu_find(struct path_mtus *mtus, uint32_t destination, uint16_t link, bool *locked, net_time now);
/* The same for who only wants to know. */
uint16_t mtu_look(const struct path_mtus *mtus, uint32_t destination, uint16_t link, net_time now);
